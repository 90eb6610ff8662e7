//! The extended query protocol: Parse, Bind, Describe, Execute, Close.

use bytes::BytesMut;
use query::{Field, Format, Parameters, TransactionStatus};
use types::{SqlError, SqlState};

use super::copy::CopyIn;
use super::run::{Outcome, run};
use super::{Failure, Phase, Talk};
use crate::codec::backend;
use crate::codec::frontend::{Bind, Execute, Parse, Target};
use crate::codec::reader::violation;

impl Talk {
    pub(super) async fn parse(&mut self, parse: &Parse<'_>) -> Result<Phase, Failure> {
        if parse.name.is_empty() {
            // Even if this Parse fails.
            self.statements.remove("");
        }
        if let Some(prepared) = self.database.recall_prepared(parse.sql, &parse.param_types) {
            self.statements.insert(parse.name, prepared)?;
            backend::parse_complete(&mut self.wire.out);
            return Ok(Phase::Ready);
        }
        let statements = self.database.parse(parse.sql)?;
        if statements.len() > 1 {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            )
            .into());
        }
        let statement = statements.into_iter().next();
        let prepared = self.database.prepare(statement, &parse.param_types).await?;
        self.database.remember(parse.sql, &parse.param_types, &prepared);
        self.statements.insert(parse.name, prepared)?;
        backend::parse_complete(&mut self.wire.out);
        Ok(Phase::Ready)
    }

    pub(super) async fn bind(&mut self, bind: &Bind<'_>) -> Result<Phase, Failure> {
        let prepared = self.statements.get(bind.statement)?;
        let (formats, values) = (bind.formats.len(), bind.values.len());
        if formats > 1 && formats != values {
            let message =
                format!("bind message has {formats} parameter formats but {values} parameters");
            return Err(violation(message).into());
        }
        let wanted = prepared.param_types.len();
        if values != wanted {
            let message = format!(
                "bind message supplies {values} parameters, but prepared statement \"{}\" \
                 requires {wanted}",
                bind.statement
            );
            return Err(violation(message).into());
        }
        self.portals.check_free(bind.portal)?;
        let parameters = Parameters { formats: &bind.formats, values: &bind.values };
        let portal = self
            .database
            .bind(prepared, parameters, &bind.result_formats)
            .await
            .map_err(|error| in_portal(error, bind.portal))?;
        self.portals.insert(bind.portal, portal);
        backend::bind_complete(&mut self.wire.out);
        Ok(Phase::Ready)
    }

    pub(super) fn describe(&mut self, target: Target<'_>) -> Result<Phase, Failure> {
        let out = &mut self.wire.out;
        match target {
            Target::Statement(name) => {
                let prepared = self.statements.get(name)?;
                check_alive(&self.database, prepared.fields.is_some())?;
                backend::parameter_description(out, &prepared.param_types);
                // What formats there will be is known to Bind only; PostgreSQL says text.
                row_description(out, prepared.fields.as_deref(), std::iter::empty());
            }
            Target::Portal(name) => {
                let portal = &self.portals.get(name)?.portal;
                check_alive(&self.database, portal.fields().is_some())?;
                row_description(out, portal.fields(), portal.formats());
            }
        }
        Ok(Phase::Ready)
    }

    pub(super) async fn execute(&mut self, execute: Execute<'_>) -> Result<Phase, Failure> {
        let before = self.database.status();
        let cursor = self.portals.get_mut(execute.portal)?;
        if let Some(tag) = &cursor.done {
            // A query that has given all its rows gives none; anything else ran once and for all.
            if tag.name() != "SELECT" {
                return Err(SqlError::new(
                    SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                    format!("portal \"{}\" cannot be run", execute.portal),
                )
                .into());
            }
            backend::command_complete(&mut self.wire.out, &tag.clone().with_rows(0));
            return Ok(Phase::Ready);
        }
        let outcome =
            run(&mut self.database, &mut self.wire, &mut cursor.portal, execute.max_rows).await?;
        match outcome {
            Outcome::Complete(mut tag, sent) => {
                if cursor.was_suspended {
                    // Counts what this Execute has sent, as PostgreSQL does.
                    tag = tag.with_rows(sent as u64);
                }
                self.complete(&tag, before);
                // Unless it is gone, being the portal of a COMMIT.
                if let Ok(cursor) = self.portals.get_mut(execute.portal) {
                    cursor.done = Some(tag);
                }
            }
            Outcome::Empty => backend::empty_query_response(&mut self.wire.out),
            Outcome::Suspended => {
                cursor.was_suspended = true;
                self.notices();
                backend::portal_suspended(&mut self.wire.out);
            }
            Outcome::CopyIn(format) => {
                // The COPY owns its portal: it runs once, and nothing else can be done with it.
                if let Some(cursor) = self.portals.remove(execute.portal) {
                    let copy = CopyIn { portal: cursor.portal, before, rest: None };
                    return self.begin_copy_in(copy, &format).await;
                }
            }
        }
        Ok(Phase::Ready)
    }

    pub(super) fn close(&mut self, target: Target<'_>) {
        // Closing what is not there is no error.
        match target {
            Target::Statement(name) => self.statements.remove(name),
            Target::Portal(name) => drop(self.portals.remove(name)),
        }
        backend::close_complete(&mut self.wire.out);
    }
}

/// Appends what Describe says of a result.
fn row_description(
    out: &mut BytesMut,
    fields: Option<&[Field]>,
    formats: impl Iterator<Item = Format>,
) {
    match fields {
        Some(fields) => backend::row_description(out, fields, formats),
        None => backend::no_data(out),
    }
}

/// The error with the portal's name, which the database does not know, in its context.
fn in_portal(error: SqlError, name: &str) -> SqlError {
    let context = error.fields().context.as_deref();
    match context.and_then(|context| context.strip_prefix("unnamed portal ")) {
        Some(rest) if !name.is_empty() => {
            let context = format!("portal \"{name}\" {rest}");
            error.context(context)
        }
        _ => error,
    }
}

/// Refuses to describe rows that a failed transaction block cannot bring.
fn check_alive(database: &query::Session, returns_rows: bool) -> Result<(), SqlError> {
    if returns_rows && database.status() == TransactionStatus::Failed {
        return Err(SqlError::new(
            SqlState::IN_FAILED_SQL_TRANSACTION,
            "current transaction is aborted, commands ignored until end of transaction block",
        ));
    }
    Ok(())
}

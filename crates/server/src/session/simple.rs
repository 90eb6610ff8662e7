//! The simple query protocol: a string of statements, one implicit transaction.

use std::vec;

use query::{Parameters, Portal, Statement};
use types::SqlError;

use super::copy::CopyIn;
use super::run::{Outcome, run};
use super::{Failure, Phase, Talk};
use crate::codec::backend;

impl Talk {
    /// Handles a Query message.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Phase, Failure> {
        // Neither the unnamed statement nor the unnamed portal outlives a simple query.
        self.statements.remove("");
        self.portals.remove("");
        let done = match self.database.recall(sql) {
            Some(portal) => self.portal(portal, &mut Vec::new().into_iter()).await,
            None => match self.database.parse(sql) {
                Ok(statements) if statements.is_empty() => {
                    backend::empty_query_response(&mut self.wire.out);
                    Ok(None)
                }
                Ok(statements) => self.statements(statements.into_iter()).await,
                Err(error) => Err(error.into()),
            },
        };
        self.queried(done).await
    }

    /// The phase after the statements of a simple query, or after those up to a COPY.
    pub(super) async fn queried(
        &mut self,
        done: Result<Option<Phase>, Failure>,
    ) -> Result<Phase, Failure> {
        match done {
            Ok(Some(phase)) => Ok(phase),
            Ok(None) => self.ready().await,
            Err(Failure::Sql(error)) => self.failed(error, false).await,
            Err(failure) => Err(failure),
        }
    }

    /// Runs the statements in turn; returns the phase for COPY data if one of them wants some.
    pub(super) async fn statements(
        &mut self,
        mut statements: vec::IntoIter<Statement>,
    ) -> Result<Option<Phase>, Failure> {
        while let Some(statement) = statements.next() {
            let prepared = self.database.prepare_simple(statement).await?;
            let portal = self.database.bind(&prepared, Parameters::default(), &[]).await?;
            if let Some(phase) = self.portal(portal, &mut statements).await? {
                return Ok(Some(phase));
            }
        }
        Ok(None)
    }

    /// Runs one statement, after which `rest` come.
    async fn portal(
        &mut self,
        mut portal: Portal,
        rest: &mut vec::IntoIter<Statement>,
    ) -> Result<Option<Phase>, Failure> {
        let before = self.database.status();
        if let Some(fields) = portal.fields() {
            backend::row_description(&mut self.wire.out, fields, portal.formats());
        }
        match run(&mut self.database, &mut self.wire, &mut portal, 0).await? {
            Outcome::Complete(tag, _) => {
                if rest.as_slice().is_empty() {
                    // Whoever reads that the last statement is done may rely on its commit.
                    self.database.sync().await?;
                }
                self.complete(&tag, before);
            }
            Outcome::Empty => backend::empty_query_response(&mut self.wire.out),
            Outcome::CopyIn(format) => {
                let rest = std::mem::take(rest);
                let copy = CopyIn { portal, before, rest: Some(rest) };
                return self.begin_copy_in(copy, &format).await.map(Some);
            }
            Outcome::Suspended => {
                let message = "a portal without a row limit was suspended";
                return Err(SqlError::internal(message).into());
            }
        }
        Ok(None)
    }
}

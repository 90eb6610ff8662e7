//! CREATE DOMAIN, ALTER DOMAIN.

use catalog::ddl::{self, CreateDomain, DomainChange, QualifiedName};
use catalog::objects::Sql;
use parser::protobuf::{self, ConstrType};
use parser::{Node, NodeEnum, Statement};
use types::{Oid, Result, SqlError, SqlState};

use super::Outcome;
use super::ddl::{change, qualified};
use crate::bind::{Binder, Recorder, required, strings};
use crate::session::Session;

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::CreateDomainStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let protobuf::CreateDomainStmt { domainname, type_name, coll_clause, constraints } = stmt;
    session.begin_statement().await?;
    if coll_clause.is_some() {
        return Err(SqlError::unsupported("COLLATE clause not supported"));
    }
    let name = qualified(session, &strings(domainname))?;
    let binder = || Binder::new(&session.cx, &statement.source, &[]);
    // PostgreSQL gives no positions here.
    let ty =
        binder().resolve_type(required(type_name.as_ref())?).map_err(SqlError::without_position)?;
    let (base, typmod) = session.cx.catalog.base_type(ty.oid.0, ty.typmod);
    let mut request = CreateDomain {
        name,
        base_type: ty.oid,
        typmod: ty.typmod,
        not_null: false,
        default: None,
        checks: Vec::new(),
    };
    let (mut null, mut not_null) = (false, false);
    for node in constraints {
        let Some(NodeEnum::Constraint(constraint)) = &node.node else { continue };
        if constraint.deferrable || constraint.initdeferred {
            return Err(SqlError::unsupported(
                "specifying constraint deferrability not supported for domains",
            ));
        }
        match ConstrType::from_i32(constraint.contype) {
            Some(ConstrType::ConstrDefault) => {
                if request.default.is_some() {
                    return Err(SqlError::new(
                        SqlState::SYNTAX_ERROR,
                        "multiple default expressions",
                    ));
                }
                let node = required(constraint.raw_expr.as_deref())?;
                let name = request.name.name.clone();
                request.default = Some(
                    default(session, statement, node, &name, Oid(base), typmod)
                        .map_err(SqlError::without_position)?,
                );
            }
            Some(ConstrType::ConstrNotnull) => not_null = true,
            Some(ConstrType::ConstrNull) => null = true,
            Some(ConstrType::ConstrCheck) => {
                if constraint.is_no_inherit {
                    return Err(SqlError::new(
                        SqlState::INVALID_OBJECT_DEFINITION,
                        "check constraints for domains cannot be marked NO INHERIT",
                    ));
                }
                let node = required(constraint.raw_expr.as_deref())?;
                let recorder = Recorder::default();
                let binder = binder().recording(&recorder);
                let bound = binder.domain_condition(node, Oid(base), typmod);
                bound.map_err(SqlError::without_position)?;
                let text = parser::deparse_expression(node)?;
                let name = (!constraint.conname.is_empty()).then(|| constraint.conname.clone());
                request.checks.push((name, Sql { text, names: recorder.finish() }));
            }
            Some(ConstrType::ConstrUnique) => return Err(impossible("unique")),
            Some(ConstrType::ConstrPrimary) => return Err(impossible("primary key")),
            Some(ConstrType::ConstrExclusion) => return Err(impossible("exclusion")),
            Some(ConstrType::ConstrForeign) => return Err(impossible("foreign key")),
            _ => {
                return Err(SqlError::unsupported(
                    "specifying constraint deferrability not supported for domains",
                ));
            }
        }
    }
    if null && not_null {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "conflicting NULL/NOT NULL constraints"));
    }
    request.not_null = not_null;
    change(session, "CREATE DOMAIN", |cx| ddl::create_domain(cx, &request)).await?;
    Ok(Outcome::Done("CREATE DOMAIN".into()))
}

fn impossible(kind: &str) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, format!("{kind} constraints not possible for domains"))
}

fn default(
    session: &Session,
    statement: &Statement,
    node: &Node,
    name: &str,
    ty: Oid,
    typmod: i32,
) -> Result<Sql> {
    let recorder = Recorder::default();
    Binder::new(&session.cx, &statement.source, &[])
        .recording(&recorder)
        .column_expression(None, node, name, ty, typmod)?;
    Ok(Sql { text: super::table::default_text(node, ty)?, names: recorder.finish() })
}

pub(super) async fn alter(
    session: &mut Session,
    stmt: &protobuf::AlterDomainStmt,
    statement: &Statement,
) -> Result<Outcome> {
    let protobuf::AlterDomainStmt {
        subtype,
        type_name,
        name: constraint,
        def,
        behavior: _,
        missing_ok,
    } = stmt;
    session.begin_statement().await?;
    let name = qualified(session, &strings(type_name))?;
    let request = match subtype.as_str() {
        "T" => {
            let Some(node) = def.as_deref() else {
                return finish(session, &name, DomainChange::Default(None)).await;
            };
            let found = find(session, &name);
            let (ty, typmod) = found.unwrap_or((types::oid::TEXT, -1));
            let default = default(session, statement, node, &name.name, ty, typmod)?;
            DomainChange::Default(Some(default))
        }
        "N" => DomainChange::DropNotNull,
        "O" => {
            return Err(SqlError::unsupported("unsupported ALTER DOMAIN SET NOT NULL statement"));
        }
        "C" => {
            return Err(SqlError::unsupported("unsupported ALTER DOMAIN ADD CONSTRAINT statement"));
        }
        "V" => {
            return Err(SqlError::unsupported(
                "unsupported ALTER DOMAIN VALIDATE CONSTRAINT statement",
            ));
        }
        _ => DomainChange::DropConstraint { name: constraint.clone(), if_exists: *missing_ok },
    };
    finish(session, &name, request).await
}

pub(super) async fn finish(
    session: &mut Session,
    name: &QualifiedName,
    request: DomainChange,
) -> Result<Outcome> {
    change(session, "ALTER DOMAIN", |cx| ddl::alter_domain(cx, name, &request)).await?;
    Ok(Outcome::Done("ALTER DOMAIN".into()))
}

/// The type beneath a domain.
fn find(session: &Session, name: &QualifiedName) -> Option<(Oid, i32)> {
    let catalog = &session.cx.catalog;
    let oid = match &name.schema {
        Some(schema) => catalog.type_oid(catalog.schema(schema)?.oid, &name.name)?,
        None => session.cx.search_path.iter().find_map(|s| catalog.type_oid(*s, &name.name))?,
    };
    let (base, typmod) = catalog.base_type(oid, -1);
    Some((Oid(base), typmod))
}

//! EXPLAIN.
//!
//! The statement is planned as it would be for running; with ANALYZE it is run, and its rows are
//! thrown away.

use std::time::Instant;

use parser::protobuf::{self, ExplainStmt};
use parser::{NodeEnum, Statement};
use types::{Datum, Result, SqlError, SqlState, oid};

use super::Outcome;
use crate::bind::required;
use crate::chunk::Chunk;
use crate::plan::explain::{Options, OutputFormat, Summary, explain};
use crate::plan::{self};
use crate::session::prepare::{PlanKind, node_kind};
use crate::session::settings::PLANNING;
use crate::session::{Field, PARAMS_MAX, Session};

/// OID of the type `xml`.
const XML: types::Oid = types::Oid(142);

/// The statement that is explained.
///
/// # Errors
/// DSQL's refusal of statements that it does not have, `0A000` for those without a plan.
pub(crate) fn target(stmt: &ExplainStmt) -> Result<(&NodeEnum, PlanKind)> {
    let node = required(stmt.query.as_deref().and_then(|query| query.node.as_ref()))?;
    let kind = node_kind(node).ok_or_else(|| crate::rules::missing(node))?;
    Ok((node, kind))
}

/// EXPLAIN's only column.
///
/// # Errors
/// `42601`, `22023` for its options.
pub(super) fn fields(stmt: &ExplainStmt) -> Result<Vec<Field>> {
    let ty = match options(stmt)?.format {
        OutputFormat::Json => oid::JSON,
        OutputFormat::Xml => XML,
        OutputFormat::Text | OutputFormat::Yaml => oid::TEXT,
    };
    Ok(vec![super::typed_field("QUERY PLAN", ty)])
}

/// Runs EXPLAIN.
///
/// # Errors
/// What its options, the statement's analysis and, with ANALYZE, its execution raise.
pub(super) async fn run(
    session: &mut Session,
    stmt: &ExplainStmt,
    statement: &Statement,
    params: &[Datum],
    param_types: &[types::Oid],
) -> Result<Outcome> {
    let options = options(stmt)?;
    let (node, kind) = target(stmt)?;
    session.begin_statement().await?;
    let start = Instant::now();
    if is_generic(stmt) {
        session.cx.params_max = PARAMS_MAX;
    }
    let planned = session.plan_node(node, &statement.source, param_types);
    session.cx.params_max = 0;
    let (_, _, planned) = planned?;
    let planned = planned?;
    let mut summary = Summary { planning: start.elapsed(), ..Summary::default() };
    let mut plan = std::sync::Arc::unwrap_or_clone(planned.plan);
    if options.analyze {
        plan::instrument(&mut plan);
    }
    let plan = std::sync::Arc::new(plan);
    if options.analyze {
        let start = Instant::now();
        let shared = std::sync::Arc::clone(&plan);
        let mut execution = session.start_execution(shared, kind, params.to_vec())?;
        while session.next_chunk(&mut execution).await?.is_some() {}
        summary.execution = Some(start.elapsed());
    }
    if options.settings {
        summary.settings = PLANNING
            .iter()
            .filter_map(|name| session.cx.settings.changed(name))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
    }
    if options.verbose {
        let text = statement.source.get(statement.range.clone()).unwrap_or_default();
        summary.query_identifier = parser::fingerprint(text).map(identifier);
    }
    let lines = explain(&plan, &session.cx.catalog, options, &summary);
    let mut chunk = Chunk::new(1);
    for line in lines {
        chunk.push([Datum::text(line)]);
    }
    Ok(Outcome::Rows(chunk, "EXPLAIN".into()))
}

/// Whether `GENERIC_PLAN` is asked for.
pub(crate) fn is_generic(stmt: &ExplainStmt) -> bool {
    options(stmt).is_ok_and(|options| options.generic_plan)
}

/// Thirteen characters of z-base-32, as DSQL names a query.
fn identifier(fingerprint: u64) -> String {
    const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    (0..13)
        .map(|digit| {
            let bits = fingerprint >> (60 - 5 * digit) & 31;
            char::from(ALPHABET[usize::try_from(bits).unwrap_or(0)])
        })
        .collect()
}

/// Source: PostgreSQL 16 `ExplainQuery`.
fn options(stmt: &ExplainStmt) -> Result<Options> {
    let ExplainStmt { query: _, options } = stmt;
    let mut found = Options {
        analyze: false,
        verbose: false,
        costs: true,
        settings: false,
        generic_plan: false,
        buffers: false,
        wal: false,
        timing: true,
        summary: false,
        format: OutputFormat::Text,
    };
    let (mut timing, mut summary) = (None, None);
    for option in options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        match option.defname.as_str() {
            "analyze" => found.analyze = boolean(option)?,
            "verbose" => found.verbose = boolean(option)?,
            "costs" => found.costs = boolean(option)?,
            "buffers" => found.buffers = boolean(option)?,
            "wal" => found.wal = boolean(option)?,
            "settings" => found.settings = boolean(option)?,
            "generic_plan" => found.generic_plan = boolean(option)?,
            "timing" => timing = Some(boolean(option)?),
            "summary" => summary = Some(boolean(option)?),
            "format" => {
                let format = text(option).unwrap_or_default();
                found.format = match format.as_str() {
                    "text" => OutputFormat::Text,
                    "json" => OutputFormat::Json,
                    "yaml" => OutputFormat::Yaml,
                    "xml" => OutputFormat::Xml,
                    _ => {
                        return Err(SqlError::new(
                            SqlState::INVALID_PARAMETER_VALUE,
                            format!(
                                "unrecognized value for EXPLAIN option \"{}\": \"{format}\"",
                                option.defname
                            ),
                        ));
                    }
                };
            }
            other => {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("unrecognized EXPLAIN option \"{other}\""),
                ));
            }
        }
    }
    let requires_analyze = |name: &str| {
        SqlError::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("EXPLAIN option {name} requires ANALYZE"),
        )
    };
    if found.wal && !found.analyze {
        return Err(requires_analyze("WAL"));
    }
    found.timing = timing.unwrap_or(found.analyze);
    if found.timing && !found.analyze {
        return Err(requires_analyze("TIMING"));
    }
    if found.generic_plan && found.analyze {
        return Err(SqlError::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "EXPLAIN options ANALYZE and GENERIC_PLAN cannot be used together",
        ));
    }
    found.summary = summary.unwrap_or(found.analyze);
    Ok(found)
}

fn text(option: &protobuf::DefElem) -> Option<String> {
    match option.arg.as_ref()?.node.as_ref()? {
        NodeEnum::String(text) => Some(text.sval.clone()),
        NodeEnum::Integer(number) => Some(number.ival.to_string()),
        NodeEnum::Boolean(value) => Some(value.boolval.to_string()),
        NodeEnum::Float(number) => Some(number.fval.clone()),
        _ => None,
    }
}

/// Source: PostgreSQL 16 `defGetBoolean`.
fn boolean(option: &protobuf::DefElem) -> Result<bool> {
    let Some(text) = text(option) else { return Ok(true) };
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" => Ok(true),
        "0" | "false" | "off" => Ok(false),
        _ => Err(SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!("{} requires a Boolean value", option.defname),
        )),
    }
}

//! Stored expressions and queries as PostgreSQL prints them: `pg_get_expr`, `pg_get_viewdef` and
//! the like.
//!
//!     stored text ─► parse tree ─► Analyzer ─► Term / QueryTree ─► Printer ─► text
//!
//! PostgreSQL prints what analysis made of a definition: names resolved, `*` expanded, implicit
//! casts shown where they decide an operator, literals with their types. The binder's trees serve
//! execution and no longer know how a thing was written, so this module has trees of its own; name,
//! function and operator lookup and the rules of coercion are the binder's.
//!
//! Descriptors store text. What is stored should be [`Style::STORED`]: names are qualified whatever
//! the search path, so that the text means the same in every session.
//!
//! | module | does |
//! |---|---|
//! | `term` | the trees |
//! | `analyze` | parse tree of an expression → [`term::Term`] |
//! | `call` | function, aggregate and window calls |
//! | `coerce` | casts, shown and hidden |
//! | `from` | FROM: range table, names in sight |
//! | `query` | SELECT, VALUES, set operations, WITH |
//! | `print` | [`term::Term`] → text, with PostgreSQL's rules for parentheses |
//! | `print_query` | [`term::QueryTree`] → text, with PostgreSQL's line breaks |
//!
//! Source: PostgreSQL 16 documentation, "System Information Functions"; behaviour compared with a
//! PostgreSQL 16 server.

mod analyze;
mod call;
mod coerce;
mod from;
mod print;
mod print_query;
mod query;
mod term;
#[cfg(test)]
mod tests;

use catalog::Table;
pub(crate) use catalog::describe::Purpose;
use catalog::objects::{ObjectId, PG_CATALOG};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, oid};

use self::analyze::Analyzer;
use self::print::Printer;
use super::Binder;
use crate::session::SessionCx;

/// How a definition is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Leave out parentheses that are not needed (`pretty` of the `pg_get_…` functions).
    pub(crate) pretty: bool,
    /// Names are qualified unless `pg_catalog` has them, whatever the search path.
    pub(crate) qualified: bool,
    /// Lines of a query's lists are broken beyond this width; 0 breaks after each item, a negative
    /// one never.
    pub(crate) wrap: i32,
}

impl Style {
    /// For descriptors.
    pub(crate) const STORED: Style = Style { pretty: false, qualified: true, wrap: -1 };
    /// As the functions print without `pretty`.
    pub(crate) const PLAIN: Style = Style { pretty: false, qualified: false, wrap: 0 };
    /// As they print with it.
    pub(crate) const PRETTY: Style = Style { pretty: true, qualified: false, wrap: 0 };
}

/// An expression over the columns of `table`, as PostgreSQL prints it.
///
/// # Errors
/// As binding it.
pub(crate) fn expression(
    cx: &SessionCx,
    table: Option<&Table>,
    text: &str,
    purpose: Purpose,
    style: Style,
) -> Result<String> {
    let node = Node { node: Some(*parser::parse_expression(text)?) };
    expression_node(cx, table, &node, purpose, style)
}

/// As [`expression`], of a parse tree.
///
/// # Errors
/// As binding it.
pub(crate) fn expression_node(
    cx: &SessionCx,
    table: Option<&Table>,
    node: &Node,
    purpose: Purpose,
    style: Style,
) -> Result<String> {
    let mut analyzer = Analyzer::new(Binder::new(cx, "", &[]));
    if let Some(table) = table {
        analyzer.open_table(table);
    }
    let term = analyzer.term(node)?;
    let term = match purpose {
        Purpose::Value => analyzer.settle(term)?,
        Purpose::Condition => analyzer.implicit(term, oid::BOOL)?,
        Purpose::Column(ty, typmod) => analyzer.assign(term, ty, typmod)?,
    };
    let relations = analyzer.close_table();
    let mut printer = Printer::new(cx, style);
    printer.open(&relations, false);
    printer.term(&term, false);
    Ok(printer.finish())
}

/// A SELECT as PostgreSQL prints it. `columns` are the names of its output columns where they are
/// not its own: those of the view that it defines.
///
/// # Errors
/// As binding it.
pub(crate) fn query(
    cx: &SessionCx,
    select: &parser::protobuf::SelectStmt,
    columns: Option<&[String]>,
    style: Style,
) -> Result<String> {
    let mut analyzer = Analyzer::new(Binder::new(cx, "", &[]));
    let tree = analyzer.query(select)?;
    let own: Vec<String> = tree.columns.iter().map(|column| column.name.clone()).collect();
    let mut printer = Printer::new(cx, style);
    printer.query(&tree, Some(columns.unwrap_or(&own)), true);
    Ok(printer.finish())
}

/// As [`query()`], of stored text.
///
/// # Errors
/// As parsing and binding it.
#[cfg_attr(not(test), expect(dead_code, reason = "for the definitions of views"))]
pub(crate) fn query_text(
    cx: &SessionCx,
    text: &str,
    columns: Option<&[String]>,
    style: Style,
) -> Result<String> {
    let statement = parser::parse(text)?.pop();
    match statement.map(|statement| statement.kind) {
        Some(parser::StatementKind::Postgres { node, .. }) => match *node {
            NodeEnum::SelectStmt(select) => query(cx, &select, columns, style),
            _ => Err(SqlError::internal("stored query is not a SELECT")),
        },
        _ => Err(SqlError::internal("stored query is not a SELECT")),
    }
}

/// The search path by which printed names are qualified.
fn naming_path(cx: &SessionCx, style: Style) -> Vec<ObjectId> {
    if style.qualified { vec![PG_CATALOG] } else { cx.search_path.clone() }
}

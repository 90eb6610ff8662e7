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
mod column_names;
mod from;
mod print;
mod print_query;
mod query;
mod term;
#[cfg(test)]
mod tests;

pub(crate) use catalog::describe::Purpose;
use catalog::objects::{NamedObject, ObjectId, PG_CATALOG, Sql};
use catalog::{Function, Table, View};
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, oid};

use self::analyze::Analyzer;
use self::print::Printer;
use super::{Binder, FunctionScope};
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

/// What an expression is over.
#[derive(Clone, Copy)]
pub(crate) enum Sight<'a> {
    /// Nothing: it has no variables.
    Nothing,
    /// The columns of a table.
    Table(&'a Table),
    /// The `VALUE` of a domain over this type and modifier; whether another domain is between.
    Value(Oid, i32, bool),
}

/// A stored expression as PostgreSQL prints it; `names` are what its names mean.
///
/// # Errors
/// As binding it.
pub(crate) fn expression(
    cx: &SessionCx,
    sight: Sight<'_>,
    text: &str,
    names: &[NamedObject],
    purpose: Purpose,
    style: Style,
) -> Result<String> {
    let node = Node { node: Some(*parser::parse_expression(text)?) };
    // A text that was not stored by us (`pg_get_expr` takes any) is read as anybody's.
    let binder = match names {
        [] => Binder::new(cx, "", &[]),
        names => Binder::stored(cx, text, names),
    };
    let mut analyzer = Analyzer::new(binder);
    match sight {
        Sight::Nothing => {}
        Sight::Table(table) => analyzer.open_table(table),
        Sight::Value(ty, typmod, nested) => analyzer.open_value(ty, typmod, nested),
    }
    let term = analyzer.term(&node)?;
    let term = match purpose {
        Purpose::Value => analyzer.settle(term)?,
        Purpose::Condition => analyzer.implicit(term, oid::BOOL)?,
        Purpose::Column(ty, typmod) => analyzer.assign(term, ty, typmod)?,
    };
    let relations = analyzer.close_scope();
    let mut printer = Printer::new(cx, style);
    printer.open(&relations, &[], false);
    printer.term(&term, false);
    Ok(printer.finish())
}

/// The query of a view as PostgreSQL prints it, with its semicolon.
///
/// # Errors
/// As parsing and binding it.
pub(crate) fn view(cx: &SessionCx, view: &View, style: Style) -> Result<String> {
    let columns: Vec<String> = view.columns.iter().map(|column| column.name.clone()).collect();
    let select = super::view_select(&view.query.text)?;
    let binder = Binder::stored(cx, &view.query.text, &view.query.names);
    Ok(query(cx, binder, &select, Some(&columns), style)? + ";")
}

/// The body of a function that was given as `RETURN …` or `BEGIN ATOMIC … END`, as PostgreSQL
/// prints it. Statements other than SELECT stay as they were written.
///
/// # Errors
/// As parsing and binding it.
pub(crate) fn body(cx: &SessionCx, function: &Function, body: &Sql) -> Result<String> {
    let types = |function: &Function| function.input_types().into_iter().map(Oid).collect();
    let scope = || FunctionScope {
        result_type: Oid(function.returns),
        name: function.name.clone(),
        arguments: function.inputs().map(|argument| argument.name.clone()).collect(),
        types: types(function),
    };
    let binder = || Binder::stored(cx, &body.text, &body.names).in_function(scope());
    let printer = || Printer::in_function(cx, Style::PLAIN, &function.name);
    let statements = crate::function::statements(&function.body)?;
    if body.text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("return")) {
        let [NodeEnum::SelectStmt(select)] = statements.as_slice() else {
            return Err(SqlError::internal("RETURN is not one expression"));
        };
        let mut analyzer = Analyzer::new(binder());
        let target = select.target_list.first().and_then(|node| node.node.as_ref());
        let Some(NodeEnum::ResTarget(target)) = target else {
            return Err(SqlError::internal("RETURN without an expression"));
        };
        let term = analyzer.boxed(&target.val)?;
        let term = analyzer.assign(term, Oid(function.returns), -1)?;
        let mut printer = printer();
        printer.term(&term, false);
        return Ok(format!("RETURN {}", printer.finish()));
    }
    let mut out = "BEGIN ATOMIC\n".to_owned();
    for statement in &crate::function::statements_as_written(body)? {
        let text = match statement {
            NodeEnum::ReturnStmt(stmt) => {
                let mut analyzer = Analyzer::new(binder());
                let term = analyzer.boxed(&stmt.returnval)?;
                let term = analyzer.settle(term)?;
                let mut printer = printer();
                printer.term(&term, false);
                format!(" RETURN {}", printer.finish())
            }
            NodeEnum::SelectStmt(select) => {
                let mut analyzer = Analyzer::new(binder());
                let tree = analyzer.query(select)?;
                let own: Vec<String> = tree.columns.iter().map(|c| c.name.clone()).collect();
                let mut printer = printer();
                printer.move_in(1);
                printer.query(&tree, Some(&own), false);
                printer.finish()
            }
            other => {
                format!(" {}", parser::deparse_statement(&Node { node: Some(other.clone()) })?)
            }
        };
        out += &text;
        out += ";\n";
    }
    Ok(out + "END")
}

/// A SELECT as PostgreSQL prints it. `columns` are the names of its output columns where they are
/// not its own: those of the view that it defines.
///
/// # Errors
/// As binding it.
fn query(
    cx: &SessionCx,
    binder: Binder<'_>,
    select: &parser::protobuf::SelectStmt,
    columns: Option<&[String]>,
    style: Style,
) -> Result<String> {
    let mut analyzer = Analyzer::new(binder);
    let tree = analyzer.query(select)?;
    let own: Vec<String> = tree.columns.iter().map(|column| column.name.clone()).collect();
    let mut printer = Printer::new(cx, style);
    printer.query(&tree, Some(columns.unwrap_or(&own)), true);
    Ok(printer.finish())
}

/// The search path by which printed names are qualified.
fn naming_path(cx: &SessionCx, style: Style) -> Vec<ObjectId> {
    if style.qualified { vec![PG_CATALOG] } else { cx.search_path.clone() }
}

//! Assignments: `SET a = …, (b, c) = (…)`, and values for columns.
//!
//! Source: PostgreSQL 16 `transformUpdateTargetList` (`analyze.c`), `transformAssignedExpr`
//! (`parse_target.c`), `transformMultiAssignRef` (`parse_expr.c`).

use catalog::Column;
use catalog::objects::{ColumnDefault, Identity, ObjectId};
use parser::protobuf::{self, SubLinkType};
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::coerce::Context;
use super::location::node_location;
use super::modify::Written;
use super::{Binder, required, unsupported};
use crate::expr::{Expr, ExprKind, SetElement, SubLink, SubLinkKind, Var};

/// The relation of a [`Var`] that stands for a sub-query which gives several columns, by its
/// number.
pub(super) const ASSIGNED_QUERY: usize = usize::MAX - 1;

/// What is assigned to which columns.
pub(super) struct Assignments {
    /// Position in [`catalog::Table::columns`], and value.
    pub(super) values: Vec<(usize, Expr)>,
    /// Sub-queries that give several columns: rows, or NULL.
    pub(super) queries: Vec<Expr>,
}

/// A value to be assigned, before it is known to which column.
enum Source {
    Default,
    Value(Expr),
}

impl Binder<'_> {
    /// The position of a column of which something is assigned: all, or an element of jsonb.
    pub(super) fn assigned_position(
        &self,
        written: &Written,
        target: &protobuf::ResTarget,
    ) -> Result<usize> {
        let table = &written.beneath.table;
        let position = written.column(&target.name)?.ok_or_else(|| {
            self.error(
                SqlState::UNDEFINED_COLUMN,
                format!(
                    "column \"{}\" of relation \"{}\" does not exist",
                    target.name,
                    written.name()
                ),
                target.location,
            )
        })?;
        let Some(step) = target.indirection.first() else { return Ok(position) };
        if element_steps(table, position, target).is_some() {
            return Ok(position);
        }
        let ty = self.type_name(Oid(table.columns[position].type_oid));
        Err(match &step.node {
            Some(NodeEnum::String(field)) => self.error(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "cannot assign to field \"{}\" of column \"{}\" because its type {ty} is not \
                     a composite type",
                    field.sval, target.name
                ),
                target.location,
            ),
            _ => self.error(
                SqlState::DATATYPE_MISMATCH,
                format!("cannot subscript type {ty} because it does not support subscripting"),
                target.location,
            ),
        })
    }

    /// `SET a = …, (b, c) = (…)`.
    pub(super) fn assignments(&mut self, written: &Written, nodes: &[Node]) -> Result<Assignments> {
        let table = &written.beneath.table;
        let mut queries = Vec::new();
        let mut sources = Vec::new();
        let mut row: Vec<Source> = Vec::new();
        for node in nodes {
            let Some(NodeEnum::ResTarget(target)) = &node.node else {
                return Err(SqlError::internal("unexpected assignment"));
            };
            let value = required(target.val.as_deref())?;
            let source = match &value.node {
                Some(NodeEnum::MultiAssignRef(reference)) => {
                    if reference.colno == 1 {
                        row = self.multiple_sources(reference, &mut queries)?;
                        row.reverse();
                    }
                    required(row.pop())?
                }
                _ => self.source(value)?,
            };
            sources.push((target, source));
        }
        let mut values: Vec<(usize, Expr)> = Vec::new();
        for (target, source) in sources {
            let position = self.assigned_position(written, target)?;
            let column = &table.columns[position];
            if let Some(steps) = element_steps(table, position, target) {
                let before = values.iter().position(|(known, _)| *known == position);
                let container = match before.map(|at| values.swap_remove(at).1) {
                    // Assignments to several elements follow each other.
                    Some(value) if matches!(value.kind, ExprKind::SetElement(_)) => value,
                    Some(_) => return Err(assigned_twice(column)),
                    None => self.present_value(written, target)?,
                };
                let value = self.set_element(container, &steps, source, target)?;
                refuse_generated(column, "column \"{}\" can only be updated to DEFAULT", "")?;
                values.push((position, value));
                continue;
            }
            let value = match source {
                Source::Default => self.default_value(position, column)?,
                Source::Value(expr) => {
                    let value =
                        self.assign(expr, &column.name, Oid(column.type_oid), column.typmod)?;
                    refuse_generated(column, "column \"{}\" can only be updated to DEFAULT", "")?;
                    value
                }
            };
            if values.iter().any(|(known, _)| *known == position) {
                return Err(assigned_twice(column));
            }
            values.push((position, value));
        }
        Ok(Assignments { values, queries })
    }

    /// The value that a column of the row to be updated has.
    fn present_value(&self, written: &Written, target: &protobuf::ResTarget) -> Result<Expr> {
        let mut columns = written.beneath.columns.iter();
        let column = columns.find(|column| column.name == target.name);
        column.map(|column| column.expr.clone()).ok_or_else(|| {
            unsupported("assignment to an element of a view's column")
                .at(self.position(target.location))
        })
    }

    /// `container`, the value of a column to be inserted, with another element.
    pub(super) fn inserted_element(
        &mut self,
        table: &catalog::Table,
        position: usize,
        target: &protobuf::ResTarget,
        container: Expr,
        value: Inserted,
    ) -> Result<Expr> {
        let steps = required(element_steps(table, position, target))?;
        let source = match value {
            Inserted::Default(_) => Source::Default,
            Inserted::Value(expr) => Source::Value(expr),
        };
        self.set_element(container, &steps, source, target)
    }

    /// `container` with another element.
    fn set_element(
        &mut self,
        container: Expr,
        steps: &[&protobuf::AIndices],
        source: Source,
        target: &protobuf::ResTarget,
    ) -> Result<Expr> {
        let Source::Value(value) = source else {
            return Err(self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot set an array element to DEFAULT",
                target.location,
            ));
        };
        let subscript = self.subscript(container.clone(), steps)?;
        let ExprKind::Subscript { indexes, .. } = subscript.kind else {
            return Err(SqlError::internal("subscript of something else"));
        };
        let indexes = indexes.into_iter().filter_map(|(_, index)| index).collect();
        let source = value.ty;
        let Some(value) = self.try_coerce(value, oid::JSONB, Context::Assignment)? else {
            return Err(self
                .error(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "subscripted assignment to \"{}\" requires type jsonb but expression is \
                         of type {}",
                        target.name,
                        self.type_name(source)
                    ),
                    target.location,
                )
                .hint("You will need to rewrite or cast the expression."));
        };
        let set = SetElement { container, indexes, value };
        Ok(Expr::new(ExprKind::SetElement(Box::new(set)), oid::JSONB))
    }

    fn source(&mut self, node: &Node) -> Result<Source> {
        match &node.node {
            Some(NodeEnum::SetToDefault(_)) => Ok(Source::Default),
            _ => self.expression(node).map(Source::Value),
        }
    }

    /// The values of `(b, c) = …`.
    fn multiple_sources(
        &mut self,
        reference: &protobuf::MultiAssignRef,
        queries: &mut Vec<Expr>,
    ) -> Result<Vec<Source>> {
        let protobuf::MultiAssignRef { source, colno: _, ncolumns } = reference;
        let source = required(source.as_deref())?;
        let mismatch = |binder: &Self, location: i32| {
            let message = "number of columns does not match number of values";
            Err(binder.error(SqlState::SYNTAX_ERROR, message, location))
        };
        let wanted = usize::try_from(*ncolumns).unwrap_or(0);
        match &source.node {
            Some(NodeEnum::RowExpr(row)) => {
                let mut sources = Vec::with_capacity(wanted);
                for node in &row.args {
                    match self.expand_star(node)? {
                        Some(fields) => {
                            sources.extend(fields.into_iter().map(|(expr, _)| Source::Value(expr)));
                        }
                        None => sources.push(self.source(node)?),
                    }
                }
                if sources.len() != wanted {
                    return mismatch(self, row.location);
                }
                Ok(sources)
            }
            Some(NodeEnum::SubLink(link))
                if link.sub_link_type == SubLinkType::ExprSublink as i32 =>
            {
                let query = self.sub_query(link)?;
                if query.columns.len() != wanted {
                    return mismatch(self, link.location);
                }
                let var = Var { level: 0, relation: ASSIGNED_QUERY, column: queries.len() };
                let field = |(field, column): (usize, &super::query::OutputColumn)| {
                    let row = Box::new(Expr::new(ExprKind::Var(var), oid::RECORD));
                    let kind = ExprKind::Field { row, field };
                    let expr = Expr::typed(kind, column.ty, column.typmod);
                    let at = super::set_operation::output_location(&query, field);
                    Source::Value(expr.at(if at < 0 { link.location } else { at }))
                };
                let sources = query.columns.iter().enumerate().map(field).collect();
                let kind = SubLinkKind::Record;
                let link = SubLink { kind, query, left: Vec::new(), test: None, written: None };
                queries.push(Expr::new(ExprKind::SubLink(Box::new(link)), oid::RECORD));
                Ok(sources)
            }
            _ => Err(self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
                node_location(source),
            )),
        }
    }

    /// One value for a column of an INSERT, `DEFAULT` included.
    pub(super) fn inserted_value(
        &mut self,
        source: Inserted,
        position: usize,
        column: &Column,
    ) -> Result<Expr> {
        match source {
            Inserted::Default(_) => self.default_value(position, column),
            Inserted::Value(expr) => {
                let value = self.assign(expr, &column.name, Oid(column.type_oid), column.typmod)?;
                if column.identity.is_some() && self.identity != IdentityRule::Refused {
                    return match self.identity {
                        IdentityRule::Ignored => self.default_value(position, column),
                        _ => Ok(value),
                    };
                }
                let message = "cannot insert a non-DEFAULT value into column \"{}\"";
                let hint = "Use OVERRIDING SYSTEM VALUE to override.";
                refuse_generated(column, message, hint)?;
                Ok(value)
            }
        }
    }

    /// The values of one row of INSERT … VALUES.
    pub(super) fn inserted_row(&mut self, nodes: &[Node]) -> Result<Vec<Inserted>> {
        let mut row = Vec::with_capacity(nodes.len());
        for node in nodes {
            if let Some(NodeEnum::SetToDefault(default)) = &node.node {
                row.push(Inserted::Default(default.location));
                continue;
            }
            match self.expand_star(node)? {
                Some(fields) => {
                    row.extend(fields.into_iter().map(|(expr, _)| Inserted::Value(expr)));
                }
                None => row.push(Inserted::Value(self.expression(node)?)),
            }
        }
        Ok(row)
    }
}

/// The subscripts by which an element of a jsonb column is assigned; `None` if it is not.
fn element_steps<'t>(
    table: &catalog::Table,
    position: usize,
    target: &'t protobuf::ResTarget,
) -> Option<Vec<&'t protobuf::AIndices>> {
    let jsonb = table.columns.get(position).is_some_and(|c| Oid(c.type_oid) == oid::JSONB);
    if !jsonb || target.indirection.is_empty() {
        return None;
    }
    let step = |node: &'t Node| match &node.node {
        Some(NodeEnum::AIndices(step)) => Some(&**step),
        _ => None,
    };
    target.indirection.iter().map(step).collect()
}

pub(super) fn assigned_twice(column: &Column) -> SqlError {
    SqlError::new(
        SqlState::SYNTAX_ERROR,
        format!("multiple assignments to same column \"{}\"", column.name),
    )
}

/// A value of INSERT … VALUES.
pub(super) enum Inserted {
    /// `DEFAULT`, with its place.
    Default(i32),
    Value(Expr),
}

/// Fails if a value is given to a generated column, or one that is always an identity; `{}` in
/// `message` is its name, `hint` is given for an identity.
fn refuse_generated(column: &Column, message: &str, hint: &str) -> Result<()> {
    let name = &column.name;
    let error = SqlError::new(SqlState::GENERATED_ALWAYS, message.replace("{}", name));
    match (&column.default, column.identity) {
        (Some(ColumnDefault::Generated(_)), _) => {
            Err(error.detail(format!("Column \"{name}\" is a generated column.")))
        }
        (_, Some(Identity { always: true, sequence: _ })) => {
            let error = error.detail(format!(
                "Column \"{name}\" is an identity column defined as GENERATED ALWAYS."
            ));
            Err(if hint.is_empty() { error } else { error.hint(hint) })
        }
        _ => Ok(()),
    }
}

/// What an INSERT does with values for identity columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum IdentityRule {
    /// They are stored: `OVERRIDING SYSTEM VALUE`, or no INSERT.
    #[default]
    Given,
    /// They are replaced by the sequence's: `OVERRIDING USER VALUE`.
    Ignored,
    /// Those of `GENERATED ALWAYS` columns are refused.
    Refused,
}

/// The next value of an identity column's sequence, whoever asks.
pub(super) fn next_identity(sequence: ObjectId) -> Result<Expr> {
    let proc = catalog::builtin::procs_by_name("nextval").first();
    let args = vec![
        Expr::constant(Datum::Oid(sequence), oid::REGCLASS),
        Expr::constant(Datum::Bool(true), oid::BOOL),
    ];
    proc.and_then(|proc| crate::system::call(proc, args, oid::INT8))
        .ok_or_else(|| SqlError::internal("no nextval"))
}

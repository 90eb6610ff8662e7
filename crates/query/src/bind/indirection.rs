//! Column references, subscripts and field selection.

use parser::protobuf;
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::coerce::{Context, element_type};
use super::query::{Body, Relation, Source};
use super::scope::Item;
use super::{Binder, required};
use crate::expr::{Expr, ExprKind};

impl Binder<'_> {
    pub(super) fn column_ref(&mut self, column: &protobuf::ColumnRef) -> Result<Expr> {
        let protobuf::ColumnRef { fields, location } = column;
        let location = *location;
        let star = matches!(fields.last().and_then(|f| f.node.as_ref()), Some(NodeEnum::AStar(_)));
        let names = super::strings(fields);
        if star {
            return match names.as_slice() {
                [alias] => self.qualified_row(None, alias, location),
                [schema, alias] => self.qualified_row(Some(schema), alias, location),
                _ => Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    "row expansion via \"*\" is not supported here",
                    location,
                )),
            };
        }
        match names.as_slice() {
            [name] => {
                if let Some(expr) = self.inlined_name(name) {
                    return Ok(expr);
                }
                if let Some(expr) = self.column(name, location)? {
                    return Ok(expr);
                }
                // A relation's name means its whole row.
                if let Some((up, item)) = self.item(None, name, location)? {
                    return Ok(self.whole_row(up, &item));
                }
                Err(self.error(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{name}\" does not exist"),
                    location,
                ))
            }
            [alias, name] => self.qualified_column(None, alias, name, location),
            [schema, alias, name] => self.qualified_column(Some(schema), alias, name, location),
            [_, schema, alias, name] => self.qualified_column(Some(schema), alias, name, location),
            _ => Err(self.error(
                SqlState::SYNTAX_ERROR,
                format!("improper qualified name (too many dotted names): {}", names.join(".")),
                location,
            )),
        }
    }

    fn qualified_row(&mut self, schema: Option<&str>, alias: &str, location: i32) -> Result<Expr> {
        match self.item(schema, alias, location)? {
            Some((up, item)) => Ok(self.whole_row(up, &item)),
            None => Err(self.missing_relation(alias, location)),
        }
    }

    fn qualified_column(
        &mut self,
        schema: Option<&str>,
        alias: &str,
        name: &str,
        location: i32,
    ) -> Result<Expr> {
        let Some((up, item)) = self.item(schema, alias, location)? else {
            // `column.field`
            if schema.is_none()
                && let Some(row) = self.column(alias, location)?
            {
                return self.field(row, name, location);
            }
            return Err(self.missing_relation(alias, location));
        };
        let mut found = item.columns.iter().filter(|column| column.name == name);
        match (found.next(), found.next()) {
            (Some(column), None) => {
                let mut expr = column.expr.clone();
                super::scope::lift(&mut expr, up);
                Ok(expr)
            }
            (Some(_), Some(_)) => Err(self.error(
                SqlState::AMBIGUOUS_COLUMN,
                format!("column reference \"{name}\" is ambiguous"),
                location,
            )),
            (None, _) => match self.table_oid(up, &item).filter(|_| name == "tableoid") {
                Some(expr) => Ok(expr),
                None => Err(self.error(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column {alias}.{name} does not exist"),
                    location,
                )),
            },
        }
    }

    /// The system column `tableoid` of a relation. It is NULL in a row that an outer join makes up,
    /// so it follows a column that is never NULL otherwise; `None` if there is no such column.
    fn table_oid(&self, up: usize, item: &Item) -> Option<Expr> {
        let relation_of = |expr: &Expr| match expr.kind {
            ExprKind::Var(var) => Some(var.relation),
            _ => None,
        };
        let level = self.levels.iter().nth_back(up)?;
        let relation = level.relations.get(relation_of(&item.columns.first()?.expr)?)?;
        let (oid, never_null) = match &relation.source {
            Source::Table { table, live } => {
                let not_null = |at: &usize| table.columns.get(*at).is_some_and(|c| c.not_null);
                (table.oid, live.iter().position(not_null)?)
            }
            Source::System(oid) => {
                let columns = catalog::system::relation_by_oid(*oid)?.columns;
                (oid.0, columns.iter().position(|column| column.not_null)?)
            }
            _ => return None,
        };
        let mut column = item.columns.get(never_null)?.expr.clone();
        super::scope::lift(&mut column, up);
        let is_null = ExprKind::IsNull { arg: Box::new(column), negated: false };
        let whens = vec![(Expr::new(is_null, oid::BOOL), Expr::null(oid::OID))];
        let otherwise = Box::new(Expr::constant(Datum::Oid(oid), oid::OID));
        Some(Expr::new(ExprKind::Case { whens, otherwise }, oid::OID))
    }

    pub(super) fn indirection(&mut self, node: &protobuf::AIndirection) -> Result<Expr> {
        let protobuf::AIndirection { arg, indirection } = node;
        let base = self.boxed(arg)?;
        self.apply_indirection(base, indirection)
    }

    /// `base[…].field …`
    pub(super) fn apply_indirection(&mut self, mut base: Expr, steps: &[Node]) -> Result<Expr> {
        let mut steps = steps.iter().peekable();
        while let Some(step) = steps.next() {
            base = match required(step.node.as_ref())? {
                NodeEnum::String(name) => self.field(base, &name.sval, -1)?,
                NodeEnum::AIndices(first) => {
                    let mut indices = vec![first.as_ref()];
                    while let Some(Node { node: Some(NodeEnum::AIndices(next)) }) = steps.peek() {
                        indices.push(next);
                        steps.next();
                    }
                    self.subscript(base, &indices)?
                }
                NodeEnum::AStar(_) => {
                    return Err(self.error(
                        SqlState::SYNTAX_ERROR,
                        "row expansion via \"*\" is not supported here",
                        -1,
                    ));
                }
                _ => return Err(SqlError::internal("unexpected indirection")),
            };
        }
        Ok(base)
    }

    fn subscript(&mut self, base: Expr, indices: &[&protobuf::AIndices]) -> Result<Expr> {
        let slice = indices.iter().any(|index| index.is_slice);
        let jsonb = base.ty == oid::JSONB;
        let ty = match element_type(base.ty) {
            Some(_) if slice => base.ty,
            Some(element) => element,
            None if jsonb && !slice => oid::JSONB,
            None if jsonb => {
                return Err(SqlError::new(
                    SqlState::DATATYPE_MISMATCH,
                    "jsonb subscript does not support slices",
                ));
            }
            None => {
                return Err(SqlError::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "cannot subscript type {} because it does not support subscripting",
                        self.type_name(base.ty)
                    ),
                ));
            }
        };
        let one = || Some(Expr::constant(types::Datum::Int4(1), oid::INT4));
        let mut bounds = Vec::new();
        for index in indices {
            let protobuf::AIndices { is_slice, lidx, uidx } = index;
            let lower = self.subscript_bound(lidx, jsonb)?;
            let upper = self.subscript_bound(uidx, jsonb)?;
            // `a[2][1:3]` means `a[1:2][1:3]`.
            bounds.push(if slice && !is_slice { (one(), upper) } else { (lower, upper) });
        }
        Ok(Expr::new(ExprKind::Subscript { container: Box::new(base), indexes: bounds, slice }, ty))
    }

    fn subscript_bound(&mut self, node: &Option<Box<Node>>, jsonb: bool) -> Result<Option<Expr>> {
        let Some(node) = node else { return Ok(None) };
        let expr = self.expression(node)?;
        let target = match (jsonb, expr.ty) {
            (true, oid::INT4 | oid::INT2 | oid::INT8) | (false, _) => oid::INT4,
            (true, _) => oid::TEXT,
        };
        self.try_coerce(expr, target, Context::Assignment)?.map(Some).ok_or_else(|| {
            SqlError::new(SqlState::DATATYPE_MISMATCH, "array subscript must have type integer")
        })
    }

    /// `(row).name`
    fn field(&mut self, row: Expr, name: &str, location: i32) -> Result<Expr> {
        if let ExprKind::Row { fields } = &row.kind
            && let Some((_, field)) = fields.iter().find(|(field, _)| **field == *name)
        {
            return Ok(field.clone());
        }
        if let Some(fields) = self.record_fields(&row)
            && let Some((at, (_, ty))) =
                fields.iter().enumerate().find(|(_, (field, _))| field == name)
        {
            return Ok(Expr::new(ExprKind::Field { row: Box::new(row), field: at }, *ty));
        }
        if row.ty == oid::RECORD {
            return Err(self.error(
                SqlState::UNDEFINED_COLUMN,
                format!("could not identify column \"{name}\" in record data type"),
                location,
            ));
        }
        Err(self.error(
            SqlState::WRONG_OBJECT_TYPE,
            format!(
                "column notation .{name} applied to type {}, which is not a composite type",
                self.type_name(row.ty)
            ),
            location,
        ))
    }

    /// Names and types of the fields of an anonymous row, which are known from where it comes.
    pub(super) fn record_fields(&self, row: &Expr) -> Option<Vec<(String, Oid)>> {
        if row.ty != oid::RECORD {
            return None;
        }
        let relations = match row.kind {
            ExprKind::Var(var) => &self.levels.iter().nth_back(var.level)?.relations,
            _ => &self.levels.last()?.relations,
        };
        fields_among(row, relations)
    }
}

/// The fields of a row whose variables are columns of `relations`.
fn fields_among(row: &Expr, relations: &[Relation]) -> Option<Vec<(String, Oid)>> {
    match &row.kind {
        ExprKind::Row { fields } => {
            Some(fields.iter().map(|(name, value)| (name.to_string(), value.ty)).collect())
        }
        ExprKind::Var(var) => match &relations.get(var.relation)?.source {
            Source::Query(query) => match &query.body {
                Body::Select(select) => {
                    let target = select.targets.get(var.column)?;
                    match target.kind {
                        ExprKind::Var(var) if var.level > 0 => None,
                        _ => fields_among(target, &select.relations),
                    }
                }
                Body::Values(rows) => fields_among(rows.first()?.get(var.column)?, &[]),
                Body::SetOperation { .. } => None,
            },
            _ => None,
        },
        _ => {
            let fields = super::from::row_fields(row)?;
            Some(fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect())
        }
    }
}

//! Column references, subscripts and field selection.

use catalog::builtin::ProcKind;
use parser::protobuf;
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::coerce::Context;
use super::function::{Actual, Candidate};
use super::query::{Body, Query, Relation, Source};
use super::scope::{Item, Place};
use super::{Binder, required};
use crate::expr::{Expr, ExprKind, SubLinkKind};

/// Names and types of an anonymous row's fields.
pub(super) type RowFields = Vec<(String, Oid)>;

/// Most dimensions of an array.
const DIMENSIONS_MAX: usize = 6;

impl Binder<'_> {
    pub(super) fn column_ref(&mut self, column: &protobuf::ColumnRef) -> Result<Expr> {
        let protobuf::ColumnRef { fields, location } = column;
        let location = *location;
        let star = matches!(fields.last().and_then(|f| f.node.as_ref()), Some(NodeEnum::AStar(_)));
        let names = super::strings(fields);
        if self.levels.last().is_some_and(|level| level.place == Place::ColumnDefault)
            && self.inlined.is_none()
        {
            return Err(self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot use column reference in DEFAULT expression",
                location,
            ));
        }
        if star {
            let [qualifiers @ .., alias] = names.as_slice() else {
                return Err(self.misplaced_star(location));
            };
            let schema = self.qualifier(qualifiers, &names, location)?;
            return match self.item(schema, alias, location)? {
                Some((up, item)) => Ok(self.whole_row(up, &item)),
                None => match self.argument_reference(&names, location)? {
                    Some(argument) => Ok(argument),
                    None => Err(self.missing_relation(schema, alias, location)),
                },
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
                if let Some(expr) = self.unqualified_system_column(name, location)? {
                    return Ok(expr);
                }
                if let Some(argument) = self.argument(None, name) {
                    return Ok(argument.at(location));
                }
                Err(self.missing_column(None, name, location))
            }
            [qualifiers @ .., alias, name] => {
                let schema = self.qualifier(qualifiers, &names, location)?;
                match self.qualified_column(schema, alias, name, location) {
                    Err(error) => match self.argument_reference(&names, location)? {
                        Some(argument) => Ok(argument),
                        None => Err(error),
                    },
                    found => found,
                }
            }
            [] => Err(SqlError::internal("column without a name")),
        }
    }

    fn misplaced_star(&self, location: i32) -> SqlError {
        let message = "row expansion via \"*\" is not supported here";
        self.error(SqlState::SYNTAX_ERROR, message, location)
    }

    /// The schema among the qualifiers of a relation's name.
    ///
    /// # Errors
    /// `0A000` for another database, `42601` for too many names.
    pub(super) fn qualifier<'n>(
        &self,
        qualifiers: &[&'n str],
        names: &[&str],
        location: i32,
    ) -> Result<Option<&'n str>> {
        match qualifiers {
            [] => Ok(None),
            [schema] => Ok(Some(schema)),
            [database, schema] if *database == self.cx.database => Ok(Some(schema)),
            [_, _] => Err(self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("cross-database references are not implemented: {}", names.join(".")),
                location,
            )),
            _ => Err(self.error(
                SqlState::SYNTAX_ERROR,
                format!("improper qualified name (too many dotted names): {}", names.join(".")),
                location,
            )),
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
            return Err(self.missing_relation(schema, alias, location));
        };
        let mut found = item.columns.iter().filter(|column| column.name == name);
        match (found.next(), found.next()) {
            (Some(column), None) => {
                self.note_read(column);
                let mut expr = column.expr.clone();
                super::scope::lift(&mut expr, up);
                Ok(expr.at(location))
            }
            (Some(_), Some(_)) => Err(self.error(
                SqlState::AMBIGUOUS_COLUMN,
                format!("column reference \"{name}\" is ambiguous"),
                location,
            )),
            (None, _) => match self.system_column(up, &item, name) {
                Some(expr) => Ok(expr),
                // A function of the row may be called like a field.
                None => self
                    .row_function(up, &item, name, location)?
                    .ok_or_else(|| self.missing_column(Some(alias), name, location)),
            },
        }
    }

    /// `name(item)`, if a function takes the item's whole row.
    fn row_function(
        &mut self,
        up: usize,
        item: &Item,
        name: &str,
        location: i32,
    ) -> Result<Option<Expr>> {
        let row = self.whole_row(up, item).at(location);
        let actual = Actual { types: &[row.ty], names: &[], variadic: false };
        let Ok(candidate) = self.find_function(None, name, actual) else { return Ok(None) };
        self.call_of_row(&candidate, name, row, location)
    }

    /// A call of a function of one row that is written like a field of it; `None` if it is none that
    /// can be written so.
    fn call_of_row(
        &mut self,
        candidate: &Candidate,
        name: &str,
        row: Expr,
        location: i32,
    ) -> Result<Option<Expr>> {
        if candidate.user.is_some() {
            return self.user_call(candidate, None, name, vec![row], location).map(Some);
        }
        match candidate.proc.kind {
            ProcKind::Function => self.call(candidate, vec![row], false, location).map(Some),
            _ => Ok(None),
        }
    }

    /// A system column of the nearest relation in sight that has it; joins do not show it.
    fn unqualified_system_column(&self, name: &str, location: i32) -> Result<Option<Expr>> {
        for (up, level) in self.levels.iter().rev().enumerate() {
            let items = level.items.iter().filter(|item| item.unqualified && !item.joined);
            let mut found = items.filter_map(|item| self.system_column(up, item, name));
            if let Some(expr) = found.next() {
                if found.next().is_some() {
                    return Err(self.error(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!("column reference \"{name}\" is ambiguous"),
                        location,
                    ));
                }
                return Ok(Some(expr.at(location)));
            }
        }
        Ok(None)
    }

    /// A system column of a relation: `tableoid`, and those of the transaction that wrote a row where
    /// it is one of the catalog. It is NULL in a row that an outer join makes up, so it follows a
    /// column that is never NULL otherwise; `None` if there is no such column.
    fn system_column(&self, up: usize, item: &Item, name: &str) -> Option<Expr> {
        let relation_of = |expr: &Expr| match expr.kind {
            ExprKind::Var(var) => Some(var.relation),
            _ => None,
        };
        let level = self.levels.iter().nth_back(up)?;
        let relation = level.relations.get(relation_of(&item.columns.first()?.expr)?)?;
        let (value, ty) = match (&relation.source, name) {
            (Source::Table { table, live: _ }, "tableoid") => (table.oid, oid::OID),
            (Source::System(oid), "tableoid") => (oid.0, oid::OID),
            (Source::System(_), "xmin") => (self.cx.engine.xids.newest(), oid::XID),
            (Source::System(_), "xmax") => (0, oid::XID),
            (Source::System(_), "cmin" | "cmax") => (0, oid::CID),
            _ => return None,
        };
        if !level.outer_joins {
            return Some(Expr::constant(Datum::Oid(value), ty));
        }
        let mut column = super::whole_row::never_null(relation, item)?.expr.clone();
        super::scope::lift(&mut column, up);
        let is_null = ExprKind::IsNull { arg: Box::new(column), negated: false };
        let whens = vec![(Expr::new(is_null, oid::BOOL), Expr::null(ty))];
        let otherwise = Box::new(Expr::constant(Datum::Oid(value), ty));
        Some(Expr::new(ExprKind::Case { whens, otherwise }, ty))
    }

    pub(super) fn indirection(&mut self, node: &protobuf::AIndirection) -> Result<Expr> {
        let protobuf::AIndirection { arg, indirection } = node;
        let base = self.boxed(arg)?;
        self.apply_indirection(base, indirection)
    }

    /// `base[…].field …`
    pub(super) fn apply_indirection(&mut self, mut base: Expr, steps: &[Node]) -> Result<Expr> {
        let location = base.location;
        let mut steps = steps.iter().peekable();
        while let Some(step) = steps.next() {
            base = match required(step.node.as_ref())? {
                NodeEnum::String(name) => self.field(base, &name.sval, location)?,
                NodeEnum::AIndices(first) => {
                    let mut indices = vec![first.as_ref()];
                    while let Some(Node { node: Some(NodeEnum::AIndices(next)) }) = steps.peek() {
                        indices.push(next);
                        steps.next();
                    }
                    self.subscript(base, &indices)?
                }
                NodeEnum::AStar(_) => return Err(self.misplaced_star(location)),
                _ => return Err(SqlError::internal("unexpected indirection")),
            }
            .at(location);
        }
        Ok(base)
    }

    pub(super) fn subscript(
        &mut self,
        base: Expr,
        indices: &[&protobuf::AIndices],
    ) -> Result<Expr> {
        let slice = indices.iter().any(|index| index.is_slice);
        let jsonb = base.ty == oid::JSONB;
        let ty = match self.element_type(base.ty) {
            Some(_) if slice => base.ty,
            Some(element) => self.cx.catalog.beneath(element),
            None if jsonb => oid::JSONB,
            None if base.ty == oid::NAME && slice => {
                let message = "slices of fixed-length arrays not implemented";
                return Err(SqlError::unsupported(message));
            }
            None if base.ty == oid::NAME => oid::CHAR,
            None => {
                return Err(self.error(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "cannot subscript type {} because it does not support subscripting",
                        self.type_name(base.ty)
                    ),
                    base.location,
                ));
            }
        };
        if jsonb && slice {
            let sliced = indices.iter().find(|index| index.is_slice);
            let bound = sliced.and_then(|index| index.uidx.as_deref().or(index.lidx.as_deref()));
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                "jsonb subscript does not support slices",
                bound.map_or(-1, super::location::node_location),
            ));
        }
        if !jsonb && indices.len() > DIMENSIONS_MAX {
            return Err(SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!(
                    "number of array dimensions ({}) exceeds the maximum allowed ({DIMENSIONS_MAX})",
                    indices.len()
                ),
            ));
        }
        let one = || Some(Expr::constant(types::Datum::Int4(1), oid::INT4));
        let mut bounds = Vec::new();
        for index in indices {
            let protobuf::AIndices { is_slice, lidx, uidx } = index;
            let lower = self.subscript_bound(lidx, jsonb)?;
            let upper = self.subscript_bound(uidx, jsonb)?;
            // `a[2][1:3]` means `a[1:2][1:3]`.
            bounds.push(if slice && !is_slice { (one(), upper) } else { (lower, upper) });
        }
        let typmod = base.typmod;
        let kind = ExprKind::Subscript { container: Box::new(base), indexes: bounds, slice };
        Ok(Expr::typed(kind, ty, typmod))
    }

    fn subscript_bound(&mut self, node: &Option<Box<Node>>, jsonb: bool) -> Result<Option<Expr>> {
        let Some(node) = node else { return Ok(None) };
        let expr = self.expression(node)?;
        let (ty, location) = (expr.ty, expr.location);
        if !jsonb {
            return self.try_coerce(expr, oid::INT4, Context::Assignment)?.map(Some).ok_or_else(
                || {
                    let message = "array subscript must have type integer";
                    self.error(SqlState::DATATYPE_MISMATCH, message, location)
                },
            );
        }
        let fits = |target| {
            super::coerce::can_coerce(&self.cx.catalog, &[ty], &[target], Context::Implicit)
        };
        let target = match (fits(oid::INT4), fits(oid::TEXT)) {
            _ if ty == oid::UNKNOWN => oid::TEXT,
            (true, false) => oid::INT4,
            (false, true) => oid::TEXT,
            (both, _) => {
                let message = format!("subscript type {} is not supported", self.type_name(ty));
                let error = self.error(SqlState::DATATYPE_MISMATCH, message, location);
                return Err(error.hint(match both {
                    true => "jsonb subscript must be coercible to only one type, integer or text.",
                    false => "jsonb subscript must be coercible to either integer or text.",
                }));
            }
        };
        self.try_coerce(expr, target, Context::Implicit)
    }

    /// The field called `name` of a row value, if it is one and has it.
    pub(super) fn field_of(&self, row: &Expr, name: &str) -> Option<Expr> {
        if let ExprKind::Row { fields } = &row.kind
            && let Some((_, field)) = fields.iter().find(|(field, _)| **field == *name)
        {
            return Some(field.clone());
        }
        let fields = self.record_fields(row)?;
        let (at, (_, ty)) = fields.iter().enumerate().find(|(_, (field, _))| field == name)?;
        let typmod = self.field_typmod(row.ty, at);
        Some(Expr::typed(ExprKind::Field { row: Box::new(row.clone()), field: at }, *ty, typmod))
    }

    /// The type modifier of a field of a row type.
    pub(super) fn field_typmod(&self, row: Oid, at: usize) -> i32 {
        let fields = self.row_type_fields(row).unwrap_or_default();
        fields.get(at).map_or(-1, |(.., typmod)| *typmod)
    }

    /// `(row).name`
    pub(super) fn field(&mut self, row: Expr, name: &str, location: i32) -> Result<Expr> {
        if let Some(field) = self.field_of(&row, name) {
            return Ok(field);
        }
        // A function of one argument may be called like a field.
        let types = [row.ty];
        let actual = Actual { types: &types, names: &[], variadic: false };
        if let Ok(candidate) = self.find_function(None, name, actual)
            && let Some(call) = self.call_of_row(&candidate, name, row.clone(), location)?
        {
            return Ok(call);
        }
        if row.ty == oid::RECORD {
            return Err(self.error(
                SqlState::UNDEFINED_COLUMN,
                format!("could not identify column \"{name}\" in record data type"),
                location,
            ));
        }
        let ty = self.type_name(row.ty);
        if self.cx.catalog.is_row_type(row.ty) {
            return Err(self.error(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" not found in data type {ty}"),
                location,
            ));
        }
        Err(self.error(
            SqlState::WRONG_OBJECT_TYPE,
            format!("column notation .{name} applied to type {ty}, which is not a composite type"),
            location,
        ))
    }

    /// Names and types of the fields of an anonymous row, which are known from where it comes.
    pub(super) fn record_fields(&self, row: &Expr) -> Option<Vec<(String, Oid)>> {
        if row.ty != oid::RECORD {
            let fields = self.row_type_fields(row.ty)?;
            return Some(fields.into_iter().map(|(name, ty, _)| (name.to_string(), ty)).collect());
        }
        if let Some(call) = super::user_function::called(row) {
            return super::user_function::call_columns(&self.cx.catalog, call);
        }
        let scopes: Vec<&[Relation]> =
            self.levels.iter().map(|level| level.relations.as_slice()).collect();
        self.fields_among(row, &scopes)
    }

    /// The fields of an anonymous row over these range tables, outermost first.
    ///
    /// Source: PostgreSQL 16 `expandRecordVariable`, `src/backend/parser/parse_target.c`.
    fn fields_among(&self, row: &Expr, scopes: &[&[Relation]]) -> Option<Vec<(String, Oid)>> {
        match &row.kind {
            ExprKind::Row { fields } => {
                Some(fields.iter().map(|(name, value)| (name.to_string(), value.ty)).collect())
            }
            ExprKind::Case { whens: _, otherwise } => self.fields_among(otherwise, scopes),
            ExprKind::Relabel(row) => self.fields_among(row, scopes),
            ExprKind::SubLink(link) if matches!(link.kind, SubLinkKind::Scalar) => {
                self.output_fields(&link.query, 0, scopes)
            }
            ExprKind::Var(var) => {
                let scopes = &scopes[..scopes.len().checked_sub(var.level)?];
                match &scopes.last()?.get(var.relation)?.source {
                    Source::Query(query) => self.output_fields(query, var.column, scopes),
                    Source::Cte(number) => self.cte_rows.get(number)?.get(var.column)?.clone(),
                    _ => None,
                }
            }
            _ => {
                let fields = super::range_function::row_fields(&self.cx.catalog, row)?;
                Some(fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect())
            }
        }
    }

    /// The fields of an output column of a query that stands in these scopes.
    fn output_fields(
        &self,
        query: &Query,
        column: usize,
        scopes: &[&[Relation]],
    ) -> Option<RowFields> {
        match &query.body {
            Body::Select(select) => {
                let mut scopes = scopes.to_vec();
                scopes.push(&select.relations);
                self.fields_among(select.targets.get(column)?, &scopes)
            }
            Body::Values(rows) => {
                let mut scopes = scopes.to_vec();
                scopes.push(&[]);
                self.fields_among(rows.first()?.get(column)?, &scopes)
            }
            Body::SetOperation { op: _, all: _, left, right: _ } => {
                self.output_fields(left, column, scopes)
            }
        }
    }

    /// Notes the fields of the anonymous rows among the columns of a WITH query.
    pub(super) fn note_cte_rows(&mut self, number: usize, query: &Query) {
        if query.columns.iter().all(|column| column.ty != oid::RECORD) {
            return;
        }
        let scopes: Vec<&[Relation]> =
            self.levels.iter().map(|level| level.relations.as_slice()).collect();
        let columns = 0..query.columns.len();
        let fields = columns.map(|column| self.output_fields(query, column, &scopes)).collect();
        self.cte_rows.insert(number, fields);
    }
}

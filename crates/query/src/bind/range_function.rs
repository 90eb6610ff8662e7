//! Functions in FROM: ROWS FROM, WITH ORDINALITY, column definition lists.
//!
//! Source: PostgreSQL 16 `transformRangeFunction` (`parse_clause.c`), `addRangeTableEntryForFunction`
//! (`parse_relation.c`).

use std::sync::Arc;

use parser::{Node, NodeEnum, protobuf};
use types::{Datum, Oid, Record, Result, SqlError, SqlState, oid};

use super::coerce::Context;
use super::from::alias_parts;
use super::location::list_location;
use super::polymorphic::Polymorphic;
use super::query::{FromItem, OutputColumn, Relation, Source};
use super::scope::Place;
use super::srf::contains_set;
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind};
use crate::plan::{FunctionCall, FunctionSource};

impl Binder<'_> {
    pub(super) fn range_function(&mut self, node: &protobuf::RangeFunction) -> Result<FromItem> {
        let protobuf::RangeFunction {
            // Functions see the items to their left anyway.
            lateral: _,
            ordinality,
            is_rowsfrom,
            functions,
            alias,
            coldeflist,
        } = node;
        let (name, names) = alias_parts(alias.as_ref());
        let mut bound: Vec<(Expr, String, &[Node])> = Vec::new();
        let level = self.level()?;
        let place = std::mem::replace(&mut level.place, Place::FromFunction);
        let active = std::mem::replace(&mut level.lateral_active, true);
        let calls = self.function_items(functions, &mut bound);
        let level = self.level()?;
        (level.place, level.lateral_active) = (place, active);
        calls?;
        if !coldeflist.is_empty() {
            let fail = |binder: &Self, message: &str, hint: &str| {
                let location = list_location(coldeflist);
                Err(binder.error(SqlState::SYNTAX_ERROR, message, location).hint(hint))
            };
            if bound.len() != 1 {
                return match is_rowsfrom {
                    true => fail(
                        self,
                        "ROWS FROM() with multiple functions cannot have a column definition list",
                        "Put a separate column definition list for each function inside ROWS \
                         FROM().",
                    ),
                    false => fail(
                        self,
                        "UNNEST() with multiple arguments cannot have a column definition list",
                        "Use separate UNNEST() calls inside ROWS FROM(), and attach a column \
                         definition list to each one.",
                    ),
                };
            }
            if *ordinality {
                return fail(
                    self,
                    "WITH ORDINALITY cannot be used with a column definition list",
                    "Put the column definition list inside ROWS FROM().",
                );
            }
            if let Some((_, _, definitions)) = bound.first_mut() {
                *definitions = coldeflist;
            }
        }
        let single = bound.len() == 1;
        let first_name = bound.first().map(|(_, name, _)| name.clone()).unwrap_or_default();
        let mut calls = Vec::new();
        let mut columns = Vec::new();
        let mut domains = Vec::new();
        for (mut expr, function_name, definitions) in bound {
            if single && !*ordinality {
                super::user_function::set_in_from(&mut expr);
            }
            // A single scalar result is called like the alias, if there is one.
            let column_name = match &name {
                Some(alias) if single => alias.clone(),
                _ => function_name.clone(),
            };
            let (call, outputs) =
                self.table_function(expr, &function_name, &column_name, definitions)?;
            calls.push(Arc::new(call));
            for (at, definition) in definitions.iter().enumerate() {
                if let Some(domain) = self.defined_domain(definition)? {
                    domains.push((columns.len() + at, domain));
                }
            }
            columns.extend(outputs);
        }
        if *ordinality {
            columns.push(OutputColumn {
                name: "ordinality".into(),
                ty: oid::INT8,
                typmod: -1,
                origin: None,
                domain: None,
            });
        }
        let alias = name.unwrap_or(first_name);
        self.rename(&alias, &mut columns, &names)?;
        let source = Source::Functions { calls, ordinality: *ordinality };
        let relation = Relation { source, alias, columns, lateral: true, view: None };
        let number = self.level()?.add_relation(relation, None);
        for (at, ty) in domains {
            let item = self.level()?.items.last();
            let Some(value) = item.and_then(|item| item.columns.get(at)) else { continue };
            let value = value.expr.clone();
            let checked = self.try_coerce(value, ty, Context::Explicit)?;
            let item = self.level()?.items.last_mut();
            let column = item.and_then(|item| item.columns.get_mut(at));
            if let (Some(column), Some(checked)) = (column, checked) {
                column.expr = checked;
            }
        }
        Ok(FromItem::Relation(number))
    }

    /// The type of a column definition, if it is a domain or an array of one: the function gives what
    /// that is over, which is checked where the column is read.
    fn defined_domain(&self, definition: &Node) -> Result<Option<Oid>> {
        let Some(NodeEnum::ColumnDef(definition)) = &definition.node else { return Ok(None) };
        let ty = self.type_ref(required(definition.type_name.as_ref())?)?.oid;
        let of = self.element_type(ty).unwrap_or(ty);
        Ok(self.cx.catalog.domain_by_oid(of.0).map(|_| ty))
    }

    /// Binds the calls, each with its name and column definitions.
    fn function_items<'n>(
        &mut self,
        functions: &'n [Node],
        bound: &mut Vec<(Expr, String, &'n [Node])>,
    ) -> Result<()> {
        for function in functions {
            let Some(NodeEnum::List(list)) = &function.node else {
                return Err(SqlError::internal("function item without a list"));
            };
            let call = required(list.items.first())?;
            let definitions: &[Node] = match list.items.get(1).and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::List(list)) => &list.items,
                _ => &[],
            };
            let parts = unnest_parts(call);
            if parts.len() > 1 && !definitions.is_empty() {
                return Err(self
                    .error(
                        SqlState::SYNTAX_ERROR,
                        "UNNEST() with multiple arguments cannot have a column definition list",
                        list_location(definitions),
                    )
                    .hint(
                        "Use separate UNNEST() calls inside ROWS FROM(), and attach a column \
                         definition list to each one.",
                    ));
            }
            for part in &parts {
                let name = super::column_name::column_name(part);
                let expr = self.expression(part)?;
                if !matches!(expr.kind, ExprKind::SetReturning(_)) && contains_set(&expr) {
                    return Err(self.error(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "set-returning functions must appear at top level of FROM",
                        self.sets().last,
                    ));
                }
                bound.push((expr, name, definitions));
            }
        }
        Ok(())
    }

    /// Fails if the row that a function of JSON fills in is not what the column definitions say.
    ///
    /// # Errors
    /// `42804`.
    fn check_base_row(&self, kind: &ExprKind, outputs: &[OutputColumn]) -> Result<()> {
        let (proc, args) = match kind {
            ExprKind::SetReturning(call) => (call.proc, &call.args),
            ExprKind::Call(call) => (call.proc, &call.args),
            _ => return Ok(()),
        };
        let Some(Expr { kind: ExprKind::Row { fields }, .. }) = args.first() else { return Ok(()) };
        if !proc.src.contains("populate_record") {
            return Ok(());
        }
        let fail = |detail: String| {
            let message = "function return row and query-specified return row do not match";
            Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).detail(detail))
        };
        if fields.len() != outputs.len() {
            let plural = if fields.len() == 1 { "" } else { "s" };
            return fail(format!(
                "Returned row contains {} attribute{plural}, but query expects {}.",
                fields.len(),
                outputs.len()
            ));
        }
        for (at, ((_, field), output)) in fields.iter().zip(outputs).enumerate() {
            if field.ty != output.ty {
                return fail(format!(
                    "Returned type {} at ordinal position {}, but query expects {}.",
                    self.type_name(field.ty),
                    at + 1,
                    self.type_name(output.ty)
                ));
            }
        }
        Ok(())
    }

    /// A call in FROM, with its output columns.
    fn table_function(
        &mut self,
        expr: Expr,
        function_name: &str,
        column_name: &str,
        definitions: &[Node],
    ) -> Result<(FunctionCall, Vec<OutputColumn>)> {
        let column = |name: &str, ty: Oid, typmod: i32| OutputColumn {
            name: name.to_owned(),
            ty,
            typmod,
            origin: None,
            domain: None,
        };
        let (ty, location) = (expr.ty, expr.location);
        let (domain, domains) = (self.domain_of(&expr), self.field_domains(&expr));
        let named = row_fields(&self.cx.catalog, &expr);
        let mut outputs = Vec::new();
        let mut composite = false;
        let fail = |binder: &Self, message: &str, location: i32| {
            Err(binder.error(SqlState::SYNTAX_ERROR, message, location))
        };
        if !definitions.is_empty() {
            let at = list_location(definitions);
            if ty == oid::RECORD && named.is_some() {
                let what = "a function with OUT parameters";
                let message = format!("a column definition list is redundant for {what}");
                return fail(self, &message, at);
            }
            if ty != oid::RECORD {
                let message = match self.cx.catalog.is_row_type(ty) {
                    true => {
                        "a column definition list is redundant for a function returning a named \
                         composite type"
                    }
                    false => {
                        "a column definition list is only allowed for functions returning \"record\""
                    }
                };
                return fail(self, message, at);
            }
            for node in definitions {
                let Some(NodeEnum::ColumnDef(definition)) = &node.node else { continue };
                let type_name = required(definition.type_name.as_ref())?;
                if type_name.setof {
                    return Err(self.error(
                        SqlState::INVALID_TABLE_DEFINITION,
                        format!("column \"{}\" cannot be declared SETOF", definition.colname),
                        definition.location,
                    ));
                }
                let ty = self.type_ref(type_name)?;
                let catalog = &self.cx.catalog;
                let (ty, typmod) = match self.defined_domain(node)? {
                    Some(of) => (catalog.built_in(of), catalog.base_type(of.0, -1).1),
                    None => (ty.oid, ty.typmod),
                };
                let name = &definition.colname;
                if outputs.iter().any(|known: &OutputColumn| known.name == *name) {
                    return Err(SqlError::new(
                        SqlState::DUPLICATE_COLUMN,
                        format!("column name \"{name}\" specified more than once"),
                    ));
                }
                outputs.push(column(name, ty, typmod));
            }
            composite = true;
        } else if let Some(call) = super::user_function::called(&expr)
            && let Some(named) = super::user_function::call_columns(&self.cx.catalog, call)
        {
            composite = call.returns_row(&self.cx.catalog);
            let fields = self.row_type_fields(ty).unwrap_or_default();
            for (at, (name, ty)) in named.into_iter().enumerate() {
                outputs.push(column(&name, ty, fields.get(at).map_or(-1, |field| field.2)));
            }
        } else if let Some(named) = named {
            composite = ty == oid::RECORD;
            for (name, ty) in named {
                // The name of a single result comes before any alias of the call.
                let name = if composite || !name.is_empty() { name } else { column_name };
                outputs.push(column(name, ty, -1));
            }
        } else if let Some(fields) = self.row_type_fields(ty) {
            composite = true;
            for (name, ty, typmod) in fields {
                outputs.push(column(&name, ty, typmod));
            }
        } else if ty == oid::RECORD {
            let message = "a column definition list is required for functions returning \"record\"";
            return fail(self, message, location);
        } else if is_unsupported_result(ty) {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "function \"{function_name}\" in FROM has unsupported return type {}",
                    self.type_name(ty)
                ),
                location,
            ));
        } else {
            outputs.push(OutputColumn { domain, ..column(column_name, ty, expr.typmod) });
        }
        if definitions.is_empty() && composite {
            for (output, domain) in outputs.iter_mut().zip(domains) {
                output.domain = domain;
            }
        }
        let columns = outputs.len();
        let mut kind = expr.kind;
        if !definitions.is_empty() {
            self.check_base_row(&kind, &outputs)?;
            define_columns(&mut kind, &outputs);
        }
        let call = match with_row_template(kind, &outputs) {
            ExprKind::SetReturning(call) => {
                let call = *call;
                FunctionCall {
                    name: call.proc.name,
                    rows: crate::plan::set_rows(call.proc, &call.args),
                    source: FunctionSource::Set(call.function, call.site),
                    strict: call.proc.strict,
                    args: call.args,
                    columns,
                    composite,
                }
            }
            kind => FunctionCall {
                name: match &kind {
                    ExprKind::Call(call) => call.proc.name,
                    _ => "",
                },
                rows: 1.0,
                args: Vec::new(),
                strict: false,
                columns,
                composite,
                source: FunctionSource::Scalar(Box::new(Expr::typed(kind, expr.ty, expr.typmod))),
            },
        };
        Ok((call, outputs))
    }
}

/// A user's function learns what its column definition list says.
fn define_columns(kind: &mut ExprKind, outputs: &[OutputColumn]) {
    if let Some(call) = super::user_function::called_mut(kind) {
        call.defined = outputs.iter().map(|output| (output.ty, output.typmod)).collect();
    }
}

/// Functions that make rows of JSON learn which columns are wanted: a record of NULLs of their types
/// becomes their last argument.
fn with_row_template(mut kind: ExprKind, outputs: &[OutputColumn]) -> ExprKind {
    let (proc, args) = match &mut kind {
        ExprKind::SetReturning(call) => (call.proc, &mut call.args),
        ExprKind::Call(call) => (call.proc, &mut call.args),
        _ => return kind,
    };
    if matches!(
        proc.src,
        "json_to_record" | "jsonb_to_record" | "json_to_recordset" | "jsonb_to_recordset"
    ) {
        let fields = outputs.iter().map(|o| (o.name.as_str().into(), o.ty, Datum::Null)).collect();
        let template = Record { type_oid: oid::RECORD, fields };
        args.push(Expr::constant(Datum::Record(template.into()), oid::RECORD));
        args.push(typmods(outputs.iter().map(|output| output.typmod)));
    } else if proc.src.contains("populate_record")
        && let Some(base) = args.first_mut()
        && base.ty == oid::RECORD
        && super::row_type::is_null(base)
    {
        let null = |o: &OutputColumn| (o.name.as_str().into(), Expr::null(o.ty));
        let fields = outputs.iter().map(null).collect();
        *base = Expr::new(ExprKind::Row { fields }, oid::RECORD);
        args.truncate(2);
        args.push(typmods(outputs.iter().map(|output| output.typmod)));
    }
    kind
}

/// Type modifiers, as functions that make rows of JSON take them.
pub(super) fn typmods(typmods: impl Iterator<Item = i32>) -> Expr {
    let typmods = types::Array::from_elements(oid::INT4, typmods.map(Datum::Int4).collect());
    Expr::constant(Datum::Array(typmods.into()), oid::INT4_ARRAY)
}

/// `unnest(a, b)` in FROM means `ROWS FROM (unnest(a), unnest(b))`; any other call is itself.
pub(super) fn unnest_parts(call: &Node) -> Vec<Node> {
    let Some(NodeEnum::FuncCall(function)) = &call.node else { return vec![call.clone()] };
    let named =
        matches!(strings(&function.funcname).as_slice(), ["unnest"] | ["pg_catalog", "unnest"]);
    if !named || function.args.len() < 2 {
        return vec![call.clone()];
    }
    let part = |arg: &Node| {
        let function = protobuf::FuncCall { args: vec![arg.clone()], ..(**function).clone() };
        Node { node: Some(NodeEnum::FuncCall(Box::new(function))) }
    };
    function.args.iter().map(part).collect()
}

/// Names and types of the output arguments of the function that an expression calls.
pub(super) fn row_fields(
    catalog: &catalog::Catalog,
    expr: &Expr,
) -> Option<Vec<(&'static str, Oid)>> {
    match &expr.kind {
        ExprKind::SetReturning(call) => output_arguments(catalog, call.proc, &call.site.arg_types),
        ExprKind::Call(call) => output_arguments(catalog, call.proc, &call.site.arg_types),
        _ => None,
    }
}

/// The OUT, INOUT and TABLE arguments of a function, by name; polymorphic ones as `args` (actual
/// types) decide.
pub(super) fn output_arguments(
    catalog: &catalog::Catalog,
    proc: &'static catalog::builtin::ProcRow,
    args: &[Oid],
) -> Option<Vec<(&'static str, Oid)>> {
    if proc.modes.is_empty() {
        return None;
    }
    let resolved = Polymorphic::of(catalog, args, proc.args);
    let outputs: Vec<_> = proc
        .modes
        .iter()
        .zip(proc.all_args.iter())
        .enumerate()
        .filter(|(_, (mode, _))| matches!(mode, b'o' | b'b' | b't'))
        .map(|(i, (_, ty))| {
            let ty = resolved.concrete(*ty);
            (proc.names.get(i).copied().unwrap_or("column"), ty)
        })
        .collect();
    (!outputs.is_empty()).then_some(outputs)
}

/// Whether a function in FROM may not return `ty`: pseudo-types have no values.
fn is_unsupported_result(ty: Oid) -> bool {
    let pseudo = |row: &catalog::builtin::TypeRow| row.category == b'P';
    !matches!(ty, oid::VOID | oid::CSTRING) && catalog::builtin::type_by_oid(ty).is_some_and(pseudo)
}

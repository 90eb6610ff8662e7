//! Calls of users' functions, and the bodies in which their arguments are in sight.

use std::sync::Arc;

use catalog::objects::{Argument, NameKind, Privilege};
use catalog::privilege::{Target, check_privilege};
use catalog::{Function, builtin};
use functions::Site;
use types::{Oid, Result, SqlError, SqlState, oid};

use super::coerce::Context;
use super::dml::Modify;
use super::function::{Actual, Candidate};
use super::polymorphic::{Polymorphic, is_polymorphic};
use super::query::{FromItem, OutputColumn, Query, Relation, Select, Source};
use super::select::{empty_select, plain_query};
use super::{Binder, Bound, parse_stored};
use crate::expr::{Expr, ExprKind, SetCall, UserCall, Var};
use crate::plan::{has_sub_link, is_volatile};

/// The function whose body is being bound.
#[derive(Clone, Debug)]
pub(crate) struct FunctionScope {
    /// What it gives back.
    pub(crate) result_type: Oid,
    pub(crate) name: String,
    /// Names of its input arguments.
    pub(crate) arguments: Vec<Option<String>>,
    /// Their types at this call.
    pub(crate) types: Vec<Oid>,
}

/// What the columns of a function's last statement are to be; `None` if they are as they come.
pub(crate) type Wanted<'w> = dyn Fn(&[OutputColumn]) -> Result<Option<Vec<(Oid, i32)>>> + 'w;

/// Columns with the types that they are assigned to.
fn assigned(columns: &[OutputColumn], types: &[(Oid, i32)]) -> Vec<OutputColumn> {
    let column = |(column, (ty, typmod)): (&OutputColumn, &(Oid, i32))| OutputColumn {
        ty: *ty,
        typmod: *typmod,
        domain: None,
        ..column.clone()
    };
    columns.iter().zip(types).map(column).collect()
}

impl<'a> Binder<'a> {
    /// Makes a function's arguments nameable.
    pub(crate) fn in_function(mut self, scope: FunctionScope) -> Binder<'a> {
        self.function = Some(scope);
        self
    }

    /// Declares the types of parameters.
    pub(crate) fn with_params(mut self, params: &[Oid]) -> Binder<'a> {
        self.params = params.to_vec();
        self
    }

    /// The last query of a function, coerced to the declared result.
    pub(crate) fn function_query(
        mut self,
        select: &parser::protobuf::SelectStmt,
        wanted: &Wanted<'_>,
    ) -> Result<Bound<Query>> {
        let query = self.select_statement(select)?;
        let query = match wanted(&query.columns)? {
            None => query,
            Some(types) => self.assign_outputs(query, &types)?,
        };
        self.finish(query)
    }

    /// As [`Binder::function_query`], for a modification whose RETURNING gives the result.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn function_modification(
        mut self,
        node: &parser::NodeEnum,
        wanted: &Wanted<'_>,
    ) -> Result<Bound<Modify>> {
        let mut modify = self.modify(node)?;
        if let Some((columns, exprs)) = modify.returning.take() {
            modify.returning = Some(match wanted(&columns)? {
                None => (columns, exprs),
                Some(types) => (assigned(&columns, &types), self.assign_each(exprs, &types)?),
            });
        }
        self.finish(modify)
    }

    /// Expressions assigned to a function's result.
    fn assign_each(&mut self, exprs: Vec<Expr>, types: &[(Oid, i32)]) -> Result<Vec<Expr>> {
        let result_type = self.function.as_ref().map_or(Oid::INVALID, |scope| scope.result_type);
        let mut targets = Vec::new();
        for (at, (expr, (ty, typmod))) in exprs.into_iter().zip(types).enumerate() {
            let source = expr.ty;
            let coerced = self.try_coerce_typmod(expr, *ty, *typmod, Context::Assignment)?;
            targets.push(coerced.ok_or_else(|| {
                let actual = self.type_name(source);
                let detail = match types {
                    [_] => format!("Actual return type is {actual}."),
                    _ => format!(
                        "Final statement returns {actual} instead of {} at column {}.",
                        self.type_name(*ty),
                        at + 1
                    ),
                };
                crate::function::mismatch(self.cx, result_type, &detail)
            })?);
        }
        Ok(targets)
    }

    /// A query whose output columns are assigned to a function's result.
    fn assign_outputs(&mut self, query: Query, types: &[(Oid, i32)]) -> Result<Query> {
        let columns = query.columns.clone();
        let var = |(column, output): (usize, &OutputColumn)| {
            let var = Var { level: 0, relation: 0, column };
            Expr::typed(ExprKind::Var(var), output.ty, output.typmod)
        };
        let targets = columns.iter().enumerate().map(var).collect();
        let targets = self.assign_each(targets, types)?;
        let outputs = assigned(&columns, types);
        let relation = Relation {
            source: Source::Query(Arc::new(query)),
            alias: "*SELECT*".into(),
            columns,
            lateral: false,
            view: None,
        };
        let from = vec![FromItem::Relation(0)];
        let select = Select { relations: vec![relation], from, targets, ..empty_select() };
        Ok(plain_query(select, outputs))
    }

    /// An argument of the function, by name; `scope` is the qualifier.
    pub(super) fn argument(&self, scope: Option<&str>, name: &str) -> Option<Expr> {
        let function = self.function.as_ref()?;
        if scope.is_some_and(|scope| scope != function.name) {
            return None;
        }
        let named = |argument: &Option<String>| argument.as_deref() == Some(name);
        let at = function.arguments.iter().position(named)?;
        let ty = function.types.get(at).copied()?;
        Some(Expr::new(ExprKind::Param(at), Oid(self.cx.catalog.base_type(ty.0, -1).0)))
    }

    /// What names mean that no column has: an argument, a field of one, or a function of one written
    /// like a field, the function's name before it or not.
    ///
    /// # Errors
    /// Those of a field that is not there.
    ///
    /// Source: PostgreSQL 16 `sql_fn_post_column_ref`, `src/backend/executor/functions.c`.
    pub(super) fn argument_reference(
        &mut self,
        names: &[&str],
        location: i32,
    ) -> Result<Option<Expr>> {
        let (argument, field) = match names {
            [name] => (self.argument(None, name), None),
            [scope, name] => match self.argument(Some(scope), name) {
                Some(argument) => (Some(argument), None),
                None => (self.argument(None, scope), Some(name)),
            },
            [scope, name, field] => (self.argument(Some(scope), name), Some(field)),
            _ => (None, None),
        };
        let Some(argument) = argument.map(|argument| argument.at(location)) else {
            return Ok(None);
        };
        match field {
            Some(field) => self.field(argument, field, location).map(Some),
            None => Ok(Some(argument)),
        }
    }

    /// The type of the argument `$number` of the function.
    pub(super) fn argument_type(&self, number: i32) -> Option<Oid> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.function.as_ref()?.types.get(at).copied()
    }

    /// The users' functions of a name that take arguments like these.
    pub(super) fn user_candidates(
        &self,
        schema: Option<&str>,
        name: &str,
        actual: Actual<'_>,
    ) -> Vec<Candidate> {
        let catalog = &self.cx.catalog;
        let mut functions: Vec<Arc<Function>> = Vec::new();
        for named in self.names.stored(NameKind::Function, schema, name) {
            functions.extend(catalog.function_by_oid(named.oid).cloned());
        }
        if functions.is_empty() {
            let schemas = match schema {
                Some(schema) => catalog.schema(schema).map(|s| s.oid).into_iter().collect(),
                None => self.search_path().to_vec(),
            };
            for schema in schemas {
                functions.extend(catalog.functions_named(schema, name).cloned());
            }
        }
        functions.iter().filter_map(|function| self.lay_out_user(function, actual)).collect()
    }

    /// Lays a function's parameters out for a call, if it can be called so.
    fn lay_out_user(&self, function: &Arc<Function>, actual: Actual<'_>) -> Option<Candidate> {
        let inputs: Vec<&Argument> = function.inputs().collect();
        let base = |input: &&Argument| Oid(self.cx.catalog.base_type(input.type_oid, -1).0);
        let types: Vec<Oid> = inputs.iter().map(base).collect();
        let (fixed, count) = (types.len(), actual.types.len());
        let (proc, user) = (placeholder(), Some(Arc::clone(function)));
        let positional = count.checked_sub(actual.names.len())?;
        if function.is_variadic() && !actual.variadic && actual.names.is_empty() && count >= fixed {
            let (array, rest) = types.split_last()?;
            let element = match super::polymorphic::element_of(*array) {
                Some(element) => element,
                None => self.element_type(*array)?,
            };
            let mut declared = rest.to_vec();
            declared.resize(count, element);
            let slots = (0..count).map(Some).collect();
            return Some(Candidate {
                proc,
                declared,
                variadic_from: Some(rest.len()),
                slots,
                user,
            });
        }
        let spread = function.is_variadic() && !actual.variadic;
        if count > fixed || spread && !actual.names.is_empty() {
            return None;
        }
        let mut slots: Vec<Option<usize>> =
            (0..fixed).map(|at| (at < positional).then_some(at)).collect();
        let mut declared = types.get(..positional)?.to_vec();
        for (number, name) in actual.names.iter().enumerate() {
            let at = inputs.iter().position(|input| input.name.as_deref() == Some(*name))?;
            let slot = slots.get_mut(at)?;
            if slot.is_some() {
                return None;
            }
            *slot = Some(positional + number);
            declared.push(*types.get(at)?);
        }
        let complete = slots
            .iter()
            .zip(&inputs)
            .all(|(slot, input)| slot.is_some() || input.default.is_some());
        complete.then_some(Candidate { proc, declared, variadic_from: None, slots, user })
    }

    /// The call of a user's function.
    ///
    /// # Errors
    /// `42501`, and what coercion raises.
    pub(super) fn user_call(
        &mut self,
        candidate: &Candidate,
        schema: Option<&str>,
        name: &str,
        args: Vec<Expr>,
        location: i32,
    ) -> Result<Expr> {
        let Candidate { proc: _, declared, variadic_from, slots, user } = candidate;
        let function = user.clone().ok_or_else(|| SqlError::internal("call of no function"))?;
        let target = Target::Function(&function);
        check_privilege(&self.cx.catalog, self.cx.role, target, Privilege::Execute)?;
        self.names.record(NameKind::Function, schema, name, function.oid);
        // Each value beside the type that it is declared to have: a polymorphic default counts too.
        let mut given: Vec<Option<(Expr, Oid)>> =
            args.into_iter().zip(declared.iter().copied()).map(Some).collect();
        let mut values: Vec<(Expr, Oid)> = Vec::with_capacity(slots.len());
        match variadic_from {
            Some(_) => values.extend(given.into_iter().flatten()),
            None => {
                for (slot, input) in slots.iter().zip(function.inputs()) {
                    let value = match slot {
                        Some(at) => super::required(given.get_mut(*at).and_then(Option::take))?,
                        None => self.default_argument(input)?,
                    };
                    values.push(value);
                }
            }
        }
        let types: Vec<Oid> = values.iter().map(|(_, ty)| *ty).collect();
        let resolved = match types.iter().any(|ty| is_polymorphic(*ty)) {
            true => {
                let type_of = |value: &Expr| self.domain_of(value).unwrap_or(value.ty);
                let actual: Vec<Oid> = values.iter().map(|(value, _)| type_of(value)).collect();
                self.resolve_polymorphic(&actual, &types)?
            }
            false => Polymorphic::default(),
        };
        let mut coerced = Vec::with_capacity(values.len());
        for (value, declared) in values {
            let (target, source) = (resolved.concrete(declared), value.ty);
            let value = self.try_coerce(value, target, Context::Implicit)?;
            let value = value.ok_or_else(|| {
                let (from, to) = (self.type_name(source), self.type_name(target));
                let message = format!("cannot cast type {from} to {to}");
                self.error(SqlState::CANNOT_COERCE, message, location)
            })?;
            coerced.push(self.settle(value)?);
        }
        let mut values = coerced;
        if let Some(from) = variadic_from {
            let elements = values.split_off(*from);
            let element_type = declared.get(*from).map_or(oid::TEXT, |ty| resolved.concrete(*ty));
            let array = self
                .array_type(element_type)
                .ok_or_else(|| SqlError::internal("variadic of no array type"))?;
            let element_type = self.cx.catalog.built_in(element_type);
            let kind = ExprKind::Array { elements, element_type, nested: false };
            values.push(Expr::new(kind, array));
        }
        for (value, input) in values.iter_mut().zip(function.inputs()) {
            self.check_domain(value, input.type_oid)?;
        }
        let returns = resolved.concrete(Oid(function.returns));
        let result = self.cx.catalog.beneath(returns);
        let call = UserCall {
            function: Arc::clone(&function),
            arg_types: values.iter().map(|value| value.ty).collect(),
            args: values,
            result_type: result,
            defined: Vec::new(),
            in_from: false,
        };
        if function.returns_set {
            return self.user_set(call, location);
        }
        let mut expr = Expr::new(ExprKind::UserCall(Box::new(call)), result).at(location);
        self.check_domain(&mut expr, returns.0)?;
        Ok(expr)
    }

    /// The default of a parameter, and the type that is declared.
    fn default_argument(&self, input: &Argument) -> Result<(Expr, Oid)> {
        let default = super::required(input.default.as_ref())?;
        let node = parse_stored(&default.text)?;
        let ty = Oid(self.cx.catalog.base_type(input.type_oid, -1).0);
        let binder = Binder::stored(self.cx, &default.text, &default.names);
        let name = input.name.as_deref().unwrap_or_default();
        Ok((binder.column_expression(None, &node, name, ty, -1)?.at(-1), ty))
    }

    /// A set-returning call: `unnest` of the array that the call gives.
    fn user_set(&mut self, call: UserCall, location: i32) -> Result<Expr> {
        let ty = call.result_type;
        let element = match call.returns_row(&self.cx.catalog) {
            true => oid::RECORD,
            false => ty,
        };
        let array = match element {
            oid::VOID => oid::TEXT_ARRAY,
            // Arrays have no array type; what is passed on is an array of them all the same.
            element if self.element_type(element).is_some() => oid::RECORD_ARRAY,
            element => self
                .array_type(element)
                .ok_or_else(|| SqlError::internal("set of a type without arrays"))?,
        };
        let unnest =
            builtin::procs_by_name("unnest").iter().find(|proc| proc.args == [oid::ANYARRAY]);
        let proc = unnest.ok_or_else(|| SqlError::internal("no unnest"))?;
        let arg = Expr::new(ExprKind::UserCall(Box::new(call)), array);
        let site = Site { arg_types: [array].into(), result_type: element };
        let mut expr = self.set_call(proc, site, vec![arg], location)?;
        expr.ty = ty;
        Ok(expr)
    }
}

/// The call behind an expression, directly or below `unnest`.
pub(super) fn called(expr: &Expr) -> Option<&UserCall> {
    match &expr.kind {
        ExprKind::UserCall(call) => Some(call),
        ExprKind::SetReturning(call) => {
            let SetCall { args, .. } = call.as_ref();
            match args.as_slice() {
                [Expr { kind: ExprKind::UserCall(call), .. }] => Some(call),
                _ => None,
            }
        }
        _ => None,
    }
}

/// As [`called`].
pub(super) fn called_mut(kind: &mut ExprKind) -> Option<&mut UserCall> {
    match kind {
        ExprKind::UserCall(call) => Some(call),
        ExprKind::SetReturning(call) => match call.args.as_mut_slice() {
            [Expr { kind: ExprKind::UserCall(call), .. }] => Some(call),
            _ => None,
        },
        _ => None,
    }
}

/// Notes that a call is an item of FROM, unless its arguments keep PostgreSQL from replacing it.
///
/// Source: PostgreSQL 16 `inline_set_returning_function`, `src/backend/optimizer/util/clauses.c`.
pub(super) fn set_in_from(expr: &mut Expr) {
    if let Some(call) = called_mut(&mut expr.kind) {
        call.in_from = call.args.iter().all(|arg| !has_sub_link(arg) && !is_volatile(arg));
    }
}

/// Names and types of the columns that a call in FROM has; `None` for a plain value.
pub(super) fn call_columns(
    catalog: &catalog::Catalog,
    call: &UserCall,
) -> Option<Vec<(String, Oid)>> {
    let types = output_types(catalog, &call.function, &call.arg_types);
    if !types.is_empty() {
        let column = |(at, (output, ty)): (usize, (&Argument, Oid))| {
            let name = output.name.clone().unwrap_or_else(|| format!("column{}", at + 1));
            (name, Oid(catalog.base_type(ty.0, -1).0))
        };
        return Some(call.function.outputs().zip(types).enumerate().map(column).collect());
    }
    let relation = catalog.relation_of_rows(call.result_type)?;
    if let Some(table) = catalog.table_by_oid(relation) {
        let columns = table.live_columns();
        return Some(columns.map(|(_, c)| (c.name.clone(), Oid(c.type_oid))).collect());
    }
    let view = catalog.view_by_oid(relation)?;
    Some(view.columns.iter().map(|c| (c.name.clone(), Oid(c.type_oid))).collect())
}

/// The types of a function's output arguments, for arguments of these types.
pub(crate) fn output_types(
    catalog: &catalog::Catalog,
    function: &Function,
    arg_types: &[Oid],
) -> Vec<Oid> {
    let inputs: Vec<Oid> = function.input_types().into_iter().map(Oid).collect();
    let resolved = Polymorphic::of(catalog, arg_types, &inputs);
    function.outputs().map(|output| resolved.concrete(Oid(output.type_oid))).collect()
}

impl UserCall {
    /// Whether its value is a row.
    pub(crate) fn returns_row(&self, catalog: &catalog::Catalog) -> bool {
        self.result_type == oid::RECORD || catalog.relation_of_rows(self.result_type).is_some()
    }
}

/// Stands for the `pg_proc` row that a user's function does not have.
fn placeholder() -> &'static builtin::ProcRow {
    const VERSION: Oid = Oid(89);
    builtin::proc_by_oid(VERSION).unwrap_or_else(|| &builtin::procs_by_name("version")[0])
}

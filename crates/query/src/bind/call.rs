//! Function calls: which function is meant, and of which kind it is.
//!
//! Source: PostgreSQL 16 `ParseFuncOrColumn`, `src/backend/parser/parse_func.c`.

use catalog::builtin::{self, ProcKind, ProcRow};
use parser::protobuf;
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::coerce::{Context, Pathway, pathway};
use super::function::{Actual, Candidate, NotFound};
use super::polymorphic::is_polymorphic;
use super::scope::{Level, Place, Sets};
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind};

/// Most arguments of a call.
const ARGUMENTS_MAX: usize = 100;

/// A call's arguments, bound.
pub(super) struct Arguments {
    pub(super) exprs: Vec<Expr>,
    /// Set-returning calls met before the arguments.
    pub(super) sets_before: Sets,
}

/// Arguments in their parameters' types.
pub(super) struct Coerced {
    pub(super) args: Vec<Expr>,
    pub(super) result_type: Oid,
    /// The domain whose value the result is; the type is what that is over.
    pub(super) domain: Option<Oid>,
    /// The last argument is an array whose elements are arguments.
    pub(super) spread: bool,
}

/// Puts the elements of the last argument in its place, for a function that takes any number of any
/// type; false if they are known at run time only.
fn spread(args: &mut Vec<Expr>, declared: &mut Vec<Oid>) -> bool {
    let written = |last: &mut Expr| match &mut last.kind {
        ExprKind::Array { elements, element_type: _, nested: false } => {
            Some(std::mem::take(elements))
        }
        _ => None,
    };
    let Some(elements) = args.last_mut().and_then(written) else { return false };
    args.pop();
    args.extend(elements);
    declared.resize(args.len(), oid::ANY);
    true
}

impl Binder<'_> {
    pub(super) fn function_call(&mut self, call: &protobuf::FuncCall) -> Result<Expr> {
        let protobuf::FuncCall {
            funcname,
            args: arg_nodes,
            agg_order,
            agg_filter,
            over,
            agg_within_group,
            agg_star,
            agg_distinct,
            func_variadic,
            funcformat: _,
            location,
        } = call;
        let location = *location;
        let names = strings(funcname);
        let (name, qualifiers) = required(names.split_last())?;
        let (schema, name) = (self.qualifier(qualifiers, &names, location)?, *name);
        let full_name = names.join(".");
        let sets_before = self.sets();
        let (mut exprs, arg_names) = self.arguments(arg_nodes)?;
        if *agg_within_group {
            let place = std::mem::replace(&mut self.level()?.place, Place::OrderBy);
            for item in agg_order {
                if let Some(NodeEnum::SortBy(sort)) = &item.node {
                    let expr = self.boxed(&sort.node)?;
                    self.refuse_positional(&arg_names, &expr)?;
                    exprs.push(expr);
                }
            }
            self.level()?.place = place;
        }
        let filter = match agg_filter {
            Some(node) => {
                let place = std::mem::replace(&mut self.level()?.place, Place::Filter);
                let filter = self.expression(node);
                self.level()?.place = place;
                Some(self.boolean(filter?, "FILTER")?)
            }
            None => None,
        };
        if exprs.len() > ARGUMENTS_MAX {
            return Err(self.error(
                SqlState::TOO_MANY_ARGUMENTS,
                format!("cannot pass more than {ARGUMENTS_MAX} arguments to a function"),
                location,
            ));
        }
        let types = self.with_domains(&exprs, exprs.iter().map(|arg| arg.ty).collect());
        let actual = Actual { types: &types, names: &arg_names, variadic: *func_variadic };
        let plain = !agg_star
            && !agg_distinct
            && !agg_within_group
            && agg_order.is_empty()
            && filter.is_none()
            && over.is_none();

        // `type(x)` is a cast unless a function takes exactly this.
        if exprs.len() == 1
            && arg_names.is_empty()
            && !agg_within_group
            && let Some(target) = self.function_as_cast(schema, name, types[0])
            && self.exact_function(schema, name, actual).is_none()
        {
            self.refuse_decorations(call, &full_name)?;
            let arg = exprs.swap_remove(0);
            return self.cast(arg, target, -1, location);
        }
        let candidate = match self.find_function(schema, name, actual) {
            Ok(candidate) => candidate,
            Err(why) => {
                // A function of one row may be one of its fields.
                if plain
                    && schema.is_none()
                    && why == NotFound::Missing
                    && !*func_variadic
                    && arg_names.is_empty()
                    && exprs.len() == 1
                    && let Some(field) = self.field_of(&exprs[0], name)
                {
                    return Ok(field);
                }
                if let Some(schema) = schema
                    && self.cx.catalog.schema(schema).is_none()
                {
                    return Err(self.error(
                        SqlState::INVALID_SCHEMA_NAME,
                        format!("schema \"{schema}\" does not exist"),
                        location,
                    ));
                }
                let misplaced = agg_order.len() > 1 && !agg_within_group;
                return Err(self.function_error(why, &full_name, actual, misplaced, location));
            }
        };
        if candidate.user.is_some() {
            self.refuse_decorations(call, &full_name)?;
            return self.user_call(&candidate, schema, name, exprs, location);
        }
        let proc = candidate.proc;
        match proc.kind {
            ProcKind::Procedure => Err(self
                .error(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("{} is a procedure", self.signature(&full_name, actual)),
                    location,
                )
                .hint("To call a procedure, use CALL.")),
            ProcKind::Function => {
                self.refuse_decorations(call, &full_name)?;
                self.call(&candidate, exprs, *func_variadic, location)
            }
            ProcKind::Aggregate => {
                let arguments = Arguments { exprs, sets_before };
                self.aggregate_call(call, &candidate, actual, arguments, filter)
            }
            ProcKind::Window => {
                let arguments = Arguments { exprs, sets_before };
                self.window_call(call, &candidate, arguments, filter)
            }
        }
    }

    /// The argument of a CALL of the only procedure that there is.
    ///
    /// # Errors
    /// `42883` if it names no procedure, `42809` if a function, what the argument raises.
    pub(crate) fn procedure_argument(mut self, call: &protobuf::FuncCall) -> Result<&Node> {
        let names = strings(&call.funcname);
        let (name, qualifiers) = required(names.split_last())?;
        let (schema, name) = (self.qualifier(qualifiers, &names, call.location)?, *name);
        if let Some(schema) = schema
            && self.cx.catalog.schema(schema).is_none()
        {
            let message = format!("schema \"{schema}\" does not exist");
            return Err(self.error(SqlState::INVALID_SCHEMA_NAME, message, call.location));
        }
        self.levels.push(Level::new(Place::CallArgument));
        let (exprs, arg_names) = self.arguments(&call.args)?;
        let types = self.with_domains(&exprs, exprs.iter().map(|arg| arg.ty).collect());
        let actual = Actual { types: &types, names: &arg_names, variadic: call.func_variadic };
        let signature = self.signature(&names.join("."), actual);
        match (self.find_function(schema, name, actual), call.args.as_slice()) {
            (Ok(candidate), [arg]) if candidate.proc.kind == ProcKind::Procedure => {
                match &arg.node {
                    Some(NodeEnum::NamedArgExpr(named)) => super::required(named.arg.as_deref()),
                    _ => Ok(arg),
                }
            }
            (Ok(candidate), _) if candidate.proc.kind != ProcKind::Procedure => {
                let message = format!("{signature} is not a procedure");
                let error = self.error(SqlState::WRONG_OBJECT_TYPE, message, call.location);
                Err(error.hint("To call a function, use SELECT."))
            }
            _ => {
                let message = format!("procedure {signature} does not exist");
                let error = self.error(SqlState::UNDEFINED_FUNCTION, message, call.location);
                Err(error.hint(
                    "No procedure matches the given name and argument types. You might need to \
                     add explicit type casts.",
                ))
            }
        }
    }

    /// Arguments, and the names of those given by name.
    fn arguments<'n>(&mut self, nodes: &'n [Node]) -> Result<(Vec<Expr>, Vec<&'n str>)> {
        let (mut exprs, mut names) = (Vec::with_capacity(nodes.len()), Vec::new());
        for node in nodes {
            match &node.node {
                Some(NodeEnum::NamedArgExpr(named)) => {
                    let protobuf::NamedArgExpr { xpr: _, arg, name, argnumber: _, location } =
                        named.as_ref();
                    exprs.push(self.boxed(arg)?);
                    if names.contains(&name.as_str()) {
                        return Err(self.error(
                            SqlState::SYNTAX_ERROR,
                            format!("argument name \"{name}\" used more than once"),
                            *location,
                        ));
                    }
                    names.push(name.as_str());
                }
                _ => {
                    let expr = self.expression(node)?;
                    self.refuse_positional(&names, &expr)?;
                    exprs.push(expr);
                }
            }
        }
        Ok((exprs, names))
    }

    /// Fails if arguments by name stand before one by position.
    fn refuse_positional(&self, names: &[&str], argument: &Expr) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let message = "positional argument cannot follow named argument";
        Err(self.error(SqlState::SYNTAX_ERROR, message, argument.location))
    }

    /// A type as functions are told of it: they know arrays of built-in types only.
    pub(super) fn site_type(&self, ty: Oid) -> Oid {
        match self.element_type(ty) {
            Some(_) => self.cx.catalog.built_in(ty),
            None => ty,
        }
    }

    /// The types of arguments as polymorphic parameters see them: those of a domain are its.
    pub(super) fn with_domains(&self, args: &[Expr], mut types: Vec<Oid>) -> Vec<Oid> {
        for (ty, arg) in types.iter_mut().zip(args) {
            if let Some(domain) = self.domain_of(arg) {
                *ty = domain;
            }
        }
        types
    }

    /// Types without their domains.
    pub(super) fn beneath_all(&self, types: &[Oid]) -> Vec<Oid> {
        types.iter().map(|ty| self.cx.catalog.beneath(*ty)).collect()
    }

    /// Where a function is called with `args`.
    pub(super) fn site(&self, args: &[Expr], result_type: Oid) -> functions::Site {
        let arg_types = args.iter().map(|arg| self.site_type(arg.ty)).collect();
        functions::Site { arg_types, result_type: self.site_type(result_type) }
    }

    /// The type that `name(source)` casts to, if it is the name of one that `source` can be cast to.
    fn function_as_cast(&self, schema: Option<&str>, name: &str, source: Oid) -> Option<Oid> {
        if schema.is_some_and(|schema| schema != "pg_catalog") {
            return None;
        }
        let target = builtin::type_by_name(name)?.oid;
        if source == oid::UNKNOWN {
            return Some(target);
        }
        let catalog = &self.cx.catalog;
        match pathway(catalog, source, target, Context::Explicit)? {
            Pathway::Relabel => Some(target),
            // Rows to strings are left to functions and fields of this name.
            Pathway::Io => {
                let row = source == oid::RECORD || catalog.is_row_type(source);
                (!row || catalog.type_category(target) != b'S').then_some(target)
            }
            Pathway::Function(_) | Pathway::Elements => None,
        }
    }

    /// Fails if a call of a plain function has what only aggregates and window functions take.
    fn refuse_decorations(&self, call: &protobuf::FuncCall, name: &str) -> Result<()> {
        let what = if call.agg_star {
            format!("{name}(*) specified, but {name} is not an aggregate function")
        } else if call.agg_distinct {
            format!("DISTINCT specified, but {name} is not an aggregate function")
        } else if call.agg_within_group {
            format!("WITHIN GROUP specified, but {name} is not an aggregate function")
        } else if !call.agg_order.is_empty() {
            format!("ORDER BY specified, but {name} is not an aggregate function")
        } else if call.agg_filter.is_some() {
            format!("FILTER specified, but {name} is not an aggregate function")
        } else if call.over.is_some() {
            format!("OVER specified, but {name} is not a window function nor an aggregate function")
        } else {
            return Ok(());
        };
        Err(self.error(SqlState::WRONG_OBJECT_TYPE, what, call.location))
    }

    /// `name(type, parameter => type)`.
    pub(super) fn signature(&self, name: &str, actual: Actual<'_>) -> String {
        let positional = actual.types.len() - actual.names.len();
        let types: Vec<String> = actual
            .types
            .iter()
            .enumerate()
            .map(|(i, ty)| match i.checked_sub(positional).and_then(|n| actual.names.get(n)) {
                Some(name) => format!("{name} => {}", self.type_name(*ty)),
                None => self.type_name(*ty),
            })
            .collect();
        format!("{name}({})", types.join(", "))
    }

    pub(super) fn function_error(
        &self,
        why: NotFound,
        name: &str,
        actual: Actual<'_>,
        misplaced_order: bool,
        location: i32,
    ) -> SqlError {
        let signature = self.signature(name, actual);
        match why {
            NotFound::Missing => {
                let message = format!("function {signature} does not exist");
                let error = self.error(SqlState::UNDEFINED_FUNCTION, message, location);
                error.hint(match misplaced_order {
                    true => {
                        "No aggregate function matches the given name and argument types. Perhaps \
                         you misplaced ORDER BY; ORDER BY must appear after all regular arguments \
                         of the aggregate."
                    }
                    false => {
                        "No function matches the given name and argument types. You might need to \
                         add explicit type casts."
                    }
                })
            }
            NotFound::Ambiguous => self
                .error(
                    SqlState::AMBIGUOUS_FUNCTION,
                    format!("function {signature} is not unique"),
                    location,
                )
                .hint(
                    "Could not choose a best candidate function. You might need to add explicit \
                     type casts.",
                ),
        }
    }

    /// Arguments in the types that a candidate declares, in the order of its parameters, and the
    /// type of its result.
    pub(super) fn coerce_arguments(
        &mut self,
        candidate: &Candidate,
        args: Vec<Expr>,
        variadic: bool,
    ) -> Result<Coerced> {
        let Candidate { proc, declared, variadic_from, slots, user: _ } = candidate;
        let (args, declared) = self.fill_defaults(proc, slots, args, declared)?;
        let sources: Vec<Oid> = args.iter().map(|arg| arg.ty).collect();
        let polymorphic = declared.iter().chain([&proc.ret]).any(|ty| is_polymorphic(*ty));
        let resolved = match polymorphic {
            true => self.resolve_polymorphic(&self.with_domains(&args, sources), &declared)?,
            false => Default::default(),
        };
        if resolved.leaves_open(proc.ret) {
            return Err(super::polymorphic::element_unknown());
        }
        if proc.variadic == oid::ANY
            && variadic
            && let Some(last) = args.last()
            && self.element_type(last.ty).is_none()
        {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                "VARIADIC argument must be an array",
                last.location,
            ));
        }
        let (mut args, mut declared) = (args, declared);
        let spread = proc.variadic == oid::ANY && variadic && !spread(&mut args, &mut declared);
        let mut coerced = Vec::with_capacity(args.len());
        for (arg, declared) in args.into_iter().zip(&declared) {
            let target = resolved.concrete(*declared);
            let source = arg.ty;
            let arg = self.try_coerce(arg, target, Context::Implicit)?.ok_or_else(|| {
                SqlError::internal(format!(
                    "cannot pass {} as {}",
                    self.type_name(source),
                    self.type_name(target)
                ))
            })?;
            coerced.push(match target {
                // The one function that tells an untyped literal.
                oid::ANY if matches!(proc.name, "pg_typeof" | "pg_collation_for") => arg,
                oid::ANY => self.any_argument(proc, arg)?,
                _ => arg,
            });
        }
        if let Some(from) = variadic_from
            && proc.variadic != oid::ANY
        {
            let elements: Vec<Expr> = coerced.drain(*from..).collect();
            let element_type = elements.first().map_or(proc.variadic, |e| e.ty);
            let array = self
                .array_type(element_type)
                .ok_or_else(|| SqlError::internal("variadic of no array type"))?;
            let location = elements.first().map_or(-1, |e| e.location);
            let element_type = self.cx.catalog.built_in(element_type);
            let kind = ExprKind::Array { elements, element_type, nested: false };
            coerced.push(Expr::new(kind, array).at(location));
        }
        let result = resolved.concrete(proc.ret);
        let domain = self.cx.catalog.domain_by_oid(result.0).map(|domain| Oid(domain.oid));
        let result_type = self.cx.catalog.beneath(result);
        Ok(Coerced { args: coerced, result_type, domain, spread })
    }

    /// Arguments in the order of the parameters, what is left out by its default.
    fn fill_defaults(
        &mut self,
        proc: &'static ProcRow,
        slots: &[Option<usize>],
        args: Vec<Expr>,
        declared: &[Oid],
    ) -> Result<(Vec<Expr>, Vec<Oid>)> {
        if slots.iter().enumerate().all(|(i, slot)| *slot == Some(i)) {
            return Ok((args, declared.to_vec()));
        }
        let mut args: Vec<Option<Expr>> = args.into_iter().map(Some).collect();
        let (mut filled, mut types) = (Vec::new(), Vec::new());
        let first_default = proc.args.len() - proc.defaults.len();
        for (position, slot) in slots.iter().enumerate() {
            types.push(*required(proc.args.get(position))?);
            filled.push(match slot {
                Some(number) => required(args.get_mut(*number).and_then(Option::take))?,
                None => {
                    let text = position.checked_sub(first_default);
                    let text = required(text.and_then(|at| proc.defaults.get(at)))?;
                    let node = Node { node: Some(*parser::parse_expression(text)?) };
                    self.expression(&node)?.at(-1)
                }
            });
        }
        Ok((filled, types))
    }
}

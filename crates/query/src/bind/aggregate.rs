//! Function calls: scalar, set-returning, aggregate and window.

use catalog::builtin::{self, ProcKind, ProcRow};
use functions::Site;
use parser::protobuf;
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::coerce::{Context, array_type, concrete, is_polymorphic, resolve_polymorphic};
use super::function::{Candidate, NotFound, not_supported};
use super::query::{BoundAggregate, BoundWindow};
use super::scope::ExprPlace;
use super::{Binder, strings};
use crate::expr::{Expr, ExprKind, SetCall};
use crate::plan::{
    AggregateCall, Frame, FrameBound, FrameExclude, FrameMode, SortKey, WindowFunction,
};

/// Texts and types of the parameters, `count` at the end, that a call leaves to their defaults.
fn default_arguments(
    proc: &'static ProcRow,
    count: usize,
) -> impl Iterator<Item = (&'static str, Oid)> {
    let texts = proc.defaults.iter().skip(proc.defaults.len().saturating_sub(count));
    let types = proc.args.iter().skip(proc.args.len().saturating_sub(count));
    texts.copied().zip(types.copied())
}

impl Binder<'_> {
    pub(super) fn function_call(&mut self, call: &protobuf::FuncCall) -> Result<Expr> {
        let protobuf::FuncCall {
            funcname,
            args,
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
        let (schema, name) = match names.as_slice() {
            [name] => (None, *name),
            [schema, name] => (Some(*schema), *name),
            [_, schema, name] => (Some(*schema), *name),
            _ => return Err(SqlError::internal("function without a name")),
        };
        let outer_aggregate = self.level().map(|level| level.in_aggregate).unwrap_or(false);
        let is_aggregate_name =
            builtin::procs_by_name(name).iter().any(|proc| proc.kind == ProcKind::Aggregate);
        if is_aggregate_name && over.is_none() && outer_aggregate {
            return Err(self.error(
                SqlState::GROUPING_ERROR,
                "aggregate function calls cannot be nested",
                location,
            ));
        }
        if is_aggregate_name
            && over.is_none()
            && let Ok(level) = self.level()
        {
            level.in_aggregate = true;
        }
        let bound = self.bind_args(args);
        if let Ok(level) = self.level() {
            level.in_aggregate = outer_aggregate;
        }
        let mut bound = bound?;
        if *agg_within_group {
            for item in agg_order {
                if let Some(NodeEnum::SortBy(sort)) = &item.node {
                    bound.push(self.boxed(&sort.node)?);
                }
            }
        }
        let actual: Vec<Oid> = bound.iter().map(|arg| arg.ty).collect();

        // `type(x)` is a cast where no function has the name.
        if !agg_star
            && over.is_none()
            && bound.len() == 1
            && schema.is_none_or(|s| s == "pg_catalog")
            && let Some(row) = builtin::type_by_name(name)
            && self.find_function(schema, name, &actual, !func_variadic).is_err()
            && let Some(arg) = bound.pop()
        {
            return self.cast(arg, row.oid, -1, location);
        }
        let candidate =
            self.find_function(schema, name, &actual, !func_variadic).map_err(|why| {
                self.function_error(why, &names.join("."), &actual, *func_variadic, location)
            })?;
        let proc = candidate.proc;
        let plain = agg_order.is_empty() && agg_filter.is_none() && !agg_star && !agg_distinct;
        match proc.kind {
            ProcKind::Aggregate if over.is_some() => {
                let aggregate =
                    self.aggregate(&candidate, bound, &[], agg_filter, *agg_distinct, location)?;
                if *agg_distinct {
                    return Err(self.error(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "DISTINCT is not implemented for window functions",
                        location,
                    ));
                }
                self.window_aggregate(aggregate, over, location)
            }
            ProcKind::Aggregate => {
                self.check_aggregate_place(location)?;
                let aggregate = self.aggregate(
                    &candidate,
                    bound,
                    agg_order,
                    agg_filter,
                    *agg_distinct,
                    location,
                )?;
                let ty = aggregate.ty;
                let level = self.level()?;
                level.aggregates.push(aggregate);
                let number = level.aggregates.len() - 1;
                Ok(Expr::new(ExprKind::Aggregate(number), ty))
            }
            ProcKind::Window => {
                let Some(window) = over else {
                    return Err(self.error(
                        SqlState::WRONG_OBJECT_TYPE,
                        format!("window function {name} requires an OVER clause"),
                        location,
                    ));
                };
                let (args, ty) = self.coerce_args(&candidate, bound, location)?;
                self.window(WindowFunction::Builtin(proc.src), args, None, ty, window, location)
            }
            ProcKind::Procedure => Err(self
                .error(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("{} is a procedure", self.signature(&names.join("."), &actual)),
                    location,
                )
                .hint("To call a procedure, use CALL.")),
            ProcKind::Function => {
                if !plain || over.is_some() {
                    let what = if *agg_star {
                        format!("{name}(*) specified, but {name} is not an aggregate function")
                    } else if *agg_distinct {
                        format!("DISTINCT specified, but {name} is not an aggregate function")
                    } else if !agg_order.is_empty() {
                        format!("ORDER BY specified, but {name} is not an aggregate function")
                    } else if agg_filter.is_some() {
                        format!("FILTER specified, but {name} is not an aggregate function")
                    } else {
                        format!(
                            "OVER specified, but {name} is not a window function nor an aggregate \
                             function"
                        )
                    };
                    return Err(self.error(SqlState::WRONG_OBJECT_TYPE, what, location));
                }
                let Candidate { proc, mut declared, variadic_from, defaults } = candidate;
                for (text, ty) in default_arguments(proc, defaults) {
                    let node = Node { node: Some(*parser::parse_expression(text)?) };
                    bound.push(self.expression(&node)?);
                    declared.push(ty);
                }
                self.call(proc, &declared, bound, variadic_from, location)
            }
        }
    }

    fn bind_args(&mut self, args: &[Node]) -> Result<Vec<Expr>> {
        args.iter().map(|arg| self.expression(arg)).collect()
    }

    fn signature(&self, name: &str, actual: &[Oid]) -> String {
        let types: Vec<String> = actual.iter().map(|ty| self.type_name(*ty)).collect();
        format!("{name}({})", types.join(", "))
    }

    fn function_error(
        &self,
        why: NotFound,
        name: &str,
        actual: &[Oid],
        _variadic: bool,
        location: i32,
    ) -> SqlError {
        let signature = self.signature(name, actual);
        match why {
            NotFound::Missing => self
                .error(
                    SqlState::UNDEFINED_FUNCTION,
                    format!("function {signature} does not exist"),
                    location,
                )
                .hint(
                    "No function matches the given name and argument types. You might need to add \
                     explicit type casts.",
                ),
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

    fn check_aggregate_place(&mut self, location: i32) -> Result<()> {
        let place = self.level()?.place;
        match place.refuses_aggregates() {
            None => Ok(()),
            Some(clause) => Err(self.error(
                SqlState::GROUPING_ERROR,
                format!("aggregate functions are not allowed in {clause}"),
                location,
            )),
        }
    }

    /// Arguments in their declared types, and the result type.
    fn coerce_args(
        &mut self,
        candidate: &Candidate,
        args: Vec<Expr>,
        location: i32,
    ) -> Result<(Vec<Expr>, Oid)> {
        let Candidate { proc, declared, variadic_from, defaults: _ } = candidate;
        let actual: Vec<Oid> = args.iter().map(|arg| arg.ty).collect();
        let polymorphic = declared.iter().chain([&proc.ret]).any(|ty| is_polymorphic(*ty));
        let element = if polymorphic { resolve_polymorphic(&actual, declared) } else { None };
        let mut coerced = Vec::new();
        for (arg, declared) in args.into_iter().zip(declared) {
            let target = element.map_or(*declared, |element| concrete(*declared, element));
            let arg = self.try_coerce(arg, target, Context::Implicit)?.ok_or_else(|| {
                self.error(SqlState::DATATYPE_MISMATCH, "argument does not fit", location)
            })?;
            coerced.push(self.settle(arg)?);
        }
        if let Some(from) = variadic_from
            && proc.variadic != oid::ANY
        {
            let elements: Vec<Expr> = coerced.drain(*from..).collect();
            let element_type = elements.first().map_or(proc.variadic, |e| e.ty);
            let array = array_type(element_type)
                .ok_or_else(|| SqlError::internal("variadic of no array type"))?;
            coerced
                .push(Expr::new(ExprKind::Array { elements, element_type, nested: false }, array));
        }
        let ty = element.map_or(proc.ret, |element| concrete(proc.ret, element));
        Ok((coerced, ty))
    }

    fn aggregate(
        &mut self,
        candidate: &Candidate,
        args: Vec<Expr>,
        order: &[Node],
        filter: &Option<Box<Node>>,
        distinct: bool,
        location: i32,
    ) -> Result<BoundAggregate> {
        let proc = candidate.proc;
        let (args, ty) = self.coerce_args(candidate, args, location)?;
        if distinct {
            for arg in &args {
                self.require_equality(arg.ty, location)?;
            }
        }
        let in_aggregate = std::mem::replace(&mut self.level()?.in_aggregate, true);
        let parts = self.aggregate_parts(order, filter);
        self.level()?.in_aggregate = in_aggregate;
        let (order, filter) = parts?;
        let accumulator = functions::aggregate(proc.oid)
            .ok_or_else(|| not_supported(proc).at(self.position(location)))?;
        let strict = builtin::aggregate(proc.oid)
            .and_then(|row| builtin::proc_by_oid(row.trans_fn))
            .map(|transition| transition.strict)
            .unwrap_or(false);
        let site = Site { arg_types: args.iter().map(|arg| arg.ty).collect(), result_type: ty };
        Ok(BoundAggregate {
            accumulator,
            site,
            name: proc.name,
            strict,
            args,
            distinct,
            order,
            filter,
            ty,
        })
    }

    fn aggregate_parts(
        &mut self,
        order: &[Node],
        filter: &Option<Box<Node>>,
    ) -> Result<(Vec<SortKey>, Option<Expr>)> {
        let order = self.sort_keys(order)?;
        let filter = match filter {
            Some(node) => {
                let expr = self.expression(node)?;
                Some(self.boolean(expr, "FILTER", -1)?)
            }
            None => None,
        };
        Ok((order, filter))
    }

    fn window_aggregate(
        &mut self,
        aggregate: BoundAggregate,
        over: &Option<Box<protobuf::WindowDef>>,
        location: i32,
    ) -> Result<Expr> {
        let Some(over) = over else { return Err(SqlError::internal("window without OVER")) };
        let BoundAggregate {
            accumulator,
            site,
            name: _,
            strict,
            args,
            distinct,
            order,
            filter,
            ty,
        } = aggregate;
        let function = WindowFunction::Aggregate(AggregateCall {
            accumulator,
            site,
            args: args.clone(),
            strict,
            distinct,
            order,
            filter: filter.clone(),
        });
        self.window(function, args, filter, ty, over, location)
    }

    fn window(
        &mut self,
        function: WindowFunction,
        args: Vec<Expr>,
        filter: Option<Expr>,
        ty: Oid,
        over: &protobuf::WindowDef,
        location: i32,
    ) -> Result<Expr> {
        let place = self.level()?.place;
        if let Some(clause) = place.refuses_windows() {
            return Err(self.error(
                SqlState::WINDOWING_ERROR,
                format!("window functions are not allowed in {clause}"),
                location,
            ));
        }
        let place = std::mem::replace(&mut self.level()?.place, ExprPlace::Window);
        let parts = self.window_parts(over);
        self.level()?.place = place;
        let (partition, order, frame) = parts?;
        let window = BoundWindow { function, args, filter, partition, order, frame, ty };
        let level = self.level()?;
        level.windows.push(window);
        let number = level.windows.len() - 1;
        Ok(Expr::new(ExprKind::Window(number), ty))
    }

    fn window_parts(
        &mut self,
        over: &protobuf::WindowDef,
    ) -> Result<(Vec<Expr>, Vec<SortKey>, Frame)> {
        let protobuf::WindowDef {
            name,
            refname,
            partition_clause,
            order_clause,
            frame_options,
            start_offset,
            end_offset,
            location,
        } = over;
        let (mut partition, mut order) = (Vec::new(), Vec::new());
        // `OVER w` has the name in `name`, `OVER (w …)` in `refname`.
        let base = if name.is_empty() { refname } else { name };
        let mut inherited = None;
        if !base.is_empty() {
            let named =
                self.level()?.named_windows.iter().find(|window| window.name == *base).cloned();
            let Some(named) = named else {
                return Err(self.error(
                    SqlState::UNDEFINED_OBJECT,
                    format!("window \"{base}\" does not exist"),
                    *location,
                ));
            };
            let definition = protobuf::WindowDef { name: String::new(), ..named };
            let (p, o, f) = self.window_parts(&definition)?;
            (partition, order) = (p, o);
            inherited = Some(f);
        }
        for node in partition_clause {
            let expr = self.expression(node)?;
            let expr = self.settle(expr)?;
            self.require_equality(expr.ty, *location)?;
            partition.push(expr);
        }
        if !order_clause.is_empty() {
            order = self.sort_keys(order_clause)?;
        }
        if let (Some(frame), false) = (inherited, name.is_empty()) {
            return Ok((partition, order, frame));
        }
        let frame = self.frame(*frame_options, start_offset, end_offset, &order)?;
        Ok((partition, order, frame))
    }

    fn frame(
        &mut self,
        options: i32,
        start: &Option<Box<Node>>,
        end: &Option<Box<Node>>,
        order: &[SortKey],
    ) -> Result<Frame> {
        // Bits of FRAMEOPTION_*, src/include/nodes/parsenodes.h.
        let has = |bit: i32| options & bit != 0;
        let mode = if has(0x4) {
            FrameMode::Rows
        } else if has(0x8) {
            FrameMode::Groups
        } else {
            FrameMode::Range
        };
        let offset = |binder: &mut Self, node: &Option<Box<Node>>| -> Result<Box<Expr>> {
            let expr = binder.boxed(node)?;
            let expr = match mode {
                FrameMode::Rows => binder.bigint(expr, "ROWS", -1)?,
                FrameMode::Groups => binder.bigint(expr, "GROUPS", -1)?,
                FrameMode::Range => {
                    let [key] = order else {
                        return Err(SqlError::new(
                            SqlState::WINDOWING_ERROR,
                            "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY \
                             column",
                        ));
                    };
                    let wanted = match key.expr.ty {
                        oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME | oid::TIMETZ => {
                            oid::INTERVAL
                        }
                        other => other,
                    };
                    match binder.try_coerce(expr, wanted, Context::Implicit)? {
                        Some(expr) => expr,
                        None => {
                            return Err(SqlError::unsupported(format!(
                                "RANGE with offset PRECEDING/FOLLOWING is not supported for \
                                 column type {}",
                                binder.type_name(key.expr.ty)
                            )));
                        }
                    }
                }
            };
            Ok(Box::new(expr))
        };
        let start = if has(0x20) {
            FrameBound::UnboundedPreceding
        } else if has(0x200) {
            FrameBound::CurrentRow
        } else if has(0x800) {
            FrameBound::Preceding(offset(self, start)?)
        } else if has(0x2000) {
            FrameBound::Following(offset(self, start)?)
        } else {
            FrameBound::UnboundedPreceding
        };
        let end = if has(0x100) {
            FrameBound::UnboundedFollowing
        } else if has(0x400) {
            FrameBound::CurrentRow
        } else if has(0x1000) {
            FrameBound::Preceding(offset(self, end)?)
        } else if has(0x4000) {
            FrameBound::Following(offset(self, end)?)
        } else {
            FrameBound::CurrentRow
        };
        let exclude = if has(0x8000) {
            FrameExclude::CurrentRow
        } else if has(0x10000) {
            FrameExclude::Group
        } else if has(0x20000) {
            FrameExclude::Ties
        } else {
            FrameExclude::NoOthers
        };
        Ok(Frame { mode, start, end, exclude })
    }

    /// A set-returning call: in a select list it becomes rows there.
    pub(super) fn set_call(
        &mut self,
        proc: &'static ProcRow,
        site: Site,
        args: Vec<Expr>,
        location: i32,
    ) -> Result<Expr> {
        let place = self.level()?.place;
        if !matches!(
            place,
            ExprPlace::Select | ExprPlace::From | ExprPlace::OrderBy | ExprPlace::GroupBy
        ) {
            let clause = place.refuses_windows().unwrap_or("this clause");
            return Err(self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("set-returning functions are not allowed in {clause}"),
                location,
            ));
        }
        let function = crate::system::set_returning(proc)
            .ok_or_else(|| not_supported(proc).at(self.position(location)))?;
        let ty = site.result_type;
        Ok(Expr::new(ExprKind::SetReturning(Box::new(SetCall { proc, function, site, args })), ty))
    }

    pub(super) fn grouping(&mut self, call: &protobuf::GroupingFunc) -> Result<Expr> {
        let protobuf::GroupingFunc { xpr: _, args, refs: _, agglevelsup: _, location } = call;
        // The arguments are matched with the group list when that is known.
        let args = self.expressions(args)?;
        self.grouping_positions(args, *location)
    }
}

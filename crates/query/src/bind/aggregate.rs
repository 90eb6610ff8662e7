//! Aggregate calls.
//!
//! An aggregate belongs to the innermost query whose columns its arguments name. Called further
//! within, it is seen from there as a column of the pseudo relation [`AGGREGATES`].
//!
//! Source: PostgreSQL 16 `ParseFuncOrColumn` (`parse_func.c`), `transformAggregateCall` and
//! `check_agg_arguments` (`parse_agg.c`).

use catalog::builtin::{self, AggregateKind};
use parser::protobuf;
use parser::{Node, NodeEnum};
use types::{Datum, Result, SqlError, SqlState, oid};

use super::call::{Arguments, Coerced};
use super::function::{Actual, Candidate, not_supported};
use super::query::BoundAggregate;
use super::same::{same, same_aggregate};
use super::scope::Place;
use super::{Binder, required, strings};
use crate::expr::{AGGREGATES, Expr, ExprKind, GROUPINGS, Var};
use crate::plan::walk;
use crate::plan::{AggregateCall, SortKey, WindowFunction};

/// Most arguments of GROUPING.
const GROUPING_MAX: usize = 31;

/// What aggregates stand in some expressions, and which levels their columns are of.
#[derive(Default)]
struct Levels {
    /// Level and place of a column.
    column: Option<(usize, i32)>,
    /// Level and place of an aggregate.
    aggregate: Option<(usize, i32)>,
}

impl Levels {
    fn visit(&mut self, expr: &Expr) {
        if matches!(expr.kind, ExprKind::Aggregate(_) | ExprKind::Grouping(_)) {
            self.aggregate_at(0, expr.location);
        }
        if let ExprKind::Var(_) | ExprKind::SubLink(_) = expr.kind {
            walk::own_vars(expr, 0, &mut |var, depth, expr| {
                let Some(level) = var.level.checked_sub(depth) else { return };
                if var.relation == AGGREGATES {
                    self.aggregate_at(level, expr.location);
                } else {
                    self.column_at(level, expr.location);
                }
            });
        }
        expr.for_each_child(&mut |child| self.visit(child));
    }

    fn column_at(&mut self, level: usize, location: i32) {
        if self.column.is_none_or(|(known, _)| level < known) {
            self.column = Some((level, location));
        }
    }

    fn aggregate_at(&mut self, level: usize, location: i32) {
        if self.aggregate.is_none_or(|(known, _)| level < known) {
            self.aggregate = Some((level, location));
        }
    }
}

/// How rows are ordered, as hypothetical-set aggregates want to know it: two bits for each key,
/// whether it descends and whether NULLs come first.
fn directions(order: &[SortKey]) -> Expr {
    let bits = order.iter().enumerate().fold(0_i32, |bits, (at, key)| {
        let own = i32::from(key.descending) | i32::from(key.nulls_first) << 1;
        let shift = u32::try_from(2 * at).unwrap_or(u32::MAX);
        bits | own.checked_shl(shift).unwrap_or(0)
    });
    Expr::constant(Datum::Int4(bits), oid::INT4)
}

/// Where a window call stands in an expression, sub-queries aside.
pub(super) fn find_window(expr: &Expr) -> Option<i32> {
    find(expr, &|expr| matches!(expr.kind, ExprKind::Window(_)))
}

/// Where an aggregate stands in an expression, sub-queries aside.
pub(super) fn find_aggregate(expr: &Expr) -> Option<i32> {
    find(expr, &|expr| match expr.kind {
        ExprKind::Aggregate(_) => true,
        ExprKind::Var(var) => var.level == 0 && var.relation == AGGREGATES,
        _ => false,
    })
}

fn find(expr: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> Option<i32> {
    if wanted(expr) {
        return Some(expr.location);
    }
    let mut found = None;
    expr.for_each_child(&mut |child| found = found.or_else(|| find(child, wanted)));
    found
}

impl Binder<'_> {
    pub(super) fn aggregate_call(
        &mut self,
        call: &protobuf::FuncCall,
        candidate: &Candidate,
        actual: Actual<'_>,
        arguments: Arguments,
        filter: Option<Expr>,
    ) -> Result<Expr> {
        let proc = candidate.proc;
        let location = call.location;
        let name = strings(&call.funcname).join(".");
        let fail =
            |binder: &Self, code, message: String| Err(binder.error(code, message, location));
        let row = required(builtin::aggregate(proc.oid))?;
        let plain = row.kind == AggregateKind::Normal;
        if plain && call.agg_within_group {
            let message =
                format!("{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP");
            return fail(self, SqlState::WRONG_OBJECT_TYPE, message);
        }
        if !plain {
            if !call.agg_within_group {
                let message = format!("WITHIN GROUP is required for ordered-set aggregate {name}");
                return fail(self, SqlState::WRONG_OBJECT_TYPE, message);
            }
            if call.over.is_some() {
                let message = format!("OVER is not supported for ordered-set aggregate {name}");
                return fail(self, SqlState::FEATURE_NOT_SUPPORTED, message);
            }
            let direct = usize::try_from(row.direct_args).unwrap_or(0);
            self.check_direct_arguments(candidate, call, actual, direct, &name)?;
        }
        let Arguments { mut exprs, sets_before } = arguments;
        if row.kind == AggregateKind::Hypothetical {
            exprs = self.unify_hypothetical(exprs, call.agg_order.len())?;
        }
        let no_arguments = exprs.is_empty();
        let written = if call.agg_order.is_empty() { Vec::new() } else { exprs.clone() };
        let Coerced { args, result_type, domain, spread } =
            self.coerce_arguments(candidate, exprs, call.func_variadic)?;
        if spread {
            return Err(super::unsupported("VARIADIC of an array that is not written as ARRAY[…]"));
        }
        if let Some(over) = &call.over {
            self.check_window_call(call, false)?;
            if no_arguments && !call.agg_star {
                let message =
                    format!("{name}(*) must be used to call a parameterless aggregate function");
                return fail(self, SqlState::WRONG_OBJECT_TYPE, message);
            }
            self.refuse_sets_in_calls(sets_before, "window function")?;
            let args: Vec<Expr> =
                args.into_iter().map(|arg| self.settle(arg)).collect::<Result<_>>()?;
            let function = WindowFunction::Aggregate(AggregateCall {
                name: proc.name,
                accumulator: self.accumulator(candidate, location)?,
                site: self.site(&args, result_type),
                args: args.clone(),
                strict: is_strict(candidate),
                distinct: false,
                order: Vec::new(),
                filter: filter.clone(),
            });
            let call = self.window(function, args, filter, result_type, over, location)?;
            return Ok(self.seen_as_domain(call, domain));
        }
        if no_arguments && !call.agg_star && !call.agg_within_group {
            let message =
                format!("{name}(*) must be used to call a parameterless aggregate function");
            return fail(self, SqlState::WRONG_OBJECT_TYPE, message);
        }
        if !actual.names.is_empty() {
            let message = "aggregates cannot use named arguments".to_owned();
            return fail(self, SqlState::FEATURE_NOT_SUPPORTED, message);
        }
        let mut args: Vec<Expr> =
            args.into_iter().map(|arg| self.settle(arg)).collect::<Result<_>>()?;
        let order = match plain {
            true => {
                let place = std::mem::replace(&mut self.level()?.place, Place::OrderBy);
                let order = self.sort_keys(&call.agg_order);
                self.level()?.place = place;
                self.match_arguments(order?, &written, &args, call.agg_distinct)?
            }
            false => self.ordered_arguments(&call.agg_order, &args)?,
        };
        if row.kind == AggregateKind::Hypothetical {
            args.push(directions(&order));
        }
        if call.agg_distinct {
            self.check_distinct_arguments(&args)?;
        }
        self.refuse_sets_in_calls(sets_before, "aggregate function")?;
        let direct = match row.kind {
            AggregateKind::Normal => 0,
            AggregateKind::OrderedSet => args.len().saturating_sub(call.agg_order.len()),
            // The last argument are the directions.
            AggregateKind::Hypothetical => args.len().saturating_sub(call.agg_order.len() + 1),
        };
        let aggregate = BoundAggregate {
            direct,
            accumulator: self.accumulator(candidate, location)?,
            site: self.site(&args, result_type),
            name: proc.name,
            strict: is_strict(candidate),
            args,
            distinct: call.agg_distinct,
            order,
            filter,
            ty: result_type,
        };
        let call = self.add_aggregate(aggregate, location)?;
        Ok(self.seen_as_domain(call, domain))
    }

    fn accumulator(
        &self,
        candidate: &Candidate,
        location: i32,
    ) -> Result<functions::NewAccumulator> {
        functions::aggregate(candidate.proc.oid)
            .ok_or_else(|| self.locate(not_supported(candidate.proc), location))
    }

    /// Puts an aggregate where it belongs; what stands for its value here.
    pub(super) fn add_aggregate(
        &mut self,
        mut aggregate: BoundAggregate,
        location: i32,
    ) -> Result<Expr> {
        let mut levels = Levels::default();
        let parts = aggregate
            .args
            .iter()
            .skip(aggregate.direct)
            .chain(aggregate.order.iter().map(|key| &key.expr))
            .chain(&aggregate.filter);
        let mut window = None;
        for part in parts {
            levels.visit(part);
            window = window.or_else(|| find_window(part));
        }
        let up = match (levels.column, levels.aggregate) {
            (None, None) => 0,
            (Some((column, _)), None) => column,
            (None, Some((inner, _))) => inner,
            (Some((column, _)), Some((inner, _))) => column.min(inner),
        };
        let mut direct = Levels::default();
        for arg in aggregate.args.iter().take(aggregate.direct) {
            direct.visit(arg);
            window = window.or_else(|| find_window(arg));
        }
        if let Some((level, at)) = direct.column
            && level < up
        {
            return Err(self.error(
                SqlState::GROUPING_ERROR,
                "outer-level aggregate cannot contain a lower-level variable in its direct \
                 arguments",
                at,
            ));
        }
        let nested = levels.aggregate.filter(|(inner, _)| *inner == up);
        if let Some((_, at)) = nested.or(direct.aggregate.filter(|(inner, _)| *inner <= up)) {
            return Err(self.error(
                SqlState::GROUPING_ERROR,
                "aggregate function calls cannot be nested",
                at,
            ));
        }
        if let Some(at) = window {
            return Err(self.error(
                SqlState::GROUPING_ERROR,
                "aggregate function calls cannot contain window function calls",
                at,
            ));
        }
        let owner = self.levels.len().checked_sub(up + 1);
        let place = owner.and_then(|owner| self.levels.get(owner)).map(|level| level.place);
        if let Some(clause) = place.and_then(Place::refuses_aggregates) {
            return Err(self.error(
                SqlState::GROUPING_ERROR,
                format!("aggregate functions are not allowed in {clause}"),
                location,
            ));
        }
        if up > 0 {
            let parts = aggregate
                .args
                .iter_mut()
                .chain(aggregate.order.iter_mut().map(|key| &mut key.expr))
                .chain(&mut aggregate.filter);
            for part in parts {
                walk::outer_vars_mut(part, 0, &mut |var| var.level -= up);
            }
        }
        let ty = aggregate.ty;
        let level = required(owner.and_then(|owner| self.levels.get_mut(owner)))?;
        // Calls that are the same are one: clauses find the target that they mean by it.
        let known = level.aggregates.iter().position(|known| same_aggregate(known, &aggregate));
        let number = known.unwrap_or(level.aggregates.len());
        if known.is_none() {
            level.aggregates.push(aggregate);
        }
        let kind = match up {
            0 => ExprKind::Aggregate(number),
            _ => ExprKind::Var(Var { level: up, relation: AGGREGATES, column: number }),
        };
        Ok(Expr::new(kind, ty).at(location))
    }

    /// Fails if an ordered-set aggregate gets the wrong number of direct arguments.
    fn check_direct_arguments(
        &self,
        candidate: &Candidate,
        call: &protobuf::FuncCall,
        actual: Actual<'_>,
        wanted: usize,
        name: &str,
    ) -> Result<()> {
        let ordered = call.agg_order.len();
        let direct = actual.types.len().saturating_sub(ordered);
        let variadic = candidate.variadic_from.map_or(0, |from| actual.types.len() - from);
        let fixed = actual.types.len() - variadic.saturating_sub(1);
        let hint = if variadic == 0 || wanted < fixed {
            if direct == wanted {
                return Ok(());
            }
            let plural = if wanted == 1 { "" } else { "s" };
            format!(
                "There is an ordered-set aggregate {name}, but it requires {wanted} direct \
                 argument{plural}, not {direct}."
            )
        } else {
            if variadic == 2 * ordered {
                return Ok(());
            }
            format!(
                "To use the hypothetical-set aggregate {name}, the number of hypothetical direct \
                 arguments (here {}) must match the number of ordering columns (here {ordered}).",
                variadic.saturating_sub(ordered)
            )
        };
        let message = format!("function {} does not exist", self.signature(name, actual));
        Err(self.error(SqlState::UNDEFINED_FUNCTION, message, call.location).hint(hint))
    }

    /// Each hypothetical argument and its ordering column in their common type.
    fn unify_hypothetical(&mut self, mut args: Vec<Expr>, ordered: usize) -> Result<Vec<Expr>> {
        let Some(split) = args.len().checked_sub(ordered) else { return Ok(args) };
        let first = split.saturating_sub(ordered);
        for offset in 0..ordered {
            let (direct, column) = (first + offset, split + offset);
            let pair = vec![args[column].clone(), args[direct].clone()];
            let (pair, _, _) = self.unify(pair, "WITHIN GROUP")?;
            for (position, expr) in [column, direct].into_iter().zip(pair) {
                args[position] = expr;
            }
        }
        Ok(args)
    }

    /// The sort keys of WITHIN GROUP, which are the last arguments.
    fn ordered_arguments(&self, nodes: &[Node], args: &[Expr]) -> Result<Vec<SortKey>> {
        // Those of `VARIADIC "any"` are gathered in order, too.
        let start = args.len().saturating_sub(nodes.len());
        let mut keys = Vec::with_capacity(nodes.len());
        for (node, expr) in nodes.iter().zip(args.iter().skip(start)) {
            let Some(NodeEnum::SortBy(sort)) = &node.node else {
                return Err(SqlError::internal("unexpected sort item"));
            };
            keys.push(self.sort_key(sort, expr.clone())?);
        }
        Ok(keys)
    }

    /// Sort keys that are arguments as they are `written` become these, converted for the call.
    ///
    /// # Errors
    /// `42P10` if another is among the keys of an aggregate with DISTINCT.
    ///
    /// Source: PostgreSQL 16 `transformAggregateCall`, which sorts by entries of the list of arguments.
    fn match_arguments(
        &self,
        mut order: Vec<SortKey>,
        written: &[Expr],
        args: &[Expr],
        distinct: bool,
    ) -> Result<Vec<SortKey>> {
        let is = |(written, arg): &(&Expr, &Expr), key: &Expr| match written.ty {
            oid::UNKNOWN => same(arg, key),
            _ => same(written, key),
        };
        for key in &mut order {
            match written.iter().zip(args).find(|pair| is(pair, &key.expr)) {
                Some((_, arg)) => key.expr = arg.clone().at(key.expr.location),
                None if distinct => {
                    return Err(self.error(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        "in an aggregate with DISTINCT, ORDER BY expressions must appear in \
                         argument list",
                        key.expr.location,
                    ));
                }
                None => {}
            }
        }
        Ok(order)
    }

    fn check_distinct_arguments(&self, args: &[Expr]) -> Result<()> {
        if args.is_empty() {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                "an aggregate with DISTINCT must have at least one argument",
            ));
        }
        for arg in args {
            self.require_equality(arg.ty, arg.location)?;
            if !crate::system::has_ordering(self.cx.catalog.built_in(arg.ty)) {
                return Err(self
                    .error(
                        SqlState::UNDEFINED_FUNCTION,
                        format!(
                            "could not identify an ordering operator for type {}",
                            self.type_name(arg.ty)
                        ),
                        arg.location,
                    )
                    .detail("Aggregates with DISTINCT must be able to sort their inputs."));
            }
        }
        Ok(())
    }

    /// `GROUPING(…)`: matched with the group list when that is known.
    pub(super) fn grouping(&mut self, call: &protobuf::GroupingFunc) -> Result<Expr> {
        let protobuf::GroupingFunc { xpr: _, args, refs: _, agglevelsup: _, location } = call;
        if args.len() > GROUPING_MAX {
            return Err(self.error(
                SqlState::TOO_MANY_ARGUMENTS,
                "GROUPING must have fewer than 32 arguments",
                *location,
            ));
        }
        let mut args = self.expressions(args)?;
        // It belongs to the innermost query that its arguments are columns of.
        let mut levels = Levels::default();
        args.iter().for_each(|arg| levels.visit(arg));
        let up = levels.column.map_or(0, |(level, _)| level);
        let owner = self.levels.len().checked_sub(up + 1);
        let place = owner.and_then(|owner| self.levels.get(owner)).map(|level| level.place);
        if let Some(clause) = place.and_then(Place::refuses_aggregates) {
            return Err(self.error(
                SqlState::GROUPING_ERROR,
                format!("grouping operations are not allowed in {clause}"),
                *location,
            ));
        }
        if up > 0 {
            for arg in &mut args {
                walk::outer_vars_mut(arg, 0, &mut |var| var.level -= up);
            }
        }
        let level = required(owner.and_then(|owner| self.levels.get_mut(owner)))?;
        level.groupings.push(args);
        let number = level.groupings.len() - 1;
        let kind = match up {
            0 => ExprKind::Grouping(vec![number]),
            _ => ExprKind::Var(Var { level: up, relation: GROUPINGS, column: number }),
        };
        Ok(Expr::new(kind, oid::INT4))
    }
}

/// Whether rows with a NULL argument are left out.
fn is_strict(candidate: &Candidate) -> bool {
    builtin::aggregate(candidate.proc.oid)
        .and_then(|row| builtin::proc_by_oid(row.trans_fn))
        .is_some_and(|transition| transition.strict)
}

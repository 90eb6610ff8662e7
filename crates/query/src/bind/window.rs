//! Window function calls and the windows that they run over.
//!
//! Source: PostgreSQL 16 `transformWindowFuncCall` (`parse_agg.c`), `transformWindowDefinitions`
//! (`parse_clause.c`).

use parser::{Node, protobuf};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::aggregate::find_window;
use super::call::{Arguments, Coerced};
use super::coerce::Context;
use super::function::Candidate;
use super::query::BoundWindow;
use super::scope::Place;
use super::{Binder, required, same};
use crate::expr::{Expr, ExprKind};
use crate::plan::{Frame, FrameBound, FrameExclude, FrameMode, SortKey, WindowFunction};

// FRAMEOPTION_*, src/include/nodes/parsenodes.h.
const NONDEFAULT: i32 = 0x1;
const ROWS: i32 = 0x4;
const GROUPS: i32 = 0x8;
const START_UNBOUNDED_PRECEDING: i32 = 0x20;
const END_UNBOUNDED_FOLLOWING: i32 = 0x100;
const START_CURRENT_ROW: i32 = 0x200;
const END_CURRENT_ROW: i32 = 0x400;
const START_OFFSET_PRECEDING: i32 = 0x800;
const END_OFFSET_PRECEDING: i32 = 0x1000;
const START_OFFSET_FOLLOWING: i32 = 0x2000;
const END_OFFSET_FOLLOWING: i32 = 0x4000;
const EXCLUDE_CURRENT_ROW: i32 = 0x8000;
const EXCLUDE_GROUP: i32 = 0x10000;
const EXCLUDE_TIES: i32 = 0x20000;

/// A window function call whose window is not bound yet.
pub(super) struct PendingWindow {
    pub(super) function: WindowFunction,
    pub(super) args: Vec<Expr>,
    pub(super) filter: Option<Expr>,
    pub(super) ty: Oid,
    /// Index into [`super::scope::Level::window_definitions`].
    definition: usize,
}

impl PendingWindow {
    /// Whether two calls have the same value in every row.
    fn is_same(&self, other: &PendingWindow) -> bool {
        let function = match (&self.function, &other.function) {
            (WindowFunction::Builtin(a), WindowFunction::Builtin(b)) => a == b,
            (WindowFunction::Aggregate(a), WindowFunction::Aggregate(b)) => {
                a.name == b.name && a.site == b.site
            }
            _ => false,
        };
        function
            && self.definition == other.definition
            && self.ty == other.ty
            && same::all(&self.args, &other.args)
            && same::all(self.filter.as_slice(), other.filter.as_slice())
    }
}

/// A bound window definition.
#[derive(Clone)]
struct Window {
    name: String,
    partition: Vec<Expr>,
    order: Vec<SortKey>,
    frame: Frame,
    has_frame: bool,
}

impl Binder<'_> {
    /// A call of a function that is nothing but a window function.
    pub(super) fn window_call(
        &mut self,
        call: &protobuf::FuncCall,
        candidate: &Candidate,
        arguments: Arguments,
        filter: Option<Expr>,
    ) -> Result<Expr> {
        let proc = candidate.proc;
        let name = super::strings(&call.funcname).join(".");
        let fail =
            |binder: &Self, code, message: String| Err(binder.error(code, message, call.location));
        let Some(over) = &call.over else {
            let message = format!("window function {name} requires an OVER clause");
            return fail(self, SqlState::WRONG_OBJECT_TYPE, message);
        };
        if call.agg_within_group {
            let message = format!("window function {name} cannot have WITHIN GROUP");
            return fail(self, SqlState::WRONG_OBJECT_TYPE, message);
        }
        let Arguments { exprs, sets_before } = arguments;
        let Coerced { args, result_type, domain, spread } =
            self.coerce_arguments(candidate, exprs, call.func_variadic)?;
        if spread {
            return Err(super::unsupported("VARIADIC of an array that is not written as ARRAY[…]"));
        }
        self.check_window_call(call, filter.is_some())?;
        self.refuse_sets_in_calls(sets_before, "window function")?;
        let args = args.into_iter().map(|arg| self.settle(arg)).collect::<Result<_>>()?;
        let function = WindowFunction::Builtin(proc.src);
        let call = self.window(function, args, None, result_type, over, call.location)?;
        Ok(self.seen_as_domain(call, domain))
    }

    /// What no call with OVER may have.
    pub(super) fn check_window_call(
        &self,
        call: &protobuf::FuncCall,
        filtered_builtin: bool,
    ) -> Result<()> {
        let what = if call.agg_distinct {
            "DISTINCT is not implemented for window functions"
        } else if !call.agg_order.is_empty() {
            "aggregate ORDER BY is not implemented for window functions"
        } else if filtered_builtin {
            "FILTER is not implemented for non-aggregate window functions"
        } else {
            return Ok(());
        };
        Err(self.error(SqlState::FEATURE_NOT_SUPPORTED, what, call.location))
    }

    /// A call over a window, which is bound when the query's other clauses are.
    pub(super) fn window(
        &mut self,
        function: WindowFunction,
        args: Vec<Expr>,
        filter: Option<Expr>,
        ty: Oid,
        over: &protobuf::WindowDef,
        location: i32,
    ) -> Result<Expr> {
        if let Some(inner) = args.iter().chain(&filter).find_map(find_window) {
            return Err(self.error(
                SqlState::WINDOWING_ERROR,
                "window function calls cannot be nested",
                inner,
            ));
        }
        let place = self.level()?.place;
        if let Some(clause) = place.refuses_windows() {
            return Err(self.error(
                SqlState::WINDOWING_ERROR,
                format!("window functions are not allowed in {clause}"),
                location,
            ));
        }
        let source = self.source;
        let alike = |a: &protobuf::WindowDef, b: &protobuf::WindowDef| {
            let words = |location: i32| {
                usize::try_from(location).ok().and_then(|start| parser::parenthesis(source, start))
            };
            let words = (words(a.location), words(b.location));
            words.0.is_some() && words.0 == words.1
        };
        let definitions = &self.level()?.window_definitions;
        let definition = if over.name.is_empty() {
            let known = definitions.iter().position(|known| {
                known.name.is_empty()
                    && known.frame_options == over.frame_options
                    && alike(known, over)
            });
            known.unwrap_or(definitions.len())
        } else {
            match definitions.iter().position(|window| window.name == over.name) {
                Some(position) => position,
                None => {
                    return Err(self.error(
                        SqlState::UNDEFINED_OBJECT,
                        format!("window \"{}\" does not exist", over.name),
                        over.location,
                    ));
                }
            }
        };
        let level = self.level()?;
        if definition == level.window_definitions.len() {
            level.window_definitions.push(over.clone());
        }
        // Calls that are the same are one: clauses find the target that they mean by it.
        let call = PendingWindow { function, args, filter, ty, definition };
        let known = level.windows.iter().position(|known| known.is_same(&call));
        let number = known.unwrap_or(level.windows.len());
        if known.is_none() {
            level.windows.push(call);
        }
        Ok(Expr::new(ExprKind::Window(number), ty))
    }

    /// Binds the windows of the query, now that all calls are known.
    pub(super) fn window_definitions(&mut self) -> Result<Vec<BoundWindow>> {
        let definitions = std::mem::take(&mut self.level()?.window_definitions);
        let mut windows: Vec<Window> = Vec::with_capacity(definitions.len());
        for definition in &definitions {
            let window = self.window_definition(definition, &windows)?;
            windows.push(window);
        }
        let pending = std::mem::take(&mut self.level()?.windows);
        pending
            .into_iter()
            .map(|call| {
                let PendingWindow { function, args, filter, ty, definition } = call;
                let Window { name: _, partition, order, frame, has_frame: _ } =
                    required(windows.get(definition))?.clone();
                Ok(BoundWindow { definition, function, args, filter, partition, order, frame, ty })
            })
            .collect()
    }

    fn window_definition(
        &mut self,
        definition: &protobuf::WindowDef,
        known: &[Window],
    ) -> Result<Window> {
        let protobuf::WindowDef {
            name,
            refname,
            partition_clause,
            order_clause,
            frame_options,
            start_offset,
            end_offset,
            location,
        } = definition;
        let fail =
            |binder: &Self, code, message: String| Err(binder.error(code, message, *location));
        if !name.is_empty() && known.iter().any(|window| window.name == *name) {
            let message = format!("window \"{name}\" is already defined");
            return fail(self, SqlState::WINDOWING_ERROR, message);
        }
        let base = match refname.is_empty() {
            true => None,
            false => match known.iter().find(|window| window.name == *refname) {
                Some(base) => Some(base),
                None => {
                    let message = format!("window \"{refname}\" does not exist");
                    return fail(self, SqlState::UNDEFINED_OBJECT, message);
                }
            },
        };
        self.level()?.place = Place::WindowOrder;
        let mut order = self.sort_keys(order_clause)?;
        self.level()?.place = Place::WindowPartition;
        let mut partition = Vec::new();
        for node in partition_clause {
            let expr = self.expression(node)?;
            let expr = self.settle(expr)?;
            self.require_equality(expr.ty, expr.location)?;
            partition.push(expr);
        }
        let has_frame = frame_options & NONDEFAULT != 0;
        if let Some(base) = base {
            if !partition.is_empty() {
                let message =
                    format!("cannot override PARTITION BY clause of window \"{refname}\"");
                return fail(self, SqlState::WINDOWING_ERROR, message);
            }
            partition.clone_from(&base.partition);
            if !base.order.is_empty() {
                if !order.is_empty() {
                    let message =
                        format!("cannot override ORDER BY clause of window \"{refname}\"");
                    return fail(self, SqlState::WINDOWING_ERROR, message);
                }
                order.clone_from(&base.order);
            }
            if base.has_frame {
                let message =
                    format!("cannot copy window \"{refname}\" because it has a frame clause");
                let error = self.error(SqlState::WINDOWING_ERROR, message, *location);
                let bare = name.is_empty() && order_clause.is_empty() && !has_frame;
                return Err(match bare {
                    true => error.hint("Omit the parentheses in this OVER clause."),
                    false => error,
                });
            }
        }
        let frame = self.frame(*frame_options, start_offset, end_offset, &order, *location)?;
        Ok(Window { name: name.clone(), partition, order, frame, has_frame })
    }

    fn frame(
        &mut self,
        options: i32,
        start: &Option<Box<Node>>,
        end: &Option<Box<Node>>,
        order: &[SortKey],
        location: i32,
    ) -> Result<Frame> {
        let has = |bit: i32| options & bit != 0;
        let mode = if has(ROWS) {
            FrameMode::Rows
        } else if has(GROUPS) {
            FrameMode::Groups
        } else {
            FrameMode::Range
        };
        let offsets = START_OFFSET_PRECEDING
            | START_OFFSET_FOLLOWING
            | END_OFFSET_PRECEDING
            | END_OFFSET_FOLLOWING;
        if mode == FrameMode::Range && has(offsets) && order.len() != 1 {
            return Err(self.error(
                SqlState::WINDOWING_ERROR,
                "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column",
                location,
            ));
        }
        if mode == FrameMode::Groups && order.is_empty() {
            return Err(self.error(
                SqlState::WINDOWING_ERROR,
                "GROUPS mode requires an ORDER BY clause",
                location,
            ));
        }
        let start = if has(START_UNBOUNDED_PRECEDING) {
            FrameBound::UnboundedPreceding
        } else if has(START_CURRENT_ROW) {
            FrameBound::CurrentRow
        } else if has(START_OFFSET_PRECEDING) {
            FrameBound::Preceding(self.frame_offset(mode, start, order)?)
        } else if has(START_OFFSET_FOLLOWING) {
            FrameBound::Following(self.frame_offset(mode, start, order)?)
        } else {
            FrameBound::UnboundedPreceding
        };
        let end = if has(END_UNBOUNDED_FOLLOWING) {
            FrameBound::UnboundedFollowing
        } else if has(END_CURRENT_ROW) {
            FrameBound::CurrentRow
        } else if has(END_OFFSET_PRECEDING) {
            FrameBound::Preceding(self.frame_offset(mode, end, order)?)
        } else if has(END_OFFSET_FOLLOWING) {
            FrameBound::Following(self.frame_offset(mode, end, order)?)
        } else {
            FrameBound::CurrentRow
        };
        let exclude = if has(EXCLUDE_CURRENT_ROW) {
            FrameExclude::CurrentRow
        } else if has(EXCLUDE_GROUP) {
            FrameExclude::Group
        } else if has(EXCLUDE_TIES) {
            FrameExclude::Ties
        } else {
            FrameExclude::NoOthers
        };
        Ok(Frame { mode, start, end, exclude })
    }

    fn frame_offset(
        &mut self,
        mode: FrameMode,
        node: &Option<Box<Node>>,
        order: &[SortKey],
    ) -> Result<Box<Expr>> {
        let name = match mode {
            FrameMode::Rows => "ROWS",
            FrameMode::Groups => "GROUPS",
            FrameMode::Range => "RANGE",
        };
        self.level()?.place = Place::WindowFrame(name);
        let expr = self.boxed(node)?;
        let expr = match mode {
            FrameMode::Rows | FrameMode::Groups => self.bigint(expr, name)?,
            FrameMode::Range => {
                let key = order.first().ok_or_else(|| SqlError::internal("RANGE without a key"))?;
                self.range_offset(expr, key.expr.ty)?
            }
        };
        self.refuse_variables(&expr, name)?;
        Ok(Box::new(expr))
    }

    /// The offset of a RANGE frame in the type that the order column's `in_range` wants.
    fn range_offset(&mut self, expr: Expr, column: Oid) -> Result<Expr> {
        let location = expr.location;
        // Errors name the type that the operator class is for.
        let class = catalog::builtin::sort_operators(self.cx.catalog.built_in(column))
            .map_or(column, |sort| sort.input);
        let wanted = match column {
            oid::INT2 | oid::INT4 => match expr.ty {
                oid::INT2 | oid::INT8 => expr.ty,
                _ => oid::INT4,
            },
            oid::INT8 | oid::NUMERIC => column,
            oid::FLOAT4 | oid::FLOAT8 => oid::FLOAT8,
            oid::DATE
            | oid::TIMESTAMP
            | oid::TIMESTAMPTZ
            | oid::TIME
            | oid::TIMETZ
            | oid::INTERVAL => oid::INTERVAL,
            _ => {
                return Err(self.error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!(
                        "RANGE with offset PRECEDING/FOLLOWING is not supported for column type {}",
                        self.type_name(class)
                    ),
                    location,
                ));
            }
        };
        let offset = expr.ty;
        self.try_coerce(expr, wanted, Context::Implicit)?.ok_or_else(|| {
            self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!(
                    "RANGE with offset PRECEDING/FOLLOWING is not supported for column type {} \
                     and offset type {}",
                    self.type_name(class),
                    self.type_name(offset)
                ),
                location,
            )
            .hint("Cast the offset value to an appropriate type.")
        })
    }
}

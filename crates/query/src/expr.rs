//! Typed expressions: what binding makes, planning rewrites and execution evaluates.
//!
//! Binding refers to columns by [`ExprKind::Var`]; planning replaces each by a [`ExprKind::Column`]
//! of the operator's input row or an [`ExprKind::Outer`] value of the enclosing frame, and each
//! [`ExprKind::SubLink`], [`ExprKind::Aggregate`] and [`ExprKind::Window`] by what computes it. Only
//! then is an expression evaluated.

use std::sync::Arc;

use catalog::builtin::ProcRow;
use functions::{Scalar, SetReturning, Site};
use types::{Datum, Oid};

use crate::bind::query::Query;
use crate::execute::eval::Members;
use crate::plan::Plan;

/// An expression with its type.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// Result type.
    pub ty: Oid,
    /// Result type modifier, or −1.
    pub typmod: i32,
    /// Where it starts in the statement's text (a byte offset), or −1: for error positions.
    pub location: i32,
}

/// A column of a range-table entry, as binding sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Var {
    /// How many query levels up; 0 is this query.
    pub level: usize,
    /// Index into that query's range table.
    pub relation: usize,
    /// 0-based column of the entry's output.
    pub column: usize,
}

/// The relation of a [`Var`] that stands for an aggregate of an enclosing query, by its number
/// there.
pub const AGGREGATES: usize = usize::MAX;

/// The relation of a [`Var`] that stands for a `GROUPING(…)` over groups of an enclosing query, by
/// its number in [`crate::bind::query::Select::groupings`].
pub const GROUPINGS: usize = usize::MAX - 3;

/// The relation of a [`Var`] that stands for a position in the row that an expression of a
/// modification is over, as sub-queries in that expression see it.
pub const STORED_ROW: usize = usize::MAX - 2;

/// What an expression computes.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A constant.
    Const(Datum),
    /// `$n`, 0-based: a parameter of the statement.
    Param(usize),
    /// Binding only: a column.
    Var(Var),
    /// The input row's value at this position.
    Column(usize),
    /// The frame's value at this position: a correlated sub-plan's or inner side's argument.
    Outer(usize),
    /// A function or operator call.
    Call(Box<Call>),
    /// A call whose last argument is an array, the elements of which are arguments: `VARIADIC`.
    SpreadCall(Box<Call>),
    /// `AND` of at least two.
    And(Vec<Expr>),
    /// `OR` of at least two.
    Or(Vec<Expr>),
    /// `NOT`.
    Not(Box<Expr>),
    /// `IS [NOT] NULL`. For a row value: all fields are (none is) NULL.
    IsNull {
        /// Operand.
        arg: Box<Expr>,
        /// `IS NOT NULL`.
        negated: bool,
    },
    /// `IS [NOT] TRUE / FALSE / UNKNOWN`.
    BooleanTest {
        /// Operand.
        arg: Box<Expr>,
        /// What it is compared with; `None` is UNKNOWN.
        value: Option<bool>,
        /// `IS NOT …`.
        negated: bool,
    },
    /// `IS [NOT] DISTINCT FROM`, by an equality call whose two arguments these are.
    Distinct {
        /// The equality.
        equal: Box<Call>,
        /// `IS NOT DISTINCT FROM`.
        negated: bool,
    },
    /// `NULLIF(a, b)`: the first argument of the equality call, or NULL.
    NullIf(Box<Call>),
    /// `CASE`, the operand already folded into the conditions.
    Case {
        /// Condition and result, in order.
        whens: Vec<(Expr, Expr)>,
        /// `ELSE`; a NULL constant if absent.
        otherwise: Box<Expr>,
    },
    /// Binding and evaluation of `CASE operand WHEN …`: the operand's value while the whens run.
    CaseOperand,
    /// `CASE operand WHEN value …` evaluates its operand once: `(operand, Case over CaseOperand)`.
    CaseWith(Box<(Expr, Expr)>),
    /// The first that is not NULL.
    Coalesce(Vec<Expr>),
    /// `GREATEST` (`least` false) or `LEAST`, by the type's btree order; NULLs are ignored.
    MinMax {
        /// Operands, of one type.
        args: Vec<Expr>,
        /// `LEAST`.
        least: bool,
    },
    /// `left op ANY (array)` or `ALL`. The call's second argument is [`ExprKind::ArrayElement`].
    ArrayQuantified {
        /// The operator call on `left` and the current element.
        call: Box<Call>,
        /// The array.
        array: Box<Expr>,
        /// `ALL` rather than `ANY`.
        all: bool,
        /// Its elements in a hash table, if that serves.
        members: Members,
    },
    /// Inside [`ExprKind::ArrayQuantified`] and [`ExprKind::ArrayCoerce`]: the current element.
    ArrayElement,
    /// `ARRAY[…]`; `nested` if the elements are arrays that become a further dimension.
    Array {
        /// Elements, already of one type.
        elements: Vec<Expr>,
        /// Element type.
        element_type: Oid,
        /// Elements are arrays themselves.
        nested: bool,
    },
    /// `ROW(…)`; the names are `f1`, `f2` … or the columns' of a whole-row reference.
    Row {
        /// Field names and values.
        fields: Vec<(Arc<str>, Expr)>,
    },
    /// `array[i]`, `array[l:u]`; or a jsonb subscript.
    Subscript {
        /// Container.
        container: Box<Expr>,
        /// Lower and upper bound for each dimension; one left out is the array's own. An index
        /// stands as the upper bound; among slices, `[i]` is `[1:i]`.
        indexes: Vec<(Option<Expr>, Option<Expr>)>,
        /// Any slice makes all of them slices.
        slice: bool,
    },
    /// `(row).field`, by position.
    Field {
        /// A row value.
        row: Box<Expr>,
        /// 0-based field.
        field: usize,
    },
    /// The same value seen as another, binary-compatible type.
    Relabel(Box<Expr>),
    /// Through the text representation: output function, then input function.
    CoerceViaIo(Box<Expr>),
    /// Applies `typmod` (length, precision) to a value of the type.
    ApplyTypmod {
        /// Value.
        arg: Box<Expr>,
        /// An explicit cast truncates where an assignment fails.
        explicit: bool,
    },
    /// Casts each element by an expression over [`ExprKind::ArrayElement`].
    ArrayCoerce {
        /// Array.
        array: Box<Expr>,
        /// Cast of one element.
        element: Box<Expr>,
    },
    /// `CURRENT_DATE`, `CURRENT_TIMESTAMP(n)`, `CURRENT_USER` …
    SqlValue(SqlValue),
    /// Binding only: a sub-query in an expression.
    SubLink(Box<SubLink>),
    /// A planned sub-query.
    SubPlan(Box<SubPlan>),
    /// Binding only: an aggregate call, by its position in [`crate::bind::query::Select::aggregates`].
    Aggregate(usize),
    /// Binding only: a window function call, by its position in [`crate::bind::query::Select::windows`].
    Window(usize),
    /// Binding only: `GROUPING(…)` over these positions of the group list (until that is known: the
    /// call's number).
    Grouping(Vec<usize>),
    /// A set-returning call in a select list; only under a ProjectSet operator.
    SetReturning(Box<SetCall>),
    /// A call of a user's function.
    UserCall(Box<UserCall>),
    /// A value that becomes a domain's: checked, else the same.
    Domain(Box<DomainCast>),
    /// A `jsonb` value with another element, as an assignment to it leaves it.
    SetElement(Box<SetElement>),
    /// The rows that a query given as a text has, as an array of row values.
    QueryRows(Box<QueryRows>),
    /// `DEFAULT` as an INSERT or UPDATE value; replaced while binding.
    Default,
}

/// An assignment to an element of a `jsonb` value.
#[derive(Clone, Debug)]
pub struct SetElement {
    /// The value before; NULL becomes an object or array.
    pub container: Expr,
    /// Subscripts, `integer` or `text`.
    pub indexes: Vec<Expr>,
    /// The element, `jsonb`.
    pub value: Expr,
}

/// The rows of a query that is known at run time only.
#[derive(Clone, Debug)]
pub struct QueryRows {
    /// The query's text.
    pub text: Expr,
    /// Types that its columns must have.
    pub columns: &'static [Oid],
    /// The error if they have others.
    pub complaint: &'static str,
}

/// A call of a function that a user has made.
#[derive(Clone, Debug)]
pub struct UserCall {
    /// The function.
    pub function: Arc<catalog::Function>,
    /// Arguments, coerced to the declared types, defaults filled in.
    pub args: Vec<Expr>,
    /// Their types.
    pub arg_types: Vec<Oid>,
    /// Result type at this call; of a set, one row's (the value is then an array).
    pub result_type: Oid,
    /// Types and modifiers of a column definition list, if there is one: `f() AS (a int, b text)`.
    pub defined: Vec<(Oid, i32)>,
    /// Whether the call is an item of FROM that PostgreSQL may replace by the function's query.
    pub in_from: bool,
}

/// A value that becomes a domain's.
#[derive(Clone, Debug)]
pub struct DomainCast {
    /// The value, of the type beneath.
    pub arg: Expr,
    /// What the domain, and those beneath it, ask of it; innermost first.
    pub rules: Arc<[DomainRules]>,
}

/// What a domain asks of a value.
#[derive(Clone, Debug)]
pub struct DomainRules {
    /// The domain's schema.
    pub schema: String,
    /// The domain's name.
    pub name: String,
    /// The name as messages print it: with the schema where the search path does not lead there.
    pub shown: String,
    /// `NOT NULL`.
    pub not_null: bool,
    /// Constraints: names and conditions, over a row of the value alone.
    pub checks: Vec<(String, Expr)>,
}

/// The parameterless functions with a grammar of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum SqlValue {
    CurrentDate,
    CurrentTime,
    CurrentTimestamp,
    LocalTime,
    LocalTimestamp,
    CurrentRole,
    CurrentUser,
    SessionUser,
    CurrentCatalog,
    CurrentSchema,
}

/// A call of a scalar function.
#[derive(Clone)]
pub struct Call {
    /// The `pg_proc` row.
    pub proc: &'static ProcRow,
    /// The implementation.
    pub function: Scalar,
    /// Types at this call.
    pub site: Site,
    /// Arguments, coerced to the declared types.
    pub args: Vec<Expr>,
    /// The operator's name, if it was written as one (for EXPLAIN and error texts).
    pub operator: Option<&'static str>,
}

/// A call of a set-returning function.
#[derive(Clone)]
pub struct SetCall {
    /// The `pg_proc` row.
    pub proc: &'static ProcRow,
    /// The implementation.
    pub function: SetReturning,
    /// Types at this call.
    pub site: Site,
    /// Arguments, coerced to the declared types.
    pub args: Vec<Expr>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple(self.proc.name).field(&self.args).finish()
    }
}

impl std::fmt::Debug for SetCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple(self.proc.name).field(&self.args).finish()
    }
}

/// How a sub-query's rows become a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubLinkKind {
    /// `(SELECT …)`: the only column of the only row, or NULL.
    Scalar,
    /// `EXISTS (…)`.
    Exists,
    /// `ARRAY(SELECT …)`.
    Array,
    /// `left op ANY (SELECT …)`, `IN`: `test` is evaluated for each row of the sub-query, whose
    /// columns follow the left side's values: see [`SubLink::test`].
    Any,
    /// `left op ALL (SELECT …)`.
    All,
    /// `(a, b) op (SELECT …)`: the test on the only row, or NULL.
    Row,
    /// The only row as a row value, or NULL.
    Record,
}

/// Binding only: a sub-query used in an expression.
#[derive(Clone, Debug)]
pub struct SubLink {
    /// How its rows are used.
    pub kind: SubLinkKind,
    /// The sub-query.
    pub query: Arc<Query>,
    /// For `Any`, `All` and `Row`: the left side's expressions.
    pub left: Vec<Expr>,
    /// For `Any`, `All` and `Row`: the condition over a row made of the left side's values followed by the
    /// sub-query's columns, both as [`ExprKind::Column`].
    pub test: Option<Expr>,
    /// How it is written, if it is; two that are written alike are the same.
    pub written: Option<Written>,
}

/// What is written somewhere in a query, up to the end of its parentheses. It is the same elsewhere in
/// this query if the words are.
#[derive(Clone, Debug)]
pub struct Written {
    /// The query.
    pub scope: Arc<()>,
    /// The text in which it stands.
    pub text: Arc<str>,
    /// Its first byte.
    pub start: usize,
}

impl PartialEq for Written {
    fn eq(&self, other: &Written) -> bool {
        fn words(written: &Written) -> Option<Vec<&str>> {
            parser::parenthesis(&written.text, written.start)
        }
        Arc::ptr_eq(&self.scope, &other.scope)
            && (self.start == other.start || words(self).is_some() && words(self) == words(other))
    }
}

/// A planned sub-query used in an expression. Its rows are computed once for each distinct set of
/// arguments that evaluation meets in a row, and remembered while the arguments stay the same.
#[derive(Clone, Debug)]
pub struct SubPlan {
    /// Number of this sub-plan within the statement: the key under which its result is remembered.
    pub id: usize,
    /// How its rows are used.
    pub kind: SubLinkKind,
    /// The plan; its frame is `args`' values.
    pub plan: Arc<Plan>,
    /// The frame's values, over the row (and frame) of the expression that this stands in.
    pub args: Vec<Expr>,
    /// As in [`SubLink`].
    pub left: Vec<Expr>,
    /// As in [`SubLink`].
    pub test: Option<Expr>,
}

impl Expr {
    /// An expression without a type modifier.
    pub fn new(kind: ExprKind, ty: Oid) -> Expr {
        Expr { kind, ty, typmod: -1, location: -1 }
    }

    /// An expression with a type modifier.
    pub fn typed(kind: ExprKind, ty: Oid, typmod: i32) -> Expr {
        Expr { kind, ty, typmod, location: -1 }
    }

    /// The expression as it stands at a place in the text.
    #[must_use]
    pub fn at(self, location: i32) -> Expr {
        Expr { location, ..self }
    }

    /// A constant.
    pub fn constant(value: Datum, ty: Oid) -> Expr {
        Expr::new(ExprKind::Const(value), ty)
    }

    /// The NULL of a type.
    pub fn null(ty: Oid) -> Expr {
        Expr::constant(Datum::Null, ty)
    }

    /// The conjunction of `conditions`; `None` if there are none.
    pub fn conjunction(mut conditions: Vec<Expr>) -> Option<Expr> {
        match conditions.len() {
            0 | 1 => conditions.pop(),
            _ => Some(Expr::new(ExprKind::And(conditions), types::oid::BOOL)),
        }
    }

    /// Whether it is the constant `true`.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self.kind, ExprKind::Const(Datum::Bool(true)))
    }

    /// The parts that must all hold for it to hold.
    pub fn conjuncts(&self) -> &[Expr] {
        match &self.kind {
            ExprKind::And(conditions) => conditions,
            _ => std::slice::from_ref(self),
        }
    }

    /// Calls `f` on each direct sub-expression.
    pub fn for_each_child<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Const(_)
            | ExprKind::Param(_)
            | ExprKind::Var(_)
            | ExprKind::Column(_)
            | ExprKind::Outer(_)
            | ExprKind::CaseOperand
            | ExprKind::ArrayElement
            | ExprKind::SqlValue(_)
            | ExprKind::Aggregate(_)
            | ExprKind::Window(_)
            | ExprKind::Grouping(_)
            | ExprKind::Default => {}
            ExprKind::Call(call) | ExprKind::NullIf(call) | ExprKind::SpreadCall(call) => {
                call.args.iter().for_each(f);
            }
            ExprKind::Distinct { equal, negated: _ } => equal.args.iter().for_each(f),
            ExprKind::SetReturning(call) => call.args.iter().for_each(f),
            ExprKind::UserCall(call) => call.args.iter().for_each(f),
            ExprKind::Domain(cast) => f(&cast.arg),
            ExprKind::QueryRows(rows) => f(&rows.text),
            ExprKind::SetElement(set) => {
                f(&set.container);
                set.indexes.iter().for_each(&mut *f);
                f(&set.value);
            }
            ExprKind::And(args) | ExprKind::Or(args) | ExprKind::Coalesce(args) => {
                args.iter().for_each(f);
            }
            ExprKind::MinMax { args, least: _ } => args.iter().for_each(f),
            ExprKind::Not(arg)
            | ExprKind::IsNull { arg, negated: _ }
            | ExprKind::BooleanTest { arg, value: _, negated: _ }
            | ExprKind::Relabel(arg)
            | ExprKind::CoerceViaIo(arg)
            | ExprKind::ApplyTypmod { arg, explicit: _ } => f(arg),
            ExprKind::Case { whens, otherwise } => {
                for (condition, result) in whens {
                    f(condition);
                    f(result);
                }
                f(otherwise);
            }
            ExprKind::CaseWith(parts) => {
                f(&parts.0);
                f(&parts.1);
            }
            ExprKind::ArrayQuantified { call, array, all: _, members: _ } => {
                call.args.iter().for_each(&mut *f);
                f(array);
            }
            ExprKind::Array { elements, element_type: _, nested: _ } => elements.iter().for_each(f),
            ExprKind::Row { fields } => fields.iter().for_each(|(_, field)| f(field)),
            ExprKind::Subscript { container, indexes, slice: _ } => {
                f(container);
                for (lower, upper) in indexes {
                    lower.iter().chain(upper).for_each(&mut *f);
                }
            }
            ExprKind::Field { row, field: _ } => f(row),
            ExprKind::ArrayCoerce { array, element } => {
                f(array);
                f(element);
            }
            ExprKind::SubLink(link) => link.left.iter().for_each(f),
            ExprKind::SubPlan(plan) => {
                plan.args.iter().for_each(&mut *f);
                plan.left.iter().for_each(f);
            }
        }
    }

    /// Calls `f` on each direct sub-expression, which it may replace.
    pub fn for_each_child_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        match &mut self.kind {
            ExprKind::Const(_)
            | ExprKind::Param(_)
            | ExprKind::Var(_)
            | ExprKind::Column(_)
            | ExprKind::Outer(_)
            | ExprKind::CaseOperand
            | ExprKind::ArrayElement
            | ExprKind::SqlValue(_)
            | ExprKind::Aggregate(_)
            | ExprKind::Window(_)
            | ExprKind::Grouping(_)
            | ExprKind::Default => {}
            ExprKind::Call(call) | ExprKind::NullIf(call) | ExprKind::SpreadCall(call) => {
                call.args.iter_mut().for_each(f);
            }
            ExprKind::Distinct { equal, negated: _ } => equal.args.iter_mut().for_each(f),
            ExprKind::SetReturning(call) => call.args.iter_mut().for_each(f),
            ExprKind::UserCall(call) => call.args.iter_mut().for_each(f),
            ExprKind::Domain(cast) => f(&mut cast.arg),
            ExprKind::QueryRows(rows) => f(&mut rows.text),
            ExprKind::SetElement(set) => {
                f(&mut set.container);
                set.indexes.iter_mut().for_each(&mut *f);
                f(&mut set.value);
            }
            ExprKind::And(args) | ExprKind::Or(args) | ExprKind::Coalesce(args) => {
                args.iter_mut().for_each(f);
            }
            ExprKind::MinMax { args, least: _ } => args.iter_mut().for_each(f),
            ExprKind::Not(arg)
            | ExprKind::IsNull { arg, negated: _ }
            | ExprKind::BooleanTest { arg, value: _, negated: _ }
            | ExprKind::Relabel(arg)
            | ExprKind::CoerceViaIo(arg)
            | ExprKind::ApplyTypmod { arg, explicit: _ } => f(arg),
            ExprKind::Case { whens, otherwise } => {
                for (condition, result) in whens {
                    f(condition);
                    f(result);
                }
                f(otherwise);
            }
            ExprKind::CaseWith(parts) => {
                f(&mut parts.0);
                f(&mut parts.1);
            }
            ExprKind::ArrayQuantified { call, array, all: _, members: _ } => {
                call.args.iter_mut().for_each(&mut *f);
                f(array);
            }
            ExprKind::Array { elements, element_type: _, nested: _ } => {
                elements.iter_mut().for_each(f);
            }
            ExprKind::Row { fields } => fields.iter_mut().for_each(|(_, field)| f(field)),
            ExprKind::Subscript { container, indexes, slice: _ } => {
                f(container);
                for (lower, upper) in indexes {
                    lower.iter_mut().chain(upper).for_each(&mut *f);
                }
            }
            ExprKind::Field { row, field: _ } => f(row),
            ExprKind::ArrayCoerce { array, element } => {
                f(array);
                f(element);
            }
            ExprKind::SubLink(link) => link.left.iter_mut().for_each(f),
            ExprKind::SubPlan(plan) => {
                plan.args.iter_mut().for_each(&mut *f);
                plan.left.iter_mut().for_each(f);
            }
        }
    }
}

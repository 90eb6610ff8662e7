//! Expressions of plans as SQL text, as EXPLAIN prints them.
//!
//! A plan's expressions refer to positions; what stands there is known as a [`Label`], which goes
//! from the leaves upwards.
//!
//! Source: PostgreSQL 16 `ruleutils.c`, without pretty-printing.

use std::fmt::Write as _;

use catalog::builtin::{self, quote_identifier, quote_literal};
use types::settings::FormatSettings;
use types::{Datum, Oid, oid};

use super::describe::Describer;
use crate::expr::{Call, Expr, ExprKind, SqlValue, SubLinkKind, SubPlan};
use crate::plan::{AggregateCall, SortKey, WindowCall, WindowFunction};

/// What is known about a column of a row.
#[derive(Clone, Debug)]
pub(super) enum Label {
    /// A column of something named.
    Var { alias: String, column: String },
    /// Anything else, as text.
    Text(String),
    /// The same, where the columns in it are prefixed in conditions and keys, but not in select lists.
    Computed { plain: String, prefixed: String },
}

impl Label {
    /// What is computed, as it stands by itself; `None` for a column.
    pub(super) fn computed(&self, prefixed: bool) -> Option<&str> {
        match self {
            Label::Var { .. } => None,
            Label::Text(text) => Some(text),
            Label::Computed { plain, prefixed: long } => Some(if prefixed { long } else { plain }),
        }
    }

    /// The label as it stands in a larger expression.
    pub(super) fn text(&self, prefixed: bool) -> String {
        match (self, self.computed(prefixed)) {
            (_, Some(text)) => format!("({text})"),
            (Label::Var { alias, column }, _) if prefixed && !alias.is_empty() => {
                format!("{}.{}", quote_identifier(alias), quote_identifier(column))
            }
            (Label::Var { alias: _, column }, _) => quote_identifier(column).into_owned(),
            (Label::Text(_) | Label::Computed { .. }, None) => String::new(),
        }
    }
}

/// What an expression's positions mean.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    /// The input row.
    pub(super) row: &'a [Label],
    /// The frame.
    pub(super) frame: &'a [Label],
    /// Whether columns are named with what they belong to. Values of the frame always are.
    pub(super) prefixed: bool,
    /// The row is this node's own, so that what it holds is computed here.
    pub(super) own: bool,
}

impl Describer<'_> {
    /// The text of an expression.
    pub(super) fn expr(&mut self, expr: &Expr, names: Names<'_>) -> String {
        match &expr.kind {
            ExprKind::Const(value) => constant(value, expr.ty, expr.typmod),
            ExprKind::Param(number) => format!("${}", number + 1),
            ExprKind::Column(position) => match names.row.get(*position) {
                Some(label) => match label.computed(names.prefixed).filter(|_| names.own) {
                    Some(text) => text.to_owned(),
                    None => label.text(names.prefixed),
                },
                None => format!("column{}", position + 1),
            },
            ExprKind::Outer(position) => match names.frame.get(*position) {
                Some(label) => label.text(true),
                None => format!("${position}"),
            },
            ExprKind::Call(call) => self.call(call, expr, names),
            ExprKind::And(args) => self.joined(args, " AND ", names),
            ExprKind::Or(args) => self.joined(args, " OR ", names),
            ExprKind::Not(arg) => format!("(NOT {})", self.expr(arg, names)),
            ExprKind::IsNull { arg, negated } => {
                let not = if *negated { "NOT " } else { "" };
                format!("({} IS {not}NULL)", self.expr(arg, names))
            }
            ExprKind::BooleanTest { arg, value, negated } => {
                let not = if *negated { "NOT " } else { "" };
                let value = match value {
                    Some(true) => "TRUE",
                    Some(false) => "FALSE",
                    None => "UNKNOWN",
                };
                format!("({} IS {not}{value})", self.expr(arg, names))
            }
            ExprKind::Distinct { equal, negated } => {
                let args = self.list(&equal.args, " IS DISTINCT FROM ", names);
                if *negated { format!("(NOT ({args}))") } else { format!("({args})") }
            }
            ExprKind::NullIf(call) => format!("NULLIF({})", self.list(&call.args, ", ", names)),
            ExprKind::Case { whens, otherwise } => self.case(None, whens, otherwise, names),
            ExprKind::CaseOperand => "CASE_TEST_EXPR".into(),
            ExprKind::CaseWith(parts) => {
                let (operand, case) = &**parts;
                match &case.kind {
                    ExprKind::Case { whens, otherwise } => {
                        self.case(Some(operand), whens, otherwise, names)
                    }
                    _ => self.expr(case, names),
                }
            }
            ExprKind::Coalesce(args) => format!("COALESCE({})", self.list(args, ", ", names)),
            ExprKind::MinMax { args, least } => {
                let name = if *least { "LEAST" } else { "GREATEST" };
                format!("{name}({})", self.list(args, ", ", names))
            }
            ExprKind::ArrayQuantified { call, array, all, members: _ } => {
                let left = call.args.first().map(|arg| self.expr(arg, names)).unwrap_or_default();
                let quantifier = if *all { "ALL" } else { "ANY" };
                let operator = call.operator.unwrap_or(call.proc.name);
                format!("({left} {operator} {quantifier} ({}))", self.array(array, names))
            }
            ExprKind::ArrayElement => "ARRAY_ELEMENT".into(),
            ExprKind::Array { elements, .. } => {
                let text = format!("ARRAY[{}]", self.list(elements, ", ", names));
                match elements.is_empty() {
                    true => format!("{text}::{}", self.type_name(expr.ty, expr.typmod)),
                    false => text,
                }
            }
            ExprKind::Row { fields } => {
                let fields: Vec<String> =
                    fields.iter().map(|(_, field)| self.expr(field, names)).collect();
                format!("ROW({})", fields.join(", "))
            }
            ExprKind::Subscript { container, indexes, slice } => {
                let mut text = self.atom(container, names);
                for (lower, upper) in indexes {
                    let mut part = |expr: &Option<Expr>| {
                        expr.as_ref().map(|expr| self.expr(expr, names)).unwrap_or_default()
                    };
                    let (lower, upper) = (part(lower), part(upper));
                    _ = match slice {
                        true => write!(text, "[{lower}:{upper}]"),
                        false => write!(text, "[{upper}]"),
                    };
                }
                text
            }
            ExprKind::Field { row, field } => {
                let name = match &row.kind {
                    ExprKind::Row { fields } => {
                        fields.get(*field).map(|(name, _)| name.to_string())
                    }
                    _ => None,
                };
                let name = name.unwrap_or_else(|| format!("f{}", field + 1));
                format!("({}).{}", self.expr(row, names), quote_identifier(&name))
            }
            ExprKind::Relabel(arg) | ExprKind::CoerceViaIo(arg) => self.coercion(arg, expr, names),
            ExprKind::ApplyTypmod { arg, explicit: _ } => match &arg.kind {
                // The cast itself and its modifier are one.
                ExprKind::Relabel(inner) | ExprKind::CoerceViaIo(inner) => {
                    self.coercion(inner, expr, names)
                }
                _ => self.coercion(arg, expr, names),
            },
            ExprKind::ArrayCoerce { array, element: _ } => self.coercion(array, expr, names),
            ExprKind::SpreadCall(call) => {
                let args = self.list(&call.args, ", ", names);
                format!("{}({args})", quote_identifier(call.proc.name))
            }
            ExprKind::SetElement(set) => {
                let steps =
                    set.indexes.iter().map(|index| format!("[{}]", self.expr(index, names)));
                let path: String = steps.collect();
                format!(
                    "{}{path} := {}",
                    self.expr(&set.container, names),
                    self.expr(&set.value, names)
                )
            }
            ExprKind::QueryRows(rows) => self.expr(&rows.text, names),
            ExprKind::SqlValue(value) => sql_value(*value).into(),
            ExprKind::SubPlan(plan) => self.sub_plan(plan, names),
            ExprKind::SetReturning(call) => {
                let args = self.list(&call.args, ", ", names);
                format!("{}({args})", quote_identifier(call.proc.name))
            }
            ExprKind::UserCall(call) => {
                let args = self.list(&call.args, ", ", names);
                format!("{}({args})", quote_identifier(&call.function.name))
            }
            ExprKind::Domain(cast) => self.expr(&cast.arg, names),
            ExprKind::Default => "DEFAULT".into(),
            ExprKind::Var(_)
            | ExprKind::SubLink(_)
            | ExprKind::Aggregate(_)
            | ExprKind::Window(_)
            | ExprKind::Grouping(_) => "?".into(),
        }
    }

    fn list(&mut self, args: &[Expr], separator: &str, names: Names<'_>) -> String {
        let args: Vec<String> = args.iter().map(|arg| self.expr(arg, names)).collect();
        args.join(separator)
    }

    fn joined(&mut self, args: &[Expr], separator: &str, names: Names<'_>) -> String {
        format!("({})", self.list(args, separator, names))
    }

    /// An expression in parentheses unless it is a column.
    fn atom(&mut self, expr: &Expr, names: Names<'_>) -> String {
        let text = self.expr(expr, names);
        match expr.kind {
            ExprKind::Column(_) | ExprKind::Outer(_) => text,
            _ => format!("({text})"),
        }
    }

    fn call(&mut self, call: &Call, expr: &Expr, names: Names<'_>) -> String {
        match (call.operator, call.args.as_slice()) {
            (Some(operator), [arg]) => format!("({operator} {})", self.expr(arg, names)),
            (Some(operator), [left, right]) => {
                let (left, right) = (self.expr(left, names), self.expr(right, names));
                format!("({left} {operator} {right})")
            }
            (_, [arg, ..]) if is_cast(call, arg.ty, expr.ty) => self.coercion(arg, expr, names),
            _ => {
                let args = self.list(&call.args, ", ", names);
                format!("{}({args})", quote_identifier(call.proc.name))
            }
        }
    }

    fn coercion(&mut self, arg: &Expr, expr: &Expr, names: Names<'_>) -> String {
        let target = self.type_name(expr.ty, expr.typmod);
        if let ExprKind::Const(value) = &arg.kind
            && arg.ty == expr.ty
            && arg.typmod < 0
        {
            return format!("{}::{target}", bare_constant(value, arg.ty));
        }
        format!("({})::{target}", self.expr(arg, names))
    }

    /// An array operand; one of constants is a constant.
    pub(super) fn array(&mut self, array: &Expr, names: Names<'_>) -> String {
        if let ExprKind::Array { elements, element_type, nested: false } = &array.kind {
            let values: Option<Vec<Datum>> = elements
                .iter()
                .map(|element| match &element.kind {
                    ExprKind::Const(value) => Some(value.clone()),
                    _ => None,
                })
                .collect();
            if let Some(values) = values {
                let value = types::Array::from_elements(*element_type, values);
                return constant(&Datum::Array(std::sync::Arc::new(value)), array.ty, -1);
            }
        }
        self.expr(array, names)
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        whens: &[(Expr, Expr)],
        otherwise: &Expr,
        names: Names<'_>,
    ) -> String {
        let mut text = String::from("CASE");
        if let Some(operand) = operand {
            _ = write!(text, " {}", self.expr(operand, names));
        }
        for (condition, result) in whens {
            // With an operand, the condition compares it.
            let condition = match &condition.kind {
                ExprKind::Call(call) if operand.is_some() => match call.args.as_slice() {
                    [_, value] => self.expr(value, names),
                    _ => self.expr(condition, names),
                },
                _ => self.expr(condition, names),
            };
            _ = write!(text, " WHEN {condition} THEN {}", self.expr(result, names));
        }
        _ = write!(text, " ELSE {} END", self.expr(otherwise, names));
        text
    }

    fn sub_plan(&mut self, plan: &SubPlan, names: Names<'_>) -> String {
        let args: Vec<Label> = plan
            .args
            .iter()
            .map(|arg| match &arg.kind {
                ExprKind::Column(position) => names
                    .row
                    .get(*position)
                    .cloned()
                    .unwrap_or_else(|| Label::Text(self.expr(arg, names))),
                ExprKind::Outer(position) => names
                    .frame
                    .get(*position)
                    .cloned()
                    .unwrap_or_else(|| Label::Text(self.expr(arg, names))),
                _ => Label::Text(self.expr(arg, names)),
            })
            .collect();
        let once = args.is_empty()
            && !matches!(plan.kind, SubLinkKind::Any | SubLinkKind::All | SubLinkKind::Row);
        let number = self.note_sub_plan(plan, args, once);
        if once {
            return format!("${}", number - 1);
        }
        let hashed = plan.args.is_empty() && matches!(plan.kind, SubLinkKind::Any);
        format!("({}SubPlan {number})", if hashed { "hashed " } else { "" })
    }

    /// `count(DISTINCT x) FILTER (WHERE …)`.
    pub(super) fn aggregate(&mut self, call: &AggregateCall, names: Names<'_>) -> String {
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        let mut args = match call.args.is_empty() {
            true => "*".to_owned(),
            false => self.list(&call.args, ", ", names),
        };
        if !call.order.is_empty() {
            let order = self.sort_keys(&call.order, names).join(", ");
            args = format!("{args} ORDER BY {order}");
        }
        let mut text = format!("{}({distinct}{args})", quote_identifier(call.name));
        if let Some(filter) = &call.filter {
            _ = write!(text, " FILTER (WHERE {})", self.expr(filter, names));
        }
        text
    }

    /// `rank() OVER (?)`.
    pub(super) fn window_call(&mut self, call: &WindowCall, names: Names<'_>) -> String {
        let text = match &call.function {
            WindowFunction::Aggregate(aggregate) => self.aggregate(aggregate, names),
            WindowFunction::Builtin(prosrc) => {
                let name = prosrc.strip_prefix("window_").unwrap_or(prosrc);
                format!("{name}({})", self.list(&call.args, ", ", names))
            }
        };
        format!("{text} OVER (?)")
    }

    /// Sort keys: `a DESC NULLS LAST`.
    pub(super) fn sort_keys(&mut self, keys: &[SortKey], names: Names<'_>) -> Vec<String> {
        keys.iter()
            .map(|key| {
                let mut text = self.expr(&key.expr, names);
                if key.descending {
                    text += " DESC";
                }
                if key.nulls_first != key.descending {
                    text += if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" };
                }
                text
            })
            .collect()
    }

    pub(super) fn type_name(&self, ty: Oid, typmod: i32) -> String {
        crate::system::format_type(self.catalog, ty, typmod)
    }
}

/// Whether a call is that of a cast's function.
fn is_cast(call: &Call, source: Oid, target: Oid) -> bool {
    call.operator.is_none()
        && builtin::cast(source, target).is_some_and(|cast| cast.func == call.proc.oid)
}

fn sql_value(value: SqlValue) -> &'static str {
    match value {
        SqlValue::CurrentDate => "CURRENT_DATE",
        SqlValue::CurrentTime => "CURRENT_TIME",
        SqlValue::CurrentTimestamp => "CURRENT_TIMESTAMP",
        SqlValue::LocalTime => "LOCALTIME",
        SqlValue::LocalTimestamp => "LOCALTIMESTAMP",
        SqlValue::CurrentRole => "CURRENT_ROLE",
        SqlValue::CurrentUser => "CURRENT_USER",
        SqlValue::SessionUser => "SESSION_USER",
        SqlValue::CurrentCatalog => "CURRENT_CATALOG",
        SqlValue::CurrentSchema => "CURRENT_SCHEMA",
    }
}

/// A constant's text without its type.
fn bare_constant(value: &Datum, ty: Oid) -> String {
    match value {
        Datum::Null => "NULL".into(),
        Datum::Bool(true) => "true".into(),
        Datum::Bool(false) => "false".into(),
        value => {
            let text = types::text::to_string(value, ty, &FormatSettings::default());
            let plain = match ty {
                oid::INT4 => !text.starts_with('-'),
                oid::NUMERIC => {
                    text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(['e', 'E', '.'])
                }
                _ => false,
            };
            if plain { text } else { quote_literal(&text) }
        }
    }
}

/// A constant with its type, if it does not show by itself.
///
/// Source: PostgreSQL 16 `get_const_expr`.
fn constant(value: &Datum, ty: Oid, typmod: i32) -> String {
    let text = bare_constant(value, ty);
    let labelled = match (value, ty) {
        (Datum::Null, _) => true,
        (_, oid::BOOL | oid::UNKNOWN) => false,
        (_, oid::INT4) => text.starts_with('\''),
        (_, oid::NUMERIC) => text.starts_with('\'') || typmod >= 0,
        _ => true,
    };
    match labelled {
        true => {
            let typmod = (typmod >= 0).then_some(typmod);
            format!("{text}::{}", builtin::format_type(ty, typmod))
        }
        false => text,
    }
}

//! Operators, comparisons of rows, IN, BETWEEN and the like.
//!
//! Source: PostgreSQL 16 `transformAExprOp`, `make_row_comparison_op` and their siblings,
//! `src/backend/parser/parse_expr.c`.

use catalog::builtin::{OperatorRow, ProcRow, Volatility};
use parser::protobuf::{self, AExprKind, SubLinkType};
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::coerce::{Context, can_coerce, common_type};
use super::function::{Candidate, not_supported};
use super::{Binder, required, strings};
use crate::expr::{Call, Expr, ExprKind, QueryRows};

impl Binder<'_> {
    pub(super) fn operator_expr(&mut self, expr: &protobuf::AExpr) -> Result<Expr> {
        let protobuf::AExpr { kind, name, lexpr, rexpr, location } = expr;
        let name = strings(name);
        let name = name.as_slice();
        let location = *location;
        let kind = AExprKind::from_i32(*kind).unwrap_or(AExprKind::Undefined);
        match kind {
            AExprKind::AexprOp => {
                if lexpr.is_none() {
                    let right = self.boxed(rexpr)?;
                    return self.operator(name, None, right, location);
                }
                if let (Some(_), Some(link)) = (row_fields(lexpr), scalar_sub_link(rexpr)) {
                    return self.row_sub_link(name, required(lexpr.as_deref())?, link, location);
                }
                if let (Some(left), Some(right)) = (row_fields(lexpr), row_fields(rexpr)) {
                    let (left, right) = (self.row_expressions(left)?, self.row_expressions(right)?);
                    return self.compare_rows(name, left, right, location);
                }
                let left = self.boxed(lexpr)?;
                let right = self.boxed(rexpr)?;
                self.operator(name, Some(left), right, location)
            }
            AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
                let left = self.boxed(lexpr)?;
                let right = self.boxed(rexpr)?;
                self.operator(name, Some(left), right, location)
            }
            AExprKind::AexprOpAny | AExprKind::AexprOpAll => {
                let left = self.boxed(lexpr)?;
                let array = self.boxed(rexpr)?;
                self.quantified(name, left, array, kind == AExprKind::AexprOpAll, location)
            }
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                self.is_distinct(lexpr, rexpr, kind == AExprKind::AexprNotDistinct, location)
            }
            AExprKind::AexprNullif => {
                let left = self.boxed(lexpr)?;
                let right = self.boxed(rexpr)?;
                let equal = self.equality(left, right, "NULLIF", location)?;
                let (ty, typmod) =
                    equal.args.first().map_or((oid::TEXT, -1), |arg| (arg.ty, arg.typmod));
                Ok(Expr::typed(ExprKind::NullIf(equal), ty, typmod))
            }
            AExprKind::AexprIn => self.in_list(name, lexpr, rexpr, location),
            AExprKind::AexprBetween
            | AExprKind::AexprNotBetween
            | AExprKind::AexprBetweenSym
            | AExprKind::AexprNotBetweenSym => self.between(kind, lexpr, rexpr, location),
            AExprKind::Undefined => Err(SqlError::internal("operator of no kind")),
        }
    }

    /// `left = right`, as a construct that needs it to be an equality.
    fn equality(
        &mut self,
        left: Expr,
        right: Expr,
        construct: &str,
        location: i32,
    ) -> Result<Box<Call>> {
        let equal = self.operator(&["="], Some(left), right, location)?;
        if equal.ty != oid::BOOL {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                format!("{construct} requires = operator to yield boolean"),
                location,
            ));
        }
        match equal.kind {
            ExprKind::Call(call) => Ok(call),
            _ => Err(SqlError::internal("equality is not a call")),
        }
    }

    fn is_distinct(
        &mut self,
        left: &Option<Box<Node>>,
        right: &Option<Box<Node>>,
        negated: bool,
        location: i32,
    ) -> Result<Expr> {
        // `IS DISTINCT FROM NULL` is a null test.
        let tested = match (is_null_literal(left), is_null_literal(right)) {
            (_, true) => Some(left),
            (true, false) => Some(right),
            (false, false) => None,
        };
        if let Some(tested) = tested {
            let arg = Box::new(self.boxed(tested)?);
            let kind = ExprKind::IsNull { arg, negated: !negated };
            return Ok(Expr::new(kind, oid::BOOL));
        }
        if let (Some(left), Some(right)) = (row_fields(left), row_fields(right)) {
            let (left, right) = (self.row_expressions(left)?, self.row_expressions(right)?);
            if left.len() != right.len() {
                return Err(self.unequal_rows(location));
            }
            let mut parts = Vec::new();
            for (left, right) in left.into_iter().zip(right) {
                let equal = self.equality(left, right, "IS DISTINCT FROM", location)?;
                parts.push(Expr::new(ExprKind::Distinct { equal, negated }, oid::BOOL));
            }
            return Ok(match parts.is_empty() {
                true => Expr::constant(Datum::Bool(negated), oid::BOOL),
                false => chain(parts, negated),
            });
        }
        let left = self.boxed(left)?;
        let right = self.boxed(right)?;
        let equal = self.equality(left, right, "IS DISTINCT FROM", location)?;
        Ok(Expr::new(ExprKind::Distinct { equal, negated }, oid::BOOL))
    }

    /// `left name right`, or `name right`.
    pub(super) fn operator(
        &mut self,
        name: &[&str],
        left: Option<Expr>,
        right: Expr,
        location: i32,
    ) -> Result<Expr> {
        let actual = |expr: &Expr| self.domain_of(expr).unwrap_or(expr.ty);
        let row = self.find_operator(name, left.as_ref().map(actual), actual(&right), location)?;
        self.call_operator(row, left, right, location)
    }

    /// Calls an operator that is already chosen.
    pub(super) fn call_operator(
        &mut self,
        row: &'static OperatorRow,
        left: Option<Expr>,
        right: Expr,
        location: i32,
    ) -> Result<Expr> {
        let proc = catalog::builtin::proc_by_oid(row.func)
            .ok_or_else(|| SqlError::internal("operator without a function"))?;
        let declared = match left {
            Some(_) => vec![row.left, row.right],
            None => vec![row.right],
        };
        let slots = (0..declared.len()).map(Some).collect();
        let candidate = Candidate { proc, declared, variadic_from: None, slots, user: None };
        let args = left.into_iter().chain(std::iter::once(right)).collect();
        let mut expr = self.call(&candidate, args, false, location)?;
        if let ExprKind::Call(call) = &mut expr.kind {
            call.operator = Some(row.name);
        }
        Ok(expr)
    }

    /// Calls a function that is already chosen.
    pub(super) fn call(
        &mut self,
        candidate: &Candidate,
        args: Vec<Expr>,
        variadic: bool,
        location: i32,
    ) -> Result<Expr> {
        let proc = candidate.proc;
        let super::call::Coerced { mut args, result_type, domain: _, spread } =
            self.coerce_arguments(candidate, args, variadic)?;
        query_argument(proc, &mut args);
        if proc.src.contains("populate_record")
            && let Some(base) = args.first_mut()
            && let Some(fields) = self.row_type_fields(base.ty)
        {
            if super::row_type::is_null(base)
                && let Some(row) = self.null_row(base.ty)
            {
                *base = row;
            }
            let typmods = fields.into_iter().map(|(.., typmod)| typmod);
            args.push(super::range_function::typmods(typmods));
        }
        let actual = |arg: &Expr| match proc.src {
            "pg_typeof" => self.domain_of(arg).unwrap_or(arg.ty),
            // It says of what the elements are.
            "array_send" => arg.ty,
            _ => self.site_type(arg.ty),
        };
        let arg_types = args.iter().map(actual).collect();
        let site = functions::Site { arg_types, result_type: self.site_type(result_type) };
        if proc.retset {
            let mut expr = self.set_call(proc, site, args, location)?;
            expr.ty = result_type;
            return Ok(expr);
        }
        let Some(function) = crate::system::scalar(proc) else {
            if proc.lang == catalog::builtin::LANGUAGE_SQL {
                return self.inline(proc, args, result_type, location);
            }
            return Err(not_supported(proc).at(self.position(location).max(1)));
        };
        let call = Box::new(Call { proc, function, site, args, operator: None });
        let kind = if spread { ExprKind::SpreadCall(call) } else { ExprKind::Call(call) };
        Ok(Expr::new(kind, result_type))
    }

    /// An argument for a parameter of type `"any"`. Functions that print it cannot print the names
    /// that `reg*` types stand for, so those go in as text.
    pub(super) fn any_argument(&mut self, proc: &'static ProcRow, arg: Expr) -> Result<Expr> {
        let arg = self.settle(arg)?;
        let prints = matches!(proc.name, "concat" | "concat_ws" | "format");
        if prints && crate::system::prints_names(arg.ty) {
            return self.cast(arg, oid::TEXT, -1, -1);
        }
        Ok(arg)
    }

    /// Source: PostgreSQL 16 `transformAExprIn`.
    fn in_list(
        &mut self,
        name: &[&str],
        left: &Option<Box<Node>>,
        right: &Option<Box<Node>>,
        location: i32,
    ) -> Result<Expr> {
        let Some(NodeEnum::List(list)) = right.as_ref().and_then(|node| node.node.as_ref()) else {
            return Err(SqlError::internal("IN without a list"));
        };
        let negated = name.last() == Some(&"<>");
        let value = self.boxed(left)?;
        let items = self.expressions(&list.items)?;
        // A table's whole row is none that is written.
        let is_row = |node: &Node| matches!(node.node, Some(NodeEnum::RowExpr(_)));
        let written = left.as_deref().is_some_and(is_row) && list.items.iter().any(is_row);
        // One comparison with an array where the types allow it.
        let (variable, constant): (Vec<Expr>, Vec<Expr>) =
            items.iter().cloned().partition(contains_variable);
        let mut parts = Vec::new();
        let mut rest = items;
        if constant.len() > 1 {
            let types: Vec<_> =
                std::iter::once(&value).chain(&constant).map(|expr| expr.ty).collect();
            if let Ok(common) = common_type(&self.cx.catalog, &types)
                && common != oid::RECORD
                && types
                    .iter()
                    .all(|ty| can_coerce(&self.cx.catalog, &[*ty], &[common], Context::Implicit))
                && let Some(array) = self.array_type(common)
            {
                let mut elements = Vec::with_capacity(constant.len());
                for item in constant {
                    elements.push(self.coerce_to_common(item, common, "IN")?);
                }
                let kind = ExprKind::Array { elements, element_type: common, nested: false };
                let array = Expr::new(kind, array);
                parts.push(self.quantified(name, value.clone(), array, negated, location)?);
                rest = variable;
            }
        }
        for item in rest {
            let part = match (&value.kind, &item.kind) {
                (ExprKind::Row { fields: left }, ExprKind::Row { fields: right })
                    if written && item.ty == oid::RECORD =>
                {
                    let fields = |fields: &[(_, Expr)]| {
                        fields.iter().map(|(_, field)| field.clone()).collect()
                    };
                    self.compare_rows(name, fields(left), fields(right), location)?
                }
                _ => self.operator(name, Some(value.clone()), item, location)?,
            };
            parts.push(self.boolean(part, "IN")?);
        }
        Ok(chain(parts, negated))
    }

    fn between(
        &mut self,
        kind: AExprKind,
        left: &Option<Box<Node>>,
        right: &Option<Box<Node>>,
        location: i32,
    ) -> Result<Expr> {
        let Some(NodeEnum::List(list)) = right.as_ref().and_then(|node| node.node.as_ref()) else {
            return Err(SqlError::internal("BETWEEN without bounds"));
        };
        let [low, high] = list.items.as_slice() else {
            return Err(SqlError::internal("BETWEEN without two bounds"));
        };
        let negated = matches!(kind, AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym);
        let symmetric = matches!(kind, AExprKind::AexprBetweenSym | AExprKind::AexprNotBetweenSym);
        let (from, to) = if negated { ("<", ">") } else { (">=", "<=") };
        let mut compare = |name: &str, bound: &Node| -> Result<Expr> {
            let (value, bound) = (self.boxed(left)?, self.expression(bound)?);
            let compared = self.operator(&[name], Some(value), bound, location)?;
            self.boolean(compared, if negated { "OR" } else { "AND" })
        };
        let straight = chain(vec![compare(from, low)?, compare(to, high)?], !negated);
        if !symmetric {
            return Ok(straight);
        }
        let swapped = chain(vec![compare(from, high)?, compare(to, low)?], !negated);
        Ok(chain(vec![straight, swapped], negated))
    }

    fn unequal_rows(&self, location: i32) -> SqlError {
        let message = "unequal number of entries in row expressions";
        self.error(SqlState::SYNTAX_ERROR, message, location)
    }

    /// `(left…) name (right…)`, compared as rows.
    ///
    /// Source: PostgreSQL 16 `make_row_comparison_op`.
    pub(super) fn compare_rows(
        &mut self,
        name: &[&str],
        left: Vec<Expr>,
        right: Vec<Expr>,
        location: i32,
    ) -> Result<Expr> {
        if left.len() != right.len() {
            return Err(self.unequal_rows(location));
        }
        if left.is_empty() {
            let message = "cannot compare rows of zero length";
            return Err(self.error(SqlState::FEATURE_NOT_SUPPORTED, message, location));
        }
        let pairs: Vec<(Expr, Expr)> = left.into_iter().zip(right).collect();
        let mut parts = Vec::with_capacity(pairs.len());
        for (left, right) in &pairs {
            let part = self.operator(name, Some(left.clone()), right.clone(), location)?;
            if part.ty != oid::BOOL {
                return Err(self.error(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "row comparison operator must yield type boolean, not type {}",
                        self.type_name(part.ty)
                    ),
                    location,
                ));
            }
            if super::srf::contains_set(&part) {
                let message = "row comparison operator must not return a set";
                return Err(self.error(SqlState::DATATYPE_MISMATCH, message, location));
            }
            parts.push(part);
        }
        if parts.len() == 1 {
            return required(parts.pop());
        }
        let operator = name.last().copied().unwrap_or_default();
        let strict = match operator {
            "=" | "<>" => return Ok(chain(parts, operator == "=")),
            "<" | "<=" => Some("<"),
            ">" | ">=" => Some(">"),
            "~<~" | "~<=~" => Some("~<~"),
            "~>~" | "~>=~" => Some("~>~"),
            _ => None,
        };
        match strict {
            // (a, b) < (c, d)  ⇔  a < c OR (a = c AND b < d)
            Some(strict) => {
                let computed: Vec<Expr> =
                    parts.iter().skip(1).flat_map(computed_constants).collect();
                let mut result = required(parts.pop())?;
                let leading = pairs.len() - 1;
                for (left, right) in pairs.into_iter().take(leading).rev() {
                    let before =
                        self.operator(&[strict], Some(left.clone()), right.clone(), location)?;
                    let equal = self.operator(&["="], Some(left), right, location)?;
                    result = chain(vec![before, chain(vec![equal, result], true)], false);
                }
                Ok(after_constants(computed, result))
            }
            None => Err(self
                .error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!(
                        "could not determine interpretation of row comparison operator {operator}"
                    ),
                    location,
                )
                .hint("Row comparison operators must be associated with btree operator families.")),
        }
    }
}

/// The operands of a comparison that are constants yet to be computed.
fn computed_constants(comparison: &Expr) -> Vec<Expr> {
    fn is_constant(expr: &Expr) -> bool {
        let own = match &expr.kind {
            ExprKind::Const(_) | ExprKind::Relabel(_) | ExprKind::ApplyTypmod { .. } => true,
            ExprKind::Call(call) => call.proc.volatility == Volatility::Immutable,
            _ => false,
        };
        let mut constant = own;
        expr.for_each_child(&mut |child| constant = constant && is_constant(child));
        constant
    }
    let ExprKind::Call(call) = &comparison.kind else { return Vec::new() };
    let computed = |arg: &&Expr| !matches!(arg.kind, ExprKind::Const(_)) && is_constant(arg);
    call.args.iter().filter(computed).cloned().collect()
}

/// `result`, for which planning computes `constants` even where it does not depend on them: their
/// errors are raised. PostgreSQL keeps a row comparison in one piece, and so simplifies all of it.
fn after_constants(constants: Vec<Expr>, result: Expr) -> Expr {
    if constants.is_empty() {
        return result;
    }
    let is_null =
        |arg: Expr| Expr::new(ExprKind::IsNull { arg: Box::new(arg), negated: false }, oid::BOOL);
    let whens = constants.into_iter().map(|arg| (is_null(arg), result.clone())).collect();
    Expr::new(ExprKind::Case { whens, otherwise: Box::new(result) }, oid::BOOL)
}

/// AND (`all`) or OR of conditions.
pub(super) fn chain(mut parts: Vec<Expr>, all: bool) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ if all => Expr::new(ExprKind::And(parts), oid::BOOL),
        _ => Expr::new(ExprKind::Or(parts), oid::BOOL),
    }
}

/// Whether an expression depends on the query's rows.
fn contains_variable(expr: &Expr) -> bool {
    let mut found = false;
    crate::plan::walk::vars(expr, 0, &mut |var, depth, _| found |= var.level == depth);
    found
}

/// The fields of an explicit row.
fn row_fields(node: &Option<Box<Node>>) -> Option<&[Node]> {
    match node.as_ref()?.node.as_ref()? {
        NodeEnum::RowExpr(row) => Some(&row.args),
        _ => None,
    }
}

fn scalar_sub_link(node: &Option<Box<Node>>) -> Option<&protobuf::SubLink> {
    match node.as_ref()?.node.as_ref()? {
        NodeEnum::SubLink(link) if link.sub_link_type == SubLinkType::ExprSublink as i32 => {
            Some(link)
        }
        _ => None,
    }
}

fn is_null_literal(node: &Option<Box<Node>>) -> bool {
    let node = node.as_ref().and_then(|node| node.node.as_ref());
    matches!(node, Some(NodeEnum::AConst(constant)) if constant.isnull)
}

/// Puts the rows of a query in the place of its text, for functions that take a query.
fn query_argument(proc: &ProcRow, args: &mut [Expr]) {
    let (at, columns, complaint): (usize, &'static [Oid], _) = match proc.src {
        "tsquery_rewrite_query" => {
            (1, &[oid::TSQUERY, oid::TSQUERY], "ts_rewrite query must return two tsquery columns")
        }
        "ts_stat1" | "ts_stat2" => {
            (0, &[oid::TSVECTOR], "ts_stat query must return one tsvector column")
        }
        _ => return,
    };
    if let Some(arg) = args.get_mut(at) {
        let text = std::mem::replace(arg, Expr::null(oid::TEXT));
        let rows = QueryRows { text, columns, complaint };
        *arg = Expr::new(ExprKind::QueryRows(Box::new(rows)), oid::RECORD_ARRAY);
    }
}

//! ORDER BY, GROUP BY, DISTINCT, LIMIT.

use catalog::builtin::Volatility;
use parser::protobuf::{self, GroupingSetKind, SortByDir, SortByNulls, a_const};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState, oid};

use super::expr::node_location;
use super::query::{OutputColumn, SortItem};
use super::scope::ExprPlace;
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind};
use crate::plan::SortKey;

/// Most grouping sets that a GROUP BY may expand to.
const GROUPING_SETS_MAX: usize = 4096;

/// Direction of a sort item.
pub(super) struct Order {
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

impl Binder<'_> {
    /// `ASC`, `DESC`, `USING <`, `NULLS …`.
    fn order(&self, sort: &protobuf::SortBy) -> Result<Order> {
        let descending = match SortByDir::from_i32(sort.sortby_dir) {
            Some(SortByDir::SortbyDesc) => true,
            Some(SortByDir::SortbyUsing) => match strings(&sort.use_op).last() {
                Some(&"<") => false,
                Some(&">") => true,
                other => {
                    return Err(self
                        .error(
                            SqlState::WRONG_OBJECT_TYPE,
                            format!(
                                "operator {} is not a valid ordering operator",
                                other.copied().unwrap_or_default()
                            ),
                            sort.location,
                        )
                        .hint(
                            "Ordering operators must be \"<\" or \">\" members of btree operator \
                             families.",
                        ));
                }
            },
            _ => false,
        };
        let nulls_first = match SortByNulls::from_i32(sort.sortby_nulls) {
            Some(SortByNulls::SortbyNullsFirst) => true,
            Some(SortByNulls::SortbyNullsLast) => false,
            _ => descending,
        };
        Ok(Order { descending, nulls_first })
    }

    /// `ORDER BY` inside a call or a window: always expressions.
    pub(super) fn sort_keys(&mut self, nodes: &[Node]) -> Result<Vec<SortKey>> {
        let mut keys = Vec::new();
        for node in nodes {
            let Some(NodeEnum::SortBy(sort)) = &node.node else {
                return Err(SqlError::internal("unexpected sort item"));
            };
            let Order { descending, nulls_first } = self.order(sort)?;
            let expr = self.boxed(&sort.node)?;
            let expr = self.settle(expr)?;
            self.require_ordering(expr.ty, sort.location)?;
            keys.push(SortKey { expr, descending, nulls_first });
        }
        Ok(keys)
    }

    /// `ORDER BY` of a SELECT: an output column by name or number, or an expression, which becomes
    /// a helper target if it is not one already.
    pub(super) fn sort_clause(
        &mut self,
        nodes: &[Node],
        columns: &[OutputColumn],
        targets: &mut Vec<Expr>,
    ) -> Result<Vec<SortItem>> {
        let mut items = Vec::new();
        for node in nodes {
            let Some(NodeEnum::SortBy(sort)) = &node.node else {
                return Err(SqlError::internal("unexpected sort item"));
            };
            let Order { descending, nulls_first } = self.order(sort)?;
            let inner = required(sort.node.as_deref())?;
            let place = std::mem::replace(&mut self.level()?.place, ExprPlace::OrderBy);
            let column = self.target_position(inner, "ORDER BY", columns, targets, true);
            self.level()?.place = place;
            let column = column?;
            self.require_ordering(targets[column].ty, node_location(inner).unwrap_or(-1))?;
            items.push(SortItem { column, descending, nulls_first });
        }
        Ok(items)
    }

    /// `ORDER BY` over a set operation's or VALUES' output: names and numbers only.
    pub(super) fn sort_outputs(
        &mut self,
        nodes: &[Node],
        columns: &[OutputColumn],
    ) -> Result<Vec<SortItem>> {
        let mut items = Vec::new();
        for node in nodes {
            let Some(NodeEnum::SortBy(sort)) = &node.node else {
                return Err(SqlError::internal("unexpected sort item"));
            };
            let Order { descending, nulls_first } = self.order(sort)?;
            let inner = required(sort.node.as_deref())?;
            let location = node_location(inner).unwrap_or(-1);
            let column = match self.output_by_name_or_number(inner, "ORDER BY", columns)? {
                Some(column) => column,
                None => {
                    if let Some(NodeEnum::ColumnRef(column)) = &inner.node
                        && let [name] = strings(&column.fields).as_slice()
                    {
                        return Err(self.error(
                            SqlState::UNDEFINED_COLUMN,
                            format!("column \"{name}\" does not exist"),
                            location,
                        ));
                    }
                    return Err(self
                        .error(
                            SqlState::FEATURE_NOT_SUPPORTED,
                            "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
                            location,
                        )
                        .detail(
                            "Only result column names can be used, not expressions or functions.",
                        )
                        .hint(
                            "Add the expression/function to every SELECT, or move the UNION into \
                             a FROM clause.",
                        ));
                }
            };
            self.require_ordering(columns[column].ty, location)?;
            items.push(SortItem { column, descending, nulls_first });
        }
        Ok(items)
    }

    /// The output column that `name` or a number means.
    fn output_by_name_or_number(
        &mut self,
        node: &Node,
        clause: &str,
        columns: &[OutputColumn],
    ) -> Result<Option<usize>> {
        let location = node_location(node).unwrap_or(-1);
        match node.node.as_ref() {
            Some(NodeEnum::ColumnRef(column)) => {
                if let ([name], 1) = (strings(&column.fields).as_slice(), column.fields.len()) {
                    let mut found =
                        columns.iter().enumerate().filter(|(_, column)| column.name == *name);
                    if let Some((position, first)) = found.next() {
                        // The same column twice is not ambiguous, different ones are.
                        if found.any(|(_, other)| {
                            other.origin.is_none() || other.origin != first.origin
                        }) {
                            return Err(self.error(
                                SqlState::AMBIGUOUS_COLUMN,
                                format!("{clause} \"{name}\" is ambiguous"),
                                location,
                            ));
                        }
                        return Ok(Some(position));
                    }
                }
                Ok(None)
            }
            Some(NodeEnum::AConst(constant)) => match &constant.val {
                Some(a_const::Val::Ival(number)) => {
                    let position = usize::try_from(number.ival)
                        .ok()
                        .and_then(|n| n.checked_sub(1))
                        .filter(|n| *n < columns.len());
                    position.map(Some).ok_or_else(|| {
                        self.error(
                            SqlState::INVALID_COLUMN_REFERENCE,
                            format!("{clause} position {} is not in select list", number.ival),
                            location,
                        )
                    })
                }
                _ => Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    format!("non-integer constant in {clause}"),
                    location,
                )),
            },
            _ => Ok(None),
        }
    }

    /// The target that a sort, group or distinct item means. For ORDER BY output names come first
    /// (`names_first`), for GROUP BY input columns do.
    pub(super) fn target_position(
        &mut self,
        node: &Node,
        clause: &str,
        columns: &[OutputColumn],
        targets: &mut Vec<Expr>,
        names_first: bool,
    ) -> Result<usize> {
        let mut by_name = true;
        if !names_first
            && let Some(NodeEnum::ColumnRef(column)) = &node.node
            && let [name] = strings(&column.fields).as_slice()
        {
            let level = self.level()?;
            by_name = !level
                .items
                .iter()
                .any(|item| item.unqualified && item.columns.iter().any(|c| c.name == *name));
        }
        if by_name && let Some(position) = self.output_by_name_or_number(node, clause, columns)? {
            return Ok(position);
        }
        let expr = self.expression(node)?;
        let expr = self.settle(expr)?;
        if let Some(position) = targets.iter().position(|target| same(target, &expr)) {
            return Ok(position);
        }
        targets.push(expr);
        Ok(targets.len() - 1)
    }

    /// `GROUP BY`: group expressions, and grouping sets as positions among them.
    pub(super) fn group_clause(
        &mut self,
        nodes: &[Node],
        distinct: bool,
        columns: &[OutputColumn],
        targets: &[Expr],
    ) -> Result<(Vec<Expr>, Vec<Vec<usize>>)> {
        let mut groups = Vec::new();
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        let mut grouping_sets = false;
        for node in nodes {
            let alternatives = match &node.node {
                Some(NodeEnum::GroupingSet(set)) => {
                    grouping_sets = true;
                    self.grouping_set(set, columns, targets, &mut groups)?
                }
                _ => vec![self.group_items(node, columns, targets, &mut groups)?],
            };
            let mut product = Vec::new();
            for set in &sets {
                for alternative in &alternatives {
                    let mut joined = set.clone();
                    joined.extend(alternative);
                    joined.sort_unstable();
                    joined.dedup();
                    product.push(joined);
                }
            }
            if product.len() > GROUPING_SETS_MAX {
                return Err(SqlError::new(
                    SqlState::STATEMENT_TOO_COMPLEX,
                    "too many grouping sets present (maximum 4096)",
                ));
            }
            sets = product;
        }
        if !grouping_sets {
            return Ok((groups, Vec::new()));
        }
        if distinct {
            let mut seen = Vec::new();
            sets.retain(|set| {
                let new = !seen.contains(set);
                if new {
                    seen.push(set.clone());
                }
                new
            });
        }
        Ok((groups, sets))
    }

    fn grouping_set(
        &mut self,
        set: &protobuf::GroupingSet,
        columns: &[OutputColumn],
        targets: &[Expr],
        groups: &mut Vec<Expr>,
    ) -> Result<Vec<Vec<usize>>> {
        let protobuf::GroupingSet { kind, content, location } = set;
        let mut items = Vec::new();
        let kind = GroupingSetKind::from_i32(*kind).unwrap_or(GroupingSetKind::Undefined);
        if kind == GroupingSetKind::GroupingSetSets {
            let mut sets = Vec::new();
            for node in content {
                match &node.node {
                    Some(NodeEnum::GroupingSet(inner)) => {
                        sets.extend(self.grouping_set(inner, columns, targets, groups)?);
                    }
                    _ => sets.push(self.group_items(node, columns, targets, groups)?),
                }
            }
            return Ok(sets);
        }
        for node in content {
            items.push(self.group_items(node, columns, targets, groups)?);
        }
        Ok(match kind {
            GroupingSetKind::GroupingSetEmpty => vec![Vec::new()],
            GroupingSetKind::GroupingSetRollup => {
                (0..=items.len()).rev().map(|n| items[..n].concat()).collect()
            }
            GroupingSetKind::GroupingSetCube => {
                if items.len() > 12 {
                    return Err(self.error(
                        SqlState::TOO_MANY_COLUMNS,
                        "CUBE is limited to 12 elements",
                        *location,
                    ));
                }
                let mut sets: Vec<(u32, Vec<usize>)> = (0..1u32 << items.len())
                    .map(|mask| {
                        let chosen = items
                            .iter()
                            .enumerate()
                            .filter(|(i, _)| mask & (1 << i) != 0)
                            .flat_map(|(_, item)| item.clone());
                        (mask, chosen.collect())
                    })
                    .collect();
                sets.sort_by_key(|(mask, _)| std::cmp::Reverse(mask.count_ones()));
                sets.into_iter().map(|(_, set)| set).collect()
            }
            _ => vec![items.concat()],
        })
    }

    /// The positions in `groups` of one item, which may be a row of several.
    fn group_items(
        &mut self,
        node: &Node,
        columns: &[OutputColumn],
        targets: &[Expr],
        groups: &mut Vec<Expr>,
    ) -> Result<Vec<usize>> {
        if let Some(NodeEnum::RowExpr(row)) = &node.node {
            let mut positions = Vec::new();
            for item in &row.args {
                positions.extend(self.group_items(item, columns, targets, groups)?);
            }
            return Ok(positions);
        }
        let mut known = targets.to_vec();
        let position = self.target_position(node, "GROUP BY", columns, &mut known, false)?;
        let expr = known.swap_remove(position);
        let location = node_location(node).unwrap_or(-1);
        if contains_aggregate(&expr) {
            return Err(self.error(
                SqlState::GROUPING_ERROR,
                "aggregate functions are not allowed in GROUP BY",
                location,
            ));
        }
        self.require_equality(expr.ty, location)?;
        Ok(vec![match groups.iter().position(|group| same(group, &expr)) {
            Some(position) => position,
            None => {
                groups.push(expr);
                groups.len() - 1
            }
        }])
    }
}

/// Whether an aggregate of this query level stands in the expression.
pub(super) fn contains_aggregate(expr: &Expr) -> bool {
    if matches!(expr.kind, ExprKind::Aggregate(_)) {
        return true;
    }
    let mut found = false;
    expr.for_each_child(&mut |child| found |= contains_aggregate(child));
    found
}

/// Whether two bound expressions are the same.
pub(crate) fn same(a: &Expr, b: &Expr) -> bool {
    if a.ty != b.ty || a.typmod != b.typmod {
        return false;
    }
    let head = match (&a.kind, &b.kind) {
        (ExprKind::Const(x), ExprKind::Const(y)) => match (x.is_null(), y.is_null()) {
            (true, true) => true,
            (false, false) => types::compare::equal(x, y),
            _ => false,
        },
        (ExprKind::Param(x), ExprKind::Param(y)) => x == y,
        (ExprKind::Var(x), ExprKind::Var(y)) => x == y,
        (ExprKind::Column(x), ExprKind::Column(y)) => x == y,
        (ExprKind::Outer(x), ExprKind::Outer(y)) => x == y,
        (ExprKind::Aggregate(x), ExprKind::Aggregate(y)) => x == y,
        (ExprKind::Window(x), ExprKind::Window(y)) => x == y,
        (ExprKind::Grouping(x), ExprKind::Grouping(y)) => x == y,
        (ExprKind::SqlValue(x), ExprKind::SqlValue(y)) => x == y,
        (ExprKind::Call(x), ExprKind::Call(y)) | (ExprKind::NullIf(x), ExprKind::NullIf(y)) => {
            x.proc.oid == y.proc.oid && x.proc.volatility != Volatility::Volatile
        }
        (
            ExprKind::Distinct { equal: x, negated: p },
            ExprKind::Distinct { equal: y, negated: q },
        ) => x.proc.oid == y.proc.oid && p == q,
        (ExprKind::SetReturning(x), ExprKind::SetReturning(y)) => x.proc.oid == y.proc.oid,
        (ExprKind::IsNull { arg: _, negated: p }, ExprKind::IsNull { arg: _, negated: q }) => {
            p == q
        }
        (
            ExprKind::BooleanTest { arg: _, value: v, negated: p },
            ExprKind::BooleanTest { arg: _, value: w, negated: q },
        ) => v == w && p == q,
        (ExprKind::MinMax { args: _, least: p }, ExprKind::MinMax { args: _, least: q }) => p == q,
        (
            ExprKind::ApplyTypmod { arg: _, explicit: p },
            ExprKind::ApplyTypmod { arg: _, explicit: q },
        ) => p == q,
        (ExprKind::Field { row: _, field: p }, ExprKind::Field { row: _, field: q }) => p == q,
        (
            ExprKind::Subscript { container: _, indexes: x, slice: p },
            ExprKind::Subscript { container: _, indexes: y, slice: q },
        ) => p == q && x.iter().map(|(l, _)| l.is_some()).eq(y.iter().map(|(l, _)| l.is_some())),
        (
            ExprKind::ArrayQuantified { call: x, array: _, all: p },
            ExprKind::ArrayQuantified { call: y, array: _, all: q },
        ) => x.proc.oid == y.proc.oid && p == q,
        (ExprKind::SubLink(_), _) | (ExprKind::SubPlan(_), _) => false,
        (x, y) => std::mem::discriminant(x) == std::mem::discriminant(y),
    };
    if !head {
        return false;
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    a.for_each_child(&mut |child| left.push(child));
    b.for_each_child(&mut |child| right.push(child));
    left.len() == right.len() && left.iter().zip(right).all(|(x, y)| same(x, y))
}

impl Binder<'_> {
    /// `LIMIT` and `OFFSET`.
    pub(super) fn limit(
        &mut self,
        node: &Option<Box<Node>>,
        clause: &str,
        place: ExprPlace,
    ) -> Result<Option<Expr>> {
        let Some(node) = node else { return Ok(None) };
        // `LIMIT ALL` is a NULL constant.
        let before = std::mem::replace(&mut self.level()?.place, place);
        let expr = self.expression(node);
        self.level()?.place = before;
        let location = node_location(node).unwrap_or(-1);
        let expr = expr?;
        if contains_local_var(&expr) {
            return Err(self.error(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("argument of {clause} must not contain variables"),
                location,
            ));
        }
        let expr = if expr.ty == oid::UNKNOWN
            && matches!(expr.kind, ExprKind::Const(types::Datum::Null))
        {
            Expr::null(oid::INT8)
        } else {
            self.bigint(expr, clause, location)?
        };
        Ok(Some(expr))
    }
}

fn contains_local_var(expr: &Expr) -> bool {
    if matches!(expr.kind, ExprKind::Var(var) if var.level == 0) {
        return true;
    }
    let mut found = false;
    expr.for_each_child(&mut |child| found |= contains_local_var(child));
    found
}

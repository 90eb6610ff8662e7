//! A statement's text with its numbers taken out, and whether one plan serves for all numbers.
//!
//! The field calls this simple parameterisation. It is for statements of one table that find rows by
//! the primary key, and for INSERT … VALUES: there a number is a value and nothing else. Anything
//! that planning would compute, or choose by, keeps its numbers.

use std::fmt::Write as _;

use parser::{Node, NodeEnum, protobuf};

use crate::plan::{AccessPath, KeyEqual, Plan, Scan, StatementPlan};

/// A text whose integers are `$1`, `$2` ….
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) text: String,
    /// The integers, in order; each fits `int4`, as the literal would.
    pub(super) numbers: Vec<i32>,
}

impl Template {
    /// The template of a text; `None` if that takes more than a glance: parameters, comments,
    /// escapes, prefixed strings, several statements.
    pub(super) fn of(sql: &str) -> Option<Template> {
        let bytes = sql.as_bytes();
        let mut template =
            Template { text: String::with_capacity(sql.len() + 8), numbers: Vec::new() };
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
        let mut copied = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let next = bytes.get(at + 1).copied().unwrap_or_default();
            let end = match byte {
                b'$' | b'\\' | b'\0' => return None,
                b'-' if next == b'-' => return None,
                b'/' if next == b'*' => return None,
                b';' if !sql.get(at + 1..)?.trim().is_empty() => return None,
                // A quote within follows at once, as a string of its own.
                b'\'' | b'"' => {
                    let inside = bytes.get(at + 1..)?;
                    let length = memchr::memchr(byte, inside)?;
                    if memchr::memchr(b'\\', inside.get(..length)?).is_some() {
                        return None;
                    }
                    at + length + 2
                }
                b'0'..=b'9' | b'.' => {
                    let word = bytes.get(at..)?.iter().take_while(|b| is_word(**b) || **b == b'.');
                    let end = at + word.count();
                    let word = sql.get(at..end)?;
                    if let Some(number) = integer(word) {
                        template.text.push_str(sql.get(copied..at)?);
                        template.numbers.push(number);
                        // Writing to a string cannot fail.
                        let _ = write!(template.text, "${}", template.numbers.len());
                        copied = end;
                    }
                    end
                }
                byte if is_word(byte) => {
                    let length = bytes.get(at..)?.iter().take_while(|b| is_word(**b)).count();
                    let end = at + length;
                    // `E'…'`, `U&'…'` and their like.
                    if matches!(bytes.get(end), Some(b'\'' | b'&')) {
                        return None;
                    }
                    end
                }
                _ => at + 1,
            };
            at = end;
        }
        template.text.push_str(sql.get(copied..)?);
        Some(template)
    }
}

/// Whether a literal of a text may mean another value later: `'now'`, `'today'` and their like, and
/// times whose zone's offset is that of today. Rather too often than too rarely.
pub(super) fn may_depend_on_clock(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    let is_call = |rest: &str| rest.trim_start().starts_with('(');
    let has_now =
        sql.match_indices("now").any(|(at, word)| !sql.get(at + word.len()..).is_some_and(is_call));
    let words = ["today", "tomorrow", "yesterday", "timetz", "time zone", "\\"];
    has_now || words.iter().any(|word| sql.contains(word))
}

/// An integer as the grammar's `ICONST` takes it.
fn integer(word: &str) -> Option<i32> {
    if !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    word.parse().ok()
}

/// Whether all of a statement's parameters are values that rows are compared with or made of, and
/// no operator or function is given constants only, which planning would compute.
///
/// A value that does not fit its column fails in planning, so before a client is told of the result
/// columns, or in execution, after it: what has both keeps its numbers.
pub(super) fn is_plain(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::SelectStmt(select) => is_plain_select(select),
        NodeEnum::InsertStmt(insert) => {
            let rows = match insert.select_stmt.as_ref().and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::SelectStmt(select)) => &select.values_lists,
                _ => return false,
            };
            let is_value = |node: &Node| value_of(node).is_some();
            let is_row = |node: &Node| match &node.node {
                Some(NodeEnum::List(list)) => list.items.iter().all(is_value),
                _ => false,
            };
            insert.with_clause.is_none()
                && insert.on_conflict_clause.is_none()
                && !rows.is_empty()
                && rows.iter().all(is_row)
                && insert.returning_list.is_empty()
        }
        NodeEnum::UpdateStmt(update) => {
            update.with_clause.is_none()
                && update.from_clause.is_empty()
                && are_targets(&update.target_list)
                && is_condition(update.where_clause.as_deref())
                && update.returning_list.is_empty()
        }
        NodeEnum::DeleteStmt(delete) => {
            delete.with_clause.is_none()
                && delete.using_clause.is_empty()
                && is_condition(delete.where_clause.as_deref())
                && are_targets(&delete.returning_list)
        }
        _ => false,
    }
}

fn is_plain_select(select: &protobuf::SelectStmt) -> bool {
    let one_table = match select.from_clause.as_slice() {
        [from] => matches!(from.node, Some(NodeEnum::RangeVar(_))),
        _ => false,
    };
    one_table
        && select.op == protobuf::SetOperation::SetopNone as i32
        && select.distinct_clause.is_empty()
        && select.into_clause.is_none()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.window_clause.is_empty()
        && select.sort_clause.is_empty()
        && select.limit_count.is_none()
        && select.limit_offset.is_none()
        && select.with_clause.is_none()
        && are_targets(&select.target_list)
        && is_condition(select.where_clause.as_deref())
}

fn are_targets(targets: &[Node]) -> bool {
    targets.iter().all(|target| match &target.node {
        Some(NodeEnum::ResTarget(target)) => {
            target.indirection.is_empty()
                && target.val.as_deref().is_some_and(|v| value_of(v).is_some())
        }
        _ => false,
    })
}

fn is_condition(node: Option<&Node>) -> bool {
    node.is_some_and(|node| value_of(node) == Some(Value::Varies))
}

/// What is known of an allowed expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// A constant or parameter.
    Same,
    /// Of the row, or of a call.
    Varies,
}

/// `None`: not allowed.
fn value_of(node: &Node) -> Option<Value> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(_) | NodeEnum::SqlvalueFunction(_) => Some(Value::Varies),
        NodeEnum::ParamRef(_) | NodeEnum::AConst(_) | NodeEnum::SetToDefault(_) => {
            Some(Value::Same)
        }
        NodeEnum::TypeCast(cast) => {
            let literal = matches!(cast.arg.as_ref()?.node, Some(NodeEnum::AConst(_)));
            // A modifier is no value.
            (literal && cast.type_name.as_ref()?.typmods.is_empty()).then_some(Value::Same)
        }
        NodeEnum::AExpr(expr) => {
            use protobuf::AExprKind as Kind;
            let kind = expr.kind();
            if !matches!(
                kind,
                Kind::AexprOp | Kind::AexprIn | Kind::AexprBetween | Kind::AexprNotBetween
            ) {
                return None;
            }
            let right = expr.rexpr.as_deref()?;
            let Some(left) = expr.lexpr.as_deref() else {
                let negated = matches!(right.node, Some(NodeEnum::ParamRef(_)))
                    && matches!(expr.name.as_slice(), [Node { node: Some(NodeEnum::String(name)) }] if name.sval == "-");
                return if negated { Some(Value::Same) } else { varies([right]) };
            };
            match &right.node {
                Some(NodeEnum::List(list)) => varies(std::iter::once(left).chain(&list.items)),
                _ => varies([left, right]),
            }
        }
        NodeEnum::BoolExpr(expr) => {
            let all = expr.args.iter().all(|arg| value_of(arg) == Some(Value::Varies));
            all.then_some(Value::Varies)
        }
        NodeEnum::NullTest(test) => varies([test.arg.as_deref()?]),
        NodeEnum::FuncCall(call) => {
            let plain = call.agg_order.is_empty()
                && call.agg_filter.is_none()
                && call.over.is_none()
                && !call.agg_within_group
                && !call.func_variadic;
            let columns =
                call.args.iter().all(|arg| matches!(arg.node, Some(NodeEnum::ColumnRef(_))));
            (plain && columns).then_some(Value::Varies)
        }
        _ => None,
    }
}

/// Allowed if all of `nodes` are and one of them varies.
fn varies<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Option<Value> {
    let mut varies = None;
    for node in nodes {
        if value_of(node)? == Value::Varies {
            varies = Some(Value::Varies);
        }
    }
    varies
}

/// Whether a plan finds its rows by the primary key, as it would for any values.
pub(super) fn is_by_key(plan: &StatementPlan) -> bool {
    plan.ctes.is_empty() && plan.subplans == 0 && finds_by_key(&plan.root)
}

fn finds_by_key(plan: &Plan) -> bool {
    use crate::plan::Node as Operator;
    match &plan.node {
        Operator::SingleRow | Operator::Values { .. } => true,
        Operator::Scan(scan) => is_by_primary_key(scan),
        Operator::Filter { input, .. }
        | Operator::Project { input, .. }
        | Operator::Aggregate { input, .. }
        | Operator::LockRows { input, .. }
        | Operator::Subquery { input } => finds_by_key(input),
        Operator::Insert(insert) => finds_by_key(&insert.source),
        Operator::Update(update) => finds_by_key(&update.source),
        Operator::Delete(delete) => finds_by_key(&delete.source),
        _ => false,
    }
}

/// One row, or all rows of a range of keys.
fn is_by_primary_key(scan: &Scan) -> bool {
    let AccessPath::Primary(bounds) = &scan.path else { return false };
    let Some(key) = &scan.table.primary_key else { return false };
    let is_value = |equal: &KeyEqual| matches!(equal, KeyEqual::Value(_));
    let is_range = bounds.lower.is_some() || bounds.upper.is_some();
    bounds.equal.iter().all(is_value)
        && (bounds.equal.len() == key.keys.len() || is_range && scan.filter.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> Option<(String, Vec<i32>)> {
        Template::of(sql).map(|template| (template.text, template.numbers))
    }

    #[test]
    fn integers_are_taken_out() {
        let some = |text: &str, numbers: &[i32]| Some((text.to_owned(), numbers.to_vec()));
        assert_eq!(
            of("SELECT a1 FROM t2 WHERE id = 7;"),
            some("SELECT a1 FROM t2 WHERE id = $1;", &[7])
        );
        assert_eq!(of("VALUES (1,-2,'3',\"4\")"), some("VALUES ($1,-$2,'3',\"4\")", &[1, 2]));
        assert_eq!(
            of("SELECT 'it''s 5', 1.5, .5, 1e3, 0x1F, 1_000, 2147483648"),
            some("SELECT 'it''s 5', 1.5, .5, 1e3, 0x1F, 1_000, 2147483648", &[])
        );
        assert_eq!(of("SELECT 2147483647+1"), some("SELECT $1+$2", &[i32::MAX, 1]));
        assert_eq!(of("SELECT ä1, 007"), some("SELECT ä1, $1", &[7]));
    }

    #[test]
    fn what_takes_more_than_a_glance_is_left_alone() {
        for sql in [
            "SELECT $1",
            "SELECT 1 -- 2",
            "SELECT /* 1 */ 2",
            "SELECT E'1'",
            "SELECT U&'1'",
            "SELECT 'a\\1'",
            "SELECT 1; SELECT 2",
            "SELECT 'open",
            "SELECT $a$ 1 $a$",
            "SELECT b'1'",
        ] {
            assert_eq!(of(sql), None, "{sql}");
        }
    }

    #[test]
    fn literals_that_the_clock_decides_are_seen() {
        for sql in ["SELECT 'now'::date", "SELECT ' TODAY 12:00'", "SELECT now(), E'\\x6eow'"] {
            assert!(may_depend_on_clock(sql), "{sql}");
        }
        assert!(!may_depend_on_clock("SELECT now (), clock_timestamp()"));
    }

    #[test]
    fn only_values_become_parameters() {
        let plain = |sql: &str| {
            let template = Template::of(sql).unwrap();
            let statements = parser::parse(&template.text).unwrap();
            let parser::StatementKind::Postgres { node, .. } = &statements[0].kind else {
                panic!("{sql}")
            };
            is_plain(node)
        };
        for sql in [
            "SELECT a, b + 1 FROM t WHERE id = 7 AND b IN (1, 2) OR NOT a IS NULL",
            "SELECT count(*), sum(a) FROM t WHERE id BETWEEN 1 AND 100",
            "INSERT INTO t VALUES (1, -2, DEFAULT, 'x', now(), '1'::bigint)",
            "UPDATE t SET a = a + 1, b = 5 WHERE id = -7",
            "DELETE FROM t WHERE id = 7",
            "SELECT a FROM t WHERE id = 7 FOR UPDATE",
        ] {
            assert!(plain(sql), "{sql}");
        }
        for sql in [
            "SELECT a FROM t ORDER BY 1",
            "SELECT a FROM t WHERE id = 7 LIMIT 1",
            "SELECT a FROM t GROUP BY 1",
            "SELECT a FROM t WHERE id = 1 + 2",
            "SELECT a FROM t WHERE 1 = 1",
            "SELECT a FROM t WHERE id = abs(1)",
            "SELECT 1 / 0 FROM t WHERE id = 1",
            "SELECT a FROM t WHERE id = (SELECT 1)",
            "SELECT a FROM t, u WHERE id = 1",
            "SELECT 1",
            "UPDATE t SET a[1] = 2 WHERE id = 3",
            "UPDATE t SET a = 2 WHERE id = 3 RETURNING a",
            "INSERT INTO t VALUES (1) RETURNING a",
            "INSERT INTO t SELECT 1",
            "WITH x AS (SELECT 1) SELECT a FROM t WHERE id = 1",
            "SELECT a FROM t WHERE b = 1::bigint AND id = 3::numeric(10, 2)",
            "SELECT a FROM t WHERE n = '1'::numeric(10, 2) AND id = 3",
        ] {
            assert!(!plain(sql), "{sql}");
        }
    }
}

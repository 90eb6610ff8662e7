//! Whether two answers are the same, and which differences are none.

use types::oid;

use crate::answer::{Answer, Column, Failure};

/// OIDs of built-in objects are below this; others are not the same on two servers.
const FIRST_USER_OID: u32 = 16_384;
/// Relative difference up to which sums of floating-point numbers, added in another order, are one.
const EPSILON: f64 = 1e-9;

/// How the answers to a statement relate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that a client sees differs.
    Same,
    /// They differ as the reason says, which the statement leaves open.
    Explained(&'static str),
    /// They differ: what, in one line.
    Different(String),
}

/// Compares PostgreSQL's answer with Borealis'; `ordered` if the statement orders its rows fully.
pub fn compare(statement: &str, postgres: &Answer, borealis: &Answer, ordered: bool) -> Verdict {
    match (&postgres.failure, &borealis.failure) {
        (Some(expected), _) if expected.message.ends_with("plan node") => Verdict::Explained(
            "PostgreSQL's own failure of VALUES ordered by an aggregate or window",
        ),
        (Some(expected), Some(actual)) => compare_failures(statement, expected, actual),
        (Some(expected), None) if expected.code == "21000" && statement.contains("WITH TIES") => {
            Verdict::Explained("PostgreSQL's own failure of WITH TIES over min or max")
        }
        (Some(expected), None)
            if expected.message == "first argument of jsonb_populate_record must be a row type"
                && leaves_values_open(statement) =>
        {
            Verdict::Explained("PostgreSQL computes a condition for its estimate")
        }
        (Some(expected), None) => {
            Verdict::Different(format!("succeeds where PostgreSQL fails with {}", expected.code))
        }
        (None, Some(actual)) if is_far_zone(&actual.message) => {
            Verdict::Explained("a zone of POSIX whose summer time is more than a day from UTC")
        }
        (None, Some(actual)) => {
            Verdict::Different(format!("fails with {} {}", actual.code, kind(&actual.message)))
        }
        (None, None) => compare_results(statement, postgres, borealis, ordered),
    }
}

/// Whether a difference is about an error that a value raises: it depends on which values a plan
/// computes at all.
pub fn depends_on_plan(kind: &str) -> bool {
    // Run-time errors of classes 0A and 42, beside the refusals that share the codes.
    const RUN_TIME: [&str; 12] = [
        "succeeds where PostgreSQL fails with 2",
        "fails with 2",
        "succeeds where PostgreSQL fails with 54000",
        "fails with 54000",
        "fails with 0A000 timestamps cannot be binned",
        "fails with 0A000 searching for elements in multidimensional arrays",
        "fails with 0A000 removing elements from multidimensional arrays",
        "fails with 0A000 encoding conversion from",
        "fails with 0A000 unit",
        "fails with 0A000 … not supported for input",
        "fails with 42804 first argument of",
        "fails with 42704",
    ];
    const RUN_TIME_HERE: [&str; 2] = [
        "succeeds where PostgreSQL fails with 0A000",
        "succeeds where PostgreSQL fails with 42704",
    ];
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| kind.starts_with(prefix));
    starts(&RUN_TIME) || starts(&RUN_TIME_HERE) || kind.contains("instead of 23505")
}

/// Whether a statement leaves open which of its values are computed: it has rows to choose from, or
/// branches. One without these that fails on one server only shows a real difference.
pub fn leaves_values_open(statement: &str) -> bool {
    let upper = statement.to_uppercase();
    [
        "FROM",
        "WHERE",
        "CASE",
        "COALESCE",
        " AND ",
        " OR ",
        "(SELECT",
        "WITH",
        "UPDATE",
        "DELETE",
        "INSERT",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "LIMIT",
        "FETCH",
    ]
    .iter()
    .any(|word| upper.contains(word))
}

/// A message without what stands in quotes, so that like differences look alike.
fn kind(message: &str) -> String {
    message.split('"').step_by(2).collect::<Vec<_>>().join("…")
}

/// Errors that come from values.
fn at_run_time(failure: &Failure) -> bool {
    failure.position.is_none()
        && (["22", "23"].iter().any(|class| failure.code.starts_with(class))
            || ["21000", "0A000", "42704", "42804", "42883", "42P10", "54000"]
                .contains(&failure.code.as_str()))
}

fn compare_failures(statement: &str, expected: &Failure, actual: &Failure) -> Verdict {
    if expected == actual {
        return Verdict::Same;
    }
    // Which of several values is computed first is the plan's business; without rows or branches
    // there is no plan to speak of.
    if at_run_time(expected) && at_run_time(actual) && leaves_values_open(statement) {
        return Verdict::Explained("which of several errors is met first");
    }
    let junk = |failure: &Failure| failure.message.starts_with("trailing junk after");
    if junk(expected) && junk(actual) && expected.position == actual.position {
        return Verdict::Explained("libpg_query is the parser of an earlier 16.x");
    }
    let part = if expected.code != actual.code {
        format!("{} instead of {}", actual.code, expected.code)
    } else if expected.message != actual.message {
        format!("message of {}: {}", expected.code, kind(&actual.message))
    } else if expected.position != actual.position {
        format!("position of {}: {}", expected.code, kind(&expected.message))
    } else if expected.detail != actual.detail {
        format!("detail of {}: {}", expected.code, kind(&expected.message))
    } else {
        format!("hint of {}: {}", expected.code, kind(&expected.message))
    };
    Verdict::Different(part)
}

fn compare_results(
    statement: &str,
    postgres: &Answer,
    borealis: &Answer,
    ordered: bool,
) -> Verdict {
    let different = |what: String| Verdict::Different(what);
    if postgres.tag != borealis.tag {
        return different(format!("tag {} instead of {}", borealis.tag, postgres.tag));
    }
    let (expected, actual) = match (&postgres.columns, &borealis.columns) {
        (None, None) => return Verdict::Same,
        (Some(expected), Some(actual)) if expected.len() == actual.len() => (expected, actual),
        _ => return different("number of columns".into()),
    };
    for (e, a) in expected.iter().zip(actual) {
        if e.name != a.name {
            return different(format!("column name {} instead of {}", a.name, e.name));
        }
        if e.type_oid != a.type_oid && (e.type_oid < FIRST_USER_OID || a.type_oid < FIRST_USER_OID)
        {
            return different(format!("column type {} instead of {}", a.type_oid, e.type_oid));
        }
        // PostgreSQL describes what its planner made of the expression.
        let simplified = a.typmod == -1
            && ["CASE", "COALESCE", "UNION ALL"].iter().any(|w| statement.contains(w));
        if e.typmod != a.typmod && !simplified {
            return different(format!("type modifier {} instead of {}", a.typmod, e.typmod));
        }
    }
    let (mut rows, mut other) = (postgres.rows.clone(), borealis.rows.clone());
    if !ordered {
        rows.sort();
        other.sort();
    }
    if rows == other {
        return Verdict::Same;
    }
    if rows.len() != other.len() {
        return different("number of rows".into());
    }
    let upper = statement.to_uppercase();
    let grouped = ["DISTINCT", "GROUP BY", "UNION", "INTERSECT", "EXCEPT", "USING", "NATURAL"]
        .iter()
        .any(|word| upper.contains(word));
    // Values that are equal may be shown by either of their forms where rows are made one, and
    // floating-point sums depend on the order of the rows.
    let mut canonical: Vec<_> = rows.iter().map(|row| canonical_row(row, expected)).collect();
    let mut other: Vec<_> = other.iter().map(|row| canonical_row(row, expected)).collect();
    if !ordered {
        canonical.sort();
        other.sort();
    }
    if grouped && canonical == other {
        return Verdict::Explained("which form of equal values is shown");
    }
    let close = canonical.iter().zip(&other).all(|(e, a)| {
        e.iter().zip(a).zip(expected).all(|((e, a), column)| e == a || close(e, a, column))
    });
    if close {
        return Verdict::Explained("floating-point numbers added in another order");
    }
    let differing: Vec<u32> = (0..expected.len())
        .filter(|at| values_of(&postgres.rows, *at) != values_of(&borealis.rows, *at))
        .filter_map(|at| expected.get(at).map(|column| column.type_oid))
        .collect();
    if let Some(reason) = open_values(&upper, &differing) {
        return Verdict::Explained(reason);
    }
    let column = rows.iter().zip(&borealis.rows).find_map(|(e, a)| {
        let at = e.iter().zip(a).position(|(e, a)| e != a)?;
        expected.get(at).map(|column| column.type_oid)
    });
    different(format!("values of type {}", column.unwrap_or(0)))
}

/// Whether a message says that a zone like `1.50` is not known: what is no digit names the times.
fn is_far_zone(message: &str) -> bool {
    let zone = message.strip_prefix("time zone \"");
    let zone = zone.and_then(|rest| rest.strip_suffix("\" not recognized"));
    zone.is_some_and(|zone| {
        zone.contains('.') && zone.chars().all(|c| c.is_ascii_digit() || " .".contains(c))
    })
}

/// The values of a column, in no order.
fn values_of(rows: &[Vec<Option<String>>], at: usize) -> Vec<&Option<String>> {
    let mut values: Vec<_> = rows.iter().filter_map(|row| row.get(at)).collect();
    values.sort();
    values
}

/// Why the values of a statement may differ at all, if they may: by the calls in it, and by the types
/// of the columns that differ.
fn open_values(upper: &str, differing: &[u32]) -> Option<&'static str> {
    let calls = |names: &[&str]| names.iter().any(|name| upper.contains(name));
    let all = |types: &[types::Oid]| differing.iter().all(|ty| types.contains(&types::Oid(*ty)));
    let several_rows = calls(&["FROM"]);
    if calls(&["CBRT", "||/"]) {
        return Some("the C library's cbrt is not the nearest number");
    }
    if calls(&["EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"])
        && all(&[oid::TIMESTAMP, oid::TIMESTAMPTZ])
    {
        return Some("zone data of different releases");
    }
    if several_rows
        && all(&[oid::FLOAT4, oid::FLOAT8])
        && calls(&["CORR", "COVAR_", "REGR_", "STDDEV", "VARIANCE", "VAR_"])
    {
        return Some("floating-point numbers added in another order");
    }
    if several_rows && calls(&["ARRAY_AGG", "JSON_AGG", "JSONB_AGG", "STRING_AGG", "OBJECT_AGG"]) {
        let scalar = [oid::BOOL, oid::INT2, oid::INT4, oid::INT8, oid::NUMERIC, oid::DATE];
        if !differing.iter().any(|ty| scalar.contains(&types::Oid(*ty))) {
            return Some("values aggregated in another order");
        }
    }
    None
}

fn canonical_row(row: &[Option<String>], columns: &[Column]) -> Vec<Option<String>> {
    row.iter()
        .zip(columns)
        .map(|(value, column)| {
            let value = value.as_ref()?;
            Some(match types::Oid(column.type_oid) {
                oid::NUMERIC if value.contains('.') => {
                    value.trim_end_matches('0').trim_end_matches('.').to_owned()
                }
                oid::BPCHAR => value.trim_end_matches(' ').to_owned(),
                _ => value.clone(),
            })
        })
        .collect()
}

fn close(expected: &Option<String>, actual: &Option<String>, column: &Column) -> bool {
    if !matches!(types::Oid(column.type_oid), oid::FLOAT4 | oid::FLOAT8) {
        return false;
    }
    let number = |value: &Option<String>| value.as_ref()?.parse::<f64>().ok();
    match (number(expected), number(actual)) {
        (Some(e), Some(a)) => (e - a).abs() <= EPSILON * e.abs().max(a.abs()).max(1e-12),
        _ => false,
    }
}

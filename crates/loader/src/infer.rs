//! Types of a table that is created: the narrowest that holds every value of the first rows.

use crate::batch::Field;
use crate::format::Column;

/// The statement that creates `table` (quoted already) for `columns`, of which `rows` are the first.
pub(crate) fn create(
    table: &str,
    columns: &[Column],
    rows: &[&[Field]],
    primary_key: &[String],
) -> String {
    let definitions = columns.iter().enumerate().map(|(index, column)| {
        let values = rows.iter().filter_map(|fields| fields.get(index));
        let sql_type = column.sql_type.clone().unwrap_or_else(|| type_of(values));
        format!("{} {sql_type}", quote(&column.name))
    });
    let mut items: Vec<String> = definitions.collect();
    if !primary_key.is_empty() {
        let key: Vec<String> = primary_key.iter().map(|name| quote(name)).collect();
        items.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    format!("CREATE TABLE IF NOT EXISTS {table} ({})", items.join(", "))
}

/// `name` as an identifier that means exactly itself.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

type Test = fn(&str) -> bool;

const NUMERIC: &str = "numeric";

/// From narrow to wide; what fits none of them is text.
const TYPES: [(&str, Test); 7] = [
    ("bigint", |text| text.parse::<i64>().is_ok() && !text.starts_with('+')),
    (NUMERIC, is_decimal),
    ("double precision", is_float),
    ("boolean", |text| matches!(text.to_ascii_lowercase().as_str(), "true" | "false")),
    ("date", is_date),
    ("timestamptz", is_timestamp),
    ("uuid", is_uuid),
];

fn type_of<'a>(values: impl Iterator<Item = &'a Field>) -> String {
    let values: Vec<&str> = values.filter_map(Option::as_deref).collect();
    let fits = TYPES.iter().find(|(_, test)| values.iter().all(|value| test(value)));
    match fits {
        // Nothing is known of a column without values.
        Some((NUMERIC, _)) if !values.is_empty() => {
            // Aurora DSQL's own precision and scale, 18 and 6, would round what is longer.
            let scale =
                values.iter().filter_map(|value| Some(value.split_once('.')?.1.len())).max();
            format!("numeric(38, {})", scale.unwrap_or(0).max(6))
        }
        Some((name, _)) if !values.is_empty() => (*name).to_owned(),
        _ => "text".to_owned(),
    }
}

/// `-12.50`, of so many digits as fit.
fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('-');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    is_float(text) && digits(whole) && digits(fraction) && whole.len() <= 20 && fraction.len() <= 18
}

fn is_float(text: &str) -> bool {
    // What Rust reads and PostgreSQL may not, such as "inf", has no digit first.
    text.parse::<f64>().is_ok()
        && text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())
}

/// `2026-01-31`.
fn is_date(text: &str) -> bool {
    let shape = text.len() == 10 && matches(text, "dddd-dd-dd");
    shape && text.get(5..7).is_some_and(|month| ("01"..="12").contains(&month))
}

/// `2026-01-31 12:00:00`, with `T`, fraction and zone if there are any.
fn is_timestamp(text: &str) -> bool {
    let (Some(date), Some(rest)) = (text.get(..10), text.get(10..)) else { return false };
    let rest = rest.strip_prefix([' ', 'T']).unwrap_or_default();
    is_date(date)
        && rest.get(..8).is_some_and(|time| matches(time, "dd:dd:dd"))
        && rest.bytes().skip(8).all(|b| b.is_ascii_digit() || b".:+-Z ".contains(&b))
}

fn is_uuid(text: &str) -> bool {
    matches(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

/// Whether `text` has the shape of `pattern`: `d` is a digit, `x` a hexadecimal one.
fn matches(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_hexdigit(),
            _ => byte == shape,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[Option<&str>], expected: &str) {
        let fields: Vec<Field> = values.iter().map(|value| value.map(str::to_owned)).collect();
        assert_eq!(type_of(fields.iter()), expected, "{values:?}");
    }

    #[test]
    fn infer_types() {
        check(&[Some("1"), Some("-9223372036854775808"), None], "bigint");
        check(&[Some("1"), Some("9223372036854775808")], "numeric(38, 6)");
        check(&[Some("1.5"), Some("-2.1234567"), Some("3")], "numeric(38, 7)");
        check(&[Some("1.5"), Some("1e9"), Some("-2")], "double precision");
        check(&[Some("inf")], "text");
        check(&[Some("true"), Some("False")], "boolean");
        check(&[Some("2026-01-31")], "date");
        check(&[Some("2026-13-31")], "text");
        check(&[Some("2026-01-31 12:00:00"), Some("2026-01-31T12:00:00.5+02:00")], "timestamptz");
        check(&[Some("6ba7b810-9dad-11d1-80b4-00c04fd430c8")], "uuid");
        check(&[Some("1"), Some("x")], "text");
        check(&[None, None], "text");
        check(&[], "text");
    }

    #[test]
    fn infer_table() {
        let columns = ["a", "b\"c"].map(|name| Column { name: name.to_owned(), sql_type: None });
        let fields = vec![Some("1".to_owned()), Some("x".to_owned())];
        let statement = create("\"t\"", &columns, &[&fields], &["a".to_owned()]);
        assert_eq!(
            statement,
            "CREATE TABLE IF NOT EXISTS \"t\" (\"a\" bigint, \"b\"\"c\" text, PRIMARY KEY (\"a\"))"
        );
    }
}

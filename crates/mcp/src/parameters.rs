//! Values bound to `%s`, as psycopg binds them.

use std::error::Error;

use connector::tokio_postgres::types::private::BytesMut;
use connector::tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};
use serde_json::Value;

/// `sql` with `$1` for the first `%s` and so on, `%` for `%%`, if there is a list of `count` values.
/// Without a list nothing is a placeholder.
///
/// # Errors
/// Says what is wrong with the placeholders.
pub(crate) fn numbered(sql: &str, count: Option<usize>) -> Result<String, String> {
    let Some(count) = count else { return Ok(sql.to_owned()) };
    let mut out = String::with_capacity(sql.len());
    let mut found = 0;
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('%', Some('s' | 'b' | 't')) => {
                characters.next();
                found += 1;
                out.push_str(&format!("${found}"));
            }
            ('%', Some('%')) => {
                characters.next();
                out.push('%');
            }
            ('%', Some(other)) if *other != '\n' => {
                return Err("Invalid psycopg placeholder syntax".to_owned());
            }
            _ => out.push(character),
        }
    }
    if found == count {
        Ok(out)
    } else {
        Err(format!("Query has {found} placeholders but {count} parameters were supplied"))
    }
}

/// A value in PostgreSQL's text format; `None` is NULL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameter(Option<String>);

/// The value and its type: numbers and booleans have theirs, all else gets the one that the statement wants.
///
/// # Errors
/// For an object, which has no PostgreSQL type.
pub(crate) fn parameter(value: &Value) -> Result<(Type, Parameter), String> {
    let (type_, text) = match value {
        Value::Null => (unspecified(), None),
        Value::Bool(value) => (Type::BOOL, Some(value.to_string())),
        Value::Number(value) => {
            let type_ = match value.as_i64() {
                Some(value) if i16::try_from(value).is_ok() => Type::INT2,
                Some(value) if i32::try_from(value).is_ok() => Type::INT4,
                Some(_) => Type::INT8,
                None if value.is_f64() => Type::FLOAT8,
                None => Type::NUMERIC,
            };
            (type_, Some(value.to_string()))
        }
        Value::String(value) => (unspecified(), Some(value.clone())),
        Value::Array(values) => (unspecified(), Some(array(values)?)),
        Value::Object(_) => {
            return Err("cannot adapt type 'dict' using placeholder '%s' (format: AUTO)".to_owned());
        }
    };
    Ok((type_, Parameter(text)))
}

/// The server decides.
fn unspecified() -> Type {
    Type::new("unspecified".to_owned(), 0, Kind::Simple, "pg_catalog".to_owned())
}

/// An array's literal.
fn array(values: &[Value]) -> Result<String, String> {
    let element = |value: &Value| match value {
        Value::Array(values) => array(values),
        value => Ok(match parameter(value)?.1.0 {
            None => "NULL".to_owned(),
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        }),
    };
    let elements: Vec<String> = values.iter().map(element).collect::<Result<_, _>>()?;
    Ok(format!("{{{}}}", elements.join(",")))
}

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(match &self.0 {
            None => IsNull::Yes,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbered_placeholders() {
        assert_eq!(numbered("a %s b %s", Some(2)), Ok("a $1 b $2".to_owned()));
        assert_eq!(numbered("a %% 100%", Some(0)), Ok("a % 100%".to_owned()));
        assert_eq!(numbered("a LIKE '%x'", None), Ok("a LIKE '%x'".to_owned()));
        assert_eq!(
            numbered("a %s", Some(2)).unwrap_err(),
            "Query has 1 placeholders but 2 parameters were supplied"
        );
        assert_eq!(numbered("a %x", Some(0)).unwrap_err(), "Invalid psycopg placeholder syntax");
    }

    #[track_caller]
    fn check(value: Value, type_: &str, text: Option<&str>) {
        let (found, parameter) = parameter(&value).expect("a parameter");
        assert_eq!((found.name(), parameter.0.as_deref()), (type_, text), "{value}");
    }

    #[test]
    fn parameter_types() {
        check(json!(null), "unspecified", None);
        check(json!(true), "bool", Some("true"));
        check(json!(1), "int2", Some("1"));
        check(json!(-40_000), "int4", Some("-40000"));
        check(json!(5_000_000_000_i64), "int8", Some("5000000000"));
        check(json!(u64::MAX), "numeric", Some("18446744073709551615"));
        check(json!(1.5), "float8", Some("1.5"));
        check(json!("x"), "unspecified", Some("x"));
        check(json!([1, null, "a\"b\\"]), "unspecified", Some("{\"1\",NULL,\"a\\\"b\\\\\"}"));
        check(json!([[1], [2]]), "unspecified", Some("{{\"1\"},{\"2\"}}"));
        assert!(parameter(&json!({})).unwrap_err().contains("cannot adapt type 'dict'"));
    }
}

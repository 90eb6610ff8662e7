//! Rows as JSON.

use std::error::Error;

use connector::tokio_postgres::Row;
use connector::tokio_postgres::types::{FromSql, Type};
use serde_json::{Map, Number, Value};
use types::{Array, Datum, FormatSettings, Oid, binary, oid, text};

/// Bytes as the server sent them; `None` is NULL.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Raw<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Raw(Some(bytes)))
    }

    fn from_sql_null(_: &Type) -> Result<Raw<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row: column names and values, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JsonRow(Vec<(String, Value)>);

impl JsonRow {
    /// Booleans, integers, floats, documents and arrays are JSON's; points in time are ISO 8601; all else is
    /// PostgreSQL's text.
    ///
    /// # Errors
    /// For a value that is not what its type says.
    pub(crate) fn new(row: &Row) -> Result<JsonRow, String> {
        let settings = FormatSettings::default();
        let mut members = Vec::with_capacity(row.len());
        for (index, column) in row.columns().iter().enumerate() {
            let Raw(bytes) = row.try_get(index).map_err(|error| error.to_string())?;
            let type_oid = Oid(column.type_().oid());
            let value = match bytes {
                None => Value::Null,
                Some(bytes) => {
                    let datum = binary::receive(type_oid, -1, bytes);
                    let datum = datum.map_err(|error| error.message().to_owned())?;
                    json(&datum, type_oid, &settings)
                }
            };
            members.push((column.name().to_owned(), value));
        }
        Ok(JsonRow(members))
    }

    /// The row as an object's text, the columns in order.
    pub(crate) fn text(&self) -> String {
        let member =
            |(name, value): &(String, Value)| format!("{}: {value}", Value::from(name.as_str()));
        let members: Vec<String> = self.0.iter().map(member).collect();
        format!("{{{}}}", members.join(", "))
    }

    /// The row as an object; of columns with one name the last remains.
    pub(crate) fn object(self) -> Value {
        Value::Object(self.0.into_iter().collect::<Map<_, _>>())
    }
}

fn json(datum: &Datum, type_oid: Oid, settings: &FormatSettings) -> Value {
    let shown = || text::to_string(datum, type_oid, settings);
    match datum {
        Datum::Null => Value::Null,
        Datum::Bool(value) => Value::from(*value),
        Datum::Int2(value) => Value::from(*value),
        Datum::Int4(value) => Value::from(*value),
        Datum::Int8(value) => Value::from(*value),
        Datum::Oid(value) => Value::from(*value),
        Datum::Float4(_) | Datum::Float8(_) => {
            let shown = shown();
            let number = shown.parse().ok().and_then(Number::from_f64).map(Value::Number);
            number.unwrap_or(Value::String(shown))
        }
        Datum::Text(value) if type_oid == oid::JSON => {
            serde_json::from_str(value).unwrap_or_else(|_| Value::from(&**value))
        }
        Datum::Jsonb(_) => {
            let shown = shown();
            serde_json::from_str(&shown).unwrap_or(Value::String(shown))
        }
        Datum::Timestamp(_) => Value::String(shown().replacen(' ', "T", 1)),
        Datum::Timestamptz(_) => {
            let shown = shown().replacen(' ', "T", 1);
            Value::String(match shown.strip_suffix("+00") {
                Some(time) => format!("{time}Z"),
                None => shown,
            })
        }
        Datum::Array(array) => nested(array, 0, &mut array.elements.iter(), settings),
        _ => Value::String(shown()),
    }
}

/// The elements of the dimension `depth` as an array.
fn nested<'a>(
    array: &Array,
    depth: usize,
    elements: &mut impl Iterator<Item = &'a Datum>,
    settings: &FormatSettings,
) -> Value {
    let Some(dimension) = array.dims.get(depth) else { return Value::Array(Vec::new()) };
    let is_last = depth + 1 == array.dims.len();
    let mut values = Vec::with_capacity(dimension.len);
    for _ in 0..dimension.len {
        values.push(if is_last {
            elements.next().map_or(Value::Null, |element| json(element, array.element, settings))
        } else {
            nested(array, depth + 1, elements, settings)
        });
    }
    Value::Array(values)
}

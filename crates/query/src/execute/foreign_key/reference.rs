//! How the values of a foreign key lead to the row that they refer to.

use catalog::{ForeignKey, Table};
use store::{Key, Value};
use types::settings::FormatSettings;
use types::{Datum, Numeric, Oid, Result, SqlError, SqlState, oid};

use crate::execute::index::{self, KeyLayout, KeySource};
use crate::execute::values::coerce_via_io;

/// The way from a foreign key's values to the referenced row.
pub(crate) struct Reference {
    /// Keys of the referenced index, over the values of the foreign key's columns.
    lookup: KeyLayout,
    /// Keys of the referenced table's rows, if the index is a secondary one.
    rows: Option<KeyLayout>,
    /// Types of the referencing and the referenced columns, in the foreign key's order.
    types: Vec<(Oid, Oid)>,
}

impl Reference {
    /// The way along `key`, which `child` has and which refers to `parent`.
    ///
    /// # Errors
    /// `XX000` if the referenced index is gone.
    pub(crate) fn new(
        cluster: u32,
        child: &Table,
        key: &ForeignKey,
        parent: &Table,
    ) -> Result<Reference> {
        let missing = || SqlError::internal("index of a foreign key is missing");
        let rows = index::row_layout(cluster, parent);
        let primary = parent.primary_key.as_ref().is_some_and(|pk| pk.oid == key.parent_index);
        let (mut lookup, rows) = if primary {
            (rows, None)
        } else {
            let found = parent.indexes.iter().find(|index| index.oid == key.parent_index);
            (index::entry_layout(cluster, parent, found.ok_or_else(missing)?).key, Some(rows))
        };
        for column in &mut lookup.columns {
            let KeySource::Column(position) = column.source else { return Err(missing()) };
            let at = key.parent_columns.iter().position(|other| *other == position);
            column.source = KeySource::Column(at.ok_or_else(missing)?);
        }
        let ty = |table: &Table, at: &usize| {
            table.columns.get(*at).map_or(Oid::INVALID, |column| Oid(column.type_oid))
        };
        let types = key.columns.iter().zip(&key.parent_columns);
        let types = types.map(|(own, theirs)| (ty(child, own), ty(parent, theirs))).collect();
        Ok(Reference { lookup, rows, types })
    }

    /// The key under which the referenced row is found; `None` if no row can have these values,
    /// which are not NULL.
    ///
    /// # Errors
    /// `XX000`.
    pub(crate) fn find(&self, values: &[Datum], settings: &FormatSettings) -> Result<Option<Key>> {
        let mut theirs = Vec::with_capacity(values.len());
        for (value, (own, parent)) in values.iter().zip(&self.types) {
            match convert(value, *own, *parent, settings) {
                Some(value) => theirs.push(value),
                None => return Ok(None),
            }
        }
        match self.lookup.row_key(&theirs) {
            Ok(key) => Ok(Some(key)),
            // Longer than any key that could be stored.
            Err(error) if error.code() == SqlState::PROGRAM_LIMIT_EXCEEDED => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The referenced row's own key, of what was found under [`Reference::find`]'s.
    ///
    /// # Errors
    /// `XX002` if the entry is malformed.
    pub(crate) fn row_key(&self, found: &Key, value: &Value) -> Result<Key> {
        match &self.rows {
            None => Ok(found.clone()),
            Some(rows) => Ok(rows.row_key_of(index::read_entry(found, value)?.0)),
        }
    }
}

/// The value of type `to` that equals `value`, of type `from`; `None` if there is none.
pub(super) fn convert(
    value: &Datum,
    from: Oid,
    to: Oid,
    settings: &FormatSettings,
) -> Option<Datum> {
    let text = |ty: Oid| matches!(ty, oid::TEXT | oid::VARCHAR | oid::BPCHAR);
    if from == to || (text(from) && text(to)) {
        return Some(value.clone());
    }
    if let (Datum::Numeric(number), oid::INT2 | oid::INT4 | oid::INT8) = (value, to) {
        return whole(number, to);
    }
    // Their texts would make 0.1 of one width equal to 0.1 of the other.
    match (value, to) {
        (Datum::Float4(value), oid::FLOAT8) => return Some(Datum::Float8(f64::from(*value))),
        (Datum::Float8(value), oid::FLOAT4) => return narrow(*value).map(Datum::Float4),
        _ => {}
    }
    let converted = coerce_via_io(value, from, to, settings).ok()?;
    let back = match (&converted, from) {
        (Datum::Numeric(number), oid::INT2 | oid::INT4 | oid::INT8) => whole(number, from)?,
        _ => coerce_via_io(&converted, to, from, settings).ok()?,
    };
    types::compare::equal_typed(&back, value, from).then_some(converted)
}

/// The `real` that equals a `double precision`; NaN equals NaN.
fn narrow(value: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is looked for")]
    let narrow = value as f32;
    (f64::from(narrow) == value || value.is_nan()).then_some(narrow)
}

fn whole(number: &Numeric, to: Oid) -> Option<Datum> {
    if !number.is_integral() {
        return None;
    }
    match to {
        oid::INT2 => number.to_i16().ok().map(Datum::Int2),
        oid::INT4 => number.to_i32().ok().map(Datum::Int4),
        _ => number.to_i64().ok().map(Datum::Int8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convert_keeps_the_value_or_refuses() {
        let settings = FormatSettings::default();
        let text = |value: Datum, from: Oid, to: Oid| {
            let converted = convert(&value, from, to, &settings)?;
            Some(types::text::to_string(&converted, to, &settings))
        };
        let numeric = |text: &str| Datum::Numeric(types::numeric::parse(text).unwrap());
        let cases = [
            (text(Datum::Int4(5), oid::INT4, oid::INT8), Some("5")),
            (text(Datum::Int8(1 << 40), oid::INT8, oid::INT4), None),
            (text(Datum::Int4(5), oid::INT4, oid::NUMERIC), Some("5")),
            (text(numeric("5.00"), oid::NUMERIC, oid::INT4), Some("5")),
            (text(numeric("5.01"), oid::NUMERIC, oid::INT4), None),
            (text(Datum::Float8(2.5), oid::FLOAT8, oid::FLOAT4), Some("2.5")),
            (text(Datum::Float8(0.1), oid::FLOAT8, oid::FLOAT4), None),
            (text(Datum::Date(1), oid::DATE, oid::TIMESTAMP), Some("2000-01-02 00:00:00")),
            (text(Datum::Timestamp(1), oid::TIMESTAMP, oid::DATE), None),
            (text(Datum::text("a"), oid::TEXT, oid::VARCHAR), Some("a")),
        ];
        for (number, (actual, expected)) in cases.into_iter().enumerate() {
            assert_eq!(actual.as_deref(), expected, "case {number}");
        }
    }
}

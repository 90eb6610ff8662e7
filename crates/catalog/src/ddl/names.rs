//! The names that PostgreSQL gives to constraints and indexes.

use crate::objects::ObjectId;
use crate::snapshot::Catalog;

/// The longest identifier, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// `name1_name2_label`, cut to an identifier's length by shortening the longer name.
///
/// Source: PostgreSQL 16 `makeObjectName`, `src/backend/commands/indexcmds.c`.
pub(super) fn make_object_name(name1: &str, name2: Option<&str>, label: &str) -> String {
    let overhead = name2.map_or(0, |_| 1) + 1 + label.len();
    let available = NAME_BYTES_MAX.saturating_sub(overhead);
    let (mut len1, mut len2) = (name1.len(), name2.map_or(0, str::len));
    while len1 + len2 > available {
        if len1 > len2 {
            len1 -= 1;
        } else {
            len2 -= 1;
        }
    }
    let mut out = clip(name1, len1).to_owned();
    if let Some(name2) = name2 {
        out.push('_');
        out.push_str(clip(name2, len2));
    }
    out + "_" + label
}

/// At most `len` bytes of `text`, whole characters.
fn clip(text: &str, len: usize) -> &str {
    let mut end = len.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The first of `name1_name2_label`, `…label1`, `…label2`, … that `taken` does not know.
pub(super) fn choose(
    name1: &str,
    name2: Option<&str>,
    label: &str,
    taken: impl Fn(&str) -> bool,
) -> String {
    let mut name = make_object_name(name1, name2, label);
    let mut pass = 0;
    while taken(&name) {
        pass += 1;
        name = make_object_name(name1, name2, &format!("{label}{pass}"));
    }
    name
}

/// The names of an index's columns: one that occurs twice gets a number.
///
/// Source: PostgreSQL 16 `ChooseIndexColumnNames`.
pub(super) fn numbered<'a>(columns: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut unique: Vec<String> = Vec::new();
    for column in columns {
        let mut name = column.to_owned();
        let mut number = 1;
        while unique.contains(&name) {
            let digits = number.to_string();
            name = clip(column, NAME_BYTES_MAX - digits.len()).to_owned() + &digits;
            number += 1;
        }
        unique.push(name);
    }
    unique
}

/// The column part of an index's name: the columns joined by underscores.
///
/// Source: PostgreSQL 16 `ChooseIndexNameAddition`.
pub(super) fn column_part<'a>(columns: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for name in numbered(columns) {
        if !out.is_empty() {
            out.push('_');
        }
        out.push_str(&name);
        if out.len() > NAME_BYTES_MAX {
            break;
        }
    }
    clip(&out, NAME_BYTES_MAX).to_owned()
}

/// Whether a constraint of any table in `schema` is called `name`.
pub(super) fn constraint_name_used(catalog: &Catalog, schema: ObjectId, name: &str) -> bool {
    catalog.tables().filter(|table| table.schema == schema).any(|table| {
        table.checks.iter().any(|check| check.name == name)
            || table.foreign_keys.iter().any(|key| key.name == name)
            || table.all_indexes().any(|i| i.constraint.is_some() && i.name == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut() {
        assert_eq!(make_object_name("t", None, "pkey"), "t_pkey");
        assert_eq!(make_object_name("t", Some("a_b"), "key"), "t_a_b_key");
        let long = "x".repeat(63);
        assert_eq!(make_object_name(&long, None, "pkey"), "x".repeat(58) + "_pkey");
        let name = make_object_name(&long, Some(&"y".repeat(63)), "key");
        assert_eq!(name, format!("{}_{}_key", "x".repeat(29), "y".repeat(29)));
        assert_eq!(make_object_name(&"é".repeat(31), None, "pkey"), "é".repeat(29) + "_pkey");
    }

    #[test]
    fn numbers_are_appended() {
        let taken = ["t_a_key", "t_a_key1"];
        assert_eq!(choose("t", Some("a"), "key", |name| taken.contains(&name)), "t_a_key2");
        assert_eq!(column_part(["a", "b", "a", "a"]), "a_b_a1_a2");
    }
}

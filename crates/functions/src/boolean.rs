//! `boolean`, and the casts between the string types.

use types::strings::{trim_blanks, truncate_name};
use types::typmod::apply_typmod;
use types::{Datum, oid, strings};

use crate::convert::scalars;

scalars! { pub(crate) const TABLE =
    "booltext"(a: bool) => if a { "true" } else { "false" };
    "booland_statefunc"(a: bool, b: bool) => a && b;
    "boolor_statefunc"(a: bool, b: bool) => a || b;
    // Casts to text, varchar, bpchar, name and "char".
    "char_text" | "char_bpchar" | "name_text" | "name_bpchar"(a: &Datum) => a.clone();
    "text_name"(a: &str) => truncate_name(a);
    "bpchar_name"(a: &str) => truncate_name(trim_blanks(a));
    "text_char"(a: &str) => strings::char_input(a);
    "varchar"(a: &Datum, typmod: i32, explicit: bool) =>
        apply_typmod(oid::VARCHAR, typmod, a.clone(), explicit);
    "bpchar"(a: &Datum, typmod: i32, explicit: bool) =>
        apply_typmod(oid::BPCHAR, typmod, a.clone(), explicit);
}

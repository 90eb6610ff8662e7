//! Functions that make much of little stop where a statement may hold no more.

use functions::Site;
use types::{Datum, FormatSettings, memory, oid};

/// The SQLSTATE that a function of texts fails with.
fn failure(name: &str, args: &[Datum]) -> String {
    let settings = FormatSettings::default();
    let cx = crate::reference::call_cx(&settings);
    let site = Site { arg_types: vec![oid::TEXT; args.len()].into(), result_type: oid::TEXT_ARRAY };
    let function = functions::scalar(name).unwrap();
    function(&cx, &site, args).unwrap_err().code().as_str().to_owned()
}

#[test]
fn parts_of_a_text_are_counted_as_they_come() {
    // The text itself is within the limit, what is behind each of its parts is not.
    let text = Datum::text(("x".repeat(400) + ",").repeat(310_000));
    assert!(text.bytes() < memory::STATEMENT_MAX);
    let args = [text, Datum::text(",")];
    for name in ["text_to_array", "regexp_split_to_array_no_flags"] {
        assert_eq!(failure(name, &args), "54000", "{name}");
    }
}

#[test]
fn replacements_are_counted_as_they_come() {
    let replaced = ["a".repeat(1000), "a".to_owned(), "b".repeat(1 << 20)].map(Datum::text);
    assert_eq!(failure("replace_text", &replaced), "54000");
    let [text, pattern, replacement] = replaced;
    let replaced = [text, pattern, replacement, Datum::text("g")];
    assert_eq!(failure("textregexreplace", &replaced), "54000");
}

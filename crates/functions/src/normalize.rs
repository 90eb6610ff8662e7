//! Unicode normalization: `normalize(text, form)`, `IS NORMALIZED`.

use types::Result;
use unicode_normalization::UnicodeNormalization;

use crate::convert::scalars;
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "unicode_normalize_func"(text: &str, form: &str) => normalize(text, form)?;
    "unicode_is_normalized"(text: &str, form: &str) => normalize(text, form)? == text;
}

fn normalize(text: &str, form: &str) -> Result<String> {
    Ok(match form.to_ascii_uppercase().as_str() {
        "NFC" => text.nfc().collect(),
        "NFD" => text.nfd().collect(),
        "NFKC" => text.nfkc().collect(),
        "NFKD" => text.nfkd().collect(),
        _ => return Err(invalid_parameter(format!("invalid normalization form: {form}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(normalize("a\u{308}", "nfc").unwrap(), "\u{e4}");
        assert_eq!(normalize("\u{e4}", "NFD").unwrap(), "a\u{308}");
        assert_eq!(normalize("\u{fb01}", "NFKC").unwrap(), "fi");
        assert_eq!(normalize("", "def").unwrap_err().message(), "invalid normalization form: def");
    }
}

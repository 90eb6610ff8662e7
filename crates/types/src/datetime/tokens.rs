//! Splits date-time text into fields.
//!
//! Source: PostgreSQL 16 `ParseDateTime`.

/// What a field looks like; see [`split`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// Digits, perhaps with a point.
    Number,
    /// Letters only.
    Word,
    /// Digits with two delimiters, or letters with digits or delimiters: a date or a zone name.
    Date,
    /// Digits with colons.
    Time,
    /// Sign and digits: an offset from UTC, or a signed number in an interval.
    Signed,
    /// Sign and letters.
    SignedWord,
}

/// One field, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) kind: FieldKind,
    pub(super) text: String,
}

/// Most fields of one value.
const FIELDS_MAX: usize = 25;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// The fields of `text`; `None` if a character fits nowhere or there are too many. `is_keyword`
/// says whether a word is a date-time keyword, so that no zone name starts there.
pub(super) fn split(text: &str, is_keyword: impl Fn(&str) -> bool) -> Option<Vec<Field>> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0, field: String::new() };
    let mut fields = Vec::with_capacity(8);
    while let Some(byte) = scan.peek() {
        if is_space(byte) {
            scan.at += 1;
            continue;
        }
        if fields.len() >= FIELDS_MAX {
            return None;
        }
        let kind = match byte {
            b'0'..=b'9' => scan.number(),
            b'.' => {
                scan.push();
                scan.push_while(|b| b.is_ascii_digit());
                FieldKind::Number
            }
            b'a'..=b'z' | b'A'..=b'Z' => scan.word(&is_keyword),
            b'+' | b'-' => {
                scan.push();
                while scan.peek().is_some_and(is_space) {
                    scan.at += 1;
                }
                match scan.peek() {
                    Some(b'0'..=b'9') => {
                        scan.push_while(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'-'));
                        FieldKind::Signed
                    }
                    Some(b) if b.is_ascii_alphabetic() => {
                        scan.push_while(|b| b.is_ascii_alphabetic());
                        FieldKind::SignedWord
                    }
                    _ => return None,
                }
            }
            b if b.is_ascii_punctuation() => {
                scan.at += 1;
                continue;
            }
            _ => return None,
        };
        fields.push(Field { kind, text: std::mem::take(&mut scan.field) });
    }
    Some(fields)
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    field: String,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn push(&mut self) {
        if let Some(byte) = self.peek() {
            self.field.push(char::from(byte.to_ascii_lowercase()));
            self.at += 1;
        }
    }

    fn push_while(&mut self, accept: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&accept) {
            self.push();
        }
    }

    fn number(&mut self) -> FieldKind {
        self.push_while(|b| b.is_ascii_digit());
        match self.peek() {
            Some(b':') => {
                self.push();
                self.push_while(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
                FieldKind::Time
            }
            Some(delimiter @ (b'-' | b'/' | b'.')) => {
                self.push();
                if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
                    self.push_while(|b| b.is_ascii_alphanumeric() || b == delimiter);
                    return FieldKind::Date;
                }
                self.push_while(|b| b.is_ascii_digit());
                if self.peek() == Some(delimiter) {
                    self.push_while(|b| b.is_ascii_digit() || b == delimiter);
                    return FieldKind::Date;
                }
                if delimiter == b'.' { FieldKind::Number } else { FieldKind::Date }
            }
            _ => FieldKind::Number,
        }
    }

    fn word(&mut self, is_keyword: impl Fn(&str) -> bool) -> FieldKind {
        self.push_while(|b| b.is_ascii_alphabetic());
        let compound = match self.peek() {
            Some(b'-' | b'/' | b'.') => true,
            Some(b'+' | b'0'..=b'9') => !is_keyword(&self.field),
            _ => false,
        };
        if !compound {
            return FieldKind::Word;
        }
        self.push_while(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'/' | b'_' | b'.' | b':')
        });
        FieldKind::Date
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let kinds = |text| {
            let fields = split(text, |word| word == "t").unwrap();
            fields.into_iter().map(|f| (f.kind, f.text)).collect::<Vec<_>>()
        };
        use FieldKind::{Date, Number, Signed, SignedWord, Time, Word};
        let owned = |list: &[(FieldKind, &str)]| {
            list.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(
            kinds("Fri Feb-7-1997 15:23:27.5 America/New_York"),
            owned(&[
                (Word, "fri"),
                (Date, "feb-7-1997"),
                (Time, "15:23:27.5"),
                (Date, "america/new_york")
            ])
        );
        assert_eq!(
            kinds("20011225T040506.789-07 -infinity 1.5, 1.2.3"),
            owned(&[
                (Number, "20011225"),
                (Word, "t"),
                (Number, "040506.789"),
                (Signed, "-07"),
                (SignedWord, "-infinity"),
                (Number, "1.5"),
                (Date, "1.2.3")
            ])
        );
        assert_eq!(split("ä", |_| false), None);
        assert_eq!(split("1 +", |_| false), None);
    }
}

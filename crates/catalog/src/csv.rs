// A reader for the CSV that `COPY … CSV` writes: an unquoted empty field is NULL. Shared with
// `build.rs`, hence no crate-level imports.

/// One record: a field is `None` if it is NULL.
pub(crate) type Record = Vec<Option<String>>;

/// The header's names and the records after it.
pub(crate) fn read(text: &str) -> (Vec<String>, Vec<Record>) {
    let mut records = Vec::new();
    let mut record = Record::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = true;
                while let Some(c) = chars.next() {
                    if c != '"' {
                        field.push(c);
                    } else if chars.next_if_eq(&'"').is_some() {
                        field.push('"');
                    } else {
                        break;
                    }
                }
            }
            ',' | '\n' => {
                let value = std::mem::take(&mut field);
                record.push((quoted || !value.is_empty()).then_some(value));
                quoted = false;
                if c == '\n' {
                    records.push(std::mem::take(&mut record));
                }
            }
            '\r' => {}
            _ => field.push(c),
        }
    }
    if records.is_empty() {
        return (Vec::new(), records);
    }
    let header = records.remove(0).into_iter().map(Option::unwrap_or_default).collect();
    (header, records)
}

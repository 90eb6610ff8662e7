//! Random UUIDs, sizes, encodings, and other functions of their own.

use rand::RngCore;
use types::{Datum, Numeric, Result, oid};

use crate::convert::{OidValue, Uuid, array_of, scalars};
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "gen_random_uuid"() => random_uuid();
    "getdatabaseencoding" | "pg_client_encoding"() => "UTF8";
    "pg_size_pretty"(bytes: i64) => size_pretty(&Numeric::from(bytes))?;
    "pg_size_pretty_numeric"(bytes: &Numeric) => size_pretty(bytes)?;
    "pg_size_bytes"(size: &str) => size_bytes(size);
    "pg_column_compression"(_a: &Datum) => Datum::Null;
    "nameconcatoid"(name: &str, number: OidValue) => {
        let suffix = format!("_{}", number.0);
        let mut end = name.len().min(types::strings::NAME_BYTES_MAX.saturating_sub(suffix.len()));
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{suffix}", name.get(..end).unwrap_or(name))
    };
    "parse_ident"(text: &str, strict: bool) => parse_ident(text, strict);
}

/// Version 4.
fn random_uuid() -> Uuid {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    Uuid(bytes)
}

/// Divides by 1024 until what is left is short.
fn size_pretty(bytes: &Numeric) -> Result<String> {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let limit = Numeric::from(10 * 1024);
    if !bytes.is_finite() || bytes.abs() < limit {
        return Ok(format!("{bytes} bytes"));
    }
    // Half units, so that the last step can round half away from zero.
    let mut halves = bytes.div_trunc(&Numeric::from(512))?;
    let rounded = |halves: &Numeric| -> Result<Numeric> {
        let up = halves.add(&Numeric::from(if halves.signum() < 0 { -1 } else { 1 }))?;
        up.div_trunc(&Numeric::from(2))
    };
    let half_limit = Numeric::from(20 * 1024 - 1);
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or("kB");
    for next in units {
        if halves.abs() < half_limit {
            break;
        }
        halves = halves.div_trunc(&Numeric::from(1024))?;
        unit = next;
    }
    Ok(format!("{} {unit}", rounded(&halves)?))
}

fn size_bytes(size: &str) -> Result<i64> {
    let invalid = || invalid_parameter(format!("invalid size: \"{size}\""));
    let text = size.trim();
    let signed = usize::from(text.starts_with(['-', '+']));
    let is_number = |(at, c): &(usize, char)| *at < signed || c.is_ascii_digit() || *c == '.';
    let mut end = text.char_indices().find(|at| !is_number(at)).map_or(text.len(), |(at, _)| at);
    // An exponent, if digits follow.
    if let Some(tail) = text.get(end..)
        && tail.starts_with(['e', 'E'])
    {
        let sign = usize::from(tail.get(1..).is_some_and(|t| t.starts_with(['-', '+'])));
        let digits = tail.bytes().skip(1 + sign).take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            end += 1 + sign + digits;
        }
    }
    let (number, unit) = text.split_at(end);
    if !number.bytes().any(|b| b.is_ascii_digit()) {
        return Err(invalid());
    }
    let number = types::numeric::parse(number).map_err(|_| invalid())?;
    let unit = unit.trim_start();
    let exponent = match unit.to_ascii_lowercase().as_str() {
        "" | "bytes" | "b" => 0,
        "kb" => 1,
        "mb" => 2,
        "gb" => 3,
        "tb" => 4,
        "pb" => 5,
        _ => {
            return Err(invalid().detail(format!("Invalid size unit: \"{unit}\".")).hint(
                "Valid units are \"bytes\", \"B\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".",
            ));
        }
    };
    number.mul(&Numeric::from(1_i64 << (10 * exponent)))?.to_i64()
}

/// Takes a qualified name apart, folding what is not quoted to lower case.
fn parse_ident(text: &str, strict: bool) -> Result<Datum> {
    let invalid = |detail: Option<String>| {
        let error = invalid_parameter(format!("string is not a valid identifier: \"{text}\""));
        match detail {
            Some(detail) => error.detail(detail),
            None => error,
        }
    };
    let blanks = [' ', '\t', '\n', '\r', '\u{b}', '\u{c}'];
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(blanks);
    let mut after_dot = false;
    loop {
        let mut missing = true;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut tail = quoted;
            loop {
                let Some(end) = tail.find('"') else {
                    return Err(invalid(Some("String has unclosed double quotes.".into())));
                };
                name.push_str(tail.get(..end).unwrap_or(""));
                tail = tail.get(end + 1..).unwrap_or("");
                match tail.strip_prefix('"') {
                    Some(after) => {
                        name.push('"');
                        tail = after;
                    }
                    None => break,
                }
            }
            if name.is_empty() {
                return Err(invalid(Some("Quoted identifier must not be empty.".into())));
            }
            parts.push(Datum::text(name));
            rest = tail;
            missing = false;
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()) {
            let is_part =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii();
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (name, tail) = rest.split_at(end);
            parts.push(Datum::text(name.to_ascii_lowercase()));
            rest = tail;
            missing = false;
        }
        if missing {
            let detail = if rest.starts_with('.') {
                Some("No valid identifier before \".\".".into())
            } else if after_dot {
                Some("No valid identifier after \".\".".into())
            } else {
                None
            };
            return Err(invalid(detail));
        }
        rest = rest.trim_start_matches(blanks);
        match rest.strip_prefix('.') {
            Some(tail) => {
                after_dot = true;
                rest = tail.trim_start_matches(blanks);
            }
            None if rest.is_empty() || !strict => break,
            None => return Err(invalid(None)),
        }
    }
    Ok(array_of(oid::TEXT, parts))
}

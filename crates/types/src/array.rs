//! Text of arrays: `{1,NULL,"a b"}`, `[0:1]={…}`, and the vectors `1 2 3`.
//!
//! Source: PostgreSQL 16 `array_in`, `ArrayCount`, `ReadArrayStr`, `array_out`.

use bytes::{BufMut, BytesMut};

use crate::numeric::is_space;
use crate::{
    Array, ArrayDim, Datum, FormatSettings, Oid, Result, SqlError, SqlState, memory, oid, text,
};

/// Most dimensions of an array.
const DIMENSIONS_MAX: usize = 6;

/// Appends an array; `int2vector` and `oidvector` as numbers with blanks between.
pub fn write(array: &Array, type_oid: Oid, settings: &FormatSettings, out: &mut BytesMut) {
    if matches!(type_oid, oid::INT2VECTOR | oid::OIDVECTOR) {
        for (i, element) in array.elements.iter().enumerate() {
            if i > 0 {
                out.put_u8(b' ');
            }
            text::output(element, array.element, settings, out);
        }
        return;
    }
    if array.dims.is_empty() {
        out.put_slice(b"{}");
        return;
    }
    let start = out.len();
    if array.dims.iter().any(|dim| dim.lower != 1) {
        for dim in &array.dims {
            let upper = i64::from(dim.lower) + i64::try_from(dim.len).unwrap_or(0) - 1;
            out.put_slice(format!("[{}:{upper}]", dim.lower).as_bytes());
        }
        out.put_u8(b'=');
    }
    let mut elements = array.elements.iter();
    write_level(array, &array.dims, &mut elements, settings, start, out);
}

/// `start`: where the array's text begins, which ends early if it gets too long.
fn write_level<'a>(
    array: &Array,
    dims: &[ArrayDim],
    elements: &mut impl Iterator<Item = &'a Datum>,
    settings: &FormatSettings,
    start: usize,
    out: &mut BytesMut,
) {
    let Some((dim, inner)) = dims.split_first() else { return };
    out.put_u8(b'{');
    for i in 0..dim.len {
        if out.len() - start > memory::STATEMENT_MAX {
            break;
        }
        if i > 0 {
            out.put_u8(delimiter(array.element));
        }
        if inner.is_empty() {
            let Some(element) = elements.next() else { break };
            write_element(element, array.element, settings, out);
        } else {
            write_level(array, inner, elements, settings, start, out);
        }
    }
    out.put_u8(b'}');
}

fn write_element(
    element: &Datum,
    element_type: Oid,
    settings: &FormatSettings,
    out: &mut BytesMut,
) {
    if element.is_null() {
        out.put_slice(b"NULL");
        return;
    }
    let start = out.len();
    text::output(element, element_type, settings, out);
    let written = out.get(start..).unwrap_or_default();
    if written.len() > memory::STATEMENT_MAX {
        return;
    }
    let delimiter = delimiter(element_type);
    let special = |byte: &u8| {
        matches!(byte, b'"' | b'\\' | b'{' | b'}' | b' ' | b'\t'..=b'\r') || *byte == delimiter
    };
    let plain = !written.is_empty()
        && !written.eq_ignore_ascii_case(b"null")
        && !written.iter().any(special);
    if plain {
        return;
    }
    let value = out.split_off(start);
    out.put_u8(b'"');
    for &byte in &value {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
}

/// What stands between elements: `;` for boxes, whose text has commas outside of parentheses.
const fn delimiter(element_type: Oid) -> u8 {
    match element_type {
        oid::BOX => b';',
        _ => b',',
    }
}

/// Reads an array of `element` values, each constrained to `typmod`.
///
/// # Errors
/// `22P02` for a malformed array, `54000` for more than six dimensions, `2202E` for impossible
/// bounds, and whatever the elements' type raises.
pub fn parse(
    type_oid: Oid,
    element: Oid,
    typmod: i32,
    input: &str,
    settings: &FormatSettings,
) -> Result<Datum> {
    if matches!(type_oid, oid::INT2VECTOR | oid::OIDVECTOR) {
        return parse_vector(element, input, settings);
    }
    parse_with(element, input, &mut |item| match item {
        Some(item) => text::input(element, typmod, item, settings),
        None => Ok(Datum::Null),
    })
}

/// Reads an array whose elements `read` reads; it gets `None` for NULL.
///
/// # Errors
/// As [`parse`], and what `read` raises.
pub fn parse_with(
    element: Oid,
    input: &str,
    read: &mut dyn FnMut(Option<&str>) -> Result<Datum>,
) -> Result<Datum> {
    let malformed = |detail: &str| malformed_literal(input, detail);
    let trimmed = input.trim_start_matches(is_space);
    let (bounds, body) = read_bounds(trimmed, &malformed)?;
    if !body.starts_with('{') {
        return Err(malformed(if bounds.is_empty() {
            "Array value must start with \"{\" or dimension information."
        } else {
            "Array contents must start with \"{\"."
        }));
    }
    // Reports about the contents show only these, as PostgreSQL's do.
    let delimiter = char::from(delimiter(element));
    let (lens, items) = read_items(body, delimiter, &|detail| malformed_literal(body, detail))?;
    let mismatch = !bounds.is_empty()
        && (bounds.len() != lens.len() || bounds.iter().zip(&lens).any(|(b, len)| b.len != *len));
    if mismatch {
        return Err(malformed("Specified array dimensions do not match array contents."));
    }
    for ArrayDim { len, lower } in &bounds {
        if i32::try_from(*len).ok().and_then(|len| lower.checked_add(len)).is_none() {
            return Err(SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("array lower bound is too large: {lower}"),
            ));
        }
    }
    let dims = match bounds.is_empty() {
        false => bounds,
        true => lens.into_iter().map(|len| ArrayDim { len, lower: 1 }).collect(),
    };
    let mut elements = Vec::with_capacity(items.len());
    for item in items {
        elements.push(read(item.as_deref())?);
    }
    Ok(Datum::Array(Array::new(element, dims, elements).into()))
}

fn malformed_literal(text: &str, detail: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("malformed array literal: \"{text}\""),
    )
    .detail(detail)
}

fn parse_vector(element: Oid, input: &str, settings: &FormatSettings) -> Result<Datum> {
    let mut elements = Vec::new();
    let mut rest = input.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(is_space).unwrap_or(rest.len()));
        // An error shows all that is left.
        let value = text::input(element, -1, word, settings);
        elements.push(value.or_else(|_| text::input(element, -1, rest, settings))?);
        rest = after.trim_start_matches(is_space);
    }
    let dims = vec![ArrayDim { len: elements.len(), lower: 0 }];
    Ok(Datum::Array(Array::new(element, dims, elements).into()))
}

/// `[lower:upper]…=` before the contents.
fn read_bounds<'a>(
    input: &'a str,
    malformed: &dyn Fn(&str) -> SqlError,
) -> Result<(Vec<ArrayDim>, &'a str)> {
    let mut dims = Vec::new();
    let mut rest = input;
    loop {
        rest = rest.trim_start_matches(is_space);
        let Some(after) = rest.strip_prefix('[') else { break };
        if dims.len() >= DIMENSIONS_MAX {
            return Err(too_many_dimensions(dims.len() + 1));
        }
        let missing = || malformed("\"[\" must introduce explicitly-specified array dimensions.");
        let (first, after) = read_bound(after)?.ok_or_else(missing)?;
        let (lower, upper, after) = match after.strip_prefix(':') {
            Some(after) => {
                let (upper, after) = read_bound(after)?
                    .ok_or_else(|| malformed("Missing array dimension value."))?;
                (first, upper, after)
            }
            None => (1, first, after),
        };
        rest = after
            .strip_prefix(']')
            .ok_or_else(|| malformed("Missing \"]\" after array dimensions."))?;
        if upper < lower {
            return Err(SqlError::new(
                SqlState::ARRAY_SUBSCRIPT_ERROR,
                "upper bound cannot be less than lower bound",
            ));
        }
        let len = i64::from(upper) - i64::from(lower) + 1;
        dims.push(ArrayDim { len: usize::try_from(len).unwrap_or(0), lower });
    }
    if dims.is_empty() {
        return Ok((dims, rest));
    }
    let rest =
        rest.strip_prefix('=').ok_or_else(|| malformed("Missing \"=\" after array dimensions."))?;
    Ok((dims, rest.trim_start_matches(is_space)))
}

fn read_bound(text: &str) -> Result<Option<(i32, &str)>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    if digits == 0 {
        return Ok(None);
    }
    let (number, rest) = text.split_at(text.len() - unsigned.len() + digits);
    match number.parse() {
        Ok(bound) => Ok(Some((bound, rest))),
        Err(_) => Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            "array bound is out of integer range",
        )),
    }
}

fn too_many_dimensions(count: usize) -> SqlError {
    SqlError::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!(
            "number of array dimensions ({count}) exceeds the maximum allowed ({DIMENSIONS_MAX})"
        ),
    )
}

/// Where the reader stands; the names are those of `ArrayParseState`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NoLevel,
    LevelStarted,
    ElementStarted,
    QuotedElementCompleted,
    ElementDelimited,
    LevelCompleted,
    LevelDelimited,
}

/// Lengths of the dimensions, and the elements' texts in order; `None` is NULL.
type Items = (Vec<usize>, Vec<Option<String>>);

fn read_items(body: &str, delimiter: char, malformed: &dyn Fn(&str) -> SqlError) -> Result<Items> {
    let unexpected = |c: char| malformed(&format!("Unexpected \"{c}\" character."));
    let mut state = State::NoLevel;
    let mut lens: Vec<Option<usize>> = Vec::new();
    // Items so far at each open level.
    let mut open: Vec<usize> = Vec::new();
    let mut items = Vec::new();
    let mut depth_of_elements = None;
    // The element being read: its text, the length that may not be trimmed, whether it was quoted.
    let (mut element, mut keep, mut quoted) = (String::new(), 0_usize, false);
    let mut chars = body.char_indices();
    let end = loop {
        let Some((at, c)) = chars.next() else { return Err(malformed("Unexpected end of input.")) };
        match c {
            '"' => {
                if !matches!(state, State::LevelStarted | State::ElementDelimited) {
                    return Err(malformed("Unexpected array element."));
                }
                loop {
                    match chars.next().map(|(_, c)| c) {
                        None => return Err(malformed("Unexpected end of input.")),
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some((_, c)) => element.push(c),
                            None => return Err(malformed("Unexpected end of input.")),
                        },
                        Some(c) => element.push(c),
                    }
                }
                quoted = true;
                state = State::QuotedElementCompleted;
            }
            '\\' => {
                if !matches!(
                    state,
                    State::LevelStarted | State::ElementStarted | State::ElementDelimited
                ) {
                    return Err(unexpected('\\'));
                }
                state = State::ElementStarted;
                let (_, c) = chars.next().ok_or_else(|| malformed("Unexpected end of input."))?;
                element.push(c);
                keep = element.len();
                quoted = true;
            }
            '{' => {
                if !matches!(state, State::NoLevel | State::LevelStarted | State::LevelDelimited) {
                    return Err(unexpected('{'));
                }
                state = State::LevelStarted;
                if open.len() >= DIMENSIONS_MAX {
                    return Err(too_many_dimensions(open.len() + 1));
                }
                open.push(0);
                if lens.len() < open.len() {
                    lens.push(None);
                }
            }
            c if c == '}' || c == delimiter => {
                let closes = c == '}';
                let empty = closes && open.len() == 1 && state == State::LevelStarted;
                match state {
                    State::ElementStarted | State::QuotedElementCompleted => {
                        let depth = open.len();
                        if *depth_of_elements.get_or_insert(depth) != depth {
                            return Err(malformed(
                                "Multidimensional arrays must have sub-arrays with matching dimensions.",
                            ));
                        }
                        if state == State::ElementStarted {
                            let trimmed = element.trim_end_matches(is_space).len().max(keep);
                            element.truncate(trimmed);
                        }
                        let null = !quoted && element.eq_ignore_ascii_case("null");
                        let text = std::mem::take(&mut element);
                        items.push((!null).then_some(text));
                        memory::check(items.len() * size_of::<Datum>())?;
                        (keep, quoted) = (0, false);
                        if let Some(count) = open.last_mut() {
                            *count += 1;
                        }
                    }
                    State::LevelCompleted => {}
                    _ if empty => {}
                    _ => return Err(unexpected(c)),
                }
                if !closes {
                    state = match state {
                        State::LevelCompleted => State::LevelDelimited,
                        _ => State::ElementDelimited,
                    };
                    continue;
                }
                state = State::LevelCompleted;
                let count = open.pop().unwrap_or(0);
                match lens.get_mut(open.len()) {
                    Some(Some(len)) if *len != count => {
                        return Err(malformed(
                            "Multidimensional arrays must have sub-arrays with matching dimensions.",
                        ));
                    }
                    Some(len) => *len = Some(count),
                    None => {}
                }
                match open.last_mut() {
                    Some(outer) => *outer += 1,
                    None => break at + 1,
                }
            }
            c if is_space(c) => {
                if state == State::ElementStarted {
                    element.push(c);
                }
            }
            c => {
                if !matches!(
                    state,
                    State::LevelStarted | State::ElementStarted | State::ElementDelimited
                ) {
                    return Err(malformed("Unexpected array element."));
                }
                state = State::ElementStarted;
                element.push(c);
            }
        }
    };
    if !body.get(end..).unwrap_or_default().trim_start_matches(is_space).is_empty() {
        return Err(malformed("Junk after closing right brace."));
    }
    if items.is_empty() {
        return Ok((Vec::new(), items));
    }
    let lens: Vec<usize> = lens.into_iter().map(|len| len.unwrap_or(0)).collect();
    if depth_of_elements != Some(lens.len()) {
        return Err(malformed(
            "Multidimensional arrays must have sub-arrays with matching dimensions.",
        ));
    }
    Ok((lens, items))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(type_oid: Oid, input: &str, expected: &str) {
        let settings = FormatSettings::default();
        let got = match text::input(type_oid, -1, input, &settings) {
            Ok(datum) => text::to_string(&datum, type_oid, &settings),
            Err(error) => {
                error.fields().detail.clone().unwrap_or_else(|| error.message().to_owned())
            }
        };
        assert_eq!(got, expected, "{input}");
    }

    #[test]
    fn round_trips() {
        check(oid::INT4_ARRAY, " { 1 , 2,NULL , -3 } ", "{1,2,NULL,-3}");
        check(oid::INT4_ARRAY, "{}", "{}");
        check(oid::INT4_ARRAY, "{{1,2},{3,4}}", "{{1,2},{3,4}}");
        check(oid::INT4_ARRAY, "[0:1]={1,2}", "[0:1]={1,2}");
        check(oid::INT4_ARRAY, "[2:3][1:1]={{1},{2}}", "[2:3][1:1]={{1},{2}}");
        check(oid::INT4_ARRAY, "[2]={1,2}", "{1,2}");
        check(
            oid::TEXT_ARRAY,
            r#"{a b , "c,d", "NULL", null, "", \"x, "a\\b\"" }"#,
            r#"{"a b","c,d","NULL",NULL,"","\"x","a\\b\""}"#,
        );
        check(oid::INT2VECTOR, "1 2  3", "1 2 3");
        check(oid::DATE_ARRAY, "{2024-01-01}", "{2024-01-01}");
        check(oid::TIMESTAMP_ARRAY, "{2024-01-01}", "{\"2024-01-01 00:00:00\"}");
    }

    #[test]
    fn malformed() {
        check(oid::INT4_ARRAY, "1", "Array value must start with \"{\" or dimension information.");
        check(oid::INT4_ARRAY, "{1", "Unexpected end of input.");
        check(oid::INT4_ARRAY, "{1,}", "Unexpected \"}\" character.");
        check(oid::INT4_ARRAY, "{,1}", "Unexpected \",\" character.");
        check(oid::INT4_ARRAY, "{1}x", "Junk after closing right brace.");
        check(
            oid::INT4_ARRAY,
            "{{1},{2,3}}",
            "Multidimensional arrays must have sub-arrays with matching dimensions.",
        );
        check(
            oid::INT4_ARRAY,
            "[1:3]={1,2}",
            "Specified array dimensions do not match array contents.",
        );
        check(oid::INT4_ARRAY, "[3:1]={1,2}", "upper bound cannot be less than lower bound");
        check(
            oid::INT4_ARRAY,
            "{{{{{{{1}}}}}}}",
            "number of array dimensions (7) exceeds the maximum allowed (6)",
        );
        check(oid::INT4_ARRAY, "{x}", "invalid input syntax for type integer: \"x\"");
        check(oid::INT4_ARRAY, "{\"1\"2}", "Unexpected array element.");
    }
}

//! Ranges and multiranges: construction, text, binary, order.
//!
//! Source: PostgreSQL 16 `rangetypes.c`, `multirangetypes.c`.

use std::cmp::Ordering;

use bytes::{BufMut, BytesMut};

use crate::numeric::is_space;
use crate::reader::{Reader, insufficient_data};
use crate::{Datum, FormatSettings, Oid, Result, SqlError, SqlState, binary, compare, oid, text};

const FLAG_EMPTY: u8 = 0x01;
const FLAG_LOWER_INCLUSIVE: u8 = 0x02;
const FLAG_UPPER_INCLUSIVE: u8 = 0x04;
const FLAG_LOWER_INFINITE: u8 = 0x08;
const FLAG_UPPER_INFINITE: u8 = 0x10;

/// One end of a range.
#[derive(Clone, Debug)]
pub struct Bound {
    /// `None`: without end.
    pub value: Option<Datum>,
    /// Whether the value itself belongs to the range.
    pub inclusive: bool,
    /// Whether this is a lower bound.
    pub lower: bool,
}

impl Bound {
    /// A lower bound.
    pub fn lower(value: Option<Datum>, inclusive: bool) -> Bound {
        let inclusive = inclusive && value.is_some();
        Bound { value, inclusive, lower: true }
    }

    /// An upper bound.
    pub fn upper(value: Option<Datum>, inclusive: bool) -> Bound {
        let inclusive = inclusive && value.is_some();
        Bound { value, inclusive, lower: false }
    }

    /// The other kind of bound at the same place, which excludes what this one includes.
    #[must_use]
    pub fn inverted(&self) -> Bound {
        let inclusive = !self.inclusive && self.value.is_some();
        Bound { value: self.value.clone(), inclusive, lower: !self.lower }
    }
}

/// The order of two bounds: a lower one without end comes first, an upper one last; at one value,
/// what excludes it on the left is less than what includes it.
pub fn compare_bounds(a: &Bound, b: &Bound) -> Ordering {
    let infinity = |bound: &Bound| if bound.lower { Ordering::Less } else { Ordering::Greater };
    let (x, y) = match (&a.value, &b.value) {
        (None, None) => return b.lower.cmp(&a.lower),
        (None, Some(_)) => return infinity(a),
        (Some(_), None) => return infinity(b).reverse(),
        (Some(x), Some(y)) => (x, y),
    };
    compare::compare(x, y).then_with(|| match (a.inclusive, b.inclusive) {
        (false, false) if a.lower == b.lower => Ordering::Equal,
        (false, false) => b.lower.cmp(&a.lower).reverse(),
        (false, true) if a.lower => Ordering::Greater,
        (false, true) => Ordering::Less,
        (true, false) if b.lower => Ordering::Less,
        (true, false) => Ordering::Greater,
        (true, true) => Ordering::Equal,
    })
}

/// A range. Discrete ones are held with an inclusive lower and an exclusive upper bound.
#[derive(Clone, Debug)]
pub struct Range {
    /// The range type.
    pub type_oid: Oid,
    /// Lower and upper bound; `None` is the empty range.
    pub bounds: Option<(Bound, Bound)>,
}

/// A multirange: its ranges in order, neither empty, nor overlapping, nor adjacent.
#[derive(Clone, Debug)]
pub struct Multirange {
    /// The multirange type.
    pub type_oid: Oid,
    /// The ranges.
    pub ranges: Vec<Range>,
}

/// The type of a range type's bounds.
pub const fn subtype(range: Oid) -> Option<Oid> {
    Some(match range {
        oid::INT4RANGE => oid::INT4,
        oid::INT8RANGE => oid::INT8,
        oid::NUMRANGE => oid::NUMERIC,
        oid::DATERANGE => oid::DATE,
        oid::TSRANGE => oid::TIMESTAMP,
        oid::TSTZRANGE => oid::TIMESTAMPTZ,
        _ => return None,
    })
}

/// The range type of a multirange type.
pub const fn range_of(multirange: Oid) -> Option<Oid> {
    Some(match multirange {
        oid::INT4MULTIRANGE => oid::INT4RANGE,
        oid::INT8MULTIRANGE => oid::INT8RANGE,
        oid::NUMMULTIRANGE => oid::NUMRANGE,
        oid::DATEMULTIRANGE => oid::DATERANGE,
        oid::TSMULTIRANGE => oid::TSRANGE,
        oid::TSTZMULTIRANGE => oid::TSTZRANGE,
        _ => return None,
    })
}

/// The multirange type of a range type.
pub const fn multirange_of(range: Oid) -> Option<Oid> {
    Some(match range {
        oid::INT4RANGE => oid::INT4MULTIRANGE,
        oid::INT8RANGE => oid::INT8MULTIRANGE,
        oid::NUMRANGE => oid::NUMMULTIRANGE,
        oid::DATERANGE => oid::DATEMULTIRANGE,
        oid::TSRANGE => oid::TSMULTIRANGE,
        oid::TSTZRANGE => oid::TSTZMULTIRANGE,
        _ => return None,
    })
}

impl Range {
    /// The empty range.
    pub const fn empty(type_oid: Oid) -> Range {
        Range { type_oid, bounds: None }
    }

    /// The range between two bounds, in its canonical form.
    ///
    /// # Errors
    /// `22000` if the lower bound is greater, `22003` or `22008` if the canonical form's bound is
    /// out of range.
    pub fn new(type_oid: Oid, lower: Bound, upper: Bound) -> Result<Range> {
        let made = Range::plain(type_oid, lower, upper)?;
        let Some((lower, upper)) = made.bounds else { return Ok(made) };
        if !matches!(type_oid, oid::INT4RANGE | oid::INT8RANGE | oid::DATERANGE) {
            return Ok(Range { type_oid, bounds: Some((lower, upper)) });
        }
        let lower = match &lower.value {
            Some(value) if !lower.inclusive => match successor(value)? {
                Some(next) => Bound::lower(Some(next), true),
                None => lower,
            },
            _ => lower,
        };
        let upper = match &upper.value {
            Some(value) if upper.inclusive => match successor(value)? {
                Some(next) => Bound::upper(Some(next), false),
                None => upper,
            },
            _ => upper,
        };
        Range::plain(type_oid, lower, upper)
    }

    fn plain(type_oid: Oid, lower: Bound, upper: Bound) -> Result<Range> {
        if let (Some(low), Some(high)) = (&lower.value, &upper.value) {
            match compare::compare(low, high) {
                Ordering::Greater => {
                    return Err(SqlError::new(
                        SqlState::DATA_EXCEPTION,
                        "range lower bound must be less than or equal to range upper bound",
                    ));
                }
                Ordering::Equal if !(lower.inclusive && upper.inclusive) => {
                    return Ok(Range::empty(type_oid));
                }
                _ => {}
            }
        }
        Ok(Range { type_oid, bounds: Some((lower, upper)) })
    }

    /// Whether no value is in it.
    pub fn is_empty(&self) -> bool {
        self.bounds.is_none()
    }
}

/// The value after `value` in a discrete type; `None` for an infinite date.
fn successor(value: &Datum) -> Result<Option<Datum>> {
    let out_of_range = |code, name: &str| SqlError::new(code, format!("{name} out of range"));
    Ok(match value {
        Datum::Int4(value) => Some(Datum::Int4(
            value
                .checked_add(1)
                .ok_or_else(|| out_of_range(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer"))?,
        )),
        Datum::Int8(value) => Some(Datum::Int8(
            value
                .checked_add(1)
                .ok_or_else(|| out_of_range(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint"))?,
        )),
        Datum::Date(value) if crate::datetime::is_finite_date(*value) => {
            match value.checked_add(1).filter(|next| *next <= crate::datetime::DATE_MAX) {
                Some(next) => Some(Datum::Date(next)),
                None => return Err(out_of_range(SqlState::DATETIME_VALUE_OUT_OF_RANGE, "date")),
            }
        }
        _ => None,
    })
}

impl Multirange {
    /// The multirange of any ranges: sorted, those that touch joined, empty ones left out.
    pub fn new(type_oid: Oid, mut ranges: Vec<Range>) -> Multirange {
        ranges.retain(|range| !range.is_empty());
        ranges.sort();
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for range in ranges {
            let Some((lower, upper)) = range.bounds else { continue };
            if let Some((_, last)) = merged.last_mut().and_then(|last| last.bounds.as_mut())
                && touches(last, &lower)
            {
                if compare_bounds(&upper, last).is_gt() {
                    *last = upper;
                }
                continue;
            }
            merged.push(Range { type_oid: range.type_oid, bounds: Some((lower, upper)) });
        }
        Multirange { type_oid, ranges: merged }
    }
}

/// Whether a range that begins at `lower` overlaps or continues one that ends at `upper`, if it
/// begins no earlier.
pub fn touches(upper: &Bound, lower: &Bound) -> bool {
    compare_bounds(lower, upper).is_le() || is_adjacent(upper, lower)
}

/// Whether nothing lies between an upper bound and a lower one, and nothing is in both.
pub fn is_adjacent(upper: &Bound, lower: &Bound) -> bool {
    let (Some(high), Some(low)) = (&upper.value, &lower.value) else { return false };
    match compare::compare(high, low) {
        Ordering::Equal => upper.inclusive != lower.inclusive,
        // What lies between could be empty in a discrete type; their canonical forms never leave
        // that open unless a date is infinite.
        _ => false,
    }
}

/// By lower, then upper bound; the empty range first.
impl Ord for Range {
    fn cmp(&self, other: &Range) -> Ordering {
        match (&self.bounds, &other.bounds) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some((low, high)), Some((other_low, other_high))) => {
                compare_bounds(low, other_low).then_with(|| compare_bounds(high, other_high))
            }
        }
    }
}

impl PartialOrd for Range {
    fn partial_cmp(&self, other: &Range) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Range {
    fn eq(&self, other: &Range) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Range {}

/// Range by range, then by their number.
impl Ord for Multirange {
    fn cmp(&self, other: &Multirange) -> Ordering {
        self.ranges.cmp(&other.ranges)
    }
}

impl PartialOrd for Multirange {
    fn partial_cmp(&self, other: &Multirange) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Multirange {
    fn eq(&self, other: &Multirange) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Multirange {}

pub(super) fn write(range: &Range, settings: &FormatSettings, out: &mut BytesMut) {
    let Some((lower, upper)) = &range.bounds else {
        out.put_slice(b"empty");
        return;
    };
    let element = subtype(range.type_oid).unwrap_or_default();
    out.put_u8(if lower.inclusive { b'[' } else { b'(' });
    if let Some(value) = &lower.value {
        write_bound(value, element, settings, out);
    }
    out.put_u8(b',');
    if let Some(value) = &upper.value {
        write_bound(value, element, settings, out);
    }
    out.put_u8(if upper.inclusive { b']' } else { b')' });
}

fn write_bound(value: &Datum, element: Oid, settings: &FormatSettings, out: &mut BytesMut) {
    let shown = text::to_string(value, element, settings);
    let special = |c: char| matches!(c, '"' | '\\' | '(' | ')' | '[' | ']' | ',') || is_space(c);
    if !shown.is_empty() && !shown.contains(special) {
        out.put_slice(shown.as_bytes());
        return;
    }
    out.put_u8(b'"');
    for byte in shown.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(byte);
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
}

pub(super) fn write_multirange(
    multirange: &Multirange,
    settings: &FormatSettings,
    out: &mut BytesMut,
) {
    out.put_u8(b'{');
    for (at, range) in multirange.ranges.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        write(range, settings, out);
    }
    out.put_u8(b'}');
}

/// Reads a range: `[1,3)`, `(,"a b"]`, `empty`.
///
/// # Errors
/// `22P02` if malformed, what the bounds' type raises, and those of [`Range::new`].
pub fn parse(type_oid: Oid, input: &str, settings: &FormatSettings) -> Result<Range> {
    let malformed = |detail: &str| {
        let message = format!("malformed range literal: \"{input}\"");
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message).detail(detail)
    };
    let trimmed = input.trim_start_matches(is_space);
    if let Some(head) = trimmed.get(..5)
        && head.eq_ignore_ascii_case("empty")
    {
        let rest = trimmed.get(5..).unwrap_or_default().trim_start_matches(is_space);
        if !rest.is_empty() {
            return Err(malformed("Junk after \"empty\" key word."));
        }
        return Ok(Range::empty(type_oid));
    }
    let mut chars = trimmed.chars();
    let lower_inclusive = match chars.next() {
        Some('[') => true,
        Some('(') => false,
        _ => return Err(malformed("Missing left parenthesis or bracket.")),
    };
    let mut rest = chars.as_str();
    let lower = parse_bound(&mut rest, &malformed)?;
    rest = rest.strip_prefix(',').ok_or_else(|| malformed("Missing comma after lower bound."))?;
    let upper = parse_bound(&mut rest, &malformed)?;
    let mut chars = rest.chars();
    let upper_inclusive = match chars.next() {
        Some(']') => true,
        Some(')') => false,
        _ => return Err(malformed("Too many commas.")),
    };
    if !chars.as_str().trim_start_matches(is_space).is_empty() {
        return Err(malformed("Junk after right parenthesis or bracket."));
    }
    let element = subtype(type_oid).unwrap_or_default();
    let read = |bound: Option<String>| {
        bound.map(|bound| text::input(element, -1, &bound, settings)).transpose()
    };
    let (lower, upper) = (read(lower)?, read(upper)?);
    Range::new(type_oid, Bound::lower(lower, lower_inclusive), Bound::upper(upper, upper_inclusive))
}

/// The text of a bound up to `,`, `)` or `]`, without its quotes; `None` if there is nothing.
fn parse_bound(rest: &mut &str, malformed: &dyn Fn(&str) -> SqlError) -> Result<Option<String>> {
    if rest.starts_with([',', ')', ']']) {
        return Ok(None);
    }
    let mut bound = String::new();
    let mut quoted = false;
    let mut chars = rest.chars();
    loop {
        let before = chars.as_str();
        let Some(c) = chars.next() else { return Err(malformed("Unexpected end of input.")) };
        match c {
            ',' | ')' | ']' if !quoted => {
                *rest = before;
                return Ok(Some(bound));
            }
            '\\' => match chars.next() {
                Some(c) => bound.push(c),
                None => return Err(malformed("Unexpected end of input.")),
            },
            '"' if !quoted => quoted = true,
            '"' => match chars.as_str().strip_prefix('"') {
                Some(after) => {
                    bound.push('"');
                    chars = after.chars();
                }
                None => quoted = false,
            },
            '(' | '[' if !quoted => bound.push(c),
            c => bound.push(c),
        }
    }
}

/// Reads a multirange: `{[1,3),[5,7)}`.
///
/// # Errors
/// `22P02` if malformed, and those of [`parse`].
pub fn parse_multirange(
    type_oid: Oid,
    input: &str,
    settings: &FormatSettings,
) -> Result<Multirange> {
    let malformed = |detail: &str| {
        let message = format!("malformed multirange literal: \"{input}\"");
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message).detail(detail)
    };
    let range_type = range_of(type_oid).unwrap_or_default();
    let mut rest = input
        .trim_start_matches(is_space)
        .strip_prefix('{')
        .ok_or_else(|| malformed("Missing left brace."))?;
    let mut ranges = Vec::new();
    let mut after_range = false;
    loop {
        rest = rest.trim_start_matches(is_space);
        let Some(c) = rest.chars().next() else {
            return Err(malformed("Unexpected end of input."));
        };
        match (c, after_range) {
            ('}', _) if after_range || ranges.is_empty() => {
                rest = rest.get(1..).unwrap_or_default();
                break;
            }
            (',', true) => {
                rest = rest.get(1..).unwrap_or_default();
                after_range = false;
            }
            (_, true) => return Err(malformed("Expected comma or end of multirange.")),
            ('[' | '(', false) => {
                let end = range_end(rest).ok_or_else(|| malformed("Unexpected end of input."))?;
                let (text, tail) = rest.split_at(end);
                ranges.push(parse(range_type, text, settings)?);
                rest = tail;
                after_range = true;
            }
            (_, false) if rest.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("empty")) => {
                ranges.push(Range::empty(range_type));
                rest = rest.get(5..).unwrap_or_default();
                after_range = true;
            }
            _ => return Err(malformed("Expected range start.")),
        }
    }
    if !rest.trim_start_matches(is_space).is_empty() {
        return Err(malformed("Junk after closing right brace."));
    }
    Ok(Multirange::new(type_oid, ranges))
}

/// The length of the range at the beginning of `text`.
fn range_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next()?;
            }
            '"' => quoted = !quoted,
            ')' | ']' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn put_item(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_i32(0);
    write(out);
    let len = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    if let Some(slot) = out.get_mut(start..start + 4) {
        slot.copy_from_slice(&len.to_be_bytes());
    }
}

/// Flags, then the bounds that are there, each with its length.
pub(super) fn send(range: &Range, out: &mut BytesMut) {
    let Some((lower, upper)) = &range.bounds else {
        out.put_u8(FLAG_EMPTY);
        return;
    };
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.put_u8(
        flag(lower.inclusive, FLAG_LOWER_INCLUSIVE)
            | flag(upper.inclusive, FLAG_UPPER_INCLUSIVE)
            | flag(lower.value.is_none(), FLAG_LOWER_INFINITE)
            | flag(upper.value.is_none(), FLAG_UPPER_INFINITE),
    );
    let element = subtype(range.type_oid).unwrap_or_default();
    for value in [&lower.value, &upper.value].into_iter().flatten() {
        put_item(out, |out| binary::send(value, element, out));
    }
}

pub(super) fn receive(type_oid: Oid, body: &mut Reader<'_>) -> Result<Range> {
    let element = subtype(type_oid).unwrap_or_default();
    let flags = body.u8()?
        & (FLAG_EMPTY
            | FLAG_LOWER_INCLUSIVE
            | FLAG_LOWER_INFINITE
            | FLAG_UPPER_INCLUSIVE
            | FLAG_UPPER_INFINITE);
    let has = |flag: u8| flags & flag != 0;
    let mut bound = |absent: bool| -> Result<Option<Datum>> {
        if absent {
            return Ok(None);
        }
        let len = usize::try_from(body.i32()?).map_err(|_| insufficient_data())?;
        binary::receive(element, -1, body.bytes(len)?).map(Some)
    };
    let lower = bound(has(FLAG_EMPTY) || has(FLAG_LOWER_INFINITE))?;
    let upper = bound(has(FLAG_EMPTY) || has(FLAG_UPPER_INFINITE))?;
    if has(FLAG_EMPTY) {
        return Ok(Range::empty(type_oid));
    }
    Range::new(
        type_oid,
        Bound::lower(lower, has(FLAG_LOWER_INCLUSIVE)),
        Bound::upper(upper, has(FLAG_UPPER_INCLUSIVE)),
    )
}

pub(super) fn send_multirange(multirange: &Multirange, out: &mut BytesMut) {
    out.put_i32(i32::try_from(multirange.ranges.len()).unwrap_or(i32::MAX));
    for range in &multirange.ranges {
        put_item(out, |out| send(range, out));
    }
}

pub(super) fn receive_multirange(type_oid: Oid, body: &mut Reader<'_>) -> Result<Multirange> {
    let range_type = range_of(type_oid).unwrap_or_default();
    let mut ranges = Vec::new();
    for _ in 0..body.u32()? {
        let len = usize::try_from(body.i32()?).map_err(|_| insufficient_data())?;
        let mut item = Reader(body.bytes(len)?);
        ranges.push(receive(range_type, &mut item)?);
        item.finish()?;
    }
    Ok(Multirange::new(type_oid, ranges))
}

//! `tsvector`: made of text, JSON and arrays, and changed.
//!
//! Source: PostgreSQL 16 `to_tsany.c`, `tsvector_op.c`.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::rare::tsvector::{LEXEME_BYTES_MAX, Lexeme, POSITION_MAX, Position, TsVector};
use types::{Array, Datum, Json, Oid, Record, Result, SqlError, SqlState, memory, oid};

use super::tokens::{KINDS, is_indexed, tokens};
use crate::convert::{Char, FromDatum, OidValue, array_of, scalars, wrong_arity};
use crate::errors::invalid_parameter;
use crate::{CallCx, Rows, SetReturning, Site};

scalars! { pub(crate) const TABLE =
    "to_tsvector"(text: &str) => to_tsvector(text)?;
    "to_tsvector_byid"(_config: OidValue, text: &str) => to_tsvector(text)?;
    "jsonb_string_to_tsvector"(a: &Json) => from_json(a, Wanted::STRINGS)?;
    "jsonb_string_to_tsvector_byid"(_config: OidValue, a: &Json) => from_json(a, Wanted::STRINGS)?;
    "json_string_to_tsvector"(a: &str) => from_json(&types::json::parse(a)?, Wanted::STRINGS)?;
    "json_string_to_tsvector_byid"(_config: OidValue, a: &str) => from_json(&types::json::parse(a)?, Wanted::STRINGS)?;
    "jsonb_to_tsvector"(a: &Json, wanted: &Json) => from_json(a, Wanted::read(wanted)?)?;
    "jsonb_to_tsvector_byid"(_config: OidValue, a: &Json, wanted: &Json) => from_json(a, Wanted::read(wanted)?)?;
    "json_to_tsvector"(a: &str, wanted: &Json) => from_json(&types::json::parse(a)?, Wanted::read(wanted)?)?;
    "json_to_tsvector_byid"(_config: OidValue, a: &str, wanted: &Json) => from_json(&types::json::parse(a)?, Wanted::read(wanted)?)?;
    "tsvector_length"(a: &TsVector) => i32::try_from(a.lexemes().len()).unwrap_or(i32::MAX);
    "tsvector_strip"(a: &TsVector) => map(a, |lexeme| Lexeme { positions: Vec::new(), ..lexeme.clone() })?;
    "tsvector_setweight"(a: &TsVector, letter: Char) => {
        let weight = weight(letter)?;
        map(a, |lexeme| weighted(lexeme, weight))?
    };
    "tsvector_setweight_by_filter"(a: &TsVector, letter: Char, words: &Array) => {
        let weight = weight(letter)?;
        let words = lexemes_of(words);
        map(a, |lexeme| match words.contains(&lexeme.text) {
            true => weighted(lexeme, weight),
            false => lexeme.clone(),
        })?
    };
    "tsvector_filter"(a: &TsVector, letters: &Array) => {
        let mut kept = 0;
        for letter in &letters.elements {
            if letter.is_null() {
                return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "weight array may not contain nulls"));
            }
            let letter = Char::from_datum(letter)?;
            kept |= 1 << weight_of(letter).ok_or_else(|| {
                invalid_parameter(format!("unrecognized weight: \"{}\"", char::from(letter.0)))
            })?;
        }
        let filtered = a.lexemes().iter().filter_map(|lexeme| {
            let positions: Vec<Position> =
                lexeme.positions.iter().filter(|p| kept >> p.weight & 1 == 1).copied().collect();
            (!positions.is_empty()).then(|| Lexeme { text: Arc::clone(&lexeme.text), positions })
        });
        TsVector::new(filtered.collect())?
    };
    "tsvector_delete_str"(a: &TsVector, word: &str) => {
        TsVector::new(a.lexemes().iter().filter(|l| &*l.text != word).cloned().collect())?
    };
    "tsvector_delete_arr"(a: &TsVector, words: &Array) => {
        let words = lexemes_of(words);
        TsVector::new(a.lexemes().iter().filter(|l| !words.contains(&l.text)).cloned().collect())?
    };
    "tsvector_to_array"(a: &TsVector) => {
        array_of(oid::TEXT, a.lexemes().iter().map(|l| Datum::Text(Arc::clone(&l.text))))
    };
    "array_to_tsvector"(words: &Array) => {
        let mut lexemes = Vec::with_capacity(words.elements.len());
        for word in &words.elements {
            let Datum::Text(word) = word else {
                return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "lexeme array may not contain nulls"));
            };
            if word.is_empty() {
                return Err(SqlError::new(
                    SqlState::ZERO_LENGTH_CHARACTER_STRING,
                    "lexeme array may not contain empty strings",
                ));
            }
            lexemes.push(Lexeme { text: Arc::clone(word), positions: Vec::new() });
        }
        TsVector::new(lexemes)?
    };
    "tsvector_concat"(a: &TsVector, b: &TsVector) => concatenate(a, b)?;
    "ts_lexize"(_dictionary: OidValue, word: &str) => array_of(oid::TEXT, [Datum::text(lexeme(word))]);
    "get_current_ts_config"() => OidValue(SIMPLE);
}

pub(crate) const SETS: &[(&str, SetReturning)] = &[
    ("tsvector_unnest", unnest),
    ("ts_token_type_byid", |_, _, _| token_types()),
    ("ts_token_type_byname", |_, _, args| {
        check_parser(args)?;
        token_types()
    }),
    ("ts_parse_byid", parse),
    ("ts_parse_byname", |cx, site, args| {
        check_parser(args)?;
        parse(cx, site, args)
    }),
    ("ts_stat1", |_, _, args| match args {
        [rows] => statistics(rows, 0),
        args => Err(wrong_arity(args.len())),
    }),
    ("ts_stat2", |_, _, args| match args {
        [rows, Datum::Text(letters)] => {
            let weights = letters.bytes().filter_map(|letter| weight_of(Char(letter)));
            statistics(rows, weights.fold(0, |set, weight| set | 1 << weight))
        }
        args => Err(wrong_arity(args.len())),
    }),
];

/// The configuration `simple`.
const SIMPLE: u32 = 3748;

/// The lexeme of a word: in lower case, as the C locale sees it.
pub(super) fn lexeme(word: &str) -> String {
    word.to_ascii_lowercase()
}

/// The words of a text and their positions, counted from `start`; and the last one used.
///
/// # Errors
/// `54000` if they are too many to be kept.
pub(super) fn words(text: &str, start: usize) -> Result<(Vec<(String, usize)>, usize)> {
    let mut position = start;
    let mut found = Vec::new();
    for (kind, token) in tokens(text)? {
        if !is_indexed(kind) {
            continue;
        }
        // Longer ones are left out, with a notice.
        if token.len() >= LEXEME_BYTES_MAX {
            continue;
        }
        position += 1;
        found.push((lexeme(token), position));
        // Each becomes a lexeme of its own first.
        memory::check(found.len() * (size_of::<Lexeme>() + size_of::<String>()))?;
    }
    Ok((found, position))
}

fn to_tsvector(text: &str) -> Result<TsVector> {
    vector(words(text, 0)?.0)
}

fn vector(words: Vec<(String, usize)>) -> Result<TsVector> {
    let lexeme = |(word, position): (String, usize)| Lexeme {
        text: word.into(),
        positions: vec![Position {
            position: u16::try_from(position).unwrap_or(u16::MAX).min(POSITION_MAX),
            weight: 0,
        }],
    };
    TsVector::new(words.into_iter().map(lexeme).collect())
}

/// Which parts of a JSON value count.
#[derive(Clone, Copy, Default)]
struct Wanted {
    strings: bool,
    numbers: bool,
    booleans: bool,
    keys: bool,
}

impl Wanted {
    const STRINGS: Wanted = Wanted { strings: true, numbers: false, booleans: false, keys: false };

    fn read(flags: &Json) -> Result<Wanted> {
        let mut wanted = Wanted::default();
        let mut one = |flag: &Json| -> Result<()> {
            let Json::String(flag) = flag else {
                return Err(invalid_parameter("flag array element is not a string")
                    .hint("Possible values are: \"string\", \"numeric\", \"boolean\", \"key\", and \"all\"."));
            };
            match flag.to_ascii_lowercase().as_str() {
                "string" => wanted.strings = true,
                "numeric" => wanted.numbers = true,
                "boolean" => wanted.booleans = true,
                "key" => wanted.keys = true,
                "all" => {
                    wanted = Wanted { strings: true, numbers: true, booleans: true, keys: true };
                }
                _ => {
                    return Err(invalid_parameter(format!("wrong flag in flag array: \"{flag}\""))
                        .hint("Possible values are: \"string\", \"numeric\", \"boolean\", \"key\", and \"all\"."));
                }
            }
            Ok(())
        };
        match flags {
            Json::Array(flags) => flags.iter().try_for_each(one)?,
            Json::Object(_) => {
                return Err(invalid_parameter(
                    "wrong flag type, only arrays and scalars are allowed",
                ));
            }
            flag => one(flag)?,
        }
        Ok(wanted)
    }
}

fn from_json(json: &Json, wanted: Wanted) -> Result<TsVector> {
    let mut found = Vec::new();
    let mut position = 0;
    gather(json, wanted, &mut found, &mut position)?;
    vector(found)
}

/// Between two values lies a position that no word has.
fn gather(
    json: &Json,
    wanted: Wanted,
    found: &mut Vec<(String, usize)>,
    position: &mut usize,
) -> Result<()> {
    let mut add = |text: &str| -> Result<()> {
        let (words, last) = words(text, *position)?;
        found.extend(words);
        *position = last + 1;
        Ok(())
    };
    match json {
        Json::String(text) if wanted.strings => add(text),
        Json::Number(number) if wanted.numbers => add(&number.to_string()),
        Json::Bool(value) if wanted.booleans => add(if *value { "true" } else { "false" }),
        Json::Array(elements) => {
            elements.iter().try_for_each(|element| gather(element, wanted, found, position))
        }
        Json::Object(object) => object.members().iter().try_for_each(|(key, value)| {
            if wanted.keys {
                let (words, last) = words(key, *position)?;
                found.extend(words);
                *position = last + 1;
            }
            gather(value, wanted, found, position)
        }),
        _ => Ok(()),
    }
}

fn map(a: &TsVector, each: impl Fn(&Lexeme) -> Lexeme) -> Result<TsVector> {
    TsVector::new(a.lexemes().iter().map(each).collect())
}

fn weighted(lexeme: &Lexeme, weight: u8) -> Lexeme {
    let positions = lexeme.positions.iter().map(|p| Position { weight, ..*p }).collect();
    Lexeme { text: Arc::clone(&lexeme.text), positions }
}

fn weight_of(letter: Char) -> Option<u8> {
    match letter.0 {
        b'a' | b'A' => Some(3),
        b'b' | b'B' => Some(2),
        b'c' | b'C' => Some(1),
        b'd' | b'D' => Some(0),
        _ => None,
    }
}

fn weight(letter: Char) -> Result<u8> {
    weight_of(letter).ok_or_else(|| {
        SqlError::internal(format!("unrecognized weight: {}", letter.0.cast_signed()))
    })
}

/// The words of an array; NULL is none.
fn lexemes_of(words: &Array) -> Vec<Arc<str>> {
    let text = |word: &Datum| match word {
        Datum::Text(word) => Some(Arc::clone(word)),
        _ => None,
    };
    words.elements.iter().filter_map(text).collect()
}

/// The second vector's positions go on after the first one's.
fn concatenate(a: &TsVector, b: &TsVector) -> Result<TsVector> {
    let last = a
        .lexemes()
        .iter()
        .filter_map(|lexeme| lexeme.positions.last())
        .map(|p| p.position)
        .max()
        .unwrap_or(0);
    let shifted = b.lexemes().iter().map(|lexeme| {
        let positions = lexeme.positions.iter().map(|p| Position {
            position: p.position.saturating_add(last).min(POSITION_MAX),
            ..*p
        });
        Lexeme { text: Arc::clone(&lexeme.text), positions: positions.collect() }
    });
    TsVector::new(a.lexemes().iter().cloned().chain(shifted).collect())
}

fn row(fields: Vec<(&str, Oid, Datum)>) -> Datum {
    let fields = fields.into_iter().map(|(name, ty, value)| (Arc::from(name), ty, value));
    Datum::Record(Arc::new(Record { type_oid: oid::RECORD, fields: fields.collect() }))
}

fn unnest(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let [vector] = args else { return Err(wrong_arity(args.len())) };
    let rows: Vec<Datum> = <&TsVector>::from_datum(vector)?
        .lexemes()
        .iter()
        .map(|lexeme| {
            let (positions, weights) = match lexeme.positions.is_empty() {
                true => (Datum::Null, Datum::Null),
                false => {
                    let position = |p: &Position| Datum::Int2(p.position.cast_signed());
                    let letter = |p: &Position| {
                        Datum::text(match p.weight {
                            3 => "A",
                            2 => "B",
                            1 => "C",
                            _ => "D",
                        })
                    };
                    (
                        array_of(oid::INT2, lexeme.positions.iter().map(position)),
                        array_of(oid::TEXT, lexeme.positions.iter().map(letter)),
                    )
                }
            };
            row(vec![
                ("lexeme", oid::TEXT, Datum::Text(Arc::clone(&lexeme.text))),
                ("positions", oid::INT2_ARRAY, positions),
                ("weights", oid::TEXT_ARRAY, weights),
            ])
        })
        .collect();
    Ok(Box::new(rows.into_iter().map(Ok)))
}

/// There is one parser.
fn check_parser(args: &[Datum]) -> Result<()> {
    match args.first() {
        Some(Datum::Text(name)) if &**name != "default" => Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("text search parser \"{name}\" does not exist"),
        )),
        _ => Ok(()),
    }
}

fn token_types() -> Result<Rows> {
    Ok(Box::new((1..).zip(KINDS).map(|(number, (alias, description))| {
        Ok(row(vec![
            ("tokid", oid::INT4, Datum::Int4(number)),
            ("alias", oid::TEXT, Datum::text(alias)),
            ("description", oid::TEXT, Datum::text(description)),
        ]))
    })))
}

fn parse(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let [_, Datum::Text(text)] = args else { return Err(wrong_arity(args.len())) };
    let (mut found, mut bytes) = (Vec::new(), 0);
    for (kind, token) in tokens(text)? {
        let token = Datum::text(token);
        bytes += token.bytes();
        memory::check(bytes)?;
        found.push((kind, token));
    }
    Ok(Box::new(found.into_iter().map(|(kind, token)| {
        Ok(row(vec![("tokid", oid::INT4, Datum::Int4(kind as i32)), ("token", oid::TEXT, token)]))
    })))
}

/// Of each word of some documents, in how many it is and how often; of some weights only, unless
/// the set is empty.
fn statistics(rows: &Datum, weights: u8) -> Result<Rows> {
    let mut words: BTreeMap<Arc<str>, (i32, i32)> = BTreeMap::new();
    for row in &<&Array>::from_datum(rows)?.elements {
        let Datum::Record(row) = row else { continue };
        let Some((_, _, value)) = row.fields.first() else { continue };
        let Some(vector) = <Option<&TsVector>>::from_datum(value)? else { continue };
        for lexeme in vector.lexemes() {
            let counts = |p: &&Position| weights == 0 || weights >> p.weight & 1 == 1;
            let entries = match lexeme.positions.is_empty() {
                true => usize::from(weights == 0),
                false => lexeme.positions.iter().filter(counts).count(),
            };
            if entries > 0 {
                let (documents, all) = words.entry(Arc::clone(&lexeme.text)).or_default();
                *documents = documents.saturating_add(1);
                *all = all.saturating_add(i32::try_from(entries).unwrap_or(i32::MAX));
            }
        }
    }
    Ok(Box::new(words.into_iter().map(|(word, (documents, entries))| {
        Ok(row(vec![
            ("word", oid::TEXT, Datum::Text(word)),
            ("ndoc", oid::INT4, Datum::Int4(documents)),
            ("nentry", oid::INT4, Datum::Int4(entries)),
        ]))
    })))
}

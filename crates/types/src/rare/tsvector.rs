//! `tsvector`: sorted lexemes with positions and weights.
//!
//! Source: PostgreSQL 16 `tsvector.c`, `tsvector_parser.c`, `tsvector_op.c`.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use crate::numeric::is_space;
use crate::reader::{Reader, insufficient_data, utf8};
use crate::{Result, SqlError, SqlState};

/// Greatest position; greater ones become this.
pub const POSITION_MAX: u16 = (1 << 14) - 1;
/// Most positions of a lexeme; further ones are dropped.
pub const POSITIONS_MAX: usize = 255;
/// Most bytes of a lexeme, exclusive.
pub const LEXEME_BYTES_MAX: usize = 1 << 11;
/// Most bytes of all lexemes and positions.
const VECTOR_BYTES_MAX: usize = (1 << 20) - 1;

/// A position in the document with its weight: 3 is A, 0 is D.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// 1 ..= [`POSITION_MAX`].
    pub position: u16,
    /// 0 ..= 3.
    pub weight: u8,
}

/// A lexeme and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lexeme {
    /// The word.
    pub text: Arc<str>,
    /// In ascending order, each position once; may be empty.
    pub positions: Vec<Position>,
}

/// A document as text search sees it: lexemes in byte order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TsVector(Vec<Lexeme>);

impl TsVector {
    /// The vector of any lexemes: sorted, positions of equal ones joined.
    ///
    /// # Errors
    /// `54000` for too many bytes.
    pub fn new(mut lexemes: Vec<Lexeme>) -> Result<TsVector> {
        lexemes.sort_by(|a, b| a.text.as_bytes().cmp(b.text.as_bytes()));
        let mut merged: Vec<Lexeme> = Vec::with_capacity(lexemes.len());
        for lexeme in lexemes {
            match merged.last_mut() {
                Some(last) if last.text == lexeme.text => last.positions.extend(lexeme.positions),
                _ => merged.push(lexeme),
            }
        }
        for lexeme in &mut merged {
            normalize(&mut lexeme.positions);
        }
        let vector = TsVector(merged);
        let bytes = vector.data_bytes();
        if bytes > VECTOR_BYTES_MAX {
            return Err(SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!(
                    "string is too long for tsvector ({bytes} bytes, max {VECTOR_BYTES_MAX} bytes)"
                ),
            ));
        }
        Ok(vector)
    }

    /// The lexemes in order.
    pub fn lexemes(&self) -> &[Lexeme] {
        &self.0
    }

    /// The lexeme with exactly this text.
    pub fn get(&self, text: &str) -> Option<&Lexeme> {
        let at = self.0.binary_search_by(|l| l.text.as_bytes().cmp(text.as_bytes())).ok()?;
        self.0.get(at)
    }

    /// The lexemes that begin with `prefix`.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Lexeme> {
        let start = self.0.partition_point(|l| l.text.as_bytes() < prefix.as_bytes());
        self.0.iter().skip(start).take_while(move |l| l.text.starts_with(prefix))
    }

    /// Bytes of lexemes and positions as PostgreSQL lays them out.
    fn data_bytes(&self) -> usize {
        self.0.iter().fold(0, |bytes, lexeme| {
            let bytes = bytes + lexeme.text.len();
            match lexeme.positions.len() {
                0 => bytes,
                count => bytes.next_multiple_of(2) + 2 + 2 * count,
            }
        })
    }
}

/// Sorts positions; of several at one place the heaviest stays.
fn normalize(positions: &mut Vec<Position>) {
    positions.sort_by_key(|p| (p.position, std::cmp::Reverse(p.weight)));
    positions.dedup_by_key(|p| p.position);
    // Nothing can follow the greatest position.
    positions.truncate(POSITIONS_MAX);
}

/// PostgreSQL's order: by size first, then lexeme by lexeme.
impl Ord for TsVector {
    fn cmp(&self, other: &TsVector) -> Ordering {
        let size = |vector: &TsVector| vector.data_bytes() + 4 * vector.0.len();
        let raw = |p: &Position| u16::from(p.weight) << 14 | p.position;
        size(self).cmp(&size(other)).then_with(|| self.0.len().cmp(&other.0.len())).then_with(
            || {
                let pairs = self.0.iter().zip(&other.0);
                pairs
                    .map(|(a, b)| {
                        let has = |lexeme: &Lexeme| !lexeme.positions.is_empty();
                        has(b)
                            .cmp(&has(a))
                            .then_with(|| a.text.as_bytes().cmp(b.text.as_bytes()))
                            .then_with(|| b.positions.len().cmp(&a.positions.len()))
                            .then_with(|| {
                                let pairs = a.positions.iter().zip(&b.positions);
                                pairs
                                    .map(|(x, y)| {
                                        y.position
                                            .cmp(&x.position)
                                            .then_with(|| raw(y).cmp(&raw(x)))
                                    })
                                    .find(|order| order.is_ne())
                                    .unwrap_or(Ordering::Equal)
                            })
                    })
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            },
        )
    }
}

impl PartialOrd for TsVector {
    fn partial_cmp(&self, other: &TsVector) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The letter of a weight; `None` for D, which is not shown.
pub const fn weight_letter(weight: u8) -> Option<char> {
    match weight {
        3 => Some('A'),
        2 => Some('B'),
        1 => Some('C'),
        _ => None,
    }
}

/// Appends a word in quotes, with quotes and backslashes in it doubled.
pub(super) fn write_word(word: &str, out: &mut BytesMut) {
    out.put_u8(b'\'');
    for byte in word.bytes() {
        if matches!(byte, b'\'' | b'\\') {
            out.put_u8(byte);
        }
        out.put_u8(byte);
    }
    out.put_u8(b'\'');
}

pub(super) fn write(vector: &TsVector, out: &mut BytesMut) {
    for (at, lexeme) in vector.0.iter().enumerate() {
        if at > 0 {
            out.put_u8(b' ');
        }
        write_word(&lexeme.text, out);
        for (at, position) in lexeme.positions.iter().enumerate() {
            out.put_u8(if at == 0 { b':' } else { b',' });
            out.put_slice(position.position.to_string().as_bytes());
            if let Some(letter) = weight_letter(position.weight) {
                out.put_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
}

/// The next word of a `tsvector` or `tsquery` text.
pub(super) struct WordReader<'a> {
    /// The whole text, for messages.
    pub(super) input: &'a str,
    /// What is left.
    pub(super) rest: &'a str,
    /// Whether operators and `:` end a word.
    pub(super) query: bool,
    /// What the text is called in errors.
    pub(super) name: &'static str,
}

impl WordReader<'_> {
    pub(super) fn error(&self) -> SqlError {
        SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!("syntax error in {}: \"{}\"", self.name, self.input),
        )
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    /// A word and the positions after it; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(String, Vec<Position>)>> {
        self.rest = self.rest.trim_start_matches(is_space);
        let mut word = String::new();
        let is_operator = |c: char| matches!(c, '!' | '|' | '&' | '(' | ')');
        match self.rest.chars().next() {
            None => return Ok(None),
            Some('\'') => {
                self.bump();
                loop {
                    match self.bump() {
                        None => return Err(self.error()),
                        Some('\'') => {
                            if !self.rest.starts_with('\'') {
                                break;
                            }
                            self.bump();
                            word.push('\'');
                        }
                        Some('\\') => match self.bump() {
                            None => return Err(self.error()),
                            Some(c) => word.push(c),
                        },
                        Some(c) => word.push(c),
                    }
                }
                if word.is_empty() {
                    return Err(self.error());
                }
            }
            Some(_) => {
                let mut started = false;
                while let Some(c) = self.rest.chars().next() {
                    match c {
                        '\\' => {
                            self.bump();
                            match self.bump() {
                                None => {
                                    return Err(SqlError::new(
                                        SqlState::SYNTAX_ERROR,
                                        format!(
                                            "there is no escaped character: \"{}\"",
                                            self.input
                                        ),
                                    ));
                                }
                                Some(c) => word.push(c),
                            }
                        }
                        ':' => {
                            if !started {
                                return Err(self.error());
                            }
                            break;
                        }
                        c if is_space(c) => break,
                        c if self.query && (is_operator(c) || c == '<') => {
                            if !started {
                                return Err(self.error());
                            }
                            break;
                        }
                        c => {
                            self.bump();
                            word.push(c);
                        }
                    }
                    started = true;
                }
            }
        }
        if self.query || !self.rest.starts_with(':') {
            return Ok(Some((word, Vec::new())));
        }
        self.bump();
        self.positions().map(|positions| Some((word, positions)))
    }

    fn positions(&mut self) -> Result<Vec<Position>> {
        let mut positions = Vec::new();
        loop {
            let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return Err(self.error());
            }
            let (number, rest) = self.rest.split_at(digits);
            // `atoi`, cut to the greatest position.
            let number: u64 = number.parse().unwrap_or(u64::from(u32::MAX));
            let position = u16::try_from(number).unwrap_or(u16::MAX).min(POSITION_MAX);
            if number == 0 {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("wrong position info in tsvector: \"{}\"", self.input),
                ));
            }
            self.rest = rest;
            let mut entry = Position { position, weight: 0 };
            loop {
                match self.rest.chars().next() {
                    Some(',') => {
                        self.bump();
                        positions.push(entry);
                        break;
                    }
                    Some('a' | 'A' | '*') if entry.weight == 0 => entry.weight = 3,
                    Some('b' | 'B') if entry.weight == 0 => entry.weight = 2,
                    Some('c' | 'C') if entry.weight == 0 => entry.weight = 1,
                    Some('d' | 'D') if entry.weight == 0 => {}
                    Some(c) if c.is_ascii_digit() || !is_space(c) => return Err(self.error()),
                    _ => {
                        positions.push(entry);
                        return Ok(positions);
                    }
                }
                self.bump();
            }
        }
    }
}

/// Checks a word's length.
pub(super) fn check_word(word: &str) -> Result<()> {
    if word.len() < LEXEME_BYTES_MAX {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!("word is too long ({} bytes, max {} bytes)", word.len(), LEXEME_BYTES_MAX - 1),
    ))
}

/// Reads a `tsvector`: words with optional positions, `cat:3A,5 'fat rat'`.
///
/// # Errors
/// `42601`, `54000`.
pub fn parse(input: &str) -> Result<TsVector> {
    let mut reader = WordReader { input, rest: input, query: false, name: "tsvector" };
    let mut lexemes = Vec::new();
    while let Some((word, positions)) = reader.next()? {
        check_word(&word)?;
        lexemes.push(Lexeme { text: word.into(), positions });
    }
    TsVector::new(lexemes)
}

/// Number of lexemes; of each the text, ended by 0, number of positions, positions.
pub(super) fn send(vector: &TsVector, out: &mut BytesMut) {
    out.put_i32(i32::try_from(vector.0.len()).unwrap_or(i32::MAX));
    for lexeme in &vector.0 {
        out.put_slice(lexeme.text.as_bytes());
        out.put_u8(0);
        out.put_u16(u16::try_from(lexeme.positions.len()).unwrap_or(u16::MAX));
        for position in &lexeme.positions {
            out.put_u16(u16::from(position.weight) << 14 | position.position);
        }
    }
}

/// The bytes up to the next 0.
pub(super) fn receive_word<'a>(body: &mut Reader<'a>) -> Result<&'a str> {
    let len = body.0.iter().position(|byte| *byte == 0).ok_or_else(insufficient_data)?;
    let word = utf8(body.bytes(len)?)?;
    body.u8()?;
    Ok(word)
}

pub(super) fn receive(body: &mut Reader<'_>) -> Result<TsVector> {
    let bad = |message: &str| SqlError::internal(message);
    let count = body.i32()?;
    if count < 0 {
        return Err(bad("invalid size of tsvector"));
    }
    let mut lexemes = Vec::new();
    for _ in 0..count {
        let text = receive_word(body)?;
        if text.len() >= LEXEME_BYTES_MAX {
            return Err(bad("invalid tsvector: lexeme too long"));
        }
        let positions = usize::from(body.u16()?);
        if positions > POSITIONS_MAX + 1 {
            return Err(bad("unexpected number of tsvector positions"));
        }
        let mut read: Vec<Position> = Vec::new();
        for _ in 0..positions {
            let raw = body.u16()?;
            let position = raw & POSITION_MAX;
            if read.last().is_some_and(|last| last.position >= position) {
                return Err(bad("position information is misordered"));
            }
            read.push(Position { position, weight: u8::try_from(raw >> 14).unwrap_or(0) });
        }
        lexemes.push(Lexeme { text: text.into(), positions: read });
    }
    TsVector::new(lexemes)
}

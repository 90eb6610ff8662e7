//! Rows on their way from the reader to a worker, in COPY's text format from the beginning: what is read is
//! written once, and sent as it is.
//!
//!     1 ⇥ a ⇥ \N ⏎ 2 ⇥ b\\c ⇥ x ⏎      `\\`, `\n`, `\r`, `\t` are escaped, NULL is `\N`
//!                  │                 │
//!     lines:   (row 1, end 8)    (row 2, end 17)

use std::ops::Range;

use bytes::Bytes;

/// A field as text, or NULL.
pub(crate) type Field = Option<String>;

/// A row that is not loaded, and why.
pub(crate) struct Refused {
    /// Its number in the file, counted from 1 without the header.
    pub(crate) number: u64,
    pub(crate) fields: Vec<Field>,
    pub(crate) reason: String,
}

/// Rows as lines of COPY's text format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    text: Vec<u8>,
    lines: Vec<Line>,
}

/// Where a row ends, and its number in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    number: u64,
    end: usize,
}

impl Rows {
    /// Appends a row.
    pub(crate) fn push<'f>(&mut self, number: u64, fields: impl Iterator<Item = Option<&'f str>>) {
        for (index, field) in fields.enumerate() {
            if index > 0 {
                self.text.push(b'\t');
            }
            match field {
                None => self.text.extend_from_slice(b"\\N"),
                Some(field) => escape(field, &mut self.text),
            }
        }
        self.text.push(b'\n');
        self.lines.push(Line { number, end: self.text.len() });
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Takes the last row off.
    fn pop(&mut self) -> Option<Rows> {
        let number = self.lines.pop()?.number;
        let text = self.text.split_off(self.lines.last().map_or(0, |line| line.end));
        Some(Rows { lines: vec![Line { number, end: text.len() }], text })
    }
}

fn escape(field: &str, text: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t');
    if !field.as_bytes().iter().any(special) {
        return text.extend_from_slice(field.as_bytes());
    }
    for byte in field.bytes() {
        match byte {
            b'\\' => text.extend_from_slice(b"\\\\"),
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'\t' => text.extend_from_slice(b"\\t"),
            other => text.push(other),
        }
    }
}

fn unescape(field: &str) -> Field {
    if field == "\\N" {
        return None;
    }
    let mut value = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        value.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    Some(value)
}

/// Rows for one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Counted from 0. The same file and batch size give the same batches.
    pub(crate) index: u64,
    /// How far the source was read for it.
    pub(crate) position: u64,
    text: Bytes,
    lines: Vec<Line>,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    fn start(&self, row: usize) -> usize {
        let before = row.checked_sub(1).and_then(|before| self.lines.get(before));
        before.map_or(0, |line| line.end)
    }

    /// The lines of `rows`, which are counted from 0.
    pub(crate) fn text(&self, rows: &Range<usize>) -> Bytes {
        self.text.slice(self.start(rows.start)..self.start(rows.end))
    }

    /// A row's number in the file, and its fields.
    pub(crate) fn row(&self, row: usize) -> (u64, Vec<Field>) {
        let number = self.lines.get(row).map_or(0, |line| line.number);
        let text = self.text(&(row..row + 1));
        let line = std::str::from_utf8(&text).unwrap_or_default();
        (number, line.trim_end_matches('\n').split('\t').map(unescape).collect())
    }
}

/// Bytes of a batch at most: half of what a transaction takes, since a stored row is larger than its
/// text.
pub(crate) const BATCH_BYTES_MAX: usize = 5 << 20;

/// Gathers rows to batches.
pub(crate) struct Batcher {
    rows_max: usize,
    next: u64,
    rows: Rows,
}

impl Batcher {
    pub(crate) fn new(rows_max: usize) -> Batcher {
        Batcher { rows_max, next: 0, rows: Rows::default() }
    }

    /// Where rows are appended; [`Batcher::full`] must be asked after each.
    pub(crate) fn rows(&mut self) -> &mut Rows {
        &mut self.rows
    }

    /// The batch, if the last row made it full. A row that makes it too large begins the next one.
    pub(crate) fn full(&mut self) -> Option<Batch> {
        let too_large = self.rows.len() > 1 && self.rows.text.len() > BATCH_BYTES_MAX;
        if !too_large && self.rows.len() < self.rows_max {
            return None;
        }
        let next = if too_large { self.rows.pop() } else { None };
        let batch = self.take();
        self.rows = next.unwrap_or_default();
        batch
    }

    /// What is left.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if self.rows.is_empty() {
            return None;
        }
        let Rows { text, lines } = std::mem::take(&mut self.rows);
        // The next batch will be about as long.
        self.rows.text.reserve(text.len());
        self.rows.lines.reserve(lines.len());
        let index = self.next;
        self.next += 1;
        Some(Batch { index, position: 0, text: text.into(), lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn batches(rows_max: usize, rows: &[Vec<Field>]) -> Vec<Batch> {
        let mut batcher = Batcher::new(rows_max);
        let mut batches = Vec::new();
        for (row, number) in rows.iter().zip(1..) {
            batcher.rows().push(number, row.iter().map(Option::as_deref));
            batches.extend(batcher.full());
        }
        batches.extend(batcher.take());
        assert!(batches.iter().zip(0..).all(|(batch, index)| batch.index == index));
        batches
    }

    fn sizes(rows_max: usize, lengths: &[usize]) -> Vec<usize> {
        let rows: Vec<_> = lengths.iter().map(|len| vec![Some("x".repeat(*len)), None]).collect();
        batches(rows_max, &rows).iter().map(Batch::len).collect()
    }

    #[test]
    fn batches_by_rows_and_bytes() {
        assert_eq!(sizes(3, &[1; 7]), [3, 3, 1]);
        assert_eq!(sizes(3, &[]), [0; 0]);
        assert_eq!(sizes(10, &[3 << 20; 3]), [1, 1, 1]);
        assert_eq!(sizes(10, &[2 << 20, 2 << 20, 2 << 20, 9 << 20, 1]), [2, 1, 1, 1]);
        assert_eq!(sizes(1, &[9 << 20, 1]), [1, 1]);
    }

    #[test]
    fn batch_of_any_text() {
        let field = |text: &str| Some(text.to_owned());
        let rows = [
            vec![field("a"), None, field("")],
            vec![field("\\N"), field("t\tn\nr\rß→"), field("\\.")],
        ];
        let all = batches(10, &rows);
        let [batch] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(batch.text(&(0..1)), "a\t\\N\t\n");
        assert_eq!(batch.text(&(1..2)), "\\\\N\tt\\tn\\nr\\rß→\t\\\\.\n");
        assert_eq!(
            batch.text(&(0..2)).len(),
            batch.text(&(0..1)).len() + batch.text(&(1..2)).len()
        );
        for (row, number) in rows.iter().zip(1..) {
            assert_eq!(batch.row(usize::try_from(number).expect("one") - 1), (number, row.clone()));
        }
    }
}

//! `ts_headline`: the part of a text that shows best why it matches a query.
//!
//!     text ──tokens──► words ──covers──► the best one, or several ──► marked text
//!
//! A cover is a shortest stretch of words that matches the query.
//!
//! Source: PostgreSQL 16 `wparser_def.c`, `ts_parse.c` (`hlparsetext`, `generateHeadline`).

use types::rare::tsquery::{Node, TsQuery};
use types::rare::tsvector::{LEXEME_BYTES_MAX, POSITION_MAX, Position};
use types::{Result, memory};

use super::headline_options::Options;
use super::matching::{Places, execute, locations};
use super::tokens::{Kind, is_indexed, tokens};
use super::vectors::lexeme;

/// A token of the text; one that several operands of the query name is there once for each.
struct Word<'t> {
    kind: Kind,
    text: &'t str,
    /// Its number among those that count, from 1; 0 for the others.
    position: u16,
    /// The operand of the query that it is.
    item: Option<usize>,
    /// The one before is the same word, for another operand.
    repeated: bool,
    /// It is within the headline.
    shown: bool,
}

/// A stretch of words, by their first and last place, which both belong to it.
#[derive(Clone, Copy)]
struct Stretch {
    first: usize,
    last: usize,
}

/// The headline of `text`.
///
/// # Errors
/// `22023`, `42601` for bad options.
pub(super) fn headline(text: &str, query: &TsQuery, options: &str) -> Result<String> {
    let options = Options::parse(options)?;
    let mut items = Vec::new();
    if let Some(node) = &query.0 {
        operands(node, &mut items);
    }
    let mut selector = Selector { words: words(text, &items)?, items, query, options };
    let locations = match &query.0 {
        Some(node) => locations(node, &|word| selector.find(word, 0, selector.words.len())),
        None => Vec::new(),
    };
    match selector.options.max_fragments {
        0 => selector.choose_words(&locations),
        _ => selector.choose_fragments(&locations),
    }
    Ok(selector.print())
}

/// The words of a query in the order of its items: the right operand first.
fn operands<'q>(node: &'q Node, found: &mut Vec<&'q Node>) {
    match node {
        Node::Word { .. } => found.push(node),
        Node::Not(inner) => operands(inner, found),
        Node::And(a, b) | Node::Or(a, b) | Node::Phrase(a, b, _) => {
            operands(b, found);
            operands(a, found);
        }
    }
}

fn words<'t>(text: &'t str, items: &[&Node]) -> Result<Vec<Word<'t>>> {
    let mut words = Vec::new();
    let mut position = 0_usize;
    for (kind, token) in tokens(text)? {
        let mut word =
            Word { kind, text: token, position: 0, item: None, repeated: false, shown: false };
        if !is_indexed(kind) || token.len() >= LEXEME_BYTES_MAX {
            words.push(word);
            continue;
        }
        position += 1;
        word.position = u16::try_from(position).unwrap_or(u16::MAX).min(POSITION_MAX);
        let lexeme = lexeme(token);
        let is_named = |item: &Node| match item {
            Node::Word { text, prefix: true, .. } => lexeme.starts_with(&**text),
            Node::Word { text, .. } => lexeme == **text,
            _ => false,
        };
        let mut named =
            items.iter().enumerate().filter(|(_, item)| is_named(item)).map(|(at, _)| at);
        word.item = named.next();
        let position = word.position;
        words.push(word);
        words.extend(named.map(|at| Word {
            kind,
            text: token,
            position,
            item: Some(at),
            repeated: true,
            shown: false,
        }));
        memory::check(words.len() * size_of::<Word<'_>>())?;
    }
    Ok(words)
}

struct Selector<'t, 'q> {
    words: Vec<Word<'t>>,
    items: Vec<&'q Node>,
    query: &'q TsQuery,
    options: Options,
}

impl Selector<'_, '_> {
    fn word(&self, at: usize) -> Option<&Word<'_>> {
        self.words.get(at)
    }

    /// Positions of a word of the query among some of the text's.
    fn find(&self, node: &Node, from: usize, to: usize) -> Option<Vec<Position>> {
        let words = self.words.get(from..to).unwrap_or_default();
        let is_it = |word: &&Word<'_>| {
            word.item.and_then(|item| self.items.get(item)).is_some_and(|item| *item == node)
        };
        let mut found: Vec<Position> = words
            .iter()
            .filter(is_it)
            .map(|word| Position { position: word.position, weight: 0 })
            .collect();
        found.dedup_by_key(|place| place.position);
        (!found.is_empty()).then_some(found)
    }

    /// Whether it is a word of the query.
    fn is_interesting(&self, at: usize) -> bool {
        self.word(at).is_some_and(|word| word.item.is_some() && !word.repeated)
    }

    /// Whether it counts as a word.
    fn counts(&self, at: usize) -> bool {
        self.word(at).is_some_and(|word| !is_no_word(word.kind))
    }

    /// Whether a headline should not end here: at a blank or a short word.
    fn is_bad_end(&self, at: usize) -> bool {
        let bad = |word: &Word<'_>| {
            let short =
                i32::try_from(word.text.len()).is_ok_and(|len| len <= self.options.short_word);
            short || is_no_end(word.kind)
        };
        self.word(at).is_some_and(bad) && !self.is_interesting(at)
    }

    /// The next cover from a position on, which is moved behind its beginning.
    fn cover(&self, locations: &[Places], from: &mut u16) -> Option<Stretch> {
        let Some(query) = &self.query.0 else { return None };
        loop {
            // The end of the first match of every part, and the latest of these.
            let mut last = None;
            for part in locations {
                let first = part.positions.iter().copied().find(|end| end >= from)?;
                last = last.max(Some(first));
            }
            let last = last?;
            // The beginning of the last match of every part up to there, and the earliest of these.
            let begin = |part: &Places| {
                let starts = part.positions.iter().rev().map(|end| end.saturating_sub(part.width));
                starts.into_iter().find(|start| *start <= last).unwrap_or(0)
            };
            let first = locations.iter().map(begin).min().unwrap_or(0).max(*from);
            *from = first.saturating_add(1);
            let Some(stretch) = self.between(first, last) else {
                if *from == u16::MAX {
                    return None;
                }
                continue;
            };
            // A NOT below the top, or alternatives in a phrase, may say no after all.
            let find = |word: &Node| self.find(word, stretch.first, stretch.last + 1);
            if execute(query, &find) {
                return Some(stretch);
            }
        }
    }

    /// The words of the query from one position to another.
    fn between(&self, first: u16, last: u16) -> Option<Stretch> {
        let mut found: Option<Stretch> = None;
        for (at, word) in self.words.iter().enumerate().filter(|(_, word)| word.item.is_some()) {
            if word.position > last {
                break;
            }
            if word.position >= first {
                let first = found.map_or(at, |stretch| stretch.first);
                found = Some(Stretch { first, last: at });
            }
        }
        found
    }

    fn show(&mut self, stretch: Stretch) {
        if let Some(words) = self.words.get_mut(stretch.first..=stretch.last) {
            words.iter_mut().for_each(|word| word.shown = true);
        }
    }

    /// The first words, where nothing matches.
    fn show_beginning(&mut self) {
        let mut count = 0;
        let mut last = None;
        for at in 0..self.words.len() {
            if count >= self.options.min_words {
                break;
            }
            count += i32::from(self.counts(at));
            last = Some(at);
        }
        if let Some(last) = last {
            self.show(Stretch { first: 0, last });
        }
    }

    /// One headline around the best cover; all of the text if that is wanted.
    fn choose_words(&mut self, locations: &[Places]) {
        let Some(end) = self.words.len().checked_sub(1) else { return };
        if self.options.highlight_all {
            return self.show(Stretch { first: 0, last: end });
        }
        let mut best: Option<(Stretch, bool, i32)> = None;
        let mut from = 0;
        while let Some(cover) = self.cover(locations, &mut from) {
            let (stretch, interesting) = self.around(cover);
            let whole = stretch.first <= cover.first && stretch.last >= cover.last;
            let better = best.is_none_or(|(best, best_whole, best_interesting)| {
                (whole, interesting) > (best_whole, best_interesting)
                    || (whole, interesting) == (best_whole, best_interesting)
                        && !self.is_bad_end(stretch.last)
                        && self.is_bad_end(best.last)
            });
            if better {
                best = Some((stretch, whole, interesting));
            }
        }
        match best {
            Some((stretch, ..)) => self.show(stretch),
            None => self.show_beginning(),
        }
    }

    /// The headline made of a cover, and its number of words of the query.
    fn around(&self, cover: Stretch) -> (Stretch, i32) {
        let (min, max) = (self.options.min_words, self.options.max_words);
        let count = |at: usize| i32::from(self.counts(at));
        let interest = |at: usize| i32::from(self.is_interesting(at));
        let (mut words, mut interesting) = (0, 0);
        let mut stretch = Stretch { first: cover.first, last: cover.first };
        let mut at = cover.first;
        while at <= cover.last && words < max {
            words += count(at);
            interesting += interest(at);
            stretch.last = at;
            at += 1;
        }
        if words < max {
            // There is room: on to a good end, from the cover's last word.
            at = at.saturating_sub(1);
            while at < self.words.len() && words < max {
                if at > cover.last {
                    words += count(at);
                    interesting += interest(at);
                }
                stretch.last = at;
                if !self.is_bad_end(at) && words >= min {
                    break;
                }
                at += 1;
            }
            if words < min {
                // The text ends here: back to a good beginning.
                stretch.first = 0;
                for at in (0..cover.first).rev() {
                    words += count(at);
                    interesting += interest(at);
                    if words >= max || !self.is_bad_end(at) && words >= min {
                        stretch.first = at;
                        break;
                    }
                }
            }
        } else {
            // Shorter, for a good end.
            at = at.min(cover.last);
            while words > min && self.is_bad_end(at) {
                words -= count(at);
                interesting -= interest(at);
                at = at.saturating_sub(1);
                stretch.last = at;
            }
        }
        (stretch, interesting)
    }

    /// Several headlines, of the covers with most words of the query.
    fn choose_fragments(&mut self, locations: &[Places]) {
        let mut fragments = self.fragments(locations);
        let mut chosen = 0;
        while chosen < self.options.max_fragments {
            // Most words of the query, then least words; of equals the first.
            let key = |f: &Fragment| (f.interesting, std::cmp::Reverse(f.words));
            let best = fragments.iter().filter(|f| f.interesting > 0).map(key).max();
            let Some(at) = fragments.iter().position(|f| best == Some(key(f))) else { break };
            let fragment = fragments.remove(at);
            let stretch = self.stretched(&fragment);
            self.show(stretch);
            chosen += 1;
            let inside = |at: usize| (stretch.first..=stretch.last).contains(&at);
            fragments.retain(|f| {
                let over = f.stretch.first < stretch.first && f.stretch.last > stretch.last;
                !(inside(f.stretch.first) || inside(f.stretch.last) || over)
            });
        }
        if chosen == 0 {
            self.show_beginning();
        }
    }

    /// All covers, those too long in pieces.
    fn fragments(&self, locations: &[Places]) -> Vec<Fragment> {
        let mut fragments = Vec::new();
        let mut from = 0;
        while let Some(cover) = self.cover(locations, &mut from) {
            let mut first = cover.first;
            while first <= cover.last {
                let fragment = self.fragment(first, cover.last);
                first = fragment.stretch.last + 1;
                fragments.push(fragment);
            }
        }
        fragments
    }

    /// A piece that begins and ends with a word of the query.
    fn fragment(&self, first: usize, last: usize) -> Fragment {
        let first = (first..=last).find(|at| self.is_interesting(*at)).unwrap_or(last);
        let (mut words, mut interesting) = (0, 0);
        let mut at = first;
        while at <= last && words < self.options.max_words {
            words += i32::from(self.counts(at));
            interesting += i32::from(self.is_interesting(at));
            at += 1;
        }
        let mut end = last;
        if last > at {
            end = at;
            while end > first && !self.is_interesting(end) {
                words -= i32::from(self.counts(end));
                end -= 1;
            }
        }
        Fragment { stretch: Stretch { first, last: end }, words, interesting }
    }

    /// A piece made longer on both sides, as far as there is room.
    fn stretched(&self, fragment: &Fragment) -> Stretch {
        let Fragment { stretch: Stretch { mut first, mut last }, mut words, .. } = *fragment;
        let max = self.options.max_words;
        if words >= max {
            return fragment.stretch;
        }
        let is_free = |at: usize| self.word(at).is_some_and(|word| !word.shown || word.repeated);
        let count = |at: usize| i32::from(self.counts(at));
        let (room, mut added, mut begin) = ((max - words) / 2, 0, first);
        while begin > 0 && added < room && is_free(begin - 1) {
            begin -= 1;
            words += count(begin);
            added += count(begin);
        }
        while begin < first && self.is_bad_end(begin) {
            words -= count(begin);
            begin += 1;
        }
        first = begin;
        let mut end = last;
        while end + 1 < self.words.len() && words < max && is_free(end + 1) {
            end += 1;
            words += count(end);
        }
        while end > last && self.is_bad_end(end) {
            end -= 1;
        }
        last = end;
        Stretch { first, last }
    }

    fn print(&self) -> String {
        let Options { start, stop, delimiter, .. } = &self.options;
        let mut out = String::new();
        let mut fragments = 0;
        let mut inside = false;
        let is_marked = |at: Option<usize>| {
            at.and_then(|at| self.word(at)).is_some_and(|word| word.item.is_some() && word.shown)
        };
        for (at, word) in self.words.iter().enumerate().filter(|(_, word)| !word.repeated) {
            if !word.shown {
                inside = false;
                continue;
            }
            if !inside {
                inside = true;
                fragments += 1;
                if fragments > 1 {
                    out.push_str(delimiter);
                }
            }
            if word.kind == Kind::Tag && !self.options.highlight_all {
                out.push(' ');
                continue;
            }
            if is_compound(word.kind) {
                continue;
            }
            if is_marked(Some(at)) && !is_marked(at.checked_sub(1)) {
                out.push_str(start);
            }
            out.push_str(word.text);
            if is_marked(Some(at)) && !is_marked(Some(at + 1)) {
                out.push_str(stop);
            }
        }
        out
    }
}

/// A piece of a cover.
struct Fragment {
    stretch: Stretch,
    words: i32,
    /// Those of the query among them.
    interesting: i32,
}

/// Whether the token is a whole whose parts follow.
const fn is_compound(kind: Kind) -> bool {
    matches!(kind, Kind::Url | Kind::HyphenNum | Kind::HyphenAscii | Kind::Hyphen)
}

const fn is_no_word(kind: Kind) -> bool {
    matches!(kind, Kind::Blank | Kind::Tag) || is_compound(kind)
}

const fn is_no_end(kind: Kind) -> bool {
    is_no_word(kind)
        || matches!(
            kind,
            Kind::ScientificFloat
                | Kind::Version
                | Kind::Float
                | Kind::Int
                | Kind::UnsignedInt
                | Kind::Protocol
                | Kind::Entity
        )
}

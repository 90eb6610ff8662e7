//! Where an expression's groups match, when it is known where the whole does.
//!
//! ```text
//!     whole [0, 9) ──► concat: the first part's ends 2, 5, 7 ──► 7 leaves a rest that the second matches
//!                                                                [0, 7)  [7, 9)  and so on
//! ```
//!
//! Every part has an automaton, so a division that its parts match needs no second look.
//!
//! Source: PostgreSQL 16 `cdissect`, `src/backend/regex/regexec.c`.

use std::cell::RefCell;
use std::collections::HashSet;

use regex_automata::hybrid::dfa::{Cache, DFA, OverlappingState};
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input, MatchKind};

use super::compile::Groups;
use super::tree::{Kind, Preference, Tree};

/// Most places at which a match is tried to be divided: they are kept.
const DIVISIONS_MAX: usize = 1 << 20;

/// A part of an expression, and the ends of its matches.
pub(super) struct Matcher {
    forward: Automaton,
    prefers: Option<Preference>,
    parts: Parts,
}

/// Follows all alternatives, in one direction.
struct Automaton {
    dfa: DFA,
    cache: RefCell<Cache>,
    is_reverse: bool,
}

enum Parts {
    Span,
    Capture(usize, Box<Matcher>),
    /// The automaton goes backwards through the second part.
    Concat(Box<Matcher>, Box<Matcher>, Box<Automaton>),
    Alternatives(Vec<Matcher>),
    Repeat(Box<Matcher>, Option<u32>),
}

impl Matcher {
    /// `None` if an automaton would be too large.
    pub(super) fn new(tree: &Tree) -> Option<Matcher> {
        let boxed = |tree: &Tree| Matcher::new(tree).map(Box::new);
        let parts = match &tree.kind {
            Kind::Span => Parts::Span,
            Kind::Capture(number, body) => Parts::Capture(*number, boxed(body)?),
            Kind::Concat(first, second) => {
                let backward = Automaton::new(&second.pattern, true)?;
                Parts::Concat(boxed(first)?, boxed(second)?, Box::new(backward))
            }
            Kind::Alternatives(all) => {
                Parts::Alternatives(all.iter().map(Matcher::new).collect::<Option<_>>()?)
            }
            Kind::Repeat(body, max) => Parts::Repeat(boxed(body)?, *max),
        };
        let forward = Automaton::new(&tree.pattern, false)?;
        Some(Matcher { forward, prefers: tree.prefers, parts })
    }

    /// The match at `start` that the expression prefers, with `count` groups; `None` if the automata give up.
    pub(super) fn groups(&self, text: &str, start: usize, count: usize) -> Option<Groups> {
        let end = match self.prefers {
            Some(Preference::Shorter) => self.forward.end(text, start, text.len(), true)?,
            Some(Preference::Longer) | None => self.forward.end(text, start, text.len(), false)?,
        };
        let mut groups = vec![None; count + 1];
        if count > 0 {
            self.dissect(text, start, end, &mut groups)?;
        }
        if let Some(whole) = groups.first_mut() {
            *whole = Some((start, end));
        }
        Some(groups)
    }

    /// Finds the groups in `start..end`, which the part matches.
    fn dissect(&self, text: &str, start: usize, end: usize, groups: &mut Groups) -> Option<()> {
        match &self.parts {
            Parts::Span => Some(()),
            Parts::Capture(number, body) => {
                body.dissect(text, start, end, groups)?;
                *groups.get_mut(*number)? = Some((start, end));
                Some(())
            }
            Parts::Concat(first, second, backward) => {
                let starts: HashSet<usize> = backward.all(text, start, end)?.into_iter().collect();
                let mut middles = first.forward.all(text, start, end)?.into_iter();
                let middle = match first.prefers {
                    Some(Preference::Shorter) => middles.find(|middle| starts.contains(middle)),
                    Some(Preference::Longer) | None => {
                        middles.rfind(|middle| starts.contains(middle))
                    }
                }?;
                first.dissect(text, start, middle, groups)?;
                second.dissect(text, middle, end, groups)
            }
            Parts::Alternatives(all) => all
                .iter()
                .find(|one| one.is_match(text, start, end))?
                .dissect(text, start, end, groups),
            Parts::Repeat(_, _) if start == end => Some(()),
            Parts::Repeat(body, max) => {
                let last = body.last_of(text, start, end, *max)?;
                body.dissect(text, last, end, groups)
            }
        }
    }

    /// Where the last of the matches begins that fill `start..end`, which is not empty: none of them is, and each
    /// gets what it prefers, the first before the others.
    fn last_of(&self, text: &str, start: usize, end: usize, max: Option<u32>) -> Option<usize> {
        let max = max.map_or(usize::MAX, |max| max as usize);
        let choices = |from: usize, nth: usize| -> Option<Vec<usize>> {
            let mut ends = self.forward.all(text, from, end)?;
            ends.retain(|to| *to > from && (*to == end || nth < max));
            // The one to be tried first stands last.
            if self.prefers == Some(Preference::Shorter) {
                ends.reverse();
            }
            Some(ends)
        };
        // Places from which there is no way on, and after how many matches if these are counted.
        let mut tried = HashSet::new();
        let mut begun = vec![(start, choices(start, 1)?)];
        loop {
            let nth = begun.len() + 1;
            let (from, left) = begun.last_mut()?;
            match left.pop() {
                Some(to) if to == end => return Some(*from),
                Some(to) if tried.insert((to, if max == usize::MAX { 0 } else { nth })) => {
                    let next = choices(to, nth)?;
                    begun.push((to, next));
                }
                Some(_) => {}
                None => {
                    begun.pop();
                }
            }
        }
    }

    fn is_match(&self, text: &str, start: usize, end: usize) -> bool {
        self.forward.end(text, start, end, false) == Some(end)
    }
}

impl Automaton {
    fn new(pattern: &str, is_reverse: bool) -> Option<Automaton> {
        let dfa = DFA::builder()
            .configure(DFA::config().match_kind(MatchKind::All))
            .thompson(thompson::Config::new().reverse(is_reverse))
            .build(pattern)
            .ok()?;
        let cache = RefCell::new(dfa.create_cache());
        Some(Automaton { dfa, cache, is_reverse })
    }

    /// The end of the longest match at `start`, or the `shortest`.
    fn end(&self, text: &str, start: usize, limit: usize, shortest: bool) -> Option<usize> {
        let input = Input::new(text).span(start..limit).anchored(Anchored::Yes).earliest(shortest);
        let found = self.dfa.try_search_fwd(&mut self.cache.borrow_mut(), &input);
        found.ok().flatten().map(|half| half.offset())
    }

    /// The ends of all matches that begin at `start` and do not reach beyond `end`, in order; or, in reverse, the
    /// starts of those that end at `end`, the last one first.
    fn all(&self, text: &str, start: usize, end: usize) -> Option<Vec<usize>> {
        let input = Input::new(text).span(start..end).anchored(Anchored::Yes);
        let (mut state, mut found) = (OverlappingState::start(), Vec::new());
        let mut cache = self.cache.borrow_mut();
        loop {
            if self.is_reverse {
                self.dfa.try_search_overlapping_rev(&mut cache, &input, &mut state).ok()?;
            } else {
                self.dfa.try_search_overlapping_fwd(&mut cache, &input, &mut state).ok()?;
            }
            match state.get_match() {
                Some(_) if found.len() == DIVISIONS_MAX => return None,
                Some(half) if found.last() != Some(&half.offset()) => found.push(half.offset()),
                Some(_) => {}
                None => return Some(found),
            }
        }
    }
}

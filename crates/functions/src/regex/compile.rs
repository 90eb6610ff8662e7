//! Compiled expressions and the searches on them.

use std::cell::RefCell;
use std::rc::Rc;

use types::Result;

use super::dissect::Matcher;
use super::translate::{Options, invalid, translate};
use super::tree::tree;
use crate::recent::Recent;

/// Expressions a thread keeps compiled; PostgreSQL keeps as many.
const CACHED_MAX: usize = 32;
/// Bytes a compiled expression may take.
const COMPILED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Byte offsets of a match and its groups; the whole match is the first.
pub(super) type Groups = Vec<Option<(usize, usize)>>;

enum Engine {
    Plain(regex::Regex),
    Fancy(Box<fancy_regex::Regex>),
}

/// One compiled expression.
pub(super) struct Pattern {
    engine: Engine,
    /// Divides matches as PostgreSQL does.
    matcher: Option<Matcher>,
    /// Capturing groups.
    pub(super) groups: usize,
}

thread_local! {
    static CACHE: RefCell<Recent<(String, Options), Pattern>> =
        const { RefCell::new(Recent::new(CACHED_MAX)) };
}

/// The compiled form of an expression, from the thread's cache if it is there.
///
/// # Errors
/// `2201B` if it is malformed or too large.
pub(super) fn pattern(text: &str, options: Options) -> Result<Rc<Pattern>> {
    // Not a matter of the compiled form.
    let options = Options { global: false, ..options };
    CACHE.with_borrow_mut(|cache| {
        cache.get(
            |(known, under)| *under == options && known == text,
            || Ok(((text.to_owned(), options), Pattern::compile(text, options)?)),
        )
    })
}

fn plain(pattern: &str) -> Result<regex::Regex> {
    regex::RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| invalid("regular expression is too complex"))
}

impl Pattern {
    fn compile(text: &str, options: Options) -> Result<Pattern> {
        let translated = translate(text, options)?;
        let groups = translated.groups;
        if translated.fancy {
            let compiled = fancy_regex::Regex::new(&translated.pattern)
                .map_err(|_| invalid("regular expression is too complex"))?;
            let engine = Engine::Fancy(Box::new(compiled));
            return Ok(Pattern { engine, matcher: None, groups });
        }
        let engine = Engine::Plain(plain(&translated.pattern)?);
        let matcher = Matcher::new(&tree(&translated.pattern, &translated.branches));
        Ok(Pattern { engine, matcher, groups })
    }

    /// Whether the expression matches anywhere.
    pub(super) fn is_match(&self, text: &str) -> Result<bool> {
        match &self.engine {
            Engine::Plain(regex) => Ok(regex.is_match(text)),
            Engine::Fancy(regex) => regex.is_match(text).map_err(|_| too_complex()),
        }
    }

    /// The leftmost match that starts at or after byte `start`.
    pub(super) fn find(&self, text: &str, start: usize) -> Result<Option<Groups>> {
        let regex = match &self.engine {
            Engine::Plain(regex) => regex,
            Engine::Fancy(regex) => {
                let found = regex.captures_from_pos(text, start).map_err(|_| too_complex())?;
                return Ok(found.map(|captures| {
                    let span = |index| captures.get(index).map(|m| (m.start(), m.end()));
                    (0..=self.groups).map(span).collect()
                }));
            }
        };
        let groups = |captures: &regex::Captures<'_>| -> Groups {
            let span = |index| captures.get(index).map(|m| (m.start(), m.end()));
            (0..=self.groups).map(span).collect()
        };
        let Some(found) = regex.find_at(text, start) else { return Ok(None) };
        if self.groups == 0 && self.matcher.is_none() {
            return Ok(Some(vec![Some((found.start(), found.end()))]));
        }
        if let Some(matcher) = &self.matcher
            && let Some(groups) = matcher.groups(text, found.start(), self.groups)
        {
            return Ok(Some(groups));
        }
        Ok(regex.captures_at(text, found.start()).as_ref().map(groups))
    }
}

fn too_complex() -> types::SqlError {
    types::SqlError::new(
        types::SqlState::INVALID_REGULAR_EXPRESSION,
        "regular expression failed: expression is too complex",
    )
}

//! `~`, `regexp_*`, and `substring(text from pattern)`.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/regexp.c`.

use std::rc::Rc;
use std::sync::Arc;

use types::{Datum, Result, SqlError, oid};

use super::compile::{Groups, Pattern, pattern};
use super::matches::{self, Matches, Parts};
use super::translate::Options;
use crate::convert::{FromDatum, array_of, scalars, wrong_arity};
use crate::errors::{integer_out_of_range, invalid_parameter};
use crate::strings::char_offset;
use crate::{CallCx, Rows, SetReturning, Site};

/// `like_regex` of an SQL/JSON path.
pub(crate) fn like_regex(text: &str, re: &str, flags: types::jsonpath::RegexFlags) -> Result<bool> {
    let options = Options {
        ignore_case: flags.ignore_case,
        newline_stops: !flags.dot_all && !flags.quote,
        newline_anchors: flags.multi_line && !flags.quote,
        literal: flags.quote,
        ..Options::default()
    };
    pattern(re, options)?.is_match(text)
}

/// Checks the patterns of a `jsonpath`, which reading one alone does not.
///
/// # Errors
/// `2201B` for what is no regular expression.
///
/// Source: PostgreSQL 16 `makeItemLikeRegex`.
pub fn check_jsonpath(path: &types::Datum) -> Result<()> {
    let types::Datum::Rare(rare) = path else { return Ok(()) };
    match &**rare {
        types::Rare::JsonPath(path) => path
            .try_for_each_pattern(&mut |pattern, flags| like_regex("", pattern, flags).map(|_| ())),
        _ => Ok(()),
    }
}

const ANY_CASE: Options = Options {
    ignore_case: true,
    newline_stops: false,
    newline_anchors: false,
    expanded: false,
    literal: false,
    basic: false,
    global: false,
};

scalars! { pub(crate) const TABLE =
    "textregexeq" | "nameregexeq"(a: &str, re: &str) => pattern(re, Options::default())?.is_match(a);
    "textregexne" | "nameregexne"(a: &str, re: &str) => pattern(re, Options::default())?.is_match(a).map(|m| !m);
    "texticregexeq" | "nameicregexeq"(a: &str, re: &str) => pattern(re, ANY_CASE)?.is_match(a);
    "texticregexne" | "nameicregexne"(a: &str, re: &str) => pattern(re, ANY_CASE)?.is_match(a).map(|m| !m);
    "textregexsubstr"(a: &str, re: &str) => substring(a, re);
    "regexp_like_no_flags"(a: &str, re: &str) => pattern(re, Options::default())?.is_match(a);
    "regexp_like"(a: &str, re: &str, flags: &str) => pattern(re, once(flags, "regexp_like")?)?.is_match(a);
    "regexp_match_no_flags"(a: &str, re: &str) => first_match(a, re, Options::default());
    "regexp_match"(a: &str, re: &str, flags: &str) => {
        let options = Options::parse(flags)?;
        if options.global {
            return Err(no_global("regexp_match").hint("Use the regexp_matches function instead."));
        }
        first_match(a, re, options)
    };
    "regexp_split_to_array_no_flags"[cx](a: &str, re: &str) => split(a, re, "", cx);
    "regexp_split_to_array"[cx](a: &str, re: &str, flags: &str) => split(a, re, flags, cx);
    "textregexreplace_noopt"[cx](a: &str, re: &str, to: &str) =>
        matches::replace(&*pattern(re, Options::default())?, a, to, (0, 1), cx);
    "textregexreplace"[cx](a: &str, re: &str, to: &str, flags: &str) => replace_with_flags(a, re, to, flags, cx);
    "textregexreplace_extended_no_n"[cx](a: &str, re: &str, to: &str, start: i32) => replace(a, re, to, (start, 1, ""), cx);
    "textregexreplace_extended_no_flags"[cx](a: &str, re: &str, to: &str, start: i32, n: i32) =>
        replace(a, re, to, (start, n, ""), cx);
    "textregexreplace_extended"[cx](a: &str, re: &str, to: &str, start: i32, n: i32, flags: &str) =>
        replace(a, re, to, (start, n, flags), cx);
    "regexp_count" | "regexp_count_no_flags" | "regexp_count_no_start"[cx, _site, args] => count(args, cx);
    "regexp_instr" | "regexp_instr_no_subexpr" | "regexp_instr_no_flags" | "regexp_instr_no_endoption"
        | "regexp_instr_no_n" | "regexp_instr_no_start"[cx, _site, args] => instr(args, cx);
    "regexp_substr" | "regexp_substr_no_subexpr" | "regexp_substr_no_flags" | "regexp_substr_no_n"
        | "regexp_substr_no_start"[cx, _site, args] => substr(args, cx);
}

pub(super) const SETS: &[(&str, SetReturning)] = &[
    ("regexp_matches", all_matches),
    ("regexp_matches_no_flags", all_matches),
    ("regexp_split_to_table", split_to_table),
    ("regexp_split_to_table_no_flags", split_to_table),
];

fn no_global(function: &str) -> SqlError {
    invalid_parameter(format!("{function}() does not support the \"global\" option"))
}

/// The flags of a function that looks for one match, or for all of its own accord.
fn once(flags: &str, function: &str) -> Result<Options> {
    let options = Options::parse(flags)?;
    if options.global { Err(no_global(function)) } else { Ok(options) }
}

/// The first group if there is one, else the whole match.
fn substring(text: &str, re: &str) -> Result<Option<Datum>> {
    let pattern = pattern(re, Options::default())?;
    let Some(groups) = pattern.find(text, 0)? else { return Ok(None) };
    let span = groups.get(1).or(groups.first()).copied().flatten();
    Ok(span.and_then(|(from, to)| text.get(from..to)).map(Datum::text))
}

fn first_match(text: &str, re: &str, options: Options) -> Result<Option<Datum>> {
    let found = pattern(re, options)?.find(text, 0)?;
    Ok(found.map(|groups| matches::texts(text, &groups)))
}

fn split(text: &str, re: &str, flags: &str, cx: &CallCx<'_>) -> Result<Datum> {
    let pattern = pattern(re, once(flags, "regexp_split_to_array")?)?;
    Ok(array_of(oid::TEXT, matches::split(&pattern, text, cx)?))
}

fn arg<'a, T: FromDatum<'a>>(args: &'a [Datum], index: usize, default: T) -> Result<T> {
    args.get(index).map_or(Ok(default), T::from_datum)
}

/// A text and an expression, for rows that are made one by one.
///
/// The compiled form stays with its thread: rows may go on in another.
struct Subject {
    text: Arc<str>,
    re: Arc<str>,
    options: Options,
}

impl Subject {
    fn new(args: &[Datum], options: Options) -> Result<Subject> {
        let text = |index: usize| match args.get(index) {
            Some(Datum::Text(text)) => Ok(Arc::clone(text)),
            _ => Err(wrong_arity(args.len())),
        };
        let subject = Subject { text: text(0)?, re: text(1)?, options };
        // A malformed expression fails at once.
        subject.pattern()?;
        Ok(subject)
    }

    fn pattern(&self) -> Result<Rc<Pattern>> {
        pattern(&self.re, self.options)
    }
}

fn split_to_table(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let options = once(arg(args, 2, "")?, "regexp_split_to_table")?;
    let (subject, mut parts) = (Subject::new(args, options)?, Parts::new());
    Ok(Box::new(std::iter::from_fn(move || {
        let part = subject.pattern().and_then(|pattern| parts.next(&pattern, &subject.text));
        part.map(|part| part.map(Datum::text)).transpose()
    })))
}

fn all_matches(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let options = Options::parse(arg(args, 2, "")?)?;
    let (subject, mut matches) = (Subject::new(args, options)?, Matches::default());
    let found = std::iter::from_fn(move || {
        let groups = subject.pattern().and_then(|pattern| matches.next(&pattern, &subject.text));
        groups.map(|groups| groups.map(|found| matches::texts(&subject.text, &found))).transpose()
    });
    Ok(if options.global { Box::new(found) } else { Box::new(found.take(1)) })
}

fn replace_with_flags(
    text: &str,
    re: &str,
    to: &str,
    flags: &str,
    cx: &CallCx<'_>,
) -> Result<String> {
    if flags.starts_with(|c: char| c.is_ascii_digit()) {
        let shown = flags.chars().next().unwrap_or(' ');
        return Err(invalid_parameter(format!("invalid regular expression option: \"{shown}\""))
            .hint(
                "If you meant to use regexp_replace() with a start parameter, cast the fourth \
                 argument to integer explicitly.",
            ));
    }
    let options = Options::parse(flags)?;
    let only = usize::from(!options.global);
    matches::replace(&*pattern(re, options)?, text, to, (0, only), cx)
}

fn invalid_value(parameter: &str, value: i32) -> SqlError {
    invalid_parameter(format!("invalid value for parameter \"{parameter}\": {value}"))
}

/// The byte offset of a 1-based character position.
fn start_offset(text: &str, start: i32) -> Result<usize> {
    let index = usize::try_from(start).ok().and_then(|start| start.checked_sub(1));
    let index = index.ok_or_else(|| invalid_value("start", start))?;
    // Beyond the end there is nothing to find, not even an empty match.
    let characters = text.chars().count();
    Ok(if index > characters { text.len() + 1 } else { char_offset(text, index) })
}

fn replace(
    text: &str,
    re: &str,
    to: &str,
    (start, n, flags): (i32, i32, &str),
    cx: &CallCx<'_>,
) -> Result<String> {
    let start = start_offset(text, start)?;
    let only = usize::try_from(n).map_err(|_| invalid_value("n", n))?;
    let options = Options::parse(flags)?;
    matches::replace(&*pattern(re, options)?, text, to, (start, only), cx)
}

/// What `regexp_count`, `_instr` and `_substr` have in common.
struct Search<'a> {
    text: &'a str,
    pattern: Rc<Pattern>,
    start: usize,
}

fn search<'a>(args: &'a [Datum], flags_at: usize, function: &str) -> Result<Search<'a>> {
    if args.len() < 2 {
        return Err(wrong_arity(args.len()));
    }
    let (text, re) = (arg(args, 0, "")?, arg(args, 1, "")?);
    let start = start_offset(text, arg(args, 2, 1)?)?;
    let options = once(arg(args, flags_at, "")?, function)?;
    Ok(Search { text, pattern: pattern(re, options)?, start })
}

impl Search<'_> {
    /// The match with this 1-based number.
    fn nth(&self, n: usize, cx: &CallCx<'_>) -> Result<Option<Groups>> {
        let mut matches = Matches::from(self.start);
        for _ in 1..n {
            cx.check_interrupts()?;
            if matches.next(&self.pattern, self.text)?.is_none() {
                return Ok(None);
            }
        }
        matches.next(&self.pattern, self.text)
    }

    /// The span that a subexpression argument means.
    fn span(&self, groups: &Groups, subexpression: usize) -> Option<(usize, usize)> {
        // In an expression without groups the first is the whole match.
        let index = if groups.len() == 1 && subexpression == 1 { 0 } else { subexpression };
        groups.get(index).copied().flatten()
    }
}

fn count(args: &[Datum], cx: &CallCx<'_>) -> Result<i32> {
    let search = search(args, 3, "regexp_count")?;
    let (mut matches, mut found) = (Matches::from(search.start), 0_usize);
    while matches.next(&search.pattern, search.text)?.is_some() {
        cx.check_interrupts()?;
        found += 1;
    }
    i32::try_from(found).map_err(|_| integer_out_of_range())
}

/// A positive argument.
fn positive(args: &[Datum], index: usize, parameter: &str) -> Result<usize> {
    let value = arg(args, index, 1)?;
    match usize::try_from(value) {
        Ok(0) | Err(_) => Err(invalid_value(parameter, value)),
        Ok(value) => Ok(value),
    }
}

fn subexpression(args: &[Datum], index: usize) -> Result<usize> {
    let value = arg(args, index, 0)?;
    usize::try_from(value).map_err(|_| invalid_value("subexpr", value))
}

fn instr(args: &[Datum], cx: &CallCx<'_>) -> Result<i32> {
    // PostgreSQL checks the arguments from left to right.
    start_offset(arg(args, 0, "")?, arg(args, 2, 1)?)?;
    let n = positive(args, 3, "n")?;
    let end_option = arg(args, 4, 0)?;
    if !matches!(end_option, 0 | 1) {
        return Err(invalid_value("endoption", end_option));
    }
    let subexpression = subexpression(args, 6)?;
    let search = search(args, 5, "regexp_instr")?;
    let Some(groups) = search.nth(n, cx)? else { return Ok(0) };
    let Some((from, to)) = search.span(&groups, subexpression) else { return Ok(0) };
    let at = if end_option == 1 { to } else { from };
    let characters = search.text.get(..at).unwrap_or("").chars().count();
    i32::try_from(characters + 1).map_err(|_| integer_out_of_range())
}

fn substr(args: &[Datum], cx: &CallCx<'_>) -> Result<Option<Datum>> {
    start_offset(arg(args, 0, "")?, arg(args, 2, 1)?)?;
    let n = positive(args, 3, "n")?;
    let subexpression = subexpression(args, 5)?;
    let search = search(args, 4, "regexp_substr")?;
    let Some(groups) = search.nth(n, cx)? else { return Ok(None) };
    let span = search.span(&groups, subexpression);
    Ok(span.and_then(|(from, to)| search.text.get(from..to)).map(Datum::text))
}

//! Date-time templates: `FMDay, DDth Month YYYY HH24:MI:SS.US` and the like.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use super::TEMPLATES_MAX;
use crate::recent::Recent;

/// A keyword with its modifiers, or text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Field {
        /// In upper case, as in [`KEYWORDS`].
        keyword: &'static str,
        /// As it stands in the template.
        written: String,
        fill_mode: bool,
        /// `TH` or `th`; whether upper case.
        ordinal: Option<bool>,
    },
    /// A single separator or blank.
    Separator(char),
    Text(char),
}

/// Keywords; of those with a common beginning the longer ones first.
const KEYWORDS: [&str; 47] = [
    "A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "D", "FF1", "FF2",
    "FF3", "FF4", "FF5", "FF6", "FX", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY",
    "IY", "I", "J", "MI", "MM", "MONTH", "MON", "MS", "OF", "P.M.", "PM", "Q", "RM", "SSSSS",
    "SSSS", "SS", "TZH", "TZM", "TZ", "US",
];
/// The rest of them, in the same order.
const KEYWORDS_TAIL: [&str; 7] = ["WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y"];

/// Keywords also written with a capital alone.
const CAPITALIZED: [&str; 4] = ["Day", "Dy", "Month", "Mon"];

thread_local! {
    static PARSED: RefCell<Recent<String, Vec<Node>>> =
        const { RefCell::new(Recent::new(TEMPLATES_MAX)) };
}

/// The parts of a template.
pub(super) fn parse(template: &str) -> Rc<Vec<Node>> {
    let make = || Ok::<_, Infallible>((template.to_owned(), take_apart(template)));
    match PARSED.with_borrow_mut(|parsed| parsed.get(|known| known == template, make)) {
        Ok(nodes) => nodes,
        Err(never) => match never {},
    }
}

fn take_apart(template: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let start = rest;
        let mut fill_mode = false;
        loop {
            if let Some(after) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
                fill_mode = true;
                rest = after;
            } else if let Some(after) = rest.strip_prefix("TM").or_else(|| rest.strip_prefix("tm"))
            {
                // Translated names: the C locale's are the English ones, unpadded.
                fill_mode = true;
                rest = after;
            } else {
                break;
            }
        }
        let keyword = KEYWORDS.iter().chain(&KEYWORDS_TAIL).copied().find_map(|keyword| {
            let written = rest.get(..keyword.len())?;
            let is_lower = || !written.bytes().any(|byte| byte.is_ascii_uppercase());
            let known = written.eq_ignore_ascii_case(keyword)
                && (written == keyword || is_lower() || CAPITALIZED.contains(&written));
            known.then_some((keyword, written))
        });
        if let Some((keyword, written)) = keyword {
            rest = rest.get(keyword.len()..).unwrap_or("");
            let mut ordinal = None;
            for (suffix, upper) in [("TH", true), ("th", false)] {
                if let Some(after) = rest.strip_prefix(suffix)
                    && ordinal.is_none()
                {
                    ordinal = Some(upper);
                    rest = after;
                }
            }
            // Spelling out was never implemented: the suffix vanishes.
            if let Some(after) = rest.strip_prefix("SP")
                && ordinal.is_none()
            {
                rest = after;
            }
            nodes.push(Node::Field { keyword, written: written.to_owned(), fill_mode, ordinal });
            continue;
        }
        if rest.len() != start.len() {
            // A modifier without a keyword vanishes.
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        rest = rest.get(c.len_utf8()..).unwrap_or("");
        match c {
            '"' => {
                let mut characters = rest.char_indices();
                let mut end = rest.len();
                while let Some((at, c)) = characters.next() {
                    match c {
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        '\\' => nodes.extend(characters.next().map(|(_, c)| Node::Text(c))),
                        c => nodes.push(Node::Text(c)),
                    }
                }
                rest = rest.get(end..).unwrap_or("");
            }
            '\\' if rest.starts_with('"') => {
                rest = rest.get(1..).unwrap_or("");
                nodes.push(Node::Text('"'));
            }
            c if is_separator(c) || c.is_ascii_whitespace() => nodes.push(Node::Separator(c)),
            c => nodes.push(Node::Text(c)),
        }
    }
    nodes
}

/// Printable ASCII that is neither a letter nor a digit.
pub(super) fn is_separator(c: char) -> bool {
    c.is_ascii_punctuation()
}

//! Number templates: `FM999,990.00PR` and the like.

use std::cell::RefCell;
use std::rc::Rc;

use types::{Result, SqlError, SqlState};

use super::TEMPLATES_MAX;
use crate::recent::Recent;

/// One piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Nine,
    Zero,
    /// `.` or `D`
    Point,
    /// `,` or `G`
    Group,
    /// `L`: the currency symbol, a blank in the C locale.
    Currency,
    Minus,
    Plus,
    Sign,
    /// `S`, `PR`, `FM`, `B`, `V`, `EEEE`, `C`: they only set flags.
    Flag,
    /// With whether it is upper case.
    Ordinal(bool),
    Roman(bool),
    Literal(String),
}

/// Where the sign of `S` goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lsign {
    #[default]
    None,
    Before,
    After,
}

/// What a template says as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Description {
    /// Digits before the point.
    pub(super) pre: usize,
    /// Digits after it.
    pub(super) post: usize,
    /// Digits after `V`.
    pub(super) multi: usize,
    /// Position of the first `0`, counted from 1; 0 if there is none.
    pub(super) zero_start: usize,
    /// Position of the last `0`.
    pub(super) zero_end: usize,
    pub(super) lsign: Lsign,
    /// Digits before the `S`.
    pub(super) pre_lsign: usize,
    pub(super) has_point: bool,
    pub(super) has_lsign: bool,
    pub(super) has_zero: bool,
    pub(super) blank: bool,
    pub(super) fill_mode: bool,
    pub(super) bracket: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) roman: bool,
    pub(super) has_multi: bool,
    pub(super) scientific: bool,
}

fn syntax(message: &str) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, message)
}

/// Keywords; of those with a common beginning the longer ones first.
const KEYWORDS: [&str; 20] = [
    ",", ".", "0", "9", "B", "C", "D", "EEEE", "FM", "G", "L", "MI", "PL", "PR", "RN", "SG", "SP",
    "S", "TH", "V",
];

/// A template's parts, and what follows from all of them.
type Parsed = (Vec<Node>, Description);

thread_local! {
    static PARSED: RefCell<Recent<String, Parsed>> =
        const { RefCell::new(Recent::new(TEMPLATES_MAX)) };
}

/// The parts of a template.
///
/// # Errors
/// `42601` for combinations that make no sense.
pub(super) fn parse(template: &str) -> Result<Rc<Parsed>> {
    let make = || Ok((template.to_owned(), take_apart(template)?));
    PARSED.with_borrow_mut(|parsed| parsed.get(|known| known == template, make))
}

fn take_apart(template: &str) -> Result<Parsed> {
    let mut nodes = Vec::new();
    let mut description = Description::default();
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        let keyword = KEYWORDS.iter().find(|keyword| {
            rest.starts_with(**keyword) || rest.starts_with(&keyword.to_ascii_lowercase())
        });
        if let Some(keyword) = keyword {
            let upper = rest.starts_with(keyword);
            rest = rest.get(keyword.len()..).unwrap_or("");
            nodes.push(description.take(keyword, upper)?);
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
        match c {
            '"' => {
                let mut text = String::new();
                let mut characters = rest.char_indices();
                let mut end = rest.len();
                while let Some((at, c)) = characters.next() {
                    match c {
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        '\\' => text.extend(characters.next().map(|(_, c)| c)),
                        c => text.push(c),
                    }
                }
                rest = rest.get(end..).unwrap_or("");
                text.chars().for_each(|c| nodes.push(Node::Literal(c.to_string())));
            }
            '\\' if rest.starts_with('"') => {
                rest = rest.get(1..).unwrap_or("");
                nodes.push(Node::Literal("\"".into()));
            }
            c => nodes.push(Node::Literal(c.to_string())),
        }
    }
    Ok((nodes, description))
}

impl Description {
    fn take(&mut self, keyword: &str, upper: bool) -> Result<Node> {
        if self.scientific && keyword != "EEEE" {
            return Err(syntax("\"EEEE\" must be the last pattern used"));
        }
        Ok(match keyword {
            "9" => {
                if self.bracket {
                    return Err(syntax("\"9\" must be ahead of \"PR\""));
                }
                if self.has_multi {
                    self.multi += 1;
                } else if self.has_point {
                    self.post += 1;
                } else {
                    self.pre += 1;
                }
                Node::Nine
            }
            "0" => {
                if self.bracket {
                    return Err(syntax("\"0\" must be ahead of \"PR\""));
                }
                if !self.has_zero && !self.has_point {
                    self.has_zero = true;
                    self.zero_start = self.pre + 1;
                }
                if self.has_point {
                    self.post += 1;
                } else {
                    self.pre += 1;
                }
                self.zero_end = self.pre + self.post;
                Node::Zero
            }
            "B" => {
                self.blank |= self.pre == 0 && self.post == 0 && !self.has_zero;
                Node::Flag
            }
            "." | "D" => {
                if self.has_point {
                    return Err(syntax("multiple decimal points"));
                }
                if self.has_multi {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.has_point = true;
                Node::Point
            }
            "," | "G" => Node::Group,
            "FM" => {
                self.fill_mode = true;
                Node::Flag
            }
            "S" => {
                if self.has_lsign {
                    return Err(syntax("cannot use \"S\" twice"));
                }
                if self.plus || self.minus || self.bracket {
                    return Err(syntax(
                        "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together",
                    ));
                }
                self.has_lsign = true;
                if self.has_point {
                    self.lsign = Lsign::After;
                } else {
                    self.lsign = Lsign::Before;
                    self.pre_lsign = self.pre;
                }
                Node::Flag
            }
            "MI" | "PL" | "SG" => {
                if self.has_lsign {
                    return Err(syntax(&format!("cannot use \"S\" and \"{keyword}\" together")));
                }
                self.minus |= keyword != "PL";
                self.plus |= keyword != "MI";
                match keyword {
                    "MI" => Node::Minus,
                    "PL" => Node::Plus,
                    _ => Node::Sign,
                }
            }
            "PR" => {
                if self.has_lsign || self.plus || self.minus {
                    return Err(syntax(
                        "cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together",
                    ));
                }
                self.bracket = true;
                Node::Flag
            }
            "RN" => {
                self.roman = true;
                Node::Roman(upper)
            }
            "L" => Node::Currency,
            "TH" => Node::Ordinal(upper),
            "V" => {
                if self.has_point {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.has_multi = true;
                Node::Flag
            }
            "EEEE" => {
                if self.scientific {
                    return Err(syntax("cannot use \"EEEE\" twice"));
                }
                let others = self.blank || self.fill_mode || self.has_lsign || self.bracket;
                if others || self.minus || self.plus || self.roman || self.has_multi {
                    return Err(syntax("\"EEEE\" is incompatible with other formats").detail(
                        "\"EEEE\" may only be used together with digit and decimal point patterns.",
                    ));
                }
                self.scientific = true;
                Node::Flag
            }
            _ => Node::Flag,
        })
    }
}

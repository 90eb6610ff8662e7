//! From PostgreSQL's regular-expression syntax to that of the `regex` crate.
//!
//! Classes and case follow the C locale, so they are written out in ASCII; `^`, `$` and `.` follow
//! the newline options.
//!
//! Source: PostgreSQL 16 documentation, 9.7.3; `src/backend/regex/regc_lex.c`.

use std::iter::Peekable;
use std::str::Chars;

use types::{Result, SqlError, SqlState};

use super::tree::{Branch, Group, Piece, Preference, Quantifier};

/// How an expression is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Options {
    /// `i`
    pub(super) ignore_case: bool,
    /// `.` and `[^…]` do not match a newline.
    pub(super) newline_stops: bool,
    /// `^` and `$` match at lines.
    pub(super) newline_anchors: bool,
    /// `x`: blanks and comments do not count.
    pub(super) expanded: bool,
    /// `q`: no character is special.
    pub(super) literal: bool,
    /// `b`: POSIX' basic expressions, where `\(` and `\{` are special and `(`, `+` and `|` are not.
    pub(super) basic: bool,
    /// `g`: not a matter of the expression, but given with the others.
    pub(super) global: bool,
}

impl Options {
    /// Reads a flags argument.
    ///
    /// # Errors
    /// `22023` for an unknown letter.
    pub(super) fn parse(flags: &str) -> Result<Options> {
        let mut options = Options::default();
        for flag in flags.chars() {
            if flag == 'g' {
                options.global = true;
            } else if !options.set(flag) {
                return Err(crate::errors::invalid_parameter(format!(
                    "invalid regular expression option: \"{flag}\""
                )));
            }
        }
        Ok(options)
    }

    /// Applies one letter; whether there is such.
    fn set(&mut self, flag: char) -> bool {
        match flag {
            'i' => self.ignore_case = true,
            'c' => self.ignore_case = false,
            'n' | 'm' => (self.newline_stops, self.newline_anchors) = (true, true),
            's' => (self.newline_stops, self.newline_anchors) = (false, false),
            'p' => (self.newline_stops, self.newline_anchors) = (true, false),
            'w' => (self.newline_stops, self.newline_anchors) = (false, true),
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'q' => (self.literal, self.basic) = (true, false),
            'b' => (self.literal, self.basic) = (false, true),
            'e' => (self.literal, self.basic) = (false, false),
            _ => return false,
        }
        true
    }
}

/// A translated expression.
pub(super) struct Translated {
    pub(super) pattern: String,
    /// Needs back references or lookaround.
    pub(super) fancy: bool,
    /// Its parts.
    pub(super) branches: Vec<Branch>,
    /// Capturing groups.
    pub(super) groups: usize,
}

/// `2201B`.
pub(super) fn invalid(reason: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_REGULAR_EXPRESSION,
        format!("invalid regular expression: {reason}"),
    )
}

/// The most a bound may repeat.
const REPEAT_MAX: u32 = 255;

/// ASCII members of the escapes that are classes.
const DIGIT: &str = "0-9";
const WORD: &str = "A-Za-z0-9_";
const SPACE: &str = " \\t\\n\\r\\x0b\\x0c";

/// A group that is not closed.
struct Open {
    start: usize,
    capture: Option<usize>,
    is_lookaround: bool,
    /// The last one is not complete.
    branches: Vec<Branch>,
}

impl Open {
    fn new(start: usize, capture: Option<usize>, is_lookaround: bool) -> Open {
        Open { start, capture, is_lookaround, branches: vec![Branch::new()] }
    }
}

struct Translator<'a> {
    input: Peekable<Chars<'a>>,
    options: Options,
    out: Translated,
    /// Open groups, the outermost first: the whole expression.
    open: Vec<Open>,
    /// Whether a quantifier may follow.
    quantifiable: bool,
}

/// Translates `pattern`, after its own director and embedded options.
///
/// # Errors
/// `2201B` with PostgreSQL's reason.
pub(super) fn translate(pattern: &str, options: Options) -> Result<Translated> {
    let mut options = options;
    let mut pattern = pattern;
    if let Some(rest) = pattern.strip_prefix("***=") {
        options.literal = true;
        pattern = rest;
    } else if let Some(rest) = pattern.strip_prefix("***:") {
        pattern = rest;
    } else if pattern.starts_with("***") {
        return Err(invalid("quantifier operand invalid"));
    }
    if !options.literal
        && let Some(rest) = pattern.strip_prefix("(?")
        && rest.starts_with(|c: char| c.is_ascii_lowercase())
    {
        let Some((letters, rest)) = rest.split_once(')') else {
            return Err(invalid("invalid embedded option"));
        };
        if !letters.chars().all(|letter| options.set(letter)) {
            return Err(invalid("invalid embedded option"));
        }
        pattern = rest;
    }
    let advanced = if options.basic { from_basic(pattern) } else { String::new() };
    if options.basic {
        pattern = &advanced;
    }
    let out = Translated { pattern: String::new(), fancy: false, branches: Vec::new(), groups: 0 };
    let mut translator = Translator {
        input: pattern.chars().peekable(),
        options,
        out,
        open: vec![Open::new(0, None, false)],
        quantifiable: false,
    };
    if options.literal {
        pattern.chars().for_each(|c| translator.literal(c));
        translator.piece(0, None);
    } else {
        translator.run()?;
    }
    translator.out.branches = translator.open.pop().map_or(Vec::new(), |whole| whole.branches);
    Ok(translator.out)
}

/// A basic expression as an advanced one.
fn from_basic(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    // Nothing before that could be repeated: here `*` is a star and `^` an anchor.
    let mut at_start = true;
    while let Some(c) = chars.next() {
        let start = std::mem::replace(&mut at_start, false);
        match c {
            '\\' => match chars.next() {
                Some(c @ ('(' | ')' | '{' | '}')) => {
                    out.push(c);
                    at_start = c == '(';
                }
                Some('<') => out.push_str("[[:<:]]"),
                Some('>') => out.push_str("[[:>:]]"),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            '[' => {
                out.push('[');
                // A bracket expression, in which `]` may stand first.
                out.extend(chars.next_if_eq(&'^'));
                out.extend(chars.next_if_eq(&']'));
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '^' if start => {
                out.push('^');
                at_start = true;
            }
            '*' if start => out.push_str("\\*"),
            '$' if chars.peek().is_none() => out.push('$'),
            '(' | ')' | '{' | '}' | '+' | '?' | '|' | '^' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

impl Translator<'_> {
    fn run(&mut self) -> Result<()> {
        while let Some(c) = self.input.next() {
            let start = self.out.pattern.len();
            match c {
                '\\' => self.escape()?,
                '[' => self.bracket()?,
                '(' => {
                    self.group()?;
                    continue;
                }
                ')' => {
                    let Some(group) = self.open.pop().filter(|_| !self.open.is_empty()) else {
                        return Err(invalid("parentheses () not balanced"));
                    };
                    self.out.pattern.push(')');
                    self.quantifiable = true;
                    let Open { start, capture, branches, .. } = group;
                    self.piece(start, Some(Group { capture, branches }));
                    continue;
                }
                '|' => {
                    self.out.pattern.push('|');
                    self.quantifiable = false;
                    if let Some(open) = self.open.last_mut() {
                        open.branches.push(Branch::new());
                    }
                    continue;
                }
                '^' => {
                    self.out.pattern.push_str(if self.options.newline_anchors {
                        "(?m:^)"
                    } else {
                        "\\A"
                    });
                    self.quantifiable = false;
                }
                '$' => {
                    self.out.pattern.push_str(if self.options.newline_anchors {
                        "(?m:$)"
                    } else {
                        "\\z"
                    });
                    self.quantifiable = false;
                }
                '.' => {
                    let any = if self.options.newline_stops { "[^\\n]" } else { "(?s:.)" };
                    self.out.pattern.push_str(any);
                    self.quantifiable = true;
                }
                '*' | '+' | '?' => {
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    self.quantifier(&c.to_string(), min, max, true)?;
                    continue;
                }
                '{' if self.input.peek().is_some_and(char::is_ascii_digit) => {
                    self.bound()?;
                    continue;
                }
                ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' if self.options.expanded => {}
                '#' if self.options.expanded => {
                    for c in self.input.by_ref() {
                        if c == '\n' {
                            break;
                        }
                    }
                }
                c => self.literal(c),
            }
            if self.out.pattern.len() > start {
                self.piece(start, None);
            }
        }
        if self.open.len() > 1 {
            return Err(invalid("parentheses () not balanced"));
        }
        Ok(())
    }

    /// The branch that is being read.
    fn branch(&mut self) -> Option<&mut Branch> {
        self.open.last_mut().and_then(|open| open.branches.last_mut())
    }

    /// Notes an atom that began at `start` and ends here.
    fn piece(&mut self, start: usize, group: Option<Group>) {
        let end = self.out.pattern.len();
        if let Some(branch) = self.branch() {
            branch.push(Piece { start, atom_end: end, end, quantifier: None, group });
        }
    }

    /// A character that stands for itself.
    fn literal(&mut self, c: char) {
        if self.options.ignore_case && c.is_ascii_alphabetic() {
            let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
            self.out.pattern.extend(['[', lower, upper, ']']);
        } else {
            push_literal(&mut self.out.pattern, c);
        }
        self.quantifiable = true;
    }

    /// A quantifier, written as `text`; whether it `prefers` a length, which `{m}` leaves to its atom.
    fn quantifier(&mut self, text: &str, min: u32, max: Option<u32>, prefers: bool) -> Result<()> {
        if !self.quantifiable {
            return Err(invalid("quantifier operand invalid"));
        }
        self.out.pattern.push_str(text);
        let mut preference = Preference::Longer;
        if self.input.next_if_eq(&'?').is_some() {
            self.out.pattern.push('?');
            preference = Preference::Shorter;
        }
        self.quantifiable = false;
        let end = self.out.pattern.len();
        if let Some(piece) = self.branch().and_then(|branch| branch.last_mut()) {
            piece.end = end;
            let prefers = prefers.then_some(preference);
            piece.quantifier = Some(Quantifier { min, max, prefers });
        }
        Ok(())
    }

    fn number(&mut self) -> Option<u32> {
        let mut value: Option<u32> = None;
        while let Some(digit) = self.input.peek().and_then(|c| c.to_digit(10)) {
            self.input.next();
            value = Some(value.unwrap_or(0).saturating_mul(10).saturating_add(digit));
        }
        value
    }

    /// `{m}`, `{m,}`, `{m,n}`; the brace is read already.
    fn bound(&mut self) -> Result<()> {
        let low = self.number().unwrap_or(0);
        let mut text = format!("{{{low}");
        let mut high = Some(low);
        let has_bounds = self.input.next_if_eq(&',').is_some();
        if has_bounds {
            text.push(',');
            high = self.number();
            if let Some(high) = high {
                text.push_str(&high.to_string());
            }
        }
        match self.input.next() {
            Some('}') => {}
            None => return Err(invalid("braces {} not balanced")),
            Some(_) => return Err(invalid("invalid repetition count(s)")),
        }
        if low > REPEAT_MAX || high.is_some_and(|high| high > REPEAT_MAX || high < low) {
            return Err(invalid("invalid repetition count(s)"));
        }
        text.push('}');
        self.quantifier(&text, low, high, has_bounds)
    }

    fn group(&mut self) -> Result<()> {
        self.quantifiable = false;
        let start = self.out.pattern.len();
        if self.input.next_if_eq(&'?').is_none() {
            self.out.groups += 1;
            self.open.push(Open::new(start, Some(self.out.groups), false));
            self.out.pattern.push('(');
            return Ok(());
        }
        let kind = match self.input.next() {
            Some(':') => "(?:",
            Some('=') => "(?=",
            Some('!') => "(?!",
            Some('<') => match self.input.next() {
                Some('=') => "(?<=",
                Some('!') => "(?<!",
                _ => return Err(invalid("quantifier operand invalid")),
            },
            Some('#') => {
                for c in self.input.by_ref() {
                    if c == ')' {
                        break;
                    }
                }
                return Ok(());
            }
            _ => return Err(invalid("quantifier operand invalid")),
        };
        let around = kind != "(?:";
        self.out.fancy |= around;
        self.open.push(Open::new(start, None, around));
        self.out.pattern.push_str(kind);
        Ok(())
    }

    /// Exactly `count` hexadecimal digits.
    fn hex(&mut self, count: usize) -> Result<char> {
        let mut value = 0;
        for _ in 0..count {
            let digit = self.input.next().and_then(|c| c.to_digit(16));
            value = value * 16 + digit.ok_or_else(|| invalid("invalid escape \\ sequence"))?;
        }
        char::from_u32(value).ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    /// The character of a character-entry escape, whose letter is `c`; `None` if it is no such.
    fn entry(&mut self, c: char) -> Result<Option<char>> {
        Ok(Some(match c {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'B' => '\\',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            'x' => {
                let mut value: u32 = 0;
                let mut any = false;
                while let Some(digit) = self.input.peek().and_then(|c| c.to_digit(16)) {
                    self.input.next();
                    any = true;
                    value = value.saturating_mul(16).saturating_add(digit);
                }
                let found = char::from_u32(value).filter(|_| any);
                found.ok_or_else(|| invalid("invalid escape \\ sequence"))?
            }
            'c' => {
                let of = self.input.next().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
                char::from_u32(u32::from(of) & 0x1f).unwrap_or('\0')
            }
            '0' => {
                let mut value = 0;
                for _ in 0..2 {
                    match self.input.peek().and_then(|c| c.to_digit(8)) {
                        Some(digit) => {
                            self.input.next();
                            value = value * 8 + digit;
                        }
                        None => break,
                    }
                }
                char::from_u32(value).unwrap_or('\0')
            }
            _ => return Ok(None),
        }))
    }

    fn escape(&mut self) -> Result<()> {
        let c = self.input.next().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
        let class = |set: &str, negated: bool| format!("[{}{set}]", if negated { "^" } else { "" });
        let constraint = match c {
            'A' => Some("\\A"),
            'Z' => Some("\\z"),
            'y' => Some("(?-u:\\b)"),
            'Y' => Some("(?-u:\\B)"),
            'm' => Some("(?-u:\\b{start})"),
            'M' => Some("(?-u:\\b{end})"),
            _ => None,
        };
        if let Some(constraint) = constraint {
            self.out.pattern.push_str(constraint);
            self.quantifiable = false;
            return Ok(());
        }
        let stop = if self.options.newline_stops { "\\n" } else { "" };
        let class = match c {
            'd' => Some(class(DIGIT, false)),
            'w' => Some(class(WORD, false)),
            's' => Some(class(SPACE, false)),
            'D' => Some(class(&format!("{DIGIT}{stop}"), true)),
            'W' => Some(class(&format!("{WORD}{stop}"), true)),
            'S' => Some(class(SPACE, true)),
            _ => None,
        };
        if let Some(class) = class {
            self.out.pattern.push_str(&class);
            self.quantifiable = true;
            return Ok(());
        }
        if ('1'..='9').contains(&c) {
            let mut number = c.to_digit(10).unwrap_or(0) as usize;
            // More digits belong to it only if there are that many groups.
            while let Some(digit) = self.input.peek().and_then(|c| c.to_digit(10)) {
                let longer = number * 10 + digit as usize;
                if longer > self.out.groups {
                    break;
                }
                self.input.next();
                number = longer;
            }
            // In lookaround there are none.
            if number > self.out.groups || self.open.iter().any(|open| open.is_lookaround) {
                return Err(invalid("invalid backreference number"));
            }
            self.out.fancy = true;
            self.out.pattern.push_str(&format!("(?:\\{number})"));
            self.quantifiable = true;
            return Ok(());
        }
        if let Some(entry) = self.entry(c)? {
            self.literal(entry);
        } else if c.is_ascii_alphanumeric() {
            return Err(invalid("invalid escape \\ sequence"));
        } else {
            self.literal(c);
        }
        Ok(())
    }

    /// A bracket expression; its `[` is read already.
    fn bracket(&mut self) -> Result<()> {
        let unbalanced = || invalid("brackets [] not balanced");
        let negated = self.input.next_if_eq(&'^').is_some();
        let mut set = String::new();
        let mut first = true;
        // The last single character, which a `-` may make the start of a range.
        let mut pending: Option<char> = None;
        loop {
            let c = self.input.next().ok_or_else(unbalanced)?;
            let single = match c {
                ']' if !first => break,
                '[' => match self.input.peek() {
                    Some(&kind @ (':' | '.' | '=')) => {
                        self.input.next();
                        let name = self.named(kind)?;
                        if kind == ':' {
                            if matches!(name.as_str(), "<" | ">") && set.is_empty() {
                                let boundary =
                                    if name == "<" { "(?-u:\\b{start})" } else { "(?-u:\\b{end})" };
                                if self.input.next() != Some(']') {
                                    return Err(unbalanced());
                                }
                                self.out.pattern.push_str(boundary);
                                self.quantifiable = false;
                                return Ok(());
                            }
                            self.flush(&mut set, &mut pending);
                            set.push_str(self.class(&name)?);
                            first = false;
                            continue;
                        }
                        collating_element(&name)?
                    }
                    _ => '[',
                },
                '\\' => {
                    let escape =
                        self.input.next().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
                    let class = match escape {
                        'd' => Some(DIGIT),
                        'w' => Some(WORD),
                        's' => Some(SPACE),
                        'D' => Some("\\x00-/:-\\x{10ffff}"),
                        'S' => Some("\\x00-\\x08\\x0e-\\x1f!-\\x{10ffff}"),
                        'W' => Some("\\x00-/:-@\\[-^`{-\\x{10ffff}"),
                        _ => None,
                    };
                    if let Some(class) = class {
                        self.flush(&mut set, &mut pending);
                        set.push_str(class);
                        first = false;
                        continue;
                    }
                    match self.entry(escape)? {
                        Some(entry) => entry,
                        None if escape.is_ascii_alphanumeric() => {
                            return Err(invalid("invalid escape \\ sequence"));
                        }
                        None => escape,
                    }
                }
                '-' if !first && pending.is_some() && self.input.peek() != Some(&']') => {
                    let low = pending.take().unwrap_or('-');
                    let high = self.range_end()?;
                    if high < low {
                        return Err(invalid("invalid character range"));
                    }
                    self.range(&mut set, low, high);
                    continue;
                }
                c => c,
            };
            first = false;
            self.flush(&mut set, &mut pending);
            pending = Some(single);
        }
        self.flush(&mut set, &mut pending);
        if negated && self.options.newline_stops {
            set.push_str("\\n");
        }
        self.out.pattern.push('[');
        if negated {
            self.out.pattern.push('^');
        }
        self.out.pattern.push_str(&set);
        self.out.pattern.push(']');
        self.quantifiable = true;
        Ok(())
    }

    fn range_end(&mut self) -> Result<char> {
        match self.input.next() {
            Some('[') if matches!(self.input.peek(), Some('.' | '=')) => {
                let kind = self.input.next().unwrap_or('.');
                let name = self.named(kind)?;
                collating_element(&name)
            }
            Some('[') if self.input.peek() == Some(&':') => Err(invalid("invalid character range")),
            Some('\\') => {
                let c = self.input.next().ok_or_else(|| invalid("invalid escape \\ sequence"))?;
                Ok(self.entry(c)?.unwrap_or(c))
            }
            Some(c) => Ok(c),
            None => Err(invalid("brackets [] not balanced")),
        }
    }

    fn range(&self, set: &mut String, low: char, high: char) {
        push_member(set, low);
        set.push('-');
        push_member(set, high);
        if self.options.ignore_case {
            for c in (low..=high).take_while(char::is_ascii).filter(char::is_ascii_alphabetic) {
                push_member(set, c.to_ascii_lowercase());
                push_member(set, c.to_ascii_uppercase());
            }
        }
    }

    fn flush(&self, set: &mut String, pending: &mut Option<char>) {
        if let Some(c) = pending.take() {
            push_member(set, c);
            if self.options.ignore_case && c.is_ascii_alphabetic() {
                push_member(set, c.to_ascii_lowercase());
                push_member(set, c.to_ascii_uppercase());
            }
        }
    }

    /// What stands between `[:` and `:]`.
    fn named(&mut self, kind: char) -> Result<String> {
        let mut name = String::new();
        loop {
            match self.input.next() {
                None => return Err(invalid("brackets [] not balanced")),
                Some(c) if c == kind && self.input.peek() == Some(&']') => {
                    self.input.next();
                    return Ok(name);
                }
                Some(c) => name.push(c),
            }
        }
    }

    fn class(&self, name: &str) -> Result<&'static str> {
        let letters = self.options.ignore_case;
        Ok(match name {
            "alpha" => "A-Za-z",
            "upper" if !letters => "A-Z",
            "lower" if !letters => "a-z",
            "upper" | "lower" => "A-Za-z",
            "digit" => DIGIT,
            "alnum" => "A-Za-z0-9",
            "word" => WORD,
            "space" => SPACE,
            "blank" => " \\t",
            "punct" => "!-/:-@\\[-`{-~",
            "graph" => "!-~",
            "print" => " -~",
            "cntrl" => "\\x00-\\x1f\\x7f",
            "xdigit" => "0-9A-Fa-f",
            "ascii" => "\\x00-\\x7f",
            _ => return Err(invalid("invalid character class")),
        })
    }
}

fn collating_element(name: &str) -> Result<char> {
    let mut characters = name.chars();
    match (characters.next(), characters.next()) {
        (Some(c), None) => Ok(c),
        _ => Ok(match name {
            "hyphen" | "hyphen-minus" => '-',
            "period" | "full-stop" => '.',
            "slash" | "solidus" => '/',
            "space" => ' ',
            "tab" => '\t',
            "newline" => '\n',
            "left-square-bracket" => '[',
            "right-square-bracket" => ']',
            "circumflex" | "circumflex-accent" => '^',
            "backslash" | "reverse-solidus" => '\\',
            _ => return Err(invalid("invalid collating element")),
        }),
    }
}

/// Whether the other syntax gives `c` a meaning that a backslash takes away. To `<` and `>` it would
/// give one: they would match the ends of words.
fn is_special(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '<' | '>')
}

fn push_literal(out: &mut String, c: char) {
    if is_special(c) {
        out.push('\\');
    }
    match c {
        // In the verbose mode of neither engine, but a NUL is clearer spelt out.
        '\0' => out.push_str("\\x00"),
        c => out.push(c),
    }
}

/// A member of a bracket expression.
fn push_member(out: &mut String, c: char) {
    if is_special(c) {
        out.push('\\');
        out.push(c);
    } else if c.is_ascii_control() {
        out.push_str(&format!("\\x{:02x}", u32::from(c)));
    } else {
        out.push(c);
    }
}

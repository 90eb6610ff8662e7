//! Words, numbers, addresses and paths in running text.
//!
//! Source: PostgreSQL 16 documentation, 12.5; a character beyond ASCII is a letter, as with the C
//! locale.

use types::{Result, memory};

/// What a token is; the numbers are PostgreSQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AsciiWord = 1,
    Word = 2,
    NumWord = 3,
    Email = 4,
    Url = 5,
    Host = 6,
    ScientificFloat = 7,
    Version = 8,
    HyphenNumPart = 9,
    HyphenPart = 10,
    HyphenAsciiPart = 11,
    Blank = 12,
    Tag = 13,
    Protocol = 14,
    HyphenNum = 15,
    HyphenAscii = 16,
    Hyphen = 17,
    UrlPath = 18,
    File = 19,
    Float = 20,
    Int = 21,
    UnsignedInt = 22,
    Entity = 23,
}

/// Alias and description of each kind, by number.
pub(super) const KINDS: [(&str, &str); 23] = [
    ("asciiword", "Word, all ASCII"),
    ("word", "Word, all letters"),
    ("numword", "Word, letters and digits"),
    ("email", "Email address"),
    ("url", "URL"),
    ("host", "Host"),
    ("sfloat", "Scientific notation"),
    ("version", "Version number"),
    ("hword_numpart", "Hyphenated word part, letters and digits"),
    ("hword_part", "Hyphenated word part, all letters"),
    ("hword_asciipart", "Hyphenated word part, all ASCII"),
    ("blank", "Space symbols"),
    ("tag", "XML tag"),
    ("protocol", "Protocol head"),
    ("numhword", "Hyphenated word, letters and digits"),
    ("asciihword", "Hyphenated word, all ASCII"),
    ("hword", "Hyphenated word, all letters"),
    ("url_path", "URL path"),
    ("file", "File or path name"),
    ("float", "Decimal notation"),
    ("int", "Signed integer"),
    ("uint", "Unsigned integer"),
    ("entity", "XML entity"),
];

/// A token. Those of compound ones (hyphenated words, URLs) come after the whole.
pub(super) type Token<'a> = (Kind, &'a str);

/// Whether the configuration makes a lexeme of the token.
pub(super) const fn is_indexed(kind: Kind) -> bool {
    !matches!(kind, Kind::Blank | Kind::Tag | Kind::Protocol | Kind::Entity)
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || !c.is_ascii()
}

fn is_word(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit()
}

/// Bytes at the front whose characters `test` accepts.
fn span(text: &str, test: impl Fn(char) -> bool) -> usize {
    text.find(|c| !test(c)).unwrap_or(text.len())
}

fn at(text: &str, len: usize) -> &str {
    text.get(len..).unwrap_or_default()
}

/// All tokens of a text.
///
/// # Errors
/// `54000` if they are too many to be kept.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    let mut found = Vec::new();
    // Blanks run together: where the current run begins, and where the text goes on.
    let (mut blank, mut position) = (0, 0);
    while position < text.len() {
        let before = found.len();
        let len = next(at(text, position), &mut found);
        if found.len() > before {
            if blank < position {
                let run = text.get(blank..position).unwrap_or_default();
                found.insert(before, (Kind::Blank, run));
            }
            blank = position + len;
        }
        position += len.max(1);
        memory::check(found.len() * size_of::<Token<'_>>())?;
    }
    if blank < text.len() {
        found.push((Kind::Blank, at(text, blank)));
    }
    Ok(found)
}

/// Appends the token at the front with its parts, and returns its length; nothing for a blank.
fn next<'a>(rest: &'a str, found: &mut Vec<Token<'a>>) -> usize {
    let front = |len: usize| rest.get(..len).unwrap_or_default();
    let first = rest.chars().next().unwrap_or(' ');
    if first == '<'
        && let Some(len) = tag(rest)
    {
        found.push((Kind::Tag, front(len)));
        return len;
    }
    if first == '&'
        && let Some(len) = entity(rest)
    {
        found.push((Kind::Entity, front(len)));
        return len;
    }
    if is_word(first)
        && let Some(len) = email(rest)
    {
        found.push((Kind::Email, front(len)));
        return len;
    }
    if first.is_ascii_alphabetic() {
        let scheme = span(rest, |c| c.is_ascii_alphabetic());
        if at(rest, scheme).starts_with("://") {
            found.push((Kind::Protocol, front(scheme + 3)));
            return scheme + 3;
        }
    }
    if is_word(first)
        && let Some(len) = host(rest)
    {
        let host_text = front(len);
        let path = url_path(at(rest, len));
        if path > 0 {
            found.push((Kind::Url, front(len + path)));
            found.push((Kind::Host, host_text));
            found.push((Kind::UrlPath, at(rest, len).get(..path).unwrap_or_default()));
        } else {
            found.push((Kind::Host, host_text));
        }
        return len + path;
    }
    if let Some((kind, len)) = number(rest) {
        found.push((kind, front(len)));
        return len;
    }
    if let Some(len) = file(rest) {
        found.push((Kind::File, front(len)));
        return len;
    }
    if !is_word(first) {
        return first.len_utf8();
    }
    word(rest, found)
}

fn word_kind(word: &str, kinds: [Kind; 3]) -> Kind {
    let [ascii, letters, mixed] = kinds;
    if word.bytes().any(|b| b.is_ascii_digit()) {
        mixed
    } else if word.is_ascii() {
        ascii
    } else {
        letters
    }
}

/// A word, or several joined by hyphens, of which at least the first has a letter.
fn word<'a>(rest: &'a str, found: &mut Vec<Token<'a>>) -> usize {
    let first = span(rest, is_word);
    let mut len = first;
    let mut parts = vec![rest.get(..first).unwrap_or_default()];
    while let Some(tail) = at(rest, len).strip_prefix('-') {
        let part = span(tail, is_word);
        if part == 0 {
            break;
        }
        parts.push(tail.get(..part).unwrap_or_default());
        len += 1 + part;
    }
    let whole = rest.get(..len).unwrap_or_default();
    if parts.len() == 1 {
        found.push((word_kind(whole, [Kind::AsciiWord, Kind::Word, Kind::NumWord]), whole));
        return len;
    }
    found.push((word_kind(whole, [Kind::HyphenAscii, Kind::Hyphen, Kind::HyphenNum]), whole));
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            found.push((Kind::Blank, "-"));
        }
        let kinds = [Kind::HyphenAsciiPart, Kind::HyphenPart, Kind::HyphenNumPart];
        found.push((word_kind(part, kinds), part));
    }
    len
}

fn tag(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('<')?;
    let first = inner.chars().next()?;
    if !(first.is_ascii_alphabetic() || matches!(first, '/' | '!' | '?')) {
        return None;
    }
    rest.find('>').map(|end| end + 1)
}

fn entity(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('&')?;
    let len = match inner.strip_prefix('#') {
        Some(number) => 1 + span(number, |c| c.is_ascii_alphanumeric()),
        None => span(inner, |c| c.is_ascii_alphanumeric()),
    };
    (len > 0 && at(inner, len).starts_with(';')).then_some(len + 2)
}

fn email(rest: &str) -> Option<usize> {
    let local = span(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'));
    let domain = at(rest, local).strip_prefix('@')?;
    host(domain).map(|len| local + 1 + len)
}

/// Labels with dots between, the last of letters, and a port.
fn host(rest: &str) -> Option<usize> {
    let mut len = 0;
    let mut labels = 0;
    let mut last;
    loop {
        let label = span(at(rest, len), |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        last = at(rest, len).get(..label)?;
        if label == 0 || last.ends_with('-') {
            return None;
        }
        labels += 1;
        len += label;
        let tail = at(rest, len);
        let goes_on = tail
            .strip_prefix('.')
            .is_some_and(|tail| tail.starts_with(|c: char| c.is_ascii_alphanumeric()));
        if !goes_on {
            break;
        }
        len += 1;
    }
    if labels < 2 || last.len() < 2 || !last.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    if at(rest, len).starts_with(|c: char| !c.is_ascii()) {
        return None;
    }
    if let Some(port) = at(rest, len).strip_prefix(':') {
        let digits = span(port, |c| c.is_ascii_digit());
        if digits > 0 {
            len += 1 + digits;
        }
    }
    Some(len)
}

/// The path behind a host.
fn url_path(rest: &str) -> usize {
    if !rest.starts_with('/') {
        return 0;
    }
    let ends =
        |c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '<' | '>') || !c.is_ascii();
    let len = span(rest, |c| !ends(c));
    if len > 1 { len } else { 0 }
}

/// A number, and its kind. One that letters follow is the beginning of a word.
fn number(rest: &str) -> Option<(Kind, usize)> {
    let sign = usize::from(rest.starts_with(['-', '+']));
    let digits = |from: usize| span(at(rest, from), |c| c.is_ascii_digit());
    let whole = digits(sign);
    if whole == 0 {
        return None;
    }
    let mut len = sign + whole;
    let mut kind = if sign > 0 { Kind::Int } else { Kind::UnsignedInt };
    let mut dots = 0;
    while at(rest, len).starts_with('.') && digits(len + 1) > 0 {
        len += 1 + digits(len + 1);
        dots += 1;
        if sign > 0 && dots == 1 {
            break;
        }
    }
    match dots {
        0 => {}
        1 => kind = Kind::Float,
        _ => kind = Kind::Version,
    }
    if dots < 2 && at(rest, len).starts_with(['e', 'E']) {
        let exponent_sign = usize::from(at(rest, len + 1).starts_with(['-', '+']));
        let exponent = digits(len + 1 + exponent_sign);
        if exponent > 0 {
            len += 1 + exponent_sign + exponent;
            kind = Kind::ScientificFloat;
        }
    }
    let tail = at(rest, len);
    let goes_on = tail.starts_with(is_letter)
        || tail
            .strip_prefix('-')
            .is_some_and(|tail| sign == 0 && dots == 0 && tail.starts_with(is_letter));
    (!goes_on).then_some((kind, len))
}

/// A path: it begins with `/`, `./`, `../` or `~/`, or has a `/` between words.
fn file(rest: &str) -> Option<usize> {
    let part = |c: char| is_word(c) || matches!(c, '_' | '-' | '.' | '+');
    let len = span(rest, |c| part(c) || c == '/' || c == '~');
    let text = rest.get(..len)?.trim_end_matches(['/', '.', '-']);
    let rooted = ["/", "./", "../", "~/"]
        .iter()
        .any(|root| text.strip_prefix(root).is_some_and(|tail| tail.starts_with(is_word)));
    let relative = text.starts_with(is_word)
        && text.split_once('/').is_some_and(|(_, tail)| tail.starts_with(is_word));
    (rooted || relative).then_some(text.len())
}

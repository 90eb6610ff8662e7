//! `to_number`: reads what a number template describes.
//!
//! Source: PostgreSQL 16 `formatting.c` (`NUM_processor`, `NUM_numpart_from_char`).

use types::{Numeric, Result, SqlError, SqlState};

use super::number_template::{Description, Node, parse};
use crate::convert::scalars;

scalars! { pub(crate) const TABLE =
    "numeric_to_number"(text: &str, template: &str) => to_number(text, template);
}

/// Characters that belong to a number: templates do not pass over them.
const DATA: &[u8] = b"0123456789.,+-";

struct Reader<'t> {
    text: &'t str,
    at: usize,
    description: Description,
    /// A blank as long as none was read.
    sign: char,
    digits: String,
    has_point: bool,
    /// Digits read before and after the point.
    pre: usize,
    post: usize,
}

fn to_number(text: &str, template: &str) -> Result<Option<Numeric>> {
    if template.is_empty() {
        return Ok(None);
    }
    let parsed = parse(template)?;
    let (nodes, description) = (&parsed.0, parsed.1);
    if description.roman {
        return Err(SqlError::unsupported("\"RN\" not supported for input"));
    }
    if description.scientific {
        return Err(SqlError::unsupported("\"EEEE\" not supported for input"));
    }
    let mut reader = Reader {
        text,
        at: 0,
        description,
        sign: ' ',
        digits: String::new(),
        has_point: false,
        pre: 0,
        post: 0,
    };
    for node in nodes {
        if reader.at_end() {
            break;
        }
        reader.node(node);
    }
    reader.finish().map(Some)
}

impl Reader<'_> {
    fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Nine | Node::Zero => {
                self.number(true);
                self.at += 1;
            }
            Node::Point => {
                self.number(false);
                self.at += 1;
            }
            Node::Group if self.description.fill_mode => {}
            Node::Group => self.at += usize::from(self.byte(0) == Some(b',')),
            Node::Currency => self.skip(1),
            Node::Ordinal(_) if !self.description.has_point => self.skip(2),
            Node::Minus => self.sign_of(b"-"),
            Node::Plus => self.sign_of(b"+"),
            Node::Sign => self.sign_of(b"-+"),
            Node::Literal(_) => self.at += self.character_len(),
            Node::Ordinal(_) | Node::Flag | Node::Roman(_) => {}
        }
    }

    fn character_len(&self) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        rest.chars().next().map_or(1, char::len_utf8)
    }

    /// Passes over characters that belong to no number.
    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            if self.byte(0).is_none_or(|byte| DATA.contains(&byte)) {
                break;
            }
            self.at += self.character_len();
        }
    }

    fn sign_of(&mut self, signs: &[u8]) {
        match self.byte(0).filter(|byte| signs.contains(byte)) {
            Some(sign) => {
                self.sign = sign.into();
                self.at += 1;
            }
            None => self.skip(1),
        }
    }

    /// A digit or the point, with a sign before or behind.
    fn number(&mut self, is_digit: bool) {
        self.at += usize::from(self.byte(0) == Some(b' '));
        if self.sign == ' ' && is_digit && self.pre + self.post == 0 {
            self.sign_before();
        }
        let Some(byte) = self.byte(0) else { return };
        let mut read = false;
        if byte.is_ascii_digit() {
            if self.has_point && self.post == self.description.post {
                return;
            }
            self.digits.push(byte.into());
            *(if self.has_point { &mut self.post } else { &mut self.pre }) += 1;
            read = true;
        } else if self.description.has_point && !self.has_point && byte == b'.' {
            self.digits.push('.');
            self.has_point = true;
            read = true;
        }
        if self.sign == ' ' && self.pre + self.post > 0 {
            self.sign_behind(read);
        }
    }

    fn sign_before(&mut self) {
        let sign = match self.byte(0) {
            Some(b'-') => '-',
            Some(b'+') => '+',
            Some(b'<') if self.description.bracket => '-',
            _ => return,
        };
        self.sign = sign;
        self.at += 1;
    }

    fn sign_behind(&mut self, read: bool) {
        let Description { has_lsign, plus, minus, .. } = self.description;
        let ahead = usize::from(has_lsign);
        let found = self.byte(ahead).filter(|byte| matches!(byte, b'-' | b'+'));
        if let Some(sign) = found
            && (has_lsign && read || !has_lsign && !read && (plus || minus))
        {
            self.sign = sign.into();
            self.at += ahead;
        }
    }

    fn finish(self) -> Result<Numeric> {
        let digits = self.digits.trim_end_matches('.');
        if digits.is_empty() {
            return Err(SqlError::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                format!("invalid input syntax for type numeric: \"{}\"", self.sign),
            ));
        }
        let mut value = types::numeric::parse(digits)?;
        if self.sign == '-' {
            value = -&value;
        }
        let Description { pre, multi, has_multi, .. } = self.description;
        let precision = i32::try_from(pre + multi + self.post).unwrap_or(i32::MAX);
        let scale = i32::try_from(self.post).unwrap_or(0);
        let typmod = types::numeric::numeric_typmod(precision.min(0x7fff), scale);
        value = value.apply_typmod(typmod)?;
        if has_multi {
            let multi = i32::try_from(multi).unwrap_or(0);
            value = value.mul(&Numeric::from(10).power(&Numeric::from(-multi))?)?;
        }
        Ok(value)
    }
}

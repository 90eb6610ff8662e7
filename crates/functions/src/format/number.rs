//! `to_char` of numbers.

use types::{Numeric, Result};

use super::number_template::{Description, Lsign, Node, parse};
use super::ordinal;
use crate::convert::scalars;

scalars! { pub(crate) const TABLE =
    "int4_to_char"(a: i32, template: &str) => to_char(&Value::Integer(a.into()), template);
    "int8_to_char"(a: i64, template: &str) => to_char(&Value::Integer(a), template);
    "numeric_to_char"(a: &Numeric, template: &str) => to_char(&Value::Numeric(a.clone()), template);
    "float4_to_char"(a: f32, template: &str) => to_char(&Value::Float(a.into(), 6), template);
    "float8_to_char"(a: f64, template: &str) => to_char(&Value::Float(a, 15), template);
}

enum Value {
    Integer(i64),
    Numeric(Numeric),
    /// With the digits that count.
    Float(f64, usize),
}

fn to_char(value: &Value, template: &str) -> Result<String> {
    let parsed = parse(template)?;
    let (nodes, mut description) = (&parsed.0, parsed.1);
    if template.is_empty() {
        return Ok(String::new());
    }
    if description.roman {
        let roman = roman(value)?;
        return Ok(Writer::new(description, "", '+', 0).run(nodes, &roman));
    }
    if description.scientific {
        return scientific(value, &description);
    }
    let text = plain(value, &mut description)?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ('-', digits.to_owned()),
        None => ('+', text),
    };
    let pre = digits.find('.').unwrap_or(digits.len());
    let spaces = description.pre.saturating_sub(pre);
    let digits = if pre > description.pre {
        format!("{}.{}", "#".repeat(description.pre), "#".repeat(description.post))
    } else {
        digits
    };
    let has_ordinal = nodes.iter().any(|node| matches!(node, Node::Ordinal(_)));
    if has_ordinal && digits == "NaN" {
        return Err(types::SqlError::new(
            types::SqlState::INVALID_TEXT_REPRESENTATION,
            format!("\"{digits}\" is not a number"),
        ));
    }
    Ok(Writer::new(description, &digits, sign, spaces).run(nodes, ""))
}

/// The number's digits, rounded to what the template shows; adjusts the template to the value.
fn plain(value: &Value, description: &mut Description) -> Result<String> {
    let multi = i32::try_from(description.multi).unwrap_or(0);
    let shift = |value: Numeric| -> Result<Numeric> {
        if multi == 0 {
            return Ok(value);
        }
        value.mul(&Numeric::from(10).power(&Numeric::from(multi))?)
    };
    if description.has_multi {
        description.pre += description.multi;
    }
    let post = i32::try_from(description.post).unwrap_or(i32::MAX);
    match value {
        Value::Integer(value) => {
            let shifted = shift(Numeric::from(*value))?.round(0)?;
            let zeros = "0".repeat(description.post);
            let point = if description.post > 0 { "." } else { "" };
            Ok(format!("{shifted}{point}{zeros}"))
        }
        Value::Numeric(value) => Ok(shift(value.clone())?.round(post)?.to_string()),
        Value::Float(value, digits) => {
            let value = *value * 10_f64.powi(multi);
            // Spelt as PostgreSQL does: the length of the word counts, too.
            let shown =
                (!value.is_finite()).then(|| Numeric::from_f64(value).map(|n| n.to_string()));
            let shown = shown.transpose()?;
            let pre = match &shown {
                Some(word) => word.trim_start_matches('-').len(),
                None => format!("{:.0}", value.abs()).len(),
            };
            if pre >= *digits {
                description.post = 0;
            } else if pre + description.post > *digits {
                description.post = digits - pre;
            }
            Ok(shown.unwrap_or_else(|| format!("{value:.*}", description.post)))
        }
    }
}

/// `1.234e+05`, with a blank in place of a plus.
fn scientific(value: &Value, description: &Description) -> Result<String> {
    let number = match value {
        Value::Integer(value) => Numeric::from(*value),
        Value::Numeric(value) => value.clone(),
        Value::Float(value, _) if value.is_finite() => {
            // Exactly, so that rounding sees what the binary value is.
            types::numeric::parse(&format!("{value:.*e}", description.post.clamp(40, 20_000)))?
        }
        Value::Float(..) => Numeric::NaN,
    };
    if !number.is_finite() {
        let (pre, post) = (description.pre, description.post);
        return Ok(format!(" {}.{}", "#".repeat(pre), "#".repeat(post + 4)));
    }
    let post = description.post;
    let digits = number.abs().to_string();
    // The position of the first significant digit gives the exponent.
    let point = digits.find('.').unwrap_or(digits.len());
    let first = digits.bytes().position(|b| matches!(b, b'1'..=b'9'));
    let mut exponent = first.map_or(0, |first| {
        let first = i32::try_from(first).unwrap_or(0);
        let point = i32::try_from(point).unwrap_or(0);
        if first < point { point - first - 1 } else { point - first }
    });
    let significand = |exponent: i32| -> Result<Numeric> {
        let places = i32::try_from(post).unwrap_or(0) - exponent;
        let rounded = number.abs().round(places)?;
        let power = types::numeric::parse(&format!("1e{}", exponent.unsigned_abs()))?;
        let shifted = if exponent >= 0 { rounded.div(&power)? } else { rounded.mul(&power)? };
        shifted.round(i32::try_from(post).unwrap_or(0))
    };
    let mut shown = significand(exponent)?;
    // A `numeric` that is rounded up to another digit keeps its exponent: `10.0e+01`.
    if shown >= Numeric::from(10) && !matches!(value, Value::Numeric(_)) {
        exponent += 1;
        shown = significand(exponent)?;
    }
    let sign = if number.signum() < 0 { '-' } else { ' ' };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    Ok(format!("{sign}{shown}e{exponent_sign}{:02}", exponent.unsigned_abs()))
}

/// Roman numerals of 1 ..= 3999; anything else is not shown.
fn roman(value: &Value) -> Result<String> {
    let number = match value {
        Value::Integer(value) => Some(*value),
        Value::Numeric(value) => Some(value.to_i32()?.into()),
        Value::Float(value, _) => crate::float::to_integer(*value, -1e9, 1e9),
    };
    let Some(mut rest) = number.filter(|n| (1..=3999).contains(n)) else {
        return Ok("#".repeat(15));
    };
    const SYMBOLS: [(i64, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut out = String::new();
    for (value, symbol) in SYMBOLS {
        while rest >= value {
            out.push_str(symbol);
            rest -= value;
        }
    }
    Ok(out)
}

/// Writes a number's digits into a template, from left to right.
struct Writer {
    description: Description,
    digits: Vec<char>,
    /// The digit that comes next.
    next: usize,
    sign: char,
    sign_written: bool,
    /// Positions before the number's first digit.
    spaces: usize,
    /// The last digit that fill mode keeps.
    last_relevant: Option<usize>,
    /// Positions that there are.
    count: usize,
    position: usize,
    /// Whether a digit was just written, which is when a group separator shows.
    in_number: bool,
    out: String,
    /// Where the text ends, whatever else the template says.
    ended: Option<usize>,
}

impl Writer {
    fn new(mut description: Description, digits: &str, sign: char, spaces: usize) -> Writer {
        let digits: Vec<char> = digits.chars().collect();
        description.zero_start = description.zero_start.saturating_sub(1);
        let sign_written;
        if description.plus || description.minus {
            sign_written = !description.plus || description.minus;
        } else {
            if sign != '-' && description.fill_mode {
                description.bracket = false;
            }
            sign_written = sign == '+' && description.fill_mode && !description.has_lsign;
            if description.lsign == Lsign::Before && description.pre == description.pre_lsign {
                description.lsign = Lsign::After;
            }
        }
        let mut count = (description.post + description.pre).saturating_sub(1);
        let mut last_relevant = None;
        if description.fill_mode && description.has_point {
            last_relevant = last_relevant_digit(&digits);
            if let Some(last) = last_relevant
                && description.zero_end > spaces
            {
                let zero = digits.len().saturating_sub(1).min(description.zero_end - spaces);
                last_relevant = Some(last.max(zero));
            }
        }
        if !sign_written && spaces == 0 {
            count += 1;
        }
        Writer {
            description,
            digits,
            next: 0,
            sign,
            sign_written,
            spaces,
            last_relevant,
            count,
            position: 0,
            in_number: false,
            out: String::new(),
            ended: None,
        }
    }

    fn run(mut self, nodes: &[Node], roman: &str) -> String {
        let fill = self.description.fill_mode;
        for node in nodes {
            match node {
                Node::Nine | Node::Zero | Node::Point => self.digit(node),
                Node::Group if !self.in_number => self.blank(),
                Node::Group => self.out.push(','),
                Node::Currency => self.out.push(' '),
                Node::Minus if self.sign == '-' => self.out.push('-'),
                Node::Plus if self.sign == '+' => self.out.push('+'),
                Node::Minus | Node::Plus => self.blank(),
                Node::Sign => self.out.push(self.sign),
                Node::Roman(upper) => {
                    let shown = if *upper { roman.to_owned() } else { roman.to_lowercase() };
                    if fill {
                        self.out.push_str(&shown);
                    } else {
                        self.out.push_str(&format!("{shown:>15}"));
                    }
                }
                Node::Ordinal(upper) => {
                    let unsuitable = self.description.roman
                        || self.digits.first() == Some(&'#')
                        || self.sign == '-'
                        || self.description.has_point;
                    if !unsuitable {
                        let digits: String = self.digits.iter().collect();
                        let suffix = ordinal(&digits);
                        self.out.push_str(&if *upper {
                            suffix.to_uppercase()
                        } else {
                            suffix.to_owned()
                        });
                    }
                }
                Node::Flag => {}
                Node::Literal(text) => self.out.push_str(text),
            }
        }
        self.out.truncate(self.ended.unwrap_or(self.out.len()));
        self.out
    }

    fn blank(&mut self) {
        if !self.description.fill_mode {
            self.out.push(' ');
        }
    }

    /// A leading zero that the template does not ask for.
    fn is_hidden_zero(&self) -> bool {
        !self.description.has_zero
            && self.next == 0
            && self.digits.first() == Some(&'0')
            && self.description.post != 0
    }

    /// Fill mode leaves nothing of the fraction but its point.
    fn ends_with_point(&self) -> bool {
        self.last_relevant.is_some_and(|last| self.digits.get(last) == Some(&'.'))
    }

    fn sign(&mut self) {
        let reached = self.position >= self.spaces
            || (self.description.has_zero && self.description.zero_start == self.position);
        if self.sign_written || !reached || (self.is_hidden_zero() && !self.ends_with_point()) {
            return;
        }
        if self.description.has_lsign {
            if self.description.lsign == Lsign::Before {
                self.out.push(self.sign);
                self.sign_written = true;
            }
        } else if self.description.bracket {
            self.out.push(if self.sign == '+' { ' ' } else { '<' });
            self.sign_written = true;
        } else {
            if self.sign == '-' {
                self.out.push('-');
            } else {
                self.blank();
            }
            self.sign_written = true;
        }
    }

    fn digit(&mut self, node: &Node) {
        if self.description.roman {
            return;
        }
        self.in_number = false;
        self.sign();
        let before = self.position < self.spaces;
        let zeros = self.description.has_zero && self.description.zero_start <= self.position;
        if before && !zeros {
            self.blank();
        } else if before {
            self.out.push('0');
            self.in_number = true;
        } else {
            match self.digits.get(self.next).copied() {
                Some('.') => {
                    if !self.ends_with_point() || self.description.fill_mode {
                        self.out.push('.');
                    }
                }
                digit => {
                    if self.last_relevant.is_some_and(|last| self.next > last)
                        && *node != Node::Zero
                    {
                        // Fill mode drops it.
                    } else if self.is_hidden_zero() {
                        if !self.description.fill_mode {
                            self.out.push(' ');
                        } else if self.ends_with_point() {
                            self.out.push('0');
                        }
                    } else if let Some(digit) = digit {
                        self.out.push(digit);
                        self.in_number = true;
                    } else {
                        // A point where the number has none ends the text.
                        self.ended = self.ended.or(Some(self.out.len()));
                    }
                }
            }
            if self.next < self.digits.len() {
                self.next += 1;
            }
        }
        let mut end =
            self.count + usize::from(self.spaces > 0) + usize::from(self.description.has_point);
        if self.last_relevant.is_some_and(|last| last == self.next) {
            end = self.position;
        }
        if self.position + 1 == end {
            if self.sign_written && self.description.bracket {
                self.out.push(if self.sign == '+' { ' ' } else { '>' });
            } else if self.description.has_lsign && self.description.lsign == Lsign::After {
                self.out.push(self.sign);
            }
        }
        self.position += 1;
    }
}

/// The point, or the last digit after it that is not zero.
fn last_relevant_digit(digits: &[char]) -> Option<usize> {
    let point = digits.iter().position(|digit| *digit == '.')?;
    let last = digits.iter().rposition(|digit| *digit != '0')?;
    Some(last.max(point))
}

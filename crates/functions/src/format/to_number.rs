//! `to_number`: reads what a number template describes.

use types::{Numeric, Result, SqlError, SqlState};

use super::number_template::{Node, parse};
use crate::convert::scalars;

scalars! { pub(crate) const TABLE =
    "numeric_to_number"(text: &str, template: &str) => to_number(text, template);
}

fn to_number(text: &str, template: &str) -> Result<Option<Numeric>> {
    if template.is_empty() {
        return Ok(None);
    }
    let (nodes, description) = parse(template)?;
    if description.roman {
        return Err(SqlError::unsupported("\"RN\" not supported for input"));
    }
    if description.scientific {
        return Err(SqlError::unsupported("\"EEEE\" not supported for input"));
    }
    let mut rest = text;
    let mut negative = false;
    let mut sign_read = false;
    let mut digits = String::new();
    let mut has_point = false;
    let mut fraction_left = description.post;
    let skip = |rest: &mut &str, count: usize| {
        let end = rest.char_indices().nth(count).map_or(rest.len(), |(at, _)| at);
        *rest = rest.get(end..).unwrap_or("");
    };
    for node in &nodes {
        if rest.is_empty() {
            break;
        }
        match node {
            Node::Nine | Node::Zero | Node::Point => {
                rest = rest.trim_start_matches(' ');
                if !sign_read && digits.is_empty() {
                    let sign = rest.chars().next();
                    if matches!(sign, Some('-' | '+')) || (description.bracket && sign == Some('<'))
                    {
                        negative = sign != Some('+');
                        sign_read = true;
                        skip(&mut rest, 1);
                        rest = rest.trim_start_matches(' ');
                    }
                }
                match rest.chars().next() {
                    Some(c @ '0'..='9') => {
                        if has_point {
                            if fraction_left == 0 {
                                continue;
                            }
                            fraction_left -= 1;
                        }
                        digits.push(c);
                        skip(&mut rest, 1);
                    }
                    Some('.') if description.has_point && !has_point => {
                        has_point = true;
                        digits.push('.');
                        skip(&mut rest, 1);
                    }
                    _ => {}
                }
                // A sign after the digits.
                let may_follow = !sign_read && !digits.is_empty();
                if may_follow
                    && (description.has_lsign || description.bracket)
                    && let Some(c @ ('-' | '+')) = rest.chars().next()
                {
                    negative = c == '-';
                    sign_read = true;
                    skip(&mut rest, 1);
                }
            }
            Node::Group => {
                if rest.starts_with(',') {
                    skip(&mut rest, 1);
                }
            }
            Node::Currency => {
                if !rest
                    .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | ','))
                {
                    skip(&mut rest, 1);
                }
            }
            Node::Minus | Node::Plus | Node::Sign => match rest.chars().next() {
                Some('-') => {
                    negative = true;
                    skip(&mut rest, 1);
                }
                Some('+') => skip(&mut rest, 1),
                _ => {}
            },
            Node::Ordinal(_) => skip(&mut rest, 2),
            Node::Literal(_) => skip(&mut rest, 1),
            Node::Flag | Node::Roman(_) => {}
        }
    }
    if digits.is_empty() || digits == "." {
        return Err(SqlError::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!(
                "invalid input syntax for type numeric: \"{}\"",
                if negative { "-" } else { " " }
            ),
        ));
    }
    let mut value = types::numeric::parse(&digits)?;
    if negative {
        value = -&value;
    }
    // The result has the template's scale.
    let post = i32::try_from(description.post).unwrap_or(0);
    value = value.round(post)?;
    if description.has_multi {
        let multi = i32::try_from(description.multi).unwrap_or(0);
        value = value.mul(&Numeric::from(10).power(&Numeric::from(-multi))?)?;
    }
    Ok(Some(value))
}

//! The fast way in: dates and times in plain ISO form. Anything else goes to the full grammar.

use super::calendar::{CivilTime, month_days};

/// What an ISO text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Iso {
    pub(super) civil: CivilTime,
    /// Seconds east of UTC, if given.
    pub(super) east: Option<i32>,
}

/// Reads `yyyy-mm-dd[( |T)hh:mm[:ss[.f{1,6}]][(Z|±hh[[:]mm])]]`; `None` for anything else, however
/// valid it may be.
pub(super) fn parse(text: &str) -> Option<Iso> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    if year == 0 || !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    let mut civil = CivilTime { year, month, day, ..CivilTime::default() };
    let [b' ' | b'T', h1, h2, b':', n1, n2, rest @ ..] = rest else {
        return rest.is_empty().then_some(Iso { civil, east: None });
    };
    (civil.hour, civil.minute) = (two(*h1, *h2)?, two(*n1, *n2)?);
    let mut rest = rest;
    if let [b':', s1, s2, after @ ..] = rest {
        civil.second = two(*s1, *s2)?;
        rest = after;
        if let [b'.', fraction @ ..] = rest {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 || digits > 6 {
                return None;
            }
            let (digits, after) = fraction.split_at_checked(digits)?;
            let scale = 10_i32.pow(6 - u32::try_from(digits.len()).ok()?);
            civil.micros =
                digits.iter().fold(0, |value, b| value * 10 + i32::from(b - b'0')) * scale;
            rest = after;
        }
    }
    if civil.hour > 23 || civil.minute > 59 || civil.second > 59 {
        return None;
    }
    let east = match rest {
        [] => None,
        [b'Z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, minutes @ ..] => {
            let hours = two(*h1, *h2)?;
            let minutes = match minutes {
                [] => 0,
                [m1, m2] | [b':', m1, m2] => two(*m1, *m2)?,
                _ => return None,
            };
            if hours > 15 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => return None,
    };
    Some(Iso { civil, east })
}

fn two(tens: u8, ones: u8) -> Option<i32> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_forms() {
        let full = parse("2024-02-29 23:59:58.5+05:30").unwrap();
        assert_eq!((full.civil.micros, full.east), (500_000, Some(19_800)));
        assert_eq!(parse("2024-02-29").unwrap().east, None);
        assert_eq!(parse("2024-02-29T01:02Z").unwrap().civil.minute, 2);
        for text in [
            "2023-02-29",
            "2024-1-1",
            "2024-01-01 24:00:00",
            "2024-01-01 ",
            "0000-01-01",
            "2024-01-01 00:00:60",
            "2024-01-01 00:00:00 +01",
            "2024-01-01 BC",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

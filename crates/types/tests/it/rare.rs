//! Values of the types that no column can hold: text and binary in both directions.

use bytes::BytesMut;
use types::{Datum, FormatSettings, Oid, binary, compare, oid, text};

/// Types with texts that print as they were read.
const VALUES: &[(Oid, &[&str])] = &[
    (oid::INET, &["192.168.1.5", "10.0.0.0/8", "::1", "2001:db8::/32", "::ffff:1.2.3.4"]),
    (oid::CIDR, &["10.0.0.0/8", "1.2.3.4/32", "::/0"]),
    (oid::MACADDR, &["08:00:2b:01:02:03"]),
    (oid::MACADDR8, &["08:00:2b:01:02:03:04:05"]),
    (oid::BIT, &["", "1", "101", "10110011", "101100111"]),
    (oid::VARBIT, &["", "0101"]),
    (oid::INT4RANGE, &["empty", "[1,5)", "(,5)", "[3,)", "(,)"]),
    (oid::NUMRANGE, &["(1.50,2]", "[NaN,NaN]"]),
    (oid::TSRANGE, &["[\"2020-01-01 10:00:00\",\"2020-01-02 00:00:00\")"]),
    (oid::DATERANGE, &["[2020-01-01,2020-02-01)", "[-infinity,2020-01-01)"]),
    (oid::INT4MULTIRANGE, &["{}", "{[1,3),[5,9)}", "{(,2),[4,)}"]),
    (oid::TSVECTOR, &["", "'a':1 'b':2A,5C", "'it''s'"]),
    (oid::TSQUERY, &["", "'a' & !'b'", "'a' <-> ( 'b' | 'c':*AB )", "'a' <5> 'b'"]),
    (oid::JSONPATH, &["$", "strict $.\"a\"[*]?(@ > 1 && @.\"b\" like_regex \"x\" flag \"i\")"]),
    (oid::POINT, &["(1,-2.5)", "(Infinity,NaN)"]),
    (oid::LSEG, &["[(1,2),(3,4)]"]),
    (oid::BOX, &["(3,4),(1,2)"]),
    (oid::PATH, &["((1,2),(3,4))", "[(1,2),(3,4)]"]),
    (oid::POLYGON, &["((1,2),(3,4),(5,6))"]),
    (oid::CIRCLE, &["<(1,2),3>"]),
    (oid::PG_LSN, &["16/B374D848"]),
    (oid::XID8, &["18446744073709551615"]),
    (oid::MONEY, &["$1,234.50", "-$0.01"]),
    (oid::BOX_ARRAY, &["{(2,2),(1,1);(4,4),(3,3)}"]),
    (oid::INT4RANGE_ARRAY, &["{\"[1,2)\",empty}"]),
];

fn all() -> impl Iterator<Item = (Oid, &'static str, Datum)> {
    let settings = FormatSettings::default();
    VALUES.iter().flat_map(|(ty, texts)| texts.iter().map(|text| (*ty, *text))).map(
        move |(ty, shown)| {
            let value = text::input(ty, -1, shown, &settings);
            (ty, shown, value.unwrap_or_else(|error| panic!("{shown}: {error:?}")))
        },
    )
}

#[test]
fn text_prints_as_read() {
    let settings = FormatSettings::default();
    for (ty, shown, value) in all() {
        assert_eq!(text::to_string(&value, ty, &settings), shown);
    }
}

#[test]
fn binary_round_trip() {
    for (ty, shown, value) in all() {
        let mut sent = BytesMut::new();
        binary::send(&value, ty, &mut sent);
        let back = binary::receive(ty, -1, &sent).unwrap_or_else(|e| panic!("{shown}: {e:?}"));
        assert!(compare::equal(&back, &value), "{shown}: {back:?}");
        assert_eq!(text::to_string(&back, ty, &FormatSettings::default()), shown);
    }
}

/// Damaged bytes give errors or other values, never panics, and what is accepted can be shown.
#[test]
fn binary_garbage() {
    for (ty, _, value) in all() {
        let mut sent = BytesMut::new();
        binary::send(&value, ty, &mut sent);
        for at in 0..sent.len() {
            for bit in 0..8 {
                let mut damaged = sent.to_vec();
                damaged[at] ^= 1 << bit;
                for bytes in [&damaged[..], &damaged[..at]] {
                    if let Ok(value) = binary::receive(ty, -1, bytes) {
                        text::to_string(&value, ty, &FormatSettings::default());
                    }
                }
            }
        }
    }
}

/// Cut and damaged texts give errors or other values, never panics.
#[test]
fn text_garbage() {
    let settings = FormatSettings::default();
    for (ty, shown, _) in all() {
        for (at, _) in shown.char_indices() {
            for replacement in ["", "\\", "\"", "(", "]", ",", "9", "ä", " "] {
                let mut damaged = shown.to_owned();
                damaged.replace_range(at..=at, replacement);
                let _ = text::input(ty, -1, &damaged, &settings);
                let _ = text::input(ty, -1, &shown[..at], &settings);
            }
        }
    }
}

//! Foreign bytes and texts give errors, never panics.

use bytes::BytesMut;
use proptest::prelude::*;
use types::{Datum, FormatSettings, RowReader, binary, encode_row, key, oid, text};

use crate::strategy::{TYPES, typed};

/// Bytes that are nearly right.
fn damaged(bytes: &[u8], at: prop::sample::Index, by: u8, cut: bool) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if !bytes.is_empty() {
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if cut {
            bytes.truncate(at);
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn binary_garbage(
        (type_oid, datum) in typed(TYPES),
        at in any::<prop::sample::Index>(),
        by in any::<u8>(),
        cut in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut sent = BytesMut::new();
        binary::send(&datum, type_oid, &mut sent);
        for bytes in [damaged(&sent, at, by, cut), noise] {
            if let Ok(value) = binary::receive(type_oid, -1, &bytes) {
                // What was accepted can be shown and stored.
                text::to_string(&value, type_oid, &FormatSettings::default());
                encode_row(&[value], &mut Vec::new());
            }
        }
    }

    #[test]
    fn row_garbage(
        (type_oid, datum) in typed(TYPES),
        at in any::<prop::sample::Index>(),
        by in any::<u8>(),
        cut in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut row = Vec::new();
        encode_row(&[datum.clone(), Datum::Null, datum], &mut row);
        for bytes in [damaged(&row, at, by, cut), noise] {
            if let Ok(row) = RowReader::new(&bytes) {
                for i in 0..4 {
                    let _ = row.get(i, type_oid);
                }
            }
            let _ = key::skip(&mut bytes.as_slice());
        }
    }

    #[test]
    fn text_garbage(
        type_oid in prop::sample::select(TYPES),
        noise in prop_oneof![
            any::<String>(),
            "[-+0-9:. TZPYMDHSinfatyesz/,]{0,24}",
            "[\\[\\]{}\",:\\\\0-9a-fnu ]{0,24}",
        ],
    ) {
        let settings = FormatSettings::default();
        if let Ok(value) = text::input(type_oid, -1, &noise, &settings) {
            text::to_string(&value, type_oid, &settings);
        }
        let _ = text::input(oid::JSON, -1, &noise, &settings);
        let _ = types::TimeZone::parse(&noise);
        let _ = types::json::shallow(&noise);
    }
}

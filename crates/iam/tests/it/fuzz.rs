//! No string makes the verifier panic, and none but a signed token passes.

use proptest::prelude::*;

use crate::world::{NOON, ask, vector_a, vector_b};

fn is_refused(token: &str) -> Result<(), TestCaseError> {
    for user in ["admin", "app"] {
        for region in ["us-east-1", "eu-west-1"] {
            let answer = ask(token, region, user, NOON);
            prop_assert!(answer.is_err(), "{token}");
            if let Err(refusal) = answer {
                prop_assert_eq!(refusal.report().sqlstate, "28000");
            }
        }
    }
    Ok(())
}

/// The parts a token is made of, to be strung together at random.
fn part() -> impl Strategy<Value = String> {
    let parts: Vec<String> = vector_b()
        .split_inclusive(['?', '&', '=', '/', '%'])
        .map(str::to_owned)
        .chain(
            ["X-Amz-Expires=0", "%", "%zz", "\n", "é", "\0", "?", "&", "=", "+"].map(str::to_owned),
        )
        .collect();
    proptest::sample::select(parts)
}

proptest! {
    #[test]
    fn garbage_is_refused(token in any::<String>()) {
        is_refused(&token)?;
    }

    #[test]
    fn strung_parts_are_refused(parts in proptest::collection::vec(part(), 0..40)) {
        is_refused(&parts.concat())?;
    }

    #[test]
    fn any_other_byte_is_refused(at in any::<proptest::sample::Index>(), byte in 0_u8..128, b: bool) {
        let token = if b { vector_b() } else { vector_a() };
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        // Upper and lower case mean the same in the host and in percent escapes.
        prop_assume!(!bytes[at].eq_ignore_ascii_case(&byte));
        bytes[at] = byte;
        is_refused(&String::from_utf8(bytes).unwrap())?;
    }

    #[test]
    fn cut_and_inserted_is_refused(
        from in any::<proptest::sample::Index>(),
        len in 0_usize..20,
        inserted in "[ -~]{0,12}",
    ) {
        let token = vector_a();
        let from = from.index(token.len());
        let to = (from + len).min(token.len());
        let changed = format!("{}{inserted}{}", &token[..from], &token[to..]);
        // The optional slash is the one thing that may go.
        prop_assume!(!changed.eq_ignore_ascii_case(&token));
        prop_assume!(changed != token.replacen("/?", "?", 1));
        is_refused(&changed)?;
    }
}

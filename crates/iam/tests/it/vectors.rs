//! Tokens as AWS's own SDKs write them, each in its own order of parameters.

use iam::AmzTime;
use iam::token::{Action, TokenRequest, sign};

use crate::world::{self, HOST, NOON, ROLE_ARN, USER_ARN, ask, credentials};

const A: &str = "foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws/?Action=DbConnectAdmin&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261001%2Fus-east-1%2Fdsql%2Faws4_request&X-Amz-Date=20261001T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=bf5168f0bb39c0cf3c1eb2cb0dfa7a7dea7a6093caf28b20236639dad95d3ef2";
const B: &str = "foo0bar1baz2quux3quuux4abc.dsql.eu-west-1.on.aws/?Action=DbConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20261001%2Feu-west-1%2Fdsql%2Faws4_request&X-Amz-Date=20261001T120000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEExample%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEaCXVzLWVhc3QtMSJHMEUCIQ%2Babc%2Fdef%3D%3D&X-Amz-Signature=43c2c55d7a75d5c0cb3110729fc5afe898f6288f48657dc8ca5b4c6760cba9d3";

/// The orders of the SDKs that have been looked at; a parameter that a token lacks is left out.
const ORDERS: [(&str, [&str; 8]); 6] = [
    (
        "botocore",
        ["Action", "Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Token", "Sig"],
    ),
    (
        "JavaScript",
        ["Action", "Algorithm", "Credential", "Date", "Expires", "Token", "Sig", "SignedHeaders"],
    ),
    (
        "Rust",
        ["Action", "Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Sig", "Token"],
    ),
    (
        "Go",
        ["Action", "Algorithm", "Credential", "Date", "Expires", "Token", "SignedHeaders", "Sig"],
    ),
    (
        "Java",
        ["Action", "Token", "Algorithm", "Date", "SignedHeaders", "Expires", "Credential", "Sig"],
    ),
    (
        ".NET",
        ["Action", "Expires", "Token", "Algorithm", "Credential", "Date", "SignedHeaders", "Sig"],
    ),
];

/// `token` with its parameters in another order.
fn reorder(token: &str, order: &[&str; 8]) -> String {
    let (host, query) = token.split_once('?').unwrap();
    let pairs: Vec<&str> = query.split('&').collect();
    let reordered: Vec<&str> = order
        .iter()
        .filter_map(|short| {
            let name = match *short {
                "Action" => "Action".to_owned(),
                "Token" => "X-Amz-Security-Token".to_owned(),
                "Sig" => "X-Amz-Signature".to_owned(),
                other => format!("X-Amz-{other}"),
            };
            pairs.iter().find(|pair| pair.split_once('=').unwrap().0 == name).copied()
        })
        .collect();
    assert_eq!(reordered.len(), pairs.len());
    format!("{host}?{}", reordered.join("&"))
}

#[test]
fn sign_writes_what_botocore_writes() {
    assert_eq!(world::vector_a(), A);
    assert_eq!(A.len(), 339);
    assert_eq!(world::vector_b(), B);
}

#[test]
fn sign_rust_sdk_vectors() {
    let now = AmzTime::from_unix(1_724_716_800);
    for (action, user, signature) in [
        (
            Action::DbConnect,
            "app",
            "f5f2ad764ca5df44045d4ab6ccecba0eef941b0007e5765885a0b6ed3702a3f8",
        ),
        (
            Action::DbConnectAdmin,
            "admin",
            "267cf8d04d84444f7a62d5bdb40c44bfc6cb13dd6c64fa7f772df6bbaa90fff1",
        ),
    ] {
        let token = sign(
            &credentials("akid", "secret", None),
            TokenRequest {
                host: "peccy.dsql.us-east-1.on.aws",
                region: "us-east-1",
                action,
                expires_s: 450,
                now,
            },
        );
        assert!(token.contains("X-Amz-Date=20240827T000000Z"), "{token}");
        assert!(token.ends_with(&format!("X-Amz-Signature={signature}")), "{token}");
        for (_, order) in &ORDERS {
            let token = reorder(&token, order);
            assert_eq!(ask(&token, "us-east-1", user, now), Ok(USER_ARN.to_owned()), "{token}");
        }
    }
}

#[test]
fn verify_accepts_every_order() {
    for (token, region, user, arn) in
        [(A, "us-east-1", "admin", USER_ARN), (B, "eu-west-1", "app", ROLE_ARN)]
    {
        for (sdk, order) in &ORDERS {
            let token = reorder(token, order);
            let without_slash = token.replacen("/?", "?", 1);
            // AWS encodes in upper case, but the meaning is the same.
            let lower_case = token.replace("%2F", "%2f").replace("%3D", "%3d");
            for token in [&token, &without_slash, &lower_case] {
                assert_eq!(ask(token, region, user, NOON), Ok(arn.to_owned()), "{sdk}: {token}");
            }
        }
    }
}

#[test]
fn verify_go_token() {
    let token = "foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws?Action=DbConnectAdmin&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261001%2Fus-east-1%2Fdsql%2Faws4_request&X-Amz-Date=20261001T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=bf5168f0bb39c0cf3c1eb2cb0dfa7a7dea7a6093caf28b20236639dad95d3ef2";
    assert_eq!(ask(token, "us-east-1", "admin", NOON), Ok(USER_ARN.to_owned()));
}

#[test]
fn verify_accepts_a_needlessly_encoded_token() {
    let token = A.replace("Action=DbConnectAdmin", "%41ction=%44bConnectAdmin");
    assert_eq!(ask(&token, "us-east-1", "admin", NOON), Ok(USER_ARN.to_owned()));
}

#[test]
fn verify_life_of_a_token() {
    let check = |at: i64, valid: bool| {
        let answer = ask(A, "us-east-1", "admin", NOON.plus(at));
        assert_eq!(answer.is_ok(), valid, "{at}: {answer:?}");
    };
    check(-301, false);
    check(-300, true);
    check(0, true);
    check(899, true);
    check(900, false);
}

#[test]
fn verify_longest_and_shortest_life() {
    for (expires_s, valid) in [(0, false), (1, true), (604_800, true), (604_801, false)] {
        let token = sign(
            &credentials("AKIAIOSFODNN7EXAMPLE", world::SECRET, None),
            TokenRequest { expires_s, ..world::request() },
        );
        assert_eq!(ask(&token, "us-east-1", "admin", NOON).is_ok(), valid, "{expires_s}");
    }
}

/// Some SDKs sign the host as given and some in lower case; both write it as given.
#[test]
fn verify_host_in_capitals() {
    let shouted = A.replacen(HOST, &HOST.to_uppercase(), 1);
    assert_eq!(ask(&shouted, "us-east-1", "admin", NOON), Ok(USER_ARN.to_owned()));
    let token = sign(
        &credentials("AKIAIOSFODNN7EXAMPLE", world::SECRET, None),
        TokenRequest { host: &HOST.to_uppercase(), ..world::request() },
    );
    assert_eq!(token, A);
}

#[test]
fn verify_loopback_hosts() {
    for host in ["localhost", "[::1]"] {
        let token = sign(
            &credentials("AKIAIOSFODNN7EXAMPLE", world::SECRET, None),
            TokenRequest { host, ..world::request() },
        );
        assert_eq!(ask(&token, "us-east-1", "admin", NOON), Ok(USER_ARN.to_owned()), "{host}");
    }
}

/// Parameters that no SDK sends are signed like the others.
#[test]
fn verify_unknown_parameter_is_signed() {
    let token = A.replacen("&X-Amz-Signature", "&zz=1&X-Amz-Signature", 1);
    assert!(ask(&token, "us-east-1", "admin", NOON).is_err());
}

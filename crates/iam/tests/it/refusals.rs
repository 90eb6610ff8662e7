//! Tokens that must not be accepted, each with what the client reads.

use iam::sigv4::{Scope, SigningKey, canonical_get, canonical_query, string_to_sign};
use iam::token::{Refusal, Report, ScopeFault};

use crate::world::{HOST, NOON, SECRET, ask, vector_a, vector_b};

const INVALID: &str = "The security token included in the request is invalid.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you \
    provided. Check your AWS Secret Access Key and signing method. \
    Consult the service documentation for details.";

/// Vector A with one text replaced by another, which must be there.
fn a(from: &str, to: &str) -> String {
    swap(&vector_a(), from, to)
}

/// Vector B with one text replaced by another, which must be there.
fn b(from: &str, to: &str) -> String {
    swap(&vector_b(), from, to)
}

#[track_caller]
fn swap(token: &str, from: &str, to: &str) -> String {
    assert!(token.contains(from), "{from}");
    token.replacen(from, to, 1)
}

/// Replaces a token's signature by a right one, as somebody does who has the secret.
fn resigned(token: &str) -> String {
    let (unsigned, _) = token.split_once("&X-Amz-Signature=").unwrap();
    let (host, query) = unsigned.split_once('?').unwrap();
    let pairs: Vec<(String, String)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), iam::percent::decode(value).unwrap().into_owned()))
        .collect();
    let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v);
    let parts: Vec<&str> = value("X-Amz-Credential").split('/').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    let scope = Scope { date: part(1), region: part(2), service: part(3) };
    let query = canonical_query(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let request = canonical_get(host.trim_end_matches('/'), &query);
    let text = string_to_sign(value("X-Amz-Date"), scope, &request);
    format!("{unsigned}&X-Amz-Signature={}", SigningKey::derive(SECRET, scope).sign(&text))
}

#[track_caller]
fn check(token: &str, region: &str, user: &str, hint: &str) {
    let report = ask(token, region, user, NOON).expect_err(token).report();
    let expected = Report {
        message: "unable to accept connection, access denied",
        hint: Some(hint.to_owned()),
        sqlstate: "28000",
    };
    assert_eq!(report, expected, "{token}");
}

#[test]
fn refusal_of_what_is_no_token() {
    for (token, what) in [
        ("".to_owned(), "it has no query string"),
        ("password".to_owned(), "it has no query string"),
        (HOST.to_owned(), "it has no query string"),
        ("SCRAM-SHA-256$4096:c2FsdA==$a:b".to_owned(), "it has no query string"),
        ("?".to_owned(), "it does not begin with a host name"),
        ("/?Action=DbConnect".to_owned(), "it does not begin with a host name"),
        (a("foo0", "https://foo0"), "it does not begin with a host name"),
        (a("/?", "//?"), "it does not begin with a host name"),
        (a("/?", "/path?"), "it does not begin with a host name"),
        (a("foo0", "foo0\n"), "it does not begin with a host name"),
        (a("foo0", "foö0"), "it does not begin with a host name"),
        (a("foo0", "foo%300"), "it does not begin with a host name"),
        (a("foo0", &"f".repeat(300)), "it does not begin with a host name"),
        (format!("{HOST}/?"), "a parameter has no value"),
        (a("DbConnectAdmin&", "DbConnectAdmin&&"), "a parameter has no value"),
        (format!("{}&", vector_a()), "a parameter has no value"),
        (a("=host", ""), "a parameter has no value"),
        (a("AWS4-HMAC", "AWS4%"), "a percent escape is invalid"),
        (a("%2Fdsql", "%2"), "a percent escape is invalid"),
        (a("Action", "%FF"), "a percent escape is invalid"),
        (a("DbConnectAdmin", "%C3%28"), "a percent escape is invalid"),
        (format!("{}{}", vector_a(), "&x=1".repeat(40)), "it has more than 32 parameters"),
        (format!("{}&x={}", vector_a(), "x".repeat(16_384)), "it is longer than 16 KiB"),
        (a("=DbConnectAdmin", "="), "its action is neither DbConnect nor DbConnectAdmin"),
        (
            a("DbConnectAdmin", "dbconnectadmin"),
            "its action is neither DbConnect nor DbConnectAdmin",
        ),
        (a("DbConnectAdmin", "connect"), "its action is neither DbConnect nor DbConnectAdmin"),
        (a("20261001T120000Z", "20261001"), "X-Amz-Date does not have the form 20261001T120000Z"),
        (a("T120000Z", "T120060Z"), "X-Amz-Date does not have the form 20261001T120000Z"),
        (a("T120000Z", "T120000"), "X-Amz-Date does not have the form 20261001T120000Z"),
        (a("=20261001T", "=20260231T"), "X-Amz-Date does not have the form 20261001T120000Z"),
    ] {
        let hint = format!("The password is not an authentication token: {what}.");
        check(&token, "us-east-1", "admin", &hint);
    }
}

#[test]
fn refusal_of_parameters() {
    let missing = |name: &str| {
        format!(
            "AWS query-string parameters must include '{name}'. \
             Re-examine the query-string parameters."
        )
    };
    let twice =
        |name: &str| format!("The authentication token gives the parameter '{name}' twice.");
    let algorithm = "Unsupported AWS 'algorithm'. Only AWS4-HMAC-SHA256 is supported.";
    let headers = "'Host' must be the only signed header of the authentication token.";
    let shape =
        "Credential must be given as '<access key>/<date>/<region>/dsql/aws4_request'.".to_owned();
    let date = "Date in Credential scope does not match that of X-Amz-Date.".to_owned();
    let region = "Credential should be scoped to a valid region.".to_owned();
    let service = "Credential should be scoped to correct service: 'dsql'.".to_owned();
    let terminator =
        "Credential should be scoped with a valid terminator: 'aws4_request'.".to_owned();
    let expires = "X-Amz-Expires must be less than a week (in seconds), and at least 1.".to_owned();
    let signature = &vector_a()[vector_a().len() - 64..];
    for (token, hint) in [
        (a("Action=DbConnectAdmin&", ""), missing("Action")),
        (a("Action", "action"), missing("Action")),
        (a("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""), missing("X-Amz-Algorithm")),
        (a("X-Amz-Credential", "x-amz-credential"), missing("X-Amz-Credential")),
        (a("X-Amz-Date=20261001T120000Z&", ""), missing("X-Amz-Date")),
        (a("X-Amz-Expires=900&", ""), missing("X-Amz-Expires")),
        (a("X-Amz-SignedHeaders=host&", ""), missing("X-Amz-SignedHeaders")),
        (a(&format!("&X-Amz-Signature={signature}"), ""), missing("X-Amz-Signature")),
        (a("Action=DbConnectAdmin", "Action=DbConnect&Action=DbConnectAdmin"), twice("Action")),
        (a("Action=", "%41ction=DbConnectAdmin&Action="), twice("Action")),
        (format!("{}&X-Amz-Expires=900", vector_a()), twice("X-Amz-Expires")),
        (format!("{}&X-Amz-Signature={signature}", vector_a()), twice("X-Amz-Signature")),
        (a("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), algorithm.to_owned()),
        (a("AWS4-HMAC-SHA256", "aws4-hmac-sha256"), algorithm.to_owned()),
        (a("SignedHeaders=host", "SignedHeaders="), headers.to_owned()),
        (a("SignedHeaders=host", "SignedHeaders=Host"), headers.to_owned()),
        (a("SignedHeaders=host", "SignedHeaders=host%3Bx-amz-date"), headers.to_owned()),
        (a("AKIAIOSFODNN7EXAMPLE%2F", "%2F"), shape.clone()),
        (a("AKIAIOSFODNN7EXAMPLE%2F", ""), shape.clone()),
        (a("%2Faws4_request", ""), shape.clone()),
        (a("%2Faws4_request", "%2Faws4_request%2F"), shape),
        (a("%2F20261001", "%2F20260930"), date.clone()),
        (a("%2F20261001", "%2F2026100"), date.clone()),
        (a("%2F20261001", "%2F"), date),
        (a("us-east-1%2F", "us-east-2%2F"), region.clone()),
        (a("us-east-1%2F", "US-EAST-1%2F"), region.clone()),
        (resigned(&a("us-east-1%2F", "eu-west-1%2F")), region),
        (a("%2Fdsql", "%2Frds-db"), service.clone()),
        (resigned(&a("%2Fdsql", "%2FDSQL")), service),
        (a("aws4_request", "aws4_requests"), terminator.clone()),
        (a("aws4_request", ""), terminator),
        (a("=900", "=0"), expires.clone()),
        (a("=900", "=-900"), expires.clone()),
        (a("=900", "=+900"), expires.clone()),
        (a("=900", "="), expires.clone()),
        (a("=900", "=9e2"), expires.clone()),
        (a("=900", "=604801"), expires.clone()),
        (resigned(&a("=900", "=604801")), expires.clone()),
        (a("=900", "=18446744073709552516"), expires),
    ] {
        check(&token, "us-east-1", "admin", &hint);
    }
}

#[test]
fn refusal_of_signatures() {
    let signature = &vector_a()[vector_a().len() - 64..];
    for token in [
        a("3ef2", "3ef3"),
        a("Signature=b", "Signature=a"),
        a(signature, ""),
        a(signature, &signature[1..]),
        a(signature, &format!("{signature}0")),
        a(signature, &signature.to_uppercase()),
        a(signature, &"0".repeat(64)),
        a(signature, &"g".repeat(64)),
        a("Action=DbConnectAdmin", "Action=DbConnect"),
        a("foo0", "fop0"),
        a("foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws", "localhost"),
        a(".aws/", ".aws:5432/"),
        a("=900", "=901"),
        a("=900", "=0900"),
        a("T120000Z", "T120001Z"),
        a("SignedHeaders=host", "SignedHeaders=host&extra=1"),
        a("AKIAIOSFODNN7EXAMPLE", "akid"),
    ] {
        check(&token, "us-east-1", "admin", MISMATCH);
    }
    check(&b("X-Amz-Expires=3600", "X-Amz-Expires=3601"), "eu-west-1", "app", MISMATCH);
}

#[test]
fn refusal_of_credentials() {
    for token in [
        a("AKIAIOSFODNN7EXAMPLE", "AKIAUNKNOWN"),
        a("AKIAIOSFODNN7EXAMPLE", "akiaiosfodnn7example"),
        a("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE%00"),
        resigned(&a("AKIAIOSFODNN7EXAMPLE", "AKIADISABLED")),
        // A long-term key comes without a session token.
        resigned(&a("&X-Amz-Signature", "&X-Amz-Security-Token=x&X-Amz-Signature")),
        resigned(&a("&X-Amz-Signature", "&X-Amz-Security-Token=&X-Amz-Signature")),
    ] {
        check(&token, "us-east-1", "admin", INVALID);
    }
    let (head, tail) = b("", "").split_once("&X-Amz-Security-Token=").map_or_else(
        || unreachable!("vector B has a session token"),
        |(head, tail)| (head.to_owned(), tail.split_once('&').unwrap().1.to_owned()),
    );
    for token in [
        format!("{head}&{tail}"),
        resigned(&format!("{head}&{tail}")),
        resigned(&b("Security-Token=I", "Security-Token=J")),
        resigned(&b("%3D%3D", "%3D")),
    ] {
        check(&token, "eu-west-1", "app", INVALID);
    }
}

#[test]
fn refusal_of_users() {
    let wrong = |user: &str, action: &str| {
        format!("Wrong user to action mapping. user: {user}, action: {action}")
    };
    let connect = resigned(&a("Action=DbConnectAdmin", "Action=DbConnect"));
    check(&connect, "us-east-1", "admin", &wrong("admin", "DbConnect"));
    for user in ["app", "Admin", "ADMIN", "admin ", "", "administrator"] {
        check(&vector_a(), "us-east-1", user, &wrong(user, "DbConnectAdmin"));
        assert!(ask(&connect, "us-east-1", user, NOON).is_ok());
    }
}

#[test]
fn refusal_of_hosts() {
    let hint = |host: &str| format!("The authentication token is for another host: \"{host}\".");
    for host in ["bar0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws", "127.0.0.1", "localhost:5432"]
    {
        check(&resigned(&a(HOST, host)), "us-east-1", "admin", &hint(host));
    }
}

#[test]
fn refusal_of_times() {
    let report = |token: &str, at: i64| {
        let refusal = ask(token, "us-east-1", "admin", NOON.plus(at)).unwrap_err();
        refusal.report().hint.unwrap()
    };
    for (at, hint) in [
        (
            900,
            "Signature expired: 20261001T120000Z is now earlier than 20261001T120000Z \
             (20261001T121500Z - 15 min.)",
        ),
        (
            1200,
            "Signature expired: 20261001T120000Z is now earlier than 20261001T120500Z \
             (20261001T122000Z - 15 min.)",
        ),
        (
            -301,
            "Signature not yet current: 20261001T120000Z is still later than 20261001T115959Z \
             (20261001T115459Z + 5 min.)",
        ),
    ] {
        assert_eq!(report(&vector_a(), at), hint);
    }
    assert_eq!(
        report(&resigned(&a("=900", "=450")), 600),
        "Signature expired: 20261001T120000Z is now earlier than 20261001T120230Z \
         (20261001T121000Z - 450 sec.)"
    );
    // The session ends at 12:30, half an hour before the token.
    assert!(ask(&vector_b(), "eu-west-1", "app", NOON.plus(1799)).is_ok());
    let refusal = ask(&vector_b(), "eu-west-1", "app", NOON.plus(1800)).unwrap_err();
    assert_eq!(refusal, Refusal::SessionExpired);
    assert_eq!(
        refusal.report().hint.as_deref(),
        Some("The security token included in the request is expired")
    );
    let refusal = ask(&vector_b(), "us-east-1", "app", NOON).unwrap_err();
    assert_eq!(refusal, Refusal::Scope(ScopeFault::Region));
}

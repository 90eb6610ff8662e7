//! Signed HTTP requests: AWS's own example, and what must not be accepted.

use std::sync::Arc;

use iam::http::{HttpRequest, SignatureFault};
use iam::{AccessKey, AmzTime, CredentialLookup, Credentials, Principal};
use proptest::prelude::*;

/// The key of AWS's SigV4 test suite.
struct Suite;

impl CredentialLookup for Suite {
    fn access_key(&self, id: &str, session_token: Option<&str>) -> Option<Arc<AccessKey>> {
        let credentials = |session_token: Option<&str>| Credentials {
            access_key_id: id.to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: session_token.map(str::to_owned),
        };
        let principal = Principal::parse("arn:aws:iam::123456789012:user/suite").unwrap();
        let key = |token| AccessKey::new(credentials(token), principal, noon()).unwrap();
        match id {
            "AKIDEXAMPLE" => Some(Arc::new(key(None))),
            "ASIDEXAMPLE" => Some(Arc::new(key(Some("token")).expiring(Some(noon().plus(60))))),
            "AKIDDISABLED" => Some(Arc::new(key(session_token).with_active(false))),
            _ => None,
        }
    }
}

/// When the suite's requests were signed.
fn noon() -> AmzTime {
    AmzTime::parse("20150830T123600Z").unwrap()
}

const SCOPE: &str = "20150830/us-east-1/service/aws4_request";

fn authorization(key: &str, headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/{SCOPE}, SignedHeaders={headers}, Signature={signature}"
    )
}

fn verify(
    method: &str,
    path: &str,
    query: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    now: AmzTime,
) -> Result<String, SignatureFault> {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = HttpRequest { method, path, query, headers: &headers, body };
    request.verify(now, &Suite).map(|signed| {
        assert_eq!((signed.region.as_str(), signed.service.as_str()), ("us-east-1", "service"));
        signed.key.principal().arn().to_owned()
    })
}

/// `get-vanilla`, `get-vanilla-query-order-key-case`, `post-vanilla` and others of the suite.
#[test]
fn http_suite() {
    let host = ("host", "example.amazonaws.com");
    let date = ("x-amz-date", "20150830T123600Z");
    for (method, path, query, signature) in [
        ("GET", "/", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/",
            "Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", "/", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ] {
        let header = authorization("AKIDEXAMPLE", "host;x-amz-date", signature);
        let headers = [host, date, ("authorization", header.as_str())];
        let arn = verify(method, path, query, &headers, b"", noon());
        assert_eq!(arn.as_deref(), Ok("arn:aws:iam::123456789012:user/suite"), "{method} {query}");
    }
}

#[test]
fn http_faults() {
    let good = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let check = |header: &str, now: AmzTime, more: &[(&str, &str)]| {
        let mut headers =
            vec![("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        headers.push(("authorization", header));
        headers.extend_from_slice(more);
        verify("GET", "/", "", &headers, b"", now).unwrap_err()
    };
    let signed = |key: &str| authorization(key, "host;x-amz-date", good);
    let invalid = |fault: SignatureFault, text: &str| {
        let SignatureFault::Invalid(message) = &fault else { panic!("{fault:?}") };
        assert!(message.contains(text), "{message}");
    };
    let incomplete = |fault: SignatureFault, text: &str| {
        let SignatureFault::Incomplete(message) = &fault else { panic!("{fault:?}") };
        assert!(message.contains(text) && !message.contains(good), "{message}");
    };
    assert_eq!(check(&signed("AKIDOTHER"), noon(), &[]), SignatureFault::UnknownKey);
    assert_eq!(check(&signed("AKIDDISABLED"), noon(), &[]), SignatureFault::UnknownKey);
    // A key with a session token needs it, one without must come without.
    let token = [("x-amz-security-token", "token")];
    assert_eq!(check(&signed("AKIDEXAMPLE"), noon(), &token), SignatureFault::UnknownKey);
    assert_eq!(check(&signed("ASIDEXAMPLE"), noon(), &[]), SignatureFault::UnknownKey);
    let later = noon().plus(60);
    assert_eq!(check(&signed("ASIDEXAMPLE"), later, &token), SignatureFault::SessionExpired);
    let with_token = authorization("ASIDEXAMPLE", "host;x-amz-date;x-amz-security-token", good);
    invalid(check(&with_token, noon(), &token), "does not match the signature");

    invalid(check(&signed("AKIDEXAMPLE"), noon().plus(301), &[]), "Signature expired: ");
    invalid(check(&signed("AKIDEXAMPLE"), noon().plus(-301), &[]), "Signature not yet current: ");
    let unsigned_host = authorization("AKIDEXAMPLE", "x-amz-date", good);
    invalid(check(&unsigned_host, noon(), &[]), "'Host' or ':authority' must be");
    let other_day = signed("AKIDEXAMPLE").replace("20150830/", "20150829/");
    invalid(check(&other_day, noon(), &[]), "Date in Credential scope does not match");
    let terminator = signed("AKIDEXAMPLE").replace("aws4_request", "aws5_request");
    invalid(check(&terminator, noon(), &[]), "valid terminator");

    incomplete(check("Bearer x", noon(), &[]), "Unsupported AWS 'algorithm'");
    incomplete(check("AWS4-HMAC-SHA256", noon(), &[]), "requires 'Credential' parameter");
    let without = |part: &str| signed("AKIDEXAMPLE").replace(part, "Other=");
    incomplete(check(&without("SignedHeaders="), noon(), &[]), "requires 'SignedHeaders'");
    let unsigned = signed("AKIDEXAMPLE").replace(&format!(", Signature={good}"), "");
    incomplete(check(&unsigned, noon(), &[]), "requires 'Signature'");
    for credential in
        ["AKIDEXAMPLE", "AKIDEXAMPLE/a/b/c", "/20150830/us-east-1/service/aws4_request"]
    {
        let header = signed("").replace(&format!("/{SCOPE}"), credential);
        incomplete(check(&header, noon(), &[]), "5 slash-delimited elements");
    }
    let headers = [("host", "example.amazonaws.com")];
    assert_eq!(verify("GET", "/", "", &headers, b"", noon()), Err(SignatureFault::Missing));
    let header = signed("AKIDEXAMPLE");
    let undated = [headers[0], ("authorization", header.as_str())];
    incomplete(verify("GET", "/", "", &undated, b"", noon()).unwrap_err(), "'X-Amz-Date'");
    let dated = [undated[0], undated[1], ("x-amz-date", "Sun, 30 Aug 2015 12:36:00 GMT")];
    incomplete(verify("GET", "/", "", &dated, b"", noon()).unwrap_err(), "ISO-8601");
    // Every part of the request is signed.
    let dated = [undated[0], undated[1], ("x-amz-date", "20150830T123600Z")];
    for (method, path, query, body) in [
        ("PUT", "/", "", &b""[..]),
        ("GET", "/x", "", b""),
        ("GET", "//", "", b""),
        ("GET", "/", "a=b", b""),
        ("GET", "/", "a", b""),
        ("GET", "/", "", b"x"),
    ] {
        let fault = verify(method, path, query, &dated, body, noon()).unwrap_err();
        invalid(fault, "does not match the signature");
    }
    incomplete(verify("GET", "/", "%zz", &dated, b"", noon()).unwrap_err(), "percent-encoded");
}

/// What an Authorization header is made of, and what it is not.
fn piece() -> impl Strategy<Value = String> {
    let good = authorization(
        "AKIDEXAMPLE",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    let pieces: Vec<String> = good
        .split_inclusive([' ', '=', ',', '/', ';'])
        .map(str::to_owned)
        .chain(
            ["é", "\t", "==", ",,", "//", ";;", "20150830T123600Z", "%", "\u{0}"]
                .map(str::to_owned),
        )
        .collect();
    prop_oneof![4 => prop::sample::select(pieces), 1 => "\\PC{0,8}"]
}

proptest! {
    #[test]
    fn http_garbage_is_refused(
        pieces in prop::collection::vec(piece(), 0..24),
        names in prop::collection::vec(
            prop::sample::select(vec!["host", "x-amz-date", "date", "x-amz-security-token", "é", ""]), 0..5),
        values in prop::collection::vec(piece(), 5),
        path in "/?\\PC{0,12}",
        query in "[ -~é]{0,24}",
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let header = pieces.concat();
        let mut headers = vec![("authorization", header.as_str())];
        headers.extend(names.into_iter().zip(values.iter().map(String::as_str)));
        prop_assert!(verify("POST", &path, &query, &headers, &body, noon()).is_err());
    }
}

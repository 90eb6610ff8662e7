//! A small world to verify tokens in: three keys, one cluster in two regions, a fixed clock.

use std::collections::HashMap;
use std::sync::Arc;

use iam::token::{Action, Expectation, Refusal, TokenRequest, sign, verify};
use iam::{AccessKey, AmzTime, CredentialLookup, Credentials, Principal};

/// 2026-10-01 12:00:00 UTC.
pub(crate) const NOON: AmzTime = AmzTime::from_unix(1_790_856_000);
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const SESSION: &str =
    "IQoJb3JpZ2luX2VjEExample//////////wEaCXVzLWVhc3QtMSJHMEUCIQ+abc/def==";
pub(crate) const HOST: &str = "foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws";
pub(crate) const HOST_EU: &str = "foo0bar1baz2quux3quuux4abc.dsql.eu-west-1.on.aws";
pub(crate) const USER_ARN: &str = "arn:aws:iam::000000000000:user/borealis";
pub(crate) const ROLE_ARN: &str = "arn:aws:sts::000000000000:assumed-role/app/i-1";

pub(crate) struct Keys(HashMap<&'static str, Arc<AccessKey>>);

impl CredentialLookup for Keys {
    fn access_key(&self, id: &str, _: Option<&str>) -> Option<Arc<AccessKey>> {
        self.0.get(id).cloned()
    }
}

pub(crate) fn keys() -> Keys {
    let key = |id: &'static str, secret: &str, session: Option<&str>, arn| {
        let principal = Principal::parse(arn).unwrap();
        (id, AccessKey::new(credentials(id, secret, session), principal, NOON).unwrap())
    };
    let (temporary, session_key) = key("ASIAIOSFODNN7EXAMPLE", SECRET, Some(SESSION), ROLE_ARN);
    let (disabled, disabled_key) = key("AKIADISABLED", SECRET, None, USER_ARN);
    Keys(
        [
            key("AKIAIOSFODNN7EXAMPLE", SECRET, None, USER_ARN),
            key("akid", "secret", None, USER_ARN),
            (temporary, session_key.expiring(Some(NOON.plus(1800)))),
            (disabled, disabled_key.with_active(false)),
        ]
        .into_iter()
        .map(|(id, key)| (id, Arc::new(key)))
        .collect(),
    )
}

pub(crate) fn credentials(id: &str, secret: &str, session: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: id.to_owned(),
        secret_access_key: secret.to_owned(),
        session_token: session.map(str::to_owned),
    }
}

/// The ARN of the signer, or why not, for `token` at a cluster with the host names above.
pub(crate) fn ask(token: &str, region: &str, user: &str, now: AmzTime) -> Result<String, Refusal> {
    let host_is_cluster = |host: &str| {
        [HOST, HOST_EU, "peccy.dsql.us-east-1.on.aws", "localhost", "[::1]"].contains(&host)
    };
    let expected = Expectation { region, user, host_is_cluster: &host_is_cluster, now };
    verify(token, &expected, &keys()).map(|key| key.principal().arn().to_owned())
}

/// Vector A: an admin token of a long-term key, made at noon for 900 s.
pub(crate) fn vector_a() -> String {
    sign(&credentials("AKIAIOSFODNN7EXAMPLE", SECRET, None), request())
}

/// What [`vector_a`] asks for.
pub(crate) fn request() -> TokenRequest<'static> {
    TokenRequest {
        host: HOST,
        region: "us-east-1",
        action: Action::DbConnectAdmin,
        expires_s: 900,
        now: NOON,
    }
}

/// Vector B: a token of a temporary key for a custom role, made at noon for 3600 s.
pub(crate) fn vector_b() -> String {
    sign(
        &credentials("ASIAIOSFODNN7EXAMPLE", SECRET, Some(SESSION)),
        TokenRequest {
            host: HOST_EU,
            region: "eu-west-1",
            action: Action::DbConnect,
            expires_s: 3600,
            now: NOON,
        },
    )
}

//! Authentication tokens: signed here without asking anybody, kept until four fifths of their life have
//! passed.
//!
//! ```text
//!     signed          80 %             end
//!       ├──── kept ────┼─ renewed by ───┤
//!                        the next caller; if that fails, the old one still serves
//! ```
//!
//! A token is a presigned request for `https://<host>/?Action=DbConnect[Admin]` without the scheme. It
//! opens any number of connections while it lives. It is never logged, and its `Debug` is empty.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;

use crate::config::Clock;
use crate::credentials::Source;
use crate::error::{BoxError, Error, Result};
use crate::stats::Counters;

/// A password of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

impl Token {
    /// The text to send as password. Whoever reads it can connect while it lives: do not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// For which cluster and user tokens are made.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    /// Host name of the cluster.
    pub(crate) host: String,
    /// Its region.
    pub(crate) region: String,
    /// The role that will connect.
    pub(crate) user: String,
    /// For how long.
    pub(crate) duration: Duration,
}

/// The token of `request` for a connection that is made at `now`.
pub(crate) fn sign_token(
    request: &TokenRequest,
    credentials: &Credentials,
    now: SystemTime,
    duration: Duration,
) -> Result<Token, BoxError> {
    let action = if request.user == "admin" { "DbConnectAdmin" } else { "DbConnect" };
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(duration);
    settings.signature_location = SignatureLocation::QueryParams;
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&request.region)
        .name("dsql")
        .time(now)
        .settings(settings)
        .build()?;
    let address = format!("https://{}/?Action={action}", request.host);
    let signable =
        SignableRequest::new("GET", &address, std::iter::empty(), SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(signable, &params.into())?.into_parts();
    let mut url = url::Url::parse(&address)?;
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    let text = String::from(url);
    Ok(Token(text.trim_start_matches("https://").into()))
}

/// The token of one cluster and user, shared by all connections.
pub(crate) struct TokenCache {
    request: TokenRequest,
    source: Source,
    clock: Clock,
    counters: Arc<Counters>,
    kept: Mutex<Option<Kept>>,
    // Held by whoever signs, so that many connections opened at once ask for credentials once.
    signing: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Kept {
    token: Token,
    signed: SystemTime,
    renew: SystemTime,
    end: SystemTime,
}

impl TokenCache {
    pub(crate) fn new(
        request: TokenRequest,
        source: Source,
        clock: Clock,
        counters: Arc<Counters>,
    ) -> TokenCache {
        let (kept, signing) = (Mutex::new(None), tokio::sync::Mutex::new(()));
        TokenCache { request, source, clock, counters, kept, signing }
    }

    /// A token that has at least a fifth of its life before it, or, if no other can be made, any left.
    ///
    /// # Errors
    /// [`Error::Credentials`] if there are none, or they have expired.
    pub(crate) async fn token(&self) -> Result<Token> {
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let _signing = self.signing.lock().await;
        // Someone else may have signed while this one waited.
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        match self.sign().await {
            Ok(kept) => {
                let token = kept.token.clone();
                self.counters.token_signed();
                *self.lock() = Some(kept);
                Ok(token)
            }
            Err(error) => match self.alive() {
                Some(token) => {
                    tracing::warn!(%error, "no new token, the old one serves until its end");
                    Ok(token)
                }
                None => Err(error),
            },
        }
    }

    /// Forgets `token`, which a server has refused as expired.
    pub(crate) fn refused(&self, token: &Token) {
        let mut kept = self.lock();
        if kept.as_ref().is_some_and(|kept| kept.token == *token) {
            *kept = None;
        }
    }

    async fn sign(&self) -> Result<Kept> {
        let credentials = self.source.credentials().await?;
        // The token tells whole seconds only: its life begins with the second.
        let now = whole_seconds((self.clock)());
        // A token is worth nothing once the session that signed it has ended.
        let left = match credentials.expiry() {
            Some(expiry) => expiry.duration_since(now).unwrap_or_default(),
            None => self.request.duration,
        };
        let duration = Duration::from_secs(self.request.duration.min(left).as_secs());
        if duration.is_zero() {
            let source = "the provider gave credentials that have expired".into();
            return Err(Error::Credentials { profile: None, source });
        }
        let token = sign_token(&self.request, &credentials, now, duration)
            .map_err(|source| Error::Credentials { profile: None, source })?;
        tracing::debug!(
            host = self.request.host,
            user = self.request.user,
            valid_s = duration.as_secs(),
            "token signed"
        );
        Ok(Kept { token, signed: now, renew: now + duration.mul_f64(0.8), end: now + duration })
    }

    fn fresh(&self) -> Option<Token> {
        self.kept_if(|kept, now| now < kept.renew)
    }

    fn alive(&self) -> Option<Token> {
        self.kept_if(|kept, now| now < kept.end)
    }

    fn kept_if(&self, condition: impl Fn(&Kept, SystemTime) -> bool) -> Option<Token> {
        let now = (self.clock)();
        let kept = self.lock().clone()?;
        // A clock that was set back says nothing about a token's age.
        (now >= kept.signed && condition(&kept, now)).then_some(kept.token)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Kept>> {
        // Every change is one assignment: nothing half done is behind a poisoned lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

    use aws_credential_types::provider::future::ProvideCredentials as Provided;
    use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};

    use super::*;
    use crate::config::Config;

    /// Credentials that are counted, may fail, and may end.
    #[derive(Clone, Debug, Default)]
    struct Counted {
        asked: Arc<AtomicU32>,
        fails: Arc<AtomicU32>,
        expiry_s: Option<u64>,
    }

    impl ProvideCredentials for Counted {
        fn provide_credentials<'a>(&'a self) -> Provided<'a>
        where
            Self: 'a,
        {
            Provided::new(async {
                self.asked.fetch_add(1, SeqCst);
                // Long enough for others to come while this is waited for.
                tokio::time::sleep(Duration::from_millis(20)).await;
                if self.fails.load(SeqCst) > 0 {
                    return Err(CredentialsError::not_loaded("the test wants none"));
                }
                let expiry = self.expiry_s.map(|s| UNIX_EPOCH + Duration::from_secs(s));
                Ok(Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, expiry, "test"))
            })
        }
    }

    const START_S: u64 = 1_790_856_000;

    struct World {
        cache: TokenCache,
        provider: Counted,
        now_s: Arc<AtomicU64>,
    }

    async fn world(provider: Counted) -> World {
        let now_s = Arc::new(AtomicU64::new(START_S));
        let clock_s = now_s.clone();
        let clock = move || UNIX_EPOCH + Duration::from_secs(clock_s.load(SeqCst));
        let config = Config::new("x").credentials_provider(provider.clone()).clock(clock);
        let request = TokenRequest {
            host: "x.dsql.us-east-1.on.aws".into(),
            region: "us-east-1".into(),
            user: "admin".into(),
            duration: Duration::from_secs(900),
        };
        let source = Source::of(&config, "us-east-1").await.expect("a source");
        let cache = TokenCache::new(request, source, config.clock, Arc::default());
        World { cache, provider, now_s }
    }

    impl World {
        async fn token(&self) -> Token {
            self.cache.token().await.expect("a token")
        }

        fn set(&self, after_s: u64) {
            self.now_s.store(START_S + after_s, SeqCst);
        }

        fn asked(&self) -> u32 {
            self.provider.asked.load(SeqCst)
        }
    }

    #[test]
    fn token_is_what_the_sdks_make() {
        let request = |user: &str| TokenRequest {
            host: "peccy.dsql.us-east-1.on.aws".into(),
            region: "us-east-1".into(),
            user: user.into(),
            duration: Duration::from_secs(450),
        };
        let credentials = Credentials::new("akid", "secret", None, None, "test");
        let now = UNIX_EPOCH + Duration::from_secs(1_724_716_800);
        // The vectors of aws-sdk-dsql's own tests.
        for (user, action, signature) in [
            (
                "app",
                "DbConnect",
                "f5f2ad764ca5df44045d4ab6ccecba0eef941b0007e5765885a0b6ed3702a3f8",
            ),
            (
                "admin",
                "DbConnectAdmin",
                "267cf8d04d84444f7a62d5bdb40c44bfc6cb13dd6c64fa7f772df6bbaa90fff1",
            ),
        ] {
            let token = sign_token(&request(user), &credentials, now, Duration::from_secs(450));
            assert_eq!(
                token.expect("a token").expose(),
                format!(
                    "peccy.dsql.us-east-1.on.aws/?Action={action}&X-Amz-Algorithm=AWS4-HMAC-SHA256&\
                     X-Amz-Credential=akid%2F20240827%2Fus-east-1%2Fdsql%2Faws4_request&\
                     X-Amz-Date=20240827T000000Z&X-Amz-Expires=450&X-Amz-SignedHeaders=host&\
                     X-Amz-Signature={signature}"
                )
            );
        }
    }

    #[tokio::test]
    async fn cache_renews_at_four_fifths_of_the_life() {
        let world = world(Counted::default()).await;
        let first = world.token().await;
        world.set(719);
        assert_eq!(world.token().await, first);
        assert_eq!(world.asked(), 1);
        world.set(720);
        let second = world.token().await;
        assert_ne!(second, first);
        assert_eq!(world.asked(), 2);
        world.set(720 + 719);
        assert_eq!(world.token().await, second);
    }

    #[tokio::test]
    async fn cache_signs_once_for_many_at_once() {
        let world = Arc::new(world(Counted::default()).await);
        let all: Vec<_> = (0..50)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { world.token().await })
            })
            .collect();
        let first = world.token().await;
        for token in all {
            assert_eq!(token.await.expect("a task"), first);
        }
        assert_eq!(world.asked(), 1);
    }

    #[tokio::test]
    async fn cache_keeps_a_living_token_when_credentials_fail() {
        let world = world(Counted::default()).await;
        let first = world.token().await;
        world.provider.fails.store(1, SeqCst);
        world.set(899);
        assert_eq!(world.token().await, first);
        world.set(900);
        let error = world.cache.token().await.expect_err("no token");
        assert!(error.to_string().contains("set AWS_ACCESS_KEY_ID"), "{error}");
        world.provider.fails.store(0, SeqCst);
        assert_ne!(world.token().await, first);
    }

    #[tokio::test]
    async fn cache_token_ends_with_the_session_that_signed_it() {
        let world = world(Counted { expiry_s: Some(START_S + 100), ..Counted::default() }).await;
        let first = world.token().await;
        assert!(first.expose().contains("X-Amz-Expires=100&"));
        world.set(79);
        assert_eq!(world.token().await, first);
        world.set(80);
        assert!(world.token().await.expose().contains("X-Amz-Expires=20&"));
        world.set(100);
        let error = world.cache.token().await.expect_err("an expired session");
        assert!(error.to_string().contains("sign in again"), "{error}");
    }

    #[tokio::test]
    async fn cache_forgets_what_was_refused() {
        let world = world(Counted::default()).await;
        let first = world.token().await;
        world.set(10);
        world.cache.refused(&first);
        let second = world.token().await;
        assert_ne!(second, first);
        world.cache.refused(&first);
        assert_eq!(world.token().await, second);
    }

    #[tokio::test]
    async fn cache_signs_anew_when_the_clock_was_set_back() {
        let world = world(Counted::default()).await;
        let first = world.token().await;
        world.now_s.store(START_S - 3600, SeqCst);
        assert_ne!(world.token().await, first);
    }

    #[test]
    fn token_is_not_shown() {
        assert_eq!(format!("{:?}", Token("secret".into())), "Token(…)");
    }
}

//! What a connector must know, given by methods or in a connection string.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use crate::connection_string;
use crate::error::{Error, Result};
use crate::host::{self, Endpoint};

/// The longest life of a token, and the default: what Aurora DSQL recommends.
const TOKEN_DURATION_DEFAULT: Duration = Duration::from_secs(900);
/// A signature may be valid for a week.
const TOKEN_DURATION_MAX: Duration = Duration::from_secs(604_800);

/// Where the time comes from.
pub(crate) type Clock = std::sync::Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Whom to connect to, as whom, and how. Made by [`Config::new`], from a connection string by
/// [`str::parse`], or from the environment by [`Config::from_env`]; each method changes one option.
///
/// ```
/// use connector::Config;
///
/// let config = Config::new("foo0bar1baz2quux3quuux4abc")
///     .region("us-east-1")
///     .user("app")
///     .search_path("myschema");
/// let same: Config =
///     "postgres://app@foo0bar1baz2quux3quuux4abc/?region=us-east-1&searchPath=myschema".parse()?;
/// assert_eq!(config.get_host(), same.get_host());
/// # Ok::<(), connector::Error>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) region: Option<String>,
    pub(crate) cluster_id: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) credentials: Option<SharedCredentialsProvider>,
    pub(crate) token_duration: Duration,
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) search_path: Option<String>,
    pub(crate) application_name: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) pool: PoolOptions,
    pub(crate) clock: Clock,
}

/// Size of a pool and the life of its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Connections at most; 10 by default.
    pub connections_max: usize,
    /// Connections that are kept open even when idle; 0 by default.
    pub connections_min: usize,
    /// Age at which a connection is replaced, before the server ends it at 60 minutes; 55 minutes by
    /// default. Each connection lives up to a tenth shorter, so that they do not all end at once.
    pub lifetime_max: Duration,
    /// Time without use after which a connection is closed; 10 minutes by default.
    pub idle_max: Duration,
    /// How often idle connections are looked at; one minute by default.
    pub health_check_period: Duration,
    /// How long to wait for a connection to become free; 30 seconds by default.
    pub acquire_timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> PoolOptions {
        PoolOptions {
            connections_max: 10,
            connections_min: 0,
            lifetime_max: Duration::from_secs(55 * 60),
            idle_max: Duration::from_secs(10 * 60),
            health_check_period: Duration::from_secs(60),
            acquire_timeout: Duration::from_secs(30),
        }
    }
}

impl PoolOptions {
    /// The age at which one connection is replaced: `lifetime_max`, less up to a tenth at random.
    #[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime_max.mul_f64(1.0 - 0.1 * fastrand::f64())
    }
}

impl Config {
    /// Connects to `host`, a cluster's endpoint or its id, as `admin`.
    pub fn new(host: impl Into<String>) -> Config {
        Config {
            host: host.into(),
            port: 5432,
            user: "admin".to_owned(),
            database: "postgres".to_owned(),
            region: None,
            cluster_id: None,
            address: None,
            profile: None,
            credentials: None,
            token_duration: TOKEN_DURATION_DEFAULT,
            authorities: None,
            search_path: None,
            application_name: None,
            connect_timeout: Duration::from_secs(10),
            pool: PoolOptions::default(),
            clock: std::sync::Arc::new(SystemTime::now),
        }
    }

    /// Reads `CLUSTER_ENDPOINT` (or else `PGHOST`), `CLUSTER_USER`, `REGION`, `PGPORT`, `PGHOSTADDR`,
    /// `PGSSLROOTCERT`: the variables of the Aurora DSQL samples and of libpq.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no host, or the port is no number.
    pub fn from_env() -> Result<Config> {
        Config::from_variables(variable)
    }

    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Config> {
        let host = variable("CLUSTER_ENDPOINT").or_else(|| variable("PGHOST"));
        let host = host.ok_or_else(|| {
            Error::Config(
                "no host: set CLUSTER_ENDPOINT to the cluster's endpoint or its id".to_owned(),
            )
        })?;
        let mut config = Config::new(host);
        if let Some(port) = variable("PGPORT") {
            config.port = port.parse().map_err(|_| {
                Error::Config(format!("\"{port}\" in PGPORT is no port: it is 1 to 65535"))
            })?;
        }
        if let Some(user) = variable("CLUSTER_USER") {
            config.user = user;
        }
        config.region = variable("REGION");
        config.address = variable("PGHOSTADDR");
        config.authorities = variable("PGSSLROOTCERT").map(PathBuf::from);
        Ok(config)
    }

    /// The cluster's port; 5432 by default.
    pub fn port(mut self, port: u16) -> Config {
        self.port = port;
        self
    }

    /// The database role; `admin` by default. It decides which token is made: for `admin`, one for
    /// `dsql:DbConnectAdmin`, for any other role one for `dsql:DbConnect`.
    pub fn user(mut self, user: impl Into<String>) -> Config {
        self.user = user.into();
        self
    }

    /// The database; `postgres` by default, the only one that Aurora DSQL has.
    pub fn database(mut self, database: impl Into<String>) -> Config {
        self.database = database.into();
        self
    }

    /// The cluster's region; by default that in the host's name, or else `AWS_REGION` or
    /// `AWS_DEFAULT_REGION`.
    pub fn region(mut self, region: impl Into<String>) -> Config {
        self.region = Some(region.into());
        self
    }

    /// The cluster, if the host is a VPC endpoint (`vpce-….vpce.amazonaws.com`).
    pub fn cluster_id(mut self, id: impl Into<String>) -> Config {
        self.cluster_id = Some(id.into());
        self
    }

    /// The name or address to connect to, if it is not the host's; certificate and token are still the
    /// host's. libpq calls it `hostaddr`.
    pub fn address(mut self, address: impl Into<String>) -> Config {
        self.address = Some(address.into());
        self
    }

    /// The profile of the AWS configuration that gives the credentials.
    pub fn profile(mut self, profile: impl Into<String>) -> Config {
        self.profile = Some(profile.into());
        self
    }

    /// Where the credentials come from, instead of the AWS default chain or a profile. See
    /// [`assume_role`](crate::assume_role) for another account's.
    pub fn credentials_provider(mut self, provider: impl ProvideCredentials + 'static) -> Config {
        self.credentials = Some(SharedCredentialsProvider::new(provider));
        self
    }

    /// The life of a token; 15 minutes by default. A connection outlives the token that opened it.
    pub fn token_duration(mut self, duration: Duration) -> Config {
        self.token_duration = duration;
        self
    }

    /// A PEM file with the certificate authorities to trust, instead of the system's.
    pub fn authorities(mut self, path: impl Into<PathBuf>) -> Config {
        self.authorities = Some(path.into());
        self
    }

    /// The schemas, separated by commas, that are searched for names without one. Set after each
    /// connect.
    pub fn search_path(mut self, schemas: impl Into<String>) -> Config {
        self.search_path = Some(schemas.into());
        self
    }

    /// The application's or ORM's name. The server sees it before the connector's own, as in
    /// `shop:aurora-dsql-rust-tokio-postgres/0.1.0`.
    pub fn application_name(mut self, name: impl Into<String>) -> Config {
        self.application_name = Some(name.into());
        self
    }

    /// How long a connection may take to be ready; 10 seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Config {
        self.connect_timeout = timeout;
        self
    }

    /// Size of the pool and life of its connections.
    pub fn pool(mut self, options: PoolOptions) -> Config {
        self.pool = options;
        self
    }

    /// Where the time comes from: tests own it. It dates and ages tokens.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Config {
        self.clock = std::sync::Arc::new(clock);
        self
    }

    /// The endpoint or cluster id as given.
    pub fn get_host(&self) -> &str {
        &self.host
    }

    /// The role to connect as.
    pub fn get_user(&self) -> &str {
        &self.user
    }

    /// Checks all that can be checked without asking anybody, and finds host and region.
    pub(crate) fn resolve(&self, env: impl Fn(&str) -> Option<String>) -> Result<Endpoint> {
        let fail = |message: String| Err(Error::Config(message));
        if self.port == 0 {
            return fail("port 0 cannot be connected to: it is 1 to 65535".to_owned());
        }
        if self.user.is_empty() {
            return fail("the user is empty: drop the option for admin".to_owned());
        }
        if self.token_duration.as_secs() == 0 || self.token_duration > TOKEN_DURATION_MAX {
            return fail(format!(
                "a token cannot live for {} s: it is 1 to {}",
                self.token_duration.as_secs(),
                TOKEN_DURATION_MAX.as_secs()
            ));
        }
        if self.pool.connections_max == 0 {
            return fail(
                "a pool without connections serves nobody: raise connections_max".to_owned(),
            );
        }
        if self.pool.connections_min > self.pool.connections_max {
            return fail(format!(
                "a pool cannot keep {} connections open if it has at most {}",
                self.pool.connections_min, self.pool.connections_max
            ));
        }
        let (region, id) = (self.region.as_deref(), self.cluster_id.as_deref());
        let fallback = || env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION"));
        let mut endpoint = host::resolve(&self.host, region, id, fallback)?;
        if self.address.is_some() {
            endpoint.address.clone_from(&self.address);
        }
        Ok(endpoint)
    }

    /// `base` is the connector's name for the driver, as in `aurora-dsql-rust-sqlx`.
    pub(crate) fn full_application_name(&self, base: &str) -> String {
        let own = format!("{base}/{}", env!("CARGO_PKG_VERSION"));
        match self.application_name.as_deref().filter(|name| !name.is_empty()) {
            Some(prefix) => format!("{prefix}:{own}"),
            None => own,
        }
    }

    /// The statement that sets the search path: every name quoted, so that it means itself.
    pub(crate) fn set_search_path(&self) -> Option<String> {
        let names: Vec<String> = self
            .search_path
            .as_deref()?
            .split(',')
            .map(|name| format!("\"{}\"", name.trim().replace('"', "\"\"")))
            .collect();
        Some(format!("SET search_path = {}", names.join(", ")))
    }
}

impl FromStr for Config {
    type Err = Error;

    /// Reads `postgres://[user@]host[:port]/[database][?option=value&…]`; the scheme may also be
    /// `postgresql` or `dsql`.
    fn from_str(text: &str) -> Result<Config> {
        connection_string::parse(text)
    }
}

impl fmt::Debug for Config {
    /// Without what might be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

/// An environment variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: Config, expected: &str) {
        let error = config.region("us-east-1").resolve(|_| None).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn config_says_what_to_change() {
        let new = || Config::new("localhost");
        check(new().port(0), "1 to 65535");
        check(new().user(""), "drop the option for admin");
        check(new().token_duration(Duration::ZERO), "it is 1 to 604800");
        check(new().token_duration(Duration::from_secs(604_801)), "it is 1 to 604800");
        let pool = |connections_max, connections_min| PoolOptions {
            connections_max,
            connections_min,
            ..PoolOptions::default()
        };
        check(new().pool(pool(0, 0)), "raise connections_max");
        check(new().pool(pool(2, 3)), "cannot keep 3 connections open");
    }

    #[test]
    fn config_from_variables() {
        let config = Config::from_variables(|name| {
            let value = match name {
                "CLUSTER_ENDPOINT" => "foo0bar1baz2quux3quuux4abc",
                "CLUSTER_USER" => "app",
                "PGPORT" => "5433",
                "PGHOSTADDR" => "127.0.0.1",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let config = config.expect("a configuration");
        let endpoint = config
            .resolve(|name| (name == "AWS_DEFAULT_REGION").then(|| "eu-west-1".to_owned()))
            .expect("an endpoint");
        assert_eq!(endpoint.host, "foo0bar1baz2quux3quuux4abc.dsql.eu-west-1.on.aws");
        assert_eq!(endpoint.address.as_deref(), Some("127.0.0.1"));
        assert_eq!((config.port, config.get_user()), (5433, "app"));
        let error = Config::from_variables(|_| None).expect_err("no host");
        assert!(error.to_string().contains("CLUSTER_ENDPOINT"), "{error}");
    }

    #[test]
    fn config_names_and_schemas() {
        let config = Config::new("x").application_name("shop").search_path("myschema, a\"b,$user");
        let own = concat!("aurora-dsql-rust-sqlx/", env!("CARGO_PKG_VERSION"));
        let base = "aurora-dsql-rust-sqlx";
        assert_eq!(config.full_application_name(base), format!("shop:{own}"));
        assert_eq!(Config::new("x").full_application_name(base), own);
        assert_eq!(
            config.set_search_path().as_deref(),
            Some("SET search_path = \"myschema\", \"a\"\"b\", \"$user\"")
        );
    }

    #[test]
    fn config_lifetime_has_jitter_of_a_tenth() {
        let options = PoolOptions::default();
        let all: Vec<Duration> = (0..100).map(|_| options.lifetime()).collect();
        let (least, most) = (all.iter().min(), all.iter().max());
        assert!(least.is_some_and(|least| *least >= Duration::from_secs(55 * 54)));
        assert!(most.is_some_and(|most| *most <= Duration::from_secs(55 * 60)));
        assert_ne!(least, most);
    }
}

//! From an encrypted stream to a session: startup packet, cluster, token, database role.
//!
//! What is here is not a session yet: a [`Stranger`] can only become one, by way of its token.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use iam::policy::key;
use iam::token::{self, Action, Expectation, Refusal, Report};
use iam::trail::{Category, Event};
use iam::{AmzTime, Caller};
use query::Startup;
use query::endpoint::Fault;
use rand::Rng;
use types::{Severity, SqlError, SqlState};

use crate::Server;
use crate::backends::Backend;
use crate::cluster::{Cluster, ClusterId, Unrouted};
use crate::codec::reader::violation;
use crate::codec::startup::{self, First, PROTOCOL_3_0, StartupMessage};
use crate::codec::{backend, frontend};
use crate::limits::{self, Admitted, Rest};
use crate::session::Session;
use crate::transport::{Filled, Input, PASSWORD_BYTES_MAX, Wire};

/// The option that names a cluster where the host name does not; dashes read as underscores.
const CLUSTER_OPTION: &str = "amzn_cluster_id";

/// An encrypted connection from nobody knows whom.
pub(crate) struct Stranger {
    pub(crate) wire: Wire,
    pub(crate) input: Input,
    /// The host name asked for in the TLS handshake.
    pub(crate) sni: Option<String>,
    /// The client's address.
    pub(crate) address: IpAddr,
    pub(crate) session_id: String,
    /// What it asked for, for the log.
    asked: Option<Asked>,
}

/// What a stranger who is refused had asked for.
struct Asked {
    cluster: ClusterId,
    user: String,
    database: String,
    application_name: String,
    /// ARN of whoever signed the token, if that could be told.
    principal: Option<String>,
}

/// Why a stranger does not become a session.
pub(crate) enum Refused {
    /// Left without being refused: a probe, or a client that must first ask its user for a password.
    Left,
    /// Is to be told this.
    Told(SqlError),
    /// The connection broke.
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        Refused::Io(error)
    }
}

impl From<SqlError> for Refused {
    fn from(error: SqlError) -> Refused {
        Refused::Told(error.severity(Severity::Fatal))
    }
}

/// What is known of a stranger who has said hello.
struct Hello {
    user: String,
    database: String,
    /// Other settings, `options` taken apart.
    parameters: Vec<(String, String)>,
    cluster: Arc<Cluster>,
    admitted: Admitted,
}

impl Hello {
    /// What the client calls itself.
    fn application_name(&self) -> &str {
        let mut parameters = self.parameters.iter().rev();
        let found = parameters.find(|(name, _)| name.eq_ignore_ascii_case("application_name"));
        found.map_or("", |(_, value)| value)
    }
}

impl Stranger {
    pub(crate) fn new(wire: Wire, sni: Option<String>, address: IpAddr) -> Stranger {
        Stranger {
            wire,
            input: Input::default(),
            sni,
            address,
            session_id: session_id(),
            asked: None,
        }
    }

    /// Makes a session of the stranger, or refuses it and tells it why.
    pub(crate) async fn authenticate(mut self, server: &Server) -> Option<Session> {
        match self.try_authenticate(server).await {
            Ok((database, backend, admitted)) => {
                let Stranger { wire, input, session_id, .. } = self;
                let log_min_duration = server.log_min_duration;
                Some(Session::new(
                    wire,
                    input,
                    database,
                    backend,
                    admitted,
                    session_id,
                    log_min_duration,
                ))
            }
            Err(Refused::Left) => None,
            Err(Refused::Io(error)) => {
                tracing::debug!(session_id = self.session_id, %error, "connection lost");
                None
            }
            Err(Refused::Told(error)) => {
                self.log_refusal(&error);
                self.wire.close_with(&error).await;
                None
            }
        }
    }

    /// Logs that a connection was refused. The hint repeats what the client sent, the password never.
    fn log_refusal(&self, error: &SqlError) {
        let asked = self.asked.as_ref();
        let (session_id, address) = (&self.session_id, self.address);
        let (code, message) = (error.code(), error.message());
        let hint = error.fields().hint.as_deref();
        match asked {
            Some(asked)
                if code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
                    || asked.principal.is_some() =>
            {
                let Asked { cluster, user, database, application_name, principal } = asked;
                tracing::info!(
                    %cluster,
                    session_id,
                    %address,
                    user,
                    database,
                    application_name,
                    principal,
                    %code,
                    hint,
                    "authentication failed"
                );
            }
            _ => {
                tracing::debug!(session_id, %address, %code, message, hint, "connection refused");
            }
        }
    }

    async fn try_authenticate(
        &mut self,
        server: &Server,
    ) -> Result<(query::Session, Backend, Admitted), Refused> {
        let startup = match self.first().await? {
            First::Startup(startup) => startup,
            First::Cancel { process_id, secret } => {
                server.backends.cancel(process_id, secret);
                self.wire.close().await?;
                return Err(Refused::Left);
            }
            First::Ssl | First::GssEnc => {
                return Err(violation("the connection is encrypted already").into());
            }
        };
        let hello = self.greet(server, &startup)?;
        self.asked = Some(Asked {
            cluster: hello.cluster.id(),
            user: hello.user.clone(),
            database: hello.database.clone(),
            application_name: hello.application_name().to_owned(),
            principal: None,
        });
        backend::authentication_cleartext_password(&mut self.wire.out);
        self.wire.flush().await?;
        let password = self.password().await?;
        let caller = self.verify(server, &hello, &password)?;
        drop(password);

        let Hello { user, database, parameters, cluster, admitted } = hello;
        let principal = caller.principal.arn().to_owned();
        tracing::debug!(
            session_id = self.session_id,
            user,
            principal,
            cluster = %cluster.id(),
            "session begins"
        );
        let session = cluster.engine().connect(Startup {
            user,
            database,
            parameters,
            principal,
            grantee: Some(caller.grantee),
            session_id: self.session_id.clone(),
            endpoint: Arc::clone(cluster.endpoint()),
        })?;
        let backend = server.backends.register(session.canceller(), rand::rng().random(), &cluster);
        let out = &mut self.wire.out;
        backend::authentication_ok(out);
        for (name, value) in session.parameters() {
            backend::parameter_status(out, name, &value);
        }
        backend::backend_key_data(out, backend.process_id, backend.secret);
        Ok((session, backend, admitted))
    }

    /// Reads the first packet inside TLS.
    async fn first(&mut self) -> Result<First, Refused> {
        let length = loop {
            match self.input.take(4) {
                Some(&[a, b, c, d]) => break [a, b, c, d],
                _ => self.fill().await?,
            }
        };
        let len = startup::body_len(length)?;
        loop {
            match self.input.take(len) {
                Some(body) => return Ok(startup::decode(body)?),
                None => self.fill().await?,
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Refused> {
        match self.input.fill(&mut self.wire, None).await? {
            Filled::Some => Ok(()),
            Filled::End | Filled::Stop(_) => Err(Refused::Left),
        }
    }

    /// Checks all that can be checked before the client is known.
    fn greet(&mut self, server: &Server, startup: &StartupMessage) -> Result<Hello, Refused> {
        let is_extension = |name: &str| name.starts_with("_pq_.");
        let unknown: Vec<&str> = startup
            .parameters
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| is_extension(name))
            .collect();
        if startup.minor > 0 || !unknown.is_empty() {
            backend::negotiate_protocol_version(&mut self.wire.out, PROTOCOL_3_0, &unknown);
        }
        let user = startup.get("user").filter(|user| !user.is_empty()).ok_or_else(|| {
            SqlError::new(
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                "no PostgreSQL user name specified in startup packet",
            )
        })?;
        let database = startup.get("database").filter(|name| !name.is_empty()).unwrap_or(user);
        if startup.get("replication").is_some_and(|value| !is_false(value)) {
            return Err(SqlError::unsupported("replication connections are not supported").into());
        }
        let mut parameters = match startup.get("options") {
            Some(options) => startup::split_options(options)?,
            None => Vec::new(),
        };
        let option = parameters.iter().rev().find(|(name, _)| name == CLUSTER_OPTION);
        let cluster = server
            .clusters
            .route(self.sni.as_deref(), option.map(|(_, value)| value.as_str()))
            .map_err(|unrouted| self.unrouted(unrouted))?;
        parameters.retain(|(name, _)| name != CLUSTER_OPTION);
        let is_setting = |name: &str| {
            !matches!(name, "user" | "database" | "options" | "replication") && !is_extension(name)
        };
        // Those given by name come after those in `options` and so prevail, as in PostgreSQL.
        parameters.extend(startup.parameters.iter().filter(|(name, _)| is_setting(name)).cloned());
        for (name, value) in &mut parameters {
            if name.eq_ignore_ascii_case("client_encoding") {
                *value = client_encoding(value)?;
            }
        }
        if cluster.rest(&server.limits) == Rest::Inactive {
            cluster.admission().used(Instant::now());
            return Err(waking_up().into());
        }
        let faults = &cluster.endpoint().faults;
        if faults.strike(Fault::WakingUp) {
            return Err(waking_up().into());
        }
        if faults.strike(Fault::RateExceeded) {
            return Err(limits::rate_exceeded().into());
        }
        let admitted = cluster.admission().admit(&server.limits, Instant::now())?;
        Ok(Hello {
            user: cluster.engine().role_of(user).to_owned(),
            database: database.to_owned(),
            parameters,
            cluster,
            admitted,
        })
    }

    fn unrouted(&self, unrouted: Unrouted) -> SqlError {
        match unrouted {
            Unrouted::Unnamed => SqlError::new(
                SqlState::PROTOCOL_VIOLATION,
                "unable to accept connection, sni was not received",
            ),
            Unrouted::Unknown => self.denied(Report::access_denied(None)),
        }
    }

    /// Waits for the password message.
    async fn password(&mut self) -> Result<String, Refused> {
        loop {
            let hint = "The password is not an authentication token: its length is impossible.";
            let next = self.input.next(PASSWORD_BYTES_MAX);
            let next = next.map_err(|_| self.denied(Report::access_denied(Some(hint.to_owned()))));
            if let Some(frame) = next? {
                if frame.tag != b'p' {
                    let message =
                        format!("expected password response, got message type {}", frame.tag);
                    return Err(violation(message).into());
                }
                return Ok(frontend::decode_password(self.input.body(&frame))?.to_owned());
            }
            self.fill().await?;
        }
    }

    /// Whoever signed the token, if they may connect as this user to this cluster. Leaves a record
    /// either way.
    fn verify(
        &mut self,
        server: &Server,
        hello: &Hello,
        password: &str,
    ) -> Result<Caller, Refused> {
        let now = AmzTime::from(SystemTime::now());
        let (caller, outcome) = self.judge(server, hello, password, now);
        let cluster = &hello.cluster;
        let meters = &cluster.endpoint().meters;
        match Action::needed_by(&hello.user) {
            Action::DbConnectAdmin => meters.admin_connects.add(1),
            Action::DbConnect => meters.connects.add(1),
        }
        if let (Some(asked), Some(caller)) = (&mut self.asked, &caller) {
            asked.principal = Some(caller.principal.arn().to_owned());
        }
        let error = outcome
            .as_ref()
            .err()
            .map(|report| ("AccessDenied", report.hint.as_deref().unwrap_or(report.message)));
        server.trail.record(&Event {
            time: now,
            source: "dsql.amazonaws.com",
            name: Action::needed_by(&hello.user).as_str(),
            region: cluster.region(),
            category: Category::Data,
            read_only: false,
            caller: caller.as_ref(),
            account: cluster.account(),
            source_ip: Some(self.address),
            user_agent: hello.application_name(),
            error,
            request: serde_json::json!({ "user": hello.user, "database": hello.database }),
            response: serde_json::Value::Null,
            request_id: &self.session_id,
            resource: Some(&cluster.arn()),
        });
        match (outcome, caller) {
            (Ok(()), Some(caller)) => Ok(caller),
            (Ok(()), None) => Err(self.denied(Report::access_denied(None)).into()),
            (Err(report), _) => Err(self.denied(report).into()),
        }
    }

    /// Who signed the token, if that can be told, and whether they may connect.
    fn judge(
        &self,
        server: &Server,
        hello: &Hello,
        password: &str,
        now: AmzTime,
    ) -> (Option<Caller>, Result<(), Report>) {
        let cluster = &hello.cluster;
        let expected = Expectation {
            region: cluster.region(),
            user: &hello.user,
            host_is_cluster: &|host| server.clusters.is_host_of(host, cluster),
            now,
        };
        let access_key = match token::verify(password, &expected, &*server.identities) {
            Ok(access_key) => access_key,
            Err(refusal) => return (None, Err(refusal.report())),
        };
        if cluster.endpoint().faults.strike(Fault::TokenExpired) {
            let expires_s = token::EXPIRES_S_DEFAULT;
            let date = now.plus(-1 - i64::from(expires_s));
            return (None, Err(Refusal::Expired { date, expires_s, now }.report()));
        }
        let caller = server.identities.caller(&access_key);
        let facts = cluster.facts();
        let mut context = caller
            .context(now)
            .with(key::SOURCE_IP, self.address.to_canonical().to_string())
            .with(key::SECURE_TRANSPORT, "true")
            .with(key::USER_AGENT, hello.application_name())
            .with(key::REQUESTED_REGION, cluster.region())
            .with(key::RESOURCE_ACCOUNT, cluster.account());
        let tags = facts.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        context.set_tags(key::RESOURCE_TAG, tags);
        let action = format!("dsql:{}", Action::needed_by(&hello.user));
        let policy = facts.policy.as_deref();
        let outcome = caller
            .authorize(&action, &cluster.arn(), &context, policy)
            .map_err(|why| Report::access_denied(Some(why)))
            .and_then(|()| {
                let engine = cluster.engine();
                match engine.may_connect(&hello.user, &caller.grantee) {
                    true => Ok(()),
                    false if engine.has_role(&hello.user) => Err(Report::access_denied(None)),
                    false => Err(Report::no_such_role()),
                }
            });
        (Some(caller), outcome)
    }

    fn denied(&self, report: Report) -> SqlError {
        let code = report
            .sqlstate
            .as_bytes()
            .try_into()
            .map_or(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, SqlState);
        let error =
            SqlError::new(code, report.message).detail(format!("Session Id: {}", self.session_id));
        match report.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// What clients of a cluster read that has to be made ready first.
fn waking_up() -> SqlError {
    SqlError::new(
        SqlState::CANNOT_CONNECT_NOW,
        "unable to accept connection, waking up cluster, please retry later",
    )
}

/// The name of the one encoding there is, for every spelling of it.
///
/// `SQL_ASCII` is what psql asks for in the C locale; it means no conversion, and UTF-8 is what
/// comes without conversion.
fn client_encoding(value: &str) -> Result<String, SqlError> {
    let plain: String = value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect();
    match plain.as_str() {
        "utf8" | "unicode" | "sqlascii" => Ok("UTF8".to_owned()),
        _ => Err(SqlError::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"client_encoding\": \"{value}\""),
        )),
    }
}

fn is_false(value: &str) -> bool {
    ["false", "off", "no", "0", "f", "n"].iter().any(|text| value.eq_ignore_ascii_case(text))
}

/// 26 digits of base 32, like Aurora DSQL's.
fn session_id() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random: u128 = rand::rng().random();
    (0..26)
        .map(|_| {
            let digit = usize::try_from(random & 31).unwrap_or_default();
            random >>= 5;
            char::from(ALPHABET[digit])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_encoding_spellings() {
        for utf8 in ["UTF8", "utf-8", "'utf-8'", "utf_8", "Unicode", "SQL_ASCII"] {
            assert_eq!(client_encoding(utf8).unwrap(), "UTF8", "{utf8}");
        }
        let error = client_encoding("LATIN1").unwrap_err();
        assert_eq!(error.code().as_str(), "22023");
        assert_eq!(error.message(), "invalid value for parameter \"client_encoding\": \"LATIN1\"");
    }

    #[test]
    fn session_ids_are_base_32() {
        let (one, two) = (session_id(), session_id());
        assert_ne!(one, two);
        for id in [one, two] {
            assert_eq!(id.len(), 26);
            assert!(id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{id}");
        }
    }
}

//! Spans, events and counters of connections, transactions and refusals.

use std::io;
use std::sync::{Arc, Mutex};

use connector::{Config, Connector, Error, RetryPolicy};
use testkit::{BorealisServer, Operator};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::world::{config, connector};

/// What is traced on this thread, at every level and by every crate, in which spans.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<u8>>>);

impl io::Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a trace").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Trace {
    /// Begins; the runtime of a test is this thread alone.
    fn begin() -> (Trace, DefaultGuard) {
        let trace = Trace::default();
        let writer = trace.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::NEW)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        (trace, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("a trace").clone()).expect("UTF-8")
    }

    /// How many lines are the connector's and hold all of `parts`.
    fn count(&self, parts: &[&str]) -> usize {
        let text = self.text();
        let own = text.lines().filter(|line| line.contains(" connector::"));
        own.filter(|line| parts.iter().all(|part| line.contains(part))).count()
    }

    /// Asserts that nobody wrote the secret key of `server`'s administrator, a token or its signature.
    #[track_caller]
    fn check_no_secret(&self, server: &BorealisServer, tokens: &[connector::Token]) {
        let text = self.text();
        let mut secrets = vec![server.env()["AWS_SECRET_ACCESS_KEY"].clone()];
        for token in tokens {
            let (_, signature) = token.expose().rsplit_once("X-Amz-Signature=").expect("a token");
            secrets.extend([token.expose().to_owned(), signature.to_owned()]);
        }
        for secret in secrets {
            let line = text.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "a secret");
        }
    }
}

/// A connector whose name and schema are in its configuration.
async fn of(config: Config) -> Connector {
    connector(config.application_name("shop").search_path("public")).await
}

#[tokio::test]
async fn traces_of_connections_and_transactions() {
    let server = BorealisServer::in_memory_with(&["--failure-lab"]);
    let (trace, _guard) = Trace::begin();
    let connector = of(config(&server)).await;
    let pool = connector.pool().await.expect("a pool");
    assert_eq!(
        trace.count(&["connect{host=\"localhost\" user=\"admin\"}: connector::", ": new"]),
        1
    );
    let signed = ["connect{", "token signed host=\"localhost\" user=\"admin\" valid_s=900"];
    assert_eq!(trace.count(&signed), 1, "{}", trace.text());

    pool.get()
        .await
        .expect("a connection")
        .batch_execute("CREATE TABLE t (id int)")
        .await
        .expect("t");
    Operator::of(&server).inject("OC000", 2);
    let insert = async |txn: &connector::Transaction<'_>| {
        txn.execute("INSERT INTO t VALUES (1)", &[]).await?;
        Ok::<_, Error>(())
    };
    pool.transaction(&RetryPolicy::default(), insert).await.expect("the third try");
    for attempt in 1..=2 {
        let again = format!("trying again attempt={attempt} failure=Conflict delay_ms=");
        assert_eq!(
            trace.count(&["transaction{host=\"localhost\"}", &again]),
            1,
            "{}",
            trace.text()
        );
    }
    Operator::of(&server).inject("OC000", 2);
    pool.transaction(&RetryPolicy::attempts(2), insert).await.expect_err("no third try");
    assert_eq!(trace.count(&["WARN", "not tried again attempt=2 failure=Conflict"]), 1);

    connector.connect().await.expect("another");
    let stats = connector.stats();
    assert_eq!(
        (stats.tokens_signed, stats.connections_opened, stats.connections_failed),
        (1, 2, 0)
    );
    assert_eq!((stats.conflicts, stats.reconnects), (3, 0));
    assert_eq!(trace.count(&["connect{", ": new"]), 2);
    trace.check_no_secret(&server, &[connector.token().await.expect("a token")]);
}

#[tokio::test]
async fn traces_of_sqlx() {
    let server = BorealisServer::in_memory_with(&["--failure-lab"]);
    let (trace, _guard) = Trace::begin();
    let connector = of(config(&server)).await;
    let pool = connector.sqlx_pool().await.expect("a pool");
    let new = "sqlx_connect{host=\"localhost\" user=\"admin\"}: connector::";
    assert_eq!(trace.count(&[new, ": new"]), 1, "{}", trace.text());
    sqlx::query("CREATE TABLE t (id int)").execute(&*pool).await.expect("a table");
    Operator::of(&server).inject("OC001", 1);
    pool.transaction(&RetryPolicy::default(), async |txn| {
        sqlx::query("INSERT INTO t VALUES (1)").execute(&mut *txn).await?;
        Ok::<_, Error>(())
    })
    .await
    .expect("the second try");
    let again = ["transaction{host=\"localhost\"}", "trying again attempt=1 failure=Conflict"];
    assert_eq!(trace.count(&again), 1, "{}", trace.text());
    let stats = connector.stats();
    assert_eq!((stats.tokens_signed, stats.conflicts), (1, 1));
    trace.check_no_secret(&server, &[connector.token().await.expect("a token")]);
}

#[tokio::test]
async fn traces_of_refusals() {
    let server = BorealisServer::in_memory_with(&["--failure-lab"]);
    let (trace, _guard) = Trace::begin();
    let refused = of(config(&server).user("nobody")).await;
    refused.connect().await.expect_err("no such role");
    Operator::of(&server).inject("token-expired", 1);
    let renewed = of(config(&server)).await;
    let first = renewed.token().await.expect("a token");
    renewed.connect().await.expect("with the second token");
    assert_eq!(trace.count(&["connect{host=\"localhost\" user=\"nobody\"}", ": new"]), 1);
    assert_eq!(trace.count(&["token signed", "user=\"admin\""]), 2, "{}", trace.text());
    let (refusals, renewals) = (refused.stats(), renewed.stats());
    assert_eq!((refusals.connections_opened, refusals.connections_failed), (0, 1));
    assert_eq!((renewals.tokens_signed, renewals.connections_opened), (2, 1));
    let tokens =
        [refused.token().await.expect("a token"), first, renewed.token().await.expect("a token")];
    trace.check_no_secret(&server, &tokens);
}

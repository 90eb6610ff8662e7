//! SIGKILL under load: what was acknowledged is there afterwards, and every transaction is whole.
//!
//!     writers ──► transfer: two balances + one ledger row, one transaction ──► COMMIT acknowledged?
//!     killer  ──► SIGKILL at a random moment ──► restart ──► check ──► next round
//!
//! The check reads three things: every acknowledged transfer stands in the ledger; replaying the
//! ledger from the initial balances gives exactly the balances (so each transfer is there with all
//! its parts or not at all); the sum of balances is what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng;
use testkit::{BorealisServer, Endpoint};
use tokio_postgres::{Client, Error, Statement};

const ROUNDS: usize = 20;
const WRITERS: i32 = 8;
const ACCOUNTS: i32 = 50;
const INITIAL: i64 = 1_000;
/// The server is killed this long after the load has begun.
const LOAD_MS: std::ops::Range<u64> = 30..400;

/// A transfer's place in the ledger: round, writer, number.
type Key = (i32, i32, i32);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_loses_nothing_acknowledged() {
    let mut server = BorealisServer::start();
    set_up(&server.endpoint().connect().await).await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let endpoint = server.endpoint();
        let round_number = i32::try_from(round).unwrap();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(transfers(endpoint.clone(), round_number, writer)))
            .collect();
        let load_ms = rand::rng().random_range(LOAD_MS);
        tokio::time::sleep(Duration::from_millis(load_ms)).await;
        server.kill();
        for writer in writers {
            acknowledged.extend(writer.await.expect("a writer"));
        }
        server.restart();
        let client = server.endpoint().connect().await;
        check(&client, &acknowledged).await;
    }
    assert!(acknowledged.len() > ROUNDS, "hardly any load: {} commits", acknowledged.len());
}

/// The same for the log's other half: a server that is stopped in order and started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_order_loses_nothing() {
    let mut server = BorealisServer::start();
    set_up(&server.endpoint().connect().await).await;
    let endpoint = server.endpoint();
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(transfers(endpoint.clone(), 0, writer))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.stop();
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("a writer"));
    }
    server.restart();
    check(&server.endpoint().connect().await, &acknowledged).await;
}

async fn set_up(client: &Client) {
    let statements = [
        "CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL)".to_owned(),
        "CREATE TABLE ledger (round INT, writer INT, number INT, payer INT NOT NULL,
             payee INT NOT NULL, amount BIGINT NOT NULL, PRIMARY KEY (round, writer, number))"
            .to_owned(),
        format!(
            "INSERT INTO accounts SELECT id, {INITIAL} FROM generate_series(1, {ACCOUNTS}) AS id"
        ),
    ];
    for sql in statements {
        client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

/// Transfers until the connection breaks; returns the acknowledged ones.
async fn transfers(endpoint: Endpoint, round: i32, writer: i32) -> Vec<Key> {
    let mut acknowledged = vec![];
    // The server may be killed before all have connected.
    let Ok(client) = endpoint.try_connect().await else { return acknowledged };
    let Ok(statements) = Statements::prepare(&client).await else { return acknowledged };
    for number in 0.. {
        let key = (round, writer, number);
        match transfer(&client, &statements, key).await {
            Ok(()) => acknowledged.push(key),
            // A conflict: nothing of it may remain. The number is not used again.
            Err(error) if error.code().is_some_and(|code| code.code() == "40001") => {
                if client.batch_execute("ROLLBACK").await.is_err() {
                    break;
                }
            }
            // An orderly stop announces itself (57P01), a kill does not.
            Err(error) if error.is_closed() || error.code().is_none_or(|c| c.code() == "57P01") => {
                break;
            }
            Err(error) => panic!("{key:?}: {error:?}"),
        }
    }
    acknowledged
}

struct Statements {
    update: Statement,
    insert: Statement,
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Statements, Error> {
        let update = "UPDATE accounts SET balance = balance + $1 WHERE id = $2";
        let insert = "INSERT INTO ledger VALUES ($1, $2, $3, $4, $5, $6)";
        Ok(Statements {
            update: client.prepare(update).await?,
            insert: client.prepare(insert).await?,
        })
    }
}

async fn transfer(client: &Client, statements: &Statements, key: Key) -> Result<(), Error> {
    let (payer, payee, amount) = {
        let mut rng = rand::rng();
        (
            rng.random_range(1..=ACCOUNTS),
            rng.random_range(1..=ACCOUNTS),
            rng.random_range(1..100_i64),
        )
    };
    let (round, writer, number) = key;
    client.batch_execute("BEGIN").await?;
    client.execute(&statements.update, &[&-amount, &payer]).await?;
    client.execute(&statements.update, &[&amount, &payee]).await?;
    let row: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&round, &writer, &number, &payer, &payee, &amount];
    client.execute(&statements.insert, &row).await?;
    client.batch_execute("COMMIT").await
}

async fn check(client: &Client, acknowledged: &BTreeSet<Key>) {
    let mut expected: BTreeMap<i32, i64> = (1..=ACCOUNTS).map(|id| (id, INITIAL)).collect();
    let mut found = BTreeSet::new();
    let sql = "SELECT round, writer, number, payer, payee, amount FROM ledger";
    for row in client.query(sql, &[]).await.expect("the ledger") {
        found.insert((row.get(0), row.get(1), row.get(2)));
        let amount: i64 = row.get(5);
        *expected.get_mut(&row.get(3)).expect("a payer") -= amount;
        *expected.get_mut(&row.get(4)).expect("a payee") += amount;
    }
    let lost: Vec<&Key> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged but lost: {lost:?}");
    // At most the last commit of each writer of each round may be there without an acknowledgement.
    for (round, writer, number) in found.difference(acknowledged) {
        let later = acknowledged.range((*round, *writer, number + 1)..(*round, *writer, i32::MAX));
        assert_eq!(later.count(), 0, "{round}/{writer}/{number} failed and is there");
    }
    let rows = client.query("SELECT id, balance FROM accounts", &[]).await.expect("the accounts");
    let balances: BTreeMap<i32, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(balances, expected, "the ledger does not give the balances");
    assert_eq!(balances.values().sum::<i64>(), i64::from(ACCOUNTS) * INITIAL);
}

//! What pgbench does not measure: memory, sessions, start, size.

use std::time::{Duration, Instant};

use futures::StreamExt;
use testkit::{Endpoint, borealis_binary};
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::machine::memory_bytes;
use crate::options::Options;
use crate::report::{Figure, bytes, median, millis};
use crate::system::{POSTGRES_SESSIONS, System};

/// Sessions that are opened at once.
const OPENING: usize = 32;
/// Before memory is read.
const SETTLE: Duration = Duration::from_secs(3);

/// Memory of a server that has just been started and has served one session.
pub(crate) async fn idle_memory(systems: &[System; 2]) -> Figure {
    let mut taken = vec![];
    for system in systems {
        let client = system.endpoint().connect().await;
        client.batch_execute("SELECT 1").await.expect("SELECT");
        drop(client);
        sleep(SETTLE).await;
        taken.push(memory_bytes(system.pid()));
    }
    Figure {
        name: "memory when idle, new and empty".into(),
        postgres: bytes(taken[0]),
        borealis: bytes(taken[1]),
    }
}

/// Memory of an idle session over TLS.
pub(crate) async fn sessions(systems: &[System; 2], options: &Options) -> Figure {
    let mut taken = vec![];
    let mut counts = vec![];
    for system in systems {
        let count = match system {
            System::Postgres(_) => options.sessions().min(POSTGRES_SESSIONS),
            System::Borealis(_) => options.sessions(),
        };
        let endpoint = system.endpoint();
        let before = memory_bytes(system.pid());
        let open = futures::stream::iter(0..count)
            .map(|_| session(&endpoint))
            .buffer_unordered(OPENING)
            .collect::<Vec<Client>>()
            .await;
        sleep(SETTLE).await;
        let grown = memory_bytes(system.pid()).saturating_sub(before);
        eprintln!("sessions, {}: {count} take {}", system.name(), bytes(grown));
        taken.push(grown / count as u64);
        counts.push(open.len());
    }
    Figure {
        name: format!("memory of an idle session, over {} and {} sessions", counts[0], counts[1]),
        postgres: bytes(taken[0]),
        borealis: bytes(taken[1]),
    }
}

/// Opens a session that has run a statement.
async fn session(endpoint: &Endpoint) -> Client {
    let client = endpoint.connect().await;
    client.batch_execute("SELECT 1").await.expect("SELECT");
    client
}

/// From the start of the process on existing data to the answer of the first SELECT.
pub(crate) async fn start(systems: &mut [System; 2], options: &Options) -> Figure {
    let mut medians = vec![];
    for system in systems {
        let mut times = vec![];
        for _ in 0..options.starts() {
            let endpoint = system.endpoint();
            system.stop();
            let start = Instant::now();
            system.restart();
            first_select(&endpoint).await;
            times.push(start.elapsed().as_secs_f64());
        }
        eprintln!("start, {}: {times:.3?}", system.name());
        medians.push(Duration::from_secs_f64(median(times)));
    }
    Figure {
        name: format!("start to first SELECT, {} rows", options.rows()),
        postgres: millis(medians[0]),
        borealis: millis(medians[1]),
    }
}

async fn first_select(endpoint: &Endpoint) {
    loop {
        if let Ok(client) = endpoint.try_connect().await {
            let sql = "SELECT balance FROM accounts WHERE id = 1";
            client.query_one(sql, &[]).await.expect("a row");
            return;
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// Size of the binary as shipped.
pub(crate) fn size() -> Figure {
    let len = borealis_binary().metadata().expect("the borealis binary").len();
    Figure { name: "size of the binary".into(), postgres: "–".into(), borealis: bytes(len) }
}

//! Running files, and rewriting them from PostgreSQL's answers.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use sqllogictest::{
    DefaultColumnType, MakeConnection, Normalizer, Runner, Validator, default_column_validator,
};
use testkit::{BorealisServer, Endpoint, PostgresServer};

use crate::engine::{Engine, SqlFailure};

/// Files that run at once: they wait for their servers most of the time.
const PARALLEL: usize = 4;

/// Which server answers.
pub enum Server {
    /// A Borealis for each file.
    Borealis,
    /// One PostgreSQL with a database for each file.
    Postgres(PostgresServer),
}

/// What came of a file.
pub struct Outcome {
    /// The file.
    pub file: PathBuf,
    /// What differed, ready to be shown.
    pub result: Result<(), String>,
}

/// All test files, or those below `paths`, in the order of their names.
pub fn files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = vec![];
    if paths.is_empty() {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sql"), &mut found);
    }
    for path in paths {
        collect(path, &mut found);
    }
    found.sort();
    found
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in path.read_dir().expect("a readable directory") {
            collect(&entry.expect("an entry").path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "slt") {
        found.push(path.to_owned());
    }
}

/// Runs `files` and compares.
pub async fn run_all(server: &Server, files: &[PathBuf]) -> Vec<Outcome> {
    let runs = files.iter().enumerate().map(|(number, file)| async move {
        let session = Session::open(server, number).await;
        let mut runner = session.runner();
        let result = runner.run_file_async(file).await;
        runner.shutdown_async().await;
        let result = result.map_err(|error| error.display(false).to_string());
        Outcome { file: file.clone(), result }
    });
    futures::stream::iter(runs).buffered(PARALLEL).collect().await
}

/// Replaces the expectations in `files` by what PostgreSQL answers.
pub async fn bless(server: &PostgresServer, files: &[PathBuf]) {
    for (number, file) in files.iter().enumerate() {
        let endpoint = own_database(server, number).await;
        let mut runner = Session { endpoint, name: "postgres", _server: None }.runner();
        let blessed = runner
            .update_test_file(
                file,
                " ",
                VALIDATOR,
                NORMALIZER,
                default_column_validator::<DefaultColumnType>,
            )
            .await;
        blessed.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// Where the statements of one file go.
struct Session {
    endpoint: Endpoint,
    name: &'static str,
    // Lives as long as its sessions.
    _server: Option<BorealisServer>,
}

impl Session {
    async fn open(server: &Server, number: usize) -> Session {
        match server {
            Server::Borealis => {
                let start = || {
                    let server = BorealisServer::in_memory();
                    (server.endpoint(), server)
                };
                let (endpoint, server) =
                    tokio::task::spawn_blocking(start).await.expect("a server that starts");
                Session { endpoint, name: "borealis", _server: Some(server) }
            }
            Server::Postgres(postgres) => {
                let endpoint = own_database(postgres, number).await;
                Session { endpoint, name: "postgres", _server: None }
            }
        }
    }

    fn runner(&self) -> Runner<Engine, impl MakeConnection<Conn = Engine> + use<>> {
        let (endpoint, name) = (self.endpoint.clone(), self.name);
        let mut runner = Runner::new(move || {
            let endpoint = endpoint.clone();
            async move {
                let client = endpoint.try_connect().await.map_err(SqlFailure::from)?;
                Ok(Engine { client, name })
            }
        });
        runner.with_normalizer(NORMALIZER);
        runner.with_validator(VALIDATOR);
        runner
    }
}

async fn own_database(server: &PostgresServer, number: usize) -> Endpoint {
    let mut endpoint = server.endpoint();
    let database = format!("file_{number}");
    let client = endpoint.connect().await;
    let made = client.batch_execute(&format!("CREATE DATABASE {database}")).await;
    made.unwrap_or_else(|error| panic!("CREATE DATABASE {database}: {error:?}"));
    endpoint.database = database;
    endpoint
}

/// Only what an editor may have removed from the ends of lines is forgiven.
const NORMALIZER: Normalizer = |line| line.trim_end().to_owned();

const VALIDATOR: Validator = |normalizer, actual, expected| {
    let actual = actual.iter().map(|row| normalizer(&row.join(" ")));
    actual.eq(expected.iter().map(normalizer))
};

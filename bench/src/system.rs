//! The systems that are compared.

use testkit::{BorealisServer, Endpoint, Options, PostgresServer};

/// Sessions that the reference allows; each is a process there.
pub(crate) const POSTGRES_SESSIONS: usize = 1_000;

/// A quarter of a small machine's memory, as PostgreSQL's manual advises; the isolation level that
/// Aurora DSQL has, so that both do the same work.
pub(crate) const POSTGRES_SETTINGS: [&str; 4] = [
    "max_connections=1100",
    "shared_buffers=1GB",
    "max_wal_size=4GB",
    "default_transaction_isolation=repeatable read",
];

/// Aurora DSQL's own limits are 10,000 connections and 100 new ones a second.
pub(crate) const BOREALIS_ARGUMENTS: [&str; 3] =
    ["--connections-max=11000", "--connections-per-s=100000", "--connections-burst=100000"];

/// A running server with its data on disk.
pub(crate) enum System {
    Postgres(PostgresServer),
    Borealis(BorealisServer),
}

impl System {
    pub(crate) fn postgres() -> System {
        System::Postgres(PostgresServer::start_with(&POSTGRES_SETTINGS))
    }

    pub(crate) fn borealis() -> System {
        let arguments = BOREALIS_ARGUMENTS.map(str::to_owned).to_vec();
        System::Borealis(BorealisServer::start_with(Options { arguments, ..Options::default() }))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            System::Postgres(_) => "PostgreSQL 16",
            System::Borealis(_) => "Borealis",
        }
    }

    /// Where it is, with a password that has just been made.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            System::Postgres(server) => server.endpoint(),
            System::Borealis(server) => server.endpoint(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match self {
            System::Postgres(server) => server.pid(),
            System::Borealis(server) => server.pid(),
        }
    }

    pub(crate) fn stop(&mut self) {
        match self {
            System::Postgres(server) => server.stop(),
            System::Borealis(server) => server.stop(),
        }
    }

    /// Starts it again on its data. It may not accept connections yet.
    pub(crate) fn restart(&mut self) {
        match self {
            System::Postgres(server) => server.restart(),
            System::Borealis(server) => server.restart(),
        }
    }
}

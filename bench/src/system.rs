//! The systems that are compared.

use testkit::{BorealisServer, Endpoint, PostgresServer};

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
        System::Borealis(BorealisServer::start())
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

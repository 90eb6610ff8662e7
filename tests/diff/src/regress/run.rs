//! Running the statements of a file and comparing the answers.

use std::fmt::Write;
use std::ops::AddAssign;

use testkit::{BorealisServer, Endpoint, PostgresServer};

use super::dialect::{index, rewrite, tenk_rows};
use super::script::{Statement, bare, statements};
use crate::answer::Answer;
use crate::compare::{Verdict, compare};
use crate::run::Pair;
use crate::wire::{CONNECTION_FAILURE, Connection};

/// The database made anew for each file: Borealis' has this name.
const DATABASE: &str = "postgres";
/// Tables of `test_setup` whose rows are in files, with the number of rows.
const FILLED: [(&str, usize); 2] = [("onek", 1000), ("tenk1", 10_000)];

/// How the statements of a file went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Equal answers.
    pub same: usize,
    /// Answers that may differ, for reasons that [`compare`] knows.
    pub explained: usize,
    /// Answers that differ.
    pub different: usize,
    /// Refused by Borealis with 0A000, and not run on PostgreSQL.
    pub refused: usize,
    /// EXPLAIN that both servers answer: DSQL's plans are its own.
    pub plans: usize,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Totals) {
        self.same += other.same;
        self.explained += other.explained;
        self.different += other.different;
        self.refused += other.refused;
        self.plans += other.plans;
    }
}

/// What one statement came to.
enum Outcome {
    Refused,
    Plan,
    Verdict(Verdict, Box<(Answer, Answer)>),
}

/// Both servers, with the tables that a file of statements expects.
struct Run {
    pair: Pair,
    endpoint: Endpoint,
}

/// Runs a file's statements after those of `setup`, on servers without anything else, and shows what
/// differs: as text, with the totals.
pub fn run_file(postgres: &PostgresServer, setup: &str, text: &str) -> (Totals, String) {
    let borealis = BorealisServer::in_memory();
    let mut run = Run { pair: open(postgres, &borealis), endpoint: borealis.endpoint() };
    run.set_up(setup, text);
    let (mut totals, mut shown) = (Totals::default(), String::new());
    for Statement { sql, data } in statements(text) {
        for sql in rewrite(&sql, &mut run.pair.postgres) {
            match run.one(&sql, &data) {
                Outcome::Refused => totals.refused += 1,
                Outcome::Plan => totals.plans += 1,
                Outcome::Verdict(Verdict::Same, _) => totals.same += 1,
                Outcome::Verdict(Verdict::Explained(_), _) => totals.explained += 1,
                Outcome::Verdict(Verdict::Different(what), answers) => {
                    let (expected, actual) = *answers;
                    totals.different += 1;
                    let _ = writeln!(
                        shown,
                        "══ {what}\n{sql}\n  PostgreSQL: {expected}\n  Borealis:   {actual}\n"
                    );
                }
            }
        }
    }
    (totals, shown)
}

/// Connects to a new database of `postgres` and to `borealis`.
fn open(postgres: &PostgresServer, borealis: &BorealisServer) -> Pair {
    let endpoint = Endpoint { database: "template1".into(), ..postgres.endpoint() };
    let mut maintenance = Connection::open(&endpoint);
    let drop = format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)");
    let create = format!("CREATE DATABASE {DATABASE} TEMPLATE template0");
    let roles = "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname ~ '^regress'";
    let [_, created, roles] =
        maintenance.run(&[&drop, &create, roles]).try_into().expect("an answer to each");
    assert_eq!(created.failure, None);
    for role in roles.rows.iter().flatten().flatten() {
        maintenance.run(&[format!("DROP OWNED BY {role}"), format!("DROP ROLE {role}")]);
    }
    let endpoint = Endpoint { database: DATABASE.into(), ..endpoint };
    Pair::open(&endpoint, &borealis.endpoint())
}

impl Run {
    /// Makes the tables that PostgreSQL's tests share; `text` tells which need their many rows.
    fn set_up(&mut self, setup: &str, text: &str) {
        for Statement { sql, data } in statements(setup) {
            // Only superusers make functions leakproof.
            let sql = sql.replace(" leakproof", "");
            // Files with the rows of tables are not there.
            if sql.contains("FROM :") {
                continue;
            }
            for sql in rewrite(&sql, &mut self.pair.postgres) {
                self.one(&sql, &data);
            }
        }
        for (table, count) in FILLED {
            if text.contains(table) || table == "tenk1" && text.contains("tenk2") {
                for rows in tenk_rows(count) {
                    self.load(table, &rows);
                }
            }
        }
        self.copy_rows("onek", "onek2");
        self.copy_rows("tenk1", "tenk2");
        self.align();
    }

    fn load(&mut self, table: &str, rows: &str) {
        let answer = self.pair.borealis.run_one(&format!("COPY {table} FROM STDIN"), rows);
        assert_eq!(answer.failure, None, "rows of {table}");
    }

    /// Fills table `to` with the rows of `from`.
    fn copy_rows(&mut self, from: &str, to: &str) {
        let rows = self.pair.borealis.run_one(&format!("COPY {from} TO STDOUT"), "").rows;
        let rows: Vec<String> = rows.into_iter().flatten().flatten().collect();
        rows.chunks(1000).for_each(|rows| self.load(to, &rows.concat()));
    }

    /// Gives PostgreSQL Borealis' rows of every table, in the order in which Borealis scans them:
    /// queries that order nothing then have equal answers more often.
    fn align(&mut self) {
        let tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = \
                      'public'::regnamespace";
        for table in self.pair.borealis.run_one(tables, "").rows.iter().flatten().flatten() {
            let rows = self.pair.borealis.run_one(&format!("COPY {table} TO STDOUT"), "").rows;
            let rows: Vec<String> = rows.into_iter().flatten().flatten().collect();
            self.pair.postgres.run_one(&format!("TRUNCATE {table}"), "");
            let copy = format!("COPY {table} FROM STDIN");
            let answer = self.pair.postgres.run_one(&copy, &rows.concat());
            assert_eq!(answer.failure, None, "rows of {table}");
            self.pair.postgres.run_one(&format!("ANALYZE {table}"), "");
        }
    }

    /// Runs a statement on Borealis and, unless it refuses it, on PostgreSQL.
    fn one(&mut self, sql: &str, data: &str) -> Outcome {
        let head = bare(sql).split_whitespace().next().unwrap_or_default().to_lowercase();
        let index = index(sql);
        let mut actual = self.pair.borealis.run_one(index.as_deref().unwrap_or(sql), data);
        let code = actual.failure.as_ref().map(|failure| failure.code.as_str());
        if code == Some(CONNECTION_FAILURE) {
            self.pair.borealis = Connection::open(&self.endpoint);
        }
        let Pair { postgres, borealis } = &mut self.pair;
        if code == Some("0A000") {
            // The transaction has failed there too.
            if postgres.transaction() == b'T' {
                postgres.run(&["SELECT 1/0"]);
            }
            return Outcome::Refused;
        }
        if let (Some(_), Some(Some(job))) = (&index, actual.rows.iter().flatten().next()) {
            borealis.run(&[format!("CALL sys.wait_for_job('{job}')")]);
        }
        let control = ["begin", "start", "commit", "end", "rollback", "abort", "set", "reset"];
        let undone = code.is_some()
            && postgres.transaction() == b'I'
            && !control.contains(&head.trim_end_matches(';'));
        if undone {
            postgres.run(&["BEGIN"]);
        }
        let mut expected = postgres.run_one(sql, data);
        if undone {
            if expected.failure.is_none() {
                // Errors that wait for the end of the transaction.
                expected.failure = postgres.run_one("SET CONSTRAINTS ALL IMMEDIATE", "").failure;
            }
            postgres.run(&["ROLLBACK"]);
        }
        match (postgres.transaction(), borealis.transaction()) {
            (b'I', b'I') | (b'T' | b'E', b'T' | b'E') => {}
            (b'I', _) => drop(borealis.run(&["ROLLBACK"])),
            _ => drop(postgres.run(&["ROLLBACK"])),
        }
        let both = expected.failure.is_none() && actual.failure.is_none();
        if both && head == "explain" {
            return Outcome::Plan;
        }
        if index.is_some() {
            if both {
                return Outcome::Verdict(Verdict::Same, Box::default());
            }
            // The word ASYNC moves what stands behind it.
            for answer in [&mut expected, &mut actual] {
                answer.failure.iter_mut().for_each(|failure| failure.position = None);
            }
        }
        Outcome::Verdict(compare(sql, &expected, &actual, false), Box::new((expected, actual)))
    }
}

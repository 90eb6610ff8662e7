//! Running cases on both servers and reporting what differs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::thread;

use testkit::Endpoint;

use crate::answer::Answer;
use crate::compare::{Verdict, compare, depends_on_plan, leaves_values_open};
use crate::generate::{Case, Generator};
use crate::shrink::shrink;
use crate::wire::Connection;

/// Statements made before the answers are compared.
const BATCH: usize = 96;
/// Differences of one kind that are shrunk; the others are counted.
const SHRUNK_MAX: usize = 3;

/// Both servers.
pub struct Pair {
    pub(crate) postgres: Connection,
    pub(crate) borealis: Connection,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Statements compared.
    pub statements: usize,
    /// Statements that failed on both servers in the same way.
    pub failures: usize,
    /// Differences that statements leave open, by reason.
    pub explained: BTreeMap<&'static str, usize>,
    /// Differences, by kind: how many, and how many of them were shrunk and shown.
    pub differences: BTreeMap<String, (usize, usize)>,
}

impl Pair {
    /// Connects to both.
    pub fn open(postgres: &Endpoint, borealis: &Endpoint) -> Pair {
        let mut pair =
            Pair { postgres: Connection::open(postgres), borealis: Connection::open(borealis) };
        // A statement that runs for long shows nothing; Borealis has no such parameter.
        pair.postgres.run(&["SET statement_timeout = '5s'"]);
        // Aurora DSQL has no other; initdb chooses by the machine's language.
        pair.postgres.run(&["SET default_text_search_config = 'simple'"]);
        for connection in [&mut pair.postgres, &mut pair.borealis] {
            connection.run(&["SET timezone = 'UTC'"]);
        }
        pair
    }

    /// The answers of both servers to statements.
    pub fn run<S: AsRef<str> + Sync>(&mut self, statements: &[S]) -> (Vec<Answer>, Vec<Answer>) {
        let Pair { postgres, borealis } = self;
        thread::scope(|scope| {
            let expected = scope.spawn(|| postgres.run(statements));
            let actual = borealis.run(statements);
            (expected.join().expect("an answer from PostgreSQL"), actual)
        })
    }

    fn verdict(&mut self, case: &Case) -> (Verdict, Answer, Answer) {
        let (mut expected, mut actual) = self.run(&messages(case));
        let verdict = compare_case(case, &expected, &actual);
        let at = usize::from(case.modifies.is_some());
        (verdict, expected.swap_remove(at), actual.swap_remove(at))
    }
}

/// What is sent for a case.
fn messages(case: &Case) -> Vec<String> {
    match &case.modifies {
        None => vec![case.sql.clone()],
        Some(check) => {
            vec!["BEGIN".into(), case.sql.clone(), check.clone(), "ROLLBACK".into()]
        }
    }
}

fn compare_case(case: &Case, expected: &[Answer], actual: &[Answer]) -> Verdict {
    match &case.modifies {
        None => compare(&case.sql, &expected[0], &actual[0], case.ordered),
        Some(check) => match compare(&case.sql, &expected[1], &actual[1], case.ordered) {
            Verdict::Same => match compare(check, &expected[2], &actual[2], true) {
                Verdict::Different(what) => Verdict::Different(format!("afterwards: {what}")),
                other => other,
            },
            other => other,
        },
    }
}

impl Report {
    /// Runs `statements` statements of a seed.
    pub fn run_seed(&mut self, pair: &mut Pair, seed: u64, statements: usize) {
        let mut generator = Generator::new(seed);
        let setup = generator.setup();
        let (expected, actual) = pair.run(&setup);
        for (statement, (e, a)) in setup.iter().zip(expected.iter().zip(&actual)) {
            // Some rows do not fit their table; neither server takes them.
            assert_eq!(e.failure, a.failure, "seed {seed}: {statement}");
        }
        let mut left = statements;
        while left > 0 {
            let cases: Vec<Case> = (0..left.min(BATCH)).map(|_| generator.next_case()).collect();
            left -= cases.len();
            let sent: Vec<String> = cases.iter().flat_map(messages).collect();
            let (expected, actual) = pair.run(&sent);
            let mut at = 0;
            for case in &cases {
                let count = if case.modifies.is_some() { 4 } else { 1 };
                let range = at..at + count;
                at += count;
                self.add(pair, &setup, case, &expected[range.clone()], &actual[range]);
            }
        }
        pair.run(&generator.teardown());
    }

    fn add(
        &mut self,
        pair: &mut Pair,
        setup: &[String],
        case: &Case,
        expected: &[Answer],
        actual: &[Answer],
    ) {
        let first = &expected[usize::from(case.modifies.is_some())];
        if first.failure.as_ref().is_some_and(|failure| failure.code == "57014") {
            return;
        }
        self.statements += 1;
        match compare_case(case, expected, actual) {
            Verdict::Same => self.failures += usize::from(first.failure.is_some()),
            Verdict::Explained(reason) => *self.explained.entry(reason).or_default() += 1,
            Verdict::Different(kind) if depends_on_plan(&kind) => {
                let (shown, sql) = show_shrunk(pair, setup, case, &kind);
                if leaves_values_open(&sql) {
                    let reason = "an error of a value that only one of the servers computes";
                    *self.explained.entry(reason).or_default() += 1;
                    return;
                }
                self.found(kind, || shown);
            }
            Verdict::Different(kind) => {
                self.found(kind.clone(), || show_shrunk(pair, setup, case, &kind).0);
            }
        }
    }

    /// Counts a difference; the first ones of a kind are shown at once, so that a run that is cut off
    /// was not for nothing.
    fn found(&mut self, kind: String, show: impl FnOnce() -> String) {
        let (count, shown) = self.differences.entry(kind.clone()).or_default();
        *count += 1;
        if *shown < SHRUNK_MAX {
            *shown += 1;
            eprintln!("══ {kind}\n{}", show());
        }
    }

    /// How many differences of which kind, largest first.
    pub fn show(&self) -> String {
        let mut out = String::new();
        let mut kinds: Vec<_> = self.differences.iter().collect();
        kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for (kind, (count, _)) in kinds {
            let _ = writeln!(out, "different: {count} × {kind}");
        }
        for (reason, count) in &self.explained {
            let _ = writeln!(out, "explained: {count} × {reason}");
        }
        out
    }

    /// How many statements differ.
    pub fn different(&self) -> usize {
        self.differences.values().map(|(count, _)| count).sum()
    }
}

/// The shrunk case, shown and as a statement.
fn show_shrunk(pair: &mut Pair, setup: &[String], case: &Case, kind: &str) -> (String, String) {
    let with = |sql: &str| Case { sql: sql.to_owned(), ..case.clone() };
    // Most differences of values turn out to depend on the plan: not worth more.
    let attempts = if depends_on_plan(kind) { 250 } else { 1500 };
    let sql = shrink(&case.sql, attempts, &mut |sql| {
        // Statements that end a transaction, or several of them, are none of ours.
        let allowed = ["SELECT", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE"];
        allowed.iter().any(|word| sql.starts_with(word))
            && matches!(pair.verdict(&with(sql)).0, Verdict::Different(found) if found == kind)
    });
    let (_, expected, actual) = pair.verdict(&with(&sql));
    let mut out = format!("  {sql}\n  PostgreSQL: {expected}\n  Borealis:   {actual}\n");
    for statement in setup {
        let table = statement.split(' ').nth(2).unwrap_or_default();
        let word = format!(" {table} ");
        if format!(" {sql} ").contains(&word) || sql.contains(&format!("{table}.")) {
            let _ = writeln!(out, "  -- {statement}");
        }
    }
    (out, sql)
}

/// Runs statements written by hand, one after the other, and returns the differences.
pub fn run_statements(pair: &mut Pair, statements: &[String]) -> (usize, String) {
    let (expected, actual) = pair.run(statements);
    let mut out = String::new();
    let mut different = 0;
    for (statement, (e, a)) in statements.iter().zip(expected.iter().zip(&actual)) {
        let ordered = statement.to_uppercase().contains("ORDER BY");
        if let Verdict::Different(kind) = compare(statement, e, a, ordered) {
            different += 1;
            let _ = writeln!(
                out,
                "══ {kind}\n  {}\n  PostgreSQL: {e}\n  Borealis:   {a}\n",
                statement.trim()
            );
        }
    }
    (different, out)
}

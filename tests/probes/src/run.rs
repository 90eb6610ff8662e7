//! Running probes on a server.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::BorealisServer;

use crate::client::{Answer, Client, Where};
use crate::compare::compare;
use crate::format::{Flag, Probe, Step, expand};
use crate::load::Collection;

/// Servers that are asked at once.
const PARALLEL: usize = 2;
/// How often a statement of set-up or clean-up is tried when another transaction wins.
const TRIES_MAX: usize = 5;

/// Which probes are run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those whose `group/name` contains one of these; all if empty.
    pub names: Vec<String>,
    /// Those too that take longer than a minute.
    pub slow: bool,
}

/// What came of a probe.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `group/name`.
    pub probe: String,
    /// How it went.
    pub verdict: Verdict,
}

/// How a probe went.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// All answers are as recorded.
    Passed,
    /// The first that differs, ready to be shown.
    Failed(String),
    /// Not run, and why.
    Skipped(&'static str),
}

/// Runs probes on Borealis servers in memory.
pub fn replay(collection: &Collection, selection: &Selection) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let work = || {
        let server = BorealisServer::in_memory();
        let endpoint = server.endpoint();
        let place = Where { address: "127.0.0.1".into(), endpoint };
        let mut runner = Runner::new(collection, selection, &place);
        let mut outcomes = Vec::new();
        while let Some((group, probes)) =
            collection.groups.get(next.fetch_add(1, Ordering::Relaxed))
        {
            outcomes.extend(probes.iter().map(|probe| runner.outcome(group, probe)));
        }
        outcomes
    };
    let mut outcomes = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(work)).collect();
        let outcomes = threads.into_iter().map(|thread| thread.join().expect("a runner's end"));
        outcomes.flatten().collect::<Vec<_>>()
    });
    outcomes.sort_by(|a, b| a.probe.cmp(&b.probe));
    outcomes
}

/// Runs probes on a server that is there already, such as a real cluster.
pub fn replay_on(server: &Where, collection: &Collection, selection: &Selection) -> Vec<Outcome> {
    let mut runner = Runner::new(collection, selection, server);
    let all = collection.groups.iter();
    all.flat_map(|(group, probes)| probes.iter().map(move |probe| (group, probe)))
        .map(|(group, probe)| runner.outcome(group, probe))
        .collect()
}

/// Runs probes one after the other.
struct Runner<'a> {
    collection: &'a Collection,
    selection: &'a Selection,
    server: &'a Where,
    /// The session that sets up and cleans up.
    keeper: Client,
}

impl<'a> Runner<'a> {
    fn new(collection: &'a Collection, selection: &'a Selection, server: &'a Where) -> Runner<'a> {
        let keeper = connect(server);
        let mut runner = Runner { collection, selection, server, keeper };
        runner.sweep();
        runner
    }

    /// As a client does, begins anew when a schema change (an index that becomes valid) came between.
    fn patient_verdict(&mut self, probe: &Probe) -> Verdict {
        let mut verdict = self.verdict(probe);
        for _ in 1..TRIES_MAX {
            match &verdict {
                Verdict::Failed(difference) if difference.contains("(OC001)") => {
                    verdict = self.verdict(probe);
                }
                _ => break,
            }
        }
        verdict
    }

    fn outcome(&mut self, group: &str, probe: &Probe) -> Outcome {
        let id = format!("{group}/{}", probe.name);
        let names = &self.selection.names;
        let verdict = if !names.is_empty() && !names.iter().any(|name| id.contains(name)) {
            Verdict::Skipped("not selected")
        } else if probe.flags.contains(&Flag::Slow) && !self.selection.slow {
            Verdict::Skipped("slow")
        } else {
            self.patient_verdict(probe)
        };
        Outcome { probe: id, verdict }
    }

    fn verdict(&mut self, probe: &Probe) -> Verdict {
        let collection = self.collection;
        let blocks = collection.blocks_of(probe);
        let setup = blocks.iter().flat_map(|block| &block.setup).chain(&probe.setup);
        let setup: Result<(), String> =
            setup.into_iter().try_for_each(|sql| self.keep(&expand(sql, 1, &BTreeMap::new())));
        let result = match setup {
            Ok(()) => self.steps(probe),
            Err(difference) => Err(format!("set-up: {difference}")),
        };
        let drops = blocks.iter().rev().flat_map(|block| &block.drop);
        for object in probe.drop.iter().chain(drops) {
            // What a probe did not get to make cannot be dropped.
            let _ = self.keep(&drop_statement(object));
        }
        self.sweep();
        match result {
            Ok(()) => Verdict::Passed,
            Err(difference) => Verdict::Failed(difference),
        }
    }

    fn steps(&self, probe: &Probe) -> Result<(), String> {
        let mut sessions = BTreeMap::new();
        let mut saved = BTreeMap::new();
        let mut losers = 0;
        for step in &probe.steps {
            for repetition in 1..=step.repeat.unwrap_or(1) {
                let shown = match &step.connect {
                    Some(parameters) => format!("connect {parameters:?}"),
                    None => step.sql.chars().take(400).collect(),
                };
                let fail = |difference: String| format!("{shown}\n    {difference}");
                let answer = self.step(probe, step, repetition, &mut sessions, &saved);
                let answer = answer.map_err(|error| fail(format!("connection: {error}")))?;
                losers += answer
                    .results
                    .iter()
                    .filter(|result| result.as_ref().is_err_and(|error| error.code == "40001"))
                    .count();
                compare(&answer, &step.expect).map_err(fail)?;
                for (name, (row, column)) in &step.save {
                    let value = answer.results.last().and_then(|result| {
                        result.as_ref().ok()?.rows.get(*row)?.get(*column)?.clone()
                    });
                    let value = value.ok_or_else(|| fail(format!("no value to save as {name}")))?;
                    saved.insert(name.clone(), value);
                }
            }
        }
        match probe.losers {
            Some(expected) if !expected.admits(losers) => {
                Err(format!("expected {expected:?} losers, got {losers}"))
            }
            _ => Ok(()),
        }
    }

    fn step(
        &self,
        probe: &Probe,
        step: &Step,
        repetition: usize,
        sessions: &mut BTreeMap<String, Client>,
        saved: &BTreeMap<String, String>,
    ) -> io::Result<Answer> {
        if let Some(parameters) = &step.connect {
            let further: Vec<(&str, &str)> =
                parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let (client, answer) = Client::connect(self.server, &further)?;
            sessions.remove(&step.session);
            sessions.extend(client.map(|client| (step.session.clone(), client)));
            return Ok(answer);
        }
        let session = sessions.entry(step.session.clone()).or_insert_with(|| connect(self.server));
        let sql = expand(&step.sql, repetition, saved);
        match &step.params {
            Some(params) => {
                assert!(!probe.simple, "{}: a simple query has no parameters", probe.name);
                let params: Vec<Option<String>> = params
                    .iter()
                    .map(|param| Some(expand(param.as_ref()?, repetition, saved)))
                    .collect();
                session.extended(&sql, &params)
            }
            None => session.simple(&sql),
        }
    }

    /// A statement that must succeed, in the session that sets up and cleans up.
    fn keep(&mut self, sql: &str) -> Result<(), String> {
        let mut tries = 1..TRIES_MAX;
        loop {
            let answer = self.keeper.simple(sql).map_err(|error| format!("{sql}: {error}"))?;
            if answer.closed {
                self.keeper = connect(self.server);
            }
            match answer.results.last() {
                Some(Ok(_)) => return Ok(()),
                Some(Err(error)) if error.code == "40001" && tries.next().is_some() => {}
                Some(Err(error)) => return Err(format!("{sql}: {error}")),
                None => return Err(format!("{sql}: the connection was closed")),
            }
        }
    }

    /// Drops whatever bears a name of the probes.
    fn sweep(&mut self) {
        let answer = self.keeper.simple(&leftovers(&self.collection.prefixes));
        let answer = answer.expect("an answer to the search for leftovers");
        match answer.results.last() {
            Some(Ok(done)) => {
                for object in done.rows.iter().filter_map(|row| row.first()?.as_ref()) {
                    if let Err(error) = self.keep(&drop_statement(object)) {
                        eprintln!("left over: {error}");
                    }
                }
            }
            other => panic!("the search for leftovers failed: {other:?}"),
        }
    }
}

fn connect(server: &Where) -> Client {
    match Client::connect(server, &[]).expect("a connection") {
        (Some(client), _) => client,
        (None, answer) => panic!("connection refused: {answer:?}"),
    }
}

/// `TABLE x`, `ROLE x` …, or `IAM REVOKE x FROM 'arn'`, as the statement that removes it.
fn drop_statement(object: &str) -> String {
    if object.starts_with("IAM REVOKE") {
        return format!("AWS {object}");
    }
    let (kind, name) = object.split_once(' ').expect("a kind and a name");
    let cascade = if matches!(kind, "TABLE" | "VIEW" | "SCHEMA") { " CASCADE" } else { "" };
    format!("DROP {kind} IF EXISTS {name}{cascade}")
}

/// A query that lists what bears a name of the probes, in an order in which it can be dropped.
fn leftovers(prefixes: &[String]) -> String {
    let ours = format!("'^({})'", prefixes.join("|"));
    let relation = |kind: &str, relkind: &str| {
        format!(
            "SELECT '{kind} ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = '{relkind}' AND c.relname ~ {ours}"
        )
    };
    [
        relation("VIEW", "v"),
        relation("TABLE", "r"),
        relation("SEQUENCE", "S"),
        format!(
            "SELECT 'FUNCTION ' || quote_ident(n.nspname) || '.' || quote_ident(p.proname) \
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proname ~ {ours}"
        ),
        format!(
            "SELECT 'DOMAIN ' || quote_ident(n.nspname) || '.' || quote_ident(t.typname) \
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
             WHERE t.typtype = 'd' AND t.typname ~ {ours}"
        ),
        format!(
            "SELECT 'SCHEMA ' || quote_ident(nspname) FROM pg_namespace WHERE nspname ~ {ours}"
        ),
        format!(
            "SELECT 'IAM REVOKE ' || quote_ident(pg_role_name) || ' FROM ' || quote_literal(arn) \
             FROM sys.iam_pg_role_mappings WHERE pg_role_name ~ {ours}"
        ),
        format!("SELECT 'ROLE ' || quote_ident(rolname) FROM pg_roles WHERE rolname ~ {ours}"),
    ]
    .join(" UNION ALL ")
}

#[cfg(test)]
mod tests {
    use super::drop_statement;

    #[test]
    fn drop_statement_of_each_form() {
        assert_eq!(drop_statement("TABLE a.b"), "DROP TABLE IF EXISTS a.b CASCADE");
        assert_eq!(drop_statement("ROLE r"), "DROP ROLE IF EXISTS r");
        assert_eq!(drop_statement("IAM REVOKE r FROM 'arn'"), "AWS IAM REVOKE r FROM 'arn'");
    }
}

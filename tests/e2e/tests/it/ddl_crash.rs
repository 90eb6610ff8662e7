//! SIGKILL in the middle of schema changes: each is wholly there or wholly absent.
//!
//!     record   the script, step by step, undisturbed ──► what the catalogs show after each step
//!     writers ──► the script over and over, a schema for each ──► step acknowledged?
//!     killer  ──► SIGKILL at a random moment ──► restart ──► check ──► writers go on where they were
//!
//! The check: what the catalogs show of a writer's schema is what they showed after its last
//! acknowledged step or, since one was on its way, after the next; references between catalogs
//! lead somewhere; no job is left over. That the writers go on shows that what is absent can be
//! made, and what is there can be used and dropped.

use std::time::Duration;

use rand::Rng;
use testkit::{BorealisServer, Endpoint};
use tokio_postgres::Client;

const ROUNDS: usize = 5;
const WRITERS: usize = 2;
/// The server is killed this long after the load has begun.
const LOAD_MS: std::ops::Range<u64> = 50..600;
/// A job that takes longer is stuck.
const JOBS: Duration = Duration::from_secs(20);

/// One statement each; `$` is the schema. It ends as it began, with nothing.
const SCRIPT: [&str; 29] = [
    "CREATE ROLE $_reader WITH LOGIN",
    "AWS IAM GRANT $_reader TO 'arn:aws:iam::123456789012:role/$'",
    "CREATE SCHEMA $ CREATE TABLE e (id INT PRIMARY KEY, note TEXT)
         CREATE VIEW ve AS SELECT id FROM e CREATE SEQUENCE q CACHE 1 GRANT SELECT ON e TO $_reader",
    "CREATE TABLE $.parent (id INT PRIMARY KEY, code TEXT NOT NULL UNIQUE,
         price NUMERIC(8, 2) DEFAULT 1.5 CHECK (price > 0),
         made BIGINT GENERATED ALWAYS AS IDENTITY (CACHE 1),
         twice INT GENERATED ALWAYS AS (id * 2) STORED)",
    "CREATE TABLE $.child (id INT, parent INT REFERENCES $.parent ON DELETE CASCADE, note TEXT,
         a INT, b INT DEFAULT nextval('$.q'), PRIMARY KEY (id), UNIQUE (a, b), CHECK (a < b))",
    "CREATE INDEX ASYNC child_note ON $.child (lower(note)) INCLUDE (a) WHERE parent > 0",
    "CREATE UNIQUE INDEX ASYNC child_key ON $.child (b, note)",
    "ALTER TABLE $.child ADD COLUMN extra TEXT, ALTER COLUMN extra SET DEFAULT 'x'",
    "ALTER TABLE $.child ADD CONSTRAINT positive CHECK (id > 0) NOT VALID",
    "ALTER TABLE $.child ADD CONSTRAINT to_code FOREIGN KEY (extra) REFERENCES $.parent (code)
         NOT VALID",
    "CREATE DOMAIN $.d AS INT DEFAULT 3 CHECK (value > 0)",
    "CREATE FUNCTION $.f(x $.d) RETURNS INT IMMUTABLE BEGIN ATOMIC SELECT id FROM $.parent; END",
    "CREATE VIEW $.v AS SELECT $.f(3), c.* FROM $.child c JOIN $.parent p ON p.id = c.parent",
    "GRANT SELECT (id, note), UPDATE ON $.child TO $_reader WITH GRANT OPTION",
    "GRANT USAGE, CREATE ON SCHEMA $ TO $_reader",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA $ GRANT SELECT ON TABLES TO $_reader",
    "CREATE STATISTICS $.st (ndistinct, mcv) ON a, b FROM $.child",
    "COMMENT ON COLUMN $.child.note IS 'a remark'",
    "ALTER TABLE $.child RENAME COLUMN note TO remark",
    "ALTER TABLE $.parent RENAME TO ancestor",
    "ALTER SEQUENCE $.q OWNED BY $.child.b",
    "ALTER TABLE $.child DROP COLUMN a CASCADE",
    "ALTER TABLE $.child DROP CONSTRAINT to_code",
    "DROP INDEX $.child_key",
    "DROP FUNCTION $.f CASCADE",
    "DROP TABLE $.ancestor CASCADE",
    "DROP SCHEMA $ CASCADE",
    "AWS IAM REVOKE $_reader FROM 'arn:aws:iam::123456789012:role/$'",
    "DROP ROLE $_reader",
];

fn step(at: usize, schema: &str) -> String {
    SCRIPT[at].replace('$', schema)
}

/// Lines that show all there is of schema `$1` and role `$1_reader`, without OIDs.
const SHOWN: &str = "
    WITH s AS (SELECT oid FROM pg_namespace WHERE nspname = $1::text)
    SELECT concat_ws(' ', 'schema', nspacl) FROM pg_namespace JOIN s USING (oid)
    UNION ALL SELECT concat_ws(' ', 'relation', c.oid::regclass, relkind, relnatts, relchecks, relacl,
        obj_description(c.oid, 'pg_class'), CASE relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END)
        FROM pg_class c JOIN s ON s.oid = relnamespace
    UNION ALL SELECT concat_ws(' ', 'column', attrelid::regclass, attnum, attname, attnotnull, attacl,
        format_type(atttypid, atttypmod), attidentity, attgenerated, pg_get_expr(adbin, adrelid),
        col_description(attrelid, attnum))
        FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN s ON s.oid = relnamespace
        LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0
    UNION ALL SELECT concat_ws(' ', 'constraint', conname, conrelid::regclass, contypid::regtype,
        confrelid::regclass, conindid::regclass, convalidated, pg_get_constraintdef(k.oid))
        FROM pg_constraint k JOIN s ON s.oid = connamespace
    UNION ALL SELECT concat_ws(' ', 'index', indisvalid, indisunique, pg_get_indexdef(indexrelid))
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN s ON s.oid = relnamespace
    UNION ALL SELECT concat_ws(' ', 'function', proacl, pg_get_functiondef(p.oid))
        FROM pg_proc p JOIN s ON s.oid = pronamespace
    UNION ALL SELECT concat_ws(' ', 'type', t.oid::regtype, typtype, typdefault, typacl)
        FROM pg_type t JOIN s ON s.oid = typnamespace
    UNION ALL SELECT concat_ws(' ', 'sequence', seqrelid::regclass, seqcache)
        FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid JOIN s ON s.oid = relnamespace
    UNION ALL SELECT concat_ws(' ', 'statistics', pg_get_statisticsobjdef(x.oid))
        FROM pg_statistic_ext x JOIN s ON s.oid = stxnamespace
    UNION ALL SELECT concat_ws(' ', 'defaults', defaclobjtype, defaclacl)
        FROM pg_default_acl JOIN s ON s.oid = defaclnamespace
    UNION ALL SELECT concat_ws(' ', 'role', rolname, rolcanlogin)
        FROM pg_roles WHERE rolname = $1 || '_reader'
    UNION ALL SELECT concat_ws(' ', 'mapping', pg_role_name, arn)
        FROM sys.iam_pg_role_mappings WHERE pg_role_name = $1 || '_reader'
    UNION ALL SELECT concat_ws(' ', 'dependency', pg_describe_object(classid, objid, objsubid),
        deptype, pg_describe_object(refclassid, refobjid, refobjsubid))
        FROM pg_depend WHERE pg_describe_object(classid, objid, objsubid) LIKE '%' || $1 || '.%'
    ORDER BY 1";

/// Each finds references that lead nowhere.
const DANGLING: [&str; 9] = [
    "SELECT attrelid FROM pg_attribute WHERE attrelid NOT IN (SELECT oid FROM pg_class)",
    "SELECT oid FROM pg_class c WHERE oid >= 16384 AND relnatts <> (SELECT count(*) FROM pg_attribute
         WHERE attrelid = c.oid AND attnum > 0)",
    "SELECT oid FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace)
         OR reltype <> 0 AND reltype NOT IN (SELECT oid FROM pg_type)",
    "SELECT oid FROM pg_constraint k WHERE conrelid <> 0 AND EXISTS (SELECT FROM unnest(conkey) AS n
         WHERE n NOT IN (SELECT attnum FROM pg_attribute WHERE attrelid = conrelid
             AND NOT attisdropped))",
    "SELECT oid FROM pg_constraint WHERE conrelid <> 0 AND conrelid NOT IN (SELECT oid FROM pg_class)
         OR confrelid <> 0 AND confrelid NOT IN (SELECT oid FROM pg_class)
         OR conindid <> 0 AND conindid NOT IN (SELECT indexrelid FROM pg_index)",
    "SELECT indexrelid FROM pg_index WHERE indexrelid NOT IN (SELECT oid FROM pg_class)
         OR indrelid NOT IN (SELECT oid FROM pg_class)",
    "SELECT oid FROM pg_attrdef WHERE (adrelid, adnum) NOT IN (SELECT attrelid, attnum
         FROM pg_attribute WHERE atthasdef)",
    "SELECT oid FROM pg_type WHERE typrelid <> 0 AND typrelid NOT IN (SELECT oid FROM pg_class)
         OR typelem <> 0 AND typelem NOT IN (SELECT oid FROM pg_type)",
    "SELECT objid FROM pg_depend WHERE objid >= 16384 AND (
         pg_describe_object(classid, objid, objsubid) IS NULL
         OR pg_describe_object(refclassid, refobjid, refobjsubid) IS NULL)",
];

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Waits until no job is open; none may have failed.
async fn finish_jobs(client: &Client) {
    let open = "SELECT job_id FROM sys.jobs WHERE status NOT IN ('completed', 'failed')";
    for row in client.query(open, &[]).await.expect("the jobs") {
        let job: String = row.get(0);
        let call = format!("CALL sys.wait_for_job('{job}')");
        let waited = tokio::time::timeout(JOBS, client.batch_execute(&call)).await;
        waited.unwrap_or_else(|_| panic!("{job} is stuck")).expect("a job that ends");
    }
    let failed = "SELECT count(*) FROM sys.jobs WHERE status = 'failed'";
    assert_eq!(client.query_one(failed, &[]).await.expect("a count").get::<_, i64>(0), 0);
}

/// What the catalogs show of a schema, its name written as `$`.
async fn shown(client: &Client, schema: &str) -> Vec<String> {
    let rows = client.query(SHOWN, &[&schema]).await.expect("the catalogs");
    rows.iter().map(|row| row.get::<_, &str>(0).replace(schema, "$")).collect()
}

/// What the catalogs show before the first step, and after each.
async fn record(client: &Client) -> Vec<Vec<String>> {
    let mut states = vec![shown(client, "recorded").await];
    for (at, statement) in SCRIPT.iter().enumerate() {
        run(client, &step(at, "recorded")).await;
        finish_jobs(client).await;
        let state = shown(client, "recorded").await;
        assert_ne!(Some(&state), states.last(), "{statement} shows nothing");
        states.push(state);
    }
    assert_eq!(states[0], Vec::<String>::new());
    assert_eq!(states.pop(), Some(vec![]));
    states
}

/// Goes through the script from step `at` on until the connection breaks. Returns the step that was
/// not acknowledged, and how many were.
async fn change(endpoint: Endpoint, writer: usize, mut at: usize) -> (usize, usize) {
    let mut acknowledged = 0;
    let Ok(client) = endpoint.try_connect().await else { return (at, 0) };
    loop {
        match client.batch_execute(&step(at, &schema(writer))).await {
            Ok(()) => {
                at = (at + 1) % SCRIPT.len();
                acknowledged += 1;
            }
            // Another's change came first: nothing of this one may remain.
            Err(error) if error.code().is_some_and(|code| code.code() == "40001") => {}
            Err(error) if error.is_closed() || error.code().is_none() => return (at, acknowledged),
            Err(error) => panic!("{}: {error:?}", step(at, &schema(writer))),
        }
    }
}

fn schema(writer: usize) -> String {
    format!("writer{writer}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_during_schema_changes() {
    let mut server = BorealisServer::start();
    let states = record(&server.endpoint().connect().await).await;
    let mut steps = [0; WRITERS];
    let mut acknowledged = 0;
    for _ in 0..ROUNDS {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(change(server.endpoint(), writer, steps[writer])))
            .collect();
        let load_ms = rand::rng().random_range(LOAD_MS);
        tokio::time::sleep(Duration::from_millis(load_ms)).await;
        server.kill();
        for (writer, task) in writers.into_iter().enumerate() {
            let (step, done) = task.await.expect("a writer");
            steps[writer] = step;
            acknowledged += done;
        }
        server.restart();
        let client = server.endpoint().connect().await;
        finish_jobs(&client).await;
        for sql in DANGLING {
            let found = client.query(sql, &[]).await.expect(sql);
            assert!(found.is_empty(), "{sql}: {found:?}");
        }
        for (writer, step) in steps.iter_mut().enumerate() {
            let state = shown(&client, &schema(writer)).await;
            let next = (*step + 1) % SCRIPT.len();
            if state == states[next] {
                *step = next;
            } else {
                assert_eq!(state, states[*step], "neither before nor after {}", SCRIPT[*step]);
            }
        }
    }
    assert!(acknowledged > ROUNDS * WRITERS, "hardly any load: {acknowledged} changes");
}

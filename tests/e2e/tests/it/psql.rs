//! The real psql: the common recipe, the workshop, meta-commands.

use std::io::Write;
use std::process::{Command, Stdio};

use expect_test::{Expect, expect, expect_file};
use testkit::{BorealisServer, Endpoint};

/// What psql prints for `input`, errors included.
pub(crate) fn psql(endpoint: &Endpoint, input: &str) -> String {
    let mut command = Command::new("psql");
    // One stream, so that errors stand where they happened.
    let script = "exec psql --no-psqlrc --file - 2>&1";
    command = {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        shell
    };
    command.envs(endpoint.env()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("psql");
    child.stdin.take().unwrap().write_all(input.as_bytes()).expect("psql reads its input");
    let output = child.wait_with_output().expect("psql ends");
    // Aligned output has spaces at the ends of lines, which editors like to remove.
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[track_caller]
fn check(endpoint: &Endpoint, input: &str, expected: Expect) {
    expected.assert_eq(&psql(endpoint, input));
}

#[test]
fn environment_from_the_server_is_enough() {
    let server = BorealisServer::in_memory();
    let env = server.env();
    let names = [
        "PGHOST",
        "PGPORT",
        "PGUSER",
        "PGDATABASE",
        "PGSSLMODE",
        "PGSSLROOTCERT",
        "PGPASSWORD",
        "CLUSTER_ENDPOINT",
        "CLUSTER_USER",
        "REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ];
    for name in names {
        assert!(env.get(name).is_some_and(|value| !value.is_empty()), "{name} is missing: {env:?}");
    }
    assert_eq!(env["PGSSLMODE"], "verify-full");
    let output = Command::new("psql")
        .args(["--no-psqlrc", "-At", "-c", "SELECT current_user, current_database()"])
        .envs(&env)
        .output()
        .expect("psql");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "admin|postgres\n", "{output:?}");
}

#[test]
fn common_recipe() {
    let server = BorealisServer::in_memory();
    check(
        &server.endpoint(),
        "SET search_path = public;
        CREATE TABLE IF NOT EXISTS owner (
            id UUID NOT NULL DEFAULT gen_random_uuid(),
            name VARCHAR(30) NOT NULL,
            city VARCHAR(80) NOT NULL,
            telephone VARCHAR(20) DEFAULT NULL,
            PRIMARY KEY (id)
        );
        CREATE TABLE IF NOT EXISTS owner (id UUID);
        INSERT INTO owner (name, city, telephone) VALUES ('John Doe', 'Anytown', '555-555-1999');
        SELECT name, city, telephone, id IS NOT NULL AS has_id FROM owner WHERE name = 'John Doe';
        DELETE FROM owner WHERE name = 'John Doe';
        SELECT count(*) FROM owner;",
        expect![[r#"
            SET
            CREATE TABLE
            psql:<stdin>:9: NOTICE:  relation "owner" already exists, skipping
            CREATE TABLE
            INSERT 0 1
               name   |  city   |  telephone   | has_id
            ----------+---------+--------------+--------
             John Doe | Anytown | 555-555-1999 | t
            (1 row)

            DELETE 1
             count
            -------
                 0
            (1 row)

        "#]],
    );
}

#[test]
fn workshop_chapter_1_list_databases() {
    let server = BorealisServer::in_memory();
    let output = psql(&server.endpoint(), "SELECT 1;\n\\l\n");
    assert!(output.starts_with(" ?column?\n----------\n        1\n(1 row)\n"), "{output}");
    let listed = output.lines().any(|line| {
        let mut cells = line.split('|').map(str::trim);
        cells.next() == Some("postgres") && cells.next() == Some("admin") && line.contains("UTF8")
    });
    assert!(listed, "{output}");
}

#[test]
fn workshop_chapter_2_application_role() {
    let server = BorealisServer::in_memory();
    let arn = "arn:aws:iam::123456789012:role/ReinventDat401Stack-ReinventDat401FunctionServi-XXXXXXXXXXXX";
    let output = psql(
        &server.endpoint(),
        &format!(
            "\\set ON_ERROR_STOP on
            -- Create the myapp role
            CREATE ROLE myapp WITH LOGIN;
            -- Grant read and write permissions
            GRANT ALL ON ALL TABLES IN SCHEMA public TO myapp;
            SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = 'myapp';
            AWS IAM GRANT myapp TO '{arn}';
            -- Verify the authorization
            SELECT * FROM aws_dsql.list_iam_principal_database_role_authorizations();"
        ),
    );
    assert!(output.starts_with("CREATE ROLE\nGRANT\n"), "{output}");
    assert!(output.contains("\n myapp   | t\n(1 row)\n"), "{output}");
    let row = output.lines().find(|line| line.contains(arn)).unwrap_or_else(|| panic!("{output}"));
    assert!(row.contains("myapp") && row.contains("admin"), "{output}");
}

#[test]
fn workshop_chapter_3_money_transfer() {
    let server = BorealisServer::in_memory();
    check(
        &server.endpoint(),
        "CREATE TABLE accounts (
            id INT PRIMARY KEY,
            balance INT
        );
        INSERT INTO accounts (id, balance)
        SELECT id, 100 FROM generate_series(1, 1000) AS id;
        SELECT COUNT(*) FROM accounts;
        SELECT * FROM accounts LIMIT 5;
        BEGIN;
        UPDATE accounts SET balance = balance - 10 WHERE id = 1 RETURNING balance;
        UPDATE accounts SET balance = balance + 10 WHERE id = 2;
        COMMIT;
        SELECT * FROM accounts WHERE id IN (1, 2) ORDER BY id;",
        expect![[r#"
            CREATE TABLE
            INSERT 0 1000
             count
            -------
              1000
            (1 row)

             id | balance
            ----+---------
              1 |     100
              2 |     100
              3 |     100
              4 |     100
              5 |     100
            (5 rows)

            BEGIN
             balance
            ---------
                  90
            (1 row)

            UPDATE 1
            UPDATE 1
            COMMIT
             id | balance
            ----+---------
              1 |      90
              2 |     110
            (2 rows)

        "#]],
    );
}

#[test]
fn failed_transaction_refuses_everything_until_rollback() {
    let server = BorealisServer::in_memory();
    check(
        &server.endpoint(),
        "BEGIN;
        SELECT 1/0;
        SELECT 1;
        COMMIT;
        SELECT 1 AS works;",
        expect![[r#"
            BEGIN
            psql:<stdin>:2: ERROR:  division by zero
            psql:<stdin>:3: ERROR:  current transaction is aborted, commands ignored until end of transaction block
            ROLLBACK
             works
            -------
                 1
            (1 row)

        "#]],
    );
}

#[test]
fn errors_show_the_place() {
    let server = BorealisServer::in_memory();
    check(
        &server.endpoint(),
        "SELEKT 1;
        SELECT missing FROM pg_class;
        SELECT * FROM nowhere;",
        expect![[r#"
            psql:<stdin>:1: ERROR:  syntax error at or near "SELEKT"
            LINE 1: SELEKT 1;
                    ^
            psql:<stdin>:2: ERROR:  column "missing" does not exist
            LINE 1: SELECT missing FROM pg_class;
                           ^
            psql:<stdin>:3: ERROR:  relation "nowhere" does not exist
            LINE 1: SELECT * FROM nowhere;
                                  ^
        "#]],
    );
}

#[test]
fn describe_table() {
    let server = BorealisServer::in_memory();
    check(
        &server.endpoint(),
        "CREATE TABLE item (id BIGINT PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT 'new', price NUMERIC(10,2));
        \\dt
        \\d item",
        expect![[r#"
            CREATE TABLE
                   List of relations
             Schema | Name | Type  | Owner
            --------+------+-------+-------
             public | item | table | admin
            (1 row)

                                           Table "public.item"
             Column |         Type          | Collation | Nullable |         Default
            --------+-----------------------+-----------+----------+--------------------------
             id     | bigint                |           | not null |
             name   | character varying(20) |           | not null | 'new'::character varying
             price  | numeric(10,2)         |           |          |
            Indexes:
                "item_pkey" PRIMARY KEY, btree_index (id) INCLUDE (name, price)

        "#]],
    );
}

#[test]
fn copy_in_and_out() {
    let server = BorealisServer::in_memory();
    check(
        &server.endpoint(),
        "CREATE TABLE point (id INT PRIMARY KEY, label TEXT);
        \\copy point FROM STDIN
1\tone
2\t\\N
3\ttab\\tinside
\\.
        SELECT id, label IS NULL AS missing FROM point ORDER BY id;
        \\copy (SELECT * FROM point ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)",
        expect![[r#"
            CREATE TABLE
            COPY 3
             id | missing
            ----+---------
              1 | f
              2 | t
              3 | f
            (3 rows)

            id,label
            1,one
            2,
            3,tab	inside
        "#]],
    );
}

/// `data/copy.out` is what PostgreSQL 16 gives.
#[test]
fn copy_of_odd_rows() {
    let server = BorealisServer::in_memory();
    let given = psql(&server.endpoint(), include_str!("../data/copy.sql"));
    expect_file!["../data/copy.out"].assert_eq(&given);
}

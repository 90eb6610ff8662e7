//! What a statement may take of memory and time: the memory account and cancel requests.

use std::time::{Duration, Instant};

use expect_test::expect;

use crate::harness::Db;

/// 15,000 different texts of 10 kB: more than a statement may hold.
const LONG: &str = "(select repeat('x', 10000) || i as x, i from generate_series(1, 15000) as i)";

#[track_caller]
fn check_exceeds(db: &mut Db, sql: &str) {
    let sql = sql.replace("LONG", LONG);
    let error = db.run(&sql).expect_err(&sql);
    assert_eq!(
        (error.code().as_str(), error.message()),
        ("54000", "query requires more than allowed temp space of 131072 KB to execute"),
        "{sql}"
    );
}

#[test]
fn memory_is_accounted_where_rows_are_kept() {
    let mut db = Db::new();
    for sql in [
        "select x from LONG l order by x",
        "select x from LONG l order by i % 10, x offset 1",
        "select distinct x from LONG l",
        "select x, count(*) from LONG l group by x",
        "select i % 3, array_agg(x) from LONG l group by 1",
        "select string_agg(x, ',') from LONG l",
        "select jsonb_agg(i) from generate_series(1, 3000000) as i",
        "select count(distinct x) from LONG l",
        "select array_agg(i order by x) from LONG l",
        "select x from LONG l union select x from LONG m",
        "select x from LONG l except select 'y'",
        "select 'y' intersect select x from LONG l",
        "with l as materialized (select * from LONG l) select count(*) from l a, l b where a.i = 0",
        "select count(*) from LONG l join LONG m using (x)",
        "select count(x) from generate_series(1, 2) g left join LONG l on l.i > g",
        "select count(x) over () from LONG l",
        "select array(select x from LONG l)",
        "select 1 where 'y' in (select x from LONG l)",
        "select 1 where 1 not in (select i from generate_series(1, 3000000) as i)",
        "with recursive t(n, x) as (select 1, repeat('x', 10000)
             union all select n + 1, repeat('x', 10000) || n from t where n < 15000)
         select array_agg(x) from t",
        "with recursive t(n, x) as (select 1, repeat('x', 10000)
             union select n + 1, repeat('x', 10000) || n from t where n < 15000)
         select count(*) from t",
        "select array_agg(i) over (order by i) from generate_series(1, 6000) as i",
        // Values that are computed beside the rows.
        "select i from LONG l order by x || i, i offset 1",
        "select lag(repeat('x', 10000000)) over () from generate_series(1, 100)",
        "select max(repeat('x', 10000000)) over () from generate_series(1, 100)",
        "select rank() over (order by repeat('x', 10000000)) from generate_series(1, 100)",
    ] {
        check_exceeds(&mut db, sql);
    }
}

#[test]
fn memory_is_given_back() {
    let mut db = Db::new();
    for (sql, expected) in [
        ("select count(x), max(length(x)) from LONG l", expect!["15000|10005\n"]),
        ("select length(max(x)), length(min(x)) from LONG l", expect!["10004|10001\n"]),
        ("select length(x) from LONG l order by x limit 1", expect!["10001\n"]),
        ("select count(*) from (select x from LONG l limit 5000 offset 9000) m", expect!["5000\n"]),
        // One after the other, not those of many rows at once.
        (
            "select count(repeat('x', 10000000)), length(max(repeat('y', 10000000)))
             from generate_series(1, 100)",
            expect!["100|10000000\n"],
        ),
        (
            "select sum(n) from generate_series(1, 3) g,
                 lateral (select count(distinct x) as n from LONG l where i <= 4000 * g / g) m",
            expect!["12000\n"],
        ),
    ] {
        db.check(&sql.replace("LONG", LONG), expected);
    }
}

#[test]
fn cancel_ends_long_work_at_once() {
    let mut db = Db::with(&["create table t (a int primary key)", "insert into t values (1)"]);
    let big = "generate_series(1, 2000000000)";
    let medium = "generate_series(1, 1000000)";
    for sql in [
        "select pg_sleep(600)".to_owned(),
        "select * from pg_sleep(600)".to_owned(),
        "select a, pg_sleep(600) from t where a = (select 1)".to_owned(),
        format!("select count(*) from {big}"),
        "select generate_series(1, 2000000000) offset 1999999999".to_owned(),
        format!("select count(*) from {medium} a, {medium} b"),
        format!("select count(*) from {medium} a join {medium} b on a % 2 = b % 2"),
        format!("select count(*) from {big} a left join t on t.a = a.a"),
        format!("select count(*) from {big} as i where i = (select max(a) from t where a < i)"),
        format!("select i from {big} as i order by i limit 3"),
        format!("select i % 10, count(*), sum(i) from {big} as i group by 1"),
        format!("select distinct i % 10 from {big} as i"),
        format!("select i % 10 from {big} as i union select 1"),
        format!("select i % 10 from {big} as i except select 1"),
        format!(
            "select count(*) over (order by i groups between 5 preceding and 5 following exclude ties)
             from (select i / 200000 as i from {medium} as i) s"
        ),
        "with recursive t(n) as (select 1 union all select n % 10 + 1 from t) select count(*) from t"
            .to_owned(),
        "select jsonb_path_exists(jsonb_agg(i), '$[*] ? (exists($[*] ? (exists($[*] ? (@ < 0)))))')
         from generate_series(1, 3000) as i"
            .to_owned(),
        format!("select sum(case when i = any (array(select i from {medium} as i)) then 1 end)
                 from generate_series(-5000, 0) as i"),
    ] {
        let canceller = db.canceller();
        let helper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            canceller.cancel();
            Instant::now()
        });
        let result = db.run(&sql);
        let ended = Instant::now();
        let asked = helper.join().unwrap();
        let error = result.expect_err(&sql);
        assert_eq!(error.code().as_str(), "57014", "{sql}: {}", error.message());
        // A tenth of that where the machine is idle.
        assert!(ended.saturating_duration_since(asked) < Duration::from_secs(2), "{sql}");
    }
}

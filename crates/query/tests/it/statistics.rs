//! CREATE STATISTICS: what ANALYZE gathers, and what the planner makes of it. Expectations are
//! PostgreSQL 16's over the same rows.

use expect_test::expect;

use crate::harness::Db;

fn db() -> Db {
    Db::with(&[
        "create table t (a int, b int, c int, d text)",
        "insert into t select n % 100, n % 100 / 10, n % 7, \
         case when n % 3 = 0 then null else 'x' || n % 3 end from generate_series(0, 999) n",
        "create table u (a int, b int)",
        "insert into u select n % 200, n % 200 / 10 from generate_series(0, 1999) n",
    ])
}

/// The number of rows that the planner expects.
fn estimate(db: &mut Db, sql: &str) -> u64 {
    let plan = db.run(&format!("explain {sql}")).unwrap_or_else(|error| panic!("{error:?}"));
    let rows = plan.split_once(" rows=").and_then(|(_, rows)| rows.split(' ').next()?.parse().ok());
    rows.unwrap_or_else(|| panic!("no estimate in {plan}"))
}

#[test]
fn statistics_are_gathered_by_analyze() {
    let mut db = db();
    for sql in [
        "create statistics s on a, b, c from t",
        "create statistics e on (a + b), d from t",
        "create statistics one on (a * 2) from t",
        "create statistics off (ndistinct) on a, c from t",
        "alter statistics off set statistics 0",
    ] {
        db.run(sql).unwrap();
    }
    // Nothing before the first analysis.
    db.check("select count(*) from pg_stats_ext", expect![["0\n"]]);
    db.run("analyze t").unwrap();
    db.check(
        "select statistics_name, statistics_owner, attnames, exprs, kinds, inherited, n_distinct, \
         dependencies from pg_stats_ext where schemaname = 'public' order by statistics_name",
        expect![[r#"
            e|admin|{d}|{"(a + b)"}|{d,f,m,e}|f|{"4, -1": 300}|∅
            one|admin|∅|{"(a * 2)"}|{e}|f|∅|∅
            s|admin|{a,b,c}|∅|{d,f,m}|f|{"1, 2": 100, "1, 3": 700, "2, 3": 70, "1, 2, 3": 700}|{"1 => 2": 1.000000, "1, 3 => 2": 1.000000}
        "#]],
    );
    db.check(
        "select statistics_name, cardinality(most_common_freqs), \
         array_ndims(most_common_vals), most_common_freqs[1], most_common_base_freqs[1] \
         from pg_stats_ext where statistics_name <> 'one' order by 1",
        expect![[r#"
            e|100|2|0.004|0.00333
            s|100|2|0.002|0.00014299999999999998
        "#]],
    );
    db.check(
        "select statistics_name, expr, null_frac, avg_width, n_distinct, (most_common_freqs)[1] \
         from pg_stats_ext_exprs order by 1",
        expect![[r#"
            e|(a + b)|0|4|100|0.01
            one|(a * 2)|0|4|100|0.01
        "#]],
    );
    db.check(
        "select stxname, stxdinherit, stxdndistinct, stxdmcv is null \
         from pg_statistic_ext_data join pg_statistic_ext s on s.oid = stxoid order by 1",
        expect![[r#"
            e|f|{"4, -1": 300}|f
            one|f|∅|t
            s|f|{"1, 2": 100, "1, 3": 700, "2, 3": 70, "1, 2, 3": 700}|f
        "#]],
    );
    // Another role sees what it may read.
    db.run("drop statistics s").unwrap();
    db.check("select count(*) from pg_statistic_ext_data", expect![["2\n"]]);
}

#[test]
fn statistics_estimate_groups() {
    let mut db = db();
    db.run("analyze t").unwrap();
    assert_eq!(estimate(&mut db, "select a, b from t group by a, b"), 1000);
    db.run("create statistics s on a, b, c from t").unwrap();
    db.run("analyze t").unwrap();
    assert_eq!(estimate(&mut db, "select a, b from t group by a, b"), 100);
    assert_eq!(estimate(&mut db, "select a, b, c from t group by a, b, c"), 700);
    assert_eq!(estimate(&mut db, "select distinct a, c from t"), 700);
}

#[test]
fn statistics_estimate_conditions() {
    let mut db = db();
    db.run("analyze u").unwrap();
    assert_eq!(estimate(&mut db, "select * from u where a = 5 and b = 0"), 1);
    db.run("create statistics d (dependencies) on a, b from u").unwrap();
    db.run("analyze u").unwrap();
    assert_eq!(estimate(&mut db, "select * from u where a = 5 and b = 0"), 10);
    assert_eq!(estimate(&mut db, "select * from u where a in (5, 6) and b = 0"), 20);
    db.run("create statistics s on a, b, c from t").unwrap();
    db.run("analyze t").unwrap();
    assert_eq!(estimate(&mut db, "select * from t where a = 1 and b = 0"), 7);
    assert_eq!(estimate(&mut db, "select * from t where a = 1 and b = 0 and c = 1"), 2);
    assert_eq!(estimate(&mut db, "select * from t where a = 1 and b = 5"), 1);
}

#[test]
fn statistics_on_expressions_estimate() {
    let mut db = Db::with(&[
        "create table t (id int primary key, a int, b text, c int)",
        "insert into t select n, n % 100, 'x' || n % 7, n % 100 / 10 from generate_series(1, 2500) n",
        "create statistics one on (a % 10) from t",
        "create statistics together (ndistinct, dependencies, mcv) on (a / 10), c, (lower(b)) from t",
        // The same expressions have other numbers in another object.
        "create statistics other on (a + 1), (a / 10), b from t",
    ]);
    let own = "select * from t where a % 10 = 3";
    db.run("analyze t").unwrap();
    for (sql, rows) in [
        (own, 250),
        ("select * from t where a % 10 < 3", 750),
        ("select * from t where a % 10 in (1, 2, 3)", 750),
        ("select * from t where lower(b) = 'x3'", 357),
        ("select * from t where lower(b) is null", 1),
        ("select * from t where lower(b) like 'x%'", 2500),
        ("select * from t where a / 10 = 3 and c = 3", 250),
        ("select * from t where a / 10 = 3 and c = 4", 1),
        ("select * from t where a / 10 = 3 and lower(b) = 'x2'", 36),
        ("select a % 10, count(*) from t group by a % 10", 10),
        ("select a / 10, c, count(*) from t group by 1, 2", 10),
        ("select a / 10, c, lower(b), count(*) from t group by 1, 2, 3", 70),
        ("select * from t x, t y where x.a % 10 = y.a % 10", 625_000),
        ("select * from (select a % 10 as q from t) x where q = 5", 250),
    ] {
        assert_eq!(estimate(&mut db, sql), rows, "{sql}");
    }
    // What is dropped tells nothing more, although no ANALYZE has run since.
    db.run("drop statistics one").unwrap();
    assert_eq!(estimate(&mut db, own), 13);
}

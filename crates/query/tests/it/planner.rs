//! Plans: what becomes of sub-queries, conditions, orders and groups, and what statistics change.

use expect_test::{Expect, expect};

use crate::harness::Db;

pub(crate) fn db() -> Db {
    Db::with(&[
        "create table t (a int primary key, b int, c text)",
        "create table u (a int primary key, b int, c text)",
        "create table v (a int primary key, t_a int not null, u_a int, n numeric)",
        "create index async v_t_a on v (t_a)",
    ])
}

/// The plan of a query, without DSQL's nodes for storage.
#[track_caller]
pub(crate) fn plan(db: &mut Db, sql: &str, expected: Expect) {
    let all = db.run(&format!("explain (costs off) {sql}")).unwrap();
    let mut lines = Vec::new();
    let mut storage: Option<usize> = None;
    for line in all.lines() {
        let indent = line.len() - line.trim_start().len();
        if storage.is_some_and(|from| indent >= from) {
            continue;
        }
        storage = line.trim_start().starts_with("-> ").then_some(indent);
        if line.trim_start().starts_with("->  ") {
            storage = None;
        }
        if storage.is_none() {
            lines.push(line);
        }
    }
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn plan_exists_is_a_semi_join() {
    let mut db = db();
    plan(
        &mut db,
        "select * from t where exists (select 1 from u where u.b = t.b and u.c = 'x')",
        expect![[r#"
            Hash Join
              Hash Cond: (t.b = u.b)
              ->  Index Only Scan using t_pkey on t
              ->  Hash
                    ->  HashAggregate
                          Group Key: u.b
                          ->  Full Scan (btree-table) on u
        "#]],
    );
    plan(
        &mut db,
        "select * from t where not exists (select 1 from u where u.b = t.b)",
        expect![[r#"
            Hash Anti Join
              Hash Cond: (t.b = u.b)
              ->  Index Only Scan using t_pkey on t
              ->  Hash
                    ->  Index Only Scan using u_pkey on u
        "#]],
    );
    plan(
        &mut db,
        "select * from t where b in (select b from u where a < 10)",
        expect![[r#"
        Hash Join
          Hash Cond: (t.b = u.b)
          ->  Index Only Scan using t_pkey on t
          ->  Hash
                ->  HashAggregate
                      Group Key: u.b
                      ->  Index Only Scan using u_pkey on u
                            Index Cond: (a < 10)
    "#]],
    );
    plan(
        &mut db,
        "select * from t where b not in (select b from u)",
        expect![[r#"
        Full Scan (btree-table) on t
          Filter: (NOT (hashed SubPlan 1))
    "#]],
    );
    plan(
        &mut db,
        "select * from t where a in (select t_a from v where v.u_a = 3)",
        expect![[r#"
            Nested Loop (Batched Join)
              Join Type: Inner
              Recheck Cond: (a = v.t_a)
              ->  HashAggregate
                    Group Key: v.t_a
                    ->  Full Scan (btree-table) on v
              ->  Index Only Scan using t_pkey on t
                    Index Cond: (a = v.t_a)
        "#]],
    );
}

#[test]
fn plan_simple_sub_queries_are_pulled_up() {
    let mut db = db();
    plan(
        &mut db,
        "select s.a from (select a, b + 1 as d from t where c = 'x') s join u on u.a = s.a \
         where s.d > 3",
        expect![[r#"
            Nested Loop (Batched Join)
              Join Type: Inner
              Recheck Cond: (a = t.a)
              ->  Full Scan (btree-table) on t
                    Filter: ((b + 1) > 3)
              ->  Index Only Scan using u_pkey on u
                    Index Cond: (a = t.a)
        "#]],
    );
    plan(
        &mut db,
        "with w as (select * from t) select * from w where a = 5",
        expect![[r#"
        Index Only Scan using t_pkey on t
          Index Cond: (a = 5)
    "#]],
    );
    plan(
        &mut db,
        "select * from (select b, count(*) as n from t group by b) s where b = 2 and n > 1",
        expect![[r#"
            HashAggregate
              Group Key: b
              Filter: (count(*) > 1)
              ->  Full Scan (btree-table) on t
        "#]],
    );
    plan(
        &mut db,
        "select * from (select a from t union all select a from u) s where a = 7",
        expect![[r#"
            Append
              ->  Index Only Scan using t_pkey on t
                    Index Cond: (a = 7)
              ->  Index Only Scan using u_pkey on u
                    Index Cond: (a = 7)
        "#]],
    );
    plan(
        &mut db,
        "select * from (select a, row_number() over (partition by b order by a) as n, b from t) s \
         where b = 1 and n = 1",
        expect![[r#"
            Subquery Scan on s
              Filter: (n = 1)
              ->  WindowAgg
                    ->  Sort
                          Sort Key: t.b, t.a
                          ->  Full Scan (btree-table) on t
        "#]],
    );
}

#[test]
fn plan_order_comes_from_an_index() {
    let mut db = db();
    plan(
        &mut db,
        "select * from t order by a desc limit 3",
        expect![[r#"
        Limit
          ->  Index Only Scan Backward using t_pkey on t
    "#]],
    );
    plan(
        &mut db,
        "select max(a), min(a) from t",
        expect![[r#"
        Result
          InitPlan 1 (returns $0)
            ->  Limit
                  ->  Index Only Scan Backward using t_pkey on t
          InitPlan 2 (returns $1)
            ->  Limit
                  ->  Index Only Scan using t_pkey on t t_1
    "#]],
    );
    plan(
        &mut db,
        "select max(t_a) from v where t_a < 100",
        expect![[r#"
        Result
          InitPlan 1 (returns $0)
            ->  Limit
                  ->  Index Only Scan Backward using v_t_a on v
                        Index Cond: (t_a < 100)
    "#]],
    );
    assert_eq!(db.run("select max(a), min(a) from t").unwrap(), "∅|∅\n");
}

#[test]
fn plan_constants_are_folded() {
    let mut db = db();
    plan(
        &mut db,
        "select * from t where false and a = 1",
        expect![[r#"
        Result
          One-Time Filter: false
    "#]],
    );
    plan(
        &mut db,
        "select * from t where true and not (a < 3)",
        expect![[r#"
        Index Only Scan using t_pkey on t
          Index Cond: (a >= 3)
    "#]],
    );
}

#[test]
fn analyze_fills_statistics() {
    let mut db = db();
    db.run(
        "insert into t select n, n % 7, case when n % 4 > 0 then 'c' || n % 3 end \
         from generate_series(1, 1000) n",
    )
    .unwrap();
    db.check(
        "select reltuples from pg_class where relname = 't'",
        expect![[r#"
        -1
    "#]],
    );
    db.check(
        "explain select * from t where b = 3",
        expect![[r#"
        Full Scan (btree-table) on t  (cost=125100.05..175600.05 rows=5000 width=40)
          -> Storage Scan on t (cost=125100.05..175600.05 rows=5000 width=40)
              Projections: a, b, c
              Filters: (b = 3)
              -> B-Tree Scan on t (cost=125100.05..175600.05 rows=1000000 width=40)
    "#]],
    );
    db.check(
        "analyze t",
        expect![[r#"
        ANALYZE
    "#]],
    );
    db.check(
        "select reltuples from pg_class where relname = 't'",
        expect![[r#"
        1000
    "#]],
    );
    db.check(
        "select attname, null_frac, avg_width, n_distinct, most_common_vals, most_common_freqs, \
         array_length(histogram_bounds::text::text[], 1), correlation \
         from pg_stats where tablename = 't'",
        expect![[r#"
            a|0|4|-1|∅|∅|101|1
            b|0|4|7|{1,2,3,4,5,6,0}|{0.143,0.143,0.143,0.143,0.143,0.143,0.142}|∅|0.14714715
            c|0.25|3|3|{c0,c1,c2}|{0.25,0.25,0.25}|∅|0.33332148
        "#]],
    );
    db.check(
        "explain select * from t where b = 3",
        expect![[r#"
        Full Scan (btree-table) on t  (cost=225.03..261.52 rows=143 width=11)
          -> Storage Scan on t (cost=225.03..261.52 rows=143 width=11)
              Projections: a, b, c
              Filters: (b = 3)
              -> B-Tree Scan on t (cost=225.03..261.52 rows=1000 width=11)
    "#]],
    );
    db.check(
        "explain select * from t where a > 900 and c is null",
        expect![[r#"
        Index Only Scan using t_pkey on t  (cost=112.53..117.53 rows=25 width=11)
          Index Cond: (a > 900)
          -> Storage Scan on t_pkey (cost=112.53..117.53 rows=25 width=11)
              Projections: a, b, c
              Filters: (c IS NULL)
              -> B-Tree Scan on t_pkey (cost=112.53..117.53 rows=100 width=11)
                  Index Cond: (a > 900)
    "#]],
    );
    db.check(
        "explain select b, count(*) from t group by b",
        expect![[r#"
        HashAggregate  (cost=260.02..260.09 rows=7 width=12)
          Group Key: b
          ->  Index Only Scan using t_pkey on t  (cost=225.03..255.03 rows=1000 width=4)
                -> Storage Scan on t_pkey (cost=225.03..255.03 rows=1000 width=4)
                    Projections: b
                    -> B-Tree Scan on t_pkey (cost=225.03..255.03 rows=1000 width=4)
    "#]],
    );
}

#[test]
fn analyze_takes_one_relation() {
    let mut db = db();
    db.check(
        "analyze",
        expect![[r#"
        0A000 unsupported ANALYZE statement
    "#]],
    );
    db.check(
        "analyze t (a)",
        expect![[r#"
        0A000 unsupported ANALYZE statement
    "#]],
    );
    db.check(
        "analyze verbose t",
        expect![[r#"
        0A000 unsupported ANALYZE statement
    "#]],
    );
    db.check(
        "analyze t, u",
        expect![[r#"
        0A000 unsupported ANALYZE statement
    "#]],
    );
    db.check(
        "analyze nothing",
        expect![[r#"
        42P01 relation "nothing" does not exist
    "#]],
    );
    db.check(
        "begin; analyze t",
        expect![[r#"
        25001 ANALYZE cannot run inside a transaction block
    "#]],
    );
}

/// Tables of rows that have been analysed, so that what is cheap is known.
pub(crate) fn analysed() -> Db {
    Db::with(&[
        "create table p (a int, b int, c int, primary key (a, b))",
        "create table q (a int primary key, d int)",
        "insert into p select n / 10, n % 10, n % 7 from generate_series(0, 2999) n",
        "insert into q select n, n % 5 from generate_series(0, 299) n",
        "analyze p",
        "analyze q",
    ])
}

#[test]
fn plan_sorts_only_what_is_not_in_order() {
    let mut db = analysed();
    plan(
        &mut db,
        "select * from p order by a, c limit 5",
        expect![[r#"
        Limit
          ->  Incremental Sort
                Sort Key: a, c
                Presorted Key: a
                ->  Index Only Scan using p_pkey on p
    "#]],
    );
    db.check(
        "select a, c, b from p order by a, c, b limit 4",
        expect![["0|0|0\n0|0|7\n0|1|1\n0|1|8\n"]],
    );
    plan(
        &mut db,
        "select a, row_number() over (partition by a order by b) from p",
        expect![[r#"
        WindowAgg
          ->  Index Only Scan using p_pkey on p
    "#]],
    );
    plan(
        &mut db,
        "select * from (select * from p where c > 2) s order by a, b",
        expect![[r#"
        Index Only Scan using p_pkey on p
    "#]],
    );
}

#[test]
fn plan_groups_what_stands_together() {
    let mut db = analysed();
    plan(
        &mut db,
        "select a, count(*) from p group by a",
        expect![[r#"
        GroupAggregate
          Group Key: a
          ->  Index Only Scan using p_pkey on p
    "#]],
    );
    plan(
        &mut db,
        "select b, count(*) from p group by b",
        expect![[r#"
        HashAggregate
          Group Key: b
          ->  Index Only Scan using p_pkey on p
    "#]],
    );
    db.check(
        "select a, count(*), sum(c) from p group by a order by a desc limit 2",
        expect![[r#"
            299|10|27
            298|10|32
        "#]],
    );
}

#[test]
fn constants_raise_when_planned() {
    let mut db = db();
    for sql in [
        "select 1/0 where false",
        "select a from t where a = 1/0",
        "select case when a > 0 then 1/0 end from t",
        "select 1 limit 1/0",
        "select a from t where 1/0 = 1 and false",
        "explain select 1/0",
    ] {
        db.check(sql, expect![["22012 division by zero\n"]]);
    }
    db.check(
        "select 'x'::text::int from t",
        expect![[r#"
        22P02 invalid input syntax for type integer: "x"
    "#]],
    );
    // Behind a constant that decides, nothing is computed.
    for sql in [
        "select case when true then 1 else 1/0 end",
        "select case 1 when 1 then 1 else 1/0 end",
        "select coalesce(1, 1/0)",
        "select 1 where true or 1/0 = 1",
    ] {
        db.check(sql, expect![["1\n"]]);
    }
    db.check("select count(*) from t where false and 1/0 = 1", expect![["0\n"]]);
    db.check(
        "create function bad() returns int language sql as 'select 1/0'",
        expect![["CREATE FUNCTION\n"]],
    );
    db.check("select bad()", expect![["22012 division by zero\n"]]);
}

#[test]
fn plan_ranges_that_conditions_imply() {
    let mut db = Db::with(&[
        "create table p (a int primary key, day int, note text)",
        "create index async p_day on p (day, a)",
        "create index async p_note on p (note)",
    ]);
    plan(
        &mut db,
        "select a from p where (day, a) > (5, 10) order by day, a limit 3",
        expect![[r#"
        Limit
          ->  Index Only Scan using p_day on p
                Index Cond: (day >= 5)
    "#]],
    );
    plan(
        &mut db,
        "select a from p where (day, a) <= (5, 10)",
        expect![[r#"
        Index Only Scan using p_day on p
          Index Cond: (day <= 5)
    "#]],
    );
    plan(
        &mut db,
        "select * from p where note like 'ab_c%'",
        expect![[r#"
        Index Scan using p_note on p
          Filter: (note ~~ 'ab_c%'::text)
          Index Cond: ((note >= 'ab'::text) AND (note < 'ac'::text))
    "#]],
    );
    plan(
        &mut db,
        "select * from p where a = 5 or a = 99",
        expect![[r#"
        Index Only Scan using p_pkey on p
          Index Cond: (a = ANY ('{5,99}'::integer[]))
    "#]],
    );
    plan(
        &mut db,
        "select * from p where a = (select max(day) from p)",
        expect![[r#"
        Index Only Scan using p_pkey on p
          Index Cond: (a = $0)
          InitPlan 1 (returns $0)
            ->  Result
                  InitPlan 2 (returns $1)
                    ->  Limit
                          ->  Index Only Scan Backward using p_day on p p_1
    "#]],
    );
    plan(
        &mut db,
        "select * from p where a = any (array(select day from p where a < 5))",
        expect![[r#"
        Index Only Scan using p_pkey on p
          Index Cond: (a = ANY ($0))
          InitPlan 1 (returns $0)
            ->  Index Only Scan using p_pkey on p p_1
                  Index Cond: (a < 5)
    "#]],
    );
}

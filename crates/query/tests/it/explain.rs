//! EXPLAIN: plans as text, in DSQL's shape.

use expect_test::{Expect, expect};

use crate::harness::Db;

fn db() -> Db {
    Db::with(&[
        "create table account (id uuid primary key, customer_id uuid not null, \
         balance numeric(12,2), status varchar(20), created_at timestamp)",
        "create index async idx1 on account (customer_id) include (balance, status)",
        "create table transaction (account_id uuid, transaction_date timestamp, description text)",
        "create table test_table (id int primary key, context text)",
        "create table t (a int primary key, b int, c text)",
        "create table u (a int primary key, b int, c text)",
    ])
}

#[track_caller]
fn check(sql: &str, expected: Expect) {
    db().check(sql, expected);
}

#[test]
fn explain_costs() {
    check(
        "explain select 1",
        expect![[r#"
        Result  (cost=0.00..0.01 rows=1 width=4)
    "#]],
    );
    check(
        "explain select * from test_table",
        expect![[r#"
        Index Only Scan using test_table_pkey on test_table  (cost=125100.05..171100.05 rows=1000000 width=36)
          -> Storage Scan on test_table_pkey (cost=125100.05..171100.05 rows=1000000 width=36)
              Projections: id, context
              -> B-Tree Scan on test_table_pkey (cost=125100.05..171100.05 rows=1000000 width=36)
    "#]],
    );
    check(
        "explain select account_id, description from transaction \
         where transaction_date > '2025-01-01' and description like '%external%'",
        expect![[r#"
            Full Scan (btree-table) on transaction  (cost=125100.05..186100.05 rows=1667 width=48)
              Filter: (description ~~ '%external%'::text)
              -> Storage Scan on transaction (cost=125100.05..186100.05 rows=333333 width=56)
                  Projections: account_id, transaction_date, description
                  Filters: (transaction_date > '2025-01-01 00:00:00'::timestamp without time zone)
                  -> B-Tree Scan on transaction (cost=125100.05..186100.05 rows=1000000 width=56)
        "#]],
    );
    check(
        "explain select balance, status from account where customer_id = \
         '4b18a761-5870-4d7c-95ce-0a48eca3fceb' and balance > 100 and status = 'pending'",
        expect![[r#"
            Index Only Scan using idx1 on account  (cost=725.05..1080.05 rows=8 width=76)
              Index Cond: (customer_id = '4b18a761-5870-4d7c-95ce-0a48eca3fceb'::uuid)
              Filter: (balance > '100'::numeric)
              -> Storage Scan on idx1 (cost=725.05..1080.05 rows=25 width=76)
                  Projections: balance, status
                  Filters: ((status)::text = 'pending'::text)
                  -> B-Tree Scan on idx1 (cost=725.05..1080.05 rows=5000 width=76)
                      Index Cond: (customer_id = '4b18a761-5870-4d7c-95ce-0a48eca3fceb'::uuid)
        "#]],
    );
    check(
        "explain select balance, created_at from account where customer_id = \
         '4b18a761-5870-4d7c-95ce-0a48eca3fceb' and balance > 100 and status = 'pending' \
         and created_at > '2025-01-01'",
        expect![[r#"
            Index Scan using idx1 on account  (cost=1350.05..21787.55 rows=3 width=26)
              Filter: (balance > '100'::numeric)
              Index Cond: (customer_id = '4b18a761-5870-4d7c-95ce-0a48eca3fceb'::uuid)
              -> Storage Scan on idx1 (cost=1350.05..21787.55 rows=5000 width=84)
                  -> B-Tree Scan on idx1 (cost=1350.05..21787.55 rows=5000 width=84)
                      Index Cond: (customer_id = '4b18a761-5870-4d7c-95ce-0a48eca3fceb'::uuid)
              -> Storage Lookup on account (cost=1350.05..21787.55 rows=8 width=84)
                  Projections: balance, status, created_at
                  Filters: (((status)::text = 'pending'::text) AND (created_at > '2025-01-01 00:00:00'::timestamp without time zone))
                  -> B-Tree Lookup on account (cost=1350.05..21787.55 rows=5000 width=84)
        "#]],
    );
    check(
        "explain insert into test_table values (1, 'a'), (2, 'b'), (3, 'c')",
        expect![[r#"
            Insert on test_table  (cost=0.00..0.04 rows=0 width=0)
              ->  Values Scan on "*VALUES*"  (cost=0.00..0.04 rows=3 width=36)
        "#]],
    );
}

#[test]
fn explain_verbose_names_everything() {
    check(
        "explain (verbose, costs off) select t.a, count(*), max(u.c) from t join u on t.a = u.b \
         where t.b in (1, 2) group by t.a having count(*) > 1 order by 2 desc limit 3",
        expect![[r#"
            Limit
              Output: t.a, count(*), max(u.c)
              ->  Sort
                    Output: t.a, count(*), max(u.c)
                    Sort Key: (count(*)) DESC
                    ->  HashAggregate
                          Output: t.a, count(*), max(u.c)
                          Group Key: t.a
                          Filter: (count(*) > 1)
                          ->  Hash Join
                                Output: u.b, u.c, t.a, t.b
                                Hash Cond: (u.b = t.a)
                                ->  Index Only Scan using u_pkey on public.u
                                      Output: u.b, u.c
                                      -> Storage Scan on u_pkey
                                          Projections: b, c
                                          -> B-Tree Scan on u_pkey
                                ->  Hash
                                      Output: t.a, t.b
                                      ->  Full Scan (btree-table) on public.t
                                            Output: t.a, t.b
                                            -> Storage Scan on t
                                                Projections: a, b
                                                Filters: (t.b = ANY ('{1,2}'::integer[]))
                                                -> B-Tree Scan on t
            Query Identifier: yof13rgu8tfdy
        "#]],
    );
}

#[test]
fn explain_sub_plans() {
    check(
        "explain (costs off) with x as materialized (select * from t) select * from x \
         where a = (select max(b) from u) and b not in (select b from u)",
        expect![[r#"
            CTE Scan on x
              Filter: ((a = $0) AND (NOT (hashed SubPlan 3)))
              CTE x
                ->  Index Only Scan using t_pkey on t
                      -> Storage Scan on t_pkey
                          Projections: a, b, c
                          -> B-Tree Scan on t_pkey
              InitPlan 2 (returns $0)
                ->  Aggregate
                      ->  Index Only Scan using u_pkey on u u_1
                            -> Storage Scan on u_pkey
                                Projections: b
                                -> B-Tree Scan on u_pkey
              SubPlan 3
                ->  Index Only Scan using u_pkey on u
                      -> Storage Scan on u_pkey
                          Projections: b
                          -> B-Tree Scan on u_pkey
        "#]],
    );
}

#[test]
fn explain_expressions() {
    check(
        "explain (costs off) select * from t where (a + 1 = -2 or c like 'x%' and b is null) \
         and coalesce(c, 'n') <> 'y' and b::bigint is distinct from 4 and c::varchar(3) = 'abc' \
         and case when a > 1 then true else b < 2.5 end and not a between 1 and 2",
        expect![[r#"
            Full Scan (btree-table) on t
              Filter: ((COALESCE(c, 'n'::text) <> 'y'::text) AND ((b)::bigint IS DISTINCT FROM 4) AND (((c)::character varying(3))::text = 'abc'::text) AND (((a + 1) = '-2'::integer) OR ((c ~~ 'x%'::text) AND (b IS NULL))) AND CASE WHEN (a > 1) THEN true ELSE ((b)::numeric < 2.5) END)
              -> Storage Scan on t
                  Projections: a, b, c
                  Filters: ((a < 1) OR (a > 2))
                  -> B-Tree Scan on t
        "#]],
    );
}

#[test]
fn explain_modifications() {
    check(
        "explain (costs off) update t set b = b + 1 where a = 3; \
         explain (costs off) delete from t where b > 3; \
         explain (costs off, verbose) insert into t select * from u on conflict (a) do nothing \
         returning a, b",
        expect![[r#"
            Update on t
              ->  Index Only Scan using t_pkey on t
                    Index Cond: (a = 3)
                    -> Storage Scan on t_pkey
                        Projections: a, b, c
                        -> B-Tree Scan on t_pkey
                            Index Cond: (a = 3)
            Delete on t
              ->  Full Scan (btree-table) on t
                    -> Storage Scan on t
                        Projections: a, b, c
                        Filters: (b > 3)
                        -> B-Tree Scan on t
            Insert on public.t
              Output: t.a, t.b
              Conflict Resolution: NOTHING
              Conflict Arbiter Indexes: t_pkey
              ->  Index Only Scan using u_pkey on public.u
                    Output: u.a, u.b, u.c
                    -> Storage Scan on u_pkey
                        Projections: a, b, c
                        -> B-Tree Scan on u_pkey
            Query Identifier: yi9apo5aicwbb
        "#]],
    );
}

#[test]
fn explain_formats() {
    check(
        "explain (format json) select a from t where a = 1",
        expect![[r#"
        [
          {
            "Plan": {
              "Node Type": "Index Only Scan",
              "Parallel Aware": false,
              "Async Capable": false,
              "Scan Direction": "Forward",
              "Index Name": "t_pkey",
              "Relation Name": "t",
              "Alias": "t",
              "Startup Cost": 100.17,
              "Total Cost": 104.19,
              "Plan Rows": 1,
              "Plan Width": 4,
              "Index Cond": "(a = 1)",
              "Plans": [
                {
                  "Node Type": "Storage Scan",
                  "Parent Relationship": "Outer",
                  "Parallel Aware": false,
                  "Async Capable": false,
                  "Startup Cost": 100.17,
                  "Total Cost": 104.19,
                  "Plan Rows": 1,
                  "Plan Width": 4,
                  "Projections": ["a"],
                  "Plans": [
                    {
                      "Node Type": "B-Tree Scan",
                      "Parent Relationship": "Outer",
                      "Parallel Aware": false,
                      "Async Capable": false,
                      "Startup Cost": 100.17,
                      "Total Cost": 104.19,
                      "Plan Rows": 1,
                      "Plan Width": 4,
                      "Index Cond": "(a = 1)"
                    }
                  ]
                }
              ]
            }
          }
        ]
    "#]],
    );
    check(
        "explain (format yaml, costs off) select a from t where a = 1",
        expect![[r#"
        - Plan: 
            Node Type: "Index Only Scan"
            Parallel Aware: false
            Async Capable: false
            Scan Direction: "Forward"
            Index Name: "t_pkey"
            Relation Name: "t"
            Alias: "t"
            Index Cond: "(a = 1)"
            Plans: 
              - Node Type: "Storage Scan"
                Parent Relationship: "Outer"
                Parallel Aware: false
                Async Capable: false
                Projections: 
                  - "a"
                Plans: 
                  - Node Type: "B-Tree Scan"
                    Parent Relationship: "Outer"
                    Parallel Aware: false
                    Async Capable: false
                    Index Cond: "(a = 1)"
    "#]],
    );
    check(
        "explain (format xml, costs off) select a from t where a < 1",
        expect![[r#"
        <explain xmlns="http://www.postgresql.org/2009/explain">
          <Query>
            <Plan>
              <Node-Type>Index Only Scan</Node-Type>
              <Parallel-Aware>false</Parallel-Aware>
              <Async-Capable>false</Async-Capable>
              <Scan-Direction>Forward</Scan-Direction>
              <Index-Name>t_pkey</Index-Name>
              <Relation-Name>t</Relation-Name>
              <Alias>t</Alias>
              <Index-Cond>(a &lt; 1)</Index-Cond>
              <Plans>
                <Plan>
                  <Node-Type>Storage Scan</Node-Type>
                  <Parent-Relationship>Outer</Parent-Relationship>
                  <Parallel-Aware>false</Parallel-Aware>
                  <Async-Capable>false</Async-Capable>
                  <Projections>
                    <Item>a</Item>
                  </Projections>
                  <Plans>
                    <Plan>
                      <Node-Type>B-Tree Scan</Node-Type>
                      <Parent-Relationship>Outer</Parent-Relationship>
                      <Parallel-Aware>false</Parallel-Aware>
                      <Async-Capable>false</Async-Capable>
                      <Index-Cond>(a &lt; 1)</Index-Cond>
                    </Plan>
                  </Plans>
                </Plan>
              </Plans>
            </Plan>
          </Query>
        </explain>
    "#]],
    );
}

#[test]
fn explain_analyze_counts() {
    let mut db = db();
    db.run("insert into t select n, n % 10, 'x' || n from generate_series(1, 100) n").unwrap();
    db.check(
        "explain (analyze, costs off, timing off, summary off) select * from t \
         where b = 3 and c like '%3' order by a desc",
        expect![[r#"
            Index Only Scan Backward using t_pkey on t (actual rows=10 loops=1)
              Filter: (c ~~ '%3'::text)
              -> Storage Scan on t_pkey (actual rows=10 loops=1)
                  Projections: a, b, c
                  Filters: (b = 3)
                  Rows Filtered: 90
                  -> B-Tree Scan on t_pkey (actual rows=100 loops=1)
        "#]],
    );
    db.check(
        "explain (analyze, costs off, timing off, summary off) \
         insert into u select * from t where a <= 3",
        expect![[r#"
            Insert on u (actual rows=0 loops=1)
              ->  Index Only Scan using t_pkey on t (actual rows=3 loops=1)
                    Index Cond: (a <= 3)
                    -> Storage Scan on t_pkey (actual rows=3 loops=1)
                        Projections: a, b, c
                        -> B-Tree Scan on t_pkey (actual rows=3 loops=1)
                            Index Cond: (a <= 3)
        "#]],
    );
    db.check(
        "select count(*) from u",
        expect![[r#"
        3
    "#]],
    );
}

#[test]
fn explain_refuses() {
    check(
        "explain (blah) select 1",
        expect![[r#"
        42601 unrecognized EXPLAIN option "blah"
    "#]],
    );
    check(
        "explain (timing) select 1",
        expect![[r#"
        22023 EXPLAIN option TIMING requires ANALYZE
    "#]],
    );
    check(
        "explain (format toml) select 1",
        expect![[r#"
        22023 unrecognized value for EXPLAIN option "format": "toml"
    "#]],
    );
    check(
        "explain create table x as select 1",
        expect![[r#"
        0A000 unsupported statement: CreateTableAs
    "#]],
    );
}

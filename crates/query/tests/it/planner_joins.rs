//! Plans of joins: their order, methods and conditions.

use expect_test::expect;

use crate::planner::{analysed, db, plan};

#[test]
fn plan_outer_joins_are_reduced() {
    let mut db = db();
    plan(
        &mut db,
        "select * from t left join u on t.a = u.b where u.c = 'x'",
        expect![[r#"
        Nested Loop (Batched Join)
          Join Type: Inner
          Recheck Cond: (a = u.b)
          ->  Full Scan (btree-table) on u
          ->  Index Only Scan using t_pkey on t
                Index Cond: (a = u.b)
    "#]],
    );
    plan(
        &mut db,
        "select t.a from t left join u on t.a = u.b where u.b is null",
        expect![[r#"
        Hash Anti Join
          Hash Cond: (t.a = u.b)
          ->  Index Only Scan using t_pkey on t
          ->  Hash
                ->  Index Only Scan using u_pkey on u
    "#]],
    );
    plan(
        &mut db,
        "select * from t full join u on t.a = u.a where t.b = 1",
        expect![[r#"
        Nested Loop (Batched Join)
          Join Type: Left
          Recheck Cond: (a = t.a)
          ->  Full Scan (btree-table) on t
          ->  Index Only Scan using u_pkey on u
                Index Cond: (a = t.a)
    "#]],
    );
}

#[test]
fn plan_equalities_are_transitive() {
    let mut db = db();
    plan(
        &mut db,
        "select * from t, u, v where t.a = u.a and u.a = v.t_a and t.a = 42",
        expect![[r#"
            Nested Loop
              ->  Nested Loop
                    ->  Index Scan using v_t_a on v
                          Index Cond: (t_a = 42)
                    ->  Materialize
                          ->  Index Only Scan using t_pkey on t
                                Index Cond: (a = 42)
              ->  Materialize
                    ->  Index Only Scan using u_pkey on u
                          Index Cond: (a = 42)
        "#]],
    );
    plan(
        &mut db,
        "select * from t left join v on v.t_a = t.a where t.a = 42",
        expect![[r#"
        Hash Right Join
          Hash Cond: (v.t_a = t.a)
          ->  Index Scan using v_t_a on v
                Index Cond: (t_a = 42)
          ->  Hash
                ->  Index Only Scan using t_pkey on t
                      Index Cond: (a = 42)
    "#]],
    );
}

#[test]
fn plan_methods_can_be_switched_off() {
    let mut db = db();
    let sql = "select * from t join u on t.b = u.b";
    plan(
        &mut db,
        sql,
        expect![[r#"
        Hash Join
          Hash Cond: (t.b = u.b)
          ->  Index Only Scan using t_pkey on t
          ->  Hash
                ->  Index Only Scan using u_pkey on u
    "#]],
    );
    db.run("set enable_hashjoin = off").unwrap();
    plan(
        &mut db,
        sql,
        expect![[r#"
            Merge Join
              Merge Cond: (t.b = u.b)
              ->  Sort
                    Sort Key: t.b
                    ->  Index Only Scan using t_pkey on t
              ->  Sort
                    Sort Key: u.b
                    ->  Index Only Scan using u_pkey on u
        "#]],
    );
    db.run("reset enable_hashjoin; set enable_indexscan = off").unwrap();
    plan(
        &mut db,
        "select * from v where t_a = 1",
        expect![[r#"
        Full Scan (btree-table) on v
    "#]],
    );
}

#[test]
fn plan_many_relations_quickly() {
    let mut db = db();
    let tables: Vec<String> = (0..14).map(|n| format!("t t{n}")).collect();
    let links: Vec<String> = (1..14).map(|n| format!("t{}.b = t{n}.a", n - 1)).collect();
    let sql = format!("select count(*) from {} where {}", tables.join(", "), links.join(" and "));
    assert_eq!(db.run(&sql).unwrap(), "0\n");
}

#[test]
fn plan_merge_join_of_ordered_sides() {
    let mut db = analysed();
    plan(
        &mut db,
        "select p.c, q.d from p join q on q.a = p.a",
        expect![[r#"
        Merge Join
          Merge Cond: (p.a = q.a)
          ->  Index Only Scan using p_pkey on p
          ->  Index Only Scan using q_pkey on q
    "#]],
    );
    db.check(
        "select count(*), sum(p.c), sum(q.d) from p join q on q.a = p.a",
        expect![[r#"
            3000|8994|6000
        "#]],
    );
    db.check(
        "select count(*), count(q.a) from p left join q on q.a = p.a + 200",
        expect![["3000|1000\n"]],
    );
    db.check(
        "select count(*), count(q.a) from p full join q on q.a = p.a + 200",
        expect![["3200|1200\n"]],
    );
}

#[test]
fn plan_merge_join_sorts_where_hashing_is_off() {
    let mut db = analysed();
    db.check("set enable_hashjoin = off", expect![["SET\n"]]);
    plan(
        &mut db,
        "select count(*) from p join q on q.d = p.c",
        expect![[r#"
        Aggregate
          ->  Merge Join
                Merge Cond: (p.c = q.d)
                ->  Sort
                      Sort Key: p.c
                      ->  Index Only Scan using p_pkey on p
                ->  Sort
                      Sort Key: q.d
                      ->  Index Only Scan using q_pkey on q
    "#]],
    );
    db.check(
        "select count(*) from p join q on q.d = p.c",
        expect![[r#"
        128640
    "#]],
    );
    db.check(
        "select count(*) from p where exists (select from q where q.d = p.c)",
        expect![[r#"
            2144
        "#]],
    );
    db.check(
        "select count(*) from p where not exists (select from q where q.d = p.c)",
        expect![[r#"
            856
        "#]],
    );
}

#[test]
fn plan_first_rows_of_a_join_come_in_order() {
    let mut db = db();
    plan(
        &mut db,
        "select t.a, u.c from t join u on u.a = t.b order by t.a limit 10",
        expect![[r#"
        Limit
          ->  Nested Loop (Batched Join)
                Join Type: Inner
                Recheck Cond: (a = t.b)
                ->  Index Only Scan using t_pkey on t
                ->  Index Only Scan using u_pkey on u
                      Index Cond: (a = t.b)
    "#]],
    );
    plan(
        &mut db,
        "select t.a, u.c from t left join u on u.a = t.b and u.b > 3 order by t.a desc limit 10 offset 5",
        expect![[r#"
            Limit
              ->  Nested Loop (Batched Join)
                    Join Type: Left
                    Recheck Cond: (a = t.b)
                    ->  Index Only Scan Backward using t_pkey on t
                    ->  Index Only Scan using u_pkey on u
                          Index Cond: (a = t.b)
        "#]],
    );
    plan(
        &mut db,
        "select v.n from v join t on t.a = v.t_a order by v.t_a limit 5",
        expect![[r#"
        Limit
          ->  Nested Loop (Batched Join)
                Join Type: Inner
                Recheck Cond: (a = v.t_a)
                ->  Index Scan using v_t_a on v
                ->  Index Only Scan using t_pkey on t
                      Index Cond: (a = v.t_a)
    "#]],
    );
    plan(
        &mut db,
        "select t.a from t join u on u.a = t.b limit 1",
        expect![[r#"
        Limit
          ->  Nested Loop (Batched Join)
                Join Type: Inner
                Recheck Cond: (a = t.b)
                ->  Index Only Scan using t_pkey on t
                ->  Index Only Scan using u_pkey on u
                      Index Cond: (a = t.b)
    "#]],
    );
    // All rows have to be read.
    plan(
        &mut db,
        "select t.a from t join u on u.a = t.b order by t.c limit 10",
        expect![[r#"
        Limit
          ->  Sort
                Sort Key: t.c
                ->  Hash Join
                      Hash Cond: (t.b = u.a)
                      ->  Index Only Scan using t_pkey on t
                      ->  Hash
                            ->  Index Only Scan using u_pkey on u
    "#]],
    );
    plan(
        &mut db,
        "select count(*) from t join u on u.a = t.b limit 10",
        expect![[r#"
        Limit
          ->  Aggregate
                ->  Hash Join
                      Hash Cond: (t.b = u.a)
                      ->  Index Only Scan using t_pkey on t
                      ->  Hash
                            ->  Index Only Scan using u_pkey on u
    "#]],
    );
}

#[test]
fn plan_or_has_what_its_alternatives_share() {
    let mut db = db();
    // The join is found inside, and each side is sorted out before it.
    plan(
        &mut db,
        "select * from t, u where (t.a = u.b and t.b = 1 and u.c = 'x')
             or (t.a = u.b and t.b = 2 and u.c = 'y')",
        expect![[r#"
            Nested Loop (Batched Join)
              Join Type: Inner
              Recheck Cond: (a = u.b)
              ->  Full Scan (btree-table) on u
              ->  Index Only Scan using t_pkey on t
                    Index Cond: (a = u.b)
                    Filter: (((b = 1) AND (u.c = 'x'::text)) OR ((b = 2) AND (u.c = 'y'::text)))
        "#]],
    );
    // One alternative says nothing more.
    plan(
        &mut db,
        "select * from t where b = 1 or (b = 1 and c = 'x')",
        expect![[r#"
        Full Scan (btree-table) on t
    "#]],
    );
    // Nothing is said of `u` by the second alternative.
    plan(
        &mut db,
        "select * from t, u where t.a = u.a and ((t.b = 1 and u.b = 2) or t.b = 3)",
        expect![[r#"
            Nested Loop (Batched Join)
              Join Type: Inner
              Recheck Cond: (a = t.a)
              ->  Full Scan (btree-table) on t
              ->  Index Only Scan using u_pkey on u
                    Index Cond: (a = t.a)
                    Filter: (((t.b = 1) AND (b = 2)) OR (t.b = 3))
        "#]],
    );
    // Rows that an outer join fills up are tested after it.
    plan(
        &mut db,
        "select * from t left join u on u.a = t.a
         where (t.b = 1 and u.b is null) or (t.b = 2 and u.b = 5)",
        expect![[r#"
            Nested Loop (Batched Join)
              Join Type: Left
              Recheck Cond: (a = t.a)
              Filter: (((t.b = 1) AND (u.b IS NULL)) OR ((t.b = 2) AND (u.b = 5)))
              ->  Full Scan (btree-table) on t
              ->  Index Only Scan using u_pkey on u
                    Index Cond: (a = t.a)
        "#]],
    );
}

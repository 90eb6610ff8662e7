//! Views: reading, replacing, writing through, privileges of their owners.

use expect_test::expect;

use crate::harness::Db;

fn db() -> Db {
    Db::with(&[
        "create table t (id int primary key, a int, b text default 'none')",
        "insert into t values (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z')",
        "create view v as select id, a * 2 as twice, b from t where a > 10",
    ])
}

#[test]
fn a_view_is_a_query() {
    let mut db = db();
    db.check(
        "select * from v order by id",
        expect![[r#"
        2|40|y
        3|60|z
    "#]],
    );
    db.check(
        "select v.twice, t.a from v join t using (id) where v.b = 'z'",
        expect![[r#"
        60|30
    "#]],
    );
    db.run("create view w (n) as with c as (select count(*) from v) select * from c").unwrap();
    db.check(
        "select n from w, (select n as m from w) x where n = m",
        expect![[r#"
        2
    "#]],
    );
    db.run("create recursive view r (n) as values (1) union all select n + 1 from r where n < 4")
        .unwrap();
    db.check(
        "select sum(n) from r",
        expect![[r#"
        10
    "#]],
    );
}

#[test]
fn a_view_follows_renames() {
    let mut db = db();
    db.run("create view star as select * from t").unwrap();
    db.run("alter table t rename a to amount").unwrap();
    db.run("alter table t rename to u").unwrap();
    db.run("alter table u add column extra int").unwrap();
    db.run("create schema s").unwrap();
    db.run("alter table u set schema s").unwrap();
    db.check(
        "select * from v order by id",
        expect![[r#"
        2|40|y
        3|60|z
    "#]],
    );
    db.check(
        "select * from star where a = 10",
        expect![[r#"
        1|10|x
    "#]],
    );
    db.check(
        "insert into star (id, a) values (9, 90) returning *",
        expect![[r#"
        9|90|none
    "#]],
    );
    db.run("alter view v rename column twice to double").unwrap();
    db.check(
        "select double from v where id = 2",
        expect![[r#"
        40
    "#]],
    );
}

#[test]
fn create_or_replace() {
    let mut db = db();
    db.check(
        "create view v as select 1",
        expect![[r#"
        42P07 relation "v" already exists
    "#]],
    );
    db.check(
        "create or replace view v as select id from t",
        expect![[r#"
        42P16 cannot drop columns from view
    "#]],
    );
    db.check(
        "create or replace view v as select id, a as other, b from t",
        expect![[r#"
        42P16 cannot change name of view column "twice" to "other"
    "#]],
    );
    db.check(
        "create or replace view v as select id, b as twice, b from t",
        expect![[r#"
        42P16 cannot change data type of view column "twice" from integer to text
    "#]],
    );
    db.check(
        "create or replace view t as select 1",
        expect![[r#"
        42809 "t" is not a view
    "#]],
    );
    db.run("create or replace view v as select id, a as twice, b, 7 as more from t").unwrap();
    db.check(
        "select * from v where id = 1",
        expect![[r#"
        1|10|x|7
    "#]],
    );
    db.check(
        "create or replace view v as select id, twice, b, more from v",
        expect![[r#"
        CREATE VIEW
    "#]],
    );
    db.check(
        "select * from v",
        expect![[r#"
        42P17 infinite recursion detected in rules for relation "v"
    "#]],
    );
    db.check(
        "create view x as select a, a from t",
        expect![[r#"
        42701 column "a" specified more than once
    "#]],
    );
    db.check(
        "create view x (p, q, r, s) as select id, a, b from t",
        expect![[r#"
        42601 CREATE VIEW specifies more column names than columns
    "#]],
    );
    db.check(
        "create temp view x as select 1",
        expect![[r#"
        0A000 TEMPORARY or TEMP view not supported for CREATE VIEW
    "#]],
    );
    db.check(
        "create view x with (what = 1) as select 1",
        expect![[r#"
        22023 unrecognized parameter "what"
    "#]],
    );
}

#[test]
fn what_a_view_depends_on() {
    let mut db = db();
    db.run("create view w as select id from v").unwrap();
    db.check(
        "drop table t",
        expect![[r#"
        2BP01 cannot drop table t because other objects depend on it
    "#]],
    );
    db.check(
        "alter table t drop column a",
        expect![[r#"
        2BP01 cannot drop column a of table t because other objects depend on it
    "#]],
    );
    db.check(
        "drop view v",
        expect![[r#"
        2BP01 cannot drop view v because other objects depend on it
    "#]],
    );
    db.check(
        "drop table v",
        expect![[r#"
        42809 "v" is not a table
    "#]],
    );
    db.check(
        "drop view v, w",
        expect![[r#"
        DROP VIEW
    "#]],
    );
    db.run("create view v as select id from t").unwrap();
    db.run("alter table t drop column a").unwrap();
    db.run("drop table t cascade").unwrap();
    db.check(
        "select * from v",
        expect![[r#"
        42P01 relation "v" does not exist
    "#]],
    );
}

#[test]
fn writing_through() {
    let mut db = db();
    db.check(
        "insert into v (id, b) values (4, 'new') returning id, twice, b",
        expect![[r#"
        4|∅|new
    "#]],
    );
    db.check(
        "insert into v (id, twice) values (5, 1)",
        expect![[r#"
        0A000 cannot insert into column "twice" of view "v"
    "#]],
    );
    db.check(
        "update v set b = 'changed' where twice = 40 returning *",
        expect![[r#"
        2|40|changed
    "#]],
    );
    db.check(
        "update v set twice = 1",
        expect![[r#"
        0A000 cannot update column "twice" of view "v"
    "#]],
    );
    db.check(
        "delete from v",
        expect![[r#"
        DELETE 2
    "#]],
    );
    db.check(
        "select * from t order by id",
        expect![[r#"
        1|10|x
        4|∅|new
    "#]],
    );
    db.run("create view g as select count(*) from t").unwrap();
    db.check(
        "delete from g",
        expect![[r#"
        55000 cannot delete from view "g"
    "#]],
    );
    db.check(
        "create view bad as select distinct a from t with check option",
        expect![[r#"
        0A000 WITH CHECK OPTION is supported only on automatically updatable views
    "#]],
    );
}

#[test]
fn check_options() {
    let mut db = db();
    db.run("create view low as select id, a from t where a < 100").unwrap();
    db.run("create view mid as select * from low where a > 5 with local check option").unwrap();
    db.run("create view strict as select * from low where a > 5 with cascaded check option")
        .unwrap();
    db.check(
        "insert into mid values (4, 1)",
        expect![[r#"
        44000 new row violates check option for view "mid"
    "#]],
    );
    db.check(
        "insert into mid values (4, 1000)",
        expect![[r#"
        INSERT 0 1
    "#]],
    );
    db.check(
        "insert into strict values (5, 1000)",
        expect![[r#"
        44000 new row violates check option for view "strict"
    "#]],
    );
    db.check(
        "update strict set a = 1 where id = 1",
        expect![[r#"
        44000 new row violates check option for view "strict"
    "#]],
    );
    db.run("alter view mid reset (check_option)").unwrap();
    db.check(
        "insert into mid values (6, 1)",
        expect![[r#"
        INSERT 0 1
    "#]],
    );
    db.run("alter view mid alter a set default 77").unwrap();
    db.check(
        "insert into mid (id) values (7) returning a",
        expect![[r#"
        77
    "#]],
    );
}

#[test]
fn check_option_over_a_sub_query() {
    let mut db = Db::with(&[
        "create table t (a int, b int)",
        "create table u (a int)",
        "insert into u values (1), (2)",
        "create view listed as select * from t where a in (select a from u) with check option",
        "create view twice as select * from listed where exists \
         (select 1 from u where u.a = listed.b) with local check option",
    ]);
    db.check("insert into listed values (1, 1), (2, 9)", expect![["INSERT 0 2\n"]]);
    let mut refused = |sql: &str, view: &str| {
        let error = db.run(sql).unwrap_err();
        let message = format!("new row violates check option for view \"{view}\"");
        assert_eq!((error.code().as_str(), error.message()), ("44000", &*message), "{sql}");
    };
    refused("insert into listed values (3, 1)", "listed");
    refused("update listed set a = a + 1", "listed");
    refused("insert into twice values (3, 1)", "listed");
    refused("insert into twice values (1, 3)", "twice");
    refused("update twice set b = 7", "twice");
    db.check("insert into twice values (2, 2)", expect![["INSERT 0 1\n"]]);
    db.check("update twice set b = 1", expect![["UPDATE 2\n"]]);
    db.check("select count(*) from t", expect![["3\n"]]);
}

#[test]
fn write_through_names_of_what_is_beneath() {
    let mut db = Db::with(&[
        "create table t (a int, b int)",
        "create view v1 as select t.a, t.b from t where t.a > 0",
        "create view v2 as select * from v1 where v1.b > 0",
        "create view v3 as select x.a, x.b from v2 as x where x.b < 9",
        "create view v4 as select y.p, y.q from v3 as y (p, q) where y.p <> 7 and exists \
         (select 1 from t where t.a = y.q)",
        "create view v5 as select z.b, z.a from t z where z.a > 1 with check option",
    ]);
    db.check("insert into v2 values (1, 1), (2, 0), (3, 10)", expect![["INSERT 0 3\n"]]);
    db.check("update v3 set b = b + 1 returning a, b", expect![["1|2\n"]]);
    db.check("insert into v4 values (2, 2)", expect![["INSERT 0 1\n"]]);
    db.check("delete from v4 where q = 2", expect![["DELETE 2\n"]]);
    db.check(
        "insert into v5 values (1, 1)",
        expect![["44000 new row violates check option for view \"v5\"\n"]],
    );
    db.check("update v5 set b = 5 where a = 2", expect![["UPDATE 1\n"]]);
    db.check("select a, b from t order by a", expect![["2|5\n3|10\n"]]);
}

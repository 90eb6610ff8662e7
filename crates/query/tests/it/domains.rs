//! Domains.

use expect_test::expect;

use crate::harness::Db;

#[test]
fn a_domain_is_checked() {
    let mut db = Db::with(&[
        "create domain positive as int check (value > 0)",
        "create domain small as positive constraint under check (value < 100)",
        "create domain named as varchar(5) not null default 'none'",
        "create table t (id int primary key, a small, n named)",
    ]);
    db.check(
        "select 5::positive, cast(null as positive)",
        expect![[r#"
        5|∅
    "#]],
    );
    db.check(
        "select (-1)::positive",
        expect![[r#"
        23514 value for domain positive violates check constraint "positive_check"
    "#]],
    );
    db.check(
        "select 1000::small",
        expect![[r#"
        23514 value for domain small violates check constraint "under"
    "#]],
    );
    db.check(
        "select null::named",
        expect![[r#"
        23502 domain named does not allow null values
    "#]],
    );
    db.check(
        "insert into t (id, a) values (1, 7) returning *",
        expect![[r#"
        1|7|none
    "#]],
    );
    db.check(
        "insert into t values (2, -7, 'x')",
        expect![[r#"
        23514 value for domain small violates check constraint "positive_check"
    "#]],
    );
    db.check(
        "insert into t values (2, 7, null)",
        expect![[r#"
        23502 domain named does not allow null values
    "#]],
    );
    db.check(
        "insert into t values (2, 7, 'too long')",
        expect![[r#"
        22001 value too long for type character varying(5)
    "#]],
    );
    db.check(
        "update t set a = 500",
        expect![[r#"
        23514 value for domain small violates check constraint "under"
    "#]],
    );
    db.check(
        "select a + 1 from t where a = 7",
        expect![[r#"
        8
    "#]],
    );
}

#[test]
fn a_domain_is_altered() {
    let mut db = Db::with(&["create domain d as int not null", "create table t (a d)"]);
    db.check(
        "alter domain d set not null",
        expect![[r#"
        0A000 unsupported ALTER DOMAIN SET NOT NULL statement
    "#]],
    );
    db.check(
        "alter domain d add check (value > 0)",
        expect![[r#"
        0A000 unsupported ALTER DOMAIN ADD CONSTRAINT statement
    "#]],
    );
    db.run("alter domain d drop not null").unwrap();
    db.run("alter domain d set default 3").unwrap();
    db.check(
        "insert into t default values returning a",
        expect![[r#"
        3
    "#]],
    );
    db.run("alter domain d rename to e").unwrap();
    db.check(
        "drop domain e",
        expect![[r#"
        2BP01 cannot drop type e because other objects depend on it
    "#]],
    );
    db.check(
        "drop domain e cascade",
        expect![[r#"
        0A000 DROP DOMAIN with CASCADE unsupported
    "#]],
    );
    db.run("drop table t").unwrap();
    db.run("drop domain e").unwrap();
    db.check(
        "drop domain e",
        expect![[r#"
        42704 type "e" does not exist
    "#]],
    );
    db.check(
        "create domain x as money",
        expect![[r#"
        0A000 datatype money not supported
    "#]],
    );
    db.check(
        "create domain x as int unique",
        expect![[r#"
        42601 unique constraints not possible for domains
    "#]],
    );
}

#[test]
fn statistics_objects() {
    let mut db = Db::with(&["create table t (a int, b int, c text)"]);
    db.run("create statistics s on a, b from t").unwrap();
    db.run("create statistics (mcv, ndistinct) on a, c from t").unwrap();
    db.run("create statistics on (a + b) from t").unwrap();
    db.check(
        "create statistics s on a, b from t",
        expect![[r#"
        42710 statistics object "s" already exists
    "#]],
    );
    db.check(
        "create statistics x on a from t",
        expect![[r#"
        42P17 extended statistics require at least 2 columns
    "#]],
    );
    db.check(
        "create statistics x on a, nosuch from t",
        expect![[r#"
        42703 column "nosuch" does not exist
    "#]],
    );
    db.check(
        "create statistics x (what) on a, b from t",
        expect![[r#"
        42601 unrecognized statistics kind "what"
    "#]],
    );
    db.check(
        "alter statistics s set statistics 101",
        expect![[r#"
        22023 statistics target 101 exceeds maximum allowed value of 100
    "#]],
    );
    db.run("alter statistics s set statistics 50").unwrap();
    db.run("alter statistics s rename to s2").unwrap();
    db.run("comment on statistics s2 is 'two columns'").unwrap();
    db.run("create statistics on b, c from t").unwrap();
    db.run("create statistics on b, c, a from t").unwrap();
    db.check(
        "create statistics on a, b, c from t",
        expect![[r#"
        54000 more than 5 extended statistics per table are not allowed
    "#]],
    );
    db.run("drop statistics s2").unwrap();
    db.check(
        "drop statistics s2",
        expect![[r#"
        42704 statistics object "s2" does not exist
    "#]],
    );
    db.run("alter table t drop column b").unwrap();
}

#[test]
fn arrays_in_binary_say_whose_they_are() {
    let mut db = Db::with(&["create domain d as int", "create table t (a int primary key)"]);
    let word = |number: u32| number.to_be_bytes();
    for (ty, array, element) in [
        ("d", "'{7}'::d[]", [word(4), word(7)].concat()),
        // One field, an int4 of four bytes.
        ("t", "array[row(7)::t]", [word(16), word(1), word(23), word(4), word(7)].concat()),
    ] {
        let oid = db.run(&format!("select '{ty}'::regtype::oid")).unwrap();
        let oid: u32 = oid.trim().parse().unwrap();
        // Dimensions, no NULLs, element type; the dimension's length and lower bound.
        let head = [word(1), word(0), word(oid), word(1), word(1)].concat();
        assert_eq!(db.binary(&format!("select {array}")), [head, element].concat(), "{array}");
    }
}

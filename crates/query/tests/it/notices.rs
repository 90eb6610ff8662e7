//! What analysis gives notice of; expectations from PostgreSQL 16.

use crate::harness::Db;

#[track_caller]
fn check(sql: &str, notices: &[&str]) {
    let mut db = Db::with(&["create table t (a int primary key, b varchar(5))"]);
    db.notices();
    db.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(db.notices(), notices, "{sql}");
}

#[test]
fn precisions_above_six_are_reduced_with_a_warning() {
    check(
        "select '2020-01-01'::timestamp(7), '1 s'::interval(8), '10:00'::timetz(6)",
        &[
            "WARNING at 22: TIMESTAMP(7) precision reduced to maximum allowed, 6",
            "WARNING at 43: INTERVAL(8) precision reduced to maximum allowed, 6",
        ],
    );
    check(
        "select current_time(7), localtimestamp(10)",
        &[
            "WARNING: TIME(7) WITH TIME ZONE precision reduced to maximum allowed, 6",
            "WARNING: TIMESTAMP(10) precision reduced to maximum allowed, 6",
        ],
    );
    check("select current_time(6)", &[]);
}

#[test]
fn a_stored_precision_is_warned_of_once() {
    let mut db = Db::new();
    db.run("create view v as select '2020-01-01'::timestamp(7) as a").unwrap();
    assert_eq!(db.notices().len(), 1);
    db.run("select a from v").unwrap();
    assert_eq!(db.notices(), Vec::<String>::new());
}

#[test]
fn the_type_of_a_column_is_told() {
    check(
        "create function f(t.a%type) returns t.b%type language sql as 'select null::varchar'",
        &[
            "NOTICE: type reference t.a%TYPE converted to integer",
            "NOTICE: type reference t.b%TYPE converted to character varying",
        ],
    );
    let mut db = Db::with(&[
        "create table t (a int primary key)",
        "create function f(int) returns int language sql as 'select 1'",
    ]);
    db.notices();
    db.run("drop function f(t.a%type)").unwrap();
    assert_eq!(db.notices(), ["NOTICE: type reference t.a%TYPE converted to integer"]);
}

//! Long values, stored compressed.

use expect_test::expect;

use crate::harness::Db;

fn db() -> Db {
    Db::with(&["create table t (id int primary key, a text, b text storage external, c jsonb, \
                d varchar(100) unique)"])
}

#[test]
fn what_counts_is_what_is_stored() {
    let mut db = db();
    db.check("insert into t (id, a) values (1, repeat('x', 3000000))", expect![["INSERT 0 1\n"]]);
    db.check(
        "select length(a), a = repeat('x', 3000000) from t where id = 1",
        expect![["3000000|t\n"]],
    );
    db.check(
        "insert into t (id, b) values (2, repeat('x', 3000000))",
        expect![["54000 datatype limit greater than 1048576 bytes not supported for text\n"]],
    );
    db.check(
        "insert into t (id, c) values (3, jsonb_build_object('k', repeat('y', 2000000)))",
        expect![["INSERT 0 1\n"]],
    );
    db.check("select length(c ->> 'k') from t where id = 3", expect![["2000000\n"]]);
}

#[test]
fn compressed_rows_are_changed_and_indexed() {
    let mut db = db();
    db.run("insert into t (id, a, d) select n, repeat(n::text, 5000), 'k' || n from generate_series(1, 9) n")
        .unwrap();
    db.run("update t set a = a || 'z' where id = 4").unwrap();
    db.check(
        "select id, length(a), right(a, 2) from t where d in ('k3', 'k4') order by id",
        expect![["3|5000|33\n4|5001|4z\n"]],
    );
    db.run("alter table t alter a set storage plain").unwrap();
    db.run("update t set b = 'b' where id = 3").unwrap();
    db.check("select length(a), b from t where id = 3", expect![["5000|b\n"]]);
    db.check(
        "select attname, attcompression from pg_attribute where attrelid = 't'::regclass \
         and attnum > 0 order by attnum",
        expect![["id|\na|\nb|\nc|l\nd|\n"]],
    );
}

//! Sequences and identity columns, with DSQL's rules.

use expect_test::expect;

use crate::harness::Db;

#[test]
fn create_needs_a_cache_size() {
    let mut db = Db::new();
    for sql in ["create sequence s", "create sequence s cache 100"] {
        db.check(sql, expect![[r#"
            0A000 CREATE SEQUENCE is not supported without an explicit cache size. please define CACHE greater than or equal to 65536 or equal to 1
        "#]]);
    }
    db.check(
        "create sequence s cache 0",
        expect![[r#"
        22023 CACHE (0) must be greater than zero
    "#]],
    );
    db.check(
        "create sequence s as int cache 1",
        expect![[r#"
        0A000 datatype integer not supported, sequence type must be bigint
    "#]],
    );
    db.check(
        "create sequence s as decimal(10,0) cache 1",
        expect![[r#"
        22023 sequence type must be bigint
    "#]],
    );
    db.check(
        "create sequence s cache 1 cache 1",
        expect![[r#"
        42601 conflicting or redundant options
    "#]],
    );
    db.check(
        "create sequence s cache 1 increment 0",
        expect![[r#"
        22023 INCREMENT must not be zero
    "#]],
    );
    db.check(
        "create sequence s cache 1 minvalue 5 maxvalue 5",
        expect![[r#"
        22023 MINVALUE (5) must be less than MAXVALUE (5)
    "#]],
    );
    db.check(
        "create sequence s cache 1 start 0",
        expect![[r#"
        22023 START value (0) cannot be less than MINVALUE (1)
    "#]],
    );
    db.check(
        "create sequence s cache 65536 start 101",
        expect![[r#"
        CREATE SEQUENCE
    "#]],
    );
    db.check(
        "create sequence s cache 1",
        expect![[r#"
        42P07 relation "s" already exists
    "#]],
    );
    db.check(
        "create sequence if not exists s cache 1",
        expect![[r#"
        CREATE SEQUENCE
    "#]],
    );
    db.check(
        "select nextval('s'), nextval('s')",
        expect![[r#"
        101|102
    "#]],
    );
    db.check(
        "select setval('s', 200), nextval('s')",
        expect![[r#"
        200|201
    "#]],
    );
}

#[test]
fn values_are_not_rolled_back() {
    let mut db = Db::with(&["create sequence s cache 1"]);
    db.check(
        "select last_value, log_cnt, is_called from s",
        expect![[r#"
        1|0|f
    "#]],
    );
    db.check(
        "begin; select nextval('s'); rollback",
        expect![[r#"
        BEGIN
        1
        ROLLBACK
    "#]],
    );
    db.check(
        "select nextval('s'); select last_value, log_cnt, is_called from s",
        expect![[r#"
        2
        2|31|t
    "#]],
    );
    db.check(
        "select n, nextval('s') from generate_series(1, 3) n",
        expect![[r#"
        1|3
        2|4
        3|5
    "#]],
    );
    db.check(
        "select count(nextval('s')) from generate_series(1, 100)",
        expect![[r#"
        100
    "#]],
    );
    db.check(
        "select nextval('s'), currval('s')",
        expect![[r#"
        106|106
    "#]],
    );
}

#[test]
fn lastval_is_of_the_transaction() {
    let mut db = Db::with(&["create sequence s cache 1", "create sequence r cache 1"]);
    db.check(
        "select currval('s')",
        expect![[r#"
        55000 currval of sequence "s" is not yet defined in this session
    "#]],
    );
    db.check(
        "select nextval('s'); select lastval()",
        expect![[r#"
        1
        1
    "#]],
    );
    db.check(
        "select lastval()",
        expect![[r#"
        55000 lastval is not yet defined in this session
    "#]],
    );
    db.check(
        "select currval('s')",
        expect![[r#"
        1
    "#]],
    );
    db.check(
        "select setval('s', 0)",
        expect![[r#"
        22003 setval: value 0 is out of bounds for sequence "s" (1..9223372036854775807)
    "#]],
    );
    db.check(
        "begin read only; select nextval('s')",
        expect![[r#"
        25006 cannot execute nextval() in a read-only transaction
    "#]],
    );
    db.run("rollback").unwrap();
    db.check(
        "select nextval('nosuch')",
        expect![[r#"
        42P01 relation "nosuch" does not exist
    "#]],
    );
    db.run("create table t (a int)").unwrap();
    db.check(
        "select nextval('t')",
        expect![[r#"
        42809 "t" is not a sequence
    "#]],
    );
}

#[test]
fn alter_and_limits() {
    let mut db = Db::with(&["create sequence s cache 1 start 5 increment 2 maxvalue 20"]);
    db.check(
        "select nextval('s'); select nextval('s')",
        expect![[r#"
        5
        7
    "#]],
    );
    db.check(
        "alter sequence s maxvalue 6",
        expect![[r#"
        22023 RESTART value (7) cannot be greater than MAXVALUE (6)
    "#]],
    );
    db.run("alter sequence s restart with 20").unwrap();
    db.check(
        "select nextval('s')",
        expect![[r#"
        20
    "#]],
    );
    db.check(
        "select nextval('s')",
        expect![[r#"
        2200H nextval: reached maximum value of sequence "s" (20)
    "#]],
    );
    db.run("alter sequence s cycle").unwrap();
    db.check(
        "select nextval('s')",
        expect![[r#"
        1
    "#]],
    );
    db.check(
        "begin; alter sequence s restart; rollback; select nextval('s')",
        expect![[r#"
        BEGIN
        ALTER SEQUENCE
        ROLLBACK
        3
    "#]],
    );
    db.run("alter sequence s rename to r").unwrap();
    db.check(
        "select nextval('r')",
        expect![[r#"
        5
    "#]],
    );
    db.check(
        "alter sequence s rename to q",
        expect![[r#"
        42P01 relation "s" does not exist
    "#]],
    );
    db.check(
        "drop table r",
        expect![[r#"
        42809 "r" is not a table
    "#]],
    );
    db.run("drop sequence r").unwrap();
    db.check(
        "drop sequence if exists r",
        expect![[r#"
        DROP SEQUENCE
    "#]],
    );
}

#[test]
fn owned_sequences_go_with_their_column() {
    let mut db = Db::with(&[
        "create table t (id bigint, a int)",
        "create sequence s cache 1 owned by t.id",
        "create sequence r cache 1",
    ]);
    db.check(
        "alter sequence r owned by nosuch.id",
        expect![[r#"
        42P01 relation "nosuch" does not exist
    "#]],
    );
    db.check(
        "alter sequence r owned by t",
        expect![[r#"
        42601 invalid OWNED BY option
    "#]],
    );
    db.run("alter sequence r owned by t.a").unwrap();
    db.run("alter table t drop column a").unwrap();
    db.check(
        "select nextval('r')",
        expect![[r#"
        42P01 relation "r" does not exist
    "#]],
    );
    db.run("drop table t").unwrap();
    db.check(
        "select nextval('s')",
        expect![[r#"
        42P01 relation "s" does not exist
    "#]],
    );
}

#[test]
fn identity_columns() {
    let mut db = Db::new();
    db.check(
        "create table t (id int generated always as identity (cache 1))",
        expect![[r#"
        0A000 datatype integer not supported, identity column type must be bigint
    "#]],
    );
    db.check("create table t (id bigint generated always as identity)", expect![[r#"
        0A000 identity column is not supported without an explicit cache size. please define CACHE greater than or equal to 65536 or equal to 1
    "#]]);
    db.check(
        "create table t (id bigint default 1 generated always as identity (cache 1))",
        expect![[r#"
        42601 both default and identity specified for column "id" of table "t"
    "#]],
    );
    db.run("create table t (id bigint generated always as identity (cache 1) primary key, a text)")
        .unwrap();
    db.check(
        "insert into t (a) values ('x'), ('y') returning id",
        expect![[r#"
        1
        2
    "#]],
    );
    db.check(
        "insert into t values (7, 'z')",
        expect![[r#"
        428C9 cannot insert a non-DEFAULT value into column "id"
    "#]],
    );
    db.check(
        "insert into t values (default, 'z') returning *",
        expect![[r#"
        3|z
    "#]],
    );
    db.check(
        "insert into t overriding system value values (9, 'o') returning *",
        expect![[r#"
        9|o
    "#]],
    );
    db.check(
        "insert into t overriding user value values (9, 'o') returning *",
        expect![[r#"
        4|o
    "#]],
    );
    db.check(
        "insert into t overriding user value select 9, 'p' returning *",
        expect![[r#"
        5|p
    "#]],
    );
    db.check(
        "update t set id = 100",
        expect![[r#"
        428C9 column "id" can only be updated to DEFAULT
    "#]],
    );
    db.check(
        "update t set id = default where id = 9 returning id",
        expect![[r#"
        6
    "#]],
    );
    db.check(
        "drop sequence t_id_seq",
        expect![[r#"
        2BP01 cannot drop sequence t_id_seq because column id of table t requires it
    "#]],
    );
    db.check(
        "alter sequence t_id_seq owned by none",
        expect![[r#"
        0A000 cannot change ownership of identity sequence
    "#]],
    );
    db.check(
        "alter table t alter id set default 1",
        expect![[r#"
        42601 column "id" of relation "t" is an identity column
    "#]],
    );
    db.run("alter table t alter id set generated by default set increment 10 restart with 50")
        .unwrap();
    db.check(
        "insert into t values (7, 'z'), (default, 'n'), (default, 'm') returning id",
        expect![[r#"
        7
        50
        60
    "#]],
    );
    db.run("alter table t alter id drop identity").unwrap();
    db.check(
        "alter table t alter id drop identity",
        expect![[r#"
        55000 column "id" of relation "t" is not an identity column
    "#]],
    );
    db.run("alter table t alter id add generated always as identity (cache 65536 start 1000)")
        .unwrap();
    db.check(
        "insert into t (a) values ('q') returning id",
        expect![[r#"
        1000
    "#]],
    );
    db.run("drop table t").unwrap();
    db.check(
        "select nextval('t_id_seq')",
        expect![[r#"
        42P01 relation "t_id_seq" does not exist
    "#]],
    );
}

#[test]
fn defaults_from_sequences() {
    let mut db = Db::with(&[
        "create sequence s cache 1",
        "create table t (id bigint default nextval('s') primary key, a int)",
    ]);
    db.check(
        "insert into t (a) select n from generate_series(1, 3) n returning id",
        expect![[r#"
        1
        2
        3
    "#]],
    );
    db.check(
        "drop sequence s",
        expect![[r#"
        2BP01 cannot drop sequence s because other objects depend on it
    "#]],
    );
    db.run("alter sequence s rename to s2").unwrap();
    db.check(
        "insert into t (a) values (0) returning id",
        expect![[r#"
        4
    "#]],
    );
    db.run("drop sequence s2 cascade").unwrap();
    db.check(
        "insert into t (a) values (0)",
        expect![[r#"
        23502 null value in column "id" of relation "t" violates not-null constraint
    "#]],
    );
}

#[test]
fn tables_like_others() {
    let mut db = Db::with(&[
        "create table t (id bigint generated by default as identity (cache 1) primary key, \
         a int not null default 7 check (a > 0), g int generated always as (a * 2) stored, \
         unique (a, g))",
        "comment on column t.a is 'the a'",
        "create table bare (like t)",
        "create table full_copy (x text, like t including all)",
    ]);
    db.check(
        "insert into bare (id) values (1)",
        expect![[r#"
        23502 null value in column "a" of relation "bare" violates not-null constraint
    "#]],
    );
    db.check(
        "insert into full_copy default values returning *",
        expect![[r#"
        ∅|1|7|14
    "#]],
    );
    db.check(
        "insert into full_copy (a) values (-1)",
        expect![[r#"
        23514 new row for relation "full_copy" violates check constraint "t_a_check"
    "#]],
    );
    db.check(
        "insert into full_copy (id, a) values (5, 7)",
        expect![[r#"
        23505 duplicate key value violates unique constraint "full_copy_a_g_key"
    "#]],
    );
    db.check(
        "select col_description('full_copy'::regclass, 3)",
        expect![[r#"
        the a
    "#]],
    );
    db.check(
        "create table c (like nosuch)",
        expect![[r#"
        42P01 relation "nosuch" does not exist
    "#]],
    );
}

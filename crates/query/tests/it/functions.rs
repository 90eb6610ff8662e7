//! SQL functions.

use expect_test::expect;

use crate::harness::Db;

#[test]
fn a_function_is_called() {
    let mut db = Db::with(&[
        "create table t (id int primary key, a int)",
        "insert into t values (1, 10), (2, 20), (3, 30)",
        "create function add(x int, y int default 5) returns int language sql \
         as 'select x + y'",
        "create function ret(x int) returns int return x * 2",
        "create function many() returns setof int language sql as 'select id from t order by id'",
        "create function tab(low int) returns table (k int, v int) stable language sql as \
         'select id, a from t where a > low order by id'",
        "create function outs(x int, out p int, out q text) language sql as \
         'select x, x::text || ''!'''",
        "create function whole() returns t language sql as 'select * from t where id = 2'",
        "create function nothing() returns void language sql as 'select 1'",
        "create function strictly(x int) returns int strict language sql as 'select 1'",
    ]);
    db.check(
        "select add(1), add(1, 2), ret(4)",
        expect![[r#"
        6|3|8
    "#]],
    );
    db.check(
        "select * from many()",
        expect![[r#"
        1
        2
        3
    "#]],
    );
    db.check(
        "select k, v from tab(10) where k > 2",
        expect![[r#"
        3|30
    "#]],
    );
    db.check(
        "select many(), 7",
        expect![[r#"
        1|7
        2|7
        3|7
    "#]],
    );
    db.check(
        "select * from outs(4)",
        expect![[r#"
        4|4!
    "#]],
    );
    db.check(
        "select * from whole()",
        expect![[r#"
        2|20
    "#]],
    );
    db.check(
        "select t.id, x.* from t, tab(t.a) x order by 1, 2",
        expect![[r#"
        1|2|20
        1|3|30
        2|3|30
    "#]],
    );
    db.check(
        "select strictly(null), strictly(1), nothing()",
        expect![[r#"
        ∅|1|∅
    "#]],
    );
    db.check(
        "select add('x')",
        expect![[r#"
        22P02 invalid input syntax for type integer: "x"
    "#]],
    );
    db.check(
        "select add(1, 2, 3)",
        expect![[r#"
        42883 function add(integer, integer, integer) does not exist
    "#]],
    );
    db.check(
        "select sum(add(a, id)) from t where add(a) > 15",
        expect![[r#"
        55
    "#]],
    );
}

#[test]
fn overloads_and_variadic() {
    let mut db = Db::with(&[
        "create function f(x int) returns text language sql as 'select ''int'''",
        "create function f(x text) returns text language sql as 'select ''text'''",
        "create function v(variadic xs int[]) returns int language sql as \
         'select array_length(xs, 1)'",
        "create function any_first(x anyarray) returns anyelement language sql as 'select x[1]'",
    ]);
    db.check(
        "select f(1), f('a'), f('a'::text), v(1, 2, 3), v(variadic array[1])",
        expect![[r#"
        int|text|text|3|1
    "#]],
    );
    db.check(
        "select any_first(array['x', 'y']), any_first(array[5])",
        expect![[r#"
        x|5
    "#]],
    );
    db.check(
        "drop function f",
        expect![[r#"
        42725 function name "f" is not unique
    "#]],
    );
    db.check(
        "drop function f(int), f(text)",
        expect![[r#"
        DROP FUNCTION
    "#]],
    );
    db.check(
        "drop function f(int)",
        expect![[r#"
        42883 function f(integer) does not exist
    "#]],
    );
    db.check(
        "drop function if exists f(int)",
        expect![[r#"
        DROP FUNCTION
    "#]],
    );
}

#[test]
fn bodies_modify_rows() {
    let mut db = Db::with(&[
        "create table t (id int primary key, a int)",
        "create function put(x int, y int) returns int language sql as $$
           insert into t values (x, y);
           update t set a = a + 1 where id = x returning a
         $$",
        "create function atomic(x int) returns int begin atomic \
           insert into t values (x, 0); select count(*)::int from t; end",
    ]);
    db.check(
        "select put(1, 10)",
        expect![[r#"
        11
    "#]],
    );
    db.check(
        "select put(n, n) from generate_series(2, 3) n",
        expect![[r#"
        3
        4
    "#]],
    );
    db.check(
        "select atomic(9)",
        expect![[r#"
        4
    "#]],
    );
    db.check(
        "select put(1, 1)",
        expect![[r#"
        23505 duplicate key value violates unique constraint "t_pkey"
    "#]],
    );
    db.check(
        "begin read only; select put(5, 5)",
        expect![[r#"
            25006 cannot execute INSERT in a read-only transaction
        "#]],
    );
    db.run("rollback").unwrap();
}

#[test]
fn recursion_is_bounded() {
    let mut db = Db::with(&[
        "create function down(n int) returns int language sql as \
         'select case when n <= 0 then 0 else 1 end'",
        "create or replace function down(n int) returns int language sql as \
         'select case when n <= 0 then 0 else 1 + down(n - 1) end'",
    ]);
    db.check(
        "select down(5)",
        expect![[r#"
        5
    "#]],
    );
    db.check(
        "select down(100000)",
        expect![[r#"
        54001 stack depth limit exceeded
    "#]],
    );
}

#[test]
fn what_is_refused() {
    let mut db = Db::new();
    for (sql, expected) in [
        (
            "create function f() returns int language plpgsql as 'begin end'",
            expect![[r#"
                0A000 CREATE FUNCTION with language plpgsql not supported
            "#]],
        ),
        (
            "create function f() returns int as 'select 1'",
            expect![[r#"
                42P13 no language specified
            "#]],
        ),
        (
            "create function f() returns int language sql",
            expect![[r#"
                42P13 no function body specified
            "#]],
        ),
        (
            "create function f() returns int leakproof language sql as 'select 1'",
            expect![[r#"
                42501 only superuser can define a leakproof function
            "#]],
        ),
        (
            "create procedure p() language sql as 'select 1'",
            expect![[r#"
                0A000 PROCEDURE is not supported
            "#]],
        ),
        (
            "create function f() language sql as 'select 1'",
            expect![[r#"
                42P13 function result type must be specified
            "#]],
        ),
        (
            "create function f() returns int language sql as 'select ''x''::bytea'",
            expect![[r#"
                42P13 return type mismatch in function declared to return integer
            "#]],
        ),
        (
            "create function f() returns int language sql as 'select 1, 2'",
            expect![[r#"
                42P13 return type mismatch in function declared to return integer
            "#]],
        ),
        (
            "create function f() returns int language sql as 'select a from nosuch'",
            expect![[r#"
                42P01 relation "nosuch" does not exist
            "#]],
        ),
        (
            "create function f(a int, a int) returns int language sql as 'select 1'",
            expect![[r#"
                42P13 parameter name "a" used more than once
            "#]],
        ),
        (
            "create function f() returns int language sql as 'truncate t'",
            expect![[r#"
                0A000 unsupported statement: Truncate
            "#]],
        ),
        (
            "create function f() returns int set work_mem = '1MB' language sql as 'select 1'",
            expect![[r#"
                0A000 setting configuration parameter "work_mem" not supported
            "#]],
        ),
    ] {
        db.check(sql, expected);
    }
    db.run("create function f(a int) returns int language sql as 'select 1'").unwrap();
    db.check(
        "create function f(a int) returns int language sql as 'select 1'",
        expect![[r#"
        42723 function "f" already exists with same argument types
    "#]],
    );
    db.check(
        "create or replace function f(a int) returns text language sql as 'select ''x'''",
        expect![[r#"
        42P13 cannot change return type of existing function
    "#]],
    );
    db.run("alter function f(int) rename to g").unwrap();
    db.check(
        "select g(1)",
        expect![[r#"
        1
    "#]],
    );
    db.run("create view v as select g(1) as one").unwrap();
    db.check(
        "drop function g(int)",
        expect![[r#"
        2BP01 cannot drop function g(integer) because other objects depend on it
    "#]],
    );
    db.run("alter function g(int) rename to h").unwrap();
    db.check(
        "select * from v",
        expect![[r#"
        1
    "#]],
    );
}

//! Functions that know the session and the catalog.

use expect_test::expect;

use crate::harness::Db;

#[test]
fn session() {
    let mut db = Db::new();
    db.check(
        "select version(), current_database(), current_schema(), current_user, session_user",
        expect![[r#"
            PostgreSQL 16|postgres|public|admin|admin
        "#]],
    );
    db.check(
        "select current_schemas(true), current_setting('server_version')",
        expect![[r#"
        {pg_catalog,public}|16.15
    "#]],
    );
    db.check(
        "select current_setting('nosuch')",
        expect![[r#"
        42704 unrecognized configuration parameter "nosuch"
    "#]],
    );
    db.check(
        "select current_setting('nosuch', true), inet_server_addr(), pg_is_in_recovery()",
        expect![[r#"
            ∅|∅|f
        "#]],
    );
    db.check(
        "select pg_backend_pid()",
        expect![[r#"
        0A000 function pg_backend_pid not supported
    "#]],
    );
    db.check(
        "select pg_advisory_lock(1)",
        expect![[r#"
        0A000 function pg_advisory_lock not supported
    "#]],
    );
    db.check(
        "select pg_postmaster_start_time() <= now()",
        expect![[r#"
        t
    "#]],
    );
}

#[test]
fn set_config() {
    let mut db = Db::new();
    db.check(
        "select set_config('timezone', 'Europe/Berlin', false)",
        expect![[r#"
        Europe/Berlin
    "#]],
    );
    db.check(
        "show timezone",
        expect![[r#"
        Europe/Berlin
    "#]],
    );
    db.check(
        "select set_config('work_mem', '1', false)",
        expect![[r#"
        0A000 setting configuration parameter "work_mem" not supported
    "#]],
    );
    db.check(
        "select set_config('search_path', '', false); select current_schemas(false)",
        expect![[r#"

            {}
        "#]],
    );
    db.check("begin; select set_config('application_name', 'a', true); show application_name; commit; show application_name", expect![[r#"
        BEGIN
        a
        a
        COMMIT

    "#]]);
    db.check(
        "select set_config('enable_seqscan', 'maybe', false)",
        expect![[r#"
        22023 parameter "enable_seqscan" requires a Boolean value
    "#]],
    );
}

#[test]
fn registered_names() {
    let mut db = Db::with(&["create table t (a int primary key)"]);
    db.check(
        "select 't'::regclass, 'pg_class'::regclass::oid, 1259::oid::regclass::text",
        expect![[r#"
            t|1259|pg_class
        "#]],
    );
    db.check("select 'int[]'::regtype, 'sum(int)'::regprocedure, 'admin'::regrole, 'public'::regnamespace", expect![[r#"
        integer[]|sum(integer)|admin|public
    "#]]);
    db.check(
        "select relname::text::regclass from pg_class where oid = 't'::regclass",
        expect![[r#"
            t
        "#]],
    );
    db.check(
        "select to_regclass('nosuch'), to_regtype('nosuch'), to_regclass('t')",
        expect![[r#"
        ∅|∅|t
    "#]],
    );
    db.check(
        "select 'nosuch'::regclass",
        expect![[r#"
        42P01 relation "nosuch" does not exist
    "#]],
    );
    db.check(
        "select pg_typeof(1), pg_typeof('a'), pg_typeof(now()), pg_typeof(array[1.5])",
        expect![[r#"
            integer|unknown|timestamp with time zone|numeric[]
        "#]],
    );
    db.check(
        "select array['t'::regclass, 'pg_type'::regclass], concat('t'::regclass, '!')",
        expect![[r#"
            {t,pg_type}|t!
        "#]],
    );
}

#[test]
fn descriptions() {
    let mut db = Db::with(&[
        "create table t (a int primary key, b varchar(3) default 'x')",
        "comment on table t is 'a table'",
        "comment on column t.b is 'a column'",
    ]);
    db.check("select obj_description('t'::regclass), obj_description('t'::regclass, 'pg_class'), col_description('t'::regclass, 2), shobj_description(1, 'pg_database')", expect![[r#"
        a table|a table|a column|∅
    "#]]);
    db.check("select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 't'::regclass and attnum > 0", expect![[r#"
        integer
        character varying(3)
    "#]]);
    db.check("select pg_get_indexdef(indexrelid), pg_get_indexdef(indexrelid, 1, true) from pg_index where indrelid = 't'::regclass", expect![[r#"
        CREATE UNIQUE INDEX t_pkey ON public.t USING btree_index (a) INCLUDE (b)|a
    "#]]);
    db.check("select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = 't'::regclass", expect![[r#"
        t_pkey|PRIMARY KEY (a) INCLUDE (b)
    "#]]);
    db.check(
        "select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 't'::regclass",
        expect![[r#"
            'x'::character varying
        "#]],
    );
    db.check("select pg_get_serial_sequence('t', 'a'), pg_get_userbyid(10), pg_table_is_visible('t'::regclass)", expect![[r#"
        ∅|rdsadmin|t
    "#]]);
    db.check(
        "select pg_get_serial_sequence('t', 'z')",
        expect![[r#"
        42703 column "z" of relation "t" does not exist
    "#]],
    );
    db.check("select pg_get_function_arguments(oid), pg_get_function_result(oid) from pg_proc where proname = 'lpad' order by oid", expect![[r#"
        text, integer, text|text
        text, integer|text
    "#]]);
}

#[test]
fn function_definitions() {
    let mut db = Db::new();
    db.check("select pg_get_functiondef('now()'::regprocedure), pg_get_functiondef('lpad(text,int)'::regprocedure)", expect![[r#"
        CREATE OR REPLACE FUNCTION pg_catalog.now()
         RETURNS timestamp with time zone
         LANGUAGE internal
         STABLE PARALLEL SAFE STRICT
        AS $function$now$function$
        |CREATE OR REPLACE FUNCTION pg_catalog.lpad(text, integer)
         RETURNS text
         LANGUAGE sql
         IMMUTABLE PARALLEL SAFE STRICT COST 1
        RETURN lpad($1, $2, ' '::text)

    "#]]);
    db.check(
        "select pg_get_functiondef('unnest(anyarray)'::regprocedure)",
        expect![[r#"
        CREATE OR REPLACE FUNCTION pg_catalog.unnest(anyarray)
         RETURNS SETOF anyelement
         LANGUAGE internal
         IMMUTABLE PARALLEL SAFE STRICT ROWS 100 SUPPORT array_unnest_support
        AS $function$array_unnest$function$

    "#]],
    );
    db.check(
        "select pg_get_functiondef('sum(int)'::regprocedure)",
        expect![[r#"
        42809 "sum" is an aggregate function
    "#]],
    );
}

#[test]
fn table_oid() {
    let mut db = Db::with(&["create table t (a int primary key)", "insert into t values (1)"]);
    db.check("select t.tableoid::regclass, c.tableoid::regclass from t left join pg_class c on c.relname = 'nosuch'", expect![[r#"
        t|∅
    "#]]);
}

#[test]
fn privileges() {
    let mut db = Db::with(&["create table t (a int primary key)", "create role r"]);
    db.check("select has_table_privilege('t', 'select'), has_table_privilege('r', 't', 'select'), has_table_privilege('admin', 't'::regclass::oid, 'insert, update')", expect![[r#"
        t|f|t
    "#]]);
    db.check("select has_column_privilege('t', 'a', 'select'), has_schema_privilege('r', 'public', 'create'), has_database_privilege('postgres', 'connect')", expect![[r#"
        t|f|t
    "#]]);
    db.check(
        "select has_table_privilege('nosuch', 't', 'select')",
        expect![[r#"
        42704 role "nosuch" does not exist
    "#]],
    );
    db.check(
        "select has_column_privilege('t', 'z', 'select')",
        expect![[r#"
        42703 column "z" of relation "t" does not exist
    "#]],
    );
    db.check(
        "select has_table_privilege('t', 'x')",
        expect![[r#"
        22023 unrecognized privilege type: "x"
    "#]],
    );
    db.check("select pg_has_role('r', 'member'), pg_has_role('r', 'admin', 'usage'), has_table_privilege(1, 'select')", expect![[r#"
        f|f|∅
    "#]]);
    db.check("select a.grantor, a.grantee, a.privilege_type, a.is_grantable from aclexplode(acldefault('n', 10)) a", expect![[r#"
        10|10|USAGE|f
        10|10|CREATE|f
    "#]]);
    db.check(
        "select acldefault('r', 10), makeaclitem(0, 10, 'SELECT', true)",
        expect![[r#"
            {rdsadmin=arwdDxt/rdsadmin}|=r*/rdsadmin
        "#]],
    );
}

#[test]
fn dsql() {
    let mut db = Db::new();
    db.check(
        "select * from sys.dsql_major_version()",
        expect![[r#"
        1
    "#]],
    );
    db.check(
        "select sys.current_session_id(), sys.iam_session_user()",
        expect![[r#"
        aaaaaaaaaaaaaaaaaaaaaaaaaa|arn:aws:iam::123456789012:user/test
    "#]],
    );
    db.check(
        "select * from sys.supported_datatypes() limit 3",
        expect![[r#"
        bigint
        boolean
        bytea
    "#]],
    );
    db.check(
        "create role r login",
        expect![[r#"
        CREATE ROLE
    "#]],
    );
    db.check(
        "aws iam grant r to 'arn:aws:iam::123456789012:role/a'",
        expect![[r#"
            GRANT
        "#]],
    );
    db.check(
        "select arn, pg_role_name from sys.iam_pg_role_mappings",
        expect![[r#"
        arn:aws:iam::123456789012:role/a|r
    "#]],
    );
    db.check(
        "select arn, pg_role_name from aws_dsql.list_iam_principal_database_role_authorizations()",
        expect![[r#"
            arn:aws:iam::123456789012:role/a|r
        "#]],
    );
    db.check("select job_type, status from sys.jobs", expect![[""]]);
}

#[test]
fn sql_language_functions() {
    let mut db = Db::new();
    db.check(
        "select '<' || lpad('a', 3), rpad('a', 3), round(2.5), trunc(2.7), log(100.0), bit_length('ab')",
        expect![[r#"
            <  a|a  |3|2|2.0000000000000000|16
        "#]],
    );
    db.check("select date_part('year', date '2024-05-06'), interval '1 day' + timestamp '2024-01-01', 3 + date '2024-01-01'", expect![[r#"
        2024|2024-01-02 00:00:00|2024-01-04
    "#]]);
    db.check("select age(timestamp '2000-01-01') > interval '20 years', (date '2024-01-01', interval '3 days') overlaps (date '2024-01-02', interval '1 day')", expect![[r#"
        t|t
    "#]]);
    db.check("select lpad(null, 3), round(null::numeric), quote_literal(1), quote_nullable(null::int), 1 || 'a'", expect![[r#"
        ∅|∅|'1'|NULL|1a
    "#]]);
    db.check("select information_schema._pg_char_max_length(1043, 7), information_schema._pg_numeric_precision(1700, null)", expect![[r#"
        3|∅
    "#]]);
    db.check(
        "select (information_schema._pg_expandarray(array['a','b'])).n",
        expect![[r#"
        1
        2
    "#]],
    );
    db.check(
        "select * from information_schema._pg_expandarray(array['a','b'])",
        expect![[r#"
        a|1
        b|2
    "#]],
    );
    db.check(
        "select x, sum(length(lpad(x, 2))) from (values ('a'), ('a')) v(x) group by x",
        expect![[r#"
            a|4
        "#]],
    );
    db.check(
        "select pg_sleep_for('1 millisecond'), substring('foobar' from 'o(.)b')",
        expect![[r#"
            |o
        "#]],
    );
    db.check(
        "select xpath('a', null)",
        expect![[r#"
        0A000 function xpath not supported
    "#]],
    );
}

#[test]
fn objects_in_words() {
    let mut db = Db::with(&[
        "create schema app",
        "create table app.things (id int primary key default 1, v text, constraint positive check (id > 0))",
        "create index async things_v on app.things (v nulls first) include (id)",
    ]);
    for (object, expected) in [
        ("'pg_class'::regclass, 'app.things'::regclass, 0", "table app.things"),
        ("'pg_class'::regclass, 'app.things'::regclass, 2", "column v of table app.things"),
        ("'pg_class'::regclass, 'app.things_v'::regclass, 0", "index app.things_v"),
        ("'pg_class'::regclass, 'pg_stats'::regclass, 0", "view pg_stats"),
        ("'pg_type'::regclass, 'int4'::regtype, 0", "type integer"),
        ("'pg_proc'::regclass, 'lower(text)'::regprocedure, 0", "function lower(text)"),
        ("'pg_namespace'::regclass, 'app'::regnamespace, 0", "schema app"),
        (
            "'pg_constraint'::regclass, (select oid from pg_constraint where conname = 'positive'), 0",
            "constraint positive on table app.things",
        ),
        (
            "'pg_attrdef'::regclass, (select oid from pg_attrdef where adrelid = 'app.things'::regclass), 0",
            "default value for column id of table app.things",
        ),
        ("'pg_authid'::regclass, 'admin'::regrole, 0", "role admin"),
        ("'pg_operator'::regclass, '=(int4,int4)'::regoperator, 0", "operator =(integer,integer)"),
        ("'pg_collation'::regclass, 950, 0", "collation \"C\""),
        ("'pg_class'::regclass, 1, 0", "∅"),
    ] {
        let sql = format!("select pg_describe_object({object})");
        assert_eq!(db.run(&sql).unwrap(), format!("{expected}\n"), "{object}");
    }
    for (object, expected) in [
        ("'pg_class'::regclass, 'app.things'::regclass, 2", "table column|app|things|app.things.v"),
        ("'pg_type'::regclass, 'int4'::regtype, 0", "type|pg_catalog|int4|integer"),
        (
            "'pg_proc'::regclass, 'lower(text)'::regprocedure, 0",
            "function|pg_catalog|∅|pg_catalog.lower(pg_catalog.text)",
        ),
    ] {
        let sql = format!("select * from pg_identify_object({object})");
        assert_eq!(db.run(&sql).unwrap(), format!("{expected}\n"), "{object}");
    }
    db.check(
        "select * from pg_identify_object_as_address('pg_class'::regclass, 'app.things'::regclass, 2)",
        expect![[r#"
            table column|{app,things,v}|{}
        "#]],
    );
    db.check(
        "select p, pg_index_column_has_property('app.things_v'::regclass, 1, p), \
         pg_index_column_has_property('app.things_v'::regclass, 2, p) \
         from unnest('{asc,nulls_first,orderable,returnable,search_array,none}'::text[]) p",
        expect![[r#"
            asc|t|∅
            nulls_first|t|∅
            orderable|t|f
            returnable|t|t
            search_array|t|∅
            none|∅|∅
        "#]],
    );
    db.check(
        "select collation for ('a'::text), collation for ('a'::name)",
        expect![[r#"
            "default"|"C"
        "#]],
    );
    db.check(
        "select collation for (1)",
        expect![[r#"
            42804 collations are not supported by type integer
        "#]],
    );
}

#[test]
fn comments_on_built_in_objects() {
    let mut db = Db::new();
    db.check(
        "select obj_description('int4'::regtype, 'pg_type'), shobj_description(5, 'pg_database')",
        expect![[r#"
            -2 billion to 2 billion integer, 4-byte storage|default administrative connection database
        "#]],
    );
}

#[test]
fn stored_expressions_are_printed_as_postgresql_does() {
    let mut db = Db::with(&[
        "create table t (id int primary key, b varchar(10) default 'x', n numeric(10,2) default 1, \
         g int generated always as (id * 2 + 1) stored, check (b in ('x', 'y') and n > 1))",
    ]);
    db.check(
        "select pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) from pg_constraint \
         where conrelid = 't'::regclass and contype = 'c'",
        expect![[r#"
            CHECK ((((b)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])) AND (n > (1)::numeric)))|CHECK ((b::text = ANY (ARRAY['x'::character varying, 'y'::character varying]::text[])) AND n > 1::numeric)
        "#]],
    );
    db.check(
        "select adnum, pg_get_expr(adbin, adrelid), pg_get_expr(adbin, adrelid, true) \
         from pg_attrdef where adrelid = 't'::regclass order by 1",
        expect![[r#"
            2|'x'::character varying|'x'::character varying
            3|1|1
            4|((id * 2) + 1)|id * 2 + 1
        "#]],
    );
    db.check(
        "select column_name, column_default, generation_expression from information_schema.columns \
         where table_name = 't' order by ordinal_position",
        expect![[r#"
            id|∅|∅
            b|'x'::character varying|∅
            n|1|∅
            g|∅|((id * 2) + 1)
        "#]],
    );
    db.check(
        "select check_clause from information_schema.check_constraints where constraint_name = 't_check'",
        expect![[r#"
            ((((b)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])) AND (n > (1)::numeric)))
        "#]],
    );
}

//! Catalog queries of documentation, drivers and tools.

use expect_test::expect;

use crate::harness::Db;

fn db() -> Db {
    Db::with(&[
        "create schema test",
        "create table test.departments (title varchar(10) primary key, name text, manager text, size int)",
        "create index async test_index1 on test.departments (name, manager, size)",
        "create table t (id uuid primary key default gen_random_uuid(), n numeric(10,2) not null, unique (n))",
    ])
}

#[test]
fn documented() {
    let mut db = db();
    db.check("SELECT relname AS index_name, indisvalid as is_valid, pg_get_indexdef(indexrelid) AS index_definition from pg_index, pg_class WHERE pg_class.oid = indexrelid AND indrelid = 'test.departments'::regclass", expect![[r#"
        departments_pkey|t|CREATE UNIQUE INDEX departments_pkey ON test.departments USING btree_index (title) INCLUDE (name, manager, size)
        test_index1|t|CREATE INDEX test_index1 ON test.departments USING btree_index (name, manager, size)
    "#]]);
    db.check(
        "SELECT reltuples FROM pg_class WHERE relname = 'departments'",
        expect![[r#"
        -1
    "#]],
    );
    db.check("SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN ('t') ORDER BY tablename, indexname", expect![[r#"
        t|t_n_key|CREATE UNIQUE INDEX t_n_key ON public.t USING btree_index (n)
        t|t_pkey|CREATE UNIQUE INDEX t_pkey ON public.t USING btree_index (id) INCLUDE (n)
    "#]]);
    db.check("SELECT tablename, attname, null_frac, n_distinct, most_common_vals, most_common_freqs, histogram_bounds, correlation FROM pg_stats WHERE schemaname = 'public' AND tablename = 't'", expect![[""]]);
    db.check("SELECT n.nspname, relname, reltuples::bigint, relpages FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relname = 't'", expect![[r#"
        public|t|-1|0
    "#]]);
    db.check(
        "SELECT rolname FROM pg_roles WHERE rolname = 'admin'",
        expect![[r#"
        admin
    "#]],
    );
    db.check(
        "SELECT usename FROM pg_user WHERE usename = 'admin'",
        expect![[r#"
        admin
    "#]],
    );
    db.check(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename",
        expect![[r#"
            t
        "#]],
    );
    db.check("SELECT p.proname, pg_get_function_arguments(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'sys' order by 1 limit 3", expect![[r#"
        base32_str_to_uuid|text
        base_type_oid|oid
        cluster_size|
    "#]]);
    db.check(
        "SHOW server_version",
        expect![[r#"
        16.15
    "#]],
    );
}

#[test]
fn information_schema() {
    let mut db = db();
    db.check("select table_schema, table_name, table_type from information_schema.tables where table_schema in ('public', 'test') order by 1, 2", expect![[r#"
        public|t|BASE TABLE
        test|departments|BASE TABLE
    "#]]);
    db.check("select column_name, data_type, is_nullable, column_default, numeric_precision, character_maximum_length from information_schema.columns where table_name in ('t', 'departments') order by table_name, ordinal_position", expect![[r#"
        title|character varying|NO|∅|∅|10
        name|text|YES|∅|∅|∅
        manager|text|YES|∅|∅|∅
        size|integer|YES|∅|32|∅
        id|uuid|NO|gen_random_uuid()|∅|∅
        n|numeric|NO|∅|10|∅
    "#]]);
    db.check("select tc.constraint_name, tc.constraint_type, kcu.column_name from information_schema.table_constraints tc join information_schema.key_column_usage kcu using (constraint_name) where tc.table_name = 't' order by 1, 3", expect![[r#"
        t_n_key|UNIQUE|n
        t_pkey|PRIMARY KEY|id
    "#]]);
    db.check(
        "select count(*) > 0 from information_schema.routines",
        expect![[r#"
        t
    "#]],
    );
    db.check(
        "select schema_name from information_schema.schemata order by 1",
        expect![[r#"
        aws_dsql
        information_schema
        pg_catalog
        public
        sys
        test
    "#]],
    );
}

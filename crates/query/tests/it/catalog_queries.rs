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

/// What drivers and tools ask for keys: rows in a column, taken apart by field.
#[test]
fn rows_in_columns() {
    let mut db = db();
    db.check(
        "select a.attname, (i.keys).n from (select indrelid, indisprimary, \
         information_schema._pg_expandarray(indkey) as keys from pg_index) i join pg_attribute a \
         on a.attrelid = i.indrelid and a.attnum = (i.keys).x \
         where indisprimary and indrelid = 't'::regclass order by 2",
        expect![[r#"
            id|1
            n|2
        "#]],
    );
    db.check(
        "select (aclexplode(acldefault('n', 10))).*, (information_schema._pg_expandarray('{a,b}'::text[])).*",
        expect![[r#"
            10|10|USAGE|f|a|1
            10|10|CREATE|f|b|2
        "#]],
    );
    db.check(
        "select (i.r).f2, (i.r).* from (select row(1, 'a') as r) i",
        expect![[r#"
        a|1|a
    "#]],
    );
    db.check(
        "select (i.r).f3 from (select row(1, 'a') as r) i",
        expect![[r#"
        42703 could not identify column "f3" in record data type
    "#]],
    );
}

/// Set-returning calls advance in step, wherever in the select list they stand.
#[test]
fn sets_in_step() {
    let mut db = db();
    db.check(
        "select generate_series(1, 2), generate_series(1, 3) + 10, \
         (information_schema._pg_expandarray('{a,b}'::text[])).x",
        expect![[r#"
            1|11|a
            2|12|b
            ∅|13|∅
        "#]],
    );
}

/// How Postgres.js finds array types.
#[test]
fn array_types() {
    let mut db = db();
    db.check(
        "select count(*) from (select b.oid, b.typarray from pg_catalog.pg_type a left join \
         pg_catalog.pg_type b on b.oid = a.typelem where a.typcategory = 'A' \
         group by b.oid, b.typarray order by b.oid) t",
        expect![[r#"
            295
        "#]],
    );
}

/// Recursion over types and their elements, as drivers that load types do.
#[test]
fn type_tree() {
    let mut db = db();
    db.check(
        "with recursive tree(oid, name, element, depth) as (
             select ti.oid, ti.typname, ti.typelem, 0 from (
                 select t.oid, t.typname, t.typelem, case when t.typtype = 'd' then (
                     with recursive bases(oid, depth) as (
                         select t2.typbasetype, 0 from pg_type t2 where t2.oid = t.oid
                         union all
                         select t2.typbasetype, b.depth + 1 from pg_type t2, bases b
                         where t2.oid = b.oid and t2.typbasetype <> 0
                     ) select oid from bases order by depth desc limit 1) end as base
                 from pg_type t) ti
             where ti.oid = any ('{1009}'::oid[])
             union all
             select t.oid, t.typname, t.typelem, tree.depth + 1 from pg_type t, tree
             where t.oid = tree.element)
         select distinct oid, name, element::regtype::text, depth from tree order by depth desc",
        expect![[r#"
            25|text|-|1
            1009|_text|text|0
        "#]],
    );
    db.check(
        "select c.relname, array_agg(a.attname::text order by a.attnum) from pg_class c \
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 \
         where c.relname = 'departments' group by c.relname",
        expect![[r#"
            departments|{title,name,manager,size}
        "#]],
    );
}

/// Tables and columns with comments and defaults, numbered by a window, as JDBC lists them.
#[test]
fn columns() {
    let mut db = db();
    db.check(
        "select * from (select n.nspname, c.relname, a.attname, a.attnotnull or (t.typtype = 'd' \
         and t.typnotnull) as attnotnull, row_number() over (partition by a.attrelid order by \
         a.attnum) as attnum, nullif(a.attidentity, '') as attidentity, \
         pg_catalog.pg_get_expr(def.adbin, def.adrelid) as adsrc, dsc.description, t.typtype \
         from pg_catalog.pg_namespace n join pg_catalog.pg_class c on c.relnamespace = n.oid \
         join pg_catalog.pg_attribute a on a.attrelid = c.oid \
         join pg_catalog.pg_type t on a.atttypid = t.oid \
         left join pg_catalog.pg_attrdef def on a.attrelid = def.adrelid and a.attnum = def.adnum \
         left join pg_catalog.pg_description dsc on c.oid = dsc.objoid and a.attnum = dsc.objsubid \
         left join pg_catalog.pg_class dc on dc.oid = dsc.classoid and dc.relname = 'pg_class' \
         left join pg_catalog.pg_namespace dn on dc.relnamespace = dn.oid and dn.nspname = 'pg_catalog' \
         where c.relkind in ('r', 'p', 'v', 'f', 'm') and a.attnum > 0 and not a.attisdropped \
         and n.nspname like 'public' and c.relname like 't') c where true \
         order by nspname, c.relname, attnum",
        expect![[r#"
            public|t|id|t|1|∅|gen_random_uuid()|∅|b
            public|t|n|t|2|∅|∅|∅|b
        "#]],
    );
}

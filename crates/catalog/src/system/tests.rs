//! System relations over a cluster with every kind of object, compared with PostgreSQL 16.

use std::collections::BTreeMap;

use types::oid::*;
use types::{Datum, FormatSettings, Kind, Oid, Row};

use super::*;
use crate::builtin::{base_type, type_by_oid};
use crate::ddl::{self, ColumnDef, Constraint, CreateTable, QualifiedName};

/// `tests/data/system_pg16.txt` was made by PostgreSQL 16.14 from
///
/// ```sql
/// create table t (id uuid primary key, a int not null default 1, b varchar(30), c char(4),
///   n numeric(18,6), f float8, ts timestamp(3), tz timestamptz, iv interval day to second(3),
///   iv2 interval, x text, bo bool default true, j jsonb, g int generated always as (a + 1) stored,
///   tm time(2), "Q z" smallint, unique (a, b), check (a > 0),
///   constraint z check (a > 0 and f > 1));
/// create index on t (f, ts nulls first) include (x);
/// create table u (k bigint, l text, primary key (k, l));
/// ```
///
/// by role `admin` with CREATE on `public`. Each section is `# schema.relation|columns|filter`,
/// the filter a column and the values it must have, then the rows, sorted.
const EXPECTED: &str = include_str!("../../tests/data/system_pg16.txt");

fn column(name: &str, type_oid: Oid, typmod: i32) -> ColumnDef {
    ColumnDef {
        name: name.into(),
        type_oid,
        typmod,
        not_null: false,
        default: None,
        default_names: Vec::new(),
        domain: None,
        identity: None,
        generated_from: Vec::new(),
        storage: None,
        comment: None,
    }
}

fn check(name: Option<&str>, expression: &str, columns: &[&str]) -> Constraint {
    Constraint::Check {
        name: name.map(Into::into),
        expression: expression.into(),
        names: Vec::new(),
        columns: strings(columns),
        no_inherit: false,
        comment: None,
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

type Statement<'a> = &'a dyn Fn(ddl::Cx<'_>) -> types::Result<ddl::Outcome>;

/// The catalog of [`EXPECTED`]'s cluster.
fn cluster() -> Catalog {
    let default = |column: ColumnDef, text: &str| ColumnDef {
        default: Some(ColumnDefault::Expression(text.into())),
        ..column
    };
    let day_to_second = ((1 << 3 | 1 << 10 | 1 << 11 | 1 << 12) << 16) | 3;
    let columns = vec![
        column("id", UUID, -1),
        ColumnDef { not_null: true, ..default(column("a", INT4, -1), "1") },
        column("b", VARCHAR, 34),
        column("c", BPCHAR, 8),
        column("n", NUMERIC, 1179658),
        column("f", FLOAT8, -1),
        column("ts", TIMESTAMP, 3),
        column("tz", TIMESTAMPTZ, -1),
        column("iv", INTERVAL, day_to_second),
        column("iv2", INTERVAL, -1),
        column("x", TEXT, -1),
        default(column("bo", BOOL, -1), "true"),
        column("j", JSONB, -1),
        ColumnDef {
            default: Some(ColumnDefault::Generated("(a + 1)".into())),
            generated_from: strings(&["a"]),
            ..column("g", INT4, -1)
        },
        column("tm", TIME, 2),
        column("Q z", INT2, -1),
    ];
    let constraints = vec![
        Constraint::PrimaryKey { name: None, columns: strings(&["id"]) },
        Constraint::Unique {
            name: None,
            columns: strings(&["a", "b"]),
            include: Vec::new(),
            nulls_not_distinct: false,
        },
        check(None, "(a > 0)", &["a"]),
        check(Some("z"), "((a > 0) AND (f > (1)::double precision))", &["a", "f"]),
    ];
    let t = CreateTable {
        name: QualifiedName::bare("t"),
        if_not_exists: false,
        columns,
        constraints,
        like_indexes: Vec::new(),
        like_statistics: Vec::new(),
    };
    let index = ddl::CreateIndex {
        name: None,
        table: QualifiedName::bare("t"),
        if_not_exists: false,
        unique: false,
        keys: vec![
            ddl::IndexElement { part: ddl::ElementPart::Column("f".into()), nulls_first: false },
            ddl::IndexElement { part: ddl::ElementPart::Column("ts".into()), nulls_first: true },
        ],
        include: strings(&["x"]),
        nulls_not_distinct: false,
        predicate: None,
        state: IndexState::Valid,
    };
    let u = CreateTable {
        name: QualifiedName::bare("u"),
        if_not_exists: false,
        columns: vec![column("k", INT8, -1), column("l", TEXT, -1)],
        constraints: vec![Constraint::PrimaryKey { name: None, columns: strings(&["k", "l"]) }],
        like_indexes: Vec::new(),
        like_statistics: Vec::new(),
    };
    let mut catalog = Catalog::new();
    let path = [PG_CATALOG, PUBLIC];
    let statements: [Statement<'_>; 3] =
        [&|cx| ddl::create_table(cx, &t), &|cx| ddl::create_index(cx, &index), &|cx| {
            ddl::create_table(cx, &u)
        }];
    for statement in statements {
        let cx = ddl::Cx { catalog: &catalog, role: ADMIN_ROLE, search_path: &path };
        let outcome = statement(cx).unwrap();
        catalog = catalog.apply(&outcome.change);
    }
    catalog
}

/// What a relation holds in [`cluster`].
fn rows_of(relation: &'static SystemRelation, catalog: &Catalog) -> Vec<Row> {
    let jobs = [Job {
        id: "wqhu6ewifze5xitg3umt24h5ua".into(),
        status: "completed".into(),
        details: None,
        kind: "INDEX_BUILD".into(),
        class: 1259,
        object: 26433,
        object_name: Some("public.i".into()),
        start_time: 0,
        update_time: 1,
    }];
    let cx = SystemCx {
        catalog,
        database: "postgres",
        role: ADMIN_ROLE,
        search_path: &[PG_CATALOG, PUBLIC],
        settings: &|name| (name == "TimeZone").then(|| "Europe/Paris".into()),
        row_estimate: &|_| Some(3.0),
        last_value: &|_| None,
        updatable: &|_| None,
        print: &|stored| match stored {
            crate::describe::Stored::Column(_, text, _, _) => text.to_owned(),
            other => panic!("{other:?} is in no table"),
        },
        jobs: &jobs,
        now: 0,
    };
    rows(relation, &cx)
}

fn find(name: &str) -> &'static SystemRelation {
    let (schema, name) = name.split_once('.').unwrap();
    let schema = Catalog::new().schema(schema).unwrap().oid;
    relation(schema, name).unwrap()
}

fn text(datum: &Datum, type_oid: Oid) -> String {
    types::text::to_string(datum, base_type(type_oid), &FormatSettings::default())
}

#[test]
fn as_postgresql() {
    let catalog = cluster();
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut section = "";
    for line in EXPECTED.lines() {
        match line.strip_prefix("# ") {
            Some(heading) => {
                section = heading;
                sections.entry(section).or_default();
            }
            None => sections.entry(section).or_default().push(line),
        }
    }
    assert!(sections.len() > 10);
    for (heading, expected) in sections {
        let parts: Vec<&str> = heading.split('|').collect();
        let relation = find(parts[0]);
        let columns: Vec<usize> =
            parts[1].split(',').map(|name| relation.column(name).unwrap()).collect();
        let (filter, values) = parts[2].split_once('=').unwrap();
        let filter = relation.column(filter).unwrap();
        // OIDs differ from cluster to cluster; relations are told by name.
        let cell = |row: &Row, at: usize| match row[at] {
            Datum::Oid(oid) if relation.columns[at].name.ends_with("relid") => {
                crate::describe::regclass_out(&catalog, &[PG_CATALOG, PUBLIC], oid)
            }
            ref datum => text(datum, relation.columns[at].type_oid),
        };
        let mut actual: Vec<String> = rows_of(relation, &catalog)
            .iter()
            .filter(|row| values.split(',').any(|value| value == cell(row, filter)))
            .map(|row| columns.iter().map(|at| cell(row, *at)).collect::<Vec<_>>().join("|"))
            .collect();
        actual.sort();
        for (actual, expected) in actual.iter().zip(&expected) {
            assert_eq!(actual, expected, "{heading}");
        }
        assert_eq!(actual.len(), expected.len(), "{heading}");
    }
}

#[test]
fn values_fit_their_columns() {
    let catalog = cluster();
    for relation in relations() {
        for row in rows_of(relation, &catalog) {
            assert_eq!(row.len(), relation.columns.len());
            for (datum, column) in row.iter().zip(relation.columns) {
                assert!(!(datum.is_null() && column.not_null), "{} {}", relation.name, column.name);
                let kind = Kind::of(base_type(column.type_oid));
                let fits = match datum {
                    Datum::Null => true,
                    Datum::Bool(_) => kind == Some(Kind::Bool),
                    Datum::Int2(_) => kind == Some(Kind::Int2),
                    Datum::Int4(_) => kind == Some(Kind::Int4),
                    Datum::Int8(_) => kind == Some(Kind::Int8),
                    Datum::Oid(_) => kind == Some(Kind::Oid),
                    Datum::Float4(_) => kind == Some(Kind::Float4),
                    Datum::Interval(_) => kind == Some(Kind::Interval),
                    Datum::Timestamptz(_) => kind == Some(Kind::Timestamptz),
                    Datum::Text(_) => kind == Some(Kind::Text),
                    Datum::Array(array) => kind == Some(Kind::Array(array.element)),
                    _ => false,
                };
                assert!(fits, "{}.{}: {datum:?}", relation.name, column.name);
            }
        }
    }
}

/// How many of `pg_indexes`' rows, at the beginning, are of catalog relations.
fn catalog_indexes(rows: &[String]) -> usize {
    rows.iter().filter(|row| row.contains(" ON pg_catalog.")).count()
}

#[test]
fn dsql_differences() {
    let catalog = cluster();
    let cells = |relation: &str, columns: &[&str]| -> Vec<String> {
        let relation = find(relation);
        rows_of(relation, &catalog)
            .iter()
            .map(|row| {
                let cell = |name: &&str| {
                    let at = relation.column(name).unwrap();
                    text(&row[at], relation.columns[at].type_oid)
                };
                columns.iter().map(cell).collect::<Vec<_>>().join("|")
            })
            .collect()
    };
    let mut indexes = cells("pg_catalog.pg_indexes", &["indexname", "indexdef"]);
    let own = indexes.split_off(catalog_indexes(&indexes));
    assert_eq!(
        indexes.first().map(String::as_str),
        Some(
            "pg_foreign_data_wrapper_oid_index|CREATE UNIQUE INDEX \
             pg_foreign_data_wrapper_oid_index ON pg_catalog.pg_foreign_data_wrapper USING \
             btree_index (oid)"
        )
    );
    assert_eq!(
        own,
        [
            "t_pkey|CREATE UNIQUE INDEX t_pkey ON public.t USING btree_index (id) INCLUDE (a, b, \
             c, n, f, ts, tz, iv, iv2, x, bo, j, g, tm, \"Q z\")",
            "t_a_b_key|CREATE UNIQUE INDEX t_a_b_key ON public.t USING btree_index (a, b)",
            "t_f_ts_x_idx|CREATE INDEX t_f_ts_x_idx ON public.t USING btree_index (f, ts NULLS \
             FIRST) INCLUDE (x)",
            "u_pkey|CREATE UNIQUE INDEX u_pkey ON public.u USING btree_index (k, l)",
        ]
    );
    assert_eq!(cells("pg_catalog.pg_database", &["datname", "datdba"]), ["postgres|15579"]);
    assert_eq!(cells("pg_catalog.pg_extension", &["extname"]), ["plpgsql"]);
    assert_eq!(
        cells("sys.jobs", &["job_id", "details", "object_name", "start_time"]),
        ["wqhu6ewifze5xitg3umt24h5ua||public.i|2000-01-01 00:00:00+00"]
    );
    let zones = cells("pg_catalog.pg_timezone_names", &["name", "abbrev", "utc_offset", "is_dst"]);
    assert!(zones.contains(&"Europe/Paris|CET|01:00:00|f".to_owned()));
    let settings = cells("pg_catalog.pg_settings", &["name", "setting", "source"]);
    assert!(settings.contains(&"TimeZone|Europe/Paris|session".to_owned()));
    let roles = cells("pg_catalog.pg_roles", &["rolname", "rolcreaterole", "rolcanlogin", "oid"]);
    assert!(roles.contains(&"admin|t|t|15579".to_owned()));
}

#[test]
fn every_relation_answers() {
    let catalog = Catalog::new();
    for relation in relations() {
        rows_of(relation, &catalog);
        assert!(type_by_oid(relation.row_type).is_some());
    }
}

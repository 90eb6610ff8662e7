//! `information_schema`: the same facts in the standard's words, limited to what the current role
//! may see.

use types::Oid;
use types::oid::*;

use super::SystemCx;
use super::fill::{RowWriter, Rows, int2};
use crate::builtin::{self, ProcKind, ProcRow, TypeKind, TypeRow, base_type, format_type};
use crate::describe;
use crate::objects::*;
use crate::privilege::{self, Target};

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) {
    match name {
        "information_schema_catalog_name" => out.row(|row| {
            row.set("catalog_name", cx.database);
        }),
        "schemata" => schemata(cx, out),
        "tables" => tables(cx, out),
        "columns" => columns(cx, out),
        "views" => views(cx, out),
        "table_constraints" => table_constraints(cx, out),
        "key_column_usage" => key_column_usage(cx, out),
        "constraint_column_usage" => constraint_column_usage(cx, out),
        "constraint_table_usage" => constraint_table_usage(cx, out),
        "check_constraints" => check_constraints(cx, out),
        "enabled_roles" => enabled_roles(cx, out),
        "applicable_roles" => applicable_roles(cx, out),
        "routines" => routines(cx, out),
        "parameters" => parameters(cx, out),
        "collations" => collations(cx, out),
        "character_sets" => out.row(|row| {
            row.set("character_set_name", "UTF8")
                .set("character_repertoire", "UCS")
                .set("form_of_use", "UTF8")
                .set("default_collate_catalog", cx.database)
                .set("default_collate_schema", "pg_catalog")
                .set("default_collate_name", "ucs_basic");
        }),
        // The others are of privileges and types, the standard's feature lists, or of objects that
        // cannot exist.
        _ => {
            let _ = super::grants::fill(name, cx, out)
                || super::data_types::fill(name, cx, out)
                || super::constant::fill(out.relation(), out);
        }
    }
}

pub(super) fn schema_name<'a>(cx: &SystemCx<'a>, schema: ObjectId) -> &'a str {
    cx.catalog.schema_by_oid(schema).map_or("", |schema| &schema.name)
}

fn role_name<'a>(cx: &SystemCx<'a>, role: ObjectId) -> Option<&'a str> {
    cx.catalog.role_by_oid(role).map(|role| role.name.as_str())
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

/// Whether the current role holds any of `privileges` on a table, as its owner too.
fn may(cx: &SystemCx<'_>, table: &Table, privileges: &[Privilege]) -> bool {
    owns(cx, table.owner)
        || privileges.iter().any(|privilege| {
            privilege::has_privilege(cx.catalog, cx.role, Target::Table(table), *privilege)
        })
}

fn owns(cx: &SystemCx<'_>, owner: ObjectId) -> bool {
    privilege::has_privileges_of(cx.catalog, cx.role, owner)
}

/// The tables on which the current role holds any of `privileges`.
fn tables_with<'a>(
    cx: &'a SystemCx<'_>,
    privileges: &'a [Privilege],
) -> impl Iterator<Item = &'a std::sync::Arc<Table>> {
    cx.catalog.tables().filter(move |table| may(cx, table, privileges))
}

/// The privileges that make a table's constraints visible: all but SELECT.
const WRITING: &[Privilege] = &[
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Truncate,
    Privilege::References,
    Privilege::Trigger,
];
/// The privileges that make a column visible.
const COLUMN: &[Privilege] =
    &[Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::References];

fn schemata(cx: &SystemCx<'_>, out: &mut Rows) {
    for schema in cx.catalog.schemas() {
        let visible = owns(cx, schema.owner)
            || privilege::SCHEMA_PRIVILEGES.iter().any(|privilege| {
                privilege::has_privilege(cx.catalog, cx.role, Target::Schema(schema), *privilege)
            });
        if !visible {
            continue;
        }
        out.row(|row| {
            row.set("catalog_name", cx.database)
                .set("schema_name", &schema.name)
                .set("schema_owner", role_name(cx, schema.owner));
        });
    }
}

/// Sets the catalog, schema and name of a table.
fn table_names(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, schema: ObjectId, name: &str) {
    row.set("table_catalog", cx.database)
        .set("table_schema", schema_name(cx, schema))
        .set("table_name", name);
}

fn tables(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |schema, name: &str, view: bool| {
        out.row(|row| {
            table_names(cx, row, schema, name);
            row.set("table_type", if view { "VIEW" } else { "BASE TABLE" })
                .set("is_insertable_into", yes_or_no(!view))
                .set("is_typed", "NO");
        });
    };
    for relation in builtin::relations().iter().filter(|relation| describe::is_readable(relation)) {
        add(relation.schema, relation.name, relation.view);
    }
    for table in tables_with(cx, privilege::TABLE_PRIVILEGES) {
        add(table.schema, &table.name, false);
    }
}

fn views(cx: &SystemCx<'_>, out: &mut Rows) {
    for relation in builtin::relations().iter().filter(|r| r.view && describe::is_readable(r)) {
        out.row(|row| {
            table_names(cx, row, relation.schema, relation.name);
            row.set("check_option", "NONE")
                .set("is_updatable", "NO")
                .set("is_insertable_into", "NO")
                .set("is_trigger_updatable", "NO")
                .set("is_trigger_deletable", "NO")
                .set("is_trigger_insertable_into", "NO");
        });
    }
}

/// `data_type`: `ARRAY`, `USER-DEFINED` or the SQL name.
pub(super) fn data_type(ty: &TypeRow) -> String {
    let ty = match ty.kind {
        TypeKind::Domain => builtin::type_by_oid(ty.base).unwrap_or(ty),
        _ => ty,
    };
    if ty.element.is_valid() && ty.len == -1 {
        return "ARRAY".into();
    }
    match ty.schema == PG_CATALOG {
        true => format_type(ty.oid, None),
        false => "USER-DEFINED".into(),
    }
}

fn columns(cx: &SystemCx<'_>, out: &mut Rows) {
    for relation in builtin::relations().iter().filter(|relation| describe::is_readable(relation)) {
        for (column, attnum) in relation.columns.iter().zip(1..) {
            out.row(|row| {
                table_names(cx, row, relation.schema, relation.name);
                column_facts(
                    cx,
                    row,
                    &ColumnFacts {
                        name: column.name,
                        attnum,
                        table: None,
                        default: None,
                        not_null: column.not_null,
                        type_oid: column.type_oid,
                        typmod: column.typmod,
                        collation: column.collation,
                        updatable: !relation.view,
                    },
                );
            });
        }
    }
    for table in tables_with(cx, COLUMN) {
        for (at, column) in table.live_columns() {
            let type_oid = Oid(column.type_oid);
            out.row(|row| {
                table_names(cx, row, table.schema, &table.name);
                column_facts(
                    cx,
                    row,
                    &ColumnFacts {
                        name: &column.name,
                        attnum: at + 1,
                        table: Some(table),
                        default: column.default.as_ref(),
                        not_null: column.not_null,
                        type_oid,
                        typmod: column.typmod,
                        collation: builtin::type_by_oid(type_oid)
                            .map_or(Oid::INVALID, |ty| ty.collation),
                        updatable: true,
                    },
                );
            });
        }
    }
}

/// What `columns` tells of one column.
struct ColumnFacts<'a> {
    name: &'a str,
    attnum: usize,
    table: Option<&'a Table>,
    default: Option<&'a ColumnDefault>,
    not_null: bool,
    type_oid: Oid,
    typmod: i32,
    collation: Oid,
    updatable: bool,
}

fn column_facts(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, facts: &ColumnFacts<'_>) {
    /// The collation `default`, which is not shown.
    const DEFAULT_COLLATION: Oid = Oid(100);
    let Some(ty) = builtin::type_by_oid(facts.type_oid) else { return };
    let domain = (ty.kind == TypeKind::Domain).then_some(ty);
    let base = builtin::type_by_oid(base_type(ty.oid)).unwrap_or(ty);
    let typmod = if domain.is_some() { ty.typmod } else { facts.typmod };
    let sizes = Sizes::of(base.oid, typmod);
    let print = |text: &str| {
        let purpose = describe::Purpose::Value;
        facts.table.map(|table| (cx.print)(table, text, purpose))
    };
    let (default, generated) = match facts.default {
        Some(ColumnDefault::Expression(text)) => (print(text), None),
        Some(ColumnDefault::Generated(text)) => (None, print(text)),
        None => (None, None),
    };
    row.set("column_name", facts.name)
        .set("ordinal_position", i32::from(int2(facts.attnum)))
        .set("column_default", default)
        .set("is_nullable", yes_or_no(!(facts.not_null || (domain.is_some() && ty.not_null))))
        .set("data_type", data_type(ty));
    sizes.set(row);
    if facts.collation.is_valid() && facts.collation != DEFAULT_COLLATION {
        row.set("collation_catalog", cx.database)
            .set("collation_schema", "pg_catalog")
            .set("collation_name", "C");
    }
    if let Some(domain) = domain {
        row.set("domain_catalog", cx.database)
            .set("domain_schema", schema_name(cx, domain.schema))
            .set("domain_name", domain.name);
    }
    row.set("udt_catalog", cx.database)
        .set("udt_schema", schema_name(cx, base.schema))
        .set("udt_name", base.name)
        .set("dtd_identifier", facts.attnum.to_string())
        .set("is_self_referencing", "NO")
        .set("is_identity", "NO")
        .set("identity_cycle", "NO")
        .set("is_generated", if generated.is_some() { "ALWAYS" } else { "NEVER" })
        .set("generation_expression", generated)
        .set("is_updatable", yes_or_no(facts.updatable));
}

/// Lengths and precisions of a type with its modifier.
///
/// Source: PostgreSQL 16 `_pg_char_max_length` and its like, `information_schema.sql`.
#[derive(Default)]
pub(super) struct Sizes {
    characters: Option<i32>,
    octets: Option<i32>,
    precision: Option<i32>,
    radix: Option<i32>,
    scale: Option<i32>,
    datetime: Option<i32>,
    interval: Option<String>,
}

impl Sizes {
    /// Sets the columns that tell them.
    pub(super) fn set(&self, row: &mut RowWriter<'_>) {
        row.set("character_maximum_length", self.characters)
            .set("character_octet_length", self.octets)
            .set("numeric_precision", self.precision)
            .set("numeric_precision_radix", self.radix)
            .set("numeric_scale", self.scale)
            .set("datetime_precision", self.datetime)
            .set("interval_type", self.interval.as_ref());
    }

    pub(super) fn of(ty: Oid, typmod: i32) -> Sizes {
        /// The length word that the modifiers of these types count in.
        const VARHDRSZ: i32 = 4;
        /// The most bytes that a UTF-8 character has.
        const CHARACTER_BYTES: i32 = 4;
        const NO_LIMIT: i32 = 1 << 30;
        const BIT: Oid = Oid(1560);
        const VARBIT: Oid = Oid(1562);
        let mut sizes = Sizes::default();
        let integer = |bits| Sizes {
            precision: Some(bits),
            radix: Some(2),
            scale: Some(0),
            ..Sizes::default()
        };
        match ty {
            BPCHAR | VARCHAR => {
                sizes.characters = (typmod != -1).then_some(typmod - VARHDRSZ);
                sizes.octets = Some(match sizes.characters {
                    Some(characters) => characters * CHARACTER_BYTES,
                    None => NO_LIMIT,
                });
            }
            TEXT => sizes.octets = Some(NO_LIMIT),
            BIT | VARBIT => sizes.characters = (typmod != -1).then_some(typmod),
            INT2 => return integer(16),
            INT4 => return integer(32),
            INT8 => return integer(64),
            NUMERIC => {
                sizes.radix = Some(10);
                if typmod != -1 {
                    sizes.precision = Some(((typmod - VARHDRSZ) >> 16) & 0xffff);
                    sizes.scale = Some((typmod - VARHDRSZ) & 0xffff);
                }
            }
            FLOAT4 => (sizes.precision, sizes.radix) = (Some(24), Some(2)),
            FLOAT8 => (sizes.precision, sizes.radix) = (Some(53), Some(2)),
            DATE => sizes.datetime = Some(0),
            TIME | TIMETZ | TIMESTAMP | TIMESTAMPTZ => {
                sizes.datetime = Some(if typmod < 0 { 6 } else { typmod });
            }
            INTERVAL => {
                let unset = typmod < 0 || typmod & 0xffff == 0xffff;
                sizes.datetime = Some(if unset { 6 } else { typmod & 0xffff });
                // ` day to second(3)`, but nothing for `(3)` alone.
                sizes.interval = builtin::typmod_suffix(ty, typmod)
                    .strip_prefix(' ')
                    .map(str::to_ascii_uppercase);
            }
            _ => {}
        }
        sizes
    }
}

/// Sets the names of a constraint.
fn constraint_names(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, schema: ObjectId, name: &str) {
    row.set("constraint_catalog", cx.database)
        .set("constraint_schema", schema_name(cx, schema))
        .set("constraint_name", name);
}

/// The name that the standard's views give to a NOT NULL.
fn not_null_name(table: &Table, at: usize) -> String {
    format!("{}_{}_{}_not_null", table.schema, table.oid, at + 1)
}

/// The constraints of a table that have an index: the primary key and the unique ones.
fn keys(table: &Table) -> impl Iterator<Item = (&Index, bool)> {
    let primary = table.primary_key.as_ref().map(|key| key.oid);
    table
        .all_indexes()
        .filter(|index| index.constraint.is_some())
        .map(move |index| (index, primary == Some(index.oid)))
}

fn table_constraints(cx: &SystemCx<'_>, out: &mut Rows) {
    for table in tables_with(cx, WRITING) {
        let mut add = |name: &str, kind: &str, nulls_distinct: Option<bool>| {
            out.row(|row| {
                constraint_names(cx, row, table.schema, name);
                table_names(cx, row, table.schema, &table.name);
                row.set("constraint_type", kind)
                    .set("is_deferrable", "NO")
                    .set("initially_deferred", "NO")
                    .set("enforced", "YES")
                    .set("nulls_distinct", nulls_distinct.map(yes_or_no));
            });
        };
        for check in &table.checks {
            add(&check.name, "CHECK", None);
        }
        for (index, primary) in keys(table) {
            match primary {
                true => add(&index.name, "PRIMARY KEY", None),
                false => add(&index.name, "UNIQUE", Some(!index.nulls_not_distinct)),
            }
        }
        for (at, _) in table.live_columns().filter(|(_, column)| column.not_null) {
            add(&not_null_name(table, at), "CHECK", None);
        }
    }
}

fn key_column_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    for table in tables_with(cx, COLUMN) {
        for (index, _) in keys(table) {
            for (at, position) in index.key_columns().zip(1i32..) {
                let Some(column) = table.columns.get(at) else { continue };
                out.row(|row| {
                    constraint_names(cx, row, table.schema, &index.name);
                    table_names(cx, row, table.schema, &table.name);
                    row.set("column_name", &column.name).set("ordinal_position", position);
                });
            }
        }
    }
}

fn constraint_column_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    for table in cx.catalog.tables().filter(|table| owns(cx, table.owner)) {
        let mut add = |name: &str, at: usize| {
            let Some(column) = table.columns.get(at) else { return };
            out.row(|row| {
                table_names(cx, row, table.schema, &table.name);
                row.set("column_name", &column.name);
                constraint_names(cx, row, table.schema, name);
            });
        };
        for check in &table.checks {
            check.columns.iter().for_each(|at| add(&check.name, *at));
        }
        for (index, _) in keys(table) {
            index.key_columns().for_each(|at| add(&index.name, at));
        }
    }
}

fn constraint_table_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    for table in cx.catalog.tables().filter(|table| owns(cx, table.owner)) {
        for (index, _) in keys(table) {
            out.row(|row| {
                table_names(cx, row, table.schema, &table.name);
                constraint_names(cx, row, table.schema, &index.name);
            });
        }
    }
}

fn check_constraints(cx: &SystemCx<'_>, out: &mut Rows) {
    for check in builtin::DOMAIN_CHECKS.iter().filter(|_| owns(cx, BOOTSTRAP_ROLE)) {
        out.row(|row| {
            constraint_names(cx, row, INFORMATION_SCHEMA, check.name);
            row.set("check_clause", format!("({})", check.condition));
        });
    }
    for table in cx.catalog.tables().filter(|table| owns(cx, table.owner)) {
        let mut add = |name: &str, clause: String| {
            out.row(|row| {
                constraint_names(cx, row, table.schema, name);
                row.set("check_clause", clause);
            });
        };
        for check in &table.checks {
            // The definition without the word CHECK.
            let definition = describe::checkdef(table, check, cx.print);
            add(&check.name, definition.get(6..).unwrap_or_default().to_owned());
        }
        for (at, column) in table.live_columns().filter(|(_, column)| column.not_null) {
            add(&not_null_name(table, at), format!("{} IS NOT NULL", column.name));
        }
    }
}

fn enabled_roles(cx: &SystemCx<'_>, out: &mut Rows) {
    for role in cx.catalog.roles().filter(|role| owns(cx, role.oid)) {
        out.row(|row| {
            row.set("role_name", &role.name);
        });
    }
}

fn applicable_roles(cx: &SystemCx<'_>, out: &mut Rows) {
    for member in cx.catalog.roles().filter(|role| owns(cx, role.oid)) {
        for (of, membership) in &member.member_of {
            out.row(|row| {
                row.set("grantee", &member.name)
                    .set("role_name", role_name(cx, *of))
                    .set("is_grantable", yes_or_no(membership.admin));
            });
        }
    }
}

/// `name_oid`, what tells overloads apart.
fn specific_name(proc: &ProcRow) -> String {
    format!("{}_{}", proc.name, proc.oid)
}

fn routines(cx: &SystemCx<'_>, out: &mut Rows) {
    for proc in builtin::procs() {
        // PostgreSQL shows aggregates and window functions with no type of routine.
        let kind = match proc.kind {
            ProcKind::Function => Some("FUNCTION"),
            ProcKind::Procedure => Some("PROCEDURE"),
            ProcKind::Aggregate | ProcKind::Window => None,
        };
        let is_procedure = proc.kind == ProcKind::Procedure;
        let language = match proc.lang {
            builtin::LANGUAGE_SQL => "SQL",
            builtin::LANGUAGE_C => "C",
            _ => "INTERNAL",
        };
        let schema = schema_name(cx, proc.schema);
        out.row(|row| {
            row.set("specific_catalog", cx.database)
                .set("specific_schema", schema)
                .set("specific_name", specific_name(proc))
                .set("routine_catalog", cx.database)
                .set("routine_schema", schema)
                .set("routine_name", proc.name)
                .set("routine_type", kind);
            if let Some(ty) = builtin::type_by_oid(proc.ret).filter(|_| !is_procedure) {
                row.set("data_type", data_type(ty))
                    .set("type_udt_catalog", cx.database)
                    .set("type_udt_schema", schema_name(cx, ty.schema))
                    .set("type_udt_name", ty.name)
                    .set("dtd_identifier", "0");
            }
            row.set("routine_body", if language == "SQL" { "SQL" } else { "EXTERNAL" })
                .set("external_language", language)
                .set("parameter_style", "GENERAL")
                .set(
                    "is_deterministic",
                    yes_or_no(proc.volatility == builtin::Volatility::Immutable),
                )
                .set("sql_data_access", "MODIFIES")
                .set("is_null_call", (!is_procedure).then(|| yes_or_no(proc.strict)))
                .set("schema_level_routine", "YES")
                .set("max_dynamic_result_sets", 0)
                .set("security_type", if proc.security_definer { "DEFINER" } else { "INVOKER" })
                .set("as_locator", "NO")
                .set("is_udt_dependent", "NO");
        });
    }
}

fn parameters(cx: &SystemCx<'_>, out: &mut Rows) {
    for proc in builtin::procs() {
        let types = if proc.all_args.is_empty() { proc.args } else { proc.all_args };
        for (at, ty) in types.iter().enumerate() {
            let Some(ty) = builtin::type_by_oid(*ty) else { continue };
            let mode = match proc.modes.get(at) {
                Some(b'o' | b't') => "OUT",
                Some(b'b') => "INOUT",
                _ => "IN",
            };
            let name = proc.names.get(at).filter(|name| !name.is_empty()).copied();
            out.row(|row| {
                row.set("specific_catalog", cx.database)
                    .set("specific_schema", schema_name(cx, proc.schema))
                    .set("specific_name", specific_name(proc))
                    .set("ordinal_position", i32::from(int2(at + 1)))
                    .set("parameter_mode", mode)
                    .set("is_result", "NO")
                    .set("as_locator", "NO")
                    .set("parameter_name", name)
                    .set("data_type", data_type(ty))
                    .set("udt_catalog", cx.database)
                    .set("udt_schema", schema_name(cx, ty.schema))
                    .set("udt_name", ty.name)
                    .set("dtd_identifier", (at + 1).to_string());
            });
        }
    }
}

fn collations(cx: &SystemCx<'_>, out: &mut Rows) {
    for name in super::constant::texts("pg_collation", "collname") {
        out.row(|row| {
            row.set("collation_catalog", cx.database)
                .set("collation_schema", "pg_catalog")
                .set("collation_name", name)
                .set("pad_attribute", "NO PAD");
        });
    }
}

/// A column that the current role may know of.
pub(super) struct VisibleColumn<'a> {
    pub(super) schema: ObjectId,
    pub(super) table: &'a str,
    pub(super) name: &'a str,
    pub(super) attnum: usize,
    pub(super) type_oid: Oid,
    pub(super) collation: Oid,
}

/// The columns that the view `columns` shows.
pub(super) fn visible_columns<'a>(cx: &'a SystemCx<'_>) -> impl Iterator<Item = VisibleColumn<'a>> {
    let readable = builtin::relations().iter().filter(|row| describe::is_readable(row));
    let system = readable.flat_map(|relation| {
        relation.columns.iter().zip(1..).map(|(column, attnum)| VisibleColumn {
            schema: relation.schema,
            table: relation.name,
            name: column.name,
            attnum,
            type_oid: column.type_oid,
            collation: column.collation,
        })
    });
    let users = tables_with(cx, COLUMN).flat_map(|table| {
        table.live_columns().map(|(at, column)| VisibleColumn {
            schema: table.schema,
            table: &table.name,
            name: &column.name,
            attnum: at + 1,
            type_oid: Oid(column.type_oid),
            collation: builtin::type_by_oid(Oid(column.type_oid))
                .map_or(Oid::INVALID, |ty| ty.collation),
        })
    });
    system.chain(users)
}

//! What views, functions with parsed bodies, and generated columns use.

use super::{names, owns};
use crate::describe::{Routine, relation_name};
use crate::objects::*;
use crate::system::SystemCx;
use crate::system::fill::{RowWriter, Rows};

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "view_table_usage" => views(cx, out, &tables),
        "view_column_usage" => views(cx, out, &columns),
        "view_routine_usage" => views(cx, out, &routines),
        "routine_table_usage" => functions(cx, out, &tables),
        "routine_column_usage" => functions(cx, out, &columns),
        "routine_sequence_usage" => functions(cx, out, &sequences),
        "routine_routine_usage" => functions(cx, out, &routines),
        "column_column_usage" => generated_columns(cx, out),
        _ => return false,
    }
    true
}

/// An object that a text uses.
enum Used<'a> {
    Table(ObjectId, String),
    Column(ObjectId, String, String),
    Sequence(ObjectId, String),
    Routine(Routine<'a>),
}

type Uses<'u> = &'u dyn for<'a> Fn(&'a SystemCx<'_>, &NamedObject) -> Vec<Used<'a>>;

/// Owner and columns of a table or view.
fn relation<'a>(cx: &SystemCx<'a>, oid: ObjectId) -> Option<(ObjectId, Vec<&'a str>)> {
    if let Some(table) = cx.catalog.table_by_oid(oid) {
        return Some((table.owner, table.columns.iter().map(|c| c.name.as_str()).collect()));
    }
    let view = cx.catalog.view_by_oid(oid)?;
    Some((view.owner, view.columns.iter().map(|c| c.name.as_str()).collect()))
}

fn tables<'a>(cx: &'a SystemCx<'_>, named: &NamedObject) -> Vec<Used<'a>> {
    if named.kind != NameKind::Relation {
        return Vec::new();
    }
    let found = relation(cx, named.oid).filter(|(owner, _)| owns(cx, *owner));
    let name = found.and_then(|_| relation_name(cx.catalog, named.oid));
    name.map(|(schema, name)| Used::Table(schema, name)).into_iter().collect()
}

fn columns<'a>(cx: &'a SystemCx<'_>, named: &NamedObject) -> Vec<Used<'a>> {
    let Some((owner, columns)) = relation(cx, named.oid) else { return Vec::new() };
    let Some((schema, name)) = relation_name(cx.catalog, named.oid) else { return Vec::new() };
    if !owns(cx, owner) || named.kind != NameKind::Relation {
        return Vec::new();
    }
    let column = |attnum: &i16| columns.get(usize::try_from(attnum - 1).ok()?).copied();
    let used = named.used.iter().filter_map(column);
    used.map(|column| Used::Column(schema, name.clone(), column.to_owned())).collect()
}

fn sequences<'a>(cx: &'a SystemCx<'_>, named: &NamedObject) -> Vec<Used<'a>> {
    let sequence = cx.catalog.sequence_by_oid(named.oid).filter(|seq| owns(cx, seq.owner));
    sequence.map(|seq| Used::Sequence(seq.schema, seq.name.clone())).into_iter().collect()
}

fn routines<'a>(cx: &'a SystemCx<'_>, named: &NamedObject) -> Vec<Used<'a>> {
    if named.kind != NameKind::Function {
        return Vec::new();
    }
    let routine = Routine::by_oid(cx.catalog, named.oid).filter(|r| owns(cx, r.owner));
    routine.map(Used::Routine).into_iter().collect()
}

fn views(cx: &SystemCx<'_>, out: &mut Rows, uses: Uses<'_>) {
    for view in cx.catalog.views() {
        for used in distinct(cx, &view.query.names, uses) {
            out.row(|row| {
                let own = if matches!(used, Used::Routine(_)) { "table" } else { "view" };
                names(cx, row, own, view.schema, &view.name);
                set_used(cx, row, &used, "specific");
            });
        }
    }
}

fn functions(cx: &SystemCx<'_>, out: &mut Rows, uses: Uses<'_>) {
    for function in cx.catalog.functions() {
        let FunctionBody::Parsed(body) = &function.body else { continue };
        let routine = Routine::of_user(cx.catalog, function);
        for used in distinct(cx, &body.names, uses) {
            out.row(|row| {
                names(cx, row, "specific", routine.schema, routine.specific_name());
                if !matches!(used, Used::Routine(_)) {
                    names(cx, row, "routine", routine.schema, routine.name);
                }
                set_used(cx, row, &used, "routine");
            });
        }
    }
}

/// Each object once.
fn distinct<'a>(cx: &'a SystemCx<'_>, named: &[NamedObject], uses: Uses<'_>) -> Vec<Used<'a>> {
    let mut seen = Vec::new();
    let mut all = Vec::new();
    for used in named.iter().flat_map(|named| uses(cx, named)) {
        let key = match &used {
            Used::Table(schema, name) | Used::Sequence(schema, name) => {
                (*schema, name.clone(), String::new())
            }
            Used::Column(schema, table, column) => (*schema, table.clone(), column.clone()),
            Used::Routine(routine) => (routine.schema, routine.specific_name(), String::new()),
        };
        if !seen.contains(&key) {
            seen.push(key);
            all.push(used);
        }
    }
    all
}

fn set_used(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, used: &Used<'_>, routine_prefix: &str) {
    match used {
        Used::Table(schema, name) => names(cx, row, "table", *schema, name),
        Used::Column(schema, table, column) => {
            names(cx, row, "table", *schema, table);
            row.set("column_name", column);
        }
        Used::Sequence(schema, name) => names(cx, row, "sequence", *schema, name),
        Used::Routine(routine) => {
            names(cx, row, routine_prefix, routine.schema, routine.specific_name());
        }
    }
}

/// Generated columns, and the columns that they are computed from.
fn generated_columns(cx: &SystemCx<'_>, out: &mut Rows) {
    for table in cx.catalog.tables().filter(|table| owns(cx, table.owner)) {
        for (_, column) in table.live_columns() {
            for at in &column.generated_from {
                let Some(from) = table.columns.get(*at) else { continue };
                out.row(|row| {
                    names(cx, row, "table", table.schema, &table.name);
                    row.set("column_name", &from.name).set("dependent_column", &column.name);
                });
            }
        }
    }
}

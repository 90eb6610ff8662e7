//! `schemata`, `tables`, `views`, `columns`, `sequences`.

use types::Oid;

use super::sizes::Sizes;
use super::{
    DEFAULT_COLLATION, UserColumn, UserRelation, names, owns, relations_with, role_name,
    set_collation, user_relations, yes_or_no,
};
use crate::builtin;
use crate::describe::{self, Stored};
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::system::SystemCx;
use crate::system::fill::{RowWriter, Rows, int2};
use crate::system::relation::{base_row, type_names};

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "schemata" => schemata(cx, out),
        "tables" => tables(cx, out),
        "columns" => columns(cx, out),
        "views" => views(cx, out),
        "sequences" => sequences(cx, out),
        _ => return false,
    }
    true
}

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

/// Whether rows can be inserted.
fn is_insertable(cx: &SystemCx<'_>, relation: UserRelation<'_>) -> bool {
    match relation {
        UserRelation::Table(_) => true,
        UserRelation::View(view) => (cx.updatable)(view).is_some_and(|c| c.contains(&true)),
    }
}

fn tables(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |schema, name: &str, view: bool, insertable: bool| {
        out.row(|row| {
            names(cx, row, "table", schema, name);
            row.set("table_type", if view { "VIEW" } else { "BASE TABLE" })
                .set("is_insertable_into", yes_or_no(insertable))
                .set("is_typed", "NO");
        });
    };
    for relation in builtin::relations().iter().filter(|relation| describe::is_readable(relation)) {
        add(relation.schema, relation.name, relation.view, !relation.view);
    }
    for relation in relations_with(cx, privilege::TABLE_PRIVILEGES) {
        let view = matches!(relation, UserRelation::View(_));
        add(relation.schema(), relation.name(), view, is_insertable(cx, relation));
    }
}

fn views(cx: &SystemCx<'_>, out: &mut Rows) {
    let rest = |row: &mut RowWriter<'_>, updatable: bool, insertable: bool| {
        row.set("is_updatable", yes_or_no(updatable))
            .set("is_insertable_into", yes_or_no(insertable))
            .set("is_trigger_updatable", "NO")
            .set("is_trigger_deletable", "NO")
            .set("is_trigger_insertable_into", "NO");
    };
    for relation in builtin::relations().iter().filter(|r| r.view && describe::is_readable(r)) {
        out.row(|row| {
            names(cx, row, "table", relation.schema, relation.name);
            row.set("check_option", "NONE");
            rest(row, false, false);
        });
    }
    for relation in relations_with(cx, privilege::TABLE_PRIVILEGES) {
        let UserRelation::View(view) = relation else { continue };
        let writable = (cx.updatable)(view).is_some_and(|columns| columns.contains(&true));
        out.row(|row| {
            names(cx, row, "table", view.schema, &view.name);
            row.set(
                "view_definition",
                owns(cx, view.owner).then(|| (cx.print)(Stored::View(view))),
            )
            .set(
                "check_option",
                match view.check_option {
                    Some(CheckOption::Cascaded) => "CASCADED",
                    Some(CheckOption::Local) => "LOCAL",
                    None => "NONE",
                },
            );
            rest(row, writable, writable);
        });
    }
}

fn columns(cx: &SystemCx<'_>, out: &mut Rows) {
    for relation in builtin::relations().iter().filter(|relation| describe::is_readable(relation)) {
        for (at, column) in relation.columns.iter().enumerate() {
            out.row(|row| {
                names(cx, row, "table", relation.schema, relation.name);
                let facts = UserColumn {
                    name: column.name,
                    at,
                    type_oid: column.type_oid,
                    typmod: column.typmod,
                    not_null: column.not_null,
                    default: None,
                    generated: false,
                    identity: None,
                    grants: None,
                };
                column_facts(cx, row, &facts, column.collation, !relation.view);
            });
        }
    }
    for relation in user_relations(cx) {
        let updatable = match relation {
            UserRelation::Table(_) => None,
            UserRelation::View(view) => Some((cx.updatable)(view).unwrap_or_default()),
        };
        for column in relation.columns() {
            if !relation.is_column_visible(cx, &column) {
                continue;
            }
            let updatable = updatable
                .as_ref()
                .is_none_or(|columns| columns.get(column.at).copied().unwrap_or(false));
            out.row(|row| {
                names(cx, row, "table", relation.schema(), relation.name());
                column_facts(cx, row, &column, column.collation(cx), updatable);
            });
        }
    }
}

/// A domain's schema, name, what it is over with the modifier, and whether it refuses NULL.
struct DomainFacts {
    schema: ObjectId,
    name: String,
    base: Oid,
    typmod: i32,
    not_null: bool,
}

fn domain_facts(cx: &SystemCx<'_>, ty: Oid) -> Option<DomainFacts> {
    if let Some(domain) = cx.catalog.domain_by_oid(ty.0) {
        return Some(DomainFacts {
            schema: domain.schema,
            name: domain.name.clone(),
            base: Oid(domain.base_type),
            typmod: domain.typmod,
            not_null: domain.not_null,
        });
    }
    let row = builtin::type_by_oid(ty).filter(|row| row.kind == builtin::TypeKind::Domain)?;
    Some(DomainFacts {
        schema: row.schema,
        name: row.name.to_owned(),
        base: row.base,
        typmod: row.typmod,
        not_null: row.not_null,
    })
}

fn column_facts(
    cx: &SystemCx<'_>,
    row: &mut RowWriter<'_>,
    column: &UserColumn<'_>,
    collation: Oid,
    updatable: bool,
) {
    let domain = domain_facts(cx, column.type_oid);
    let (base, typmod) = match &domain {
        Some(domain) => (domain.base, domain.typmod),
        None => (column.type_oid, column.typmod),
    };
    let Some(base_names) = type_names(cx, base) else { return };
    let text = column.default.map(|default| (cx.print)(default));
    let (default, generation) = match column.generated {
        true => (None, text),
        false => (text, None),
    };
    let refuses_null = domain.as_ref().is_some_and(|domain| domain.not_null);
    row.set("column_name", column.name)
        .set("ordinal_position", i32::from(int2(column.at + 1)))
        .set("column_default", default)
        .set("is_nullable", yes_or_no(!(column.not_null || refuses_null)))
        .set("data_type", base_names.data_type);
    Sizes::of(base_row(cx, base).map_or(base, |row| row.oid), typmod).set(row);
    if collation != DEFAULT_COLLATION {
        set_collation(cx, row, collation);
    }
    if let Some(domain) = &domain {
        names(cx, row, "domain", domain.schema, &domain.name);
    }
    names(cx, row, "udt", base_names.schema, base_names.name);
    row.set("dtd_identifier", (column.at + 1).to_string()).set("is_self_referencing", "NO");
    identity_facts(cx, row, column.identity);
    row.set("is_generated", if column.generated { "ALWAYS" } else { "NEVER" })
        .set("generation_expression", generation)
        .set("is_updatable", yes_or_no(updatable));
}

fn identity_facts(cx: &SystemCx<'_>, row: &mut RowWriter<'_>, identity: Option<Identity>) {
    let sequence = identity.and_then(|identity| cx.catalog.sequence_by_oid(identity.sequence));
    row.set("is_identity", yes_or_no(identity.is_some()));
    if let (Some(identity), Some(sequence)) = (identity, sequence) {
        row.set("identity_generation", if identity.always { "ALWAYS" } else { "BY DEFAULT" })
            .set("identity_start", sequence.start.to_string())
            .set("identity_increment", sequence.increment.to_string())
            .set("identity_maximum", sequence.max.to_string())
            .set("identity_minimum", sequence.min.to_string());
    }
    row.set("identity_cycle", yes_or_no(sequence.is_some_and(|sequence| sequence.cycle)));
}

fn sequences(cx: &SystemCx<'_>, out: &mut Rows) {
    for sequence in cx.catalog.sequences() {
        // The sequences of identity columns are the columns' affair.
        let identity = sequence.owned_by.is_some_and(|owner| {
            let column = cx.catalog.table_by_oid(owner.table);
            let column = column.and_then(|table| table.columns.get(owner.column));
            column.is_some_and(|column| column.identity.is_some())
        });
        let target = Target::Sequence(sequence);
        let visible = owns(cx, sequence.owner)
            || privilege::SEQUENCE_PRIVILEGES
                .iter()
                .any(|of| privilege::has_privilege(cx.catalog, cx.role, target, *of));
        if identity || !visible {
            continue;
        }
        out.row(|row| {
            names(cx, row, "sequence", sequence.schema, &sequence.name);
            row.set("data_type", "bigint")
                .set("numeric_precision", 64)
                .set("numeric_precision_radix", 2)
                .set("numeric_scale", 0)
                .set("start_value", sequence.start.to_string())
                .set("minimum_value", sequence.min.to_string())
                .set("maximum_value", sequence.max.to_string())
                .set("increment", sequence.increment.to_string())
                .set("cycle_option", yes_or_no(sequence.cycle));
        });
    }
}

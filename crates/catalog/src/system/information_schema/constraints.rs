//! Constraints, and the columns that they are of.

use super::{names, owns, tables_with, yes_or_no};
use crate::builtin;
use crate::describe::{self, Routine};
use crate::objects::*;
use crate::privilege;
use crate::system::SystemCx;
use crate::system::fill::Rows;
use crate::system::relation::WRITING;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "table_constraints" => table_constraints(cx, out),
        "referential_constraints" => referential_constraints(cx, out),
        "key_column_usage" => key_column_usage(cx, out),
        "constraint_column_usage" => constraint_column_usage(cx, out),
        "constraint_table_usage" => constraint_table_usage(cx, out),
        "check_constraints" => check_constraints(cx, out),
        "check_constraint_routine_usage" => check_constraint_routine_usage(cx, out),
        "domain_constraints" => domain_constraints(cx, out),
        _ => return false,
    }
    true
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

/// What `table_constraints` tells of one constraint.
struct Facts<'a> {
    name: &'a str,
    kind: &'static str,
    deferrable: bool,
    deferred: bool,
    nulls_distinct: Option<bool>,
}

impl<'a> Facts<'a> {
    fn new(name: &'a str, kind: &'static str) -> Facts<'a> {
        Facts { name, kind, deferrable: false, deferred: false, nulls_distinct: None }
    }
}

fn table_constraints(cx: &SystemCx<'_>, out: &mut Rows) {
    for table in tables_with(cx, WRITING) {
        let mut add = |facts: Facts<'_>| {
            out.row(|row| {
                names(cx, row, "constraint", table.schema, facts.name);
                names(cx, row, "table", table.schema, &table.name);
                row.set("constraint_type", facts.kind)
                    .set("is_deferrable", yes_or_no(facts.deferrable))
                    .set("initially_deferred", yes_or_no(facts.deferred))
                    .set("enforced", "YES")
                    .set("nulls_distinct", facts.nulls_distinct.map(yes_or_no));
            });
        };
        for check in &table.checks {
            add(Facts::new(&check.name, "CHECK"));
        }
        for (index, primary) in keys(table) {
            add(match primary {
                true => Facts::new(&index.name, "PRIMARY KEY"),
                false => Facts {
                    nulls_distinct: Some(!index.nulls_not_distinct),
                    ..Facts::new(&index.name, "UNIQUE")
                },
            });
        }
        for key in &table.foreign_keys {
            add(Facts {
                deferrable: key.deferrable,
                deferred: key.initially_deferred,
                ..Facts::new(&key.name, "FOREIGN KEY")
            });
        }
        for (at, _) in table.live_columns().filter(|(_, column)| column.not_null) {
            add(Facts::new(&not_null_name(table, at), "CHECK"));
        }
    }
}

fn referential_constraints(cx: &SystemCx<'_>, out: &mut Rows) {
    let rule = |action: ForeignKeyAction| match action {
        ForeignKeyAction::NoAction => "NO ACTION",
        ForeignKeyAction::Restrict => "RESTRICT",
        ForeignKeyAction::Cascade => "CASCADE",
        ForeignKeyAction::SetNull => "SET NULL",
        ForeignKeyAction::SetDefault => "SET DEFAULT",
    };
    for table in tables_with(cx, WRITING) {
        for key in &table.foreign_keys {
            let parent = cx.catalog.table_by_oid(key.parent);
            // An index that no constraint owns has no name here.
            let unique = parent.and_then(|parent| {
                let mut keys = keys(parent);
                Some((parent.schema, keys.find(|(index, _)| index.oid == key.parent_index)?.0))
            });
            out.row(|row| {
                names(cx, row, "constraint", table.schema, &key.name);
                if let Some((schema, index)) = unique {
                    names(cx, row, "unique_constraint", schema, &index.name);
                }
                row.set("match_option", if key.match_full { "FULL" } else { "NONE" })
                    .set("update_rule", rule(key.on_update))
                    .set("delete_rule", rule(key.on_delete));
            });
        }
    }
}

fn key_column_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    for table in tables_with(cx, privilege::COLUMN_PRIVILEGES) {
        let mut add = |name: &str, at: usize, position: i32, unique: Option<i32>| {
            let Some(column) = table.columns.get(at) else { return };
            out.row(|row| {
                names(cx, row, "constraint", table.schema, name);
                names(cx, row, "table", table.schema, &table.name);
                row.set("column_name", &column.name)
                    .set("ordinal_position", position)
                    .set("position_in_unique_constraint", unique);
            });
        };
        for (index, _) in keys(table) {
            for (at, position) in index.key_columns().zip(1i32..) {
                add(&index.name, at, position, None);
            }
        }
        for key in &table.foreign_keys {
            let index = cx.catalog.index_by_oid(key.parent_index);
            for ((at, referenced), position) in
                key.columns.iter().zip(&key.parent_columns).zip(1i32..)
            {
                let unique = index.and_then(|(_, index)| {
                    let mut columns = index.key_columns().zip(1i32..);
                    columns.find(|(column, _)| column == referenced).map(|(_, number)| number)
                });
                add(&key.name, *at, position, unique);
            }
        }
    }
}

fn constraint_column_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |table: &Table, at: usize, schema: ObjectId, name: &str| {
        let Some(column) = table.columns.get(at) else { return };
        if !owns(cx, table.owner) {
            return;
        }
        out.row(|row| {
            names(cx, row, "table", table.schema, &table.name);
            row.set("column_name", &column.name);
            names(cx, row, "constraint", schema, name);
        });
    };
    for table in cx.catalog.tables() {
        for check in &table.checks {
            check.columns.iter().for_each(|at| add(table, *at, table.schema, &check.name));
        }
        for (index, _) in keys(table) {
            index.key_columns().for_each(|at| add(table, at, table.schema, &index.name));
        }
        for key in &table.foreign_keys {
            let Some(parent) = cx.catalog.table_by_oid(key.parent) else { continue };
            for at in &key.parent_columns {
                add(parent, *at, table.schema, &key.name);
            }
        }
    }
}

fn constraint_table_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |table: &Table, schema: ObjectId, name: &str| {
        if !owns(cx, table.owner) {
            return;
        }
        out.row(|row| {
            names(cx, row, "table", table.schema, &table.name);
            names(cx, row, "constraint", schema, name);
        });
    };
    for table in cx.catalog.tables() {
        for (index, _) in keys(table) {
            add(table, table.schema, &index.name);
        }
        for key in &table.foreign_keys {
            if let Some(parent) = cx.catalog.table_by_oid(key.parent) {
                add(parent, table.schema, &key.name);
            }
        }
    }
}

fn check_constraints(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |schema: ObjectId, name: &str, clause: String| {
        out.row(|row| {
            names(cx, row, "constraint", schema, name);
            row.set("check_clause", clause);
        });
    };
    // The definition without the word CHECK.
    let clause = |definition: String| definition.get(6..).unwrap_or_default().to_owned();
    for check in builtin::DOMAIN_CHECKS.iter().filter(|_| owns(cx, BOOTSTRAP_ROLE)) {
        add(INFORMATION_SCHEMA, check.name, format!("({})", check.condition));
    }
    for domain in cx.catalog.domains().filter(|domain| owns(cx, domain.owner)) {
        for check in &domain.checks {
            let definition = describe::domain_checkdef(domain, check, cx.print);
            add(domain.schema, &check.name, clause(definition));
        }
    }
    for table in cx.catalog.tables().filter(|table| owns(cx, table.owner)) {
        for check in &table.checks {
            let definition = describe::checkdef(table, check, cx.print);
            add(table.schema, &check.name, clause(definition));
        }
        for (at, column) in table.live_columns().filter(|(_, column)| column.not_null) {
            add(table.schema, &not_null_name(table, at), format!("{} IS NOT NULL", column.name));
        }
    }
}

/// Users' functions in CHECK constraints.
fn check_constraint_routine_usage(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |schema: ObjectId, name: &str, used: &[NamedObject]| {
        for named in used.iter().filter(|named| named.kind == NameKind::Function) {
            let Some(routine) = Routine::by_oid(cx.catalog, named.oid) else { continue };
            if !owns(cx, routine.owner) {
                continue;
            }
            out.row(|row| {
                names(cx, row, "constraint", schema, name);
                names(cx, row, "specific", routine.schema, routine.specific_name());
            });
        }
    };
    for table in cx.catalog.tables() {
        table.checks.iter().for_each(|check| add(table.schema, &check.name, &check.names));
    }
    for domain in cx.catalog.domains() {
        for check in &domain.checks {
            add(domain.schema, &check.name, &check.expression.names);
        }
    }
}

fn domain_constraints(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |schema: ObjectId, domain: &str, name: &str| {
        out.row(|row| {
            names(cx, row, "constraint", schema, name);
            names(cx, row, "domain", schema, domain);
            row.set("is_deferrable", "NO").set("initially_deferred", "NO");
        });
    };
    for check in builtin::DOMAIN_CHECKS {
        if let Some(domain) = builtin::type_by_oid(check.domain) {
            add(domain.schema, domain.name, check.name);
        }
    }
    for domain in cx.catalog.domains() {
        let target = privilege::Target::Domain(domain);
        let usable = || privilege::has_privilege(cx.catalog, cx.role, target, Privilege::Usage);
        if owns(cx, domain.owner) || usable() {
            domain.checks.iter().for_each(|check| add(domain.schema, &domain.name, &check.name));
        }
    }
}

//! `pg_depend`, `pg_shdepend`, `pg_description`, `pg_shdescription`.

use std::collections::BTreeSet;

use super::SystemCx;
use super::fill::{Rows, int2};
use super::relations::{columns_with_default, default_oid, rule_oid};
use crate::builtin;
use crate::describe::{
    self, PG_ATTRDEF, PG_AUTHID, PG_CLASS, PG_CONSTRAINT, PG_DEFAULT_ACL, PG_NAMESPACE, PG_PROC,
    PG_REWRITE, PG_STATISTIC_EXT, PG_TYPE,
};
use crate::objects::*;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "pg_depend" => depends(cx, out),
        "pg_shdepend" => shared_depends(cx, out),
        "pg_description" => descriptions(cx, out, false),
        "pg_shdescription" => descriptions(cx, out, true),
        _ => return false,
    }
    true
}

/// An object: its catalog, its OID, and the column or 0.
type Address = (ObjectId, ObjectId, usize);

/// Collects the rows of `pg_depend`.
struct Depends<'a, 'b> {
    cx: &'a SystemCx<'b>,
    rows: Vec<(Address, Address, char)>,
}

impl Depends<'_, '_> {
    fn add(&mut self, object: Address, on: Address, kind: char) {
        self.rows.push((object, on, kind));
    }

    fn in_schema(&mut self, object: Address, schema: ObjectId) {
        self.add(object, (PG_NAMESPACE, schema, 0), 'n');
    }

    /// A dependency on a user's type.
    fn of_type(&mut self, object: Address, ty: ObjectId) {
        if !is_system(ty) && self.cx.catalog.user_type(ty).is_some() {
            self.add(object, (PG_TYPE, ty, 0), 'n');
        }
    }

    /// Dependencies on what the names of a text mean.
    fn names(&mut self, object: Address, names: &[NamedObject]) {
        for name in names {
            match name.kind {
                NameKind::Relation if name.used.is_empty() => {
                    self.add(object, (PG_CLASS, name.oid, 0), 'n');
                }
                NameKind::Relation => {
                    for attnum in &name.used {
                        let column = usize::try_from(*attnum).unwrap_or_default();
                        self.add(object, (PG_CLASS, name.oid, column), 'n');
                    }
                }
                NameKind::Literal => self.add(object, (PG_CLASS, name.oid, 0), 'n'),
                NameKind::Function => self.add(object, (PG_PROC, name.oid, 0), 'n'),
                NameKind::Type => self.of_type(object, name.oid),
            }
        }
    }

    /// The row type of a relation, and the array type over it.
    fn row_types(&mut self, relation: ObjectId, row_type: ObjectId, array_type: ObjectId) {
        self.add((PG_TYPE, row_type, 0), (PG_CLASS, relation, 0), 'i');
        self.add((PG_TYPE, array_type, 0), (PG_TYPE, row_type, 0), 'i');
    }

    fn table(&mut self, table: &Table) {
        let this = (PG_CLASS, table.oid, 0);
        let column = |at: usize| (PG_CLASS, table.oid, at + 1);
        self.in_schema(this, table.schema);
        self.row_types(table.oid, table.row_type, table.array_type);
        for (at, _) in columns_with_default(table) {
            let default = (PG_ATTRDEF, default_oid(table.oid, at), 0);
            let Some(described) = table.columns.get(at) else { continue };
            let generated = matches!(described.default, Some(ColumnDefault::Generated(_)));
            self.add(default, column(at), if generated { 'i' } else { 'a' });
            self.names(default, &described.default_names);
            for read in &described.generated_from {
                self.add(default, column(*read), 'n');
            }
        }
        for (at, described) in table.live_columns() {
            if let Some(domain) = described.domain {
                self.of_type(column(at), domain);
            }
        }
        for check in &table.checks {
            let object = (PG_CONSTRAINT, check.oid, 0);
            for at in &check.columns {
                self.add(object, column(*at), 'a');
                self.add(object, column(*at), 'n');
            }
            self.names(object, &check.names);
        }
        for index in table.all_indexes() {
            let object = match index.constraint {
                Some(constraint) => {
                    self.add((PG_CLASS, index.oid, 0), (PG_CONSTRAINT, constraint, 0), 'i');
                    (PG_CONSTRAINT, constraint, 0)
                }
                None => (PG_CLASS, index.oid, 0),
            };
            let plain = index.keys.iter().filter_map(IndexKey::column).chain(index.include.clone());
            let read = index.keys.iter().filter(|key| key.column().is_none());
            let read = read.flat_map(IndexKey::reads).copied();
            let predicate = index.predicate.iter().flat_map(|predicate| predicate.columns.clone());
            let plain: Vec<usize> = plain.collect();
            // What stands over expressions alone depends on the table as a whole.
            if plain.is_empty() {
                self.add(object, this, 'a');
            }
            let columns: BTreeSet<usize> = plain.into_iter().chain(read).chain(predicate).collect();
            for at in columns {
                self.add(object, column(at), 'a');
            }
        }
        for key in &table.foreign_keys {
            let object = (PG_CONSTRAINT, key.oid, 0);
            for at in &key.columns {
                self.add(object, column(*at), 'a');
            }
            for at in &key.parent_columns {
                self.add(object, (PG_CLASS, key.parent, at + 1), 'n');
            }
            self.add(object, (PG_CLASS, key.parent_index, 0), 'n');
        }
    }

    fn view(&mut self, view: &View) {
        let this = (PG_CLASS, view.oid, 0);
        let rule = (PG_REWRITE, rule_oid(view.oid), 0);
        self.in_schema(this, view.schema);
        self.row_types(view.oid, view.row_type, view.array_type);
        self.add(rule, this, 'i');
        self.names(rule, &view.query.names);
        for (at, column) in view.columns.iter().enumerate() {
            if let Some(default) = &column.default {
                let object = (PG_ATTRDEF, default_oid(view.oid, at), 0);
                self.add(object, (PG_CLASS, view.oid, at + 1), 'a');
                self.names(object, &default.names);
            }
        }
    }

    fn function(&mut self, function: &Function) {
        let this = (PG_PROC, function.oid, 0);
        self.in_schema(this, function.schema);
        self.of_type(this, function.returns);
        for argument in &function.arguments {
            self.of_type(this, argument.type_oid);
            if let Some(default) = &argument.default {
                self.names(this, &default.names);
            }
        }
        if let FunctionBody::Parsed(body) = &function.body {
            self.names(this, &body.names);
        }
    }

    fn domain(&mut self, domain: &Domain) {
        let this = (PG_TYPE, domain.oid, 0);
        self.in_schema(this, domain.schema);
        self.add((PG_TYPE, domain.array_type, 0), this, 'i');
        self.of_type(this, domain.base_type);
        if let Some(default) = &domain.default {
            self.names(this, &default.names);
        }
        for check in &domain.checks {
            let object = (PG_CONSTRAINT, check.oid, 0);
            self.add(object, this, 'a');
            self.names(object, &check.expression.names);
        }
    }
}

fn depends(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut all = Depends { cx, rows: Vec::new() };
    let catalog = cx.catalog;
    catalog.tables().for_each(|table| all.table(table));
    catalog.views().for_each(|view| all.view(view));
    for sequence in catalog.sequences() {
        let this = (PG_CLASS, sequence.oid, 0);
        all.in_schema(this, sequence.schema);
        if let Some(OwnedBy { table, column }) = sequence.owned_by {
            let identity = catalog
                .table_by_oid(table)
                .and_then(|table| table.columns.get(column)?.identity)
                .is_some_and(|identity| identity.sequence == sequence.oid);
            let kind = if identity { 'i' } else { 'a' };
            all.add(this, (PG_CLASS, table, column + 1), kind);
        }
    }
    catalog.functions().for_each(|function| all.function(function));
    catalog.domains().for_each(|domain| all.domain(domain));
    for statistics in catalog.statistics_objects() {
        let this = (PG_STATISTIC_EXT, statistics.oid, 0);
        all.in_schema(this, statistics.schema);
        for at in &statistics.columns {
            all.add(this, (PG_CLASS, statistics.table, at + 1), 'a');
        }
        if statistics.columns.is_empty() {
            all.add(this, (PG_CLASS, statistics.table, 0), 'a');
        }
        for expression in &statistics.expressions {
            all.names(this, &expression.names);
        }
    }
    for defaults in catalog.default_grants() {
        if let Some(schema) = defaults.schema {
            all.add((PG_DEFAULT_ACL, defaults.oid, 0), (PG_NAMESPACE, schema, 0), 'a');
        }
    }
    for (object, on, kind) in all.rows {
        out.row(|row| {
            row.set("classid", object.0)
                .set("objid", object.1)
                .set("objsubid", i32::from(int2(object.2)))
                .set("refclassid", on.0)
                .set("refobjid", on.1)
                .set("refobjsubid", i32::from(int2(on.2)))
                .set("deptype", kind);
        });
    }
}

/// Owners, and roles in access lists.
fn shared_depends(cx: &SystemCx<'_>, out: &mut Rows) {
    let mut add = |class: ObjectId, object, column: usize, role, kind: char| {
        // What exists in every cluster needs no protection.
        if role == BOOTSTRAP_ROLE {
            return;
        }
        out.row(|row| {
            row.set("dbid", super::roles::POSTGRES)
                .set("classid", class)
                .set("objid", object)
                .set("objsubid", i32::from(int2(column)))
                .set("refclassid", PG_AUTHID)
                .set("refobjid", role)
                .set("deptype", kind);
        });
    };
    let mut object = |class, object, owner: ObjectId, grants: &Grants| {
        add(class, object, 0, owner, 'o');
        let mut roles: Vec<ObjectId> = grants
            .iter()
            .flatten()
            .flat_map(|grant| grant.grantee.into_iter().chain([grant.grantor]))
            .filter(|role| *role != owner)
            .collect();
        roles.sort_unstable();
        roles.dedup();
        for role in roles {
            add(class, object, 0, role, 'a');
        }
    };
    let catalog = cx.catalog;
    for schema in catalog.schemas().filter(|schema| !is_system(schema.oid)) {
        object(PG_NAMESPACE, schema.oid, schema.owner, &schema.grants);
    }
    for table in catalog.tables() {
        object(PG_CLASS, table.oid, table.owner, &table.grants);
    }
    for view in catalog.views() {
        object(PG_CLASS, view.oid, view.owner, &view.grants);
    }
    for sequence in catalog.sequences() {
        object(PG_CLASS, sequence.oid, sequence.owner, &sequence.grants);
    }
    for function in catalog.functions() {
        object(PG_PROC, function.oid, function.owner, &function.grants);
    }
    for domain in catalog.domains() {
        object(PG_TYPE, domain.oid, domain.owner, &domain.grants);
    }
    for statistics in catalog.statistics_objects() {
        object(PG_STATISTIC_EXT, statistics.oid, statistics.owner, &None);
    }
    for defaults in catalog.default_grants() {
        object(PG_DEFAULT_ACL, defaults.oid, defaults.role, &Some(defaults.grants.clone()));
    }
}

fn descriptions(cx: &SystemCx<'_>, out: &mut Rows, shared: bool) {
    if shared {
        out.row(|row| {
            row.set("objoid", super::roles::POSTGRES)
                .set("classoid", describe::PG_DATABASE)
                .set("description", describe::DATABASE_DESCRIPTION);
        });
    } else {
        for description in builtin::descriptions() {
            out.row(|row| {
                row.set("objoid", description.object)
                    .set("classoid", description.class)
                    .set("objsubid", description.column)
                    .set("description", description.text);
            });
        }
    }
    for description in describe::descriptions(cx.catalog) {
        if (description.class == PG_AUTHID) != shared {
            continue;
        }
        out.row(|row| {
            row.set("objoid", description.object).set("classoid", description.class);
            if !shared {
                row.set("objsubid", description.column);
            }
            row.set("description", description.text);
        });
    }
}

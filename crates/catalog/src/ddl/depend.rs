//! What depends on what, and what goes with it when it is dropped.
//!
//! Nothing is stored: the dependencies follow from the descriptors. A part of an object depends on
//! others *normally* (they can only be dropped with `CASCADE`) or *automatically* (it goes silently,
//! as an index does with its table).
//!
//! Source: PostgreSQL 16 `findDependentObjects` and `reportDependentObjects`,
//! `src/backend/catalog/dependency.c`.

use std::collections::BTreeMap;

use types::{Oid, Result, Severity, SqlError, SqlState};

use super::{Cx, Outcome};
use crate::builtin::{self, quote_identifier};
use crate::describe;
use crate::objects::*;
use crate::snapshot::Catalog;

/// Most dependents that a message lists.
const REPORTED_MAX: usize = 100;

/// Something that can be dropped. The order of OIDs is the order in which dependents are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Schema(ObjectId),
    /// A table, view or sequence.
    Relation(ObjectId),
    Index(ObjectId),
    /// A column of a table, by position.
    Column(ObjectId, usize),
    /// The default of a column, by position.
    Default(ObjectId, usize),
    /// A constraint of a table, by the OIDs of both.
    Constraint(ObjectId, ObjectId),
    Function(ObjectId),
    Domain(ObjectId),
    /// The row type of a table or view, or the array type over that or over a domain: goes with it.
    Type(ObjectId),
    /// A constraint of a domain, by the OIDs of both.
    DomainConstraint(ObjectId, ObjectId),
    Statistics(ObjectId),
}

impl Part {
    /// The table or view that it is a part of.
    fn table(self) -> Option<ObjectId> {
        match self {
            Part::Column(table, _) | Part::Default(table, _) | Part::Constraint(table, _) => {
                Some(table)
            }
            _ => None,
        }
    }

    pub(super) fn sort_key(self) -> (ObjectId, usize) {
        match self {
            Part::Schema(oid)
            | Part::Relation(oid)
            | Part::Index(oid)
            | Part::Function(oid)
            | Part::Domain(oid)
            | Part::Type(oid)
            | Part::Statistics(oid)
            | Part::Constraint(_, oid)
            | Part::DomainConstraint(_, oid) => (oid, 0),
            Part::Column(oid, at) | Part::Default(oid, at) => (oid, at + 1),
        }
    }
}

/// How a part depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strength {
    Normal,
    Auto,
}

/// The dependencies that texts and types bring, as (dependent, what it depends on).
struct Graph {
    edges: Vec<(Part, Part, Strength)>,
}

impl Graph {
    fn new(catalog: &Catalog) -> Graph {
        let mut graph = Graph { edges: Vec::new() };
        for table in catalog.tables() {
            for (at, column) in table.live_columns() {
                let generated = matches!(column.default, Some(ColumnDefault::Generated(_)));
                let part = match generated {
                    true => Part::Column(table.oid, at),
                    false => Part::Default(table.oid, at),
                };
                graph.names(catalog, part, &column.default_names);
                if let Some(domain) = column.domain {
                    graph.ty(catalog, Part::Column(table.oid, at), domain);
                }
            }
            for check in &table.checks {
                graph.names(catalog, Part::Constraint(table.oid, check.oid), &check.names);
            }
            for key in &table.foreign_keys {
                let part = Part::Constraint(table.oid, key.oid);
                graph.edges.push((part, Part::Relation(key.parent), Strength::Normal));
                graph.edges.push((part, Part::Index(key.parent_index), Strength::Normal));
                for at in &key.parent_columns {
                    graph.edges.push((part, Part::Column(key.parent, *at), Strength::Normal));
                }
                // A key of a column goes with it.
                for at in &key.columns {
                    graph.edges.push((part, Part::Column(table.oid, *at), Strength::Auto));
                }
            }
        }
        for view in catalog.views() {
            graph.names(catalog, Part::Relation(view.oid), &view.query.names);
            for (at, column) in view.columns.iter().enumerate() {
                if let Some(default) = &column.default {
                    graph.names(catalog, Part::Default(view.oid, at), &default.names);
                }
                graph.ty(catalog, Part::Relation(view.oid), column.type_oid);
            }
        }
        for function in catalog.functions() {
            let part = Part::Function(function.oid);
            if let FunctionBody::Parsed(body) = &function.body {
                graph.names(catalog, part, &body.names);
            }
            graph.ty(catalog, part, function.returns);
            for argument in &function.arguments {
                graph.ty(catalog, part, argument.type_oid);
                if let Some(default) = &argument.default {
                    graph.names(catalog, part, &default.names);
                }
            }
        }
        for domain in catalog.domains() {
            let part = Part::Domain(domain.oid);
            graph.ty(catalog, part, domain.base_type);
            if let Some(default) = &domain.default {
                graph.names(catalog, part, &default.names);
            }
            for check in &domain.checks {
                let part = Part::DomainConstraint(domain.oid, check.oid);
                graph.names(catalog, part, &check.expression.names);
            }
        }
        for statistics in catalog.statistics_objects() {
            let part = Part::Statistics(statistics.oid);
            for expression in &statistics.expressions {
                graph.names(catalog, part, &expression.names);
            }
        }
        graph
    }

    /// What the names of a text mean.
    fn names(&mut self, catalog: &Catalog, part: Part, names: &[NamedObject]) {
        for name in names {
            match name.kind {
                NameKind::Relation => {
                    self.edges.push((part, Part::Relation(name.oid), Strength::Normal));
                    for attnum in &name.used {
                        if let Ok(at) = usize::try_from(attnum - 1) {
                            let column = Part::Column(name.oid, at);
                            self.edges.push((part, column, Strength::Normal));
                        }
                    }
                }
                NameKind::Literal => {
                    self.edges.push((part, Part::Relation(name.oid), Strength::Normal));
                }
                NameKind::Function => {
                    self.edges.push((part, Part::Function(name.oid), Strength::Normal));
                }
                NameKind::Type => self.ty(catalog, part, name.oid),
            }
        }
    }

    fn ty(&mut self, catalog: &Catalog, part: Part, ty: u32) {
        let Some(found) = catalog.user_type(ty) else { return };
        let on = match found.domain {
            Some(domain) if domain.oid == ty => Part::Domain(ty),
            _ => Part::Type(ty),
        };
        if on != part && part != Part::Relation(found.relation) {
            self.edges.push((part, on, Strength::Normal));
        }
    }

    /// The parts that depend on `part`, in the order in which they are reported.
    fn dependents(&self, catalog: &Catalog, part: Part) -> Vec<(Part, Strength)> {
        let edges = self.edges.iter().filter(|(_, on, _)| *on == part);
        let mut found: Vec<(Part, Strength)> =
            edges.map(|(part, _, strength)| (*part, *strength)).collect();
        structural(catalog, part, &mut found);
        // What depends in both ways goes silently.
        found.sort_by_key(|(part, strength)| (part.sort_key(), *strength == Strength::Normal));
        found.dedup_by_key(|(part, _)| *part);
        found
    }
}

/// What depends on `part` by the shape of objects.
fn structural(catalog: &Catalog, part: Part, found: &mut Vec<(Part, Strength)>) {
    use Strength::{Auto, Normal};
    match part {
        Part::Schema(schema) => {
            let relations = (catalog.tables().filter(|t| t.schema == schema).map(|t| t.oid))
                .chain(catalog.views().filter(|v| v.schema == schema).map(|v| v.oid))
                .chain(catalog.sequences().filter(|s| s.schema == schema).map(|s| s.oid));
            found.extend(relations.map(|oid| (Part::Relation(oid), Normal)));
            let functions = catalog.functions().filter(|f| f.schema == schema);
            found.extend(functions.map(|f| (Part::Function(f.oid), Normal)));
            let domains = catalog.domains().filter(|d| d.schema == schema);
            found.extend(domains.map(|d| (Part::Domain(d.oid), Normal)));
            let statistics = catalog.statistics_objects().filter(|s| s.schema == schema);
            found.extend(statistics.map(|s| (Part::Statistics(s.oid), Normal)));
        }
        Part::Relation(oid) => {
            let table = catalog.table_by_oid(oid).map(|table| table.row_type);
            let row_type = table.or_else(|| Some(catalog.view_by_oid(oid)?.row_type));
            found.extend(row_type.map(|ty| (Part::Type(ty), Auto)));
            for statistics in catalog.statistics_objects().filter(|s| s.table == oid) {
                found.push((Part::Statistics(statistics.oid), Auto));
            }
            for sequence in catalog.sequences() {
                if sequence.owned_by.is_some_and(|owned| owned.table == oid) {
                    found.push((Part::Relation(sequence.oid), Auto));
                }
            }
        }
        Part::Column(table, at) => {
            let statistics = catalog.statistics_objects().filter(|s| s.table == table);
            for statistics in statistics.filter(|s| s.columns.contains(&at)) {
                found.push((Part::Statistics(statistics.oid), Auto));
            }
            let owned = OwnedBy { table, column: at };
            for sequence in catalog.sequences().filter(|s| s.owned_by == Some(owned)) {
                found.push((Part::Relation(sequence.oid), Auto));
            }
            let Some(table) = catalog.table_by_oid(table) else { return };
            for (other, column) in table.live_columns() {
                if column.generated_from.contains(&at) {
                    found.push((Part::Column(table.oid, other), Normal));
                }
            }
            for check in table.checks.iter().filter(|check| check.columns.contains(&at)) {
                found.push((Part::Constraint(table.oid, check.oid), Auto));
            }
            for index in table.indexes.iter().filter(|index| index.reads(at)) {
                found.push((Part::Index(index.oid), Auto));
            }
        }
        Part::Domain(oid) => {
            let Some(domain) = catalog.domain_by_oid(oid) else { return };
            found.extend(domain.checks.iter().map(|c| (Part::DomainConstraint(oid, c.oid), Auto)));
            found.push((Part::Type(domain.array_type), Auto));
        }
        Part::Type(oid) => {
            let row_type = catalog.user_type(oid).filter(|found| found.oid == oid);
            found.extend(row_type.map(|found| (Part::Type(found.array_type), Auto)));
        }
        Part::Index(_)
        | Part::Default(..)
        | Part::Constraint(..)
        | Part::Function(_)
        | Part::DomainConstraint(..)
        | Part::Statistics(_) => {}
    }
}

/// One part that is to be dropped.
struct Entry {
    part: Part,
    original: bool,
    /// It goes without a word.
    silent: bool,
    /// What it depends on.
    via: Part,
}

/// `originals` and everything that depends on them, each after what it depends on: PostgreSQL
/// follows the youngest dependents first, notes an object when all that depends on it is noted, and
/// shows the list from its end.
fn collect(catalog: &Catalog, originals: &[Part]) -> Vec<Entry> {
    struct Search<'a> {
        catalog: &'a Catalog,
        graph: Graph,
        entries: Vec<Entry>,
        /// What is being followed, and has no entry yet.
        open: Vec<Part>,
    }
    impl Search<'_> {
        fn visit(&mut self, of: Part, original: bool, silent: bool, via: Part) {
            self.open.push(of);
            for (part, strength) in self.graph.dependents(self.catalog, of).into_iter().rev() {
                let silent = strength == Strength::Auto;
                if let Some(known) = self.entries.iter_mut().find(|entry| entry.part == part) {
                    known.silent |= silent;
                    continue;
                }
                // Parts of a table that goes as a whole.
                let whole = part.table().map(Part::Relation);
                let goes = |whole: Part| {
                    self.open.contains(&whole) || self.entries.iter().any(|e| e.part == whole)
                };
                if self.open.contains(&part) || whole.is_some_and(goes) {
                    continue;
                }
                self.visit(part, false, silent, of);
            }
            self.open.pop();
            // What was noted of a table before the table is part of it.
            for entry in &mut self.entries {
                entry.silent |= entry.part.table().map(Part::Relation) == Some(of);
            }
            self.entries.push(Entry { part: of, original, silent, via });
        }
    }
    let graph = Graph::new(catalog);
    let mut search = Search { catalog, graph, entries: Vec::new(), open: Vec::new() };
    for part in originals {
        match search.entries.iter_mut().find(|entry| entry.part == *part) {
            Some(known) => known.original = true,
            None => search.visit(*part, true, false, *part),
        }
    }
    search.entries.reverse();
    search.entries
}

/// Drops `originals`: with `cascade` all that depends on them too, which notices say; without, it
/// is an error if anything does. `current` is the table that the statement is changing.
///
/// # Errors
/// `2BP01`.
pub(super) fn drop_parts(
    cx: Cx<'_>,
    outcome: &mut Outcome,
    originals: &[Part],
    cascade: bool,
    mut current: Option<&mut Table>,
) -> Result<()> {
    let entries = collect(cx.catalog, originals);
    let spoken: Vec<&Entry> =
        entries.iter().filter(|entry| !entry.original && !entry.silent).collect();
    if !cascade && !spoken.is_empty() {
        let lines = spoken.iter().map(|entry| {
            format!("{} depends on {}", describe(cx, entry.part), describe(cx, entry.via))
        });
        let message = match originals {
            [one] => {
                format!("cannot drop {} because other objects depend on it", describe(cx, *one))
            }
            _ => "cannot drop desired object(s) because other objects depend on them".to_owned(),
        };
        return Err(SqlError::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
            .detail(list(lines.collect()))
            .hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    match spoken.as_slice() {
        [] => {}
        [one] => outcome.skip_missing(format!("drop cascades to {}", describe(cx, one.part))),
        several => {
            let lines = several
                .iter()
                .map(|entry| format!("drop cascades to {}", describe(cx, entry.part)));
            let message = format!("drop cascades to {} other objects", several.len());
            outcome.notices.push(
                SqlError::new(SqlState::SUCCESSFUL_COMPLETION, message)
                    .severity(Severity::Notice)
                    .detail(list(lines.collect())),
            );
        }
    }
    let mut edits = Edits::default();
    for entry in &entries {
        edits.drop(cx, outcome, current.as_deref_mut(), entry.part);
    }
    edits.finish(outcome);
    Ok(())
}

fn list(mut lines: Vec<String>) -> String {
    let left = lines.len().saturating_sub(REPORTED_MAX);
    lines.truncate(REPORTED_MAX);
    if left > 0 {
        let objects = if left == 1 { "object" } else { "objects" };
        lines.push(format!("and {left} other {objects} (see server log for list)"));
    }
    lines.join("\n")
}

/// Descriptors that lose a part.
#[derive(Default)]
struct Edits {
    tables: BTreeMap<ObjectId, Table>,
    views: BTreeMap<ObjectId, View>,
    domains: BTreeMap<ObjectId, Domain>,
}

impl Edits {
    fn drop(&mut self, cx: Cx<'_>, outcome: &mut Outcome, current: Option<&mut Table>, part: Part) {
        match part {
            Part::Schema(oid) | Part::Function(oid) | Part::Domain(oid) | Part::Statistics(oid) => {
                outcome.remove(oid)
            }
            Part::Relation(oid) => match cx.catalog.table_by_oid(oid) {
                Some(table) => {
                    self.tables.remove(&oid);
                    outcome.remove_table(table);
                }
                None => outcome.remove(oid),
            },
            Part::Type(_) => {}
            Part::Index(oid) => {
                let Some((table, _)) = cx.catalog.index_by_oid(oid) else { return };
                let oid_of_table = table.oid;
                outcome.dropped.push(oid);
                if let Some(table) = self.table(cx, outcome, current, oid_of_table) {
                    table.indexes.retain(|index| index.oid != oid);
                }
            }
            Part::Column(oid, at) => {
                if let Some(table) = self.table(cx, outcome, current, oid) {
                    drop_column(table, at);
                }
            }
            Part::Default(oid, at) => {
                if let Some(view) = cx.catalog.view_by_oid(oid) {
                    let view = self.views.entry(oid).or_insert_with(|| View::clone(view));
                    if let Some(column) = view.columns.get_mut(at) {
                        column.default = None;
                    }
                } else if let Some(table) = self.table(cx, outcome, current, oid)
                    && let Some(column) = table.columns.get_mut(at)
                {
                    column.default = None;
                    column.default_names.clear();
                }
            }
            Part::Constraint(oid, constraint) => {
                if let Some(table) = self.table(cx, outcome, current, oid) {
                    table.checks.retain(|check| check.oid != constraint);
                    table.foreign_keys.retain(|key| key.oid != constraint);
                }
            }
            Part::DomainConstraint(oid, constraint) => {
                if let Some(domain) = cx.catalog.domain_by_oid(oid) {
                    let domain = self.domains.entry(oid).or_insert_with(|| Domain::clone(domain));
                    domain.checks.retain(|check| check.oid != constraint);
                }
            }
        }
    }

    /// The table as the statement has made it so far; `None` if it goes as a whole.
    fn table<'a>(
        &'a mut self,
        cx: Cx<'_>,
        outcome: &Outcome,
        current: Option<&'a mut Table>,
        oid: ObjectId,
    ) -> Option<&'a mut Table> {
        if let Some(current) = current
            && current.oid == oid
        {
            return Some(current);
        }
        if outcome.change.removed.contains(&oid) {
            return None;
        }
        let table = outcome.pending_table(cx, oid)?;
        Some(self.tables.entry(oid).or_insert(table))
    }

    fn finish(self, outcome: &mut Outcome) {
        let gone = |outcome: &Outcome, oid: ObjectId| outcome.change.removed.contains(&oid);
        for (oid, table) in self.tables {
            if !gone(outcome, oid) {
                outcome.put_table(table);
            }
        }
        for (oid, view) in self.views {
            if !gone(outcome, oid) {
                outcome.put(crate::Object::View(view.into()));
            }
        }
        for (oid, domain) in self.domains {
            if !gone(outcome, oid) {
                outcome.put(crate::Object::Domain(domain.into()));
            }
        }
    }
}

/// Makes a column a dropped one. What depends on it is dropped on its own.
fn drop_column(table: &mut Table, at: usize) {
    let Some(column) = table.columns.get_mut(at) else { return };
    *column = Column {
        // PostgreSQL's name for it: it cannot be anybody's.
        name: format!("........pg.dropped.{}........", at + 1),
        type_oid: column.type_oid,
        typmod: column.typmod,
        storage: column.storage,
        dropped: true,
        ..Column::default()
    };
}

/// An object as messages name it: `table t`, `column a of table t`, `function f(integer)`.
///
/// Source: PostgreSQL 16 `getObjectDescription`, `src/backend/catalog/objectaddress.c`.
pub(crate) fn describe(cx: Cx<'_>, part: Part) -> String {
    let catalog = cx.catalog;
    let relation = |oid: ObjectId| {
        let kind = if catalog.view_by_oid(oid).is_some() {
            "view"
        } else if catalog.sequence_by_oid(oid).is_some() {
            "sequence"
        } else if catalog.index_by_oid(oid).is_some() {
            "index"
        } else {
            "table"
        };
        let (schema, name) = describe::relation_name(catalog, oid).unwrap_or_default();
        format!("{kind} {}", cx.display_name(schema, &name))
    };
    let column = |oid: ObjectId, at: usize| {
        let name = match catalog.view_by_oid(oid) {
            Some(view) => view.columns.get(at).map(|column| column.name.clone()),
            None => catalog
                .table_by_oid(oid)
                .and_then(|table| table.columns.get(at))
                .map(|column| column.name.clone()),
        };
        name.unwrap_or_default()
    };
    let ty = |oid: ObjectId| describe::format_type(catalog, cx.search_path, Oid(oid), None);
    match part {
        Part::Schema(oid) => {
            let name = catalog.schema_by_oid(oid).map_or("", |schema| &schema.name);
            format!("schema {}", quote_identifier(name))
        }
        Part::Relation(oid) | Part::Index(oid) => relation(oid),
        Part::Column(oid, at) => format!("column {} of {}", column(oid, at), relation(oid)),
        Part::Default(oid, at) => {
            format!("default value for column {} of {}", column(oid, at), relation(oid))
        }
        Part::Constraint(oid, constraint) => {
            let table = catalog.table_by_oid(oid);
            let name = table.and_then(|table| {
                let check = table.checks.iter().find(|check| check.oid == constraint);
                let index = table.all_indexes().find(|i| i.constraint == Some(constraint));
                let key = table.foreign_keys.iter().find(|key| key.oid == constraint);
                let key = key.map(|key| &key.name);
                check.map(|check| &check.name).or(index.map(|index| &index.name)).or(key)
            });
            format!("constraint {} on {}", name.map_or("", |name| name), relation(oid))
        }
        Part::Function(oid) => format!("function {}", signature(cx, oid)),
        Part::Domain(oid) | Part::Type(oid) => format!("type {}", ty(oid)),
        Part::DomainConstraint(oid, constraint) => {
            let domain = catalog.domain_by_oid(oid);
            let check =
                domain.and_then(|domain| domain.checks.iter().find(|c| c.oid == constraint));
            format!("constraint {}", check.map_or("", |check| &check.name))
        }
        Part::Statistics(oid) => {
            let Some(statistics) = catalog.statistics_by_oid(oid) else { return String::new() };
            let visible = cx
                .search_path
                .iter()
                .find(|schema| catalog.statistics_object(**schema, &statistics.name).is_some())
                == Some(&statistics.schema);
            let schema = catalog.schema_by_oid(statistics.schema).map_or("", |s| &s.name);
            let name = match visible {
                true => quote_identifier(&statistics.name).into_owned(),
                false => builtin::quote_qualified(schema, &statistics.name),
            };
            format!("statistics object {name}")
        }
    }
}

/// A function's name and argument types, qualified unless the bare name finds it.
pub(crate) fn signature(cx: Cx<'_>, oid: ObjectId) -> String {
    let catalog = cx.catalog;
    let Some(function) = catalog.function_by_oid(oid) else { return String::new() };
    let types = function.input_types();
    let visible = cx.search_path.iter().find(|schema| {
        catalog.functions_named(**schema, &function.name).any(|other| other.input_types() == types)
    }) == Some(&function.schema);
    let name = match visible {
        true => quote_identifier(&function.name).into_owned(),
        false => {
            let schema = catalog.schema_by_oid(function.schema).map_or("", |s| &s.name);
            builtin::quote_qualified(schema, &function.name)
        }
    };
    let types: Vec<String> = types
        .iter()
        .map(|ty| describe::format_type(catalog, cx.search_path, Oid(*ty), None))
        .collect();
    format!("{name}({})", types.join(","))
}

//! The names that columns have in the text of a definition: unique within each range-table entry, and
//! those that USING merges alike on both sides, however the tables' columns are called now.
//!
//! Source: PostgreSQL 16 `set_deparse_for_query` and what it calls,
//! `src/backend/utils/adt/ruleutils.c`.

use std::collections::{BTreeSet, HashMap};

use super::term::{Entry, FromItem, Source};

/// Names of the columns of an entry.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnNames {
    /// Of each column that the definition may know, by its position.
    pub(super) names: Vec<String>,
    /// Of all columns that there are now, as a list of aliases has them.
    pub(super) listed: Vec<String>,
    /// Whether the list of aliases is to be printed.
    pub(super) shown: bool,
}

/// Names of a query's columns.
#[derive(Debug, Default)]
pub(super) struct QueryNames {
    /// Of each entry.
    pub(super) entries: Vec<ColumnNames>,
    /// Of the columns that each join merges, by the join's number.
    pub(super) merged: HashMap<usize, Vec<String>>,
}

/// An entry or a join while its names are found.
#[derive(Debug, Default)]
struct Info {
    names: Vec<Option<String>>,
    listed: Vec<String>,
    /// Of each that is listed: whether it came after the definition.
    is_new: Vec<bool>,
    /// Names that joins around it merge.
    parent_using: Vec<String>,
    shown: bool,
}

impl Info {
    fn set(&mut self, at: usize, name: &str) {
        if self.names.len() <= at {
            self.names.resize(at + 1, None);
        }
        self.names[at] = Some(name.to_owned());
    }
}

/// A join, with the columns that it has by the definition.
struct Join<'a> {
    number: usize,
    info: usize,
    left: usize,
    right: usize,
    using: &'a [String],
    /// The entry of a join with a name.
    entry: Option<&'a Entry>,
    is_dangerous: bool,
    /// Where each column comes from: positions on the left and on the right side.
    columns: Vec<(Option<usize>, Option<usize>)>,
}

struct Namer<'a> {
    entries: &'a [Entry],
    infos: Vec<Info>,
    /// Outer joins before those within them.
    joins: Vec<Join<'a>>,
    /// Names of merged columns that must be unique in the query, if there are such.
    using_names: Option<Vec<String>>,
    merged: HashMap<usize, Vec<String>>,
}

/// The names of the columns of a query's range table.
pub(super) fn column_names(entries: &[Entry], from: &[FromItem]) -> QueryNames {
    let infos = entries.iter().map(|_| Info::default()).collect();
    let joins = Vec::new();
    let mut namer = Namer { entries, infos, joins, using_names: None, merged: HashMap::default() };
    from.iter().for_each(|item| drop(namer.read(item)));
    if namer.joins.iter().any(|join| join.is_dangerous && join.entry.is_none()) {
        namer.using_names = Some(Vec::new());
    }
    let joins = std::mem::take(&mut namer.joins);
    joins.iter().for_each(|join| namer.name_merged(join));
    for (number, entry) in entries.iter().enumerate() {
        if !matches!(entry.source, Source::Join) {
            namer.name_entry(number, entry);
        }
    }
    joins.iter().rev().for_each(|join| namer.name_join(join));
    let entries = namer.infos.into_iter().take(entries.len()).map(|info| ColumnNames {
        names: info.names.into_iter().map(Option::unwrap_or_default).collect(),
        listed: info.listed,
        shown: info.shown,
    });
    QueryNames { entries: entries.collect(), merged: namer.merged }
}

/// The names by which a definition knows the columns of an entry.
fn written_names(entry: &Entry) -> Vec<String> {
    let own = || entry.columns.iter().map(|column| column.name.clone()).collect();
    let mut names = entry.written.clone().unwrap_or_else(own);
    for (name, alias) in names.iter_mut().zip(&entry.aliases) {
        name.clone_from(alias);
    }
    names
}

impl<'a> Namer<'a> {
    /// Finds the joins of an item; the item's own place among the infos, and its columns' names.
    fn read(&mut self, item: &'a FromItem) -> (usize, Vec<String>) {
        let FromItem::Join { number, left, right, using, is_dangerous, alias, .. } = item else {
            let FromItem::Entry(number) = item else { return (0, Vec::new()) };
            return (*number, self.entries.get(*number).map(written_names).unwrap_or_default());
        };
        let entry = alias.and_then(|alias| self.entries.get(alias));
        let info = alias.unwrap_or(self.infos.len());
        if alias.is_none() {
            self.infos.push(Info::default());
        }
        let place = self.joins.len();
        self.joins.push(Join {
            number: *number,
            info,
            left: 0,
            right: 0,
            using,
            entry,
            is_dangerous: *is_dangerous,
            columns: Vec::new(),
        });
        let (left, left_names) = self.read(left);
        let (right, right_names) = self.read(right);
        let at = |names: &[String], wanted: &str| names.iter().position(|name| name == wanted);
        let mut columns = Vec::new();
        let mut names = Vec::new();
        for name in using {
            columns.push((at(&left_names, name), at(&right_names, name)));
            names.push(name.clone());
        }
        for (at, name) in left_names.iter().enumerate() {
            if !columns.iter().take(using.len()).any(|(left, _)| *left == Some(at)) {
                columns.push((Some(at), None));
                names.push(name.clone());
            }
        }
        for (at, name) in right_names.iter().enumerate() {
            if !columns.iter().take(using.len()).any(|(_, right)| *right == Some(at)) {
                columns.push((None, Some(at)));
                names.push(name.clone());
            }
        }
        if let Some(join) = self.joins.get_mut(place) {
            (join.left, join.right, join.columns) = (left, right, columns);
        }
        (info, entry.map_or(names, written_names))
    }

    /// `wanted`, or with the first number that makes it unique within an entry.
    fn unique(&self, wanted: &str, info: usize) -> String {
        let Some(info) = self.infos.get(info).filter(|_| !wanted.is_empty()) else {
            return wanted.to_owned();
        };
        let global = self.using_names.iter().flatten();
        let known: BTreeSet<&str> = info
            .names
            .iter()
            .flatten()
            .chain(&info.listed)
            .chain(global)
            .chain(&info.parent_using)
            .map(String::as_str)
            .collect();
        let mut name = wanted.to_owned();
        let mut number = 0;
        while known.contains(name.as_str()) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    }

    /// Names the columns that a join merges, on both sides. Source: `set_using_names`.
    fn name_merged(&mut self, join: &Join<'_>) {
        if join.entry.is_none() {
            let names = self.infos.get(join.info).map(|info| info.names.clone());
            for (name, from) in names.unwrap_or_default().iter().zip(&join.columns) {
                if let Some(name) = name {
                    self.push_down(join, *from, name);
                }
            }
        }
        let parent = self.infos.get(join.info).map(|info| info.parent_using.clone());
        let mut parent = parent.unwrap_or_default();
        let mut using = Vec::new();
        for (at, (written, from)) in join.using.iter().zip(&join.columns).enumerate() {
            let known = self.infos.get(join.info).and_then(|info| info.names.get(at).cloned());
            let name = known.flatten().unwrap_or_else(|| {
                let alias = join.entry.and_then(|entry| entry.aliases.get(at));
                let name = self.unique(alias.unwrap_or(written), join.info);
                if let Some(names) = &mut self.using_names {
                    names.push(name.clone());
                }
                if let Some(info) = self.infos.get_mut(join.info) {
                    info.set(at, &name);
                }
                name
            });
            self.push_down(join, *from, &name);
            parent.push(name.clone());
            using.push(name);
        }
        self.merged.insert(join.number, using);
        for side in [join.left, join.right] {
            if let Some(info) = self.infos.get_mut(side) {
                info.parent_using.clone_from(&parent);
            }
        }
    }

    fn push_down(&mut self, join: &Join<'_>, from: (Option<usize>, Option<usize>), name: &str) {
        for (side, at) in [(join.left, from.0), (join.right, from.1)] {
            if let (Some(info), Some(at)) = (self.infos.get_mut(side), at) {
                info.set(at, name);
            }
        }
    }

    /// Source: `set_relation_column_names`.
    fn name_entry(&mut self, number: usize, entry: &Entry) {
        let known = entry.written.as_ref().map_or(entry.columns.len(), Vec::len);
        let mut changed = false;
        for (at, column) in entry.columns.iter().enumerate() {
            let assigned = self.infos.get(number).and_then(|info| info.names.get(at).cloned());
            let name = assigned.flatten().unwrap_or_else(|| {
                self.unique(entry.aliases.get(at).unwrap_or(&column.name), number)
            });
            changed |= name != column.name;
            if let Some(info) = self.infos.get_mut(number) {
                info.set(at, &name);
                info.listed.push(name);
                info.is_new.push(at >= known);
            }
        }
        if let Some(info) = self.infos.get_mut(number) {
            info.shown = match entry.source {
                Source::Relation { .. } | Source::Join => changed,
                Source::Functions { .. } => true,
                Source::Query(_) | Source::Cte(_) => changed || !entry.aliases.is_empty(),
            };
        }
    }

    /// Source: `set_join_column_names`.
    fn name_join(&mut self, join: &Join<'_>) {
        let mut changed = false;
        for (at, from) in join.columns.iter().enumerate().skip(join.using.len()) {
            let (side, from) = match *from {
                (Some(from), _) => (join.left, from),
                (None, Some(from)) => (join.right, from),
                (None, None) => continue,
            };
            let name_of = |side: usize, at: usize| {
                self.infos.get(side).and_then(|info| info.names.get(at).cloned().flatten())
            };
            let real = name_of(side, from).unwrap_or_default();
            let name = match join.entry {
                None => real.clone(),
                Some(entry) => name_of(join.info, at).unwrap_or_else(|| {
                    self.unique(entry.aliases.get(at).unwrap_or(&real), join.info)
                }),
            };
            changed |= name != real;
            if let Some(info) = self.infos.get_mut(join.info) {
                info.set(at, &name);
            }
        }
        let names: Vec<String> = self.infos.get(join.info).map_or_else(Vec::new, |info| {
            info.names.iter().map(|name| name.clone().unwrap_or_default()).collect()
        });
        for name in names.iter().take(join.using.len()) {
            self.list(join.info, name.clone(), false);
        }
        let mut at = join.using.len();
        for (side, is_left) in [(join.left, true), (join.right, false)] {
            let merged: Vec<usize> = join
                .columns
                .iter()
                .take(join.using.len())
                .filter_map(|(left, right)| if is_left { *left } else { *right })
                .collect();
            let Some(info) = self.infos.get(side) else { continue };
            let children: Vec<(String, bool)> =
                info.listed.iter().cloned().zip(info.is_new.iter().copied()).collect();
            let mut old = 0;
            for (child, is_new) in children {
                if is_new {
                    let name = match join.entry {
                        None => child.clone(),
                        Some(_) => self.unique(&child, join.info),
                    };
                    changed |= name != child;
                    self.list(join.info, name, true);
                    continue;
                }
                old += 1;
                if merged.contains(&(old - 1)) {
                    continue;
                }
                self.list(join.info, names.get(at).cloned().unwrap_or_default(), false);
                at += 1;
            }
        }
        if let Some(info) = self.infos.get_mut(join.info) {
            info.shown = changed;
        }
    }

    fn list(&mut self, info: usize, name: String, is_new: bool) {
        if let Some(info) = self.infos.get_mut(info) {
            info.listed.push(name);
            info.is_new.push(is_new);
        }
    }
}

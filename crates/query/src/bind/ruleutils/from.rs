//! FROM: the range table, and the names that it puts in sight.

use parser::protobuf::{self, JoinType};
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, oid};

use super::analyze::Analyzer;
use super::term::{Column, Entry, FromItem, FunctionItem, Kind, Source, Term};
use crate::bind::from::Found;
use crate::bind::{query, required, strings};

/// The scope of one query.
#[derive(Default)]
pub(super) struct Level {
    pub(super) entries: Vec<Entry>,
    pub(super) items: Vec<Item>,
}

/// Something in FROM that can be named.
#[derive(Clone)]
pub(super) struct Item {
    alias: Option<String>,
    schema: Option<String>,
    /// The entry whose whole row the alias means.
    entry: Option<usize>,
    columns: Vec<(String, Term)>,
    /// `column` works, and `*` includes it.
    unqualified: bool,
}

/// A name declared by WITH.
pub(super) struct VisibleCte {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

impl Level {
    /// Adds an entry and what it puts in sight; its number.
    pub(super) fn add(&mut self, entry: Entry, schema: Option<String>) -> usize {
        let relation = self.entries.len();
        let known = entry.written.as_ref().map_or(entry.columns.len(), Vec::len);
        let columns = entry.columns.iter().take(known).enumerate().map(|(column, output)| {
            let written = || entry.written.as_ref().and_then(|written| written.get(column));
            let name = entry.aliases.get(column).or_else(written).unwrap_or(&output.name);
            let kind = Kind::Var { up: 0, relation, column };
            (name.clone(), Term { kind, ty: output.ty, typmod: output.typmod })
        });
        self.items.push(Item {
            alias: Some(entry.name.clone()),
            schema,
            entry: Some(relation),
            columns: columns.collect(),
            unqualified: true,
        });
        self.entries.push(entry);
        relation
    }
}

impl Level {
    /// Puts the `VALUE` of a domain in sight.
    pub(super) fn add_value(&mut self, value: Term) {
        self.items.push(Item {
            alias: None,
            schema: None,
            entry: None,
            columns: vec![("value".into(), value)],
            unqualified: true,
        });
    }
}

fn missing(name: &str) -> SqlError {
    SqlError::internal(format!("stored definition refers to \"{name}\", which does not exist"))
}

/// A term seen from `by` levels further in.
fn lift(term: &Term, by: usize) -> Term {
    let mut term = term.clone();
    match &mut term.kind {
        Kind::Var { up, .. } | Kind::WholeRow { up, .. } => *up += by,
        _ => {}
    }
    term
}

impl Analyzer<'_> {
    pub(super) fn level(&mut self) -> Result<&mut Level> {
        self.levels.last_mut().ok_or_else(|| SqlError::internal("no scope"))
    }

    pub(super) fn column_ref(&mut self, column: &protobuf::ColumnRef) -> Result<Term> {
        let star = matches!(
            column.fields.last().and_then(|field| field.node.as_ref()),
            Some(NodeEnum::AStar(_))
        );
        let names = strings(&column.fields);
        let found = match names.as_slice() {
            [alias] if star => self.whole_row(None, alias),
            [schema, alias] if star => self.whole_row(Some(schema), alias),
            [name] => self.column(name).or_else(|| self.whole_row(None, name)),
            [alias, name] => match self.qualified(None, alias, name) {
                Some(term) => Some(term),
                None => match self.column(alias) {
                    Some(base) => Some(self.field(base, name)?),
                    None => None,
                },
            },
            [.., schema, alias, name] => self.qualified(Some(schema), alias, name),
            [] => None,
        };
        let argument = || match names.as_slice() {
            [name] => self.binder.argument(None, name),
            [function, name] => self.binder.argument(Some(function), name),
            _ => None,
        };
        match found {
            Some(term) => Ok(term),
            None => {
                let argument = argument().ok_or_else(|| missing(&names.join(".")))?;
                let name = names.last().copied().unwrap_or_default();
                Ok(Term::new(Kind::Argument(name.to_owned()), argument.ty))
            }
        }
    }

    fn column(&self, name: &str) -> Option<Term> {
        self.levels.iter().rev().enumerate().find_map(|(up, level)| {
            let mut columns =
                level.items.iter().filter(|item| item.unqualified).flat_map(|item| &item.columns);
            columns.find(|(known, _)| known == name).map(|(_, term)| lift(term, up))
        })
    }

    fn item(&self, schema: Option<&str>, alias: &str) -> Option<(usize, &Item)> {
        self.levels.iter().rev().enumerate().find_map(|(up, level)| {
            let mut items = level.items.iter();
            let item = items.find(|item| {
                item.alias.as_deref() == Some(alias)
                    && schema.is_none_or(|schema| item.schema.as_deref() == Some(schema))
            })?;
            Some((up, item))
        })
    }

    fn qualified(&self, schema: Option<&str>, alias: &str, name: &str) -> Option<Term> {
        let (up, item) = self.item(schema, alias)?;
        let (_, term) = item.columns.iter().find(|(known, _)| known == name)?;
        Some(lift(term, up))
    }

    fn whole_row(&self, schema: Option<&str>, alias: &str) -> Option<Term> {
        let (up, item) = self.item(schema, alias)?;
        let relation = item.entry?;
        let level = self.levels.iter().nth_back(up)?;
        let ty = level.entries.get(relation)?.row_type;
        Some(Term::new(Kind::WholeRow { up, relation }, ty))
    }

    /// `(base).name`
    pub(super) fn field(&mut self, base: Term, name: &str) -> Result<Term> {
        let outputs = match &base.kind {
            Kind::Call(call) => call.outputs.clone(),
            Kind::WholeRow { up, relation } => {
                // A field of a whole row is the column.
                let level = self.levels.iter().nth_back(*up);
                let entry = level.and_then(|level| level.entries.get(*relation));
                if let Some(entry) = entry
                    && let Some(column) = entry.columns.iter().position(|c| c.name == name)
                    && let Some(output) = entry.columns.get(column)
                {
                    let kind = Kind::Var { up: *up, relation: *relation, column };
                    return Ok(Term { kind, ty: output.ty, typmod: output.typmod });
                }
                Vec::new()
            }
            _ => Vec::new(),
        };
        let found = outputs.iter().find(|column| column.name == name);
        let (ty, typmod) = match found {
            Some(column) => (column.ty, column.typmod),
            None => self.row_field(base.ty, name).unwrap_or((oid::RECORD, -1)),
        };
        let kind = Kind::Field { base: Box::new(base), name: name.to_owned() };
        Ok(Term { kind, ty, typmod })
    }

    /// The type of a field of a table's row type.
    fn row_field(&self, ty: Oid, name: &str) -> Option<(Oid, i32)> {
        let table = self.binder.cx.catalog.table_by_row_type(ty.0)?;
        let column = table.columns.get(table.column(name)?)?;
        Some((Oid(column.type_oid), column.typmod))
    }

    /// What `*` or `alias.*` stands for.
    pub(super) fn expand_star(&mut self, names: &[&str]) -> Result<Vec<(Term, String)>> {
        let expand = |up: usize, item: &Item| -> Vec<(Term, String)> {
            item.columns.iter().map(|(name, term)| (lift(term, up), name.clone())).collect()
        };
        match names {
            [] => {
                let level = self.level()?;
                let items = level.items.iter().filter(|item| item.unqualified);
                Ok(items.flat_map(|item| expand(0, item)).collect())
            }
            [.., alias] => {
                let schema = names.len().checked_sub(2).and_then(|at| names.get(at)).copied();
                let (up, item) = self.item(schema, alias).ok_or_else(|| missing(alias))?;
                Ok(expand(up, item))
            }
        }
    }

    pub(super) fn read_from_item(&mut self, node: &Node) -> Result<FromItem> {
        self.deeper(|analyzer| match required(node.node.as_ref())? {
            NodeEnum::RangeVar(range) => analyzer.range_var(range),
            NodeEnum::RangeSubselect(select) => analyzer.range_subselect(select),
            NodeEnum::RangeFunction(function) => analyzer.range_function(function),
            NodeEnum::JoinExpr(join) => analyzer.join(join),
            _ => Err(SqlError::internal("unexpected FROM item in a stored definition")),
        })
    }

    fn range_var(&mut self, range: &protobuf::RangeVar) -> Result<FromItem> {
        let cte = self
            .ctes
            .iter()
            .rev()
            .find(|cte| range.schemaname.is_empty() && cte.name == range.relname)
            .map(|cte| cte.columns.clone());
        let (given, aliases) = alias(range.alias.as_ref());
        let mut written = None;
        // Without an alias a relation goes by the name that it has now.
        let mut shown = range.relname.clone();
        let (source, columns, schema, row_type) = match cte {
            Some(columns) => (Source::Cte(range.relname.clone()), columns, None, oid::RECORD),
            None => {
                let (schema, found) =
                    self.binder.relation(&range.schemaname, &range.relname, -1)?;
                let (row_type, relation, mut outputs) = match found {
                    Found::Table(table) => {
                        let source = crate::bind::from::table_source(&table);
                        (table.row_type, table.oid, crate::bind::from::source_columns(&source)?)
                    }
                    Found::View(view) => {
                        let query = self.binder.view_query(&view)?;
                        (view.row_type, view.oid, query.columns)
                    }
                    Found::System(relation) => {
                        let row_type = catalog::system::relation_by_oid(relation)
                            .map_or(oid::RECORD, |relation| relation.row_type);
                        let source = query::Source::System(relation);
                        (row_type.0, relation.0, crate::bind::from::source_columns(&source)?)
                    }
                };
                let columns = own_columns(outputs.clone());
                let in_schema = Some(range.schemaname.as_str()).filter(|name| !name.is_empty());
                let (binder, name) = (&self.binder, range.relname.as_str());
                if let Some(known) = binder.written_columns(relation, in_schema, name, &mut outputs)
                {
                    written = Some(outputs.into_iter().take(known).map(|c| c.name).collect());
                }
                let catalog = &binder.cx.catalog;
                let current = catalog::describe::relation_name(catalog, relation);
                let schema_name = catalog.schema_by_oid(schema).map(|schema| schema.name.clone());
                let name = current.map_or_else(|| name.to_owned(), |(_, name)| name);
                shown.clone_from(&name);
                let source = Source::Relation { schema, name, only: !range.inh };
                (source, columns, schema_name, Oid(row_type))
            }
        };
        let entry = Entry {
            source,
            name: given.clone().unwrap_or(shown),
            alias: given.is_some(),
            aliases,
            columns,
            written,
            row_type,
            lateral: false,
        };
        let schema = if given.is_some() { None } else { schema };
        let level = self.level()?;
        let number = level.add(entry, schema);
        if given.is_none()
            && let Some(item) = level.items.last_mut()
        {
            item.alias = Some(range.relname.clone());
        }
        Ok(FromItem::Entry(number))
    }

    fn range_subselect(&mut self, node: &protobuf::RangeSubselect) -> Result<FromItem> {
        let Some(NodeEnum::SelectStmt(select)) =
            node.subquery.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Err(SqlError::internal("sub-query is not a SELECT"));
        };
        // What stands to the left is in sight of LATERAL only.
        let hidden = match node.lateral {
            true => None,
            false => Some(std::mem::take(&mut self.level()?.items)),
        };
        let query = self.query(select);
        if let Some(items) = hidden {
            self.level()?.items = items;
        }
        let query = query?;
        let (given, aliases) = alias(node.alias.as_ref());
        let entry = Entry {
            columns: query.columns.clone(),
            source: Source::Query(Box::new(query)),
            name: given.clone().unwrap_or_else(|| "unnamed_subquery".into()),
            alias: given.is_some(),
            aliases,
            written: None,
            row_type: oid::RECORD,
            lateral: node.lateral,
        };
        Ok(FromItem::Entry(self.level()?.add(entry, None)))
    }

    fn range_function(&mut self, node: &protobuf::RangeFunction) -> Result<FromItem> {
        let (given, aliases) = alias(node.alias.as_ref());
        let (mut calls, mut columns) = (Vec::new(), Vec::new());
        let mut first_name = None;
        for function in &node.functions {
            let Some(NodeEnum::List(list)) = &function.node else {
                return Err(SqlError::internal("function item without a list"));
            };
            let call = required(list.items.first())?;
            let definitions = match list.items.get(1).and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::List(list)) => list.items.as_slice(),
                _ => node.coldeflist.as_slice(),
            };
            let name = crate::bind::column_name::column_name(call);
            first_name.get_or_insert_with(|| name.clone());
            let single = match &given {
                Some(given) if node.functions.len() == 1 => given.clone(),
                _ => name,
            };
            for part in crate::bind::range_function::unnest_parts(call) {
                let term = self.term(&part)?;
                let mut defined = Vec::new();
                for definition in definitions {
                    let Some(NodeEnum::ColumnDef(definition)) = &definition.node else { continue };
                    let ty = self.binder.resolve_type(required(definition.type_name.as_ref())?)?;
                    let name = definition.colname.clone();
                    defined.push(Column { name, ty: ty.oid, typmod: ty.typmod });
                }
                let outputs =
                    match &term.kind {
                        _ if !defined.is_empty() => defined.clone(),
                        Kind::Call(call) if call.outputs.len() > 1 => call.outputs.clone(),
                        Kind::Call(call) if call.outputs.len() == 1 => call.outputs.clone(),
                        _ if let Some(fields) = self.binder.row_type_fields(term.ty) => {
                            let column = |(name, ty, typmod): (std::sync::Arc<str>, Oid, i32)| {
                                Column { name: name.to_string(), ty, typmod }
                            };
                            fields.into_iter().map(column).collect()
                        }
                        _ => vec![Column { name: single.clone(), ty: term.ty, typmod: -1 }],
                    };
                columns.extend(outputs);
                calls.push(FunctionItem { call: term, definitions: defined });
            }
        }
        if node.ordinality {
            columns.push(Column { name: "ordinality".into(), ty: oid::INT8, typmod: -1 });
        }
        let lateral = node.lateral || calls.iter().any(|item| super::analyze::has_var(&item.call));
        let entry = Entry {
            source: Source::Functions { calls, ordinality: node.ordinality },
            name: given.clone().unwrap_or_else(|| first_name.unwrap_or_default()),
            alias: given.is_some(),
            aliases,
            columns,
            written: None,
            row_type: oid::RECORD,
            lateral,
        };
        Ok(FromItem::Entry(self.level()?.add(entry, None)))
    }

    fn join(&mut self, join: &protobuf::JoinExpr) -> Result<FromItem> {
        let kind = JoinType::from_i32(join.jointype);
        let word = match kind {
            Some(JoinType::JoinLeft) => "LEFT ",
            Some(JoinType::JoinRight) => "RIGHT ",
            Some(JoinType::JoinFull) => "FULL ",
            _ => "",
        };
        let start = self.level()?.items.len();
        let left = Box::new(self.read_from_item(required(join.larg.as_deref())?)?);
        let middle = self.level()?.items.len();
        let right = Box::new(self.read_from_item(required(join.rarg.as_deref())?)?);
        let items = self.level()?.items.split_off(start);
        let (left_items, right_items) = items.split_at(middle - start);
        let (mut left_items, mut right_items) = (left_items.to_vec(), right_items.to_vec());
        let using: Vec<String> = if join.is_natural {
            let in_right = |name: &str| visible(&right_items).any(|(known, _)| known == name);
            visible(&left_items)
                .filter(|(name, _)| in_right(name))
                .map(|(name, _)| name.clone())
                .collect()
        } else {
            strings(&join.using_clause).into_iter().map(str::to_owned).collect()
        };
        self.joins += 1;
        let number = self.joins;
        let mut is_dangerous = false;
        let mut merged = Vec::new();
        for (at, name) in using.iter().enumerate() {
            let side = |items: &[Item]| {
                visible(items).find(|(known, _)| known == name).map(|(_, term)| term.clone())
            };
            let (Some(l), Some(r)) = (side(&left_items), side(&right_items)) else {
                return Err(missing(name));
            };
            let (_, ty, typmod) = self.unify(vec![l.clone(), r.clone()])?;
            // What is coerced is no column of either side.
            let plain = |side: &Term| (side.ty, side.typmod) == (ty, typmod);
            let term = match kind {
                Some(JoinType::JoinInner | JoinType::JoinLeft) | None if plain(&l) => l,
                Some(JoinType::JoinInner | JoinType::JoinRight) if plain(&r) => r,
                _ => {
                    is_dangerous = true;
                    let kind = Kind::Merged { name: name.clone(), of: Some((number, at)) };
                    Term { kind, ty, typmod }
                }
            };
            merged.push((name.clone(), term));
        }
        let mut joined = None;
        if !using.is_empty() {
            let mut columns = merged.clone();
            for item in left_items.iter().chain(&right_items).filter(|item| item.unqualified) {
                columns.extend(item.columns.iter().filter(|(n, _)| !using.contains(n)).cloned());
            }
            for item in left_items.iter_mut().chain(&mut right_items) {
                item.unqualified = false;
            }
            let item = |alias: Option<String>, columns, unqualified| Item {
                alias,
                schema: None,
                entry: None,
                columns,
                unqualified,
            };
            let named = join.join_using_alias.as_ref();
            joined = Some((
                item(None, columns, true),
                named.map(|alias| item(Some(alias.aliasname.clone()), merged, false)),
            ));
        }
        let level = self.level()?;
        level.items.extend(left_items);
        level.items.extend(right_items);
        if let Some((all, named)) = joined {
            level.items.extend(named);
            level.items.push(all);
        }
        let on = match &join.quals {
            Some(quals) => {
                let before = self.level()?.items.drain(..start).collect::<Vec<_>>();
                let condition = self.condition(quals);
                self.level()?.items.splice(0..0, before);
                Some(condition?)
            }
            None => None,
        };
        let alias = match &join.alias {
            Some(alias) => Some(self.alias_join(alias, start)?),
            None => None,
        };
        let using_alias = join.join_using_alias.as_ref().map(|alias| alias.aliasname.clone());
        Ok(FromItem::Join {
            number,
            word,
            left,
            right,
            using,
            is_dangerous,
            using_alias,
            on,
            alias,
        })
    }

    /// `(… JOIN …) AS alias`: the parts are hidden behind one entry.
    fn alias_join(&mut self, alias: &protobuf::Alias, start: usize) -> Result<usize> {
        let level = self.level()?;
        let parts = level.items.split_off(start);
        let columns = visible(&parts).map(|(name, term)| Column {
            name: name.clone(),
            ty: term.ty,
            typmod: term.typmod,
        });
        let entry = Entry {
            source: Source::Join,
            name: alias.aliasname.clone(),
            alias: true,
            aliases: strings(&alias.colnames).into_iter().map(str::to_owned).collect(),
            columns: columns.collect(),
            written: None,
            row_type: oid::RECORD,
            lateral: false,
        };
        Ok(level.add(entry, None))
    }
}

fn visible(items: &[Item]) -> impl Iterator<Item = &(String, Term)> {
    items.iter().filter(|item| item.unqualified).flat_map(|item| &item.columns)
}

fn alias(alias: Option<&protobuf::Alias>) -> (Option<String>, Vec<String>) {
    match alias {
        Some(alias) => (
            Some(alias.aliasname.clone()),
            strings(&alias.colnames).into_iter().map(str::to_owned).collect(),
        ),
        None => (None, Vec::new()),
    }
}

/// The columns that a relation offers, with their modifiers.
fn own_columns(columns: Vec<query::OutputColumn>) -> Vec<Column> {
    let column = |column: query::OutputColumn| Column {
        name: column.name,
        ty: column.ty,
        typmod: column.typmod,
    };
    columns.into_iter().map(column).collect()
}

//! Query trees to text, with PostgreSQL's names for tables and its line breaks.

use std::collections::HashMap;

use catalog::builtin::quote_identifier;

use super::Style;
use super::column_names::{ColumnNames, QueryNames, column_names};
use super::print::{ITEM_STEP, Label, Printer, STEP};
use super::term::{
    Body, Column, Cte, Cycle, Entry, FromItem, FunctionItem, Group, Kind, QueryTree, Search,
    Select, Sort, Source, Term,
};

/// Columns that a join is moved in by.
const JOIN_STEP: i32 = 4;

/// The names that a query's range table has in the text.
pub(super) struct Scope {
    /// Of each entry.
    names: Vec<String>,
    /// Of each entry's columns.
    columns: Vec<ColumnNames>,
    /// Of the columns that each join merges.
    merged: HashMap<usize, Vec<String>>,
    /// Columns are qualified.
    qualified: bool,
    /// Output columns that ORDER BY could mistake a column for: name, and the column that it is.
    outputs: Vec<(String, Option<(usize, usize)>)>,
}

impl Scope {
    /// Whether there are tables in it.
    pub(super) fn has_relations(&self) -> bool {
        !self.names.is_empty()
    }
}

impl Printer<'_> {
    /// Opens a scope over a range table: names are made unique among those of the scopes around.
    pub(super) fn open(&mut self, entries: &[Entry], from: &[FromItem], qualified: bool) {
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let taken = |name: &str| {
                let mut outer = self.scopes.iter().flat_map(|scope| &scope.names);
                names.iter().any(|known| known == name) || outer.any(|known| known == name)
            };
            let mut name = entry.name.clone();
            let mut number = 0;
            while taken(&name) {
                number += 1;
                name = format!("{}_{number}", entry.name);
            }
            names.push(name);
        }
        let QueryNames { entries: columns, merged } = column_names(entries, from);
        self.scopes.push(Scope { names, columns, merged, qualified, outputs: Vec::new() });
    }

    /// A column of a range-table entry, or all of them.
    pub(super) fn variable(&mut self, up: usize, relation: usize, column: Option<usize>) {
        let Some(scope) = self.scopes.iter().nth_back(up) else { return };
        let Some(name) = scope.names.get(relation) else { return };
        let names = scope.columns.get(relation).map(|columns| &columns.names);
        let column_name = column.and_then(|column| names?.get(column));
        let inner_qualified = self.scopes.last().is_some_and(|scope| scope.qualified);
        let mistaken = self.in_order_by
            && scope.outputs.iter().any(|(output, of)| {
                Some(output) == column_name && *of != column.map(|column| (relation, column))
            });
        let mut text = String::new();
        // A row is read back by the entry's name alone.
        let bare_row = column.is_none() && self.style == Style::STORED;
        if inner_qualified || column.is_none() || mistaken {
            text += &quote_identifier(name);
            if !bare_row {
                text.push('.');
            }
        }
        match column_name {
            Some(name) => text += &quote_identifier(name),
            None if bare_row => {}
            None => text.push('*'),
        }
        self.push(&text);
    }

    /// The name of a column that a join merged.
    pub(super) fn merged_name<'n>(
        &'n self,
        written: &'n str,
        of: Option<(usize, usize)>,
    ) -> &'n str {
        let name = of.and_then(|(join, at)| {
            self.scopes.iter().rev().find_map(|scope| scope.merged.get(&join))?.get(at)
        });
        name.map_or(written, String::as_str)
    }

    /// Prints a query. `names` are those of its output columns where they are not its own;
    /// `visible` says that the names of its output columns matter.
    pub(super) fn query(&mut self, tree: &QueryTree, names: Option<&[String]>, visible: bool) {
        let empty = Vec::new();
        let (entries, from) = match &tree.body {
            Body::Select(select) => (&select.relations, select.from.as_slice()),
            _ => (&empty, [].as_slice()),
        };
        let joins = match &tree.body {
            Body::Select(select) => select.from.iter().map(count_joins).sum(),
            _ => 0,
        };
        // Joins count as entries too. A function's arguments are around its body's queries.
        let nested = !self.scopes.is_empty() || !self.function.is_empty();
        let qualified = nested || entries.len() + joins != 1;
        self.open(entries, from, qualified);
        if let (Body::Select(select), Some(scope)) = (&tree.body, self.scopes.last_mut()) {
            let output = |(at, (term, own)): (usize, &(Term, String))| {
                let name = names.and_then(|names| names.get(at)).unwrap_or(own);
                let of = match term.kind {
                    Kind::Var { up: 0, relation, column } => Some((relation, column)),
                    _ => None,
                };
                (name.clone(), of)
            };
            scope.outputs = select.targets.iter().enumerate().map(output).collect();
        }
        let ordered = std::mem::take(&mut self.in_order_by);
        let indent = self.indent;
        self.ctes(tree);
        if let Body::Select(_) | Body::Values(_) = &tree.body {
            self.move_in(STEP);
            self.push(" ");
        }
        match &tree.body {
            Body::Select(select) => self.select(select, names, visible),
            Body::Values(rows) => self.values(rows),
            Body::SetOperation { word, all, left, right } => {
                self.set_operation((word, *all), left, right, names, visible);
            }
        }
        self.tail(tree);
        self.indent = indent;
        self.in_order_by = ordered;
        self.scopes.pop();
    }

    /// ORDER BY, LIMIT, FOR UPDATE.
    fn tail(&mut self, tree: &QueryTree) {
        if !tree.order.is_empty() {
            self.line(" ORDER BY ", -STEP, STEP, 1);
            self.sort(&tree.order);
        }
        if let Some(offset) = &tree.offset {
            self.line(" OFFSET ", -STEP, STEP, 0);
            self.term(offset, false);
        }
        match &tree.limit {
            Some(limit) if tree.with_ties => {
                self.line(" FETCH FIRST ", -STEP, STEP, 0);
                self.push("(");
                self.term(limit, false);
                self.push(") ROWS WITH TIES");
            }
            Some(_) if tree.limit_all => self.line(" LIMIT ALL", -STEP, STEP, 0),
            Some(limit) => {
                self.line(" LIMIT ", -STEP, STEP, 0);
                self.term(limit, false);
            }
            None => {}
        }
        for (words, entries, wait) in &tree.locks {
            for entry in entries {
                let Some(scope) = self.scopes.last() else { continue };
                let Some(name) = scope.names.get(*entry).cloned() else { continue };
                self.line(words, -STEP, STEP, 0);
                self.push(&format!(" OF {}{wait}", quote_identifier(&name)));
            }
        }
    }

    fn ctes(&mut self, tree: &QueryTree) {
        if tree.ctes.is_empty() {
            return;
        }
        self.move_in(STEP);
        self.push(" ");
        for (at, cte) in tree.ctes.iter().enumerate() {
            self.push(match (at, tree.recursive) {
                (0, true) => "WITH RECURSIVE ",
                (0, false) => "WITH ",
                _ => ", ",
            });
            self.push(&quote_identifier(&cte.name));
            if !cte.aliases.is_empty() {
                self.push("(");
                self.identifiers(&cte.aliases);
                self.push(")");
            }
            self.push(match cte.materialized {
                Some(true) => " AS MATERIALIZED (",
                Some(false) => " AS NOT MATERIALIZED (",
                None => " AS (",
            });
            self.line("", 0, 0, 0);
            self.query(&cte.query, None, true);
            self.line("", 0, 0, 0);
            self.push(")");
            self.search_and_cycle(cte);
        }
        self.move_in(-STEP);
        self.line("", 0, 0, 0);
    }

    fn search_and_cycle(&mut self, cte: &Cte) {
        if let Some(Search { breadth, columns, sequence }) = &cte.search {
            self.push(if *breadth {
                " SEARCH BREADTH FIRST BY "
            } else {
                " SEARCH DEPTH FIRST BY "
            });
            self.identifiers(columns);
            self.push(&format!(" SET {}", quote_identifier(sequence)));
        }
        if let Some(Cycle { columns, mark, values, path }) = &cte.cycle {
            self.push(" CYCLE ");
            self.identifiers(columns);
            self.push(&format!(" SET {}", quote_identifier(mark)));
            if let Some((value, default)) = values {
                self.push(" TO ");
                self.term(value, false);
                self.push(" DEFAULT ");
                self.term(default, false);
            }
            self.push(&format!(" USING {}", quote_identifier(path)));
        }
    }

    fn set_operation(
        &mut self,
        (word, all): (&str, bool),
        left: &QueryTree,
        right: &QueryTree,
        names: Option<&[String]>,
        visible: bool,
    ) {
        let nested = |tree: &QueryTree| match &tree.body {
            Body::SetOperation { word, all, left: _, right: _ } if is_bare(tree) => {
                Some((*word, *all))
            }
            _ => None,
        };
        let inner = nested(left);
        let parentheses = inner.is_some_and(|inner| inner != (word, all));
        let step = if parentheses { STEP } else { 0 };
        if parentheses {
            self.push("(");
            self.line("", step, 0, 0);
        }
        self.side(left, inner.is_some(), names, visible);
        match parentheses {
            true => self.line(") ", -step, 0, 0),
            false => self.line("", -step, 0, 0),
        }
        self.push(word);
        if all {
            self.push("ALL ");
        }
        let parentheses = nested(right).is_some();
        let step = if parentheses { STEP } else { 0 };
        if parentheses {
            self.push("(");
        }
        self.line("", step, 0, 0);
        self.side(right, parentheses, names, false);
        self.move_in(-step);
        if parentheses {
            self.line(")", 0, 0, 0);
        }
    }

    /// One side of a set operation: another one, or a query of its own.
    fn side(&mut self, tree: &QueryTree, nested: bool, names: Option<&[String]>, visible: bool) {
        if nested && let Body::SetOperation { word, all, left, right } = &tree.body {
            self.set_operation((word, *all), left, right, names, visible);
            return;
        }
        let parentheses = !is_bare(tree);
        if parentheses {
            self.push("(");
        }
        self.query(tree, names, visible);
        if parentheses {
            self.push(")");
        }
    }

    fn values(&mut self, rows: &[Vec<Term>]) {
        self.push("VALUES ");
        self.list(rows, |printer, row| {
            printer.push("(");
            for (at, value) in row.iter().enumerate() {
                if at > 0 {
                    printer.push(",");
                }
                printer.top_level(value, false);
            }
            printer.push(")");
        });
    }

    fn select(&mut self, select: &Select, names: Option<&[String]>, visible: bool) {
        self.push("SELECT");
        match &select.distinct {
            None => {}
            Some(on) if on.is_empty() => self.push(" DISTINCT"),
            Some(on) => {
                self.push(" DISTINCT ON (");
                self.list(on, |printer, term| printer.sort_term(term));
                self.push(")");
            }
        }
        self.targets(select, names, visible);
        self.from(&select.from, &select.relations);
        if let Some(filter) = &select.filter {
            self.line(" WHERE ", -STEP, STEP, 1);
            self.term(filter, false);
        }
        if !select.groups.is_empty() {
            self.line(" GROUP BY ", -STEP, STEP, 1);
            if select.group_distinct {
                self.push("DISTINCT ");
            }
            self.list(&select.groups, |printer, group| printer.group(group, true));
        }
        if let Some(having) = &select.having {
            self.line(" HAVING ", -STEP, STEP, 0);
            self.term(having, false);
        }
        for (at, (name, window)) in select.windows.iter().enumerate() {
            match at {
                0 => self.line(" WINDOW ", -STEP, STEP, 1),
                _ => self.push(", "),
            }
            self.push(&format!("{} AS ", quote_identifier(name)));
            self.window(window);
        }
    }

    fn targets(&mut self, select: &Select, names: Option<&[String]>, visible: bool) {
        let mut several_lines = false;
        for (at, (term, own)) in select.targets.iter().enumerate() {
            self.push(if at > 0 { ", " } else { " " });
            let name = names.and_then(|names| names.get(at)).unwrap_or(own);
            let text = self.apart(|printer| {
                printer.top_level(term, true);
                // A column shows its name; other things have none, or `?column?`, by themselves.
                let shown = match (&term.kind, visible) {
                    (Kind::Var { up, relation, column }, _) => {
                        let scope = printer.scopes.iter().nth_back(*up);
                        let columns = scope.and_then(|scope| scope.columns.get(*relation));
                        columns.and_then(|columns| columns.names.get(*column)).cloned()
                    }
                    (Kind::Merged { name, of }, _) => {
                        Some(printer.merged_name(name, *of).to_owned())
                    }
                    (_, true) => None,
                    (_, false) => Some("?column?".to_owned()),
                };
                if shown.as_ref() != Some(name) {
                    printer.push(&format!(" AS {}", quote_identifier(name)));
                }
            });
            several_lines = self.place(&text, at > 0, several_lines);
        }
    }

    /// Adds an item of a list, on a line of its own if the present one would become too long.
    /// Whether the item takes several lines.
    fn place(&mut self, text: &str, breakable: bool, after_several: bool) -> bool {
        let begins = text.starts_with('\n');
        if let Ok(wrap) = usize::try_from(self.style.wrap) {
            let line = self.out.rsplit('\n').next().map_or(0, str::len);
            if begins {
                let end = self.out.trim_end_matches(' ').len();
                self.out.truncate(end);
            } else if breakable && (line + text.len() > wrap || after_several) {
                self.line("", -STEP, STEP, ITEM_STEP);
            }
        }
        self.push(text);
        text.trim_start_matches('\n').contains('\n')
    }

    fn from(&mut self, from: &[FromItem], entries: &[Entry]) {
        for (at, item) in from.iter().enumerate() {
            if at == 0 {
                self.line(" FROM ", -STEP, STEP, 2);
                self.put_from_item(item, entries);
                continue;
            }
            self.push(", ");
            let text = self.apart(|printer| printer.put_from_item(item, entries));
            self.place(&text, true, false);
        }
    }

    fn put_from_item(&mut self, item: &FromItem, entries: &[Entry]) {
        match item {
            FromItem::Entry(number) => {
                if let Some(entry) = entries.get(*number) {
                    self.entry(entry, *number);
                }
            }
            FromItem::Join {
                number,
                word,
                left,
                right,
                using,
                is_dangerous: _,
                using_alias,
                on,
                alias,
            } => {
                let parentheses = !self.style.pretty || alias.is_some();
                let right_parentheses =
                    self.style.pretty && matches!(&**right, FromItem::Join { alias: None, .. });
                if parentheses {
                    self.push("(");
                }
                self.put_from_item(left, entries);
                let conditional = on.is_some() || !using.is_empty();
                let words = match (*word, conditional) {
                    ("", false) => " CROSS JOIN ".to_owned(),
                    (word, _) => format!(" {word}JOIN "),
                };
                self.line(&words, -STEP, STEP, JOIN_STEP);
                if right_parentheses {
                    self.push("(");
                }
                self.put_from_item(right, entries);
                if right_parentheses {
                    self.push(")");
                }
                if !using.is_empty() {
                    self.push(" USING (");
                    let merged = self.scopes.last().and_then(|scope| scope.merged.get(number));
                    let merged = merged.unwrap_or(using).clone();
                    self.identifiers(&merged);
                    self.push(")");
                    if let Some(alias) = using_alias {
                        self.push(&format!(" AS {}", quote_identifier(alias)));
                    }
                } else if let Some(on) = on {
                    self.push(" ON ");
                    if !self.style.pretty {
                        self.push("(");
                    }
                    self.term(on, false);
                    if !self.style.pretty {
                        self.push(")");
                    }
                } else if !word.is_empty() {
                    self.push(" ON TRUE");
                }
                if parentheses {
                    self.push(")");
                }
                if let Some(number) = alias
                    && let Some(entry) = entries.get(*number)
                {
                    self.alias(entry, *number);
                }
            }
        }
    }

    fn entry(&mut self, entry: &Entry, number: usize) {
        if entry.lateral {
            self.push("LATERAL ");
        }
        match &entry.source {
            Source::Relation { schema, name, only } => {
                if *only {
                    self.push("ONLY ");
                }
                self.relation_name(*schema, name);
            }
            Source::Query(query) => {
                self.push("(");
                self.query(query, None, true);
                self.push(")");
            }
            Source::Functions { calls, ordinality } => self.functions(calls, *ordinality),
            Source::Cte(name) => self.push(&quote_identifier(name)),
            Source::Join => {}
        }
        self.alias(entry, number);
    }

    fn functions(&mut self, calls: &[FunctionItem], ordinality: bool) {
        let is_unnest = |item: &FunctionItem| {
            item.definitions.is_empty()
                && matches!(&item.call.kind, Kind::Call(call)
                    if call.name == "unnest" && call.args.len() == 1)
        };
        match calls {
            [only] if only.definitions.is_empty() || !ordinality => self.call_in_from(&only.call),
            calls if calls.iter().all(is_unnest) => {
                self.push("UNNEST(");
                self.list(calls, |printer, item| {
                    if let Kind::Call(call) = &item.call.kind {
                        printer.list(&call.args, |printer, arg| printer.term(arg, true));
                    }
                });
                self.push(")");
            }
            calls => {
                self.push("ROWS FROM(");
                self.list(calls, |printer, item| {
                    printer.call_in_from(&item.call);
                    if !item.definitions.is_empty() {
                        printer.push(" AS ");
                        printer.definitions(&item.definitions);
                    }
                });
                self.push(")");
            }
        }
        if ordinality {
            self.push(" WITH ORDINALITY");
        }
    }

    /// A call in FROM; what does not look like one was a cast.
    ///
    /// Source: PostgreSQL 16 `get_rule_expr_funccall`.
    fn call_in_from(&mut self, term: &Term) {
        if matches!(term.kind, Kind::Call(_) | Kind::Keyword { .. } | Kind::SqlValue(_)) {
            return self.term(term, true);
        }
        self.push("CAST(");
        self.term(term, false);
        self.push(" AS ");
        self.type_name(term.ty, term.typmod);
        self.push(")");
    }

    fn definitions(&mut self, columns: &[Column]) {
        self.push("(");
        self.list(columns, |printer, column| {
            printer.push(&format!("{} ", quote_identifier(&column.name)));
            printer.type_name(column.ty, column.typmod);
        });
        self.push(")");
    }

    /// The alias and the names of columns, where they say something.
    fn alias(&mut self, entry: &Entry, number: usize) {
        let Some(scope) = self.scopes.last() else { return };
        let (Some(name), Some(columns)) = (scope.names.get(number), scope.columns.get(number))
        else {
            return;
        };
        let (name, columns, list) = (name.clone(), columns.listed.clone(), columns.shown);
        let given = entry.alias
            || list
            || match &entry.source {
                Source::Relation { schema: _, name: own, only: _ } => *own != name,
                Source::Cte(own) => *own != name,
                Source::Query(_) | Source::Functions { .. } | Source::Join => true,
            };
        if given {
            self.push(&format!(" {}", quote_identifier(&name)));
        }
        if let Source::Functions { calls, ordinality } = &entry.source
            && let [only] = calls.as_slice()
            && !only.definitions.is_empty()
            && !ordinality
        {
            self.definitions(&only.definitions);
            return;
        }
        if list {
            self.push("(");
            self.identifiers(&columns);
            self.push(")");
        }
    }

    /// A list of sort items.
    pub(super) fn sort(&mut self, items: &[Sort]) {
        self.list(items, |printer, item| {
            match &item.output {
                Some(output) => printer.push(output),
                None => {
                    let before = std::mem::replace(&mut printer.in_order_by, true);
                    printer.sort_term(&item.term);
                    printer.in_order_by = before;
                }
            }
            match (item.descending, item.nulls_first) {
                (false, true) => printer.push(" NULLS FIRST"),
                (true, true) => printer.push(" DESC"),
                (true, false) => printer.push(" DESC NULLS LAST"),
                (false, false) => {}
            }
        });
    }

    /// An item of ORDER BY, GROUP BY or DISTINCT ON, which must not be taken for a position or a
    /// grouping set.
    pub(super) fn sort_term(&mut self, term: &Term) {
        match &term.kind {
            Kind::Const(value) => self.literal(value, term.ty, term.typmod, Label::Always),
            Kind::Var { .. } | Kind::WholeRow { .. } | Kind::Merged { .. } => self.term(term, true),
            kind => {
                let call = match kind {
                    Kind::Call(_) => true,
                    Kind::Cast(cast) => cast.function,
                    _ => false,
                };
                let parentheses = self.style.pretty || call;
                if parentheses {
                    self.push("(");
                }
                self.term(term, true);
                if parentheses {
                    self.push(")");
                }
            }
        }
    }

    /// An item of GROUP BY; the only member of a set stands without parentheses if `bare`.
    fn group(&mut self, group: &Group, bare: bool) {
        match group {
            Group::Term(term) if bare => self.sort_term(term),
            Group::Term(term) => {
                self.push("(");
                self.sort_term(term);
                self.push(")");
            }
            Group::Set(terms) => {
                self.push("(");
                self.list(terms, |printer, term| printer.sort_term(term));
                self.push(")");
            }
            Group::Sets(word, content) => {
                self.push(word);
                self.push("(");
                let bare = !word.starts_with("GROUPING");
                self.list(content, |printer, group| printer.group(group, bare));
                self.push(")");
            }
        }
    }
}

/// Whether a query is no more than its body, so that it needs no parentheses as a side of a set
/// operation.
fn is_bare(tree: &QueryTree) -> bool {
    tree.ctes.is_empty()
        && tree.order.is_empty()
        && tree.limit.is_none()
        && tree.offset.is_none()
        && tree.locks.is_empty()
}

/// Joins without a name, which have an entry in PostgreSQL's range table, but none here.
fn count_joins(item: &FromItem) -> usize {
    match item {
        FromItem::Entry(_) => 0,
        FromItem::Join { left, right, alias, .. } => {
            usize::from(alias.is_none()) + count_joins(left) + count_joins(right)
        }
    }
}

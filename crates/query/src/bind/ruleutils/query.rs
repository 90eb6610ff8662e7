//! SELECT, VALUES, set operations, WITH: parse trees to query trees.

use parser::protobuf::{
    self, CteMaterialize, GroupingSetKind, LimitOption, LockClauseStrength, SetOperation, a_const,
};
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, oid};

use super::analyze::Analyzer;
use super::call::sort_item;
use super::from::{Level, VisibleCte};
use super::term::{Body, Column, Cte, Cycle, Group, Kind, QueryTree, Search, Select, Sort, Term};
use crate::bind::coerce::{Context, common_type};
use crate::bind::{required, strings};

impl Analyzer<'_> {
    /// Analyzes a query; its literals of no type become text.
    pub(super) fn query(&mut self, node: &protobuf::SelectStmt) -> Result<QueryTree> {
        self.deeper(|analyzer| {
            let mut tree = analyzer.select(node)?;
            let types: Vec<Oid> = tree.columns.iter().map(|column| text(column.ty)).collect();
            analyzer.coerce_outputs(&mut tree, &types)?;
            Ok(tree)
        })
    }

    fn select(&mut self, node: &protobuf::SelectStmt) -> Result<QueryTree> {
        let visible = self.ctes.len();
        let (recursive, ctes) = match &node.with_clause {
            Some(with) => (with.recursive, self.with_clause(with)?),
            None => (false, Vec::new()),
        };
        let mut tree = if is_set_operation(node) {
            self.set_operation(node)?
        } else if !node.values_lists.is_empty() {
            self.values(node)?
        } else {
            self.plain_select(node)?
        };
        self.ctes.truncate(visible);
        (tree.recursive, tree.ctes) = (recursive, ctes);
        tree.with_ties = node.limit_option == LimitOption::WithTies as i32;
        Ok(tree)
    }

    /// Gives the output columns other types.
    fn coerce_outputs(&mut self, tree: &mut QueryTree, types: &[Oid]) -> Result<()> {
        match &mut tree.body {
            Body::Select(select) => {
                for ((target, _), ty) in select.targets.iter_mut().zip(types) {
                    *target = self.output(target.clone(), *ty)?;
                }
            }
            Body::Values(rows) => {
                for row in rows {
                    for (value, ty) in row.iter_mut().zip(types) {
                        *value = self.output(value.clone(), *ty)?;
                    }
                }
            }
            // Its sides have the types already.
            Body::SetOperation { .. } => {}
        }
        for (column, ty) in tree.columns.iter_mut().zip(types) {
            if column.ty != *ty {
                (column.ty, column.typmod) = (*ty, -1);
            }
        }
        Ok(())
    }

    /// PostgreSQL gives types to the literals of a set operation's sides, and converts nothing else
    /// in what it stores.
    fn output(&mut self, term: Term, ty: Oid) -> Result<Term> {
        match term.ty {
            oid::UNKNOWN => self.coerce(term, ty, Context::Implicit, true),
            _ => Ok(term),
        }
    }

    fn set_operation(&mut self, node: &protobuf::SelectStmt) -> Result<QueryTree> {
        let (Some(left), Some(right)) = (node.larg.as_deref(), node.rarg.as_deref()) else {
            return Err(SqlError::internal("set operation without two sides"));
        };
        let mut left = self.deeper(|analyzer| analyzer.select(left))?;
        let mut right = self.deeper(|analyzer| analyzer.select(right))?;
        let mut types = Vec::new();
        for (l, r) in left.columns.iter().zip(&right.columns) {
            types.push(common_type(&self.binder.cx.catalog, &[l.ty, r.ty]).unwrap_or(l.ty));
        }
        self.coerce_outputs(&mut left, &types)?;
        self.coerce_outputs(&mut right, &types)?;
        let columns: Vec<Column> = left
            .columns
            .iter()
            .zip(&types)
            .map(|(column, ty)| Column { name: column.name.clone(), ty: *ty, typmod: -1 })
            .collect();
        let word = match SetOperation::from_i32(node.op) {
            Some(SetOperation::SetopIntersect) => "INTERSECT ",
            Some(SetOperation::SetopExcept) => "EXCEPT ",
            _ => "UNION ",
        };
        let (left, right) = (Box::new(left), Box::new(right));
        let body = Body::SetOperation { word, all: node.all, left, right };
        let order = sort_outputs(&node.sort_clause, &columns, |at, _| (at + 1).to_string())?;
        self.finish(node, body, columns, order)
    }

    fn values(&mut self, node: &protobuf::SelectStmt) -> Result<QueryTree> {
        self.levels.push(Level::default());
        let rows: Result<Vec<Vec<Term>>> = node
            .values_lists
            .iter()
            .map(|list| match &list.node {
                Some(NodeEnum::List(list)) => self.terms(&list.items),
                _ => Err(SqlError::internal("VALUES without a list")),
            })
            .collect();
        self.levels.pop();
        let mut rows = rows?;
        let width = rows.first().map_or(0, Vec::len);
        let mut columns = Vec::new();
        for position in 0..width {
            let column: Vec<Term> =
                rows.iter().filter_map(|row| row.get(position).cloned()).collect();
            let unknown = column.iter().all(|term| term.ty == oid::UNKNOWN);
            let (column, ty, typmod) = match unknown {
                true => (column, oid::UNKNOWN, -1),
                false => self.unify(column)?,
            };
            for (row, term) in rows.iter_mut().zip(column) {
                if let Some(slot) = row.get_mut(position) {
                    *slot = term;
                }
            }
            columns.push(Column { name: format!("column{}", position + 1), ty, typmod });
        }
        let order = sort_outputs(&node.sort_clause, &columns, |_, column| column.name.clone())?;
        self.finish(node, Body::Values(rows), columns, order)
    }

    fn plain_select(&mut self, node: &protobuf::SelectStmt) -> Result<QueryTree> {
        self.levels.push(Level::default());
        let tree = self.select_in_scope(node);
        self.levels.pop();
        tree
    }

    fn select_in_scope(&mut self, node: &protobuf::SelectStmt) -> Result<QueryTree> {
        let mut select = Select::default();
        for item in &node.from_clause {
            select.from.push(self.read_from_item(item)?);
        }
        for target in &node.target_list {
            let Some(NodeEnum::ResTarget(target)) = &target.node else { continue };
            self.target(target, &mut select.targets)?;
        }
        for window in &node.window_clause {
            if let Some(NodeEnum::WindowDef(window)) = &window.node {
                select.windows.push((window.name.clone(), self.window(window)?));
            }
        }
        if let Some(filter) = &node.where_clause {
            select.filter = Some(self.condition(filter)?);
        }
        if let Some(having) = &node.having_clause {
            select.having = Some(self.condition(having)?);
        }
        let mut order = Vec::new();
        for item in &node.sort_clause {
            let Some(NodeEnum::SortBy(sort)) = &item.node else { continue };
            let term = self.output_or_term(required(sort.node.as_deref())?, &select, true)?;
            order.push(sort_item(sort, term, None));
        }
        select.group_distinct = node.group_distinct;
        for group in &node.group_clause {
            let group = self.group(group, &select)?;
            select.groups.push(group);
        }
        if !node.distinct_clause.is_empty() {
            let mut on = Vec::new();
            // Plain DISTINCT is a list of one empty node.
            for item in node.distinct_clause.iter().filter(|item| item.node.is_some()) {
                on.push(self.output_or_term(item, &select, true)?);
            }
            select.distinct = Some(on);
        }
        let columns = select
            .targets
            .iter()
            .map(|(term, name)| Column { name: name.clone(), ty: term.ty, typmod: term.typmod })
            .collect();
        let locks = self.locks(&node.locking_clause)?;
        // LIMIT sees outer queries only, but counts levels from here.
        let level = self.level()?;
        let items = std::mem::take(&mut level.items);
        let (limit, offset) = (self.limit(&node.limit_count), self.limit(&node.limit_offset));
        let level = self.level()?;
        level.items = items;
        select.relations = std::mem::take(&mut level.entries);
        Ok(QueryTree {
            recursive: false,
            ctes: Vec::new(),
            body: Body::Select(Box::new(select)),
            columns,
            order,
            limit: limit?,
            limit_all: false,
            offset: offset?,
            with_ties: false,
            locks,
        }
        .all_limited())
    }

    fn finish(
        &mut self,
        node: &protobuf::SelectStmt,
        body: Body,
        columns: Vec<Column>,
        order: Vec<Sort>,
    ) -> Result<QueryTree> {
        self.levels.push(Level::default());
        let (limit, offset) = (self.limit(&node.limit_count), self.limit(&node.limit_offset));
        self.levels.pop();
        Ok(QueryTree {
            recursive: false,
            ctes: Vec::new(),
            body,
            columns,
            order,
            limit: limit?,
            limit_all: false,
            offset: offset?,
            with_ties: false,
            locks: Vec::new(),
        }
        .all_limited())
    }

    fn limit(&mut self, node: &Option<Box<Node>>) -> Result<Option<Term>> {
        let Some(node) = node else { return Ok(None) };
        let term = self.term(node)?;
        self.coerce(term, oid::INT8, Context::Assignment, true).map(Some)
    }

    fn target(
        &mut self,
        target: &protobuf::ResTarget,
        targets: &mut Vec<(Term, String)>,
    ) -> Result<()> {
        let value = required(target.val.as_deref())?;
        if let Some(NodeEnum::ColumnRef(column)) = &value.node
            && matches!(
                column.fields.last().and_then(|field| field.node.as_ref()),
                Some(NodeEnum::AStar(_))
            )
        {
            targets.extend(self.expand_star(&strings(&column.fields))?);
            return Ok(());
        }
        if let Some(NodeEnum::AIndirection(indirection)) = &value.node
            && let Some((last, steps)) = indirection.indirection.split_last()
            && matches!(&last.node, Some(NodeEnum::AStar(_)))
        {
            let base = self.boxed(&indirection.arg)?;
            let base = self.indirection(base, steps)?;
            for name in self.field_names(&base) {
                let field = self.field(base.clone(), &name)?;
                targets.push((field, name));
            }
            return Ok(());
        }
        let term = self.term(value)?;
        let name = match target.name.is_empty() {
            true => crate::bind::column_name::column_name(value),
            false => target.name.clone(),
        };
        targets.push((term, name));
        Ok(())
    }

    /// The names of a row's fields.
    fn field_names(&self, base: &Term) -> Vec<String> {
        if let super::term::Kind::Call(call) = &base.kind
            && !call.outputs.is_empty()
        {
            return call.outputs.iter().map(|column| column.name.clone()).collect();
        }
        match self.binder.cx.catalog.table_by_row_type(base.ty.0) {
            Some(table) => table.live_columns().map(|(_, column)| column.name.clone()).collect(),
            None => Vec::new(),
        }
    }

    /// What an item of ORDER BY, GROUP BY or DISTINCT ON means: an output column by name or number,
    /// or an expression. For GROUP BY, input columns come before outputs' names.
    fn output_or_term(&mut self, node: &Node, select: &Select, outputs: bool) -> Result<Term> {
        let by_name = outputs
            || match &node.node {
                Some(NodeEnum::ColumnRef(column)) => self.column_ref(column).is_err(),
                _ => true,
            };
        let names = select.targets.iter().map(|(_, name)| name.as_str());
        if by_name
            && let Some(at) = output_position(node, names)
            && let Some((term, _)) = select.targets.get(at)
        {
            return self.settle(term.clone());
        }
        let term = self.term(node)?;
        self.settle(term)
    }

    fn group(&mut self, node: &Node, select: &Select) -> Result<Group> {
        match &node.node {
            Some(NodeEnum::GroupingSet(set)) => {
                let kind = GroupingSetKind::from_i32(set.kind);
                let word = match kind {
                    Some(GroupingSetKind::GroupingSetRollup) => "ROLLUP",
                    Some(GroupingSetKind::GroupingSetCube) => "CUBE",
                    Some(GroupingSetKind::GroupingSetSets) => "GROUPING SETS ",
                    _ => return Ok(Group::Set(Vec::new())),
                };
                let mut content = Vec::new();
                for item in &set.content {
                    content.push(self.group(item, select)?);
                }
                Ok(Group::Sets(word, content))
            }
            Some(NodeEnum::RowExpr(row)) => {
                let mut terms = Vec::new();
                for arg in &row.args {
                    terms.push(self.output_or_term(arg, select, false)?);
                }
                Ok(Group::Set(terms))
            }
            _ => self.output_or_term(node, select, false).map(Group::Term),
        }
    }

    fn locks(&mut self, nodes: &[Node]) -> Result<Vec<(&'static str, Vec<usize>, &'static str)>> {
        let mut locks = Vec::new();
        for node in nodes {
            let Some(NodeEnum::LockingClause(clause)) = &node.node else { continue };
            let words = match LockClauseStrength::from_i32(clause.strength) {
                Some(LockClauseStrength::LcsForupdate) => " FOR UPDATE",
                Some(LockClauseStrength::LcsForkeyshare) => " FOR KEY SHARE",
                Some(LockClauseStrength::LcsForshare) => " FOR SHARE",
                _ => " FOR NO KEY UPDATE",
            };
            let entries = &self.level()?.entries;
            let named = relation_names(&clause.locked_rels);
            let numbers = match named.is_empty() {
                true => (0..entries.len()).collect(),
                false => {
                    let is_named = |at: &usize| {
                        entries.get(*at).is_some_and(|entry| named.contains(&entry.name))
                    };
                    (0..entries.len()).filter(is_named).collect()
                }
            };
            let wait = match protobuf::LockWaitPolicy::from_i32(clause.wait_policy) {
                Some(protobuf::LockWaitPolicy::LockWaitSkip) => " SKIP LOCKED",
                Some(protobuf::LockWaitPolicy::LockWaitError) => " NOWAIT",
                _ => "",
            };
            locks.push((words, numbers, wait));
        }
        Ok(locks)
    }

    fn with_clause(&mut self, with: &protobuf::WithClause) -> Result<Vec<Cte>> {
        let mut ctes = Vec::new();
        for node in &with.ctes {
            let Some(NodeEnum::CommonTableExpr(cte)) = &node.node else { continue };
            let Some(NodeEnum::SelectStmt(select)) =
                cte.ctequery.as_ref().and_then(|node| node.node.as_ref())
            else {
                return Err(SqlError::internal("stored WITH query is not a SELECT"));
            };
            let aliases: Vec<String> =
                strings(&cte.aliascolnames).into_iter().map(str::to_owned).collect();
            let visible = |columns: &[Column]| VisibleCte {
                name: cte.ctename.clone(),
                columns: rename(columns, &aliases),
            };
            let known = self.ctes.len();
            // The first side of a recursive union decides the columns that the second sees.
            if with.recursive && is_set_operation(select) {
                let mut first = select.as_ref();
                while let Some(left) = first.larg.as_deref() {
                    first = left;
                }
                if let Ok(base) = self.query(first) {
                    self.ctes.push(visible(&base.columns));
                }
            }
            let query = self.query(select)?;
            self.ctes.truncate(known);
            let (search, cycle) = self.search_and_cycle(cte)?;
            let mut shown = visible(&query.columns);
            let column = |name: &str, ty: Oid| Column { name: name.to_owned(), ty, typmod: -1 };
            if let Some(Search { breadth, sequence, .. }) = &search {
                let ty = if *breadth { oid::RECORD } else { oid::RECORD_ARRAY };
                shown.columns.push(column(sequence, ty));
            }
            if let Some(Cycle { mark, values, path, .. }) = &cycle {
                let ty = values.as_ref().map_or(oid::BOOL, |(value, _)| value.ty);
                shown.columns.push(column(mark, ty));
                shown.columns.push(column(path, oid::RECORD_ARRAY));
            }
            self.ctes.push(shown);
            let materialized = match CteMaterialize::from_i32(cte.ctematerialized) {
                Some(CteMaterialize::Always) => Some(true),
                Some(CteMaterialize::Never) => Some(false),
                _ => None,
            };
            let name = cte.ctename.clone();
            ctes.push(Cte { name, aliases, materialized, query, search, cycle });
        }
        Ok(ctes)
    }

    fn search_and_cycle(
        &mut self,
        cte: &protobuf::CommonTableExpr,
    ) -> Result<(Option<Search>, Option<Cycle>)> {
        let names = |nodes: &[Node]| strings(nodes).into_iter().map(str::to_owned).collect();
        let search = cte.search_clause.as_ref().map(|clause| Search {
            breadth: clause.search_breadth_first,
            columns: names(&clause.search_col_list),
            sequence: clause.search_seq_column.clone(),
        });
        let Some(clause) = &cte.cycle_clause else { return Ok((search, None)) };
        let value = self.term(required(clause.cycle_mark_value.as_deref())?)?;
        let default = self.term(required(clause.cycle_mark_default.as_deref())?)?;
        fn usual(term: &Term, wanted: bool) -> bool {
            match &term.kind {
                Kind::Const(value) => matches!(value, Datum::Bool(given) if *given == wanted),
                Kind::Cast(cast) => usual(&cast.arg, wanted),
                _ => false,
            }
        }
        let values = match usual(&value, true) && usual(&default, false) {
            true => None,
            false => {
                let (values, ..) = self.unify(vec![value, default])?;
                let [value, default] = <[Term; 2]>::try_from(values)
                    .map_err(|_| SqlError::internal("two values are not two"))?;
                Some((value, default))
            }
        };
        let cycle = Cycle {
            columns: names(&clause.cycle_col_list),
            mark: clause.cycle_mark_column.clone(),
            values,
            path: clause.cycle_path_column.clone(),
        };
        Ok((search, Some(cycle)))
    }
}

impl QueryTree {
    /// `LIMIT NULL` is `LIMIT ALL`.
    fn all_limited(mut self) -> QueryTree {
        self.limit_all = self.limit.as_ref().is_some_and(Term::is_null);
        self
    }
}

fn text(ty: Oid) -> Oid {
    if ty == oid::UNKNOWN { oid::TEXT } else { ty }
}

fn is_set_operation(node: &protobuf::SelectStmt) -> bool {
    node.op != SetOperation::SetopNone as i32 && node.op != SetOperation::Undefined as i32
}

fn rename(columns: &[Column], names: &[String]) -> Vec<Column> {
    let mut columns = columns.to_vec();
    for (column, name) in columns.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
    columns
}

fn relation_names(nodes: &[Node]) -> Vec<String> {
    let name = |node: &Node| match &node.node {
        Some(NodeEnum::RangeVar(range)) => Some(range.relname.clone()),
        _ => None,
    };
    nodes.iter().filter_map(name).collect()
}

/// `ORDER BY` over outputs, by name or number; `shown` makes what shows.
fn sort_outputs(
    nodes: &[Node],
    columns: &[Column],
    shown: impl Fn(usize, &Column) -> String,
) -> Result<Vec<Sort>> {
    let mut order = Vec::new();
    for node in nodes {
        let Some(NodeEnum::SortBy(sort)) = &node.node else { continue };
        let inner = required(sort.node.as_deref())?;
        let at = output_position(inner, columns.iter().map(|column| column.name.as_str()));
        let output = at.and_then(|at| Some(shown(at, columns.get(at)?)));
        order.push(sort_item(sort, Term::null(oid::TEXT), output));
    }
    Ok(order)
}

/// The output that a name or a number means.
fn output_position<'a>(node: &Node, mut names: impl Iterator<Item = &'a str>) -> Option<usize> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => match (strings(&column.fields).as_slice(), &column.fields) {
            ([name], fields) if fields.len() == 1 => names.position(|known| known == *name),
            _ => None,
        },
        NodeEnum::AConst(constant) => match &constant.val {
            Some(a_const::Val::Ival(number)) => usize::try_from(number.ival).ok()?.checked_sub(1),
            _ => None,
        },
        _ => None,
    }
}

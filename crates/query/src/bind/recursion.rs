//! Which WITH RECURSIVE items refer to which, and whether they may.
//!
//! Source: PostgreSQL 16 `makeDependencyGraph` and `checkWellFormedRecursion`,
//! `src/backend/parser/parse_cte.c`.

use parser::protobuf::{self, JoinType, SetOperation};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use super::{Binder, raw};

/// One item of WITH.
pub(super) struct CteItem<'n> {
    pub(super) cte: &'n protobuf::CommonTableExpr,
    pub(super) statement: &'n NodeEnum,
    /// It refers to itself.
    pub(super) recursive: bool,
}

/// Where a recursive reference stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Fine,
    NonRecursiveTerm,
    SubLink,
    OuterJoin,
    Intersect,
    Except,
}

/// Walks over a statement and reports references to names that no inner WITH declares.
struct References<'r, 'n> {
    /// Names that inner WITH clauses declare.
    inner: Vec<&'n str>,
    found: &'r mut dyn FnMut(&'n protobuf::RangeVar),
}

impl<'n> References<'_, 'n> {
    fn visit(&mut self, node: &'n Node) {
        if let Some(node) = &node.node {
            self.visit_node(node);
        }
    }

    fn visit_node(&mut self, node: &'n NodeEnum) {
        if let NodeEnum::RangeVar(range) = node {
            if range.schemaname.is_empty() && !self.inner.contains(&range.relname.as_str()) {
                (self.found)(range);
            }
            return;
        }
        let depth = self.inner.len();
        if let Some(with) = raw::with_clause(node) {
            let ctes = with.ctes.iter().filter_map(|cte| match &cte.node {
                Some(NodeEnum::CommonTableExpr(cte)) => Some(cte.as_ref()),
                _ => None,
            });
            if with.recursive {
                self.inner.extend(ctes.clone().map(|cte| cte.ctename.as_str()));
            }
            for cte in ctes {
                if let Some(query) = &cte.ctequery {
                    self.visit(query);
                }
                if !with.recursive {
                    self.inner.push(&cte.ctename);
                }
            }
        }
        match node {
            NodeEnum::SelectStmt(select) => {
                self.visit_sides(select);
                raw::select_children(select, &mut |child| self.visit(child));
            }
            _ => raw::for_each_child(node, &mut |child| self.visit(child)),
        }
        self.inner.truncate(depth);
    }

    fn visit_sides(&mut self, select: &'n protobuf::SelectStmt) {
        for side in [&select.larg, &select.rarg].into_iter().flatten() {
            // The sides are statements without a node around them.
            let depth = self.inner.len();
            if let Some(with) = &side.with_clause {
                for cte in &with.ctes {
                    if let Some(NodeEnum::CommonTableExpr(cte)) = &cte.node {
                        if with.recursive {
                            self.inner.push(&cte.ctename);
                        }
                        if let Some(query) = &cte.ctequery {
                            self.visit(query);
                        }
                        if !with.recursive {
                            self.inner.push(&cte.ctename);
                        }
                    }
                }
            }
            self.visit_sides(side);
            raw::select_children(side, &mut |child| self.visit(child));
            self.inner.truncate(depth);
        }
    }
}

/// Checks that the references of one item to itself are well placed.
struct WellFormed<'b, 'c> {
    binder: &'b Binder<'c>,
    name: &'b str,
    inner: Vec<&'b str>,
    context: Context,
    references: usize,
}

impl<'b> WellFormed<'b, '_> {
    fn visit(&mut self, node: &'b Node) -> Result<()> {
        match &node.node {
            Some(node) => self.visit_node(node),
            None => Ok(()),
        }
    }

    fn within(&mut self, context: Context, node: &'b Option<Box<Node>>) -> Result<()> {
        let before = std::mem::replace(&mut self.context, context);
        let result = node.as_deref().map_or(Ok(()), |node| self.visit(node));
        self.context = before;
        result
    }

    fn children(&mut self, node: &'b NodeEnum) -> Result<()> {
        let mut result = Ok(());
        raw::for_each_child(node, &mut |child| {
            if result.is_ok() {
                result = self.visit(child);
            }
        });
        result
    }

    fn visit_node(&mut self, node: &'b NodeEnum) -> Result<()> {
        match node {
            NodeEnum::RangeVar(range) => self.reference(range),
            NodeEnum::SelectStmt(select) => self.statement(select),
            NodeEnum::JoinExpr(join) => {
                let now = self.context;
                let outer = if now == Context::Fine { Context::OuterJoin } else { now };
                let (left, right) = match JoinType::from_i32(join.jointype) {
                    Some(JoinType::JoinLeft) => (now, outer),
                    Some(JoinType::JoinRight) => (outer, now),
                    Some(JoinType::JoinFull) => (outer, outer),
                    _ => (now, now),
                };
                self.within(left, &join.larg)?;
                self.within(right, &join.rarg)?;
                self.within(now, &join.quals)
            }
            NodeEnum::SubLink(link) => {
                self.within(Context::SubLink, &link.subselect)?;
                self.within(self.context, &link.testexpr)
            }
            _ => {
                let depth = self.inner.len();
                if let Some(with) = raw::with_clause(node) {
                    self.with(with)?;
                }
                let result = self.children(node);
                self.inner.truncate(depth);
                result
            }
        }
    }

    fn with(&mut self, with: &'b protobuf::WithClause) -> Result<()> {
        let ctes = || {
            with.ctes.iter().filter_map(|cte| match &cte.node {
                Some(NodeEnum::CommonTableExpr(cte)) => Some(cte.as_ref()),
                _ => None,
            })
        };
        if with.recursive {
            self.inner.extend(ctes().map(|cte| cte.ctename.as_str()));
        }
        for cte in ctes() {
            if let Some(query) = &cte.ctequery {
                self.visit(query)?;
            }
            if !with.recursive {
                self.inner.push(&cte.ctename);
            }
        }
        Ok(())
    }

    fn statement(&mut self, select: &'b protobuf::SelectStmt) -> Result<()> {
        let depth = self.inner.len();
        if let Some(with) = &select.with_clause {
            self.with(with)?;
        }
        let before = self.context;
        let (left, right) = match SetOperation::from_i32(select.op) {
            _ if before != Context::Fine => (before, before),
            Some(SetOperation::SetopIntersect) if select.all => {
                (Context::Intersect, Context::Intersect)
            }
            Some(SetOperation::SetopExcept) if select.all => (Context::Except, Context::Except),
            Some(SetOperation::SetopExcept) => (Context::Fine, Context::Except),
            _ => (before, before),
        };
        for (context, side) in [(left, &select.larg), (right, &select.rarg)] {
            self.context = context;
            if let Some(side) = side {
                self.statement(side)?;
            }
        }
        self.context = before;
        let mut result = Ok(());
        raw::select_children(select, &mut |child| {
            if result.is_ok() {
                result = self.visit(child);
            }
        });
        self.inner.truncate(depth);
        result
    }

    fn reference(&mut self, range: &protobuf::RangeVar) -> Result<()> {
        let name = self.name;
        if !range.schemaname.is_empty() || range.relname != name || self.inner.contains(&name) {
            return Ok(());
        }
        let within = match self.context {
            Context::Fine => None,
            Context::NonRecursiveTerm => Some("its non-recursive term"),
            Context::SubLink => Some("a subquery"),
            Context::OuterJoin => Some("an outer join"),
            Context::Intersect => Some("INTERSECT"),
            Context::Except => Some("EXCEPT"),
        };
        let message = match within {
            Some(within) => {
                format!("recursive reference to query \"{name}\" must not appear within {within}")
            }
            None => {
                self.references += 1;
                if self.references == 1 {
                    return Ok(());
                }
                format!("recursive reference to query \"{name}\" must not appear more than once")
            }
        };
        Err(self.binder.error(SqlState::INVALID_RECURSION, message, range.location))
    }
}

impl Binder<'_> {
    /// The items of WITH RECURSIVE in an order in which each comes after those that it refers to.
    pub(super) fn order_recursive<'n>(
        &self,
        mut items: Vec<CteItem<'n>>,
    ) -> Result<Vec<CteItem<'n>>> {
        let names: Vec<&str> = items.iter().map(|item| item.cte.ctename.as_str()).collect();
        let mut depends: Vec<Vec<usize>> = Vec::with_capacity(items.len());
        for (number, item) in items.iter_mut().enumerate() {
            let mut on = Vec::new();
            let mut found = |range: &protobuf::RangeVar| {
                on.extend(names.iter().position(|name| *name == range.relname));
            };
            References { inner: Vec::new(), found: &mut found }.visit_node(item.statement);
            item.recursive = on.contains(&number);
            on.retain(|other| *other != number);
            depends.push(on);
        }
        let mut items: Vec<Option<CteItem<'n>>> = items.into_iter().map(Some).collect();
        let mut ordered: Vec<CteItem<'n>> = Vec::with_capacity(items.len());
        let mut done = vec![false; items.len()];
        while ordered.len() < items.len() {
            let ready = (0..items.len())
                .find(|number| !done[*number] && depends[*number].iter().all(|on| done[*on]));
            let Some(number) = ready else {
                let stuck = items.iter().flatten().next();
                return Err(self.error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "mutual recursion between WITH items is not implemented",
                    stuck.map_or(-1, |item| item.cte.location),
                ));
            };
            done[number] = true;
            ordered.extend(items[number].take());
        }
        for item in ordered.iter().filter(|item| item.recursive) {
            self.check_well_formed(item)?;
        }
        Ok(ordered)
    }

    fn check_well_formed(&self, item: &CteItem<'_>) -> Result<()> {
        let name = item.cte.ctename.as_str();
        let invalid = |message: String| {
            Err(self.error(SqlState::INVALID_RECURSION, message, item.cte.location))
        };
        let NodeEnum::SelectStmt(select) = item.statement else {
            return invalid(format!(
                "recursive query \"{name}\" must not contain data-modifying statements"
            ));
        };
        if SetOperation::from_i32(select.op) != Some(SetOperation::SetopUnion) {
            return invalid(format!(
                "recursive query \"{name}\" does not have the form non-recursive-term UNION [ALL] \
                 recursive-term"
            ));
        }
        let walk = |context: Context| WellFormed {
            binder: self,
            name,
            inner: Vec::new(),
            context,
            references: 0,
        };
        if let Some(with) = &select.with_clause {
            walk(Context::SubLink).with(with)?;
        }
        let unsupported = |what: &str, node: Option<&Node>| -> SqlError {
            let location = node.map_or(-1, super::location::node_location);
            let message = format!("{what} in a recursive query is not implemented");
            self.error(SqlState::FEATURE_NOT_SUPPORTED, message, location)
        };
        if let Some(sort) = select.sort_clause.first() {
            return Err(unsupported("ORDER BY", Some(sort)));
        }
        if let Some(offset) = &select.limit_offset {
            return Err(unsupported("OFFSET", Some(offset)));
        }
        if let Some(limit) = &select.limit_count {
            return Err(unsupported("LIMIT", Some(limit)));
        }
        if !select.locking_clause.is_empty() {
            return Err(unsupported("FOR UPDATE/SHARE", None));
        }
        if let Some(left) = &select.larg {
            walk(Context::NonRecursiveTerm).statement(left)?;
        }
        if let Some(right) = &select.rarg {
            walk(Context::Fine).statement(right)?;
        }
        Ok(())
    }
}

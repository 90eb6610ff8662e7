//! Scans, as DSQL shows them: what is asked of storage stands below.

use std::sync::Arc;

use catalog::builtin::quote_identifier;
use catalog::{Index, IndexKey, Table};
use types::{Oid, oid};

use super::deparse::{Label, Names};
use super::describe::{Described, Describer};
use super::item::{Item, Value};
use super::storage_filters;
use crate::expr::{Expr, ExprKind};
use crate::plan::{AccessPath, KeyBounds, KeyEqual, Measured, Plan, Scan};

impl Describer<'_> {
    pub(super) fn scan(
        &mut self,
        plan: &Arc<Plan>,
        scan: &Scan,
        seen: Option<Measured>,
        frame: &[Label],
    ) -> Described {
        let alias = self.alias(plan);
        let table = &scan.table;
        let mut labels: Vec<Label> = scan
            .columns
            .iter()
            .map(|column| Label::Var { alias: alias.clone(), column: column_name(table, *column) })
            .collect();
        if scan.row_key {
            labels.push(Label::Var { alias: alias.clone(), column: "ctid".into() });
        }
        let names = Names { row: &labels, frame, prefixed: self.options.verbose, own: true };
        let (index, bounds, lookup) = match &scan.path {
            AccessPath::Primary(bounds) => (table.primary_key.as_ref(), bounds, false),
            AccessPath::Index { index, bounds, covering } => {
                (table.indexes.get(*index), bounds, !covering)
            }
        };
        let (storage, here) = match &scan.filter {
            Some(filter) => storage_filters(filter.clone()),
            None => (Vec::new(), Vec::new()),
        };
        let condition = index.and_then(|index| self.index_condition(table, index, bounds, frame));
        // A whole table is read by its key unless rows are sorted out on the way.
        let primary = matches!(scan.path, AccessPath::Primary(_));
        let full = index.is_none()
            || (primary && condition.is_none() && scan.filter.is_some() && !scan.ordered);
        let index = index.filter(|_| !full);
        let mut item = self.title(scan, index, lookup, &alias);
        let filters = conjunction(&here).map(|filter| self.expr(&filter, names));
        let stored = conjunction(&storage).map(|filter| self.expr(&filter, names));
        let properties = [("Filter", filters), ("Index Cond", condition.clone())];
        let in_order = if lookup { [0, 1] } else { [1, 0] };
        for (name, text) in in_order.map(|at| properties[at].clone()) {
            if let Some(text) = text {
                item.property(name, Value::Text(text));
            }
        }
        self.storage(&mut item, plan, scan, seen, index, condition, stored, lookup);
        Described::new(item, labels)
    }

    fn title(&self, scan: &Scan, index: Option<&Index>, lookup: bool, alias: &str) -> Item {
        let table = &scan.table;
        let Some(index) = index else {
            let mut item =
                self.relation_item("Full Scan (btree-table)", table.schema, &table.name, alias);
            item.kind = "Custom Scan".into();
            let provider = Value::Text("btree-table".into());
            item.attributes.insert(0, ("Custom Plan Provider", provider));
            return item;
        };
        let kind = if lookup { "Index Scan" } else { "Index Only Scan" };
        let direction = if scan.backward { " Backward" } else { "" };
        let title = format!("{kind}{direction} using {}", quote_identifier(&index.name));
        let mut item = self.relation_item(&title, table.schema, &table.name, alias);
        item.kind = kind.into();
        let direction = if scan.backward { "Backward" } else { "Forward" };
        item.attributes.insert(0, ("Scan Direction", Value::Text(direction.into())));
        item.attributes.insert(1, ("Index Name", Value::Text(index.name.clone())));
        item
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one scan")]
    fn storage(
        &mut self,
        item: &mut Item,
        plan: &Plan,
        scan: &Scan,
        seen: Option<Measured>,
        index: Option<&Index>,
        condition: Option<String>,
        filters: Option<String>,
        lookup: bool,
    ) {
        let table_name = quote_identifier(&scan.table.name).into_owned();
        let index_name = match index {
            Some(index) => quote_identifier(&index.name).into_owned(),
            None => table_name.clone(),
        };
        let projections: Vec<String> = scan
            .columns
            .iter()
            .map(|column| quote_identifier(&column_name(&scan.table, *column)).into_owned())
            .collect();
        let node = |what: &str, on: &str, rows: f64| {
            let mut node = Item::new(format!("{what} on {on}"));
            node.kind = what.to_owned();
            node.storage = true;
            (node.rows, node.cost, node.width) = (rows, plan.cost, plan.width());
            node
        };
        let read = |mut node: Item| {
            node.measured = seen.map(|seen| Measured { rows: seen.read, read: 0, ..seen });
            node
        };
        let filtered = |node: &mut Item, rows: f64| {
            node.rows = rows;
            node.measured = seen.map(|seen| Measured { read: 0, ..seen });
            if !projections.is_empty() {
                node.property("Projections", Value::List(projections.clone()));
            }
            if let Some(filters) = &filters {
                node.property("Filters", Value::Text(filters.clone()));
                if let Some(seen) = seen.filter(|_| self.options.analyze) {
                    let removed = seen.read.saturating_sub(seen.rows);
                    node.property("Rows Filtered", Value::Float(removed as f64, 0));
                }
            }
        };
        let mut tree_scan = read(node("B-Tree Scan", &index_name, scan.entries));
        if let Some(condition) = condition {
            tree_scan.property("Index Cond", Value::Text(condition));
        }
        let mut storage_scan = node("Storage Scan", &index_name, scan.entries);
        if lookup {
            let mut storage_scan = read(storage_scan);
            storage_scan.child(tree_scan, "Outer");
            let mut storage_lookup = node("Storage Lookup", &table_name, scan.transferred);
            filtered(&mut storage_lookup, scan.transferred);
            storage_lookup.child(read(node("B-Tree Lookup", &table_name, scan.entries)), "Outer");
            item.child(storage_scan, "Outer");
            item.child(storage_lookup, "Inner");
            return;
        }
        filtered(&mut storage_scan, scan.transferred);
        storage_scan.child(tree_scan, "Outer");
        item.child(storage_scan, "Outer");
    }

    /// The text of an index's bounds.
    fn index_condition(
        &mut self,
        table: &Table,
        index: &Index,
        bounds: &KeyBounds,
        frame: &[Label],
    ) -> Option<String> {
        let names = Names { row: &[], frame, prefixed: true, own: false };
        let mut parts = Vec::new();
        let mut keys = index.keys.iter();
        for (equal, key) in bounds.equal.iter().zip(&mut keys) {
            parts.push(match equal {
                KeyEqual::Value(value) => {
                    let column = Self::key_text(table, key, value.ty);
                    format!("({column} = {})", self.expr(value, names))
                }
                KeyEqual::AnyOf(values) => {
                    let ty = values.first().map_or(oid::UNKNOWN, |value| value.ty);
                    let row = catalog::builtin::type_by_oid(ty);
                    let array = row.map_or(ty, |row| row.array);
                    let kind = ExprKind::Array {
                        elements: values.clone(),
                        element_type: ty,
                        nested: false,
                    };
                    let column = Self::key_text(table, key, ty);
                    let array = self.array(&Expr::new(kind, array), names);
                    format!("({column} = ANY ({array}))")
                }
                KeyEqual::AnyElement(array) => {
                    let ty = oid::element_of(array.ty).unwrap_or(array.ty);
                    let column = Self::key_text(table, key, ty);
                    format!("({column} = ANY ({}))", self.expr(array, names))
                }
                KeyEqual::Null => {
                    format!("({} IS NULL)", catalog::describe::key_text(table, key))
                }
            });
        }
        if let Some(key) = keys.next() {
            let ends = [(&bounds.lower, ">"), (&bounds.upper, "<")];
            for (end, operator) in ends {
                let Some((value, inclusive)) = end else { continue };
                let inclusive = if *inclusive { "=" } else { "" };
                let column = Self::key_text(table, key, value.ty);
                parts.push(format!("({column} {operator}{inclusive} {})", self.expr(value, names)));
            }
        }
        match parts.len() {
            0 | 1 => parts.pop(),
            _ => Some(format!("({})", parts.join(" AND "))),
        }
    }

    /// A key as it is compared with a value of type `ty`.
    fn key_text(table: &Table, key: &IndexKey, ty: Oid) -> String {
        let text = catalog::describe::key_text(table, key);
        match key.value_type(table).0 == oid::VARCHAR && ty == oid::TEXT {
            true => format!("({text})::text"),
            false => text,
        }
    }
}

fn column_name(table: &Table, column: usize) -> String {
    table.columns.get(column).map(|column| column.name.clone()).unwrap_or_default()
}

fn conjunction(conditions: &[Expr]) -> Option<Expr> {
    Expr::conjunction(conditions.to_vec())
}

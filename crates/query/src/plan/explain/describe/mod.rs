//! From a plan to the nodes that EXPLAIN shows.

mod join;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::builtin::{quote_identifier, quote_qualified};
use catalog::{Catalog, Table};

use super::Options;
use super::deparse::{Label, Names};
use super::item::{Item, Value};
use crate::expr::{Expr, ExprKind, SubPlan};
use crate::plan::{Measured, Node, Origin, Plan, StatementPlan};

/// Describes one statement's plan.
pub(super) struct Describer<'a> {
    plan: &'a StatementPlan,
    pub(super) catalog: &'a Catalog,
    pub(super) options: Options,
    /// More than one thing is read or written, so that columns are named with what they belong to.
    several: bool,
    /// Whether conditions and keys name them so.
    pub(super) prefixed: bool,
    /// The names under which things are shown, by the address of what they are called.
    aliases: BTreeMap<usize, String>,
    taken: BTreeSet<String>,
    /// Sub-plans met in expressions and not yet shown.
    pending: Vec<Pending>,
    /// Their numbers, by [`SubPlan::id`].
    numbers: BTreeMap<usize, usize>,
    next_number: usize,
    next_param: usize,
    /// What was seen of the node that is described next.
    watching: Option<Measured>,
}

struct Pending {
    title: String,
    plan: Arc<Plan>,
    frame: Vec<Label>,
    /// Run once: shown at the top of its query.
    once: bool,
}

/// A node with what its columns are.
pub(super) struct Described {
    pub(super) item: Item,
    pub(super) labels: Vec<Label>,
    /// Rows that went into a condition, for the count of those removed by it.
    filtering: Option<u64>,
    /// Whether conditions and select lists above are this node's own.
    open: bool,
}

impl Described {
    pub(super) fn new(item: Item, labels: Vec<Label>) -> Described {
        Described { item, labels, filtering: None, open: true }
    }

    fn closed(item: Item, labels: Vec<Label>) -> Described {
        Described { item, labels, filtering: None, open: false }
    }
}

impl<'a> Describer<'a> {
    pub(super) fn new(
        plan: &'a StatementPlan,
        catalog: &'a Catalog,
        options: Options,
    ) -> Describer<'a> {
        let mut leaves = leaves_of(&plan.root);
        leaves += plan.ctes.iter().map(|cte| leaves_of(&cte.plan)).sum::<usize>();
        if matches!(plan.root.node, Node::Insert(_)) {
            // Its target, and what it inserts, even if that is one row of VALUES.
            leaves += 2;
        }
        let several = leaves > 1;
        Describer {
            plan,
            catalog,
            options,
            several,
            prefixed: options.verbose || several,
            aliases: BTreeMap::new(),
            taken: BTreeSet::new(),
            pending: Vec::new(),
            numbers: BTreeMap::new(),
            next_number: plan.ctes.iter().filter(|cte| !cte.name.is_empty()).count(),
            next_param: 0,
            watching: None,
        }
    }

    /// The whole statement.
    pub(super) fn statement(mut self) -> Item {
        let plan = self.plan;
        // Names are given in the order in which the statement has them.
        let mut root = self.query(&plan.root, &[]);
        let mut ctes = Vec::new();
        for cte in &plan.ctes {
            if cte.name.is_empty() || is_inlined(&plan.root, &cte.plan) {
                continue;
            }
            let mut item = self.query(&cte.plan, &[]);
            item.subplan = Some(format!("CTE {}", quote_identifier(&cte.name)));
            item.relationship = "InitPlan";
            ctes.push(item);
        }
        root.children.splice(0..0, ctes);
        root
    }

    /// The plan of a query, with the sub-plans that are run once at its top.
    fn query(&mut self, plan: &Arc<Plan>, frame: &[Label]) -> Item {
        let outside = std::mem::take(&mut self.pending);
        let described = self.node(plan, frame);
        let mut item = self.finish(described);
        let pending = std::mem::replace(&mut self.pending, outside);
        let initial: Vec<Item> = pending.into_iter().map(|pending| self.pending(pending)).collect();
        item.children.splice(0..0, initial);
        item
    }

    fn pending(&mut self, pending: Pending) -> Item {
        let Pending { title, plan, frame, once } = pending;
        let mut item = self.query(&plan, &frame);
        item.subplan = Some(title);
        item.relationship = if once { "InitPlan" } else { "SubPlan" };
        item
    }

    /// Notes a sub-plan for showing; its number and, if it is run once, that of its parameter.
    pub(super) fn note_sub_plan(&mut self, plan: &SubPlan, frame: Vec<Label>, once: bool) -> usize {
        if let Some(number) = self.numbers.get(&plan.id) {
            return *number;
        }
        let (number, title) = match once {
            true => {
                self.next_number += 1;
                self.next_param += 1;
                let param = self.next_param - 1;
                (param + 1, format!("InitPlan {} (returns ${param})", self.next_number))
            }
            false => {
                self.next_number += 1;
                (self.next_number, format!("SubPlan {}", self.next_number))
            }
        };
        self.numbers.insert(plan.id, number);
        self.pending.push(Pending { title, plan: Arc::clone(&plan.plan), frame, once });
        number
    }

    /// Ends a node: its output, and the sub-plans of its expressions.
    fn finish(&mut self, described: Described) -> Item {
        let Described { mut item, labels, .. } = described;
        if self.options.verbose && !labels.is_empty() {
            let output = labels.iter().map(|label| self.output(label)).collect();
            item.properties.insert(0, ("Output".into(), Value::List(output)));
        }
        let (initial, own): (Vec<Pending>, Vec<Pending>) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.once);
        self.pending = initial;
        for pending in own {
            let outside = std::mem::take(&mut self.pending);
            let child = self.pending(pending);
            self.pending = outside;
            item.children.push(child);
        }
        item
    }

    fn output(&self, label: &Label) -> String {
        match label.computed(self.several) {
            Some(text) => text.to_owned(),
            None => label.text(self.several),
        }
    }

    /// Adds `plan` below `item`; what its columns are.
    fn input(
        &mut self,
        item: &mut Item,
        plan: &Arc<Plan>,
        frame: &[Label],
        relationship: &'static str,
    ) -> Vec<Label> {
        let described = self.node(plan, frame);
        let labels = described.labels.clone();
        let child = self.finish(described);
        item.child(child, relationship);
        labels
    }

    pub(super) fn names<'n>(&self, row: &'n [Label], frame: &'n [Label]) -> Names<'n> {
        Names { row, frame, prefixed: self.prefixed, own: false }
    }

    /// What an expression over `names` gives.
    fn label(&mut self, expr: &Expr, names: Names<'_>) -> Label {
        match expr.kind {
            ExprKind::Column(position) => match names.row.get(position) {
                Some(label) => label.clone(),
                None => Label::Text(format!("column{}", position + 1)),
            },
            _ => self.computed(names, |describer, names| describer.expr(expr, names)),
        }
    }

    /// What a node computes, in the forms in which it may have to be shown.
    fn computed(
        &mut self,
        names: Names<'_>,
        mut text: impl FnMut(&mut Self, Names<'_>) -> String,
    ) -> Label {
        let shown = text(self, names);
        match names.prefixed && !self.several {
            true => {
                let plain = text(self, Names { prefixed: false, ..names });
                Label::Computed { plain, prefixed: shown }
            }
            false => Label::Text(shown),
        }
    }

    pub(super) fn node(&mut self, plan: &Arc<Plan>, frame: &[Label]) -> Described {
        let mut described = self.bare_node(plan, frame);
        let item = &mut described.item;
        (item.rows, item.cost, item.width) = (plan.rows, plan.cost, plan.width());
        described
    }

    fn bare_node(&mut self, plan: &Arc<Plan>, frame: &[Label]) -> Described {
        let seen = self.watching.take();
        match &plan.node {
            Node::Instrument { input, counters } => {
                self.watching = Some(*counters.lock());
                let mut described = self.node(input, frame);
                watched(&mut described, *counters.lock(), self.options);
                described
            }
            Node::SingleRow => Described::new(Item::new("Result"), Vec::new()),
            Node::Empty => {
                let mut item = Item::new("Result");
                item.property("One-Time Filter", Value::Text("false".into()));
                let labels = plan.types.iter().map(|_| Label::Text("NULL".into())).collect();
                Described::new(item, labels)
            }
            Node::Values { rows } => self.values(plan, rows, frame),
            Node::Scan(scan) => self.scan(plan, scan, seen, frame),
            Node::SystemScan { relation, lookup: _ } => {
                let alias = self.alias(plan);
                let found = catalog::system::relation_by_oid(*relation);
                let (name, schema) = found.map_or(("", 0), |found| (found.name, found.schema));
                let item = self.relation_item("Seq Scan", schema, name, &alias);
                Described::new(item, self.origin_labels(plan, &alias))
            }
            Node::FunctionScan { functions, ordinality: _ } => {
                let alias = self.alias(plan);
                let name = functions.first().map_or("", |call| call.name);
                let on = match (functions.len(), name == alias) {
                    (1, true) => quote_identifier(name).into_owned(),
                    (1, false) => {
                        format!("{} {}", quote_identifier(name), quote_identifier(&alias))
                    }
                    _ => quote_identifier(&alias).into_owned(),
                };
                let mut item = named("Function Scan", &on, &alias);
                item.attributes.insert(0, ("Function Name", Value::Text(name.to_owned())));
                if self.options.verbose {
                    let mut calls = Vec::new();
                    for call in functions {
                        let names = self.names(&[], frame);
                        let args: Vec<String> =
                            call.args.iter().map(|arg| self.expr(arg, names)).collect();
                        calls.push(format!("{}({})", call.name, args.join(", ")));
                    }
                    item.property("Function Call", Value::Text(calls.join(", ")));
                }
                Described::new(item, self.origin_labels(plan, &alias))
            }
            Node::CteScan { cte } => {
                let alias = self.alias(plan);
                let name = self.plan.ctes.get(*cte).map_or("", |cte| cte.name.as_str());
                let mut item = named("CTE Scan", &on(name, &alias), &alias);
                item.attributes.insert(0, ("CTE Name", Value::Text(name.to_owned())));
                Described::new(item, self.origin_labels(plan, &alias))
            }
            Node::WorkTable { .. } => {
                let alias = self.alias(plan);
                let name = plan.origin.as_ref().map_or("", |origin| origin.name.as_str());
                let item = named("WorkTable Scan", &on(name, &alias), &alias);
                Described::new(item, self.origin_labels(plan, &alias))
            }
            Node::Subquery { input } => {
                let alias = self.alias(plan);
                let mut item = named("Subquery Scan", &quote_identifier(&alias), &alias);
                let described = self.node(input, frame);
                let child = self.finish(described);
                item.child(child, "Subquery");
                Described::new(item, self.origin_labels(plan, &alias))
            }
            Node::Filter { input, predicate } => self.filter(plan, input, predicate, frame),
            Node::Project { input, exprs } => {
                let mut described = self.node(input, frame);
                let row = std::mem::take(&mut described.labels);
                let names = Names { own: described.open, ..self.names(&row, frame) };
                described.labels = exprs.iter().map(|expr| self.label(expr, names)).collect();
                described
            }
            Node::ProjectSet { input, exprs } => {
                let mut item = Item::new("ProjectSet");
                let labels = self.input(&mut item, input, frame, "Outer");
                let names = self.names(&labels, frame);
                let labels = exprs.iter().map(|expr| self.label(expr, names)).collect();
                Described::closed(item, labels)
            }
            Node::NestedLoop { outer, inner, kind, inner_args, on } => {
                self.nested_loop(outer, inner, *kind, inner_args, on.as_ref(), frame)
            }
            Node::BatchedJoin { outer, inner, kind, inner_args, on } => {
                self.batched_join(outer, inner, *kind, inner_args, on.as_ref(), frame)
            }
            Node::MergeJoin { outer, inner, kind, keys, residual } => {
                self.merge_join(outer, inner, *kind, keys, residual.as_ref(), frame)
            }
            Node::HashJoin { outer, inner, kind, keys, residual } => {
                self.hash_join(outer, inner, *kind, keys, residual.as_ref(), frame)
            }
            Node::Sort { input, keys, top } => {
                let mut item = Item::new("Sort");
                let labels = self.input(&mut item, input, frame, "Outer");
                let names = self.names(&labels, frame);
                let keys = self.sort_keys(keys, names);
                item.property("Sort Key", Value::List(keys));
                let mut described = Described::closed(item, labels);
                if self.options.analyze {
                    let method = if top.is_some() { "top-N heapsort" } else { "quicksort" };
                    described.item.attributes.push(("Sort Method", Value::Text(method.into())));
                }
                described
            }
            Node::IncrementalSort { input, keys, presorted } => {
                let mut item = Item::new("Incremental Sort");
                let labels = self.input(&mut item, input, frame, "Outer");
                let keys = self.sort_keys(keys, self.names(&labels, frame));
                let done = keys.iter().take(*presorted).cloned().collect();
                item.property("Sort Key", Value::List(keys));
                item.property("Presorted Key", Value::List(done));
                Described::closed(item, labels)
            }
            // It is told apart by what it does only, and takes no time of its own.
            Node::FreshCtes { input, .. } => self.node(input, frame),
            Node::Limit { input, .. } => {
                let mut item = Item::new("Limit");
                let labels = self.input(&mut item, input, frame, "Outer");
                Described::closed(item, labels)
            }
            Node::LockRows { input, .. } => {
                let mut item = Item::new("LockRows");
                let labels = self.input(&mut item, input, frame, "Outer");
                Described::closed(item, labels)
            }
            Node::Aggregate { input, groups, aggregates, sets } => {
                self.aggregation(input, groups, aggregates, sets, false, frame)
            }
            Node::SortedAggregate { input, groups, aggregates } => {
                self.aggregation(input, groups, aggregates, &[], true, frame)
            }
            Node::Distinct { input, columns } => {
                let all = columns.len() == plan.types.len();
                let mut item = Item::new(if all { "HashAggregate" } else { "Unique" });
                let labels = self.input(&mut item, input, frame, "Outer");
                if all {
                    item.kind = "Aggregate".into();
                    item.attributes.push(("Strategy", Value::Text("Hashed".into())));
                    let keys = columns.iter().filter_map(|column| labels.get(*column));
                    let keys = keys.map(|label| label.text(self.prefixed)).collect();
                    item.property("Group Key", Value::List(keys));
                }
                Described::closed(item, labels)
            }
            Node::Append { inputs } => {
                let mut item = Item::new("Append");
                let mut labels = Vec::new();
                for input in inputs {
                    let own = self.input(&mut item, input, frame, "Member");
                    if labels.is_empty() {
                        labels = own;
                    }
                }
                Described::closed(item, labels)
            }
            Node::SetOperation { left, right, except, all } => {
                let command = if *except { "Except" } else { "Intersect" };
                let all = if *all { " All" } else { "" };
                let mut item = Item::new(format!("HashSetOp {command}{all}"));
                item.kind = "SetOp".into();
                item.attributes.push(("Strategy", Value::Text("Hashed".into())));
                item.attributes.push(("Command", Value::Text(format!("{command}{all}"))));
                let labels = self.input(&mut item, left, frame, "Outer");
                self.input(&mut item, right, frame, "Inner");
                Described::closed(item, labels)
            }
            Node::RecursiveUnion { base, step, .. } => {
                let mut item = Item::new("Recursive Union");
                let labels = self.input(&mut item, base, frame, "Outer");
                self.input(&mut item, step, frame, "Inner");
                Described::closed(item, labels)
            }
            Node::Window { input, functions, .. } => {
                let mut item = Item::new("WindowAgg");
                let mut labels = self.input(&mut item, input, frame, "Outer");
                let below = labels.clone();
                for call in functions {
                    let names = self.names(&below, frame);
                    labels.push(self.computed(names, |it, names| it.window_call(call, names)));
                }
                Described::new(item, labels)
            }
            Node::Insert(insert) => {
                let mut item = self.modification("Insert", &insert.table);
                if let Some(conflict) = &insert.on_conflict {
                    let resolution = if conflict.update.is_some() { "UPDATE" } else { "NOTHING" };
                    item.property("Conflict Resolution", Value::Text(resolution.into()));
                    let arbiters: Vec<String> = insert
                        .table
                        .all_indexes()
                        .filter(|index| conflict.arbiters.contains(&index.oid))
                        .map(|index| quote_identifier(&index.name).into_owned())
                        .collect();
                    if !arbiters.is_empty() {
                        item.property("Conflict Arbiter Indexes", Value::List(arbiters));
                    }
                }
                self.input(&mut item, &insert.source, frame, "Outer");
                let stored = table_labels(&insert.table);
                self.returning(item, insert.returning.as_ref(), &stored, frame)
            }
            Node::Update(update) => {
                let mut item = self.modification("Update", &update.table);
                let source = self.input(&mut item, &update.source, frame, "Outer");
                let mut row = table_labels(&update.table);
                row.extend(source);
                self.returning(item, update.returning.as_ref(), &row, frame)
            }
            Node::Delete(delete) => {
                let mut item = self.modification("Delete", &delete.table);
                let source = self.input(&mut item, &delete.source, frame, "Outer");
                self.returning(item, delete.returning.as_ref(), &source, frame)
            }
        }
    }

    fn returning(
        &mut self,
        item: Item,
        returning: Option<&Vec<Expr>>,
        row: &[Label],
        frame: &[Label],
    ) -> Described {
        let names = self.names(row, frame);
        let returning = returning.map(Vec::as_slice).unwrap_or_default();
        let labels = returning.iter().map(|expr| self.label(expr, names)).collect();
        Described::closed(item, labels)
    }

    fn modification(&mut self, operation: &str, table: &Table) -> Item {
        let mut item = self.relation_item(operation, table.schema, &table.name, &table.name);
        item.kind = "ModifyTable".into();
        item.attributes.insert(0, ("Operation", Value::Text(operation.to_owned())));
        item
    }

    fn values(&mut self, plan: &Arc<Plan>, rows: &[Vec<Expr>], frame: &[Label]) -> Described {
        if let [row] = rows {
            let names = self.names(&[], frame);
            let labels = row.iter().map(|expr| self.label(expr, names)).collect();
            return Described::new(Item::new("Result"), labels);
        }
        let alias = self.alias(plan);
        let item = named("Values Scan", &quote_identifier(&alias), &alias);
        Described::new(item, self.origin_labels(plan, &alias))
    }

    fn filter(
        &mut self,
        plan: &Arc<Plan>,
        input: &Arc<Plan>,
        predicate: &Expr,
        frame: &[Label],
    ) -> Described {
        let mut described = self.node(input, frame);
        if !described.open {
            let labels = described.labels.clone();
            let child = self.finish(described);
            let mut item = Item::new("Result");
            item.child(child, "Outer");
            described = Described::new(item, labels);
        }
        let row = described.labels.clone();
        let scans = !plan_is_join(input);
        let prefixed = if scans { self.options.verbose } else { self.prefixed };
        let names = Names { row: &row, frame, prefixed, own: true };
        let text = self.expr(predicate, names);
        let once = matches!(unwatched(input).node, Node::SingleRow);
        let name = if once { "One-Time Filter" } else { "Filter" };
        described.item.property(name, Value::Text(text));
        described.filtering = described.item.measured.map(|seen| seen.rows);
        described.item.cost = plan.cost;
        described
    }

    fn aggregation(
        &mut self,
        input: &Arc<Plan>,
        groups: &[Expr],
        aggregates: &[crate::plan::AggregateCall],
        sets: &[Vec<usize>],
        sorted: bool,
        frame: &[Label],
    ) -> Described {
        let (title, strategy) = match (groups.is_empty(), sets) {
            (_, sets) if sets.iter().any(Vec::is_empty) => ("MixedAggregate", "Mixed"),
            (false, _) if sorted => ("GroupAggregate", "Sorted"),
            (false, _) => ("HashAggregate", "Hashed"),
            (true, _) => ("Aggregate", "Plain"),
        };
        let mut item = Item::new(title);
        item.kind = "Aggregate".into();
        item.attributes.push(("Strategy", Value::Text(strategy.into())));
        let below = self.input(&mut item, input, frame, "Outer");
        let names = self.names(&below, frame);
        let keys: Vec<String> = groups.iter().map(|group| self.expr(group, names)).collect();
        if sets.is_empty() {
            if !keys.is_empty() {
                item.property("Group Key", Value::List(keys));
            }
        } else {
            for set in sets {
                let own: Vec<String> =
                    set.iter().filter_map(|position| keys.get(*position).cloned()).collect();
                match own.is_empty() {
                    true => item.property("Group Key", Value::Text("()".into())),
                    false => item.property("Hash Key", Value::List(own)),
                }
            }
        }
        let mut labels: Vec<Label> = groups.iter().map(|group| self.label(group, names)).collect();
        for call in aggregates {
            labels.push(self.computed(names, |it, names| it.aggregate(call, names)));
        }
        if !sets.is_empty() {
            labels.push(Label::Text("GROUPING".into()));
        }
        Described::new(item, labels)
    }

    /// The name under which a leaf is shown: its alias, numbered if it was used before.
    pub(super) fn alias(&mut self, plan: &Plan) -> String {
        let Some(origin) = &plan.origin else { return String::new() };
        let address = Arc::as_ptr(origin).addr();
        if let Some(alias) = self.aliases.get(&address) {
            return alias.clone();
        }
        let mut alias = origin.alias.clone();
        let mut number = 0;
        while !self.taken.insert(alias.clone()) {
            number += 1;
            alias = format!("{}_{number}", origin.alias);
        }
        self.aliases.insert(address, alias.clone());
        alias
    }

    fn origin_labels(&self, plan: &Plan, alias: &str) -> Vec<Label> {
        let columns = plan.origin.as_ref().map(|origin: &Arc<Origin>| origin.columns.as_slice());
        let columns = columns.unwrap_or_default();
        (0..plan.types.len())
            .map(|position| Label::Var {
                alias: alias.to_owned(),
                column: columns
                    .get(position)
                    .cloned()
                    .unwrap_or_else(|| format!("column{}", position + 1)),
            })
            .collect()
    }

    /// A node over a relation: `Seq Scan on schema.name alias`.
    pub(super) fn relation_item(&self, kind: &str, schema: u32, name: &str, alias: &str) -> Item {
        let schema = self.catalog.schema_by_oid(schema).map_or("", |schema| schema.name.as_str());
        let relation = match self.options.verbose {
            true => quote_qualified(schema, name),
            false => quote_identifier(name).into_owned(),
        };
        let on = match name == alias {
            true => relation,
            false => format!("{relation} {}", quote_identifier(alias)),
        };
        let mut item = named(kind, &on, alias);
        item.attributes.insert(0, ("Relation Name", Value::Text(name.to_owned())));
        if self.options.verbose {
            item.attributes.insert(1, ("Schema", Value::Text(schema.to_owned())));
        }
        item
    }
}

/// `kind on …`.
fn named(kind: &str, on: &str, alias: &str) -> Item {
    let mut item = Item::new(kind);
    item.title = format!("{kind} on {on}");
    item.attributes.push(("Alias", Value::Text(alias.to_owned())));
    item
}

fn on(name: &str, alias: &str) -> String {
    match name == alias {
        true => quote_identifier(name).into_owned(),
        false => format!("{} {}", quote_identifier(name), quote_identifier(alias)),
    }
}

fn table_labels(table: &Table) -> Vec<Label> {
    let label = |column: &catalog::Column| Label::Var {
        alias: table.name.clone(),
        column: column.name.clone(),
    };
    table.columns.iter().map(label).collect()
}

/// The plan below what only watches it.
pub(super) fn unwatched(plan: &Arc<Plan>) -> &Arc<Plan> {
    match &plan.node {
        Node::Instrument { input, .. } => unwatched(input),
        _ => plan,
    }
}

fn plan_is_join(plan: &Arc<Plan>) -> bool {
    match &unwatched(plan).node {
        Node::NestedLoop { .. }
        | Node::BatchedJoin { .. }
        | Node::MergeJoin { .. }
        | Node::HashJoin { .. }
        | Node::SortedAggregate { .. }
        | Node::Aggregate { .. } => true,
        Node::Project { input, .. } | Node::Filter { input, .. } => plan_is_join(input),
        _ => false,
    }
}

/// Takes in what was seen of a node.
fn watched(described: &mut Described, seen: Measured, options: Options) {
    let item = &mut described.item;
    let before = item.measured.unwrap_or_default();
    let read = seen.read.max(before.read);
    let bytes = seen.bytes.max(before.bytes);
    item.measured = Some(Measured { read, bytes, ..seen });
    let loops = seen.loops.max(1);
    if let Some(rows) = described.filtering.take() {
        let removed = rows.saturating_sub(seen.rows) as f64 / loops as f64;
        let removed = removed.round();
        if removed > 0.0 || options.format != super::OutputFormat::Text {
            let at = item.properties.iter().position(|(name, _)| name == "Filter");
            let at = at.map_or(item.properties.len(), |at| at + 1);
            let value = Value::Float(removed, 0);
            item.properties.insert(at, ("Rows Removed by Filter".into(), value));
        }
    }
    if let Some(at) = item.attributes.iter().position(|(name, _)| *name == "Sort Method")
        && let (_, Value::Text(method)) = item.attributes.remove(at)
        && seen.loops > 0
    {
        let kilobytes = i64::try_from(seen.bytes.div_ceil(1024).max(25)).unwrap_or(i64::MAX);
        match options.format {
            super::OutputFormat::Text => {
                let text = format!("{method}  Memory: {kilobytes}kB");
                item.property("Sort Method", Value::Text(text));
            }
            _ => {
                item.property("Sort Method", Value::Text(method));
                item.property("Sort Space Used", Value::Integer(kilobytes));
                item.property("Sort Space Type", Value::Text("Memory".into()));
            }
        }
    }
}

/// Whether the statement's plan holds a WITH query's plan in place of a scan of it.
fn is_inlined(root: &Arc<Plan>, cte: &Arc<Plan>) -> bool {
    if Arc::ptr_eq(unwatched(root), unwatched(cte)) {
        return true;
    }
    let mut found = false;
    let mut node = root.node.clone();
    node.for_each_input_mut(&mut |input| found = found || is_inlined(input, cte));
    node.for_each_expr_mut(&mut |expr| {
        each_sub_plan(expr, &mut |plan| found = found || is_inlined(plan, cte));
    });
    found
}

/// The number of things that a plan reads by name.
fn leaves_of(plan: &Arc<Plan>) -> usize {
    let mut count = usize::from(plan.origin.is_some());
    let mut node = plan.node.clone();
    node.for_each_input_mut(&mut |input| count += leaves_of(input));
    node.for_each_expr_mut(&mut |expr| each_sub_plan(expr, &mut |plan| count += leaves_of(plan)));
    count
}

fn each_sub_plan(expr: &Expr, f: &mut dyn FnMut(&Arc<Plan>)) {
    if let ExprKind::SubPlan(plan) = &expr.kind {
        f(&plan.plan);
    }
    expr.for_each_child(&mut |child| each_sub_plan(child, f));
}

//! How joins are shown.

use std::sync::Arc;

use super::{Described, Describer, unwatched};
use crate::expr::Expr;
use crate::plan::explain::deparse::Label;
use crate::plan::explain::item::{Item, Value};
use crate::plan::{JoinKind, Measured, MergeKey, Node, Plan};

impl Describer<'_> {
    pub(super) fn nested_loop(
        &mut self,
        outer: &Arc<Plan>,
        inner: &Arc<Plan>,
        kind: JoinKind,
        inner_args: &[Expr],
        on: Option<&Expr>,
        frame: &[Label],
    ) -> Described {
        let mut item = Item::new(join_title("Nested Loop", kind, false));
        item.kind = "Nested Loop".into();
        item.attributes.push(("Join Type", Value::Text(join_type(kind).into())));
        let outer_labels = self.input(&mut item, outer, frame, "Outer");
        let mut inner_frame = frame.to_vec();
        for arg in inner_args {
            let names = self.names(&outer_labels, frame);
            let label = self.label(arg, names);
            inner_frame.push(label);
        }
        let keeps = inner_args.is_empty()
            && !matches!(unwatched(inner).node, Node::SingleRow | Node::Values { .. });
        let inner_labels = match keeps {
            false => self.input(&mut item, inner, &inner_frame, "Inner"),
            true => {
                let described = self.node(inner, &inner_frame);
                let labels = described.labels.clone();
                let child = self.finish(described);
                let mut kept = Item::new("Materialize");
                (kept.rows, kept.cost, kept.width) = (inner.rows, inner.cost, inner.width());
                kept.measured = child.measured;
                kept.child(child, "Outer");
                if self.options.verbose {
                    let output = labels.iter().map(|label| self.output(label)).collect();
                    kept.properties.insert(0, ("Output".into(), Value::List(output)));
                }
                item.child(kept, "Inner");
                labels
            }
        };
        let row: Vec<Label> = outer_labels.iter().chain(&inner_labels).cloned().collect();
        if let Some(on) = on {
            let names = self.names(&row, frame);
            let text = self.expr(on, names);
            item.property("Join Filter", Value::Text(text));
        }
        let keeps_inner = !matches!(kind, JoinKind::Semi | JoinKind::Anti);
        Described::new(item, if keeps_inner { row } else { outer_labels })
    }

    pub(super) fn batched_join(
        &mut self,
        outer: &Arc<Plan>,
        inner: &Arc<Plan>,
        kind: JoinKind,
        inner_args: &[Expr],
        on: Option<&Expr>,
        frame: &[Label],
    ) -> Described {
        let mut item = Item::new("Nested Loop (Batched Join)");
        item.kind = "Nested Loop".into();
        let outer_labels = self.input(&mut item, outer, frame, "Outer");
        let mut inner_frame = frame.to_vec();
        for arg in inner_args {
            let names = self.names(&outer_labels, frame);
            let label = self.label(arg, names);
            inner_frame.push(label);
        }
        let inner_labels = self.input(&mut item, inner, &inner_frame, "Inner");
        item.property("Join Type", Value::Text(join_type(kind).into()));
        let condition = item.children.last().and_then(|inner| {
            inner.properties.iter().find(|(name, _)| name == "Index Cond").map(|(_, c)| c.clone())
        });
        if let Some(condition) = condition {
            item.property("Recheck Cond", condition);
        }
        let row: Vec<Label> = outer_labels.iter().chain(&inner_labels).cloned().collect();
        if let Some(on) = on {
            let names = self.names(&row, frame);
            let text = self.expr(on, names);
            item.property("Join Filter", Value::Text(text));
        }
        let keeps_inner = !matches!(kind, JoinKind::Semi | JoinKind::Anti);
        Described::new(item, if keeps_inner { row } else { outer_labels })
    }

    pub(super) fn merge_join(
        &mut self,
        outer: &Arc<Plan>,
        inner: &Arc<Plan>,
        kind: JoinKind,
        keys: &[MergeKey],
        residual: Option<&Expr>,
        frame: &[Label],
    ) -> Described {
        let mut item = Item::new(join_title("Merge", kind, true));
        item.kind = "Merge Join".into();
        item.attributes.push(("Join Type", Value::Text(join_type(kind).into())));
        let outer_labels = self.input(&mut item, outer, frame, "Outer");
        let inner_labels = self.input(&mut item, inner, frame, "Inner");
        let keys: Vec<(Expr, Expr)> =
            keys.iter().map(|key| (key.outer.clone(), key.inner.clone())).collect();
        let condition = self.equalities(&keys, &outer_labels, &inner_labels, frame);
        item.property("Merge Cond", Value::Text(condition));
        let row: Vec<Label> = outer_labels.iter().chain(&inner_labels).cloned().collect();
        if let Some(residual) = residual {
            let names = self.names(&row, frame);
            let text = self.expr(residual, names);
            item.property("Join Filter", Value::Text(text));
        }
        let keeps_inner = !matches!(kind, JoinKind::Semi | JoinKind::Anti);
        Described::new(item, if keeps_inner { row } else { outer_labels })
    }

    /// The text of a join's keys.
    fn equalities(
        &mut self,
        keys: &[(Expr, Expr)],
        outer: &[Label],
        inner: &[Label],
        frame: &[Label],
    ) -> String {
        let conditions: Vec<String> = keys
            .iter()
            .map(|(left, right)| {
                let left = self.expr(left, self.names(outer, frame));
                let right = self.expr(right, self.names(inner, frame));
                format!("({left} = {right})")
            })
            .collect();
        match conditions.as_slice() {
            [one] => one.clone(),
            several => format!("({})", several.join(" AND ")),
        }
    }

    pub(super) fn hash_join(
        &mut self,
        outer: &Arc<Plan>,
        inner: &Arc<Plan>,
        kind: JoinKind,
        keys: &[(Expr, Expr)],
        residual: Option<&Expr>,
        frame: &[Label],
    ) -> Described {
        let mut item = Item::new(join_title("Hash", kind, true));
        item.kind = "Hash Join".into();
        item.attributes.push(("Join Type", Value::Text(join_type(kind).into())));
        let outer_labels = self.input(&mut item, outer, frame, "Outer");
        let described = self.node(inner, frame);
        let inner_labels = described.labels.clone();
        let child = self.finish(described);
        let mut hash = Item::new("Hash");
        hash.cost.startup = inner.cost.total;
        hash.cost.total = inner.cost.total;
        (hash.rows, hash.width) = (inner.rows, inner.width());
        hash.measured =
            child.measured.map(|seen| Measured { startup: seen.total, read: 0, ..seen });
        if self.options.verbose {
            let output = inner_labels.iter().map(|label| self.output(label)).collect();
            hash.properties.insert(0, ("Output".into(), Value::List(output)));
        }
        hash.child(child, "Outer");
        item.child(hash, "Inner");
        let condition = self.equalities(keys, &outer_labels, &inner_labels, frame);
        item.property("Hash Cond", Value::Text(condition));
        let row: Vec<Label> = outer_labels.iter().chain(&inner_labels).cloned().collect();
        if let Some(residual) = residual {
            let names = self.names(&row, frame);
            let text = self.expr(residual, names);
            item.property("Join Filter", Value::Text(text));
        }
        let keeps_inner = !matches!(kind, JoinKind::Semi | JoinKind::Anti);
        Described::new(item, if keeps_inner { row } else { outer_labels })
    }
}

fn join_title(method: &str, kind: JoinKind, hash: bool) -> String {
    match kind {
        JoinKind::Inner if hash => format!("{method} Join"),
        JoinKind::Inner => method.to_owned(),
        kind => format!("{method} {} Join", join_type(kind)),
    }
}

fn join_type(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::Inner => "Inner",
        JoinKind::Left => "Left",
        JoinKind::Right => "Right",
        JoinKind::Full => "Full",
        JoinKind::Semi => "Semi",
        JoinKind::Anti => "Anti",
    }
}

//! The names in stored texts.
//!
//! When a text is stored, binding records what each name of a user's object means; when the stored
//! text is bound again, its names are looked up in that record and nowhere else, so that they mean
//! the same whatever was renamed, moved or created since. See [`catalog::objects::Sql`].

use std::sync::{Mutex, PoisonError};

use catalog::objects::{NameKind, NamedObject, ObjectId, PG_CATALOG, is_system};

use super::Binder;
use super::query::{Body, CteBody, FromItem, OutputColumn, Query, Select, Source};
use crate::expr::{Expr, ExprKind};
use crate::plan::FunctionSource;
use crate::session::SessionCx;

/// What names mean while a text is bound.
#[derive(Clone, Copy, Default)]
pub(super) struct Names<'a> {
    /// The text is stored: its names mean these.
    stored: Option<&'a [NamedObject]>,
    /// The text is going to be stored: what its names mean is added here.
    recorded: Option<&'a Recorder>,
}

/// What the names of a text that is going to be stored mean.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Vec<NamedObject>>);

impl Recorder {
    fn add(&self, object: NamedObject) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().any(|other| {
            other.kind == object.kind
                && other.schema == object.schema
                && other.name == object.name
                && other.oid == object.oid
        });
        if !known {
            all.push(object);
        }
    }

    /// What was recorded.
    pub(crate) fn finish(self) -> Vec<NamedObject> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Recorder::finish`], with the columns that a query uses.
    pub(crate) fn finish_query(self, query: &Query) -> Vec<NamedObject> {
        let mut names = self.finish();
        let mut used = Vec::new();
        query_uses(query, &mut Vec::new(), &mut used);
        used.sort_unstable();
        used.dedup();
        for name in names.iter_mut().filter(|name| name.kind == NameKind::Relation) {
            let columns = used.iter().filter(|(relation, _)| *relation == name.oid);
            name.used = columns.map(|(_, attnum)| *attnum).collect();
        }
        names
    }
}

impl<'a> Names<'a> {
    pub(super) fn of_stored(names: &'a [NamedObject]) -> Names<'a> {
        Names { stored: Some(names), recorded: None }
    }

    pub(super) fn recording(recorder: &'a Recorder) -> Names<'a> {
        Names { stored: None, recorded: Some(recorder) }
    }

    /// What a name in a stored text means: all objects of that name.
    pub(super) fn stored(
        self,
        kind: NameKind,
        schema: Option<&str>,
        name: &str,
    ) -> impl Iterator<Item = &'a NamedObject> {
        self.stored.into_iter().flatten().filter(move |object| {
            object.kind == kind && object.schema.as_deref() == schema && object.name == name
        })
    }

    /// Whether they are those of a stored text.
    pub(super) fn is_stored(self) -> bool {
        self.stored.is_some()
    }

    /// Records what a name means, if a user's object has it.
    pub(super) fn record(self, kind: NameKind, schema: Option<&str>, name: &str, oid: ObjectId) {
        self.record_relation(kind, schema, name, oid, &[]);
    }

    pub(super) fn record_relation(
        self,
        kind: NameKind,
        schema: Option<&str>,
        name: &str,
        oid: ObjectId,
        columns: &[OutputColumn],
    ) {
        let Some(recorder) = self.recorded else { return };
        if is_system(oid) {
            return;
        }
        let columns = columns.iter().filter_map(|column| {
            let (relation, attnum) = column.origin?;
            (relation == oid).then(|| (attnum, column.name.clone()))
        });
        recorder.add(NamedObject {
            kind,
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
            oid,
            columns: columns.collect(),
            used: Vec::new(),
        });
    }
}

impl<'a> Binder<'a> {
    /// A binder for a stored text.
    pub(crate) fn stored(cx: &'a SessionCx, text: &'a str, names: &'a [NamedObject]) -> Binder<'a> {
        Binder { names: Names::of_stored(names), ..Binder::new(cx, text, &[]) }
    }

    /// A binder for a text that is going to be stored.
    pub(crate) fn recording(mut self, recorder: &'a Recorder) -> Binder<'a> {
        self.names = Names::recording(recorder);
        self
    }

    /// The schemas in which bare names are looked for: a stored text knows its own.
    pub(super) fn search_path(&self) -> &[ObjectId] {
        const STORED: &[ObjectId] = &[PG_CATALOG];
        match self.names.stored {
            Some(_) => STORED,
            None => &self.cx.search_path,
        }
    }

    /// Renames a relation's columns to what they were called when the text was stored, and leaves
    /// out those that came later.
    pub(super) fn written_columns(
        &self,
        oid: ObjectId,
        schema: Option<&str>,
        name: &str,
        columns: &mut [OutputColumn],
    ) -> Option<usize> {
        let named =
            self.names.stored(NameKind::Relation, schema, name).find(|named| named.oid == oid)?;
        for column in columns.iter_mut() {
            let attnum = column.origin.map(|(_, attnum)| attnum);
            if let Some((_, written)) =
                named.columns.iter().find(|(stored, _)| Some(*stored) == attnum)
            {
                column.name.clone_from(written);
            }
        }
        let stored = |column: &OutputColumn| {
            let attnum = column.origin.map(|(_, attnum)| attnum);
            named.columns.iter().any(|(stored, _)| Some(*stored) == attnum)
        };
        Some(columns.iter().take_while(|column| stored(column)).count())
    }
}

/// The expression behind stored text, parsed.
pub(crate) fn parse_stored(text: &str) -> types::Result<parser::Node> {
    Ok(parser::Node { node: Some(*parser::parse_expression(text)?) })
}

/// Adds the columns of users' relations that a query uses.
fn query_uses<'q>(query: &'q Query, around: &mut Vec<&'q Select>, used: &mut Vec<(u32, i16)>) {
    for cte in &query.ctes {
        match &cte.body {
            CteBody::Query(query) => query_uses(query, around, used),
            CteBody::Recursive { base, step, work_table: _, all: _ } => {
                query_uses(base, around, used);
                query_uses(step, around, used);
            }
            CteBody::Modify(_) => {}
        }
    }
    match &query.body {
        Body::Select(select) => select_uses(select, around, used),
        Body::Values(rows) => rows.iter().flatten().for_each(|expr| uses(expr, around, used)),
        Body::SetOperation { op: _, all: _, left, right } => {
            query_uses(left, around, used);
            query_uses(right, around, used);
        }
    }
}

fn select_uses<'q>(select: &'q Select, around: &mut Vec<&'q Select>, used: &mut Vec<(u32, i16)>) {
    around.push(select);
    for relation in &select.relations {
        match &relation.source {
            // A view's query is its own business.
            Source::Query(query) if relation.view.is_none() => query_uses(query, around, used),
            Source::Functions { calls, ordinality: _ } => {
                for call in calls {
                    call.args.iter().for_each(|arg| uses(arg, around, used));
                    if let FunctionSource::Scalar(expr) = &call.source {
                        uses(expr, around, used);
                    }
                }
            }
            _ => {}
        }
    }
    let mut items: Vec<&FromItem> = select.from.iter().collect();
    while let Some(item) = items.pop() {
        if let FromItem::Join { kind: _, left, right, on } = item {
            items.extend([&**left, &**right]);
            on.iter().for_each(|expr| uses(expr, around, used));
        }
    }
    let aggregates = select.aggregates.iter().flat_map(|aggregate| {
        let order = aggregate.order.iter().map(|key| &key.expr);
        aggregate.args.iter().chain(order).chain(&aggregate.filter)
    });
    let windows = select.windows.iter().flat_map(|window| {
        let order = window.order.iter().map(|key| &key.expr);
        window.args.iter().chain(&window.partition).chain(order).chain(&window.filter)
    });
    let all = (select.filter.iter())
        .chain(&select.groups)
        .chain(&select.having)
        .chain(&select.targets)
        .chain(aggregates)
        .chain(windows);
    all.for_each(|expr| uses(expr, around, used));
    around.pop();
}

fn uses<'q>(expr: &'q Expr, around: &mut Vec<&'q Select>, used: &mut Vec<(u32, i16)>) {
    match &expr.kind {
        ExprKind::Var(var) => {
            let select = around.len().checked_sub(var.level + 1).and_then(|at| around.get(at));
            let relation = select.and_then(|select| select.relations.get(var.relation));
            if let Some(relation) = relation
                && let Some(origin) =
                    relation.columns.get(var.column).and_then(|column| column.origin)
            {
                used.push(origin);
            }
        }
        ExprKind::SubLink(link) => query_uses(&link.query, around, used),
        _ => {}
    }
    expr.for_each_child(&mut |child| uses(child, around, used));
}

//! Rows of the catalog's relations for one step of a statement.
//!
//! A relation is computed once, and an index over a column made when rows are first looked up by
//! it: a sub-query or the inner side of a join may ask for each row around it. Relations that are
//! the same for every session are kept for as long as the catalog stays the same, so that clients
//! which ask much about the catalog do not wait for it to be described anew each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use catalog::Catalog;
use catalog::objects::ObjectId;
use catalog::system::{Audience, audience};
use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result};

use super::SessionCx;
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::execute::SystemRows;
use crate::plan::statistics::Statistics;

/// Gives the rows of the catalog's relations to the executor.
pub(super) struct CatalogRows<'a> {
    cx: &'a SessionCx,
    relations: Mutex<HashMap<Oid, Arc<Relation>>>,
}

/// Relations, and what they were computed from.
type Computed = (Option<Basis>, HashMap<Shared, Arc<Relation>>);

/// Relations of the newest catalog, computed, for the sessions that see them alike.
#[derive(Default)]
pub(crate) struct SharedRows {
    computed: Mutex<Computed>,
}

/// What relations are computed from.
struct Basis {
    catalog: Arc<Catalog>,
    /// They hold the estimates that `pg_class` shows.
    statistics: Arc<Statistics>,
}

impl Basis {
    fn is(&self, other: &Basis) -> bool {
        Arc::ptr_eq(&self.catalog, &other.catalog)
            && Arc::ptr_eq(&self.statistics, &other.statistics)
    }
}

/// A relation as some sessions see it.
#[derive(PartialEq, Eq, Hash)]
struct Shared {
    relation: Oid,
    /// `None`: as all see it.
    viewer: Option<Viewer>,
}

/// What makes sessions see the same.
#[derive(PartialEq, Eq, Hash)]
struct Viewer {
    role: ObjectId,
    search_path: Vec<ObjectId>,
    /// Values of the parameters that literals in definitions are printed by.
    formats: Vec<String>,
}

impl Viewer {
    fn of(cx: &SessionCx) -> Viewer {
        const FORMATS: &[&str] =
            &["DateStyle", "IntervalStyle", "TimeZone", "extra_float_digits", "bytea_output"];
        let value = |name: &&str| cx.settings.show(name).map(|(_, value)| value);
        Viewer {
            role: cx.role,
            search_path: cx.search_path.clone(),
            formats: FORMATS.iter().filter_map(value).collect(),
        }
    }
}

/// One relation, computed.
struct Relation {
    rows: Chunk,
    /// By column, then by value: positions of rows.
    indexes: Mutex<HashMap<usize, Arc<Index>>>,
}

/// Most relations that are kept, over all viewers.
const SHARED_MAX: usize = 256;

type Index = HashMap<Key, Vec<usize>>;

/// A value that equals another exactly if their keys are equal.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Integer(i64),
    Text(Arc<str>),
}

impl Key {
    /// `None` for NULL and for types that are not looked up.
    fn of(value: &Datum) -> Option<Key> {
        Some(match value {
            Datum::Oid(number) => Key::Integer(i64::from(*number)),
            Datum::Int2(number) => Key::Integer(i64::from(*number)),
            Datum::Int4(number) => Key::Integer(i64::from(*number)),
            Datum::Int8(number) => Key::Integer(*number),
            Datum::Text(text) => Key::Text(Arc::clone(text)),
            _ => return None,
        })
    }
}

impl<'a> CatalogRows<'a> {
    pub(super) fn new(cx: &'a SessionCx) -> CatalogRows<'a> {
        CatalogRows { cx, relations: Mutex::default() }
    }

    /// A relation, computed when it is first asked for.
    async fn relation(&self, relation: Oid) -> Result<Arc<Relation>> {
        let lock = || self.relations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&relation) {
            return Ok(Arc::clone(known));
        }
        let shared = &self.cx.engine.catalog_rows;
        let computed = match audience(relation) {
            Audience::Everybody => shared.relation(self.cx, relation, None)?,
            Audience::Alike => shared.relation(self.cx, relation, Some(Viewer::of(self.cx)))?,
            Audience::Nobody => {
                let values = self.last_values(relation).await?;
                Relation::compute(self.cx, relation, &values)?
            }
        };
        lock().insert(relation, Arc::clone(&computed));
        Ok(computed)
    }

    /// What sequences have given out last, if the relation shows it.
    async fn last_values(&self, relation: Oid) -> Result<HashMap<ObjectId, i64>> {
        let mut values = HashMap::new();
        let shows = catalog::system::relation_by_oid(relation)
            .is_some_and(|relation| relation.name == "pg_sequences");
        if shows {
            for sequence in self.cx.catalog.sequences() {
                let (last, _, called) = self.cx.engine.sequence_state(sequence).await?;
                if called {
                    values.insert(sequence.oid, last);
                }
            }
        }
        Ok(values)
    }
}

impl SharedRows {
    fn relation(
        &self,
        cx: &SessionCx,
        relation: Oid,
        viewer: Option<Viewer>,
    ) -> Result<Arc<Relation>> {
        let key = Shared { relation, viewer };
        let newest = Arc::ptr_eq(&cx.engine.catalog(), &cx.catalog);
        let now = Basis { catalog: Arc::clone(&cx.catalog), statistics: cx.engine.statistics() };
        let lock = || self.computed.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let (basis, relations) = &*lock();
            let same = basis.as_ref().is_some_and(|basis| basis.is(&now));
            if same && let Some(known) = relations.get(&key) {
                return Ok(Arc::clone(known));
            }
        }
        let computed = Relation::compute(cx, relation, &HashMap::new())?;
        // What only an open transaction sees, or sees no longer, is its own.
        if newest {
            let (basis, relations) = &mut *lock();
            let same = basis.as_ref().is_some_and(|basis| basis.is(&now));
            if !same || relations.len() >= SHARED_MAX {
                *basis = Some(now);
                relations.clear();
            }
            relations.insert(key, Arc::clone(&computed));
        }
        Ok(computed)
    }
}

impl SystemRows for CatalogRows<'_> {
    fn rows<'a>(&'a self, relation: Oid, from: usize) -> BoxFuture<'a, Result<Chunk>> {
        async move {
            if let Some(sequence) = self.cx.catalog.sequence_by_oid(relation.0) {
                let mut rows = Chunk::new(3);
                if from == 0 {
                    rows.push(crate::sequence::relation_row(self.cx, sequence).await?);
                }
                return Ok(rows);
            }
            let rows = &self.relation(relation).await?.rows;
            let to = rows.len().min(from.saturating_add(CHUNK_ROWS));
            let mut chunk = Chunk::with_capacity(rows.width(), to.saturating_sub(from));
            for at in from..to {
                chunk.push_row(rows.row(at));
            }
            Ok(chunk)
        }
        .boxed()
    }

    fn rows_with<'a>(
        &'a self,
        relation: Oid,
        column: usize,
        value: &'a Datum,
    ) -> BoxFuture<'a, Result<Chunk>> {
        async move {
            if self.cx.catalog.sequence_by_oid(relation.0).is_some() {
                return self.rows(relation, 0).await;
            }
            let relation = self.relation(relation).await?;
            if value.is_null() {
                return Ok(Chunk::new(relation.rows.width()));
            }
            Ok(match Key::of(value) {
                Some(key) => relation.find(column, &key),
                None => relation.rows.clone(),
            })
        }
        .boxed()
    }
}

impl Relation {
    fn compute(
        cx: &SessionCx,
        relation: Oid,
        last_values: &HashMap<ObjectId, i64>,
    ) -> Result<Arc<Relation>> {
        let rows = crate::system::relation_rows(cx, relation, last_values)?;
        Ok(Arc::new(Relation { rows, indexes: Mutex::default() }))
    }

    /// The index over a column, made when it is first asked for.
    fn index(&self, column: usize) -> Arc<Index> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = indexes.entry(column).or_insert_with(|| {
            let mut index = Index::new();
            for at in 0..self.rows.len() {
                if let Some(key) = self.rows.row(at).get(column).and_then(Key::of) {
                    index.entry(key).or_default().push(at);
                }
            }
            Arc::new(index)
        });
        Arc::clone(index)
    }

    fn find(&self, column: usize, key: &Key) -> Chunk {
        let index = self.index(column);
        let found = index.get(key).map(Vec::as_slice).unwrap_or_default();
        let mut chunk = Chunk::with_capacity(self.rows.width(), found.len());
        for at in found {
            chunk.push_row(self.rows.row(*at));
        }
        chunk
    }
}

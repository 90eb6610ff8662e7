//! Rows of the catalog's relations for one step of a statement.
//!
//! A relation is computed once, and an index over a column made when rows are first looked up by
//! it: a sub-query or the inner side of a join may ask for each row around it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result};

use super::SessionCx;
use crate::chunk::Chunk;
use crate::execute::SystemRows;

/// Gives the rows of the catalog's relations to the executor.
pub(super) struct CatalogRows<'a> {
    cx: &'a SessionCx,
    relations: Mutex<HashMap<Oid, Relation>>,
}

/// One relation, computed.
struct Relation {
    rows: Chunk,
    /// By column, then by value: positions of rows.
    indexes: HashMap<usize, HashMap<Key, Vec<usize>>>,
}

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

    /// Applies `f` to a relation.
    fn with(&self, relation: Oid, f: impl FnOnce(&mut Relation) -> Chunk) -> Result<Chunk> {
        let mut relations = self.relations.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(f(match relations.entry(relation) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let rows = crate::system::relation_rows(self.cx, relation)?;
                new.insert(Relation { rows, indexes: HashMap::new() })
            }
        }))
    }
}

impl SystemRows for CatalogRows<'_> {
    fn rows<'a>(&'a self, relation: Oid) -> BoxFuture<'a, Result<Chunk>> {
        async move {
            if let Some(sequence) = self.cx.catalog.sequence_by_oid(relation.0) {
                let mut rows = Chunk::new(3);
                rows.push(crate::sequence::relation_row(self.cx, sequence).await?);
                return Ok(rows);
            }
            self.with(relation, |relation| relation.rows.clone())
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
                return self.rows(relation).await;
            }
            self.with(relation, |relation| {
                if value.is_null() {
                    return Chunk::new(relation.rows.width());
                }
                match Key::of(value) {
                    Some(key) => relation.find(column, &key),
                    None => relation.rows.clone(),
                }
            })
        }
        .boxed()
    }
}

impl Relation {
    fn find(&mut self, column: usize, key: &Key) -> Chunk {
        let Relation { rows, indexes } = self;
        let index = indexes.entry(column).or_insert_with(|| {
            let mut index: HashMap<Key, Vec<usize>> = HashMap::new();
            for at in 0..rows.len() {
                if let Some(key) = rows.row(at).get(column).and_then(Key::of) {
                    index.entry(key).or_default().push(at);
                }
            }
            index
        });
        let found = index.get(key).map(Vec::as_slice).unwrap_or_default();
        let mut chunk = Chunk::with_capacity(rows.width(), found.len());
        for at in found {
            chunk.push_row(rows.row(*at));
        }
        chunk
    }
}

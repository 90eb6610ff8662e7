//! The rows that refer to a row.

use catalog::{ForeignKey, Index, IndexState, Table};
use store::{Direction, Key, KeyRange, Pair, Pairs};
use txn::Transaction;
use types::settings::FormatSettings;
use types::{Datum, Oid, Result, RowReader, key};

use super::reference::convert;
use crate::execute::index::{self, KeyLayout, KeySource, Projection};

/// Pairs read at once.
const PAIRS: usize = 256;

/// A row with its key.
pub(super) type Found = (Key, Vec<Datum>);

/// Finds the rows of a table that refer to given values.
pub(super) struct Children {
    /// Keys of the index that is read, and how many of its leading columns are bound.
    keys: KeyLayout,
    bound: usize,
    /// The rows' own keys, if a secondary index is read.
    rows: Option<KeyLayout>,
    projection: Projection,
    /// Position and type of the referencing columns, type of the referenced.
    columns: Vec<(usize, Oid, Oid)>,
}

impl Children {
    /// A finder of `child`'s rows that refer to `parent` by `key`.
    ///
    /// # Errors
    /// `XX000` for a type that has no stored form.
    pub(super) fn new(
        cluster: u32,
        child: &Table,
        key: &ForeignKey,
        parent: &Table,
    ) -> Result<Children> {
        let bound = |index: &Index| {
            index
                .keys
                .iter()
                .take_while(|k| k.column().is_some_and(|c| key.columns.contains(&c)))
                .count()
        };
        let usable = |index: &&Index| index.state == IndexState::Valid && index.predicate.is_none();
        let best = child.indexes.iter().filter(usable).max_by_key(|index| bound(index));
        let primary = child.primary_key.as_ref().map_or(0, bound);
        let rows = index::row_layout(cluster, child);
        let (keys, bound, rows) = match best.map(|index| (index, bound(index))) {
            Some((index, bound)) if bound > primary => {
                (index::entry_layout(cluster, child, index).key, bound, Some(rows))
            }
            _ => (rows, primary, None),
        };
        let ty = |table: &Table, at: usize| {
            table.columns.get(at).map_or(Oid::INVALID, |column| Oid(column.type_oid))
        };
        let columns = key.columns.iter().zip(&key.parent_columns);
        let columns =
            columns.map(|(own, theirs)| (*own, ty(child, *own), ty(parent, *theirs))).collect();
        Ok(Children { keys, bound, rows, projection: Projection::all(child)?, columns })
    }

    /// The referencing columns' values that equal those of the referenced columns; `None` if a
    /// row cannot have them.
    pub(super) fn wanted(&self, parent: &[Datum], settings: &FormatSettings) -> Option<Vec<Datum>> {
        let pairs = parent.iter().zip(&self.columns);
        pairs.map(|(value, (_, own, theirs))| convert(value, *theirs, *own, settings)).collect()
    }

    /// Whether a row has the wanted values.
    pub(super) fn matches(&self, row: &[Datum], wanted: &[Datum]) -> bool {
        self.columns.iter().zip(wanted).all(|((at, ty, _), wanted)| {
            let value = row.get(*at).unwrap_or(&Datum::Null);
            !value.is_null() && types::compare::equal_typed(value, wanted, *ty)
        })
    }

    /// The rows that have the wanted values, as they are now; at most `limit`.
    ///
    /// # Errors
    /// `XX000` if the store fails, `XX001` for a malformed row.
    pub(super) async fn find(
        &self,
        txn: &Transaction,
        wanted: &[Datum],
        limit: usize,
    ) -> Result<Vec<Found>> {
        let at = txn.command().after();
        let mut prefix = self.keys.prefix.clone();
        for column in self.keys.columns.iter().take(self.bound) {
            let KeySource::Column(position) = column.source else { break };
            let value = self.columns.iter().zip(wanted).find(|((at, ..), _)| *at == position);
            let Some((_, value)) = value else { break };
            key::encode(value, column.ty, column.order, &mut prefix)?;
        }
        let mut found = Vec::new();
        let mut range = Some(KeyRange::prefix(&prefix));
        while let Some(piece) = range.take() {
            let (pairs, rest) = txn.scan(&piece, Direction::Forward, PAIRS, at).await?;
            for (key, value) in self.rows_of(txn, pairs).await? {
                let mut row = Vec::new();
                self.projection.read(&RowReader::new(&value)?, &mut row)?;
                if self.matches(&row, wanted) {
                    found.push((key, row));
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
            }
            range = rest;
        }
        Ok(found)
    }

    async fn rows_of(&self, txn: &Transaction, pairs: Pairs) -> Result<Vec<Pair>> {
        let Some(rows) = &self.rows else { return Ok(pairs.into_iter().collect()) };
        let mut keys = Vec::with_capacity(pairs.len());
        for (key, value) in pairs.iter() {
            keys.push(rows.row_key_of(index::read_entry(key, value)?.0));
        }
        let values = txn.get_many(&keys, txn.command().after()).await?;
        Ok(keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))).collect())
    }
}

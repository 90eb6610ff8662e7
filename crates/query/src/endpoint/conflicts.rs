//! The last conflicts of a database: who lost what to whom.
//!
//! Off unless the operator wants it: every commit would have to leave its name.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::BytesMut;
use catalog::{Catalog, Index, Table};
use store::Ts;
use txn::{Conflict, keys};
use types::settings::FormatSettings;
use types::{Oid, key};

/// Conflicts that are kept.
const CONFLICTS_MAX: usize = 100;
/// Commits whose sessions are kept: who wins has as a rule committed a moment ago.
const COMMITS_MAX: usize = 10_000;

/// A conflict that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedConflict {
    /// When.
    pub at: SystemTime,
    /// `OC000` or `OC001`.
    pub code: &'static str,
    /// Schema of the table, if there is one.
    pub schema: Option<String>,
    /// Table, if it is still there.
    pub table: Option<String>,
    /// Index, if it is about an entry of one other than the primary key's.
    pub index: Option<String>,
    /// Names and values of the key's columns, as `(id)=(7)`; of a hidden key, its bytes.
    pub key: Option<String>,
    /// Session of the transaction that failed.
    pub session_id: String,
    /// The transaction that came first.
    pub lost_to: Option<LostTo>,
}

/// The transaction that came first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostTo {
    /// The position of its commit in the order of all commits.
    pub commit_ts: u64,
    /// Its session, if it was one's and not too long ago.
    pub session_id: Option<String>,
}

/// Conflicts and commits of late.
#[derive(Debug)]
pub(crate) struct Conflicts(Option<Mutex<Recent>>);

#[derive(Debug, Default)]
struct Recent {
    conflicts: VecDeque<RecordedConflict>,
    commits: VecDeque<(Ts, String)>,
}

impl Conflicts {
    pub(crate) fn new(records: bool) -> Conflicts {
        Conflicts(records.then(Mutex::default))
    }

    fn recent(&self) -> Option<MutexGuard<'_, Recent>> {
        let recent = self.0.as_ref()?;
        Some(recent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers who committed.
    pub(crate) fn committed(&self, ts: Ts, session_id: &str) {
        let Some(mut recent) = self.recent() else { return };
        if recent.commits.len() == COMMITS_MAX {
            recent.commits.pop_front();
        }
        recent.commits.push_back((ts, session_id.to_owned()));
    }

    /// Remembers a commit that failed.
    pub(crate) fn lost(&self, conflict: &Conflict, catalog: &Catalog, session_id: &str) {
        let Some(mut recent) = self.recent() else { return };
        let Conflict { key, winner } = conflict;
        let winning = recent.commits.iter().rev().find(|(ts, _)| ts == winner);
        let lost_to = LostTo {
            commit_ts: winner.0,
            session_id: winning.map(|(_, session_id)| session_id.clone()),
        };
        let is_schema = keys::is_catalog(key);
        let found = if is_schema {
            keys::object_of(key)
                .and_then(|oid| catalog.table_by_oid(oid))
                .map(|table| (table, None))
        } else {
            let place = keys::place_of(key);
            place.and_then(|(table, index)| Some((catalog.table_by_oid(table)?, Some(index))))
        };
        let code = if is_schema { "OC001" } else { "OC000" };
        let mut conflict = of(code, found.map(|(table, _)| &**table), catalog, session_id);
        conflict.lost_to = Some(lost_to);
        if let Some((table, Some(index))) = found {
            let secondary = table.indexes.iter().find(|known| known.oid == index);
            conflict.index = secondary.map(|index| index.name.clone());
            let keyed = secondary.or(table.primary_key.as_ref());
            conflict.key =
                key.get(keys::ROW_PREFIX_LEN..).map(|key| text_of(key, table, keyed, catalog));
        }
        recent.keep(conflict);
    }

    /// Remembers a statement that failed since a table had been altered.
    pub(crate) fn altered(&self, table: &Table, catalog: &Catalog, session_id: &str) {
        if let Some(mut recent) = self.recent() {
            recent.keep(of("OC001", Some(table), catalog, session_id));
        }
    }

    /// The conflicts, the last one first.
    pub(crate) fn list(&self) -> Vec<RecordedConflict> {
        self.recent()
            .map_or_else(Vec::new, |recent| recent.conflicts.iter().rev().cloned().collect())
    }
}

impl Recent {
    fn keep(&mut self, conflict: RecordedConflict) {
        if self.conflicts.len() == CONFLICTS_MAX {
            self.conflicts.pop_front();
        }
        self.conflicts.push_back(conflict);
    }
}

fn of(
    code: &'static str,
    table: Option<&Table>,
    catalog: &Catalog,
    session_id: &str,
) -> RecordedConflict {
    let schema = table.and_then(|table| catalog.schema_by_oid(table.schema));
    RecordedConflict {
        at: SystemTime::now(),
        code,
        schema: schema.map(|schema| schema.name.clone()),
        table: table.map(|table| table.name.clone()),
        index: None,
        key: None,
        session_id: session_id.to_owned(),
        lost_to: None,
    }
}

/// Names and values of a key's columns, as PostgreSQL gives them of a key that is taken.
fn text_of(mut key: &[u8], table: &Table, index: Option<&Index>, catalog: &Catalog) -> String {
    let hidden = hexadecimal(key);
    let Some(index) = index else { return hidden };
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for column in &index.keys {
        let (ty, typmod) = column.value_type(table);
        let (base, _) = catalog.base_type(ty.0, typmod);
        let Ok(value) = key::decode(&mut key, Oid(base)) else { return hidden };
        names.push(catalog::describe::key_text(table, column));
        values.push(match value.is_null() {
            true => "null".to_owned(),
            false => {
                let mut text = BytesMut::new();
                types::text::output(&value, Oid(base), &FormatSettings::default(), &mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
        });
    }
    format!("({})=({})", names.join(", "), values.join(", "))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Background jobs: index builds, validation of constraints, removal of dropped data.
//!
//!     DDL commit ──writes──► job record (submitted) ──► worker: processing ─► completed | failed
//!
//! A job is written in the transaction that causes it, so it exists exactly if that commits. It is
//! done in steps, each one transaction that also writes the job's record with its progress: after a
//! crash it goes on where it was, and should two workers ever do the same step, the record makes one
//! of them lose. What each kind does, and why it is right beside running writers, is said in its
//! module and in `docs/design/jobs.md`.
//!
//! A new kind is a variant of [`Work`], its name in [`Job::kind`] and a function that does a step.

mod analyze;
mod drop_data;
mod id;
mod index_build;
pub(crate) mod offline;
mod queue;
#[cfg(test)]
mod tests;
mod validate;
mod worker;

use catalog::objects::{IndexState, ObjectId};
use catalog::{Catalog, Change, ddl};
use serde::{Deserialize, Serialize};
use types::{Result, SqlError};

use crate::engine::now_micros;

pub(crate) use self::id::{parse_id, text_id};
pub(crate) use self::queue::Jobs;
pub(crate) use self::worker::unlimited;

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobStatus {
    /// Waits for a worker.
    Submitted,
    /// Is being worked on.
    Processing,
    /// Done.
    Completed,
    /// Given up; see the details.
    Failed,
}

impl JobStatus {
    /// The text in `sys.jobs`.
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Submitted => "submitted",
            JobStatus::Processing => "processing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
        }
    }

    fn is_final(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Failed)
    }
}

/// What a job does, and how far it is with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Work {
    /// Adds an index's entries for the rows that were there before it.
    BuildIndex {
        table: ObjectId,
        index: ObjectId,
        /// Key of the last row whose entry is there.
        after: Option<Vec<u8>>,
        /// A row was left out because another one has its key: the build will have failed.
        #[serde(default)]
        duplicates: bool,
    },
    /// Checks a constraint on the rows that were there before it.
    Validate {
        table: ObjectId,
        constraint: ObjectId,
        /// Key of the last row that was checked.
        after: Option<Vec<u8>>,
    },
    /// Removes the stored data of a dropped table or index.
    DropData { table: ObjectId, index: Option<ObjectId> },
    /// Finds out what values a table holds.
    Analyze { table: ObjectId },
}

/// A background job, as `sys.jobs` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Identifier.
    pub id: [u8; 16],
    /// How far it is.
    pub status: JobStatus,
    /// Why it failed, or did nothing.
    pub details: Option<String>,
    /// OID of the table or index.
    pub object_id: ObjectId,
    /// `schema.name` when it was submitted; `None` for dropped data.
    pub object_name: Option<String>,
    /// Submission, microseconds since 2000-01-01 UTC.
    pub start_micros: i64,
    /// Last change, in the same unit.
    pub update_micros: i64,
    work: Work,
}

/// What a step of a job came to.
enum Step {
    /// There is more to do.
    More,
    /// The job is done.
    Done,
    /// There is nothing to do, and why.
    Skipped(String),
    /// The job has failed, and why.
    Failed(String),
}

impl Job {
    fn new(object_id: ObjectId, object_name: Option<String>, work: Work) -> Job {
        let now = now_micros();
        Job {
            id: rand::random(),
            status: JobStatus::Submitted,
            details: None,
            object_id,
            object_name,
            start_micros: now,
            update_micros: now,
            work,
        }
    }

    /// The job that builds a new index.
    ///
    /// # Errors
    /// `XX000` if the catalog has no such index.
    pub(crate) fn build_index(catalog: &Catalog, index: ObjectId) -> Result<Job> {
        let (table, _) = catalog
            .index_by_oid(index)
            .ok_or_else(|| SqlError::internal("new index is not in the catalog"))?;
        let work = Work::BuildIndex { table: table.oid, index, after: None, duplicates: false };
        Ok(Job::new(index, object_name(catalog, index), work))
    }

    /// The job that validates a constraint of a table.
    pub(crate) fn validate(catalog: &Catalog, table: ObjectId, constraint: ObjectId) -> Job {
        let work = Work::Validate { table, constraint, after: None };
        Job::new(table, object_name(catalog, table), work)
    }

    /// The job that removes what a table or index, still in `catalog`, has stored.
    pub(crate) fn drop_data(catalog: &Catalog, object: ObjectId) -> Job {
        let work = match catalog.index_by_oid(object) {
            Some((table, _)) => Work::DropData { table: table.oid, index: Some(object) },
            None => Work::DropData { table: object, index: None },
        };
        Job::new(object, None, work)
    }

    /// The job that analyses a table.
    pub(crate) fn analyze(catalog: &Catalog, table: ObjectId) -> Job {
        Job::new(table, object_name(catalog, table), Work::Analyze { table })
    }

    /// Whether something was dropped that has stored data.
    pub(crate) fn removes_data(&self) -> bool {
        matches!(self.work, Work::DropData { .. })
    }

    /// The kind in `sys.jobs`.
    pub fn kind(&self) -> &'static str {
        match self.work {
            Work::BuildIndex { .. } => "INDEX_BUILD",
            Work::Validate { .. } => "VALIDATE_CONSTRAINT",
            Work::DropData { .. } => "DROP",
            Work::Analyze { .. } => "ANALYZE",
        }
    }

    /// The identifier as clients see it: 26 characters of base 32.
    pub fn text_id(&self) -> String {
        text_id(self.id)
    }

    /// What the end of the job, as its status says, changes in the catalog: an index becomes valid
    /// or, for its owner to drop, invalid; a constraint becomes valid.
    fn catalog_change(&self, catalog: &Catalog) -> Option<Change> {
        match (&self.work, self.status) {
            (Work::BuildIndex { index, .. }, status) => {
                let (_, found) = catalog.index_by_oid(*index)?;
                let state = match status {
                    JobStatus::Completed => IndexState::Valid,
                    _ => IndexState::Invalid,
                };
                (found.state == IndexState::Building)
                    .then(|| ddl::finish_index(catalog, *index, state))?
            }
            (Work::Validate { table, constraint, .. }, JobStatus::Completed) => {
                ddl::finish_validation(catalog, *table, *constraint)
            }
            _ => None,
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![1];
        serde_json::to_writer(&mut bytes, self)
            .map_err(|error| SqlError::internal(format!("job cannot be stored: {error}")))?;
        Ok(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Job> {
        let unreadable = |what: String| SqlError::internal(format!("job cannot be read: {what}"));
        match bytes.split_first() {
            Some((1, json)) => {
                serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))
            }
            _ => Err(unreadable("newer format".into())),
        }
    }
}

/// `schema.name` of a table or index; `None` if it is gone.
pub(crate) fn object_name(catalog: &Catalog, object: ObjectId) -> Option<String> {
    let (schema, name) = match catalog.table_by_oid(object) {
        Some(table) => (table.schema, &table.name),
        None => {
            let (table, index) = catalog.index_by_oid(object)?;
            (table.schema, &index.name)
        }
    };
    let schema = catalog.schema_by_oid(schema).map_or("", |schema| &schema.name);
    Some(format!("{schema}.{name}"))
}

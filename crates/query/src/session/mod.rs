//! One client's conversation with the database, free of any wire format.
//!
//! The caller (the wire protocol) drives it:
//!
//!     simple query      parse(sql) → for each statement: prepare, bind, fetch until Complete;
//!                       before the last statement's completion is reported: sync
//!     extended query    Parse: parse + prepare · Bind: bind · Execute: fetch · Sync: sync
//!     any error         abort(): a block becomes failed, an implicit transaction is rolled back
//!
//! Invariants: a session has at most one transaction; outside a block it is implicit and ends at
//! `sync` or `abort`; in a failed block everything but its end raises 25P02.

use std::sync::Arc;

use crate::chunk::Chunk;
use bytes::{Bytes, BytesMut};
use types::{Datum, Oid, Result, SqlError};

/// The transaction status that ReadyForQuery reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Not in a transaction block.
    Idle,
    /// In a transaction block.
    InBlock,
    /// In a failed transaction block.
    Failed,
}

/// Text or binary representation of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text.
    #[default]
    Text,
    /// Binary.
    Binary,
}

/// One column of a result, as RowDescription gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Column label.
    pub name: String,
    /// OID of the table it comes from, or 0.
    pub table_oid: u32,
    /// `attnum` in that table, or 0.
    pub attnum: i16,
    /// Type.
    pub type_oid: Oid,
    /// `pg_type.typlen`.
    pub type_len: i16,
    /// Type modifier, or −1.
    pub typmod: i32,
}

/// One parsed statement of a query string, not yet analysed.
#[derive(Clone, Debug)]
pub struct Statement {}

/// An analysed statement: its parameters and result columns are known. Shared by portals.
#[derive(Debug)]
pub struct Prepared {
    /// Parameter types, `$1` first.
    pub param_types: Vec<Oid>,
    /// Result columns; `None` if it returns no rows.
    pub fields: Option<Vec<Field>>,
}

/// Parameter values as the client sent them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parameters<'a> {
    /// Formats: none (all text), one (for all), or one for each value.
    pub formats: &'a [Format],
    /// Values; `None` is NULL.
    pub values: &'a [Option<&'a [u8]>],
}

/// How a COPY moves data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFormat {
    /// Overall format.
    pub format: Format,
    /// Number of columns.
    pub columns: usize,
}

/// What one step of running a portal brought.
#[derive(Debug)]
pub enum Fetched {
    /// Rows; encode each with [`Portal::encode_row`].
    Rows(Chunk),
    /// `max_rows` were returned and there may be more.
    Suspended,
    /// Finished; the command tag, such as `SELECT 3`.
    Complete(String),
    /// The statement was empty.
    Empty,
    /// `COPY … FROM STDIN` wants data: [`Session::copy_in`].
    CopyIn(CopyFormat),
    /// `COPY … TO STDOUT` begins; go on fetching.
    CopyOut(CopyFormat),
    /// One row of `COPY … TO STDOUT`.
    CopyData(Bytes),
}

/// A bound statement in the course of execution.
#[derive(Debug)]
pub struct Portal {}

impl Portal {
    /// Result columns; `None` if it returns no rows.
    pub fn fields(&self) -> Option<&[Field]> {
        None
    }

    /// The format of each result column.
    pub fn formats(&self) -> &[Format] {
        &[]
    }

    /// Appends one row: a big-endian `i16` count of fields, then for each a big-endian `i32`
    /// length (−1 for NULL) and its bytes, in the portal's formats. This is a DataRow's body.
    ///
    /// # Errors
    /// `22P02` and the like if a value has no such representation.
    pub fn encode_row(&self, row: &[Datum], out: &mut BytesMut) -> Result<()> {
        let _ = (row, out);
        Ok(())
    }
}

/// Cancels what a session runs, from another task.
#[derive(Clone, Debug)]
pub struct Canceller {}

impl Canceller {
    /// The running statement, if any, ends with `57014`. Later statements are not affected.
    pub fn cancel(&self) {}
}

/// One client's conversation with the database.
pub struct Session {}

impl Session {
    /// All parameters that clients are told at startup, as `("server_version", "16.15")`.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Reported parameters that changed since the last call (`SET`, `RESET`, end of transaction).
    pub fn take_parameter_changes(&mut self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Notices and warnings raised since the last call.
    pub fn take_notices(&mut self) -> Vec<SqlError> {
        Vec::new()
    }

    /// What ReadyForQuery says.
    pub fn status(&self) -> TransactionStatus {
        TransactionStatus::Idle
    }

    /// Whether a transaction, also an implicit one, is open.
    pub fn in_transaction(&self) -> bool {
        false
    }

    /// A handle that cancels this session's running statement.
    pub fn canceller(&self) -> Canceller {
        Canceller {}
    }

    /// Splits and parses a query string; an empty one gives no statements.
    ///
    /// # Errors
    /// `42601` with a position.
    pub fn parse(&mut self, sql: &str) -> Result<Vec<Statement>> {
        let _ = sql;
        Err(SqlError::internal("not built yet"))
    }

    /// Analyses one statement (`None`: the empty one). `param_types` may be shorter than the number
    /// of parameters, and 0 leaves a type to inference.
    ///
    /// # Errors
    /// What analysis raises; `25P02` in a failed block; DSQL's refusals.
    pub async fn prepare(
        &mut self,
        statement: Option<Statement>,
        param_types: &[Oid],
    ) -> Result<Arc<Prepared>> {
        let _ = (statement, param_types);
        Err(SqlError::internal("not built yet"))
    }

    /// Makes a portal. `result_formats`: none (all text), one (for all), or one for each column.
    ///
    /// # Errors
    /// `08P01` for a wrong number of parameters or formats, `22P02`, `22P03` for a bad value.
    pub async fn bind(
        &mut self,
        prepared: &Arc<Prepared>,
        parameters: Parameters<'_>,
        result_formats: &[Format],
    ) -> Result<Portal> {
        let _ = (prepared, parameters, result_formats);
        Err(SqlError::internal("not built yet"))
    }

    /// Runs a portal on: one chunk of rows, or the end. `max_rows` 0 means no limit; it counts
    /// from the call after the last `Suspended`, and the caller passes what is left of it.
    ///
    /// # Errors
    /// What execution raises. Call [`Session::abort`] then.
    pub async fn fetch(&mut self, portal: &mut Portal, max_rows: usize) -> Result<Fetched> {
        let _ = (portal, max_rows);
        Err(SqlError::internal("not built yet"))
    }

    /// Takes a piece of `COPY … FROM STDIN` data; pieces need not end at row ends.
    ///
    /// # Errors
    /// `22P04` for malformed data, and what inserting raises.
    pub async fn copy_in(&mut self, portal: &mut Portal, data: &[u8]) -> Result<()> {
        let _ = (portal, data);
        Err(SqlError::internal("not built yet"))
    }

    /// Ends `COPY … FROM STDIN`; the command tag.
    ///
    /// # Errors
    /// As [`Session::copy_in`], for what was still incomplete.
    pub async fn copy_in_done(&mut self, portal: &mut Portal) -> Result<String> {
        let _ = portal;
        Err(SqlError::internal("not built yet"))
    }

    /// Ends what is open outside a block: commits the implicit transaction.
    ///
    /// # Errors
    /// `40001` and the other outcomes of a commit; the transaction is over in any case.
    pub async fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    /// Tells the session that an error was reported to the client.
    pub fn abort(&mut self) {}
}

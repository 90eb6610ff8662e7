//! Reads and evaluates rows outside of any session.

use std::ops::Bound;
use std::sync::Arc;

use catalog::objects::{BOOTSTRAP_ROLE, Sql};
use catalog::{Catalog, Table};
use functions::CallCx;
use store::{Direction, Key};
use txn::Transaction;
use types::{Datum, Result, RowReader};

use crate::bind::{Binder, parse_stored};
use crate::engine::{Engine, now_micros};
use crate::execute::Identity;
use crate::execute::eval::{EvalCx, Held, Memo, Replay};
use crate::execute::index::{Projection, all_rows};
use crate::expr::Expr;
use crate::plan::RowChecks;
use crate::session::SessionCx;

/// What evaluates a table's own expressions: they depend on nothing but the row.
pub(crate) struct Offline {
    cx: SessionCx,
    identity: Identity,
}

/// Some rows of a table, in key order.
pub(super) struct Batch {
    /// Keys and rows, all of [`Table::columns`].
    pub(super) rows: Vec<(Key, Vec<Datum>)>,
    /// Nothing is behind them.
    pub(super) last: bool,
}

impl Offline {
    pub(crate) fn new(engine: &Arc<Engine>, catalog: &Arc<Catalog>) -> Offline {
        let name: Arc<str> = "rdsadmin".into();
        Offline {
            cx: SessionCx::offline(engine, catalog, BOOTSTRAP_ROLE),
            identity: Identity {
                current_user: Arc::clone(&name),
                session_user: name,
                database: crate::engine::DATABASE.into(),
                schema: None,
            },
        }
    }

    /// Checks, generated columns and index expressions of a table, bound.
    ///
    /// # Errors
    /// What binding raises.
    pub(super) fn row_checks(&self, table: &Arc<Table>) -> Result<RowChecks> {
        Binder::new(&self.cx, "", &[]).row_checks(table)
    }

    /// A stored expression over a table's rows, bound.
    ///
    /// # Errors
    /// What binding raises.
    pub(crate) fn expression(&self, table: &Arc<Table>, sql: &Sql) -> Result<Expr> {
        let node = parse_stored(&sql.text)?;
        Binder::stored(&self.cx, &sql.text, &sql.names).index_expression(table, &node)
    }

    /// Lends what evaluation needs.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&EvalCx<'_>) -> R) -> R {
        const NULL: &Datum = &Datum::Null;
        let call = self.call();
        let (memo, replay, held) = (Memo::new(0), Replay::default(), Held::default());
        f(&EvalCx {
            call: &call,
            identity: &self.identity,
            params: &[],
            frame: &[],
            memo: &memo,
            replay: &replay,
            held: &held,
            case: NULL,
            element: NULL,
        })
    }

    /// What functions are lent.
    pub(super) fn call(&self) -> CallCx<'_> {
        let now = now_micros();
        CallCx {
            settings: &self.cx.settings.format,
            transaction_micros: now,
            statement_micros: now,
            session: &self.cx,
            interrupts: None,
        }
    }
}

/// About `limit` rows of a table behind the one with the key `after`.
///
/// # Errors
/// `XX000` if the store fails, `XX001` for a malformed row.
pub(super) async fn read_batch(
    txn: &Transaction,
    cluster: u32,
    table: &Table,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Batch> {
    let mut range = all_rows(cluster, table);
    if let Some(after) = after {
        range.start = Bound::Excluded(Key::copy_from_slice(after));
    }
    let at = txn.command().after();
    let (pairs, rest) = txn.scan(&range, Direction::Forward, limit, at).await?;
    let projection = Projection::all(table)?;
    let mut rows = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let mut row = Vec::with_capacity(table.columns.len());
        projection.read(&RowReader::new(&value)?, &mut row)?;
        rows.push((key, row));
    }
    Ok(Batch { rows, last: rest.is_none() })
}

/// `sys.jobs.details` of a job whose table is gone.
pub(super) fn no_table() -> String {
    "Skipped job for nonexistent table.".to_owned()
}

//! Running a portal and streaming what it brings.

use query::{CommandTag, CopyFormat, Fetched, Portal};

use super::Failure;
use crate::codec::backend;
use crate::transport::Wire;

/// How a run came to a stop.
pub(super) enum Outcome {
    /// At the end, and the number of rows that this run has sent.
    Complete(CommandTag, usize),
    /// The statement was empty.
    Empty,
    /// At the row limit.
    Suspended,
    /// It wants COPY data.
    CopyIn(CopyFormat),
}

/// Runs `portal` on, by `max_rows` at most unless that is 0, and sends its rows.
pub(super) async fn run(
    database: &mut query::Session,
    wire: &mut Wire,
    portal: &mut Portal,
    max_rows: usize,
) -> Result<Outcome, Failure> {
    let mut sent = 0;
    let mut copies_out = false;
    loop {
        match database.fetch(portal, max_rows.saturating_sub(sent)).await? {
            Fetched::Rows(rows) => {
                for row in rows.rows() {
                    backend::data_row(&mut wire.out, |out| portal.encode_row(row, out))?;
                    wire.relieve().await?;
                }
                sent += rows.len();
                if max_rows > 0 && sent >= max_rows {
                    // Like PostgreSQL, which does not look whether that was the last row.
                    return Ok(Outcome::Suspended);
                }
            }
            Fetched::CopyOut(format) => {
                backend::copy_out_response(&mut wire.out, &format);
                copies_out = true;
            }
            Fetched::CopyData(rows) => {
                for row in rows {
                    backend::copy_data(&mut wire.out, &row);
                    wire.relieve().await?;
                }
            }
            Fetched::Complete(tag) => {
                if copies_out {
                    backend::copy_done(&mut wire.out);
                }
                return Ok(Outcome::Complete(tag, sent));
            }
            Fetched::Empty => return Ok(Outcome::Empty),
            Fetched::Suspended => return Ok(Outcome::Suspended),
            Fetched::CopyIn(format) => return Ok(Outcome::CopyIn(format)),
        }
        // Rows that come without waiting must not keep the thread from other sessions.
        tokio::task::consume_budget().await;
    }
}

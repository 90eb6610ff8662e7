//! `COPY … FROM STDIN`: the part of a session in which data come from the client.

use std::vec;

use query::{CommandTag, CopyFormat, Portal, Statement, TransactionStatus};
use types::{Severity, SqlError, SqlState};

use super::{Failure, Phase, Talk};
use crate::codec::backend;
use crate::codec::frontend::Message;
use crate::codec::reader::violation;

/// A COPY that waits for data.
pub(super) struct CopyIn {
    pub(super) portal: Portal,
    /// The transaction status when it began.
    pub(super) before: TransactionStatus,
    /// In a simple query the statements that follow; in the extended protocol nothing does.
    pub(super) rest: Option<vec::IntoIter<Statement>>,
}

impl Talk {
    /// Asks the client for data.
    pub(super) async fn begin_copy_in(
        &mut self,
        copy: CopyIn,
        format: &CopyFormat,
    ) -> Result<Phase, Failure> {
        self.notices();
        backend::copy_in_response(&mut self.wire.out, format);
        self.wire.flush().await?;
        Ok(Phase::CopyIn(Box::new(copy)))
    }

    /// Handles a message that comes while data are expected.
    pub(super) async fn copy_in(
        &mut self,
        mut copy: Box<CopyIn>,
        message: Result<Message<'_>, SqlError>,
    ) -> Result<Phase, Failure> {
        let error = match message {
            Ok(Message::CopyData(data)) => {
                match self.database.copy_in(&mut copy.portal, data).await {
                    Ok(()) => return Ok(Phase::CopyIn(copy)),
                    Err(error) => error,
                }
            }
            Ok(Message::CopyDone) => return self.end_copy_in(*copy).await,
            Ok(Message::CopyFail(reason)) => {
                SqlError::new(SqlState::QUERY_CANCELED, format!("COPY from stdin failed: {reason}"))
            }
            // Allowed, so that clients need not know that a statement is a COPY.
            Ok(Message::Flush | Message::Sync) => return Ok(Phase::CopyIn(copy)),
            Ok(message) => {
                let error = violation(format!(
                    "unexpected message type 0x{:02X} during COPY from stdin",
                    tag(&message)
                ));
                backend::error_response(&mut self.wire.out, &error);
                // What the client takes the conversation to be is anybody's guess.
                let error =
                    violation("terminating connection because protocol synchronization was lost");
                return Err(error.severity(Severity::Fatal).into());
            }
            Err(error) => error,
        };
        self.failed(error, copy.rest.is_none()).await
    }

    async fn end_copy_in(&mut self, copy: CopyIn) -> Result<Phase, Failure> {
        let CopyIn { mut portal, before, rest } = copy;
        let tag = self.database.copy_in_done(&mut portal).await;
        match (tag, rest) {
            (Ok(tag), Some(rest)) => {
                let done = self.end_simple_copy_in(&tag, before, rest).await;
                self.queried(done).await
            }
            (Ok(tag), None) => {
                self.complete(&tag, before);
                Ok(Phase::Ready)
            }
            (Err(error), rest) => self.failed(error, rest.is_none()).await,
        }
    }

    async fn end_simple_copy_in(
        &mut self,
        tag: &CommandTag,
        before: TransactionStatus,
        rest: vec::IntoIter<Statement>,
    ) -> Result<Option<Phase>, Failure> {
        if rest.as_slice().is_empty() {
            self.database.sync().await?;
        }
        self.complete(tag, before);
        // `statements` may come back here with the next COPY, so the future needs a box.
        Box::pin(self.statements(rest)).await
    }
}

fn tag(message: &Message<'_>) -> u8 {
    match message {
        Message::Query(_) => b'Q',
        Message::Parse(_) => b'P',
        Message::Bind(_) => b'B',
        Message::Describe(_) => b'D',
        Message::Execute(_) => b'E',
        Message::Close(_) => b'C',
        Message::Flush => b'H',
        Message::Sync => b'S',
        Message::FunctionCall => b'F',
        Message::CopyData(_) => b'd',
        Message::CopyDone => b'c',
        Message::CopyFail(_) => b'f',
        Message::Terminate => b'X',
    }
}

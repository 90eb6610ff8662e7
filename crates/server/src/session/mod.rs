//! One authenticated client's session: messages in, messages out.
//!
//! ```text
//!              ┌──────────── Sync: commit, ReadyForQuery ◄───────────┐
//!              ▼                                                     │
//!            Ready ──── error in Parse, Bind, … Execute ────► Draining (skips all but Sync)
//!              │ ▲                                                   ▲
//!         COPY │ │ CopyDone, or an error in a simple query           │ error in an Execute
//!         FROM ▼ │                                                   │
//!            CopyIn ─────────────────────────────────────────────────┘
//! ```
//!
//! One loop owns the phase; handlers return the next one. Replies gather in the buffer and are
//! flushed once, at ReadyForQuery or Flush: flushing after each message costs two thirds of the
//! throughput.
//!
//! Invariants: portals end with their transaction; `query::Session::abort` is called once for every
//! error that is reported; the buffer holds whole messages whenever something is awaited but the
//! database.

mod copy;
mod extended;
mod names;
mod run;
mod simple;
mod slow;

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use query::{CommandTag, TransactionStatus};
use types::{Severity, SqlError};

use self::copy::CopyIn;
use self::names::{Portals, Statements};
use self::slow::SlowLog;
use crate::backends::Backend;
use crate::codec::backend;
use crate::codec::frontend::{self, Message};
use crate::codec::reader::violation;
use crate::limits::Admitted;
use crate::transport::{Filled, Input, Interrupt, MESSAGE_BYTES_MAX, Wire};

/// Where the conversation stands.
enum Phase {
    /// Every message is welcome.
    Ready,
    /// An extended-protocol message failed: skip everything up to Sync.
    Draining,
    /// COPY data are expected.
    CopyIn(Box<CopyIn>),
}

/// Why a handler does not go on.
enum Failure {
    /// The client is to be told; the session goes on, unless it is FATAL.
    Sql(SqlError),
    /// The connection is lost.
    Io(io::Error),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Failure {
        Failure::Sql(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

/// An authenticated client's session.
pub(crate) struct Session {
    input: Input,
    talk: Talk,
}

/// All but the input, from which the message that is being handled borrows.
struct Talk {
    wire: Wire,
    database: query::Session,
    statements: Statements,
    portals: Portals,
    backend: Backend,
    session_id: String,
    slow_log: Option<SlowLog>,
    // Makes room for another connection when the session ends.
    _admitted: Admitted,
}

impl Session {
    pub(crate) fn new(
        wire: Wire,
        input: Input,
        database: query::Session,
        backend: Backend,
        admitted: Admitted,
        session_id: String,
        log_min_duration: Option<Duration>,
    ) -> Session {
        let talk = Talk {
            wire,
            database,
            statements: Statements::default(),
            portals: Portals::default(),
            backend,
            session_id,
            slow_log: log_min_duration.map(SlowLog::new),
            _admitted: admitted,
        };
        Session { input, talk }
    }

    /// Serves the client until one of both ends the session. A panic ends this session only.
    pub(crate) async fn run(mut self) {
        let ended = AssertUnwindSafe(self.serve()).catch_unwind().await;
        let Talk { wire, session_id, .. } = &mut self.talk;
        match ended {
            Ok(Ok(())) => tracing::debug!(session_id, "session ends"),
            Ok(Err(Failure::Io(error))) => tracing::debug!(session_id, %error, "connection lost"),
            Ok(Err(Failure::Sql(error))) => wire.close_with(&error).await,
            Err(_) => {
                // The panic hook has said where.
                tracing::error!(session_id, "session panicked");
                // What was not written yet may end in half a message.
                wire.out.clear();
                let error = SqlError::internal("the session met a bug of the server and ends");
                wire.close_with(&error.severity(Severity::Fatal)).await;
            }
        }
    }

    /// The loop. An error that it returns ends the session: FATAL, or a lost connection.
    async fn serve(&mut self) -> Result<(), Failure> {
        let Session { input, talk } = self;
        let mut phase = talk.ready().await?;
        let mut begun = Instant::now();
        loop {
            let Some(frame) = input.next(MESSAGE_BYTES_MAX)? else {
                talk.backend.control.endpoint.meters.computed(begun.elapsed());
                let in_transaction = talk.database.in_transaction();
                let interrupt = Interrupt { control: &talk.backend.control, in_transaction };
                match input.fill(&mut talk.wire, Some(interrupt)).await? {
                    Filled::Some => {
                        begun = Instant::now();
                        continue;
                    }
                    Filled::End => return Ok(()),
                    Filled::Stop(stop) => return Err(stop.report().into()),
                }
            };
            if !frontend::is_known(frame.tag) {
                let error = violation(format!("invalid frontend message type {}", frame.tag));
                return Err(error.severity(Severity::Fatal).into());
            }
            let message = frontend::decode(frame.tag, input.body(&frame));
            phase = match (phase, message) {
                (_, Ok(Message::Terminate)) => return Ok(()),
                (Phase::CopyIn(copy), message) => {
                    let phase = talk.copy_in(copy, message).await?;
                    if !matches!(phase, Phase::CopyIn(_)) {
                        talk.copied();
                    }
                    phase
                }
                (_, Ok(Message::Sync)) => talk.sync().await?, // The only way out of Draining.
                (Phase::Draining, _) => Phase::Draining,
                (Phase::Ready, Ok(message)) => talk.handle(message).await?,
                (Phase::Ready, Err(error)) => {
                    talk.failed(error, frontend::is_extended(frame.tag)).await?
                }
            };
            // A client that sends ahead would otherwise keep the thread.
            tokio::task::consume_budget().await;
        }
    }
}

impl Talk {
    async fn handle(&mut self, message: Message<'_>) -> Result<Phase, Failure> {
        let watch = self.watch(&message);
        if matches!(message, Message::Query(_) | Message::Execute(_))
            && let Some(delay) = self.backend.control.endpoint.faults.delay()
        {
            tokio::time::sleep(delay).await;
        }
        let done = self.answer(message).await;
        if let Some(watch) = watch {
            self.handled(watch, done.as_ref().ok());
        }
        done
    }

    async fn answer(&mut self, message: Message<'_>) -> Result<Phase, Failure> {
        match message {
            Message::Query(sql) => self.query(sql).await,
            Message::Parse(parse) => {
                let done = self.parse(&parse).await;
                self.extended(done).await
            }
            Message::Bind(bind) => {
                let done = self.bind(&bind).await;
                self.extended(done).await
            }
            Message::Describe(target) => {
                let done = self.describe(target);
                self.extended(done).await
            }
            Message::Execute(execute) => {
                let done = self.execute(execute).await;
                self.extended(done).await
            }
            Message::Close(target) => {
                self.close(target);
                Ok(Phase::Ready)
            }
            Message::Flush => {
                self.wire.flush().await?;
                Ok(Phase::Ready)
            }
            Message::FunctionCall => {
                let error = SqlError::unsupported("unsupported message: FunctionCall");
                self.failed(error, false).await
            }
            // Sent ahead by a client that has not yet read that its COPY failed.
            Message::CopyData(_) | Message::CopyDone | Message::CopyFail(_) => Ok(Phase::Ready),
            // The loop takes these.
            Message::Sync | Message::Terminate => Ok(Phase::Ready),
        }
    }

    /// The phase after an extended-protocol message.
    async fn extended(&mut self, done: Result<Phase, Failure>) -> Result<Phase, Failure> {
        match done {
            Err(Failure::Sql(error)) => self.failed(error, true).await,
            done => done,
        }
    }

    /// Ends a group of extended-protocol messages.
    async fn sync(&mut self) -> Result<Phase, Failure> {
        match self.database.sync().await {
            Ok(()) => self.ready().await,
            Err(error) => self.failed(error, false).await,
        }
    }

    /// Reports an error. After one in the extended protocol the client sends Sync; otherwise it
    /// waits for ReadyForQuery.
    async fn failed(&mut self, error: SqlError, is_extended: bool) -> Result<Phase, Failure> {
        if self.database.is_cut_off() {
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
        }
        self.notices();
        self.database.abort();
        self.portals.clear();
        match error.fields().severity {
            Severity::Fatal | Severity::Panic => return Err(error.into()),
            Severity::Error | Severity::Warning | Severity::Notice | Severity::Info => {}
        }
        backend::error_response(&mut self.wire.out, &error);
        if is_extended {
            // The client may wait for the error before it sends Sync.
            self.wire.flush().await?;
            return Ok(Phase::Draining);
        }
        self.ready().await
    }

    /// Tells the client that the next query may come.
    async fn ready(&mut self) -> Result<Phase, Failure> {
        self.notices();
        if !self.database.in_transaction() {
            self.portals.clear();
        }
        for (name, value) in self.database.take_parameter_changes() {
            backend::parameter_status(&mut self.wire.out, name, &value);
        }
        backend::ready_for_query(&mut self.wire.out, self.database.status());
        self.wire.flush().await?;
        Ok(Phase::Ready)
    }

    fn notices(&mut self) {
        for notice in self.database.take_notices() {
            backend::notice_response(&mut self.wire.out, &notice);
        }
    }

    /// Reports a statement done.
    fn complete(&mut self, tag: &CommandTag, before: TransactionStatus) {
        self.notices();
        backend::command_complete(&mut self.wire.out, tag);
        if before != TransactionStatus::Idle && self.database.status() == TransactionStatus::Idle {
            self.portals.clear();
        }
        if tag.name() == "DEALLOCATE ALL" {
            self.statements.clear();
        }
    }
}

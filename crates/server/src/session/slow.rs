//! The log of slow statements: `--log-min-duration-statement`.
//!
//! As in PostgreSQL each Query, Parse, Bind and Execute counts by itself, a COPY up to its end. A
//! statement's text is logged as the client sent it; values of parameters never are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use query::Prepared;

use super::{Phase, Talk};
use crate::codec::frontend::Message;

/// What is long enough to be logged, and the COPY that runs.
pub(super) struct SlowLog {
    min: Duration,
    copying: Option<Watch<String>>,
}

/// A message that is being handled.
pub(super) struct Watch<Text> {
    begun: Instant,
    /// PostgreSQL's word for the message.
    kind: &'static str,
    text: Text,
}

/// Where a statement's text is.
pub(super) enum Source<'a> {
    /// In the message.
    Sent(&'a str),
    /// In a prepared statement.
    Prepared(Arc<Prepared>),
}

impl Source<'_> {
    fn text(&self) -> &str {
        match self {
            Source::Sent(text) => text,
            Source::Prepared(prepared) => prepared.text(),
        }
    }
}

impl SlowLog {
    pub(super) fn new(min: Duration) -> SlowLog {
        SlowLog { min, copying: None }
    }
}

impl Talk {
    /// Notes when a message begins, if it could be logged.
    pub(super) fn watch<'a>(&self, message: &Message<'a>) -> Option<Watch<Source<'a>>> {
        self.slow_log.as_ref()?;
        let (kind, text) = match message {
            Message::Query(sql) => ("statement", Source::Sent(sql)),
            Message::Parse(parse) => ("parse", Source::Sent(parse.sql)),
            Message::Bind(bind) => {
                let prepared = self.statements.get(bind.statement).ok()?;
                ("bind", Source::Prepared(Arc::clone(prepared)))
            }
            Message::Execute(execute) => {
                let cursor = self.portals.get(execute.portal).ok()?;
                ("execute", Source::Prepared(Arc::clone(cursor.portal.prepared())))
            }
            Message::Describe(_)
            | Message::Close(_)
            | Message::Flush
            | Message::Sync
            | Message::FunctionCall
            | Message::CopyData(_)
            | Message::CopyDone
            | Message::CopyFail(_)
            | Message::Terminate => return None,
        };
        Some(Watch { begun: Instant::now(), kind, text })
    }

    /// Logs a message that took long; one that began a COPY is not over yet.
    pub(super) fn handled(&mut self, watch: Watch<Source<'_>>, phase: Option<&Phase>) {
        let Watch { begun, kind, text } = watch;
        let text = text.text();
        match (phase, &mut self.slow_log) {
            (Some(Phase::CopyIn(_)), Some(log)) => {
                log.copying = Some(Watch { begun, kind, text: text.to_owned() });
            }
            _ => self.log_if_slow(begun.elapsed(), kind, text),
        }
    }

    /// Logs a COPY that is over and took long.
    pub(super) fn copied(&mut self) {
        let copying = self.slow_log.as_mut().and_then(|log| log.copying.take());
        if let Some(Watch { begun, kind, text }) = copying {
            self.log_if_slow(begun.elapsed(), kind, &text);
        }
    }

    fn log_if_slow(&self, duration: Duration, kind: &'static str, text: &str) {
        if self.slow_log.as_ref().is_some_and(|log| duration >= log.min) {
            tracing::info!(
                cluster = %self.backend.control.cluster,
                session_id = self.session_id,
                user = self.database.session_user(),
                duration_ms = duration.as_secs_f64() * 1000.0,
                kind,
                statement = text,
                "slow statement"
            );
        }
    }
}

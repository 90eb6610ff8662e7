//! Checks that wait for the end of the transaction.

use std::collections::BTreeMap;

use catalog::ForeignKey;
use store::Key;
use types::Result;

use super::Event;
use super::check::{Checker, LookedUp, tables};

/// What `SET CONSTRAINTS` said, and the checks that wait.
#[derive(Debug, Default)]
pub struct Deferred {
    /// `SET CONSTRAINTS ALL`: whether deferrable keys are deferred.
    all: Option<bool>,
    /// `SET CONSTRAINTS name`, by the key's OID.
    named: BTreeMap<u32, bool>,
    waiting: Vec<Event>,
}

impl Deferred {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// `SET CONSTRAINTS ALL`.
    pub(crate) fn set_all(&mut self, deferred: bool) {
        self.all = Some(deferred);
        self.named.clear();
    }

    /// `SET CONSTRAINTS name`.
    pub(crate) fn set(&mut self, key: u32, deferred: bool) {
        self.named.insert(key, deferred);
    }

    /// Whether checks of a foreign key wait.
    pub(super) fn defers(&self, key: &ForeignKey) -> bool {
        let said = self.named.get(&key.oid).copied().or(self.all);
        key.deferrable && said.unwrap_or(key.initially_deferred)
    }

    /// A row has a new key: what waits for it goes along.
    pub(crate) fn moved(&mut self, from: &Key, to: &Key) {
        for event in &mut self.waiting {
            if let Event::Stored { row_key, .. } = event
                && row_key == from
            {
                row_key.clone_from(to);
            }
        }
    }

    pub(super) fn wait(&mut self, event: Event) {
        self.waiting.push(event);
    }

    /// Makes the checks that no longer wait, or all of them at the end of the transaction.
    ///
    /// # Errors
    /// `23503`.
    pub(crate) async fn settle(&mut self, checker: &mut Checker<'_>, end: bool) -> Result<()> {
        let mut due = Vec::new();
        for event in std::mem::take(&mut self.waiting) {
            let (_, key, _) = tables(checker.catalog, event.key())?;
            match end || !self.defers(key) {
                true => due.push(event),
                false => self.waiting.push(event),
            }
        }
        let looked_up: LookedUp = checker.look_up(&due).await?;
        for event in due {
            match event {
                Event::Stored { key, row_key, values } => {
                    checker.stored(key, &row_key, &values, &looked_up).await?;
                }
                Event::Left { key, old, new: _ } => checker.left(key, &old, true).await?,
            }
        }
        Ok(())
    }
}

//! A session's prepared statements and portals, by name.

use std::sync::Arc;

use hashbrown::HashMap;
use query::{CommandTag, Portal, Prepared};
use types::{SqlError, SqlState};

/// Prepared statements that one session may have; drivers' caches hold some hundreds.
const STATEMENTS_MAX: usize = 10_000;
/// Portals that one session may have.
const PORTALS_MAX: usize = 1_000;

/// Prepared statements. The empty name is the unnamed statement's, which the next one replaces.
#[derive(Default)]
pub(super) struct Statements {
    unnamed: Option<Arc<Prepared>>,
    named: HashMap<String, Arc<Prepared>>,
}

impl Statements {
    pub(super) fn get(&self, name: &str) -> Result<&Arc<Prepared>, SqlError> {
        if name.is_empty() {
            self.unnamed.as_ref().ok_or_else(|| {
                SqlError::new(
                    SqlState::INVALID_SQL_STATEMENT_NAME,
                    "unnamed prepared statement does not exist",
                )
            })
        } else {
            self.named.get(name).ok_or_else(|| {
                SqlError::new(
                    SqlState::INVALID_SQL_STATEMENT_NAME,
                    format!("prepared statement \"{name}\" does not exist"),
                )
            })
        }
    }

    pub(super) fn insert(&mut self, name: &str, prepared: Arc<Prepared>) -> Result<(), SqlError> {
        if name.is_empty() {
            self.unnamed = Some(prepared);
            return Ok(());
        }
        if self.named.contains_key(name) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_PSTATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            ));
        }
        if self.named.len() >= STATEMENTS_MAX {
            return Err(too_many("prepared statements", STATEMENTS_MAX));
        }
        self.named.insert(name.to_owned(), prepared);
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) {
        if name.is_empty() {
            self.unnamed = None;
        } else {
            self.named.remove(name);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Statements::default();
    }
}

/// A portal, and whether it still has something to run.
pub(super) struct Cursor {
    pub(super) portal: Portal,
    /// Whether it has been left at a row limit.
    pub(super) was_suspended: bool,
    /// The command tag, once it has run to its end.
    pub(super) done: Option<CommandTag>,
}

/// Portals. The empty name is the unnamed portal's, which the next one replaces.
#[derive(Default)]
pub(super) struct Portals {
    unnamed: Option<Box<Cursor>>,
    named: HashMap<String, Box<Cursor>>,
}

impl Portals {
    pub(super) fn get(&self, name: &str) -> Result<&Cursor, SqlError> {
        let cursor = if name.is_empty() { self.unnamed.as_ref() } else { self.named.get(name) };
        cursor.map(|cursor| &**cursor).ok_or_else(|| missing(name))
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Result<&mut Cursor, SqlError> {
        let cursor = if name.is_empty() { self.unnamed.as_mut() } else { self.named.get_mut(name) };
        cursor.map(|cursor| &mut **cursor).ok_or_else(|| missing(name))
    }

    /// Refuses a name that is taken.
    pub(super) fn check_free(&self, name: &str) -> Result<(), SqlError> {
        if !name.is_empty() && self.named.contains_key(name) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_CURSOR,
                format!("cursor \"{name}\" already exists"),
            ));
        }
        if self.named.len() >= PORTALS_MAX {
            return Err(too_many("portals", PORTALS_MAX));
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, name: &str, portal: Portal) {
        let cursor = Box::new(Cursor { portal, was_suspended: false, done: None });
        if name.is_empty() {
            self.unnamed = Some(cursor);
        } else {
            self.named.insert(name.to_owned(), cursor);
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Box<Cursor>> {
        if name.is_empty() { self.unnamed.take() } else { self.named.remove(name) }
    }

    pub(super) fn clear(&mut self) {
        self.unnamed = None;
        self.named.clear();
    }
}

fn missing(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}

fn too_many(what: &str, max: usize) -> SqlError {
    SqlError::new(
        SqlState::CONFIGURATION_LIMIT_EXCEEDED,
        format!("a session cannot have more than {max} {what}"),
    )
}

//! Statements whose like the session sent before: they are neither parsed nor planned again.
//!
//!     simple query  SELECT … WHERE id = 7   ──►  SELECT … WHERE id = $1, (7)  ──►  Prepared
//!     Parse         text, parameter types   ────────────────────────────────►  Prepared
//!
//! A text without numbers stands for itself. Numbers become parameters only where every choice of
//! numbers gives the same plan, results and errors: see [`super::template`]. Others go the long way.

use std::sync::Arc;

use hashbrown::HashMap;
use parser::{NodeEnum, Statement, StatementKind};
use types::{Datum, Oid, Result, oid};

use super::prepare::plan_kind;
use super::template::{self, Template};
use super::{Portal, Prepared, Session, TxnState};
use crate::rules;

/// Texts that a session remembers of either protocol.
const TEXTS_MAX: usize = 64;
/// The longest text that is remembered, in bytes.
const TEXT_BYTES_MAX: usize = 2048;

/// What a session remembers.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Of simple queries, by the template's text.
    simple: HashMap<Box<str>, Seen>,
    /// Of Parse messages, by the text.
    parsed: HashMap<Box<str>, Parsed>,
}

#[derive(Debug)]
struct Parsed {
    /// As the client gave them.
    param_types: Box<[Oid]>,
    prepared: Arc<Prepared>,
}

#[derive(Debug)]
enum Seen {
    Once,
    Kept(Arc<Prepared>),
    /// Its numbers decide about more than values.
    Never,
}

impl Session {
    /// The portal of a simple query whose like was sent before; `None` if it is to be parsed.
    pub fn recall(&mut self, sql: &str) -> Option<Portal> {
        if sql.len() > TEXT_BYTES_MAX || matches!(self.state, TxnState::Failed) {
            return None;
        }
        let template = Template::of(sql)?;
        match self.recent.simple.get(template.text.as_str()) {
            Some(Seen::Kept(prepared)) => {
                let prepared = Arc::clone(prepared);
                if !self.is_current(&prepared) {
                    self.recent.simple.remove(template.text.as_str());
                    return None;
                }
                self.recalled(sql, &prepared, &template)
            }
            Some(Seen::Never) => None,
            Some(Seen::Once) => {
                let prepared = match self.generalise(&template) {
                    Ok(Some(prepared)) => prepared,
                    Ok(None) => {
                        self.recent.simple.insert(template.text.into(), Seen::Never);
                        return None;
                    }
                    // It may name what is made later; its error is raised by its own text.
                    Err(_) => return None,
                };
                let recalled = self.recalled(sql, &prepared, &template);
                self.recent.simple.insert(template.text.into(), Seen::Kept(prepared));
                recalled
            }
            None => {
                make_room(&mut self.recent.simple, |seen| matches!(seen, Seen::Kept(_)));
                self.recent.simple.insert(template.text.into(), Seen::Once);
                None
            }
        }
    }

    fn recalled(&self, sql: &str, prepared: &Arc<Prepared>, template: &Template) -> Option<Portal> {
        let values = template.numbers.iter().map(|number| Datum::Int4(*number)).collect();
        let mut portal = self.portal(prepared, values, &[]).ok()?;
        if !template.numbers.is_empty() {
            portal.text = Arc::from(sql);
        }
        Some(portal)
    }

    /// What a Parse message of this text and these parameter types gave before, if it would now.
    pub fn recall_prepared(&mut self, sql: &str, param_types: &[Oid]) -> Option<Arc<Prepared>> {
        if matches!(self.state, TxnState::Failed) {
            return None;
        }
        let parsed = self.recent.parsed.get(sql)?;
        if *parsed.param_types != *param_types {
            return None;
        }
        let prepared = Arc::clone(&parsed.prepared);
        self.is_current(&prepared).then_some(prepared)
    }

    /// Remembers what a Parse message gave.
    pub fn remember(&mut self, sql: &str, param_types: &[Oid], prepared: &Arc<Prepared>) {
        let is_plan = prepared.statement.as_ref().is_some_and(|s| plan_kind(s).is_some());
        let is_lasting = is_plan && !prepared.fails && !template::may_depend_on_clock(sql);
        if sql.len() <= TEXT_BYTES_MAX && is_lasting {
            make_room(&mut self.recent.parsed, |_| false);
            let parsed = Parsed { param_types: param_types.into(), prepared: Arc::clone(prepared) };
            self.recent.parsed.insert(sql.into(), parsed);
        }
    }

    /// Whether a statement means now what it did when it was analysed.
    fn is_current(&mut self, prepared: &Prepared) -> bool {
        if self.active().is_none() {
            let catalog = self.engine.catalog();
            self.use_catalog(&catalog);
        }
        let is_command = prepared.statement.as_ref().is_some_and(|s| plan_kind(s).is_none());
        is_command || self.current_plan(prepared).is_ok()
    }

    /// A template as a statement that serves for all of its numbers; `None` if it cannot.
    fn generalise(&mut self, template: &Template) -> Result<Option<Arc<Prepared>>> {
        if template::may_depend_on_clock(&template.text) {
            return Ok(None);
        }
        let Ok(statements) = parser::parse(&template.text) else { return Ok(None) };
        let Ok([statement]) = <[Statement; 1]>::try_from(statements) else { return Ok(None) };
        let StatementKind::Postgres { node, asynchronous: false } = &statement.kind else {
            return Ok(None);
        };
        if rules::check(&statement, self.engine.day(), || false).is_err() {
            return Ok(None);
        }
        if matches!(**node, NodeEnum::TransactionStmt(_)) && template.numbers.is_empty() {
            return Ok(Some(Arc::new(Prepared::command(statement))));
        }
        let serves = template.numbers.is_empty() || template::is_plain(node);
        if plan_kind(&statement).is_none() || !serves {
            return Ok(None);
        }
        if self.active().is_none() {
            let catalog = self.engine.catalog();
            self.use_catalog(&catalog);
        }
        let types = vec![oid::INT4; template.numbers.len()];
        let (param_types, columns, planned) = self.plan_statement(&statement, &types)?;
        let planned = planned?;
        let serves = template.numbers.is_empty() || template::is_by_key(&planned.plan);
        if param_types != types || !serves {
            return Ok(None);
        }
        Ok(Some(Arc::new(Prepared::plan(statement, param_types, columns.as_deref(), planned))))
    }
}

/// Leaves room for one more text: what is not worth keeping goes first, then everything.
fn make_room<V>(texts: &mut HashMap<Box<str>, V>, keep: impl Fn(&V) -> bool) {
    if texts.len() >= TEXTS_MAX {
        texts.retain(|_, value| keep(value));
    }
    if texts.len() >= TEXTS_MAX {
        texts.clear();
    }
}

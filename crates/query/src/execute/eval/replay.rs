//! What volatile functions gave for a row, so that evaluating the row again sees the same.

use std::cell::{Cell, RefCell};

use types::Datum;

use super::Stop;

/// The log of one row's volatile calls, in the order of evaluation.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    recording: Cell<bool>,
    next: Cell<usize>,
    values: RefCell<Vec<Datum>>,
}

impl Replay {
    /// Whether calls have to go through [`Replay::once`]: only while an operator whose expressions
    /// may stop evaluates them.
    pub(crate) fn is_recording(&self) -> bool {
        self.recording.get()
    }

    /// Begins a run over rows; `stops` says whether any expression may stop.
    pub(crate) fn begin(&self, stops: bool) {
        self.recording.set(stops);
        self.next_row();
    }

    /// The row is done: its values are of no more use.
    pub(crate) fn next_row(&self) {
        if self.recording.get() {
            self.next.set(0);
            self.values.borrow_mut().clear();
        }
    }

    /// The remembered result of the next call, or that of `call`, which is remembered.
    pub(crate) fn once(&self, call: impl FnOnce() -> Result<Datum, Stop>) -> Result<Datum, Stop> {
        let position = self.next.get();
        if let Some(value) = self.values.borrow().get(position) {
            self.next.set(position + 1);
            return Ok(value.clone());
        }
        let value = call()?;
        self.values.borrow_mut().push(value.clone());
        self.next.set(position + 1);
        Ok(value)
    }

    /// The call that stopped gave `value`: the row is evaluated again from its start.
    pub(crate) fn resume_with(&self, value: Datum) {
        self.values.borrow_mut().push(value);
        self.next.set(0);
    }

    /// Puts the log aside for a sub-plan, which has rows of its own.
    pub(crate) fn take(&self) -> Replay {
        Replay {
            recording: self.recording.clone(),
            next: Cell::new(0),
            values: RefCell::new(self.values.take()),
        }
    }

    /// Takes it up again.
    pub(crate) fn restore(&self, saved: Replay) {
        self.recording.set(saved.recording.get());
        self.next.set(0);
        self.values.replace(saved.values.into_inner());
    }
}

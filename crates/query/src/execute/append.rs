//! One input after the other.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::Result;

use super::cx::ExecCx;
use super::run::{self, Operator};
use crate::chunk::Chunk;
use crate::plan::Plan;

struct Append {
    /// Last one first.
    inputs: Vec<Box<dyn Operator>>,
}

pub(crate) fn open(inputs: &[Arc<Plan>]) -> Result<Box<dyn Operator>> {
    let inputs = inputs.iter().rev().map(run::open).collect::<Result<_>>()?;
    Ok(Box::new(Append { inputs }))
}

impl Operator for Append {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        async move {
            while let Some(input) = self.inputs.last_mut() {
                if let Some(chunk) = input.next(cx).await? {
                    return Ok(Some(chunk));
                }
                self.inputs.pop();
            }
            Ok(None)
        }
        .boxed()
    }
}

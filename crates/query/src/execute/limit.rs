//! `LIMIT`, `OFFSET` and `FETCH … WITH TIES`.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Result, SqlError, SqlState};

use super::cx::ExecCx;
use super::eval::{eval, inspect};
use super::run::{self, Operator, wrong_node};
use super::values;
use crate::chunk::Chunk;
use crate::expr::Expr;
use crate::plan::{Node, Plan, SortKey};

struct Limit {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
    state: State,
}

/// Where the operator stands.
enum State {
    NotBegun,
    /// Rows still to be left out and to be given; `None` is no limit.
    Counting {
        skip: u64,
        left: Option<u64>,
    },
    /// The limit is reached; rows whose keys are these tie with the last.
    Ties(Vec<Datum>),
    Done,
}

pub(crate) fn open(plan: &Arc<Plan>, input: &Arc<Plan>) -> Result<Box<dyn Operator>> {
    let Node::Limit { limit, offset, ties, .. } = &plan.node else { return Err(wrong_node()) };
    let ties = ties.iter().flatten().map(|key| &key.expr);
    let stops = inspect(limit.iter().chain(offset).chain(ties))?.stops;
    Ok(Box::new(Limit {
        plan: Arc::clone(plan),
        input: run::open(input)?,
        stops,
        state: State::NotBegun,
    }))
}

impl Operator for Limit {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl Limit {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let Node::Limit { limit, offset, ties, .. } = &self.plan.node else {
            return Err(wrong_node());
        };
        if matches!(self.state, State::NotBegun) {
            let skip = bound(offset.as_ref(), "OFFSET", self.stops, cx).await?.unwrap_or(0);
            let left = bound(limit.as_ref(), "LIMIT", self.stops, cx).await?;
            self.state = match left {
                Some(0) => State::Done,
                left => State::Counting { skip, left },
            };
        }
        while !matches!(self.state, State::Done) {
            let Some(mut chunk) = self.input.next(cx).await? else {
                self.state = State::Done;
                break;
            };
            match &mut self.state {
                State::NotBegun | State::Done => return Ok(None),
                State::Counting { skip, left } => {
                    let dropped = chunk.len().min(usize::try_from(*skip).unwrap_or(usize::MAX));
                    chunk.drop_front(dropped);
                    *skip -= dropped as u64;
                    let Some(left) = left else {
                        if chunk.is_empty() {
                            continue;
                        }
                        return Ok(Some(chunk));
                    };
                    let wanted = usize::try_from(*left).unwrap_or(usize::MAX);
                    if chunk.len() < wanted {
                        *left -= chunk.len() as u64;
                    } else if let Some(keys) = ties {
                        let last = sort_key(keys, chunk.row(wanted - 1), self.stops, cx).await?;
                        let mut end = wanted;
                        while end < chunk.len()
                            && tie(keys, &last, chunk.row(end), self.stops, cx).await?
                        {
                            end += 1;
                        }
                        self.state = match end < chunk.len() {
                            true => State::Done,
                            false => State::Ties(last),
                        };
                        chunk.truncate(end);
                    } else {
                        chunk.truncate(wanted);
                        self.state = State::Done;
                    }
                }
                State::Ties(last) => {
                    let keys = ties.as_deref().unwrap_or_default();
                    let mut end = 0;
                    while end < chunk.len()
                        && tie(keys, last, chunk.row(end), self.stops, cx).await?
                    {
                        end += 1;
                    }
                    if end < chunk.len() {
                        self.state = State::Done;
                    }
                    chunk.truncate(end);
                }
            }
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

async fn bound(
    expr: Option<&Expr>,
    clause: &str,
    stops: bool,
    cx: &mut ExecCx<'_>,
) -> Result<Option<u64>> {
    let Some(expr) = expr else { return Ok(None) };
    let number = match cx.eval_one(stops, expr).await? {
        Datum::Int8(number) => number,
        Datum::Int4(number) => i64::from(number),
        Datum::Int2(number) => i64::from(number),
        _ => return Ok(None),
    };
    let code = match clause {
        "OFFSET" => SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE,
        _ => SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE,
    };
    u64::try_from(number)
        .map(Some)
        .map_err(|_| SqlError::new(code, format!("{clause} must not be negative")))
}

async fn sort_key(
    keys: &[SortKey],
    row: &[Datum],
    stops: bool,
    cx: &mut ExecCx<'_>,
) -> Result<Vec<Datum>> {
    let mut values = Vec::with_capacity(keys.len());
    cx.for_each(stops, keys.len(), |cx, index| {
        if let Some(key) = keys.get(index) {
            values.push(eval(&key.expr, row, cx)?);
        }
        Ok(())
    })
    .await?;
    Ok(values)
}

async fn tie(
    keys: &[SortKey],
    last: &[Datum],
    row: &[Datum],
    stops: bool,
    cx: &mut ExecCx<'_>,
) -> Result<bool> {
    let values = sort_key(keys, row, stops, cx).await?;
    let mut pairs = keys.iter().zip(last.iter().zip(&values));
    Ok(pairs.all(|(key, (a, b))| values::compare(a, b, key.expr.ty).is_eq()))
}

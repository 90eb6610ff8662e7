//! Property test: interleaved transactions, checkpoints and reopens against a plain `BTreeMap` per
//! snapshot.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use proptest::prelude::*;
use store::{CommitError, Direction, KeyRange, Transaction, Ts, Write, WriteSet};

use crate::engine::{Engine, small};

/// Transactions open at a time.
const SLOTS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Begin(usize),
    Get(usize, u8),
    Scan { slot: usize, from: u8, to: u8, backward: bool, limit: usize },
    Commit(usize, Vec<(u8, Kind)>),
    Abandon(usize),
    Checkpoint,
    Reopen { cleanly: bool },
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Put(u8),
    Delete,
    Lock,
    Validate,
}

fn step() -> impl Strategy<Value = Step> {
    let slot = 0..SLOTS;
    let kind = prop_oneof![
        4 => any::<u8>().prop_map(Kind::Put),
        2 => Just(Kind::Delete),
        1 => Just(Kind::Lock),
        1 => Just(Kind::Validate),
    ];
    let writes = prop::collection::vec((0..24_u8, kind), 0..6);
    prop_oneof![
        4 => slot.clone().prop_map(Step::Begin),
        3 => (slot.clone(), 0..24_u8).prop_map(|(slot, key)| Step::Get(slot, key)),
        3 => (slot.clone(), 0..26_u8, 0..26_u8, any::<bool>(), 0..12_usize).prop_map(
            |(slot, from, to, backward, limit)| Step::Scan { slot, from, to, backward, limit }
        ),
        5 => (slot.clone(), writes).prop_map(|(slot, writes)| Step::Commit(slot, writes)),
        1 => slot.prop_map(Step::Abandon),
        1 => Just(Step::Checkpoint),
        1 => any::<bool>().prop_map(|cleanly| Step::Reopen { cleanly }),
    ]
}

type State = BTreeMap<Bytes, Bytes>;

struct Open {
    txn: Box<dyn Transaction>,
    state: State,
}

/// The store as the seam's documentation describes it.
#[derive(Default)]
struct Model {
    state: State,
    /// Per key: timestamps of the last write or lock, and of the last validation.
    touched: BTreeMap<Bytes, (Ts, Ts)>,
}

impl Model {
    fn conflicts(&self, writes: &WriteSet, read_ts: Ts) -> Vec<Bytes> {
        let collides = |(key, write): (&Bytes, &Write)| {
            let (written, validated) = self.touched.get(key).copied().unwrap_or_default();
            let shared = matches!(write, Write::Validate | Write::Check);
            let collides = written > read_ts || (!shared && validated > read_ts);
            collides.then(|| key.clone())
        };
        writes.writes.iter().filter_map(collides).collect()
    }

    fn apply(&mut self, writes: &WriteSet, ts: Ts) {
        for (key, write) in &writes.writes {
            let touched = self.touched.entry(key.clone()).or_default();
            match write {
                Write::Put(value) => drop(self.state.insert(key.clone(), value.clone())),
                Write::Fill(value) => {
                    self.state.insert(key.clone(), value.clone());
                    continue;
                }
                Write::Delete => drop(self.state.remove(key)),
                Write::Lock => {}
                Write::Validate => {
                    touched.1 = ts;
                    continue;
                }
                Write::Check => continue,
            }
            touched.0 = ts;
        }
    }
}

fn name(key: u8) -> Bytes {
    Bytes::from(format!("key{key:03}"))
}

async fn run(mut engine: Engine, steps: Vec<Step>) {
    let mut model = Model::default();
    let mut open: [Option<Open>; SLOTS] = Default::default();
    for step in steps {
        match step {
            Step::Begin(slot) => {
                let txn = engine.begin().await;
                open[slot] = Some(Open { txn, state: model.state.clone() });
            }
            Step::Get(slot, key) => {
                let Some(Open { txn, state }) = &open[slot] else { continue };
                assert_eq!(txn.get(&name(key)).await.unwrap(), state.get(&name(key)).cloned());
            }
            Step::Scan { slot, from, to, backward, limit } => {
                let Some(Open { txn, state }) = &open[slot] else { continue };
                let direction = if backward { Direction::Backward } else { Direction::Forward };
                let range = KeyRange {
                    start: Bound::Included(name(from)),
                    end: if to == 25 { Bound::Unbounded } else { Bound::Excluded(name(to)) },
                };
                let found = txn
                    .scan(&range, direction, limit)
                    .await
                    .unwrap()
                    .into_iter()
                    .collect::<Vec<_>>();
                let within = state
                    .iter()
                    .filter(|(key, _)| **key >= name(from) && (to == 25 || **key < name(to)))
                    .map(|(key, value)| (key.clone(), value.clone()));
                let mut expected: Vec<_> = within.collect();
                if backward {
                    expected.reverse();
                }
                expected.truncate(limit);
                assert_eq!(found, expected);
            }
            Step::Commit(slot, writes) => {
                let Some(Open { txn, .. }) = open[slot].take() else { continue };
                let write = |kind| match kind {
                    Kind::Put(value) => Write::Put(Bytes::from(vec![value; usize::from(value)])),
                    Kind::Delete => Write::Delete,
                    Kind::Lock => Write::Lock,
                    Kind::Validate => Write::Validate,
                };
                let writes = WriteSet {
                    writes: writes.into_iter().map(|(k, kind)| (name(k), write(kind))).collect(),
                };
                let conflicts = model.conflicts(&writes, txn.read_ts());
                match txn.commit(writes.clone()).await {
                    Ok(ts) => {
                        assert_eq!(conflicts, Vec::<Bytes>::new());
                        model.apply(&writes, ts);
                    }
                    Err(CommitError::Conflict { key, .. }) => assert!(conflicts.contains(&key)),
                    Err(error) => panic!("{error:?}"),
                }
            }
            Step::Abandon(slot) => open[slot] = None,
            Step::Checkpoint => engine.checkpoint().await,
            Step::Reopen { cleanly } => {
                open = Default::default();
                engine.reopen(cleanly).await;
                // Nobody is concurrent with what was before, and a crash may give timestamps of
                // commits that changed nothing out again.
                if matches!(engine, Engine::Embedded { .. }) {
                    model.touched.clear();
                }
            }
        }
    }
    let state: State = engine.all().await.into_iter().collect();
    assert_eq!(state, model.state);
    for Open { txn, state } in open.into_iter().flatten() {
        let seen = txn
            .scan(&KeyRange::all(), Direction::Forward, usize::MAX)
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>();
        assert_eq!(seen.into_iter().collect::<State>(), state);
    }
}

fn check(engine: Engine, steps: Vec<Step>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(engine, steps));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn model_memory(steps in prop::collection::vec(step(), 1..150)) {
        check(Engine::memory(), steps);
    }

    #[test]
    fn model_embedded(steps in prop::collection::vec(step(), 1..120)) {
        check(Engine::embedded_with(small()), steps);
    }
}

//! Operators that live on the order of their input, and batched look-ups, against the general ones.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use types::{Datum, oid};

use super::support::outer as frame;
use super::support::*;
use crate::plan::{AccessPath, JoinKind, KeyBounds, KeyEqual, MergeKey, Node, Plan, Scan, SortKey};

const KINDS: [JoinKind; 6] = [
    JoinKind::Inner,
    JoinKind::Left,
    JoinKind::Right,
    JoinKind::Full,
    JoinKind::Semi,
    JoinKind::Anti,
];

/// Rows of two integers, the first from few values and NULL.
fn random_rows(rng: &mut StdRng, count: usize, values: i32) -> Vec<Vec<Datum>> {
    let row = |number: usize| {
        let key = match rng.random_range(-1..values) {
            -1 => Datum::Null,
            key => Datum::Int4(key),
        };
        vec![key, Datum::Int4(i32::try_from(number).unwrap())]
    };
    (0..count).map(row).collect()
}

fn two_ints(rows: &[Vec<Datum>]) -> Plan {
    values(&[oid::INT4, oid::INT4], rows.to_vec())
}

fn types_of(kind: JoinKind) -> Vec<types::Oid> {
    vec![oid::INT4; if matches!(kind, JoinKind::Semi | JoinKind::Anti) { 2 } else { 4 }]
}

async fn sorted(db: &mut Db, plan: Plan) -> Vec<String> {
    let mut rows = db.try_run(plan).await.unwrap().0;
    rows.sort();
    rows
}

#[tokio::test]
async fn merge_join_agrees_with_hash_join() {
    let mut db = Db::new(&[]).await;
    let mut rng = StdRng::seed_from_u64(1);
    for round in 0..60 {
        let (outer_count, inner_count) = (rng.random_range(0..1200), rng.random_range(0..1200));
        let distinct = [3, 40, 2000][round % 3];
        let scale = if distinct == 3 { 20 } else { 1 };
        let outer = random_rows(&mut rng, outer_count / scale, distinct);
        let inner = random_rows(&mut rng, inner_count / scale, distinct);
        let (descending, nulls_first) = (rng.random(), rng.random());
        let residual = rng.random::<bool>().then(|| lt(col(1), col(3)));
        for kind in KINDS {
            let order = |rows: &[Vec<Datum>]| {
                let order = SortKey { descending, nulls_first, ..key(0, oid::INT4) };
                Arc::new(sort(two_ints(rows), vec![order], None))
            };
            let merge = Node::MergeJoin {
                outer: order(&outer),
                inner: order(&inner),
                kind,
                keys: vec![MergeKey { outer: col(0), inner: col(0), descending, nulls_first }],
                residual: residual.clone(),
            };
            let hash = Node::HashJoin {
                outer: Arc::new(two_ints(&outer)),
                inner: Arc::new(two_ints(&inner)),
                kind,
                keys: vec![(col(0), col(0))],
                residual: residual.clone(),
            };
            let merged = sorted(&mut db, plan(merge, &types_of(kind))).await;
            assert_eq!(merged, sorted(&mut db, plan(hash, &types_of(kind))).await, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn batched_join_agrees_with_nested_loop() {
    let mut t = table(1, &[("a", oid::INT4), ("b", oid::INT4)], &[0]);
    t.indexes.push(index(7, &[1], false));
    let t = Arc::new(t);
    let mut db = Db::new(&[&t]).await;
    let row = |a: i32| vec![Datum::Int4(a), Datum::Int4(a % 17)];
    db.insert(&t, (0..1500).map(row).collect()).await;
    let mut rng = StdRng::seed_from_u64(2);
    let outer = random_rows(&mut rng, 700, 40);
    for kind in [JoinKind::Inner, JoinKind::Left, JoinKind::Semi, JoinKind::Anti] {
        for (by_index, covering) in [(false, false), (true, false), (true, true)] {
            // Plans are not cloned: each gets a scan of its own.
            let scan = || {
                let equal = vec![KeyEqual::Value(frame(0))];
                let bounds = KeyBounds { equal, ..KeyBounds::default() };
                let path = match by_index {
                    false => AccessPath::Primary(bounds),
                    true => AccessPath::Index { index: 0, bounds, covering },
                };
                let filter = Some(lt(col(0), frame(1)));
                let scan = scan(&t, &[0, 1], KeyBounds::default());
                Arc::new(scan_plan(Scan { path, filter, ..scan }))
            };
            let (args, on) = (vec![col(0), col(1)], Some(lt(col(2), int(1000))));
            let batched = Node::BatchedJoin {
                outer: Arc::new(two_ints(&outer)),
                inner: scan(),
                kind,
                inner_args: args.clone(),
                on: on.clone(),
            };
            let nested = Node::NestedLoop {
                outer: Arc::new(two_ints(&outer)),
                inner: scan(),
                kind,
                inner_args: args,
                on,
            };
            let batched = db.rows(plan(batched, &types_of(kind))).await;
            assert_eq!(batched, db.rows(plan(nested, &types_of(kind))).await, "{kind:?}");
            assert!(!batched.is_empty());
        }
    }
}

#[tokio::test]
async fn incremental_sort_agrees_with_sort() {
    let mut db = Db::new(&[]).await;
    let mut rng = StdRng::seed_from_u64(3);
    for distinct in [1, 5, 300, 4000] {
        let rows = random_rows(&mut rng, 3000, distinct);
        let second = SortKey { descending: true, ..key(1, oid::INT4) };
        let keys = vec![key(0, oid::INT4), second];
        let input = Arc::new(sort(two_ints(&rows), vec![key(0, oid::INT4)], None));
        let node = Node::IncrementalSort { input, keys: keys.clone(), presorted: 1 };
        let incremental = db.rows(plan(node, &[oid::INT4, oid::INT4])).await;
        assert_eq!(incremental, db.rows(sort(two_ints(&rows), keys, None)).await);
    }
}

#[tokio::test]
async fn sorted_aggregate_agrees_with_hashing() {
    let mut db = Db::new(&[]).await;
    let mut rng = StdRng::seed_from_u64(4);
    for distinct in [1, 5, 300, 4000] {
        let rows = random_rows(&mut rng, 2000, distinct);
        let aggregates = vec![count_rows(), collect(vec![col(1)])];
        let types = [oid::INT4, oid::INT8, oid::TEXT];
        let node = Node::SortedAggregate {
            input: Arc::new(sort(two_ints(&rows), vec![key(0, oid::INT4)], None)),
            groups: vec![col(0)],
            aggregates: aggregates.clone(),
        };
        let by_order = sorted(&mut db, plan(node, &types)).await;
        let node = Node::Aggregate {
            input: Arc::new(two_ints(&rows)),
            groups: vec![col(0)],
            aggregates,
            sets: Vec::new(),
        };
        assert_eq!(by_order, sorted(&mut db, plan(node, &types)).await);
    }
}

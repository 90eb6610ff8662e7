//! The in-memory engine's faults.

use std::time::Duration;

use store::memory::{Faults, Memory};
use store::{CommitError, Store, StoreError};

use crate::engine::{all, put, set, text};

async fn outcomes(faults: Faults) -> String {
    let store = Memory::new(faults);
    let mut outcomes = String::new();
    for n in 0..40 {
        let txn = match store.begin().await {
            Ok(txn) => txn,
            Err(StoreError::Unavailable(_)) => {
                outcomes.push('-');
                continue;
            }
            Err(error) => panic!("{error:?}"),
        };
        outcomes.push(match txn.commit(set(&[("n", put(&n.to_string()))])).await {
            Ok(_) => '.',
            Err(CommitError::Conflict { .. }) => 'c',
            Err(CommitError::Unavailable(_)) => 'u',
            Err(CommitError::Unknown(_)) => '?',
        });
    }
    outcomes
}

#[tokio::test(start_paused = true)]
async fn faults_repeat_with_their_seed() {
    let faults = |seed| Faults {
        seed,
        delay_max: Duration::from_secs(1),
        conflict: 0.2,
        unavailable: 0.1,
        commit_unavailable: 0.1,
        unknown: 0.2,
    };
    let first = outcomes(faults(1)).await;
    assert_eq!(first, outcomes(faults(1)).await);
    assert_ne!(first, outcomes(faults(2)).await);
    for outcome in ['-', '.', 'c', 'u', '?'] {
        assert!(first.contains(outcome), "{first}");
    }
    assert_eq!(outcomes(Faults { seed: 3, ..Faults::default() }).await, ".".repeat(40));
}

#[tokio::test]
async fn faults_unknown_applies_all_or_nothing() {
    let store = Memory::new(Faults { seed: 5, unknown: 1.0, ..Faults::default() });
    let mut applied = 0;
    for n in 0..40 {
        let value = n.to_string();
        let txn = store.begin().await.unwrap();
        let before = text(&all(txn.as_ref()).await);
        let unknown = txn.commit(set(&[("a", put(&value)), ("b", put(&value))])).await;
        assert!(matches!(unknown, Err(CommitError::Unknown(_))));
        let after = text(&all(store.begin().await.unwrap().as_ref()).await);
        if after != before {
            assert_eq!(after, format!("a={value} b={value}"));
            applied += 1;
        }
    }
    assert!((10..=30).contains(&applied), "{applied} of 40 applied");
}

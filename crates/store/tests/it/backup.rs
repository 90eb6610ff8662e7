//! Export and import, between engines.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use store::backup::{ImportError, export, import};
use store::{BoxError, Pairs, Write, WriteSet};

use crate::engine::{Engine, all, put};

async fn filled(engine: Engine) -> Engine {
    for batch in 0..5_usize {
        let writes = (0..1000_usize)
            .map(|n| {
                let n = batch * 1000 + n;
                let value = vec![b'v'; n * n % 3001];
                (Bytes::from(format!("{:05}", n * 7919 % 5000)), Write::Put(value.into()))
            })
            .collect();
        engine.begin().await.commit(WriteSet { writes }).await.unwrap();
        if batch == 2 {
            engine.checkpoint().await;
        }
    }
    engine
}

#[tokio::test]
async fn export_is_one_snapshot_in_order() {
    let engine = filled(Engine::embedded()).await;
    let txn = engine.begin().await;
    let expected = all(txn.as_ref()).await;
    let chunks = export(txn.as_ref()).then(|chunk| async {
        engine.commit(&[("00000", Write::Delete), ("99999", put("new"))]).await;
        engine.checkpoint().await;
        chunk
    });
    let chunks: Vec<Pairs> = chunks.try_collect().await.unwrap();
    assert!(chunks.len() > 3);
    assert!(chunks.into_iter().flatten().eq(expected));
}

#[tokio::test]
async fn import_fills_an_empty_store() {
    let engines = [Engine::memory as fn() -> Engine, Engine::embedded];
    for from in engines {
        for to in engines {
            let (from, to) = (filled(from()).await, to());
            let txn = from.begin().await;
            let chunks = export(txn.as_ref()).map_err(BoxError::from);
            assert_eq!(import(to.store(), chunks).await.unwrap(), 5000);
            assert_eq!(to.all().await, from.all().await);
        }
    }
}

#[tokio::test]
async fn import_refuses_a_store_with_data() {
    let engine = Engine::memory();
    engine.commit(&[("a", put("1"))]).await;
    let refused = import(engine.store(), stream::empty()).await;
    assert!(matches!(refused, Err(ImportError::NotEmpty)));
}

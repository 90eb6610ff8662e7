//! The failure laboratory: faults that clients of a cluster are to meet, and the conflicts that they
//! met.
//!
//! ```text
//!     POST /faults {"fault": "OC000", "count": 2}     the next two transactions fail at COMMIT
//! ```
//!
//! | member | |
//! |---|---|
//! | `fault` | one of [`Fault::ALL`] |
//! | `count` | how often; 1 if it is not given, 0 takes the fault back |
//! | `cluster` | id; the default cluster's if it is not given |
//! | `latency_ms` | how long `latency` delays a statement |

use std::sync::Arc;

use iam::AmzTime;
use query::endpoint::{Fault, LostTo, RecordedConflict};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use server::Cluster;

use crate::clusters::Clusters;

/// The longest delay of a statement, in milliseconds.
const LATENCY_MS_MAX: u32 = 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Injection {
    fault: String,
    #[serde(default = "once")]
    count: u32,
    cluster: Option<String>,
    latency_ms: Option<u32>,
}

fn once() -> u32 {
    1
}

/// Makes a fault happen.
///
/// # Errors
/// What is wrong with the body.
pub(crate) fn inject(clusters: &Clusters, body: &[u8]) -> Result<(), String> {
    let Injection { fault: name, count, cluster, latency_ms } =
        serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let found = Fault::ALL.into_iter().find(|(known, _)| *known == name);
    let Some((_, fault)) = found else {
        let known: Vec<_> = Fault::ALL.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no fault \"{name}\", but {}", known.join(", ")));
    };
    let cluster = match cluster {
        Some(id) => id
            .parse()
            .ok()
            .and_then(|id| clusters.registry().get(id))
            .ok_or_else(|| format!("there is no cluster \"{id}\""))?,
        None => clusters.registry().default_cluster().ok_or("there is no default cluster")?,
    };
    match (fault, latency_ms) {
        (Fault::Latency, Some(latency_ms)) if latency_ms <= LATENCY_MS_MAX => {
            cluster.endpoint().faults.set_latency(latency_ms);
        }
        (Fault::Latency, Some(_)) => {
            return Err(format!("latency_ms is more than {LATENCY_MS_MAX}"));
        }
        (Fault::Latency, None) if count > 0 => {
            return Err("latency_ms is missing".to_owned());
        }
        (_, Some(_)) => return Err(format!("{name} has no latency_ms")),
        (_, None) => {}
    }
    clusters.set_fault(&cluster, fault, count);
    tracing::info!(cluster = %cluster.id(), fault = name, count, "fault injected");
    Ok(())
}

/// Takes all faults back.
pub(crate) fn clear(clusters: &Clusters) {
    for cluster in clusters.registry().all() {
        for (_, fault) in Fault::ALL {
            clusters.set_fault(&cluster, fault, 0);
        }
    }
}

/// The faults that are still to happen, by cluster.
pub(crate) fn faults(clusters: &Clusters) -> Value {
    let all = clusters.registry().all();
    let by_cluster: Map<String, Value> =
        all.iter().map(|cluster| (cluster.id().to_string(), left(cluster))).collect();
    json!({ "faults": by_cluster })
}

fn left(cluster: &Cluster) -> Value {
    let faults = &cluster.endpoint().faults;
    let mut left = Map::new();
    for (name, fault) in Fault::ALL {
        if faults.left(fault) > 0 {
            left.insert(name.to_owned(), json!(faults.left(fault)));
        }
    }
    if faults.left(Fault::Latency) > 0 {
        left.insert("latency_ms".to_owned(), json!(faults.latency_ms()));
    }
    Value::Object(left)
}

/// The last conflicts of each database, the newest first.
pub(crate) fn conflicts(clusters: &Clusters) -> Value {
    let mut seen: Vec<Arc<query::Engine>> = Vec::new();
    let mut conflicts = Vec::new();
    for cluster in clusters.registry().all() {
        // Linked clusters have one database.
        if !seen.iter().any(|engine| Arc::ptr_eq(engine, cluster.engine())) {
            let id = cluster.id().to_string();
            conflicts.extend(cluster.engine().conflicts().iter().map(|one| record(&id, one)));
            seen.push(Arc::clone(cluster.engine()));
        }
    }
    json!({ "conflicts": conflicts })
}

fn record(cluster: &str, conflict: &RecordedConflict) -> Value {
    let RecordedConflict { at, code, schema, table, index, key, session_id, lost_to } = conflict;
    let winner = lost_to.as_ref().map(|LostTo { commit_ts, session_id }| {
        json!({ "commit_ts": commit_ts, "session_id": session_id })
    });
    json!({
        "cluster": cluster,
        "time": AmzTime::from(*at).iso8601(),
        "code": code,
        "schema": schema,
        "table": table,
        "index": index,
        "key": key,
        "session_id": session_id,
        "winner": winner,
    })
}

//! What Prometheus reads: the metrics that CloudWatch has of each cluster, under their names there.
//!
//! | here | in CloudWatch |
//! |---|---|
//! | `AuroraDSQL_OccConflicts_total{ResourceId="…"}` | namespace `AWS/AuroraDSQL`, metric `OccConflicts`, dimension `ResourceId` |
//! | `AuroraDSQL_CommitLatency_bucket{…}` | `CommitLatency` |
//! | `AuroraDSQL_ClusterConnectionCount{…}` | namespace `AWS/Usage`, resource `ClusterConnectionCount` |
//! | `AuroraDSQL_CallCount_total{…,Resource="DbConnect"}` | namespace `AWS/Usage`, metric `CallCount` |
//!
//! CloudWatch's sums of a period are counters here, since the server started.
//!
//! Source: Aurora DSQL user guide, "Monitoring with Amazon CloudWatch".

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use query::endpoint::{COMMIT_LATENCY_MS, Meters};
use server::Cluster;

use crate::clusters::Clusters;

/// What [`text()`] is.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics, in the OpenMetrics text format.
///
/// # Errors
/// None that anybody knows of: a string takes whatever is written.
pub(crate) fn text(clusters: &Arc<Clusters>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("AuroraDSQL");
    registry.register_collector(Box::new(Exposition(Arc::clone(clusters))));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// A cluster, and whether it is linked with others.
struct Observed {
    id: String,
    cluster: Arc<Cluster>,
    is_linked: bool,
}

impl Observed {
    fn meters(&self) -> &Meters {
        &self.cluster.endpoint().meters
    }

    /// DPU for bringing writes to the linked clusters: they cost there what they cost here.
    fn linked_write_dpu(&self) -> f64 {
        if self.is_linked { self.meters().write_dpu() } else { 0.0 }
    }

    fn total_dpu(&self) -> f64 {
        let meters = self.meters();
        let written = meters.write_dpu() + self.linked_write_dpu();
        written + meters.read_dpu() + meters.compute_dpu()
    }
}

/// A metric: its name, what it is, and how it is had.
type Metric<T> = (&'static str, &'static str, fn(&Observed) -> T);

/// Those that only grow.
const COUNTS: [Metric<u64>; 6] = [
    ("TotalTransactions", "Transactions", |of| of.meters().total_transactions.get()),
    ("ReadOnlyTransactions", "Transactions that wrote nothing", |of| {
        of.meters().read_only_transactions.get()
    }),
    ("OccConflicts", "Transactions aborted by optimistic concurrency control over a key", |of| {
        of.meters().occ_conflicts.get()
    }),
    ("QueryTimeouts", "Transactions that hit the maximum transaction time", |of| {
        of.meters().query_timeouts.get()
    }),
    ("BytesRead", "Bytes read from storage", |of| of.meters().bytes_read.get()),
    ("BytesWritten", "Bytes written to storage", |of| of.meters().bytes_written.get()),
];

/// Those that only grow, in parts.
const AMOUNTS: [Metric<f64>; 6] = [
    ("ComputeTime", "Time spent on clients' messages, in milliseconds", |of| {
        of.meters().compute_ms()
    }),
    ("ReadDPU", "Approximate DPU of reading", |of| of.meters().read_dpu()),
    ("WriteDPU", "Approximate DPU of writing", |of| of.meters().write_dpu()),
    (
        "MultiRegionWriteDPU",
        "Approximate DPU of writing to linked clusters",
        Observed::linked_write_dpu,
    ),
    ("ComputeDPU", "Approximate DPU of computing", |of| of.meters().compute_dpu()),
    ("TotalDPU", "Approximate DPU of everything", Observed::total_dpu),
];

/// Those that also fall.
const GAUGES: [Metric<u64>; 2] = [
    ("ClusterStorageSize", "Bytes of rows and index entries", |of| {
        of.cluster.engine().storage_bytes()
    }),
    ("ClusterConnectionCount", "Open connections", |of| of.cluster.connections() as u64),
];

/// Exemplars would have labels; there are none.
type NoLabels = [(&'static str, &'static str); 0];

struct Exposition(Arc<Clusters>);

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exposition")
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all: Vec<Observed> = self
            .0
            .registry()
            .all()
            .into_iter()
            .map(|cluster| Observed {
                id: cluster.id().to_string(),
                is_linked: self.0.get(cluster.id()).is_some_and(|record| record.is_linked()),
                cluster,
            })
            .collect();
        for (name, help, value) in COUNTS {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for of in &all {
                let labels = labels(of);
                let mut one = metric.encode_family(&labels)?;
                one.encode_counter::<NoLabels, _, u64>(&value(of), None)?;
            }
        }
        for (name, help, value) in AMOUNTS {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for of in &all {
                let labels = labels(of);
                let mut one = metric.encode_family(&labels)?;
                one.encode_counter::<NoLabels, _, u64>(&value(of), None)?;
            }
        }
        for (name, help, value) in GAUGES {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for of in &all {
                metric.encode_family(&labels(of))?.encode_gauge(&value(of))?;
            }
        }
        let help = "Attempts to connect";
        let mut calls = encoder.encode_descriptor("CallCount", help, None, MetricType::Counter)?;
        for of in &all {
            let meters = of.meters();
            for (resource, counter) in
                [("DbConnectAdmin", &meters.admin_connects), ("DbConnect", &meters.connects)]
            {
                let labels = [("ResourceId", of.id.as_str()), ("Resource", resource)];
                let mut one = calls.encode_family(&labels)?;
                one.encode_counter::<NoLabels, _, u64>(&counter.get(), None)?;
            }
        }
        let help = "Time of the commit phase, in milliseconds";
        let kind = MetricType::Histogram;
        let mut commits = encoder.encode_descriptor("CommitLatency", help, None, kind)?;
        for of in &all {
            let (sum_ms, classes) = of.meters().commit_latency();
            let bounds = COMMIT_LATENCY_MS.iter().map(|bound| *bound as f64);
            let buckets: Vec<(f64, u64)> =
                bounds.chain([f64::INFINITY]).zip(classes.iter().copied()).collect();
            let count = classes.iter().sum();
            let labels = labels(of);
            let mut one = commits.encode_family(&labels)?;
            one.encode_histogram::<NoLabels>(sum_ms, count, &buckets, None)?;
        }
        Ok(())
    }
}

fn labels(of: &Observed) -> [(&'static str, &str); 1] {
    [("ResourceId", of.id.as_str())]
}

//! What the operator sees of a server's work: metrics, slow statements, failed authentications.

use std::time::Duration;

use testkit::{BorealisServer, Operator};

/// The names that CloudWatch has for a cluster.
const METRICS: [&str; 16] = [
    "TotalTransactions_total",
    "ReadOnlyTransactions_total",
    "OccConflicts_total",
    "QueryTimeouts_total",
    "BytesRead_total",
    "BytesWritten_total",
    "ComputeTime_total",
    "ReadDPU_total",
    "WriteDPU_total",
    "MultiRegionWriteDPU_total",
    "ComputeDPU_total",
    "TotalDPU_total",
    "ClusterStorageSize",
    "ClusterConnectionCount",
    "CallCount_total",
    "CommitLatency_count",
];

#[track_caller]
fn close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-6, "{actual} instead of {expected}");
}

#[tokio::test]
async fn metrics_count_what_clients_do() {
    let server = BorealisServer::in_memory();
    let operator = Operator::of(&server);
    let endpoint = server.endpoint();
    for name in METRICS {
        close(operator.metric(name), 0.0);
    }
    let (a, b) = (endpoint.connect().await, endpoint.connect().await);
    a.batch_execute("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)").await.expect("a table");
    a.batch_execute("INSERT INTO t SELECT id, 'value' FROM generate_series(1, 100) id")
        .await
        .expect("rows");
    for _ in 0..3 {
        a.query("SELECT * FROM t", &[]).await.expect("rows");
    }
    b.batch_execute("BEGIN; UPDATE t SET v = 'b' WHERE id = 1").await.expect("an update");
    a.batch_execute("UPDATE t SET v = 'a' WHERE id = 1").await.expect("an update");
    b.batch_execute("COMMIT").await.expect_err("a conflict");
    b.batch_execute("BEGIN; DELETE FROM t; ROLLBACK").await.expect("a rollback");
    let left = endpoint.connect().await;
    left.batch_execute("BEGIN; SELECT * FROM t").await.expect("a read");
    drop(left);
    while operator.metric("ClusterConnectionCount") > 2.5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    a.batch_execute("ANALYZE t").await.expect("statistics");

    let total = operator.metric("TotalTransactions_total");
    // Table, rows, three reads, the update, the conflict, the rollback, who left in the middle; what
    // ANALYZE takes besides.
    assert!((9.0..=10.0).contains(&total), "{total}");
    let read_only = operator.metric("ReadOnlyTransactions_total");
    assert!((4.0..=5.0).contains(&read_only), "{read_only}");
    close(operator.metric("OccConflicts_total"), 1.0);
    close(operator.metric("QueryTimeouts_total"), 0.0);
    // 100 rows read five times, 101 written once.
    let (read, written) =
        (operator.metric("BytesRead_total"), operator.metric("BytesWritten_total"));
    assert!((5.0 * 100.0 * 20.0..100_000.0).contains(&read), "{read}");
    assert!((100.0 * 20.0..20_000.0).contains(&written), "{written}");
    let size = operator.metric("ClusterStorageSize");
    assert!((100.0 * 20.0..20_000.0).contains(&size), "{size}");
    close(operator.metric("ClusterConnectionCount"), 2.0);
    close(operator.metric("CallCount_total"), 3.0);
    // The table, the rows, the update.
    close(operator.metric("CommitLatency_count"), 3.0);
    assert!(operator.metric("ComputeTime_total") > 0.0);
    let parts = ["ReadDPU_total", "WriteDPU_total", "ComputeDPU_total"].map(|name| {
        let units = operator.metric(name);
        assert!(units > 0.0, "{name}");
        units
    });
    // 100 rows at 0.00625 each, and the minimum of a transaction.
    close(parts[1], 0.625 + 0.05);
    close(operator.metric("TotalDPU_total"), parts.iter().sum());
    let text = operator.get("/metrics");
    assert!(text.ends_with("# EOF\n"));
    let id = operator.cluster();
    let counted = format!("AuroraDSQL_OccConflicts_total{{ResourceId=\"{id}\"}} 1\n");
    assert!(text.contains(&counted), "{text}");
}

#[tokio::test]
async fn slow_statements_are_logged_without_their_parameters() {
    let server = BorealisServer::in_memory_with(&["--log-min-duration-statement", "300"]);
    let client = server.endpoint().connect().await;
    client.batch_execute("SELECT 'quick'").await.expect("an answer");
    client.batch_execute("SELECT 'slow one', pg_sleep(0.4)").await.expect("an answer");
    let sql = "SELECT pg_sleep($1), $2::text";
    client.query_one(sql, &[&0.4_f64, &"a secret"]).await.expect("an answer");
    let log = server.log();
    let slow: Vec<&str> = log.lines().filter(|line| line.contains("slow statement")).collect();
    assert_eq!(slow.len(), 2, "{log}");
    assert!(slow[0].contains("SELECT 'slow one', pg_sleep(0.4)"), "{log}");
    assert!(slow[0].contains("kind=\"statement\"") && slow[0].contains("user=\"admin\""), "{log}");
    assert!(slow[1].contains(sql) && slow[1].contains("kind=\"execute\""), "{log}");
    assert!(!log.contains("a secret") && !log.contains("quick"), "{log}");
}

#[tokio::test]
async fn failed_authentications_are_logged_without_the_token() {
    let server = BorealisServer::in_memory();
    let mut endpoint = server.endpoint();
    let token = endpoint.password.clone();
    endpoint.password = token.replace("DbConnectAdmin", "DbConnect");
    endpoint.try_connect().await.expect_err("a refusal");
    endpoint.password = token.clone();
    endpoint.user = "nobody".into();
    endpoint.try_connect().await.expect_err("a refusal");
    endpoint.user = "admin".into();
    endpoint.try_connect().await.expect("no refusal");
    let log = server.log();
    let failed: Vec<&str> =
        log.lines().filter(|line| line.contains("authentication failed")).collect();
    assert_eq!(failed.len(), 2, "{log}");
    assert!(failed[0].contains("The request signature we calculated"), "{log}");
    assert!(failed[0].contains("address=127.0.0.1") && failed[0].contains("28000"), "{log}");
    let hint = "Wrong user to action mapping. user: nobody, action: DbConnectAdmin";
    assert!(failed[1].contains(hint) && failed[1].contains("user=\"nobody\""), "{log}");
    let cluster = Operator::of(&server).cluster();
    assert!(failed.iter().all(|line| line.contains(&cluster)), "{log}");
    let signature = token.rsplit_once("X-Amz-Signature=").expect("a signature").1;
    assert!(!log.contains(signature) && !log.contains("X-Amz"), "{log}");
}

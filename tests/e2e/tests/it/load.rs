//! `borealis load`: from the file or the standard input into a table, by the keys of the data directory.

use std::io::Write;
use std::process::{Command, Stdio};

use testkit::{BorealisServer, borealis_binary};

/// `borealis load` into the table `t` of `server`, fed with `input`: whether it succeeded, and what it
/// said.
fn load(server: &BorealisServer, arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(borealis_binary());
    command.arg("load").arg("--data-dir").arg(server.data_dir()).args(["--table", "t"]);
    command.args(arguments).current_dir(server.scratch());
    for name in ["CLUSTER_ENDPOINT", "CLUSTER_USER", "PGPORT"] {
        command.env_remove(name);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("borealis load");
    // It may end without reading.
    drop(child.stdin.take().expect("its input").write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("its end");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn load_from_a_file_and_the_standard_input() {
    let server = BorealisServer::in_memory();
    let file = server.scratch().join("a.csv");
    std::fs::write(&file, "id,name\n1,x\n2,y\n").expect("a file");
    let file = file.to_string_lossy();
    let (ok, said) = load(&server, &[&file, "--create", "--primary-key", "id"], "");
    assert!(ok && said.starts_with("2 rows loaded in "), "{said}");
    let (ok, said) = load(&server, &["-", "--format", "tsv"], "id\tname\n3\tz\n2\tagain\n");
    assert!(ok && said.contains("1 rows loaded in ") && said.contains("1 were there"), "{said}");
    let (ok, said) = load(&server, &["-", "--format", "csv"], "id,name\n4,z\nfive,z\n");
    assert!(!ok && said.contains("1 rows were refused"), "{said}");
    let rejects = std::fs::read_to_string(server.scratch().join("t.rejects.csv"));
    assert!(rejects.expect("a file of rejects").contains("five"));
    let client = server.endpoint().connect().await;
    let row = client.query_one("SELECT string_agg(name, ',' ORDER BY id) FROM t", &[]).await;
    assert_eq!(row.expect("a row").get::<_, &str>(0), "x,y,z,z");
}

#[test]
fn load_that_cannot_begin_says_what_to_change() {
    let server = BorealisServer::in_memory();
    let (ok, said) = load(&server, &["missing.csv"], "");
    assert!(!ok && said.contains("cannot read missing.csv"), "{said}");
    let (ok, said) = load(&server, &["-"], "");
    assert!(!ok && said.contains("give --format"), "{said}");
}

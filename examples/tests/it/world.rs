//! Running an example with a server's environment.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use testkit::BorealisServer;

/// What `eval "$(borealis env)"; export CLUSTER_ENDPOINT=localhost` gives a shell.
pub(crate) fn env(server: &BorealisServer) -> BTreeMap<String, String> {
    let mut env = server.env();
    env.insert("CLUSTER_ENDPOINT".to_owned(), "localhost".to_owned());
    env
}

/// The example `name`, to be started in a clean environment with `env`.
pub(crate) fn example(name: &str, env: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_example"));
    command.arg(name).env_clear().env("AWS_EC2_METADATA_DISABLED", "true").envs(env);
    if let Some(binary) = std::env::var_os("BOREALIS_BIN") {
        command.env("BOREALIS_BIN", binary);
    }
    command
}

/// What the example `name` prints.
#[track_caller]
pub(crate) fn output(name: &str, env: &BTreeMap<String, String>) -> String {
    let Output { status, stdout, stderr } = example(name, env).output().expect("the example");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{name}: {stderr}");
    String::from_utf8(stdout).expect("UTF-8")
}

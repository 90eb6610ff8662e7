//! Where the statements are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Files of statements, in the sources of the crate `pg_query`.
const FOLDER: &str = "libpg_query/test/sql/postgres_regress";

/// The folder with PostgreSQL's regression statements, by way of `cargo metadata`.
pub fn folder() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut metadata = Command::new(cargo);
    metadata.args(["metadata", "--format-version", "1"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = metadata.output().expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata as JSON");
    let packages = metadata.get("packages").and_then(Value::as_array).expect("packages");
    let package = packages.iter().find(|package| package["name"] == "pg_query");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    Path::new(manifest.expect("pg_query")).with_file_name(FOLDER)
}

/// The text of a file, given by its name in `folder` or by a path.
pub fn read(folder: &Path, name: &str) -> String {
    let path = folder.join(format!("{name}.sql"));
    let path = if path.exists() { path } else { PathBuf::from(name) };
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Some files are in other encodings.
    String::from_utf8_lossy(&bytes).into_owned()
}

//! Reading the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::format::{Block, Common, ExpectedFailure, Probe};

/// Everything in `data/`.
#[derive(Debug)]
pub struct Collection {
    pub(crate) prefixes: Vec<String>,
    blocks: BTreeMap<String, Block>,
    /// By group, which is the file's name.
    pub(crate) groups: Vec<(String, Vec<Probe>)>,
    /// Probes, as `group/name`, that are known to differ, with the reason.
    pub expected_failures: BTreeMap<String, String>,
}

/// Reads `data/`.
pub fn load() -> Collection {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let Common { prefixes, blocks } = read(&data.join("common.yaml"));
    let failures: Vec<ExpectedFailure> = read(&data.join("expected_failures.yaml"));
    let mut files: Vec<PathBuf> = data
        .read_dir()
        .expect("a readable directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.ends_with("common.yaml") && !path.ends_with("expected_failures.yaml"))
        .collect();
    files.sort();
    let groups: Vec<(String, Vec<Probe>)> = files
        .iter()
        .map(|file| {
            let group = file.file_stem().expect("a file name").to_string_lossy().into_owned();
            (group, read(file))
        })
        .collect();
    let expected_failures: BTreeMap<String, String> =
        failures.into_iter().map(|failure| (failure.probe, failure.reason)).collect();
    for id in expected_failures.keys() {
        let known = groups
            .iter()
            .any(|(group, probes)| probes.iter().any(|p| format!("{group}/{}", p.name) == *id));
        assert!(known, "expected_failures.yaml: there is no probe {id}");
    }
    Collection { prefixes, blocks, groups, expected_failures }
}

fn read<T: DeserializeOwned>(file: &Path) -> T {
    let text = std::fs::read_to_string(file);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

impl Collection {
    /// The blocks that a probe uses, those that they need first.
    pub(crate) fn blocks_of(&self, probe: &Probe) -> Vec<&Block> {
        let mut names = Vec::new();
        for name in &probe.uses {
            self.collect(name, &mut names);
        }
        names.into_iter().map(|name| &self.blocks[name]).collect()
    }

    fn collect<'a>(&'a self, name: &str, names: &mut Vec<&'a str>) {
        let (name, block) = self.blocks.get_key_value(name).expect("a block of common.yaml");
        if names.contains(&name.as_str()) {
            return;
        }
        for needed in &block.needs {
            self.collect(needed, names);
        }
        names.push(name);
    }
}

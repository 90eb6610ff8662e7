//! Tests in Python, each folder with an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Result, binary, root, step};

/// Runs the tests in `folder` against `borealis`, after installing what its `requirements.txt` says.
pub(crate) fn test(folder: &str, borealis: &Path) -> Result {
    let environment = install(folder)?;
    let mut tests = Command::new(environment.join("bin/python"));
    tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).current_dir(root().join(folder));
    tests.env("BOREALIS_BIN", borealis).env("PYTHONDONTWRITEBYTECODE", "1");
    step(folder, &mut tests)
}

/// The folder's environment beside the build, made anew if its requirements are others than before.
fn install(folder: &str) -> Result<PathBuf> {
    let path = root().join(folder).join("requirements.txt");
    let fail = |path: &Path, error| format!("{}: {error}", path.display());
    let wanted = std::fs::read(&path).map_err(|error| fail(&path, error))?;
    let name = folder.rsplit('/').next().unwrap_or(folder);
    let environment = binary("python", name);
    let installed = environment.join("installed.txt");
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(environment);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&environment);
    step("Python environment", &mut make)?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"]).arg(&path);
    step("Python packages", &mut pip)?;
    std::fs::write(&installed, wanted).map_err(|error| fail(&installed, error))?;
    Ok(environment)
}

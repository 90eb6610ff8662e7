//! Starting other programs: cargo, the workspace's own binaries, and what comes with them.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Why a command of ours ended early, ready to be shown.
pub(crate) type Result<T = ()> = std::result::Result<T, String>;

/// The root of the working tree.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// `cargo` with `args`, in the root, without a terminal to ask at.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs `command` to its end and says how long it took.
pub(crate) fn step(name: &str, command: &mut Command) -> Result {
    eprintln!("── {name}");
    let start = Instant::now();
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        eprintln!("── {name}: {:.1} s", start.elapsed().as_secs_f64());
        Ok(())
    } else {
        Err(format!("{name} failed ({status})"))
    }
}

/// Becomes `command`. Returns only if that is impossible.
pub(crate) fn exec(command: &mut Command) -> Result {
    let error = command.exec();
    Err(cannot_start(command, &error))
}

/// True if `program` can be started.
pub(crate) fn installed(program: &str, arg: &str) -> bool {
    let mut probe = Command::new(program);
    probe.arg(arg).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Where cargo puts the binary `name` of `profile` ("dev" has the folder "debug").
pub(crate) fn binary(profile: &str, name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    // Cargo ran in the root, so a relative target directory is meant from there.
    root().join(target).join(if profile == "dev" { "debug" } else { profile }).join(name)
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", command.get_program().to_string_lossy())
}

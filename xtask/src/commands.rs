//! What each command does.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python;
use crate::run::{Result, binary, cargo, exec, installed, root, step};

const HELP: &str = r#"usage: ./dev <command> [arguments]

  start [options]   build in release and run a server with its data in .dev/data
  psql [arguments]  psql on the server that `start` runs
  env               variables for other clients of it: eval "$(./dev env)"
  test              everything CI runs: `check`, all tests, and the SQL test files on a real
                    PostgreSQL 16, if that can be installed
  check             format, clippy, documentation, licences
  fmt               format the source
  e2e [filter]      the real binary through real clients
  slt [options] [file …]
                    SQL test files; --verify-with-postgres runs them against PostgreSQL 16
                    instead, --bless writes its answers into them
  clients [--write] [all | name …]
                    drivers and object-relational mappers of other languages; --write puts the
                    results into COMPAT.md
  probes [--slow] [--environment] [name …]
                    what a real Aurora DSQL cluster answered, replayed on Borealis or on the server
                    of the environment
  coverage          which of PostgreSQL's internal functions are missing; writes COMPAT.md
  diff [options] [file …]
                    the same generated statements on PostgreSQL 16 and on Borealis, compared;
                    --seed N, --seeds COUNT, --statements M
  regress [name …]  PostgreSQL's own regression statements on PostgreSQL 16 and on Borealis, compared
  bless             rewrite golden output; read the diff afterwards
  bench [options]   Borealis and PostgreSQL 16 side by side, written to BENCHMARKS.md;
                    --quick, --only NAME
  workshop          the workshop's chapters, from an empty cluster to a money-transfer API
  pg [psql|start|install]
                    the reference PostgreSQL 16, with a psql on it or until Ctrl-C
"#;

/// Folders with a workspace of their own, because their dependencies must not mix with the product's.
const OUTSIDE: [&str; 1] = ["tests/clients/rust-sqlx"];

/// PostgreSQL's regression scripts that take little time and show no difference.
const REGRESS: [&str; 14] = [
    "case",
    "char",
    "date",
    "float8",
    "int4",
    "int8",
    "interval",
    "limit",
    "returning",
    "select",
    "text",
    "time",
    "union",
    "uuid",
];

/// Folders of tests in Python.
const PYTHON: [&str; 1] = ["tests/clients/python-aws"];

/// The server in a debug build, with the features of dependencies that tests of the whole workspace have:
/// otherwise these would be built twice.
const BUILD: [&str; 4] = ["build", "--workspace", "--bin", "borealis"];

/// All tests but those in documentation: the pictures there are indented, and look like code.
const TESTS: [&str; 4] = ["test", "--lib", "--bins", "--tests"];

pub(crate) fn dispatch(command: &str, args: &[String]) -> Result {
    match command {
        "start" => start(args),
        "psql" | "env" => exec(&mut borealis(command, args)),
        "test" => no_arguments(args).and_then(|()| test()),
        "check" => no_arguments(args).and_then(|()| check()),
        "fmt" => no_arguments(args).and_then(|()| fmt()),
        "e2e" => step("e2e", cargo(["test", "-p", "e2e", "--"]).args(args)),
        "diff" => compare("diff", args),
        "regress" => compare("regress", args),
        "slt" => exec(cargo(["run", "-q", "-p", "slt", "--"]).args(from_cwd(args))),
        "clients" => clients(args),
        "probes" => exec(cargo(["run", "-q", "-p", "probes", "--"]).args(args)),
        "coverage" => exec(cargo(["run", "-q", "-p", "coverage", "--"]).args(args)),
        "bless" => no_arguments(args).and_then(|()| bless()),
        "bench" => bench(args),
        "workshop" => no_arguments(args).and_then(|()| workshop()),
        "pg" => pg(args),
        "help" | "-h" | "--help" => {
            eprint!("{HELP}");
            Ok(())
        }
        _ => Err(format!("no such command; `./dev help` lists them\n\n{HELP}")),
    }
}

/// Builds the server as it is shipped and becomes it.
fn start(args: &[String]) -> Result {
    let mut build = cargo(["build", "--release", "-p", "borealis"]);
    if !build.status().is_ok_and(|status| status.success()) {
        return Err("the build failed".into());
    }
    exec(borealis("start", args).current_dir(root()))
}

/// `borealis <command>` in release, on `.dev/data` unless the arguments choose another place.
fn borealis(command: &str, args: &[String]) -> Command {
    let mut run = Command::new(binary("release", "borealis"));
    run.arg(command);
    let chosen = |arg: &String| {
        arg == "--in-memory" || arg == "--data-dir" || arg.starts_with("--data-dir=")
    };
    if !args.iter().any(chosen) {
        run.arg("--data-dir").arg(root().join(".dev/data"));
    }
    run.args(args);
    run
}

fn test() -> Result {
    check()?;
    // The end-to-end tests start this binary.
    step("build", &mut cargo(BUILD))?;
    let borealis = binary("dev", "borealis");
    let mut tests = cargo(TESTS);
    step("tests", tests.args(["--workspace"]).env("BOREALIS_BIN", &borealis))?;
    for folder in OUTSIDE {
        let mut tests = cargo(["test"]);
        step(folder, tests.current_dir(root().join(folder)).env("BOREALIS_BIN", &borealis))?;
    }
    PYTHON.iter().try_for_each(|folder| python::test(folder, &borealis))?;
    let mut clients = cargo(["run", "-q", "-p", "clients"]);
    step("clients", clients.env("BOREALIS_BIN", &borealis))?;
    verify()
}

/// Asks a PostgreSQL 16 whether it answers what the SQL test files say that it does.
fn verify() -> Result {
    let build = ["build", "-q", "-p", "testkit", "--bin", "reference-postgres"];
    step("build", &mut cargo(build))?;
    let install = Command::new(binary("dev", "reference-postgres")).arg("install").status();
    if !install.is_ok_and(|status| status.success()) {
        eprintln!("── SQL test files on PostgreSQL 16: not checked, it cannot be installed");
        return Ok(());
    }
    let verify = ["run", "-q", "-p", "slt", "--", "--verify-with-postgres"];
    step("SQL test files on PostgreSQL 16", &mut cargo(verify))?;
    let regress = ["run", "-q", "-p", "diff", "--bin", "regress", "--"];
    let mut regress = cargo(regress.iter().chain(&REGRESS));
    regress.env("BOREALIS_BIN", binary("dev", "borealis"));
    step("PostgreSQL's regression statements", &mut regress)
}

fn check() -> Result {
    step("format", &mut cargo(["fmt", "--all", "--check"]))?;
    step("clippy", &mut cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let mut doc = cargo(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    // Pictures are indented, and look like code.
    let flags = "-D warnings -A rustdoc::invalid_rust_codeblocks";
    step("documentation", doc.env("RUSTDOCFLAGS", flags))?;
    if installed("cargo-deny", "--version") {
        step("licences and advisories", &mut cargo(["deny", "--workspace", "check"]))?;
    } else {
        eprintln!("── licences and advisories: not checked, cargo-deny is not installed");
    }
    Ok(())
}

fn fmt() -> Result {
    step("format", &mut cargo(["fmt", "--all"]))?;
    OUTSIDE
        .iter()
        .try_for_each(|folder| step(folder, cargo(["fmt"]).current_dir(root().join(folder))))
}

/// Rewrites what tests compare with: `expect!` literals and golden files by running the tests, SQL
/// test files by asking PostgreSQL 16.
fn bless() -> Result {
    let mut tests = cargo(TESTS);
    tests.args(["--workspace", "--exclude", "e2e", "--exclude", "slt", "--exclude", "probes"]);
    step("golden output", tests.env("UPDATE_EXPECT", "1"))?;
    step("SQL test files", &mut cargo(["run", "-q", "-p", "slt", "--", "--bless"]))
}

/// Measures the server as it is shipped.
fn bench(args: &[String]) -> Result {
    step("build", &mut cargo(["build", "--release", "-p", "borealis"]))?;
    let mut bench = cargo(["run", "-q", "-p", "bench", "--"]);
    bench.args(args).env("BOREALIS_BIN", binary("release", "borealis"));
    if std::env::var_os("TMPDIR").is_none() {
        // The servers' data must be on a disk, which /tmp often is not.
        bench.env("TMPDIR", "/var/tmp");
    }
    exec(&mut bench)
}

/// Runs foreign clients.
fn clients(args: &[String]) -> Result {
    step("build", &mut cargo(BUILD))?;
    let mut clients = cargo(["run", "-q", "-p", "clients", "--"]);
    exec(clients.args(args).env("BOREALIS_BIN", binary("dev", "borealis")))
}

/// Compares with PostgreSQL 16, by a program of `tests/diff`.
fn compare(program: &str, args: &[String]) -> Result {
    step("build", &mut cargo(BUILD))?;
    let mut compare = cargo(["run", "-q", "-p", "diff", "--bin", program, "--"]);
    compare.args(from_cwd(args)).env("BOREALIS_BIN", binary("dev", "borealis"));
    exec(&mut compare)
}

/// Plays the workshop on a server started for it.
fn workshop() -> Result {
    step("build", &mut cargo(BUILD))?;
    let mut workshop = cargo(["run", "-q", "-p", "examples", "--", "workshop"]);
    exec(workshop.env("BOREALIS_BIN", binary("dev", "borealis")))
}

fn pg(args: &[String]) -> Result {
    let build = ["build", "-q", "-p", "testkit", "--bin", "reference-postgres"];
    step("build", &mut cargo(build))?;
    // Not through cargo: psql wants the terminal.
    exec(Command::new(binary("dev", "reference-postgres")).args(args))
}

fn no_arguments(args: &[String]) -> Result {
    if args.is_empty() { Ok(()) } else { Err(format!("takes no arguments: {}", args.join(" "))) }
}

/// File names among `args`, which were meant from where `./dev` was called.
fn from_cwd(args: &[String]) -> Vec<PathBuf> {
    let cwd = std::env::var_os("BOREALIS_CWD").map(PathBuf::from);
    let absolute = |arg: &String| match &cwd {
        Some(cwd) if !arg.starts_with("--") && cwd.join(arg).exists() => cwd.join(arg),
        _ => Path::new(arg).to_owned(),
    };
    args.iter().map(absolute).collect()
}

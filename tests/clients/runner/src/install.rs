//! Installing what clients need, and how they are started.
//!
//!     tests/clients/<language>/  ──copied──►  <cache>/clients/<language>/  ──►  packages beside it
//!
//! Packages come from the language's registry in the versions that its manifest pins, and stay in the
//! cache until the manifest changes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a client is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Python,
    Node,
    Go,
    Java,
    Ruby,
    Cpp,
}

impl Language {
    /// The folder's name.
    fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust-sqlx",
            Language::Python => "python",
            Language::Node => "node",
            Language::Go => "go",
            Language::Java => "java",
            Language::Ruby => "ruby",
            Language::Cpp => "cpp",
        }
    }

    /// The file that says which packages are needed, but for Debian's.
    fn manifest(self) -> Option<&'static str> {
        Some(match self {
            Language::Python => "requirements.txt",
            Language::Node => "package-lock.json",
            Language::Go => "go.sum",
            Language::Java => "pom.xml",
            Language::Rust | Language::Ruby | Language::Cpp => return None,
        })
    }

    fn folder(self) -> PathBuf {
        cache().join(self.name())
    }

    /// The command that runs a client, but for its arguments.
    pub(crate) fn command(self, client: &str) -> Vec<OsString> {
        let folder = self.folder();
        match self {
            Language::Rust => vec![rust_target().join("debug/client-rust-sqlx").into()],
            Language::Python => vec![
                folder.join("venv/bin/python").into(),
                folder.join(format!("client_{client}.py")).into(),
            ],
            Language::Node => vec!["node".into(), folder.join(format!("{client}.mjs")).into()],
            Language::Go | Language::Cpp => vec![folder.join("bin").join(client).into()],
            Language::Ruby => vec!["ruby".into(), folder.join(format!("{client}.rb")).into()],
            Language::Java => {
                let path = |tail: &str| folder.join(tail).to_string_lossy().into_owned();
                let parts = ["target/classes", "src/main/resources", "target/lib/*"].map(path);
                let class_path = parts.join(":");
                let java = ["java", "-XX:TieredStopAtLevel=1", "-cp", &class_path, "Scenarios"];
                java.iter().chain([&client]).map(OsString::from).collect()
            }
        }
    }

    /// Why clients of this language cannot run here; `./dev` installs all that Debian has.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let go = |text: &str| {
            let version = text.strip_prefix("go version go1.")?;
            version.split(['.', ' ']).next()?.parse::<u32>().ok()
        };
        let output = || Command::new("go").arg("version").output().ok();
        let installed = || go(&String::from_utf8_lossy(&output()?.stdout));
        (self == Language::Go && installed().is_none_or(|minor| minor < 24))
            .then_some("Go 1.24 or newer is needed")
    }

    /// Brings the programs and their packages into the cache.
    ///
    /// # Errors
    /// Says what could not be installed.
    pub(crate) fn install(self) -> Result<(), String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(self.name());
        if self == Language::Rust {
            // Where it stands, since its tests need a crate beside it; built with what they need, as `./dev test`
            // has built it already.
            return step(&source, &["cargo", "test", "-q", "--no-run"]);
        }
        let folder = self.folder();
        copy(&source, &folder)
            .map_err(|error| format!("cannot fill {}: {error}", folder.display()))?;
        let Some(manifest) = self.manifest() else { return self.compile(&folder) };
        let manifest =
            fs::read(folder.join(manifest)).map_err(|error| format!("{manifest}: {error}"))?;
        let installed = folder.join("installed");
        if fs::read(&installed).ok().as_ref() != Some(&manifest) {
            eprintln!("── installing packages of the {} clients", self.name());
            let start = Instant::now();
            self.install_packages(&folder)?;
            fs::write(&installed, manifest)
                .map_err(|error| format!("{}: {error}", installed.display()))?;
            eprintln!("── installed: {:.1} s", start.elapsed().as_secs_f64());
        }
        self.compile(&folder)
    }

    fn install_packages(self, folder: &Path) -> Result<(), String> {
        match self {
            Language::Python => {
                step(folder, &["python3", "-m", "venv", "--clear", "venv"])?;
                let pip = ["venv/bin/python", "-m", "pip", "install", "-q", "--no-input"];
                let options = ["--disable-pip-version-check", "-r", "requirements.txt"];
                step(folder, &[&pip[..], &options[..]].concat())
            }
            Language::Node => {
                // What scripts would download (Prisma's native engines) is not used.
                let options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
                step(folder, &[&["npm", "ci"], &options[..]].concat())
            }
            Language::Go => step(folder, &["go", "mod", "download"]),
            Language::Java => {
                let goal = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies";
                step(folder, &["mvn", "-q", "-B", goal, "-DoutputDirectory=target/lib"])
            }
            Language::Rust | Language::Ruby | Language::Cpp => Ok(()),
        }
    }

    /// Compiles the programs; fast if nothing has changed.
    fn compile(self, folder: &Path) -> Result<(), String> {
        match self {
            Language::Rust | Language::Python | Language::Node | Language::Ruby => Ok(()),
            Language::Cpp => {
                let script = "mkdir -p bin && for file in *.cpp; do \
                    g++ -std=c++17 -Wall -Wextra -Werror -I\"$(pg_config --includedir)\" \
                    -o \"bin/${file%.cpp}\" \"$file\" -lpq || exit; done";
                step(folder, &["sh", "-c", script])
            }
            Language::Go => step(folder, &["go", "build", "-o", "bin/", "./..."]),
            Language::Java => {
                let script = "javac -d target/classes -cp 'target/lib/*' src/main/java/*.java";
                step(folder, &["sh", "-c", script])
            }
        }
    }
}

/// Where cargo puts what it builds of the Rust programs.
fn rust_target() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../rust-sqlx/target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(own, PathBuf::from)
}

/// `clients` in the cache of `./dev`.
fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        variable("HOME").map_or_else(|| "/root".into(), PathBuf::from).join(".cache")
    });
    cache.join("borealis/clients")
}

/// Copies a folder of programs, without what an installation by hand left in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_name() == "node_modules" || entry.file_name() == "target" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else if fs::read(&target).ok() != Some(fs::read(entry.path())?) {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Runs one command of an installation; shows its output only if it fails.
fn step(folder: &Path, command: &[&str]) -> Result<(), String> {
    let shown = command.join(" ");
    let [program, arguments @ ..] = command else { return Err("no command".into()) };
    // A path with a folder is meant from `folder`.
    let program = if program.contains('/') { folder.join(program) } else { PathBuf::from(program) };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(format!("{shown} failed:\n{}", String::from_utf8_lossy(&text)))
}

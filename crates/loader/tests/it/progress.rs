//! What somebody sees who waits for `borealis load`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::World;

/// What `borealis load` writes on a terminal, or into a pipe, with the summary as its last line.
fn shown(world: &World, file: &Path, arguments: &str, terminal: bool) -> String {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let load = format!(
        "{} load {} --table t --data-dir {} {arguments}",
        path(testkit::borealis_binary()),
        path(file),
        path(world.server.data_dir()),
    );
    // util-linux's `script` gives its command a terminal.
    let mut command = match terminal {
        true => Command::new("script"),
        false => Command::new("sh"),
    };
    command.args(if terminal { &["-q", "-e", "-c"][..] } else { &["-c"] });
    command.arg(format!("{load} 2>&1")).args(terminal.then_some("/dev/null"));
    let output = command.envs(world.server.env()).stdin(Stdio::null()).output().expect("a load");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_shown_on_a_terminal() {
    let world = World::new().await;
    world.execute("CREATE TABLE t (id int PRIMARY KEY)").await;
    let lines = (0..5_000).map(|id| format!("{id}\n")).collect::<String>();
    let file = world.file("a.csv", format!("id\n{lines}"));
    let text = shown(&world, &file, "--batch-size 500", true);
    // Drawn again and again on one line, then wiped away.
    let drawn = |part: &str| part.contains(" %, ") && part.contains(" rows, ");
    assert!(text.split('\r').any(drawn), "{text:?}");
    let last = text.rsplit(['\r', '\u{1b}']).find(|part| part.contains("loaded in"));
    assert!(last.is_some_and(|last| last.contains("5000 rows loaded in ")), "{text:?}");
    // The keys are there already; what is shown besides is the summary alone.
    for (arguments, terminal) in [("", false), ("--quiet", true)] {
        let text = shown(&world, &file, arguments, terminal);
        assert!(text.starts_with("0 rows loaded in "), "{text:?}");
        assert!(text.contains("5000 were there already"), "{text:?}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text:?}");
    }
}

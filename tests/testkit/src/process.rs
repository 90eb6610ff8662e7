//! A server's process: started with its output in a file, killed when dropped.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const POLL: Duration = Duration::from_millis(5);

/// A child process that does not outlive its owner.
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    at_drop: Signal,
}

impl Process {
    /// Starts `command` with standard output and error appended to the file `log`.
    pub fn spawn(name: &str, command: &mut Command, log: PathBuf) -> Process {
        let out = File::options().create(true).append(true).open(&log).expect("a log file");
        let err = out.try_clone().expect("a second handle of the log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Process { child, name: name.to_owned(), log, at_drop: Signal::KILL }
    }

    /// Sends `signal` instead of SIGKILL when dropped.
    pub fn signal_at_drop(mut self, signal: Signal) -> Process {
        self.at_drop = signal;
        self
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready`, given all that was logged, says true.
    ///
    /// # Panics
    /// If the process ends, or after `limit`; with the end of its log.
    pub fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut(&str) -> bool) {
        let start = Instant::now();
        while !ready(&self.log()) {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                panic!("{} ended ({status}) before it was ready{}", self.name, self.log_tail());
            }
            assert!(start.elapsed() < limit, "{} is not ready{}", self.name, self.log_tail());
            sleep(POLL);
        }
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a signal to a living process");
    }

    /// Kills it at once, as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("the end of a killed process");
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Panics
    /// If it takes longer than `limit`.
    pub fn stop(&mut self, signal: Signal, limit: Duration) -> ExitStatus {
        self.signal(signal);
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                return status;
            }
            assert!(start.elapsed() < limit, "{} does not end{}", self.name, self.log_tail());
            sleep(POLL);
        }
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        format!("; its log ends:\n{tail}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Both fail only if it has just ended by itself.
            let _ = kill_process(Pid::from_child(&self.child), self.at_drop);
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}{}", self.name, self.log_tail());
        }
    }
}

/// A TCP port of the loopback interface that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("the port just bound").port()
}

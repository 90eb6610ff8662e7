//! Where the log goes.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;
use crate::failure::{Result, because};

/// The variable that says what is logged, such as `debug` or `server=debug,info`.
const FILTER: &str = "BOREALIS_LOG";

/// Logs to the standard error output, panics included.
pub(crate) fn init(format: LogFormat) -> Result<()> {
    let filter = std::env::var(FILTER).unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| because(format!("cannot understand {FILTER}"), error))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        match format {
            // With the backtrace, if RUST_BACKTRACE asks for one.
            LogFormat::Text => print(panic),
            LogFormat::Json => tracing::error!(%panic, "panicked"),
        }
    }));
    Ok(())
}

//! `borealis mcp`: a cluster as tools for a language model.

use crate::args::{LogFormat, McpArgs};
use crate::data_dir::DataDir;
use crate::failure::{Result, because};
use crate::{connect, logging};

/// Serves until the client goes away, or a signal.
pub(crate) fn mcp(args: McpArgs) -> Result<()> {
    // The standard output is the protocol's; the log goes to the standard error output.
    logging::init(LogFormat::Text)?;
    let local = &args.connect.data_dir;
    let config = if args.connect.endpoint.is_none() && DataDir::locate(local)?.cluster().is_err() {
        tracing::warn!("no cluster: give --endpoint, or a data directory that a server has used");
        None
    } else {
        Some(connect::config(&args.connect)?)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| because("cannot start threads", error))?;
    let interrupted = async {
        // Without a handler for the signal, the signal itself ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let result = runtime.block_on(::mcp::run(args.options, config, interrupted));
    // A read of the standard input cannot be given up.
    runtime.shutdown_background();
    result.map_err(|error| because("cannot serve", error))
}

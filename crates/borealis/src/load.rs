//! `borealis load`: a file into a table.

use crate::args::LoadArgs;
use crate::connect;
use crate::failure::{Result, because, because_of};

/// Loads, and says what was loaded.
pub(crate) fn load(args: LoadArgs) -> Result<()> {
    let config = connect::config(&args.connect)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| because("cannot start threads", error))?;
    let (summary, result) = runtime.block_on(loader::run(args.options, config));
    // Also after a failure: what was loaded until then is loaded.
    if result.is_ok() || summary.loaded + summary.skipped + summary.refused > 0 {
        eprintln!("{summary}");
    }
    result.map_err(|error| because("the load ended early", error))?;
    if summary.refused > 0 {
        return Err(because_of(format!("{} rows were refused", summary.refused)));
    }
    Ok(())
}

//! `borealis psql`: psql in the environment that `borealis env` prints.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::args::PsqlArgs;
use crate::data_dir::DataDir;
use crate::env;
use crate::failure::{Result, because};

/// Long enough to reconnect after a while of thinking.
const EXPIRES_S: u32 = 24 * 60 * 60;

/// Becomes psql; returns only if that fails.
pub(crate) fn psql(args: &PsqlArgs) -> Result<()> {
    let dir = DataDir::locate(&args.data_dir)?;
    let variables = env::variables(&dir, &args.user, EXPIRES_S)?;
    let error = Command::new("psql").args(&args.arguments).envs(variables).exec();
    Err(because("cannot run psql", error))
}

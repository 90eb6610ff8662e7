//! Why a load ended early.

use std::path::PathBuf;

/// The result of whatever the loader does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a load did not begin, or ended before the end of its file. What was loaded until then is in the
/// summary that comes with it, and in the manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options contradict each other, or the file.
    #[error("{0}")]
    Options(String),
    /// A file cannot be read or written.
    #[error("cannot {what} {}", .path.display())]
    File {
        /// To read, or to write.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not of its format.
    #[error("{} is no {format} file that can be read: {reason}", .path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What it should be.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// More rows were refused than allowed.
    #[error("{count} rows were refused, which is more than --rejects-max allows: see {}", .path.display())]
    TooManyRejects {
        /// How many.
        count: u64,
        /// Where they are.
        path: PathBuf,
    },
    /// The server could not be reached, or refused something that no other row would change.
    #[error(transparent)]
    Database(#[from] connector::Error),
}

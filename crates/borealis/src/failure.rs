//! What the user reads when something cannot be done.

use std::error::Error;
use std::fmt;

/// `Result` with a [`Failure`].
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A sentence, with its causes behind it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A failure without a deeper cause.
pub(crate) fn because_of(what: impl Into<String>) -> Failure {
    Failure(what.into())
}

/// A failure and its cause, with the causes of that.
pub(crate) fn because(what: impl fmt::Display, cause: impl Error) -> Failure {
    let mut text = format!("{what}: {cause}");
    let mut source = cause.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    Failure(text)
}

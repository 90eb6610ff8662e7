//! How values are read and printed in a session.

/// Input and output formats of one session.
#[derive(Clone, Debug, Default)]
pub struct FormatSettings {}

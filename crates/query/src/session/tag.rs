//! Command tags: what CommandComplete says was done.

use std::borrow::Cow;
use std::fmt;

/// What a statement did, such as `CREATE TABLE`, and to how many rows if its kind counts them:
/// `SELECT 3`, `INSERT 0 3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandTag {
    name: Cow<'static, str>,
    rows: Option<u64>,
}

impl CommandTag {
    /// A tag that ends in a number of rows.
    pub(crate) fn counted(name: &'static str, rows: u64) -> CommandTag {
        CommandTag { name: Cow::Borrowed(name), rows: Some(rows) }
    }

    /// The tag without its number of rows.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of rows, if the tag has one. For INSERT it follows a 0, once an OID.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The tag with another number of rows, if it has one.
    #[must_use]
    pub fn with_rows(self, rows: u64) -> CommandTag {
        CommandTag { rows: self.rows.map(|_| rows), ..self }
    }
}

impl From<&'static str> for CommandTag {
    fn from(name: &'static str) -> CommandTag {
        CommandTag { name: Cow::Borrowed(name), rows: None }
    }
}

impl From<String> for CommandTag {
    fn from(name: String) -> CommandTag {
        CommandTag { name: Cow::Owned(name), rows: None }
    }
}

impl fmt::Display for CommandTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows {
            Some(rows) => write!(f, "{} {rows}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

//! What a server says to one statement.

use std::fmt;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Label.
    pub name: String,
    /// Type.
    pub type_oid: u32,
    /// Type modifier.
    pub typmod: i32,
}

/// An error as a client sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// SQLSTATE.
    pub code: String,
    /// Message.
    pub message: String,
    /// Detail.
    pub detail: Option<String>,
    /// Hint.
    pub hint: Option<String>,
    /// Position in the statement.
    pub position: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Columns of the result, if there is one.
    pub columns: Option<Vec<Column>>,
    /// Rows, as text.
    pub rows: Vec<Vec<Option<String>>>,
    /// Command tag; empty after a failure.
    pub tag: String,
    /// The failure.
    pub failure: Option<Failure>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR {}: {}", self.code, self.message)?;
        for (name, field) in
            [("DETAIL", &self.detail), ("HINT", &self.hint), ("POSITION", &self.position)]
        {
            if let Some(field) = field {
                write!(f, "\n    {name}: {field}")?;
            }
        }
        Ok(())
    }
}

/// Rows shown of an answer.
const ROWS_SHOWN: usize = 12;

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(failure) = &self.failure {
            return write!(f, "{failure}");
        }
        if let Some(columns) = &self.columns {
            let columns: Vec<String> = columns
                .iter()
                .map(|column| match column.typmod {
                    -1 => format!("{}:{}", column.name, column.type_oid),
                    typmod => format!("{}:{}({typmod})", column.name, column.type_oid),
                })
                .collect();
            writeln!(f, "{}", columns.join(" | "))?;
        }
        for row in self.rows.iter().take(ROWS_SHOWN) {
            let row: Vec<&str> = row.iter().map(|v| v.as_deref().unwrap_or("∅")).collect();
            writeln!(f, "    {}", row.join(" | "))?;
        }
        if self.rows.len() > ROWS_SHOWN {
            writeln!(f, "    … {} rows", self.rows.len())?;
        }
        write!(f, "    {}", self.tag)
    }
}

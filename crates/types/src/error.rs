//! The one error type that a client can see.

use std::fmt;

use crate::SqlState;

/// `Result` with a [`SqlError`].
pub type Result<T, E = SqlError> = std::result::Result<T, E>;

/// How bad it is; `ERROR` keeps the session, `FATAL` ends it, the others are notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are PostgreSQL's")]
pub enum Severity {
    Error,
    Fatal,
    Panic,
    Warning,
    Notice,
    Info,
}

impl Severity {
    /// The word that goes into the `S` and `V` fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
            Severity::Panic => "PANIC",
            Severity::Warning => "WARNING",
            Severity::Notice => "NOTICE",
            Severity::Info => "INFO",
        }
    }
}

/// An error or notice as PostgreSQL reports it; one word wide.
///
/// Build it at the origin: `SqlError::new(UNDEFINED_TABLE, format!(…)).at(position)`.
#[derive(Clone)]
pub struct SqlError(Box<Fields>);

/// The fields of an error report; absent ones are not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Severity.
    pub severity: Severity,
    /// SQLSTATE.
    pub code: SqlState,
    /// Primary message.
    pub message: String,
    /// One or more sentences of detail.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// 1-based character (not byte) offset into the statement's text.
    pub position: Option<usize>,
    /// 1-based character offset into [`Fields::internal_query`].
    pub internal_position: Option<usize>,
    /// A text that is not the client's, which failed: the body of a function.
    pub internal_query: Option<String>,
    /// Call context, as functions in SQL or `COPY` give it: a line for each call, innermost first.
    pub context: Option<String>,
    /// Schema of the object concerned.
    pub schema: Option<String>,
    /// Table concerned.
    pub table: Option<String>,
    /// Column concerned.
    pub column: Option<String>,
    /// Data type concerned.
    pub data_type: Option<String>,
    /// Constraint concerned.
    pub constraint: Option<String>,
    /// PostgreSQL's C function that raises it, where clients tell errors apart by that.
    pub routine: Option<&'static str>,
}

impl SqlError {
    /// An `ERROR` with a message.
    pub fn new(code: SqlState, message: impl Into<String>) -> SqlError {
        SqlError(Box::new(Fields {
            severity: Severity::Error,
            code,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            internal_position: None,
            internal_query: None,
            context: None,
            schema: None,
            table: None,
            column: None,
            data_type: None,
            constraint: None,
            routine: None,
        }))
    }

    /// `0A000` with a message: DSQL's usual refusal.
    pub fn unsupported(message: impl Into<String>) -> SqlError {
        SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message)
    }

    /// `XX000`: an invariant of ours is broken; says which.
    pub fn internal(message: impl Into<String>) -> SqlError {
        SqlError::new(SqlState::INTERNAL_ERROR, message)
    }

    /// The fields.
    pub fn fields(&self) -> &Fields {
        &self.0
    }

    /// The SQLSTATE.
    pub fn code(&self) -> SqlState {
        self.0.code
    }

    /// The primary message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// With another severity.
    pub fn severity(mut self, severity: Severity) -> SqlError {
        self.0.severity = severity;
        self
    }

    /// With a detail.
    pub fn detail(mut self, detail: impl Into<String>) -> SqlError {
        self.0.detail = Some(detail.into());
        self
    }

    /// With a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> SqlError {
        self.0.hint = Some(hint.into());
        self
    }

    /// With a 1-based character position, unless one is set already; 0 is none.
    pub fn at(mut self, position: usize) -> SqlError {
        if position > 0 {
            self.0.position.get_or_insert(position);
        }
        self
    }

    /// Without a position, because the text that it was in is not the client's.
    #[must_use]
    pub fn without_position(mut self) -> SqlError {
        self.0.position = None;
        self
    }

    /// With its position in `text`, which is not the client's, if it has a position.
    #[must_use]
    pub fn within_text(mut self, text: &str) -> SqlError {
        if let Some(position) = self.0.position.take() {
            self.0.internal_position = Some(position);
            self.0.internal_query = Some(text.to_owned());
        }
        self
    }

    /// With one more line of context, of what the error happened within.
    #[must_use]
    pub fn within(mut self, line: &str) -> SqlError {
        match &mut self.0.context {
            Some(context) => {
                context.push('\n');
                context.push_str(line);
            }
            None => self.0.context = Some(line.to_owned()),
        }
        self
    }

    /// With a context line.
    pub fn context(mut self, context: impl Into<String>) -> SqlError {
        self.0.context = Some(context.into());
        self
    }

    /// With the table concerned.
    pub fn table(mut self, schema: impl Into<String>, table: impl Into<String>) -> SqlError {
        self.0.schema = Some(schema.into());
        self.0.table = Some(table.into());
        self
    }

    /// With the column concerned.
    pub fn column(mut self, column: impl Into<String>) -> SqlError {
        self.0.column = Some(column.into());
        self
    }

    /// With the data type concerned.
    pub fn data_type(mut self, schema: impl Into<String>, name: impl Into<String>) -> SqlError {
        self.0.schema = Some(schema.into());
        self.0.data_type = Some(name.into());
        self
    }

    /// With the constraint concerned.
    pub fn constraint(mut self, constraint: impl Into<String>) -> SqlError {
        self.0.constraint = Some(constraint.into());
        self
    }

    /// With the name of PostgreSQL's C function.
    pub fn routine(mut self, routine: &'static str) -> SqlError {
        self.0.routine = Some(routine);
        self
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.0.severity.as_str(), self.0.message, self.0.code)
    }
}

impl fmt::Debug for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SqlError {}

//! From SQL text to PostgreSQL's parse trees, by PostgreSQL 16's own grammar.
//!
//!     text ─► depth guard ─► DSQL's words set aside ─► libpg_query ─► protobuf ─► statements
//!
//! `CREATE INDEX ASYNC` and `ALTER TABLE ASYNC` are the PostgreSQL statements with one word more:
//! the word is blanked out, so that positions stay right, and remembered. `AWS IAM GRANT` and
//! `AWS IAM REVOKE` are statements of their own.
//!
//! Must not know: the catalog, types, execution.

use std::ops::Range;
use std::sync::Arc;

mod depth;
mod dsql;
mod ffi;

pub use pg_query::{Node, NodeEnum, protobuf};
use types::{Result, SqlError, SqlState};

/// One statement of a query string.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// The whole query string: parse locations are byte offsets into it.
    pub source: Arc<str>,
    /// The statement's own part of it, without surrounding white space and semicolons.
    pub range: Range<usize>,
}

impl Statement {
    /// The statement's own text.
    pub fn text(&self) -> &str {
        self.source.get(self.range.clone()).unwrap_or_default()
    }
}

/// A parsed statement.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// A PostgreSQL statement.
    Postgres {
        /// The raw parse tree.
        node: Box<NodeEnum>,
        /// `ASYNC` stood after `INDEX` or `TABLE`.
        asynchronous: bool,
    },
    /// `AWS IAM GRANT role TO 'arn'` or `AWS IAM REVOKE role FROM 'arn'`.
    IamGrant {
        /// Database role.
        role: String,
        /// ARN.
        arn: String,
        /// `REVOKE`.
        revoke: bool,
    },
}

/// Parses a query string into its statements; white space and comments alone give none.
///
/// # Errors
/// `42601` with the position that PostgreSQL reports, `54001` for too deep nesting.
pub fn parse(sql: &str) -> Result<Vec<Statement>> {
    if sql.contains('\0') {
        return Err(SqlError::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            "invalid byte sequence for encoding \"UTF8\": 0x00",
        ));
    }
    depth::check(sql)?;
    if dsql::may_contain(sql) {
        return dsql::parse(sql);
    }
    parse_postgres(sql, Arc::from(sql), &[])
}

/// Parses PostgreSQL statements; those that hold a byte offset of `asynchronous` are marked.
/// `sql` is `source`, perhaps with words blanked out.
fn parse_postgres(sql: &str, source: Arc<str>, asynchronous: &[usize]) -> Result<Vec<Statement>> {
    let tree = ffi::parse(sql)?;
    let mut statements = Vec::with_capacity(tree.stmts.len());
    for raw in tree.stmts {
        let Some(node) = raw.stmt.and_then(|stmt| stmt.node) else { continue };
        let start = usize::try_from(raw.stmt_location).unwrap_or(0).min(sql.len());
        let end = match usize::try_from(raw.stmt_len).unwrap_or(0) {
            0 => sql.len(),
            len => (start + len).min(sql.len()),
        };
        let text = sql.get(start..end).unwrap_or_default();
        statements.push(Statement {
            kind: StatementKind::Postgres {
                node: Box::new(node),
                asynchronous: asynchronous.iter().any(|word| (start..end).contains(word)),
            },
            source: Arc::clone(&source),
            range: {
                let start = start + (text.len() - text.trim_start().len());
                start..start + text.trim().len()
            },
        });
    }
    Ok(statements)
}

/// Parses one expression, as stored in descriptors.
///
/// # Errors
/// As [`parse`].
pub fn parse_expression(text: &str) -> Result<Box<NodeEnum>> {
    let sql = format!("SELECT {text}");
    depth::check(&sql)?;
    let mut tree = ffi::parse(&sql)?;
    let select = tree.stmts.pop().and_then(|raw| raw.stmt).and_then(|stmt| stmt.node);
    if let Some(NodeEnum::SelectStmt(mut select)) = select
        && let Some(target) = select.target_list.pop()
        && let Some(NodeEnum::ResTarget(target)) = target.node
        && let Some(value) = target.val
        && let Some(node) = value.node
    {
        return Ok(Box::new(node));
    }
    Err(SqlError::internal("stored expression is not an expression"))
}

/// SQL text of an expression, as stored in descriptors.
///
/// # Errors
/// `XX000` if the tree cannot be printed.
pub fn deparse_expression(node: &Node) -> Result<String> {
    ffi::deparse_expression(node)
}

/// A number that statements share which differ in constants only; `None` if the text does not parse.
pub fn fingerprint(sql: &str) -> Option<u64> {
    pg_query::fingerprint(sql).ok().map(|found| found.value)
}

/// SQL text of a statement, as stored in descriptors.
///
/// # Errors
/// `XX000` if the tree cannot be printed.
pub fn deparse_statement(statement: &Node) -> Result<String> {
    ffi::deparse_statement(statement)
}

/// The byte at which the body of a CREATE FUNCTION begins: `RETURN` or `BEGIN ATOMIC`.
pub fn sql_body_start(sql: &str) -> Option<usize> {
    dsql::sql_body_start(sql)
}

/// The words of `sql` from byte `start` to the parenthesis that closes the first one there, or `None`
/// if none does.
pub fn parenthesis(sql: &str, start: usize) -> Option<Vec<&str>> {
    dsql::parenthesis(sql.get(start..)?)
}

/// The 1-based character position in `sql` of a byte offset, as error reports count.
pub fn character_position(sql: &str, byte_offset: usize) -> usize {
    let mut end = byte_offset.min(sql.len());
    while !sql.is_char_boundary(end) {
        end -= 1;
    }
    sql[..end].chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(sql: &str) -> SqlError {
        parse(sql).expect_err("an error")
    }

    #[test]
    fn parse_splits_statements() {
        let statements = parse(" select 1; ;\n-- x\nselect 'ä' ;").unwrap();
        let texts: Vec<_> = statements.iter().map(Statement::text).collect();
        assert_eq!(texts, ["select 1", "-- x\nselect 'ä'"]);
        assert_eq!(parse(" -- nothing\n;").unwrap().len(), 0);
    }

    #[test]
    fn syntax_error_has_character_position() {
        let error = error("select 'ä' frm x y");
        assert_eq!(error.message(), "syntax error at or near \"x\"");
        assert_eq!(error.fields().position, Some(16));
        assert_eq!(error.code(), SqlState::SYNTAX_ERROR);
    }

    #[test]
    fn async_word_is_set_aside() {
        let statements = parse("create unique index async i on t(a); select 1").unwrap();
        let flags: Vec<_> = statements
            .iter()
            .map(|s| matches!(s.kind, StatementKind::Postgres { asynchronous: true, .. }))
            .collect();
        assert_eq!(flags, [true, false]);
        assert_eq!(
            error("create index async i on t(a b c)").message(),
            "syntax error at or near \"c\""
        );
        assert_eq!(parse("select 1 as async").unwrap().len(), 1);
    }

    #[test]
    fn iam_grant_is_a_statement() {
        let statements =
            parse("AWS IAM GRANT \"My app\" TO 'arn:aws:iam::1:role/x'; aws iam revoke a from 'b'")
                .unwrap();
        assert_eq!(statements.len(), 2);
        let StatementKind::IamGrant { role, arn, revoke } = &statements[0].kind else { panic!() };
        assert_eq!(
            (role.as_str(), arn.as_str(), *revoke),
            ("My app", "arn:aws:iam::1:role/x", false)
        );
        assert_eq!(error("aws iam grant x from 'y'").message(), "syntax error at or near \"from\"");
        assert_eq!(error("aws iam grant").message(), "syntax error at end of input");
        assert_eq!(error("aws iam grant a to 'b' c").message(), "syntax error at or near \"c\"");
    }

    #[test]
    fn elements_of_a_schema_do_not_nest() {
        let many = |between: &str| vec!["SELECT 1"; 5_000].join(between);
        let elements = format!("CREATE SCHEMA s CREATE VIEW v AS {}", many(" CREATE VIEW v AS "));
        assert!(parse(&elements).is_ok());
        // Here the word is a label.
        for between in [" AS create UNION ", " AS /* */ create UNION "] {
            assert_eq!(error(&many(between)).code(), SqlState::STATEMENT_TOO_COMPLEX);
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("select {}1", "1+".repeat(1_000_000));
        assert_eq!(error(&deep).code(), SqlState::STATEMENT_TOO_COMPLEX);
        let deep = format!("select {}1{}", "(".repeat(1_000_000), ")".repeat(1_000_000));
        assert_eq!(error(&deep).code(), SqlState::STATEMENT_TOO_COMPLEX);
        let deep = format!("select {} 1", "not ".repeat(1_000_000));
        assert_eq!(error(&deep).code(), SqlState::STATEMENT_TOO_COMPLEX);
        let deep = format!("select 1 {}", "union select 1 ".repeat(100_000));
        assert_eq!(error(&deep).code(), SqlState::STATEMENT_TOO_COMPLEX);
        let deep = format!("select case {} end", "when true then 1 ".repeat(10_000));
        assert_eq!(parse(&deep).unwrap().len(), 1);
        let wide = format!("select 1 in ({}1)", "1,".repeat(100_000));
        assert_eq!(parse(&wide).unwrap().len(), 1);
        let chain = format!("select true {}", "and a = 1 ".repeat(400));
        assert_eq!(parse(&chain).unwrap().len(), 1);
        let deep = format!("select {}1", "1+".repeat(3_900));
        let parse_deep = move || parse(&deep).map(|statements| statements.len());
        let stack = std::thread::Builder::new().stack_size(16 << 20);
        assert_eq!(stack.spawn(parse_deep).unwrap().join().unwrap().unwrap(), 1);
        let script = "select 1+1;".repeat(20_000);
        assert_eq!(parse(&script).unwrap().len(), 20_000);
    }
}

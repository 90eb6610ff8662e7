//! What must not run: the rules of `awslabs.aurora-dsql-mcp-server`, in its order and with its texts.
//!
//! ```text
//!     text ──► words of writes? ──► patterns of injection? ──► more than one? ──► parser: what is it?
//!              only if read-only    always                    only if read-only   always
//! ```
//!
//! Patterns read the text without comments (see [`normalize`](crate::normalize)). They refuse more than
//! they must: `replace('a', 'b', 'c')` is the word REPLACE.

use std::fmt;
use std::sync::LazyLock;

use parser::protobuf::{self, VariableSetKind};
use parser::{Node, NodeEnum, StatementKind};
use regex::Regex;

use crate::normalize::{Normalized, normalize};
use crate::parameters;

/// Why a statement is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It writes, or may, and writing is not allowed.
    Write,
    /// It looks as if somebody's text had become a part of it; the pattern's name.
    Pattern(&'static str),
    /// More than one statement, so that one might end the read-only transaction.
    Bypass,
    /// What the parser found.
    Policy(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const RISK: &str = "Your query contains risky injection patterns";
        match self {
            Refusal::Write => f.write_str(
                "Your MCP server does not allow write operations. To use write operations, change the MCP \
                 configuration per README.md",
            ),
            Refusal::Pattern(label) => write!(
                f,
                "{RISK}: [{{'type': 'sql', 'label': '{label}', 'message': 'Suspicious pattern detected: \
                 {label}', 'severity': 'high'}}]"
            ),
            Refusal::Bypass => f.write_str(
                "Query contains patterns that could bypass read-only transaction controls",
            ),
            Refusal::Policy(reason) => write!(f, "{RISK}: {reason}"),
        }
    }
}

/// Checks one statement, with the number of its parameters if there is a list of them.
///
/// # Errors
/// The first rule that it breaks.
pub(crate) fn check(
    sql: &str,
    parameters: Option<usize>,
    allow_writes: bool,
) -> Result<(), Refusal> {
    let text = normalize(sql);
    if !allow_writes && writes(&text.blank) {
        return Err(Refusal::Write);
    }
    if let Some(label) = risk(sql, &text, allow_writes) {
        return Err(Refusal::Pattern(label));
    }
    if !allow_writes && STACKED.is_match(&text.bare) {
        return Err(Refusal::Bypass);
    }
    let statement = parameters::numbered(sql, parameters).map_err(Refusal::Policy)?;
    policy(&statement, &text.blank, allow_writes).map_err(Refusal::Policy)
}

/// A pattern of this file: case does not matter.
fn pattern(text: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "constants of this file, which a test compiles")]
    Regex::new(&format!("(?i){text}")).expect("a pattern")
}

/// Words that write wherever they stand.
static WRITE_WORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(INSERT|UPDATE|DELETE|REPLACE|TRUNCATE|CREATE|DROP|ALTER|RENAME|GRANT|REVOKE|LOAD DATA|LOAD XML|INSTALL PLUGIN|UNINSTALL PLUGIN|COPY|MERGE|UPSERT)\b|\b(set_config|setval|nextval)\s*\(",
    )
});

/// Words that a statement which writes, or changes the session or the transaction, begins with.
static WRITE_START: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^\s*((RESET|DISCARD|LISTEN|NOTIFY|UNLISTEN|LOCK|PREPARE|DEALLOCATE|EXECUTE|CALL|DO|VACUUM|ANALYZE|REINDEX|CLUSTER|REFRESH|COMMENT\s+ON|SECURITY\s+LABEL|IMPORT\s+FOREIGN\s+SCHEMA|LOAD|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE\s+SAVEPOINT|START\s+TRANSACTION|FLUSH|USE\s+\w+)\b|DECLARE\b[^\n]*\bCURSOR\b|SET\s+TRANSACTION\b[\s\S]*?READ\s+WRITE\b|SELECT\s.*\sINTO\s+OUTFILE\b)",
    )
});

static SET: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*SET\s+\S"));
static SET_TRANSACTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*SET\s+TRANSACTION\b"));

fn writes(blank: &str) -> bool {
    WRITE_WORD.is_match(blank)
        || WRITE_START.is_match(blank)
        || (SET.is_match(blank) && !SET_TRANSACTION.is_match(blank))
}

/// A second statement.
static STACKED: LazyLock<Regex> = LazyLock::new(|| pattern(r";\s*\S"));
static UNION: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bunion\b"));
static SELECT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bselect\b"));
static COPY_PROGRAM: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)^\s*copy\b.*\b(?:to|from)\s+program\b"));
static SENSITIVE_SETTING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\bset\b\s+(?:(?:session|local)\s+)?(row_security|session_replication_role)\b")
});
static SENSITIVE_SET_CONFIG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"\bset_config\s*\(\s*['"](row_security|session_replication_role)['"]"#)
});
static DANGEROUS_FUNCTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(pg_cancel_backend|pg_terminate_backend|pg_read_file|pg_read_binary_file|pg_ls_\w+|pg_stat_file|lo_import|lo_export|pg_reload_conf|pg_rotate_logfile|pg_(try_)?advisory_\w+|pg_notify|dblink\w*)\s*\(",
    )
});

/// In literals too: these are what a literal that was not quoted ends up as.
static INJECTIONS: LazyLock<[(Regex, &str); 8]> = LazyLock::new(|| {
    [
        (r"\bor\b\s+\d+\s*=\s*\d+", "numeric_tautology"),
        (r"\bor\b\s*'[^']+'\s*=\s*'[^']+'", "string_tautology"),
        (r";\s*\S", "stacked_query"),
        (r"\bsleep\s*\(", "sleep_time_based"),
        (r"\bpg_sleep(?:_for|_until)?\s*\(", "pg_sleep_time_based"),
        (r"\bload_file\s*\(", "load_file"),
        (r"\binto\s+outfile\b", "into_outfile"),
        (r"^\s*(begin|commit|rollback)\b[^\n]*;\s*\w+", "transaction_control_with_extra_statement"),
    ]
    .map(|(text, label)| (pattern(text), label))
});

/// The name of the first pattern that `sql` shows. Words such as DROP are no matter for it: where they
/// are forbidden, [`writes`] has seen them.
fn risk(sql: &str, text: &Normalized, allow_writes: bool) -> Option<&'static str> {
    let comment_after_quote =
        |line: &str| line.split_once('\'').is_some_and(|(_, after)| after.contains("--"));
    if COPY_PROGRAM.is_match(&text.bare) {
        return Some("copy_program");
    }
    if SENSITIVE_SETTING.is_match(&text.blank) || SENSITIVE_SET_CONFIG.is_match(&text.bare) {
        return Some("security_sensitive_guc");
    }
    if DANGEROUS_FUNCTION.is_match(&text.blank) {
        return Some("dangerous_function");
    }
    if sql.split('\n').any(comment_after_quote) {
        return Some("comment_injection");
    }
    if !allow_writes && UNION.is_match(&text.blank) && SELECT.is_match(&text.blank) {
        return Some("union_select");
    }
    INJECTIONS.iter().find(|(pattern, _)| pattern.is_match(&text.bare)).map(|(_, label)| *label)
}

/// `U&"pg\005fsleep"`: a name that no pattern can read.
static ESCAPED_NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\bU&""#));

/// What only the grammar can tell.
fn policy(sql: &str, blank: &str, allow_writes: bool) -> Result<(), String> {
    if ESCAPED_NAME.is_match(blank) {
        return Err("Names with Unicode escapes are not allowed".to_owned());
    }
    let statements = parser::parse(sql).map_err(|_| "SQL could not be parsed".to_owned())?;
    let [statement] = statements.as_slice() else {
        return Err("Exactly one SQL statement is allowed".to_owned());
    };
    match &statement.kind {
        StatementKind::Postgres { node, .. } if allow_writes => never_allowed(node),
        StatementKind::Postgres { node, .. } => never_allowed(node).and_then(|()| reads(node)),
        StatementKind::IamGrant { .. } if allow_writes => Ok(()),
        StatementKind::IamGrant { .. } => {
            Err("Statement type not allowed in read-only mode".to_owned())
        }
    }
}

/// Refuses what may not run even where writes are allowed.
fn never_allowed(statement: &NodeEnum) -> Result<(), String> {
    let reason = match statement {
        NodeEnum::TransactionStmt(_) => "Caller-supplied transaction control is not allowed",
        NodeEnum::LoadStmt(_) => "LOAD can execute a native library and is not allowed",
        NodeEnum::DoStmt(_) => "Opaque executable DO blocks are not allowed",
        NodeEnum::CreateFunctionStmt(_) => "Function and procedure definitions are not allowed",
        NodeEnum::CallStmt(_) => "Stored procedure calls are not allowed",
        NodeEnum::CopyStmt(copy) if !copy.filename.is_empty() => {
            "COPY ... TO/FROM a server-side file accesses the host filesystem"
        }
        NodeEnum::DiscardStmt(_) => "DISCARD ALL can reset security-sensitive session settings",
        NodeEnum::VariableSetStmt(set) if set.kind() == VariableSetKind::VarResetAll => {
            "RESET ALL can reset security-sensitive session settings"
        }
        NodeEnum::ExplainStmt(explain) => {
            let inner = explain.query.as_ref().and_then(|query| query.node.as_ref());
            return inner.map_or(Ok(()), never_allowed);
        }
        _ => return Ok(()),
    };
    Err(reason.to_owned())
}

/// Refuses all that is not sure to read.
fn reads(statement: &NodeEnum) -> Result<(), String> {
    let refused = |what: &str| Err(format!("Statement type not allowed in read-only mode: {what}"));
    match statement {
        NodeEnum::SelectStmt(select) if select.into_clause.is_some() => {
            Err("SELECT ... INTO creates a table and is not allowed in read-only mode".to_owned())
        }
        NodeEnum::SelectStmt(_) | NodeEnum::VariableShowStmt(_) => Ok(()),
        NodeEnum::ExplainStmt(explain) => {
            match explain.query.as_ref().and_then(|query| query.node.as_ref()) {
                Some(inner @ NodeEnum::SelectStmt(_)) => reads(inner),
                _ => refused("ExplainStmt of a statement that writes"),
            }
        }
        NodeEnum::VariableSetStmt(set) if tightens(set) => Ok(()),
        NodeEnum::VariableSetStmt(_) => {
            Err("Only read-only or isolation-only SET TRANSACTION is allowed".to_owned())
        }
        _ => refused("it is no query"),
    }
}

/// Whether it is SET TRANSACTION with READ ONLY or an isolation level, and nothing else.
fn tightens(set: &protobuf::VariableSetStmt) -> bool {
    let allowed = |option: &Node| match &option.node {
        Some(NodeEnum::DefElem(option)) => {
            option.defname == "transaction_isolation"
                || (option.defname == "transaction_read_only" && is_one(option))
        }
        _ => false,
    };
    set.kind() == VariableSetKind::VarSetMulti
        && set.name.eq_ignore_ascii_case("transaction")
        && set.args.iter().all(allowed)
}

fn is_one(option: &protobuf::DefElem) -> bool {
    let Some(NodeEnum::AConst(value)) = option.arg.as_ref().and_then(|arg| arg.node.as_ref())
    else {
        return false;
    };
    matches!(&value.val, Some(protobuf::a_const::Val::Ival(value)) if value.ival == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(sql: &str, allow_writes: bool) -> String {
        match check(sql, None, allow_writes) {
            Ok(()) => "ok".to_owned(),
            Err(Refusal::Write) => "write".to_owned(),
            Err(Refusal::Pattern(label)) => label.to_owned(),
            Err(Refusal::Bypass) => "bypass".to_owned(),
            Err(Refusal::Policy(reason)) => format!("policy: {reason}"),
        }
    }

    #[test]
    fn guard_says_what_the_official_server_says() {
        for line in include_str!("../tests/golden/guard.tsv").lines().skip(1) {
            let [read_only, writing, sql] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
                panic!("not three columns: {line}");
            };
            let sql = sql.replace("\\n", "\n");
            let found = (verdict(&sql, false), verdict(&sql, true));
            assert_eq!(found, (read_only.to_owned(), writing.to_owned()), "{sql}");
        }
    }

    #[test]
    fn guard_reads_placeholders() {
        assert_eq!(check("SELECT 1 WHERE 'a' LIKE %s", Some(1), false), Ok(()));
        let refusal = check("SELECT %s", Some(2), false).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "Your query contains risky injection patterns: Query has 1 placeholders but 2 parameters were supplied"
        );
    }

    #[test]
    fn guard_shows_patterns_as_the_official_server() {
        let refusal = check("SELECT 1; SELECT 2", None, true).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "Your query contains risky injection patterns: [{'type': 'sql', 'label': 'stacked_query', \
             'message': 'Suspicious pattern detected: stacked_query', 'severity': 'high'}]"
        );
    }
}

//! Clauses of CREATE statements.

use parser::protobuf::{
    ColumnDef, ConstrType, Constraint, CreateDomainStmt, CreateFunctionStmt, CreateRoleStmt,
    CreateSchemaStmt, CreateSeqStmt, CreateStmt, DefElem, IndexElem, IndexStmt, OnCommitAction,
    RangeVar, SortByDir, TypeName, ViewStmt, a_const,
};
use parser::{Node, NodeEnum};
use types::SqlState;

use super::{Message, Period, Rule, features};
use crate::bind::strings;

pub(super) const TABLE: &[Rule<CreateStmt>] = &[
    Rule::never("TEMPORARY or TEMP table not supported for CREATE TABLE", |stmt, _| {
        persistence(stmt.relation.as_ref()) == "t"
    }),
    Rule::never("UNLOGGED table not supported for CREATE TABLE", |stmt, _| {
        persistence(stmt.relation.as_ref()) == "u"
    }),
    Rule::never("PARTITION BY clause not supported for CREATE TABLE", |stmt, _| {
        stmt.partspec.is_some()
    }),
    Rule::never("PARTITION OF clause not supported for CREATE TABLE", |stmt, _| {
        stmt.partbound.is_some()
    }),
    Rule::never("INHERITS clause not supported for CREATE TABLE", |stmt, _| {
        !stmt.inh_relations.is_empty()
    }),
    Rule::never("OF clause not supported for CREATE TABLE", |stmt, _| stmt.of_typename.is_some()),
    Rule::never("TABLESPACE clause not supported for CREATE TABLE", |stmt, _| {
        !stmt.tablespacename.is_empty()
    }),
    Rule::never("USING clause not supported for CREATE TABLE", |stmt, _| {
        !stmt.access_method.is_empty()
    }),
    Rule::never("WITH clause not supported for CREATE TABLE", |stmt, _| !stmt.options.is_empty()),
    Rule::never("ON COMMIT clause not supported for CREATE TABLE", |stmt, _| {
        let none = [OnCommitAction::OncommitNoop as i32, OnCommitAction::Undefined as i32];
        !none.contains(&stmt.oncommit)
    }),
    Rule::never("COLLATE clause not supported", |stmt, _| {
        columns(stmt).any(|column| column.coll_clause.is_some())
    }),
    Rule::never("COMPRESSION clause not supported for CREATE TABLE", |stmt, _| {
        columns(stmt).any(|column| !column.compression.is_empty())
    }),
    Rule::until(features::STORAGE, "STORAGE clause not supported for CREATE TABLE", |stmt, _| {
        columns(stmt).any(|column| !column.storage_name.is_empty())
    }),
    Rule::until(features::JSON, "datatype json not supported", |stmt, _| {
        columns(stmt).any(|column| is_type(column, "json"))
    }),
    Rule::until(features::JSONB, "datatype jsonb not supported", |stmt, _| {
        columns(stmt).any(|column| is_type(column, "jsonb"))
    }),
    Rule::until(features::NUMERIC_KEYS, "datatype numeric is not supported in a key", |stmt, _| {
        key_columns(stmt).any(|column| is_type(column, "numeric"))
    }),
    Rule {
        refuses: |stmt, _| columns(stmt).any(|column| too_precise(&column.type_name).is_some()),
        holds: Period::until(features::NUMERIC_PRECISION),
        code: SqlState::INVALID_PARAMETER_VALUE,
        message: Message::Made(|stmt| {
            columns(stmt).find_map(|column| too_precise(&column.type_name)).unwrap_or_default()
        }),
    },
    Rule::until(features::SEQUENCES, "IDENTITY constraint not supported", |stmt, _| {
        has_constraint(stmt, ConstrType::ConstrIdentity)
    }),
    Rule::until(features::FOREIGN_KEYS, "FOREIGN KEY constraint not supported", |stmt, _| {
        has_constraint(stmt, ConstrType::ConstrForeign)
    }),
    Rule::never("EXCLUDE constraint not supported for CREATE TABLE", |stmt, _| {
        has_constraint(stmt, ConstrType::ConstrExclusion)
    }),
    Rule::never("WITH clause not supported for CREATE TABLE", |stmt, _| {
        // Those of an identity column are its sequence's.
        constraints(stmt).any(|constraint| {
            constraint.contype != ConstrType::ConstrIdentity as i32
                && !constraint.options.is_empty()
        })
    }),
];

/// In the order in which a real cluster checks: method and mode come before the keys.
pub(super) const INDEX: &[Rule<IndexStmt>] = &[
    Rule::never("CONCURRENTLY not supported for CREATE INDEX", |stmt, _| stmt.concurrent),
    Rule::never("USING not supported for CREATE INDEX", |stmt, cx| {
        // The grammar supplies "btree" where nothing is written.
        !matches!(stmt.access_method.as_str(), "btree" | "btree_index")
            || stmt.access_method == "btree" && mentions_using(cx.text)
    }),
    Rule::until(features::PARTIAL_INDEXES, "WHERE not supported for CREATE INDEX", |stmt, _| {
        stmt.where_clause.is_some()
    }),
    Rule::never("unsupported mode. please use CREATE INDEX ASYNC.", |_, cx| {
        !cx.asynchronous && (cx.sync_index_disabled)()
    }),
    Rule::never("WITH not supported for CREATE INDEX", |stmt, _| !stmt.options.is_empty()),
    Rule::never("TABLESPACE not supported for CREATE INDEX", |stmt, _| {
        !stmt.table_space.is_empty()
    }),
    Rule::never("specifying sort order not supported for index keys", |stmt, _| {
        let default = [SortByDir::SortbyDefault as i32, SortByDir::Undefined as i32];
        elements_of(stmt).any(|key| !default.contains(&key.ordering))
    }),
    Rule::never("opclass not supported for index keys", |stmt, _| {
        elements_of(stmt).any(|key| !key.opclass.is_empty() || !key.opclassopts.is_empty())
    }),
    Rule::never("COLLATE clause not supported", |stmt, _| {
        elements_of(stmt).any(|key| !key.collation.is_empty())
    }),
    Rule::until(
        features::EXPRESSION_INDEXES,
        "expressions are not supported in index keys",
        |stmt, _| keys(&stmt.index_params).any(|key| key.expr.is_some()),
    ),
    Rule::never("expressions are not supported in included columns", |stmt, _| {
        keys(&stmt.index_including_params).any(|key| key.expr.is_some())
    }),
];

pub(super) const VIEW: &[Rule<ViewStmt>] =
    &[Rule::never("TEMPORARY or TEMP view not supported for CREATE VIEW", |stmt, _| {
        persistence(stmt.view.as_ref()) == "t"
    })];

pub(super) const SEQUENCE: &[Rule<CreateSeqStmt>] =
    &[Rule::never("TEMPORARY or TEMP sequence not supported for CREATE SEQUENCE", |stmt, _| {
        persistence(stmt.sequence.as_ref()) == "t"
    })];

pub(super) const DOMAIN: &[Rule<CreateDomainStmt>] = &[
    Rule::never("COLLATE clause not supported", |stmt, _| stmt.coll_clause.is_some()),
    Rule {
        refuses: |stmt, _| too_precise(&stmt.type_name).is_some(),
        holds: Period::until(features::NUMERIC_PRECISION),
        code: SqlState::INVALID_PARAMETER_VALUE,
        message: Message::Made(|stmt| too_precise(&stmt.type_name).unwrap_or_default()),
    },
];

/// As [`TABLE`] has it, for a column that is added.
pub(super) const COLUMN_PRECISION: Rule<ColumnDef> = Rule {
    refuses: |column, _| too_precise(&column.type_name).is_some(),
    holds: Period::until(features::NUMERIC_PRECISION),
    code: SqlState::INVALID_PARAMETER_VALUE,
    message: Message::Made(|column| too_precise(&column.type_name).unwrap_or_default()),
};

/// Most digits of a `numeric` column, and of its part behind the point, before 1,000 were allowed.
const NUMERIC_DIGITS: (i32, i32) = (38, 37);

/// What is wrong with a `numeric` of more digits than columns could once have; it follows
/// PostgreSQL's texts.
fn too_precise(ty: &Option<TypeName>) -> Option<String> {
    let ty = ty.as_ref()?;
    if !matches!(strings(&ty.names).as_slice(), ["numeric"] | ["pg_catalog", "numeric"]) {
        return None;
    }
    let number = |node: &Node| match &node.node {
        Some(NodeEnum::AConst(constant)) => match &constant.val {
            Some(a_const::Val::Ival(value)) => Some(value.ival),
            _ => None,
        },
        _ => None,
    };
    let (digits, places) = NUMERIC_DIGITS;
    let mut modifiers = ty.typmods.iter().map(number);
    match (modifiers.next().flatten()?, modifiers.next().flatten()) {
        (precision, _) if precision > digits => {
            Some(format!("NUMERIC precision {precision} must be between 1 and {digits}"))
        }
        (_, Some(scale)) if !(0..=places).contains(&scale) => {
            Some(format!("NUMERIC scale {scale} must be between 0 and {places}"))
        }
        _ => None,
    }
}

pub(super) const SCHEMA: &[Rule<CreateSchemaStmt>] = &[Rule::until(
    features::APRIL_STATEMENTS,
    "CREATE SCHEMA with elements not supported",
    |stmt, _| {
        let newer = |element: &Node| {
            let node = element.node.as_ref();
            matches!(node, Some(NodeEnum::CreateSeqStmt(_) | NodeEnum::GrantStmt(_)))
        };
        stmt.schema_elts.iter().any(newer)
    },
)];

pub(super) const FUNCTION: &[Rule<CreateFunctionStmt>] = &[
    Rule::never("PROCEDURE is not supported", |stmt, _| stmt.is_procedure),
    Rule {
        refuses: |stmt, _| language(stmt).is_some_and(|language| language != "sql"),
        holds: Period::ALWAYS,
        code: SqlState::FEATURE_NOT_SUPPORTED,
        message: Message::Made(|stmt| {
            let language = language(stmt).unwrap_or_default();
            format!("CREATE FUNCTION with language {language} not supported")
        }),
    },
    Rule {
        refuses: |stmt, _| language(stmt).is_none() && stmt.sql_body.is_none(),
        holds: Period::ALWAYS,
        code: SqlState::INVALID_FUNCTION_DEFINITION,
        message: Message::Text("no language specified"),
    },
    Rule {
        refuses: |stmt, _| option(&stmt.options, "leakproof").is_some_and(is_true),
        holds: Period::ALWAYS,
        code: SqlState::INSUFFICIENT_PRIVILEGE,
        message: Message::Text("only superuser can define a leakproof function"),
    },
];

pub(super) const ROLE: &[Rule<CreateRoleStmt>] = &[Rule {
    refuses: |stmt, _| refused_role_option(&stmt.options).is_some(),
    holds: Period::ALWAYS,
    code: SqlState::FEATURE_NOT_SUPPORTED,
    message: Message::Made(|stmt| {
        let option = refused_role_option(&stmt.options).unwrap_or_default();
        format!("{option} not supported for CREATE ROLE")
    }),
}];

/// The first option that no role of DSQL has: there are no passwords and no superusers.
pub(super) fn refused_role_option(options: &[Node]) -> Option<&'static str> {
    elements(options).find_map(|option| {
        Some(match option.defname.as_str() {
            "password" => "PASSWORD",
            "validUntil" => "VALID UNTIL",
            "connectionlimit" => "CONNECTION LIMIT",
            "sysid" => "SYSID",
            // Saying what holds anyway changes nothing.
            _ if !is_true(option) => return None,
            "superuser" => "SUPERUSER",
            "createdb" => "CREATEDB",
            "createrole" => "CREATEROLE",
            "isreplication" => "REPLICATION",
            "bypassrls" => "BYPASSRLS",
            _ => return None,
        })
    })
}

fn persistence(relation: Option<&RangeVar>) -> &str {
    relation.map_or("", |relation| &relation.relpersistence)
}

fn columns(stmt: &CreateStmt) -> impl Iterator<Item = &ColumnDef> {
    stmt.table_elts.iter().filter_map(|element| match &element.node {
        Some(NodeEnum::ColumnDef(column)) => Some(column.as_ref()),
        _ => None,
    })
}

/// All constraints, of columns and of the table.
fn constraints(stmt: &CreateStmt) -> impl Iterator<Item = &Constraint> {
    let of_columns = columns(stmt).flat_map(|column| &column.constraints);
    of_columns.chain(&stmt.table_elts).chain(&stmt.constraints).filter_map(|node| {
        match &node.node {
            Some(NodeEnum::Constraint(constraint)) => Some(constraint.as_ref()),
            _ => None,
        }
    })
}

/// The tablespaces that indexes of constraints are to stand in, the primary key's first.
pub(crate) fn index_tablespaces(stmt: &CreateStmt) -> Vec<&str> {
    let mut named: Vec<_> = constraints(stmt).filter(|c| !c.indexspace.is_empty()).collect();
    named.sort_by_key(|constraint| constraint.contype != ConstrType::ConstrPrimary as i32);
    named.into_iter().map(|constraint| constraint.indexspace.as_str()).collect()
}

fn has_constraint(stmt: &CreateStmt, kind: ConstrType) -> bool {
    constraints(stmt).any(|constraint| constraint.contype == kind as i32)
}

/// The columns of primary keys and unique constraints.
fn key_columns(stmt: &CreateStmt) -> impl Iterator<Item = &ColumnDef> {
    let is_key = |constraint: &Constraint| {
        [ConstrType::ConstrPrimary as i32, ConstrType::ConstrUnique as i32]
            .contains(&constraint.contype)
    };
    columns(stmt).filter(move |column| {
        let own = column.constraints.iter().any(|node| {
            matches!(&node.node, Some(NodeEnum::Constraint(constraint)) if is_key(constraint))
        });
        let named =
            |constraint: &Constraint| strings(&constraint.keys).contains(&column.colname.as_str());
        own || constraints(stmt).any(|constraint| is_key(constraint) && named(constraint))
    })
}

/// Whether a column's type is written as a built-in one.
pub(super) fn is_type(column: &ColumnDef, name: &str) -> bool {
    let Some(written) = &column.type_name else { return false };
    match strings(&written.names).as_slice() {
        [written] | ["pg_catalog", written] => *written == name,
        _ => false,
    }
}

fn keys(params: &[Node]) -> impl Iterator<Item = &IndexElem> {
    params.iter().filter_map(|param| match &param.node {
        Some(NodeEnum::IndexElem(element)) => Some(element.as_ref()),
        _ => None,
    })
}

/// The keys of an index, then its included columns.
fn elements_of(stmt: &IndexStmt) -> impl Iterator<Item = &IndexElem> {
    keys(&stmt.index_params).chain(keys(&stmt.index_including_params))
}

/// Whether `USING` stands between the table's name and the list of keys.
fn mentions_using(text: &str) -> bool {
    let head = text.split('(').next().unwrap_or_default();
    head.split_whitespace().any(|word| word.eq_ignore_ascii_case("using"))
}

fn elements(options: &[Node]) -> impl Iterator<Item = &DefElem> {
    options.iter().filter_map(|option| match &option.node {
        Some(NodeEnum::DefElem(option)) => Some(option.as_ref()),
        _ => None,
    })
}

fn option<'a>(options: &'a [Node], name: &str) -> Option<&'a DefElem> {
    elements(options).find(|option| option.defname == name)
}

/// An option's value; without one it is true.
fn is_true(option: &DefElem) -> bool {
    match option.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
        Some(NodeEnum::Boolean(value)) => value.boolval,
        Some(NodeEnum::Integer(value)) => value.ival != 0,
        _ => true,
    }
}

fn language(stmt: &CreateFunctionStmt) -> Option<&str> {
    match option(&stmt.options, "language")?.arg.as_ref()?.node.as_ref()? {
        NodeEnum::String(name) => Some(&name.sval),
        _ => None,
    }
}

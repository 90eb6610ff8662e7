//! CREATE TABLE: parse trees into requests.

use std::sync::Arc;

use catalog::ddl::{self, ColumnDef, Constraint, CreateTable, LikeIndex, LikeStatistics};
use catalog::objects::{ColumnDefault, PUBLIC};
use catalog::{Column, Table};
use parser::protobuf::{self, ConstrType};
use parser::{Node, NodeEnum, Statement};
use types::{Oid, Result, SqlError, SqlState};

use super::ddl::{change, range_name};
use super::{Outcome, constraint, like, sequence};
use crate::bind::{Binder, Recorder, required, strings};
use crate::expr::{Expr, ExprKind};
use crate::rules::index_tablespaces;
use crate::session::Session;
use crate::system::check_tablespace;

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::CreateStmt,
    statement: &Statement,
) -> Result<Outcome> {
    session.begin_statement().await?;
    let request = bind(session, stmt, statement)?;
    change(session, "CREATE TABLE", |cx| create_bound(cx, stmt, &request)).await?;
    Ok(Outcome::Done("CREATE TABLE".into()))
}

/// Makes the table that [`bind`] read from `stmt`.
pub(super) fn create_bound(
    cx: ddl::Cx<'_>,
    stmt: &protobuf::CreateStmt,
    request: &CreateTable,
) -> Result<ddl::Outcome> {
    let outcome = ddl::create_table(cx, request)?;
    // PostgreSQL looks tablespaces up last, as it makes the indexes.
    if outcome.created.is_some() {
        index_tablespaces(stmt).into_iter().try_for_each(check_tablespace)?;
    }
    Ok(outcome)
}

/// The request that a CREATE TABLE makes.
pub(super) fn bind(
    session: &Session,
    stmt: &protobuf::CreateStmt,
    statement: &Statement,
) -> Result<CreateTable> {
    let protobuf::CreateStmt {
        relation,
        table_elts,
        constraints,
        if_not_exists,
        // Refused by the rules.
        inh_relations: _,
        partbound: _,
        partspec: _,
        of_typename: _,
        options: _,
        oncommit: _,
        tablespacename: _,
        access_method: _,
    } = stmt;
    let range = required(relation.as_ref())?;
    let name = range_name(session, relation.as_ref())?;
    let schema = range.schemaname.as_str();
    if !schema.is_empty() && session.cx.catalog.schema(schema).is_none() {
        let message = format!("schema \"{schema}\" does not exist");
        let error = SqlError::new(SqlState::INVALID_SCHEMA_NAME, message);
        return Err(at(error, range.location, statement));
    }
    let mut builder = TableBuilder::new(session, statement, &range.relname);
    for element in table_elts {
        builder.declare(element)?;
    }
    for element in table_elts.iter().chain(constraints) {
        builder.element(element)?;
    }
    let TableBuilder { columns, constraints, like_indexes, like_statistics, .. } = builder;
    Ok(CreateTable {
        name,
        if_not_exists: *if_not_exists,
        columns,
        constraints,
        like_indexes,
        like_statistics,
    })
}

/// The constraints of a column and where they stand.
fn kinds(column: &protobuf::ColumnDef) -> impl Iterator<Item = (ConstrType, i32)> {
    column.constraints.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::Constraint(constraint)) => {
            Some((ConstrType::from_i32(constraint.contype)?, constraint.location))
        }
        _ => None,
    })
}

/// An error at a parse location of a statement.
fn at(error: SqlError, location: i32, statement: &Statement) -> SqlError {
    match usize::try_from(location) {
        Ok(byte) => error.at(parser::character_position(&statement.source, byte)),
        Err(_) => error,
    }
}

/// Gathers the columns and constraints of a new table.
struct TableBuilder<'a> {
    session: &'a Session,
    statement: &'a Statement,
    name: &'a str,
    /// The table as far as it is known, to bind expressions over.
    shape: Arc<Table>,
    /// Positions of those of its columns that are generated.
    generated: Vec<usize>,
    columns: Vec<ColumnDef>,
    constraints: Vec<Constraint>,
    like_indexes: Vec<LikeIndex>,
    like_statistics: Vec<LikeStatistics>,
}

impl<'a> TableBuilder<'a> {
    fn new(session: &'a Session, statement: &'a Statement, name: &'a str) -> TableBuilder<'a> {
        let shape = Arc::new(Table { name: name.to_owned(), schema: PUBLIC, ..Table::default() });
        TableBuilder {
            session,
            statement,
            name,
            shape,
            generated: Vec::new(),
            columns: Vec::new(),
            constraints: Vec::new(),
            like_indexes: Vec::new(),
            like_statistics: Vec::new(),
        }
    }

    fn binder(&self) -> Binder<'_> {
        Binder::new(&self.session.cx, &self.statement.source, &[])
    }

    /// First round: the columns' names and types, which expressions may refer to.
    fn declare(&mut self, element: &Node) -> Result<()> {
        match &element.node {
            Some(NodeEnum::ColumnDef(column)) => {
                let (ty, typmod, _) = column_type(self.session, &self.binder(), column)?;
                if kinds(column).any(|(kind, _)| kind == ConstrType::ConstrGenerated) {
                    self.generated.push(self.shape.columns.len());
                }
                self.add_shape(&column.colname, ty, typmod);
                Ok(())
            }
            Some(NodeEnum::TableLikeClause(clause)) => {
                let like = like::expand(self.session, &self.statement.source, clause)?;
                for column in like.columns {
                    if matches!(column.default, Some(ColumnDefault::Generated(_))) {
                        self.generated.push(self.shape.columns.len());
                    }
                    self.add_shape(&column.name, column.type_oid, column.typmod);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_shape(&mut self, name: &str, type_oid: Oid, typmod: i32) {
        let (name, type_oid) = (name.to_owned(), type_oid.0);
        let column = Column { name, type_oid, typmod, ..Column::default() };
        Arc::make_mut(&mut self.shape).columns.push(column);
    }

    /// Second round: everything.
    fn element(&mut self, element: &Node) -> Result<()> {
        match &element.node {
            Some(NodeEnum::ColumnDef(column)) => self.column(column),
            Some(NodeEnum::Constraint(constraint)) => self.table_constraint(constraint),
            Some(NodeEnum::TableLikeClause(clause)) => {
                let like = like::expand(self.session, &self.statement.source, clause)?;
                self.columns.extend(like.columns);
                self.constraints.extend(like.constraints);
                self.like_indexes.extend(like.indexes);
                self.like_statistics.extend(like.statistics);
                Ok(())
            }
            _ => Err(SqlError::internal("unexpected table element")),
        }
    }

    fn column(&mut self, column: &protobuf::ColumnDef) -> Result<()> {
        let (type_oid, typmod, domain) = column_type(self.session, &self.binder(), column)?;
        let mut definition = ColumnDef {
            name: column.colname.clone(),
            type_oid,
            typmod,
            domain,
            not_null: column.is_not_null,
            default: None,
            default_names: Vec::new(),
            identity: None,
            generated_from: Vec::new(),
            storage: storage(&column.storage_name)?,
            comment: None,
        };
        self.check_combination(column)?;
        let attributes =
            constraint::Attributes::gather(&column.constraints, &self.statement.source)?;
        for (number, node) in column.constraints.iter().enumerate() {
            let Some(NodeEnum::Constraint(constraint)) = &node.node else { continue };
            let kind = ConstrType::from_i32(constraint.contype).unwrap_or(ConstrType::Undefined);
            let named = named(constraint);
            let own = vec![column.colname.clone()];
            match kind {
                ConstrType::ConstrNotnull => definition.not_null = true,
                ConstrType::ConstrDefault => {
                    let node = required(constraint.raw_expr.as_deref())?;
                    let recorder = Recorder::default();
                    let bound = self.binder().recording(&recorder).column_expression(
                        None,
                        node,
                        &column.colname,
                        type_oid,
                        typmod,
                    );
                    bound.map_err(|error| self.default_error(error, node))?;
                    definition.default_names = recorder.finish();
                    let text = default_text(node, type_oid)?;
                    definition.default = Some(ColumnDefault::Expression(text));
                }
                ConstrType::ConstrGenerated => {
                    let node = required(constraint.raw_expr.as_deref())?;
                    let recorder = Recorder::default();
                    let expr = self.binder().recording(&recorder).column_expression(
                        Some(&self.shape),
                        node,
                        &column.colname,
                        type_oid,
                        typmod,
                    )?;
                    self.check_generation(&expr)?;
                    if !is_immutable(&expr) {
                        return Err(SqlError::new(
                            SqlState::INVALID_OBJECT_DEFINITION,
                            "generation expression is not immutable",
                        ));
                    }
                    definition.default_names = recorder.finish();
                    definition.generated_from = self.names(&expr);
                    let text = parser::deparse_expression(node)?;
                    definition.default = Some(ColumnDefault::Generated(text));
                }
                ConstrType::ConstrCheck => {
                    let check = self.check(constraint, named)?;
                    self.constraints.push(check);
                }
                ConstrType::ConstrPrimary => {
                    key_clauses(constraint)?;
                    self.constraints.push(Constraint::PrimaryKey { name: named, columns: own });
                }
                ConstrType::ConstrUnique => {
                    key_clauses(constraint)?;
                    self.constraints.push(Constraint::Unique {
                        name: named,
                        columns: own,
                        include: owned(&constraint.including),
                        nulls_not_distinct: constraint.nulls_not_distinct,
                    });
                }
                ConstrType::ConstrIdentity => {
                    let identity = sequence::identity(self.session, self.statement, constraint)?;
                    definition.identity = Some(identity);
                }
                ConstrType::ConstrForeign => {
                    let mut key = constraint::foreign_key(self.session, constraint)?;
                    key.columns = own;
                    attributes.apply(number, &mut key);
                    self.constraints.push(Constraint::ForeignKey(key));
                }
                // Seen above.
                ConstrType::ConstrNull
                | ConstrType::ConstrAttrDeferrable
                | ConstrType::ConstrAttrNotDeferrable
                | ConstrType::ConstrAttrDeferred
                | ConstrType::ConstrAttrImmediate => {}
                _ => return Err(SqlError::internal("unexpected column constraint")),
            }
        }
        self.columns.push(definition);
        Ok(())
    }

    /// Refuses what a column cannot be declared at once.
    ///
    /// Source: PostgreSQL 16 `transformColumnDefinition`.
    fn check_combination(&self, column: &protobuf::ColumnDef) -> Result<()> {
        let (mut default, mut identity, mut generated) = (false, false, false);
        // Whether NULLs are allowed, once it is said.
        let mut nullable = None;
        for (kind, location) in kinds(column) {
            let refuse = |what: &str, of: &str| {
                let message =
                    format!("{what} column \"{}\" {of}table \"{}\"", column.colname, self.name);
                let error = SqlError::new(SqlState::SYNTAX_ERROR, message);
                Err(at(error, location, self.statement))
            };
            let says_null = match kind {
                ConstrType::ConstrNull => Some(true),
                ConstrType::ConstrNotnull | ConstrType::ConstrIdentity => Some(false),
                _ => None,
            };
            let seen = match kind {
                ConstrType::ConstrDefault => {
                    Some((&mut default, "multiple default values specified"))
                }
                ConstrType::ConstrIdentity => {
                    Some((&mut identity, "multiple identity specifications"))
                }
                ConstrType::ConstrGenerated => {
                    Some((&mut generated, "multiple generation clauses specified"))
                }
                _ => None,
            };
            if let Some((seen, several)) = seen
                && std::mem::replace(seen, true)
            {
                return refuse(&format!("{several} for"), "of ");
            }
            if says_null.is_some() && nullable.is_some() && says_null != nullable {
                return refuse("conflicting NULL/NOT NULL declarations for", "of ");
            }
            nullable = nullable.or(says_null);
            let both = [
                (default && identity, "default and identity"),
                (default && generated, "default and generation expression"),
                (identity && generated, "identity and generation expression"),
            ];
            if let Some((_, what)) = both.iter().find(|(both, _)| *both) {
                return refuse(&format!("both {what} specified for"), "of ");
            }
        }
        Ok(())
    }

    /// Refuses a generation expression that reads what is generated itself.
    ///
    /// Source: PostgreSQL 16 `check_nested_generated_walker`.
    fn check_generation(&self, expr: &Expr) -> Result<()> {
        let refuse = |what: String, detail: &str| {
            let message = format!("cannot use {what} in column generation expression");
            let error = SqlError::new(SqlState::INVALID_OBJECT_DEFINITION, message).detail(detail);
            Err(at(error, expr.location, self.statement))
        };
        match &expr.kind {
            ExprKind::Column(position) if self.generated.contains(position) => {
                let name = self.shape.columns.get(*position).map_or("", |column| &column.name);
                return refuse(
                    format!("generated column \"{name}\""),
                    "A generated column cannot reference another generated column.",
                );
            }
            // The fields of the table's name bear its columns' names, those of ROW do not.
            ExprKind::Row { fields }
                if fields.iter().map(|(name, _)| &**name).eq(self
                    .shape
                    .columns
                    .iter()
                    .map(|column| column.name.as_str())) =>
            {
                return refuse(
                    "whole-row variable".to_owned(),
                    "This would cause the generated column to depend on its own value.",
                );
            }
            _ => {}
        }
        let mut found = Ok(());
        expr.for_each_child(&mut |child| {
            if found.is_ok() {
                found = self.check_generation(child);
            }
        });
        found
    }

    /// A default cannot refer to columns, whatever they are called.
    fn default_error(&self, error: SqlError, node: &Node) -> SqlError {
        if error.code() == SqlState::UNDEFINED_COLUMN
            && matches!(node.node, Some(NodeEnum::ColumnRef(_)))
        {
            return SqlError::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot use column reference in DEFAULT expression",
            );
        }
        error
    }

    fn table_constraint(&mut self, constraint: &protobuf::Constraint) -> Result<()> {
        let kind = ConstrType::from_i32(constraint.contype).unwrap_or(ConstrType::Undefined);
        let name = named(constraint);
        let columns = owned(&constraint.keys);
        let bound = match kind {
            ConstrType::ConstrCheck => self.check(constraint, name)?,
            ConstrType::ConstrPrimary => {
                key_clauses(constraint)?;
                Constraint::PrimaryKey { name, columns }
            }
            ConstrType::ConstrUnique => {
                key_clauses(constraint)?;
                Constraint::Unique {
                    name,
                    columns,
                    include: owned(&constraint.including),
                    nulls_not_distinct: constraint.nulls_not_distinct,
                }
            }
            ConstrType::ConstrForeign => {
                Constraint::ForeignKey(constraint::foreign_key(self.session, constraint)?)
            }
            _ => return Err(SqlError::internal("unexpected table constraint")),
        };
        self.constraints.push(bound);
        Ok(())
    }

    fn check(&self, constraint: &protobuf::Constraint, name: Option<String>) -> Result<Constraint> {
        if constraint.deferrable || constraint.initdeferred {
            return Err(SqlError::unsupported("CHECK constraints cannot be marked DEFERRABLE"));
        }
        let node = required(constraint.raw_expr.as_deref())?;
        let recorder = Recorder::default();
        let expr = self.binder().recording(&recorder).condition(&self.shape, node)?;
        Ok(Constraint::Check {
            name,
            expression: parser::deparse_expression(node)?,
            names: recorder.finish(),
            columns: self.names(&expr),
            no_inherit: constraint.is_no_inherit,
            comment: None,
        })
    }

    /// Names of the columns that an expression reads, each once.
    fn names(&self, expr: &Expr) -> Vec<String> {
        let mut positions = Vec::new();
        read_columns(expr, &mut positions);
        positions
            .into_iter()
            .filter_map(|position| self.shape.columns.get(position))
            .map(|column| column.name.clone())
            .collect()
    }
}

pub(super) fn read_columns(expr: &Expr, positions: &mut Vec<usize>) {
    if let ExprKind::Column(position) = expr.kind
        && !positions.contains(&position)
    {
        positions.push(position);
    }
    expr.for_each_child(&mut |child| read_columns(child, positions));
}

pub(crate) fn is_immutable(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(call) if call.proc.volatility != catalog::builtin::Volatility::Immutable => {
            return false;
        }
        ExprKind::UserCall(call) if call.function.volatility != 'i' => return false,
        ExprKind::SqlValue(_) => return false,
        _ => {}
    }
    let mut immutable = true;
    expr.for_each_child(&mut |child| immutable &= is_immutable(child));
    immutable
}

/// Type and modifier of a column, refused if DSQL cannot store it; and the domain that they are
/// beneath.
pub(super) fn column_type(
    session: &Session,
    binder: &Binder<'_>,
    column: &protobuf::ColumnDef,
) -> Result<(Oid, i32, Option<u32>)> {
    let name = required(column.type_name.as_ref())?;
    if let [serial] = strings(&name.names).as_slice()
        && matches!(
            *serial,
            "serial" | "bigserial" | "smallserial" | "serial4" | "serial8" | "serial2"
        )
    {
        return Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("type \"{serial}\" does not exist"),
        ));
    }
    let ty = binder.resolve_type(name)?;
    let catalog = &session.cx.catalog;
    if catalog.domain_by_oid(ty.oid.0).is_some() {
        let (base, typmod) = catalog.base_type(ty.oid.0, -1);
        let typmod = ddl::column_typmod(Oid(base), typmod);
        return Ok((Oid(base), typmod, Some(ty.oid.0)));
    }
    if catalog.user_type(ty.oid.0).is_some() {
        return Err(SqlError::unsupported(format!(
            "datatype {} not supported",
            crate::system::format_type(catalog, ty.oid, -1)
        )));
    }
    ddl::check_column_type(ty.oid, ty.typmod)?;
    Ok((ty.oid, ddl::column_typmod(ty.oid, ty.typmod), None))
}

/// A default as it is stored: a plain literal carries its type, as PostgreSQL prints it.
pub(super) fn default_text(node: &Node, ty: Oid) -> Result<String> {
    let text = parser::deparse_expression(node)?;
    let untyped = match &node.node {
        Some(NodeEnum::AConst(constant)) => {
            constant.isnull || matches!(constant.val, Some(protobuf::a_const::Val::Sval(_)))
        }
        _ => false,
    };
    if !untyped || !ty.is_valid() {
        return Ok(text);
    }
    Ok(format!("{text}::{}", catalog::builtin::format_type(ty, None)))
}

/// `STORAGE …`.
pub(super) fn storage(name: &str) -> Result<Option<catalog::objects::Storage>> {
    use catalog::objects::Storage;
    Ok(Some(match name.to_ascii_lowercase().as_str() {
        "" | "default" => return Ok(None),
        "plain" => Storage::Plain,
        "external" => Storage::External,
        "extended" => Storage::Extended,
        "main" => Storage::Main,
        _ => {
            return Err(SqlError::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("invalid storage type \"{name}\""),
            ));
        }
    }))
}

fn key_clauses(constraint: &protobuf::Constraint) -> Result<()> {
    if constraint.deferrable || constraint.initdeferred {
        return Err(SqlError::unsupported("DEFERRABLE constraint not supported"));
    }
    Ok(())
}

pub(super) fn named(constraint: &protobuf::Constraint) -> Option<String> {
    (!constraint.conname.is_empty()).then(|| constraint.conname.clone())
}

pub(super) fn owned(nodes: &[Node]) -> Vec<String> {
    strings(nodes).into_iter().map(str::to_owned).collect()
}

/// The table that a name means, if it exists.
pub(super) fn existing(session: &Session, name: &ddl::QualifiedName) -> Option<Arc<Table>> {
    let catalog = &session.cx.catalog;
    match &name.schema {
        Some(schema) => catalog.table(catalog.schema(schema)?.oid, &name.name).cloned(),
        None => session
            .cx
            .search_path
            .iter()
            .find_map(|schema| catalog.table(*schema, &name.name))
            .cloned(),
    }
}

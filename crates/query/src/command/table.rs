//! CREATE TABLE, CREATE INDEX, ALTER TABLE, RENAME: parse trees into requests.

use std::sync::Arc;

use catalog::ddl::{
    self, Action, AlterTable, ColumnDef, Constraint, CreateTable, LikeIndex, RelationKind,
};
use catalog::objects::{ColumnDefault, PUBLIC, Sql};
use catalog::{Column, Table};
use parser::protobuf::{self, AlterTableType, ConstrType, DropBehavior, ObjectType};
use parser::{Node, NodeEnum, Statement};
use types::{Oid, Result, SqlError, SqlState};

use super::ddl::{change, range_name};
use super::{Outcome, constraint, like, sequence};
use crate::bind::{Binder, Recorder, required, strings, unsupported};
use crate::expr::{Expr, ExprKind};
use crate::session::Session;

pub(super) async fn create(
    session: &mut Session,
    stmt: &protobuf::CreateStmt,
    statement: &Statement,
) -> Result<Outcome> {
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
    session.begin_statement().await?;
    let request = {
        let mut builder = TableBuilder::new(session, statement, &range.relname);
        for element in table_elts {
            builder.declare(element)?;
        }
        for element in table_elts.iter().chain(constraints) {
            builder.element(element)?;
        }
        let TableBuilder { columns, constraints, like_indexes, .. } = builder;
        CreateTable { name, if_not_exists: *if_not_exists, columns, constraints, like_indexes }
    };
    change(session, "CREATE TABLE", |cx| ddl::create_table(cx, &request)).await?;
    Ok(Outcome::Done("CREATE TABLE".into()))
}

fn refused(what: &str) -> SqlError {
    SqlError::unsupported(format!("{what} not supported for CREATE TABLE"))
}

/// Gathers the columns and constraints of a new table.
struct TableBuilder<'a> {
    session: &'a Session,
    statement: &'a Statement,
    name: &'a str,
    /// The table as far as it is known, to bind expressions over.
    shape: Arc<Table>,
    columns: Vec<ColumnDef>,
    constraints: Vec<Constraint>,
    like_indexes: Vec<LikeIndex>,
}

impl<'a> TableBuilder<'a> {
    fn new(session: &'a Session, statement: &'a Statement, name: &'a str) -> TableBuilder<'a> {
        let shape = Arc::new(Table { name: name.to_owned(), schema: PUBLIC, ..Table::default() });
        TableBuilder {
            session,
            statement,
            name,
            shape,
            columns: Vec::new(),
            constraints: Vec::new(),
            like_indexes: Vec::new(),
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
                self.add_shape(&column.colname, ty, typmod);
                Ok(())
            }
            Some(NodeEnum::TableLikeClause(clause)) => {
                let like = like::expand(self.session, &self.statement.source, clause)?;
                for column in like.columns {
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
        if column.coll_clause.is_some() {
            return Err(SqlError::unsupported("COLLATE clause not supported"));
        }
        if !column.compression.is_empty() {
            return Err(refused("COMPRESSION clause"));
        }
        let mut nullable = false;
        let attributes =
            constraint::Attributes::gather(&column.constraints, &self.statement.source)?;
        for (number, node) in column.constraints.iter().enumerate() {
            let Some(NodeEnum::Constraint(constraint)) = &node.node else { continue };
            let kind = ConstrType::from_i32(constraint.contype).unwrap_or(ConstrType::Undefined);
            let named = named(constraint);
            let own = vec![column.colname.clone()];
            match kind {
                ConstrType::ConstrNull => nullable = true,
                ConstrType::ConstrNotnull => definition.not_null = true,
                ConstrType::ConstrDefault => {
                    if definition.identity.is_some() {
                        return Err(self.both("default and identity", &column.colname));
                    }
                    if definition.default.is_some() {
                        return Err(self.several_defaults(&column.colname));
                    }
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
                    if definition.default.is_some() {
                        let both = "default and generation expression";
                        return Err(self.both(both, &column.colname));
                    }
                    if definition.identity.is_some() {
                        let both = "identity and generation expression";
                        return Err(self.both(both, &column.colname));
                    }
                    let node = required(constraint.raw_expr.as_deref())?;
                    let recorder = Recorder::default();
                    let expr = self.binder().recording(&recorder).column_expression(
                        Some(&self.shape),
                        node,
                        &column.colname,
                        type_oid,
                        typmod,
                    )?;
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
                    if definition.identity.is_some() {
                        return Err(SqlError::new(
                            SqlState::SYNTAX_ERROR,
                            format!(
                                "multiple identity specifications for column \"{}\" of table \"{}\"",
                                column.colname, self.name
                            ),
                        ));
                    }
                    match &definition.default {
                        Some(ColumnDefault::Expression(_)) => {
                            return Err(self.both("default and identity", &column.colname));
                        }
                        Some(ColumnDefault::Generated(_)) => {
                            let both = "identity and generation expression";
                            return Err(self.both(both, &column.colname));
                        }
                        None => {}
                    }
                    let identity = sequence::identity(self.session, self.statement, constraint)?;
                    definition.identity = Some(identity);
                }
                ConstrType::ConstrForeign => {
                    let mut key = constraint::foreign_key(self.session, constraint)?;
                    key.columns = own;
                    attributes.apply(number, &mut key);
                    self.constraints.push(Constraint::ForeignKey(key));
                }
                ConstrType::ConstrAttrDeferrable
                | ConstrType::ConstrAttrNotDeferrable
                | ConstrType::ConstrAttrDeferred
                | ConstrType::ConstrAttrImmediate => {}
                _ => return Err(SqlError::internal("unexpected column constraint")),
            }
        }
        if nullable && (definition.not_null || definition.identity.is_some()) {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                format!(
                    "conflicting NULL/NOT NULL declarations for column \"{}\" of table \"{}\"",
                    column.colname, self.name
                ),
            ));
        }
        self.columns.push(definition);
        Ok(())
    }

    /// `both … specified for column "c" of table "t"`.
    fn both(&self, what: &str, column: &str) -> SqlError {
        SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!("both {what} specified for column \"{column}\" of table \"{}\"", self.name),
        )
    }

    fn several_defaults(&self, column: &str) -> SqlError {
        SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!(
                "multiple default values specified for column \"{column}\" of table \"{}\"",
                self.name
            ),
        )
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
            ConstrType::ConstrExclusion => return Err(refused("EXCLUDE constraint")),
            _ => return Err(SqlError::internal("unexpected table constraint")),
        };
        self.constraints.push(bound);
        Ok(())
    }

    fn check(&self, constraint: &protobuf::Constraint, name: Option<String>) -> Result<Constraint> {
        if constraint.deferrable || constraint.initdeferred {
            return Err(SqlError::unsupported("CHECK constraints cannot be marked DEFERRABLE"));
        }
        if constraint.is_no_inherit {
            return Err(refused("NO INHERIT clause"));
        }
        let node = required(constraint.raw_expr.as_deref())?;
        let recorder = Recorder::default();
        let expr = self.binder().recording(&recorder).condition(&self.shape, node, "CHECK")?;
        Ok(Constraint::Check {
            name,
            expression: parser::deparse_expression(node)?,
            names: recorder.finish(),
            columns: self.names(&expr),
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

pub(super) fn is_immutable(expr: &Expr) -> bool {
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
fn column_type(
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
fn storage(name: &str) -> Result<Option<catalog::objects::Storage>> {
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
    if !constraint.options.is_empty() {
        return Err(refused("WITH clause"));
    }
    if !constraint.indexspace.is_empty() {
        return Err(refused("USING INDEX TABLESPACE clause"));
    }
    Ok(())
}

pub(super) fn named(constraint: &protobuf::Constraint) -> Option<String> {
    (!constraint.conname.is_empty()).then(|| constraint.conname.clone())
}

pub(super) fn owned(nodes: &[Node]) -> Vec<String> {
    strings(nodes).into_iter().map(str::to_owned).collect()
}

pub(super) async fn alter(
    session: &mut Session,
    stmt: &protobuf::AlterTableStmt,
    statement: &Statement,
    asynchronous: bool,
) -> Result<Outcome> {
    let protobuf::AlterTableStmt { relation, cmds, objtype, missing_ok } = stmt;
    if let Some(outcome) = owner_only(session, stmt).await? {
        return Ok(outcome);
    }
    if *objtype == ObjectType::ObjectView as i32 {
        return super::view::alter(session, stmt, statement).await;
    }
    let kinds = [ObjectType::ObjectTable as i32, ObjectType::ObjectSequence as i32];
    if !kinds.contains(objtype) {
        return Err(SqlError::unsupported("unsupported statement: AlterTable"));
    }
    if asynchronous {
        return constraint::validate(session, stmt).await;
    }
    let name = range_name(session, relation.as_ref())?;
    session.begin_statement().await?;
    let shape = existing(session, &name);
    let mut actions = Vec::new();
    for node in cmds {
        let Some(NodeEnum::AlterTableCmd(command)) = &node.node else { continue };
        if super::trigger::is_switch(command, &name.name)? {
            continue;
        }
        let last_value = identity_value(session, shape.as_deref(), &command.name).await?;
        actions.push(action(session, statement, command, shape.as_ref(), last_value)?);
    }
    let request = AlterTable { name, if_exists: *missing_ok, actions };
    change(session, "ALTER TABLE", |cx| ddl::alter_table(cx, &request)).await?;
    Ok(Outcome::Done("ALTER TABLE".into()))
}

/// `ALTER SEQUENCE … OWNER TO`, `ALTER VIEW … OWNER TO`: an ALTER TABLE to the grammar.
async fn owner_only(
    session: &mut Session,
    stmt: &protobuf::AlterTableStmt,
) -> Result<Option<Outcome>> {
    let (kind, tag) = match ObjectType::from_i32(stmt.objtype) {
        Some(ObjectType::ObjectSequence) => (RelationKind::Sequence, "ALTER SEQUENCE"),
        Some(ObjectType::ObjectView) => (RelationKind::View, "ALTER VIEW"),
        _ => return Ok(None),
    };
    let [Node { node: Some(NodeEnum::AlterTableCmd(command)) }] = stmt.cmds.as_slice() else {
        return Ok(None);
    };
    if command.subtype != AlterTableType::AtChangeOwner as i32 {
        return Ok(None);
    }
    let name = range_name(session, stmt.relation.as_ref())?;
    let role = super::role::role_name(session, required(command.newowner.as_ref())?)?;
    change(session, tag, |cx| ddl::set_owner(cx, kind, &name, &role, stmt.missing_ok)).await?;
    Ok(Some(Outcome::Done(tag.into())))
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

/// The present value of an identity column's sequence.
async fn identity_value(
    session: &Session,
    table: Option<&Table>,
    column: &str,
) -> Result<Option<i64>> {
    let identity = table
        .and_then(|table| table.columns.get(table.column(column)?))
        .and_then(|column| column.identity);
    let Some(identity) = identity else { return Ok(None) };
    let Some(sequence) = session.cx.catalog.sequence_by_oid(identity.sequence) else {
        return Ok(None);
    };
    Ok(Some(session.engine.sequence_state(sequence).await?.0))
}

fn action(
    session: &Session,
    statement: &Statement,
    command: &protobuf::AlterTableCmd,
    shape: Option<&Arc<Table>>,
    last_value: Option<i64>,
) -> Result<Action> {
    let protobuf::AlterTableCmd {
        subtype,
        name,
        num: _,
        newowner,
        def,
        behavior,
        missing_ok,
        recurse: _,
    } = command;
    let cascade = *behavior == DropBehavior::DropCascade as i32;
    let kind = AlterTableType::from_i32(*subtype).unwrap_or(AlterTableType::Undefined);
    let binder = || Binder::new(&session.cx, &statement.source, &[]);
    let refused = |words: &str| {
        Err(SqlError::unsupported(format!("unsupported ALTER TABLE {words} statement")))
    };
    let node = def.as_ref().and_then(|def| def.node.as_ref());
    Ok(match kind {
        AlterTableType::AtAddColumn => {
            let Some(NodeEnum::ColumnDef(column)) = node else {
                return Err(SqlError::internal("ADD COLUMN without a column"));
            };
            if column.coll_clause.is_some() {
                return Err(SqlError::unsupported("COLLATE clause not supported"));
            }
            let constrained = column.constraints.iter().any(|node| {
                !matches!(&node.node, Some(NodeEnum::Constraint(constraint))
                    if constraint.contype == ConstrType::ConstrNull as i32)
            });
            if constrained || column.is_not_null {
                return Err(SqlError::unsupported(
                    "ALTER TABLE ADD COLUMN with constraint not supported",
                ));
            }
            let (type_oid, typmod, domain) = column_type(session, &binder(), column)?;
            Action::AddColumn {
                column: ColumnDef {
                    name: column.colname.clone(),
                    type_oid,
                    typmod,
                    domain,
                    not_null: false,
                    default: None,
                    default_names: Vec::new(),
                    identity: None,
                    generated_from: Vec::new(),
                    storage: storage(&column.storage_name)?,
                    comment: None,
                },
                if_not_exists: *missing_ok,
            }
        }
        AlterTableType::AtDropColumn => {
            Action::DropColumn { name: name.clone(), if_exists: *missing_ok, cascade }
        }
        AlterTableType::AtColumnDefault => {
            let default = match def {
                None => None,
                Some(node) => {
                    let column = shape.and_then(|table| {
                        table.column(name).and_then(|position| table.columns.get(position))
                    });
                    let mut ty = Oid::INVALID;
                    let recorder = Recorder::default();
                    if let Some(column) = column {
                        ty = Oid(column.type_oid);
                        binder().recording(&recorder).column_expression(
                            None,
                            node,
                            name,
                            Oid(column.type_oid),
                            column.typmod,
                        )?;
                    }
                    Some(Sql { text: default_text(node, ty)?, names: recorder.finish() })
                }
            };
            Action::SetDefault { column: name.clone(), default }
        }
        AlterTableType::AtDropNotNull => Action::DropNotNull { column: name.clone() },
        AlterTableType::AtDropExpression => {
            Action::DropExpression { column: name.clone(), if_exists: *missing_ok }
        }
        AlterTableType::AtSetStorage => {
            let Some(NodeEnum::String(word)) = node else {
                return Err(SqlError::internal("SET STORAGE without a word"));
            };
            Action::SetStorage { column: name.clone(), storage: storage(&word.sval)? }
        }
        AlterTableType::AtDropConstraint => {
            Action::DropConstraint { name: name.clone(), if_exists: *missing_ok, cascade }
        }
        AlterTableType::AtChangeOwner => {
            Action::OwnerTo { role: super::role::role_name(session, required(newowner.as_ref())?)? }
        }
        AlterTableType::AtAddConstraint => {
            let Some(NodeEnum::Constraint(constraint)) = node else {
                return Err(SqlError::internal("ADD CONSTRAINT without a constraint"));
            };
            add_constraint(session, statement, constraint, shape)?
        }
        AlterTableType::AtSetNotNull => return refused("ALTER COLUMN ... SET NOT NULL"),
        AlterTableType::AtAlterColumnType => return refused("ALTER COLUMN ... SET DATA TYPE"),
        AlterTableType::AtSetStatistics => return refused("ALTER COLUMN ... SET STATISTICS"),
        AlterTableType::AtValidateConstraint => return refused("VALIDATE CONSTRAINT"),
        AlterTableType::AtEnableRowSecurity => return refused("ENABLE ROW SECURITY"),
        AlterTableType::AtDisableRowSecurity => return refused("DISABLE ROW SECURITY"),
        AlterTableType::AtForceRowSecurity => return refused("FORCE ROW SECURITY"),
        AlterTableType::AtNoForceRowSecurity => return refused("NO FORCE ROW SECURITY"),
        AlterTableType::AtReplicaIdentity => return refused("REPLICA IDENTITY"),
        AlterTableType::AtClusterOn => return refused("CLUSTER"),
        AlterTableType::AtSetTableSpace => return refused("SET TABLESPACE"),
        AlterTableType::AtSetRelOptions => return refused("SET"),
        AlterTableType::AtResetRelOptions => return refused("RESET"),
        AlterTableType::AtSetLogged => return refused("SET LOGGED"),
        AlterTableType::AtSetUnLogged => return refused("SET UNLOGGED"),
        AlterTableType::AtAddInherit => return refused("INHERIT"),
        AlterTableType::AtDropInherit => return refused("NO INHERIT"),
        AlterTableType::AtAttachPartition => return refused("ATTACH PARTITION"),
        AlterTableType::AtDetachPartition => return refused("DETACH PARTITION"),
        AlterTableType::AtSetAccessMethod => return refused("SET ACCESS METHOD"),
        AlterTableType::AtSetCompression => return refused("ALTER COLUMN ... SET COMPRESSION"),
        AlterTableType::AtAlterConstraint => {
            let Some(NodeEnum::Constraint(constraint)) = node else {
                return Err(SqlError::internal("ALTER CONSTRAINT without a constraint"));
            };
            Action::AlterConstraint {
                name: constraint.conname.clone(),
                deferrable: constraint.deferrable,
                initially_deferred: constraint.initdeferred,
            }
        }
        AlterTableType::AtAddIdentity => {
            let Some(NodeEnum::Constraint(constraint)) = node else {
                return Err(SqlError::internal("ADD IDENTITY without a constraint"));
            };
            let identity = sequence::identity(session, statement, constraint)?;
            Action::AddIdentity { column: name.clone(), identity }
        }
        AlterTableType::AtSetIdentity => {
            let Some(NodeEnum::List(list)) = node else {
                return Err(SqlError::internal("SET IDENTITY without options"));
            };
            let (always, options) = sequence::identity_changes(session, statement, &list.items)?;
            let (column, last_value) = (name.clone(), last_value.unwrap_or_default());
            Action::SetIdentity { column, always, options, last_value }
        }
        AlterTableType::AtDropIdentity => {
            Action::DropIdentity { column: name.clone(), if_exists: *missing_ok }
        }
        AlterTableType::AtEnableTrigAll
        | AlterTableType::AtEnableTrigUser
        | AlterTableType::AtDisableTrigAll
        | AlterTableType::AtDisableTrigUser => Action::Triggers,
        AlterTableType::AtEnableTrig | AlterTableType::AtDisableTrig => {
            return Err(SqlError::new(
                SqlState::UNDEFINED_OBJECT,
                format!(
                    "trigger \"{name}\" for table \"{}\" does not exist",
                    shape.map_or("", |table| &table.name)
                ),
            ));
        }
        _ => return Err(SqlError::unsupported("unsupported statement: AlterTable")),
    })
}

fn add_constraint(
    session: &Session,
    statement: &Statement,
    constraint: &protobuf::Constraint,
    shape: Option<&Arc<Table>>,
) -> Result<Action> {
    let kind = ConstrType::from_i32(constraint.contype).unwrap_or(ConstrType::Undefined);
    let refused = || Err(SqlError::unsupported("unsupported ALTER TABLE ADD CONSTRAINT statement"));
    match kind {
        ConstrType::ConstrUnique if !constraint.indexname.is_empty() => {
            if constraint.deferrable || constraint.initdeferred {
                return Err(SqlError::unsupported(
                    "ALTER TABLE / ADD CONSTRAINT UNIQUE / DEFERRED / INITIALLY DEFERRED not \
                     supported",
                ));
            }
            Ok(Action::AddUniqueUsingIndex {
                name: named(constraint),
                index: constraint.indexname.clone(),
            })
        }
        ConstrType::ConstrForeign if constraint.skip_validation => {
            Ok(Action::AddForeignKey(constraint::foreign_key(session, constraint)?))
        }
        ConstrType::ConstrCheck if constraint.skip_validation => {
            let node = required(constraint.raw_expr.as_deref())?;
            let mut columns = Vec::new();
            let recorder = Recorder::default();
            if let Some(table) = shape {
                let binder = Binder::new(&session.cx, &statement.source, &[]);
                let expr = binder.recording(&recorder).condition(table, node, "CHECK")?;
                let mut positions = Vec::new();
                read_columns(&expr, &mut positions);
                columns = positions
                    .into_iter()
                    .filter_map(|position| table.columns.get(position))
                    .map(|column| column.name.clone())
                    .collect();
            }
            let expression =
                Sql { text: parser::deparse_expression(node)?, names: recorder.finish() };
            Ok(Action::AddCheck { name: named(constraint), expression, columns })
        }
        _ => refused(),
    }
}

pub(super) async fn rename(session: &mut Session, stmt: &protobuf::RenameStmt) -> Result<Outcome> {
    let protobuf::RenameStmt {
        rename_type,
        relation_type,
        relation,
        object,
        subname,
        newname,
        behavior: _,
        missing_ok,
    } = stmt;
    let kind = ObjectType::from_i32(*rename_type).unwrap_or(ObjectType::Undefined);
    match kind {
        ObjectType::ObjectTable => {
            let name = range_name(session, relation.as_ref())?;
            change(session, "ALTER TABLE", |cx| {
                ddl::rename_relation(cx, RelationKind::Table, &name, newname, *missing_ok)
            })
            .await?;
            Ok(Outcome::Done("ALTER TABLE".into()))
        }
        ObjectType::ObjectFunction | ObjectType::ObjectRoutine => {
            let change = ddl::FunctionChange::Rename(newname.clone());
            super::function::alter(session, kind, object.as_deref(), change).await
        }
        ObjectType::ObjectStatisticExt => {
            let change = ddl::StatisticsChange::Rename(newname.clone());
            super::statistics::alter(session, object.as_deref(), change).await
        }
        ObjectType::ObjectDomain => {
            let name = super::ddl::node_name(session, object.as_deref())?;
            let change = ddl::DomainChange::Rename(newname.clone());
            super::domain::finish(session, &name, change).await
        }
        ObjectType::ObjectDomconstraint => {
            let name = super::ddl::node_name(session, object.as_deref())?;
            let (from, to) = (subname.clone(), newname.clone());
            let change = ddl::DomainChange::RenameConstraint { from, to };
            super::domain::finish(session, &name, change).await
        }
        ObjectType::ObjectView => {
            let name = range_name(session, relation.as_ref())?;
            change(session, "ALTER VIEW", |cx| {
                ddl::rename_relation(cx, RelationKind::View, &name, newname, *missing_ok)
            })
            .await?;
            Ok(Outcome::Done("ALTER VIEW".into()))
        }
        ObjectType::ObjectSequence => {
            let name = range_name(session, relation.as_ref())?;
            change(session, "ALTER SEQUENCE", |cx| {
                ddl::rename_relation(cx, RelationKind::Sequence, &name, newname, *missing_ok)
            })
            .await?;
            Ok(Outcome::Done("ALTER SEQUENCE".into()))
        }
        ObjectType::ObjectIndex => {
            let name = range_name(session, relation.as_ref())?;
            change(session, "ALTER INDEX", |cx| {
                ddl::rename_relation(cx, RelationKind::Index, &name, newname, *missing_ok)
            })
            .await?;
            Ok(Outcome::Done("ALTER INDEX".into()))
        }
        ObjectType::ObjectTabconstraint => {
            let name = range_name(session, relation.as_ref())?;
            change(session, "ALTER TABLE", |cx| {
                ddl::rename_constraint(cx, &name, subname, newname, *missing_ok)
            })
            .await?;
            Ok(Outcome::Done("ALTER TABLE".into()))
        }
        ObjectType::ObjectSchema => {
            let _ = object;
            change(session, "ALTER SCHEMA", |cx| ddl::rename_schema(cx, subname, newname)).await?;
            Ok(Outcome::Done("ALTER SCHEMA".into()))
        }
        ObjectType::ObjectRole => {
            change(session, "ALTER ROLE", |cx| ddl::rename_role(cx, subname, newname)).await?;
            Ok(Outcome::Done("ALTER ROLE".into()))
        }
        ObjectType::ObjectColumn => {
            let name = range_name(session, relation.as_ref())?;
            let rewrite = |text: &str| rename_in_expression(text, subname, newname);
            let of_view = *relation_type == ObjectType::ObjectView as i32;
            let tag = if of_view { "ALTER VIEW" } else { "ALTER TABLE" };
            change(session, tag, |cx| match of_view || ddl::is_view(cx, &name) {
                true => ddl::rename_view_column(cx, &name, subname, newname, *missing_ok),
                false => ddl::rename_column(cx, &name, subname, newname, *missing_ok, &rewrite),
            })
            .await?;
            Ok(Outcome::Done(tag.into()))
        }
        _ => Err(SqlError::unsupported("unsupported object in RENAME statement")),
    }
}

pub(super) async fn set_schema(
    session: &mut Session,
    stmt: &protobuf::AlterObjectSchemaStmt,
) -> Result<Outcome> {
    let protobuf::AlterObjectSchemaStmt { object_type, relation, object, newschema, missing_ok } =
        stmt;
    let object_kind = ObjectType::from_i32(*object_type).unwrap_or(ObjectType::Undefined);
    if super::function::kind_of(object_kind).is_some() {
        let change = ddl::FunctionChange::Schema(newschema.clone());
        return super::function::alter(session, object_kind, object.as_deref(), change).await;
    }
    if object_kind == ObjectType::ObjectStatisticExt {
        let change = ddl::StatisticsChange::Schema(newschema.clone());
        return super::statistics::alter(session, object.as_deref(), change).await;
    }
    if object_kind == ObjectType::ObjectDomain {
        let name = super::ddl::node_name(session, object.as_deref())?;
        let change = ddl::DomainChange::Schema(newschema.clone());
        return super::domain::finish(session, &name, change).await;
    }
    let (kind, tag) = match ObjectType::from_i32(*object_type) {
        Some(ObjectType::ObjectTable) => (RelationKind::Table, "ALTER TABLE"),
        Some(ObjectType::ObjectSequence) => (RelationKind::Sequence, "ALTER SEQUENCE"),
        Some(ObjectType::ObjectView) => (RelationKind::View, "ALTER VIEW"),
        _ => return Err(SqlError::unsupported("unsupported statement: AlterObjectSchema")),
    };
    let name = range_name(session, relation.as_ref())?;
    change(session, tag, |cx| ddl::set_schema(cx, kind, &name, newschema, *missing_ok)).await?;
    Ok(Outcome::Done(tag.into()))
}

/// A stored expression with a column called otherwise.
fn rename_in_expression(text: &str, from: &str, to: &str) -> Result<String> {
    let mut node = Node { node: Some(*parser::parse_expression(text)?) };
    rename_columns(&mut node, from, to)?;
    parser::deparse_expression(&node)
}

/// Renames column references everywhere in an expression tree.
fn rename_columns(node: &mut Node, from: &str, to: &str) -> Result<()> {
    let boxed = |inner: &mut Option<Box<Node>>| match inner {
        Some(inner) => rename_columns(inner, from, to),
        None => Ok(()),
    };
    let list = |nodes: &mut Vec<Node>| {
        nodes.iter_mut().try_for_each(|node| rename_columns(node, from, to))
    };
    match &mut node.node {
        Some(NodeEnum::ColumnRef(column)) => {
            if let Some(Node { node: Some(NodeEnum::String(name)) }) = column.fields.last_mut()
                && name.sval == from
            {
                to.clone_into(&mut name.sval);
            }
            Ok(())
        }
        Some(NodeEnum::AConst(_) | NodeEnum::SqlvalueFunction(_) | NodeEnum::TypeName(_))
        | None => Ok(()),
        Some(NodeEnum::AExpr(expr)) => {
            boxed(&mut expr.lexpr)?;
            boxed(&mut expr.rexpr)
        }
        Some(NodeEnum::BoolExpr(expr)) => list(&mut expr.args),
        Some(NodeEnum::FuncCall(call)) => list(&mut call.args),
        Some(NodeEnum::TypeCast(cast)) => boxed(&mut cast.arg),
        Some(NodeEnum::NullTest(test)) => boxed(&mut test.arg),
        Some(NodeEnum::BooleanTest(test)) => boxed(&mut test.arg),
        Some(NodeEnum::CaseExpr(case)) => {
            boxed(&mut case.arg)?;
            list(&mut case.args)?;
            boxed(&mut case.defresult)
        }
        Some(NodeEnum::CaseWhen(when)) => {
            boxed(&mut when.expr)?;
            boxed(&mut when.result)
        }
        Some(NodeEnum::CoalesceExpr(expr)) => list(&mut expr.args),
        Some(NodeEnum::MinMaxExpr(expr)) => list(&mut expr.args),
        Some(NodeEnum::AArrayExpr(array)) => list(&mut array.elements),
        Some(NodeEnum::RowExpr(row)) => list(&mut row.args),
        Some(NodeEnum::List(items)) => list(&mut items.items),
        Some(NodeEnum::CollateClause(collate)) => boxed(&mut collate.arg),
        Some(NodeEnum::AIndirection(indirection)) => boxed(&mut indirection.arg),
        Some(_) => Err(unsupported("renaming a column in this kind of expression")),
    }
}

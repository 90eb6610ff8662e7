//! Analysis: a statement's parameters, result columns and plan.

use std::sync::{Arc, Mutex, PoisonError};

use parser::{NodeEnum, Statement, StatementKind};
use types::{Oid, Result, SqlError};

use super::context::PARAMS_MAX;
use super::transaction::aborted;
use super::{CommandTag, Field, Session, TxnState, type_len};
use crate::bind::Binder;
use crate::bind::query::OutputColumn;
use crate::command;
use crate::plan::{self, PlanCx, StatementPlan};
use crate::rules;

/// An analysed statement: its parameters and result columns are known. Shared by portals.
#[derive(Debug)]
pub struct Prepared {
    /// Parameter types, `$1` first.
    pub param_types: Vec<Oid>,
    /// Result columns; `None` if it returns no rows.
    pub fields: Option<Vec<Field>>,
    pub(crate) statement: Option<Statement>,
    /// The plan, for the catalog and settings that it was made for.
    planned: Mutex<Option<Planned>>,
    /// Planning raised an error (of a constant, `1/0`), which is Bind's to report, not Parse's.
    pub(crate) fails: bool,
}

impl Prepared {
    /// A command without parameters and result columns.
    pub(super) fn command(statement: Statement) -> Prepared {
        Prepared {
            param_types: Vec::new(),
            fields: None,
            statement: Some(statement),
            planned: Mutex::new(None),
            fails: false,
        }
    }

    /// A statement with its plan.
    pub(super) fn plan(
        statement: Statement,
        param_types: Vec<Oid>,
        columns: Option<&[OutputColumn]>,
        planned: Planned,
    ) -> Prepared {
        Prepared {
            param_types,
            fields: columns.map(|columns| columns.iter().map(field).collect()),
            statement: Some(statement),
            planned: Mutex::new(Some(planned)),
            fails: false,
        }
    }

    /// The statement as the client sent it.
    pub fn text(&self) -> &str {
        self.statement.as_ref().map_or("", Statement::text)
    }
}

/// A plan with what it depends on.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) catalog_version: u64,
    pub(crate) plan_epoch: u64,
    pub(crate) statistics_version: u64,
    pub(crate) plan: Arc<StatementPlan>,
}

/// A statement's parameter types and result columns, and its plan.
type Analysed = (Vec<Oid>, Option<Vec<OutputColumn>>, Result<Planned>);

/// What kind of statement a plan runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanKind {
    Select,
    Insert,
    Update,
    Delete,
}

impl PlanKind {
    /// The statement's name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            PlanKind::Select => "SELECT",
            PlanKind::Insert => "INSERT",
            PlanKind::Update => "UPDATE",
            PlanKind::Delete => "DELETE",
        }
    }

    /// The command tag for a number of rows.
    pub(crate) fn tag(self, rows: u64) -> CommandTag {
        let name = if self == PlanKind::Insert { "INSERT 0" } else { self.name() };
        CommandTag::counted(name, rows)
    }
}

/// What a statement is run by.
pub(crate) fn plan_kind(statement: &Statement) -> Option<PlanKind> {
    let StatementKind::Postgres { node, asynchronous: _ } = &statement.kind else { return None };
    node_kind(node)
}

/// As [`plan_kind`], of a statement's tree.
pub(crate) fn node_kind(node: &NodeEnum) -> Option<PlanKind> {
    Some(match node {
        NodeEnum::SelectStmt(_) => PlanKind::Select,
        NodeEnum::InsertStmt(_) => PlanKind::Insert,
        NodeEnum::UpdateStmt(_) => PlanKind::Update,
        NodeEnum::DeleteStmt(_) => PlanKind::Delete,
        _ => return None,
    })
}

impl Session {
    /// Analyses one statement (`None`: the empty one). `param_types` may be shorter than the number
    /// of parameters, and 0 leaves a type to inference.
    ///
    /// # Errors
    /// What analysis raises; `25P02` in a failed block; DSQL's refusals.
    pub async fn prepare(
        &mut self,
        statement: Option<Statement>,
        param_types: &[Oid],
    ) -> Result<Arc<Prepared>> {
        self.cx.params_max = PARAMS_MAX;
        let prepared = self.analyse(statement, param_types).await;
        self.cx.params_max = 0;
        prepared
    }

    /// As [`Session::prepare`], for the simple protocol, in which there are no values for parameters.
    ///
    /// # Errors
    /// As there; `42P02` for a parameter.
    pub async fn prepare_simple(&mut self, statement: Statement) -> Result<Arc<Prepared>> {
        self.analyse(Some(statement), &[]).await
    }

    async fn analyse(
        &mut self,
        statement: Option<Statement>,
        param_types: &[Oid],
    ) -> Result<Arc<Prepared>> {
        let Some(statement) = statement else {
            return Ok(Arc::new(Prepared {
                param_types: param_types.to_vec(),
                fields: None,
                statement: None,
                planned: Mutex::new(None),
                fails: false,
            }));
        };
        if matches!(self.state, TxnState::Failed) && !command::ends_transaction(&statement) {
            return Err(aborted());
        }
        rules::check(&statement, self.engine.day(), || {
            self.cx.settings.is_on("disable_sync_create_index")
        })?;
        if plan_kind(&statement).is_none() {
            let fields = command::fields(self, &statement)?;
            let param_types = self.command_params(&statement, param_types)?;
            return Ok(Arc::new(Prepared {
                param_types,
                fields,
                statement: Some(statement),
                planned: Mutex::new(None),
                fails: false,
            }));
        }
        if self.active().is_none() {
            let catalog = self.engine.catalog();
            self.use_catalog(&catalog);
        }
        let (param_types, columns, planned) = self.plan_statement(&statement, param_types)?;
        Ok(Arc::new(Prepared {
            param_types,
            fields: columns.map(|columns| columns.iter().map(field).collect()),
            statement: Some(statement),
            fails: planned.is_err(),
            planned: Mutex::new(planned.ok()),
        }))
    }

    /// Parameter types of a statement that is no plan: those of what EXPLAIN explains and of CALL's
    /// argument.
    fn command_params(&mut self, statement: &Statement, declared: &[Oid]) -> Result<Vec<Oid>> {
        let StatementKind::Postgres { node, asynchronous: _ } = &statement.kind else {
            return Ok(declared.to_vec());
        };
        let query;
        let target = match node.as_ref() {
            // Its parameters stay what they are.
            NodeEnum::ExplainStmt(explain) if command::explain::is_generic(explain) => {
                return Ok(declared.to_vec());
            }
            NodeEnum::ExplainStmt(explain) => command::explain::target(explain)?.0,
            NodeEnum::CallStmt(call) => {
                query = command::call_query(&self.cx, call, &statement.source, declared)?;
                &query
            }
            _ => return Ok(declared.to_vec()),
        };
        if self.active().is_none() {
            let catalog = self.engine.catalog();
            self.use_catalog(&catalog);
        }
        Ok(self.plan_node(target, &statement.source, declared)?.0)
    }

    /// What planning depends on, at present.
    pub(crate) fn plan_cx(&self) -> PlanCx {
        self.cx.plan_cx()
    }

    /// Binds and plans a statement for the present catalog and settings.
    ///
    /// # Errors
    /// What analysis raises; what planning raises is part of the result.
    pub(crate) fn plan_statement(
        &self,
        statement: &Statement,
        param_types: &[Oid],
    ) -> Result<Analysed> {
        let StatementKind::Postgres { node, asynchronous: _ } = &statement.kind else {
            return Err(SqlError::internal("statement has no plan"));
        };
        self.plan_node(node, &statement.source, param_types)
    }

    /// As [`Session::plan_statement`], of a statement's tree.
    pub(crate) fn plan_node(
        &self,
        node: &NodeEnum,
        source: &str,
        param_types: &[Oid],
    ) -> Result<Analysed> {
        let cx = self.plan_cx();
        let binder = Binder::new(&self.cx, source, param_types);
        let (params, columns, plan) = match node {
            NodeEnum::SelectStmt(select) => {
                let bound = binder.query(select)?;
                let (params, columns) = (bound.params.clone(), bound.tree.columns.clone());
                (params, Some(columns), plan::plan_query(bound, &cx))
            }
            other => {
                let bound = binder.modification(other)?;
                let columns = bound.tree.returning.as_ref().map(|(columns, _)| columns.clone());
                let params = bound.params.clone();
                (params, columns, plan::plan_modify(bound, &cx))
            }
        };
        let planned = plan.map(|plan| Planned {
            catalog_version: self.cx.catalog.version,
            plan_epoch: self.plan_epoch,
            statistics_version: cx.statistics.version,
            plan: Arc::new(plan),
        });
        Ok((params, columns, planned))
    }

    /// The statement's plan, made anew if the catalog or the settings changed.
    ///
    /// # Errors
    /// What analysis raises; `0A000` if the result columns are no longer the same.
    pub(crate) fn current_plan(&self, prepared: &Prepared) -> Result<Arc<StatementPlan>> {
        let Some(statement) = &prepared.statement else {
            return Err(SqlError::internal("empty statement has no plan"));
        };
        let cached = prepared.planned.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(planned) = cached
            && planned.catalog_version == self.cx.catalog.version
            && planned.plan_epoch == self.plan_epoch
            && planned.statistics_version == self.engine.statistics.load().version
        {
            return Ok(planned.plan);
        }
        let (_, columns, planned) = self.plan_statement(statement, &prepared.param_types)?;
        let fields: Option<Vec<Field>> = columns.map(|columns| columns.iter().map(field).collect());
        let types = |fields: &Option<Vec<Field>>| {
            fields.as_ref().map(|fields| {
                fields.iter().map(|f| (f.name.clone(), f.type_oid)).collect::<Vec<_>>()
            })
        };
        if types(&fields) != types(&prepared.fields) {
            // asyncpg and pgjdbc prepare the statement anew if the routine is this one.
            return Err(SqlError::unsupported("cached plan must not change result type")
                .routine("RevalidateCachedQuery"));
        }
        let planned = planned?;
        let plan = Arc::clone(&planned.plan);
        *prepared.planned.lock().unwrap_or_else(PoisonError::into_inner) = Some(planned);
        Ok(plan)
    }
}

/// A result column as the client is told of it.
pub(crate) fn field(column: &OutputColumn) -> Field {
    let (table_oid, attnum) = column.origin.unwrap_or((0, 0));
    Field {
        name: column.name.clone(),
        table_oid,
        attnum,
        type_oid: column.ty,
        type_len: type_len(column.ty),
        typmod: column.typmod,
    }
}

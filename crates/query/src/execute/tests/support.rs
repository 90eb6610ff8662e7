//! A small database: tables, plans and expressions in few words, rows as text.

use std::sync::{Arc, OnceLock};

use catalog::builtin::{ProcRow, proc_by_oid};
use catalog::{Catalog, Index, Object, Table};
use functions::{Accumulator, CallCx, Site};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use store::memory::{Faults, Memory};
use txn::{Limits, Transaction};
use types::{Datum, FormatSettings, Oid, Result, SqlError, oid};

use crate::analyze::Sizes;
use crate::cancel::Cancel;
use crate::chunk::Chunk;
use crate::execute::{Deferred, Execution, Host, Identity, SystemRows};
use crate::expr::{Call, Expr, ExprKind};
use crate::plan::{
    AccessPath, AggregateCall, Cte, Delete, ForeignKeys, Insert, KeyBounds, Node, Plan, RowChecks,
    Scan, SortKey, StatementPlan, Update,
};

pub(super) struct Db {
    pub(super) store: Arc<Memory>,
    pub(super) catalog: Catalog,
    pub(super) txn: Transaction,
    pub(super) params: Vec<Datum>,
    pub(super) subplans: usize,
    pub(super) ctes: Vec<Cte>,
    pub(super) work_tables: usize,
    pub(super) cancel: Cancel,
    settings: FormatSettings,
    identity: Identity,
    next_key: u8,
}

struct NoSystemRows;

impl SystemRows for NoSystemRows {
    fn rows<'a>(&'a self, relation: Oid, from: usize) -> BoxFuture<'a, Result<Chunk>> {
        async move {
            let mut chunk = Chunk::new(1);
            if from == 0 {
                chunk.push([Datum::Oid(relation.0)]);
            }
            Ok(chunk)
        }
        .boxed()
    }

    fn rows_with<'a>(
        &'a self,
        relation: Oid,
        _column: usize,
        _value: &'a Datum,
    ) -> BoxFuture<'a, Result<Chunk>> {
        self.rows(relation, 0)
    }
}

impl Db {
    pub(super) async fn new(tables: &[&Arc<Table>]) -> Db {
        let store = Memory::new(Faults::default());
        let mut catalog = Catalog::new();
        for table in tables {
            catalog.put(Object::Table(Arc::clone(table)));
        }
        let txn = Transaction::begin(&*store, Limits::default()).await.unwrap();
        Db {
            store,
            catalog,
            txn,
            params: Vec::new(),
            subplans: 4,
            ctes: Vec::new(),
            work_tables: 1,
            cancel: Cancel::default(),
            settings: FormatSettings::default(),
            identity: Identity {
                current_user: "admin".into(),
                session_user: "admin".into(),
                database: "postgres".into(),
                schema: Some("public".into()),
            },
            next_key: 0,
        }
    }

    /// Rows and the number of affected rows.
    pub(super) async fn try_run(&mut self, root: Plan) -> Result<(Vec<String>, u64)> {
        let types = root.types.clone();
        let plan = self.prepare(root);
        let (chunks, affected) = self.execute(&plan).await?;
        let settings = FormatSettings::default();
        let text = |row: &[Datum]| {
            let values = row.iter().zip(&types).map(|(value, ty)| match value {
                Datum::Null => "-".to_owned(),
                value => types::text::to_string(value, *ty, &settings),
            });
            values.collect::<Vec<_>>().join(" ")
        };
        Ok((chunks.iter().flat_map(Chunk::rows).map(text).collect(), affected))
    }

    pub(super) fn prepare(&mut self, root: Plan) -> Arc<StatementPlan> {
        Arc::new(StatementPlan {
            root: Arc::new(root),
            ctes: std::mem::take(&mut self.ctes),
            subplans: self.subplans,
            work_tables: self.work_tables,
            writes: true,
            locks: None,
            tables: Vec::new(),
            foreign_keys: ForeignKeys::default(),
        })
    }

    pub(super) async fn execute(&mut self, plan: &Arc<StatementPlan>) -> Result<(Vec<Chunk>, u64)> {
        let at = self.txn.next_command();
        let mut execution = Execution::new(Arc::clone(plan), self.params.clone(), at)?;
        let mut chunks = Vec::new();
        loop {
            let next_key = &mut self.next_key;
            let host = Host {
                txn: &mut self.txn,
                call: CallCx {
                    settings: &self.settings,
                    transaction_micros: 0,
                    statement_micros: 0,
                    session: &(),
                    interrupts: None,
                },
                identity: &self.identity,
                catalog: &self.catalog,
                cluster: 1,
                sizes: &Sizes::new(u64::MAX),
                cancel: &self.cancel,
                system: &NoSystemRows,
                deferred: &mut Deferred::default(),
                new_row_key: &mut || {
                    *next_key += 1;
                    [*next_key; 16]
                },
            };
            let Some(chunk) = execution.next(host).await? else { break };
            assert!(!chunk.is_empty(), "operators never give empty chunks");
            chunks.push(chunk);
        }
        Ok((chunks, execution.affected()))
    }

    /// Rows, one line each.
    pub(super) async fn rows(&mut self, root: Plan) -> String {
        self.try_run(root).await.unwrap().0.join("\n")
    }

    pub(super) async fn error(&mut self, root: Plan) -> SqlError {
        self.try_run(root).await.unwrap_err()
    }

    /// Inserts rows of constants.
    pub(super) async fn insert(&mut self, table: &Arc<Table>, rows: Vec<Vec<Datum>>) -> u64 {
        self.try_run(insert(table, constants(table, rows), None)).await.unwrap().1
    }

    /// Commits, and begins two transactions on what there is then.
    pub(super) async fn commit_and_begin_two(self, table: &Arc<Table>) -> (Db, Db) {
        let Db { txn, store, .. } = self;
        txn.commit().await.unwrap();
        let mut one = Db::new(&[table]).await;
        let mut two = Db::new(&[table]).await;
        one.txn = Transaction::begin(&*store, Limits::default()).await.unwrap();
        two.txn = Transaction::begin(&*store, Limits::default()).await.unwrap();
        (one, two)
    }

    /// All keys and values of the database as the next command sees them.
    pub(super) async fn stored(&self) -> Vec<(bytes::Bytes, bytes::Bytes)> {
        let range = store::KeyRange::prefix(&[]);
        let at = self.txn.command().after();
        self.txn
            .scan(&range, store::Direction::Forward, 10_000, at)
            .await
            .unwrap()
            .0
            .into_iter()
            .collect()
    }
}

/// A table of nullable columns `name type`, the primary key's not null. Made from the stored form,
/// so that fields which may be left out there are left out here.
pub(super) fn table(oid: u32, columns: &[(&str, Oid)], primary_key: &[usize]) -> Table {
    let columns: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(position, (name, ty))| {
            let not_null = primary_key.contains(&position);
            json!({ "name": name, "type_oid": ty.0, "typmod": -1, "not_null": not_null })
        })
        .collect();
    let mut table: Table = serde_json::from_value(json!({
        "oid": oid, "schema": 2200, "name": format!("t{oid}"), "owner": 10, "row_type": 0,
        "columns": columns, "primary_key": null, "indexes": [],
    }))
    .unwrap();
    if !primary_key.is_empty() {
        let key = index(oid + 100, primary_key, true);
        table.primary_key = Some(Index { name: format!("t{oid}_pkey"), ..key });
    }
    table
}

pub(super) fn index(oid: u32, columns: &[usize], unique: bool) -> Index {
    let keys: Vec<_> = columns.iter().map(|column| json!({ "column": column })).collect();
    serde_json::from_value(json!({
        "oid": oid, "name": format!("i{oid}"), "keys": keys, "unique": unique, "state": "Valid",
    }))
    .unwrap()
}

pub(super) fn column_types(table: &Table) -> Vec<Oid> {
    table.columns.iter().map(|column| Oid(column.type_oid)).collect()
}

pub(super) fn plan(node: Node, types: &[Oid]) -> Plan {
    Plan::new(node, types.to_vec())
}

pub(super) fn no_checks() -> RowChecks {
    RowChecks::default()
}

/// Rows of constants, of a table's columns.
pub(super) fn constants(table: &Table, rows: Vec<Vec<Datum>>) -> Plan {
    values(&column_types(table), rows)
}

pub(super) fn values(types: &[Oid], rows: Vec<Vec<Datum>>) -> Plan {
    let row = |row: Vec<Datum>| {
        row.into_iter().zip(types).map(|(value, ty)| Expr::constant(value, *ty)).collect()
    };
    plan(Node::Values { rows: rows.into_iter().map(row).collect() }, types)
}

/// Rows of integers.
pub(super) fn ints(rows: &[&[i32]]) -> Plan {
    let types = vec![oid::INT4; rows.first().map_or(1, |row| row.len())];
    values(&types, rows.iter().map(|row| row.iter().map(|n| Datum::Int4(*n)).collect()).collect())
}

pub(super) fn scan(table: &Arc<Table>, columns: &[usize], bounds: KeyBounds) -> Scan {
    Scan {
        table: Arc::clone(table),
        columns: columns.to_vec(),
        row_key: false,
        path: AccessPath::Primary(bounds),
        filter: None,
        backward: false,
        limit_hint: None,
        ordered: false,
        entries: 0.0,
        transferred: 0.0,
        reader: OnceLock::new(),
    }
}

pub(super) fn scan_plan(scan: Scan) -> Plan {
    let all = column_types(&scan.table);
    let mut types: Vec<Oid> = scan.columns.iter().map(|column| all[*column]).collect();
    if scan.row_key {
        types.push(oid::BYTEA);
    }
    plan(Node::Scan(scan), &types)
}

/// All columns and the key, as UPDATE and DELETE want them.
pub(super) fn target_rows(table: &Arc<Table>, filter: Option<Expr>) -> Plan {
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    scan_plan(Scan { row_key: true, filter, ..scan(table, &columns, KeyBounds::default()) })
}

pub(super) fn all_rows(table: &Arc<Table>) -> Plan {
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    scan_plan(scan(table, &columns, KeyBounds::default()))
}

pub(super) fn insert(table: &Arc<Table>, source: Plan, returning: Option<Vec<Expr>>) -> Plan {
    let types: Vec<Oid> = returning.iter().flatten().map(|expr| expr.ty).collect();
    let node = Insert {
        table: Arc::clone(table),
        source: Arc::new(source),
        checks: no_checks(),
        on_conflict: None,
        returning,
    };
    plan(Node::Insert(node), &types)
}

pub(super) fn update(
    table: &Arc<Table>,
    filter: Option<Expr>,
    assignments: Vec<(usize, Expr)>,
) -> Plan {
    update_of(table, target_rows(table, filter), assignments)
}

pub(super) fn update_of(table: &Arc<Table>, source: Plan, assignments: Vec<(usize, Expr)>) -> Plan {
    let node = Update {
        table: Arc::clone(table),
        source: Arc::new(source),
        old: 0,
        assignments,
        checks: no_checks(),
        returning: None,
    };
    plan(Node::Update(node), &[])
}

pub(super) fn delete(table: &Arc<Table>, filter: Option<Expr>) -> Plan {
    let node = Delete {
        table: Arc::clone(table),
        source: Arc::new(target_rows(table, filter)),
        old: 0,
        checks: no_checks(),
        returning: None,
    };
    plan(Node::Delete(node), &[])
}

pub(super) fn filter(input: Plan, predicate: Expr) -> Plan {
    let types = input.types.clone();
    plan(Node::Filter { input: Arc::new(input), predicate }, &types)
}

pub(super) fn project(input: Plan, exprs: Vec<Expr>) -> Plan {
    let types: Vec<Oid> = exprs.iter().map(|expr| expr.ty).collect();
    plan(Node::Project { input: Arc::new(input), exprs }, &types)
}

pub(super) fn key(column: usize, ty: Oid) -> SortKey {
    SortKey { expr: Expr::new(ExprKind::Column(column), ty), descending: false, nulls_first: false }
}

pub(super) fn sort(input: Plan, keys: Vec<SortKey>, top: Option<usize>) -> Plan {
    let types = input.types.clone();
    plan(Node::Sort { input: Arc::new(input), keys, top }, &types)
}

pub(super) fn col(column: usize) -> Expr {
    Expr::new(ExprKind::Column(column), oid::INT4)
}

pub(super) fn text_col(column: usize) -> Expr {
    Expr::new(ExprKind::Column(column), oid::TEXT)
}

pub(super) fn outer(position: usize) -> Expr {
    Expr::new(ExprKind::Outer(position), oid::INT4)
}

pub(super) fn int(value: i32) -> Expr {
    Expr::constant(Datum::Int4(value), oid::INT4)
}

pub(super) fn int8(value: i64) -> Expr {
    Expr::constant(Datum::Int8(value), oid::INT8)
}

pub(super) fn text(value: &str) -> Expr {
    Expr::constant(Datum::text(value), oid::TEXT)
}

fn proc(oid: u32) -> &'static ProcRow {
    proc_by_oid(Oid(oid)).unwrap()
}

fn operands(args: &[Datum]) -> (i64, i64) {
    let number = |value: &Datum| match value {
        Datum::Int4(value) => i64::from(*value),
        Datum::Int8(value) => *value,
        other => panic!("not an integer: {other:?}"),
    };
    (number(&args[0]), number(&args[1]))
}

fn operator(
    name: &'static str,
    oid: u32,
    function: functions::Scalar,
    args: [Expr; 2],
    ty: Oid,
) -> Expr {
    let site = Site { arg_types: args.iter().map(|arg| arg.ty).collect(), result_type: ty };
    let args = args.into();
    let call = Call { proc: proc(oid), function, site, args, operator: Some(name) };
    Expr::new(ExprKind::Call(Box::new(call)), ty)
}

pub(super) fn eq(a: Expr, b: Expr) -> Expr {
    let equal: functions::Scalar =
        |_, _, args| Ok(Datum::Bool(types::compare::equal(&args[0], &args[1])));
    operator("=", 65, equal, [a, b], oid::BOOL)
}

pub(super) fn lt(a: Expr, b: Expr) -> Expr {
    let less: functions::Scalar =
        |_, _, args| Ok(Datum::Bool(types::compare::compare(&args[0], &args[1]).is_lt()));
    operator("<", 66, less, [a, b], oid::BOOL)
}

pub(super) fn add(a: Expr, b: Expr) -> Expr {
    let sum: functions::Scalar = |_, _, args| {
        let (a, b) = operands(args);
        Ok(Datum::Int4(i32::try_from(a + b).map_err(|_| SqlError::internal("overflow"))?))
    };
    operator("+", 177, sum, [a, b], oid::INT4)
}

struct Collect(Vec<String>);

impl Accumulator for Collect {
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let text = args.iter().map(|arg| match arg {
            Datum::Null => "-".into(),
            arg => types::text::to_string(arg, oid::INT4, cx.settings),
        });
        self.0.push(text.collect::<Vec<_>>().join(":"));
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(Datum::text(self.0.join(",")))
    }

    fn heap_bytes(&self) -> usize {
        self.0.len()
    }
}

/// An aggregate that shows what it was given, in order.
pub(super) fn collect(args: Vec<Expr>) -> AggregateCall {
    AggregateCall {
        name: "",
        accumulator: |_| Box::new(Collect(Vec::new())),
        site: Site { arg_types: args.iter().map(|arg| arg.ty).collect(), result_type: oid::TEXT },
        args,
        strict: false,
        distinct: false,
        order: Vec::new(),
        filter: None,
    }
}

struct Count(i64);

impl Accumulator for Count {
    fn step(&mut self, _cx: &CallCx<'_>, _args: &[Datum]) -> Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(Datum::Int8(self.0))
    }
}

/// `count(*)`.
pub(super) fn count_rows() -> AggregateCall {
    AggregateCall {
        name: "",
        accumulator: |_| Box::new(Count(0)),
        site: Site { arg_types: [].into(), result_type: oid::INT8 },
        ..collect(Vec::new())
    }
}

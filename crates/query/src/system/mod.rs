//! What functions and types know beyond values: the session, the catalog, the cluster.
//!
//! Functions of the `functions` crate see values only; those that need more live here, under the
//! same calling convention: they find the session behind [`functions::CallCx::session`].

mod acl;
mod counters;
mod describe;
mod dsql;
mod extended;
mod info;
mod object;
mod privilege;
mod random;
mod reg;
mod rows;
mod size;
mod statistics;
mod typmod;
mod xid;

use std::collections::HashMap;
use std::sync::Arc;

use catalog::builtin::{self, LANGUAGE_INTERNAL, LANGUAGE_SQL, ProcKind, ProcRow};
use catalog::objects::{ObjectId, PG_CATALOG, PUBLIC, Privilege};
use catalog::privilege::{Target, check_privilege, has_column_grant};
use catalog::{Catalog, Table};
use functions::{CallCx, Scalar, SetReturning, Site};
use types::{Datum, Oid, Record, Result, SqlError};

pub(crate) use self::random::Random;
pub(crate) use self::reg::{
    Names, input as reg_input, is_reg_type, output as reg_output, prints_names,
};
pub(crate) use self::size::check_tablespace;
pub(crate) use self::xid::Xids;
use crate::chunk::Chunk;
use crate::expr::{Call, Expr, ExprKind};
use crate::session::SessionCx;

/// The implementation of a scalar function.
pub(crate) fn scalar(proc: &ProcRow) -> Option<Scalar> {
    if proc.lang == LANGUAGE_SQL {
        return size::sql_language(proc.name).or_else(|| describe::sql_language(proc.name));
    }
    let here = [
        info::scalar,
        describe::scalar,
        object::scalar,
        privilege::scalar,
        random::scalar,
        reg::scalar,
        acl::scalar,
        dsql::scalar,
        size::scalar,
        typmod::scalar,
        counters::scalar,
        xid::scalar,
        crate::sequence::scalar,
    ];
    here.iter()
        .find_map(|family| family(proc.src))
        .or_else(|| (proc.lang == LANGUAGE_INTERNAL).then(|| functions::scalar(proc.src)).flatten())
}

/// The implementation of a set-returning function.
pub(crate) fn set_returning(proc: &ProcRow) -> Option<SetReturning> {
    if proc.lang == LANGUAGE_SQL {
        return rows::sql_language(proc.name);
    }
    let here = [rows::set_returning, acl::set_returning, dsql::set_returning];
    here.iter().find_map(|family| family(proc.src)).or_else(|| {
        (proc.lang == LANGUAGE_INTERNAL).then(|| functions::set_returning(proc.src)).flatten()
    })
}

/// Whether a call of the function would find an implementation.
pub fn is_implemented(proc: &ProcRow) -> bool {
    match proc.kind {
        ProcKind::Aggregate => functions::aggregate(proc.oid).is_some(),
        ProcKind::Window => crate::execute::is_window_function(proc.src),
        ProcKind::Function | ProcKind::Procedure => {
            scalar(proc).is_some() || set_returning(proc).is_some()
        }
    }
}

/// A row value of named fields.
pub(crate) fn record<const N: usize>(fields: [(&str, Oid, Datum); N]) -> Datum {
    let fields = fields.into_iter().map(|(name, ty, value)| (Arc::from(name), ty, value));
    Datum::Record(Arc::new(Record { type_oid: types::oid::RECORD, fields: fields.collect() }))
}

/// The session behind a call.
///
/// # Errors
/// `XX000` where there is none (constant folding).
pub(crate) fn session<'a>(cx: &CallCx<'a>) -> Result<&'a SessionCx> {
    cx.session
        .downcast_ref::<SessionCx>()
        .ok_or_else(|| SqlError::internal("function called outside a session"))
}

/// A type's name as messages print it: with its modifier, if it has one.
pub(crate) fn format_type(catalog: &Catalog, ty: Oid, typmod: i32) -> String {
    let path = [PG_CATALOG, PUBLIC];
    catalog::describe::format_type(catalog, &path, ty, (typmod >= 0).then_some(typmod))
}

/// Appends the binary form of a value. Arrays of users' types are held as arrays of what these are over,
/// and say here of what they are.
pub(crate) fn send(catalog: &Catalog, value: &Datum, ty: Oid, out: &mut bytes::BytesMut) {
    if ty.0 >= catalog::objects::FIRST_USER_OID
        && let Datum::Array(array) = value
        && let Some(element) = catalog.element_type(ty)
    {
        return types::binary::send_array(array, element, out);
    }
    types::binary::send(value, ty, out);
}

/// Whether values of a type have an order.
pub(crate) fn has_ordering(ty: Oid) -> bool {
    builtin::sort_operators(ty).is_some()
}

/// Whether values of a type can be compared for equality.
pub(crate) fn has_equality(ty: Oid) -> bool {
    builtin::equality_operator(ty).is_some()
}

/// Rows of a relation of the catalog; `last_values` are those of sequences, for `pg_sequences`.
///
/// # Errors
/// What computing them raises.
pub(crate) fn relation_rows(
    cx: &SessionCx,
    relation: Oid,
    last_values: &HashMap<ObjectId, i64>,
) -> Result<Chunk> {
    let relation = catalog::system::relation_by_oid(relation)
        .ok_or_else(|| SqlError::internal("unknown catalog relation"))?;
    let mut chunk = Chunk::new(relation.columns.len());
    for row in rows::system_rows(cx, relation, last_values) {
        chunk.push(row);
    }
    Ok(chunk)
}

/// Fails unless the role may use names of a schema.
///
/// # Errors
/// `42501`.
pub(crate) fn check_schema_usage(cx: &SessionCx, schema: ObjectId) -> Result<()> {
    match cx.catalog.schema_by_oid(schema) {
        Some(schema) => {
            check_privilege(&cx.catalog, cx.role, Target::Schema(schema), Privilege::Usage)
        }
        None => Ok(()),
    }
}

/// Fails unless the role has a privilege on a table, or on some of its columns: on which is looked at
/// when all are known that a statement uses.
///
/// # Errors
/// `42501`.
pub(crate) fn check_table_privilege(
    cx: &SessionCx,
    table: &Table,
    privilege: Privilege,
) -> Result<()> {
    let some_column = table.live_columns().any(|(_, column)| {
        has_column_grant(&cx.catalog, cx.role, &column.grants, privilege, false)
    });
    if some_column {
        return Ok(());
    }
    check_privilege(&cx.catalog, cx.role, Target::Table(table), privilege)
}

/// As [`check_table_privilege`], for a view.
///
/// # Errors
/// `42501`.
pub(crate) fn check_view_privilege(
    cx: &SessionCx,
    view: &catalog::View,
    privilege: Privilege,
) -> Result<()> {
    let some_column = view
        .columns
        .iter()
        .any(|column| has_column_grant(&cx.catalog, cx.role, &column.grants, privilege, false));
    if some_column {
        return Ok(());
    }
    check_privilege(&cx.catalog, cx.role, Target::View(view), privilege)
}

/// Fails unless the role has a privilege on a sequence.
///
/// # Errors
/// `42501`.
pub(crate) fn check_sequence_privilege(
    cx: &SessionCx,
    sequence: &catalog::Sequence,
    privilege: Privilege,
) -> Result<()> {
    check_privilege(&cx.catalog, cx.role, Target::Sequence(sequence), privilege)
}

/// `expr` as `target`, through the cast function between them.
pub(crate) fn cast(expr: Expr, target: Oid) -> Option<Expr> {
    let row = builtin::cast(expr.ty, target)?;
    let proc = builtin::proc_by_oid(row.func)?;
    call(proc, vec![expr], target)
}

/// `left = right`, both of type `ty`.
pub(crate) fn equality(ty: Oid, left: Expr, right: Expr) -> Option<Expr> {
    let operator = builtin::operator("=", ty, ty)?;
    let proc = builtin::proc_by_oid(operator.func)?;
    call(proc, vec![left, right], types::oid::BOOL)
}

/// A call of a built-in function on arguments of its parameters' types.
pub(crate) fn call(proc: &'static ProcRow, args: Vec<Expr>, result_type: Oid) -> Option<Expr> {
    let function = scalar(proc)?;
    let site = Site { arg_types: args.iter().map(|arg| arg.ty).collect(), result_type };
    let call = Call { proc, function, site, args, operator: None };
    Some(Expr::new(ExprKind::Call(Box::new(call)), result_type))
}

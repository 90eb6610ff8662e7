//! `CREATE FUNCTION`, `ALTER FUNCTION`, `DROP FUNCTION`.

use std::sync::Arc;

use types::{Oid, Result, SqlError, SqlState};

use super::default_privileges::new_grants;
use super::depend::{Part, drop_parts, signature};
use super::{Cx, Outcome, QualifiedName, access_list, relation};
use crate::builtin;
use crate::describe::format_type;
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::snapshot::Object;

/// A function by name and, unless the name is unique, argument types.
#[derive(Clone, Debug)]
pub struct FunctionName {
    /// Name.
    pub name: QualifiedName,
    /// Types of its input arguments, if they are written.
    pub arguments: Option<Vec<Oid>>,
}

/// Creates or replaces a function; `function` lacks OID, schema and owner.
///
/// # Errors
/// `42723`, `42P13`, `3F000`, `42501`.
pub fn create_function(
    cx: Cx<'_>,
    name: &QualifiedName,
    replace: bool,
    function: &Function,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let schema = cx.creation_schema(name)?;
    let types = function.input_types();
    let same = |other: &&Arc<Function>| other.input_types() == types;
    cx.check_type_usage(function.returns)?;
    for argument in &function.arguments {
        cx.check_type_usage(argument.type_oid)?;
    }
    let before = cx.catalog.functions_named(schema.oid, &name.name).find(same);
    let mut function = Function {
        schema: schema.oid,
        name: name.name.clone(),
        owner: cx.role,
        ..function.clone()
    };
    match before {
        Some(_) if !replace => {
            return Err(SqlError::new(
                SqlState::DUPLICATE_FUNCTION,
                format!("function \"{}\" already exists with same argument types", name.name),
            ));
        }
        Some(before) => {
            privilege::check_owner(cx.catalog, cx.role, before.owner, "function", &before.name)?;
            check_replacement(cx, before, &function)?;
            function.oid = before.oid;
            function.owner = before.owner;
            function.grants.clone_from(&before.grants);
            function.comment.clone_from(&before.comment);
        }
        None => {
            function.oid = outcome.allocate();
            function.grants = new_grants(cx, DefaultGrantsKind::Functions, cx.role, schema.oid);
        }
    }
    outcome.created = Some(function.oid);
    outcome.put(Object::Function(Arc::new(function)));
    Ok(outcome)
}

/// Whether a function can be replaced by another.
///
/// Source: PostgreSQL 16 `ProcedureCreate`, `src/backend/catalog/pg_proc.c`.
fn check_replacement(cx: Cx<'_>, before: &Function, after: &Function) -> Result<()> {
    let refuse = |message: String| {
        SqlError::new(SqlState::INVALID_FUNCTION_DEFINITION, message)
            .hint(format!("Use DROP FUNCTION {} first.", signature(cx, before.oid)))
    };
    let rows = |function: &Function| -> Vec<(Option<String>, u32)> {
        let outputs = function.outputs();
        outputs.map(|output| (output.name.clone(), output.type_oid)).collect()
    };
    if before.window != after.window {
        let kind = if before.window { "window function" } else { "function" };
        return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, "cannot change routine kind")
            .detail(format!("\"{}\" is a {kind}.", before.name)));
    }
    if before.returns != after.returns || before.returns_set != after.returns_set {
        return Err(refuse("cannot change return type of existing function".into()));
    }
    if rows(before) != rows(after) {
        return Err(refuse("cannot change return type of existing function".into())
            .detail("Row type defined by OUT parameters is different."));
    }
    for (old, new) in before.inputs().zip(after.inputs()) {
        if let Some(name) = &old.name
            && old.name != new.name
        {
            return Err(refuse(format!("cannot change name of input parameter \"{name}\"")));
        }
    }
    let defaults = |function: &Function| function.inputs().filter(|a| a.default.is_some()).count();
    if defaults(after) < defaults(before) {
        return Err(refuse("cannot remove parameter defaults from existing function".into()));
    }
    Ok(())
}

/// The function that a name means.
///
/// # Errors
/// `42883`, `42725`, `3F000`.
pub(super) fn find<'a>(
    cx: Cx<'a>,
    kind: &str,
    name: &FunctionName,
) -> Result<Option<&'a Arc<Function>>> {
    let FunctionName { name, arguments } = name;
    let schemas: Vec<ObjectId> = match &name.schema {
        Some(schema) => {
            let schema = cx.schema(schema)?;
            let target = Target::Schema(schema);
            privilege::check_privilege(cx.catalog, cx.role, target, Privilege::Usage)?;
            vec![schema.oid]
        }
        None => cx.search_path.to_vec(),
    };
    let all = schemas.iter().flat_map(|oid| cx.catalog.functions_named(*oid, &name.name));
    match arguments {
        Some(arguments) => {
            let wanted: Vec<u32> = arguments.iter().map(|ty| ty.0).collect();
            let mut all = all;
            let found = all.find(|function| function.input_types() == wanted);
            if found.is_none() && built_in(name, Some(arguments)) > 0 {
                return Err(not_owner(kind, name));
            }
            Ok(found)
        }
        None => {
            let all: Vec<&Arc<Function>> = all.collect();
            match all.as_slice() {
                [] => match built_in(name, None) {
                    0 => Ok(None),
                    1 => Err(not_owner(kind, name)),
                    _ => Err(ambiguous(kind, name)),
                },
                [only] => Ok(Some(only)),
                _ => Err(ambiguous(kind, name)),
            }
        }
    }
}

fn ambiguous(kind: &str, name: &QualifiedName) -> SqlError {
    let message = format!("{kind} name \"{name}\" is not unique");
    SqlError::new(SqlState::AMBIGUOUS_FUNCTION, message)
        .hint(format!("Specify the argument list to select the {kind} unambiguously."))
}

/// How many built-in functions a name may mean.
fn built_in(name: &QualifiedName, arguments: Option<&Vec<Oid>>) -> usize {
    let procs = builtin::procs_by_name(&name.name).iter().filter(|proc| {
        let schema = match proc.schema {
            PG_CATALOG => "pg_catalog",
            SYS => "sys",
            _ => return false,
        };
        let in_sight = match &name.schema {
            Some(written) => written == schema,
            None => proc.schema == PG_CATALOG,
        };
        in_sight && arguments.is_none_or(|arguments| proc.args == arguments.as_slice())
    });
    procs.count()
}

fn not_owner(kind: &str, name: &QualifiedName) -> SqlError {
    SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, format!("must be owner of {kind} {name}"))
}

/// `function f(integer) does not exist`.
pub(super) fn missing(cx: Cx<'_>, kind: &str, name: &FunctionName) -> SqlError {
    let message = match &name.arguments {
        Some(arguments) => {
            let types: Vec<String> = arguments
                .iter()
                .map(|ty| format_type(cx.catalog, cx.search_path, *ty, None))
                .collect();
            format!("{kind} {}({}) does not exist", name.name, types.join(", "))
        }
        None => format!("could not find a {kind} named \"{}\"", name.name),
    };
    SqlError::new(SqlState::UNDEFINED_FUNCTION, message)
}

/// Drops functions, with `cascade` all that depends on them. `kind` is `function` or `routine`.
///
/// # Errors
/// `42883`, `42725`, `3F000`, `42501`; `2BP01` if something depends on them.
pub fn drop_functions(
    cx: Cx<'_>,
    kind: &str,
    names: &[FunctionName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let mut parts = Vec::new();
    for name in names {
        let found = match find(cx, kind, name) {
            Err(error) if if_exists && error.code() == SqlState::INVALID_SCHEMA_NAME => {
                outcome.skip_missing(format!("{}, skipping", error.message()));
                continue;
            }
            found => found?,
        };
        let Some(function) = found else {
            let error = missing(cx, kind, name);
            if if_exists {
                let types = name.arguments.iter().flatten();
                let types: Vec<String> =
                    types.map(|ty| format_type(cx.catalog, cx.search_path, *ty, None)).collect();
                outcome.skip_missing(format!(
                    "{kind} {}({}) does not exist, skipping",
                    name.name,
                    types.join(",")
                ));
                continue;
            }
            return Err(error);
        };
        let schema_owner = cx.catalog.schema_by_oid(function.schema).map(|schema| schema.owner);
        if !schema_owner.is_some_and(|o| privilege::has_privileges_of(cx.catalog, cx.role, o)) {
            let written = name.name.to_string();
            privilege::check_owner(cx.catalog, cx.role, function.owner, kind, &written)?;
        }
        let part = Part::Function(function.oid);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    drop_parts(cx, &mut outcome, &parts, cascade, None)?;
    Ok(outcome)
}

/// What `ALTER FUNCTION` changes.
#[derive(Clone, Debug)]
pub enum FunctionChange {
    /// `RENAME TO`.
    Rename(String),
    /// `OWNER TO`.
    Owner(String),
    /// `SET SCHEMA`.
    Schema(String),
}

/// `ALTER FUNCTION … RENAME TO`, `OWNER TO`, `SET SCHEMA`.
///
/// # Errors
/// `42883`, `42725`, `42723`, `3F000`, `42704`, `42501`.
pub fn alter_function(
    cx: Cx<'_>,
    kind: &str,
    name: &FunctionName,
    change: &FunctionChange,
) -> Result<Outcome> {
    let mut outcome = Outcome::new(cx);
    let function = find(cx, kind, name)?.ok_or_else(|| missing(cx, kind, name))?;
    privilege::check_owner(cx.catalog, cx.role, function.owner, kind, &function.name)?;
    let mut changed = Function::clone(function);
    match change {
        FunctionChange::Rename(to) => changed.name.clone_from(to),
        FunctionChange::Owner(role) => {
            let owner = cx.role(role)?.oid;
            if owner == changed.owner {
                return Ok(outcome);
            }
            relation::check_owner_change(cx, changed.schema, owner)?;
            access_list::change_owner(&mut changed.grants, changed.owner, owner);
            changed.owner = owner;
        }
        FunctionChange::Schema(schema) => {
            let schema = cx.schema(schema)?;
            cx.check_create(schema)?;
            changed.schema = schema.oid;
        }
    }
    let types = changed.input_types();
    let clash = cx
        .catalog
        .functions_named(changed.schema, &changed.name)
        .any(|other| other.oid != changed.oid && other.input_types() == types);
    if clash {
        let types: Vec<String> = types
            .iter()
            .map(|ty| format_type(cx.catalog, cx.search_path, Oid(*ty), None))
            .collect();
        let schema = cx.catalog.schema_by_oid(changed.schema).map_or("", |s| &s.name);
        return Err(SqlError::new(
            SqlState::DUPLICATE_FUNCTION,
            format!(
                "function {}({}) already exists in schema \"{schema}\"",
                changed.name,
                types.join(", ")
            ),
        ));
    }
    outcome.put(Object::Function(Arc::new(changed)));
    Ok(outcome)
}

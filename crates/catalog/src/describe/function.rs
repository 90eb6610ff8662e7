//! Signatures and definitions of functions.

use types::{Oid, Result, SqlError, SqlState};

use super::routine::{Body, Definition, Routine};
use super::{Print, Purpose, Stored, format_type, schema_name};
use crate::builtin::{
    AggregateKind, LANGUAGE_SQL, ProcKind, aggregate, proc_by_oid, quote_identifier, quote_literal,
    quote_qualified,
};
use crate::objects::*;
use crate::snapshot::Catalog;

/// What signatures are printed with: the catalog, the search path by which the names of types are
/// qualified, and how stored texts are printed.
#[derive(Clone, Copy)]
pub struct SignatureCx<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// The search path.
    pub search_path: &'a [ObjectId],
    /// Prints stored texts.
    pub print: Print<'a>,
}

impl SignatureCx<'_> {
    fn type_name(&self, ty: Oid) -> String {
        format_type(self.catalog, self.search_path, ty, None)
    }

    /// A default as it is shown.
    pub(crate) fn default(&self, default: Body<'_>) -> String {
        match default {
            Body::Printed(text) => text.to_owned(),
            Body::Stored(sql) => (self.print)(Stored::Value(sql, Purpose::Value)),
        }
    }
}

/// `pg_get_function_arguments`: `IN a integer, VARIADIC b text[] DEFAULT …` with names and
/// defaults.
pub fn pg_get_function_arguments(cx: SignatureCx<'_>, function: ObjectId) -> Option<String> {
    Some(arguments(cx, &Routine::by_oid(cx.catalog, function)?, false, true))
}

/// `pg_get_function_identity_arguments`: the same without defaults.
pub fn pg_get_function_identity_arguments(
    cx: SignatureCx<'_>,
    function: ObjectId,
) -> Option<String> {
    Some(arguments(cx, &Routine::by_oid(cx.catalog, function)?, false, false))
}

/// `pg_get_function_result`: `SETOF integer`, `TABLE(a integer)`; `None` for a procedure.
pub fn pg_get_function_result(cx: SignatureCx<'_>, function: ObjectId) -> Option<String> {
    let routine = Routine::by_oid(cx.catalog, function)?;
    (routine.kind != ProcKind::Procedure).then(|| result(cx, &routine))
}

fn result(cx: SignatureCx<'_>, routine: &Routine<'_>) -> String {
    let is_table = routine.parameters.iter().any(|parameter| parameter.mode == b't');
    if routine.returns_set && is_table {
        return format!("TABLE({})", arguments(cx, routine, true, false));
    }
    let set = if routine.returns_set { "SETOF " } else { "" };
    set.to_owned() + &cx.type_name(routine.returns)
}

/// Source: PostgreSQL 16 `print_function_arguments`, `src/backend/utils/adt/ruleutils.c`.
fn arguments(cx: SignatureCx<'_>, routine: &Routine<'_>, table: bool, defaults: bool) -> String {
    let parameters = &routine.parameters;
    let order_by = aggregate(Oid(routine.oid))
        .filter(|row| row.kind != AggregateKind::Normal)
        .and_then(|row| usize::try_from(row.direct_args).ok());
    let (mut out, mut printed, mut at) = (String::new(), 0, 0);
    let mut repeated = false;
    while let Some(parameter) = parameters.get(at) {
        at += 1;
        if table != (parameter.mode == b't') {
            continue;
        }
        if order_by == Some(printed) {
            out += if printed > 0 { " ORDER BY " } else { "ORDER BY " };
        } else if printed > 0 {
            out += ", ";
        }
        out += match parameter.mode {
            b'i' if routine.kind == ProcKind::Procedure => "IN ",
            b'o' => "OUT ",
            b'b' => "INOUT ",
            b'v' => "VARIADIC ",
            _ => "",
        };
        if !parameter.name.is_empty() {
            out += &quote_identifier(parameter.name);
            out.push(' ');
        }
        out += &cx.type_name(parameter.type_oid);
        if defaults
            && !repeated
            && let Some(default) = parameter.default
        {
            out += " DEFAULT ";
            out += &cx.default(default);
        }
        printed += 1;
        // A variadic ordered-set aggregate takes its last argument as both lists.
        if order_by == Some(printed) && at == parameters.len() && !repeated {
            at -= 1;
            repeated = true;
        }
    }
    out
}

/// `pg_get_function_arg_default(function, position)`, the position among all parameters.
pub fn pg_get_function_arg_default(
    cx: SignatureCx<'_>,
    function: ObjectId,
    position: usize,
) -> Option<String> {
    let routine = Routine::by_oid(cx.catalog, function)?;
    let parameter = routine.parameters.get(position.checked_sub(1)?)?;
    Some(cx.default(parameter.default?))
}

/// `pg_get_function_sqlbody`: `RETURN …` or `BEGIN ATOMIC … END`.
pub fn pg_get_function_sqlbody(cx: SignatureCx<'_>, function: ObjectId) -> Option<String> {
    sql_body(cx, &Routine::by_oid(cx.catalog, function)?)
}

fn sql_body(cx: SignatureCx<'_>, routine: &Routine<'_>) -> Option<String> {
    Some(match (routine.body?, routine.definition) {
        (Body::Printed(text), _) => text.to_owned(),
        (Body::Stored(body), Definition::User(function)) => {
            (cx.print)(Stored::Body(function, body))
        }
        (Body::Stored(body), Definition::Builtin(_)) => body.text.clone(),
    })
}

/// `pg_get_functiondef`: the statement that would create a function.
///
/// # Errors
/// `42809` for an aggregate.
///
/// Source: PostgreSQL 16 `pg_get_functiondef`, `src/backend/utils/adt/ruleutils.c`.
pub fn pg_get_functiondef(cx: SignatureCx<'_>, function: ObjectId) -> Result<Option<String>> {
    let Some(routine) = Routine::by_oid(cx.catalog, function) else { return Ok(None) };
    if routine.kind == ProcKind::Aggregate {
        return Err(SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{}\" is an aggregate function", routine.name),
        ));
    }
    let procedure = routine.kind == ProcKind::Procedure;
    let mut out = format!(
        "CREATE OR REPLACE {} {}({})\n",
        if procedure { "PROCEDURE" } else { "FUNCTION" },
        quote_qualified(schema_name(cx.catalog, routine.schema), routine.name),
        arguments(cx, &routine, false, true),
    );
    if !procedure {
        out += &format!(" RETURNS {}\n", result(cx, &routine));
    }
    out += &format!(" LANGUAGE {}\n", routine.language_name());
    let flags = flags(&routine);
    if !flags.is_empty() {
        out += &format!(" {}\n", flags.join(" "));
    }
    for (name, value) in routine.settings {
        out += &format!(" SET {} TO {}\n", quote_identifier(name), setting(name, value));
    }
    match sql_body(cx, &routine) {
        Some(body) => out += &body,
        None => {
            out += "AS ";
            if let Some(library) = routine.library {
                out += &format!("{}, ", quote_literal(library));
            }
            let mut tag = if procedure { "procedure" } else { "function" }.to_owned();
            while routine.source.contains(&format!("${tag}$")) {
                tag.push('x');
            }
            out += &format!("${tag}${}${tag}$", routine.source);
        }
    }
    Ok(Some(out + "\n"))
}

/// The attributes of a function that are not the default ones.
fn flags(routine: &Routine<'_>) -> Vec<String> {
    let mut flags = Vec::new();
    let mut flag = |is: bool, text: &str| {
        if is {
            flags.push(text.to_owned());
        }
    };
    let cost = if routine.language == LANGUAGE_SQL { 100.0 } else { 1.0 };
    flag(routine.kind == ProcKind::Window, "WINDOW");
    flag(routine.volatility == 'i', "IMMUTABLE");
    flag(routine.volatility == 's', "STABLE");
    flag(routine.parallel == 's', "PARALLEL SAFE");
    flag(routine.parallel == 'r', "PARALLEL RESTRICTED");
    flag(routine.strict, "STRICT");
    flag(routine.security_definer, "SECURITY DEFINER");
    flag(routine.leakproof, "LEAKPROOF");
    flag(routine.cost != cost, &format!("COST {}", routine.cost));
    flag(routine.returns_set && routine.rows != 1000.0, &format!("ROWS {}", routine.rows));
    if let Some(support) = proc_by_oid(routine.support) {
        flag(true, &format!("SUPPORT {}", support.name));
    }
    flags
}

/// A parameter's value in `SET … TO`: lists of names are taken apart.
fn setting(name: &str, value: &str) -> String {
    match name.eq_ignore_ascii_case("search_path") {
        true => {
            let items = value.split(',').map(str::trim);
            let bare = |item: &str| item.trim_matches('"').replace("\"\"", "\"");
            items.map(|item| quote_literal(&bare(item))).collect::<Vec<_>>().join(", ")
        }
        false => quote_literal(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `oid|arguments|identity arguments|result` of the functions with names, modes, defaults,
    /// and of all aggregates, from PostgreSQL 16.14.
    const EXPECTED: &str = include_str!("../../tests/data/function_signatures.txt");

    #[test]
    fn as_postgresql() {
        let catalog = Catalog::new();
        let cx = SignatureCx {
            catalog: &catalog,
            search_path: &[PG_CATALOG],
            print: &|stored| panic!("{stored:?} is not built in"),
        };
        for line in EXPECTED.lines() {
            let parts: Vec<&str> = line.split('|').collect();
            let oid = parts[0].parse().unwrap();
            assert_eq!(pg_get_function_arguments(cx, oid).unwrap(), parts[1], "{line}");
            assert_eq!(pg_get_function_identity_arguments(cx, oid).unwrap(), parts[2], "{line}");
            assert_eq!(pg_get_function_result(cx, oid).unwrap(), parts[3], "{line}");
        }
        let wait = crate::builtin::procs_by_name("wait_for_job")[0].oid.0;
        assert_eq!(
            pg_get_function_arguments(cx, wait).unwrap(),
            "IN job_id text, OUT succeeded boolean"
        );
        assert_eq!(pg_get_function_result(cx, wait), None);
    }
}

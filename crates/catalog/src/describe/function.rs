//! Signatures of functions.

use types::Oid;

use crate::builtin::{
    AggregateKind, ProcKind, ProcRow, aggregate, format_type, proc_by_oid, quote_identifier,
};

/// `pg_get_function_arguments`: `IN a integer, VARIADIC b text[] DEFAULT …` with names and
/// defaults.
pub fn pg_get_function_arguments(function: Oid) -> Option<String> {
    Some(arguments(proc_by_oid(function)?, false, true))
}

/// `pg_get_function_identity_arguments`: the same without defaults.
pub fn pg_get_function_identity_arguments(function: Oid) -> Option<String> {
    Some(arguments(proc_by_oid(function)?, false, false))
}

/// `pg_get_function_result`: `SETOF integer`, `TABLE(a integer)`; `None` for a procedure.
pub fn pg_get_function_result(function: Oid) -> Option<String> {
    let proc = proc_by_oid(function)?;
    if proc.kind == ProcKind::Procedure {
        return None;
    }
    if proc.retset && proc.modes.contains(&b't') {
        return Some(format!("TABLE({})", arguments(proc, true, false)));
    }
    let set = if proc.retset { "SETOF " } else { "" };
    Some(set.to_owned() + &format_type(proc.ret, None))
}

/// Source: PostgreSQL 16 `print_function_arguments`, `src/backend/utils/adt/ruleutils.c`.
fn arguments(proc: &ProcRow, table: bool, defaults: bool) -> String {
    let types = if proc.all_args.is_empty() { proc.args } else { proc.all_args };
    let order_by = aggregate(proc.oid)
        .filter(|row| row.kind != AggregateKind::Normal)
        .and_then(|row| usize::try_from(row.direct_args).ok());
    let without_default = proc.args.len() - proc.defaults.len();
    let (mut out, mut printed, mut input) = (String::new(), 0, 0);
    let mut at = 0;
    let mut repeated = false;
    while let Some(ty) = types.get(at) {
        let mode = proc.modes.get(at).copied().unwrap_or(b'i');
        let is_input = matches!(mode, b'i' | b'b' | b'v');
        input += usize::from(is_input);
        at += 1;
        if table != (mode == b't') {
            continue;
        }
        if order_by == Some(printed) {
            out += if printed > 0 { " ORDER BY " } else { "ORDER BY " };
        } else if printed > 0 {
            out += ", ";
        }
        out += match mode {
            b'i' if proc.kind == ProcKind::Procedure => "IN ",
            b'o' => "OUT ",
            b'b' => "INOUT ",
            b'v' => "VARIADIC ",
            _ => "",
        };
        if let Some(name) = proc.names.get(at - 1).filter(|name| !name.is_empty()) {
            out += &quote_identifier(name);
            out.push(' ');
        }
        out += &format_type(*ty, None);
        if defaults
            && is_input
            && !repeated
            && let Some(default) =
                input.checked_sub(without_default + 1).and_then(|at| proc.defaults.get(at))
        {
            out += " DEFAULT ";
            out += default;
        }
        printed += 1;
        // A variadic ordered-set aggregate takes its last argument as both lists.
        if order_by == Some(printed) && at == types.len() && !repeated {
            at -= 1;
            repeated = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `oid|arguments|identity arguments|result` of the functions with names, modes, defaults,
    /// and of all aggregates, from PostgreSQL 16.14.
    const EXPECTED: &str = include_str!("../../tests/data/function_signatures.txt");

    #[test]
    fn as_postgresql() {
        for line in EXPECTED.lines() {
            let parts: Vec<&str> = line.split('|').collect();
            let oid = Oid(parts[0].parse().unwrap());
            assert_eq!(pg_get_function_arguments(oid).unwrap(), parts[1], "{line}");
            assert_eq!(pg_get_function_identity_arguments(oid).unwrap(), parts[2], "{line}");
            assert_eq!(pg_get_function_result(oid).unwrap(), parts[3], "{line}");
        }
        let wait = crate::builtin::procs_by_name("wait_for_job")[0].oid;
        assert_eq!(
            pg_get_function_arguments(wait).unwrap(),
            "IN job_id text, OUT succeeded boolean"
        );
        assert_eq!(pg_get_function_result(wait), None);
    }
}

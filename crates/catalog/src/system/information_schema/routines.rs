//! `routines`, `parameters`.

use super::{names, owns, yes_or_no};
use crate::builtin::{LANGUAGE_C, LANGUAGE_SQL, ProcKind};
use crate::describe::{Definition, Routine, SignatureCx};
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::system::SystemCx;
use crate::system::fill::{Rows, int2};
use crate::system::relation::type_names;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "routines" => routines(cx, out),
        "parameters" => parameters(cx, out),
        _ => return false,
    }
    true
}

/// The routines that the current role may execute.
pub(super) fn visible<'a>(cx: &'a SystemCx<'_>) -> impl Iterator<Item = Routine<'a>> {
    Routine::all(cx.catalog).filter(|routine| match routine.definition {
        Definition::Builtin(_) => true,
        Definition::User(function) => {
            let target = Target::Function(function);
            owns(cx, function.owner)
                || privilege::has_privilege(cx.catalog, cx.role, target, Privilege::Execute)
        }
    })
}

fn routines(cx: &SystemCx<'_>, out: &mut Rows) {
    for routine in visible(cx) {
        // PostgreSQL shows aggregates and window functions with no type of routine.
        let kind = match routine.kind {
            ProcKind::Function => Some("FUNCTION"),
            ProcKind::Procedure => Some("PROCEDURE"),
            ProcKind::Aggregate | ProcKind::Window => None,
        };
        let is_procedure = routine.kind == ProcKind::Procedure;
        out.row(|row| {
            names(cx, row, "specific", routine.schema, routine.specific_name());
            names(cx, row, "routine", routine.schema, routine.name);
            row.set("routine_type", kind);
            if let Some(ty) = type_names(cx, routine.returns).filter(|_| !is_procedure) {
                row.set("data_type", ty.data_type);
                names(cx, row, "type_udt", ty.schema, ty.name);
                row.set("dtd_identifier", "0");
            }
            let sql = routine.language == LANGUAGE_SQL;
            row.set("routine_body", if sql { "SQL" } else { "EXTERNAL" })
                .set("routine_definition", owns(cx, routine.owner).then_some(routine.source))
                .set("external_name", (routine.language == LANGUAGE_C).then_some(routine.source))
                .set("external_language", routine.language_name().to_ascii_uppercase())
                .set("parameter_style", "GENERAL")
                .set("is_deterministic", yes_or_no(routine.is_immutable()))
                .set("sql_data_access", "MODIFIES")
                .set("is_null_call", (!is_procedure).then(|| yes_or_no(routine.strict)))
                .set("schema_level_routine", "YES")
                .set("max_dynamic_result_sets", 0)
                .set("security_type", if routine.security_definer { "DEFINER" } else { "INVOKER" })
                .set("as_locator", "NO")
                .set("is_udt_dependent", "NO");
        });
    }
}

fn parameters(cx: &SystemCx<'_>, out: &mut Rows) {
    let signatures =
        SignatureCx { catalog: cx.catalog, search_path: cx.search_path, print: cx.print };
    for routine in visible(cx) {
        let owned = owns(cx, routine.owner);
        for (at, parameter) in routine.parameters.iter().enumerate() {
            let Some(ty) = type_names(cx, parameter.type_oid) else { continue };
            let mode = match parameter.mode {
                b'o' | b't' => "OUT",
                b'b' => "INOUT",
                _ => "IN",
            };
            let default = parameter.default.filter(|_| owned);
            out.row(|row| {
                names(cx, row, "specific", routine.schema, routine.specific_name());
                row.set("ordinal_position", i32::from(int2(at + 1)))
                    .set("parameter_mode", mode)
                    .set("is_result", "NO")
                    .set("as_locator", "NO")
                    .set("parameter_name", Some(parameter.name).filter(|name| !name.is_empty()))
                    .set("data_type", ty.data_type);
                names(cx, row, "udt", ty.schema, ty.name);
                row.set("dtd_identifier", (at + 1).to_string())
                    .set("parameter_default", default.map(|default| signatures.default(default)));
            });
        }
    }
}

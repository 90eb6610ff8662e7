//! What can be called to get a value of a type: the functions, operators and aggregates of
//! PostgreSQL 16's own catalog that Borealis implements and whose results depend on nothing else.

use std::collections::HashMap;
use std::sync::OnceLock;

use catalog::builtin::{self, AggregateKind, ProcKind, ProcRow, Volatility};
use types::{Oid, oid};

use super::kinds;

/// Something to call.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) args: Vec<Oid>,
    pub(super) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Function,
    Infix,
    Prefix,
}

/// Names of functions whose results tell of the server, the session or its implementation, or whose
/// work grows without bound with a number.
const LEFT_OUT: [&str; 40] = [
    "age",
    "now",
    "timeofday",
    "current_schema",
    "current_schemas",
    "current_setting",
    "version",
    "current_database",
    "current_user",
    "session_user",
    "getdatabaseencoding",
    "random",
    "gen_random_uuid",
    "repeat",
    "lpad",
    "rpad",
    "factorial",
    "set_config",
    "hashtext",
    "getpgusername",
    "col_description",
    "obj_description",
    "shobj_description",
    "format_type",
    "row_security_active",
    "json_populate_record",
    "query_to_xml",
    "table_to_xml",
    "database_to_xml",
    "schema_to_xml",
    "xpath",
    "xpath_exists",
    "numeric_send",
    "power",
    "pow",
    "exp",
    "^",
    "dexp",
    "dpow",
    "numeric_power",
];

const PREFIXES_LEFT_OUT: [&str; 22] = [
    "pg_",
    "has_",
    "inet",
    "to_reg",
    "txid_",
    "lo_",
    "ts_",
    "xml",
    "cursor_",
    "query_",
    "table_",
    "schema_",
    "database_",
    "currtid",
    "binary_upgrade",
    "brin_",
    "gin",
    "gist",
    "spg",
    "lowrite",
    "hash",
    "uuid_hash",
];

fn is_left_out(name: &str) -> bool {
    // The sign of a comparison counts, not its value.
    name.ends_with("cmp")
        || name.contains("_cmp_")
        || name.ends_with("_timestamp")
        || LEFT_OUT.contains(&name)
        || PREFIXES_LEFT_OUT.iter().any(|prefix| name.starts_with(prefix))
}

fn is_known(ty: Oid) -> bool {
    kinds::STORED.contains(&ty) || kinds::COMPUTED.contains(&ty)
}

/// Polymorphic parameters made concrete.
fn concrete(ty: Oid) -> Oid {
    match ty.0 {
        2283 | 2776 | 5077 | 5079 => oid::INT4,
        2277 | 5078 => oid::INT4_ARRAY,
        2276 => oid::TEXT,
        _ => ty,
    }
}

fn implemented(proc: &ProcRow) -> bool {
    functions::scalar(proc.src).is_some()
}

/// Scalar calls, by the type of their result.
pub(super) fn scalars() -> &'static HashMap<Oid, Vec<Signature>> {
    static SIGNATURES: OnceLock<HashMap<Oid, Vec<Signature>>> = OnceLock::new();
    SIGNATURES.get_or_init(|| {
        let mut found: HashMap<Oid, Vec<Signature>> = HashMap::new();
        let mut add = |result: Oid, name, args: Vec<Oid>, form| {
            let (result, args): (Oid, Vec<Oid>) =
                (concrete(result), args.into_iter().map(concrete).collect());
            if is_known(result) && args.iter().all(|ty| is_known(*ty)) {
                found.entry(result).or_default().push(Signature { name, args, form });
            }
        };
        for proc in builtin::procs() {
            let plain = proc.kind == ProcKind::Function
                && !proc.retset
                && proc.volatility != Volatility::Volatile
                && proc.schema == catalog::objects::PG_CATALOG
                && implemented(proc)
                && !proc.args.contains(&oid::CSTRING)
                && !is_left_out(proc.name)
                // Casts to a length are called by the parser only.
                && !(proc.args.len() > 1 && builtin::type_by_name(proc.name).is_some());
            if plain {
                add(proc.ret, proc.name, proc.args.to_vec(), Form::Function);
            }
        }
        for row in builtin::operators() {
            let usable =
                builtin::proc_by_oid(row.func).is_some_and(implemented) && !is_left_out(row.name);
            if usable && row.prefix {
                add(row.result, row.name, vec![row.right], Form::Prefix);
            } else if usable {
                // Operators are what queries are made of: more often than functions.
                for _ in 0..5 {
                    add(row.result, row.name, vec![row.left, row.right], Form::Infix);
                }
            }
        }
        found
    })
}

/// Aggregates, by the type of their result.
pub(super) fn aggregates() -> &'static HashMap<Oid, Vec<Signature>> {
    static SIGNATURES: OnceLock<HashMap<Oid, Vec<Signature>>> = OnceLock::new();
    SIGNATURES.get_or_init(|| {
        let mut found: HashMap<Oid, Vec<Signature>> = HashMap::new();
        for row in builtin::aggregates() {
            let Some(proc) = builtin::proc_by_oid(row.func) else { continue };
            let (result, args) = (concrete(proc.ret), proc.args.iter().map(|ty| concrete(*ty)));
            let args: Vec<Oid> = args.collect();
            let usable = row.kind == AggregateKind::Normal
                && functions::aggregate(row.func).is_some()
                && is_known(result)
                && args.iter().all(|ty| is_known(*ty));
            if usable {
                let form = Form::Function;
                found.entry(result).or_default().push(Signature { name: proc.name, args, form });
            }
        }
        found
    })
}

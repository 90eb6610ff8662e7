//! `has_…_privilege` and `pg_has_role`.

use types::{Result, SqlError, SqlState};

use crate::builtin::{self, SystemRelation};
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::snapshot::Catalog;

/// Reads `'SELECT, INSERT WITH GRANT OPTION'`: each word in `known`, and whether with grant option.
///
/// # Errors
/// `22023` `unrecognized privilege type: "x"`.
fn parse(text: &str, known: &[&'static str]) -> Result<Vec<(&'static str, bool)>> {
    text.split(',')
        .map(|part| {
            let part = part.trim_ascii();
            let upper = part.to_ascii_uppercase();
            let (word, option) = match upper.strip_suffix(" WITH GRANT OPTION") {
                Some(word) => (word, true),
                None => (upper.as_str(), false),
            };
            known.iter().find(|other| **other == word).map(|word| (*word, option)).ok_or_else(
                || {
                    SqlError::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!("unrecognized privilege type: \"{part}\""),
                    )
                },
            )
        })
        .collect()
}

fn any(
    text: &str,
    known: &[&'static str],
    holds: impl Fn(Privilege, bool) -> bool,
) -> Result<bool> {
    Ok(parse(text, known)?.into_iter().any(|(word, option)| {
        Privilege::from_sql(word).is_some_and(|privilege| holds(privilege, option))
    }))
}

/// RULE is there for the old, and never held.
const TABLE: &[&str] =
    &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "RULE"];
const COLUMN: &[&str] = &["SELECT", "INSERT", "UPDATE", "REFERENCES"];

/// A relation of users as what privileges are held on.
fn relation_target(catalog: &Catalog, relation: ObjectId) -> Option<Target<'_>> {
    if let Some(table) = catalog.table_by_oid(relation) {
        return Some(Target::Table(table));
    }
    if let Some(view) = catalog.view_by_oid(relation) {
        return Some(Target::View(view));
    }
    catalog.sequence_by_oid(relation).map(|sequence| Target::Sequence(sequence))
}

/// Whether a role holds a privilege, or may grant it on.
fn holds(
    catalog: &Catalog,
    role: ObjectId,
    target: Target<'_>,
    privilege: Privilege,
    grantable: bool,
) -> bool {
    match grantable {
        true => privilege::has_grant_option(catalog, role, target, privilege),
        false => privilege::has_privilege(catalog, role, target, privilege),
    }
}

/// Whether a role holds a privilege on a relation; `None` if there is none such.
pub fn relation_privilege(
    catalog: &Catalog,
    role: ObjectId,
    relation: ObjectId,
    privilege: Privilege,
    grantable: bool,
) -> Option<bool> {
    if let Some(target) = relation_target(catalog, relation) {
        return Some(holds(catalog, role, target, privilege, grantable));
    }
    let relation = builtin::relation_by_oid(types::Oid(relation))?;
    let everybody = privilege == Privilege::Select && !grantable && is_readable(relation);
    Some(role == BOOTSTRAP_ROLE || everybody)
}

/// Whether everybody may read a system relation: the others tell secrets of the server.
pub fn is_readable(relation: &SystemRelation) -> bool {
    !matches!(
        relation.name,
        "pg_authid"
            | "pg_backend_memory_contexts"
            | "pg_config"
            | "pg_file_settings"
            | "pg_hba_file_rules"
            | "pg_ident_file_mappings"
            | "pg_largeobject"
            | "pg_replication_origin_status"
            | "pg_shmem_allocations"
            | "pg_statistic"
            | "pg_statistic_ext_data"
            | "pg_subscription"
            | "pg_user_mapping"
    )
}

/// What is granted on a system relation.
pub fn system_grants(relation: &SystemRelation) -> Vec<Grant> {
    let grant = |grantee, privileges: &[Privilege]| Grant {
        grantee,
        grantor: BOOTSTRAP_ROLE,
        privileges: privileges.iter().map(|privilege| (*privilege, false)).collect(),
    };
    let mut grants = vec![grant(Some(BOOTSTRAP_ROLE), privilege::TABLE_PRIVILEGES)];
    if is_readable(relation) {
        grants.push(grant(None, &[Privilege::Select]));
    }
    grants
}

/// `has_table_privilege(role, relation, privileges)`: whether any of them is held.
///
/// # Errors
/// `22023` for an unknown privilege.
pub fn has_table_privilege(
    catalog: &Catalog,
    role: ObjectId,
    relation: ObjectId,
    privileges: &str,
) -> Result<Option<bool>> {
    on_relation(catalog, role, relation, privileges, TABLE)
}

/// `has_column_privilege` of the column at a position, and `has_any_column_privilege` (`None`).
///
/// # Errors
/// `22023` for an unknown privilege.
pub fn has_column_privilege(
    catalog: &Catalog,
    role: ObjectId,
    relation: ObjectId,
    column: Option<usize>,
    privileges: &str,
) -> Result<Option<bool>> {
    let whole = on_relation(catalog, role, relation, privileges, COLUMN)?;
    let lists: Vec<&Grants> = match (catalog.table_by_oid(relation), catalog.view_by_oid(relation))
    {
        (Some(table), _) => table
            .live_columns()
            .filter(|(at, _)| column.is_none_or(|c| c == *at))
            .map(|(_, column)| &column.grants)
            .collect(),
        (None, Some(view)) => {
            let columns = view.columns.iter().enumerate();
            let asked = columns.filter(|(at, _)| column.is_none_or(|c| c == *at));
            asked.map(|(_, column)| &column.grants).collect()
        }
        (None, None) => return Ok(whole),
    };
    let by_column = any(privileges, COLUMN, |privilege, option| {
        lists
            .iter()
            .any(|grants| privilege::has_column_grant(catalog, role, grants, privilege, option))
    })?;
    Ok(whole.map(|whole| whole || by_column))
}

fn on_relation(
    catalog: &Catalog,
    role: ObjectId,
    relation: ObjectId,
    privileges: &str,
    known: &[&'static str],
) -> Result<Option<bool>> {
    let holds = |privilege, option| {
        relation_privilege(catalog, role, relation, privilege, option).unwrap_or(false)
    };
    let held = any(privileges, known, holds)?;
    let exists = relation_privilege(catalog, role, relation, Privilege::Select, false).is_some();
    Ok(exists.then_some(held))
}

/// `has_schema_privilege(role, schema, privileges)`.
///
/// # Errors
/// `22023` for an unknown privilege.
pub fn has_schema_privilege(
    catalog: &Catalog,
    role: ObjectId,
    schema: ObjectId,
    privileges: &str,
) -> Result<Option<bool>> {
    let target = catalog.schema_by_oid(schema).map(|schema| Target::Schema(schema));
    on_target(catalog, role, target, privileges, &["CREATE", "USAGE"])
}

/// What a role holds on an object, if there is one.
fn on_target(
    catalog: &Catalog,
    role: ObjectId,
    target: Option<Target<'_>>,
    privileges: &str,
    known: &[&'static str],
) -> Result<Option<bool>> {
    let held = any(privileges, known, |privilege, option| {
        target.is_some_and(|target| holds(catalog, role, target, privilege, option))
    })?;
    Ok(target.map(|_| held))
}

/// `has_sequence_privilege(role, sequence, privileges)`; `None` if there is no such sequence.
///
/// # Errors
/// `22023` for an unknown privilege.
pub fn has_sequence_privilege(
    catalog: &Catalog,
    role: ObjectId,
    sequence: ObjectId,
    privileges: &str,
) -> Result<Option<bool>> {
    let sequence = catalog.sequence_by_oid(sequence).map(|sequence| Target::Sequence(sequence));
    on_target(catalog, role, sequence, privileges, &["USAGE", "SELECT", "UPDATE"])
}

/// `has_function_privilege(role, function, privileges)`; `None` if there is no such function.
///
/// # Errors
/// `22023` for an unknown privilege.
pub fn has_function_privilege(
    catalog: &Catalog,
    role: ObjectId,
    function: ObjectId,
    privileges: &str,
) -> Result<Option<bool>> {
    if let Some(function) = catalog.function_by_oid(function) {
        let target = Some(Target::Function(function));
        return on_target(catalog, role, target, privileges, &["EXECUTE"]);
    }
    let held = has_builtin_privilege(role, privileges, "EXECUTE")?;
    let found = builtin::proc_by_oid(types::Oid(function));
    Ok(found.map(|proc| held && (role == BOOTSTRAP_ROLE || !is_reserved(proc.name))))
}

/// Whether PostgreSQL takes a function from PUBLIC when it makes a cluster: what reads files, signals
/// processes, resets statistics.
///
/// Source: PostgreSQL 16 `src/backend/catalog/system_functions.sql`.
fn is_reserved(function: &str) -> bool {
    const PREFIXES: [&str; 7] = [
        "pg_backup_",
        "pg_ls_",
        "pg_read_",
        "pg_replication_origin_",
        "pg_rotate_logfile",
        "pg_stat_reset",
        "pg_wal_replay_",
    ];
    const NAMES: [&str; 18] = [
        "lo_export",
        "lo_import",
        "pg_config",
        "pg_create_restore_point",
        "pg_current_logfile",
        "pg_get_backend_memory_contexts",
        "pg_get_shmem_allocations",
        "pg_hba_file_rules",
        "pg_ident_file_mappings",
        "pg_log_backend_memory_contexts",
        "pg_log_standby_snapshot",
        "pg_promote",
        "pg_reload_conf",
        "pg_show_all_file_settings",
        "pg_show_replication_origin_status",
        "pg_stat_file",
        "pg_stat_have_stats",
        "pg_switch_wal",
    ];
    let begins = |prefix: &&str| function.starts_with(*prefix) && !function.ends_with("_old");
    NAMES.contains(&function) || PREFIXES.iter().any(begins)
}

/// `has_type_privilege(role, type, privileges)`; `None` if there is no such type.
///
/// # Errors
/// `22023` for an unknown privilege.
pub fn has_type_privilege(
    catalog: &Catalog,
    role: ObjectId,
    ty: ObjectId,
    privileges: &str,
) -> Result<Option<bool>> {
    // An array is used by whoever may use its elements.
    if let Some(ty) = catalog.user_type(ty) {
        let target = Target::of_type(catalog, &ty);
        return on_target(catalog, role, target, privileges, &["USAGE"]);
    }
    let held = has_builtin_privilege(role, privileges, "USAGE")?;
    Ok(builtin::type_by_oid(types::Oid(ty)).map(|_| held))
}

/// `has_database_privilege(role, …, privileges)`: everybody may connect, `admin` may create
/// schemas.
///
/// # Errors
/// `22023` for an unknown privilege.
pub fn has_database_privilege(catalog: &Catalog, role: ObjectId, privileges: &str) -> Result<bool> {
    let owner = privilege::has_privileges_of(catalog, role, ADMIN_ROLE);
    let known = ["CREATE", "TEMPORARY", "TEMP", "CONNECT"];
    Ok(parse(privileges, &known)?
        .into_iter()
        .any(|(word, option)| owner || (!option && word != "CREATE")))
}

/// `has_function_privilege`, `has_type_privilege`, `has_language_privilege`: everybody may use
/// what is built in, nobody may grant it. `word` is the kind's only privilege.
///
/// # Errors
/// `22023` for another privilege.
pub fn has_builtin_privilege(role: ObjectId, privileges: &str, word: &'static str) -> Result<bool> {
    Ok(parse(privileges, &[word])?.into_iter().any(|(_, option)| !option || role == BOOTSTRAP_ROLE))
}

/// `pg_has_role(role, of, privileges)`: `MEMBER`, `USAGE`, `SET`, each also with `WITH ADMIN
/// OPTION`.
///
/// # Errors
/// `22023` for another word.
pub fn pg_has_role(
    catalog: &Catalog,
    role: ObjectId,
    of: ObjectId,
    privileges: &str,
) -> Result<bool> {
    let privileges =
        privileges.to_ascii_uppercase().replace("WITH ADMIN OPTION", "WITH GRANT OPTION");
    Ok(parse(&privileges, &["MEMBER", "USAGE", "SET"])?.into_iter().any(|(word, admin)| {
        match (admin, word) {
            (true, _) => privilege::is_admin_of(catalog, role, of),
            (false, "USAGE") => privilege::has_privileges_of(catalog, role, of),
            (false, "SET") => privilege::can_set_role(catalog, role, of),
            (false, _) => privilege::is_member(catalog, role, of),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inquiries() {
        let catalog = Catalog::new();
        let class = 1259;
        let has = |text: &str| has_table_privilege(&catalog, ADMIN_ROLE, class, text);
        assert_eq!(has("select").unwrap(), Some(true));
        assert_eq!(has("INSERT, SELECT").unwrap(), Some(true));
        assert_eq!(has("rule").unwrap(), Some(false));
        assert_eq!(has("Select with grant option").unwrap(), Some(false));
        assert_eq!(
            has("SELECT, foo").unwrap_err().message(),
            "unrecognized privilege type: \"foo\""
        );
        assert_eq!(has_table_privilege(&catalog, ADMIN_ROLE, 1, "SELECT").unwrap(), None);
        let authid = 1260;
        let hidden = has_table_privilege(&catalog, ADMIN_ROLE, authid, "SELECT");
        assert_eq!(hidden.unwrap(), Some(false));
        let schema = |role, text: &str| has_schema_privilege(&catalog, role, PUBLIC, text).unwrap();
        assert_eq!(schema(ADMIN_ROLE, "CREATE"), Some(true));
        assert_eq!(schema(6181, "CREATE"), Some(false));
        assert_eq!(schema(6181, "USAGE"), Some(true));
        assert!(has_database_privilege(&catalog, ADMIN_ROLE, "CREATE").unwrap());
        assert!(!has_database_privilege(&catalog, 6181, "CREATE").unwrap());
        assert!(has_builtin_privilege(6181, "execute", "EXECUTE").unwrap());
        // `pg_monitor` is a member of `pg_read_all_stats`; `admin` may grant any role.
        assert!(pg_has_role(&catalog, 3373, 3375, "USAGE").unwrap());
        assert!(!pg_has_role(&catalog, ADMIN_ROLE, 3375, "MEMBER").unwrap());
        assert!(pg_has_role(&catalog, ADMIN_ROLE, 3375, "MEMBER WITH ADMIN OPTION").unwrap());
        assert!(pg_has_role(&catalog, ADMIN_ROLE, 6171, "USAGE").unwrap());
    }
}

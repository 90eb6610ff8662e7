//! Finding built-in rows by OID and by name.

use std::ops::Range;

use types::Oid;

use super::data::*;
use super::rows::*;
use crate::objects::{INFORMATION_SCHEMA, ObjectId, PG_CATALOG};

/// The range of `sorted` whose keys equal `key`.
fn equal_range<T, K: Ord + ?Sized>(
    sorted: &[T],
    key: &K,
    of: impl for<'a> Fn(&'a T) -> &'a K,
) -> Range<usize> {
    let start = sorted.partition_point(|row| of(row) < key);
    let len = sorted.get(start..).map_or(0, |rest| rest.partition_point(|row| of(row) <= key));
    start..start + len
}

/// The rows of `sorted` whose keys equal `key`.
fn equal<'t, T, K: Ord + ?Sized>(
    sorted: &'t [T],
    key: &K,
    of: impl for<'a> Fn(&'a T) -> &'a K,
) -> &'t [T] {
    sorted.get(equal_range(sorted, key, of)).unwrap_or_default()
}

/// The row of `rows` that `index` (ordered by OID) has under `oid`.
fn by_index<'t, T>(
    rows: &'t [T],
    index: &[u16],
    oid: Oid,
    of: impl Fn(&T) -> Oid,
) -> Option<&'t T> {
    let at = index
        .binary_search_by_key(&oid, |&at| rows.get(usize::from(at)).map_or(Oid::INVALID, &of))
        .ok()?;
    rows.get(usize::from(*index.get(at)?))
}

/// All built-in types, by OID.
pub fn types() -> &'static [TypeRow] {
    &TYPES
}

/// The built-in type with this OID.
pub fn type_by_oid(oid: Oid) -> Option<&'static TypeRow> {
    let at = TYPES.binary_search_by_key(&oid, |row| row.oid).ok()?;
    TYPES.get(at)
}

/// The type of `pg_catalog` called `name` in `pg_type` (`int4`, not `integer`).
pub fn type_by_name(name: &str) -> Option<&'static TypeRow> {
    type_in_schema(PG_CATALOG, name)
}

/// The built-in type called `name` in a schema.
pub fn type_in_schema(schema: ObjectId, name: &str) -> Option<&'static TypeRow> {
    let row = |at: &u16| TYPES.get(usize::from(*at));
    let at = TYPES_BY_NAME
        .binary_search_by(|at| row(at).map(|row| (row.name, row.schema)).cmp(&Some((name, schema))))
        .ok()?;
    row(TYPES_BY_NAME.get(at)?)
}

/// The type that a parse tree's type name means among the built-in ones: `["pg_catalog", "int4"]`
/// for `integer`, `["text"]`, `["information_schema", "sql_identifier"]`. A name without a schema
/// is looked for in `pg_catalog` only; the caller tries its search path.
pub fn type_from_sql_name(names: &[impl AsRef<str>]) -> Option<&'static TypeRow> {
    match names {
        [name] => type_by_name(name.as_ref()),
        [schema, name] => type_in_schema(builtin_schema(schema.as_ref())?, name.as_ref()),
        _ => None,
    }
}

/// The OID of a schema that exists in every cluster and whose types are all built in.
fn builtin_schema(name: &str) -> Option<ObjectId> {
    match name {
        "pg_catalog" => Some(PG_CATALOG),
        "information_schema" => Some(INFORMATION_SCHEMA),
        "sys" => Some(crate::objects::SYS),
        "aws_dsql" => Some(crate::objects::AWS_DSQL),
        _ => None,
    }
}

/// `typcategory` and `typispreferred` of a built-in type.
pub fn type_category(oid: Oid) -> Option<(u8, bool)> {
    type_by_oid(oid).map(|row| (row.category, row.preferred))
}

/// All built-in functions, by name and OID.
pub fn procs() -> &'static [ProcRow] {
    &PROCS
}

/// The built-in functions of all schemas called `name`, by OID.
pub fn procs_by_name(name: &str) -> &'static [ProcRow] {
    equal(&PROCS, name, |row| row.name)
}

/// The built-in function with this OID.
pub fn proc_by_oid(oid: Oid) -> Option<&'static ProcRow> {
    by_index(&PROCS, &PROCS_BY_OID, oid, |row| row.oid)
}

/// All operators, by name and OID.
pub fn operators() -> &'static [OperatorRow] {
    &OPERATORS
}

/// The operators called `name`, by OID.
pub fn operators_by_name(name: &str) -> &'static [OperatorRow] {
    equal(&OPERATORS, name, |row| row.name)
}

/// The operator with this OID.
pub fn operator_by_oid(oid: Oid) -> Option<&'static OperatorRow> {
    by_index(&OPERATORS, &OPERATORS_BY_OID, oid, |row| row.oid)
}

/// The operator called `name` over exactly these operand types; `left` 0 means a prefix operator.
pub fn operator(name: &str, left: Oid, right: Oid) -> Option<&'static OperatorRow> {
    operators_by_name(name).iter().find(|row| row.left == left && row.right == right)
}

/// All casts, by source and target.
pub fn casts() -> &'static [CastRow] {
    &CASTS
}

/// The row of `pg_cast` from `source` to `target`.
pub fn cast(source: Oid, target: Oid) -> Option<&'static CastRow> {
    let at = CASTS.binary_search_by_key(&(source, target), |row| (row.source, row.target)).ok()?;
    CASTS.get(at)
}

/// All aggregates, by OID.
pub fn aggregates() -> &'static [AggregateRow] {
    &AGGREGATES
}

/// The `pg_aggregate` row of the function `func`.
pub fn aggregate(func: Oid) -> Option<&'static AggregateRow> {
    let at = AGGREGATES.binary_search_by_key(&func, |row| row.func).ok()?;
    AGGREGATES.get(at)
}

/// All operator classes.
pub fn operator_classes() -> &'static [OperatorClassRow] {
    &OPERATOR_CLASSES
}

/// All rows of `pg_amop`.
pub fn family_operators() -> &'static [FamilyOperatorRow] {
    &FAMILY_OPERATORS
}

/// The operator of a family with this strategy number over these types.
pub fn family_operator(
    family: Oid,
    left: Oid,
    right: Oid,
    strategy: u16,
) -> Option<&'static FamilyOperatorRow> {
    let key = (family, left, right, strategy);
    let of = |row: &FamilyOperatorRow| (row.family, row.left, row.right, row.strategy);
    let at = FAMILY_OPERATORS.binary_search_by_key(&key, of).ok()?;
    FAMILY_OPERATORS.get(at)
}

/// The families that an operator is in, with its strategy in each.
pub fn families_of_operator(operator: Oid) -> impl Iterator<Item = &'static FamilyOperatorRow> {
    let row = |at: u16| FAMILY_OPERATORS.get(usize::from(at));
    let of = move |at: &u16| row(*at).map_or(Oid::INVALID, |row| row.operator);
    let start = FAMILY_OPERATORS_BY_OPERATOR.partition_point(|at| of(at) < operator);
    FAMILY_OPERATORS_BY_OPERATOR
        .iter()
        .skip(start)
        .take_while(move |at| of(at) == operator)
        .filter_map(move |at| row(*at))
}

/// All settings, by lower-cased name.
pub fn settings() -> &'static [SettingRow] {
    &SETTINGS
}

/// The setting called `name`, in any case.
pub fn setting(name: &str) -> Option<&'static SettingRow> {
    let name = name.to_ascii_lowercase();
    let at = SETTINGS.binary_search_by(|row| row.name.to_ascii_lowercase().cmp(&name)).ok()?;
    SETTINGS.get(at)
}

/// All time-zone abbreviations, by name.
pub fn time_zone_abbreviations() -> &'static [TimeZoneAbbreviation] {
    &TIME_ZONE_ABBREVIATIONS
}

/// The time-zone abbreviation called `name`, in any case.
pub fn time_zone_abbreviation(name: &str) -> Option<&'static TimeZoneAbbreviation> {
    let name = name.to_ascii_uppercase();
    let at = TIME_ZONE_ABBREVIATIONS.binary_search_by(|row| row.name.cmp(&name)).ok()?;
    TIME_ZONE_ABBREVIATIONS.get(at)
}

/// The predefined roles other than `admin`.
pub fn roles() -> &'static [RoleRow] {
    &ROLES
}

/// All relations of `pg_catalog`, `information_schema` and `sys`, by OID.
pub fn relations() -> &'static [SystemRelation] {
    &RELATIONS
}

/// The system relation with this OID.
pub fn relation_by_oid(oid: Oid) -> Option<&'static SystemRelation> {
    let at = RELATIONS.binary_search_by_key(&oid, |row| row.oid).ok()?;
    RELATIONS.get(at)
}

/// The system relation called `name` in a schema.
pub fn relation(schema: ObjectId, name: &str) -> Option<&'static SystemRelation> {
    let row = |at: &u16| RELATIONS.get(usize::from(*at));
    let at = RELATIONS_BY_NAME
        .binary_search_by(|at| row(at).map(|row| (row.name, row.schema)).cmp(&Some((name, schema))))
        .ok()?;
    row(RELATIONS_BY_NAME.get(at)?)
}

/// The indexes of all system relations, by OID.
pub fn system_indexes() -> &'static [SystemIndex] {
    &SYSTEM_INDEXES
}

/// The index of a system relation with this OID.
pub fn system_index(oid: Oid) -> Option<&'static SystemIndex> {
    let at = SYSTEM_INDEXES.binary_search_by_key(&oid, |row| row.oid).ok()?;
    SYSTEM_INDEXES.get(at)
}

/// The default of a domain of `information_schema`.
pub fn domain_default(domain: Oid) -> Option<&'static str> {
    /// OID of `information_schema.time_stamp`.
    const TIME_STAMP: Oid = Oid(13152);
    (domain == TIME_STAMP).then_some("CURRENT_TIMESTAMP(2)")
}

/// The comments on built-in objects, by class, object and column.
pub fn descriptions() -> &'static [DescriptionRow] {
    &DESCRIPTIONS
}

/// The comment on a built-in object.
pub fn description(class: ObjectId, object: ObjectId) -> Option<&'static str> {
    let key = (class, object, 0);
    let of = |row: &DescriptionRow| (row.class, row.object, row.column);
    let at = DESCRIPTIONS.binary_search_by_key(&key, of).ok()?;
    DESCRIPTIONS.get(at).map(|row| row.text)
}

#[cfg(test)]
mod tests {
    use types::oid::*;

    use super::*;

    #[test]
    fn every_row_is_found_by_its_keys() {
        for row in types() {
            assert_eq!(type_by_oid(row.oid).unwrap().name, row.name);
            assert_eq!(type_in_schema(row.schema, row.name).unwrap().oid, row.oid);
        }
        for row in procs() {
            assert_eq!(proc_by_oid(row.oid).unwrap().name, row.name);
            assert!(procs_by_name(row.name).iter().any(|other| other.oid == row.oid));
            assert!(row.all_args.is_empty() || row.all_args.len() == row.modes.len());
            assert!(row.defaults.len() <= row.args.len(), "{} {:?}", row.name, row.defaults);
            let names = if row.all_args.is_empty() { row.args } else { row.all_args };
            assert!(row.names.is_empty() || row.names.len() == names.len(), "{}", row.name);
        }
        for row in operators() {
            assert_eq!(operator_by_oid(row.oid).unwrap().name, row.name);
            assert_eq!(operator(row.name, row.left, row.right).unwrap().oid, row.oid);
            assert!(proc_by_oid(row.func).is_some(), "{}", row.name);
        }
        for row in casts() {
            assert_eq!(cast(row.source, row.target).unwrap().oid, row.oid);
        }
        for row in aggregates() {
            assert_eq!(aggregate(row.func).unwrap().trans_fn, row.trans_fn);
            assert_eq!(proc_by_oid(row.func).unwrap().kind, ProcKind::Aggregate);
        }
        for row in family_operators() {
            assert!(families_of_operator(row.operator).any(|other| other.oid == row.oid));
        }
        for row in settings() {
            assert_eq!(setting(row.name).unwrap().name, row.name);
        }
        for row in relations() {
            assert_eq!(relation_by_oid(row.oid).unwrap().name, row.name);
            assert_eq!(relation(row.schema, row.name).unwrap().oid, row.oid);
            assert_eq!(type_by_oid(row.row_type).unwrap().relation, row.oid);
        }
    }

    #[test]
    fn oids_are_unique() {
        let mut seen = std::collections::HashSet::new();
        let all = types().iter().map(|row| row.oid).chain(relations().iter().map(|row| row.oid));
        assert!(all.into_iter().all(|oid| seen.insert(oid)));
    }

    #[test]
    fn absent_names_are_not_found() {
        assert!(procs_by_name("no_such_function").is_empty());
        assert!(procs_by_name("").is_empty() && procs_by_name("~").is_empty());
        assert!(type_by_name("integer").is_none());
        assert!(cast(INT4, UUID).is_none());
        assert!(operator_by_oid(Oid(0)).is_none());
    }

    #[test]
    fn sql_names_resolve() {
        assert_eq!(type_from_sql_name(&["pg_catalog", "int4"]).unwrap().oid, INT4);
        assert_eq!(type_from_sql_name(&["text"]).unwrap().oid, TEXT);
        assert!(type_from_sql_name(&["public", "text"]).is_none());
        assert_eq!(type_from_sql_name(&["information_schema", "yes_or_no"]).unwrap().base, VARCHAR);
    }

    #[test]
    fn overloads_and_defaults_are_complete() {
        assert_eq!(operators_by_name("+").len(), 50);
        let exists = procs_by_name("jsonb_path_exists");
        assert_eq!(exists[0].defaults, ["'{}'::jsonb", "false"]);
        let make_interval = procs_by_name("make_interval");
        assert_eq!(make_interval[0].defaults.len(), 7);
        assert_eq!(procs_by_name("lpad").iter().filter(|row| row.body.is_some()).count(), 1);
        assert_eq!(procs_by_name("wait_for_job")[0].kind, ProcKind::Procedure);
        assert_eq!(time_zone_abbreviation("pdt").unwrap().offset_seconds, -7 * 3600);
        assert_eq!(setting("timezone").unwrap().setting, "UTC");
    }
}

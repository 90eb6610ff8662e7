//! The rows of the built-in catalogue tables.

use types::Oid;

use crate::objects::ObjectId;

/// A row of `pg_type`.
#[derive(Debug)]
pub struct TypeRow {
    /// `oid`.
    pub oid: Oid,
    /// `typname`, such as `int4`.
    pub name: &'static str,
    /// `typnamespace`.
    pub schema: ObjectId,
    /// `typlen`: bytes, −1 for variable length, −2 for a C string.
    pub len: i16,
    /// `typbyval`.
    pub by_value: bool,
    /// `typtype`.
    pub kind: TypeKind,
    /// `typcategory`.
    pub category: u8,
    /// `typispreferred`.
    pub preferred: bool,
    /// `typisdefined`.
    pub defined: bool,
    /// `typdelim`.
    pub delimiter: u8,
    /// `typrelid`: the relation whose row type this is, or 0.
    pub relation: Oid,
    /// `typsubscript`.
    pub subscript: Oid,
    /// `typelem`: element type of an array (also of `name`, `point` and the like), or 0.
    pub element: Oid,
    /// `typarray`.
    pub array: Oid,
    /// `typinput`.
    pub input: Oid,
    /// `typoutput`.
    pub output: Oid,
    /// `typreceive`.
    pub receive: Oid,
    /// `typsend`.
    pub send: Oid,
    /// `typmodin`.
    pub typmod_in: Oid,
    /// `typmodout`.
    pub typmod_out: Oid,
    /// `typalign`.
    pub align: u8,
    /// `typstorage`.
    pub storage: u8,
    /// `typnotnull`, for domains.
    pub not_null: bool,
    /// `typbasetype`, for domains.
    pub base: Oid,
    /// `typtypmod`, for domains; −1 otherwise.
    pub typmod: i32,
    /// `typcollation`: 0 if the type has no collations.
    pub collation: Oid,
}

impl TypeRow {
    /// Whether this is an array type proper (`integer[]`; `int2vector` also counts, `point` does
    /// not).
    pub fn is_array(&self) -> bool {
        /// OID of the function `array_subscript_handler`.
        const ARRAY_SUBSCRIPT_HANDLER: Oid = Oid(6179);
        self.element.is_valid() && self.subscript == ARRAY_SUBSCRIPT_HANDLER
    }
}

/// `pg_type.typtype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are PostgreSQL's")]
pub enum TypeKind {
    Base,
    Composite,
    Domain,
    Enum,
    Pseudo,
    Range,
    Multirange,
}

impl TypeKind {
    /// The letter that `pg_type.typtype` holds.
    pub const fn letter(self) -> char {
        match self {
            TypeKind::Base => 'b',
            TypeKind::Composite => 'c',
            TypeKind::Domain => 'd',
            TypeKind::Enum => 'e',
            TypeKind::Pseudo => 'p',
            TypeKind::Range => 'r',
            TypeKind::Multirange => 'm',
        }
    }
}

/// A row of `pg_proc`.
#[derive(Debug)]
pub struct ProcRow {
    /// `oid`.
    pub oid: Oid,
    /// `proname`.
    pub name: &'static str,
    /// `pronamespace`.
    pub schema: ObjectId,
    /// `prolang`: [`LANGUAGE_INTERNAL`], [`LANGUAGE_C`] or [`LANGUAGE_SQL`].
    pub lang: Oid,
    /// `procost`.
    pub cost: f32,
    /// `prorows`.
    pub rows: f32,
    /// `provariadic`: element type of the variadic parameter, or 0.
    pub variadic: Oid,
    /// `prosupport`.
    pub support: Oid,
    /// `prokind`.
    pub kind: ProcKind,
    /// `prosecdef`.
    pub security_definer: bool,
    /// `proleakproof`.
    pub leakproof: bool,
    /// `proisstrict`: NULL if any argument is NULL, without being called.
    pub strict: bool,
    /// `proretset`.
    pub retset: bool,
    /// `provolatile`.
    pub volatility: Volatility,
    /// `proparallel`.
    pub parallel: u8,
    /// `prorettype`.
    pub ret: Oid,
    /// `proargtypes`: types of the input parameters.
    pub args: &'static [Oid],
    /// `proallargtypes`: types of all parameters; empty if all are input parameters.
    pub all_args: &'static [Oid],
    /// `proargmodes`, a letter (`i`, `o`, `b`, `v`, `t`) for each of `all_args`; mostly empty
    /// likewise.
    pub modes: &'static [u8],
    /// `proargnames`, parallel to `all_args` if that is not empty, else to `args`; empty if the
    /// parameters have no names.
    pub names: &'static [&'static str],
    /// `proargdefaults`: SQL texts, for the last parameters of `args`.
    pub defaults: &'static [&'static str],
    /// `prosrc`: an internal function's name; empty if `body` holds an SQL function's definition.
    pub src: &'static str,
    /// The definition of an SQL function as `pg_get_function_sqlbody` prints it.
    pub body: Option<&'static str>,
    /// `probin`.
    pub bin: Option<&'static str>,
}

/// The language `internal`.
pub const LANGUAGE_INTERNAL: Oid = Oid(12);
/// The language `c`.
pub const LANGUAGE_C: Oid = Oid(13);
/// The language `sql`.
pub const LANGUAGE_SQL: Oid = Oid(14);

/// `pg_proc.prokind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are PostgreSQL's")]
pub enum ProcKind {
    Function,
    Aggregate,
    Window,
    Procedure,
}

impl ProcKind {
    /// The letter that `pg_proc.prokind` holds.
    pub const fn letter(self) -> char {
        match self {
            ProcKind::Function => 'f',
            ProcKind::Aggregate => 'a',
            ProcKind::Window => 'w',
            ProcKind::Procedure => 'p',
        }
    }
}

/// `pg_proc.provolatile`; ordered by how much may be assumed of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are PostgreSQL's")]
pub enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

impl Volatility {
    /// The letter that `pg_proc.provolatile` holds.
    pub const fn letter(self) -> char {
        match self {
            Volatility::Immutable => 'i',
            Volatility::Stable => 's',
            Volatility::Volatile => 'v',
        }
    }
}

/// A row of `pg_operator`; all are in `pg_catalog`.
#[derive(Debug)]
pub struct OperatorRow {
    /// `oid`.
    pub oid: Oid,
    /// `oprname`.
    pub name: &'static str,
    /// `oprkind`: whether it has a right operand only.
    pub prefix: bool,
    /// `oprcanmerge`.
    pub can_merge: bool,
    /// `oprcanhash`.
    pub can_hash: bool,
    /// `oprleft`; 0 for a prefix operator.
    pub left: Oid,
    /// `oprright`.
    pub right: Oid,
    /// `oprresult`.
    pub result: Oid,
    /// `oprcom`.
    pub commutator: Oid,
    /// `oprnegate`.
    pub negator: Oid,
    /// `oprcode`: the function behind it, in `pg_proc`.
    pub func: Oid,
    /// `oprrest`.
    pub restrict: Oid,
    /// `oprjoin`.
    pub join: Oid,
}

/// A row of `pg_cast`.
#[derive(Debug)]
pub struct CastRow {
    /// `oid`.
    pub oid: Oid,
    /// `castsource`.
    pub source: Oid,
    /// `casttarget`.
    pub target: Oid,
    /// `castfunc`; 0 unless `method` is [`CastMethod::Function`].
    pub func: Oid,
    /// `castcontext`.
    pub context: CastContext,
    /// `castmethod`.
    pub method: CastMethod,
}

/// Where a cast is applied without being written; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// Anywhere in an expression.
    Implicit,
    /// On assignment to a column.
    Assignment,
    /// Only where it is written.
    Explicit,
}

/// How a cast works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastMethod {
    /// By calling `castfunc`.
    Function,
    /// Not at all: the representations are the same.
    Binary,
    /// Through the text representation.
    InOut,
}

/// A row of `pg_aggregate`.
#[derive(Debug)]
pub struct AggregateRow {
    /// `aggfnoid`.
    pub func: Oid,
    /// `aggkind`.
    pub kind: AggregateKind,
    /// `aggnumdirectargs`.
    pub direct_args: i16,
    /// `aggtransfn`.
    pub trans_fn: Oid,
    /// `aggfinalfn`, or 0.
    pub final_fn: Oid,
    /// `aggcombinefn`, or 0.
    pub combine_fn: Oid,
    /// `aggsortop`: for `min` and `max`, the operator whose first row is the result; else 0.
    pub sort_op: Oid,
    /// `aggtranstype`.
    pub trans_type: Oid,
    /// `agginitval`.
    pub init: Option<&'static str>,
}

/// `pg_aggregate.aggkind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are PostgreSQL's")]
pub enum AggregateKind {
    Normal,
    OrderedSet,
    Hypothetical,
}

/// A row of `pg_opclass`.
#[derive(Debug)]
pub struct OperatorClassRow {
    /// `oid`.
    pub oid: Oid,
    /// `opcmethod`.
    pub method: Oid,
    /// `opcname`.
    pub name: &'static str,
    /// `opcfamily`.
    pub family: Oid,
    /// `opcintype`.
    pub input: Oid,
    /// `opcdefault`.
    pub default: bool,
    /// `opckeytype`.
    pub key: Oid,
}

/// A row of `pg_amop`: an operator of an operator family.
#[derive(Debug)]
pub struct FamilyOperatorRow {
    /// `oid`.
    pub oid: Oid,
    /// `amopfamily`.
    pub family: Oid,
    /// `amoplefttype`.
    pub left: Oid,
    /// `amoprighttype`.
    pub right: Oid,
    /// `amopstrategy`.
    pub strategy: u16,
    /// `amoppurpose`: whether it orders rather than searches.
    pub ordering: bool,
    /// `amopopr`.
    pub operator: Oid,
    /// `amopmethod`.
    pub method: Oid,
    /// `amopsortfamily`.
    pub sort_family: Oid,
}

/// A key word, as `pg_get_keywords` lists it.
#[derive(Debug)]
pub struct Keyword {
    /// The word, in lower case.
    pub word: &'static str,
    /// What it can name nevertheless.
    pub category: KeywordCategory,
    /// Whether it can be a column label without `AS`.
    pub bare_label: bool,
}

/// What a key word can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeywordCategory {
    /// Anything.
    Unreserved,
    /// A column or table, not a function or type.
    ColumnName,
    /// A function or type, not a column or table.
    TypeOrFunctionName,
    /// Nothing, unless quoted.
    Reserved,
}

/// A row of `pg_timezone_abbrevs`.
#[derive(Debug)]
pub struct TimeZoneAbbreviation {
    /// `abbrev`.
    pub name: &'static str,
    /// `utc_offset`, in seconds east of UTC.
    pub offset_seconds: i32,
    /// `is_dst`.
    pub daylight: bool,
}

/// A role that PostgreSQL predefines.
#[derive(Debug)]
pub struct RoleRow {
    /// OID in `pg_authid`.
    pub oid: Oid,
    /// `rolname`.
    pub name: &'static str,
    /// `rolcanlogin`.
    pub login: bool,
}

/// A row of `pg_settings`.
#[derive(Debug)]
pub struct SettingRow {
    /// `name`, in the spelling that SHOW prints.
    pub name: &'static str,
    /// The value of a new session.
    pub setting: &'static str,
    /// `unit`.
    pub unit: Option<&'static str>,
    /// `category`.
    pub category: &'static str,
    /// `short_desc`.
    pub description: &'static str,
    /// `context`.
    pub context: &'static str,
    /// `vartype`.
    pub kind: &'static str,
    /// `min_val`.
    pub min: Option<&'static str>,
    /// `max_val`.
    pub max: Option<&'static str>,
    /// `enumvals`, as the text of an array.
    pub values: Option<&'static str>,
    /// `boot_val`.
    pub boot: Option<&'static str>,
}

impl SettingRow {
    /// The value of a new session in the largest unit that it is a whole number of, such as `4MB`;
    /// `None` without a unit, and for what is no positive number.
    ///
    /// Source: PostgreSQL 16 `ShowGUCOption`, `convert_int_from_base_unit`.
    pub fn with_unit(&self) -> Option<String> {
        const MEMORY: &[(&str, i64)] =
            &[("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10), ("B", 1)];
        const TIME: &[(&str, i64)] =
            &[("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];
        let (units, base) = match self.unit? {
            "B" => (MEMORY, 1),
            "kB" => (MEMORY, 1 << 10),
            "8kB" => (MEMORY, 8 << 10),
            "MB" => (MEMORY, 1 << 20),
            "ms" => (TIME, 1),
            "s" => (TIME, 1000),
            "min" => (TIME, 60_000),
            _ => return None,
        };
        let value =
            self.setting.parse::<i64>().ok().filter(|value| *value > 0)?.checked_mul(base)?;
        let (unit, size) = units.iter().find(|(_, size)| value % size == 0)?;
        Some(format!("{}{unit}", value / size))
    }
}

/// A relation of `pg_catalog`, `information_schema` or `sys`.
#[derive(Debug)]
pub struct SystemRelation {
    /// OID in `pg_class`.
    pub oid: Oid,
    /// Schema.
    pub schema: ObjectId,
    /// Name.
    pub name: &'static str,
    /// Whether it is a view.
    pub view: bool,
    /// Its row type in `pg_type`.
    pub row_type: Oid,
    /// Columns in `attnum` order.
    pub columns: &'static [SystemColumn],
}

/// A column of a [`SystemRelation`].
#[derive(Debug)]
pub struct SystemColumn {
    /// `attname`.
    pub name: &'static str,
    /// `atttypid`.
    pub type_oid: Oid,
    /// `atttypmod`.
    pub typmod: i32,
    /// `attnotnull`.
    pub not_null: bool,
    /// `attcollation`.
    pub collation: Oid,
}

/// An index of a relation of `pg_catalog`.
#[derive(Debug)]
pub struct SystemIndex {
    /// OID in `pg_class`.
    pub oid: Oid,
    /// `indrelid`: the relation.
    pub relation: Oid,
    /// Name.
    pub name: &'static str,
    /// `indisunique`.
    pub unique: bool,
    /// `indisprimary`.
    pub primary: bool,
    /// `indimmediate`.
    pub immediate: bool,
    /// `indkey`: attnums; all are keys.
    pub keys: &'static [i16],
    /// `indcollation`.
    pub collations: &'static [Oid],
    /// `indclass`.
    pub classes: &'static [Oid],
    /// `indoption`.
    pub options: &'static [i16],
    /// The constraint that owns it, in `pg_constraint`.
    pub constraint: Option<Oid>,
}

/// A CHECK of a domain of `information_schema`.
#[derive(Debug)]
pub struct DomainCheck {
    /// OID in `pg_constraint`.
    pub oid: Oid,
    /// Name.
    pub name: &'static str,
    /// The domain.
    pub domain: Oid,
    /// The condition on `VALUE`, as PostgreSQL prints it.
    pub condition: &'static str,
    /// The same without parentheses that are not needed.
    pub pretty: &'static str,
}

/// The CHECKs of all domains of `information_schema`.
pub const DOMAIN_CHECKS: &[DomainCheck] = &[
    DomainCheck {
        oid: Oid(13142),
        name: "cardinal_number_domain_check",
        domain: Oid(13141),
        condition: "(VALUE >= 0)",
        pretty: "VALUE >= 0",
    },
    DomainCheck {
        oid: Oid(13155),
        name: "yes_or_no_check",
        domain: Oid(13154),
        condition: "((VALUE)::text = ANY ((ARRAY['YES'::character varying, 'NO'::character \
                    varying])::text[]))",
        pretty: "VALUE::text = ANY (ARRAY['YES'::character varying, 'NO'::character varying]::text[])",
    },
];

/// A row of `pg_description`.
#[derive(Debug)]
pub struct DescriptionRow {
    /// `classoid`.
    pub class: ObjectId,
    /// `objoid`.
    pub object: ObjectId,
    /// `objsubid`.
    pub column: i32,
    /// `description`.
    pub text: &'static str,
}

impl SystemRelation {
    /// The 0-based position of the column called `name`.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

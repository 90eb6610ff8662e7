//! Which [`crate::Datum`] variant a type uses.

use crate::{Oid, oid};

/// How a type's values are held in memory, stored, and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after PostgreSQL's types")]
pub enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    /// `oid`, `reg*`, `xid`, `cid`.
    Oid,
    Float4,
    Float8,
    Numeric,
    Date,
    Time,
    TimeTz,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    /// Everything that is text without more ado, also `varchar`, `json`, `unknown`.
    Text,
    /// `bpchar`: trailing blanks do not count.
    Bpchar,
    Bytea,
    Jsonb,
    /// Arrays, `int2vector`, `oidvector`; with the element type.
    Array(Oid),
    Record,
    /// What [`crate::Rare`] holds.
    Rare,
}

impl Kind {
    /// The kind of a built-in type; `None` for a type this crate does not know (pseudo-types,
    /// user-defined types: resolve a domain to its base type first).
    pub const fn of(type_oid: Oid) -> Option<Kind> {
        Some(match type_oid {
            oid::BOOL => Kind::Bool,
            oid::INT2 => Kind::Int2,
            oid::INT4 => Kind::Int4,
            oid::INT8 => Kind::Int8,
            oid::OID
            | oid::XID
            | oid::CID
            | oid::REGPROC
            | oid::REGPROCEDURE
            | oid::REGOPER
            | oid::REGOPERATOR
            | oid::REGCLASS
            | oid::REGTYPE
            | oid::REGROLE
            | oid::REGNAMESPACE
            | oid::REGCOLLATION
            | oid::REGCONFIG
            | oid::REGDICTIONARY => Kind::Oid,
            oid::FLOAT4 => Kind::Float4,
            oid::FLOAT8 => Kind::Float8,
            oid::NUMERIC => Kind::Numeric,
            oid::DATE => Kind::Date,
            oid::TIME => Kind::Time,
            oid::TIMETZ => Kind::TimeTz,
            oid::TIMESTAMP => Kind::Timestamp,
            oid::TIMESTAMPTZ => Kind::Timestamptz,
            oid::INTERVAL => Kind::Interval,
            oid::UUID => Kind::Uuid,
            oid::TEXT
            | oid::VARCHAR
            | oid::NAME
            | oid::CHAR
            | oid::JSON
            | oid::CSTRING
            | oid::UNKNOWN
            | oid::PG_NODE_TREE
            | oid::ACLITEM
            | oid::TID
            | oid::VOID => Kind::Text,
            oid::BPCHAR => Kind::Bpchar,
            oid::BYTEA => Kind::Bytea,
            oid::JSONB => Kind::Jsonb,
            oid::RECORD => Kind::Record,
            oid::INT2VECTOR => Kind::Array(oid::INT2),
            oid::OIDVECTOR => Kind::Array(oid::OID),
            rare if crate::rare::is_rare(rare) => Kind::Rare,
            ACLITEM_ARRAY => Kind::Array(oid::ACLITEM),
            other => match oid::element_of(other) {
                Some(element) => Kind::Array(element),
                None => return None,
            },
        })
    }
}

/// `aclitem[]`, which [`oid`] does not list.
const ACLITEM_ARRAY: Oid = Oid(1034);

/// The name `format_type` gives a built-in type, as error messages print it.
pub const fn type_name(type_oid: Oid) -> &'static str {
    match type_oid {
        oid::BOOL => "boolean",
        oid::BYTEA => "bytea",
        oid::CHAR => "\"char\"",
        oid::NAME => "name",
        oid::INT8 => "bigint",
        oid::INT2 => "smallint",
        oid::INT2VECTOR => "int2vector",
        oid::INT4 => "integer",
        oid::REGPROC => "regproc",
        oid::TEXT => "text",
        oid::OID => "oid",
        oid::TID => "tid",
        oid::XID => "xid",
        oid::CID => "cid",
        oid::OIDVECTOR => "oidvector",
        oid::JSON => "json",
        oid::FLOAT4 => "real",
        oid::FLOAT8 => "double precision",
        oid::INET => "inet",
        oid::CIDR => "cidr",
        oid::BPCHAR => "character",
        oid::VARCHAR => "character varying",
        oid::DATE => "date",
        oid::TIME => "time without time zone",
        oid::TIMESTAMP => "timestamp without time zone",
        oid::TIMESTAMPTZ => "timestamp with time zone",
        oid::INTERVAL => "interval",
        oid::TIMETZ => "time with time zone",
        oid::NUMERIC => "numeric",
        oid::REGPROCEDURE => "regprocedure",
        oid::REGOPER => "regoper",
        oid::REGOPERATOR => "regoperator",
        oid::REGCLASS => "regclass",
        oid::REGTYPE => "regtype",
        oid::REGROLE => "regrole",
        oid::REGNAMESPACE => "regnamespace",
        oid::REGCOLLATION => "regcollation",
        oid::RECORD => "record",
        oid::CSTRING => "cstring",
        oid::UUID => "uuid",
        oid::JSONB => "jsonb",
        oid::JSONPATH => "jsonpath",
        oid::UNKNOWN => "unknown",
        oid::ACLITEM => "aclitem",
        oid::PG_NODE_TREE => "pg_node_tree",
        oid::VOID => "void",
        oid::ANY => "any",
        oid::ANYARRAY => "anyarray",
        oid::ANYELEMENT => "anyelement",
        oid::ANYNONARRAY => "anynonarray",
        Oid(5077) => "anycompatible",
        Oid(5078) => "anycompatiblearray",
        Oid(5079) => "anycompatiblenonarray",
        Oid(5080) => "anycompatiblerange",
        Oid(4538) => "anycompatiblemultirange",
        Oid(3831) => "anyrange",
        Oid(4537) => "anymultirange",
        oid::MACADDR => "macaddr",
        oid::MACADDR8 => "macaddr8",
        oid::BIT => "bit",
        oid::VARBIT => "bit varying",
        oid::INT4RANGE => "int4range",
        oid::NUMRANGE => "numrange",
        oid::TSRANGE => "tsrange",
        oid::TSTZRANGE => "tstzrange",
        oid::DATERANGE => "daterange",
        oid::INT8RANGE => "int8range",
        oid::INT4MULTIRANGE => "int4multirange",
        oid::NUMMULTIRANGE => "nummultirange",
        oid::TSMULTIRANGE => "tsmultirange",
        oid::TSTZMULTIRANGE => "tstzmultirange",
        oid::DATEMULTIRANGE => "datemultirange",
        oid::INT8MULTIRANGE => "int8multirange",
        oid::TSVECTOR => "tsvector",
        oid::TSQUERY => "tsquery",
        oid::REGCONFIG => "regconfig",
        oid::REGDICTIONARY => "regdictionary",
        oid::POINT => "point",
        oid::LSEG => "lseg",
        oid::PATH => "path",
        oid::BOX => "box",
        oid::POLYGON => "polygon",
        oid::LINE => "line",
        oid::CIRCLE => "circle",
        oid::PG_LSN => "pg_lsn",
        oid::XID8 => "xid8",
        oid::MONEY => "money",
        _ => "???",
    }
}

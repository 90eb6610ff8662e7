//! Object identifiers, and the constants of PostgreSQL's built-in types.

use std::fmt;

/// A PostgreSQL object identifier. Zero means "none" (`InvalidOid`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(pub u32);

impl Oid {
    /// No object.
    pub const INVALID: Oid = Oid(0);

    /// Whether this names an object at all.
    pub const fn is_valid(self) -> bool {
        self.0 != 0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! type_oids {
    ($($name:ident = $oid:literal, $array:ident = $array_oid:literal;)*) => {
        $(
            #[doc = concat!("`pg_type` row ", stringify!($oid), ".")]
            pub const $name: Oid = Oid($oid);
            #[doc = concat!("`pg_type` row ", stringify!($array_oid), ": the array type of [`", stringify!($name), "`].")]
            pub const $array: Oid = Oid($array_oid);
        )*
        /// The array type over `element`, for the built-in types listed here.
        pub const fn array_of(element: Oid) -> Option<Oid> {
            match element.0 {
                $($oid => Some(Oid($array_oid)),)*
                _ => None,
            }
        }
        /// The element type of `array`, for the built-in types listed here.
        pub const fn element_of(array: Oid) -> Option<Oid> {
            match array.0 {
                $($array_oid => Some(Oid($oid)),)*
                _ => None,
            }
        }
    };
}

type_oids! {
    BOOL = 16, BOOL_ARRAY = 1000;
    BYTEA = 17, BYTEA_ARRAY = 1001;
    CHAR = 18, CHAR_ARRAY = 1002;
    NAME = 19, NAME_ARRAY = 1003;
    INT8 = 20, INT8_ARRAY = 1016;
    INT2 = 21, INT2_ARRAY = 1005;
    INT2VECTOR = 22, INT2VECTOR_ARRAY = 1006;
    INT4 = 23, INT4_ARRAY = 1007;
    REGPROC = 24, REGPROC_ARRAY = 1008;
    TEXT = 25, TEXT_ARRAY = 1009;
    OID = 26, OID_ARRAY = 1028;
    TID = 27, TID_ARRAY = 1010;
    XID = 28, XID_ARRAY = 1011;
    CID = 29, CID_ARRAY = 1012;
    OIDVECTOR = 30, OIDVECTOR_ARRAY = 1013;
    JSON = 114, JSON_ARRAY = 199;
    FLOAT4 = 700, FLOAT4_ARRAY = 1021;
    FLOAT8 = 701, FLOAT8_ARRAY = 1022;
    INET = 869, INET_ARRAY = 1041;
    CIDR = 650, CIDR_ARRAY = 651;
    BPCHAR = 1042, BPCHAR_ARRAY = 1014;
    VARCHAR = 1043, VARCHAR_ARRAY = 1015;
    DATE = 1082, DATE_ARRAY = 1182;
    TIME = 1083, TIME_ARRAY = 1183;
    TIMESTAMP = 1114, TIMESTAMP_ARRAY = 1115;
    TIMESTAMPTZ = 1184, TIMESTAMPTZ_ARRAY = 1185;
    INTERVAL = 1186, INTERVAL_ARRAY = 1187;
    TIMETZ = 1266, TIMETZ_ARRAY = 1270;
    NUMERIC = 1700, NUMERIC_ARRAY = 1231;
    REGPROCEDURE = 2202, REGPROCEDURE_ARRAY = 2207;
    REGOPER = 2203, REGOPER_ARRAY = 2208;
    REGOPERATOR = 2204, REGOPERATOR_ARRAY = 2209;
    REGCLASS = 2205, REGCLASS_ARRAY = 2210;
    REGTYPE = 2206, REGTYPE_ARRAY = 2211;
    REGROLE = 4096, REGROLE_ARRAY = 4097;
    REGNAMESPACE = 4089, REGNAMESPACE_ARRAY = 4090;
    REGCOLLATION = 4191, REGCOLLATION_ARRAY = 4192;
    RECORD = 2249, RECORD_ARRAY = 2287;
    CSTRING = 2275, CSTRING_ARRAY = 1263;
    UUID = 2950, UUID_ARRAY = 2951;
    JSONB = 3802, JSONB_ARRAY = 3807;
    JSONPATH = 4072, JSONPATH_ARRAY = 4073;
    MACADDR = 829, MACADDR_ARRAY = 1040;
    MACADDR8 = 774, MACADDR8_ARRAY = 775;
    BIT = 1560, BIT_ARRAY = 1561;
    VARBIT = 1562, VARBIT_ARRAY = 1563;
    INT4RANGE = 3904, INT4RANGE_ARRAY = 3905;
    NUMRANGE = 3906, NUMRANGE_ARRAY = 3907;
    TSRANGE = 3908, TSRANGE_ARRAY = 3909;
    TSTZRANGE = 3910, TSTZRANGE_ARRAY = 3911;
    DATERANGE = 3912, DATERANGE_ARRAY = 3913;
    INT8RANGE = 3926, INT8RANGE_ARRAY = 3927;
    INT4MULTIRANGE = 4451, INT4MULTIRANGE_ARRAY = 6150;
    NUMMULTIRANGE = 4532, NUMMULTIRANGE_ARRAY = 6151;
    TSMULTIRANGE = 4533, TSMULTIRANGE_ARRAY = 6152;
    TSTZMULTIRANGE = 4534, TSTZMULTIRANGE_ARRAY = 6153;
    DATEMULTIRANGE = 4535, DATEMULTIRANGE_ARRAY = 6155;
    INT8MULTIRANGE = 4536, INT8MULTIRANGE_ARRAY = 6157;
    TSVECTOR = 3614, TSVECTOR_ARRAY = 3643;
    TSQUERY = 3615, TSQUERY_ARRAY = 3645;
    REGCONFIG = 3734, REGCONFIG_ARRAY = 3735;
    REGDICTIONARY = 3769, REGDICTIONARY_ARRAY = 3770;
    POINT = 600, POINT_ARRAY = 1017;
    LSEG = 601, LSEG_ARRAY = 1018;
    PATH = 602, PATH_ARRAY = 1019;
    BOX = 603, BOX_ARRAY = 1020;
    POLYGON = 604, POLYGON_ARRAY = 1027;
    LINE = 628, LINE_ARRAY = 629;
    CIRCLE = 718, CIRCLE_ARRAY = 719;
    PG_LSN = 3220, PG_LSN_ARRAY = 3221;
    XID8 = 5069, XID8_ARRAY = 271;
    MONEY = 790, MONEY_ARRAY = 791;
}

/// `unknown`: a string literal or parameter whose type is not yet decided.
pub const UNKNOWN: Oid = Oid(705);
/// `void`: the result type of a function called for its effect.
pub const VOID: Oid = Oid(2278);
/// `anyarray`.
pub const ANYARRAY: Oid = Oid(2277);
/// `anyelement`.
pub const ANYELEMENT: Oid = Oid(2283);
/// `anynonarray`.
pub const ANYNONARRAY: Oid = Oid(2776);
/// `any`.
pub const ANY: Oid = Oid(2276);
/// `internal`.
pub const INTERNAL: Oid = Oid(2281);
/// `pg_node_tree`.
pub const PG_NODE_TREE: Oid = Oid(194);
/// `aclitem`.
pub const ACLITEM: Oid = Oid(1033);

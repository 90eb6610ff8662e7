//! The types that statements compute with, and literals of them.

use types::{Oid, oid};

use crate::random::Random;

/// Types of columns and expressions.
pub(super) const STORED: [Oid; 17] = [
    oid::INT4,
    oid::INT8,
    oid::INT2,
    oid::TEXT,
    oid::BOOL,
    oid::NUMERIC,
    oid::FLOAT8,
    oid::DATE,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::VARCHAR,
    oid::BPCHAR,
    oid::INTERVAL,
    oid::UUID,
    oid::BYTEA,
    oid::JSONB,
    oid::TIME,
];

/// Types of expressions that no column has.
pub(super) const COMPUTED: [Oid; 6] =
    [oid::INT4_ARRAY, oid::TEXT_ARRAY, oid::FLOAT4, oid::JSON, oid::TIMETZ, oid::NAME];

/// The type as SQL writes it.
pub(super) fn name(ty: Oid) -> &'static str {
    match ty {
        oid::INT2 => "smallint",
        oid::INT4 => "integer",
        oid::INT8 => "bigint",
        oid::TEXT => "text",
        oid::BOOL => "boolean",
        oid::NUMERIC => "numeric",
        oid::FLOAT4 => "real",
        oid::FLOAT8 => "double precision",
        oid::DATE => "date",
        oid::TIME => "time",
        oid::TIMETZ => "timetz",
        oid::TIMESTAMP => "timestamp",
        oid::TIMESTAMPTZ => "timestamptz",
        oid::VARCHAR => "varchar",
        oid::BPCHAR => "bpchar",
        oid::INTERVAL => "interval",
        oid::UUID => "uuid",
        oid::BYTEA => "bytea",
        oid::JSON => "json",
        oid::JSONB => "jsonb",
        oid::INT4_ARRAY => "integer[]",
        oid::TEXT_ARRAY => "text[]",
        oid::NAME => "name",
        _ => "text",
    }
}

/// The type of a column, with modifiers where DSQL has limits of its own.
pub(super) fn column_type(ty: Oid) -> &'static str {
    match ty {
        oid::NUMERIC => "numeric(12,2)",
        oid::VARCHAR => "varchar(20)",
        oid::BPCHAR => "char(6)",
        other => name(other),
    }
}

/// Whether values can be ordered, and equal values look alike.
pub(super) fn is_plain(ty: Oid) -> bool {
    !matches!(ty, oid::JSON | oid::JSONB | oid::INTERVAL | oid::TIMETZ | oid::FLOAT8 | oid::FLOAT4)
}

/// Whether values can be ordered.
pub(super) fn is_ordered(ty: Oid) -> bool {
    ty != oid::JSON
}

const WORDS: [&str; 16] = [
    "",
    "a",
    "b",
    "abc",
    "Abc",
    "hello world",
    "x_y",
    "10",
    "-5",
    "true",
    "zz%",
    "ä",
    "2020-01-31",
    "  pad ",
    "NULL",
    "aaa",
];

/// A literal of a type.
pub(super) fn literal(random: &mut Random, ty: Oid) -> String {
    let quoted = |text: String| format!("'{text}'::{}", name(ty));
    match ty {
        oid::INT4 | oid::INT8 | oid::INT2 => {
            let number = match random.below(12) {
                0 => 0,
                1 => -1,
                2 => 1000,
                3 => 32_767,
                _ => i64::try_from(random.below(20)).unwrap_or(0) - 5,
            };
            let text = if number < 0 { format!("({number})") } else { number.to_string() };
            if ty == oid::INT4 { text } else { format!("{text}::{}", name(ty)) }
        }
        oid::NUMERIC => {
            let values = ["0", "1.5", "-2.25", "100", "0.001", "12345.678", "-1", "3.14159"];
            format!("{}::numeric", parenthesised(random.pick::<&str>(&values)))
        }
        oid::FLOAT8 | oid::FLOAT4 => {
            let values = ["0", "1.5", "-2.5", "1e10", "0.1", "1e-5", "3"];
            format!("{}::{}", parenthesised(random.pick::<&str>(&values)), name(ty))
        }
        oid::BOOL => (*random.pick(&["true", "false", "NULL::boolean"])).to_owned(),
        oid::TEXT => {
            let word = random.pick(&WORDS);
            if random.chance(50) { format!("'{word}'") } else { format!("'{word}'::text") }
        }
        oid::VARCHAR | oid::BPCHAR | oid::NAME => quoted((*random.pick(&WORDS)).to_owned()),
        oid::DATE => quoted(date(random)),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => quoted(format!("{} {}", date(random), time(random))),
        oid::TIME => quoted(time(random)),
        oid::TIMETZ => quoted(format!("{}+02", time(random))),
        oid::INTERVAL => {
            let values = [
                "1 day",
                "2 hours",
                "-3 days",
                "1 year 2 mons",
                "00:00:01.5",
                "0",
                "1 mon -1 day",
                "100 hours",
            ];
            quoted((*random.pick(&values)).to_owned())
        }
        oid::UUID => quoted(format!("00000000-0000-0000-0000-0000000000{:02}", random.below(20))),
        oid::BYTEA => quoted((*random.pick(&["", "\\x00ff", "abc", "\\xdeadbeef"])).to_owned()),
        oid::JSON | oid::JSONB => {
            let values = [
                "{}",
                "[]",
                "null",
                "1",
                "\"s\"",
                "[1, 2, \"x\"]",
                "{\"a\": 1, \"b\": [true, null]}",
                "{\"a\": {\"c\": \"d\"}}",
                "[{\"a\": 2}]",
            ];
            quoted((*random.pick(&values)).to_owned())
        }
        oid::INT4_ARRAY => quoted(
            (*random.pick(&["{}", "{1,2,3}", "{NULL,5}", "{{1,2},{3,4}}", "{7}"])).to_owned(),
        ),
        oid::TEXT_ARRAY => {
            quoted((*random.pick(&["{}", "{a,b}", "{NULL,x}", "{hello,\"\"}"])).to_owned())
        }
        _ => "NULL".to_owned(),
    }
}

fn parenthesised(number: &str) -> String {
    if number.starts_with('-') { format!("({number})") } else { number.to_owned() }
}

fn date(random: &mut Random) -> String {
    let years = [1999, 2000, 2020, 2023, 2024];
    format!("{}-{:02}-{:02}", random.pick(&years), random.range(1, 12), random.range(1, 28))
}

fn time(random: &mut Random) -> String {
    let fraction = *random.pick(&["", "", ".5", ".123456"]);
    format!("{:02}:{:02}:{:02}{fraction}", random.below(24), random.below(60), random.below(60))
}

/// A stored value as INSERT writes it.
pub(super) fn stored(random: &mut Random, ty: Oid) -> String {
    if random.chance(15) { "NULL".to_owned() } else { literal(random, ty) }
}

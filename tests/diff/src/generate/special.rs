//! Expressions whose arguments are little languages of their own, or have a syntax of their own:
//! patterns, formats, paths, slices, ranges, intervals. Random literals would hardly ever fit them.

use types::{Oid, oid};

use super::kinds;
use super::query::{Builder, Scope};

const REGEXES: [&str; 16] = [
    "a",
    "(a)(b)?",
    "^.",
    "[a-c]+",
    "\\d+",
    "(?i)ABC",
    "\\s|_",
    ".*?b",
    "(a|ab)(c|bcd)?",
    "a{1,2}",
    "x*",
    "\\mb",
    "(.)\\1",
    "[[:alpha:]]+$",
    "(",
    "a(?=b)",
];
const FLAGS: [&str; 7] = ["", "g", "i", "gi", "n", "x", "z"];
const NUMBER_FORMATS: [&str; 14] = [
    "9,999.99", "FM000.0", "S999", "9.9EEEE", "RN", "999PR", "MI99.9", "99V9", "0.00", "FM9.999",
    "L99", "99th", "SG9", "9D9G9",
];
const TIME_FORMATS: [&str; 12] = [
    "YYYY-MM-DD HH24:MI:SS.US",
    "Day, DD Mon YYYY",
    "FMMonth FMDDth",
    "IYYY-IW-ID",
    "DDD Q CC J",
    "HH12:MI AM",
    "RM W WW",
    "SSSS MS",
    "Y,YYY BC",
    "YY \"y\" Y",
    "TMDay FF3",
    "Dy DY dy",
];
const FIELDS: [&str; 18] = [
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "week",
    "isoyear",
    "dow",
    "isodow",
    "doy",
    "quarter",
    "century",
    "epoch",
    "milliseconds",
    "decade",
    "timezone",
    "nosuch",
];
const PATHS: [&str; 14] = [
    "$",
    "$.a",
    "$[*]",
    "$.a.c",
    "$.b[*] ? (@ == true)",
    "$[*] ? (@ > 1)",
    "strict $.a",
    "$.**",
    "$.keyvalue()",
    "$[last]",
    "$.a + 1",
    "$.type()",
    "$[0 to 1].a",
    "$ ? (exists(@.a))",
];
const KEYS: [&str; 5] = ["{a}", "{a,c}", "{0}", "{b,-1}", "{}"];
const INTERVALS: [&str; 14] = [
    "1 year 2 mons 3 days 04:05:06.7",
    "-1-2 +3 -4:05:06",
    "P1Y2M3DT4H",
    "1.5 weeks",
    "@ 2 hours ago",
    "1 2:03:04",
    "-36:00",
    "3 mons -40 days",
    "0.5 years",
    "90 minutes",
    "1.123456789 s",
    "P0001-02-03T04:05:06",
    "1 decade",
    "5 fortnights",
];

impl Builder<'_> {
    fn quoted(&mut self, texts: &[&str]) -> String {
        format!("'{}'", self.random.pick(texts))
    }

    /// An expression of a type in one of the forms above; `None` if there is none of the type.
    pub(super) fn special(&mut self, ty: Oid, scope: &Scope, depth: usize) -> Option<String> {
        let of = |builder: &mut Self, ty: Oid| builder.expr(ty, scope, depth + 1);
        let choice = self.random.below(8);
        Some(match (ty, choice) {
            (oid::TEXT, 0) => {
                let value = of(self, oid::NUMERIC);
                format!("to_char({value}, {})", self.quoted(&NUMBER_FORMATS))
            }
            (oid::TEXT, 1) => {
                let ty = *self.random.pick(&[oid::TIMESTAMP, oid::TIMESTAMPTZ, oid::INTERVAL]);
                let value = of(self, ty);
                format!("to_char({value}, {})", self.quoted(&TIME_FORMATS))
            }
            (oid::TEXT, 2) => {
                let value = of(self, oid::TEXT);
                let pattern = self.quoted(&REGEXES);
                let with = self.quoted(&["<\\1>", "\\&\\&", "", "x"]);
                format!("regexp_replace({value}, {pattern}, {with}, {})", self.quoted(&FLAGS))
            }
            (oid::TEXT, 3) => {
                let (ty, value) = self.range();
                let function = *self.random.pick(&["", "", "range_merge", "multirange"]);
                match function {
                    "range_merge" => {
                        let other = self.range_of(ty);
                        format!("range_merge({value}, {other})::text")
                    }
                    function => format!("{function}({value})::text"),
                }
            }
            (oid::TEXT, 4) => {
                let (value, other) = (of(self, oid::TEXT), of(self, oid::INT4));
                let format = self.quoted(&["%s-%s", "%2$s%1$I", "%L", "%5s|%-4s|", "%%%s", "%x"]);
                format!("format({format}, {value}, {other})")
            }
            (oid::TEXT, 5) => {
                let source = self.any_type();
                let through = self.any_type();
                let value = of(self, source);
                format!("(({value})::{})::text", kinds::name(through))
            }
            (oid::TEXT, 6) => {
                let value = of(self, oid::TEXT);
                format!("substring({value} from {})", self.quoted(&REGEXES))
            }
            (oid::TEXT, _) => {
                let value = of(self, oid::JSONB);
                format!("({value} #>> {})", self.quoted(&KEYS))
            }
            (oid::BOOL, 0..=1) => {
                let value = of(self, oid::TEXT);
                let operator = *self.random.pick(&["~", "~*", "!~", "!~*"]);
                format!("({value} {operator} {})", self.quoted(&REGEXES))
            }
            (oid::BOOL, 2..=3) => {
                let value = of(self, oid::JSONB);
                let operator = *self.random.pick(&["@?", "@@"]);
                format!("({value} {operator} {})", self.quoted(&PATHS))
            }
            (oid::BOOL, 4..=5) => {
                let (ty, value) = self.range();
                let other = self.range_of(ty);
                let operators = ["&&", "@>", "<@", "<<", ">>", "-|-", "&<", "=", "<"];
                format!("({value} {} {other})", self.random.pick(&operators))
            }
            (oid::BOOL, 6) => {
                let (a, b) = (of(self, oid::TIMESTAMP), of(self, oid::TIMESTAMP));
                let (c, d) = (of(self, oid::TIMESTAMP), of(self, oid::INTERVAL));
                format!("(({a}, {b}) OVERLAPS ({c}, {d}))")
            }
            (oid::BOOL, _) => {
                let (a, b) = (of(self, oid::INT4_ARRAY), of(self, oid::INT4_ARRAY));
                format!("({a} {} {b})", self.random.pick(&["@>", "<@", "&&", "=", "<"]))
            }
            (oid::INT4, 0..=1) => {
                let value = of(self, oid::TEXT);
                let function = *self.random.pick(&["regexp_count", "regexp_instr"]);
                format!("{function}({value}, {})", self.quoted(&REGEXES))
            }
            (oid::INT4, 2..=3) => {
                let value = of(self, oid::INT4_ARRAY);
                format!("({value})[{}]", self.random.below(4))
            }
            (oid::INT4, 4..=5) => {
                let value = self.range_of("int4");
                format!("{}({value})", self.random.pick(&["lower", "upper"]))
            }
            (oid::INT4, _) => {
                let (array, value) = (of(self, oid::INT4_ARRAY), of(self, oid::INT4));
                format!("array_position({array}, {value})")
            }
            (oid::NUMERIC, 0..=3) => {
                let sources =
                    [oid::TIMESTAMP, oid::TIMESTAMPTZ, oid::DATE, oid::INTERVAL, oid::TIME];
                let source = *self.random.pick(&sources);
                let value = of(self, source);
                format!("extract({} from {value})", self.random.pick(&FIELDS))
            }
            (oid::NUMERIC, 4..=5) => {
                let value = of(self, oid::TEXT);
                format!("to_number({value}, {})", self.quoted(&NUMBER_FORMATS))
            }
            (oid::NUMERIC, _) => {
                let value = of(self, oid::NUMERIC);
                let places = self.random.below(6);
                format!("{}({value}, {places} - 2)", self.random.pick(&["round", "trunc"]))
            }
            (oid::JSONB, 0..=3) => {
                let value = of(self, oid::JSONB);
                let function =
                    *self.random.pick(&["jsonb_path_query_first", "jsonb_path_query_array"]);
                format!("{function}({value}, {})", self.quoted(&PATHS))
            }
            (oid::JSONB, 4) => {
                let (value, new) = (of(self, oid::JSONB), of(self, oid::JSONB));
                let function = *self.random.pick(&["jsonb_set", "jsonb_insert"]);
                format!("{function}({value}, {}, {new})", self.quoted(&KEYS))
            }
            (oid::JSONB, 5) => {
                let value = of(self, oid::JSONB);
                format!("({value})[{}]", self.random.pick(&["'a'", "0", "-1", "'b'"]))
            }
            (oid::JSONB, _) => {
                let source = self.any_type();
                let value = of(self, source);
                format!("jsonb_build_object('k', {value}, 'l', to_jsonb({value}))")
            }
            (oid::INT4_ARRAY, _) => {
                let value = of(self, oid::INT4_ARRAY);
                let (low, high) = (self.random.below(3), self.random.below(4));
                match choice {
                    0..=3 => format!("({value})[{low}:{high}]"),
                    4 => format!("({value})[:{high}]"),
                    5 => format!("array_fill({low}, ARRAY[{high}])"),
                    _ => format!("trim_array({value}, {low})"),
                }
            }
            (oid::TEXT_ARRAY, _) => {
                let value = of(self, oid::TEXT);
                let functions = ["regexp_match", "regexp_split_to_array"];
                format!("{}({value}, {})", self.random.pick(&functions), self.quoted(&REGEXES))
            }
            (oid::INTERVAL, 0..=3) => format!("interval {}", self.quoted(&INTERVALS)),
            (oid::INTERVAL, 4) => {
                let (a, b) = (of(self, oid::TIMESTAMP), of(self, oid::TIMESTAMP));
                format!("age({a}, {b})")
            }
            (oid::INTERVAL, _) => {
                let value = of(self, oid::INTERVAL);
                let functions = ["justify_interval", "justify_days", "justify_hours"];
                format!("{}({value})", self.random.pick(&functions))
            }
            (oid::TIMESTAMP, 0..=3) => {
                let value = of(self, oid::TIMESTAMP);
                format!("date_trunc({}, {value})", self.quoted(&FIELDS))
            }
            (oid::TIMESTAMP, 4..=5) => {
                let value = of(self, oid::TIMESTAMPTZ);
                let zones = ["UTC", "America/New_York", "Asia/Kolkata", "+03", "EST5EDT", "nosuch"];
                format!("({value} AT TIME ZONE {})", self.quoted(&zones))
            }
            (oid::TIMESTAMP, _) => {
                let value = of(self, oid::TIMESTAMP);
                format!("date_bin(interval '15 minutes', {value}, timestamp '2020-01-01')")
            }
            (oid::DATE, 0..=3) => {
                let value = of(self, oid::TIMESTAMP);
                let format = self.quoted(&TIME_FORMATS);
                format!("to_date(to_char({value}, {format}), {format})")
            }
            (oid::DATE, _) => {
                let (value, days) = (of(self, oid::DATE), of(self, oid::INTERVAL));
                format!("({value} + {days})::date")
            }
            _ => return None,
        })
    }

    /// A range, and the name of the type that it is over.
    fn range(&mut self) -> (&'static str, String) {
        let ty = *self.random.pick(&["int4", "num", "date"]);
        (ty, self.range_of(ty))
    }

    fn range_of(&mut self, ty: &'static str) -> String {
        let texts: &[&str] = match ty {
            "date" => &[
                "[2020-01-01,2020-02-01)",
                "(2020-01-15,)",
                "empty",
                "[2020-01-31,2020-01-31]",
                "(,2019-12-31]",
            ],
            _ => &["[1,5)", "(2,8]", "[5,9)", "empty", "(,3)", "[4,]", "[5,1)", "(,)"],
        };
        format!("{}::{ty}range", self.quoted(texts))
    }
}

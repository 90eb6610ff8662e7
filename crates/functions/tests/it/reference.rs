//! Tables of calls with PostgreSQL 16's answers (`tests/data/*.tsv`, C locale, UTF-8, time zone UTC).
//!
//! A line of a function table is `prosrc`, argument types, result type, answer, arguments…; a line of
//! an aggregate table is `aggfnoid`, argument types, result type, answer, rows… with `¦` between a
//! row's values. Types are OIDs. Texts are escaped as `COPY` does it, `\N` is NULL, and an answer
//! that begins with `!` is an error: SQLSTATE and message. Rows of a set are joined by ` ; `.

use std::collections::HashMap;

use functions::{CallCx, Site};
use types::{Datum, FormatSettings, Oid, text};

/// Shows at most this many differences.
const SHOWN_MAX: usize = 60;

fn unescape(field: &str) -> Option<String> {
    if field == "\\N" {
        return None;
    }
    let mut out = String::new();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next().unwrap() {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'v' => out.push('\u{b}'),
            'f' => out.push('\u{c}'),
            'x' => {
                let hex: String = chars.by_ref().take(2).collect();
                out.push(char::from(u8::from_str_radix(&hex, 16).unwrap()));
            }
            c => out.push(c),
        }
    }
    Some(out)
}

struct Case {
    name: String,
    site: Site,
    expected: Option<String>,
    inputs: Vec<String>,
}

fn parse(line: &str) -> Case {
    let mut fields = line.split('\t');
    let name = fields.next().unwrap().to_owned();
    let oid = |text: &str| Oid(text.parse().unwrap());
    let arg_types = fields.next().unwrap().split_whitespace().map(oid).collect();
    let result_type = oid(fields.next().unwrap());
    let expected = unescape(fields.next().unwrap());
    Case {
        name,
        site: Site { arg_types, result_type },
        expected,
        inputs: fields.map(str::to_owned).collect(),
    }
}

fn read(types: &[Oid], fields: &[&str], settings: &FormatSettings) -> types::Result<Vec<Datum>> {
    assert_eq!(types.len(), fields.len());
    types
        .iter()
        .zip(fields)
        .map(|(oid, field)| match unescape(field) {
            None => Ok(Datum::Null),
            Some(value) => text::input(*oid, -1, &value, settings),
        })
        .collect()
}

fn show(result: types::Result<Datum>, oid: Oid, settings: &FormatSettings) -> Option<String> {
    match result {
        Ok(Datum::Null) => None,
        Ok(datum) => Some(text::to_string(&datum, oid, settings)),
        Err(error) => Some(format!("!{} {}", error.code(), error.message())),
    }
}

fn call(case: &Case, cx: &CallCx<'_>) -> Option<String> {
    let fields: Vec<&str> = case.inputs.iter().map(String::as_str).collect();
    let args = match read(&case.site.arg_types, &fields, cx.settings) {
        Ok(args) => args,
        Err(error) => return show(Err(error), case.site.result_type, cx.settings),
    };
    if let Some(scalar) = functions::scalar(&case.name) {
        let result = scalar(cx, &case.site, &args);
        return show(result, case.site.result_type, cx.settings);
    }
    let Some(set) = functions::set_returning(&case.name) else {
        return Some("not implemented".into());
    };
    let rows = match set(cx, &case.site, &args) {
        Ok(rows) => rows,
        Err(error) => return show(Err(error), case.site.result_type, cx.settings),
    };
    let mut out = Vec::new();
    for row in rows {
        if let Err(error) = row {
            return show(Err(error), case.site.result_type, cx.settings);
        }
        let row = show(row, case.site.result_type, cx.settings);
        out.push(row.unwrap_or_else(|| "<null>".into()));
    }
    Some(if out.is_empty() { "<empty>".into() } else { out.join(" ; ") })
}

fn aggregate(case: &Case, cx: &CallCx<'_>) -> Option<String> {
    let Some(new) = functions::aggregate(Oid(case.name.parse().unwrap())) else {
        return Some("not implemented".into());
    };
    let mut state = new(&case.site);
    for row in &case.inputs {
        let fields: Vec<&str> =
            if case.site.arg_types.is_empty() { Vec::new() } else { row.split('¦').collect() };
        let result =
            read(&case.site.arg_types, &fields, cx.settings).and_then(|args| state.step(cx, &args));
        if let Err(error) = result {
            return show(Err(error), case.site.result_type, cx.settings);
        }
    }
    show(state.finish(cx), case.site.result_type, cx.settings)
}

/// Functions whose last digit is the C library's affair.
const LIBRARY_ROUNDED: &[&str] = &["dcbrt", "derf", "derfc"];

fn nearly_equal(case: &Case, found: Option<&str>) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    match (number(case.expected.as_deref()), number(found)) {
        (Some(a), Some(b)) if LIBRARY_ROUNDED.contains(&case.name.as_str()) => {
            (a - b).abs() <= a.abs() * 4.0 * f64::EPSILON
        }
        _ => false,
    }
}

pub(crate) fn call_cx(settings: &FormatSettings) -> CallCx<'_> {
    CallCx { settings, transaction_micros: 0, statement_micros: 0, session: &(), interrupts: None }
}

#[track_caller]
fn check(table: &str, zone: &str, run: fn(&Case, &CallCx<'_>) -> Option<String>) {
    let settings = FormatSettings {
        time_zone: types::TimeZone::parse(zone).unwrap(),
        ..FormatSettings::default()
    };
    let cx = call_cx(&settings);
    let mut differences = Vec::new();
    let mut count = 0;
    for line in table.lines() {
        count += 1;
        let case = parse(line);
        let found = run(&case, &cx);
        if found != case.expected && !nearly_equal(&case, found.as_deref()) {
            differences.push(format!("{line}\n    found {found:?}"));
        }
    }
    if !differences.is_empty() {
        let shown: Vec<&str> = differences.iter().map(String::as_str).take(SHOWN_MAX).collect();
        panic!("{} of {count} differ:\n{}", differences.len(), shown.join("\n"));
    }
}

macro_rules! tables {
    ($($(#[$meta:meta])* $name:ident($file:literal, $run:ident, $zone:literal);)*) => {$(
        #[test]
        $(#[$meta])*
        fn $name() {
            check(include_str!(concat!("../data/", $file)), $zone, $run);
        }
    )*};
}

tables! {
    numbers("numbers.tsv", call, "UTC");
    comparisons("compare.tsv", call, "UTC");
    numeric("numeric.tsv", call, "UTC");
    casts("casts.tsv", call, "UTC");
    strings("strings.tsv", call, "UTC");
    bytea("bytea.tsv", call, "UTC");
    math("math.tsv", call, "UTC");
    sets("sets.tsv", call, "UTC");
    sets_datetime("sets_datetime.tsv", call, "UTC");
    interval("interval.tsv", call, "UTC");
    datetime("datetime.tsv", call, "UTC");
    datetime_comparisons("datetime_compare.tsv", call, "UTC");
    arrays("arrays.tsv", call, "UTC");
    aggregates_datetime("aggregates_datetime.tsv", aggregate, "UTC");
    json("json.tsv", call, "UTC");
    numeric_functions("numeric_functions.tsv", call, "UTC");
    regex("regex.tsv", call, "UTC");
    format("format.tsv", call, "UTC");
    format_input("format_input.tsv", call, "UTC");
    misc("misc.tsv", call, "UTC");
    aggregates("aggregates.tsv", aggregate, "UTC");
}

/// Every function table.
const TABLES: &[&str] = &[
    include_str!("../data/numbers.tsv"),
    include_str!("../data/compare.tsv"),
    include_str!("../data/numeric.tsv"),
    include_str!("../data/casts.tsv"),
    include_str!("../data/strings.tsv"),
    include_str!("../data/bytea.tsv"),
    include_str!("../data/math.tsv"),
    include_str!("../data/interval.tsv"),
    include_str!("../data/datetime.tsv"),
    include_str!("../data/arrays.tsv"),
    include_str!("../data/json.tsv"),
    include_str!("../data/regex.tsv"),
    include_str!("../data/format.tsv"),
    include_str!("../data/format_input.tsv"),
    include_str!("../data/misc.tsv"),
];

/// No arguments make a function panic: each gets those of all the others.
#[test]
fn any_arguments_are_survived() {
    let settings = FormatSettings::default();
    let cx = call_cx(&settings);
    let cases: Vec<Case> = TABLES.iter().flat_map(|table| table.lines().map(parse)).collect();
    let mut pools: HashMap<Oid, Vec<Datum>> = HashMap::new();
    for case in &cases {
        for (oid, input) in case.site.arg_types.iter().zip(&case.inputs) {
            if let Some(value) = unescape(input)
                && let Ok(datum) = text::input(*oid, -1, &value, &settings)
            {
                let pool = pools.entry(*oid).or_default();
                if pool.len() < 3000 {
                    pool.push(datum);
                }
            }
        }
    }
    // A fixed sequence: failures must repeat.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for case in cases.iter().step_by(40) {
        // These take their time for large arguments, as in PostgreSQL.
        if matches!(
            case.name.as_str(),
            "numeric_fac"
                | "numeric_power"
                | "numeric_exp"
                | "numeric_ln"
                | "numeric_log"
                | "repeat"
                | "lpad"
                | "rpad"
        ) {
            continue;
        }
        let Some(scalar) = functions::scalar(&case.name) else { continue };
        let types = &case.site.arg_types;
        if types.iter().any(|oid| !pools.contains_key(oid)) {
            continue;
        }
        for _ in 0..3 {
            let args: Vec<Datum> = types
                .iter()
                .map(|oid| {
                    let pool = &pools[oid];
                    pool[random(pool.len())].clone()
                })
                .collect();
            let _ = scalar(&cx, &case.site, &args);
        }
    }
}

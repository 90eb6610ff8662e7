//! Turns the catalogue data of `data/*.csv` into static tables, so that start-up costs nothing.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a build fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

#[path = "src/csv.rs"]
mod csv;

/// One CSV file, fields reachable by column name.
struct Csv {
    columns: HashMap<String, usize>,
    records: Vec<csv::Record>,
}

/// One record of a [`Csv`].
struct Line<'a>(&'a HashMap<String, usize>, &'a csv::Record);

impl Csv {
    fn read(names: &[&str]) -> Csv {
        let mut all = Csv { columns: HashMap::new(), records: Vec::new() };
        for name in names {
            let path = format!("data/{name}.csv");
            println!("cargo::rerun-if-changed={path}");
            let (header, records) = csv::read(&fs::read_to_string(&path).expect(&path));
            let columns: HashMap<_, _> =
                header.into_iter().enumerate().map(|(i, name)| (name, i)).collect();
            assert!(all.columns.is_empty() || all.columns == columns, "{path}: other columns");
            all.columns = columns;
            all.records.extend(records);
        }
        all
    }

    fn lines(&self) -> Vec<Line<'_>> {
        self.records.iter().map(|record| Line(&self.columns, record)).collect()
    }
}

impl<'a> Line<'a> {
    fn opt(&self, column: &str) -> Option<&'a str> {
        let at = *self.0.get(column).unwrap_or_else(|| panic!("no column {column}"));
        self.1[at].as_deref()
    }
    fn text(&self, column: &str) -> &'a str {
        self.opt(column).unwrap_or_default()
    }
    fn int(&self, column: &str) -> i64 {
        self.text(column).parse().unwrap_or_else(|_| panic!("{column}: {:?}", self.1))
    }
    fn oid(&self, column: &str) -> String {
        format!("Oid({})", self.int(column))
    }
    fn bool(&self, column: &str) -> bool {
        self.text(column) == "t"
    }
    fn byte(&self, column: &str) -> String {
        format!("b'{}'", self.text(column))
    }
    fn numbers(&self, column: &str) -> String {
        format!("&[{}]", self.text(column).split_whitespace().collect::<Vec<_>>().join(","))
    }
    fn oids(&self, column: &str) -> String {
        let oids: Vec<String> =
            self.text(column).split_whitespace().map(|oid| format!("Oid({oid})")).collect();
        format!("&[{}]", oids.join(","))
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/csv.rs");
    let mut out = String::new();
    types(&mut out);
    procs(&mut out);
    operators(&mut out);
    casts(&mut out);
    aggregates(&mut out);
    operator_classes(&mut out);
    words(&mut out);
    settings(&mut out);
    roles(&mut out);
    relations(&mut out);
    system_indexes(&mut out);
    descriptions(&mut out);
    let dir = env::var("OUT_DIR").unwrap();
    fs::write(Path::new(&dir).join("builtin.rs"), out).unwrap();
}

/// Writes `pub(super) static NAME: [TYPE; n] = [rows];`.
fn table(out: &mut String, name: &str, of: &str, rows: &[String]) {
    let len = rows.len();
    writeln!(out, "pub(super) static {name}: [{of}; {len}] = [\n{}\n];", rows.join(",\n")).unwrap();
}

/// Writes an index: positions into another table, ordered by something else.
fn index<K: Ord>(out: &mut String, name: &str, keys: impl Iterator<Item = K>) {
    let mut order: Vec<(K, usize)> = keys.enumerate().map(|(at, key)| (key, at)).collect();
    order.sort();
    let rows: Vec<String> = order.iter().map(|(_, at)| at.to_string()).collect();
    table(out, name, "u16", &rows);
}

fn types(out: &mut String) {
    let csv = Csv::read(&["pg_type", "sys_type"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|line| line.int("oid"));
    let rows: Vec<String> = lines
        .iter()
        .map(|t| {
            let kind = match t.text("typtype") {
                "b" => "Base",
                "c" => "Composite",
                "d" => "Domain",
                "e" => "Enum",
                "p" => "Pseudo",
                "r" => "Range",
                "m" => "Multirange",
                other => panic!("typtype {other}"),
            };
            format!(
                "TypeRow {{ oid: {}, name: {:?}, schema: {}, len: {}, by_value: {}, \
                 kind: TypeKind::{kind}, category: {}, preferred: {}, defined: {}, delimiter: {}, \
                 relation: {}, subscript: {}, element: {}, array: {}, input: {}, output: {}, \
                 receive: {}, send: {}, typmod_in: {}, typmod_out: {}, align: {}, storage: {}, \
                 not_null: {}, base: {}, typmod: {}, collation: {} }}",
                t.oid("oid"),
                t.text("typname"),
                t.int("typnamespace"),
                t.int("typlen"),
                t.bool("typbyval"),
                t.byte("typcategory"),
                t.bool("typispreferred"),
                t.bool("typisdefined"),
                t.byte("typdelim"),
                t.oid("typrelid"),
                t.oid("typsubscript"),
                t.oid("typelem"),
                t.oid("typarray"),
                t.oid("typinput"),
                t.oid("typoutput"),
                t.oid("typreceive"),
                t.oid("typsend"),
                t.oid("typmodin"),
                t.oid("typmodout"),
                t.byte("typalign"),
                t.byte("typstorage"),
                t.bool("typnotnull"),
                t.oid("typbasetype"),
                t.int("typtypmod"),
                t.oid("typcollation"),
            )
        })
        .collect();
    table(out, "TYPES", "TypeRow", &rows);
    index(
        out,
        "TYPES_BY_NAME",
        lines.iter().map(|t| (t.text("typname").to_owned(), t.int("typnamespace"))),
    );
}

/// The SQL texts of a function's argument defaults: `'{}'::jsonb, false` are two.
fn defaults(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted) = (0, false);
    for c in text.chars() {
        match c {
            '\'' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts.retain(|part| !part.is_empty());
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

fn procs(out: &mut String) {
    let csv = Csv::read(&["pg_proc", "sys_proc"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|p| (p.text("proname"), p.int("oid")));
    let rows: Vec<String> = lines
        .iter()
        .map(|p| {
            let kind = match p.text("prokind") {
                "f" => "Function",
                "a" => "Aggregate",
                "w" => "Window",
                "p" => "Procedure",
                other => panic!("prokind {other}"),
            };
            let volatility = match p.text("provolatile") {
                "i" => "Immutable",
                "s" => "Stable",
                "v" => "Volatile",
                other => panic!("provolatile {other}"),
            };
            let names: Vec<&str> = match p.opt("proargnames") {
                Some(names) => names.split(',').collect(),
                None => Vec::new(),
            };
            format!(
                "ProcRow {{ oid: {}, name: {:?}, schema: {}, lang: {}, cost: {}, rows: {}, \
                 variadic: {}, support: {}, kind: ProcKind::{kind}, security_definer: {}, \
                 leakproof: {}, strict: {}, retset: {}, volatility: Volatility::{volatility}, \
                 parallel: {}, ret: {}, args: {}, all_args: {}, modes: b{:?}, names: &{:?}, \
                 defaults: &{:?}, src: {:?}, body: {:?}, bin: {:?} }}",
                p.oid("oid"),
                p.text("proname"),
                p.int("pronamespace"),
                p.oid("prolang"),
                p.text("procost").parse::<f64>().unwrap(),
                p.text("prorows").parse::<f64>().unwrap(),
                p.oid("provariadic"),
                p.oid("prosupport"),
                p.bool("prosecdef"),
                p.bool("proleakproof"),
                p.bool("proisstrict"),
                p.bool("proretset"),
                p.byte("proparallel"),
                p.oid("prorettype"),
                p.oids("proargtypes"),
                p.oids("proallargtypes"),
                p.text("proargmodes"),
                names,
                defaults(p.text("proargdefaults")),
                p.text("prosrc"),
                p.opt("body"),
                p.opt("probin"),
            )
        })
        .map(float_fields)
        .collect();
    table(out, "PROCS", "ProcRow", &rows);
    index(out, "PROCS_BY_OID", lines.iter().map(|p| p.int("oid")));
}

/// `{}` prints a whole `f64` without a point, which is no `f64` literal.
fn float_fields(mut row: String) -> String {
    for field in ["cost: ", "rows: "] {
        let start = row.find(field).unwrap() + field.len();
        let end = start + row[start..].find(',').unwrap();
        if !row[start..end].contains('.') {
            row.insert_str(end, ".0");
        }
    }
    row
}

fn operators(out: &mut String) {
    let csv = Csv::read(&["pg_operator"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|o| (o.text("oprname"), o.int("oid")));
    let rows: Vec<String> = lines
        .iter()
        .map(|o| {
            format!(
                "OperatorRow {{ oid: {}, name: {:?}, prefix: {}, can_merge: {}, can_hash: {}, \
                 left: {}, right: {}, result: {}, commutator: {}, negator: {}, func: {}, \
                 restrict: {}, join: {} }}",
                o.oid("oid"),
                o.text("oprname"),
                o.text("oprkind") == "l",
                o.bool("oprcanmerge"),
                o.bool("oprcanhash"),
                o.oid("oprleft"),
                o.oid("oprright"),
                o.oid("oprresult"),
                o.oid("oprcom"),
                o.oid("oprnegate"),
                o.oid("oprcode"),
                o.oid("oprrest"),
                o.oid("oprjoin"),
            )
        })
        .collect();
    table(out, "OPERATORS", "OperatorRow", &rows);
    index(out, "OPERATORS_BY_OID", lines.iter().map(|o| o.int("oid")));
}

fn casts(out: &mut String) {
    let csv = Csv::read(&["pg_cast"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|c| (c.int("castsource"), c.int("casttarget")));
    let rows: Vec<String> = lines
        .iter()
        .map(|c| {
            let context = match c.text("castcontext") {
                "i" => "Implicit",
                "a" => "Assignment",
                "e" => "Explicit",
                other => panic!("castcontext {other}"),
            };
            let method = match c.text("castmethod") {
                "f" => "Function",
                "b" => "Binary",
                "i" => "InOut",
                other => panic!("castmethod {other}"),
            };
            format!(
                "CastRow {{ oid: {}, source: {}, target: {}, func: {}, \
                 context: CastContext::{context}, method: CastMethod::{method} }}",
                c.oid("oid"),
                c.oid("castsource"),
                c.oid("casttarget"),
                c.oid("castfunc"),
            )
        })
        .collect();
    table(out, "CASTS", "CastRow", &rows);
}

fn aggregates(out: &mut String) {
    let csv = Csv::read(&["pg_aggregate"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|a| a.int("aggfnoid"));
    let rows: Vec<String> = lines
        .iter()
        .map(|a| {
            let kind = match a.text("aggkind") {
                "n" => "Normal",
                "o" => "OrderedSet",
                "h" => "Hypothetical",
                other => panic!("aggkind {other}"),
            };
            format!(
                "AggregateRow {{ func: {}, kind: AggregateKind::{kind}, direct_args: {}, \
                 trans_fn: {}, final_fn: {}, combine_fn: {}, sort_op: {}, trans_type: {}, \
                 init: {:?} }}",
                a.oid("aggfnoid"),
                a.int("aggnumdirectargs"),
                a.oid("aggtransfn"),
                a.oid("aggfinalfn"),
                a.oid("aggcombinefn"),
                a.oid("aggsortop"),
                a.oid("aggtranstype"),
                a.opt("agginitval"),
            )
        })
        .collect();
    table(out, "AGGREGATES", "AggregateRow", &rows);
}

fn operator_classes(out: &mut String) {
    let classes = Csv::read(&["pg_opclass"]);
    let mut lines = classes.lines();
    lines.sort_by_key(|c| (c.int("opcmethod"), c.int("opcintype"), c.int("oid")));
    let rows: Vec<String> = lines
        .iter()
        .map(|c| {
            format!(
                "OperatorClassRow {{ oid: {}, method: {}, name: {:?}, family: {}, input: {}, \
                 default: {}, key: {} }}",
                c.oid("oid"),
                c.oid("opcmethod"),
                c.text("opcname"),
                c.oid("opcfamily"),
                c.oid("opcintype"),
                c.bool("opcdefault"),
                c.oid("opckeytype"),
            )
        })
        .collect();
    table(out, "OPERATOR_CLASSES", "OperatorClassRow", &rows);

    let members = Csv::read(&["pg_amop"]);
    let mut lines = members.lines();
    let key = |a: &Line<'_>| {
        ["amopfamily", "amoplefttype", "amoprighttype", "amopstrategy", "oid"].map(|c| a.int(c))
    };
    lines.sort_by_key(key);
    let rows: Vec<String> = lines
        .iter()
        .map(|a| {
            format!(
                "FamilyOperatorRow {{ oid: {}, family: {}, left: {}, right: {}, strategy: {}, \
                 ordering: {}, operator: {}, method: {}, sort_family: {} }}",
                a.oid("oid"),
                a.oid("amopfamily"),
                a.oid("amoplefttype"),
                a.oid("amoprighttype"),
                a.int("amopstrategy"),
                a.text("amoppurpose") == "o",
                a.oid("amopopr"),
                a.oid("amopmethod"),
                a.oid("amopsortfamily"),
            )
        })
        .collect();
    table(out, "FAMILY_OPERATORS", "FamilyOperatorRow", &rows);
    index(out, "FAMILY_OPERATORS_BY_OPERATOR", lines.iter().map(|a| (a.int("amopopr"), key(a))));
}

fn words(out: &mut String) {
    let csv = Csv::read(&["keywords"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|k| k.text("word"));
    let rows: Vec<String> = lines
        .iter()
        .map(|k| {
            let category = match k.text("catcode") {
                "U" => "Unreserved",
                "C" => "ColumnName",
                "T" => "TypeOrFunctionName",
                "R" => "Reserved",
                other => panic!("catcode {other}"),
            };
            format!(
                "Keyword {{ word: {:?}, category: KeywordCategory::{category}, bare_label: {} }}",
                k.text("word"),
                k.bool("barelabel"),
            )
        })
        .collect();
    table(out, "KEYWORDS", "Keyword", &rows);

    let csv = Csv::read(&["timezone_abbrevs"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|z| z.text("abbrev"));
    let rows: Vec<String> = lines
        .iter()
        .map(|z| {
            let (sign, clock) = match z.text("utc_offset").strip_prefix('-') {
                Some(clock) => (-1, clock),
                None => (1, z.text("utc_offset")),
            };
            let seconds =
                clock.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i32>().unwrap());
            format!(
                "TimeZoneAbbreviation {{ name: {:?}, offset_seconds: {}, daylight: {} }}",
                z.text("abbrev"),
                sign * seconds,
                z.bool("is_dst"),
            )
        })
        .collect();
    table(out, "TIME_ZONE_ABBREVIATIONS", "TimeZoneAbbreviation", &rows);
}

fn settings(out: &mut String) {
    // The second file replaces and adds rows: what DSQL has differently.
    let csv = Csv::read(&["pg_settings", "dsql_settings"]);
    let mut lines = BTreeMap::new();
    for line in csv.lines() {
        lines.insert(line.text("name").to_ascii_lowercase(), line);
    }
    let rows: Vec<String> = lines
        .values()
        .map(|s| {
            format!(
                "SettingRow {{ name: {:?}, setting: {:?}, unit: {:?}, category: {:?}, \
                 description: {:?}, context: {:?}, kind: {:?}, min: {:?}, max: {:?}, \
                 values: {:?}, boot: {:?} }}",
                s.text("name"),
                s.text("setting"),
                s.opt("unit"),
                s.text("category"),
                s.text("short_desc"),
                s.text("context"),
                s.text("vartype"),
                s.opt("min_val"),
                s.opt("max_val"),
                s.opt("enumvals"),
                s.opt("boot_val"),
            )
        })
        .collect();
    table(out, "SETTINGS", "SettingRow", &rows);
}

fn roles(out: &mut String) {
    let csv = Csv::read(&["pg_roles_predefined"]);
    let rows: Vec<String> = csv
        .lines()
        .iter()
        .map(|r| {
            format!(
                "RoleRow {{ oid: {}, name: {:?}, login: {} }}",
                r.oid("oid"),
                r.text("rolname"),
                r.bool("rolcanlogin"),
            )
        })
        .collect();
    table(out, "ROLES", "RoleRow", &rows);
}

fn relations(out: &mut String) {
    let columns = Csv::read(&["system_columns", "sys_columns"]);
    let mut of: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for c in columns.lines() {
        of.entry(c.int("attrelid")).or_default().push(format!(
            "SystemColumn {{ name: {:?}, type_oid: {}, typmod: {}, not_null: {}, collation: {} }}",
            c.text("attname"),
            c.oid("atttypid"),
            c.int("atttypmod"),
            c.bool("attnotnull"),
            c.oid("attcollation"),
        ));
    }
    let relations = Csv::read(&["system_relations", "sys_relations"]);
    let mut lines = relations.lines();
    lines.sort_by_key(|r| r.int("oid"));
    let rows: Vec<String> = lines
        .iter()
        .map(|r| {
            let columns = of.remove(&r.int("oid")).unwrap_or_default();
            assert_eq!(columns.len() as i64, r.int("relnatts"), "{}", r.text("relname"));
            format!(
                "SystemRelation {{ oid: {}, schema: {}, name: {:?}, view: {}, row_type: {}, \
                 columns: &[{}] }}",
                r.oid("oid"),
                r.int("relnamespace"),
                r.text("relname"),
                r.text("relkind") == "v",
                r.oid("reltype"),
                columns.join(","),
            )
        })
        .collect();
    assert!(of.is_empty(), "columns without a relation: {:?}", of.keys());
    table(out, "RELATIONS", "SystemRelation", &rows);
    index(
        out,
        "RELATIONS_BY_NAME",
        lines.iter().map(|r| (r.text("relname").to_owned(), r.int("relnamespace"))),
    );
}

fn system_indexes(out: &mut String) {
    let csv = Csv::read(&["system_indexes"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|i| i.int("indexrelid"));
    let rows: Vec<String> = lines
        .iter()
        .map(|i| {
            format!(
                "SystemIndex {{ oid: {}, relation: {}, name: {:?}, unique: {}, primary: {}, \
                 immediate: {}, keys: {}, collations: {}, classes: {}, options: {}, \
                 constraint: {} }}",
                i.oid("indexrelid"),
                i.oid("indrelid"),
                i.text("relname"),
                i.bool("indisunique"),
                i.bool("indisprimary"),
                i.bool("indimmediate"),
                i.numbers("indkey"),
                i.oids("indcollation"),
                i.oids("indclass"),
                i.numbers("indoption"),
                match i.opt("conoid") {
                    Some(oid) => format!("Some(Oid({oid}))"),
                    None => "None".into(),
                },
            )
        })
        .collect();
    table(out, "SYSTEM_INDEXES", "SystemIndex", &rows);
}

fn descriptions(out: &mut String) {
    let csv = Csv::read(&["pg_description"]);
    let mut lines = csv.lines();
    lines.sort_by_key(|d| ["classoid", "objoid", "objsubid"].map(|column| d.int(column)));
    let rows: Vec<String> = lines
        .iter()
        .map(|d| {
            format!(
                "DescriptionRow {{ class: {}, object: {}, column: {}, text: {:?} }}",
                d.int("classoid"),
                d.int("objoid"),
                d.int("objsubid"),
                d.text("description"),
            )
        })
        .collect();
    table(out, "DESCRIPTIONS", "DescriptionRow", &rows);
}

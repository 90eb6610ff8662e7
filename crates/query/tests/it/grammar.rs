//! Statements made of the grammar that a real cluster accepted: none is refused as unknown.
//!
//! The grammar says what parses and passes the checks of clauses. Names, types and meaning come on top,
//! so that most statements made at random fail; but with other errors than refusals. Where it says too
//! much, a refusal is expected by its text.
//!
//! Every way to write every rule is taken, and stands in a statement that parses, but for those in
//! [`NEVER_PARSED`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use types::SqlState;

use crate::harness::Db;

const GRAMMAR: &str = include_str!("../data/dsql_grammar.txt");

/// Statements of each kind made at random.
const SAMPLES: usize = 25;
/// Statements made with a production, until one parses.
const TRIES: usize = 200;
/// The probability that [`Grammar::write`] adds something around a production that is sought.
const CALM: f64 = 0.15;
/// Short, but good almost nowhere: the grammar or the checks after it want something else.
const SELDOM: &[(&str, &str)] =
    &[("a_expr", "DEFAULT"), ("row", "ROW '(' ')'"), ("row", "ROW '(' <expr_list> ')'")];
/// Rules within each other, after which the shortest way out is taken.
const DEPTH_MAX: usize = 9;

const STATEMENTS: &[&str] = &[
    "CreateSchemaStmt",
    "CreateStmt",
    "IndexStmt",
    "ViewStmt",
    "CreateSeqStmt",
    "CreateDomainStmt",
    "CreateRoleStmt",
    "AlterTableStmt",
    "AlterSeqStmt",
    "AlterDomainStmt",
    "AlterObjectSchemaStmt",
    "AlterOwnerStmt",
    "AlterRoleStmt",
    "AlterRoleSetStmt",
    "RenameStmt",
    "CommentStmt",
    "DropStmt",
    "DropRoleStmt",
    "GrantStmt",
    "RevokeStmt",
    "GrantRoleStmt",
    "RevokeRoleStmt",
    "VariableShowStmt",
    "VariableSetStmt",
    "VariableResetStmt",
    "TransactionStmt",
    "ExplainStmt",
    "DeallocateStmt",
    "SelectStmt",
    "InsertStmt",
    "UpdateStmt",
    "DeleteStmt",
];

/// Where a real cluster refuses what the grammar lets pass.
const REFUSED: &[&str] = &[
    "COLLATE clause not supported",
    "specifying sort order not supported for index keys",
    "opclass not supported for index keys",
    "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported",
    "TABLESAMPLE clause not supported",
    "unsupported statement: CreateTableAs",
    "ALTER TABLE ADD COLUMN with constraint not supported",
    "feature not supported on system entity",
    "setting configuration parameter",
    "cross-database references are not implemented",
    "datatype ",
    "expressions are not supported in included columns",
];

/// PostgreSQL's own refusals.
const POSTGRES_REFUSES: &[&str] = &[
    "cannot use subquery in",
    "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
    "is not allowed with UNION/INTERSECT/EXCEPT",
    "specifying constraint deferrability not supported for domains",
    "views must not contain SELECT INTO",
    // It is built without libxml.
    "unsupported XML feature",
];

/// Productions that stand in no statement that parses, by rule.
const NEVER_PARSED: &[(&str, &[&str])] = &[
    // In PostgreSQL 16 since 16.5; PostgreSQL's own answer to them is an internal error.
    ("SeqOptElemWithoutCache", &["LOGGED", "UNLOGGED"]),
    // A rule of the grammar that is there to refuse it.
    ("a_expr", &["UNIQUE <opt_unique_null_treatment> <select_with_parens>"]),
    // Of all names only those of encodings.
    ("json_encoding_clause_opt", &["ENCODING <name>"]),
    // A rule of the grammar that is there to refuse it.
    ("limit_clause", &["LIMIT <select_limit_value> ',' <select_offset_value>"]),
    // OVERLAPS takes rows of two.
    ("row", &["ROW '(' ')'"]),
    // Of all names only PATH.
    ("xmltable_column_option_el", &["%IDENT <b_expr>"]),
];

struct Rule {
    optional: bool,
    separator: Option<&'static str>,
    choices: Vec<Vec<&'static str>>,
}

struct Grammar {
    rules: BTreeMap<&'static str, Rule>,
    /// The rules that use each rule.
    users: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// How deep rules must nest at least.
    depths: BTreeMap<&'static str, usize>,
    rng: StdRng,
}

/// A rule and the position of one of its choices.
type Production = (&'static str, usize);

fn rule_of(token: &'static str) -> Option<&'static str> {
    token.strip_prefix('<')?.strip_suffix('>').filter(|name| !name.is_empty())
}

impl Grammar {
    fn read() -> Grammar {
        let mut rules = BTreeMap::new();
        for line in GRAMMAR.lines().filter(|line| !line.starts_with('#')) {
            let (name, rest) = line.split_once(' ').unwrap();
            let (mode, choices) = rest.split_once(' ').unwrap();
            let choices =
                choices.split(" | ").map(|choice| choice.split_whitespace().collect()).collect();
            let separator = match &mode[1..] {
                "-" => None,
                "+" => Some(" "),
                separator => Some(separator),
            };
            rules.insert(name, Rule { optional: mode.starts_with('?'), separator, choices });
        }
        let mut depths = BTreeMap::new();
        loop {
            let before = depths.len();
            for (name, rule) in &rules {
                let depth = rule.choices.iter().filter_map(|c| depth(c, &rules, &depths)).min();
                if let Some(depth) = depth {
                    depths.entry(*name).or_insert(depth + 1);
                }
            }
            if depths.len() == before {
                break;
            }
        }
        let mut users: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (name, rule) in &rules {
            for used in rule.choices.iter().flatten().filter_map(|token| rule_of(token)) {
                users.entry(used).or_default().insert(*name);
            }
        }
        Grammar { rules, users, depths, rng: StdRng::seed_from_u64(7) }
    }

    /// The productions that statements can have.
    fn reachable(&self) -> BTreeSet<Production> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&'static str> = STATEMENTS.to_vec();
        while let Some(name) = open.pop() {
            let Some(rule) = self.rules.get(name) else { continue };
            for (at, choice) in rule.choices.iter().enumerate() {
                if found.insert((name, at)) {
                    open.extend(choice.iter().filter_map(|token| rule_of(token)));
                }
            }
        }
        found
    }

    /// The rules that can contain `goal`, and how many steps away it is.
    fn distances(&self, goal: &'static str) -> BTreeMap<&'static str, usize> {
        let mut distances = BTreeMap::from([(goal, 0)]);
        let mut open = VecDeque::from([goal]);
        while let Some(name) = open.pop_front() {
            let steps = distances[name] + 1;
            for user in self.users.get(name).into_iter().flatten() {
                distances.entry(*user).or_insert_with(|| {
                    open.push_back(*user);
                    steps
                });
            }
        }
        distances
    }

    /// A statement of `kind`, made at random.
    fn random(&mut self, kind: &'static str) -> String {
        let mut out = String::new();
        self.write(kind, 0, 0.5, &mut out);
        out
    }

    /// A statement with `goal` in it, and little else.
    fn with(&mut self, goal: Production, distances: &BTreeMap<&'static str, usize>) -> String {
        let kinds: Vec<_> =
            STATEMENTS.iter().filter_map(|kind| Some((*distances.get(kind)?, *kind))).collect();
        // A kind itself stands at the top; what is deep in statements may stand in many.
        let nearest = kinds.iter().map(|(steps, _)| *steps).min().unwrap();
        let kinds: Vec<_> = kinds.into_iter().filter(|(steps, _)| *steps <= 2 * nearest).collect();
        let (_, kind) = kinds[self.rng.random_range(0..kinds.len())];
        let mut out = String::new();
        self.lead(kind, 0, goal, distances, &mut out);
        out
    }

    /// Writes the rule `name` so that `goal` is in it.
    fn lead(
        &mut self,
        name: &'static str,
        level: usize,
        goal: Production,
        distances: &BTreeMap<&'static str, usize>,
        out: &mut String,
    ) {
        let choices = self.rules[name].choices.clone();
        if name == goal.0 {
            for token in &choices[goal.1] {
                self.token(token, level, CALM, out);
            }
            return;
        }
        // The places of tokens that lead to the goal; mostly those that lead there soon.
        let mut ways = Vec::new();
        for (choice, tokens) in choices.iter().enumerate() {
            for (at, token) in tokens.iter().enumerate() {
                if let Some(steps) = rule_of(token).and_then(|rule| distances.get(rule)) {
                    ways.push((*steps, choice, at));
                }
            }
        }
        let least = ways.iter().map(|(steps, ..)| *steps).min().unwrap();
        if level > DEPTH_MAX || self.rng.random_bool(0.7) {
            ways.retain(|(steps, ..)| *steps == least);
        }
        let (_, choice, at) = ways[self.rng.random_range(0..ways.len())];
        for (other, token) in choices[choice].iter().enumerate() {
            match rule_of(token) {
                Some(rule) if other == at => self.lead(rule, level + 1, goal, distances, out),
                _ => self.token(token, level, CALM, out),
            }
        }
    }

    /// Writes the rule `name`; with the probability `wild` anything, else what is short.
    fn write(&mut self, name: &'static str, level: usize, wild: f64, out: &mut String) {
        // Three rules are used and not defined.
        let Some(rule) = self.rules.get(name) else {
            *out += match name {
                "SignedIconst" => " 1",
                "var_list" => " 'x'",
                "utility_option_elem" => " VERBOSE",
                other => panic!("no rule {other}"),
            };
            return;
        };
        let wild_here = level <= DEPTH_MAX && self.rng.random_bool(wild);
        if rule.optional && !wild_here {
            return;
        }
        let separator = rule.separator.filter(|_| wild_here);
        let times = if separator.is_some() { self.rng.random_range(1..=2) } else { 1 };
        for time in 0..times {
            if time > 0 {
                *out += separator.unwrap_or_default();
            }
            let choices = &self.rules[name].choices;
            let choice = if wild_here {
                &choices[self.rng.random_range(0..choices.len())]
            } else {
                let short = |choice: &&Vec<&'static str>| {
                    let text = choice.join(" ");
                    let depth = depth(choice, &self.rules, &self.depths).unwrap_or(usize::MAX);
                    (SELDOM.contains(&(name, &text)), depth, choice.len())
                };
                choices.iter().min_by_key(short).unwrap()
            };
            for token in choice.clone() {
                self.token(token, level, wild, out);
            }
        }
    }

    fn token(&mut self, token: &'static str, level: usize, wild: f64, out: &mut String) {
        if let Some(rule) = rule_of(token) {
            return self.write(rule, level + 1, wild, out);
        }
        let text = match token {
            "<>" => return,
            "%IDENT" => ["a", "b", "t", "\"x y\""][self.rng.random_range(0..4)],
            "%SCONST" => "'x'",
            "%ICONST" => "1",
            "%FCONST" => "1.5",
            "%BCONST" => "b'1'",
            "%XCONST" => "x'1'",
            "%PARAM" => "$1",
            "%Op" => "||",
            quoted if quoted.starts_with('\'') => quoted.trim_matches('\''),
            word => word,
        };
        out.push(' ');
        *out += text;
    }
}

/// How deep the rules in a choice nest, if known.
fn depth(
    choice: &[&'static str],
    rules: &BTreeMap<&'static str, Rule>,
    depths: &BTreeMap<&'static str, usize>,
) -> Option<usize> {
    choice
        .iter()
        .map(|token| match rule_of(token) {
            Some(name) => match rules.get(name) {
                Some(rule) if !rule.optional => depths.get(name).copied(),
                _ => Some(0),
            },
            None => Some(0),
        })
        .try_fold(0, |deepest, depth| Some(deepest.max(depth?)))
}

/// What is wrong with the answer to `sql`, if something is.
fn wrong(db: &mut Db, sql: &str) -> Option<String> {
    let error = db.run(sql).err()?;
    let _ = db.run("ROLLBACK");
    let mut known = REFUSED.iter().chain(POSTGRES_REFUSES);
    let known = known.any(|text| error.message().contains(text));
    let unknown = error.code() == SqlState::FEATURE_NOT_SUPPORTED && !known;
    (unknown || error.code() == SqlState::INTERNAL_ERROR)
        .then(|| format!("{}: {}{sql}", error.code(), error.message()))
}

#[test]
fn what_a_cluster_accepted_is_not_refused() {
    let mut grammar = Grammar::read();
    let mut db = Db::with(&["CREATE TABLE t (a int PRIMARY KEY, b text)"]);
    let mut found = Vec::new();
    for kind in STATEMENTS {
        let statements: Vec<String> = (0..SAMPLES).map(|_| grammar.random(kind)).collect();
        // Precedence makes some of what the grammar generates a syntax error.
        let parsed = statements.iter().filter(|sql| parser::parse(sql).is_ok());
        found.extend(parsed.filter_map(|sql| wrong(&mut db, sql)));
    }
    let mut never: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut distances = BTreeMap::new();
    for goal in grammar.reachable() {
        let (rule, at) = goal;
        if !distances.contains_key(rule) {
            distances.insert(rule, grammar.distances(rule));
        }
        let mut statements = (0..TRIES).map(|_| grammar.with(goal, &distances[rule]));
        match statements.find(|sql| parser::parse(sql).is_ok()) {
            // What a name is spelled like does not matter after parsing.
            Some(_) if rule.ends_with("_keyword") => {}
            Some(sql) => found.extend(wrong(&mut db, &sql)),
            None => {
                let choice = grammar.rules[rule].choices[at].join(" ");
                never.entry(rule).or_default().push(choice);
            }
        }
    }
    assert!(found.is_empty(), "{} refused:\n{}", found.len(), found.join("\n"));
    let mut expected: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (rule, choices) in NEVER_PARSED {
        expected.insert(*rule, choices.iter().map(|choice| (*choice).to_owned()).collect());
    }
    assert_eq!(never, expected);
}

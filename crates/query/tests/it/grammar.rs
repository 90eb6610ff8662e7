//! Statements made of the grammar that a real cluster accepted: none is refused as unknown.
//!
//! The grammar says what parses and passes the checks of clauses. Names, types and meaning come on top,
//! so that most statements made at random fail; but with other errors than refusals. Where it says too
//! much, a refusal is expected by its text.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use types::SqlState;

use crate::harness::Db;

const GRAMMAR: &str = include_str!("../data/dsql_grammar.txt");

/// Statements made of each kind.
const SAMPLES: usize = 25;
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

struct Rule {
    optional: bool,
    separator: Option<&'static str>,
    choices: Vec<Vec<&'static str>>,
}

struct Grammar {
    rules: BTreeMap<&'static str, Rule>,
    /// How deep rules must nest at least.
    depths: BTreeMap<&'static str, usize>,
    rng: StdRng,
}

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
        Grammar { rules, depths, rng: StdRng::seed_from_u64(7) }
    }

    fn write(&mut self, name: &'static str, level: usize, out: &mut String) {
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
        if rule.optional && (level > DEPTH_MAX || self.rng.random_bool(0.5)) {
            return;
        }
        let separator = rule.separator;
        let times = if separator.is_some() && level <= DEPTH_MAX {
            self.rng.random_range(1..=2)
        } else {
            1
        };
        for time in 0..times {
            if time > 0 {
                *out += separator.unwrap_or_default();
            }
            let choices = &self.rules[name].choices;
            let depth = |choice: &Vec<&'static str>| {
                depth(choice, &self.rules, &self.depths).unwrap_or(usize::MAX)
            };
            let choice = if level > DEPTH_MAX {
                choices.iter().min_by_key(|choice| depth(choice)).unwrap().clone()
            } else {
                choices[self.rng.random_range(0..choices.len())].clone()
            };
            for token in choice {
                self.token(token, level, out);
            }
        }
    }

    fn token(&mut self, token: &'static str, level: usize, out: &mut String) {
        if let Some(rule) = rule_of(token) {
            return self.write(rule, level + 1, out);
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

#[test]
fn what_a_cluster_accepted_is_not_refused() {
    let mut grammar = Grammar::read();
    let mut db = Db::with(&["CREATE TABLE t (a int PRIMARY KEY, b text)"]);
    let mut refused = Vec::new();
    let mut parsed = 0;
    for kind in STATEMENTS {
        for _ in 0..SAMPLES {
            let mut sql = String::new();
            grammar.write(kind, 0, &mut sql);
            // Precedence makes some of what the grammar generates a syntax error.
            if parser::parse(&sql).is_err() {
                continue;
            }
            parsed += 1;
            if let Err(error) = db.run(&sql) {
                let known = REFUSED.iter().any(|text| error.message().contains(text));
                let unknown = error.code() == SqlState::FEATURE_NOT_SUPPORTED
                    && error.message().starts_with("unsupported")
                    && !known;
                if unknown || error.code() == SqlState::INTERNAL_ERROR {
                    refused.push(format!("{}: {}{sql}", error.code(), error.message()));
                }
                let _ = db.run("ROLLBACK");
            }
        }
    }
    assert!(parsed > STATEMENTS.len() * SAMPLES / 2, "{parsed} statements parse");
    assert!(refused.is_empty(), "{} of {parsed}:\n{}", refused.len(), refused.join("\n"));
}

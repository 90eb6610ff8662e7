//! The files: what a probe is.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `common.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Common {
    pub(crate) prefixes: Vec<String>,
    pub(crate) blocks: BTreeMap<String, Block>,
}

/// What several probes need.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Block {
    pub(crate) needs: Vec<String>,
    pub(crate) setup: Vec<String>,
    pub(crate) drop: Vec<String>,
}

/// One entry of a probe file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    #[serde(rename = "n")]
    _n: u32,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) flags: Vec<Flag>,
    #[serde(default, rename = "note")]
    _note: String,
    #[serde(default, rename = "source")]
    _source: String,
    #[serde(default, rename = "observed")]
    _observed: String,
    #[serde(default)]
    pub(crate) uses: Vec<String>,
    #[serde(default)]
    pub(crate) setup: Vec<String>,
    #[serde(default)]
    pub(crate) drop: Vec<String>,
    #[serde(default)]
    pub(crate) simple: bool,
    #[serde(default)]
    pub(crate) losers: Option<Losers>,
    pub(crate) steps: Vec<Step>,
}

/// What has to be known before a probe is trusted.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Flag {
    Volatile,
    Timing,
    Race,
    Physical,
    Composed,
    Partial,
    Disputed,
    Quirk,
    CleanDb,
    Slow,
}

/// How many steps lose against another session.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Losers {
    Exactly(usize),
    Between(usize, usize),
}

impl Losers {
    pub(crate) fn admits(self, losers: usize) -> bool {
        match self {
            Losers::Exactly(number) => losers == number,
            Losers::Between(least, most) => (least..=most).contains(&losers),
        }
    }
}

/// One statement or connection with the answer to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(default = "session_a")]
    pub(crate) session: String,
    #[serde(default)]
    pub(crate) sql: String,
    /// Instead of `sql`: opens the session with further startup parameters.
    #[serde(default)]
    pub(crate) connect: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) params: Option<Vec<Option<String>>>,
    #[serde(default)]
    pub(crate) repeat: Option<usize>,
    /// Name → row and column of a value that later steps refer to.
    #[serde(default)]
    pub(crate) save: BTreeMap<String, (usize, usize)>,
    pub(crate) expect: Expect,
}

fn session_a() -> String {
    "a".into()
}

/// The answer to a step.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    pub(crate) ok: Option<String>,
    pub(crate) ok_like: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) message_has: Option<String>,
    pub(crate) message_like: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) detail_like: Option<String>,
    pub(crate) hint: Option<String>,
    pub(crate) constraint: Option<String>,
    pub(crate) closed: bool,
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) rows: Option<Vec<Vec<Option<String>>>>,
    pub(crate) unordered: bool,
    pub(crate) rows_like: Option<Vec<Vec<String>>>,
    pub(crate) nrows: Option<usize>,
    pub(crate) results: Vec<Expect>,
    pub(crate) any_of: Vec<Expect>,
}

/// An entry of `expected_failures.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedFailure {
    /// `group/name`.
    pub(crate) probe: String,
    pub(crate) reason: String,
}

/// `{{i}}`, `{{rep|x|9}}`, `{{list|c# int|3}}`, `{{name}}` replaced by what they mean.
pub(crate) fn expand(text: &str, repetition: usize, saved: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("}} after {{");
        out += before;
        match name.split('|').collect::<Vec<_>>()[..] {
            ["i"] => out += &repetition.to_string(),
            ["rep", text, times] => out += &text.repeat(number(times)),
            ["list", item, items] => {
                let items = (1..=number(items)).map(|n| item.replace('#', &n.to_string()));
                out += &items.collect::<Vec<_>>().join(", ");
            }
            [name] => out += saved.get(name).expect("a value saved by an earlier step"),
            _ => panic!("unknown {{{{{name}}}}}"),
        }
        rest = after;
    }
    out + rest
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let saved = [("job".to_owned(), "abc".to_owned())].into();
        assert_eq!(expand(text, 7, &saved), expected);
    }

    #[test]
    fn expand_replaces_placeholders() {
        check("SELECT 1", "SELECT 1");
        check("c{{i}} = {{i}}", "c7 = 7");
        check("'{{rep|xy|3}}'", "'xyxyxy'");
        check("({{list|c# int|3}})", "(c1 int, c2 int, c3 int)");
        check("f('{{job}}')", "f('abc')");
    }
}

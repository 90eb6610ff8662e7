//! Parameters of the query protocol: a form, with lists as `Tags.member.1.Key`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::QueryError;

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Takes a form apart; of a name that comes twice, the last value.
    pub(crate) fn parse(body: &[u8]) -> Parameters {
        Parameters(
            form_urlencoded::parse(body)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The service that the version is of.
    pub(crate) fn service(&self) -> &'static str {
        if self.get("Version") == Some("2011-06-15") { "sts" } else { "iam" }
    }

    /// As the audit trail has it.
    pub(crate) fn record(&self) -> Value {
        let is_request = |name: &&String| !matches!(name.as_str(), "Action" | "Version");
        let names = self.0.keys().filter(is_request);
        names.map(|name| (name.clone(), Value::from(self.get(name)))).collect()
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, QueryError> {
        self.get(name).ok_or_else(|| {
            let mut field = name.to_owned();
            if let Some(first) = field.get_mut(0..1) {
                first.make_ascii_lowercase();
            }
            QueryError::invalid(format!(
                "1 validation error detected: Value null at '{field}' failed to satisfy \
                 constraint: Member must not be null"
            ))
        })
    }

    /// Refuses parameters other than these: names, or the beginnings of lists' names.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), QueryError> {
        let is_known = |name: &String| {
            matches!(name.as_str(), "Action" | "Version")
                || known.contains(&name.as_str())
                || name.split_once('.').is_some_and(|(list, _)| known.contains(&list))
        };
        match self.0.keys().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => {
                Err(QueryError::invalid(format!("The parameter {name} is not supported")))
            }
        }
    }

    /// A list of texts.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let item = |number| self.get(&format!("{name}.member.{number}")).map(str::to_owned);
        (1_usize..).map_while(item).collect()
    }

    /// A list of keys and values.
    pub(super) fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, QueryError> {
        let mut tags = BTreeMap::new();
        for number in 1_usize.. {
            let Some(tag) = self.get(&format!("{name}.member.{number}.Key")) else { break };
            let value = self.get(&format!("{name}.member.{number}.Value")).unwrap_or_default();
            let is_tag_byte = |char: char| char.is_alphanumeric() || "_.:/=+-@ ".contains(char);
            let fits = (1..=128).contains(&tag.chars().count())
                && value.chars().count() <= 256
                && tag.chars().chain(value.chars()).all(is_tag_byte);
            if !fits {
                return Err(QueryError::new(400, "InvalidInput", format!("Invalid tag: {tag}")));
            }
            if tags.insert(tag.to_owned(), value.to_owned()).is_some() {
                return Err(QueryError::new(
                    400,
                    "InvalidInput",
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                ));
            }
        }
        Ok(tags)
    }

    /// A number of seconds.
    pub(super) fn seconds(
        &self,
        name: &str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, QueryError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.parse() {
            Ok(seconds) if range.contains(&seconds) => Ok(seconds),
            _ => Err(QueryError::invalid(format!(
                "1 validation error detected: Value '{text}' at '{name}' failed to satisfy \
                 constraint: Member must have value from {} to {}",
                range.start(),
                range.end()
            ))),
        }
    }
}

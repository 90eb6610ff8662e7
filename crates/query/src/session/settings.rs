//! Session parameters: which exist, which can be set, and their values.
//!
//! Source: DSQL's allow-list of parameters; PostgreSQL 16's `pg_settings` for all others, which can
//! be shown but not set.

use std::collections::BTreeMap;

use catalog::builtin;
use types::settings::{DateStyle, FormatSettings, IntervalStyle};
use types::timezone::TimeZone;
use types::{Result, SqlError, SqlState};

/// The version that the server claims to be.
pub(crate) const SERVER_VERSION: &str = "16.15";
/// The same as a number.
pub(crate) const SERVER_VERSION_NUM: &str = "160015";

/// Parameters that DSQL lets a session set, with their defaults.
const SETTABLE: &[(&str, &str)] = &[
    ("application_name", ""),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("disable_sync_create_index", "on"),
    ("dsql.enable_batched_nestloop", "on"),
    ("enable_bitmapscan", "on"),
    ("enable_hashjoin", "on"),
    ("enable_indexonlyscan", "on"),
    ("enable_indexscan", "on"),
    ("enable_material", "on"),
    ("enable_mergejoin", "on"),
    ("enable_nestloop", "on"),
    ("enable_seqscan", "on"),
    ("extra_float_digits", "1"),
    ("IntervalStyle", "postgres"),
    ("role", "none"),
    ("search_path", "\"$user\", public"),
    ("TimeZone", "UTC"),
];

/// Parameters that planning depends on, in the order in which EXPLAIN names them.
pub(crate) const PLANNING: &[&str] = &[
    "dsql.enable_batched_nestloop",
    "enable_bitmapscan",
    "enable_hashjoin",
    "enable_indexonlyscan",
    "enable_indexscan",
    "enable_material",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_seqscan",
    "search_path",
];

/// Parameters with values of DSQL's own that differ from PostgreSQL's.
const FIXED: &[(&str, &str)] = &[
    ("default_toast_compression", "lz4"),
    ("default_transaction_isolation", "repeatable read"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("is_superuser", "off"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", SERVER_VERSION_NUM),
    ("standard_conforming_strings", "on"),
    ("transaction_isolation", "repeatable read"),
];

/// Parameters whose value clients are told.
const REPORTED: &[&str] = &[
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "standard_conforming_strings",
    "TimeZone",
];

/// The values of a session's parameters.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Those that decide how values read and print.
    pub format: FormatSettings,
    /// Values that differ from the default, by canonical name.
    values: BTreeMap<&'static str, String>,
    /// What RESET goes back to: values from the startup packet.
    startup: BTreeMap<&'static str, String>,
}

/// A parameter's canonical name, if it can be set.
fn settable(name: &str) -> Option<(&'static str, &'static str)> {
    SETTABLE.iter().copied().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// DSQL's refusal to set a parameter.
pub(crate) fn not_settable(name: &str) -> SqlError {
    SqlError::unsupported(format!("setting configuration parameter \"{name}\" not supported"))
}

fn invalid(name: &str, value: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{name}\": \"{value}\""),
    )
}

impl Settings {
    pub(crate) fn new() -> Settings {
        Settings {
            format: FormatSettings::default(),
            values: BTreeMap::new(),
            startup: BTreeMap::new(),
        }
    }

    /// Makes the present values those that RESET goes back to.
    pub(crate) fn finish_startup(&mut self) {
        self.startup = self.values.clone();
    }

    /// Sets a parameter; `None` is its default.
    ///
    /// # Errors
    /// `0A000` if DSQL does not let it be set, `22023` for a bad value.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) -> Result<&'static str> {
        let (name, default) = settable(name).ok_or_else(|| not_settable(name))?;
        let value = match value {
            Some(value) => value.to_owned(),
            None => self.startup.get(name).cloned().unwrap_or_else(|| default.to_owned()),
        };
        let value = self.check(name, value)?;
        self.values.insert(name, value);
        Ok(name)
    }

    /// The canonical text of a value, which takes effect on formats at once.
    fn check(&mut self, name: &'static str, value: String) -> Result<String> {
        match name {
            "DateStyle" => {
                self.format.date_style = DateStyle::parse(&value, self.format.date_style)?;
                Ok(self.format.date_style.to_string())
            }
            "IntervalStyle" => {
                self.format.interval_style = IntervalStyle::parse(&value)?;
                Ok(self.format.interval_style.to_string())
            }
            "TimeZone" => {
                self.format.time_zone = TimeZone::parse(&value)?;
                Ok(self.format.time_zone.name().to_owned())
            }
            "extra_float_digits" => {
                let digits: i32 =
                    value.trim().parse().map_err(|_| invalid("extra_float_digits", &value))?;
                if !(-15..=3).contains(&digits) {
                    return Err(SqlError::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!(
                            "{digits} is outside the valid range for parameter \
                             \"extra_float_digits\" (-15 .. 3)"
                        ),
                    ));
                }
                self.format.extra_float_digits = digits;
                Ok(digits.to_string())
            }
            "client_encoding" => {
                let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
                if ["utf8", "unicode", "sqlascii"].iter().any(|e| plain.eq_ignore_ascii_case(e)) {
                    return Ok("UTF8".into());
                }
                Err(invalid("client_encoding", &value))
            }
            "application_name" => {
                // As PostgreSQL: printable ASCII, at most 63 bytes.
                let clean: String = value
                    .bytes()
                    .take(63)
                    .map(|b| if (32..127).contains(&b) { char::from(b) } else { '?' })
                    .collect();
                Ok(clean)
            }
            "search_path" | "role" => Ok(value),
            _ => match parse_bool(&value) {
                Some(true) => Ok("on".into()),
                Some(false) => Ok("off".into()),
                None => Err(SqlError::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("parameter \"{name}\" requires a Boolean value"),
                )),
            },
        }
    }

    /// `RESET ALL`.
    ///
    /// # Errors
    /// None in practice: startup values were checked.
    pub(crate) fn reset_all(&mut self) -> Result<()> {
        let startup = self.startup.clone();
        let role = self.values.get("role").cloned();
        *self = Settings { startup: startup.clone(), ..Settings::new() };
        for (name, value) in startup {
            self.set(name, Some(&value))?;
        }
        if let Some(role) = role {
            self.values.insert("role", role);
        }
        Ok(())
    }

    /// The value of any parameter, as SHOW prints it.
    pub(crate) fn show(&self, name: &str) -> Option<(String, String)> {
        if let Some((name, default)) = settable(name) {
            let value = self.values.get(name).cloned().unwrap_or_else(|| default.to_owned());
            return Some((name.to_owned(), value));
        }
        if let Some((name, value)) =
            FIXED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            return Some(((*name).to_owned(), (*value).to_owned()));
        }
        // There is no compiler to set up. asyncpg asks for `jit` and wants to hear either that there
        // is none, or that it may turn it off.
        let row = builtin::setting(name).filter(|row| !row.name.starts_with("jit"))?;
        Some((row.name.to_owned(), row.setting.to_owned()))
    }

    /// A parameter's canonical name and value, if that is not the default.
    pub(crate) fn changed(&self, name: &str) -> Option<(&'static str, String)> {
        let (name, default) = settable(name)?;
        self.values.get(name).filter(|value| *value != default).map(|value| (name, value.clone()))
    }

    /// Whether a boolean parameter is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.show(name).is_some_and(|(_, value)| value == "on")
    }

    /// The parameters that clients are told, with their values.
    pub(crate) fn reported(&self) -> Vec<(&'static str, String)> {
        REPORTED.iter().filter_map(|name| Some((*name, self.show(name)?.1))).collect()
    }

    /// The schema names of `search_path`, `$user` not replaced.
    pub(crate) fn search_path(&self) -> Vec<String> {
        let (_, text) = self.show("search_path").unwrap_or_default();
        split_identifiers(&text)
    }
}

/// Splits a list of identifiers as `search_path` holds it.
pub(crate) fn split_identifiers(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut chars = text.chars().peekable();
    let mut name = String::new();
    let mut quoted = false;
    let mut any = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                name.push('"');
                chars.next();
            }
            '"' => {
                quoted = !quoted;
                any = true;
            }
            ',' if !quoted => {
                if any || !name.is_empty() {
                    names.push(std::mem::take(&mut name));
                }
                any = false;
            }
            c if c.is_whitespace() && !quoted => {}
            c if quoted => name.push(c),
            c => name.extend(c.to_lowercase()),
        }
    }
    if any || !name.is_empty() {
        names.push(name);
    }
    names
}

/// PostgreSQL's spellings of a Boolean value.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let prefix = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if prefix("true", 1) || prefix("yes", 1) || text == "on" || text == "1" {
        Some(true)
    } else if prefix("false", 1) || prefix("no", 1) || prefix("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_follows_the_allow_list() {
        let mut settings = Settings::new();
        let error = settings.set("work_mem", Some("1")).unwrap_err();
        assert_eq!(error.message(), "setting configuration parameter \"work_mem\" not supported");
        settings.set("CLIENT_ENCODING", Some("'utf-8'")).unwrap();
        assert_eq!(settings.show("client_encoding").unwrap().1, "UTF8");
        assert!(settings.set("enable_seqscan", Some("maybe")).is_err());
        settings.set("enable_seqscan", Some("f")).unwrap();
        assert!(!settings.is_on("enable_seqscan"));
        settings.reset_all().unwrap();
        assert!(settings.is_on("enable_seqscan"));
    }

    #[test]
    fn search_path_splits() {
        assert_eq!(split_identifiers("\"$user\", Public,\"a\"\"b\""), ["$user", "public", "a\"b"]);
        assert_eq!(split_identifiers("\"\""), [""]);
    }
}

//! Session parameters: which exist, which can be set, and their values.
//!
//! Source: DSQL's allow-list of parameters; PostgreSQL 16's `pg_settings` for all others, which can
//! be shown but not set.

use std::collections::BTreeMap;

use catalog::builtin;
use types::settings::{DateStyle, FormatSettings, IntervalStyle};
use types::timezone::TimeZone;
use types::{Result, SqlError, SqlState};

use crate::rules::{Day, Period, features};

/// The version that the server claims to be.
pub(crate) const SERVER_VERSION: &str = "16.15";
/// The same as a number.
pub(crate) const SERVER_VERSION_NUM: &str = "160015";

/// A parameter that DSQL lets a session set.
struct Settable {
    name: &'static str,
    default: &'static str,
    /// When DSQL learned it.
    since: Period,
}

const fn always(name: &'static str, default: &'static str) -> Settable {
    Settable { name, default, since: Period::ALWAYS }
}

const fn since(day: Day, name: &'static str, default: &'static str) -> Settable {
    Settable { name, default, since: Period::since(day) }
}

/// The allow-list.
const SETTABLE: &[Settable] = &[
    always("application_name", ""),
    always("client_encoding", "UTF8"),
    always("DateStyle", "ISO, MDY"),
    always("disable_sync_create_index", "on"),
    since(features::BATCHED_NESTLOOP, "dsql.enable_batched_nestloop", "on"),
    always("enable_bitmapscan", "on"),
    always("enable_hashjoin", "on"),
    always("enable_indexonlyscan", "on"),
    always("enable_indexscan", "on"),
    always("enable_material", "on"),
    always("enable_mergejoin", "on"),
    always("enable_nestloop", "on"),
    always("enable_seqscan", "on"),
    always("extra_float_digits", "1"),
    always("IntervalStyle", "postgres"),
    since(features::ROLE_PARAMETER, "role", "none"),
    always("search_path", "\"$user\", public"),
    always("TimeZone", "UTC"),
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

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 63;

/// Parameters with values of DSQL's own that differ from PostgreSQL's.
const FIXED: &[(&str, &str)] = &[
    ("default_toast_compression", "lz4"),
    ("default_transaction_isolation", "repeatable read"),
    ("default_transaction_deferrable", "off"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("is_superuser", "off"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", SERVER_VERSION_NUM),
    ("seed", "unavailable"),
    ("standard_conforming_strings", "on"),
    ("transaction_deferrable", "off"),
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
    /// The day whose DSQL is spoken.
    day: Day,
    /// Those that decide how values read and print.
    pub format: FormatSettings,
    /// Values that differ from the default, by canonical name.
    values: BTreeMap<&'static str, String>,
    /// What RESET goes back to: values from the startup packet.
    startup: BTreeMap<&'static str, String>,
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
    pub(crate) fn new(day: Day) -> Settings {
        Settings {
            day,
            format: FormatSettings::default(),
            values: BTreeMap::new(),
            startup: BTreeMap::new(),
        }
    }

    /// The parameter, if it can be set.
    fn settable(&self, name: &str) -> Option<&'static Settable> {
        let mut known = SETTABLE.iter();
        known.find(|known| known.name.eq_ignore_ascii_case(name) && known.since.contains(self.day))
    }

    /// Makes the present values those that RESET goes back to.
    pub(crate) fn finish_startup(&mut self) {
        self.startup = self.values.clone();
    }

    /// # Errors
    /// `0A000` if DSQL does not let the parameter be set.
    pub(crate) fn check_settable(&self, name: &str) -> Result<()> {
        self.settable(name).map(|_| ()).ok_or_else(|| not_settable(name))
    }

    /// Sets a parameter; `None` is its default.
    ///
    /// # Errors
    /// `0A000` if DSQL does not let it be set, `22023` for a bad value.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) -> Result<&'static str> {
        let known = self.settable(name).ok_or_else(|| not_settable(name))?;
        let (name, default) = (known.name, known.default);
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
                let digits = parse_int(name, &value)?;
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
                // As PostgreSQL: at most 63 bytes, bytes other than printable ASCII as \xff.
                let kept = value.floor_char_boundary(NAME_BYTES_MAX.min(value.len()));
                let mut clean = String::new();
                for byte in value.bytes().take(kept) {
                    match byte {
                        32..127 => clean.push(char::from(byte)),
                        other => clean += &format!("\\x{other:02x}"),
                    }
                }
                Ok(clean)
            }
            "search_path" => match split_identifiers(&value) {
                Some(_) => Ok(value),
                None => Err(invalid(name, &value).detail("List syntax is invalid.")),
            },
            "role" => Ok(value),
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
        *self = Settings { startup: startup.clone(), ..Settings::new(self.day) };
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
        if let Some(Settable { name, default, since: _ }) = self.settable(name) {
            let value = self.values.get(name).cloned().unwrap_or_else(|| (*default).to_owned());
            return Some(((*name).to_owned(), value));
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

    /// As [`Settings::show`], in the unit in which SHOW prints the value.
    pub(crate) fn display(&self, name: &str) -> Option<(String, String)> {
        let (name, value) = self.show(name)?;
        let unit = builtin::setting(&name).filter(|row| row.setting == value);
        let value = unit.and_then(builtin::SettingRow::with_unit).unwrap_or(value);
        Some((name, value))
    }

    /// A parameter's canonical name and value, if that is not the default.
    pub(crate) fn changed(&self, name: &str) -> Option<(&'static str, String)> {
        let Settable { name, default, since: _ } = self.settable(name)?;
        self.values.get(name).filter(|value| value != default).map(|value| (*name, value.clone()))
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
        split_identifiers(&text).unwrap_or_default()
    }
}

/// Splits a list of identifiers as `search_path` holds it; `None` if it is none.
///
/// Source: PostgreSQL 16 `SplitIdentifierString`, `src/backend/utils/adt/varlena.c`.
pub(crate) fn split_identifiers(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim_start();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let mut name = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let (part, after) = quoted.split_once('"')?;
                name += part;
                match after.strip_prefix('"') {
                    Some(more) => {
                        name.push('"');
                        quoted = more;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
        } else {
            let end = rest.find(|c: char| c == ',' || c.is_ascii_whitespace());
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            if word.is_empty() {
                return None;
            }
            name = word.to_lowercase();
            rest = after;
        }
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX.min(name.len())));
        names.push(name);
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => return Some(names),
            None => return None,
        }
    }
}

/// The value of an integer parameter: decimal, hexadecimal or octal, or a number that is rounded.
fn parse_int(name: &str, value: &str) -> Result<i32> {
    let text = value.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let whole = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok(),
        None => digits.parse::<i64>().ok(),
    };
    let number = match whole {
        Some(whole) => whole,
        None => {
            let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| invalid(name, value))?.round_ties_even();
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked below")]
            let number = number as i64;
            number
        }
    };
    let number = if negative { number.saturating_neg() } else { number };
    i32::try_from(number).map_err(|_| invalid(name, value).hint("Value exceeds integer range."))
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
        let mut settings = Settings::new(Day::NEWEST);
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
        let split = |text: &str| split_identifiers(text).map(|names| names.join("|"));
        assert_eq!(split("\"$user\", Public,\"a\"\"b\"").unwrap(), "$user|public|a\"b");
        assert_eq!(split("\"\"").unwrap(), "");
        assert_eq!(split_identifiers(" ").unwrap().len(), 0);
        for text in ["a,,b", "a,", ",a", "\"a", "a b", "\"a\"b"] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn integers_are_read_as_postgresql_does() {
        let check =
            |text: &str, expected| assert_eq!(parse_int("p", text).ok(), expected, "{text}");
        check(" 2 ", Some(2));
        check("0x2", Some(2));
        check("010", Some(8));
        check("1.6", Some(2));
        check("-1e0", Some(-1));
        check("x", None);
        check("", None);
        check("99999999999", None);
    }

    #[test]
    fn names_of_applications_are_cleaned() {
        let mut settings = Settings::new(Day::NEWEST);
        settings.set("application_name", Some("äx")).unwrap();
        assert_eq!(settings.show("application_name").unwrap().1, "\\xc3\\xa4x");
        settings.set("application_name", Some(&"a".repeat(80))).unwrap();
        assert_eq!(settings.show("application_name").unwrap().1.len(), NAME_BYTES_MAX);
    }

    #[test]
    fn parameters_come_by_day() {
        let mut settings = Settings::new("2026-08-27".parse().unwrap());
        assert!(settings.set("role", Some("none")).is_err());
        assert!(settings.set("dsql.enable_batched_nestloop", Some("on")).is_err());
    }
}

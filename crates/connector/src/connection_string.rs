//! Connection strings: `postgres://[user@]host[:port]/[database][?option=value&…]`.
//!
//! An option that is not known, and a password, are errors rather than ignored: what a string asks for
//! is what its author gets.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::Config;
use crate::error::{Error, Result};

const SCHEMES: [&str; 3] = ["postgres", "postgresql", "dsql"];
const OPTIONS: &str = "region, clusterId, hostaddr, profile, tokenDurationSecs, sslmode, sslnegotiation, \
                       sslrootcert, searchPath, application_name, connect_timeout";

/// The configuration that `text` means.
pub(crate) fn parse(text: &str) -> Result<Config> {
    let url = Url::parse(text).map_err(|error| {
        wrong(format!(
            "this is no connection string ({error}): write postgres://user@host/postgres"
        ))
    })?;
    if !SCHEMES.contains(&url.scheme()) {
        return Err(wrong(format!(
            "the scheme of a connection string is postgres, postgresql or dsql, not \"{}\"",
            url.scheme()
        )));
    }
    let host = url.host_str().map(str::to_owned).unwrap_or_default();
    let mut config = Config::new(host.trim_start_matches('[').trim_end_matches(']'));
    if url.password().is_some() {
        return Err(wrong(
            "a connection string holds no password: the connector makes a token from AWS credentials"
                .to_owned(),
        ));
    }
    if !url.username().is_empty() {
        config.user = decode("user", url.username())?;
    }
    if let Some(port) = url.port() {
        config.port = port;
    }
    let database = url.path().trim_start_matches('/');
    if !database.is_empty() {
        config.database = decode("database", database)?;
    }
    for (name, value) in url.query_pairs() {
        config = option(config, &name, &value)?;
    }
    Ok(config)
}

fn option(mut config: Config, name: &str, value: &str) -> Result<Config> {
    let value = value.to_owned();
    match name {
        "region" => config.region = Some(value),
        "clusterId" => config.cluster_id = Some(value),
        "hostaddr" => config.address = Some(value),
        "profile" => config.profile = Some(value),
        "tokenDurationSecs" => config.token_duration = seconds(name, &value)?,
        "sslrootcert" if value == "system" => config.authorities = None,
        "sslrootcert" => config.authorities = Some(PathBuf::from(value)),
        "searchPath" | "search_path" => config.search_path = Some(value),
        "application_name" | "ormPrefix" => config.application_name = Some(value),
        "connect_timeout" => config.connect_timeout = seconds(name, &value)?,
        // Stricter than asked for is what it always is.
        "sslmode" if matches!(value.as_str(), "require" | "verify-ca" | "verify-full") => {}
        "sslmode" => {
            return Err(wrong(format!(
                "sslmode cannot be \"{value}\": the connector always verifies the server, drop the option"
            )));
        }
        "sslnegotiation" if matches!(value.as_str(), "direct" | "postgres") => {}
        "sslnegotiation" => {
            return Err(wrong(format!("sslnegotiation cannot be \"{value}\": drop the option")));
        }
        _ => {
            return Err(wrong(format!("no option is named \"{name}\": there are {OPTIONS}")));
        }
    }
    Ok(config)
}

fn seconds(name: &str, value: &str) -> Result<Duration> {
    match value.parse() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong(format!("{name} cannot be \"{value}\": it is a number of seconds"))),
    }
}

fn decode(what: &str, text: &str) -> Result<String> {
    // A form's decoding, but with the plus sign left as it is.
    let pair = format!("x={}", text.replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    match decoded {
        Some((_, value)) if !value.contains('\u{FFFD}') => Ok(value.into_owned()),
        _ => Err(wrong(format!("the {what} in the connection string is not UTF-8"))),
    }
}

fn wrong(message: String) -> Error {
    Error::Config(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_string_with_everything() {
        let config = parse(
            "dsql://my%40app@abc.dsql.us-east-1.on.aws:5433/mydb?region=us-east-1&profile=dev&\
             tokenDurationSecs=60&sslmode=verify-full&sslrootcert=/ca.pem&searchPath=a,b&\
             application_name=shop&connect_timeout=3&hostaddr=127.0.0.1&sslnegotiation=direct",
        );
        let config = config.expect("a configuration");
        assert_eq!((config.host.as_str(), config.port), ("abc.dsql.us-east-1.on.aws", 5433));
        assert_eq!((config.user.as_str(), config.database.as_str()), ("my@app", "mydb"));
        assert_eq!(config.region.as_deref(), Some("us-east-1"));
        assert_eq!(config.profile.as_deref(), Some("dev"));
        assert_eq!(config.token_duration, Duration::from_secs(60));
        assert_eq!(config.authorities, Some(PathBuf::from("/ca.pem")));
        assert_eq!(config.search_path.as_deref(), Some("a,b"));
        assert_eq!(config.application_name.as_deref(), Some("shop"));
        assert_eq!(config.connect_timeout, Duration::from_secs(3));
        assert_eq!(config.address.as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn connection_string_with_nothing_but_a_host() {
        for text in ["postgres://abc", "postgresql://abc/", "dsql://abc"] {
            let config = parse(text).expect(text);
            assert_eq!((config.host.as_str(), config.port), ("abc", 5432));
            assert_eq!((config.user.as_str(), config.database.as_str()), ("admin", "postgres"));
            assert_eq!(config.token_duration, Duration::from_secs(900));
        }
    }

    #[test]
    fn connection_string_malformed_says_what_to_change() {
        for (text, expected) in [
            ("", "write postgres://user@host/postgres"),
            ("abc.dsql.us-east-1.on.aws", "write postgres://user@host/postgres"),
            ("mysql://abc", "not \"mysql\""),
            ("postgres://abc:port/", "write postgres://user@host/postgres"),
            ("postgres://abc:99999/", "write postgres://user@host/postgres"),
            ("postgres://admin:secret@abc/", "holds no password"),
            ("postgres://abc/?sslmode=disable", "always verifies the server"),
            ("postgres://abc/?sslnegotiation=none", "drop the option"),
            ("postgres://abc/?tokenDurationSecs=soon", "number of seconds"),
            ("postgres://abc/?tokenDurationSecs=-1", "number of seconds"),
            ("postgres://abc/?pool=4", "no option is named \"pool\": there are region"),
            ("postgres://%ff@abc/", "is not UTF-8"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let error = parse("postgres:///postgres").and_then(|config| config.resolve(|_| None));
        assert!(error.expect_err("no host").to_string().contains("no host"));
    }
}

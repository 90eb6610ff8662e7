//! Credentials where AWS tools keep them: environment variables and the shared credentials file.
//!
//! Sources: AWS SDKs and Tools reference guide, "Environment variables list" and "Shared config
//! and credentials files".

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::KeyStoreError;
use crate::sigv4::Credentials;

/// Looks an environment variable up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of this process.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The credentials an AWS tool would use: those in `AWS_ACCESS_KEY_ID` and its companions, or else
/// those of the profile `AWS_PROFILE` (`default` unless set) in the shared credentials file.
///
/// `None` if there are none.
///
/// # Errors
/// If a credential is only half there, or a profile or file asked for by name is not.
pub fn credentials(env: Environment<'_>) -> Result<Option<Credentials>, KeyStoreError> {
    // An empty variable counts as unset, as everywhere at AWS.
    let variable = |name: &str| env(name).filter(|value| !value.is_empty());
    let from_environment = pair(
        "the environment",
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
        variable("AWS_SESSION_TOKEN"),
    )?;
    if from_environment.is_some() {
        return Ok(from_environment);
    }

    let named_file = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let named_profile = variable("AWS_PROFILE");
    let home_file = || variable("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
    let is_named = named_file.is_some() || named_profile.is_some();
    let Some(path) = named_file.or_else(home_file) else { return Ok(None) };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => return Ok(None),
        Err(source) => return Err(KeyStoreError::Io { path, source }),
    };
    let profile = named_profile.as_deref().unwrap_or("default");
    let mut settings = profile_settings(&text, profile);
    let mut setting = |name: &str| {
        settings.as_mut().and_then(|settings| settings.remove(name)).filter(|v| !v.is_empty())
    };
    let place = format!("profile \"{profile}\" in \"{}\"", path.display());
    let from_file = pair(
        &place,
        ["aws_access_key_id", "aws_secret_access_key"],
        setting("aws_access_key_id"),
        setting("aws_secret_access_key"),
        setting("aws_session_token"),
    )?;
    if from_file.is_none() && is_named {
        return Err(KeyStoreError::Import(format!("{place} has no access key")));
    }
    Ok(from_file)
}

/// Both or none: half a credential is a mistake that should be heard of.
fn pair(
    place: &str,
    [id_name, secret_name]: [&str; 2],
    id: Option<String>,
    secret: Option<String>,
    session_token: Option<String>,
) -> Result<Option<Credentials>, KeyStoreError> {
    let missing = match (id, secret) {
        (Some(access_key_id), Some(secret_access_key)) => {
            return Ok(Some(Credentials { access_key_id, secret_access_key, session_token }));
        }
        (None, None) => return Ok(None),
        (Some(_), None) => secret_name,
        (None, Some(_)) => id_name,
    };
    Err(KeyStoreError::Import(format!("{place} has no {missing}")))
}

/// The settings of one section of an AWS ini file, by lower-case name; `None` if it has none such.
///
/// A value goes to the end of its line: session tokens contain `=`, secrets may contain `#`.
/// Indented lines continue the setting before them, and none of ours has such.
fn profile_settings(text: &str, profile: &str) -> Option<HashMap<String, String>> {
    let mut found: Option<HashMap<String, String>> = None;
    let mut is_ours = false;
    let mut has_setting = false;
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = trimmed.strip_prefix('[') {
            let name = section.split_once(']').map_or("", |(name, _)| name.trim());
            is_ours = name == profile;
            has_setting = false;
            if is_ours {
                found.get_or_insert_default();
            }
            continue;
        }
        if has_setting && line.starts_with([' ', '\t']) {
            continue;
        }
        has_setting = true;
        if let (true, Some(settings), Some((name, value))) =
            (is_ours, &mut found, trimmed.split_once('='))
        {
            settings.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\u{feff}# mine\n\
        [default]\r\n\
        aws_access_key_id = AKIADEFAULT\r\n\
        aws_secret_access_key=a/b+c#d\r\n\
        s3 =\n  aws_access_key_id = nested\n\
        ; a comment\n\
        \n\
        [ other ] # trailing\n  AWS_ACCESS_KEY_ID = ASIAOTHER\n\
        aws_secret_access_key = secret\naws_session_token = IQoJ//==\n\
        [half]\naws_access_key_id = AKIAHALF\n\
        [sso]\nsso_start_url = https://example\n";

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<Option<[&str; 3]>, &str>) {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/credentials"), FILE).unwrap();
        let env = |name: &str| match name {
            "HOME" if !variables.iter().any(|(name, _)| *name == "HOME") => {
                home.path().to_str().map(str::to_owned)
            }
            name => variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
        };
        match (credentials(&env), expected) {
            (Ok(found), Ok(expected)) => {
                let expected = expected.map(|[id, secret, token]| Credentials {
                    access_key_id: id.to_owned(),
                    secret_access_key: secret.to_owned(),
                    session_token: (!token.is_empty()).then(|| token.to_owned()),
                });
                assert!(found == expected, "{found:?}");
            }
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn import_environment() {
        let id = ("AWS_ACCESS_KEY_ID", "AKIAENV");
        let secret = ("AWS_SECRET_ACCESS_KEY", "s");
        check(&[id, secret], Ok(Some(["AKIAENV", "s", ""])));
        check(&[id, secret, ("AWS_PROFILE", "none")], Ok(Some(["AKIAENV", "s", ""])));
        check(&[id, secret, ("AWS_SESSION_TOKEN", "t")], Ok(Some(["AKIAENV", "s", "t"])));
        check(&[id], Err("the environment has no AWS_SECRET_ACCESS_KEY"));
        check(&[secret], Err("the environment has no AWS_ACCESS_KEY_ID"));
    }

    #[test]
    fn import_shared_file() {
        check(&[], Ok(Some(["AKIADEFAULT", "a/b+c#d", ""])));
        check(&[("AWS_ACCESS_KEY_ID", "")], Ok(Some(["AKIADEFAULT", "a/b+c#d", ""])));
        check(&[("AWS_PROFILE", "other")], Ok(Some(["ASIAOTHER", "secret", "IQoJ//=="])));
        check(&[("AWS_PROFILE", "half")], Err("has no aws_secret_access_key"));
        check(&[("AWS_PROFILE", "sso")], Err("profile \"sso\" in"));
        check(&[("AWS_PROFILE", "none")], Err("has no access key"));
        check(&[("HOME", "/nonexistent")], Ok(None));
        check(&[("HOME", "")], Ok(None));
        check(&[("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")], Err("could not access"));
    }
}

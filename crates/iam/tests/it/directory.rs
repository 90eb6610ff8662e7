//! Users, roles and sessions, as they stand in their files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use iam::directory::{ADMINISTRATOR_ACCESS, Document, IdentityError, NewSession};
use iam::keys::{FirstKey, SessionFacts};
use iam::policy::{PolicyKind, key};
use iam::token::{Action, Expectation, Refusal, TokenRequest, sign, verify};
use iam::{AccessKeyStore, CredentialLookup, Identities, Principal};

use crate::world::{HOST, NOON};

const ACCOUNT: &str = "123456789012";

fn first() -> FirstKey<'static> {
    FirstKey { account: ACCOUNT, environment: &|_| None, now: NOON }
}

fn open(dir: &Path) -> Identities {
    Identities::open_or_create(dir, first()).unwrap()
}

fn document(action: &str) -> Document {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
    );
    Document::new(&text, PolicyKind::Identity).unwrap()
}

fn trust() -> Document {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
    Document::new(text, PolicyKind::Trust).unwrap()
}

#[test]
fn directory_of_an_older_version() {
    let root = tempfile::tempdir().unwrap();
    // What was there before: keys, one of them of a user with a path, and no directory.
    let keys = AccessKeyStore::open_or_create(root.path(), first()).unwrap();
    let with_path = Principal::parse("arn:aws:iam::123456789012:user/team/joe").unwrap();
    keys.create(with_path.clone(), NOON).unwrap();
    drop(keys);

    let identities = open(root.path());
    let directory = identities.directory();
    let names: Vec<&str> = directory.users().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["borealis", "joe"]);
    let joe = directory.user("joe").unwrap();
    assert_eq!(directory.user_arn(joe), with_path.arn());
    assert_eq!(joe.attached, [ADMINISTRATOR_ACCESS]);
    for access_key in identities.keys().keys() {
        let caller = identities.caller(&access_key);
        assert_eq!(
            caller.authorize("dsql:CreateCluster", "*", &caller.context(NOON), None),
            Ok(())
        );
    }
    // A user of whom nothing is known may do nothing.
    let stranger = Principal::parse("arn:aws:iam::123456789012:user/stranger").unwrap();
    let access_key = identities.keys().create(stranger, NOON).unwrap();
    let caller = identities.caller(&access_key);
    let why = caller.authorize("dsql:GetCluster", "*", &caller.context(NOON), None).unwrap_err();
    assert_eq!(
        why,
        "User: arn:aws:iam::123456789012:user/stranger is not authorized to perform: \
         dsql:GetCluster because no identity-based policy allows the dsql:GetCluster action"
    );
    // One of another account has nothing of its namesake here.
    let namesake = Principal::parse("arn:aws:iam::999999999999:user/joe").unwrap();
    let access_key = identities.keys().create(namesake, NOON).unwrap();
    let caller = identities.caller(&access_key);
    assert!(caller.authorize("dsql:GetCluster", "*", &caller.context(NOON), None).is_err());
}

#[test]
fn directory_changes_are_everybodys() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (open(root.path()), open(root.path()));
    one.update(|directory| {
        directory.add_user("ann", "/", NOON)?.inline.insert("p".to_owned(), document("dsql:*"));
        directory.add_role("app", "/svc/", trust(), NOON)?;
        Ok(())
    })
    .unwrap();
    let directory = other.directory();
    assert_eq!(directory.user("ann").unwrap().inline["p"], document("dsql:*"));
    let role = directory.role("app").unwrap();
    assert_eq!(directory.role_arn(&role.entity), "arn:aws:iam::123456789012:role/svc/app");
    // Nothing of a change that fails.
    let error = other
        .update(|directory| {
            directory.add_user("bob", "/", NOON)?;
            directory.add_user("ANN", "/", NOON).map(|_| ())
        })
        .unwrap_err();
    assert!(matches!(error, IdentityError::EntityAlreadyExists(_)), "{error}");
    assert!(one.directory().user("bob").is_err());
    let error = other.update(|directory| directory.remove_user("ann")).unwrap_err();
    assert!(matches!(error, IdentityError::DeleteConflict(_)), "{error}");
}

#[test]
fn directory_spoilt() {
    let root = tempfile::tempdir().unwrap();
    open(root.path());
    let path = root.path().join("directory.json");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in [
        ("\"version\": 1", "\"version\": 2", "its version is 2"),
        ("\"sealing_key\": \"", "\"sealing_key\": \"!", "its sealing key"),
        ("\"users\"", "\"people\"", "field at line"),
        ("\"users\":", "\"users\"", "JSON syntax error"),
    ] {
        assert!(text.contains(from));
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = Identities::open_or_create(root.path(), first()).unwrap_err().to_string();
        assert!(error.contains("directory.json") && error.contains(expected), "{error}");
    }
}

#[test]
fn sessions_are_in_their_tokens() {
    let root = tempfile::tempdir().unwrap();
    let identities = open(root.path());
    identities
        .update(|directory| {
            let role = directory.add_role("app", "/svc/", trust(), NOON)?;
            role.entity.inline.insert("p".to_owned(), document("dsql:DbConnect"));
            role.entity.tags = BTreeMap::from([("team".to_owned(), "red".to_owned())]);
            Ok(())
        })
        .unwrap();
    let arn = "arn:aws:sts::123456789012:assumed-role/app/me";
    let session = NewSession {
        principal: Principal::parse(arn).unwrap(),
        now: NOON,
        life_s: 900,
        facts: SessionFacts {
            policy: None,
            tags: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
        },
    };
    let begun = identities.begin_session(session).unwrap();
    let credentials = begun.credentials().clone();
    assert!(credentials.access_key_id.starts_with("ASIA"));
    let token = sign(
        &credentials,
        TokenRequest {
            host: HOST,
            region: "us-east-1",
            action: Action::DbConnect,
            expires_s: 3600,
            now: NOON,
        },
    );
    let verify_at = |identities: &Identities, age_s: i64| {
        let expected = Expectation {
            region: "us-east-1",
            user: "app",
            host_is_cluster: &|host| host == HOST,
            now: NOON.plus(age_s),
        };
        verify(&token, &expected, identities)
    };
    // After a restart as well; and not a second longer than the session, whatever the token says.
    let identities = open(root.path());
    let access_key = verify_at(&identities, 899).unwrap();
    assert_eq!(verify_at(&identities, 900).unwrap_err(), Refusal::SessionExpired);
    let caller = identities.caller(&access_key);
    assert_eq!(caller.principal.arn(), arn);
    assert_eq!(caller.grantee, "arn:aws:iam::123456789012:role/svc/app");
    let context = caller.context(NOON);
    assert_eq!(context.get("aws:PrincipalTag/team"), Some(&["blue".to_owned()][..]));
    assert_eq!(context.get(key::TOKEN_ISSUE_TIME), Some(&["2026-10-01T12:00:00Z".to_owned()][..]));
    assert_eq!(context.get(key::USER_NAME), None);
    assert_eq!(caller.authorize("dsql:DbConnect", "*", &context, None), Ok(()));

    // Another id, a changed token, a directory with another key: not one of ours.
    let session_token = credentials.session_token.unwrap();
    assert!(identities.access_key(&credentials.access_key_id, Some(&session_token)).is_some());
    assert!(identities.access_key("ASIAOTHER", Some(&session_token)).is_none());
    assert!(identities.access_key(&credentials.access_key_id, None).is_none());
    for (at, digit) in [(0, "B"), (4, "!"), (40, "+"), (session_token.len() - 6, "/")] {
        let mut changed = session_token.clone();
        changed.replace_range(at..=at, digit);
        if changed != session_token {
            let found = identities.access_key(&credentials.access_key_id, Some(&changed));
            assert!(found.is_none(), "{at}");
        }
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let found = open(elsewhere.path()).access_key(&credentials.access_key_id, Some(&session_token));
    assert!(found.is_none());

    // Without its role a session may do nothing.
    identities
        .update(|directory| {
            directory.role_mut("app")?.entity.inline.clear();
            directory.remove_role("app")
        })
        .unwrap();
    let caller = identities.caller(&access_key);
    assert!(caller.authorize("dsql:DbConnect", "*", &caller.context(NOON), None).is_err());
}

//! The key file: made at first start, shared between processes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use iam::keys::FirstKey;
use iam::token::{Expectation, Refusal, sign, verify};
use iam::{AccessKey, AccessKeyStore, AmzTime, CredentialLookup, KeyStoreError, Principal};

use crate::world::{HOST, NOON, USER_ARN, credentials, request};

fn first<'a>(environment: &'a dyn Fn(&str) -> Option<String>) -> FirstKey<'a> {
    FirstKey { account: "000000000000", environment, now: NOON }
}

fn open(dir: &Path) -> AccessKeyStore {
    AccessKeyStore::open_or_create(dir, first(&|_| None)).unwrap()
}

fn user(name: &str) -> Principal {
    Principal::parse(&format!("arn:aws:iam::000000000000:user/{name}")).unwrap()
}

#[test]
fn keys_first_start_makes_one() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data/iam");
    let store = open(&dir);
    let keys = store.keys();
    assert_eq!(keys.len(), 1);
    let key = &keys[0];
    let is_base32 = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
    assert_eq!(key.id().len(), 20);
    assert!(key.id().strip_prefix("AKIA").unwrap().bytes().all(is_base32), "{}", key.id());
    assert_eq!(key.credentials().secret_access_key.len(), 40);
    assert_eq!(key.principal().arn(), USER_ARN);
    assert_eq!((key.is_active(), key.created(), key.session_token()), (true, NOON, None));

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(store.path()), 0o600);
    assert!(!format!("{store:?}").contains(&key.credentials().secret_access_key));

    let again = open(&dir);
    assert!(again.default_key(NOON).unwrap().credentials() == key.credentials());
    let other = open(&root.path().join("other"));
    assert_ne!(other.keys()[0].id(), key.id());
}

#[test]
fn keys_first_start_imports() {
    let root = tempfile::tempdir().unwrap();
    let env = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("ASIAIMPORTED".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
        "AWS_SESSION_TOKEN" => Some("token==".to_owned()),
        _ => None,
    };
    let store = AccessKeyStore::open_or_create(root.path(), first(&env)).unwrap();
    let imported = credentials("ASIAIMPORTED", "secret", Some("token=="));
    assert!(*store.keys()[0].credentials() == imported);
    // From then on the file decides.
    assert!(*open(root.path()).keys()[0].credentials() == imported);
}

#[test]
fn keys_first_start_refuses_a_bad_account() {
    let root = tempfile::tempdir().unwrap();
    let first = FirstKey { account: "12345", environment: &|_| None, now: NOON };
    let error = AccessKeyStore::open_or_create(root.path(), first).unwrap_err();
    assert_eq!(error.to_string(), "invalid access key: account \"12345\" is not 12 digits");
    assert!(matches!(AccessKeyStore::open(root.path()), Err(KeyStoreError::Io { .. })));
}

/// What `borealis token` does: another process signs with the keys of this one.
#[test]
fn keys_sign_and_verify() {
    let root = tempfile::tempdir().unwrap();
    let server = open(root.path());
    let tool = AccessKeyStore::open(root.path()).unwrap();
    let expected = Expectation {
        region: "us-east-1",
        user: "admin",
        host_is_cluster: &|host| host == HOST,
        now: NOON,
    };
    let token = sign(tool.default_key(NOON).unwrap().credentials(), request());
    assert_eq!(signer(&token, &expected, &server), Ok(user("borealis")));

    let second = tool.create(user("second"), NOON).unwrap();
    let token = sign(second.credentials(), request());
    assert_eq!(signer(&token, &expected, &server), Ok(user("second")));

    tool.set_active(second.id(), false).unwrap();
    assert_eq!(signer(&token, &expected, &server), Err(Refusal::UnknownKey));
    tool.set_active(second.id(), true).unwrap();
    assert_eq!(signer(&token, &expected, &server), Ok(user("second")));

    // The same id with another secret: nothing of the former secret is remembered.
    let replaced =
        AccessKey::new(credentials(second.id(), "other", None), user("third"), NOON).unwrap();
    tool.put(replaced).unwrap();
    assert_eq!(signer(&token, &expected, &server), Err(Refusal::Signature));
    let token = sign(&credentials(second.id(), "other", None), request());
    assert_eq!(signer(&token, &expected, &server), Ok(user("third")));
    assert_eq!(server.keys().len(), 2);
}

#[test]
fn keys_default_is_the_first_usable() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let temporary = AccessKey::new(credentials("ASIA1", "s", Some("t")), user("x"), NOON).unwrap();
    store.put(temporary.expiring(Some(NOON.plus(10)))).unwrap();
    let id = |now: AmzTime| store.default_key(now).map(|key| key.id().to_owned());
    let first = store.keys()[0].id().to_owned();
    assert_eq!(id(NOON), Some(first.clone()));
    store.set_active(&first, false).unwrap();
    assert_eq!(id(NOON.plus(9)).as_deref(), Some("ASIA1"));
    assert_eq!(id(NOON.plus(10)), None);
    let error = store.set_active("AKIANONE", false).unwrap_err();
    assert_eq!(error.to_string(), "access key \"AKIANONE\" does not exist");
}

#[test]
fn keys_spoilt_file() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let id = store.keys()[0].id().to_owned();
    let text = fs::read_to_string(store.path()).unwrap();
    for spoilt in ["", "{}", "{\"version\": 2}"] {
        fs::write(store.path(), spoilt).unwrap();
        let error = AccessKeyStore::open(root.path()).unwrap_err();
        assert!(matches!(error, KeyStoreError::Invalid { .. }), "{error}");
        assert!(error.to_string().contains("access-keys.json"), "{error}");
        let error = AccessKeyStore::open_or_create(root.path(), first(&|_| None)).unwrap_err();
        assert!(matches!(error, KeyStoreError::Invalid { .. }), "{error}");
        // A running server goes on with what it knew, but writes nothing over what it cannot read.
        assert!(store.access_key(&id, None).is_some());
        assert!(store.create(user("x"), NOON).is_err());
    }
    fs::remove_file(store.path()).unwrap();
    assert!(store.access_key(&id, None).is_some());
    let twice = text.replace("\"keys\": [", &format!("\"keys\": [{},", entry(&text)));
    fs::write(store.path(), twice).unwrap();
    let error = AccessKeyStore::open(root.path()).unwrap_err();
    assert!(error.to_string().contains("is there twice"), "{error}");
    fs::write(store.path(), text.replace(&id, "AKIARENAMED")).unwrap();
    assert!(store.access_key(&id, None).is_none());
    assert!(store.access_key("AKIARENAMED", None).is_some());
}

fn entry(text: &str) -> &str {
    let (from, to) = (text.find("    {").unwrap(), text.rfind("    }").unwrap());
    &text[from..to + 5]
}

#[test]
fn keys_concurrent_writers_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let dir = root.path().to_owned();
            std::thread::spawn(move || {
                // Four processes start at once; one of them makes the first key.
                let store = open(&dir);
                for number in 0..5 {
                    store.create(user(&format!("u{thread}-{number}")), NOON).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let store = AccessKeyStore::open(root.path()).unwrap();
    let keys = store.keys();
    assert_eq!(keys.len(), 21);
    assert!(keys.iter().all(|key| Arc::ptr_eq(key, &store.access_key(key.id(), None).unwrap())));
}

fn signer(
    token: &str,
    expected: &Expectation<'_>,
    keys: &dyn CredentialLookup,
) -> Result<Principal, Refusal> {
    verify(token, expected, keys).map(|key| key.principal().clone())
}

//! What clients and operators see of the certificates.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

use super::{ALPN, CertificateError, CertificateStore, Names, TlsConfigs, tls_configs};

const DAY: Duration = Duration::from_secs(86_400);
const REGION: &str = "us-east-1";
const CLUSTER: &str = "foo0bar1baz2quux3quuux4abc";

const EACH_VERSION: [&[&SupportedProtocolVersion]; 2] =
    [&[&rustls::version::TLS12], &[&rustls::version::TLS13]];

fn names() -> Names {
    Names::of_region(REGION).with_cluster(REGION, CLUSTER)
}

/// A moment for tests to begin at; certificates do not end in it.
fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_856_000)
}

fn open(dir: &Path, now: SystemTime) -> CertificateStore {
    CertificateStore::open_or_create(dir, &names(), now).unwrap()
}

/// A client that trusts one authority and has a clock of its own.
struct Client {
    roots: Arc<RootCertStore>,
    now: SystemTime,
    alpn: Vec<Vec<u8>>,
    versions: &'static [&'static SupportedProtocolVersion],
}

#[derive(Debug)]
struct Clock(SystemTime);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.duration_since(SystemTime::UNIX_EPOCH).ok()?))
    }
}

impl Client {
    fn new(authority: &Path, now: SystemTime) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
        Client {
            roots: Arc::new(roots),
            now,
            alpn: vec![ALPN.to_vec()],
            versions: rustls::ALL_VERSIONS,
        }
    }

    fn config(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(Clock(self.now)))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = self.alpn.clone();
        Arc::new(config)
    }

    fn connect(&self, server: &Arc<ServerConfig>, name: &str) -> Result<Session, String> {
        connect(self.config(), server, name)
    }
}

#[derive(Debug, PartialEq)]
struct Session {
    certificate: Vec<u8>,
    alpn: Option<Vec<u8>>,
    kind: Option<rustls::HandshakeKind>,
}

/// Shakes hands in memory and sends a byte each way.
fn connect(
    client: Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &str,
) -> Result<Session, String> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client, name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    server.writer().write_all(b"!").unwrap();
    for _ in 0..8 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        let verdict = server.process_new_packets();
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        verdict.map_err(|error| format!("server: {error}"))?;
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| format!("client: {error}"))?;
    }
    let mut received = [0];
    client.reader().read_exact(&mut received).map_err(|error| error.to_string())?;
    Ok(Session {
        certificate: client.peer_certificates().unwrap()[0].to_vec(),
        alpn: server.alpn_protocol().map(<[u8]>::to_vec),
        kind: client.handshake_kind(),
    })
}

fn configs(store: &CertificateStore) -> TlsConfigs {
    tls_configs(&store.resolver()).unwrap()
}

#[test]
fn certificate_names_verify() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), start());
    let client = Client::new(store.authority_path(), start());
    let tls = configs(&store);
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws",
        "foo0bar1baz2quux3quuux4abc.dsql-fnh4.us-east-1.on.aws",
        "any0other1cluster.dsql.us-east-1.on.aws",
        "any0other1cluster.dsql-fnh4.us-east-1.on.aws",
        "vpce-0123-abcd.dsql-fnh4.us-east-1.vpce.amazonaws.com",
    ] {
        for server in [&tls.requested, &tls.direct] {
            let session = client.connect(server, name).unwrap();
            assert_eq!(session.alpn.as_deref(), Some(ALPN), "{name}");
        }
    }
    for name in [
        "example.com",
        "127.0.0.2",
        "::2",
        "dsql.us-east-1.on.aws",
        "foo0bar1baz2quux3quuux4abc.dsql.eu-west-1.on.aws",
        "two.labels.dsql.us-east-1.on.aws",
        "localhost.example.com",
    ] {
        let error = client.connect(&tls.requested, name).unwrap_err();
        assert!(error.contains("not valid for name"), "{name}: {error}");
    }
}

#[test]
fn certificate_of_another_authority_is_refused() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, other) = (open(one.path(), start()), open(other.path(), start()));
    let client = Client::new(other.authority_path(), start());
    let error = client.connect(&configs(&one).requested, "localhost").unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[test]
fn certificate_life_for_clients() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), start());
    let tls = configs(&store);
    let mut client = Client::new(store.authority_path(), start());
    let mut check = |now: SystemTime, valid: bool| {
        client.now = now;
        assert_eq!(client.connect(&tls.requested, "localhost").is_ok(), valid, "{now:?}");
    };
    let end = store.not_after();
    check(start() - Duration::from_secs(3601), false);
    check(start() - Duration::from_secs(3599), true);
    check(end - Duration::from_secs(1), true);
    check(end + Duration::from_secs(1), false);
    assert!(end < start() + 397 * DAY);
}

#[test]
fn tls_alpn_required_when_direct() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), start());
    let tls = configs(&store);
    let mut client = Client::new(store.authority_path(), start());
    for versions in EACH_VERSION {
        client.versions = versions;
        client.alpn = Vec::new();
        assert_eq!(client.connect(&tls.requested, "localhost").unwrap().alpn, None);
        assert!(client.connect(&tls.direct, "localhost").is_err());
        client.alpn = vec![b"http/1.1".to_vec()];
        assert!(client.connect(&tls.requested, "localhost").is_err());
        assert!(client.connect(&tls.direct, "localhost").is_err());
        client.alpn = vec![b"h2".to_vec(), ALPN.to_vec()];
        for server in [&tls.requested, &tls.direct] {
            let session = client.connect(server, "localhost").unwrap();
            assert_eq!(session.alpn.as_deref(), Some(ALPN));
        }
    }
}

#[test]
fn tls_tickets_resume() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), start());
    let tls = configs(&store);
    let mut client = Client::new(store.authority_path(), start());
    for versions in EACH_VERSION {
        client.versions = versions;
        let config = client.config();
        let first = connect(Arc::clone(&config), &tls.direct, "localhost").unwrap();
        assert_eq!(first.kind, Some(rustls::HandshakeKind::Full));
        let second = connect(config, &tls.direct, "localhost").unwrap();
        assert_eq!(second.kind, Some(rustls::HandshakeKind::Resumed));
        assert_eq!(second.alpn.as_deref(), Some(ALPN));
    }
}

#[test]
fn renewal_in_use() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), start());
    let tls = configs(&store);
    let mut client = Client::new(store.authority_path(), start());
    let mut presented = |now: SystemTime| {
        client.now = now;
        client.connect(&tls.requested, "localhost").unwrap().certificate
    };
    let first = presented(start());

    assert!(!store.renew_if_due(&names(), start()).unwrap());
    assert!(!store.renew_if_due(&names(), start() + 259 * DAY).unwrap());
    let later = start() + 261 * DAY;
    assert!(store.renew_if_due(&names(), later).unwrap());
    assert!(!store.renew_if_due(&names(), later).unwrap());
    let second = presented(later);
    assert_ne!(first, second);
    assert!(store.not_after() > later + 380 * DAY);

    // Other names: at once. The authority stays, so the client still trusts it.
    let more = names().with("DB.example.com").with("2001:0db8::0001");
    assert!(store.renew_if_due(&more, later).unwrap());
    assert!(!store.renew_if_due(&more, later).unwrap());
    assert_ne!(presented(later), second);
    for name in ["db.example.com", "2001:db8::1"] {
        client.connect(&tls.requested, name).unwrap();
    }

    // The same after a restart.
    let third = client.connect(&tls.requested, "localhost").unwrap().certificate;
    let reopened = CertificateStore::open_or_create(root.path(), &more, later).unwrap();
    let session = client.connect(&configs(&reopened).requested, "localhost").unwrap();
    assert_eq!(session.certificate, third);
    let reopened = open(root.path(), later);
    assert!(client.connect(&configs(&reopened).requested, "db.example.com").is_err());
}

#[test]
fn renewal_at_start() {
    let root = tempfile::tempdir().unwrap();
    let end = open(root.path(), start()).not_after();
    assert_eq!(open(root.path(), start() + 200 * DAY).not_after(), end);
    // Long out of use, and then with the clock set back.
    let later = start() + 500 * DAY;
    assert_eq!(open(root.path(), later).not_after(), end + 500 * DAY);
    assert_eq!(open(root.path(), start()).not_after(), end);
}

#[test]
fn renewal_refuses_what_is_no_name() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), start());
    for name in ["", "a..b", "*", "a.*.b", "a b", "ü.example", "-\n"] {
        let error = store.renew_if_due(&names().with(name), start()).unwrap_err();
        assert!(matches!(&error, CertificateError::Name(other) if other == name), "{error}");
    }
    let client = Client::new(store.authority_path(), start());
    client.connect(&configs(&store).requested, "localhost").unwrap();
    assert!(!store.renew_if_due(&names(), start()).unwrap());
}

#[test]
fn authority_end() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), start());
    let authority = fs::read(store.authority_path()).unwrap();
    let end = start() + 3653 * DAY;
    // Within the authority's last months nothing outlives it, and nothing is made in vain.
    let late = end - 100 * DAY;
    assert!(store.renew_if_due(&names(), late).unwrap());
    assert_eq!(store.not_after(), end);
    assert!(!store.renew_if_due(&names(), end - DAY).unwrap());
    let error = store.renew_if_due(&names().with("new"), end).unwrap_err();
    assert!(matches!(error, CertificateError::AuthorityExpired { .. }));
    let error = CertificateStore::open_or_create(root.path(), &names(), end).unwrap_err();
    assert!(error.to_string().contains("has expired"), "{error}");
    assert_eq!(fs::read(store.authority_path()).unwrap(), authority);
}

#[test]
fn files_modes() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data/tls");
    open(&dir, start());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for name in ["ca.pem", "ca.key", "server.pem", "server.key"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 5);
}

#[test]
fn files_spoilt() {
    let root = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    open(root.path(), start());
    open(other.path(), start());
    let check = |name: &str, content: Option<&[u8]>, expected: &str| {
        let path = root.path().join(name);
        let former = fs::read(&path).unwrap();
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let error = CertificateStore::open_or_create(root.path(), &names(), start())
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{name}: {error}");
        assert!(error.contains(".pem\"") || error.contains(".key\""), "{error}");
        assert_eq!(fs::read(&path).ok().as_deref(), content, "{name} was written over");
        fs::write(&path, former).unwrap();
    };
    let theirs = |name: &str| fs::read(other.path().join(name)).unwrap();
    let pem = |bytes: &str| {
        format!("-----BEGIN CERTIFICATE-----\n{bytes}\n-----END CERTIFICATE-----\n").into_bytes()
    };
    for name in ["ca.pem", "server.pem", "server.key"] {
        check(name, Some(b""), "is invalid");
        check(name, Some(b"nonsense"), "is invalid");
        check(name, Some(b"\xff\xfe"), "it is not text");
        check(name, Some(&pem("AAAA")), "is invalid");
    }
    check("ca.key", Some(b"nonsense"), "ca.pem\" is invalid");
    check("ca.key", None, "its key, \"ca.key\", is missing");
    check("ca.key", Some(&theirs("ca.key")), "do not belong together");
    check("ca.pem", Some(&theirs("ca.pem")), "do not belong together");
    check("ca.pem", Some(&theirs("server.pem")), "is not that of an authority");
    check("ca.pem", None, "it is missing, though \"server.pem\" is there");
    check("server.pem", Some(&theirs("server.pem")), "is not signed by the authority");
    open(root.path(), start());
}

/// A crash between two files leaves what the next start completes.
#[test]
fn files_half_written() {
    let root = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    open(other.path(), start());
    fs::copy(other.path().join("ca.key"), root.path().join("ca.key")).unwrap();
    open(root.path(), start());
    for replace in [true, false] {
        let key = root.path().join("server.key");
        match replace {
            true => fs::copy(other.path().join("server.key"), &key).map(|_| ()).unwrap(),
            false => fs::remove_file(&key).unwrap(),
        }
        let store = open(root.path(), start());
        let client = Client::new(store.authority_path(), start());
        client.connect(&configs(&store).direct, "localhost").unwrap();
    }
}

/// OpenSSL, which libpq uses, in its strictest mode.
#[test]
fn openssl_verifies() {
    let root = tempfile::tempdir().unwrap();
    open(root.path(), start());
    let openssl = |arguments: &[&str]| {
        let output =
            Command::new("openssl").args(arguments).current_dir(root.path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    let verify = |more: &[&str]| {
        let common = ["verify", "-x509_strict", "-purpose", "sslserver", "-attime", "1790856000"];
        openssl(&[&common, more, &["-CAfile", "ca.pem", "server.pem"]].concat())
    };
    for (option, name, valid) in [
        ("-verify_hostname", "localhost", true),
        ("-verify_hostname", "foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws", true),
        ("-verify_hostname", "x.dsql-fnh4.us-east-1.vpce.amazonaws.com", true),
        ("-verify_hostname", "example.com", false),
        ("-verify_ip", "127.0.0.1", true),
        ("-verify_ip", "::1", true),
        ("-verify_ip", "127.0.0.2", false),
    ] {
        let (verified, said) = verify(&[option, name]);
        assert_eq!(verified, valid, "{name}: {said}");
    }
    let (_, leaf) = openssl(&["x509", "-in", "server.pem", "-noout", "-text"]);
    for expected in [
        "CA:FALSE",
        "TLS Web Server Authentication",
        "Digital Signature",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "NIST CURVE: P-256",
        "ecdsa-with-SHA256",
        "Not Before: Oct  1 11:00:00 2026 GMT",
        "DNS:localhost",
        "IP Address:127.0.0.1",
    ] {
        assert!(leaf.contains(expected), "{expected}: {leaf}");
    }
    let (_, authority) = openssl(&["x509", "-in", "ca.pem", "-noout", "-text"]);
    for expected in ["CA:TRUE, pathlen:0", "Certificate Sign", "X509v3 Subject Key Identifier"] {
        assert!(authority.contains(expected), "{expected}: {authority}");
    }
}

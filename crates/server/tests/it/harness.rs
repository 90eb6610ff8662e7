//! A server in this process, with keys, certificates and a database of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use iam::keys::FirstKey;
use iam::token::{self, Action, TokenRequest};
use iam::{AmzTime, Credentials, Identities, Trail};
use query::{Engine, EngineConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use server::certificates::{CertificateStore, Names, tls_configs};
use server::{Cluster, ClusterId, ClusterRegistry, Limits, Server};
use store::memory::{Faults, Memory};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::client::{Client, cstr, message, startup};

pub(crate) const ID: &str = "foo0bar1baz2quux3quuux4abc";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The cluster's public host name.
pub(crate) fn host() -> String {
    format!("{ID}.dsql.{REGION}.on.aws")
}

/// A running server.
pub(crate) struct Harness {
    pub(crate) address: SocketAddr,
    credentials: Credentials,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    _directory: TempDir,
}

impl Harness {
    pub(crate) async fn start() -> Harness {
        Harness::start_with(Limits::default()).await
    }

    pub(crate) async fn start_with(limits: Limits) -> Harness {
        let directory = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let environment = |_: &str| None;
        let first =
            FirstKey { account: "123456789012", environment: &environment, now: now.into() };
        let identities = Identities::open_or_create(&directory.path().join("iam"), first).unwrap();
        let credentials = identities.keys().default_key(now.into()).unwrap().credentials().clone();
        let identities = Arc::new(identities);
        let certificates = CertificateStore::open_or_create(
            &directory.path().join("tls"),
            &Names::of_region(REGION),
            now,
        )
        .unwrap();
        let config = EngineConfig::new(1);
        let engine = Engine::open(Memory::new(Faults::default()), config).await.unwrap();
        let id: ClusterId = ID.parse().unwrap();
        let clusters = ClusterRegistry::new(Some(id), vec!["localhost".to_owned()]);
        clusters.insert(&Cluster::new(id, "123456789012", REGION, engine, &limits));
        let tls = tls_configs(&certificates.resolver()).unwrap();
        let trail = Arc::new(Trail::default());
        let server = Server::new(Arc::new(clusters), identities, trail, tls, limits, None);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server::run(listener, server, async {
            let _ = stopped.await;
        }));
        Harness {
            address,
            credentials,
            stop: Some(stop),
            running: Some(running),
            _directory: directory,
        }
    }

    /// Tells the server to stop, without waiting.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the server to end, and says how long that took.
    pub(crate) async fn ended(&mut self) -> Duration {
        let start = std::time::Instant::now();
        self.running.take().unwrap().await.unwrap();
        start.elapsed()
    }

    /// A token signed with the server's key.
    pub(crate) fn token(&self, host: &str, action: Action) -> String {
        self.token_from(&self.credentials, host, action, 0)
    }

    /// A token signed `age_s` seconds ago, good for 900.
    pub(crate) fn token_from(
        &self,
        credentials: &Credentials,
        host: &str,
        action: Action,
        age_s: i64,
    ) -> String {
        let now = AmzTime::from(SystemTime::now()).plus(-age_s);
        token::sign(credentials, TokenRequest { host, region: REGION, action, expires_s: 900, now })
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// An unencrypted connection.
    pub(crate) async fn plain(&self) -> Client {
        Client::new(Box::new(self.tcp().await))
    }

    /// An encrypted connection by way of an SSLRequest; `name` is the SNI unless it is an address.
    pub(crate) async fn tls(&self, name: &str) -> Client {
        let mut tcp = self.tcp().await;
        tcp.write_all(&SSL_REQUEST).await.unwrap();
        assert_eq!(tcp.read_u8().await.unwrap(), b'S');
        self.handshake(tcp, name, &[]).await.unwrap()
    }

    /// The handshake alone.
    pub(crate) async fn handshake(
        &self,
        tcp: TcpStream,
        name: &str,
        protocols: &[&[u8]],
    ) -> std::io::Result<Client> {
        let connector = TlsConnector::from(Arc::new(client_config(protocols)));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Ok(Client::new(Box::new(connector.connect(name, tcp).await?)))
    }

    /// A session of `admin`, ready for queries.
    pub(crate) async fn session(&self) -> Client {
        let mut client = self.tls("localhost").await;
        client.send(&startup(&[("user", "admin"), ("database", "postgres")])).await;
        assert_eq!(client.receive().await.unwrap().body, [0, 0, 0, 3]);
        let token = self.token(&host(), Action::DbConnectAdmin);
        client.send(&message(b'p', &cstr(&token))).await;
        let replies = client.until_ready().await;
        assert_eq!((replies[0].tag, &*replies[0].body), (b'R', &[0, 0, 0, 0][..]), "{replies:?}");
        client.key = replies.iter().find(|reply| reply.tag == b'K').unwrap().body.clone();
        client
    }
}

/// TLS that trusts anybody, for host names that the certificate need not bear.
fn client_config(protocols: &[&[u8]]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustAnybody(provider)))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

#[derive(Debug)]
struct TrustAnybody(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for TrustAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! The certificate files of one data directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use iam::{AmzTime, private_file};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::authority::{Authority, Facts, Pair};
use super::{CertificateError, CertificateResolver, Names};

/// When to say that clients will soon need a new authority.
const AUTHORITY_WARNING_S: i64 = 365 * 86_400;

/// The authority and the server certificate, on disk and in use.
#[derive(Debug)]
pub struct CertificateStore {
    files: Files,
    authority: AuthorityCell,
    resolver: CertificateResolver,
    // What is in use. Held while it is replaced, so that there is one renewal at a time.
    current: Mutex<Facts>,
}

/// The authority, out of sight for `Debug`: it holds a key.
struct AuthorityCell(Authority);

impl std::fmt::Debug for AuthorityCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

#[derive(Debug)]
struct Files {
    authority_certificate: PathBuf,
    authority_key: PathBuf,
    server_certificate: PathBuf,
    server_key: PathBuf,
}

struct Leaf {
    facts: Facts,
    certified: CertifiedKey,
}

impl CertificateStore {
    /// Opens the certificates in `dir`, making what is not there yet and renewing what is due.
    ///
    /// # Errors
    /// If a file cannot be read or written, or is not what was written here.
    pub fn open_or_create(
        dir: &Path,
        names: &Names,
        now: SystemTime,
    ) -> Result<CertificateStore, CertificateError> {
        let now = AmzTime::from(now);
        private_file::create_dir(dir).map_err(io_error(dir))?;
        let lock_path = dir.join("tls.lock");
        // Two processes at their first start make one authority, not two.
        let _lock = private_file::lock(&lock_path).map_err(io_error(&lock_path))?;
        let files = Files {
            authority_certificate: dir.join("ca.pem"),
            authority_key: dir.join("ca.key"),
            server_certificate: dir.join("server.pem"),
            server_key: dir.join("server.key"),
        };
        let authority = files.authority(now)?;
        let leaf = match files.leaf(&authority)? {
            Some(leaf) if !is_due(&leaf.facts, &authority, names, now) => leaf,
            _ => files.issue(&authority, names, now)?,
        };
        Ok(CertificateStore {
            files,
            authority: AuthorityCell(authority),
            resolver: CertificateResolver::new(leaf.certified),
            current: Mutex::new(leaf.facts),
        })
    }

    /// The authority's certificate: what clients name as `sslrootcert`.
    pub fn authority_path(&self) -> &Path {
        &self.files.authority_certificate
    }

    /// What presents the current certificate, also after a renewal.
    pub fn resolver(&self) -> CertificateResolver {
        self.resolver.clone()
    }

    /// When the server certificate in use ends.
    pub fn not_after(&self) -> SystemTime {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        SystemTime::UNIX_EPOCH
            + std::time::Duration::from_secs(current.not_after.unix().unsigned_abs())
    }

    /// Makes a new server certificate if `names` are not those of the current one or less than a
    /// third of its life is left, and presents it from the next handshake on. Returns whether.
    ///
    /// # Errors
    /// If it cannot be made or written, or a name is none; the former one stays in use.
    pub fn renew_if_due(&self, names: &Names, now: SystemTime) -> Result<bool, CertificateError> {
        let now = AmzTime::from(now);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_due(&current, &self.authority.0, names, now) {
            return Ok(false);
        }
        check_authority_life(&self.authority.0, &self.files.authority_certificate, now)?;
        let leaf = self.files.issue(&self.authority.0, names, now)?;
        self.resolver.present(leaf.certified);
        *current = leaf.facts;
        Ok(true)
    }
}

fn is_due(leaf: &Facts, authority: &Authority, names: &Names, now: AmzTime) -> bool {
    let life = leaf.not_after.unix() - leaf.not_before.unix();
    let left = leaf.not_after.unix() - now.unix();
    // Near the authority's own end a new certificate would end with the present one.
    let is_old = left < life / 3 && authority.leaf_not_after(now) > leaf.not_after;
    leaf.names != *names || now < leaf.not_before || is_old
}

fn check_authority_life(
    authority: &Authority,
    path: &Path,
    now: AmzTime,
) -> Result<(), CertificateError> {
    if now >= authority.not_after() {
        return Err(CertificateError::AuthorityExpired { path: path.to_owned() });
    }
    if now.plus(AUTHORITY_WARNING_S) >= authority.not_after() {
        let not_after = authority.not_after();
        tracing::warn!(path = %path.display(), %not_after, "certificate authority ends soon");
    }
    Ok(())
}

impl Files {
    /// The authority, made if there is none.
    fn authority(&self, now: AmzTime) -> Result<Authority, CertificateError> {
        let certificate_path = &self.authority_certificate;
        let certificate = match read(certificate_path)? {
            Some(certificate) => certificate,
            None if read(&self.server_certificate)?.is_some() => {
                let reason = "it is missing, though \"server.pem\" is there; restore it, \
                              or remove the other files to have a new authority made";
                return Err(invalid(certificate_path, reason.to_owned()));
            }
            // A key may be there, of a first start that was cut off: nobody trusts it yet.
            None => {
                let pair = Authority::make(now)?;
                self.write(&self.authority_key, &pair.key_pem)?;
                self.write(certificate_path, &pair.certificate_pem)?;
                tracing::info!(path = %certificate_path.display(), "certificate authority made");
                pair.certificate_pem
            }
        };
        let key = read(&self.authority_key)?.ok_or_else(|| {
            invalid(certificate_path, "its key, \"ca.key\", is missing beside it".to_owned())
        })?;
        let der = certificate_der(certificate_path, &certificate)?;
        let authority =
            Authority::read(&der, &key).map_err(|reason| invalid(certificate_path, reason))?;
        check_authority_life(&authority, certificate_path, now)?;
        Ok(authority)
    }

    /// The server certificate; `None` if it has to be made, be it because a crash came between
    /// the writing of its two files.
    fn leaf(&self, authority: &Authority) -> Result<Option<Leaf>, CertificateError> {
        let (Some(certificate), Some(key)) =
            (read(&self.server_certificate)?, read(&self.server_key)?)
        else {
            return Ok(None);
        };
        let path = &self.server_certificate;
        let der = certificate_der(path, &certificate)?;
        if !authority.has_signed(&der) {
            let reason = "it is not signed by the authority in \"ca.pem\"; \
                          remove it to have a new one made";
            return Err(invalid(path, reason.to_owned()));
        }
        match self.certify(der, &key) {
            Err(CertificateError::Tls(rustls::Error::InconsistentKeys(_))) => Ok(None),
            leaf => leaf.map(Some),
        }
    }

    fn issue(
        &self,
        authority: &Authority,
        names: &Names,
        now: AmzTime,
    ) -> Result<Leaf, CertificateError> {
        let Pair { certificate_pem, key_pem } = authority.issue(names, now)?;
        let der = certificate_der(&self.server_certificate, &certificate_pem)?;
        let leaf = self.certify(der, &key_pem)?;
        self.write(&self.server_key, &key_pem)?;
        self.write(&self.server_certificate, &certificate_pem)?;
        let not_after = leaf.facts.not_after;
        tracing::info!(path = %self.server_certificate.display(), %not_after, "certificate made");
        Ok(leaf)
    }

    /// Puts certificate and key together, if they belong together.
    fn certify(&self, der: CertificateDer<'static>, key: &str) -> Result<Leaf, CertificateError> {
        let facts =
            Facts::read(&der).map_err(|reason| invalid(&self.server_certificate, reason))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| invalid(&self.server_key, error.to_string()))?;
        let provider = rustls::crypto::ring::default_provider();
        let certified =
            CertifiedKey::from_der(vec![der], key, &provider).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => CertificateError::Tls(error),
                other => invalid(&self.server_key, other.to_string()),
            })?;
        Ok(Leaf { facts, certified })
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), CertificateError> {
        private_file::replace(path, text.as_bytes()).map_err(io_error(path))
    }
}

fn read(path: &Path) -> Result<Option<String>, CertificateError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Ok(None),
            io::ErrorKind::InvalidData => Err(invalid(path, "it is not text".to_owned())),
            _ => Err(io_error(path)(error)),
        },
    }
}

fn certificate_der(path: &Path, pem: &str) -> Result<CertificateDer<'static>, CertificateError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| invalid(path, error.to_string()))
}

fn invalid(path: &Path, reason: String) -> CertificateError {
    CertificateError::Invalid { path: path.to_owned(), reason }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> CertificateError {
    let path = path.to_owned();
    |source| CertificateError::Io { path, source }
}

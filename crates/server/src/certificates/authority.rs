//! Makes certificates, and reads them back.

use std::net::IpAddr;

use iam::AmzTime;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{CertificateError, Names};

const DAY_S: i64 = 86_400;
/// Ten years and a bit.
pub(super) const AUTHORITY_LIFE_S: i64 = 3653 * DAY_S;
/// Below the 397 days after which some clients call a certificate too long-lived.
pub(super) const LEAF_LIFE_S: i64 = 390 * DAY_S;
/// Certificates begin this long ago, for clients whose clock is behind.
const AUTHORITY_BACKDATE_S: i64 = DAY_S;
const LEAF_BACKDATE_S: i64 = 3600;

/// A certificate and its key, as they are written to files.
pub(super) struct Pair {
    pub(super) certificate_pem: String,
    pub(super) key_pem: String,
}

/// What a certificate says, as far as it matters here.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) not_before: AmzTime,
    pub(super) not_after: AmzTime,
    pub(super) names: Names,
    pub(super) is_authority: bool,
    /// The public key, as `SubjectPublicKeyInfo`.
    pub(super) public_key: Vec<u8>,
}

/// Signs server certificates.
pub(super) struct Authority {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    not_after: AmzTime,
}

impl Authority {
    /// A new authority's certificate and key.
    pub(super) fn make(now: AmzTime) -> Result<Pair, CertificateError> {
        let key = generate_key()?;
        let mut params = params(now.plus(-AUTHORITY_BACKDATE_S), now.plus(AUTHORITY_LIFE_S));
        // Named after its key: clients that trust several authorities tell them apart by name.
        let id: String =
            params.key_identifier(&key).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        params.distinguished_name.push(DnType::CommonName, format!("Borealis CA {id}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(CertificateError::Make)?;
        Ok(Pair { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// The authority with this certificate and key, or what is wrong with the two.
    pub(super) fn read(der: &[u8], key_pem: &str) -> Result<Authority, String> {
        let facts = Facts::read(der)?;
        if !facts.is_authority {
            return Err("its certificate is not that of an authority".to_owned());
        }
        let key = KeyPair::from_pem(key_pem).map_err(|error| error.to_string())?;
        if key.subject_public_key_info() != facts.public_key {
            return Err("its certificate and key do not belong together".to_owned());
        }
        let issuer =
            Issuer::from_ca_cert_der(&der.into(), key).map_err(|error| error.to_string())?;
        Ok(Authority { der: der.to_vec(), issuer, not_after: facts.not_after })
    }

    /// When it ends, and with it everything it has signed.
    pub(super) fn not_after(&self) -> AmzTime {
        self.not_after
    }

    /// When a certificate ends that is made now.
    pub(super) fn leaf_not_after(&self, now: AmzTime) -> AmzTime {
        now.plus(LEAF_LIFE_S - LEAF_BACKDATE_S).min(self.not_after)
    }

    /// A server certificate for `names`, with a new key.
    pub(super) fn issue(&self, names: &Names, now: AmzTime) -> Result<Pair, CertificateError> {
        let key = generate_key()?;
        let mut params = params(now.plus(-LEAF_BACKDATE_S), self.leaf_not_after(now));
        params.distinguished_name.push(DnType::CommonName, "Borealis");
        params.subject_alt_names = names.iter().map(alt_name).collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(CertificateError::Make)?;
        Ok(Pair { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// Whether it has signed this certificate.
    pub(super) fn has_signed(&self, der: &[u8]) -> bool {
        let (Ok((_, ours)), Ok((_, theirs))) =
            (X509Certificate::from_der(&self.der), X509Certificate::from_der(der))
        else {
            return false;
        };
        theirs.issuer() == ours.subject()
            && theirs.verify_signature(Some(ours.public_key())).is_ok()
    }
}

impl Facts {
    /// Reads a certificate, or says what is wrong with it.
    pub(super) fn read(der: &[u8]) -> Result<Facts, String> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("something follows the certificate".to_owned());
        }
        let alt_names =
            certificate.subject_alternative_name().map_err(|error| error.to_string())?;
        let names = alt_names
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
                _ => None,
            })
            .collect();
        Ok(Facts {
            not_before: AmzTime::from_unix(certificate.validity().not_before.timestamp()),
            not_after: AmzTime::from_unix(certificate.validity().not_after.timestamp()),
            names,
            is_authority: certificate.is_ca(),
            public_key: certificate.public_key().raw.to_vec(),
        })
    }
}

fn generate_key() -> Result<KeyPair, CertificateError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertificateError::Make)
}

fn params(not_before: AmzTime, not_after: AmzTime) -> CertificateParams {
    let time = |time: AmzTime| {
        rcgen::date_time_ymd(1970, 1, 1)
            + std::time::Duration::from_secs(time.unix().unsigned_abs())
    };
    let mut params = CertificateParams::default();
    params.not_before = time(not_before);
    params.not_after = time(not_after);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Borealis");
    params
}

fn alt_name(name: &str) -> Result<SanType, CertificateError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let host = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err(CertificateError::Name(name.to_owned()));
    }
    name.try_into().map(SanType::DnsName).map_err(CertificateError::Make)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

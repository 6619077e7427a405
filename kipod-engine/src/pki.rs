//! The credentials of a cluster that are minted on the host, so that its kubeconfig exists before
//! its first node does: the cluster's CA, an administrator's certificate and a bootstrap token.
//!
//! kubeadm finds the CA in its folder and makes every other certificate from it.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// How long the CA is valid: ten years, as kubeadm's own is.
const CA_LIFETIME: Duration = Duration::days(3650);
/// How long the administrator's certificate is valid. It cannot be renewed by kubeadm, so it lives
/// as long as its CA.
const ADMIN_LIFETIME: Duration = CA_LIFETIME;
/// How long the certificate of a test's own server is valid: longer than any run of tests.
const SERVING_LIFETIME: Duration = Duration::days(30);
/// Certificates are valid from a little before now: clocks of containers and hosts agree, those of
/// a virtual machine and its host may not.
const BACKDATE: Duration = Duration::minutes(5);

/// A certificate and its private key, both in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPairPem {
    /// The certificate.
    pub certificate: String,
    /// The private key, in PKCS #8.
    pub key: String,
}

/// What [`Credentials::mint`] makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The cluster's certificate authority.
    pub ca: KeyPairPem,
    /// A client certificate in the group `system:masters`, which needs no role binding and so
    /// works from the API server's first second.
    pub admin: KeyPairPem,
    /// A bootstrap token, `ID.SECRET`, with which nodes join.
    pub token: Token,
}

/// A bootstrap token. It is a secret: its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// The credentials could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A certificate could not be made.
    #[error("cannot make the cluster's certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The system has no randomness to give.
    #[error("cannot read randomness for the bootstrap token: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl Token {
    /// The token, as `ID.SECRET`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl std::fmt::Debug for KeyPairPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPairPem(..)")
    }
}

impl Credentials {
    /// Mints fresh credentials, valid from `now` (seconds since the Unix epoch).
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give, or `now` is no date a certificate can hold.
    pub fn mint(cluster: &str, now: i64) -> Result<Self, PkiError> {
        let now = OffsetDateTime::from_unix_timestamp(now)
            .map_err(|_| rcgen::Error::Time)?
            .saturating_sub(BACKDATE);
        let ca_key = KeyPair::generate()?;
        let mut ca = params("kipod", None, now, CA_LIFETIME);
        ca.distinguished_name.push(DnType::OrganizationalUnitName, cluster);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
        ];
        let ca_pem =
            KeyPairPem { certificate: ca.self_signed(&ca_key)?.pem(), key: ca_key.serialize_pem() };
        let issuer = Issuer::new(ca, ca_key);

        let admin_key = KeyPair::generate()?;
        let mut admin = params("kubernetes-admin", Some("system:masters"), now, ADMIN_LIFETIME);
        admin.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let admin = KeyPairPem {
            certificate: admin.signed_by(&admin_key, &issuer)?.pem(),
            key: admin_key.serialize_pem(),
        };
        Ok(Self { ca: ca_pem, admin, token: token()? })
    }
}

/// A certificate for a server at `address`, signed by its own key, valid from `now` (seconds since
/// the Unix epoch). Whoever shall trust the server is given the certificate.
///
/// # Errors
///
/// When `now` is no date a certificate can hold.
pub fn serving_certificate(address: IpAddr, now: i64) -> Result<KeyPairPem, PkiError> {
    let now = OffsetDateTime::from_unix_timestamp(now)
        .map_err(|_| rcgen::Error::Time)?
        .saturating_sub(BACKDATE);
    let key = KeyPair::generate()?;
    let mut params = params("kipod", None, now, SERVING_LIFETIME);
    params.subject_alt_names = vec![SanType::IpAddress(address)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(KeyPairPem { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

fn params(
    common_name: &str,
    organization: Option<&str>,
    now: OffsetDateTime,
    lifetime: Duration,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.not_before = now;
    params.not_after = now.saturating_add(lifetime);
    params
}

/// Six and sixteen characters of `[a-z0-9]`, the grammar of kubeadm's bootstrap tokens.
fn token() -> Result<Token, PkiError> {
    let mut bytes = [0_u8; 22];
    getrandom::fill(&mut bytes)?;
    // Thirty-two of the letters allowed, so that every byte gives each of them alike.
    let letters: String = bytes
        .iter()
        .map(|byte| char::from(b"abcdefghijklmnopqrstuvwxyz012345"[usize::from(byte % 32)]))
        .collect();
    let (id, secret) = letters.split_at(6);
    Ok(Token(format!("{id}.{secret}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_kubeadms_grammar_and_differ() {
        let (one, two) = (token().unwrap(), token().unwrap());
        assert_ne!(one, two);
        let (id, secret) = one.as_str().split_once('.').unwrap();
        assert_eq!((id.len(), secret.len()), (6, 16));
        assert!(id.chars().chain(secret.chars()).all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let credentials = Credentials::mint("kipod", 1_800_000_000).unwrap();
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("PRIVATE"), "{shown}");
        assert!(!shown.contains(credentials.token.as_str()), "{shown}");
    }

    #[test]
    fn a_servers_certificate_is_trusted_by_whoever_is_given_it() {
        use rustls::client::danger::ServerCertVerifier;
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

        let now = 1_800_000_000;
        let serving = serving_certificate([10, 89, 0, 2].into(), now).unwrap();
        let certificate = CertificateDer::from_pem_slice(serving.certificate.as_bytes()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
                .build()
                .unwrap();
        let verify = |name: &str, after: i64| {
            let name = ServerName::try_from(name.to_owned()).unwrap();
            let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
                (now + after).try_into().unwrap(),
            ));
            verifier.verify_server_cert(&certificate, &[], &name, &[], at)
        };
        verify("10.89.0.2", 0).unwrap();
        assert!(verify("10.89.0.3", 0).is_err());
        assert!(verify("10.89.0.2", 60 * 60 * 24 * 31).is_err());
    }

    #[test]
    fn a_date_outside_all_calendars_is_refused() {
        assert!(Credentials::mint("kipod", i64::MAX).is_err());
        assert!(serving_certificate([127, 0, 0, 1].into(), i64::MAX).is_err());
    }
}

//! The credentials of a cluster: certificate authorities, the key of service accounts, an
//! administrator's certificate, a bootstrap token, and a certificate for each joining kubelet.
//!
//! They are created on the host, so that the kubeconfig exists before the first node, and nodes can
//! start independently of each other. kubeadm reads the authorities from its certificate directory and
//! creates all other certificates from them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// The validity of certificates: ten years, like kubeadm's own authorities. kubeadm cannot renew
/// certificates that were signed on the host, so they have the same validity.
const LIFETIME: Duration = Duration::days(3650);
/// The common name of the cluster's certificate authority.
const CA: &str = "kipod";
/// Certificates are valid from before now, because the clocks of a virtual machine and its host may
/// differ.
const BACKDATE: Duration = Duration::minutes(5);

/// A certificate and its private key, both in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPairPem {
    /// The certificate.
    pub certificate: String,
    /// The private key, in PKCS #8.
    pub key: String,
}

/// A key pair that signs the tokens of service accounts.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The public key, in PEM.
    pub public: String,
    /// The private key, in PKCS #8 and PEM.
    pub private: String,
}

/// The certificate authorities and keys that all control planes of a cluster share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    /// The cluster's certificate authority.
    pub ca: KeyPairPem,
    /// The certificate authority of etcd members and clients.
    pub etcd_ca: KeyPairPem,
    /// The certificate authority of the front proxy for aggregated API servers.
    pub front_proxy_ca: KeyPairPem,
    /// The signing key of service accounts.
    pub service_accounts: SigningKey,
}

/// The credentials of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The authorities.
    pub authorities: Authorities,
    /// A client certificate in the group `system:masters`, which needs no role binding and therefore
    /// works as soon as the API server is ready.
    pub admin: KeyPairPem,
    /// A bootstrap token, `ID.SECRET`, with which users can join further nodes.
    pub token: Token,
    /// The client certificate for the kubelet of each joining node, by the node's name, so that the node
    /// does not need to request one and wait for its approval.
    pub kubelets: BTreeMap<String, KeyPairPem>,
}

/// A bootstrap token. It is a secret: its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// An error while creating credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A certificate could not be created.
    #[error("failed to create certificates")]
    Certificate(#[from] rcgen::Error),
    /// The operating system provides no random numbers.
    #[error("failed to generate a bootstrap token")]
    Randomness(#[from] getrandom::Error),
}

impl Token {
    /// Returns the token as `ID.SECRET`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl std::fmt::Debug for KeyPairPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPairPem(..)")
    }
}

impl Credentials {
    /// Creates credentials for a cluster and the named joining nodes, valid from `now` (seconds since
    /// the Unix epoch).
    ///
    /// # Errors
    ///
    /// If the operating system provides no random numbers, or `now` is not a valid date in a
    /// certificate.
    pub fn mint(cluster: &str, joining: &[String], now: i64) -> Result<Self, PkiError> {
        let at = date(now)?;
        let key = KeyPair::generate()?;
        let authorities = Authorities {
            ca: Authority::new(CA, cluster, at)?.pem()?,
            etcd_ca: Authority::new("etcd-ca", cluster, at)?.pem()?,
            front_proxy_ca: Authority::new("front-proxy-ca", cluster, at)?.pem()?,
            service_accounts: SigningKey {
                public: key.public_key_pem(),
                private: key.serialize_pem(),
            },
        };
        Self::signed_by(authorities, cluster, joining, now)
    }

    /// Creates credentials for a cluster with existing authorities.
    ///
    /// # Errors
    ///
    /// Like [`mint`](Self::mint), and if the authorities were not created by kipod.
    pub fn signed_by(
        authorities: Authorities,
        cluster: &str,
        joining: &[String],
        now: i64,
    ) -> Result<Self, PkiError> {
        let at = date(now)?;
        let key = KeyPair::from_pem(&authorities.ca.key)?;
        let ca = Authority::with_key(CA, cluster, at, key);
        let kubelets = joining
            .iter()
            .map(|name| {
                let kubelet = ca.client(&format!("system:node:{name}"), "system:nodes", at)?;
                Ok((name.clone(), kubelet))
            })
            .collect::<Result<_, rcgen::Error>>()?;
        let admin = ca.client("kubernetes-admin", "system:masters", at)?;
        Ok(Self { authorities, admin, token: token()?, kubelets })
    }
}

fn date(now: i64) -> Result<OffsetDateTime, rcgen::Error> {
    let now = OffsetDateTime::from_unix_timestamp(now).map_err(|_| rcgen::Error::Time)?;
    Ok(now.saturating_sub(BACKDATE))
}

/// A certificate authority that can sign.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str, cluster: &str, now: OffsetDateTime) -> Result<Self, rcgen::Error> {
        Ok(Self::with_key(name, cluster, now, KeyPair::generate()?))
    }

    /// Creates the authority with a name and a key. Certificates refer to both, so all authorities
    /// created with the same name and key are interchangeable.
    fn with_key(name: &str, cluster: &str, now: OffsetDateTime, key: KeyPair) -> Self {
        let mut ca = params(name, None, now);
        ca.distinguished_name.push(DnType::OrganizationalUnitName, cluster);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
        ];
        Self { params: ca, key }
    }

    fn pem(&self) -> Result<KeyPairPem, rcgen::Error> {
        let certificate = self.params.self_signed(&self.key)?.pem();
        Ok(KeyPairPem { certificate, key: self.key.serialize_pem() })
    }

    /// Creates a certificate for the client `name` in the group `group`.
    fn client(
        &self,
        name: &str,
        group: &str,
        now: OffsetDateTime,
    ) -> Result<KeyPairPem, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut client = params(name, Some(group), now);
        client.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate =
            client.signed_by(&key, &Issuer::from_params(&self.params, &self.key))?.pem();
        Ok(KeyPairPem { certificate, key: key.serialize_pem() })
    }
}

/// Creates a self-signed certificate for a server at `address`, valid from `now` (seconds since the
/// Unix epoch). Clients need the certificate to trust the server.
///
/// # Errors
///
/// If `now` is not a valid date in a certificate.
pub fn serving_certificate(address: IpAddr, now: i64) -> Result<KeyPairPem, PkiError> {
    let key = KeyPair::generate()?;
    let mut params = params("kipod test", None, date(now)?);
    params.subject_alt_names = vec![SanType::IpAddress(address)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(KeyPairPem { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

fn params(common_name: &str, organization: Option<&str>, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.not_before = now;
    params.not_after = now.saturating_add(LIFETIME);
    params
}

/// Creates a bootstrap token in kubeadm's format: 6 and 16 characters of `[a-z0-9]`.
fn token() -> Result<Token, PkiError> {
    let mut bytes = [0_u8; 22];
    getrandom::fill(&mut bytes)?;
    // 32 of the 36 allowed characters, so that each is equally likely for a random byte.
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
    fn tokens_have_kubeadms_format_and_differ() {
        let (one, two) = (token().unwrap(), token().unwrap());
        assert_ne!(one, two);
        let (id, secret) = one.as_str().split_once('.').unwrap();
        assert_eq!((id.len(), secret.len()), (6, 16));
        assert!(id.chars().chain(secret.chars()).all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn debug_output_contains_no_secrets() {
        let credentials =
            Credentials::mint("kipod", &["worker".to_owned()], 1_800_000_000).unwrap();
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("PRIVATE"), "{shown}");
        assert!(!shown.contains(credentials.token.as_str()), "{shown}");
    }

    #[test]
    fn serving_certificate_is_trusted_by_clients() {
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
        assert!(verify("10.89.0.2", 60 * 60 * 24 * 3660).is_err());
    }

    #[test]
    fn invalid_dates_are_rejected() {
        assert!(Credentials::mint("kipod", &[], i64::MAX).is_err());
        assert!(serving_certificate([127, 0, 0, 1].into(), i64::MAX).is_err());
    }
}

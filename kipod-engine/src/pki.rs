//! The credentials of a cluster that are minted on the host, so that its kubeconfig exists before
//! its first node does, and so that its nodes need nothing of each other to begin: the certificate
//! authorities, the key of service accounts, an administrator's certificate, a bootstrap token, and
//! a certificate for the kubelet of each node that joins.
//!
//! kubeadm finds the authorities in its folder and makes every other certificate from them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// How long certificates are valid: ten years, as kubeadm's own authorities are. What the host signs
/// kubeadm cannot renew, so it lives as long.
const LIFETIME: Duration = Duration::days(3650);
/// The name of the cluster's authority.
const CA: &str = "kipod";
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

/// The key that signs the tokens of service accounts.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The public key, in PEM.
    pub public: String,
    /// The private key, in PKCS #8 and PEM.
    pub private: String,
}

/// What all control planes of a cluster share, and kubeadm makes every other certificate from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    /// The cluster's certificate authority.
    pub ca: KeyPairPem,
    /// The authority of etcd's members and clients.
    pub etcd_ca: KeyPairPem,
    /// The authority of the proxy in front of aggregated API servers.
    pub front_proxy_ca: KeyPairPem,
    /// The key of service accounts.
    pub service_accounts: SigningKey,
}

/// What the host mints for a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The authorities.
    pub authorities: Authorities,
    /// A client certificate in the group `system:masters`, which needs no role binding and so
    /// works from the API server's first second.
    pub admin: KeyPairPem,
    /// A bootstrap token, `ID.SECRET`, with which people may join nodes of their own.
    pub token: Token,
    /// The client certificate of the kubelet of each node that joins, by the node's name. A node that
    /// has it need not ask for one and wait until it is signed.
    pub kubelets: BTreeMap<String, KeyPairPem>,
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
    /// Mints fresh credentials for a cluster that nodes of those names will join, valid from `now`
    /// (seconds since the Unix epoch).
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give, or `now` is no date a certificate can hold.
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

    /// Mints what else there is for authorities that were minted before.
    ///
    /// # Errors
    ///
    /// As [`mint`](Self::mint), and when the authorities are none of kipod's.
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

    /// The authority of that name and key. What it signs bears its name and its key's id, and both
    /// are the same however often it is made.
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

    /// A certificate for the client `name` of the group `group`.
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

/// A certificate for a server at `address`, signed by its own key, valid from `now` (seconds since
/// the Unix epoch). Whoever shall trust the server is given the certificate.
///
/// # Errors
///
/// When `now` is no date a certificate can hold.
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
        let credentials =
            Credentials::mint("kipod", &["worker".to_owned()], 1_800_000_000).unwrap();
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
        assert!(verify("10.89.0.2", 60 * 60 * 24 * 3660).is_err());
    }

    #[test]
    fn a_date_outside_all_calendars_is_refused() {
        assert!(Credentials::mint("kipod", &[], i64::MAX).is_err());
        assert!(serving_certificate([127, 0, 0, 1].into(), i64::MAX).is_err());
    }
}

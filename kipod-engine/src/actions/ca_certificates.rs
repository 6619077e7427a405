//! The certificate authorities that nodes trust in addition to those of their image.

use std::collections::BTreeSet;
use std::io::Error;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::spec::ClusterSpec;
use crate::util::bounded::{self, TEXT_LIMIT};

/// The bundles of distributions. The host's is the first that exists.
/// Source: Go's `crypto/x509`, `certFiles` of Linux.
const HOST_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Characters of Base64 in a line of PEM. Source: RFC 7468.
const LINE: usize = 64;

/// Reads the certificate authorities of a specification, in PEM. Other content of the files, such as
/// private keys, is left out. Returns all errors of the files.
pub(super) fn read(spec: &ClusterSpec) -> Result<Option<String>, Vec<String>> {
    read_with(spec, &HOST_BUNDLES)
}

fn read_with(spec: &ClusterSpec, host_bundles: &[&str]) -> Result<Option<String>, Vec<String>> {
    let mut errors = Vec::new();
    let mut files: Vec<PathBuf> = spec.ca_certificates.clone();
    if spec.host_ca_certificates {
        match host_bundles.iter().map(Path::new).find(|path| path.exists()) {
            Some(path) => files.push(path.to_owned()),
            None => errors.push(format!(
                "`hostCaCertificates`: this host has none of the files {}",
                host_bundles.join(", ")
            )),
        }
    }
    let mut known = BTreeSet::new();
    let mut text = String::new();
    for file in files {
        match certificates(&file) {
            Ok(found) if found.is_empty() => {
                errors.push(format!("`{}` has no certificate in PEM", file.display()));
            }
            Ok(found) => found.into_iter().for_each(|certificate| {
                if known.insert(certificate.to_vec()) {
                    text.push_str(&pem(&certificate));
                }
            }),
            Err(error) => {
                let file = file.display();
                errors.push(format!("the CA certificates `{file}` cannot be read: {error}"));
            }
        }
    }
    if errors.is_empty() { Ok((!text.is_empty()).then_some(text)) } else { Err(errors) }
}

/// Reads the certificates of a PEM file.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = bounded::read(path, TEXT_LIMIT)?;
    CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(Error::other)
}

fn pem(certificate: &[u8]) -> String {
    let data = STANDARD.encode(certificate);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in data.as_bytes().chunks(LINE) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Credentials;

    fn read_files(files: &[&Path], host: Option<&Path>) -> Result<Option<String>, Vec<String>> {
        let spec = ClusterSpec {
            ca_certificates: files.iter().map(|&file| file.to_owned()).collect(),
            host_ca_certificates: host.is_some(),
            ..ClusterSpec::default()
        };
        let bundle = host.map(|path| path.to_str().unwrap());
        read_with(&spec, &["/none/such", bundle.unwrap_or("/none/other")])
    }

    #[test]
    fn certificates_are_read_once_and_without_keys() {
        let credentials = Credentials::mint("demo", &[], crate::testing::NOW).unwrap();
        let (ca, admin) = (credentials.authorities.ca, credentials.admin);
        let dir = tempfile::tempdir().unwrap();
        let (one, host) = (dir.path().join("one.pem"), dir.path().join("host.pem"));
        std::fs::write(&one, format!("# ours\n{}{}", ca.key, ca.certificate)).unwrap();
        std::fs::write(&host, format!("{}{}", ca.certificate, admin.certificate)).unwrap();
        let unix = |text: &str| text.replace("\r\n", "\n");
        assert_eq!(read_files(&[&one], None).unwrap().unwrap(), unix(&ca.certificate));
        let both = unix(&format!("{}{}", ca.certificate, admin.certificate));
        assert_eq!(read_files(&[&one], Some(&host)).unwrap().unwrap(), both);
        assert_eq!(read_files(&[], None), Ok(None));
    }

    #[test]
    fn unusable_files_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let [empty, broken, fifo] = ["empty", "broken", "fifo"].map(|name| dir.path().join(name));
        std::fs::write(&empty, "").unwrap();
        let text = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        std::fs::write(&broken, text).unwrap();
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
        let files = [&empty, &broken, &fifo, Path::new("/dev/zero"), Path::new("/none/such")];
        let files: Vec<&Path> = files.map(AsRef::as_ref).to_vec();
        let errors = read_files(&files, Some(Path::new("/none/bundle"))).unwrap_err();
        let expected = [
            "`hostCaCertificates`: this host has none of the files",
            "empty` has no certificate in PEM",
            "broken` cannot be read: ",
            "fifo` cannot be read: it is not a regular file",
            "the CA certificates `/dev/zero` cannot be read: it is not a regular file",
            "the CA certificates `/none/such` cannot be read: No such file",
        ];
        assert_eq!(errors.len(), expected.len(), "{errors:#?}");
        for (error, part) in errors.iter().zip(expected) {
            assert!(error.contains(part), "{error}");
        }
    }
}

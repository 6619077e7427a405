//! The yardstick: etcd and kube-apiserver as plain processes, as envtest starts them.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use kipod_engine::pki::{Credentials, serving_certificate};
use tempfile::TempDir;

use super::api_ready;

/// Returns the seconds until the API server of the component bundle is ready, from nothing: including
/// certificates and an empty etcd. The arguments are those of envtest.
pub(super) async fn measure(bundle: &Path) -> Result<f64> {
    let start = Instant::now();
    let dir = tempfile::tempdir()?;
    let (etcd_port, api_port) = (free_port()?, free_port()?);
    let client = format!("http://127.0.0.1:{etcd_port}");
    let data = dir.path().join("etcd").display().to_string();
    let _etcd = Process::start(
        bundle,
        "etcd",
        &[
            ("data-dir", &data),
            ("listen-client-urls", &client),
            ("advertise-client-urls", &client),
            ("listen-peer-urls", "http://127.0.0.1:0"),
            ("unsafe-no-fsync", "true"),
        ],
    )?;
    let file = certificates(&dir)?;
    wait_for_etcd(etcd_port).await?;
    let port = api_port.to_string();
    let _api = Process::start(
        bundle,
        "kube-apiserver",
        &[
            ("etcd-servers", &client),
            ("bind-address", "127.0.0.1"),
            ("advertise-address", "127.0.0.1"),
            ("secure-port", &port),
            ("cert-dir", &dir.path().display().to_string()),
            ("tls-cert-file", &file("server.crt")),
            ("tls-private-key-file", &file("server.key")),
            ("client-ca-file", &file("ca.crt")),
            ("service-account-issuer", "https://127.0.0.1/"),
            ("service-account-key-file", &file("sa.pub")),
            ("service-account-signing-key-file", &file("sa.key")),
            ("service-cluster-ip-range", "10.0.0.0/24"),
            ("allow-privileged", "true"),
            ("disable-admission-plugins", "ServiceAccount"),
            ("authorization-mode", "RBAC"),
        ],
    )?;
    api_ready(api_port).await?;
    Ok(start.elapsed().as_secs_f64())
}

/// Writes certificates and keys. Returns a function from a file's name to its path.
fn certificates(dir: &TempDir) -> Result<impl Fn(&str) -> String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().try_into()?;
    let credentials = Credentials::mint("bench", &[], now)?;
    let server = serving_certificate([127, 0, 0, 1].into(), now)?;
    let authorities = &credentials.authorities;
    for (name, text) in [
        ("server.crt", &server.certificate),
        ("server.key", &server.key),
        ("ca.crt", &authorities.ca.certificate),
        ("sa.pub", &authorities.service_accounts.public),
        ("sa.key", &authorities.service_accounts.private),
    ] {
        std::fs::write(dir.path().join(name), text)?;
    }
    let dir = dir.path().to_owned();
    Ok(move |name: &str| dir.join(name).display().to_string())
}

/// Waits until etcd accepts connections, which it does when it can serve requests.
async fn wait_for_etcd(port: u16) -> Result<()> {
    for _ in 0..6000 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("timed out waiting for etcd")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A process that is killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(bundle: &Path, program: &str, arguments: &[(&str, &str)]) -> Result<Self> {
        let path = bundle.join("bin").join(program);
        let child = Command::new(&path)
            .args(arguments.iter().map(|(name, value)| format!("--{name}={value}")))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("failed to start `{}`", path.display()))?;
        Ok(Self(child))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

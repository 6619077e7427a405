//! Tests of bundles on disk and of downloads from a local release server.

mod download;
mod open;
mod resume;
mod server;
mod versions;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use super::layout::REQUIRED_CNI;
use super::*;
use crate::util::Hint;
use crate::util::text::error_chain;
use server::Server;

/// The architecture under test.
fn arch() -> Arch {
    Arch::host().unwrap()
}

/// Another architecture.
fn other_arch() -> Arch {
    if arch() == Arch::Amd64 { Arch::Arm64 } else { Arch::Amd64 }
}

/// Returns a program of `size` bytes: an ELF header, and content that depends on the name.
fn program(name: &str, arch: Arch, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[16] = 2;
    bytes[18] = if arch == Arch::Amd64 { 62 } else { 183 };
    bytes.extend(Sum::of(name.as_bytes()).to_string().bytes().cycle().take(size - 64));
    bytes
}

/// The size of the published programs, large enough for several network packets.
const SIZE: usize = 300_000;

/// Returns CRI-O's archive of programs for `arch`.
fn crio_archive(arch: Arch) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut add = |path: String, mode: u32, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content).unwrap();
    };
    for name in ["conmon", "conmonrs", "crictl", "crio", "crun", "pinns", "runc"] {
        add(format!("cri-o/bin/{name}"), 0o755, &program(name, arch, 1000));
    }
    for name in REQUIRED_CNI.iter().chain(&["bridge"]) {
        add(format!("cri-o/cni-plugins/{name}"), 0o755, &program(name, arch, 1000));
    }
    add("cri-o/cni-plugins/LICENSE".to_owned(), 0o644, b"Apache");
    add("cri-o/man/crio.8".to_owned(), 0o644, b".TH crio");
    tar.into_inner().unwrap().finish().unwrap()
}

/// Returns the paths of a release's files on a server.
fn paths(release: &Release) -> [String; 4] {
    let Release { kubernetes, crio, arch } = release;
    let program = |name| format!("/release/v{kubernetes}/bin/linux/{arch}/{name}");
    let archive = format!("/cri-o/artifacts/cri-o.{arch}.v{crio}.tar.gz");
    [program("kubeadm"), program("kubelet"), program("kubectl"), archive]
}

/// Starts a server with the pinned release.
async fn publish() -> (Server, Release) {
    let release = Release::pinned(arch());
    let server = Server::start().await;
    let [kubeadm, kubelet, kubectl, archive] = paths(&release);
    for (path, name) in [(kubeadm, "kubeadm"), (kubelet, "kubelet"), (kubectl, "kubectl")] {
        let content = program(name, arch(), SIZE);
        // Kubernetes publishes only the sum, CRI-O the output of sha256sum.
        server.put(&format!("{path}.sha256"), Sum::of(&content).to_string());
        server.put(&path, content);
    }
    let content = crio_archive(arch());
    let name = archive.rsplit('/').next().unwrap();
    server.put(&format!("{archive}.sha256sum"), format!("{}  {name}\n", Sum::of(&content)));
    server.put(&archive, content);
    (server, release)
}

/// Returns the source for the server at `url`, with a short retry policy and without a proxy.
fn upstream(url: &str) -> Upstream {
    let ms = Duration::from_millis;
    let retry = RetryPolicy {
        max_idle_attempts: 2,
        max_attempts: 5,
        initial_backoff: ms(1),
        max_backoff: ms(2),
    };
    let mirror = Upstream::mirror(url).unwrap().with_retry(retry);
    Upstream { client: reqwest::Client::builder().no_proxy().build().unwrap(), ..mirror }
}

/// The events of a download, each as a line.
#[derive(Default)]
struct EventLog(Mutex<Vec<String>>);

impl EventLog {
    fn listener(&self) -> impl Fn(DownloadEvent<'_>) + Send + Sync {
        |event| {
            let line = match event {
                DownloadEvent::Advanced { .. } => return,
                DownloadEvent::Started { file, resumed, total } => {
                    format!("started {file} at {resumed} of {total:?}")
                }
                DownloadEvent::Retrying { file, cause, .. } => format!("retrying {file}: {cause}"),
                DownloadEvent::Verified { file } => format!("verified {file}"),
                DownloadEvent::Waiting { .. } => "waiting".to_owned(),
                DownloadEvent::Cached { .. } => "cached".to_owned(),
                DownloadEvent::Assembling => "assembling".to_owned(),
            };
            self.0.lock().unwrap().push(line);
        }
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Returns all files below a directory, relative to it, sorted.
fn files_below(root: &Path) -> Vec<String> {
    let (mut files, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    files.sort();
    files
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

//! Registry images for tests, built from Debian's package `docker-registry`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::podman::build_image;

/// The user name and password of the registry with authentication.
pub const CREDENTIALS: &str = "ada:topsecret";
/// [`CREDENTIALS`] with the password hashed by bcrypt.
const HTPASSWD: &str = "ada:$2b$05$abcdefghijklmnopqrstuudks0cx3ry4eykejzEdjJRiLcs8hlf/a\n";
const CONFIG: &str = "version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ':5000'}
";
const AUTH: &str = "auth: {htpasswd: {realm: e2e, path: /etc/registry/htpasswd}}\n";

/// Builds a registry image without authentication and one with it. Returns their references, or
/// `None` if the registry program is neither installed nor available as a package.
pub fn registry_images() -> Option<[String; 2]> {
    let download = tempfile::tempdir().expect("a temporary directory");
    let program = registry_program(download.path())?;
    let build = |name: &str, config: &str| {
        let context = tempfile::tempdir().expect("a temporary directory");
        let write = |file: &str, text: &str| {
            std::fs::write(context.path().join(file), text).expect("a file");
        };
        write("config.yml", config);
        write("htpasswd", HTPASSWD);
        std::fs::copy(&program, context.path().join("registry")).expect("a copy");
        let steps = "COPY config.yml htpasswd /etc/registry/\nCOPY registry /usr/bin/registry\n\
            ENTRYPOINT [\"/usr/bin/registry\"]\nCMD [\"serve\", \"/etc/registry/config.yml\"]\n";
        let reference = format!("localhost/e2e-registry-{name}:1");
        build_image(&reference, context.path(), steps);
        reference
    };
    Some([build("open", CONFIG), build("closed", &format!("{CONFIG}{AUTH}"))])
}

/// Returns the installed registry program, or downloads the package and unpacks it in `dir`.
fn registry_program(dir: &Path) -> Option<PathBuf> {
    let installed = Path::new("/usr/bin/docker-registry");
    if installed.exists() {
        return Some(installed.to_owned());
    }
    let download = Command::new("apt-get")
        .args(["download", "--quiet", "docker-registry"])
        .current_dir(dir)
        .output();
    let downloaded = download.is_ok_and(|output| output.status.success());
    let mut entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let package = entries.next().filter(|_| downloaded)?.path();
    let unpacked = Command::new("dpkg-deb").arg("--extract").arg(package).arg(dir).status();
    let program = dir.join("usr/bin/docker-registry");
    (unpacked.is_ok_and(|status| status.success()) && program.exists()).then_some(program)
}

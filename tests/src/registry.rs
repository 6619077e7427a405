//! A registry image to test with, made of Debian's package `docker-registry`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::podman::build_image;

/// The user of a registry that wants to know who asks, and the password.
pub const CREDENTIALS: &str = "ada:topsecret";
/// The same, as bcrypt has it.
const HTPASSWD: &str = "ada:$2b$05$abcdefghijklmnopqrstuudks0cx3ry4eykejzEdjJRiLcs8hlf/a\n";
const CONFIG: &str = "version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ':5000'}
";
const AUTH: &str = "auth: {htpasswd: {realm: e2e, path: /etc/registry/htpasswd}}\n";

/// Builds images of a registry that is open to all, and of one that is not, and answers their
/// references. `None` where the program can neither be found nor fetched.
pub fn registry_images() -> Option<[String; 2]> {
    let folder = tempfile::tempdir().expect("a folder");
    let program = program(folder.path())?;
    let build = |name: &str, config: &str| {
        let context = tempfile::tempdir().expect("a folder");
        let put = |file: &str, text: &str| {
            std::fs::write(context.path().join(file), text).expect("a file");
        };
        put("config.yml", config);
        put("htpasswd", HTPASSWD);
        std::fs::copy(&program, context.path().join("registry")).expect("a copy");
        let file = "COPY config.yml htpasswd /etc/registry/\nCOPY registry /usr/bin/registry\n\
            ENTRYPOINT [\"/usr/bin/registry\"]\nCMD [\"serve\", \"/etc/registry/config.yml\"]\n";
        let reference = format!("localhost/e2e-registry-{name}:1");
        build_image(&reference, context.path(), file);
        reference
    };
    Some([build("open", CONFIG), build("closed", &format!("{CONFIG}{AUTH}"))])
}

/// The program of this machine, or one from the package, unpacked in `folder`.
fn program(folder: &Path) -> Option<PathBuf> {
    let installed = Path::new("/usr/bin/docker-registry");
    if installed.exists() {
        return Some(installed.to_owned());
    }
    let fetched = Command::new("apt-get")
        .args(["download", "--quiet", "docker-registry"])
        .current_dir(folder)
        .output();
    let fetched = fetched.is_ok_and(|output| output.status.success());
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let package = entries.next().filter(|_| fetched)?.path();
    let unpacked = Command::new("dpkg-deb").arg("--extract").arg(package).arg(folder).status();
    let program = folder.join("usr/bin/docker-registry");
    (unpacked.is_ok_and(|status| status.success()) && program.exists()).then_some(program)
}

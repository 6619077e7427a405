//! Lists the files of the node image, and compiles the OCI runtime shim, so that whoever holds this
//! crate has a whole build context.
//!
//! The shim runs inside the node, whose C library may be older than the host's: it is linked
//! statically where the host can do that (glibc's static part installed, or a musl host), and
//! dynamically otherwise.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources of the shim.
const SHIM: [&str; 4] = ["main.rs", "json.rs", "spec.rs", "wait.rs"];

fn main() {
    list_files();
    for file in SHIM {
        println!("cargo::rerun-if-changed=shim/{file}");
    }
    let var = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let out = PathBuf::from(var("OUT_DIR")).join("shim");
    let (rustc, target) = (var("RUSTC"), var("TARGET"));
    let first = compile(&rustc, &target, &out, &["-Ctarget-feature=+crt-static"]);
    if let Err(static_fault) = first
        && let Err(fault) = compile(&rustc, &target, &out, &[])
    {
        panic!("the OCI runtime shim does not compile:\n{fault}\n(statically:\n{static_fault})");
    }
}

/// Writes `files.rs`: the contents of `node/` as a slice of `NodeFile`s.
fn list_files() {
    println!("cargo::rerun-if-changed=node");
    let root = std::env::current_dir().expect("cargo runs this in the crate's folder").join("node");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let mut revision = Fnv::new();
    let mut text = String::from("&[\n");
    for file in &files {
        let path = file.strip_prefix(&root).expect("it was found below");
        let mode = std::fs::metadata(file).expect("it was just listed").permissions().mode();
        let executable = mode & 0o100 != 0;
        revision.add(path.to_string_lossy().as_bytes());
        revision.add(&[u8::from(executable)]);
        revision.add(&std::fs::read(file).expect("it was just listed"));
        text.push_str(&format!(
            "NodeFile {{ path: {path:?}, contents: include_bytes!({file:?}), executable: {executable} }},\n"
        ));
    }
    text.push(']');
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(out.join("files.rs"), text).expect("cargo's own folder can be written");
    for file in SHIM {
        // The sources, not the program: that one is another with every compiler.
        revision.add(&std::fs::read(Path::new("shim").join(file)).expect("a source of the shim"));
    }
    println!("cargo::rustc-env=KIPOD_NODE_REVISION={:016x}", revision.0);
}

/// FNV-1a with 64 bits (draft-eastlake-fnv, section 2): enough to tell revisions of files apart.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        // Lengths count too, so that no byte moves from one file to the next unnoticed.
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is part of the crate").flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

fn compile(rustc: &str, target: &str, out: &Path, extra: &[&str]) -> Result<(), String> {
    let output = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=bin", "--crate-name=kipod_shim"])
        .args(["-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols", "-Clto=fat"])
        .args(["-Ccodegen-units=1", "--target", target])
        .args(extra)
        .arg("-o")
        .arg(out)
        .arg("shim/main.rs")
        .output()
        .map_err(|error| format!("cannot run `{rustc}`: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

//! Lists the files of the node image, and compiles the program inside nodes (feature `programs`).
//!
//! The program runs in a node, whose C library may be older than the host's. So it is linked
//! statically where the host can do that (static glibc installed, or a musl host), and dynamically
//! otherwise.

use std::hash::Hasher;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fnv::FnvHasher;

/// Variables that configure the outer build. The program is compiled without its linter, coverage and
/// flags.
const OUTER_BUILD: [&str; 6] = [
    "CARGO_BUILD_TARGET",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// Links the C library statically.
const STATIC: &str = "-Ctarget-feature=+crt-static";

/// Profile of the program. Cargo reads profiles only from the root manifest, which differs between the
/// workspace and a published package, so these are environment variables.
const PROFILE: [(&str, &str); 6] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
];

fn main() {
    let out = PathBuf::from(variable("OUT_DIR"));
    let context = files_below(&std::env::current_dir().expect("a current directory").join("node"));
    let sources = files_below(&Path::new(kipod_node::MANIFEST_DIR).join("src"));
    std::fs::write(out.join("files.rs"), node_files(&context)).expect("OUT_DIR is writable");
    println!(
        "cargo::rustc-env=KIPOD_NODE_REVISION={:016x}",
        revision(context.iter().chain(&sources))
    );
    if std::env::var_os("CARGO_FEATURE_PROGRAMS").is_some() {
        embed_program(&out.join("kipod-node"), &out);
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// A file below a directory.
struct File {
    /// The path, relative to the directory.
    name: PathBuf,
    path: PathBuf,
    executable: bool,
}

/// Returns the files below `dir`, in the order of their names. The build script runs again when one
/// of them changes.
fn files_below(dir: &Path) -> Vec<File> {
    println!("cargo::rerun-if-changed={}", dir.display());
    let mut paths = Vec::new();
    walk(dir, &mut paths);
    paths.sort();
    let file = |path: PathBuf| {
        let mode = path.metadata().expect("the file is readable").permissions().mode();
        let name = path.strip_prefix(dir).expect("the file is below the directory").to_owned();
        File { name, path, executable: mode & 0o100 != 0 }
    };
    paths.into_iter().map(file).collect()
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in dir.read_dir().expect("the directory is readable").flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

/// Returns `files` as the source of a slice of `NodeFile`s.
fn node_files(files: &[File]) -> String {
    let file = |File { name, path, executable }: &File| {
        format!(
            "NodeFile {{ path: {name:?}, contents: include_bytes!({path:?}), executable: {executable} }},\n"
        )
    };
    format!("&[\n{}]", files.iter().map(file).collect::<String>())
}

/// Hashes names, modes and contents. The sources of the program count instead of the program, which
/// differs between compilers.
fn revision<'a>(files: impl Iterator<Item = &'a File>) -> u64 {
    let mut hasher = FnvHasher::default();
    // With the length of each part, so that no byte moves from one part to the next unnoticed.
    let mut add = |bytes: &[u8]| {
        hasher.write(&(bytes.len() as u64).to_le_bytes());
        hasher.write(bytes);
    };
    for File { name, path, executable } in files {
        add(name.to_string_lossy().as_bytes());
        add(&[u8::from(*executable)]);
        add(&std::fs::read(path).expect("the file is readable"));
    }
    hasher.finish()
}

/// Compiles the program with a build of its own. Its target directory is below `out`, because the
/// outer build holds the lock of its own target directory.
fn embed_program(program: &Path, out: &Path) {
    let package = Path::new(kipod_node::MANIFEST_DIR);
    let manifest = package.join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", manifest.display());
    let locks = package.ancestors().map(|dir| dir.join("Cargo.lock"));
    for lock in locks.filter(|lock| lock.exists()).take(1) {
        println!("cargo::rerun-if-changed={}", lock.display());
    }
    if std::env::var_os("DOCS_RS").is_some() {
        // docs.rs has no network to fetch dependencies from.
        std::fs::write(program, "").expect("OUT_DIR is writable");
        return;
    }
    let target = variable("TARGET");
    let target_dir = out.join("target");
    let flags = if links_statically(&target, out) { STATIC } else { "" };
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args(["build", "--release", "--locked", "--quiet", "--bin", "kipod-node"])
        .args(["--target", &target])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target_dir)
        .env("CARGO_BUILD_BUILD_DIR", &target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .envs(PROFILE);
    for name in OUTER_BUILD {
        cargo.env_remove(name);
    }
    run(&mut cargo).unwrap_or_else(|error| panic!("failed to compile kipod-node: {error}"));
    let compiled = target_dir.join(target).join("release/kipod-node");
    std::fs::copy(&compiled, program)
        .unwrap_or_else(|error| panic!("failed to copy `{}`: {error}", compiled.display()));
}

/// Returns whether the host can link a program statically.
fn links_statically(target: &str, out: &Path) -> bool {
    let source = out.join("static.rs");
    std::fs::write(&source, "fn main() {}").expect("OUT_DIR is writable");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--edition=2024", STATIC, "--target", target]).arg(&source);
    rustc.arg("-o").arg(out.join("static"));
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    run(&mut rustc).is_ok()
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

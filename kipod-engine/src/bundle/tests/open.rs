//! Tests of `Bundle::open`.

use super::*;

/// Creates a complete bundle in `dir`, with all optional files.
fn create(dir: &Path) {
    for directory in ["bin", "cni", "images"] {
        std::fs::create_dir_all(dir.join(directory)).unwrap();
    }
    let bin = Program::ALL.iter().map(|program| program.name());
    let bin = bin.chain(["kube-apiserver", "pause"]).map(|name| format!("bin/{name}"));
    let cni = REQUIRED_CNI.iter().chain(&["bridge"]).map(|name| format!("cni/{name}"));
    for path in bin.chain(cni) {
        let full = dir.join(&path);
        std::fs::write(&full, program(&path, arch(), 1000)).unwrap();
        set_mode(&full, 0o755);
    }
    std::fs::write(dir.join("cni/LICENSE"), "Apache").unwrap();
    for archive in ["images/b.tar", "images/a.tar", "base.tar"] {
        let mut tar = tar::Builder::new(std::fs::File::create(dir.join(archive)).unwrap());
        // Reproducible: a header created from a file would contain its modification time.
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        tar.append_data(&mut header, "layer", &archive.as_bytes()[archive.len() - 4..]).unwrap();
        tar.finish().unwrap();
    }
    std::fs::write(dir.join("images/README"), "what is here").unwrap();
}

/// Writes the bundle's `SHA256SUMS`.
fn write_sums(dir: &Path) {
    let files = files_below(dir).into_iter().filter(|file| file != "SHA256SUMS");
    let line = |file: String| format!("{}  {file}\n", Sum::of_file(&dir.join(&file)).unwrap());
    std::fs::write(dir.join("SHA256SUMS"), files.map(line).collect::<String>()).unwrap();
}

#[tokio::test]
async fn complete_bundle_returns_its_parts() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = root.path();
    create(dir);
    let without_sums = Bundle::open(dir, cache.path()).await.unwrap();
    write_sums(dir);
    let bundle = Bundle::open(dir, cache.path()).await.unwrap();
    assert_eq!(bundle, without_sums);

    assert_eq!(bundle.dir(), dir);
    assert_eq!(bundle.program(Program::Crio), dir.join("bin/crio"));
    assert_eq!(bundle.image_programs(), [ImageProgram::KubeApiserver, ImageProgram::Pause]);
    assert_eq!(bundle.image_program(ImageProgram::Pause), Some(dir.join("bin/pause")));
    assert_eq!(bundle.image_program(ImageProgram::Etcd), None);
    let names = ["bridge", "host-local", "loopback", "portmap", "ptp"];
    assert!(bundle.cni().eq(names.map(|name| dir.join("cni").join(name))));
    assert!(
        bundle.image_archives().eq(["a", "b"].map(|name| dir.join(format!("images/{name}.tar"))))
    );
    assert_eq!(bundle.base(), Some(dir.join("base.tar")));
}

#[tokio::test]
async fn optional_files_may_be_missing() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    create(root.path());
    for gone in ["bin/kube-apiserver", "bin/pause", "base.tar", "cni/LICENSE", "cni/bridge"] {
        std::fs::remove_file(root.path().join(gone)).unwrap();
    }
    std::fs::remove_dir_all(root.path().join("images")).unwrap();
    let bundle = Bundle::open(root.path(), cache.path()).await.unwrap();
    assert_eq!(bundle.image_programs(), []);
    assert_eq!((bundle.image_archives().count(), bundle.base()), (0, None));
}

#[tokio::test]
async fn all_errors_are_reported_at_once() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = root.path();
    create(dir);
    write_sums(dir);
    let write = |path: &str, content: &[u8]| std::fs::write(dir.join(path), content).unwrap();
    std::fs::remove_file(dir.join("bin/kubeadm")).unwrap();
    std::fs::remove_file(dir.join("bin/kubelet")).unwrap();
    std::fs::create_dir(dir.join("bin/kubelet")).unwrap();
    set_mode(&dir.join("bin/kubectl"), 0o640);
    std::fs::remove_file(dir.join("cni/ptp")).unwrap();
    std::fs::remove_file(dir.join("images/README")).unwrap();
    write("bin/crio", b"#!/bin/sh\n");
    write("bin/pinns", &program("bin/pinns", other_arch(), 1000));
    let mut cut = program("bin/crun", arch(), 1000);
    // A section header table of one entry of 64 bytes at 4096.
    (cut[41], cut[58], cut[60]) = (16, 64, 1);
    write("bin/crun", &cut);
    write("bin/conmon", &program("another conmon", arch(), 1000));
    write("images/a.tar", &[0x1f; 2048]);
    let base = std::fs::read(dir.join("base.tar")).unwrap();
    write("base.tar", &base[..base.len() - 512]);
    let sums = std::fs::read_to_string(dir.join("SHA256SUMS")).unwrap();
    let sums: String = sums
        .lines()
        .filter(|line| !line.ends_with("cni/portmap"))
        .map(|line| format!("{line}\n"))
        .collect();
    let lines = sums.lines().count();
    write("SHA256SUMS", format!("{sums}../etc/passwd\n").as_bytes());

    let error = Bundle::open(dir, cache.path()).await.unwrap_err();
    let text = error.to_string();
    let BundleError::Content { errors, .. } = &error else { panic!("{text}") };
    // All changed files have another checksum, too, which is reported last.
    let sums = errors.iter().filter(|error| matches!(error, ContentError::Checksum { .. }));
    let sums: Vec<_> = sums.map(|error| error.to_string()).collect();
    let changed = ["base.tar", "bin/conmon", "bin/crio", "bin/crun", "bin/pinns", "images/a.tar"];
    assert_eq!(sums.len(), changed.len(), "{text}");
    for (line, path) in sums.iter().zip(changed) {
        assert!(line.starts_with(&format!("`{path}` has SHA-256 ")), "{line}");
    }
    let (expected, found) = (
        Sum::of(&program("bin/conmon", arch(), 1000)),
        Sum::of(&program("another conmon", arch(), 1000)),
    );
    assert_eq!(sums[1], format!("`bin/conmon` has SHA-256 {found}, expected {expected}"));

    let others: Vec<_> = errors
        .iter()
        .filter(|error| !matches!(error, ContentError::Checksum { .. }))
        .map(|error| error.to_string())
        .collect();
    let (here, there) = (arch(), other_arch());
    assert_eq!(
        others,
        [
            "`bin/kubeadm` is missing",
            "`bin/kubelet` is not a file",
            "`bin/kubectl` is not executable (mode 0640)",
            "`bin/crio` is not a 64-bit ELF program",
            &format!("`bin/pinns` is a program for {there}, nodes need {here}"),
            "`bin/crun` is truncated after 1000 bytes of at least 4160",
            "`cni/ptp` is missing",
            "`images/a.tar` is not an uncompressed tar archive",
            &format!("`base.tar` is truncated after {} bytes", base.len() - 512),
            &format!(
                "line {} of `SHA256SUMS` is not a checksum and a path in the bundle: `../etc/passwd`",
                lines + 1
            ),
            "`cni/portmap` is not listed in `SHA256SUMS`",
            "`images/README` is missing",
        ]
    );
    let head =
        format!("invalid component bundle `{}`:\n  `bin/kubeadm` is missing\n", dir.display());
    assert!(text.starts_with(&head), "{text}");
    assert!(error.hint().unwrap().contains("--components"));
}

#[tokio::test]
async fn cached_sum_does_not_hide_a_change() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = root.path();
    create(dir);
    write_sums(dir);
    // Sums of files that changed a moment ago are not cached.
    tokio::time::sleep(Duration::from_millis(300)).await;
    Bundle::open(dir, cache.path()).await.unwrap();
    let cached = cache.path().join(&files_below(cache.path())[0]);
    let lines = std::fs::read_to_string(&cached).unwrap();
    assert!(lines.lines().any(|line| line.ends_with(" bin/crio")), "{lines}");
    std::fs::write(dir.join("bin/crio"), program("another", arch(), 1000)).unwrap();
    let error = Bundle::open(dir, cache.path()).await.unwrap_err();
    assert!(matches!(&error, BundleError::Content { errors, .. } if errors.len() == 1), "{error}");

    // A cache that cannot be read or written is not an error.
    create(dir);
    let cached = cache.path().join("checked");
    std::fs::remove_dir_all(&cached).unwrap();
    std::fs::write(&cached, "not a directory").unwrap();
    Bundle::open(dir, cache.path()).await.unwrap();
}

#[tokio::test]
async fn missing_directory_is_reported() {
    let cache = tempfile::tempdir().unwrap();
    let error = Bundle::open("/nonexistent/bundle", cache.path()).await.unwrap_err();
    assert_eq!(error.to_string(), "component bundle `/nonexistent/bundle` not found");
    assert!(error.hint().unwrap().contains("--components DIR"));
}

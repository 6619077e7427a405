//! Configuration files.

use std::path::Path;

use super::support::Home;

const KIND: &str = "\
# Ours.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: ours
networking:
  apiServerPort: 0 # any
nodes:
- role: control-plane
  image: kindest/node:v1.36.2
- role: worker
  labels:
    tier: front
";

const BAD: &str = "\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nmae: ours
networking:
  podSubnet: 10.0.0.0/30
nodes:
- role: worker
containerdConfigPatches:
- x
";

/// Returns the start of the warning about the image in [`KIND`].
fn image_warning(path: &str) -> String {
    format!("warning: {path}:9:10: nodes[0].image: `kindest/node:v1.36.2` is an image of kind")
}

#[test]
fn print_writes_a_complete_configuration() {
    let home = Home::new();
    let text = home.test(&["config", "print"]).stdout_contains(&[]).success().stdout;
    for line in ["apiVersion: kipod.io/v1alpha1", "  podSubnet: 10.244.0.0/16", "hostImages: true"]
    {
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    }
}

#[test]
fn print_reads_its_own_output() {
    let home = Home::new();
    let path = home.write("kind.yaml", KIND);
    let printed = home
        .test(&["config", "print", "--config", &path])
        .stdout_contains(&["\nname: ours\n", "tier: front"])
        .stderr_contains(&[&image_warning(&path)])
        .success()
        .stdout;
    let path = home.write("printed.yaml", &printed);
    home.test(&["config", "print", "--config", "-"]).stdin(&path).stdout(&printed).success();
}

#[test]
fn migrate_keeps_the_comments_of_kinds_format() {
    let home = Home::new();
    let path = home.write("kind.yaml", KIND);
    let output = home
        .test(&["config", "migrate", &path])
        .stdout_contains(&[])
        .stderr_contains(&[&image_warning(&path)])
        .success();
    assert!(output.stdout.starts_with("# Ours.\nkind: Cluster\napiVersion: kipod.io/v1alpha1\n"));
}

#[test]
fn every_command_reports_all_errors_of_a_file() {
    let home = Home::new();
    let path = home.write("bad.yaml", BAD);
    let errors = [
        "error: invalid configuration: 4 errors\n",
        ":3:1: nmae: unknown field; did you mean `name`?\n",
        ":5:14: networking.podSubnet: `10.0.0.0/30` is too small",
        ":7:3: nodes: a cluster needs at least one control plane",
        ":9:3: containerdConfigPatches: nodes run CRI-O",
    ];
    for args in [
        ["config", "validate", &path].as_slice(),
        &["config", "migrate", &path],
        &["config", "print", "--config", &path],
        &["create", "cluster", "--config", &path],
    ] {
        home.test(args).stderr_contains(&errors).failure(2);
    }
    home.test(&["config", "validate", "-"])
        .stdin(&path)
        .stderr_contains(&["standard input:3:1: nmae: "])
        .failure(2);
}

#[test]
fn flags_override_the_file() {
    let home = Home::new();
    let text = "kind: Cluster\napiVersion: kipod.io/v1alpha1\nname: Bad\n";
    let path = home.write("kipod.yaml", text);
    let args = ["create", "cluster", "--config", &path, "--pod-subnet", "10.0.0.0/30"];
    home.test(&args)
        .stderr_contains(&[
            "error: invalid configuration: 2 errors\n",
            "  pod subnet: `10.0.0.0/30` is too small",
            ":3:7: name: `Bad` has `B`",
        ])
        .failure(2);
    home.test(&[&args[..], &["--name", "good"]].concat())
        .stderr_contains(&["error: invalid configuration: 1 error\n  pod subnet: "])
        .failure(2);
}

#[test]
fn validate_accepts_a_valid_file() {
    let home = Home::new();
    let path = home.write("kind.yaml", KIND);
    home.test(&["config", "validate", &path])
        .stderr_contains(&[&image_warning(&path), &format!("`{path}` is valid\n")])
        .success();
}

#[test]
fn unreadable_files_are_reported_with_their_path() {
    let home = Home::new();
    for args in
        [["config", "validate", "/none"].as_slice(), &["create", "cluster", "--config", "/none"]]
    {
        home.test(args)
            .stderr_contains(&["cannot read the configuration file `/none`: "])
            .failure(2);
    }
    let path = home.write("bytes", b"kind: \xff");
    home.test(&["config", "validate", &path])
        .stderr_contains(&["is not UTF-8 text, at byte 6"])
        .failure(2);
}

#[test]
fn files_that_are_not_regular_or_too_large_are_refused() {
    let home = Home::new();
    let fifo = home.path("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let large = home.path("large");
    // Sparse: more than the memory of the host.
    std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    for (path, reason) in [
        (Path::new("/dev/zero"), "it is not a regular file"),
        (&fifo, "it is not a regular file"),
        (&home.path("home"), "it is a directory"),
        (&large, "it is larger than 1 MiB"),
    ] {
        let path = path.to_str().unwrap();
        home.test(&["config", "validate", path])
            .stderr_contains(&[&format!("configuration file `{path}`: {reason}\n")])
            .failure(2);
    }
    home.test(&["config", "validate", "-"])
        .stdin("/dev/zero")
        .stderr_contains(&["`standard input`: it is larger than 1 MiB\n"])
        .failure(2);
    let fifo = fifo.to_str().unwrap();
    home.test(&["load", "image-archive", fifo])
        .stderr_contains(&[&format!("archive `{fifo}` is a pipe\n"), "hint: use `-`"])
        .failure(2);
}

#[test]
fn schema_lists_the_fields_of_the_format() {
    let schema = Home::new().test(&["config", "schema"]).json();
    assert_eq!(schema["properties"]["apiVersion"]["const"], "kipod.io/v1alpha1");
    assert!(schema["definitions"]["Node"]["properties"]["extraMounts"].is_object());
}

//! Configuration files.

use kipod_e2e::Kipod;

use super::home::Home;

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

fn file(home: &Home, name: &str, text: &str) -> String {
    let path = home.path(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// With a file as standard input.
fn with_input(kipod: Kipod, path: &str) -> Kipod {
    kipod.stdin(std::fs::File::open(path).unwrap().into())
}

#[test]
fn a_printed_configuration_is_whole_and_reads_as_itself() {
    let home = Home::new();
    let text = home.kipod(&["config", "print"]).run().ok().stdout;
    for line in ["apiVersion: kipod.io/v1alpha1", "  podSubnet: 10.244.0.0/16", "hostImages: true"]
    {
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    }
    let path = file(&home, "kind.yaml", KIND);
    let printed = home.kipod(&["config", "print", "--config", &path]).run().ok().stdout;
    assert!(printed.contains("\nname: ours\n") && printed.contains("tier: front"), "{printed}");
    let path = file(&home, "printed.yaml", &printed);
    let kipod = home.kipod(&["config", "print", "--config", "-"]);
    assert_eq!(with_input(kipod, &path).run().ok().stdout, printed);
}

#[test]
fn kinds_format_is_migrated_with_its_comments() {
    let home = Home::new();
    let path = file(&home, "kind.yaml", KIND);
    let output = home.kipod(&["config", "migrate", &path]).run().ok();
    assert!(output.stdout.starts_with("# Ours.\nkind: Cluster\napiVersion: kipod.io/v1alpha1\n"));
    output.said(&[&format!(
        "warning: {path}:9:10: nodes[0].image: `kindest/node:v1.36.2` is an image of kind"
    )]);
}

#[test]
fn every_fault_of_a_file_is_told_with_its_place() {
    let home = Home::new();
    let path = file(&home, "bad.yaml", BAD);
    let faults = [
        "error: invalid configuration: 4 errors\n",
        ":3:1: nmae: unknown field; did you mean `name`?\n",
        ":5:14: networking.podSubnet: `10.0.0.0/30` is too small",
        ":7:3: nodes: a cluster needs at least one control plane",
        ":9:3: containerdConfigPatches: nodes run CRI-O",
    ];
    for words in [
        ["config", "validate", &path].as_slice(),
        &["config", "migrate", &path],
        &["config", "print", "--config", &path],
        &["create", "cluster", "--config", &path],
    ] {
        home.kipod(words).run().failed(2).said(&faults);
    }
    let kipod = home.kipod(&["config", "validate", "-"]);
    with_input(kipod, &path).run().failed(2).said(&["standard input:3:1: nmae: "]);
}

#[test]
fn flags_have_the_last_word() {
    let home = Home::new();
    let path =
        file(&home, "kipod.yaml", "kind: Cluster\napiVersion: kipod.io/v1alpha1\nname: Bad\n");
    let words = ["create", "cluster", "--config", &path, "--pod-subnet", "10.0.0.0/30"];
    home.kipod(&words).run().failed(2).said(&[
        "error: invalid configuration: 2 errors\n",
        "  pod subnet: `10.0.0.0/30` is too small",
        ":3:7: name: `Bad` has `B`",
    ]);
    let output = home.kipod(&[&words[..], &["--name", "good"]].concat()).run().failed(2);
    output.said(&["error: invalid configuration: 1 error\n  pod subnet: "]);
}

#[test]
fn a_good_file_is_said_to_be_good() {
    let home = Home::new();
    let path = file(&home, "kind.yaml", KIND);
    let output = home.kipod(&["config", "validate", &path]).run().ok();
    assert_eq!(output.stdout, "");
    output.said(&[&format!("`{path}` is good\n")]);
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_named() {
    let home = Home::new();
    for words in
        [["config", "validate", "/none"].as_slice(), &["create", "cluster", "--config", "/none"]]
    {
        home.kipod(words).run().failed(2).said(&["cannot read the configuration file `/none`: "]);
    }
    let path = home.path("bytes");
    std::fs::write(&path, b"kind: \xff").unwrap();
    let output = home.kipod(&["config", "validate", path.to_str().unwrap()]).run().failed(2);
    output.said(&["is not UTF-8 text, at byte 6"]);
}

#[test]
fn the_schema_is_json_that_names_the_formats_fields() {
    let schema = Home::new().kipod(&["config", "schema"]).run().ok().json();
    assert_eq!(schema["properties"]["apiVersion"]["const"], "kipod.io/v1alpha1");
    assert!(schema["definitions"]["Node"]["properties"]["extraMounts"].is_object());
}

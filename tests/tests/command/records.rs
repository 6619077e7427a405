//! What `get` and `export` say of the records alone.

use super::home::Home;

const RECORD: &str = r#"{
    "name": "demo",
    "kubernetes_version": "v1.36.2",
    "image": "localhost/kipod-node:latest",
    "api_port": 40123,
    "cgroups": "delegated",
    "created": 1800000000,
    "kubeconfig": [],
    "complete": COMPLETE
}"#;

/// A user with the record of a cluster `demo`.
fn with_record(complete: bool) -> Home {
    let home = Home::new();
    let folder = home.path("home/.local/state/kipod/clusters/demo");
    std::fs::create_dir_all(&folder).unwrap();
    let record = RECORD.replace("COMPLETE", &complete.to_string());
    std::fs::write(folder.join("cluster.json"), record).unwrap();
    std::fs::write(folder.join("kubeconfig"), "its kubeconfig\n").unwrap();
    home
}

#[test]
fn no_clusters_are_an_empty_list() {
    let home = Home::new();
    let output = home.kipod(&["get", "clusters"]).run().ok().said(&["there are no clusters"]);
    assert_eq!(output.stdout, "");
    let json = home.kipod(&["get", "clusters", "--output", "json"]).run().ok().json();
    assert_eq!(json, serde_json::json!([]));
    assert_eq!(home.files(), [""; 0]);
}

#[test]
fn clusters_are_listed_without_asking_podman() {
    let home = with_record(true);
    let text = home.kipod(&["get", "clusters"]).run().ok().stdout;
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "STATE", "KUBERNETES", "API", "SERVER"]);
    assert_eq!(rows[1], ["demo", "created", "v1.36.2", "127.0.0.1:40123"]);
    assert_eq!(rows.len(), 2);
    let json = home.kipod(&["get", "clusters", "--output", "json"]).run().ok().json();
    assert_eq!(json[0]["name"], "demo");
    assert_eq!(json[0]["state"], "created");
    assert_eq!(json[0]["api_port"], 40123);
}

#[test]
fn a_creation_that_was_cut_off_is_broken_and_cannot_be_used() {
    let home = with_record(false);
    let json = home.kipod(&["get", "clusters", "-o", "json"]).run().ok().json();
    assert_eq!(json[0]["state"], "broken");
    for words in [["get", "kubeconfig", "demo"], ["export", "kubeconfig", "demo"]] {
        let output = home.kipod(&words).run().failed(1);
        output.said(&["cluster `demo` is not complete", "\nhint: ", "kipod delete cluster demo"]);
    }
}

#[test]
fn a_record_that_is_none_is_shown_as_broken() {
    let home = with_record(true);
    std::fs::write(home.path("home/.local/state/kipod/clusters/demo/cluster.json"), "{").unwrap();
    let json = home.kipod(&["get", "clusters", "-o", "json"]).run().ok().json();
    assert_eq!(json[0]["state"], "broken");
    home.kipod(&["get", "kubeconfig", "demo"]).run().failed(1).said(&["is no cluster record"]);
}

#[test]
fn the_kubeconfig_is_printed_as_it_is() {
    let output = with_record(true).kipod(&["get", "kubeconfig", "demo"]).run().ok();
    assert_eq!(output.stdout, "its kubeconfig\n");
    assert_eq!(output.stderr, "");
}

#[test]
fn a_cluster_that_is_not_there_is_told_with_what_to_do() {
    let home = Home::new();
    for words in [
        ["get", "kubeconfig", "nope"].as_slice(),
        &["export", "kubeconfig", "nope"],
        &["exec", "--name", "nope", "true"],
    ] {
        let output = home.kipod(words).run().failed(1);
        output.said(&["there is no cluster `nope`\nhint: ", "kipod create cluster nope"]);
    }
    assert_eq!(home.files(), [""; 0]);
}

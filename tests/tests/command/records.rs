//! `get` and `export` with the records of clusters only.

use super::support::Home;

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

/// Returns a user with the record of a cluster `demo`.
fn home_with_record(complete: bool) -> Home {
    let home = Home::new();
    let dir = "home/.local/state/kipod/clusters/demo";
    let record = RECORD.replace("COMPLETE", &complete.to_string());
    home.write(&format!("{dir}/cluster.json"), record);
    home.write(&format!("{dir}/kubeconfig"), "its kubeconfig\n");
    home
}

#[test]
fn get_clusters_without_clusters_prints_an_empty_list() {
    let home = Home::new();
    home.test(&["get", "clusters"]).stderr("no clusters found\n").success();
    let json = home.test(&["get", "clusters", "--output", "json"]).json();
    assert_eq!(json, serde_json::json!([]));
}

#[test]
fn get_clusters_works_without_podman() {
    let home = home_with_record(true);
    let warning = "the states of clusters are unknown: `podman` is not installed";
    let test = home.test(&["get", "clusters"]).stdout_contains(&[]).stderr_contains(&[warning]);
    let text = test.success().stdout;
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "STATE", "KUBERNETES", "API", "SERVER"]);
    assert_eq!(rows[1], ["demo", "unknown", "v1.36.2", "127.0.0.1:40123"]);
    assert_eq!(rows.len(), 2);
    let test = home.test(&["get", "clusters", "--output", "json"]).stderr_contains(&[warning]);
    let json = test.json();
    assert_eq!(json[0]["name"], "demo");
    assert_eq!(json[0]["state"], "unknown");
    assert_eq!(json[0]["api_port"], 40123);
}

#[test]
fn incomplete_cluster_is_unusable() {
    let home = home_with_record(false);
    let json = home.test(&["get", "clusters", "-o", "json"]).json();
    assert_eq!(json[0]["state"], "incomplete");
    for args in [["get", "kubeconfig", "demo"], ["export", "kubeconfig", "demo"]] {
        home.test(&args)
            .stderr_contains(&[
                "cluster `demo` is not complete",
                "\nhint: ",
                "kipod delete cluster demo",
            ])
            .failure(1);
    }
}

#[test]
fn cluster_with_an_invalid_record_is_incomplete() {
    let home = home_with_record(true);
    home.write("home/.local/state/kipod/clusters/demo/cluster.json", "{");
    let json = home.test(&["get", "clusters", "-o", "json"]).json();
    assert_eq!(json[0]["state"], "incomplete");
    home.test(&["get", "kubeconfig", "demo"])
        .stderr_contains(&["is not a cluster record"])
        .failure(1);
}

#[test]
fn get_kubeconfig_prints_the_file() {
    home_with_record(true)
        .test(&["get", "kubeconfig", "demo"])
        .stdout("its kubeconfig\n")
        .success();
}

#[test]
fn missing_cluster_is_reported_with_a_hint() {
    let home = Home::new();
    for args in [
        ["get", "kubeconfig", "nope"].as_slice(),
        &["export", "kubeconfig", "nope"],
        &["exec", "--name", "nope", "true"],
    ] {
        home.test(args)
            .stderr_contains(&["cluster `nope` not found\nhint: ", "kipod create cluster nope"])
            .failure(1);
    }
}

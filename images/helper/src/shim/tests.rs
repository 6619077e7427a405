//! Edits of configurations that are shaped like those CRI-O writes.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::edit;
use super::spec::{
    File, Node, SpecError, command, file_to_edit, fit_container, fit_process,
    without_id_mapped_mounts,
};
use super::wait::{VARIABLE, address, wait};
use crate::health::Readiness;

fn node(controllers: &[&str]) -> Node {
    Node { oom_score_adj: 200, controllers: controllers.iter().map(|c| (*c).to_owned()).collect() }
}

fn fitted(mut config: Value, controllers: &[&str]) -> Value {
    fit_container(&mut config, &node(controllers)).unwrap();
    config
}

fn container() -> Value {
    json!({
        "ociVersion": "1.2.0",
        "process": { "args": ["sh", "-c", "echo \"}{\""], "oomScoreAdj": -997, "cwd": "/" },
        "linux": {
            "resources": {
                "devices": [{ "allow": false }],
                "memory": { "limit": 1_048_576 },
                "cpu": { "shares": 2, "cpus": "0-1" },
                "pids": { "limit": 64 },
                "unified": { "memory.oom.group": "1", "cpu.idle": "0", "cgroup.freeze": "0" },
            },
            "cgroupsPath": "kubepods.slice:crio:1",
        },
    })
}

#[test]
fn no_controllers_drop_every_limit_and_nothing_else() {
    assert_eq!(
        fitted(container(), &[]),
        json!({
            "ociVersion": "1.2.0",
            "process": { "args": ["sh", "-c", "echo \"}{\""], "oomScoreAdj": 200, "cwd": "/" },
            "linux": {
                "resources": {
                    "devices": [{ "allow": false }],
                    "unified": { "cgroup.freeze": "0" },
                },
                "cgroupsPath": "kubepods.slice:crio:1",
            },
        })
    );
}

#[test]
fn all_controllers_change_only_the_score() {
    let mut expected = container();
    expected["process"]["oomScoreAdj"] = json!(200);
    assert_eq!(fitted(container(), &["cpuset", "cpu", "io", "memory", "pids"]), expected);
}

#[test]
fn a_missing_cpuset_drops_only_its_keys() {
    let fitted = fitted(container(), &["cpu", "memory", "pids"]);
    assert_eq!(fitted["linux"]["resources"]["cpu"], json!({ "shares": 2 }), "{fitted}");
    assert_eq!(fitted["linux"]["resources"]["memory"], json!({ "limit": 1_048_576 }), "{fitted}");
}

#[test]
fn fit_process_keeps_a_score_above_the_nodes() {
    for (before, after) in [
        (json!({ "oomScoreAdj": 1000 }), json!({ "oomScoreAdj": 1000 })),
        (json!({ "oomScoreAdj": 2 }), json!({ "oomScoreAdj": 200 })),
        (json!({}), json!({})),
    ] {
        let mut config = before.clone();
        fit_process(&mut config, &node(&[])).unwrap();
        assert_eq!(config, after, "{before}");
    }
}

#[test]
fn edit_refuses_a_broken_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    for broken in
        ["{\"process\":", "{\"process\" 1}", "{\"process\":{\"oomScoreAdj\":\"x\"}}", "{\"a"]
    {
        std::fs::write(&path, broken).unwrap();
        assert!(edit(&path, fit_container).is_err(), "{broken}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), broken);
    }
}

#[test]
fn edit_keeps_unknown_fields_and_large_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    let text =
        r#"{"limit":-1,"hard":18446744073709551615,"low":-9223372036854775808,"é":"\u0001/"}"#;
    std::fs::write(&path, text).unwrap();
    let add = |config: &mut Value, _: &Node| -> Result<(), SpecError> {
        config["new"] = json!(true);
        Ok(())
    };
    edit(&path, add).unwrap();
    let edited = std::fs::read_to_string(&path).unwrap();
    for kept in ["-1", "18446744073709551615", "-9223372036854775808", r#""é":"\u0001/""#] {
        assert!(edited.contains(kept), "{kept}: {edited}");
    }
}

#[test]
fn edit_leaves_an_unchanged_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("process.json");
    let text = "{ \"oomScoreAdj\":  1000,\n \"cwd\": \"/\" }";
    std::fs::write(&path, text).unwrap();
    edit(&path, fit_process).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn file_to_edit_reads_every_form_of_the_bundle_option() {
    let container = |path: &str| Some(File::Container(PathBuf::from(path)));
    assert_eq!(file_to_edit(&["create", "--bundle", "/b", "id"]), container("/b/config.json"));
    assert_eq!(file_to_edit(&["--root=/r", "create", "--bundle=/b"]), container("/b/config.json"));
    assert_eq!(file_to_edit(&["--root", "/r", "run", "-b", "/b"]), container("/b/config.json"));
    assert_eq!(file_to_edit(&["create", "id"]), container("./config.json"));
    assert_eq!(
        file_to_edit(&["exec", "--pid-file", "p", "--process", "/p.json", "id"]),
        Some(File::Process("/p.json".into()))
    );
    assert_eq!(file_to_edit(&["exec", "id", "ls"]), None);
    assert_eq!(file_to_edit(&["--root=/r", "state", "create"]), None);
    assert_eq!(file_to_edit(&["--version"]), None);
}

#[test]
fn command_is_found_after_global_options() {
    assert_eq!(command(&["--root", "/r", "features"]), Some("features"));
    assert_eq!(command(&["--root=/features", "state", "features"]), Some("state"));
    assert_eq!(command(&["--version"]), None);
}

#[test]
fn features_lack_id_mapped_mounts() {
    let mut features = json!({
        "ociVersionMin": "1.0.0",
        "linux": { "mountExtensions": { "idmap": { "enabled": true } }, "cgroup": { "v2": true } },
    });
    without_id_mapped_mounts(&mut features);
    assert_eq!(
        features,
        json!({
            "ociVersionMin": "1.0.0",
            "linux": { "mountExtensions": { "idmap": { "enabled": false } }, "cgroup": { "v2": true } },
        })
    );
    let mut features = json!({ "linux": {} });
    without_id_mapped_mounts(&mut features);
    assert_eq!(features, json!({ "linux": {} }));
}

#[test]
fn node_reads_its_score_from_the_kernel() {
    let node = Node::read();
    assert!((-1000..=1000).contains(&node.oom_score_adj), "{node:?}");
}

#[test]
fn address_reads_the_variable_of_the_container() {
    let with = |env: Value| json!({ "process": { "args": [format!("{VARIABLE}=127.0.0.1:1")], "env": env } });
    let named = with(json!(["PATH=/bin", format!("{VARIABLE}=127.0.0.1:6443"), "A=b"]));
    assert_eq!(address(&named), Some("127.0.0.1:6443".parse().unwrap()));
    let named = with(json!([format!("{VARIABLE}=[fd00::2]:6443")]));
    assert_eq!(address(&named), Some("[fd00::2]:6443".parse().unwrap()));
    for other in [
        with(json!(["PATH=/bin"])),
        with(json!([])),
        with(json!([format!("X{VARIABLE}=1")])),
        json!({}),
        with(json!([format!("A={{\"{VARIABLE}=127.0.0.1:1\"}}")])),
        with(json!([format!("{VARIABLE}=soon")])),
    ] {
        assert_eq!(address(&other), None, "{other}");
    }
}

#[test]
fn wait_ends_when_ready_or_at_its_timeout() {
    let mut states =
        [Readiness::Closed, Readiness::NotReady, Readiness::Ready, Readiness::NotReady].into_iter();
    let polls = wait(Duration::from_secs(60), || states.next().unwrap());
    assert_eq!((polls, states.next()), (3, Some(Readiness::NotReady)));
    assert_eq!(wait(Duration::from_millis(100), || Readiness::NotReady), 1);
}

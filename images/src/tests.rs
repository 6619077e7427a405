//! The shim's editing of OCI documents, on documents shaped like those CRI-O writes.

use std::path::PathBuf;
use std::time::Duration;

use crate::json;
use crate::spec::{File, Node, file_to_edit, fit_container, fit_process};
use crate::wait::{Answer, VARIABLE, address, answer, wait};

fn node(controllers: &[&str]) -> Node {
    Node { oom_score_adj: 200, controllers: controllers.iter().map(|c| (*c).to_owned()).collect() }
}

const CONTAINER: &str = r#"{"ociVersion":"1.2.0","process":{"args":["sh","-c","echo \"}{\""],
 "oomScoreAdj": -997 ,"cwd":"/"},"linux":{"resources":{"devices":[{"allow":false}],
 "memory":{"limit":1048576},"cpu":{"shares":2,"cpus":"0-1"},"pids":{"limit":64},
 "unified":{"memory.oom.group":"1","cpu.idle":"0","cgroup.freeze":"0"}},
 "cgroupsPath":"kubepods.slice:crio:1"}}"#;

#[test]
fn without_controllers_every_limit_goes_and_nothing_else() {
    let fitted = fit_container(CONTAINER, &node(&[])).unwrap();
    assert_eq!(
        fitted,
        r#"{"ociVersion":"1.2.0","process":{"args":["sh","-c","echo \"}{\""],
 "oomScoreAdj": 200 ,"cwd":"/"},"linux":{"resources":{"devices":[{"allow":false}],"unified":{"cgroup.freeze":"0"}},
 "cgroupsPath":"kubepods.slice:crio:1"}}"#
    );
}

#[test]
fn with_all_controllers_only_the_score_changes() {
    let all = node(&["cpuset", "cpu", "io", "memory", "pids"]);
    assert_eq!(fit_container(CONTAINER, &all).unwrap(), CONTAINER.replace("-997", "200"));
}

#[test]
fn a_missing_cpuset_takes_only_its_own_keys() {
    let fitted = fit_container(CONTAINER, &node(&["cpu", "memory", "pids"])).unwrap();
    assert!(fitted.contains(r#""cpu":{"shares":2}"#), "{fitted}");
    assert!(fitted.contains(r#""memory":{"limit":1048576}"#), "{fitted}");
}

#[test]
fn a_score_above_the_nodes_own_stays() {
    let text = r#"{"oomScoreAdj":1000}"#;
    assert_eq!(fit_process(text, &node(&[])).unwrap(), text);
    assert_eq!(fit_process(r#"{"oomScoreAdj":2}"#, &node(&[])).unwrap(), r#"{"oomScoreAdj":200}"#);
    assert_eq!(fit_process("{}", &node(&[])).unwrap(), "{}");
}

#[test]
fn a_broken_document_is_refused() {
    for broken in
        ["{\"process\":", "{\"process\" 1}", "{\"process\":{\"oomScoreAdj\":\"x\"}}", "{\"a"]
    {
        assert!(fit_container(broken, &node(&[])).is_err(), "{broken}");
    }
}

#[test]
fn every_way_of_naming_the_bundle_is_understood() {
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
fn members_are_found_whatever_surrounds_them() {
    let text = " { \"a\" : [1, {\"b\":2}], \"b\":\"}\" ,\"c\":{} } ";
    let keys: Vec<String> =
        json::members(text, 0..text.len()).unwrap().into_iter().map(|m| m.key).collect();
    assert_eq!(keys, ["a", "b", "c"]);
    assert_eq!(
        json::find(text, &["b"]).unwrap().map(|m| text[m.value].to_owned()),
        Some("\"}\"".into())
    );
    assert_eq!(json::find(text, &["c", "x"]).unwrap(), None);
}

#[test]
fn the_kernel_tells_what_this_process_is_allowed() {
    let node = Node::read();
    assert!((-1000..=1000).contains(&node.oom_score_adj), "{node:?}");
}

#[test]
fn a_container_waits_for_what_its_environment_names() {
    let with = |env: &str| format!(r#"{{"process":{{"args":["{VARIABLE}=no"],"env":{env}}}}}"#);
    let named = with(&format!(r#"["PATH=/bin", "{VARIABLE}=127.0.0.1:6443","A=b"]"#));
    assert_eq!(address(&named), Ok(Some("127.0.0.1:6443".parse().unwrap())));
    let named = with(&format!(r#"["{VARIABLE}=[fd00::2]:6443"]"#));
    assert_eq!(address(&named), Ok(Some("[fd00::2]:6443".parse().unwrap())));
    for other in
        [with(r#"["PATH=/bin"]"#), with("[]"), with(&format!(r#"["X{VARIABLE}=1"]"#)), "{}".into()]
    {
        assert_eq!(address(&other), Ok(None), "{other}");
    }
    let quoted = format!(r#"["A={{\"{VARIABLE}=127.0.0.1:1\"}}"]"#);
    for none in [quoted, format!(r#"["{VARIABLE}=soon"]"#)] {
        assert_eq!(address(&with(&none)), Ok(None), "{none}");
    }
}

#[test]
fn only_an_api_server_that_says_so_is_ready() {
    for (line, means) in [
        ("HTTP/1.0 200 OK\r\n", Answer::Ready),
        // The roles by which everybody may ask are not there yet.
        ("HTTP/1.0 403 Forbidden\r\n", Answer::Later),
        ("HTTP/1.0 500 Internal Server Error\r\n", Answer::Later),
        ("", Answer::Later),
        // Nobody unknown may ask, and never will.
        ("HTTP/1.0 401 Unauthorized\r\n", Answer::Ready),
    ] {
        assert_eq!(answer(Some(line)), means, "{line}");
    }
    assert_eq!(answer(None), Answer::Ready, "without a program that asks");
}

#[test]
fn a_wait_ends_with_the_answer_or_with_its_time() {
    let mut answers = [Answer::Nobody, Answer::Later, Answer::Ready, Answer::Later].into_iter();
    let asked = wait(Duration::from_secs(60), || answers.next().unwrap());
    assert_eq!((asked, answers.next()), (3, Some(Answer::Later)));
    assert_eq!(wait(Duration::from_millis(100), || Answer::Later), 1);
}

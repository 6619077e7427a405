//! The user's kubeconfig, edited by kipod and by the real `kubectl`. Needs no cluster.
//!
//! Run with `cargo test -p kipod-engine --test kubectl -- --ignored`.

use std::path::Path;
use std::process::{Command, Output};

use kipod_engine::kubeconfig::{ClusterAccess, Kubeconfig, UserKubeconfig};
use kipod_engine::spec::ClusterName;

fn kubectl(variable: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Output {
    Command::new("kubectl").env("KUBECONFIG", variable).args(args).output().unwrap()
}

fn stdout(variable: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> String {
    let output = kubectl(variable, args);
    let (out, err) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "kubectl {args:?}: {err}");
    out
}

fn name(name: &str) -> ClusterName {
    name.parse().unwrap()
}

fn cluster(cluster: &str) -> Kubeconfig {
    Kubeconfig::new(ClusterAccess {
        cluster_name: name(cluster),
        server: "https://127.0.0.1:6443".into(),
        ca_pem: "ca\n".into(),
        client_cert_pem: "certificate\n".into(),
        client_key_pem: "key\n".into(),
    })
}

/// Creates a file with entries of every kind with `kubectl`.
fn create_with_kubectl(path: &Path) {
    for args in [
        "set-cluster prod --server=https://10.0.0.1:6443 --insecure-skip-tls-verify=true",
        "set-credentials ada --exec-command=login --exec-api-version=client.authentication.k8s.io/v1 --exec-arg=--now --exec-env=A=1",
        "set-credentials eve --username=007 --password=yes",
        "set-context prod --cluster=prod --user=ada --namespace=web",
        "use-context prod",
    ] {
        let args: Vec<&str> = std::iter::once("config").chain(args.split(' ')).collect();
        stdout(path, &args);
    }
}

#[test]
#[ignore = "needs kubectl on the PATH"]
fn kubectl_reads_the_kubeconfig_of_a_cluster() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    std::fs::write(&path, cluster("dev").to_yaml()).unwrap();
    assert_eq!(stdout(&path, &["config", "current-context"]), "kipod-dev\n");
    let server = ["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"];
    assert_eq!(stdout(&path, &server), "https://127.0.0.1:6443");
    let raw = ["config", "view", "--raw", "-o", "jsonpath={.users[0].user.client-key-data}"];
    assert_eq!(stdout(&path, &raw), "a2V5Cg==");
}

#[test]
#[ignore = "needs kubectl on the PATH"]
fn file_of_kubectl_is_preserved_byte_by_byte() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    create_with_kubectl(&path);
    let before = std::fs::read_to_string(&path).unwrap();
    let user = UserKubeconfig::at(&path);
    user.merge(&cluster("dev")).unwrap();
    assert_eq!(stdout(&path, &["config", "current-context"]), "kipod-dev\n");
    assert_eq!(stdout(&path, &["config", "get-contexts", "-o", "name"]), "kipod-dev\nprod\n");

    assert!(user.remove(&name("dev")).unwrap());
    stdout(&path, &["config", "use-context", "prod"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
#[ignore = "needs kubectl on the PATH"]
fn entries_are_found_after_kubectl_rewrote_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let user = UserKubeconfig::at(&path);
    user.merge(&cluster("dev")).unwrap();
    create_with_kubectl(&path);
    stdout(&path, &["config", "set-context", "kipod-dev", "--namespace=x"]);
    let unchanged = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert!(!user.remove(&name("other")).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), unchanged);

    assert!(user.remove(&name("dev")).unwrap());
    assert_eq!(stdout(&path, &["config", "current-context"]), "prod\n");
    assert!(!std::fs::read_to_string(&path).unwrap().contains("kipod"));
}

#[test]
#[ignore = "needs kubectl on the PATH"]
fn kubectl_reads_the_file_after_removal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let user = UserKubeconfig::at(&path);
    user.merge(&cluster("dev")).unwrap();
    assert!(user.remove(&name("dev")).unwrap());
    assert_eq!(stdout(&path, &["config", "get-contexts", "-o", "name"]), "");
    create_with_kubectl(&path);
    assert_eq!(stdout(&path, &["config", "current-context"]), "prod\n");
}

#[test]
#[ignore = "needs kubectl on the PATH"]
fn kubectl_and_kipod_choose_the_same_file() {
    // The files that exist before the new entry is added.
    for present in [&[][..], &["a"], &["b"], &["c"], &["b", "c"], &["a", "b", "c"]] {
        let written = |by: fn(&std::ffi::OsStr)| {
            let directory = tempfile::tempdir().unwrap();
            let paths = ["a", "b", "c"].map(|file| directory.path().join(file));
            for file in present {
                std::fs::write(directory.path().join(file), "apiVersion: v1\nkind: Config\n")
                    .unwrap();
            }
            by(&std::env::join_paths(&paths).unwrap());
            paths.map(|path| {
                std::fs::read_to_string(path).is_ok_and(|text| text.contains("name: kipod-dev"))
            })
        };
        let by_kubectl = written(|list| {
            stdout(list, &["config", "set-context", "kipod-dev", "--cluster=x", "--user=y"]);
        });
        let by_kipod = written(|list| {
            let lookup = |name: &str| (name == "KUBECONFIG").then(|| list.to_owned());
            UserKubeconfig::from_lookup(None, lookup).unwrap().merge(&cluster("dev")).unwrap();
        });
        assert_eq!(by_kipod, by_kubectl, "{present:?}");
        assert_eq!(by_kipod.iter().filter(|written| **written).count(), 1);
    }
}

#[test]
#[ignore = "needs kubectl on the PATH"]
fn concurrent_changes_of_kubectl_are_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    create_with_kubectl(&path);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..15 {
                let context = format!("kubectl-{n}");
                // kubectl fails if the file is locked, so it is retried.
                while !kubectl(&path, &["config", "set-context", &context, "--cluster=prod"])
                    .status
                    .success()
                {}
            }
        });
        for n in 0..30 {
            UserKubeconfig::at(&path).merge(&cluster(&format!("n{n}"))).unwrap();
        }
    });
    let names = stdout(&path, &["config", "get-contexts", "-o", "name"]);
    // Changes of kipod may be lost: kubectl reads the file, locks it, reads it again, and deletes the
    // entries that it reads for the first time then.
    let (ours, theirs): (Vec<_>, Vec<_>) =
        names.lines().partition(|name| name.starts_with("kipod-"));
    assert_eq!(theirs.len(), 1 + 15, "{names}");
    // One was lost in the run that showed it.
    assert!(ours.len() >= 20, "{names}");
    // Merging again restores the lost contexts.
    for n in 0..30 {
        UserKubeconfig::at(&path).merge(&cluster(&format!("n{n}"))).unwrap();
    }
    let names = stdout(&path, &["config", "get-contexts", "-o", "name"]);
    assert_eq!(names.lines().count(), 1 + 15 + 30, "{names}");
}

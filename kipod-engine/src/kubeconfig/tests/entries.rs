use std::os::unix::fs::MetadataExt;

use super::*;
use crate::kubeconfig::UserKubeconfig;

#[test]
fn missing_file_is_created_for_its_owner_only() {
    let home = Home::new();
    let path = home.path("new/directory/config");
    let user = UserKubeconfig::at(&path);
    assert_eq!(user.merge(&cluster("dev", 6443)).unwrap(), path);
    assert_eq!(text(&path), cluster("dev", 6443).to_yaml());
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn entries_are_added_to_an_empty_file() {
    for empty in [
        "",
        "\n",
        "---\n",
        "null\n",
        "{}",
        "apiVersion: v1\nkind: Config\n",
        "clusters:\nusers: []\n",
    ] {
        let home = Home::new();
        let path = home.write("config", empty);
        UserKubeconfig::at(&path).merge(&cluster("dev", 6443)).unwrap();
        assert_eq!(contexts(&path), ["kipod-dev"], "{empty:?}");
        assert_eq!(read(&path).current_context.unwrap(), "kipod-dev");
    }
    let home = Home::new();
    let path = home.write("config", "# nothing here yet\n");
    UserKubeconfig::at(&path).merge(&cluster("dev", 6443)).unwrap();
    assert!(text(&path).contains("# nothing here yet"));
}

#[test]
fn other_content_is_preserved() {
    let home = Home::new();
    let path = home.write("config", OTHERS);
    let user = UserKubeconfig::at(&path);
    user.merge(&cluster("dev", 6443)).unwrap();
    assert_eq!(contexts(&path), ["prod", "kipod-dev"]);
    insta::assert_snapshot!(text(&path), @r"
    # my clusters
    apiVersion: v1
    clusters:
    # the real thing
    - cluster:
        certificate-authority: ../ca.crt
        x-new-field:
        - 1
        - 0755
        - yes
        server: https://10.0.0.1:6443
      name: prod
    - name: no-content
    - cluster:
        certificate-authority-data: Y2Egb2YgZGV2Cg==
        server: https://127.0.0.1:6443
      name: kipod-dev
    contexts:
    - name: prod
      context:
        namespace: ada
        cluster: prod
        user: ada
    - context:
        cluster: kipod-dev
        user: kipod-dev
      name: kipod-dev
    current-context: kipod-dev
    kind: Config
    preferences:
      colors: true
    x-top: &anchor
      deep:
        er: 1
    x-alias: *anchor
    users:
    - name: ada
      user:
        exec:
          apiVersion: client.authentication.k8s.io/v1
          command: login
          args:
          - a
          - '1'
          env: null
    - name: kipod-dev
      user:
        client-certificate-data: Y2VydGlmaWNhdGUgb2YgZGV2Cg==
        client-key-data: a2V5IG9mIGRldgo=
    extensions:
    - name: tool
      extension:
        k: v
    ");

    assert!(user.remove(&name("dev")).unwrap());
    let without: String = OTHERS.replace("current-context: prod", "current-context: ''");
    let same = |text: &str| serde_saphyr::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(same(&text(&path)), same(&without));
}

#[test]
fn two_clusters_coexist() {
    let home = Home::new();
    let path = home.path("config");
    let user = UserKubeconfig::at(&path);
    user.merge(&cluster("a", 1)).unwrap();
    user.merge(&cluster("b", 2)).unwrap();
    assert_eq!(contexts(&path), ["kipod-a", "kipod-b"]);
    assert_eq!(read(&path).current_context.unwrap(), "kipod-b");

    assert!(user.remove(&name("a")).unwrap());
    assert_eq!(contexts(&path), ["kipod-b"]);
    assert_eq!(read(&path).current_context.unwrap(), "kipod-b", "it was not removed");
    assert!(user.remove(&name("b")).unwrap());
    assert_eq!(contexts(&path), Vec::<String>::new());
    assert_eq!(read(&path).current_context.unwrap(), "", "it was removed");
}

#[test]
fn entry_of_the_same_name_is_replaced() {
    let home = Home::new();
    let path = home.path("config");
    let user = UserKubeconfig::at(&path);
    for (name, port) in [("a", 1), ("b", 2), ("a", 3)] {
        user.merge(&cluster(name, port)).unwrap();
    }
    assert_eq!(contexts(&path), ["kipod-a", "kipod-b"]);
    let first = read(&path).clusters.remove(0);
    assert_eq!(first.cluster.unwrap().server.unwrap(), "https://127.0.0.1:3");
    assert_eq!(read(&path).current_context.unwrap(), "kipod-a");
}

#[test]
fn duplicate_names_are_removed() {
    let home = Home::new();
    let twice = "contexts:\n- context: {}\n  name: kipod-a\n";
    let doubled = cluster("a", 1).to_yaml().replace("contexts:\n", twice);
    let path = home.write("config", &doubled);
    UserKubeconfig::at(&path).merge(&cluster("a", 2)).unwrap();
    assert_eq!(contexts(&path), ["kipod-a"]);
    assert_eq!(read(&path).contexts[0].context.as_ref().unwrap().cluster, "kipod-a");
}

#[test]
fn removal_is_idempotent() {
    let home = Home::new();
    let missing = UserKubeconfig::at(home.path("none/config"));
    assert!(!missing.remove(&name("dev")).unwrap());

    let path = home.write("config", OTHERS);
    let before = std::fs::metadata(&path).unwrap().ino();
    let user = UserKubeconfig::at(&path);
    assert!(!user.remove(&name("dev")).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().ino(), before, "the file was replaced");
    assert_eq!(text(&path), OTHERS);

    user.merge(&cluster("dev", 1)).unwrap();
    assert!(user.remove(&name("dev")).unwrap());
    assert!(!user.remove(&name("dev")).unwrap());
    assert_eq!(home.list(), ["config"]);
}

#[test]
fn merging_the_same_again_writes_nothing() {
    let home = Home::new();
    // As another tool might have laid it out.
    let path = home.path("config");
    let json: serde_json::Value = serde_saphyr::from_str(&cluster("dev", 1).to_yaml()).unwrap();
    std::fs::write(&path, json.to_string()).unwrap();
    let before = std::fs::metadata(&path).unwrap().ino();
    UserKubeconfig::at(&path).merge(&cluster("dev", 1)).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().ino(), before, "the file was replaced");
    UserKubeconfig::at(&path).merge(&cluster("dev", 2)).unwrap();
    assert_ne!(std::fs::metadata(&path).unwrap().ino(), before, "the file was not replaced");
}

#[test]
fn contexts_that_refer_to_the_cluster_are_kept() {
    let home = Home::new();
    let path = home.path("config");
    let user = UserKubeconfig::at(&path);
    user.merge(&cluster("dev", 1)).unwrap();
    let mine = "contexts:\n- context: {cluster: kipod-dev, user: me}\n  name: mine\n";
    std::fs::write(&path, text(&path).replace("contexts:\n", mine)).unwrap();
    assert!(user.remove(&name("dev")).unwrap());
    assert_eq!(contexts(&path), ["mine"]);
}

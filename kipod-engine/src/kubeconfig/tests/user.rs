use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::kubeconfig::{KubeconfigError, UserKubeconfig};

/// A file of somebody who also uses other clusters, with much that kipod knows nothing of.
const OTHERS: &str = "\
# my clusters
apiVersion: v1
clusters:
# the real thing
- cluster:
    certificate-authority: ../ca.crt
    x-new-field: [1, 0755, yes]
    server: https://10.0.0.1:6443
  name: prod
- name: no-content
contexts:
- name: prod
  context:
    namespace: ada
    cluster: prod
    user: ada
current-context: prod
kind: Config
preferences: {colors: true}
x-top: &anchor {deep: {er: 1}}
x-alias: *anchor
users:
- name: ada
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: login, args: [a, '1'], env: null}
extensions:
- name: tool
  extension: {k: v}
";

#[test]
fn a_missing_file_is_made_for_its_owner_alone() {
    let home = Home::new();
    let path = home.path("new/folder/config");
    let user = UserKubeconfig::at(&path);
    assert_eq!(user.merge(&cluster("dev", 6443)).unwrap(), path);
    assert_eq!(text(&path), cluster("dev", 6443).to_yaml());
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_file_without_content_gets_the_entries() {
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
fn others_stay_as_they_were() {
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
fn two_clusters_live_side_by_side() {
    let home = Home::new();
    let path = home.path("config");
    let user = UserKubeconfig::at(&path);
    user.merge(&cluster("a", 1)).unwrap();
    user.merge(&cluster("b", 2)).unwrap();
    assert_eq!(contexts(&path), ["kipod-a", "kipod-b"]);
    assert_eq!(read(&path).current_context.unwrap(), "kipod-b");

    assert!(user.remove(&name("a")).unwrap());
    assert_eq!(contexts(&path), ["kipod-b"]);
    assert_eq!(read(&path).current_context.unwrap(), "kipod-b", "it is not the one removed");
    assert!(user.remove(&name("b")).unwrap());
    assert_eq!(contexts(&path), Vec::<String>::new());
    assert_eq!(read(&path).current_context.unwrap(), "", "it was the one removed");
}

#[test]
fn an_entry_of_the_same_name_is_replaced_in_its_place() {
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
fn a_name_that_stands_twice_stands_once_after() {
    let home = Home::new();
    let twice = "contexts:\n- context: {}\n  name: kipod-a\n";
    let doubled = cluster("a", 1).to_yaml().replace("contexts:\n", twice);
    let path = home.write("config", &doubled);
    UserKubeconfig::at(&path).merge(&cluster("a", 2)).unwrap();
    assert_eq!(contexts(&path), ["kipod-a"]);
    assert_eq!(read(&path).contexts[0].context.as_ref().unwrap().cluster, "kipod-a");
}

#[test]
fn removal_is_idempotent_and_writes_nothing_for_nothing() {
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
fn removing_leaves_what_only_refers_to_the_cluster() {
    let home = Home::new();
    let path = home.path("config");
    let user = UserKubeconfig::at(&path);
    user.merge(&cluster("dev", 1)).unwrap();
    let mine = "contexts:\n- context: {cluster: kipod-dev, user: me}\n  name: mine\n";
    std::fs::write(&path, text(&path).replace("contexts:\n", mine)).unwrap();
    assert!(user.remove(&name("dev")).unwrap());
    assert_eq!(contexts(&path), ["mine"]);
}

fn list(home: &Home, files: &[&str]) -> UserKubeconfig {
    let paths = files.iter().map(|file| home.path(file));
    let variable = std::env::join_paths(paths).unwrap();
    UserKubeconfig::from_lookup(None, |name| (name == "KUBECONFIG").then(|| variable.clone()))
        .unwrap()
}

#[test]
fn of_a_list_the_first_that_exists_gets_new_entries() {
    let home = Home::new();
    let user = list(&home, &["none", "b", "c"]);
    home.write("b", "");
    home.write("c", OTHERS);
    assert_eq!(user.merge(&cluster("dev", 1)).unwrap(), home.path("b"));
    assert_eq!(contexts(&home.path("b")), ["kipod-dev"]);
    assert_eq!(text(&home.path("c")), OTHERS);
    assert_eq!(home.list(), ["b", "c"]);
}

#[test]
fn of_a_list_without_files_the_last_is_made() {
    let home = Home::new();
    let user = list(&home, &["a", "folder/b"]);
    assert_eq!(user.merge(&cluster("dev", 1)).unwrap(), home.path("folder/b"));
    assert_eq!(home.list(), ["folder"]);
}

#[test]
fn of_a_list_each_entry_is_edited_where_it_is() {
    let home = Home::new();
    home.write("a", OTHERS);
    home.write("b", &cluster("dev", 1).to_yaml());
    let user = list(&home, &["a", "b"]);
    assert_eq!(user.merge(&cluster("dev", 2)).unwrap(), home.path("b"));
    assert_eq!(contexts(&home.path("a")), ["prod"]);
    assert_eq!(read(&home.path("a")).current_context.unwrap(), "kipod-dev", "the first one counts");
    let changed = read(&home.path("b")).clusters.remove(0).cluster.unwrap().server.unwrap();
    assert_eq!(changed, "https://127.0.0.1:2");

    assert!(user.remove(&name("dev")).unwrap());
    assert_eq!(contexts(&home.path("b")), Vec::<String>::new());
    assert_eq!(read(&home.path("a")).current_context.unwrap(), "");
    assert_eq!(read(&home.path("b")).current_context.unwrap(), "");
}

#[test]
fn a_removed_cluster_does_not_come_back_from_a_later_file() {
    let home = Home::new();
    for file in ["a", "b"] {
        home.write(file, &cluster("dev", 1).to_yaml());
    }
    assert!(list(&home, &["a", "b"]).remove(&name("dev")).unwrap());
    for file in ["a", "b"] {
        assert_eq!(contexts(&home.path(file)), Vec::<String>::new());
    }
}

#[test]
fn a_symbolic_link_stays_one() {
    let home = Home::new();
    std::fs::create_dir(home.path("real")).unwrap();
    let real = home.write("real/file", OTHERS);
    symlink("real/file", home.path("config")).unwrap();
    let user = UserKubeconfig::at(home.path("config"));
    user.merge(&cluster("dev", 1)).unwrap();
    assert!(std::fs::symlink_metadata(home.path("config")).unwrap().is_symlink());
    assert_eq!(contexts(&real), ["prod", "kipod-dev"]);

    symlink("real/new", home.path("dangling")).unwrap();
    UserKubeconfig::at(home.path("dangling")).merge(&cluster("dev", 1)).unwrap();
    assert_eq!(contexts(&home.path("real/new")), ["kipod-dev"]);
    assert_eq!(home.list(), ["config", "dangling", "real"]);
    assert_eq!(std::fs::read_dir(home.path("real")).unwrap().count(), 2);
}

#[test]
fn a_file_keeps_its_mode() {
    for mode in [0o600, 0o640, 0o664, 0o400] {
        let home = Home::new();
        let path = home.write("config", OTHERS);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        UserKubeconfig::at(&path).merge(&cluster("dev", 1)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, mode);
    }
}

#[test]
fn what_a_killed_writer_left_is_cleared_away() {
    let home = Home::new();
    let path = home.write("config", OTHERS);
    home.write(".config.kipod-new", "half a fi");
    UserKubeconfig::at(&path).merge(&cluster("dev", 1)).unwrap();
    assert_eq!(home.list(), ["config"]);
}

#[test]
fn what_is_no_kubeconfig_is_refused_and_not_touched() {
    let cases: &[(&[u8], &str)] = &[
        (b"- a\n- b\n", "its top is not a mapping"),
        (b"just text", "its top is not a mapping"),
        (b"a: [", "line 1"),
        (b"\xff\xfe\xfa", "it is not text in UTF-8"),
        (b"kind: Deployment\n", "its `kind` is `Deployment`, not `Config`"),
        (b"apiVersion: v2\n", "its `apiVersion` is `v2`, not `v1`"),
        (b"clusters: {}\n", "its `clusters` is not a list"),
        (b"users: [a]\n", "its `users` has an entry that is not a mapping"),
        (b"current-context: [a]\n", "its `current-context` is not a name"),
        (b"clusters: []\nclusters: []\n", "line 2: duplicate key `clusters`"),
        (b"a: &b {}\n<<: *b\n", "its top has a merge key"),
        (b"a: b\n---\nc: d\n", "line 3: unexpected second document"),
    ];
    for (bytes, reason) in cases {
        let home = Home::new();
        std::fs::write(home.path("config"), bytes).unwrap();
        let user = UserKubeconfig::at(home.path("config"));
        let errors =
            [user.merge(&cluster("dev", 1)).unwrap_err(), user.remove(&name("dev")).unwrap_err()];
        for error in errors {
            let KubeconfigError::Invalid { message, .. } = &error else { panic!("{error}") };
            assert!(message.contains(reason), "{message}");
            assert!(!error.hint().is_empty());
        }
        assert_eq!(std::fs::read(home.path("config")).unwrap(), *bytes);
        assert_eq!(home.list(), ["config"]);
    }
}

#[test]
fn an_edit_that_would_break_an_alias_is_refused() {
    let home = Home::new();
    let shared =
        "users:\n- name: kipod-dev\n  user: &shared {token: x}\n- name: other\n  user: *shared\n";
    let path = home.write("config", shared);
    let error = UserKubeconfig::at(&path).remove(&name("dev")).unwrap_err();
    assert!(matches!(error, KubeconfigError::Invalid { .. }), "{error}");
    assert_eq!(text(&path), shared);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // Not even root can make files there.
    let error =
        UserKubeconfig::at("/sys/kernel/kipod-config").merge(&cluster("dev", 1)).unwrap_err();
    let KubeconfigError::Unwritable { .. } = &error else { panic!("{error}") };
    assert!(
        error
            .to_string()
            .starts_with("kubeconfig `/sys/kernel/kipod-config` could not be written: ")
    );
    assert!(error.hint().contains("`/sys/kernel`"), "{}", error.hint());
    // There is nothing to be removed, so that nothing needs to be written.
    assert!(!UserKubeconfig::at("/sys/kernel/kipod-config").remove(&name("dev")).unwrap());
}

#[test]
fn a_path_that_is_no_file_is_named() {
    let home = Home::new();
    std::fs::create_dir(home.path("config")).unwrap();
    let error = UserKubeconfig::at(home.path("config")).merge(&cluster("dev", 1)).unwrap_err();
    assert!(error.to_string().ends_with("could not be read: it is a folder"), "{error}");

    let file = home.write("file", "");
    let error = UserKubeconfig::at(file.join("config")).merge(&cluster("dev", 1)).unwrap_err();
    assert!(error.to_string().contains("a part of its path is not a folder"), "{error}");
}

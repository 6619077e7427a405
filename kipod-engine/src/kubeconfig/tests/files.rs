use std::error::Error;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::kubeconfig::{KubeconfigError, UserKubeconfig};
use crate::util::Hint;
use crate::util::text::error_chain;

fn list(home: &Home, files: &[&str]) -> UserKubeconfig {
    let paths = files.iter().map(|file| home.path(file));
    let variable = std::env::join_paths(paths).unwrap();
    UserKubeconfig::from_lookup(None, |name| (name == "KUBECONFIG").then(|| variable.clone()))
        .unwrap()
}

#[test]
fn new_entries_go_to_the_first_existing_file() {
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
fn last_file_is_created_if_none_exists() {
    let home = Home::new();
    let user = list(&home, &["a", "directory/b"]);
    assert_eq!(user.merge(&cluster("dev", 1)).unwrap(), home.path("directory/b"));
    assert_eq!(home.list(), ["directory"]);
}

#[test]
fn entries_are_edited_in_their_file() {
    let home = Home::new();
    home.write("a", OTHERS);
    home.write("b", &cluster("dev", 1).to_yaml());
    let user = list(&home, &["a", "b"]);
    assert_eq!(user.merge(&cluster("dev", 2)).unwrap(), home.path("b"));
    assert_eq!(contexts(&home.path("a")), ["prod"]);
    assert_eq!(
        read(&home.path("a")).current_context.unwrap(),
        "kipod-dev",
        "the first file has precedence"
    );
    let changed = read(&home.path("b")).clusters.remove(0).cluster.unwrap().server.unwrap();
    assert_eq!(changed, "https://127.0.0.1:2");

    assert!(user.remove(&name("dev")).unwrap());
    assert_eq!(contexts(&home.path("b")), Vec::<String>::new());
    assert_eq!(read(&home.path("a")).current_context.unwrap(), "");
    assert_eq!(read(&home.path("b")).current_context.unwrap(), "");
}

#[test]
fn remove_edits_all_files() {
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
fn symbolic_links_are_preserved() {
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
fn files_keep_their_mode() {
    for mode in [0o600, 0o640, 0o664, 0o400] {
        let home = Home::new();
        let path = home.write("config", OTHERS);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        UserKubeconfig::at(&path).merge(&cluster("dev", 1)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, mode);
    }
}

#[test]
fn leftover_of_a_killed_process_is_removed() {
    let home = Home::new();
    let path = home.write("config", OTHERS);
    home.write(".config.kipod-new", "half a fi");
    UserKubeconfig::at(&path).merge(&cluster("dev", 1)).unwrap();
    assert_eq!(home.list(), ["config"]);
}

#[test]
fn invalid_files_are_rejected_and_unchanged() {
    let cases: &[(&[u8], &str)] = &[
        (b"- a\n- b\n", "the top level is not a mapping"),
        (b"just text", "the top level is not a mapping"),
        (b"a: [", "line 1"),
        (b"\xff\xfe\xfa", "it is not UTF-8 text"),
        (b"kind: Deployment\n", "`kind` is `Deployment`, not `Config`"),
        (b"apiVersion: v2\n", "`apiVersion` is `v2`, not `v1`"),
        (b"clusters: {}\n", "`clusters` is not a list"),
        (b"users: [a]\n", "`users` has an entry that is not a mapping"),
        (b"current-context: [a]\n", "`current-context` is not a string"),
        (b"clusters: []\nclusters: []\n", "line 2: duplicate key `clusters`"),
        (b"a: &b {}\n<<: *b\n", "the top level has a merge key"),
        (b"a: b\n---\nc: d\n", "line 3: unexpected second document"),
    ];
    for (bytes, reason) in cases {
        let home = Home::new();
        std::fs::write(home.path("config"), bytes).unwrap();
        let user = UserKubeconfig::at(home.path("config"));
        assert!(!user.remove(&name("dev")).unwrap(), "it has no entry of the cluster");
        let errors =
            [user.merge(&cluster("dev", 1)).unwrap_err(), user.check(&name("dev")).unwrap_err()];
        for error in errors {
            let KubeconfigError::Invalid { message, .. } = &error else { panic!("{error}") };
            assert!(message.contains(reason), "{message}");
            assert!(!error.hint().unwrap().is_empty());
        }
        assert_eq!(std::fs::read(home.path("config")).unwrap(), *bytes);
        assert_eq!(home.list(), ["config"]);
    }
}

#[test]
fn invalid_file_with_an_entry_is_not_removed_from() {
    let home = Home::new();
    let path = home.write("config", "contexts: [\n- name: kipod-dev\n");
    let user = UserKubeconfig::at(&path);
    let error = user.remove(&name("dev")).unwrap_err();
    assert!(matches!(error, KubeconfigError::Invalid { .. }), "{error}");
    // The name is only a part of the other cluster's.
    assert!(!user.remove(&name("de")).unwrap());
    home.write("config", "contexts: [\n- name: kipod-dev-2\n");
    assert!(!user.remove(&name("dev")).unwrap());
}

#[test]
fn removal_ignores_the_lock_of_a_file_without_an_entry() {
    let home = Home::new();
    let path = home.write("config", OTHERS);
    home.write("config.lock", "");
    assert!(!UserKubeconfig::at(&path).remove(&name("dev")).unwrap());
}

#[test]
fn check_accepts_what_merge_can_write() {
    let home = Home::new();
    let user = UserKubeconfig::at(home.path("new/directory/config"));
    user.check(&name("dev")).unwrap();
    assert_eq!(home.list(), [""; 0], "nothing is created");
    let user = UserKubeconfig::at(home.write("config", OTHERS));
    user.check(&name("dev")).unwrap();
    assert_eq!(home.list(), ["config"]);
    assert_eq!(text(&home.path("config")), OTHERS);
}

#[test]
fn check_rejects_what_merge_cannot_write() {
    let home = Home::new();
    let file = home.write("file", "");
    let below_file = UserKubeconfig::at(file.join("directory/config"));
    let error = below_file.check(&name("dev")).unwrap_err();
    assert!(error_chain(&error).contains("ot a directory"), "{error:?}");
    let error = UserKubeconfig::at("/sys/kernel/kipod-config").check(&name("dev")).unwrap_err();
    assert!(matches!(error, KubeconfigError::Unwritable { .. }), "{error:?}");
    // A lock that another program left behind.
    home.write("file.lock", "");
    let locked = UserKubeconfig::at(file).lock_timeout(std::time::Duration::from_millis(5));
    let error = locked.check(&name("dev")).unwrap_err();
    assert!(matches!(error, KubeconfigError::Locked { .. }), "{error:?}");
    assert_eq!(home.list(), ["file", "file.lock"]);
}

#[test]
fn prepared_merge_lists_changed_files_only() {
    let home = Home::new();
    let user = list(&home, &["a", "b", "c"]);
    home.write("a", OTHERS);
    home.write("b", OTHERS);
    home.write("c", &cluster("dev", 1).to_yaml());
    let prepared = user.prepare_merge(&cluster("dev", 2)).unwrap();
    let changed: Vec<_> = prepared.changed_files().map(Path::to_owned).collect();
    assert_eq!(changed, [home.path("a"), home.path("c")]);
    assert_eq!(text(&home.path("a")), OTHERS, "nothing is written yet");
    assert_eq!(prepared.apply().unwrap(), home.path("c"));
    assert_eq!(home.list(), ["a", "b", "c"]);
}

#[test]
fn edit_that_breaks_an_alias_is_rejected() {
    let home = Home::new();
    let shared =
        "users:\n- name: kipod-dev\n  user: &shared {token: x}\n- name: other\n  user: *shared\n";
    let path = home.write("config", shared);
    let error = UserKubeconfig::at(&path).remove(&name("dev")).unwrap_err();
    assert!(matches!(error, KubeconfigError::Invalid { .. }), "{error}");
    assert_eq!(text(&path), shared);
}

#[test]
fn unwritable_directory_is_reported() {
    // Not even root can create files there.
    let error =
        UserKubeconfig::at("/sys/kernel/kipod-config").merge(&cluster("dev", 1)).unwrap_err();
    let KubeconfigError::Unwritable { .. } = &error else { panic!("{error}") };
    assert_eq!(error.to_string(), "cannot write kubeconfig `/sys/kernel/kipod-config`");
    assert!(error.source().is_some());
    assert!(error.hint().unwrap().contains("`/sys/kernel`"), "{:?}", error.hint());
    // Nothing has to be removed, so nothing has to be written.
    assert!(!UserKubeconfig::at("/sys/kernel/kipod-config").remove(&name("dev")).unwrap());
}

#[test]
fn path_of_a_directory_is_reported() {
    let home = Home::new();
    std::fs::create_dir(home.path("config")).unwrap();
    let user = UserKubeconfig::at(home.path("config"));
    assert!(!user.remove(&name("dev")).unwrap());
    let error = user.merge(&cluster("dev", 1)).unwrap_err();
    let path = home.path("config");
    let expected = format!("cannot read kubeconfig `{}`: it is a directory", path.display());
    assert_eq!(error_chain(&error), expected);

    let file = home.write("file", "");
    let error = UserKubeconfig::at(file.join("config")).merge(&cluster("dev", 1)).unwrap_err();
    assert!(error_chain(&error).contains(": Not a directory"), "{error:?}");
}

#[test]
fn fifo_is_rejected_without_blocking() {
    let home = Home::new();
    let path = home.path("config");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
    let user = UserKubeconfig::at(&path);
    assert!(!user.remove(&name("dev")).unwrap());
    let errors =
        [user.merge(&cluster("dev", 1)).unwrap_err(), user.check(&name("dev")).unwrap_err()];
    for error in errors {
        assert!(error_chain(&error).ends_with(": it is not a regular file"), "{error:?}");
    }
    assert_eq!(home.list(), ["config"]);
}

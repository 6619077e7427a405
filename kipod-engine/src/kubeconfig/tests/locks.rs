use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::kubeconfig::lock::FileLock;
use crate::kubeconfig::{KubeconfigError, UserKubeconfig};
use crate::util::Hint;

/// The variable with the role of a child process; see [`child`].
const ROLE: &str = "KIPOD_TEST_KUBECONFIG";

/// Starts the same test in a child process.
fn child(test: &str, role: &str) -> Child {
    let test = format!("kubeconfig::tests::locks::{test}");
    Command::new(std::env::current_exe().unwrap())
        .args([test.as_str(), "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Creates a lock like client-go: an empty file of mode 0.
fn foreign_lock(path: &Path) {
    OpenOptions::new().write(true).create_new(true).mode(0o000).open(path).unwrap();
}

#[test]
fn threads_lose_no_entries() {
    let home = Home::new();
    let path = home.write("config", "");
    std::thread::scope(|scope| {
        for n in 0..16 {
            let path = &path;
            scope.spawn(move || {
                let user = UserKubeconfig::at(path).lock_timeout(Duration::from_secs(60));
                user.merge(&cluster(&format!("keep-{n}"), n)).unwrap();
                user.merge(&cluster(&format!("drop-{n}"), n)).unwrap();
                assert!(user.remove(&name(&format!("drop-{n}"))).unwrap());
            });
        }
    });
    let mut left = contexts(&path);
    left.sort();
    let mut kept: Vec<String> = (0..16).map(|n| format!("kipod-keep-{n}")).collect();
    kept.sort();
    assert_eq!(left, kept);
    assert_eq!(read(&path).clusters.len(), 16);
    assert_eq!(read(&path).auth_infos.len(), 16);
    assert_eq!(home.list(), ["config"]);
}

#[test]
fn processes_lose_no_entries() {
    if let Ok(role) = std::env::var(ROLE) {
        let (path, n) = role.rsplit_once(',').unwrap();
        let user = UserKubeconfig::at(path).lock_timeout(Duration::from_secs(60));
        for round in 0..5 {
            user.merge(&cluster(&format!("p{n}-{round}"), 1)).unwrap();
        }
        return;
    }
    let home = Home::new();
    let path = home.path("config");
    let children: Vec<Child> = (0..6)
        .map(|n| child("processes_lose_no_entries", &format!("{},{n}", path.display())))
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(contexts(&path).len(), 30);
    assert_eq!(home.list(), ["config"]);
}

#[test]
fn lock_of_a_killed_process_is_taken_over() {
    if let Ok(path) = std::env::var(ROLE) {
        let _lock = FileLock::acquire(Path::new(&path), Instant::now()).unwrap();
        println!("\nlocked");
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let home = Home::new();
    let lock = home.path("config.lock");
    let mut child = child("lock_of_a_killed_process_is_taken_over", lock.to_str().unwrap());
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "locked"));

    let user = UserKubeconfig::at(home.path("config")).lock_timeout(Duration::from_millis(100));
    let error = user.merge(&cluster("dev", 1)).unwrap_err();
    let KubeconfigError::Locked { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(*holder, format!("kipod, process {}", child.id()), "it is running");
    assert_eq!(home.list(), ["config.lock"]);

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text(&lock).starts_with("kipod process "), "the kernel does not remove it");
    user.merge(&cluster("dev", 1)).unwrap();
    assert_eq!(home.list(), ["config"]);
}

#[test]
fn threads_take_over_a_lock_in_turn() {
    let home = Home::new();
    let path = home.path("config");
    // The leftover of a killed process: marked and not locked.
    let lock = FileLock::acquire(&home.path("config.lock"), Instant::now()).unwrap();
    let mark = text(&home.path("config.lock"));
    drop(lock);
    home.write("config.lock", &mark);
    std::thread::scope(|scope| {
        for n in 0..16 {
            let path = &path;
            scope.spawn(move || {
                let user = UserKubeconfig::at(path).lock_timeout(Duration::from_secs(60));
                user.merge(&cluster(&format!("c{n}"), n)).unwrap();
            });
        }
    });
    assert_eq!(contexts(&path).len(), 16);
    assert_eq!(home.list(), ["config"]);
}

#[test]
fn mark_of_another_host_is_not_taken_over() {
    let home = Home::new();
    let mark = "kipod process 1\nboot 0000\nmachine 0000\n";
    home.write("config.lock", mark);
    let user = UserKubeconfig::at(home.path("config")).lock_timeout(Duration::from_millis(20));
    let error = user.merge(&cluster("dev", 1)).unwrap_err();
    assert!(error.to_string().ends_with("is held by kipod, process 1"), "{error}");
    assert_eq!(text(&home.path("config.lock")), mark);
}

#[test]
fn foreign_lock_is_waited_for() {
    let home = Home::new();
    let lock = home.path("config.lock");
    foreign_lock(&lock);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            std::fs::remove_file(&lock).unwrap();
        });
        let start = Instant::now();
        UserKubeconfig::at(home.path("config")).merge(&cluster("dev", 1)).unwrap();
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(290), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    });
    assert_eq!(home.list(), ["config"]);
}

#[test]
fn foreign_lock_is_reported_and_kept() {
    let home = Home::new();
    let lock = home.path("config.lock");
    for content in [None, Some("other"), Some("kipod process x\n")] {
        match content {
            None => foreign_lock(&lock),
            Some(content) => std::fs::write(&lock, content).unwrap(),
        }
        let user = UserKubeconfig::at(home.path("config")).lock_timeout(Duration::from_millis(50));
        let error = user.merge(&cluster("dev", 1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "timed out after 50ms waiting for the lock of kubeconfig `{}`: `{}` is held by another program",
                home.path("config").display(),
                lock.display()
            )
        );
        assert!(
            error.hint().unwrap().ends_with(&format!("run `rm {}`", lock.display())),
            "{:?}",
            error.hint()
        );
        assert_eq!(home.list(), ["config.lock"]);
        std::fs::remove_file(&lock).unwrap();
    }
}

#[test]
fn targets_of_links_are_locked() {
    let home = Home::new();
    home.write("real", "");
    std::os::unix::fs::symlink("real", home.path("link")).unwrap();
    for lock in ["real.lock", "link.lock"] {
        foreign_lock(&home.path(lock));
        let user = UserKubeconfig::at(home.path("link")).lock_timeout(Duration::from_millis(20));
        let error = user.merge(&cluster("dev", 1)).unwrap_err();
        assert!(matches!(error, KubeconfigError::Locked { .. }), "{error}");
        std::fs::remove_file(home.path(lock)).unwrap();
    }
}

#[test]
fn new_lock_of_another_process_is_kept() {
    let home = Home::new();
    let path = home.path("config.lock");
    let lock = FileLock::acquire(&path, Instant::now()).unwrap();
    std::fs::remove_file(&path).unwrap();
    foreign_lock(&path);
    drop(lock);
    assert_eq!(home.list(), ["config.lock"], "it belongs to another process");
}

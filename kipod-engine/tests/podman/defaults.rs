//! The user's defaults in containers.conf(5), which Podman uses for everything that a specification does
//! not set.

use std::process::Command;

use kipod_engine::podman::PodmanCli;

/// Defaults with which no node would work.
const CONTAINERS: &str = r#"
[containers]
annotations = ["hostile=1"]
cgroupns = "host"
cgroups = "disabled"
env = ["HOSTILE=1", "PATH=/hostile"]
http_proxy = true
init = true
ipcns = "host"
log_driver = "none"
netns = "none"
no_hosts = true
pidns = "host"
pids_limit = 5
read_only = true
shm_size = "1m"
umask = "0777"
userns = "keep-id"
utsns = "host"
"#;

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn defaults_of_the_user_do_not_reach_containers() {
    let info = PodmanCli::new().info().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("containers.conf");
    // The variable replaces the user's own file, including how Podman runs containers here.
    let engine = format!(
        "[engine]\ncgroup_manager = \"{}\"\nevents_logger = \"file\"\nimage_volume_mode = \"ignore\"\n[network]\nnetwork_backend = \"netavark\"\n",
        info.cgroup_manager
    );
    std::fs::write(&file, format!("{CONTAINERS}{engine}")).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "containers::containers_follow_their_options"])
        .env("CONTAINERS_CONF", &file)
        .env("HTTP_PROXY", "http://192.0.2.1:3128")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

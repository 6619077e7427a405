//! Registries of this machine, and credentials for registries.

use std::path::Path;
use std::process::Command;

use kipod_e2e::{CREDENTIALS, Kipod, Output, TestCluster, TestImage, podman, registry_images};

/// The base64 of [`CREDENTIALS`].
const SECRET: &str = "YWRhOnRvcHNlY3JldA==";

/// A registry of the test's own; it goes with this value.
struct Registry {
    name: String,
    /// `localhost:PORT`.
    host: String,
    /// Where nodes reach it.
    location: String,
}

impl Registry {
    #[track_caller]
    fn created(purpose: &str, image: &str) -> Self {
        let name = format!("e2e-{purpose}-{}", std::process::id());
        // Whatever fails from here on, it goes.
        let mut registry = Self { name, host: String::new(), location: String::new() };
        create(&registry.name, image).ok().said(&["for pods too"]);
        let (state, all) = (registry.state(), listed());
        assert_eq!(state.as_deref(), Some("running"), "{all}");
        let all = all.json();
        let ours = all.as_array().unwrap().iter().find(|one| one["name"] == registry.name.as_str());
        let text = |key: &str| ours.unwrap()[key].as_str().unwrap().to_owned();
        registry.host = text("host");
        registry.location = format!("{}:5000", text("address"));
        registry
    }

    fn state(&self) -> Option<String> {
        let all = listed().json();
        let mut all = all.as_array().unwrap().iter();
        let ours = all.find(|one| one["name"] == self.name.as_str())?;
        Some(ours["state"].as_str().unwrap().to_owned())
    }

    /// Pushes an image as `NAME/IMAGE:1`, and leaves no such name in the user's store.
    #[track_caller]
    fn push(&self, image: &TestImage, more: &[&str]) -> String {
        let name = format!("{}/team/image:1", self.host);
        let words = ["push", "--quiet", "--tls-verify=false"];
        podman(&[&words[..], more, &[&image.reference, &format!("docker://{name}")]].concat());
        name
    }

    fn delete(&self) -> Output {
        Kipod::new(["delete", "registry", &self.name]).run()
    }

    /// What Podman has of it.
    fn left(&self) -> String {
        let lists: [&[&str]; 3] = [
            &["ps", "--all", "--format", "{{.Names}}"],
            &["volume", "ls", "--format", "{{.Name}}"],
            &["network", "ls", "--format", "{{.Name}}"],
        ];
        let names = lists.map(podman).join("\n");
        names.lines().filter(|line| line.contains(&self.name)).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Nothing is there after a test that went well; after another one this must not hide why.
        let _ = std::panic::catch_unwind(|| self.delete());
    }
}

fn create(name: &str, image: &str) -> Output {
    Kipod::new(["create", "registry", name, "--image", image]).run()
}

#[track_caller]
fn listed() -> Output {
    Kipod::new(["get", "registries", "--output", "json"]).run().ok()
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn one_name_serves_this_machine_and_every_cluster() {
    kipod_e2e::ensure_node_image();
    let images = registry_images();
    kipod_e2e::need!(images.is_some(), "the program `docker-registry`, and its package");
    let [open, closed] = images.unwrap();
    let image = TestImage::build("pushed", "from the registry\n");

    // A cluster that was there before its registries.
    let before = TestCluster::created("before");
    let open = Registry::created("open", &open);
    let closed = Registry::created("closed", &closed);
    let pushed = open.push(&image, &[]);
    let guarded = closed.push(&image, &["--creds", CREDENTIALS]);
    let inside = before.inside();
    inside.run_pulled("open", &pushed, "cat /answer");
    assert_eq!(inside.log_at_end("open"), "from the registry\n");
    inside.run_pulled("closed", &guarded, "cat /answer");
    let why = inside.why_not_pulled("closed");
    assert!(why.contains("authentication required"), "{why}");
    assert_eq!(documented(&before), closed.host, "the first one by name");

    // It is its user's, and no cluster's.
    before.delete().run().ok();
    before.assert_nothing_left();
    assert_eq!(open.state().as_deref(), Some("running"));
    let pruned = Kipod::new(["prune"]).run().ok();
    assert!(!pruned.stdout.contains(&open.name), "{pruned}");

    // A cluster that comes after them, with credentials for one.
    let folder = tempfile::tempdir().unwrap();
    let auth = folder.path().join("auth.json");
    let text = format!(r#"{{"auths": {{"{}": {{"auth": "{SECRET}"}}}}}}"#, closed.location);
    std::fs::write(&auth, text).unwrap();
    let words = ["--no-host-images", "--registry-auth-file", auth.to_str().unwrap()];
    let after = TestCluster::named("after");
    let output = after.create_with(&words).run().ok();
    assert!(!output.stdout.contains(SECRET) && !output.stderr.contains(SECRET), "{output}");
    let inside = after.inside();
    inside.run_pulled("open", &pushed, "cat /answer");
    inside.run_pulled("closed", &guarded, "cat /answer");
    assert_eq!(inside.log_at_end("open"), "from the registry\n");
    assert_eq!(inside.log_at_end("closed"), "from the registry\n");
    nothing_shows_the_secret(&after, folder.path());

    // Away from under a cluster.
    closed.delete().ok().said(&["is deleted"]);
    assert_eq!(documented(&after), open.host);
    inside.run_pulled("away", &guarded, "true");
    let why = inside.why_not_pulled("away");
    assert!(why.contains("connection refused"), "{why}");
    open.delete().ok().said(&["is deleted"]);
    assert_eq!(documented(&after), "");
    open.delete().ok().said(&["there is no registry"]);
    assert_eq!((open.left(), closed.left()), (String::new(), String::new()));
    after.delete().run().ok();
    after.assert_nothing_left();
}

/// The registry that a cluster says it has.
fn documented(cluster: &TestCluster) -> String {
    let script = "kubectl --kubeconfig /etc/kubernetes/admin.conf get configmap --ignore-not-found \
        --namespace kube-public local-registry-hosting \
        --output 'jsonpath={.data.localRegistryHosting\\.v1}'";
    let words = ["exec", "--name", &cluster.name, "sh", "-c", script];
    let text = cluster.kipod(&words).run().ok().stdout;
    let hosting: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    hosting["host"].as_str().unwrap_or_default().to_owned()
}

/// Neither what is kept of a cluster on this machine nor what is exported of it.
fn nothing_shows_the_secret(cluster: &TestCluster, folder: &Path) {
    let logs = folder.join("logs");
    cluster.kipod(&["export", "logs", "--name", &cluster.name, logs.to_str().unwrap()]).run().ok();
    assert!(logs.join(cluster.node()).join("crio.log").exists());
    let home = std::env::var("HOME").unwrap();
    let state = Path::new(&home).join(".local/state/kipod/clusters").join(&cluster.name);
    assert!(state.join("cluster.json").exists());
    let password = CREDENTIALS.split_once(':').unwrap().1;
    for text in [SECRET, password] {
        let found = Command::new("grep").args(["-rl", "--", text]).args([&logs, &state]).output();
        let found = String::from_utf8(found.unwrap().stdout).unwrap();
        assert_eq!(found, "");
    }
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn a_registry_is_what_was_asked_for_or_nothing_is_there() {
    kipod_e2e::ensure_node_image();
    let images = registry_images();
    kipod_e2e::need!(images.is_some(), "the program `docker-registry`, and its package");
    let [image, _] = images.unwrap();
    let registry = Registry::created("same", &image);

    // Again: the same one, also if it was stopped.
    podman(&["stop", "--time", "0", &registry.name]);
    create(&registry.name, &image).ok();
    assert_eq!(registry.state().as_deref(), Some("running"));
    let other = ["create", "registry", &registry.name, "--port", "1"];
    Kipod::new(other).run().failed(1).said(&["exists already, with port"]);

    // A port that is taken, an image that is none of a registry, a bad name.
    let port = registry.host.split_once(':').unwrap().1;
    let taken = format!("{}-2", registry.name);
    let words = ["create", "registry", &taken, "--image", &image, "--port", port];
    Kipod::new(words).run().failed(1).said(&[&format!(
        "cannot listen on 127.0.0.1:{port}: registry `{}` has that port",
        registry.name
    )]);
    let dead = TestImage::build("no-registry", "x");
    let words = ["create", "registry", &taken, "--image", &dead.reference];
    let words = Kipod::new(words).env("KIPOD_TIMEOUT_FACTOR", "0.1");
    let output = words.run().failed(1).said(&["does not answer after 3 s", "port 5000"]);
    assert!(!output.stderr.contains("clean-up"), "{output}");
    let bad = ["create", "registry", "a_b"];
    Kipod::new(bad).run().failed(2).said(&["registry name `a_b` has `_`"]);
    assert_eq!(registry.left().matches(&taken).count(), 0, "{}", registry.left());

    // What a kill leaves is pruned.
    podman(&["rm", "--force", "--time", "0", &registry.name]);
    let pruned = Kipod::new(["prune"]).run().ok();
    assert!(pruned.stdout.contains(&format!("registry `{}`", registry.name)), "{pruned}");
    assert_eq!(registry.left(), "");
}

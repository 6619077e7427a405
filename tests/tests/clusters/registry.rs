//! Registries on the host, and credentials for registries.

use std::path::Path;
use std::process::Command;

use kipod_e2e::{CREDENTIALS, Kipod, Output, TestCluster, TestImage, podman, registry_images};

/// [`CREDENTIALS`] in base64.
const SECRET: &str = "YWRhOnRvcHNlY3JldA==";

/// The registry of a test. Dropping it deletes the registry.
struct Registry {
    name: String,
    /// `localhost:PORT`.
    host: String,
    /// `ADDRESS:5000`, as nodes reach it.
    location: String,
}

impl Registry {
    #[track_caller]
    fn create(purpose: &str, image: &str) -> Self {
        let name = format!("e2e-{purpose}-{}", std::process::id());
        // Deletes the registry if an assertion below fails.
        let mut registry = Self { name, host: String::new(), location: String::new() };
        create_registry(&registry.name, image).success().stderr_contains(&["for pods too"]);
        let (state, all) = (registry.state(), list_registries());
        assert_eq!(state.as_deref(), Some("running"), "{all}");
        let all = all.json();
        let ours = all.as_array().unwrap().iter().find(|one| one["name"] == registry.name.as_str());
        let text = |key: &str| ours.unwrap()[key].as_str().unwrap().to_owned();
        registry.host = text("host");
        registry.location = format!("{}:5000", text("address"));
        registry
    }

    fn state(&self) -> Option<String> {
        let all = list_registries().json();
        let mut all = all.as_array().unwrap().iter();
        let ours = all.find(|one| one["name"] == self.name.as_str())?;
        Some(ours["state"].as_str().unwrap().to_owned())
    }

    /// Pushes an image, and returns its name in the registry. Does not tag the local image.
    #[track_caller]
    fn push(&self, image: &TestImage, args: &[&str]) -> String {
        let name = format!("{}/team/image:1", self.host);
        let push = ["push", "--quiet", "--tls-verify=false"];
        podman(&[&push[..], args, &[&image.reference, &format!("docker://{name}")]].concat());
        name
    }

    fn delete(&self) -> Output {
        Kipod::new(["delete", "registry", &self.name]).run()
    }

    /// Returns the names of the registry's resources in Podman.
    fn leftovers(&self) -> String {
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
        // A failed deletion must not hide the failure of the test.
        let _ = std::panic::catch_unwind(|| self.delete());
    }
}

fn create_registry(name: &str, image: &str) -> Output {
    Kipod::new(["create", "registry", name, "--image", image]).run()
}

#[track_caller]
fn list_registries() -> Output {
    Kipod::new(["get", "registries", "--output", "json"]).run().success()
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn host_and_clusters_use_one_registry_name() {
    kipod_e2e::ensure_node_image();
    let images = registry_images();
    kipod_results::require!(images.is_some(), "the program or package `docker-registry`");
    let [open, closed] = images.unwrap();
    let image = TestImage::build("pushed", "from the registry\n");

    // A cluster created before the registries.
    let before = TestCluster::create("before");
    let open = Registry::create("open", &open);
    let closed = Registry::create("closed", &closed);
    let pushed = open.push(&image, &[]);
    let guarded = closed.push(&image, &["--creds", CREDENTIALS]);
    let client = before.client();
    client.run_pulled_pod("open", &pushed, "cat /answer");
    assert_eq!(client.wait_pod_completed("open"), "from the registry\n");
    // The same image by its name on the host, which kubelet has not pulled.
    client.run_pod("host-image", &image.reference, "cat /answer");
    assert_eq!(client.wait_pod_completed("host-image"), "from the registry\n");
    client.run_pulled_pod("closed", &guarded, "cat /answer");
    let error = client.wait_pull_error("closed");
    assert!(error.contains("authentication required"), "{error}");
    assert_eq!(documented_registry(&before), closed.host, "not the first registry by name");

    // The registries outlive the cluster, and are not orphaned.
    before.delete_completely();
    assert_eq!(open.state().as_deref(), Some("running"));
    let pruned = Kipod::new(["prune"]).run().success();
    assert!(!pruned.stdout.contains(&open.name), "{pruned}");

    // A cluster created after the registries, with credentials for one of them.
    let dir = tempfile::tempdir().unwrap();
    let auth = dir.path().join("auth.json");
    let text = format!(r#"{{"auths": {{"{}": {{"auth": "{SECRET}"}}}}}}"#, closed.location);
    std::fs::write(&auth, text).unwrap();
    let args = ["--no-host-images", "--registry-auth-file", auth.to_str().unwrap()];
    let after = TestCluster::new("after");
    let output = after.creation_with(&args).run().success();
    assert!(!output.stdout.contains(SECRET) && !output.stderr.contains(SECRET), "{output}");
    let client = after.client();
    client.run_pulled_pod("open", &pushed, "cat /answer");
    client.run_pulled_pod("closed", &guarded, "cat /answer");
    assert_eq!(client.wait_pod_completed("open"), "from the registry\n");
    assert_eq!(client.wait_pod_completed("closed"), "from the registry\n");
    assert_secret_hidden(&after, dir.path());

    // The registries are deleted before the cluster.
    let deleted = format!("registry `{}` deleted", closed.name);
    closed.delete().success().stderr_contains(&[&deleted]);
    assert_eq!(documented_registry(&after), open.host);
    client.run_pulled_pod("deleted", &guarded, "true");
    let error = client.wait_pull_error("deleted");
    assert!(error.contains("connection refused"), "{error}");
    let deleted = format!("registry `{}` deleted", open.name);
    open.delete().success().stderr_contains(&[&deleted]);
    assert_eq!(documented_registry(&after), "");
    let missing = format!("registry `{}` not found", open.name);
    open.delete().success().stderr_contains(&[&missing]);
    assert_eq!((open.leftovers(), closed.leftovers()), (String::new(), String::new()));
    after.delete_completely();
}

/// Returns the registry in the ConfigMap `local-registry-hosting`, as KEP-1755 defines it.
fn documented_registry(cluster: &TestCluster) -> String {
    let text = cluster.kubectl(
        "get configmap --ignore-not-found --namespace kube-public local-registry-hosting \
        --output 'jsonpath={.data.localRegistryHosting\\.v1}'",
    );
    let hosting: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    hosting["host"].as_str().unwrap_or_default().to_owned()
}

/// Fails the test if the cluster's state or its exported logs contain the credentials.
fn assert_secret_hidden(cluster: &TestCluster, dir: &Path) {
    let logs = dir.join("logs");
    cluster
        .kipod(&["export", "logs", "--name", &cluster.name, logs.to_str().unwrap()])
        .run()
        .success();
    assert!(logs.join(cluster.control_plane()).join("crio.log").exists());
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
fn create_registry_is_idempotent_or_fails_cleanly() {
    kipod_e2e::ensure_node_image();
    let images = registry_images();
    kipod_results::require!(images.is_some(), "the program or package `docker-registry`");
    let [image, _] = images.unwrap();
    let registry = Registry::create("same", &image);

    // A second creation starts the existing registry.
    podman(&["stop", "--time", "0", &registry.name]);
    create_registry(&registry.name, &image).success();
    assert_eq!(registry.state().as_deref(), Some("running"));
    let other_port = ["create", "registry", &registry.name, "--port", "1"];
    Kipod::new(other_port).run().failure(1).stderr_contains(&["already exists, with port"]);

    // A used port, an image without a registry, an invalid name.
    let port = registry.host.split_once(':').unwrap().1;
    let other = format!("{}-2", registry.name);
    let args = ["create", "registry", &other, "--image", &image, "--port", port];
    Kipod::new(args).run().failure(1).stderr_contains(&[&format!(
        "cannot listen on 127.0.0.1:{port}: registry `{}` has that port",
        registry.name
    )]);
    let unusable = TestImage::build("no-registry", "x");
    let args = ["create", "registry", &other, "--image", &unusable.reference];
    let creation = Kipod::new(args).env("KIPOD_TIMEOUT_FACTOR", "0.1");
    let output = creation
        .run()
        .failure(1)
        .stderr_contains(&["timed out after 3s waiting for registry", "port 5000"]);
    // The warnings of a failed removal.
    for text in ["failed to delete registry", "podman failed to manage registry"] {
        assert!(!output.stderr.contains(text), "{output}");
    }
    let invalid_name = ["create", "registry", "a_b"];
    Kipod::new(invalid_name)
        .run()
        .failure(2)
        .stderr_contains(&["invalid registry name `a_b`: has `_`"]);
    assert_eq!(registry.leftovers().matches(&other).count(), 0, "{}", registry.leftovers());

    // Prune removes the volume and the network of a registry without a container.
    podman(&["rm", "--force", "--time", "0", &registry.name]);
    let pruned = Kipod::new(["prune"]).run().success();
    assert!(pruned.stdout.contains(&format!("registry `{}`", registry.name)), "{pruned}");
    assert_eq!(registry.leftovers(), "");
}

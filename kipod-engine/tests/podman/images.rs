use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use kipod_engine::podman::{
    Archive, BuildOptions, ImageHold, ImageStore, Podman, PodmanCli, PodmanError,
};

use crate::support::{Fixture, busybox, write_root};

fn context(dir: &Path, containerfile: &str) -> BuildOptions {
    let context = dir.join("context");
    std::fs::create_dir_all(&context).unwrap();
    std::fs::copy(busybox(), context.join("busybox")).unwrap();
    std::fs::write(context.join("Containerfile"), containerfile).unwrap();
    BuildOptions {
        context,
        tag: Some("localhost/kipod-contract-built:1".into()),
        args: BTreeMap::from([("WHO".into(), "a b".into())]),
        labels: BTreeMap::from([("io.kipod.contract".into(), "c d".into())]),
    }
}

/// Removes image stores in `dir`, whose files are owned by the user's subordinate ids.
async fn remove_stores(dir: &Path, names: &[&str]) {
    for name in names {
        for path in [dir.join(name), dir.join(format!("{name}.run"))] {
            PodmanCli::new().unshare_remove(&path).await.unwrap();
            assert!(!path.exists(), "{} is left", path.display());
        }
    }
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn image_stores_build_and_serve_images() {
    let dir = tempfile::tempdir().unwrap();
    let store = ImageStore::new(dir.path().join("store"));
    let podman = PodmanCli::new().in_store(store.clone());
    assert_eq!(podman.references().await.unwrap(), [""; 0]);

    let root = dir.path().join("root.tar");
    write_root(&root);
    let imported = "localhost/kipod-contract-imported:1";
    podman.import(&root, imported, &["ENV A=b"]).await.unwrap();
    let build = context(
        dir.path(),
        "FROM scratch\nARG WHO\nLABEL who=$WHO\nCOPY busybox /bin/\nRUN [\"/bin/busybox\", \"true\"]\n",
    );
    let id = podman.build(&build).await.unwrap();
    podman.tag(&id, "localhost/kipod-contract-built:2").await.unwrap();

    // An archive from one store can be loaded into another.
    let archive = dir.path().join("saved.tar");
    let saved = Command::new("podman")
        .arg("--root")
        .arg(&store.root)
        .arg("--runroot")
        .arg(&store.runroot)
        .args(["save", "--quiet", "--output"])
        .arg(&archive)
        .arg(imported)
        .output()
        .unwrap();
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    let other = ImageStore::new(dir.path().join("other"));
    let loaded = PodmanCli::new().in_store(other.clone()).load(&archive).await.unwrap();
    assert_eq!(loaded, [imported]);

    let built = "localhost/kipod-contract-built:1";
    let all = [built, "localhost/kipod-contract-built:2", imported];
    assert_eq!(podman.references().await.unwrap(), all);

    // Mounted read-only, as in a node, the store works as an additional image store.
    let configuration = dir.path().join("storage.conf");
    let place = |name: &str| dir.path().join(name).display().to_string();
    let text = format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n\
         [storage.options]\nadditionalimagestores = [\"{}\"]\n",
        place("node"),
        place("node.run"),
        place("mounted"),
    );
    std::fs::write(&configuration, text).unwrap();
    std::fs::create_dir(dir.path().join("mounted")).unwrap();
    let script = format!(
        "set -e; mount --bind {store} {mounted}; \
         mount -o remount,bind,ro {mounted}; \
         podman image inspect --format '{{{{.Labels}}}}' {built}; \
         podman run --rm --network none --cgroups disabled {built} /bin/busybox echo it runs; \
         umount {mounted}",
        mounted = place("mounted"),
        store = store.root.display(),
    );
    let output = Command::new("podman")
        .args(["unshare", "sh", "-c", &script])
        .env("CONTAINERS_STORAGE_CONF", &configuration)
        .output()
        .unwrap();
    let (output_text, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output_text.contains("io.kipod.contract:c d"), "{output_text}{error}");
    assert!(output_text.contains("who:a b"), "{output_text}{error}");
    assert!(output_text.ends_with("it runs\n"), "{output_text}{error}");

    assert!(podman.remove_image(imported).await.unwrap());
    assert!(!podman.remove_image(imported).await.unwrap());
    remove_stores(dir.path(), &["store", "other", "node"]).await;
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn images_are_copied_between_stores_and_archives() {
    let fixture = Fixture::new().await;
    let podman = &fixture.podman;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root.tar");
    write_root(&root);
    let name = format!("localhost/{}:1", fixture.prefix);
    let labels = ["LABEL io.kipod.contract=copied"];
    PodmanCli::new().import(&root, &name, &labels).await.unwrap();
    let saved = |format: &str| {
        let archive = dir.path().join(format);
        let path = archive.to_str().unwrap();
        fixture.podman_output(&["save", "--quiet", "--format", format, "--output", path, &name]);
        Archive::File(archive)
    };
    let archives = ["docker-archive", "oci-archive"].map(saved);
    let id = podman.image(&name).await.unwrap().expect("the imported image").id;

    let user = ImageStore::new(dir.path().join("user"));
    podman.copy_image(&name, None, &user).await.unwrap();
    assert!(PodmanCli::new().remove_image(&name).await.unwrap());
    let second = ImageStore::new(dir.path().join("second"));
    podman.copy_image(&name, Some(&user), &second).await.unwrap();
    for store in [&user, &second] {
        let there = PodmanCli::new().in_store(store.clone()).references().await.unwrap();
        assert_eq!(there, [name.as_str()]);
    }
    let error = podman.copy_image("localhost/missing:1", Some(&user), &second).await.unwrap_err();
    assert!(error.to_string().contains("localhost/missing:1"), "{error}");

    for (count, archive) in archives.iter().enumerate() {
        let store = ImageStore::new(dir.path().join(format!("loaded{count}")));
        let loaded = podman.load_archive(archive, &store).await.unwrap();
        assert_eq!(loaded.len(), 1, "{loaded:?}");
        assert_eq!((&loaded[0].id, &loaded[0].names[..]), (&id, &[name.clone()][..]));
        assert_eq!(loaded[0].labels.get("io.kipod.contract").map(String::as_str), Some("copied"));
        assert_eq!(loaded[0].platform.as_ref().map(|platform| platform.os.as_str()), Some("linux"));
    }
    remove_stores(dir.path(), &["user", "second", "loaded0", "loaded1"]).await;
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn archives_of_several_images_are_loaded_completely() {
    let fixture = Fixture::new().await;
    let (podman, cli) = (&fixture.podman, PodmanCli::new());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root.tar");
    write_root(&root);
    let names = ["a", "b"].map(|name| format!("localhost/{}-{name}:1", fixture.prefix));
    let layout = dir.path().join("layout");
    for (number, name) in names.iter().enumerate() {
        // Different images.
        let label = format!("LABEL io.kipod.contract={number}");
        cli.import(&root, name, &[&label]).await.unwrap();
        let target = format!("oci:{}:{name}", layout.display());
        fixture.podman_output(&["push", "--quiet", name, &target]);
    }
    let store = |name: &str| ImageStore::new(dir.path().join(name));
    // A directory, and a compressed archive of it.
    let archive = dir.path().join("layout.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&archive).unwrap());
    tar.append_dir_all(".", &layout).unwrap();
    tar.into_inner().unwrap();
    let mut sources = vec![layout.clone(), archive.clone()];
    let zstd = std::process::Command::new("zstd").arg("--quiet").arg(&archive).status();
    sources.extend(zstd.is_ok().then(|| dir.path().join("layout.tar.zst")));
    for (number, path) in sources.iter().enumerate() {
        let store = store(&format!("loaded{number}"));
        let loaded = podman.load_archive(&Archive::File(path.clone()), &store).await.unwrap();
        let mut loaded: Vec<String> = loaded.into_iter().flat_map(|image| image.names).collect();
        loaded.sort();
        assert_eq!(loaded, names, "{}", path.display());
    }
    // The second image gets the name of the first.
    let index = std::fs::read_to_string(layout.join("index.json")).unwrap();
    std::fs::write(layout.join("index.json"), index.replace(&names[1], &names[0])).unwrap();
    let error = podman.load_archive(&Archive::File(layout), &store("shared")).await.unwrap_err();
    let text = format!("2 images have the name `{}`", names[0]);
    assert!(error.to_string().contains(&text), "{error}");
    remove_stores(dir.path(), &["loaded0", "loaded1", "loaded2", "shared"]).await;
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn a_failed_build_reports_its_command_and_cause() {
    let dir = tempfile::tempdir().unwrap();
    let podman = PodmanCli::new().in_store(ImageStore::new(dir.path().join("store")));
    let build = context(dir.path(), "FROM scratch\nCOPY no-such-file /\n");
    let error = podman.build(&build).await.unwrap_err();
    assert!(matches!(error, PodmanError::Command(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("`podman --root "), "{text}");
    assert!(text.contains("no-such-file"), "{text}");
    remove_stores(dir.path(), &["store"]).await;
}

#[tokio::test]
#[ignore = "needs rootless Podman and a static busybox"]
async fn held_image_loses_only_its_name() {
    let fixture = Fixture::new().await;
    let dir = tempfile::tempdir().unwrap();
    let name = format!("localhost/{}:1", fixture.name("held"));
    let containerfile = format!("FROM scratch\nLABEL only={}\nCOPY busybox /\n", fixture.prefix);
    let build = BuildOptions { tag: Some(name.clone()), ..context(dir.path(), &containerfile) };
    let id = PodmanCli::new().build(&build).await.unwrap();
    let hold = ImageHold {
        container: fixture.name("holder"),
        image: id.clone(),
        repository: format!("localhost/{}/of", fixture.name("hold")),
        tag: "2".into(),
        labels: fixture.labels(),
    };
    // Both parts exist the second time.
    for _ in 0..2 {
        fixture.podman.hold_image(&hold).await.unwrap();
    }
    let containers = fixture.podman.containers(&fixture.label()).await.unwrap();
    assert_eq!(containers.len(), 1);
    assert!(!containers[0].state.is_running());

    let podman = |args: &[&str]| Command::new("podman").args(args).output().unwrap();
    assert!(podman(&["rmi", "--force", &name]).status.success());
    let filter = format!("label=only={}", fixture.prefix);
    podman(&["image", "prune", "--all", "--force", "--filter", &filter]);
    let held = fixture.podman.image(&id).await.unwrap().expect("the image");
    assert_eq!(held.names, [hold.name()]);
    assert!(fixture.podman.images("").await.unwrap().iter().any(|image| image.id == id));

    assert!(fixture.podman.remove_container(&hold.container).await.unwrap());
    assert!(fixture.podman.remove_image_name(&hold.name()).await.unwrap());
    assert!(!fixture.podman.remove_image_name(&hold.name()).await.unwrap());
    let released = fixture.podman.image(&id).await.unwrap().expect("the image stays");
    assert_eq!(released.names, [""; 0]);
    assert!(podman(&["rmi", &id]).status.success());
}

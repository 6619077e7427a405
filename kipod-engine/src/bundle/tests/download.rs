//! Tests of `Upstream::download`: its result, its errors and its remains.

use super::server::Trouble;
use super::*;

/// Runs a download that fails, and returns its failures and its hint.
async fn failed_download(url: &str, release: &Release, cache: &Path) -> (Vec<String>, String) {
    let error = upstream(url).download(release, cache, &|_| {}).await.unwrap_err();
    assert!(!release.dir(cache).exists(), "an incomplete bundle exists");
    let hint = error.hint().unwrap();
    let head = format!("failed to download {release}:\n");
    assert!(error.to_string().starts_with(&head), "{error}");
    let BundleError::Download { failures, .. } = error else { panic!("{error}") };
    (failures.iter().map(ToString::to_string).collect(), hint)
}

#[tokio::test]
async fn download_assembles_a_bundle() {
    let (server, release) = publish().await;
    let (cache, log) = (tempfile::tempdir().unwrap(), EventLog::default());
    let upstream = upstream(&server.url);
    let (listener, at) = (log.listener(), cache.path().to_owned());
    let wanted = release.clone();
    let bundle = upstream.download(&wanted, &at, &listener).await.unwrap();

    assert_eq!(bundle.dir(), release.dir(cache.path()));
    let name = bundle.dir().file_name().unwrap().to_str().unwrap();
    let files = files_below(&cache.path().join("bundles"));
    let expected = [
        "SHA256SUMS",
        "bin/conmon",
        "bin/crictl",
        "bin/crio",
        "bin/crun",
        "bin/kubeadm",
        "bin/kubectl",
        "bin/kubelet",
        "bin/pinns",
        "cni/bridge",
        "cni/host-local",
        "cni/loopback",
        "cni/portmap",
        "cni/ptp",
    ];
    let lock = format!("{name}.lock");
    assert_eq!(files[0], lock);
    assert_eq!(files[1..], expected.map(|file| format!("{name}/{file}")));
    let kubelet = bundle.program(Program::Kubelet);
    assert_eq!(std::fs::read(&kubelet).unwrap(), program("kubelet", arch(), SIZE));
    assert_eq!(kubelet.metadata().unwrap().permissions().mode() & 0o777, 0o755);

    let lines = log.lines();
    assert!(lines.contains(&format!("started kubelet at 0 of Some({SIZE})")), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("verified")).count(), 4, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "assembling");

    // The second download sends no requests, and the directory is an ordinary bundle.
    server.take_hits();
    let again = upstream.download(&release, cache.path(), &log.listener()).await.unwrap();
    assert_eq!((again, server.take_hits()), (bundle.clone(), vec![]));
    assert_eq!(log.lines().last().unwrap(), "cached");
    assert_eq!(Bundle::open(bundle.dir(), cache.path()).await.unwrap(), bundle);
}

#[tokio::test]
async fn corrupt_file_is_reported_and_removed() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let kubelet = &paths(&release)[1];
    let good = server.get(kubelet);
    let mut bad = good.clone();
    bad[SIZE / 2] ^= 1;
    server.put(kubelet, bad.clone());
    let (failures, hint) = failed_download(&server.url, &release, cache.path()).await;
    let (found, published) = (Sum::of(&bad), Sum::of(&good));
    assert_eq!(
        failures,
        [format!(
            "`kubelet` from `{}{kubelet}`: the file is corrupt and was removed: \
             SHA-256 is {found}, published is {published}",
            server.url
        )]
    );
    assert!(hint.starts_with("try again"), "{hint}");
    let left = files_below(cache.path());
    assert!(!left.iter().any(|file| file.contains("kubelet")), "{left:?}");

    server.put(kubelet, good);
    server.take_hits();
    upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let bodies = server.take_hits().into_iter().filter(|hit| !hit.path.contains(".sha256"));
    assert!(bodies.map(|hit| hit.path).eq([kubelet.clone()]), "only kubelet is downloaded again");
}

#[tokio::test]
async fn all_missing_files_are_reported() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let [kubeadm, kubelet, _, archive] = paths(&release);
    for path in [format!("{kubeadm}.sha256"), kubeadm, kubelet, format!("{archive}.sha256sum")] {
        server.remove(&path);
    }
    let (failures, hint) = failed_download(&server.url, &release, cache.path()).await;
    let [kubeadm, kubelet, _, archive] =
        paths(&release).map(|path| format!("{}{path}", server.url));
    let name = archive.rsplit('/').next().unwrap();
    assert_eq!(
        failures,
        [
            format!(
                "`{name}` from `{archive}`: no checksum at `{archive}.sha256sum` (404), \
                 so the file cannot be verified"
            ),
            format!("`kubeadm` from `{kubeadm}`: not found on the server (404)"),
            format!("`kubelet` from `{kubelet}`: not found on the server (404)"),
        ]
    );
    assert!(hint.contains("--mirror URL") && hint.contains("--components DIR"), "{hint}");
}

#[tokio::test]
async fn unknown_version_hints_at_existing_ones() {
    let (server, pinned) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let version = |text: &str| semver::Version::parse(text).unwrap();
    server.put("/release/stable.txt", "v1.94.1");
    server.put("/release/stable-1.93.txt", "v1.93.7");
    server.put("/cri-o/latest-1.93.txt", "v1.93.3");
    let tested = &pinned.kubernetes;

    let upstream = upstream(&server.url);
    let release = Release { kubernetes: version("1.93.99"), ..pinned.clone() };
    let error = upstream.download(&release, cache.path(), &|_| {}).await.unwrap_err();
    let (url, arch) = (&server.url, arch());
    assert_eq!(error.to_string(), format!("`{url}/` does not have Kubernetes v1.93.99 for {arch}"));
    assert_eq!(
        error.hint().unwrap(),
        format!(
            "try `--k8s-version v1.93.7` (the newest of its minor version), \
             or `--k8s-version v1.94.1` (the newest release), \
             or `--k8s-version v{tested}` (the one kipod is tested with)"
        )
    );

    let release = Release { crio: version("1.93.99"), kubernetes: version("1.93.7"), ..pinned };
    let [kubeadm, kubelet, kubectl, _] = paths(&release);
    for path in [kubeadm, kubelet, kubectl] {
        server.put(&format!("{path}.sha256"), Sum::of(b"").to_string());
        server.put(&path, "");
    }
    let error = upstream.download(&release, cache.path(), &|_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), format!("`{url}/` does not have CRI-O v1.93.99 for {arch}"));
    assert_eq!(
        error.hint().unwrap(),
        "try `--crio-version v1.93.3` (the newest for that Kubernetes)"
    );

    server.remove("/cri-o/latest-1.93.txt");
    let error = upstream.download(&release, cache.path(), &|_| {}).await.unwrap_err();
    assert!(error.hint().unwrap().contains("--components DIR"), "{error:?}");
}

#[tokio::test]
async fn server_errors_are_retried_up_to_the_limit() {
    let (server, release) = publish().await;
    let (cache, log) = (tempfile::tempdir().unwrap(), EventLog::default());
    let [kubeadm, kubelet, ..] = paths(&release);
    server.trouble(&kubeadm, Trouble::Status(503));
    server.trouble(&format!("{kubelet}.sha256"), Trouble::Status(429));
    let download = upstream(&server.url);
    download.download(&release, cache.path(), &log.listener()).await.unwrap();
    let lines = log.lines();
    assert!(
        lines.contains(&"retrying kubeadm: the server returned status 503".to_owned()),
        "{lines:?}"
    );

    let other = tempfile::tempdir().unwrap();
    for _ in 0..9 {
        server.trouble(&kubeadm, Trouble::Status(500));
        server.trouble(&kubelet, Trouble::Status(403));
    }
    server.take_hits();
    let (failures, _) = failed_download(&server.url, &release, other.path()).await;
    assert!(failures[0].ends_with("kubeadm`: the server returned status 500"), "{failures:?}");
    assert!(failures[1].ends_with("kubelet`: the server returned status 403"), "{failures:?}");
    let hits = server.take_hits();
    let count = |path: &str| hits.iter().filter(|hit| hit.path == path).count();
    assert_eq!((count(&kubeadm), count(&kubelet)), (2, 1));
}

#[tokio::test]
async fn unreachable_server_is_reported_with_a_hint() {
    let cache = tempfile::tempdir().unwrap();
    let release = Release::pinned(arch());
    // A free port without a server.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (failures, hint) = failed_download(&url, &release, cache.path()).await;
    let names = [
        format!("cri-o.{}.v{}.tar.gz", release.arch, release.crio),
        "kubeadm".to_owned(),
        "kubelet".to_owned(),
        "kubectl".to_owned(),
    ];
    assert_eq!(failures.len(), 4);
    for (line, name) in failures.iter().zip(names) {
        assert!(line.starts_with(&format!("`{name}` from `{url}/")), "{line}");
        assert!(line.contains("Connection refused"), "{line}");
    }
    assert!(hint.contains("--mirror URL") && hint.contains("--components DIR"), "{hint}");
    assert!(hint.contains("HTTPS_PROXY"), "{hint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_parallel_downloads_waits() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    // Long enough for the second one to start during the first.
    server.trouble(&paths(&release)[1], Trouble::Slow(Duration::from_millis(300)));
    let upstreams = [upstream(&server.url), upstream(&server.url)];
    let tasks = upstreams.map(|upstream| {
        let (release, cache) = (release.clone(), cache.path().to_owned());
        tokio::spawn(async move {
            let log = EventLog::default();
            let bundle = upstream.download(&release, &cache, &log.listener()).await.unwrap();
            (bundle, log.lines())
        })
    });
    let mut logs = Vec::new();
    for task in tasks {
        let (bundle, lines) = task.await.unwrap();
        assert_eq!(bundle.dir(), release.dir(cache.path()));
        logs.push(lines);
    }
    logs.sort_by_key(Vec::len);
    assert_eq!(logs[0], ["waiting", "cached"]);
    assert_eq!(logs[1].last().unwrap(), "assembling");
    let mut hits: Vec<_> = server.take_hits().into_iter().map(|hit| hit.path).collect();
    let count = hits.len();
    hits.sort();
    hits.dedup();
    assert_eq!((hits.len(), count), (8, 8), "each of four files and its checksum once");
}

#[tokio::test]
async fn damaged_cached_bundle_is_downloaded_again() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let upstream = upstream(&server.url);
    let bundle = upstream.download(&release, cache.path(), &|_| {}).await.unwrap();
    std::fs::write(bundle.program(Program::Crun), program("another", arch(), 1000)).unwrap();
    let again = upstream.download(&release, cache.path(), &|_| {}).await.unwrap();
    assert_eq!(std::fs::read(again.program(Program::Crun)).unwrap(), program("crun", arch(), 1000));
}

#[tokio::test]
async fn invalid_bundle_is_not_created() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let archive = &paths(&release)[3];
    let wrong = crio_archive(other_arch());
    server.put(&format!("{archive}.sha256sum"), Sum::of(&wrong).to_string());
    server.put(archive, wrong);
    let error = upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap_err();
    let BundleError::Content { errors, .. } = &error else { panic!("{error}") };
    // Five programs and five plugins.
    assert_eq!(errors.len(), 10, "{error}");
    assert!(!release.dir(cache.path()).exists());
}

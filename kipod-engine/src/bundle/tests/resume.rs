//! Downloads that break off, and go on.

use super::server::{Hit, Trouble};
use super::*;

/// Where the connection breaks.
const BREAK: usize = 100_000;

/// Has `kubelet` break off for good, and answers with its path.
async fn broken_off(server: &Server, release: &Release, cache: &Path) -> String {
    let path = paths(release)[1].clone();
    let impatient = Retry { idle_tries: 1, ..upstream(&server.url).retry };
    server.trouble(&path, Trouble::BreakAfter(BREAK));
    let upstream = upstream(&server.url).with_retry(impatient);
    let error = upstream.download(release, cache, &|_| {}).await.unwrap_err();
    let BundleError::Download { failures, .. } = &error else { panic!("{error}") };
    assert_eq!(failures.len(), 1, "{error}");
    assert!(matches!(failures[0].cause, Cause::Unreachable(_)), "{error}");
    assert!(!release.dir(cache).exists());
    let part = cache.join("bundles").join(format!(
        "{}.partial/files/kubelet.part",
        release.dir(cache).file_name().unwrap().to_str().unwrap()
    ));
    assert_eq!(part.metadata().unwrap().len(), BREAK as u64);
    server.take_hits();
    path
}

/// The requests for a path.
fn hits(server: &Server, path: &str) -> Vec<Hit> {
    server.take_hits().into_iter().filter(|hit| hit.path == path).collect()
}

#[tokio::test]
async fn only_the_rest_is_fetched() {
    let (server, release) = publish().await;
    let (cache, told) = (tempfile::tempdir().unwrap(), Told::default());
    let path = broken_off(&server, &release, cache.path()).await;
    let download = upstream(&server.url);
    download.download(&release, cache.path(), &told.listener()).await.unwrap();

    let all = server.take_hits();
    let bodies: Vec<_> = all.iter().filter(|hit| !hit.path.contains(".sha256")).collect();
    assert_eq!(bodies.len(), 1, "nothing but the rest of kubelet: {bodies:?}");
    let tag = format!("\"{}\"", Sum::of(&server.get(&path)));
    assert_eq!(
        *bodies[0],
        Hit {
            method: "GET".to_owned(),
            path,
            range: Some(format!("bytes={BREAK}-")),
            if_range: Some(tag),
            status: 206,
            sent: SIZE - BREAK,
        }
    );
    assert!(told.lines().contains(&format!("started kubelet at {BREAK} of Some({SIZE})")));
}

#[tokio::test]
async fn a_broken_connection_is_taken_up_again_at_once() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let path = &paths(&release)[0];
    // Three times in a row, which is more than tries without progress are granted.
    for _ in 0..3 {
        server.trouble(path, Trouble::BreakAfter(BREAK / 2));
    }
    upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let sent: Vec<_> = hits(&server, path).iter().map(|hit| hit.sent).collect();
    assert_eq!(sent, [BREAK / 2, BREAK / 2, BREAK / 2, SIZE - 3 * (BREAK / 2)]);
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_of_it() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let path = broken_off(&server, &release, cache.path()).await;
    server.ignore_ranges();
    upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let hits = hits(&server, &path);
    assert_eq!((hits.len(), hits[0].status, hits[0].sent), (1, 200, SIZE), "{hits:?}");
}

/// Publishes another kubelet in the place of the first.
fn replace(server: &Server, path: &str) -> Vec<u8> {
    let content = program("another kubelet", arch(), SIZE);
    server.put(&format!("{path}.sha256"), Sum::of(&content).to_string());
    server.put(path, content.clone());
    content
}

#[tokio::test]
async fn a_file_that_has_changed_comes_whole() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let path = broken_off(&server, &release, cache.path()).await;
    let content = replace(&server, &path);
    let bundle = upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let hits = hits(&server, &path);
    assert_eq!((hits.len(), hits[0].status, hits[0].sent), (1, 200, SIZE), "{hits:?}");
    assert_eq!(std::fs::read(bundle.program(Program::Kubelet)).unwrap(), content);
}

#[tokio::test]
async fn a_change_that_the_server_does_not_tell_is_found_out() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    server.forget_tags();
    let path = broken_off(&server, &release, cache.path()).await;
    let content = replace(&server, &path);
    let bundle = upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let statuses: Vec<_> = hits(&server, &path).iter().map(|hit| hit.status).collect();
    assert_eq!(statuses, [206, 200]);
    assert_eq!(std::fs::read(bundle.program(Program::Kubelet)).unwrap(), content);
}

#[tokio::test]
async fn a_part_that_is_too_long_starts_again() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    server.forget_tags();
    let path = broken_off(&server, &release, cache.path()).await;
    let content = program("a short kubelet", arch(), BREAK / 2);
    server.put(&format!("{path}.sha256"), Sum::of(&content).to_string());
    server.put(&path, content);
    upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let statuses: Vec<_> = hits(&server, &path).iter().map(|hit| hit.status).collect();
    assert_eq!(statuses, [416, 200]);
}

#[tokio::test]
async fn a_download_that_is_given_up_goes_on_next_time() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let upstream = upstream(&server.url);
    let (seen, mut some) = tokio::sync::mpsc::unbounded_channel();
    let listener = move |event: DownloadEvent<'_>| {
        if let DownloadEvent::Verified { file: "kubectl" } = event {
            let _ = seen.send(());
        }
    };
    // kubelet's server is slow to say it is out of order, so kubectl is done long before.
    let slow = Retry {
        pause: Duration::from_secs(60),
        longest: Duration::from_secs(60),
        ..upstream.retry
    };
    let kubelet = &paths(&release)[1];
    server.trouble(kubelet, Trouble::BreakAfter(BREAK));
    let first = upstream.clone().with_retry(slow);
    tokio::select! {
        result = first.download(&release, cache.path(), &listener) => panic!("{result:?}"),
        _ = some.recv() => {}
    }
    server.take_hits();
    upstream.download(&release, cache.path(), &|_| {}).await.unwrap();
    assert_eq!(hits(&server, &paths(&release)[2]), [], "kubectl was complete");
}

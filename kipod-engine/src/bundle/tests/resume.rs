//! Tests of interrupted downloads.

use super::server::{Hit, Trouble};
use super::*;

/// The number of bytes after which the connection breaks.
const BREAK: usize = 100_000;

/// Interrupts the download of `kubelet`, and returns its path on the server.
async fn interrupt(server: &Server, release: &Release, cache: &Path) -> String {
    let path = paths(release)[1].clone();
    let once = RetryPolicy { max_idle_attempts: 1, ..upstream(&server.url).retry };
    server.trouble(&path, Trouble::BreakAfter(BREAK));
    let upstream = upstream(&server.url).with_retry(once);
    let error = upstream.download(release, cache, &|_| {}).await.unwrap_err();
    let BundleError::Download { failures, .. } = &error else { panic!("{error}") };
    assert_eq!(failures.len(), 1, "{error}");
    assert!(matches!(failures[0].cause, DownloadCause::Unreachable(_)), "{error}");
    assert!(!release.dir(cache).exists());
    let part = cache.join("bundles").join(format!(
        "{}.partial/files/kubelet.part",
        release.dir(cache).file_name().unwrap().to_str().unwrap()
    ));
    assert_eq!(part.metadata().unwrap().len(), BREAK as u64);
    server.take_hits();
    path
}

/// Returns the requests for a path.
fn hits(server: &Server, path: &str) -> Vec<Hit> {
    server.take_hits().into_iter().filter(|hit| hit.path == path).collect()
}

#[tokio::test]
async fn only_the_rest_is_requested() {
    let (server, release) = publish().await;
    let (cache, log) = (tempfile::tempdir().unwrap(), EventLog::default());
    let path = interrupt(&server, &release, cache.path()).await;
    let download = upstream(&server.url);
    download.download(&release, cache.path(), &log.listener()).await.unwrap();

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
    assert!(log.lines().contains(&format!("started kubelet at {BREAK} of Some({SIZE})")));
}

#[tokio::test]
async fn broken_connection_is_resumed() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let path = &paths(&release)[0];
    // Three times in a row, which is more than the maximum of idle attempts.
    for _ in 0..3 {
        server.trouble(path, Trouble::BreakAfter(BREAK / 2));
    }
    upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let sent: Vec<_> = hits(&server, path).iter().map(|hit| hit.sent).collect();
    assert_eq!(sent, [BREAK / 2, BREAK / 2, BREAK / 2, SIZE - 3 * (BREAK / 2)]);
}

#[tokio::test]
async fn server_without_ranges_sends_the_complete_file() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let path = interrupt(&server, &release, cache.path()).await;
    server.ignore_ranges();
    upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let hits = hits(&server, &path);
    assert_eq!((hits.len(), hits[0].status, hits[0].sent), (1, 200, SIZE), "{hits:?}");
}

/// Replaces the published kubelet.
fn replace(server: &Server, path: &str) -> Vec<u8> {
    let content = program("another kubelet", arch(), SIZE);
    server.put(&format!("{path}.sha256"), Sum::of(&content).to_string());
    server.put(path, content.clone());
    content
}

#[tokio::test]
async fn changed_file_is_sent_completely() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let path = interrupt(&server, &release, cache.path()).await;
    let content = replace(&server, &path);
    let bundle = upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let hits = hits(&server, &path);
    assert_eq!((hits.len(), hits[0].status, hits[0].sent), (1, 200, SIZE), "{hits:?}");
    assert_eq!(std::fs::read(bundle.program(Program::Kubelet)).unwrap(), content);
}

#[tokio::test]
async fn change_without_entity_tag_is_detected() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    server.omit_tags();
    let path = interrupt(&server, &release, cache.path()).await;
    let content = replace(&server, &path);
    let bundle = upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let statuses: Vec<_> = hits(&server, &path).iter().map(|hit| hit.status).collect();
    assert_eq!(statuses, [206, 200]);
    assert_eq!(std::fs::read(bundle.program(Program::Kubelet)).unwrap(), content);
}

#[tokio::test]
async fn too_long_part_is_discarded() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    server.omit_tags();
    let path = interrupt(&server, &release, cache.path()).await;
    let content = program("a short kubelet", arch(), BREAK / 2);
    server.put(&format!("{path}.sha256"), Sum::of(&content).to_string());
    server.put(&path, content);
    upstream(&server.url).download(&release, cache.path(), &|_| {}).await.unwrap();
    let statuses: Vec<_> = hits(&server, &path).iter().map(|hit| hit.status).collect();
    assert_eq!(statuses, [416, 200]);
}

#[tokio::test]
async fn cancelled_download_is_resumed() {
    let (server, release) = publish().await;
    let cache = tempfile::tempdir().unwrap();
    let upstream = upstream(&server.url);
    let (seen, mut some) = tokio::sync::mpsc::unbounded_channel();
    let listener = move |event: DownloadEvent<'_>| {
        if let DownloadEvent::Verified { file: "kubectl" } = event {
            let _ = seen.send(());
        }
    };
    // The retry of kubelet waits, so kubectl is complete long before.
    let slow = RetryPolicy {
        initial_backoff: Duration::from_secs(60),
        max_backoff: Duration::from_secs(60),
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

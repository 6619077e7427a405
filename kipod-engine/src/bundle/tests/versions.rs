//! Tests of version resolution.

use super::*;

async fn resolve(
    server: &Server,
    kubernetes: &str,
    crio: Option<&str>,
) -> Result<String, BundleError> {
    let crio = crio.map(|crio| crio.parse().unwrap());
    let upstream = upstream(&server.url);
    let release = upstream.resolve(&kubernetes.parse().unwrap(), crio.as_ref(), arch()).await?;
    Ok(format!("{} {}", release.kubernetes, release.crio))
}

#[tokio::test]
async fn requests_resolve_to_versions() {
    let server = Server::start().await;
    server.put("/release/stable.txt", "v1.94.1");
    server.put("/release/stable-1.93.txt", "v1.93.7\n");
    server.put("/cri-o/latest-1.94.txt", "v1.94.0\n");
    server.put("/cri-o/latest-1.93.txt", "v1.93.3");
    assert_eq!(resolve(&server, "stable", None).await.unwrap(), "1.94.1 1.94.0");
    assert_eq!(resolve(&server, "1.93", None).await.unwrap(), "1.93.7 1.93.3");
    assert_eq!(resolve(&server, "v1.93.0", None).await.unwrap(), "1.93.0 1.93.3");
    assert_eq!(resolve(&server, "1.93.0", Some("stable")).await.unwrap(), "1.93.0 1.93.3");
    assert_eq!(resolve(&server, "1.93", Some("1.94")).await.unwrap(), "1.93.7 1.94.0");
    server.take_hits();
    assert_eq!(resolve(&server, "1.93.0", Some("v1.92.1")).await.unwrap(), "1.93.0 1.92.1");
    assert_eq!(server.take_hits(), []);
}

#[tokio::test]
async fn pinned_minor_version_needs_no_request() {
    let server = Server::start().await;
    let Release { kubernetes, crio, .. } = Release::pinned(arch());
    let next = format!("{}.{}.{}", kubernetes.major, kubernetes.minor, kubernetes.patch + 1);
    assert_eq!(resolve(&server, &next, None).await.unwrap(), format!("{next} {crio}"));
    let default = upstream(&server.url).resolve(&VersionRequest::default(), None, arch()).await;
    assert_eq!(default.unwrap(), Release::pinned(arch()));
    assert_eq!(server.take_hits(), []);
}

#[tokio::test]
async fn version_with_build_metadata_is_refused() {
    let server = Server::start().await;
    for (kubernetes, crio) in [("1.36.0+x", None), ("1.36.0", Some("1.36.0+x"))] {
        let error = resolve(&server, kubernetes, crio).await.unwrap_err();
        assert_eq!(error.to_string(), "`v1.36.0+x` is not a version");
    }
    assert_eq!(server.take_hits(), []);
}

#[tokio::test]
async fn unresolved_version_is_reported() {
    let server = Server::start().await;
    let url = &server.url;
    let error = resolve(&server, "1.93", None).await.unwrap_err();
    assert_eq!(
        error_chain(&error),
        format!(
            "failed to look up the newest version of Kubernetes 1.93: \
             `stable-1.93.txt` from `{url}/release/stable-1.93.txt`: not found on the server (404)"
        )
    );
    assert!(error.hint().unwrap().contains("--k8s-version"));
    let error = resolve(&server, "1.93.0", None).await.unwrap_err();
    assert!(error.to_string().contains("newest version of CRI-O 1.93"), "{error}");

    server.put("/release/stable.txt", "<html>please log in</html>");
    let error = resolve(&server, "stable", None).await.unwrap_err();
    let end = "the server returned `<html>please log in</html>`, which is not a version";
    assert!(error_chain(&error).ends_with(end), "{error:?}");
}

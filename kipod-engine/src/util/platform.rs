//! The platform of the host.

/// Returns the host's architecture in Go's terms, which images use.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        // The names of the other architectures that Podman supports are the same.
        other => other,
    }
}

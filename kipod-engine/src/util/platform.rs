//! The platform kipod runs on.

/// This machine's architecture, in Go's word as images have it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        // The others that Podman runs on are called the same.
        other => other,
    }
}

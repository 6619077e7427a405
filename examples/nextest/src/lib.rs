//! A nextest configuration for tests with clusters: see `.config/nextest.toml` and `tests/cluster.rs`.

//! A nextest configuration for tests with clusters. See `.config/nextest.toml` and `tests/cluster.rs`.

//! The smallest use of `#[kipod::test]`. See `tests/hello.rs`.

//! The smallest use of `#[kipod::test]`: see `tests/hello.rs`.

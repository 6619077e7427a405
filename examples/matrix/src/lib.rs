//! An rstest matrix of `#[kipod::test]`s: see `tests/matrix.rs`.

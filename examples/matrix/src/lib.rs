//! An rstest matrix of `#[kipod::test]`s. See `tests/matrix.rs`.

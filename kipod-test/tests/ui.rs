//! What the compiler says of a test that is written wrongly: each file in `ui` and its `.stderr`.
//! The words of rustc in them are those of the pinned toolchain; `TRYBUILD=overwrite` renews them.

#[test]
fn faults_are_told_where_they_stand() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

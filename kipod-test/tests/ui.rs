//! Compiler errors of invalid tests: each file in `ui` with its `.stderr`. The messages of rustc are
//! those of the pinned toolchain; `TRYBUILD=overwrite` updates them.

#[test]
fn invalid_tests_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

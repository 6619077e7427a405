//! Fuzzing of all parsers. `kipod_engine::testing::parsers` contains the targets.

/// Runs the target of that name.
///
/// # Panics
///
/// If there is no such target, or it fails.
pub fn run(name: &str, bytes: &[u8]) {
    let target = kipod_engine::testing::parsers::target(name);
    (target.expect("a target of that name").run)(bytes);
}

//! The `kipod` command.
fn main() {}

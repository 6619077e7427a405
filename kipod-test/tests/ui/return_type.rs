//! A return type that is not a test result.

#[kipod::test]
async fn number() -> u64 {
    1
}

fn main() {}

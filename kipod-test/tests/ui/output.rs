//! What no test can return.

#[kipod::test]
async fn number() -> u64 {
    1
}

fn main() {}

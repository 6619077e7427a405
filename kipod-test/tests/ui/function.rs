//! Functions that cannot be tests.

#[kipod::test]
fn not_async(client: kube::Client) {}

#[kipod::test]
async fn generic<T>(value: T) {}

struct S;

impl S {
    #[kipod::test]
    async fn method(&self) {}
}

#[kipod::test]
#[test]
async fn twice() {}

#[kipod::test]
#[should_panic]
async fn panics_and_returns() -> Result<(), String> {
    Ok(())
}

#[kipod::test]
struct NotAFunction;

fn main() {}

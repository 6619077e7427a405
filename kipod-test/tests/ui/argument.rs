//! An argument without `FromTestContext`: one error, at the type.

#[kipod::test]
async fn wrong_type(client: kube::Client, port: u16) {
    let _ = (client, port);
}

fn main() {}

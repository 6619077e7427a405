//! What is wrong in the body is told where it stands in the body.

#[kipod::test]
async fn body(client: kube::Client) -> Result<(), kube::Error> {
    let version: String = client.apiserver_version().await?;
    Ok(())
}

fn main() {}

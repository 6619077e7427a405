//! An error in the body is reported at its place.

#[kipod::test]
async fn body(client: kube::Client) -> Result<(), kube::Error> {
    let version: String = client.apiserver_version().await?;
    Ok(())
}

fn main() {}

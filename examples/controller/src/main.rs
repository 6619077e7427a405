//! The controller as a program: `controller` runs it, and `controller crd` prints the CRD.

use controller::Site;
use kube::{Client, CustomResourceExt};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("crd") {
        print!("{}", serde_saphyr::to_string(&Site::crd())?);
        return Ok(());
    }
    let mut terminated = signal(SignalKind::terminate())?;
    let shutdown = async move {
        terminated.recv().await;
    };
    controller::run(Client::try_default().await?, shutdown).await;
    Ok(())
}

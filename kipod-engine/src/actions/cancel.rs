//! Asking a running creation to stop.

use tokio::sync::watch;

/// The asking end. Dropping it asks for nothing.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

/// The listening end, which the work holds.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<bool>);

/// Two ends that belong together.
///
/// ```
/// let (canceller, cancel) = kipod_engine::actions::cancellation();
/// assert!(!cancel.is_asked());
/// canceller.cancel();
/// assert!(cancel.is_asked());
/// ```
pub fn cancellation() -> (Canceller, Cancel) {
    let (sender, receiver) = watch::channel(false);
    (Canceller(sender), Cancel(receiver))
}

impl Canceller {
    /// Asks the work to stop, undo what it did, and fail.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancel {
    /// Nobody will ever ask.
    pub fn never() -> Self {
        cancellation().1
    }

    /// Whether somebody has asked.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when somebody asks.
    pub async fn asked(&self) {
        if self.0.clone().wait_for(|asked| *asked).await.is_err() {
            // Nobody is left who could.
            std::future::pending::<()>().await;
        }
    }
}

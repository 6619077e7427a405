//! The background thread: requests to the cluster and diagnostics run on it, independent of the
//! runtimes and clocks of the tests.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The background thread could not be started, or the work on it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the background thread of kipod failed")]
pub(crate) struct ThreadError;

/// Returns the runtime of the thread. It is never shut down.
fn handle() -> std::io::Result<&'static Handle> {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle);
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ours = runtime.handle().clone();
    let handle = HANDLE.get_or_init(|| ours);
    if handle.id() == runtime.handle().id() {
        std::thread::Builder::new()
            .name("kipod".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    }
    Ok(handle)
}

/// Runs `work` on the background thread, and blocks the calling thread until it is done. The calling
/// thread must not be driving a runtime.
pub(crate) fn run<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, ThreadError> {
    let (sender, receiver) = std::sync::mpsc::channel();
    handle().map_err(|_| ThreadError)?.spawn(async move {
        // Fails only if the calling thread is gone.
        let _ = sender.send(work.await);
    });
    receiver.recv().map_err(|_| ThreadError)
}

/// Runs blocking work, and resumes its panic.
pub(crate) async fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Returns a receiver that completes after `timeout` on the clock of the background thread: the
/// clock of the test may be paused. Dropping the receiver cancels the timer.
pub(crate) fn timer(timeout: Duration) -> oneshot::Receiver<()> {
    let (mut sender, receiver) = oneshot::channel();
    if let Ok(handle) = handle() {
        handle.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(timeout) => { let _ = sender.send(()); }
                () = sender.closed() => {}
            }
        });
    }
    receiver
}

/// Awaits `work` for at most `timeout` on the clock of the background thread. Returns `None` on
/// timeout.
pub(crate) async fn timeout<T>(timeout: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        _ = timer(timeout) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_uses_one_thread_for_all_callers() {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                std::thread::spawn(move || {
                    run(async move { (n, std::thread::current().id()) }).unwrap()
                })
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(results.iter().enumerate().all(|(at, (n, _))| at == *n));
        assert!(results.iter().all(|(_, id)| *id == results[0].1));
        assert_ne!(results[0].1, std::thread::current().id());
    }

    #[test]
    fn run_returns_an_error_after_a_panic() {
        let result = run(async {
            if true {
                panic!("on purpose")
            }
        });
        assert_eq!(result, Err(ThreadError));
    }
}

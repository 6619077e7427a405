//! The harness's own thread: clusters, namespaces and diagnostics are its work, so that no test's
//! runtime has to live, or run, or have a clock that moves, for them.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread's runtime, which lives as long as the process.
pub(crate) fn handle() -> std::io::Result<&'static Handle> {
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

/// Runs `work` on the harness's thread and blocks this one for it, which must not be driving a
/// runtime. `None` where the work panicked.
pub(crate) fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (sender, receiver) = std::sync::mpsc::channel();
    handle().ok()?.spawn(async move {
        // The receiver is gone only when its thread is.
        let _ = sender.send(work.await);
    });
    receiver.recv().ok()
}

/// Rings when the time is up, by the clock of the harness's own thread: that of the test may stand
/// still, or run ahead. Dropping it takes it back.
pub(crate) fn alarm(limit: Duration) -> oneshot::Receiver<()> {
    let (mut sender, receiver) = oneshot::channel();
    if let Ok(handle) = handle() {
        handle.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(limit) => { let _ = sender.send(()); }
                () = sender.closed() => {}
            }
        });
    }
    receiver
}

/// The end of `work`, if it comes within `limit` by the clock on the wall.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        _ = alarm(limit) => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn work_of_many_threads_runs_on_one() {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                std::thread::spawn(move || {
                    super::run(async move { (n, std::thread::current().id()) }).unwrap()
                })
            })
            .collect();
        let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(answers.iter().enumerate().all(|(at, (n, _))| at == *n));
        assert!(answers.iter().all(|(_, id)| *id == answers[0].1));
        assert_ne!(answers[0].1, std::thread::current().id());
    }

    #[test]
    fn a_panic_is_no_hang() {
        assert_eq!(
            super::run(async {
                if true {
                    panic!("on purpose")
                }
            }),
            None
        );
    }
}

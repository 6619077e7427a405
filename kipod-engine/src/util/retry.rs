//! Retrying and polling: the loops around calls that fail or are not ready for a while.

use std::time::Duration;

use tokio::time::Instant;

/// Runs `operation` until it succeeds, returns an error that `is_transient` rejects, or has run
/// `attempts` times. Waits for `interval` between two attempts.
pub(crate) async fn retry<T, E, F: Future<Output = Result<T, E>>>(
    attempts: u32,
    interval: Duration,
    is_transient: impl Fn(&E) -> bool,
    mut operation: impl FnMut() -> F,
) -> Result<T, E> {
    for _ in 1..attempts {
        match operation().await {
            Err(error) if is_transient(&error) => tokio::time::sleep(interval).await,
            result => return result,
        }
    }
    operation().await
}

/// Runs `check` every `interval` until it returns `Ok`. Returns the last `Err` once `timeout` has
/// passed. `check` runs at least once.
pub(crate) async fn poll<T, E, F: Future<Output = Result<T, E>>>(
    timeout: Duration,
    interval: Duration,
    mut check: impl FnMut() -> F,
) -> Result<T, E> {
    let start = Instant::now();
    loop {
        match check().await {
            Err(error) if start.elapsed() >= timeout => return Err(error),
            Err(_) => tokio::time::sleep(interval).await,
            ready => return ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn retry_repeats_transient_errors_only() {
        for (error, expected) in [("transient", 3), ("permanent", 1)] {
            let mut runs = 0;
            let operation = || {
                runs += 1;
                std::future::ready(Err::<(), _>(error))
            };
            let result = retry(3, INTERVAL, |error| *error == "transient", operation).await;
            assert_eq!((result, runs), (Err(error), expected));
        }
    }

    #[tokio::test]
    async fn poll_returns_the_value_or_the_last_error() {
        let mut runs = 0;
        let check = || {
            runs += 1;
            std::future::ready(if runs < 3 { Err(runs) } else { Ok("ready") })
        };
        assert_eq!(poll(Duration::from_secs(60), INTERVAL, check).await, Ok("ready"));
        let never = || std::future::ready(Err::<(), _>("not ready"));
        assert_eq!(poll(Duration::ZERO, INTERVAL, never).await, Err("not ready"));
    }
}

//! Delays between attempts.

use std::time::{Duration, Instant};

/// A delay that doubles with each failure, up to a maximum. A time without failures resets it.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    /// End of the last delay.
    last: Option<Instant>,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first, last: None }
    }

    /// Returns the delay after a failure at `now`. Twice the longest delay without a failure resets
    /// it to the first.
    pub(crate) fn delay(&mut self, now: Instant) -> Duration {
        if self.last.is_some_and(|last| now >= last + self.longest * 2) {
            self.next = self.first;
        }
        let delay = self.next;
        self.next = (delay * 2).min(self.longest);
        self.last = Some(now + delay);
        delay
    }
}

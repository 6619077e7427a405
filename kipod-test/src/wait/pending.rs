//! Registry of pending waits, so that a test that times out can report them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Handle, Id};

static PENDING: Mutex<BTreeMap<u64, (Id, String)>> = Mutex::new(BTreeMap::new());

/// A pending wait of the current runtime. Dropping it removes it from the registry.
pub(crate) struct PendingWait(Option<u64>);

impl PendingWait {
    /// Registers a wait with a description, as `deployment/web: rolled out`.
    pub(crate) fn new(description: impl Into<String>) -> Self {
        let Ok(runtime) = Handle::try_current() else { return Self(None) };
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        let key = pending.last_key_value().map_or(0, |(last, _)| last + 1);
        pending.insert(key, (runtime.id(), description.into()));
        Self(Some(key))
    }

    /// Updates the description.
    pub(crate) fn set(&self, description: impl Into<String>) {
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, old)) = self.0.and_then(|key| pending.get_mut(&key)) {
            *old = description.into();
        }
    }
}

impl Drop for PendingWait {
    fn drop(&mut self) {
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = self.0 {
            pending.remove(&key);
        }
    }
}

/// Returns the descriptions of the current runtime's pending waits.
pub(crate) fn descriptions() -> Vec<String> {
    let Ok(runtime) = Handle::try_current() else { return Vec::new() };
    let pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    pending.values().filter(|(id, _)| *id == runtime.id()).map(|(_, text)| text.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn descriptions_are_separate_for_each_runtime() {
        let one = PendingWait::new("one");
        let two = PendingWait::new("two");
        two.set("second");
        assert_eq!(descriptions(), ["one", "second"]);
        let other = std::thread::spawn(descriptions).join().unwrap();
        assert_eq!(other, Vec::<String>::new());
        drop(one);
        assert_eq!(descriptions(), ["second"]);
        drop(two);
        assert!(descriptions().is_empty());
    }
}

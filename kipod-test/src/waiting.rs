//! What tests are waiting for right now, so that a test whose time is up can say it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Handle, Id};

static WAITING: Mutex<BTreeMap<u64, (Id, String)>> = Mutex::new(BTreeMap::new());

/// Something a test is waiting for, until this is dropped.
pub(crate) struct Waiting(Option<u64>);

impl Waiting {
    /// Begins to wait for something, in words such as `deployment web: rolled out`.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let Ok(runtime) = Handle::try_current() else { return Self(None) };
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        let key = waiting.last_key_value().map_or(0, |(last, _)| last + 1);
        waiting.insert(key, (runtime.id(), text.into()));
        Self(Some(key))
    }

    /// Says more exactly what it is.
    pub(crate) fn set(&self, text: impl Into<String>) {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, old)) = self.0.and_then(|key| waiting.get_mut(&key)) {
            *old = text.into();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = self.0 {
            waiting.remove(&key);
        }
    }
}

/// What the test of the current runtime is waiting for.
pub(crate) fn of_this_runtime() -> Vec<String> {
    let Ok(runtime) = Handle::try_current() else { return Vec::new() };
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.values().filter(|(id, _)| *id == runtime.id()).map(|(_, text)| text.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_runtime_sees_its_own() {
        let one = Waiting::new("one");
        let two = Waiting::new("two");
        two.set("second");
        assert_eq!(of_this_runtime(), ["one", "second"]);
        let other = std::thread::spawn(of_this_runtime).join().unwrap();
        assert_eq!(other, Vec::<String>::new());
        drop(one);
        assert_eq!(of_this_runtime(), ["second"]);
        drop(two);
        assert!(of_this_runtime().is_empty());
    }
}

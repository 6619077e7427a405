//! Controller of LoadBalancer Services.
//!
//! Writes the address at which the host reaches node ports into the status of Services of type
//! LoadBalancer; kube-proxy does the rest. All state is in the cluster, so that the controller may
//! stop and start at any time.

mod api;
mod backoff;
mod controller;
mod decision;
mod kubeconfig;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod watch;

use std::path::Path;
use std::time::{Duration, Instant};

use api::{Api, ApiError};
use backoff::Backoff;
use controller::Controller;
use settings::{Settings, SettingsError};

/// Credentials of an administrator, written by kubeadm.
const KUBECONFIG: &str = "/etc/kubernetes/admin.conf";
/// Delays between connection attempts. The maximum is short, because a refused connection costs little.
const RECONNECT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Runs the controller. Returns only when its settings are invalid.
pub(crate) fn run() -> SettingsError {
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return error,
    };
    let mut controller = Controller::new(settings);
    let mut reconnect = Backoff::new(RECONNECT.0, RECONNECT.1);
    loop {
        if let Err(error) = list_and_watch(&mut controller) {
            eprintln!("{}", crate::with_causes(&error));
            std::thread::sleep(reconnect.delay(Instant::now()));
        }
    }
}

/// Reads the credentials each time, because they may have been renewed.
fn list_and_watch(controller: &mut Controller) -> Result<(), ApiError> {
    let api = Api::from_kubeconfig(Path::new(KUBECONFIG))?;
    controller.list_and_watch(&api)
}

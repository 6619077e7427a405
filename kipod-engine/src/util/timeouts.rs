//! Timeouts and poll intervals, scaled for slow hosts.

use std::time::Duration;

use super::timeout_factor::{TimeoutFactor, TimeoutFactorError};

/// The timeouts and poll intervals of one host, multiplied by its [`TimeoutFactor`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timeouts {
    factor: TimeoutFactor,
}

impl Timeouts {
    /// Creates the timeouts of a host with this factor.
    pub fn new(factor: TimeoutFactor) -> Self {
        Self { factor }
    }

    /// Creates the timeouts with the factor of the environment.
    ///
    /// # Errors
    ///
    /// When `KIPOD_TIMEOUT_FACTOR` is not a factor.
    pub fn from_env() -> Result<Self, TimeoutFactorError> {
        TimeoutFactor::from_env().map(Self::new)
    }

    /// Returns a duration multiplied by the factor.
    pub fn scale(self, duration: Duration) -> Duration {
        duration.mul_f64(self.factor.value())
    }

    /// Returns whether the host is slower than usual, so that work is reduced too.
    pub(crate) fn is_slow(self) -> bool {
        self.factor > TimeoutFactor::default()
    }

    /// Returns the timeout for the API server, and for kubeadm on all nodes. Independent of the user's
    /// `wait`. kubeadm itself waits up to four minutes for the control plane.
    pub(crate) fn control_plane(self) -> Duration {
        self.scale(Duration::from_secs(300))
    }

    /// Returns the timeout for one connection to the API server: a port may accept connections before
    /// the API server listens behind it.
    pub(crate) fn connect(self) -> Duration {
        self.scale(Duration::from_secs(2))
    }

    /// Returns the timeout for one call to the API server while it starts.
    pub(crate) fn call(self) -> Duration {
        self.scale(Duration::from_secs(2))
    }

    /// Returns the timeout for kubelet to register its node after kubeadm has finished, which takes less
    /// than a second.
    pub(crate) fn registration(self) -> Duration {
        self.scale(Duration::from_secs(30))
    }

    /// Returns the timeout for the report of what is not ready, after another timeout.
    pub(crate) fn report(self) -> Duration {
        self.scale(Duration::from_secs(5))
    }

    /// Returns the timeout for a registry to respond after its start. It usually takes 250 ms.
    pub(crate) fn registry_start(self) -> Duration {
        self.scale(Duration::from_secs(30))
    }

    /// Returns the poll interval of status directories and of an API server that starts. Slow hosts
    /// poll less often, because polling takes CPU time from the cluster.
    pub(crate) fn poll_interval(self) -> Duration {
        self.scale(Duration::from_millis(50))
    }

    /// Returns the poll interval of container states in Podman.
    pub(crate) fn container_poll_interval(self) -> Duration {
        self.scale(Duration::from_secs(2))
    }
}

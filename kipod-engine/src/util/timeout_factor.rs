//! The factor that slow hosts multiply timeouts by.

use std::str::FromStr;

use super::variable;

/// The factor of kipod's and kubeadm's own timeouts: 1 on usual hosts, about 10 under CPU emulation.
///
/// A factor above 1 also reduces the cluster's work: kubelet probes the control plane less often and
/// allows CRI-O more time; the API server collects garbage less often (`GOGC`); etcd,
/// kube-controller-manager, kube-scheduler, kubelet, CRI-O and kubeadm run with `GOMAXPROCS=1`; and a
/// single control plane starts kube-controller-manager and kube-scheduler after its API server is
/// ready. Patches of the kubeadm configuration take precedence.
///
/// Timeouts that the user sets, such as `--wait 5m`, are not multiplied.
///
/// ```
/// use std::time::Duration;
/// use kipod_engine::{TimeoutFactor, Timeouts};
///
/// let factor: TimeoutFactor = "2.5".parse().unwrap();
/// let timeouts = Timeouts::new(factor);
/// assert_eq!(timeouts.scale(Duration::from_secs(300)), Duration::from_secs(750));
/// assert_eq!(Timeouts::default().scale(Duration::from_secs(300)), Duration::from_secs(300));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct TimeoutFactor(f64);

/// A text is not a timeout factor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a timeout factor: a number from 0.1 to 1000, such as `10` or `2.5`")]
pub struct TimeoutFactorError(String);

/// `KIPOD_TIMEOUT_FACTOR` is not a timeout factor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid environment variable `{variable}`", variable = TimeoutFactor::VARIABLE)]
pub struct TimeoutFactorVariableError {
    source: TimeoutFactorError,
}

impl TimeoutFactor {
    /// The environment variable that sets the factor.
    pub const VARIABLE: &str = "KIPOD_TIMEOUT_FACTOR";

    /// Reads [`TimeoutFactor::VARIABLE`]. Returns 1 where it is unset or empty.
    ///
    /// # Errors
    ///
    /// When the value is not a number from 0.1 to 1000.
    pub fn from_env() -> Result<Self, TimeoutFactorVariableError> {
        match variable(Self::VARIABLE) {
            Some(text) => text
                .to_string_lossy()
                .parse()
                .map_err(|source| TimeoutFactorVariableError { source }),
            None => Ok(Self::default()),
        }
    }

    /// Returns the factor as a number.
    pub(super) fn value(self) -> f64 {
        self.0
    }
}

impl Default for TimeoutFactor {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for TimeoutFactor {
    type Err = TimeoutFactorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let factor = text.trim().parse().ok().filter(|factor| (0.1..=1000.0).contains(factor));
        factor.map(Self).ok_or_else(|| TimeoutFactorError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_numbers_within_the_range_only() {
        for text in ["", "0", "-1", "ten", "nan", "inf", "1e9", "10x", "1,5"] {
            assert_eq!(
                text.parse::<TimeoutFactor>(),
                Err(TimeoutFactorError(text.to_owned())),
                "{text}"
            );
        }
        for text in ["1", "10", "0.5", " 2 "] {
            assert!(text.parse::<TimeoutFactor>().is_ok(), "{text}");
        }
    }
}

//! How much slower than usual a machine is.

use std::str::FromStr;
use std::time::Duration;

/// What the limits of creation are multiplied by: 1 on the machines kipod is made for, about 10
/// where every instruction of a processor is emulated.
///
/// It changes how long kipod and kubeadm wait until they give up, and how often kipod asks until then: asking
/// is work too. Above 1, the cluster is also made to work less: kubelet probes the control plane less often,
/// and gives CRI-O more time; the API server takes more memory (`GOGC`); etcd, kube-controller-manager,
/// kube-scheduler, kubelet, CRI-O and kubeadm use one thread each (`GOMAXPROCS`); and of a single control
/// plane, kube-controller-manager and kube-scheduler are started when its API server is ready. Where patches of
/// kubeadm's documents say something else, that counts.
/// What a user says, as `--wait 5m`, is meant as said and is not multiplied.
///
/// ```
/// use std::time::Duration;
/// use kipod_engine::TimeFactor;
///
/// let factor: TimeFactor = "2.5".parse().unwrap();
/// assert_eq!(factor.of(Duration::from_secs(300)), Duration::from_secs(750));
/// assert_eq!(TimeFactor::default().of(Duration::from_secs(300)), Duration::from_secs(300));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct TimeFactor(f64);

/// Text that is no time factor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time factor: a number from 0.1 to 1000, such as `10` or `2.5`")]
pub struct TimeFactorError(String);

/// The environment's time factor cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}`: {fault}", variable = TimeFactor::VARIABLE)]
pub struct TimeFactorVariableError {
    fault: TimeFactorError,
}

impl TimeFactor {
    /// The variable of the environment that names one.
    pub const VARIABLE: &str = "KIPOD_TIMEOUT_FACTOR";

    /// The factor that [`TimeFactor::VARIABLE`] names; 1 where it is not set, or empty.
    ///
    /// # Errors
    ///
    /// When its value is no number from 0.1 to 1000.
    pub fn from_env() -> Result<Self, TimeFactorVariableError> {
        match std::env::var_os(Self::VARIABLE) {
            Some(text) if !text.is_empty() => {
                text.to_string_lossy().parse().map_err(|fault| TimeFactorVariableError { fault })
            }
            _ => Ok(Self::default()),
        }
    }

    /// A limit, as long as this machine needs it.
    pub fn of(self, limit: Duration) -> Duration {
        limit.mul_f64(self.0)
    }
}

impl Default for TimeFactor {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for TimeFactor {
    type Err = TimeFactorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let factor = text.trim().parse().ok().filter(|factor| (0.1..=1000.0).contains(factor));
        factor.map(Self).ok_or_else(|| TimeFactorError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_positive_number_is_refused() {
        for text in ["", "0", "-1", "ten", "nan", "inf", "1e9", "10x", "1,5"] {
            assert_eq!(text.parse::<TimeFactor>(), Err(TimeFactorError(text.to_owned())), "{text}");
        }
        for text in ["1", "10", "0.5", " 2 "] {
            assert!(text.parse::<TimeFactor>().is_ok(), "{text}");
        }
    }
}

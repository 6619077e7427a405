//! The factor that slow hosts multiply timeouts by.

use std::str::FromStr;

use crate::util::variable as env_variable;

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
/// ```no_run
/// use kipod_engine::{Engine, TimeoutFactor};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let factor: TimeoutFactor = "2.5".parse()?;
/// let engine = Engine::builder().timeout_factor(factor).connect().await?;
/// # let _ = engine;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct TimeoutFactor(f64);

/// An error of a timeout factor: the text is not a number from 0.1 to 1000.
///
/// ```
/// use kipod_engine::TimeoutFactor;
///
/// let error = "fast".parse::<TimeoutFactor>().unwrap_err();
/// assert!(error.to_string().starts_with("`fast` is not a timeout factor: "), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}`{text}` is not a timeout factor: a number from 0.1 to 1000, such as `10` or `2.5`",
    variable(*.is_variable)
)]
pub struct TimeoutFactorError {
    text: String,
    /// `true` if the text is the value of [`TimeoutFactor::VARIABLE`].
    is_variable: bool,
}

fn variable(is_variable: bool) -> String {
    match is_variable {
        true => format!("invalid environment variable `{}`: ", TimeoutFactor::VARIABLE),
        false => String::new(),
    }
}

impl TimeoutFactor {
    /// The environment variable that sets the factor.
    pub const VARIABLE: &str = "KIPOD_TIMEOUT_FACTOR";

    /// Reads [`TimeoutFactor::VARIABLE`]. Returns 1 where it is unset or empty.
    ///
    /// # Errors
    ///
    /// When the value is not a number from 0.1 to 1000.
    pub fn from_env() -> Result<Self, TimeoutFactorError> {
        match env_variable(Self::VARIABLE) {
            Some(text) => {
                let parsed = text.to_string_lossy().parse();
                parsed.map_err(|error| TimeoutFactorError { is_variable: true, ..error })
            }
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
        factor
            .map(Self)
            .ok_or_else(|| TimeoutFactorError { text: text.to_owned(), is_variable: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_numbers_within_the_range_only() {
        for text in ["", "0", "-1", "ten", "nan", "inf", "1e9", "10x", "1,5"] {
            let error = text.parse::<TimeoutFactor>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{text}` is not ")), "{error}");
        }
        for text in ["1", "10", "0.5", " 2 "] {
            assert!(text.parse::<TimeoutFactor>().is_ok(), "{text}");
        }
    }
}

//! Resource limits of a node.

use serde::{Deserialize, Serialize};

/// The resource limits of a node. They need delegated cgroup controllers.
///
/// ```
/// use kipod_engine::spec::NodeResources;
///
/// let half = NodeResources { milli_cpus: Some(500), memory: Some(2 << 30) };
/// assert!(half.is_limited());
/// assert!(!NodeResources::default().is_limited());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeResources {
    /// The processor time in thousandths of a processor. Default: `None`, no limit.
    pub milli_cpus: Option<u32>,
    /// The memory in bytes. Default: `None`, no limit.
    pub memory: Option<u64>,
}

/// Suffixes of memory sizes, the largest of each kind first.
/// Source: Kubernetes' `resource.Quantity`.
const SUFFIXES: [(&str, u64); 8] = [
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
];

impl NodeResources {
    /// Returns whether any resource is limited.
    pub fn is_limited(&self) -> bool {
        self.milli_cpus.is_some() || self.memory.is_some()
    }
}

/// Parses a number of processors, as Kubernetes does: `2`, `1.5` or `1500m`.
pub(crate) fn parse_milli_cpus(text: &str) -> Result<u32, String> {
    let millis = match text.strip_suffix('m') {
        Some(number) => decimal(number, 0),
        None => decimal(text, 3),
    };
    let millis = millis.and_then(|millis| u32::try_from(millis).ok());
    millis.filter(|millis| *millis > 0).ok_or_else(|| {
        format!("`{text}` is not a number of processors, such as `2`, `1.5` or `1500m`")
    })
}

/// Parses a memory size, as Kubernetes does: bytes with an optional suffix, such as `2Gi` or `500M`.
pub(crate) fn parse_memory(text: &str) -> Result<u64, String> {
    let suffix = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix));
    let (number, unit) = suffix
        .map_or((text, 1), |(suffix, unit)| (text.strip_suffix(suffix).unwrap_or(text), *unit));
    // Thousandths of a unit, for sizes such as `1.5Gi`.
    let bytes = decimal(number, 3).and_then(|millis| Some(millis.checked_mul(unit)? / 1_000));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("`{text}` is not a memory size, such as `2Gi` or `500M`"))
}

/// Parses a decimal number, multiplied by 10 to the power of `digits`, which is the maximum number of
/// digits after the point.
fn decimal(text: &str, digits: usize) -> Option<u64> {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let ends_with_point = text.contains('.') && fraction.is_empty();
    if integer.is_empty() || fraction.len() > digits || ends_with_point {
        return None;
    }
    if !is_number(integer) || !is_number(fraction) {
        return None;
    }
    format!("{integer}{fraction:0<digits$}").parse().ok()
}

/// Formats a number of processors: `2` or `1500m`.
pub(crate) fn format_milli_cpus(millis: u32) -> String {
    if millis.is_multiple_of(1_000) { (millis / 1_000).to_string() } else { format!("{millis}m") }
}

/// Formats a memory size with the largest suffix that represents it exactly.
pub(crate) fn format_memory(bytes: u64) -> String {
    let suffix = SUFFIXES.iter().find(|(_, unit)| bytes.is_multiple_of(*unit));
    suffix.map_or_else(|| bytes.to_string(), |(suffix, unit)| format!("{}{suffix}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2", 2_000, "2")]
    #[case("1.5", 1_500, "1500m")]
    #[case("0.001", 1, "1m")]
    #[case("250m", 250, "250m")]
    #[case("3000m", 3_000, "3")]
    fn processors_are_parsed_and_printed(
        #[case] text: &str,
        #[case] millis: u32,
        #[case] printed: &str,
    ) {
        assert_eq!(parse_milli_cpus(text), Ok(millis));
        assert_eq!(format_milli_cpus(millis), printed);
    }

    #[rstest]
    #[case("1", 1, "1")]
    #[case("1024", 1 << 10, "1Ki")]
    #[case("1.5Gi", 3 << 29, "1536Mi")]
    #[case("500M", 500_000_000, "500M")]
    #[case("2Ti", 2 << 40, "2Ti")]
    fn memory_is_parsed_and_printed(#[case] text: &str, #[case] bytes: u64, #[case] printed: &str) {
        assert_eq!(parse_memory(text), Ok(bytes));
        assert_eq!(format_memory(bytes), printed);
    }

    #[rstest]
    fn malformed_resources_are_refused(
        #[values("", "0", "-1", "+1", "1.", ".5", "1.0001", "x", "1e3", "9999999999999999999")]
        text: &str,
    ) {
        assert!(parse_milli_cpus(text).is_err(), "{text}");
        assert!(parse_memory(text).is_err(), "{text}");
    }
}

//! Parsing and printing durations such as `1m30s`.

use std::time::Duration;

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// The text is not a sequence of numbers with units.
    #[error("`{0}` is not a duration, such as `60s`, `5m` or `1m30s`")]
    NotADuration(String),
    /// The text is a number without a unit.
    #[error("`{0}` has no unit: use `{0}s` for seconds")]
    NoUnit(String),
    /// The duration is longer than 292 years, the maximum in Go.
    #[error("`{0}` is too long")]
    TooLong(String),
}

/// The units with their length in nanoseconds. A unit comes before its prefixes.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Parses a duration in the notation of Go, as `kubectl` and `kind` do: one or more numbers, each with
/// one of the units `ns`, `us`, `ms`, `s`, `m` and `h`. A number may have a fraction. `0` needs no unit.
///
/// # Errors
///
/// [`DurationError`] for another notation, a negative duration, or one of more than 292 years.
///
/// ```
/// use std::time::Duration;
/// use kipod_engine::spec::parse_duration;
///
/// assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
/// assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
/// assert_eq!(parse_duration("60").unwrap_err().to_string(), "`60` has no unit: use `60s` for seconds");
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::NotADuration(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(malformed());
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(malformed());
        }
        if after.is_empty() {
            return Err(if rest.len() == text.len() {
                DurationError::NoUnit(text.to_owned())
            } else {
                malformed()
            });
        }
        let (unit, length) =
            UNITS.into_iter().find(|(unit, _)| after.starts_with(unit)).ok_or_else(malformed)?;
        let whole: u64 =
            if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long())? };
        total = whole
            .checked_mul(length)
            .and_then(|nanos| nanos.checked_add(fraction_of(fraction, length)))
            .and_then(|nanos| nanos.checked_add(total))
            .filter(|nanos| i64::try_from(*nanos).is_ok())
            .ok_or_else(too_long)?;
        rest = &after[unit.len()..];
    }
    Ok(Duration::from_nanos(total))
}

/// Formats a duration in the notation of [`parse_duration`]: `5m`, `1m30s`, `250ms`.
pub(crate) fn format_duration(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if nanos != 0 {
        return match nanos % 1_000_000 {
            0 => format!("{}ms", duration.as_millis()),
            _ => format!("{}ns", duration.as_nanos()),
        };
    }
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Splits `text` after its leading digits.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// Returns the fraction of `length` given by the digits after a decimal point, rounded down.
fn fraction_of(digits: &str, length: u64) -> u64 {
    // A unit has at most 13 digits of nanoseconds, so further digits do not change the result.
    let significant = &digits[..digits.len().min(13)];
    let value =
        significant.bytes().fold(0_u128, |value, digit| value * 10 + u128::from(digit - b'0'));
    let scale = significant.bytes().fold(1_u128, |scale, _| scale * 10);
    // The value is below `length`, so it fits.
    (value * u128::from(length) / scale) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_durations_are_parsed() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("60s", 60_000_000_000),
            ("5m", 300_000_000_000),
            ("1h2m3s", 3_723_000_000_000),
            ("1m1m", 120_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("1.25ms", 1_250_000),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("7ns", 7),
            ("0.33333333333333333333h", 1_199_999_999_999),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn formatted_durations_are_read_back() {
        for text in ["0s", "5m", "1m30s", "2h3s", "1500ms", "1000000001ns"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn parse_refuses_invalid_durations() {
        for text in ["", "soon", "-5s", "5 s", "s", ".s", "1m30", "5d", "5S", "1m soon", "+1s"] {
            assert_eq!(parse_duration(text), Err(DurationError::NotADuration(text.into())));
        }
        for text in ["5", "1.5"] {
            assert_eq!(parse_duration(text), Err(DurationError::NoUnit(text.into())));
        }
        for text in ["9999999h", "99999999999999999999s", "2562047h48m"] {
            assert_eq!(parse_duration(text), Err(DurationError::TooLong(text.into())));
        }
    }
}

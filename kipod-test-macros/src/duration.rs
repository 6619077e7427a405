//! Durations in an attribute.

/// Parses `90s`, `5m`, `1h30m` or `500ms` as milliseconds. Returns `None` for anything else, and for
/// zero. The format is the engine's, without fractions and without units below milliseconds.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let (unit, length) = UNITS.into_iter().find(|(unit, _)| after.starts_with(unit))?;
        total = number.parse::<u64>().ok()?.checked_mul(length)?.checked_add(total)?;
        rest = &after[unit.len()..];
    }
    (total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn milliseconds_parses_numbers_with_units() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("90s", Some(90_000)),
            ("1h30m", Some(5_400_000)),
            ("1m1ms", Some(60_001)),
            ("", None),
            ("0s", None),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("1.5h", None),
            ("5 m", None),
            ("5d", None),
            ("99999999999999999999s", None),
            ("9999999999999999999h", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}

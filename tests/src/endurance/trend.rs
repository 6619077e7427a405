//! The growth of a measurement over rounds.

/// The fewest measurements after the warm-up that a slope is judged by.
const ENOUGH: usize = 8;

/// Measurements of one value, one per round.
#[derive(Debug, Default, Clone)]
pub struct Trend(Vec<f64>);

impl Trend {
    /// Adds the measurement of the next round.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Returns the first, largest and last measurement.
    pub fn range(&self) -> (f64, f64, f64) {
        let largest = self.0.iter().copied().fold(0.0, f64::max);
        (
            self.0.first().copied().unwrap_or_default(),
            largest,
            self.0.last().copied().unwrap_or_default(),
        )
    }

    /// Returns the growth per round: the median slope of all pairs of measurements (Theil-Sen), which
    /// single outliers do not change. The first quarter is the warm-up: caches and heaps grow to their
    /// size. `None` if fewer than eight measurements remain.
    pub fn slope(&self) -> Option<f64> {
        let steady = &self.0[self.0.len() / 4..];
        if steady.len() < ENOUGH {
            return None;
        }
        let pairs = (0..steady.len()).flat_map(|a| (a + 1..steady.len()).map(move |b| (a, b)));
        let mut slopes: Vec<f64> =
            pairs.map(|(a, b)| (steady[b] - steady[a]) / (b - a) as f64).collect();
        slopes.sort_by(f64::total_cmp);
        Some(slopes[slopes.len() / 2])
    }
}

#[cfg(test)]
mod tests {
    use super::Trend;

    fn trend(values: impl IntoIterator<Item = f64>) -> Trend {
        Trend(values.into_iter().collect())
    }

    #[test]
    fn slope_ignores_warm_up_and_outliers() {
        let warm_up = [10.0, 40.0, 70.0, 90.0];
        let steady = (0..12).map(|round| if round == 5 { 400.0 } else { 100.0 });
        assert_eq!(trend(warm_up.into_iter().chain(steady)).slope(), Some(0.0));
    }

    #[test]
    fn slope_finds_a_leak() {
        assert_eq!(trend((0..16).map(|round| f64::from(round) * 2.0)).slope(), Some(2.0));
    }

    #[test]
    fn few_measurements_have_no_slope() {
        assert_eq!(trend((0..10).map(|_| 1.0)).slope().map(|_| ()), Some(()));
        assert_eq!(trend((0..9).map(|_| 1.0)).slope(), None);
        assert_eq!(trend([3.0, 9.0, 5.0]).range(), (3.0, 9.0, 5.0));
    }
}

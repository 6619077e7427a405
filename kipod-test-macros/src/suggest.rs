//! Suggestions for misspelled options.

/// Returns the known word that is closest to `word`, if it is close enough.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, best) = known.iter().map(|known| (distance(word, known), *known)).min()?;
    // Up to a third of the letters may differ: `worker_thread`, `namspace`, `fixture`.
    (distance <= best.len().div_ceil(3)).then_some(best)
}

/// Returns the Levenshtein distance: the number of letters to insert, delete or replace.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_accepts_small_differences_only() {
        let known = ["cluster", "namespace", "worker_threads", "timeout"];
        assert_eq!(nearest("namspace", &known), Some("namespace"));
        assert_eq!(nearest("worker_thread", &known), Some("worker_threads"));
        assert_eq!(nearest("time_out", &known), Some("timeout"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

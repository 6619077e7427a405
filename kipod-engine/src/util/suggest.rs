//! Suggestions for misspelled words.

/// Returns the word of `known` with the smallest edit distance to `word`, if it is small enough.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let distance = |known: &str| strsim::osa_distance(&lower, &known.to_lowercase());
    let (distance, best) = known.into_iter().map(|known| (distance(known), known)).min()?;
    // Up to a third of the letters may differ.
    (distance <= best.len().div_ceil(3)).then_some(best)
}

/// Returns `; did you mean `...`?`, or an empty text if no known word is similar.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_only_similar_words() {
        let known = ["nodes", "networking", "podSubnet", "extraMounts"];
        for (word, expected) in [
            ("node", Some("nodes")),
            ("podsubnet", Some("podSubnet")),
            ("podSubnets", Some("podSubnet")),
            ("extraMuonts", Some("extraMounts")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(did_you_mean("x", []), "");
    }
}

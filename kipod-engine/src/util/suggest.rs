//! The word somebody meant who wrote another.

/// The one of `known` that is nearest to `word`, if it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let distance = |known: &str| strsim::osa_distance(&lower, &known.to_lowercase());
    let (distance, best) = known.into_iter().map(|known| (distance(known), known)).min()?;
    // A third of the letters may be wrong.
    (distance <= best.len().div_ceil(3)).then_some(best)
}

/// `; did you mean ...?`, or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let known = ["nodes", "networking", "podSubnet", "extraMounts"];
        for (word, meant) in [
            ("node", Some("nodes")),
            ("podsubnet", Some("podSubnet")),
            ("podSubnets", Some("podSubnet")),
            ("extraMuonts", Some("extraMounts")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(did_you_mean("x", []), "");
    }
}

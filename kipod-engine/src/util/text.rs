//! Several things that an error says, a line each.

/// The lines, each below what was said before, and indented.
pub(crate) fn below(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

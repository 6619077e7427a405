//! Writing: tree to text in the style of `kubectl`: blocks, two spaces, lists flush with their key.

use super::{Document, Node, Value, WriteError, parse};

/// Writes a document.
///
/// # Errors
///
/// [`WriteError`] if parsing the text does not return the same document: writing it would change the
/// user's data.
pub(crate) fn write(document: &Document) -> Result<String, WriteError> {
    let mut lines = Vec::new();
    if let Some(root) = &document.root {
        lines.extend(root.above.iter().map(|comment| format!("#{comment}")));
        match root.properties() {
            properties if properties.is_empty() || root.is_inline() => {}
            properties => lines.push(format!("---{properties}")),
        }
        if root.is_inline() {
            lines.push(root.inline().trim_start().to_owned());
        } else {
            lines.extend(root.block());
        }
        lines.extend(root.right.iter().map(|comment| format!("#{comment}")));
    }
    lines.extend(document.comments.iter().map(|comment| format!("#{comment}")));
    let mut text = lines.join("\n");
    text.push('\n');
    match parse(&text) {
        Ok(again) if again.root == document.root => Ok(text),
        Ok(_) => Err(WriteError::Differs),
        Err(error) => Err(WriteError::Unreadable(error)),
    }
}

impl Node {
    /// Returns whether the node is written on the line of its key or dash.
    fn is_inline(&self) -> bool {
        match &self.value {
            Value::Seq(items) => items.is_empty(),
            Value::Map(pairs) => pairs.is_empty(),
            _ => true,
        }
    }

    /// Returns the tag and the anchor, each after a space.
    fn properties(&self) -> String {
        let tag = self.tag.iter().map(|tag| format!(" {tag}"));
        tag.chain(self.anchor.iter().map(|anchor| format!(" &{anchor}"))).collect()
    }

    /// Returns the text after the key or dash on its line, after a space.
    fn inline(&self) -> String {
        let text = match &self.value {
            Value::Plain(text) => text.clone(),
            Value::Text(text) => quote(text),
            Value::Alias(name) => format!("*{name}"),
            Value::Seq(_) => "[]".to_owned(),
            Value::Map(_) => "{}".to_owned(),
        };
        let space = if text.is_empty() { "" } else { " " };
        format!("{}{space}{text}", self.properties())
    }

    /// Returns the lines of a non-empty list or mapping, without its own comments and properties.
    fn block(&self) -> Vec<String> {
        match &self.value {
            Value::Seq(items) => items.iter().flat_map(item).collect(),
            Value::Map(pairs) => pairs.iter().flat_map(|(key, value)| pair(key, value)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Returns the lines of one list item.
fn item(node: &Node) -> Vec<String> {
    let mut lines = comments(&node.above);
    if let Some(body) = literal(node) {
        lines.extend(comments(node.right.as_slice()));
        lines.push(format!("-{} {}", node.properties(), body.header));
        lines.extend(indented("  ", body.lines));
    } else if node.is_inline() {
        lines.push(format!("-{}{}", node.inline(), end_comment(&node.right)));
    } else if node.properties().is_empty() && node.right.is_none() {
        let mut block = node.block().into_iter();
        lines.extend(block.next().map(|first| format!("- {first}")));
        lines.extend(indented("  ", block.collect()));
    } else {
        lines.push(format!("-{}{}", node.properties(), end_comment(&node.right)));
        lines.extend(indented("  ", node.block()));
    }
    lines
}

/// Returns the lines of a key and its value.
fn pair(key: &Node, value: &Node) -> Vec<String> {
    let mut lines = comments(&key.above);
    let name = key.inline();
    let name = name.trim_start();
    if value.is_inline() {
        lines.extend(comments(&value.above));
        // Only one comment fits on the line.
        let mut rights = key.right.iter().chain(&value.right);
        let mut right = rights.next_back().cloned();
        lines.extend(rights.map(|comment| format!("#{comment}")));
        if let Some(body) = literal(value) {
            lines.extend(comments(right.take().as_slice()));
            lines.push(format!("{name}:{} {}", value.properties(), body.header));
            lines.extend(indented("  ", body.lines));
        } else {
            lines.push(format!("{name}:{}{}", value.inline(), end_comment(&right)));
        }
        return lines;
    }
    let right = if key.right.is_some() { &key.right } else { &value.right };
    lines.push(format!("{name}:{}{}", value.properties(), end_comment(right)));
    let indent = if matches!(value.value, Value::Seq(_)) { "" } else { "  " };
    lines.extend(indented(indent, comments(&value.above)));
    if key.right.is_some() {
        lines.extend(indented(indent, comments(value.right.as_slice())));
    }
    lines.extend(indented(indent, value.block()));
    lines
}

fn comments(comments: &[String]) -> Vec<String> {
    comments.iter().map(|comment| format!("#{comment}")).collect()
}

fn end_comment(comment: &Option<String>) -> String {
    comment.as_ref().map(|comment| format!(" #{comment}")).unwrap_or_default()
}

fn indented(indent: &str, lines: Vec<String>) -> impl Iterator<Item = String> {
    lines
        .into_iter()
        .map(move |line| if line.is_empty() { line } else { format!("{indent}{line}") })
}

/// A literal block: text of several lines.
struct Literal {
    header: &'static str,
    lines: Vec<String>,
}

/// Returns a scalar of several lines as a literal block; `None` if it cannot be one.
fn literal(node: &Node) -> Option<Literal> {
    let Value::Text(text) = &node.value else { return None };
    let (header, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text.as_str()),
    };
    let lines: Vec<String> = body.split('\n').map(str::to_owned).collect();
    let first = lines.first().is_some_and(|line| !line.is_empty() && !line.starts_with(' '));
    let last = lines.last().is_some_and(|line| !line.is_empty());
    let plain = lines.iter().all(|line| line.trim_end() == line && line.chars().all(is_printed));
    (text.contains('\n') && first && last && plain).then_some(Literal { header, lines })
}

/// Returns whether a character needs no escape in double quotes and literal blocks.
fn is_printed(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Returns text in quotes, on one line.
fn quote(text: &str) -> String {
    if text.chars().all(|c| is_printed(c) && c != '\'') {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_printed(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

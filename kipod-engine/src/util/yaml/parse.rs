//! Parsing: text to tree.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, Placement, ScalarStyle, Span, Tag};

use super::{Document, Mark, Node, SyntaxError, Value};

/// The maximum nesting of nodes. Trees are read, expanded and written recursively. Kubernetes' own types
/// stay below 30, except for schemas.
const MAX_DEPTH: usize = 128;

/// The maximum number of nodes and comments, which take a few hundred bytes each. A kubeconfig with 3,000
/// clusters has as many.
const MAX_NODES: usize = 100_000;

/// An event of the parser with its comments.
struct Step<'a> {
    event: Event<'a>,
    /// The position where it starts.
    mark: Mark,
    /// The line where it ends.
    line: usize,
    anchor: Option<String>,
    above: Vec<String>,
    right: Option<String>,
}

/// Parses one document.
///
/// # Errors
///
/// The first [`SyntaxError`]: `text` is not YAML, has more than one document, is nested too deeply or has
/// too many nodes, or has a mapping with a duplicate key or a key that is not a scalar.
pub(crate) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let (document, errors) = read(text);
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(document),
    }
}

/// Parses one document as far as possible, and returns all errors. The first of duplicate keys is kept.
pub(crate) fn read(text: &str) -> (Document, Vec<SyntaxError>) {
    let mut document = Document { root: None, comments: Vec::new() };
    let (steps, comments) = match steps(text) {
        Ok(steps) => steps,
        Err(error) => return (document, vec![error]),
    };
    document.comments = comments;
    let mut reader =
        Reader { steps: steps.into_iter().peekable(), anchors: HashMap::new(), errors: Vec::new() };
    if reader.steps.peek().is_some() {
        document.root = reader.node();
    }
    // After an unreadable node, the remaining events are not a second document.
    if let Some(step) = reader.steps.next()
        && document.root.is_some()
    {
        let message = "unexpected second document".to_owned();
        reader.errors.push(SyntaxError { mark: step.mark, message });
    }
    (document, reader.errors)
}

impl From<Marker> for Mark {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// Returns the events of nodes, and the comments after the last one.
fn steps(text: &str) -> Result<(Vec<Step<'_>>, Vec<String>), SyntaxError> {
    let options = granit_parser::options! {
        emit_anchor_events: true,
        // The text is in memory already, so a limit would save nothing.
        max_buffered_comment_events: usize::MAX,
    };
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut pending = Vec::new();
    let (mut depth, mut nodes) = (0_usize, 0_usize);
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| SyntaxError {
            mark: (*error.marker()).into(),
            message: error.kind().to_string(),
        })?;
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        nodes += usize::from(event.is_node() || matches!(event, Event::Comment(..)));
        let limit = if depth > MAX_DEPTH {
            Some(format!("nested deeper than {MAX_DEPTH} levels"))
        } else {
            (nodes > MAX_NODES).then(|| format!("more than {MAX_NODES} values and comments"))
        };
        if let Some(message) = limit {
            return Err(SyntaxError { mark: span.start.into(), message });
        }
        match event {
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd => {}
            Event::Anchor(_, name) => {
                if let Some(step) = steps.last_mut() {
                    step.anchor = Some(name.into_owned());
                }
            }
            Event::Comment(comment, placement) => {
                let here = steps.last_mut().filter(|step| {
                    placement == Placement::Right
                        && step.line == span.start.line()
                        && step.right.is_none()
                });
                match here {
                    Some(step) => step.right = Some(comment.into_owned()),
                    None => pending.push(comment.into_owned()),
                }
            }
            // Comments before the end of a list belong to the node after the list.
            event => {
                let above = if event.is_node() { std::mem::take(&mut pending) } else { Vec::new() };
                let line = line(&event, &span);
                let mark = span.start.into();
                steps.push(Step { event, mark, line, anchor: None, above, right: None });
            }
        }
    }
    Ok((steps, pending))
}

/// Returns the line on which a comment belongs to the event.
fn line(event: &Event<'_>, span: &Span) -> usize {
    match event {
        Event::Scalar(..) => span.end.line(),
        _ => span.start.line(),
    }
}

struct Reader<'a> {
    steps: std::iter::Peekable<std::vec::IntoIter<Step<'a>>>,
    /// Anchor names by the id that aliases use.
    anchors: HashMap<usize, String>,
    errors: Vec<SyntaxError>,
}

impl Reader<'_> {
    /// Reads the next node; `None` if the remaining events are unreadable.
    fn node(&mut self) -> Option<Node> {
        let step = self.steps.next()?;
        if let (Some(id), Some(name)) = (step.event.anchor_id(), &step.anchor) {
            self.anchors.insert(id, name.clone());
        }
        let mark = step.mark;
        let tag = step.event.tag().map(spelling);
        let mut right = step.right;
        let value = match step.event {
            // Every reader reads a plain scalar of several lines as text.
            Event::Scalar(text, ScalarStyle::Plain, ..) if !text.contains('\n') => {
                Value::Plain(text.into_owned())
            }
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(name) => Value::Alias(name.clone()),
                None => return self.error(mark, "unknown anchor"),
            },
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                while !self.at(&Event::SequenceEnd) {
                    items.push(self.node()?);
                }
                right = self.steps.next().and_then(|end| end.right).or(right);
                Value::Seq(items)
            }
            Event::MappingStart(..) => {
                let mut pairs: Vec<(Node, Node)> = Vec::new();
                let mut seen = HashSet::new();
                while !self.at(&Event::MappingEnd) {
                    let key = self.node()?;
                    let value = self.node()?;
                    let Some(name) = key.as_str() else {
                        let _ = self.error::<()>(key.mark, "a key must be a scalar");
                        continue;
                    };
                    if seen.insert(name.to_owned()) {
                        pairs.push((key, value));
                    } else {
                        let message = format!("duplicate key `{name}`");
                        let _ = self.error::<()>(key.mark, &message);
                    }
                }
                right = self.steps.next().and_then(|end| end.right).or(right);
                Value::Map(pairs)
            }
            event => return self.error(mark, &format!("unexpected {event:?}")),
        };
        Some(Node { value, mark, anchor: step.anchor, tag, above: step.above, right })
    }

    fn error<T>(&mut self, mark: Mark, message: &str) -> Option<T> {
        self.errors.push(SyntaxError { mark, message: message.to_owned() });
        None
    }

    fn at(&mut self, end: &Event<'_>) -> bool {
        self.steps.peek().is_none_or(|step| step.event == *end)
    }
}

/// Returns a tag in a notation that needs no `%TAG` directive.
fn spelling(tag: &Tag) -> String {
    match (tag.core_suffix(), tag.handle()) {
        (Some(name), _) => format!("!!{name}"),
        (None, "!") => format!("!{}", tag.suffix()),
        (None, "") if tag.suffix() == "!" => "!".to_owned(),
        (None, handle) => format!("!<{handle}{}>", tag.suffix()),
    }
}

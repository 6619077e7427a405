//! From text to a tree.

use std::collections::HashMap;

use granit_parser::{Event, Parser, Placement, ScalarStyle, Span, Tag};

use super::{Document, Node, Value};

/// An event, with the comments that stand by it.
struct Step<'a> {
    event: Event<'a>,
    /// The line it ends on.
    line: usize,
    anchor: Option<String>,
    above: Vec<String>,
    right: Option<String>,
}

/// Reads one document.
///
/// # Errors
///
/// With a reason and a line, when `text` is not YAML, is more than one document, or has a mapping
/// whose keys are not scalars, or which has one twice.
pub(in crate::kubeconfig) fn parse(text: &str) -> Result<Document, String> {
    let (steps, comments) = steps(text)?;
    let mut reader = Reader { steps: steps.into_iter().peekable(), anchors: HashMap::new() };
    let root = match reader.steps.peek() {
        Some(_) => Some(reader.node()?),
        None => None,
    };
    match reader.steps.next() {
        Some(step) => Err(format!("line {}: a second document starts", step.line)),
        None => Ok(Document { root, comments }),
    }
}

/// The events that make up nodes, and the comments behind the last of them.
fn steps(text: &str) -> Result<(Vec<Step<'_>>, Vec<String>), String> {
    let options = granit_parser::options! {
        emit_anchor_events: true,
        // The text is in memory already, so that there is nothing to be saved by a limit.
        max_buffered_comment_events: usize::MAX,
    };
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut pending = Vec::new();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| error.to_string())?;
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
            // The comments before the end of a list belong to what follows the list.
            event => {
                let above = if event.is_node() { std::mem::take(&mut pending) } else { Vec::new() };
                let line = line(&event, &span);
                steps.push(Step { event, line, anchor: None, above, right: None });
            }
        }
    }
    Ok((steps, pending))
}

/// The line that a comment must be on to stand to the right of an event.
fn line(event: &Event<'_>, span: &Span) -> usize {
    match event {
        Event::Scalar(..) => span.end.line(),
        _ => span.start.line(),
    }
}

struct Reader<'a> {
    steps: std::iter::Peekable<std::vec::IntoIter<Step<'a>>>,
    /// Names of anchors by the number that aliases know them by.
    anchors: HashMap<usize, String>,
}

impl Reader<'_> {
    fn node(&mut self) -> Result<Node, String> {
        let Some(step) = self.steps.next() else {
            return Err("the document ends too early".to_owned());
        };
        if let (Some(id), Some(name)) = (step.event.anchor_id(), &step.anchor) {
            self.anchors.insert(id, name.clone());
        }
        let tag = step.event.tag().map(spelling);
        let mut right = step.right;
        let value = match step.event {
            // A plain scalar over several lines is text to every reader.
            Event::Scalar(text, ScalarStyle::Plain, ..) if !text.contains('\n') => {
                Value::Plain(text.into_owned())
            }
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(name) => Value::Alias(name.clone()),
                None => return Err(format!("line {}: an alias of no anchor", step.line)),
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
                while !self.at(&Event::MappingEnd) {
                    let line = self.steps.peek().map_or(0, |step| step.line);
                    let key = self.node()?;
                    let Some(name) = key.as_str() else {
                        return Err(format!("line {line}: a key that is not a scalar"));
                    };
                    if pairs.iter().any(|(other, _)| other.as_str() == Some(name)) {
                        return Err(format!("line {line}: key `{name}` stands here twice"));
                    }
                    pairs.push((key, self.node()?));
                }
                right = self.steps.next().and_then(|end| end.right).or(right);
                Value::Map(pairs)
            }
            event => return Err(format!("line {}: an unexpected {event:?}", step.line)),
        };
        Ok(Node { value, anchor: step.anchor, tag, above: step.above, right })
    }

    fn at(&mut self, end: &Event<'_>) -> bool {
        self.steps.peek().is_none_or(|step| step.event == *end)
    }
}

/// A tag in a notation that needs no `%TAG` directive.
fn spelling(tag: &Tag) -> String {
    match (tag.core_suffix(), tag.handle()) {
        (Some(name), _) => format!("!!{name}"),
        (None, "!") => format!("!{}", tag.suffix()),
        (None, "") if tag.suffix() == "!" => "!".to_owned(),
        (None, handle) => format!("!<{handle}{}>", tag.suffix()),
    }
}

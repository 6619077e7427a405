//! From text to a tree.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, Placement, ScalarStyle, Span, Tag};

use super::{Document, Flaw, Mark, Node, Value};

/// An event, with the comments that stand by it.
struct Step<'a> {
    event: Event<'a>,
    /// Where it starts.
    mark: Mark,
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
pub(crate) fn parse(text: &str) -> Result<Document, String> {
    let (document, flaws) = read(text);
    match flaws.first() {
        Some(flaw) => Err(format!("line {}: {}", flaw.mark.line, flaw.message)),
        None => Ok(document),
    }
}

/// Reads one document as far as it can be read, with all that is wrong with it. Of a key that stands
/// twice the first counts.
pub(crate) fn read(text: &str) -> (Document, Vec<Flaw>) {
    let mut document = Document { root: None, comments: Vec::new() };
    let (steps, comments) = match steps(text) {
        Ok(steps) => steps,
        Err(flaw) => return (document, vec![flaw]),
    };
    document.comments = comments;
    let mut reader =
        Reader { steps: steps.into_iter().peekable(), anchors: HashMap::new(), flaws: Vec::new() };
    if reader.steps.peek().is_some() {
        document.root = reader.node();
    }
    // Where a node could not be read, what is left is not another document.
    if let Some(step) = reader.steps.next()
        && document.root.is_some()
    {
        let message = "a second document starts".to_owned();
        reader.flaws.push(Flaw { mark: step.mark, message });
    }
    (document, reader.flaws)
}

impl From<Marker> for Mark {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// The events that make up nodes, and the comments behind the last of them.
fn steps(text: &str) -> Result<(Vec<Step<'_>>, Vec<String>), Flaw> {
    let options = granit_parser::options! {
        emit_anchor_events: true,
        // The text is in memory already, so that there is nothing to be saved by a limit.
        max_buffered_comment_events: usize::MAX,
    };
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut pending = Vec::new();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| Flaw {
            mark: (*error.marker()).into(),
            message: error.kind().to_string(),
        })?;
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
                let mark = span.start.into();
                steps.push(Step { event, mark, line, anchor: None, above, right: None });
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
    flaws: Vec<Flaw>,
}

impl Reader<'_> {
    /// The next node; `None` where what follows cannot be understood.
    fn node(&mut self) -> Option<Node> {
        let step = self.steps.next()?;
        if let (Some(id), Some(name)) = (step.event.anchor_id(), &step.anchor) {
            self.anchors.insert(id, name.clone());
        }
        let mark = step.mark;
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
                None => return self.flaw(mark, "an alias of no anchor"),
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
                        let _ = self.flaw::<()>(key.mark, "a key that is not a scalar");
                        continue;
                    };
                    if seen.insert(name.to_owned()) {
                        pairs.push((key, value));
                    } else {
                        let words = format!("key `{name}` stands here twice");
                        let _ = self.flaw::<()>(key.mark, &words);
                    }
                }
                right = self.steps.next().and_then(|end| end.right).or(right);
                Value::Map(pairs)
            }
            event => return self.flaw(mark, &format!("an unexpected {event:?}")),
        };
        Some(Node { value, mark, anchor: step.anchor, tag, above: step.above, right })
    }

    fn flaw<T>(&mut self, mark: Mark, message: &str) -> Option<T> {
        self.flaws.push(Flaw { mark, message: message.to_owned() });
        None
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

//! Expansion of aliases, merge keys and tags.

use std::collections::{HashMap, HashSet};

use crate::util::yaml::{Mark, Node, SyntaxError, Value};

/// The maximum number of nodes that anchors and aliases copy, as a protection against malicious files. A
/// cluster of 250 nodes that uses aliases for everything needs a fifth of it.
const MAX_COPIES: usize = 50_000;

/// Expands a tree. Nodes that cannot be expanded are left out, with an error.
pub(super) fn expand(root: Node) -> (Node, Vec<SyntaxError>) {
    let mut expander = Expander { anchors: HashMap::new(), copies: 0, errors: Vec::new() };
    let root = expander.node(root);
    (root, expander.errors)
}

struct Expander {
    anchors: HashMap<String, Node>,
    copies: usize,
    errors: Vec<SyntaxError>,
}

impl Expander {
    fn node(&mut self, mut node: Node) -> Node {
        let anchor = node.anchor.take();
        let tag = node.tag.take();
        node.value = match node.value {
            Value::Alias(name) => return self.alias(&name, node.mark),
            Value::Plain(text) if tag.as_deref() == Some("!!str") => Value::Text(text),
            Value::Seq(items) => {
                Value::Seq(items.into_iter().map(|item| self.node(item)).collect())
            }
            Value::Map(pairs) => {
                let pairs =
                    pairs.into_iter().map(|(key, value)| (self.node(key), self.node(value)));
                let pairs = pairs.collect();
                Value::Map(self.merged(pairs))
            }
            value => value,
        };
        if let Some(name) = anchor
            && let Some(copy) = self.copy(&node, node.mark)
        {
            self.anchors.insert(name, copy);
        }
        node
    }

    fn alias(&mut self, name: &str, mark: Mark) -> Node {
        let mut null = Node::from(Value::Plain(String::new()));
        null.mark = mark;
        // Anchors are missing after the limit was exceeded, which is an error by itself.
        if self.copies > MAX_COPIES {
            return null;
        }
        let Some(node) = self.anchors.remove(name) else {
            let message = format!("`*{name}` refers to its own parent");
            self.errors.push(SyntaxError { mark, message });
            return null;
        };
        let copy = self.copy(&node, mark);
        self.anchors.insert(name.to_owned(), node);
        copy.unwrap_or(null)
    }

    /// Copies a node for an anchor or an alias; `None` if there are too many copies. After that, nodes are not
    /// even counted, which would take as long as copying them.
    fn copy(&mut self, node: &Node, mark: Mark) -> Option<Node> {
        if self.copies > MAX_COPIES {
            return None;
        }
        self.copies += size(node);
        if self.copies > MAX_COPIES {
            self.errors.push(SyntaxError { mark, message: TOO_LARGE.to_owned() });
            return None;
        }
        Some(node.clone())
    }

    /// Expands merge keys. Existing keys are kept.
    fn merged(&mut self, pairs: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
        let is_merge = |key: &Node| matches!(&key.value, Value::Plain(text) if text == "<<");
        let (merges, mut pairs): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|(key, _)| is_merge(key));
        if merges.is_empty() {
            return pairs;
        }
        let name = |key: &Node| key.as_str().map(str::to_owned);
        let mut names: HashSet<_> = pairs.iter().map(|(key, _)| name(key)).collect();
        for (key, value) in merges {
            let sources = match value.value {
                Value::Seq(items) => items,
                _ => vec![value],
            };
            for source in sources {
                let Value::Map(more) = source.value else {
                    let message = "`<<` needs a mapping".to_owned();
                    self.errors.push(SyntaxError { mark: key.mark, message });
                    continue;
                };
                for (key, value) in more {
                    if names.insert(name(&key)) {
                        pairs.push((key, value));
                    }
                }
            }
        }
        pairs
    }
}

const TOO_LARGE: &str = "aliases expand to too many nodes";

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Seq(items) => items.iter().map(size).sum(),
        Value::Map(pairs) => pairs.iter().map(|(_, value)| 1 + size(value)).sum(),
        _ => 0,
    }
}

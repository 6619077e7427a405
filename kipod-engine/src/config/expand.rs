//! A tree in which what aliases, merge keys and tags stand for is written out.

use std::collections::HashMap;

use crate::util::yaml::{Flaw, Mark, Node, Value};

/// How many nodes aliases may stand for in all, above which a file is no configuration but a trap.
/// One of 250 nodes with everything said by aliases has a fifth of it.
const MAX_COPIES: usize = 50_000;

/// Writes out what stands for something else. What cannot be is left out, with a flaw.
pub(super) fn expand(root: Node) -> (Node, Vec<Flaw>) {
    let mut expander = Expander { anchors: HashMap::new(), copies: 0, flaws: Vec::new() };
    let root = expander.node(root);
    (root, expander.flaws)
}

struct Expander {
    anchors: HashMap<String, Node>,
    copies: usize,
    flaws: Vec<Flaw>,
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
        if let Some(name) = anchor {
            self.anchors.insert(name, node.clone());
        }
        node
    }

    fn alias(&mut self, name: &str, mark: Mark) -> Node {
        let mut null = Node::from(Value::Plain(String::new()));
        null.mark = mark;
        let Some(node) = self.anchors.get(name) else {
            let message = format!("`*{name}` is inside of what it stands for");
            self.flaws.push(Flaw { mark, message });
            return null;
        };
        self.copies += size(node);
        if self.copies > MAX_COPIES {
            if self.flaws.iter().all(|flaw| flaw.message != TOO_MUCH) {
                self.flaws.push(Flaw { mark, message: TOO_MUCH.to_owned() });
            }
            return null;
        }
        node.clone()
    }

    /// The pairs, with those of merge keys behind them that are not there already.
    fn merged(&mut self, pairs: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
        let is_merge = |key: &Node| matches!(&key.value, Value::Plain(text) if text == "<<");
        let (merges, mut pairs): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|(key, _)| is_merge(key));
        for (key, value) in merges {
            let sources = match value.value {
                Value::Seq(items) => items,
                _ => vec![value],
            };
            for source in sources {
                let Value::Map(more) = source.value else {
                    let message = "`<<` takes in a mapping, and this is none".to_owned();
                    self.flaws.push(Flaw { mark: key.mark, message });
                    continue;
                };
                for (key, value) in more {
                    if !pairs.iter().any(|(other, _)| other.as_str() == key.as_str()) {
                        pairs.push((key, value));
                    }
                }
            }
        }
        pairs
    }
}

const TOO_MUCH: &str = "aliases stand for too much";

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Seq(items) => items.iter().map(size).sum(),
        Value::Map(pairs) => pairs.iter().map(|(_, value)| 1 + size(value)).sum(),
        _ => 0,
    }
}

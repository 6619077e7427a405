//! A kubeconfig document, edited entry by entry.

use crate::util::yaml::{self, Node, Value};

/// One of the three lists of named entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// The key of the list.
    list: &'static str,
    /// The key of an entry's content, next to `name`.
    content: &'static str,
}

pub(super) const CLUSTERS: Section = Section { list: "clusters", content: "cluster" };
pub(super) const CONTEXTS: Section = Section { list: "contexts", content: "context" };
pub(super) const USERS: Section = Section { list: "users", content: "user" };
pub(super) const SECTIONS: [Section; 3] = [CLUSTERS, CONTEXTS, USERS];

const CURRENT: &str = "current-context";

/// A kubeconfig document. Edits preserve all other content.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document(yaml::Document);

impl Document {
    /// Creates a document without entries, with its keys in the order of `kubectl`.
    pub(super) fn new() -> Self {
        let empty = || Node::from(Value::Seq(Vec::new()));
        let root = Node::map([
            ("apiVersion", Node::text("v1")),
            (CLUSTERS.list, empty()),
            (CONTEXTS.list, empty()),
            (CURRENT, Node::text("")),
            ("kind", Node::text("Config")),
            (USERS.list, empty()),
        ]);
        Self(yaml::Document { root: Some(root), comments: Vec::new() })
    }

    /// Parses a document. Like in `kubectl`, an empty text is a document without entries.
    ///
    /// # Errors
    ///
    /// If the text cannot be edited as a kubeconfig. The error is the reason.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut document = yaml::parse(text).map_err(|error| error.to_string())?;
        let Some(root) = document.root.as_ref().filter(|root| !root.is_null()) else {
            let comments = std::mem::take(&mut document.comments);
            let Self(empty) = Self::new();
            return Ok(Self(yaml::Document { comments, ..empty }));
        };
        if !matches!(root.value, Value::Map(_)) {
            return Err("the top level is not a mapping".to_owned());
        }
        if root.get("<<").is_some() {
            return Err("the top level has a merge key `<<`, which cannot be edited".to_owned());
        }
        for (key, expected) in [("kind", "Config"), ("apiVersion", "v1")] {
            match root.get(key) {
                Some(value) if value.as_str() != Some(expected) && !value.is_null() => {
                    let found = value.as_str().unwrap_or("not a string");
                    return Err(format!("`{key}` is `{found}`, not `{expected}`"));
                }
                _ => {}
            }
        }
        for section in SECTIONS {
            let Some(list) = root.get(section.list).filter(|list| !list.is_null()) else {
                continue;
            };
            let Value::Seq(items) = &list.value else {
                return Err(format!("`{}` is not a list", section.list));
            };
            if !items.iter().all(|item| matches!(item.value, Value::Map(_))) {
                return Err(format!("`{}` has an entry that is not a mapping", section.list));
            }
        }
        match root.get(CURRENT) {
            Some(value) if value.as_str().is_none() => Err(format!("`{CURRENT}` is not a string")),
            _ => Ok(Self(document)),
        }
    }

    /// Renders the document as text.
    ///
    /// # Errors
    ///
    /// If the text would not parse as the same document. The error is the reason.
    pub(super) fn render(&self) -> Result<String, String> {
        yaml::write(&self.0).map_err(|error| error.to_string())
    }

    /// Returns whether the section has an entry of that name.
    pub(super) fn has(&self, section: Section, name: &str) -> bool {
        self.items(section).iter().any(|item| is_named(item, name))
    }

    /// Adds an entry at the end, or replaces the entry of that name.
    pub(super) fn put(&mut self, section: Section, name: &str, content: Node) {
        // In alphabetical order, like `kubectl`.
        let mut keys = [(section.content, content), ("name", Node::text(name))];
        keys.sort_by_key(|(key, _)| *key);
        let mut entry = Node::map(keys);
        let items = self.items_mut(section);
        let Some(at) = items.iter().position(|item| is_named(item, name)) else {
            items.push(entry);
            return;
        };
        if !items[at].same_content(&entry) {
            entry = entry.with_comments_of(&items[at]);
            items[at] = entry;
        }
        // `kubectl` rejects a file with duplicate names, so duplicates are removed.
        let mut seen = false;
        items.retain(|item| !is_named(item, name) || !std::mem::replace(&mut seen, true));
    }

    /// Removes the entry of that name, if it exists.
    pub(super) fn remove(&mut self, section: Section, name: &str) {
        if self.has(section, name) {
            self.items_mut(section).retain(|item| !is_named(item, name));
        }
    }

    /// Returns the name of the current context; empty if there is none.
    pub(super) fn current_context(&self) -> &str {
        let current = self.root().get(CURRENT).filter(|current| !current.is_null());
        current.and_then(Node::as_str).unwrap_or_default()
    }

    /// Sets the name of the current context; empty for none, like `kubectl`.
    pub(super) fn set_current_context(&mut self, name: &str) {
        if self.current_context() != name {
            let slot = self.slot(CURRENT, Value::Text(String::new()));
            *slot = Node::text(name).with_comments_of(slot);
        }
    }

    fn root(&self) -> &Node {
        self.0.root.as_ref().expect("parse and new create a mapping")
    }

    fn items(&self, section: Section) -> &[Node] {
        match self.root().get(section.list).map(|list| &list.value) {
            Some(Value::Seq(items)) => items,
            _ => &[],
        }
    }

    fn items_mut(&mut self, section: Section) -> &mut Vec<Node> {
        let empty = || Value::Seq(Vec::new());
        let list = self.slot(section.list, empty());
        if list.is_null() {
            *list = Node::from(empty()).with_comments_of(list);
        }
        match &mut list.value {
            Value::Seq(items) => items,
            _ => unreachable!("parse accepts only lists and null"),
        }
    }

    /// Returns the value of a top-level key, inserting `default` if it is missing.
    fn slot(&mut self, key: &str, default: Value) -> &mut Node {
        let Some(Value::Map(pairs)) = self.0.root.as_mut().map(|root| &mut root.value) else {
            unreachable!("parse and new create a mapping");
        };
        let at = pairs.iter().position(|(name, _)| name.as_str() == Some(key));
        let at = at.unwrap_or_else(|| {
            pairs.push((Node::text(key), default.into()));
            pairs.len() - 1
        });
        &mut pairs[at].1
    }
}

fn is_named(item: &Node, name: &str) -> bool {
    item.get("name").and_then(Node::as_str) == Some(name)
}

//! A kubeconfig document that can be edited an entry at a time.

use crate::util::yaml::{self, Node, Value};

/// One of the three lists of named entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// The list's key.
    list: &'static str,
    /// The key of an entry's content, beside `name`.
    content: &'static str,
}

pub(super) const CLUSTERS: Section = Section { list: "clusters", content: "cluster" };
pub(super) const CONTEXTS: Section = Section { list: "contexts", content: "context" };
pub(super) const USERS: Section = Section { list: "users", content: "user" };
pub(super) const SECTIONS: [Section; 3] = [CLUSTERS, CONTEXTS, USERS];

const CURRENT: &str = "current-context";

/// A kubeconfig document. Whatever of it is not asked for stays as it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document(yaml::Document);

impl Document {
    /// A document without entries, with its keys in the order in which `kubectl` writes them.
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

    /// Reads a document. Text without any content is one without entries, as it is to `kubectl`.
    ///
    /// # Errors
    ///
    /// With the reason why the text cannot be edited as a kubeconfig.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut document = yaml::parse(text).map_err(|error| error.to_string())?;
        let Some(root) = document.root.as_ref().filter(|root| !root.is_null()) else {
            let comments = std::mem::take(&mut document.comments);
            let Self(empty) = Self::new();
            return Ok(Self(yaml::Document { comments, ..empty }));
        };
        if !matches!(root.value, Value::Map(_)) {
            return Err("its top is not a mapping".to_owned());
        }
        if root.get("<<").is_some() {
            return Err("its top has a merge key `<<`, which cannot be edited".to_owned());
        }
        for (key, expected) in [("kind", "Config"), ("apiVersion", "v1")] {
            match root.get(key) {
                Some(value) if value.as_str() != Some(expected) && !value.is_null() => {
                    let found = value.as_str().unwrap_or("not text");
                    return Err(format!("its `{key}` is `{found}`, not `{expected}`"));
                }
                _ => {}
            }
        }
        for section in SECTIONS {
            let Some(list) = root.get(section.list).filter(|list| !list.is_null()) else {
                continue;
            };
            let Value::Seq(items) = &list.value else {
                return Err(format!("its `{}` is not a list", section.list));
            };
            if !items.iter().all(|item| matches!(item.value, Value::Map(_))) {
                return Err(format!("its `{}` has an entry that is not a mapping", section.list));
            }
        }
        match root.get(CURRENT) {
            Some(value) if value.as_str().is_none() => {
                Err(format!("its `{CURRENT}` is not a name"))
            }
            _ => Ok(Self(document)),
        }
    }

    /// The text, which reads as the same document.
    ///
    /// # Errors
    ///
    /// When it would not.
    pub(super) fn render(&self) -> Result<String, String> {
        yaml::write(&self.0).map_err(|error| error.to_string())
    }

    /// Whether there is an entry of that name.
    pub(super) fn has(&self, section: Section, name: &str) -> bool {
        self.items(section).iter().any(|item| is_named(item, name))
    }

    /// Adds an entry at the end, or puts it in the place of the one with that name.
    pub(super) fn put(&mut self, section: Section, name: &str, content: Node) {
        // In the order of the alphabet, as `kubectl` writes them.
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
        // `kubectl` refuses a file that has a name twice: this one it can read again.
        let mut seen = false;
        items.retain(|item| !is_named(item, name) || !std::mem::replace(&mut seen, true));
    }

    /// Removes the entry of that name, if there is one.
    pub(super) fn remove(&mut self, section: Section, name: &str) {
        if self.has(section, name) {
            self.items_mut(section).retain(|item| !is_named(item, name));
        }
    }

    /// The name of the current context; empty where there is none.
    pub(super) fn current_context(&self) -> &str {
        let current = self.root().get(CURRENT).filter(|current| !current.is_null());
        current.and_then(Node::as_str).unwrap_or_default()
    }

    /// Sets the name of the current context; empty for none, as `kubectl` writes it.
    pub(super) fn set_current_context(&mut self, name: &str) {
        if self.current_context() != name {
            let slot = self.slot(CURRENT, Value::Text(String::new()));
            *slot = Node::text(name).with_comments_of(slot);
        }
    }

    fn root(&self) -> &Node {
        self.0.root.as_ref().expect("parse and new make a mapping")
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
            _ => unreachable!("parse lets only lists and null pass"),
        }
    }

    /// What stands at a key of the top, with this at it if there was nothing.
    fn slot(&mut self, key: &str, default: Value) -> &mut Node {
        let Some(Value::Map(pairs)) = self.0.root.as_mut().map(|root| &mut root.value) else {
            unreachable!("parse and new make a mapping");
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

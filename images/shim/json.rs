//! Just enough JSON to cut a member out of a document or give it another value, and leave every
//! other byte as it was.

use std::ops::Range;

/// One member of an object: where `"key": value` stands, and where its value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The key, as written between its quotes.
    pub(crate) key: String,
    /// The whole member.
    pub(crate) whole: Range<usize>,
    /// Its value.
    pub(crate) value: Range<usize>,
}

/// The members of the object that `at` spans; none when it spans something else.
pub(crate) fn members(text: &str, at: Range<usize>) -> Result<Vec<Member>, String> {
    let mut scan = Scanner { text: &text[..at.end], at: at.start };
    let mut found = Vec::new();
    scan.blank();
    if !scan.eat('{') {
        return Ok(found);
    }
    scan.blank();
    if scan.eat('}') {
        return Ok(found);
    }
    loop {
        scan.blank();
        let start = scan.at;
        let key = scan.string()?;
        scan.blank();
        scan.want(':')?;
        scan.blank();
        let value_start = scan.at;
        scan.value()?;
        let key = text[key.start + 1..key.end - 1].to_owned();
        found.push(Member { key, whole: start..scan.at, value: value_start..scan.at });
        scan.blank();
        if scan.eat('}') {
            return Ok(found);
        }
        scan.want(',')?;
    }
}

/// The member that `path` leads to from the document's root.
pub(crate) fn find(text: &str, path: &[&str]) -> Result<Option<Member>, String> {
    let mut at = 0..text.len();
    let mut found = None;
    for key in path {
        let Some(member) = members(text, at)?.into_iter().find(|member| member.key == *key) else {
            return Ok(None);
        };
        at = member.value.clone();
        found = Some(member);
    }
    Ok(found)
}

/// `text` with the value that `path` leads to replaced; as it was where there is none.
pub(crate) fn replace(text: &str, path: &[&str], value: &str) -> Result<String, String> {
    Ok(match find(text, path)? {
        Some(member) => {
            format!("{}{value}{}", &text[..member.value.start], &text[member.value.end..])
        }
        None => text.to_owned(),
    })
}

/// `text` without those members of the object that `path` leads to of which `drop` holds.
pub(crate) fn retain(
    text: &str,
    path: &[&str],
    drop: impl Fn(&str) -> bool,
) -> Result<String, String> {
    let Some(object) = find(text, path)? else { return Ok(text.to_owned()) };
    let all = members(text, object.value.clone())?;
    if !all.iter().any(|member| drop(&member.key)) {
        return Ok(text.to_owned());
    }
    let kept: Vec<&str> =
        all.iter().filter(|m| !drop(&m.key)).map(|m| &text[m.whole.clone()]).collect();
    let body = kept.join(",");
    Ok(format!("{}{{{body}}}{}", &text[..object.value.start], &text[object.value.end..]))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted as u8);
        self.at += usize::from(found);
        found
    }

    fn want(&mut self, wanted: char) -> Result<(), String> {
        if self.eat(wanted) { Ok(()) } else { Err(format!("no `{wanted}` at byte {}", self.at)) }
    }

    fn string(&mut self) -> Result<Range<usize>, String> {
        let start = self.at;
        self.want('"')?;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return Ok(start..self.at),
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        Err(format!("the string at byte {start} has no end"))
    }

    /// Steps over one value. Strings are stepped over as such, so brackets inside them do not
    /// count.
    fn value(&mut self) -> Result<(), String> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':' | b' ' | b'\n' | b'\t' | b'\r') if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(byte) if byte.is_ascii_alphanumeric() || b"+-.".contains(&byte) => {
                    while self
                        .peek()
                        .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
                    {
                        self.at += 1;
                    }
                }
                _ => return Err(format!("the value at byte {start} is broken off")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

//! Documents are parsed, written and parsed again.

use super::*;

fn rewritten(text: &str) -> String {
    let document = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let written = write(&document).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(parse(&written).unwrap(), document, "comments too\n{written}");
    written
}

#[test]
fn kubectl_output_is_kept_byte_for_byte() {
    let text = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTg==
    extensions:
    - extension:
        last-update: Mon, 01 Jan 2026 00:00:00 UTC
        version: v1.37.0
      name: cluster_info
    insecure-skip-tls-verify: true
    server: https://10.0.0.1:6443
  name: prod
contexts: []
current-context: \"\"
kind: Config
preferences: {}
users:
- name: ada
  user:
    exec:
      args:
      - --flag
      - '-'
      command: aws
      env: null
      script: |
        #!/bin/sh
        echo 'a'

        exit 0
";
    assert_eq!(rewritten(text), text.replace("\"\"", "''"));
}

#[test]
fn plain_scalars_keep_their_spelling() {
    let text = "\
a: yes
b: 0755
c: 1_000
d: 0x1F
e: 12:30:45
f: 2026-01-01
g: ~
h: .inf
i: 1e3
j: a b, c [d] {e} #f
k: http://x/y#z
l: null
m: NO
";
    assert_eq!(rewritten(text), text);
}

#[test]
fn text_is_read_back_as_text() {
    let texts = [
        "yes",
        "0755",
        "",
        " ",
        "it's",
        "a: b",
        "a #b",
        "- a",
        "\"",
        "\\",
        "tab\tbed",
        "two\nlines",
        "two\nlines\n",
        "two\n\nlines\n\n",
        "\nfirst empty",
        "  indented\nlines",
        "trailing \nspace",
        "bell\u{7}",
        "\u{feff}",
        "\u{85}\u{2028}",
        "snowman ☃ and 🦀",
        "null",
        "~",
        "!tag",
        "&anchor",
        "*alias",
        "%directive",
        "---",
        "k:",
    ];
    for text in texts {
        let item = Node::from(Value::Seq(vec![Node::text(text)]));
        let root = Node::map([("key", Node::text(text)), (text, Node::text("x")), ("list", item)]);
        let document = Document { root: Some(root), comments: Vec::new() };
        let written = write(&document).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let read: std::collections::BTreeMap<String, serde_json::Value> =
            serde_saphyr::from_str(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
        if text != "key" {
            assert_eq!(read["key"], text, "{written}");
            assert_eq!(read["list"][0], text, "{written}");
            assert_eq!(read[text], "x", "{written}");
        }
    }
}

#[test]
fn comments_stay_in_place() {
    let text = "\
# head
apiVersion: v1 # right of a scalar
# above clusters
clusters: # right of a key
# above the first
- cluster:
    # above server
    server: https://a # right of server
  # above name
  name: a
# above the second
- name: b
# last
";
    assert_eq!(rewritten(text), text);
}

#[test]
fn unusual_comments_are_kept() {
    let text = "a:\n  # one\n  [x, # two\n   y] # three\nb: # four\n  plain\nc: | # five\n  text\n  more\nd:\n- # six\n  e: f\n  # seven\ng: {} # eight\n";
    let written = rewritten(text);
    for comment in ["one", "two", "three", "four", "five", "six", "seven", "eight"] {
        assert_eq!(written.matches(&format!("# {comment}")).count(), 1, "{comment}\n{written}");
    }
}

#[test]
fn other_layouts_become_blocks() {
    assert_eq!(
        rewritten("{\"a\": [1, \"2\", {\"b\": null}], \"c\": {}}"),
        "'a':\n- 1\n- '2'\n- 'b': null\n'c': {}\n"
    );
    assert_eq!(
        rewritten("---\na: b\r\nc: >-\r\n  folded\r\n  text\r\n...\n"),
        "a: b\nc: 'folded text'\n"
    );
    assert_eq!(
        rewritten("a:\n    - - x\n      - y\n    -\n        z: 1\nb: several\n  lines\n"),
        "a:\n- - x\n  - y\n- z: 1\nb: several lines\n"
    );
}

#[test]
fn anchors_aliases_and_tags_are_kept() {
    let text = "\
a: &one
  k: v
b: *one
c:
  <<: *one
  x: !!str 12
d: !local
- &two y
- !<tag:example.com,2000:thing> z
- *two
";
    assert_eq!(rewritten(text), text);
    assert_eq!(
        rewritten("%TAG !e! tag:example.com,2000:\n---\na: !e!b c\n"),
        "a: !<tag:example.com,2000:b> c\n"
    );
}

#[test]
fn parse_refuses_all_but_one_document() {
    let cases = [
        ("a: b\n---\nc: d\n", "unexpected second document"),
        ("a: [b", "line 1"),
        ("a: b\n c: d\n", "line 2"),
        ("a: 1\na: 2\n", "line 2: duplicate key `a`"),
        ("? [a, b]\n: c\n", "line 1: a key must be a scalar"),
        ("a: *b\n", "unknown anchor"),
        ("a:\n\t- b\n\tc: d\n", "line 2"),
    ];
    for (text, reason) in cases {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}

#[test]
fn comments_alone_are_a_document() {
    let document = parse("# a\n\n# b\n").unwrap();
    assert_eq!(document.root, None);
    assert_eq!(document.comments, [" a", " b"]);
    assert_eq!(parse("").unwrap().root, None);
}

#[test]
fn deep_and_large_documents_are_errors() {
    let error = |text: &str| parse(text).unwrap_err().to_string();
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(&nested(128)).is_ok());
    for text in [nested(129), "- ".repeat(1000)] {
        assert_eq!(error(&text), "line 1: nested deeper than 128 levels");
    }
    // The parser has a limit for brackets.
    for text in ["[".repeat(1 << 20), "{a: ".repeat(1000)] {
        assert_eq!(error(&text), "line 1: recursion limit exceeded");
    }
    let message = "more than 100000 values and comments";
    for text in ["- \n".repeat(100_001), "#\n".repeat(100_001), "a,".repeat(100_001)] {
        let text = if text.starts_with('a') { format!("[{text}]") } else { text };
        assert!(error(&text).ends_with(message));
    }
}

//! Division of tests into parts that run at the same time.

/// The kernel's limit for one argument of a program is 128 KiB (`MAX_ARG_STRLEN`, execve(2)).
const MAX_FOCUS: usize = 100_000;

/// Tests that run in parallel, and tests that need the cluster for themselves.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts {
    /// Tests of each parallel process.
    pub parallel: Vec<Vec<String>>,
    /// Tests that run alone, in batches.
    pub serial: Vec<Vec<String>>,
}

impl Parts {
    /// Divides tests between `processes`. Neighbours share a file of the suite, and often an expensive
    /// fixture, so they are dealt in turn.
    pub fn new(tests: &[String], processes: usize) -> Self {
        let alone = |name: &&String| name.contains("[Serial]") || name.contains("[Disruptive]");
        let (serial, parallel): (Vec<&String>, Vec<&String>) = tests.iter().partition(alone);
        let count = processes.clamp(1, parallel.len().max(1));
        let mut dealt = vec![Vec::new(); count];
        for (index, name) in parallel.into_iter().enumerate() {
            dealt[index % count].push(name.clone());
        }
        let parallel = dealt.into_iter().flat_map(batches).collect();
        Self { parallel, serial: batches(serial.into_iter().cloned().collect()) }
    }
}

/// Splits tests so that each focus fits into one argument.
fn batches(tests: Vec<String>) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    let mut size = 0;
    for name in tests {
        let length = escape(&name).len() + 4;
        match all.last_mut() {
            Some(last) if size + length <= MAX_FOCUS => {
                size += length;
                last.push(name);
            }
            _ => {
                size = length;
                all.push(vec![name]);
            }
        }
    }
    all
}

/// Returns a regular expression that selects exactly these tests. Ginkgo matches it against the name of the
/// suite and that of the test.
pub fn focus(tests: &[String]) -> String {
    let names: Vec<_> = tests.iter().map(|name| format!("{}$", escape(name))).collect();
    names.join("|")
}

/// Escapes a text for Go's `regexp`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if r"\.+*?()|[]{}^$".contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_tests_run_alone() {
        let tests = ["a", "b [Serial]", "c", "d", "e [Disruptive]", "f"].map(str::to_owned);
        let parts = Parts::new(&tests, 3);
        assert_eq!(parts.parallel, [vec!["a", "f"], vec!["c"], vec!["d"]]);
        assert_eq!(parts.serial, [vec!["b [Serial]", "e [Disruptive]"]]);
        let one = Parts::new(&tests[..1], 8);
        assert_eq!((one.parallel.len(), one.serial.len()), (1, 0));
    }

    #[test]
    fn each_focus_fits_into_one_argument() {
        let tests: Vec<_> = (0..2000).map(|index| format!("{index} {}", "x".repeat(150))).collect();
        let parts = Parts::new(&tests, 2);
        assert_eq!(parts.parallel.iter().map(Vec::len).sum::<usize>(), 2000);
        assert!(parts.parallel.iter().all(|part| focus(part).len() <= MAX_FOCUS));
    }

    #[test]
    fn focus_escapes_names() {
        let tests = ["[sig-node] a (b) 1.5", "c|d"].map(str::to_owned);
        assert_eq!(focus(&tests), r"\[sig-node\] a \(b\) 1\.5$|c\|d$");
    }
}

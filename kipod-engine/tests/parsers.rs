//! All parsers accept mutations of the corpus in `fuzz/corpus`. Each run tries the same inputs. `fuzz/run`
//! searches for new ones.

use std::path::{Path, PathBuf};

use kipod_engine::testing::parsers::{TARGETS, Target};

/// The number of inputs of each target: less than a second without optimization.
const INPUTS: usize = 500;
/// The maximum size of an input.
const MAX_SIZE: usize = 4096;
/// The maximum resident memory of this process.
const MEMORY_LIMIT_KIB: u64 = 100 << 10;

/// Texts that parsers treat specially.
const TOKENS: &[&str] = &[
    "\n",
    "\n- ",
    "\n  ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "---\n",
    "#",
    "\"",
    "'",
    "|\n",
    "~",
    "null",
    "0x7f",
    "-1",
    "18446744073709551616",
    "1e999",
    "\0",
    "\u{feff}",
    "é",
    "\u{202e}",
    "%TAG ! x\n",
    "../",
    "/",
    "..",
    "=",
    ",",
    ":",
    "::",
    "[[x]]",
    "\\",
    "\x1f\u{8b}",
    "index.json",
    "a",
    "A",
    " ",
    "\t",
];

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// Returns the files of a directory, sorted by name.
fn files(dir: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut all = files(&fuzz_dir().join("corpus").join(target.name));
    if target.name == "config" {
        all.extend(files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/kind")));
    }
    all
}

/// Changes an input in a few places.
fn mutate(random: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[random.usize(..corpus.len())].clone();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=bytes.len());
        let end = random.usize(at..=bytes.len().min(at + 32));
        match random.u8(..6) {
            0 => drop(bytes.splice(at..end, TOKENS[random.usize(..TOKENS.len())].bytes())),
            1 => bytes.insert(at, random.u8(..)),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy = bytes[at..end].to_vec();
                let to = random.usize(..=bytes.len());
                bytes.splice(to..to, copy.repeat(random.usize(1..20)));
            }
            4 => {
                let other = &corpus[random.usize(..corpus.len())];
                let from = random.usize(..=other.len());
                bytes.splice(at.., other[from..].iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.u8(..8);
                }
            }
        }
    }
    bytes.truncate(MAX_SIZE);
    bytes
}

/// Returns the largest resident memory of this process, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn parsers_accept_mutations_of_the_corpus() {
    for target in TARGETS {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "no corpus of `{}`", target.name);
        corpus.iter().for_each(|input| (target.run)(input));
        let mut random = fastrand::Rng::with_seed(1);
        for index in 0..INPUTS {
            let input = mutate(&mut random, &corpus);
            let result = std::panic::catch_unwind(|| (target.run)(&input));
            assert!(
                result.is_ok(),
                "`{}` panicked on input {index}: {:?}",
                target.name,
                String::from_utf8_lossy(&input)
            );
        }
    }
    let peak = peak_memory();
    assert!(peak < MEMORY_LIMIT_KIB, "{peak} KiB");
}

/// Inputs for which time or memory could grow faster than their size.
#[test]
fn parsers_accept_repetitive_inputs() {
    let head = "kind: Cluster\napiVersion: kipod.io/v1alpha1\n";
    let list = "- a\n".repeat(20_000);
    let inputs = [
        "[".repeat(1 << 20),
        "{a: ".repeat(1 << 18),
        "- ".repeat(1 << 18),
        "&a [".repeat(1 << 17),
        "#\n".repeat(1 << 18),
        format!("{head}x: &a\n{list}y:\n{}", "- *a\n".repeat(50_000)),
        format!("{head}x: {}1{}", "&a [&b [&c [".repeat(40), "]]]".repeat(40)),
        format!(
            "{head}x: &a\n{}y:\n  <<: *a\n{}",
            "  k: v\n".repeat(9),
            "  <<: *a\n".repeat(30_000)
        ),
        (0..60_000).map(|key| format!("k{key}: v\n")).collect(),
        "a:1:1\n".repeat(1 << 17),
        "[a]\n".repeat(1 << 17),
        "[a.b]\n".repeat(1 << 10) + &"a=[".repeat(1 << 16),
        "a.".repeat(1 << 18) + "b = 1",
        "9".repeat(1 << 20),
        "[".repeat(1 << 20).replace('[', "[{\"a\":"),
    ];
    for target in TARGETS {
        inputs.iter().for_each(|input| (target.run)(input.as_bytes()));
    }
}

#[test]
fn each_target_has_a_fuzz_target() {
    for target in TARGETS {
        let path = fuzz_dir().join(format!("fuzz_targets/{}.rs", target.name));
        let source = std::fs::read_to_string(&path).unwrap();
        assert!(source.contains(&format!("\"{}\"", target.name)), "{}", path.display());
    }
    assert_eq!(std::fs::read_dir(fuzz_dir().join("fuzz_targets")).unwrap().count(), TARGETS.len());
}

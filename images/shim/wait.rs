//! A container that is not made before an API server answers.
//!
//! Some programs end where the API server is not ready within a few seconds: kube-controller-manager
//! after ten. On a slow machine it takes minutes, and each new start of theirs takes the processor
//! from the one they wait for. A container that has [`VARIABLE`] in its environment comes when it can work.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::json;

/// What names the API server's address, as `127.0.0.1:6443`.
pub(crate) const VARIABLE: &str = "KIPOD_WAIT_FOR_API_SERVER";
/// CRI-O gives a container four minutes to be made. Who has waited for this long, and for one more answer,
/// starts anyway.
const LIMIT: Duration = Duration::from_secs(200);
/// How long one answer may take, in seconds.
const ANSWER_LIMIT: &str = "15";
/// How often a port is tried that nobody listens on: that costs nothing.
const PAUSE: Duration = Duration::from_millis(500);
/// Nor longer than this between two questions.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// An answer is work for the one that is waited for: the pause is this many times as long.
const TIMES_AS_LONG: u32 = 10;

/// The address that a container's description says to wait for. What is none is somebody else's affair.
pub(crate) fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    let Some(environment) = json::find(text, &["process", "env"])? else { return Ok(None) };
    let start = format!("\"{VARIABLE}=");
    let Some((before, value)) = text[environment.value].split_once(&start) else { return Ok(None) };
    let value = value.split('"').next().unwrap_or(value);
    Ok(value.parse().ok().filter(|_| !before.ends_with('\\')))
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody listens there.
    Nobody,
    /// It is not ready.
    Later,
    /// It is ready, or there is no way to know.
    Ready,
}

/// Until the API server there is ready, or the time is up.
pub(crate) fn until_ready(address: SocketAddr) {
    let mut listens = false;
    wait(LIMIT, || {
        listens = listens || TcpStream::connect_timeout(&address, PAUSE).is_ok();
        if listens { answer(ask(address).as_deref()) } else { Answer::Nobody }
    });
}

/// Asks again and again; returns how often.
pub(crate) fn wait(limit: Duration, mut question: impl FnMut() -> Answer) -> u32 {
    let begun = Instant::now();
    let mut questions = 0;
    while begun.elapsed() < limit {
        let asked = Instant::now();
        questions += 1;
        let pause = match question() {
            Answer::Ready => break,
            Answer::Nobody => PAUSE,
            Answer::Later => (asked.elapsed() * TIMES_AS_LONG).clamp(PAUSE, LONGEST_PAUSE),
        };
        std::thread::sleep(pause);
    }
    questions
}

/// The first line of the answer: socat speaks TLS for the shim, and `timeout` ends it where nobody answers.
/// Without them nobody can be asked.
fn ask(address: SocketAddr) -> Option<String> {
    let mut socat = Command::new("timeout")
        .args(["--signal=KILL", ANSWER_LIMIT, "socat", "-"])
        .arg(format!("OPENSSL:{address},verify=0"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut line = String::new();
    // An end of what is said would be taken for a caller who has left, so it stays open until the answer is there.
    let mut to = socat.stdin.take();
    let asked = to.as_mut().map(|to| to.write_all(b"GET /healthz HTTP/1.0\r\n\r\n"));
    if let (Some(Ok(())), Some(from)) = (asked, socat.stdout.take()) {
        // What breaks off is no answer.
        let _ = BufReader::new(from).read_line(&mut line);
    }
    drop(to);
    let _ = socat.wait();
    Some(line)
}

/// What the first line of an answer says. Everybody may ask, once the roles are there that an API server
/// makes at its first start; where nobody unknown may, it never says more than that.
pub(crate) fn answer(line: Option<&str>) -> Answer {
    match line.map(|line| line.split_whitespace().nth(1)) {
        None | Some(Some("200" | "401")) => Answer::Ready,
        Some(_) => Answer::Later,
    }
}

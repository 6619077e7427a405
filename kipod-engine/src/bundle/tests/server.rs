//! A release server on the loopback interface: HTTP/1.1 with ranges and entity tags, and simulated errors.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::Sum;

/// A simulated error of one response.
pub(super) enum Trouble {
    /// Only this status.
    Status(u16),
    /// The connection breaks after this many bytes of the body.
    BreakAfter(usize),
    /// The response is delayed.
    Slow(Duration),
}

/// One request and its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) range: Option<String>,
    pub(super) if_range: Option<String>,
    pub(super) status: u16,
    /// The number of sent bytes of the body.
    pub(super) sent: usize,
}

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    troubles: HashMap<String, VecDeque<Trouble>>,
    no_ranges: bool,
    no_tags: bool,
    hits: Vec<Hit>,
}

/// The server. It ends with the runtime of the test.
pub(super) struct Server {
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(respond(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    pub(super) fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.state.lock().unwrap().files.insert(path.to_owned(), content.into());
    }

    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        self.state.lock().unwrap().files[path].clone()
    }

    pub(super) fn remove(&self, path: &str) {
        self.state.lock().unwrap().files.remove(path).expect("the file exists");
    }

    /// Adds a simulated error for the next response for `path`.
    pub(super) fn trouble(&self, path: &str, trouble: Trouble) {
        let mut state = self.state.lock().unwrap();
        state.troubles.entry(path.to_owned()).or_default().push_back(trouble);
    }

    /// Ignores ranges from now on: all responses contain the complete file.
    pub(super) fn ignore_ranges(&self) {
        self.state.lock().unwrap().no_ranges = true;
    }

    /// Omits entity tags from now on.
    pub(super) fn omit_tags(&self) {
        self.state.lock().unwrap().no_tags = true;
    }

    /// Returns all requests since the last call.
    pub(super) fn take_hits(&self) -> Vec<Hit> {
        std::mem::take(&mut self.state.lock().unwrap().hits)
    }
}

async fn respond(stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let (range, if_range) = (headers.remove("range"), headers.remove("if-range"));

    let (head, body, breaks, delay) = {
        let mut state = state.lock().unwrap();
        let trouble = state.troubles.get_mut(&path).and_then(VecDeque::pop_front);
        let file = state.files.get(&path).cloned();
        let tag = file.as_ref().map(|file| format!("\"{}\"", Sum::of(file)));
        let offset = range.as_deref().filter(|_| !state.no_ranges);
        let offset = offset.filter(|_| if_range.is_none() || if_range == tag);
        let offset = offset.map(|range| range["bytes=".len()..].trim_end_matches('-').parse());
        let offset: Option<usize> = offset.map(Result::unwrap);
        let (status, body) = match (&trouble, file, offset) {
            (Some(Trouble::Status(status)), ..) => (*status, Vec::new()),
            (_, None, _) => (404, b"<html>not found</html>".to_vec()),
            (_, Some(file), Some(offset)) if offset >= file.len() => (416, Vec::new()),
            (_, Some(file), Some(offset)) => (206, file[offset..].to_vec()),
            (_, Some(file), None) => (200, file),
        };
        let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
        head += &format!("Content-Length: {}\r\n", body.len());
        if let Some(offset) = offset.filter(|_| status == 206) {
            let all = offset + body.len();
            head += &format!("Content-Range: bytes {offset}-{}/{all}\r\n", all - 1);
        }
        if let Some(tag) = tag.filter(|_| !state.no_tags) {
            head += &format!("ETag: {tag}\r\n");
        }
        let delay = match trouble {
            Some(Trouble::Slow(delay)) => delay,
            _ => Duration::ZERO,
        };
        let sent = match trouble {
            _ if method == "HEAD" => 0,
            Some(Trouble::BreakAfter(count)) => count.min(body.len()),
            _ => body.len(),
        };
        state.hits.push(Hit { method, path, range, if_range, status, sent });
        (head + "\r\n", body[..sent].to_vec(), sent < body.len(), delay)
    };
    tokio::time::sleep(delay).await;
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&body).await.ok()?;
    stream.flush().await.ok()?;
    if breaks {
        // With a delay, since the sent bytes might be lost with the connection otherwise.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stream.shutdown().await.ok()
}

//! A plain HTTP server that plays the API server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

/// A request, such as `PATCH /path`, with its content type and body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) line: String,
    pub(super) content_type: String,
    pub(super) body: Value,
}

/// Starts a server that answers requests by `respond`, which returns a status and a body. The
/// returned channel has all requests.
pub(super) fn start(
    respond: impl Fn(&str) -> (u16, String) + Send + 'static,
) -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read(&stream);
            let (status, body) = respond(&request.line);
            if sender.send(request).is_err() {
                return;
            }
            write(&mut stream, status, &body);
        }
    });
    (address, requests)
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let line = next().trim_end_matches(" HTTP/1.1").to_owned();
    let (mut content_type, mut length) = (String::new(), 0);
    loop {
        let header = next();
        match header.to_lowercase().split_once(": ") {
            Some(("content-type", value)) => content_type = value.to_owned(),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Request { line, content_type, body }
}

fn write(stream: &mut TcpStream, status: u16, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
}

//! A server on a thread of its own, and a client that knows as much of HTTP/1.1 as the tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use milepost::view::web::Web;

/// Serves a router until the process ends.
pub(crate) fn serve_router(router: Router) -> SocketAddr {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            send.send(listener.local_addr().expect("an address")).expect("the test waits");
            axum::serve(listener, router).await.expect("it serves");
        });
    });
    receive.recv().expect("the server is there")
}

/// Serves a `Web` alone until it is closed.
pub(crate) fn serve(web: &Web) -> SocketAddr {
    serve_alone(web).0
}

/// The same, with the thread that ends when it doesn't serve any more.
pub(crate) fn serve_alone(web: &Web) -> (SocketAddr, JoinHandle<()>) {
    let (send, receive) = std::sync::mpsc::channel();
    let web = web.clone();
    let thread = std::thread::spawn(move || {
        runtime().block_on(async move {
            let server = web.bind("127.0.0.1:0").await.expect("a port");
            send.send(server.local_addr()).expect("the test waits");
            server.run().await.expect("it serves");
        });
    });
    (receive.recv().expect("the server is there"), thread)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// An answer, as far as its head.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
}

/// Sends a request as it is written.
pub(crate) fn send_raw(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server is there");
    // Nobody waits for ever: a server that doesn't answer fails the test.
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout");
    // One that has seen enough may close before it has read all.
    let _ = stream.write_all(request);
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line of the head");
        line.trim_end().to_owned()
    };
    let first = line();
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let headers = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()));
    let headers = headers.filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_ascii_lowercase(), value.to_owned()))
    });
    let headers = headers.collect();
    Answer { status: status.unwrap_or_else(|| panic!("no status: {first:?}")), headers, reader }
}

/// Sends a request with headers, each as `"Name: value"`.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let host = if headers.iter().any(|header| header.starts_with("Host:")) {
        String::new()
    } else {
        format!("Host: {address}\r\n")
    };
    let lines: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{host}{lines}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    send_raw(address, request.as_bytes())
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, &[], "")
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    /// All of the body.
    pub(crate) fn body(mut self) -> String {
        let mut body = Vec::new();
        if self.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                body.extend(chunk);
            }
        } else {
            self.reader.read_to_end(&mut body).expect("a body");
        }
        String::from_utf8(body).expect("a text")
    }

    pub(crate) fn json(self) -> serde_json::Value {
        let body = self.body();
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body:?}"))
    }

    /// The message of an answer that is an error.
    pub(crate) fn error(self) -> String {
        let json = self.json();
        json["error"].as_str().unwrap_or_else(|| panic!("no error: {json}")).to_owned()
    }

    /// None after the last one, or if the connection is lost.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = String::new();
        self.reader.read_line(&mut size).ok().filter(|n| *n > 0)?;
        let size = usize::from_str_radix(size.trim_end(), 16).expect("the size of a chunk");
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        Some(chunk).filter(|chunk| !chunk.is_empty())
    }

    /// The messages of a stream of events.
    pub(crate) fn events(self) -> Messages {
        if self.status != 200 {
            let status = self.status;
            panic!("{status}: {}", self.body());
        }
        assert_eq!(self.header("content-type"), Some("text/event-stream"));
        Messages { answer: self, text: Vec::new(), read: 0 }
    }
}

/// One message of a stream of events.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: Option<u64>,
    pub(crate) data: serde_json::Value,
}

/// Messages as they come. Comments and what is no message are passed over.
pub(crate) struct Messages {
    answer: Answer,
    text: Vec<u8>,
    read: usize,
}

impl Messages {
    /// The next line block, as it was sent.
    pub(crate) fn block(&mut self) -> Option<String> {
        loop {
            let rest = &self.text[self.read..];
            if let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
                let block = String::from_utf8(rest[..end].to_vec()).expect("a text");
                self.read += end + 2;
                return Some(block);
            }
            self.text.drain(..self.read);
            self.read = 0;
            let Some(chunk) = self.answer.chunk() else {
                // Whoever loses a connection may be left with a part of a message, which doesn't count.
                return None;
            };
            self.text.extend(chunk);
        }
    }
}

impl Iterator for Messages {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        loop {
            let block = self.block()?;
            let mut message = Message { id: None, data: serde_json::Value::Null };
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => message.id = Some(id.parse().expect("a number")),
                    Some(("data", data)) => {
                        assert!(message.data.is_null(), "data of several lines: {block}");
                        message.data = serde_json::from_str(data).expect("JSON");
                    }
                    _ => {}
                }
            }
            if !message.data.is_null() {
                return Some(message);
            }
        }
    }
}

/// Opens a stream of a job's events.
pub(crate) fn follow(address: SocketAddr, job: milepost::JobId, last: Option<u64>) -> Answer {
    let header = last.map(|last| format!("Last-Event-ID: {last}"));
    let headers: Vec<&str> = header.iter().map(|header| &**header).collect();
    send(address, "GET", &format!("/jobs/{job}/events"), &headers, "")
}

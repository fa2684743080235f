//! How does a test ask the daemon over HTTP, and follow what happens?

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The daemon's address, and as whom to ask: with a token, or as a program on this machine.
#[derive(Clone, Debug)]
pub struct Http {
    pub at: SocketAddr,
    pub token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

impl Http {
    pub fn new(at: SocketAddr) -> Self {
        Self { at, token: None }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "", "")
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        let body = body.to_string();
        self.ask("POST", path, "content-type: application/json\r\n", &body)
    }

    pub fn patch(&self, path: &str, body: &Value) -> Reply {
        let body = body.to_string();
        self.ask("PATCH", path, "content-type: application/json\r\n", &body)
    }

    /// Sends a sound file.
    pub fn put_sound(&self, path: &str, bytes: &[u8]) -> Reply {
        let headers = "content-type: audio/wav\r\n";
        self.try_send("PUT", path, headers, bytes).unwrap()
    }

    pub fn delete(&self, path: &str) -> Reply {
        self.ask("DELETE", path, "", "")
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        self.try_ask(method, path, headers, body).unwrap()
    }

    pub fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> std::io::Result<Reply> {
        self.try_send(method, path, headers, body.as_bytes())
    }

    fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> std::io::Result<Reply> {
        let mut stream = self.connect()?;
        let length = body.len();
        let head = self.head(method, path, "1.1");
        write!(
            stream,
            "{head}{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
        )?;
        stream.write_all(body)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        Ok(Reply {
            status: status.unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    /// Follows events as they come; by HTTP/1.0, which knows no chunks.
    pub fn events(&self, path: &str) -> Events {
        let mut stream = self.connect().unwrap();
        let head = self.head("GET", path, "1.0");
        write!(stream, "{head}accept: text/event-stream\r\n\r\n").unwrap();
        Events {
            stream: BufReader::new(stream),
            is_socket: false,
        }
    }

    /// Follows events over a WebSocket.
    pub fn socket(&self, path: &str) -> Events {
        let mut stream = self.connect().unwrap();
        let head = self.head("GET", path, "1.1");
        write!(
            stream,
            "{head}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        // That of the example in RFC 6455 section 1.3.
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        let is_socket = true;
        Events { stream, is_socket }
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.at)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(stream)
    }

    fn head(&self, method: &str, path: &str, version: &str) -> String {
        let token = self.token.as_ref();
        let token = token.map(|it| format!("authorization: Bearer {it}\r\n"));
        format!(
            "{method} {path} HTTP/{version}\r\nhost: {}\r\n{}",
            self.at,
            token.unwrap_or_default()
        )
    }
}

/// A subscription.
pub struct Events {
    stream: BufReader<TcpStream>,
    is_socket: bool,
}

impl Events {
    /// The next event; panics when none comes for long, or none ever will.
    pub fn next(&mut self) -> Value {
        let text = if self.is_socket {
            self.frame()
        } else {
            self.data()
        };
        serde_json::from_str(&text).unwrap()
    }

    /// The first event that is looked for; others are passed over.
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            let event = self.next();
            if is_it(&event) {
                return event;
            }
        }
        panic!("no event: {what}");
    }

    /// Sends a message over a WebSocket: text (1) or bytes (2).
    pub fn send(&mut self, kind: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut frame = vec![0x80 | kind];
        // Masked, as those of a client have to be, by zeros (RFC 6455 section 5.3).
        match payload.len() {
            n if n < 126 => frame.push(0x80 | n as u8),
            n => {
                frame.push(0x80 | 126);
                frame.extend((n as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.get_mut().write_all(&frame)
    }

    /// Sends JSON as text.
    pub fn say(&mut self, what: &Value) {
        self.send(1, what.to_string().as_bytes()).unwrap();
    }

    fn data(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.stream.read_line(&mut line).unwrap() > 0,
                "the stream ended"
            );
            if let Some(data) = line.strip_prefix("data: ") {
                return data.trim().to_owned();
            }
        }
    }

    /// The text of the next text message (RFC 6455 section 5.2); those of a server are not masked.
    fn frame(&mut self) -> String {
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).unwrap();
            let mut length = u64::from(head[1] & 0x7f);
            if length == 126 {
                let mut more = [0; 2];
                self.stream.read_exact(&mut more).unwrap();
                length = u64::from(u16::from_be_bytes(more));
            }
            let mut text = vec![0; length as usize];
            self.stream.read_exact(&mut text).unwrap();
            match head[0] {
                0x81 => return String::from_utf8(text).unwrap(),
                0x88 => panic!("closed: {:?}", String::from_utf8_lossy(&text[2..])),
                _ => {}
            }
        }
    }
}

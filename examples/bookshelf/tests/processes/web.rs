//! Requests, one connection each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::shop::PATIENCE;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

/// Sends a request with some headers, each with its line end.
pub fn request(address: &str, line: &str, headers: &str, body: &str) -> Answer {
    let (status, head, body) = converse(address, line, headers, body);
    Answer {
        status,
        head: head.to_lowercase(),
        body: serde_json::from_str(&body).unwrap_or_default(),
    }
}

/// The status and the text that are answered to a request for a path.
pub fn get_text(address: &str, path: &str) -> (u16, String) {
    let (status, _, body) = converse(address, &format!("GET {path}"), "", "");
    (status, body)
}

fn converse(address: &str, line: &str, headers: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let text = format!(
        "{line} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-length: {length}\r\n\
         {headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

pub fn get(address: &str, path: &str) -> Answer {
    request(address, &format!("GET {path}"), "", "")
}

pub fn post(address: &str, path: &str, body: &str) -> Answer {
    request(address, &format!("POST {path}"), "", body)
}

/// Asks until the answer is 200.
pub fn get_when_there(address: &str, path: &str) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(address, path);
        if answer.status == 200 {
            return answer;
        }
        assert_eq!(answer.status, 404);
        assert!(Instant::now() < deadline, "{path} is not there in time");
        // sleep: between two looks at a condition that has no signal
        std::thread::sleep(Duration::from_millis(2));
    }
}

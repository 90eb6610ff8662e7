//! A server's operator: requests to the port of the APIs from this machine, without a signature.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{BorealisServer, Options};

/// Starts a server in memory with further arguments.
pub(crate) fn start(arguments: &[&str]) -> BorealisServer {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    BorealisServer::start_with(Options { in_memory: true, arguments, ..Options::default() })
}

/// The port of a server's APIs.
pub(crate) struct Operator {
    address: String,
}

impl Operator {
    pub(crate) fn of(server: &BorealisServer) -> Operator {
        let env = server.env();
        let url = &env["AWS_ENDPOINT_URL_DSQL"];
        Operator { address: url.trim_start_matches("http://").trim_end_matches('/').to_owned() }
    }

    /// Status and body of a request as it is given, up to the empty line behind its headers.
    pub(crate) fn send(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("the port of the APIs");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let len = body.len();
        let request = format!("{head}\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json",
            self.address
        );
        self.send(&head, body)
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let (status, body) = self.request("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).expect("JSON")
    }

    /// Makes a fault happen to those who use the default cluster.
    pub(crate) fn inject(&self, fault: &str, count: u32) {
        self.post(&json!({ "fault": fault, "count": count }));
    }

    pub(crate) fn post(&self, body: &Value) {
        let (status, answer) = self.request("POST", "/faults", &body.to_string());
        assert_eq!(status, 200, "{body}: {answer}");
    }

    /// Id of the default cluster, if there is no other.
    pub(crate) fn cluster(&self) -> String {
        let text = self.get("/metrics");
        let (_, rest) = text.split_once("ResourceId=\"").expect("a cluster");
        rest.split_once('"').expect("an id").0.to_owned()
    }

    /// The value of a metric of one cluster.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics");
        let line = text.lines().find(|line| {
            line.strip_prefix("AuroraDSQL_").is_some_and(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            })
        });
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).expect("a number")
    }
}

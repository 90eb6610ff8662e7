//! What a server's operator asks for, on the port of the APIs: metrics, faults, conflicts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::BorealisServer;

/// Longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The port of a server's APIs.
pub struct Operator {
    address: String,
}

impl Operator {
    /// That of `server`.
    pub fn of(server: &BorealisServer) -> Operator {
        let env = server.env();
        let url = env.get("AWS_ENDPOINT_URL_DSQL").expect("the port of the APIs");
        Operator { address: url.trim_start_matches("http://").trim_end_matches('/').to_owned() }
    }

    /// Status and body of a request whose head is given without the empty line at its end.
    pub fn send(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("the port of the APIs");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let len = body.len();
        let request = format!("{head}\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    /// Status and body of a request with a body in JSON.
    pub fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json",
            self.address
        );
        self.send(&head, body)
    }

    /// The body of a page that must be there.
    pub fn get(&self, path: &str) -> String {
        let (status, body) = self.request("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Makes a fault happen `count` times to those who use the default cluster.
    pub fn inject(&self, fault: &str, count: u32) {
        let body = format!(r#"{{"fault":"{fault}","count":{count}}}"#);
        let (status, answer) = self.request("POST", "/faults", &body);
        assert_eq!(status, 200, "{body}: {answer}");
    }

    /// Id of the default cluster, if there is no other.
    pub fn cluster(&self) -> String {
        let text = self.get("/metrics");
        let (_, rest) = text.split_once("ResourceId=\"").expect("a cluster");
        rest.split_once('"').expect("an id").0.to_owned()
    }

    /// The value of a metric, such as `OccConflicts_total`, of the first cluster.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics");
        let line = text.lines().find(|line| {
            line.strip_prefix("AuroraDSQL_")
                .and_then(|line| line.strip_prefix(name))
                .is_some_and(|rest| rest.starts_with('{'))
        });
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).expect("a number")
    }
}

//! What the operator of the server asks for: on the port of the APIs, from this machine only, without
//! a signature.
//!
//! | request | answer |
//! |---|---|
//! | `GET /metrics` | [`crate::metrics`] |
//! | `GET`, `POST`, `DELETE /faults`, `GET /conflicts` | [`crate::laboratory`], if it is open |
//!
//! A web page that is open on this machine must not get here: a name that is not this machine's own
//! is refused, and so is a body that a page could send without asking first.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use serde_json::{Value, json};

use crate::http::{Api, Peer};
use crate::{laboratory, metrics};

/// The routes.
pub(crate) fn router(api: &Api) -> Router<Arc<Api>> {
    let mut router = Router::new().route("/metrics", get(get_metrics));
    if api.failure_lab {
        router = router
            .route("/faults", get(get_faults).post(post_fault).delete(delete_faults))
            .route("/conflicts", get(get_conflicts));
    }
    router.route_layer(from_fn(local_only))
}

/// Lets nobody through but programs on this machine.
async fn local_only(
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response<Body> {
    if peer.address.to_canonical().is_loopback() && is_local(request.headers()) {
        next.run(request).await
    } else {
        refused(403, "only programs on the server's machine may ask for this")
    }
}

/// Whether the request was made to a name that only this machine has.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        // HTTP/1.0.
        return true;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

async fn get_metrics(State(api): State<Arc<Api>>) -> Response<Body> {
    match metrics::text(&api.clusters) {
        Ok(text) => answer(200, metrics::CONTENT_TYPE, text),
        Err(error) => refused(500, &error.to_string()),
    }
}

async fn get_faults(State(api): State<Arc<Api>>) -> Response<Body> {
    as_json(200, &laboratory::faults(&api.clusters))
}

async fn post_fault(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == JSON));
    if !is_json {
        return refused(415, "the content type must be application/json");
    }
    match laboratory::inject(&api.clusters, &body) {
        Ok(()) => as_json(200, &laboratory::faults(&api.clusters)),
        Err(message) => refused(400, &message),
    }
}

async fn delete_faults(State(api): State<Arc<Api>>) -> Response<Body> {
    laboratory::clear(&api.clusters);
    as_json(200, &laboratory::faults(&api.clusters))
}

async fn get_conflicts(State(api): State<Arc<Api>>) -> Response<Body> {
    as_json(200, &laboratory::conflicts(&api.clusters))
}

const JSON: &str = "application/json";

fn refused(status: u16, message: &str) -> Response<Body> {
    as_json(status, &json!({ "message": message }))
}

fn as_json(status: u16, body: &Value) -> Response<Body> {
    answer(status, JSON, format!("{body}\n"))
}

fn answer(status: u16, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        assert_eq!(is_local(&headers), expected, "{host}");
    }

    #[test]
    fn names_of_this_machine() {
        for host in ["localhost", "localhost:5480", "127.0.0.1:5480", "[::1]:5480", "[::1]"] {
            check(host, true);
        }
        for host in ["example.org", "example.org:5480", "localhost.example.org", "10.0.0.1", ""] {
            check(host, false);
        }
    }
}

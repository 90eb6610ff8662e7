//! The money-transfer API of the workshop, as a program or as a Lambda function.
//!
//!     POST /transfer {"payer_id": 1, "payee_id": 2, "amount": 10}  ──►  {"balance": 90}
//!     GET  /accounts/{id}                                          ──►  {"balance": 90}

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use connector::{Config, Connector, Error, Failure, Pool, RetryPolicy, Retryable};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Result;

/// Who pays whom how much.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Request {
    payer_id: i32,
    payee_id: i32,
    amount: i32,
}

/// What the payer has left.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Balance {
    balance: i32,
}

/// Why money was not moved.
#[derive(Debug)]
pub enum TransferError {
    /// The request makes no sense.
    Invalid(String),
    /// There is no such account.
    NotFound(&'static str),
    /// The payer has less.
    InsufficientBalance,
    /// The database failed.
    Database(Error),
}

impl From<Error> for TransferError {
    fn from(error: Error) -> TransferError {
        TransferError::Database(error)
    }
}

impl From<tokio_postgres::Error> for TransferError {
    fn from(error: tokio_postgres::Error) -> TransferError {
        TransferError::Database(error.into())
    }
}

impl Retryable for TransferError {
    fn failure(&self) -> Failure {
        match self {
            TransferError::Database(error) => error.failure(),
            TransferError::Invalid(_)
            | TransferError::NotFound(_)
            | TransferError::InsufficientBalance => Failure::Final,
        }
    }
}

impl IntoResponse for TransferError {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            TransferError::Invalid(text) => (StatusCode::BAD_REQUEST, text),
            TransferError::NotFound(who) => {
                (StatusCode::NOT_FOUND, format!("{who} account not found"))
            }
            TransferError::InsufficientBalance => {
                (StatusCode::CONFLICT, "Insufficient balance".to_owned())
            }
            TransferError::Database(error) => {
                eprintln!("transfer: {error}");
                let status = match error.failure() {
                    Failure::Conflict | Failure::NotConnected => StatusCode::SERVICE_UNAVAILABLE,
                    Failure::Unknown | Failure::Final => StatusCode::INTERNAL_SERVER_ERROR,
                };
                (status, "the database failed".to_owned())
            }
        };
        (status, Json(json!({ "error": text }))).into_response()
    }
}

/// Moves `amount` from payer to payee in one transaction; the payer's new balance.
pub async fn transfer(pool: &Pool, request: Request) -> std::result::Result<i32, TransferError> {
    let Request { payer_id, payee_id, amount } = request;
    if amount <= 0 {
        return Err(TransferError::Invalid("amount must be greater than zero".to_owned()));
    }
    pool.transaction(&RetryPolicy::attempts(10), async move |txn| {
        let deduct = "UPDATE accounts SET balance = balance - $1 WHERE id = $2 RETURNING balance";
        let row = txn.query_opt(deduct, &[&amount, &payer_id]).await?;
        let balance: i32 = row.ok_or(TransferError::NotFound("Payer"))?.get(0);
        if balance < 0 {
            return Err(TransferError::InsufficientBalance);
        }
        let add = "UPDATE accounts SET balance = balance + $1 WHERE id = $2";
        if txn.execute(add, &[&amount, &payee_id]).await? == 0 {
            return Err(TransferError::NotFound("Payee"));
        }
        Ok(balance)
    })
    .await
}

/// The API on `pool`.
pub fn router(pool: Pool) -> Router {
    Router::new()
        .route("/transfer", post(post_transfer))
        .route("/accounts/{id}", get(get_account))
        .with_state(pool)
}

async fn post_transfer(
    State(pool): State<Pool>,
    request: std::result::Result<Json<Request>, JsonRejection>,
) -> std::result::Result<Json<Balance>, TransferError> {
    let Json(request) = request.map_err(|error| TransferError::Invalid(error.body_text()))?;
    Ok(Json(Balance { balance: transfer(&pool, request).await? }))
}

async fn get_account(
    State(pool): State<Pool>,
    Path(id): Path<i32>,
) -> std::result::Result<Json<Balance>, TransferError> {
    let connection = pool.get().await?;
    let row = connection.query_opt("SELECT balance FROM accounts WHERE id = $1", &[&id]).await?;
    let balance = row.ok_or(TransferError::NotFound("The"))?.get(0);
    Ok(Json(Balance { balance }))
}

/// Serves the API; the table `accounts` is the workshop's.
pub async fn run() -> Result {
    let pool = Connector::new(Config::from_env()?).await?.pool().await?;
    crate::serve::serve(router(pool)).await
}

//! The cars API of the setup guide, on either of two back ends.
//!
//!     GET  /cars        all cars            BACKEND=postgres   user and password (PGUSER, PGPASSWORD …)
//!     POST /cars        a new car           BACKEND=dsql       IAM tokens (CLUSTER_ENDPOINT …)
//!     GET  /cars/{id}   one car

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use connector::{Config, Connector};
use deadpool_postgres::{ClientWrapper, Manager, Runtime};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::Result;

/// Tokens are kept for four fifths of their life: of these, for 14 minutes.
const TOKEN_DURATION: Duration = Duration::from_secs(14 * 60 * 5 / 4);

/// Where the cars are.
#[derive(Clone)]
pub enum Backend {
    /// A PostgreSQL, with user and password.
    Postgres(deadpool_postgres::Pool),
    /// Aurora DSQL or Borealis, with IAM tokens.
    Dsql(connector::Pool),
}

/// A connection of either back end.
type Client = Box<dyn Deref<Target = ClientWrapper> + Send + Sync>;

impl Backend {
    /// The back end that `BACKEND` names, with the table `cars` in it.
    pub async fn from_env() -> Result<Backend> {
        let backend = match std::env::var("BACKEND").as_deref() {
            Ok("postgres") => Backend::Postgres(postgres_pool()?),
            Ok("dsql") | Err(_) => {
                let config = Config::from_env()?.token_duration(TOKEN_DURATION);
                Backend::Dsql(Connector::new(config).await?.pool().await?)
            }
            Ok(other) => return Err(format!("BACKEND is postgres or dsql, not \"{other}\"").into()),
        };
        let create = "CREATE TABLE IF NOT EXISTS cars (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            make varchar(80) NOT NULL, model varchar(80) NOT NULL, year int NOT NULL)";
        backend.client().await?.batch_execute(create).await?;
        Ok(backend)
    }

    async fn client(&self) -> Result<Client> {
        Ok(match self {
            Backend::Postgres(pool) => Box::new(pool.get().await?),
            Backend::Dsql(pool) => Box::new(pool.get().await?),
        })
    }
}

fn postgres_pool() -> Result<deadpool_postgres::Pool> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("set {name}"));
    let mut config = tokio_postgres::Config::new();
    config
        .host(variable("PGHOST")?)
        .port(variable("PGPORT").map_or(Ok(5432), |port| port.parse())?)
        .user(variable("PGUSER")?)
        .password(variable("PGPASSWORD")?)
        .dbname(variable("PGDATABASE")?)
        .ssl_mode(tokio_postgres::config::SslMode::Require);
    let manager = Manager::new(config, crate::manual_token::tls()?);
    Ok(deadpool_postgres::Pool::builder(manager).max_size(10).runtime(Runtime::Tokio1).build()?)
}

/// A car to be added.
#[derive(Clone, Debug, Deserialize)]
pub struct NewCar {
    make: String,
    model: String,
    year: i32,
}

/// A car.
#[derive(Clone, Debug, Serialize)]
pub struct Car {
    id: Uuid,
    make: String,
    model: String,
    year: i32,
}

impl Car {
    fn of(row: &tokio_postgres::Row) -> Car {
        Car {
            id: row.get("id"),
            make: row.get("make"),
            model: row.get("model"),
            year: row.get("year"),
        }
    }
}

/// Why there is no car to show.
pub enum CarsError {
    /// The request makes no sense.
    Invalid(String),
    /// There is no such car.
    NotFound,
    /// The database failed.
    Database(Box<dyn std::error::Error + Send + Sync>),
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for CarsError {
    fn from(error: E) -> CarsError {
        CarsError::Database(error.into())
    }
}

impl IntoResponse for CarsError {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            CarsError::Invalid(text) => (StatusCode::BAD_REQUEST, text),
            CarsError::NotFound => (StatusCode::NOT_FOUND, "Car not found".to_owned()),
            CarsError::Database(error) => {
                eprintln!("cars: {error}");
                (StatusCode::SERVICE_UNAVAILABLE, "the database failed".to_owned())
            }
        };
        (status, Json(json!({ "error": text }))).into_response()
    }
}

type Answer<T> = std::result::Result<T, CarsError>;

/// The API on `backend`.
pub fn router(backend: Backend) -> Router {
    Router::new()
        .route("/cars", get(list).post(create))
        .route("/cars/{id}", get(one))
        .with_state(Arc::new(backend))
}

async fn list(State(backend): State<Arc<Backend>>) -> Answer<Json<Vec<Car>>> {
    let select = "SELECT id, make, model, year FROM cars ORDER BY make, model, id";
    let rows = backend.client().await?.query(select, &[]).await?;
    Ok(Json(rows.iter().map(Car::of).collect()))
}

async fn create(
    State(backend): State<Arc<Backend>>,
    car: std::result::Result<Json<NewCar>, JsonRejection>,
) -> Answer<(StatusCode, Json<Car>)> {
    let Json(car) = car.map_err(|error| CarsError::Invalid(error.body_text()))?;
    if [&car.make, &car.model].iter().any(|name| name.is_empty() || name.chars().count() > 80) {
        return Err(CarsError::Invalid("make and model have 1 to 80 characters".to_owned()));
    }
    let insert = "INSERT INTO cars (make, model, year) VALUES ($1, $2, $3)
        RETURNING id, make, model, year";
    let row =
        backend.client().await?.query_one(insert, &[&car.make, &car.model, &car.year]).await?;
    Ok((StatusCode::CREATED, Json(Car::of(&row))))
}

async fn one(
    State(backend): State<Arc<Backend>>,
    id: std::result::Result<Path<Uuid>, PathRejection>,
) -> Answer<Json<Car>> {
    let Path(id) = id.map_err(|error| CarsError::Invalid(error.body_text()))?;
    let select = "SELECT id, make, model, year FROM cars WHERE id = $1";
    let row = backend.client().await?.query_opt(select, &[&id]).await?;
    row.as_ref().map(Car::of).map(Json).ok_or(CarsError::NotFound)
}

/// Serves the API.
pub async fn run() -> Result {
    crate::serve::serve(router(Backend::from_env().await?)).await
}

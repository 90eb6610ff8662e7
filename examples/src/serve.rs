//! An axum application as a program or as a Lambda function.

use axum::Router;
use tokio::net::TcpListener;

use crate::Result;

/// Serves `app`: under AWS Lambda its invocations, otherwise HTTP on `LISTEN`, by default
/// 127.0.0.1:8080. Prints `listening on` and the address when it is ready; ends with SIGINT.
pub async fn serve(app: Router) -> Result {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return lambda_http::run(app).await;
    }
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    let stopped = async {
        // Without a handler for the signal the server runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    Ok(())
}

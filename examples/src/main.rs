//! `examples NAME`: runs the program of that name. See `README.md`.

use std::process::ExitCode;

use examples::*;

const NAMES: &str = "recipe, preferred, transaction, occ-retry, connection-string, manual-token, batch-load, \
                     referential-integrity, tenants, migration, transfer, cars, workshop";

#[tokio::main]
async fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("recipe") => recipe::run().await,
        Some("preferred") => preferred::run().await,
        Some("transaction") => transaction::run().await,
        Some("occ-retry") => occ_retry::run().await,
        Some("connection-string") => connection_string::run().await,
        Some("manual-token") => manual_token::run().await,
        Some("batch-load") => batch_load::run().await,
        Some("referential-integrity") => referential_integrity::run().await,
        Some("tenants") => tenants::run().await,
        Some("migration") => migration::run().await,
        Some("transfer") => transfer::run().await,
        Some("cars") => cars::run().await,
        Some("workshop") => workshop::run().await,
        Some(other) => Err(format!("there is no \"{other}\": the examples are {NAMES}").into()),
        None => Err(format!("which one? The examples are {NAMES}").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("examples: {error}");
            ExitCode::FAILURE
        }
    }
}

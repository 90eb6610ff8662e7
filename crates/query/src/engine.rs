//! One cluster's database: its store, catalog and background jobs.

use std::sync::Arc;

use store::Store;
use types::Result;

use crate::session::Session;

/// What an [`Engine`] is told when it is opened.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Prefix of the cluster's keys in the store: one store holds many clusters.
    pub cluster: u32,
    /// The most recent AWS Region name, as `us-east-1`.
    pub region: String,
}

/// What a session starts with. The client is authenticated already.
#[derive(Clone, Debug)]
pub struct Startup {
    /// Database role.
    pub user: String,
    /// Database name asked for.
    pub database: String,
    /// Startup parameters other than user and database, `options` taken apart, in order.
    pub parameters: Vec<(String, String)>,
    /// ARN of the IAM principal behind the token.
    pub principal: String,
    /// 26 characters of base 32; what `sys.current_session_id()` returns.
    pub session_id: String,
}

/// One cluster's database.
pub struct Engine {}

impl Engine {
    /// Opens the cluster's database in `store`, creating it if it is new, and starts its jobs.
    ///
    /// # Errors
    /// `XX000` if the store cannot be read or holds a newer format.
    pub async fn open(store: Arc<dyn Store>, config: EngineConfig) -> Result<Arc<Engine>> {
        let _ = (store, config);
        Err(types::SqlError::internal("not built yet"))
    }

    /// Whether `principal` may connect as the role `user`: the role exists, may log in, and is
    /// `admin` or mapped to the principal's ARN.
    pub fn may_connect(&self, user: &str, principal: &str) -> bool {
        let _ = (user, principal);
        false
    }

    /// Starts a session.
    ///
    /// # Errors
    /// `3D000` for another database than `postgres`, `28000` for an unknown role, `0A000`, `22023`
    /// for startup parameters that cannot be set. The caller reports them as FATAL.
    pub fn connect(self: &Arc<Self>, startup: Startup) -> Result<Session> {
        let _ = startup;
        Err(types::SqlError::internal("not built yet"))
    }

    /// Stops background jobs and waits for them. Sessions must have ended.
    pub async fn shutdown(&self) {}
}

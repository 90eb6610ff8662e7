//! A client of `borealis mcp`, over its standard streams.

use std::path::Path;
use std::process::Stdio;

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::TokioChildProcess;
use serde_json::{Value, json};
use testkit::{BorealisServer, borealis_binary};
use tokio::process::Command;

pub(crate) struct Model(pub(crate) RunningService<RoleClient, ()>);

/// `borealis mcp` on a data directory, with no other configuration.
pub(crate) fn command(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(borealis_binary());
    command.arg("mcp").arg("--data-dir").arg(data_dir).args(arguments);
    for name in ["CLUSTER_ENDPOINT", "CLUSTER_USER", "REGION", "PGPORT", "PGHOSTADDR"] {
        command.env_remove(name);
    }
    command
}

impl Model {
    pub(crate) async fn of(server: &BorealisServer, arguments: &[&str]) -> Model {
        Model::start(command(server.data_dir(), arguments)).await
    }

    pub(crate) async fn start(command: Command) -> Model {
        let transport = TokioChildProcess::builder(command).stderr(Stdio::null()).spawn();
        let (transport, _) = transport.expect("borealis mcp");
        Model(().serve(transport).await.expect("a server"))
    }

    pub(crate) async fn call(&self, tool: &'static str, arguments: Value) -> CallToolResult {
        let Value::Object(arguments) = arguments else { panic!("not an object") };
        let request = CallToolRequestParams::new(tool).with_arguments(arguments);
        self.0.call_tool(request).await.expect("a result")
    }

    /// The rows that a tool gives.
    #[track_caller]
    pub(crate) fn rows(
        &self,
        tool: &'static str,
        arguments: Value,
    ) -> impl Future<Output = Value> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            let result = self.call(tool, arguments).await;
            assert_eq!(result.is_error, Some(false), "{caller}: {:?}", result.content);
            let mut rows = result.structured_content.expect("structured content");
            rows["result"].take()
        }
    }

    pub(crate) async fn query(&self, sql: &str) -> Value {
        self.rows("readonly_query", json!({ "sql": sql })).await
    }

    /// The text of a tool's refusal.
    pub(crate) async fn refusal(&self, tool: &'static str, arguments: Value) -> String {
        text(&self.call(tool, arguments).await, true)
    }
}

/// All text of a result that is an error, or none.
#[track_caller]
pub(crate) fn text(result: &CallToolResult, is_error: bool) -> String {
    assert_eq!(result.is_error.unwrap_or(false), is_error, "{:?}", result.content);
    let texts = result.content.iter().filter_map(|block| block.as_text());
    texts.map(|block| block.text.as_str()).collect::<Vec<_>>().join("\n")
}

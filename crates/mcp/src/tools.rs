//! The tools: their names, parameters and descriptions, and what each does.

use std::fmt;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

use crate::database::{Database, Failure, Statement};
use crate::guard;
use crate::knowledge::Knowledge;
use crate::lint::lint;
use crate::values::JsonRow;

const INSTRUCTIONS: &str = "\
Runs SQL on a cluster of Aurora DSQL or Borealis: PostgreSQL 16's dialect, less triggers, extensions, temporary \
tables and procedural languages.
readonly_query: one query. transact: several statements in one transaction. get_schema: the columns of a \
table. dsql_lint: whether a text of SQL would be accepted. dsql_search_documentation, dsql_read_documentation, \
dsql_recommend: Aurora DSQL's documentation.";
const NOT_CONFIGURED: &str =
    "Database not configured. Please configure --cluster_endpoint, --database_user, and --region.";

/// All tools. Clones are the same server.
#[derive(Clone)]
pub(crate) struct Tools {
    database: Option<Arc<Database>>,
    knowledge: Arc<Knowledge>,
    allow_writes: bool,
}

/// What a tool gives.
enum Answer {
    Rows(Vec<JsonRow>),
    Object(Value),
    /// What another server's tool gave.
    Result(CallToolResult),
}

impl Tools {
    pub(crate) fn new(
        database: Option<Arc<Database>>,
        knowledge: Arc<Knowledge>,
        allow_writes: bool,
    ) -> Tools {
        Tools { database, knowledge, allow_writes }
    }

    /// The answer of the tool `name`, or the text of its refusal.
    async fn call(&self, name: &str, arguments: &JsonObject) -> Result<Answer, String> {
        match name {
            "readonly_query" => self.readonly_query(arguments).await,
            "transact" => self.transact(arguments).await,
            "get_schema" => self.get_schema(arguments).await,
            "dsql_search_documentation" => {
                self.ask(name, arguments, &["search_phrase"], &["limit"]).await
            }
            "dsql_read_documentation" => {
                self.ask(name, arguments, &["url"], &["start_index", "max_length"]).await
            }
            "dsql_recommend" => self.ask(name, arguments, &["url"], &[]).await,
            "dsql_lint" => {
                let sql = required(arguments, "sql", Value::as_str, "a string")?;
                let fix = optional(arguments, "fix", Value::as_bool, "a boolean")?.unwrap_or(false);
                lint(sql, fix).await.map(Answer::Object)
            }
            _ => Err(format!("Unknown tool: {name}")),
        }
    }

    async fn readonly_query(&self, arguments: &JsonObject) -> Result<Answer, String> {
        let sql = required(arguments, "sql", Value::as_str, "a string")?;
        let values = optional(arguments, "params", Value::as_array, "a list")?;
        let database = self.database()?;
        if sql.is_empty() {
            return Err(
                "Incorrect invocation: readonly_query invoked without a SQL statement".to_owned()
            );
        }
        guard::check(sql, values.map(Vec::len), false).map_err(shown)?;
        let statement = Statement { sql, values: values.map(Vec::as_slice) };
        let rows = database.run(&[statement], false).await;
        rows.map(Answer::Rows).map_err(|failure| {
            let failure = match failure {
                Failure::Begin(reason) => {
                    tracing::warn!(reason, "cannot begin");
                    "Internal Error".to_owned()
                }
                failure => failure.to_string(),
            };
            format!("Error executing readonly_query: {failure}")
        })
    }

    async fn transact(&self, arguments: &JsonObject) -> Result<Answer, String> {
        let statements = required(arguments, "sql_list", Value::as_array, "a list")?;
        let values = optional(arguments, "params_list", Value::as_array, "a list")?;
        let database = self.database()?;
        if statements.is_empty() {
            return Err("Incorrect invocation: transact invoked with no sql statements".to_owned());
        }
        if let Some(values) = values.filter(|values| values.len() != statements.len()) {
            return Err(format!(
                "params_list length ({}) must equal sql_list length ({})",
                values.len(),
                statements.len()
            ));
        }
        let mut list = Vec::with_capacity(statements.len());
        for (index, sql) in statements.iter().enumerate() {
            let sql = sql.as_str().ok_or("sql_list must be a list of strings")?;
            let values = match values.and_then(|values| values.get(index)) {
                None | Some(Value::Null) => None,
                Some(Value::Array(values)) => Some(values.as_slice()),
                Some(_) => return Err("params_list must be a list of lists or nulls".to_owned()),
            };
            guard::check(sql, values.map(<[Value]>::len), self.allow_writes).map_err(shown)?;
            list.push(Statement { sql, values });
        }
        let rows = database.run(&list, self.allow_writes).await;
        rows.map(Answer::Rows).map_err(|failure| {
            let what = match &failure {
                Failure::Begin(_) if self.allow_writes => "Failed to begin transaction: ",
                Failure::Begin(_) => "Failed to begin read only transaction: ",
                _ => "",
            };
            format!("Error executing transact: {what}{failure}")
        })
    }

    async fn get_schema(&self, arguments: &JsonObject) -> Result<Answer, String> {
        let name = required(arguments, "table_name", Value::as_str, "a string")?;
        let database = self.database()?;
        if name.is_empty() {
            return Err("Incorrect invocation: Schema invoked without a table name".to_owned());
        }
        let columns = "SELECT column_name, data_type FROM information_schema.columns";
        let (condition, values) = match name.split_once('.') {
            Some((schema, table)) => (
                "LOWER(table_schema) = LOWER(%s) AND LOWER(table_name) = LOWER(%s)",
                vec![json!(schema), json!(table)],
            ),
            None => ("LOWER(table_name) = LOWER(%s)", vec![json!(name)]),
        };
        let sql = format!("{columns} WHERE {condition} ORDER BY table_schema, ordinal_position");
        let statement = Statement { sql: &sql, values: Some(&values) };
        let rows = database.run(&[statement], false).await;
        rows.map(Answer::Rows).map_err(|failure| format!("Error executing get_schema: {failure}"))
    }

    /// Passes a call on to the knowledge server: `texts` must be there, `numbers` may.
    async fn ask(
        &self,
        tool: &str,
        arguments: &JsonObject,
        texts: &[&str],
        numbers: &[&str],
    ) -> Result<Answer, String> {
        let mut passed = JsonObject::new();
        for name in texts {
            let text = required(arguments, name, Value::as_str, "a string")?;
            passed.insert((*name).to_owned(), json!(text));
        }
        for name in numbers {
            if let Some(number) = optional(arguments, name, Value::as_i64, "an integer")? {
                passed.insert((*name).to_owned(), json!(number));
            }
        }
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(passed);
        self.knowledge.call(request).await.map(Answer::Result)
    }

    fn database(&self) -> Result<&Database, String> {
        self.database.as_deref().ok_or_else(|| NOT_CONFIGURED.to_owned())
    }
}

fn shown(refusal: guard::Refusal) -> String {
    tracing::info!(?refusal, "refused");
    refusal.to_string()
}

/// An argument that must be there.
fn required<'a, T>(
    arguments: &'a JsonObject,
    name: &str,
    read: impl Fn(&'a Value) -> Option<T>,
    what: impl fmt::Display,
) -> Result<T, String> {
    optional(arguments, name, read, what)?.ok_or_else(|| format!("{name} is required"))
}

/// An argument that may be missing, or null.
fn optional<'a, T>(
    arguments: &'a JsonObject,
    name: &str,
    read: impl Fn(&'a Value) -> Option<T>,
    what: impl fmt::Display,
) -> Result<Option<T>, String> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read(value) {
            None => Err(format!("{name} must be {what}")),
            value => Ok(value),
        },
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("borealis-mcp", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(descriptions(self.allow_writes)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let result = match self.call(&request.name, &arguments).await {
            Ok(Answer::Rows(rows)) => {
                let content = rows.iter().map(|row| ContentBlock::text(row.text())).collect();
                let rows: Vec<Value> = rows.into_iter().map(JsonRow::object).collect();
                let mut result = CallToolResult::success(content);
                result.structured_content = Some(json!({ "result": rows }));
                result
            }
            Ok(Answer::Object(value)) => CallToolResult::structured(value),
            Ok(Answer::Result(result)) => result,
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        };
        Ok(result.into())
    }
}

/// What `tools/list` says.
fn descriptions(allow_writes: bool) -> Vec<Tool> {
    let transact = if allow_writes {
        "Runs statements in one transaction on the cluster: all of them take effect, or none. BEGIN and COMMIT are \
         added. A transaction holds one statement that changes the schema, or any number of others, and changes at \
         most 3,000 rows. An error that begins with \"change conflicts with another transaction\" means: call again. \
         CREATE INDEX ASYNC gives the id of a job; SELECT * FROM sys.jobs shows how far it is."
    } else {
        "Runs queries in one read-only transaction on the cluster: all of them see the same state. Writing is not \
         allowed: only SELECT, SHOW and EXPLAIN."
    };
    let rows = || {
        object(json!({
            "type": "object",
            "properties": {
                "result": {"type": "array", "items": {"type": "object", "additionalProperties": true}},
            },
            "required": ["result"],
        }))
    };
    let tool = |name: &'static str, description: &'static str, input: Value, writes: bool| {
        let annotations = ToolAnnotations::new().read_only(!writes).open_world(false);
        Tool::new(name, description, object(input)).with_annotations(annotations)
    };
    let documentation = |name: &'static str, description: &'static str, input: Value| {
        let annotations = ToolAnnotations::new().read_only(true).open_world(true);
        Tool::new(name, description, object(input)).with_annotations(annotations)
    };
    let number = |description: &str| {
        json!({
            "anyOf": [{"type": "integer"}, {"type": "null"}], "default": null, "description": description,
        })
    };
    let values =
        json!({"anyOf": [{"type": "array", "items": {}}, {"type": "null"}], "default": null});
    let described = |mut schema: Value, description: &str| {
        schema["description"] = json!(description);
        schema
    };
    vec![
        tool(
            "readonly_query",
            "Runs one query on the cluster, in a read-only transaction, and gives its rows.",
            json!({
                "type": "object",
                "properties": {
                    "sql": {"type": "string", "description": "The query"},
                    "params": described(
                        values.clone(),
                        "Values for the placeholders %s in the query, in order: they are bound, never made a \
                         part of its text. With a list, a percent sign is written %%",
                    ),
                },
                "required": ["sql"],
            }),
            false,
        )
        .with_raw_output_schema(rows()),
        tool(
            "transact",
            transact,
            json!({
                "type": "object",
                "properties": {
                    "sql_list": {
                        "type": "array", "items": {"type": "string"},
                        "description": "The statements, one in each element",
                    },
                    "params_list": {
                        "anyOf": [{"type": "array", "items": values}, {"type": "null"}],
                        "default": null,
                        "description": "For each statement the values of its placeholders %s, or null if it has \
                                        none; as long as sql_list",
                    },
                },
                "required": ["sql_list"],
            }),
            allow_writes,
        )
        .with_raw_output_schema(rows()),
        tool(
            "get_schema",
            "Gives names and types of a table's columns; none if there is no such table.",
            json!({
                "type": "object",
                "properties": {
                    "table_name": {"type": "string", "description": "The table, or schema.table"},
                },
                "required": ["table_name"],
            }),
            false,
        )
        .with_raw_output_schema(rows()),
        documentation(
            "dsql_search_documentation",
            "Searches the documentation of Aurora DSQL; gives pages with their addresses.",
            json!({
                "type": "object",
                "properties": {
                    "search_phrase": {"type": "string", "description": "What to search for"},
                    "limit": number("Pages at most"),
                },
                "required": ["search_phrase"],
            }),
        ),
        documentation(
            "dsql_read_documentation",
            "Gives a page of Aurora DSQL's documentation, or a part of it.",
            json!({
                "type": "object",
                "properties": {
                    "url": {"type": "string", "description": "The page"},
                    "start_index": number("Its first character that is wanted"),
                    "max_length": number("Characters at most"),
                },
                "required": ["url"],
            }),
        ),
        documentation(
            "dsql_recommend",
            "Recommends pages on good practice with Aurora DSQL that belong to one of its documentation.",
            json!({
                "type": "object",
                "properties": {"url": {"type": "string", "description": "The page"}},
                "required": ["url"],
            }),
        ),
        tool(
            "dsql_lint",
            "Says what Aurora DSQL would refuse in a text of SQL, such as a migration or a dump, with suggestions; \
             nothing is run. With fix, gives the text mended as far as that can be done safely.",
            json!({
                "type": "object",
                "properties": {
                    "sql": {"type": "string", "maxLength": 1_000_000, "description": "The text"},
                    "fix": {"type": "boolean", "default": false, "description": "Mend it, too"},
                },
                "required": ["sql"],
            }),
            false,
        ),
    ]
}

fn object(value: Value) -> Arc<JsonObject> {
    match value {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}

//! A session over a store in memory; rows as text.

use bytes::{Buf, BytesMut};
use expect_test::Expect;
use query::{Engine, EngineConfig, Fetched, Format, Parameters, Session, Startup};
use store::memory::{Faults, Memory};
use types::SqlError;

/// A database of its own with one session, of `admin`.
pub(crate) struct Db {
    session: Session,
    runtime: tokio::runtime::Runtime,
}

impl Db {
    pub(crate) fn new() -> Db {
        Db::configured(EngineConfig::new(1))
    }

    pub(crate) fn configured(config: EngineConfig) -> Db {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let session = runtime.block_on(async {
            let store = Memory::new(Faults::default());
            let engine = Engine::open(store, config).await.unwrap();
            engine.connect(startup("admin")).unwrap()
        });
        Db { session, runtime }
    }

    /// A database in which `sql`'s statements have run.
    pub(crate) fn with(sql: &[&str]) -> Db {
        let mut db = Db::new();
        for sql in sql {
            db.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            db.wait_for_jobs();
        }
        db
    }

    /// Waits until no job is open.
    pub(crate) fn wait_for_jobs(&mut self) {
        let open = "select 1 from sys.jobs where status not in ('completed', 'failed')";
        while !self.run(open).unwrap().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Runs the statements of a query string; their rows, values separated by `|`, and tags of
    /// those without rows.
    pub(crate) fn run(&mut self, sql: &str) -> Result<String, SqlError> {
        let Db { session, runtime } = self;
        runtime.block_on(async {
            let result = run(session, sql).await;
            match result {
                Ok(out) => session.sync().await.map(|()| out),
                Err(error) => {
                    session.abort();
                    Err(error)
                }
            }
        })
    }

    /// Notices and warnings since the last call: severity, position if there is one, and message.
    pub(crate) fn notices(&mut self) -> Vec<String> {
        let show = |notice: SqlError| {
            let fields = notice.fields();
            let at = fields.position.map(|at| format!(" at {at}")).unwrap_or_default();
            format!("{}{at}: {}", fields.severity.as_str(), fields.message)
        };
        self.session.take_notices().into_iter().map(show).collect()
    }

    /// The first value that a query gives, in binary.
    pub(crate) fn binary(&mut self, sql: &str) -> Vec<u8> {
        let Db { session, runtime } = self;
        runtime.block_on(async {
            let statement = session.parse(sql).unwrap().pop();
            let prepared = session.prepare(statement, &[]).await.unwrap();
            let formats = [Format::Binary];
            let mut portal =
                session.bind(&prepared, Parameters::default(), &formats).await.unwrap();
            let Fetched::Rows(chunk) = session.fetch(&mut portal, 0).await.unwrap() else {
                panic!("{sql}: no rows");
            };
            let mut body = BytesMut::new();
            portal.encode_row(chunk.row(0), &mut body).unwrap();
            session.sync().await.unwrap();
            // The number of fields and the first one's length come first.
            body.split_off(6).to_vec()
        })
    }

    /// What cancels a running statement.
    pub(crate) fn canceller(&self) -> query::Canceller {
        self.session.canceller()
    }

    /// Compares what [`Db::run`] gives, or the error, with `expected`.
    pub(crate) fn check(&mut self, sql: &str, expected: Expect) {
        let actual = match self.run(sql) {
            Ok(out) => out,
            Err(error) => format!("{} {}\n", error.code(), error.message()),
        };
        expected.assert_eq(&actual);
    }
}

fn startup(user: &str) -> Startup {
    Startup {
        user: user.into(),
        database: "postgres".into(),
        parameters: Vec::new(),
        principal: "arn:aws:iam::123456789012:user/test".into(),
        grantee: None,
        session_id: "aaaaaaaaaaaaaaaaaaaaaaaaaa".into(),
        endpoint: std::sync::Arc::default(),
    }
}

async fn run(session: &mut Session, sql: &str) -> Result<String, SqlError> {
    let mut out = String::new();
    for statement in session.parse(sql)? {
        let prepared = session.prepare_simple(statement).await?;
        let mut portal = session.bind(&prepared, Parameters::default(), &[]).await?;
        loop {
            match session.fetch(&mut portal, 0).await? {
                Fetched::Rows(chunk) => {
                    for index in 0..chunk.len() {
                        let mut body = BytesMut::new();
                        portal.encode_row(chunk.row(index), &mut body)?;
                        out += &fields(body).join("|");
                        out.push('\n');
                    }
                }
                Fetched::Complete(tag) => {
                    if portal.fields().is_none() {
                        out += &tag.to_string();
                        out.push('\n');
                    }
                    break;
                }
                Fetched::Empty => break,
                other => panic!("unexpected step {other:?}"),
            }
        }
    }
    Ok(out)
}

/// The fields of a DataRow's body; NULL is `∅`.
fn fields(mut body: BytesMut) -> Vec<String> {
    (0..body.get_i16())
        .map(|_| match usize::try_from(body.get_i32()) {
            Ok(len) => String::from_utf8(body.split_to(len).to_vec()).unwrap(),
            Err(_) => "∅".into(),
        })
        .collect()
}

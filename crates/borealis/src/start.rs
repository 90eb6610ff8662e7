//! `borealis start`: puts a server together, runs it, takes it apart.
//!
//! ```text
//!     keys, certificates, store ─► clusters ─► server, API ─► ready … signal ─► sessions end
//!                                                           tasks end ─► engines ─► store close
//! ```

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use control::{Api, Clusters, Settings};
use iam::keys::{FirstKey, process_environment};
use iam::{AmzTime, Identities, Trail};
use query::EngineConfig;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::certificates::{CertificateStore, Names, http_config, tls_configs};
use server::{ClusterRegistry, Server};
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::StartArgs;
use crate::data_dir::DataDir;
use crate::failure::{Result, because};
use crate::{logging, print};

/// The account that keys, and so mapped ARNs, belong to.
const ACCOUNT: &str = "123456789012";
/// How often certificates are looked at.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(60 * 60);
/// One thread of the runtime may compute for long while another listens.
const THREADS_MIN: usize = 2;
/// The stack of a thread: enough for statements that nest as deep as is allowed, also in a debug
/// build. A deeper one would end the process. What is not used takes no memory.
const STACK_BYTES: usize = 256 << 20;
/// How often it is made sure that a thread listens: a delay that nobody notices, for some 0.01 % of
/// a processor.
const LISTEN_CHECK: Duration = Duration::from_millis(50);

/// Runs a server until it is interrupted.
pub(crate) fn start(args: &StartArgs) -> Result<()> {
    logging::init(args.log_format)?;
    raise_file_limit();
    // Removed when the server has ended.
    let mut temporary = None;
    let dir = if args.in_memory && args.data_dir.data_dir.is_none() {
        let made = tempfile::Builder::new()
            .prefix("borealis-")
            .tempdir()
            .map_err(|error| because("cannot create a temporary directory", error))?;
        DataDir::at(temporary.insert(made).path())?
    } else {
        DataDir::locate(&args.data_dir)?
    };
    let threads = args
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.max(THREADS_MIN))
        .thread_name("borealis")
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| because("cannot start the runtime", error))?;
    keep_listening(runtime.handle().clone())?;
    runtime.block_on(serve(args, &dir))
}

/// Wakes a thread of the runtime every now and then.
///
/// A thread that waited for the sockets and got a single session's message leaves them to compute, and
/// wakes no other to wait in its place. One call of a function may take many seconds without a pause;
/// until it ended, nobody would see another client's message, a new connection, a cancel request. A
/// thread woken for nothing goes back to wait, and finds the sockets without anybody. If all of them
/// compute, none is woken: then one of the statements has to leave its place.
fn keep_listening(runtime: tokio::runtime::Handle) -> Result<()> {
    let beat = move || {
        loop {
            let woken = runtime.spawn(async {});
            std::thread::sleep(LISTEN_CHECK);
            if !woken.is_finished() {
                query::cancel::want_thread();
            }
        }
    };
    let thread = std::thread::Builder::new().name("listen-check".into()).spawn(beat);
    thread.map(drop).map_err(|error| because("cannot start a thread", error))
}

async fn serve(args: &StartArgs, dir: &DataDir) -> Result<()> {
    // From here on a signal waits for us instead of ending the process.
    let mut interrupted = signal(SignalKind::interrupt())
        .map_err(|error| because("cannot listen for signals", error))?;
    let mut terminated = signal(SignalKind::terminate())
        .map_err(|error| because("cannot listen for signals", error))?;

    let mut file = dir.open_or_create(args.region.as_deref())?;
    let listener = TcpListener::bind((args.listen, args.port)).await.map_err(|error| {
        because(format!("cannot listen on {}", SocketAddr::new(args.listen, args.port)), error)
    })?;
    let address =
        listener.local_addr().map_err(|error| because("cannot read the address", error))?;
    let now = SystemTime::now();
    let first =
        FirstKey { account: ACCOUNT, environment: &process_environment, now: AmzTime::from(now) };
    let identities = Identities::open_or_create(&dir.iam(), first)
        .map_err(|error| because("cannot open the identities", error))?;
    let api_listener = listen_for_api(args).await?;
    let api_port = api_listener
        .local_addr()
        .map_err(|error| because("cannot read the address", error))?
        .port();
    let certificates = Arc::new(Certificates::open(args, dir, &file.region, now)?);
    let resolver = certificates.store.resolver();
    let tls = tls_configs(&resolver).map_err(|error| because("cannot set up TLS", error))?;
    let http = http_config(&resolver).map_err(|error| because("cannot set up TLS", error))?;

    let store = open_store(args.in_memory, &dir.store()).await?;
    let config = EngineConfig {
        day: args.compat_date,
        database_aliases: args.database_alias.clone(),
        admin_aliases: args.master_user_alias.clone(),
        storage_max: args.limits.cluster_size_max,
        records_conflicts: args.failure_lab,
        ..EngineConfig::new(1)
    };
    let limits = args.limits.limits();
    let id = file.id()?;
    let registry = Arc::new(ClusterRegistry::new(Some(id), local_names(args)));
    let settings = Settings {
        account: ACCOUNT.to_owned(),
        region: file.region.clone(),
        engine: config,
        limits: limits.clone(),
        clusters_max: args.limits.clusters_max,
        linked_clusters_max: args.limits.linked_clusters_max,
        new_region: {
            let certificates = Arc::clone(&certificates);
            Arc::new(move |region| certificates.cover(region))
        },
    };
    let clusters = Clusters::open(settings, Arc::clone(&store), Arc::clone(&registry), id)
        .await
        .map_err(|error| because("cannot open the clusters", error))?;
    let trail = Arc::new(match &args.audit_log {
        Some(path) => Trail::open(path)
            .map_err(|error| because(format!("cannot open \"{}\"", path.display()), error))?,
        None => Trail::default(),
    });
    let identities = Arc::new(identities);
    let log_min_duration = args.log_min_duration_statement.map(Duration::from_millis);
    let server = Server::new(
        registry,
        Arc::clone(&identities),
        Arc::clone(&trail),
        tls,
        limits,
        log_min_duration,
    );
    clusters.set_server(Arc::clone(&server));
    let failure_lab = args.failure_lab;
    let api = Arc::new(Api { clusters: Arc::clone(&clusters), identities, trail, failure_lab });

    file.address = address.ip();
    file.port = address.port();
    file.api_port = Some(api_port);
    dir.write(&file)?;
    let (stop, stopped) = watch::channel(false);
    let renewal = spawn("certificates", renew(certificates, stopped.clone()));
    let serving = spawn("server", server::run(listener, server, until(stopped.clone())));
    let api_serving = spawn("api", async move {
        if let Err(error) = control::run(api_listener, http, api, until(stopped)).await {
            tracing::error!(%error, "API is served no longer");
        }
    });
    print(&greeting(args, dir, address))?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cluster = file.host(),
        %address,
        api_port,
        data_dir = %dir.path().display(),
        in_memory = args.in_memory,
        "started"
    );

    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    tracing::info!("stopping");
    // A second signal ends the process at once.
    let impatient = async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    };
    let ending = async {
        stop.send_replace(true);
        finish("server", serving).await;
        finish("api", api_serving).await;
        finish("certificates", renewal).await;
        clusters.shutdown().await;
        store.close().await
    };
    tokio::select! {
        closed = ending => closed.map_err(|error| because("cannot close the store", error))?,
        () = impatient => return Err(crate::failure::because_of("stopped without waiting")),
    }
    tracing::info!("stopped");
    Ok(())
}

/// One part in so many of the machine's memory may be filled with pages of the store.
const CACHE_SHARE: usize = 4;

async fn open_store(in_memory: bool, dir: &Path) -> Result<Arc<dyn Store>> {
    if in_memory {
        return Ok(store::memory::Memory::new(store::memory::Faults::default()));
    }
    let path = dir.to_owned();
    // Replays the journal, so it may take its time.
    let opened = tokio::task::spawn_blocking(move || {
        let options = store::embedded::Options::default();
        let cache_bytes = options.cache_bytes.max(memory_bytes() / CACHE_SHARE);
        store::embedded::open(path, store::embedded::Options { cache_bytes, ..options })
    });
    let what = format!("cannot open \"{}\"", dir.display());
    let store = opened.await.map_err(|error| because(&what, error))?;
    Ok(store.map_err(|error| because(&what, error))?)
}

/// Memory of this machine; 0 where it does not say.
fn memory_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = kib.and_then(|kib| kib.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// Further names of the first cluster, in lower case.
fn local_names(args: &StartArgs) -> Vec<String> {
    let named = args.host_name.iter().map(|name| name.to_ascii_lowercase());
    ["localhost".to_owned()].into_iter().chain(named).collect()
}

/// The port that the APIs have unless told otherwise.
const API_PORT: u16 = 5480;

async fn listen_for_api(args: &StartArgs) -> Result<TcpListener> {
    let fail = |port: u16| {
        move |error| {
            because(format!("cannot listen on {}", SocketAddr::new(args.listen, port)), error)
        }
    };
    if let Some(port) = args.api_port {
        return TcpListener::bind((args.listen, port)).await.map_err(fail(port));
    }
    if args.port != 0
        && let Ok(listener) = TcpListener::bind((args.listen, API_PORT)).await
    {
        return Ok(listener);
    }
    TcpListener::bind((args.listen, 0)).await.map_err(fail(0))
}

/// The certificates, and the names that they are to cover.
struct Certificates {
    store: CertificateStore,
    names: Mutex<Names>,
}

impl Certificates {
    fn open(
        args: &StartArgs,
        dir: &DataDir,
        region: &str,
        now: SystemTime,
    ) -> Result<Certificates> {
        let names = Names::of_region(region);
        let names = args.host_name.iter().fold(names, |names, name| names.with(name));
        let store = CertificateStore::open_or_create(&dir.tls(), &names, now)
            .map_err(|error| because("cannot open the certificates", error))?;
        Ok(Certificates { store, names: Mutex::new(names) })
    }

    /// Covers the names of one more region from now on.
    fn cover(&self, region: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let more = names.clone().with_region(region);
        if *names != more {
            *names = more;
            drop(names);
            self.renew();
        }
    }

    fn renew(&self) {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.store.renew_if_due(&names, SystemTime::now()) {
            Ok(true) => tracing::info!("server certificate renewed"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "server certificate not renewed"),
        }
    }
}

/// What a newcomer can copy, and the line that says that clients can come.
fn greeting(args: &StartArgs, dir: &DataDir, address: SocketAddr) -> String {
    let option = if args.data_dir.data_dir.is_some() || args.in_memory {
        format!(" --data-dir {}", crate::env::quote(&dir.path().to_string_lossy()))
    } else {
        String::new()
    };
    let kept = if args.in_memory { "in memory, gone at the end" } else { "on disk" };
    format!(
        "Borealis {}, data {kept} ({})\n\
         \n\
         \x20   borealis psql{option}\n\
         \n\
         or, for any client:\n\
         \n\
         \x20   eval \"$(borealis env{option})\"\n\
         \x20   psql\n\
         \n\
         ready: listening on {address}\n",
        env!("CARGO_PKG_VERSION"),
        dir.path().display(),
    )
}

/// Renews the server's certificate in time.
async fn renew(certificates: Arc<Certificates>, stopped: watch::Receiver<bool>) {
    let mut check = interval(CERTIFICATE_CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopped = std::pin::pin!(until(stopped));
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = check.tick() => certificates.renew(),
        }
    }
}

/// Waits for the signal to stop.
async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good as the signal.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Starts a task whose name appears in the log when it fails.
fn spawn(name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tracing::debug!(task = name, "task begins");
    tokio::spawn(task)
}

async fn finish(name: &'static str, task: JoinHandle<()>) {
    match task.await {
        Ok(()) => tracing::debug!(task = name, "task ended"),
        Err(error) => tracing::error!(task = name, %error, "task failed"),
    }
}

/// A session is an open file, and the usual limit is far below the number of sessions.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "limit of open files not raised");
    }
}

//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use server::Limits;

/// An open, self-hostable database that clients cannot tell from Amazon Aurora DSQL.
#[derive(Debug, Parser)]
#[command(name = "borealis", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a server until it is interrupted.
    Start(Box<StartArgs>),
    /// Prints shell variables that make any client one of the server: eval "$(borealis env)".
    Env(EnvArgs),
    /// Prints an authentication token, which is the password of a connection.
    Token(TokenArgs),
    /// Runs psql, connected to the server; further arguments are psql's.
    Psql(PsqlArgs),
    /// Loads CSV, TSV or Parquet into a table of this server, or of any other endpoint.
    Load(Box<LoadArgs>),
    /// Serves a cluster as tools for a language model, by the Model Context Protocol.
    Mcp(Box<McpArgs>),
    /// Prints the version.
    Version,
}

/// Where the data are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DataDirArg {
    /// Directory of the data, keys and certificates [default: borealis in the user's data
    /// directory].
    #[arg(long, value_name = "DIR", env = "BOREALIS_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) data_dir: DataDirArg,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", env = "BOREALIS_LISTEN", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, env = "BOREALIS_PORT", default_value_t = 5432)]
    pub(crate) port: u16,
    /// Port of the APIs that manage clusters, users and roles; 0 takes a free one [default: 5480, or a
    /// free one if that is taken or if --port is 0].
    #[arg(long, value_name = "PORT", env = "BOREALIS_API_PORT")]
    pub(crate) api_port: Option<u16>,
    /// Region of the first cluster, part of its host name; fixed at the first start [default: us-east-1].
    #[arg(long, env = "BOREALIS_REGION")]
    pub(crate) region: Option<String>,
    /// Further host name under which clients reach the server; may be given more than once.
    #[arg(long, value_name = "NAME", env = "BOREALIS_HOST_NAME", value_delimiter = ',')]
    pub(crate) host_name: Vec<String>,
    /// Keeps the database in memory: it is gone when the server ends. Without --data-dir, so are
    /// keys and certificates.
    #[arg(long, env = "BOREALIS_IN_MEMORY")]
    pub(crate) in_memory: bool,
    /// Speaks the dialect that Aurora DSQL had on a day, 2026-01-31, or at the end of a month, 2026-01.
    #[arg(long, value_name = "DATE", env = "BOREALIS_COMPAT_DATE", default_value = "newest")]
    pub(crate) compat_date: query::Day,
    /// Further name of the database, for programs that insist on one; may be given more than once.
    #[arg(long, value_name = "NAME", env = "BOREALIS_DATABASE_ALIAS", value_delimiter = ',')]
    pub(crate) database_alias: Vec<String>,
    /// Further name of the role admin, such as postgres, for programs that insist on one; may be given
    /// more than once.
    #[arg(long, value_name = "NAME", env = "BOREALIS_MASTER_USER_ALIAS", value_delimiter = ',')]
    pub(crate) master_user_alias: Vec<String>,
    /// File that gets a record of every connection attempt and of every call that manages something,
    /// in the form of CloudTrail's.
    #[arg(long, value_name = "FILE", env = "BOREALIS_AUDIT_LOG")]
    pub(crate) audit_log: Option<PathBuf>,
    /// Logs statements that take so many milliseconds or longer; 0 logs all [default: none are logged].
    #[arg(long, value_name = "MS", env = "BOREALIS_LOG_MIN_DURATION_STATEMENT")]
    pub(crate) log_min_duration_statement: Option<u64>,
    /// Lets programs on this machine make faults happen, by /faults on the port of the APIs, so that
    /// the retries of a client can be tried.
    #[arg(long, env = "BOREALIS_FAILURE_LAB")]
    pub(crate) failure_lab: bool,
    /// Form of the log, which goes to the standard error output.
    #[arg(long, value_name = "FORMAT", env = "BOREALIS_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Threads that serve sessions [default: one for each processor; 2 at least].
    #[arg(long, value_name = "COUNT", env = "BOREALIS_THREADS")]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines to read.
    Text,
    /// One JSON object in a line.
    Json,
}

/// Limits; the defaults are Aurora DSQL's.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Clusters in a region.
    #[arg(long, value_name = "COUNT", env = "BOREALIS_CLUSTERS_MAX", default_value_t = 20)]
    pub(crate) clusters_max: usize,
    /// Clusters in a region that are linked with those of others.
    #[arg(long, value_name = "COUNT", env = "BOREALIS_LINKED_CLUSTERS_MAX", default_value_t = 5)]
    pub(crate) linked_clusters_max: usize,
    /// Bytes that a cluster may store before it refuses to store more.
    #[arg(long, value_name = "BYTES", env = "BOREALIS_CLUSTER_SIZE_MAX",
        default_value_t = query::STORAGE_MAX)]
    pub(crate) cluster_size_max: u64,
    /// Connections at a time.
    #[arg(long, value_name = "COUNT", env = "BOREALIS_CONNECTIONS_MAX",
        default_value_t = Limits::default().connections_max)]
    pub(crate) connections_max: usize,
    /// New connections in a second.
    #[arg(long, value_name = "COUNT", env = "BOREALIS_CONNECTIONS_PER_S",
        default_value_t = Limits::default().connections_per_s)]
    pub(crate) connections_per_s: u32,
    /// New connections at once after a pause.
    #[arg(long, value_name = "COUNT", env = "BOREALIS_CONNECTIONS_BURST",
        default_value_t = Limits::default().connections_burst)]
    pub(crate) connections_burst: u32,
    /// Life of a connection in seconds.
    #[arg(long, value_name = "SECONDS", env = "BOREALIS_CONNECTION_AGE_MAX",
        default_value_t = Limits::default().connection_age_max.as_secs())]
    pub(crate) connection_age_max: u64,
    /// Seconds without a connection after which a cluster is IDLE [default: it never is].
    #[arg(long, value_name = "SECONDS", env = "BOREALIS_CLUSTER_IDLE_AFTER")]
    pub(crate) cluster_idle_after: Option<u64>,
    /// Seconds without a connection after which a cluster is INACTIVE: the next client only wakes it
    /// up [default: it never is].
    #[arg(long, value_name = "SECONDS", env = "BOREALIS_CLUSTER_INACTIVE_AFTER")]
    pub(crate) cluster_inactive_after: Option<u64>,
    /// Seconds that a client has to authenticate.
    #[arg(long, value_name = "SECONDS", env = "BOREALIS_AUTHENTICATION_TIME_MAX",
        default_value_t = Limits::default().authentication_time_max.as_secs())]
    pub(crate) authentication_time_max: u64,
    /// Seconds that running transactions have to end when the server is stopped.
    #[arg(long, value_name = "SECONDS", env = "BOREALIS_SHUTDOWN_GRACE",
        default_value_t = Limits::default().shutdown_grace.as_secs())]
    pub(crate) shutdown_grace: u64,
}

impl LimitArgs {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            connections_max: self.connections_max,
            connections_per_s: self.connections_per_s,
            connections_burst: self.connections_burst,
            connection_age_max: Duration::from_secs(self.connection_age_max),
            authentication_time_max: Duration::from_secs(self.authentication_time_max),
            shutdown_grace: Duration::from_secs(self.shutdown_grace),
            idle_after: self.cluster_idle_after.map(Duration::from_secs),
            inactive_after: self.cluster_inactive_after.map(Duration::from_secs),
            ..Limits::default()
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    pub(crate) data_dir: DataDirArg,
    /// Database role to connect as.
    #[arg(long, default_value = "admin")]
    pub(crate) user: String,
    /// Life of the token in seconds, at most a week.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600,
        value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub(crate) expires_in: u32,
}

/// The options of `aws dsql generate-db-connect-auth-token` and `-admin-auth-token`.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) data_dir: DataDirArg,
    /// Host name of the cluster [default: that of the cluster in the data directory].
    #[arg(long)]
    pub(crate) hostname: Option<String>,
    /// Region of the cluster [default: from the host name].
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Life of the token in seconds, at most a week.
    #[arg(long, value_name = "SECONDS", default_value_t = 900,
        value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub(crate) expires_in: u32,
    /// A token for the role admin; this is the default.
    #[arg(long, conflicts_with = "user")]
    pub(crate) admin: bool,
    /// A token for another role.
    #[arg(long)]
    pub(crate) user: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PsqlArgs {
    #[command(flatten)]
    pub(crate) data_dir: DataDirArg,
    /// Database role to connect as.
    #[arg(long, default_value = "admin")]
    pub(crate) user: String,
    /// Arguments of psql.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<std::ffi::OsString>,
}

/// The cluster that a client's subcommand connects to.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ConnectArgs {
    /// Endpoint or id of the cluster [default: that of the data directory].
    #[arg(long, short, alias = "cluster_endpoint", env = "CLUSTER_ENDPOINT")]
    pub(crate) endpoint: Option<String>,
    /// Region of the cluster [default: from its endpoint's name].
    #[arg(long, short, env = "REGION")]
    pub(crate) region: Option<String>,
    /// Database role to connect as.
    #[arg(long, short, alias = "database_user", env = "CLUSTER_USER", default_value = "admin")]
    pub(crate) user: String,
    /// Port of the cluster [default: 5432, or that of the data directory].
    #[arg(long, env = "PGPORT")]
    pub(crate) port: Option<u16>,
    /// Address to connect to, if it is not the endpoint's.
    #[arg(long, env = "PGHOSTADDR")]
    pub(crate) address: Option<String>,
    /// Profile of the AWS configuration that gives the credentials.
    #[arg(long, requires = "endpoint")]
    pub(crate) profile: Option<String>,
    /// PEM file of the certificate authorities to trust [default: the system's].
    #[arg(long, value_name = "FILE", env = "PGSSLROOTCERT")]
    pub(crate) authorities: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data_dir: DataDirArg,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) options: loader::Options,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct McpArgs {
    #[command(flatten)]
    pub(crate) options: ::mcp::Options,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn args_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn args_start_defaults_are_the_limits() {
        let Args { command: Command::Start(args) } =
            Args::parse_from(["borealis", "start", "--data-dir", "x"])
        else {
            panic!("not start");
        };
        assert_eq!(args.limits.limits(), Limits::default());
        assert_eq!((args.port, args.in_memory), (5432, false));
        assert_eq!(args.compat_date, query::Day::NEWEST);
    }

    #[test]
    fn args_psql_takes_all_that_follows() {
        let Args { command: Command::Psql(args) } =
            Args::parse_from(["borealis", "psql", "--user", "a", "-X", "-c", "SELECT 1", "--csv"])
        else {
            panic!("not psql");
        };
        assert_eq!(args.user, "a");
        assert_eq!(args.arguments, ["-X", "-c", "SELECT 1", "--csv"]);
    }
}

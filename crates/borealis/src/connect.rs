//! Which cluster a client's subcommand is for: one that is named, or that of the data directory.

use connector::Config;
use connector::aws_credential_types::Credentials;

use crate::args::ConnectArgs;
use crate::data_dir::DataDir;
use crate::failure::Result;

/// Life of a token in seconds; no more than the signature of its credentials is needed here.
const TOKEN_S: u32 = 900;

/// The connector's configuration for `args`.
pub(crate) fn config(args: &ConnectArgs) -> Result<Config> {
    let mut config = match &args.endpoint {
        Some(endpoint) if !is_local(args, endpoint) => named(args, endpoint),
        _ => local(args)?,
    };
    if let Some(port) = args.port {
        config = config.port(port);
    }
    Ok(config.user(&args.user))
}

/// Whether an endpoint is that of the data directory: `borealis env` sets it for programs that need a
/// name, which nothing resolves.
fn is_local(args: &ConnectArgs, endpoint: &str) -> bool {
    let cluster = DataDir::locate(&args.data_dir).and_then(|dir| dir.cluster());
    args.address.is_none() && cluster.is_ok_and(|cluster| cluster.host() == endpoint)
}

fn named(args: &ConnectArgs, endpoint: &str) -> Config {
    let mut config = Config::new(endpoint);
    if let Some(region) = &args.region {
        config = config.region(region);
    }
    if let Some(address) = &args.address {
        config = config.address(address);
    }
    if let Some(profile) = &args.profile {
        config = config.profile(profile);
    }
    if let Some(authorities) = &args.authorities {
        config = config.authorities(authorities);
    }
    config
}

/// The server on this machine, with the keys in its data directory.
fn local(args: &ConnectArgs) -> Result<Config> {
    let dir = DataDir::locate(&args.data_dir)?;
    let cluster = dir.cluster()?;
    let (_, keys) = dir.token(&cluster, &args.user, TOKEN_S)?;
    let credentials = Credentials::new(
        keys.access_key_id,
        keys.secret_access_key,
        keys.session_token,
        None,
        "the data directory",
    );
    let address = cluster.address;
    let config = if address.is_loopback() || address.is_unspecified() {
        Config::new("localhost")
    } else {
        Config::new(cluster.host()).address(address.to_string())
    };
    Ok(config
        .port(cluster.port)
        .region(cluster.region)
        .authorities(dir.tls().join("ca.pem"))
        .credentials_provider(credentials))
}

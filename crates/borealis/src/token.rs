//! `borealis token`: an authentication token, as `aws dsql generate-db-connect-auth-token` makes it.

use std::time::SystemTime;

use iam::token::{self, ADMIN, Action, TokenRequest};
use iam::{AmzTime, Credentials, keys};

use crate::args::TokenArgs;
use crate::data_dir::DataDir;
use crate::failure::{Result, because, because_of};
use crate::print;

/// Prints the token.
pub(crate) fn token(args: &TokenArgs) -> Result<()> {
    let now = AmzTime::from(SystemTime::now());
    let credentials = credentials(args, now)?;
    let host = match &args.hostname {
        Some(host) => host.clone(),
        None => DataDir::locate(&args.data_dir)?.cluster()?.host(),
    };
    let region = match args.region.as_deref().or_else(|| region_of(&host)) {
        Some(region) => region,
        None => return Err(because_of(format!("\"{host}\" names no region: give --region"))),
    };
    let user = if args.admin { ADMIN } else { args.user.as_deref().unwrap_or(ADMIN) };
    let request = TokenRequest {
        host: &host,
        region,
        action: Action::needed_by(user),
        expires_s: args.expires_in,
        now,
    };
    print(&format!("{}\n", token::sign(&credentials, request)))
}

/// Those of the data directory if one is named, or else the ones an AWS tool would use, or else
/// those of the default data directory.
fn credentials(args: &TokenArgs, now: AmzTime) -> Result<Credentials> {
    if args.data_dir.data_dir.is_none() {
        let found = keys::aws_credentials(&keys::process_environment)
            .map_err(|error| because("cannot use the AWS credentials", error))?;
        if let Some(credentials) = found {
            return Ok(credentials);
        }
    }
    DataDir::locate(&args.data_dir)?.credentials(now)
}

/// The region in a cluster's host name: the label after `dsql` or `dsql-…`.
fn region_of(host: &str) -> Option<&str> {
    let rest = host.strip_suffix(".on.aws")?;
    let (rest, region) = rest.rsplit_once('.')?;
    let (_, service) = rest.rsplit_once('.')?;
    (service == "dsql" || service.starts_with("dsql-")).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_in_host_names() {
        assert_eq!(region_of("abc.dsql.us-east-1.on.aws"), Some("us-east-1"));
        assert_eq!(region_of("abc.dsql-fnh4.eu-west-1.on.aws"), Some("eu-west-1"));
        assert_eq!(region_of("localhost"), None);
        assert_eq!(region_of("abc.rds.us-east-1.on.aws"), None);
    }
}

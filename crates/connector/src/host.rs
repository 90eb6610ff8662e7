//! Names of clusters: which host to connect to, which one the token is for, in which region.
//!
//! ```text
//!     given                                    certificate and token                     connect to
//!     <id>, region                             <id>.dsql.<region>.on.aws                 the same
//!     <id>.dsql[-x].<region>.on.aws            the same                                  the same
//!     vpce-….dsql-x.<region>.vpce.amazonaws.com, cluster id
//!                                              <id>.dsql-x.<region>.on.aws               the endpoint given
//!     any other name, region                   the same                                  the same
//! ```

use crate::error::{Error, Result};

/// Length of a cluster's id, which consists of lower-case letters and digits.
const ID_LEN: usize = 26;

/// Where a cluster is and under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The name that the server's certificate bears, that is sent as SNI and that the token is for.
    pub(crate) host: String,
    /// The name or address to connect to, if it is not `host`.
    pub(crate) address: Option<String>,
    /// The region of the cluster.
    pub(crate) region: String,
}

/// The endpoint that `host` means, where `region` and `cluster_id` were given or not. `fallback` is the
/// region of the environment.
pub(crate) fn resolve(
    host: &str,
    region: Option<&str>,
    cluster_id: Option<&str>,
    fallback: impl FnOnce() -> Option<String>,
) -> Result<Endpoint> {
    if host.is_empty() {
        return Err(config("no host: give the cluster's endpoint or its id".to_owned()));
    }
    if host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@') {
        return Err(config(format!(
            "\"{host}\" is no host name: give only the cluster's endpoint"
        )));
    }
    let region = match region {
        Some(region) => Some(valid_region(region)?.to_owned()),
        None => None,
    };
    if is_cluster_id(host) {
        let region = region.or_else(fallback).ok_or_else(|| {
            config(format!(
                "no region for the cluster id \"{host}\": set the option region or AWS_REGION, or give \
                 the full endpoint"
            ))
        })?;
        return Ok(Endpoint {
            host: format!("{host}.dsql.{region}.on.aws"),
            address: None,
            region,
        });
    }
    if let Some((service, found)) = parse_vpce(host) {
        let id = cluster_id.ok_or_else(|| {
            config(format!(
                "\"{host}\" is the endpoint of many clusters: set the option clusterId to the one meant"
            ))
        })?;
        if !is_cluster_id(id) {
            return Err(config(format!("\"{id}\" is no cluster id: it has 26 letters and digits")));
        }
        let region = region.unwrap_or_else(|| found.to_owned());
        let public = format!("{id}.{service}.{region}.on.aws");
        return Ok(Endpoint { host: public, address: Some(host.to_owned()), region });
    }
    if cluster_id.is_some() {
        return Err(config(
            "the option clusterId is for VPC endpoints only: the host already names the cluster"
                .to_owned(),
        ));
    }
    let found = region_of(host).map(str::to_owned);
    if let (Some(given), Some(found)) = (&region, &found)
        && given != found
    {
        return Err(config(format!(
            "the option region says \"{given}\", but \"{host}\" is in \"{found}\": drop the option"
        )));
    }
    let region = region.or(found).or_else(fallback).ok_or_else(|| {
        config(format!("\"{host}\" names no region: set the option region, or AWS_REGION"))
    })?;
    Ok(Endpoint { host: host.to_owned(), address: None, region })
}

/// The region in the name of an endpoint, `<id>.dsql[-<service>].<region>.on.aws`.
fn region_of(host: &str) -> Option<&str> {
    let (rest, region) = host.strip_suffix(".on.aws")?.rsplit_once('.')?;
    let (_, service) = rest.rsplit_once('.')?;
    (service.starts_with("dsql") && !region.is_empty()).then_some(region)
}

/// Service and region in the name of a VPC endpoint without private DNS.
fn parse_vpce(host: &str) -> Option<(&str, &str)> {
    let (rest, region) = host.strip_suffix(".vpce.amazonaws.com")?.rsplit_once('.')?;
    let (_, service) = rest.rsplit_once('.')?;
    (service.starts_with("dsql") && !region.is_empty()).then_some((service, region))
}

fn is_cluster_id(text: &str) -> bool {
    text.len() == ID_LEN && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn valid_region(region: &str) -> Result<&str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if region.is_empty() || !region.bytes().all(plain) {
        return Err(config(format!("\"{region}\" is no region: it looks like us-east-1")));
    }
    Ok(region)
}

fn config(message: String) -> Error {
    Error::Config(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "foo0bar1baz2quux3quuux4abc";

    #[track_caller]
    fn check(
        given: (&str, Option<&str>, Option<&str>, Option<&str>),
        expected: Result<&str, &str>,
    ) {
        let (host, region, cluster_id, fallback) = given;
        let endpoint = resolve(host, region, cluster_id, || fallback.map(str::to_owned));
        let text = endpoint.map(|endpoint| {
            let address = endpoint.address.unwrap_or_else(|| "-".to_owned());
            format!("{} {address} {}", endpoint.host, endpoint.region)
        });
        match (text, expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{error}");
            }
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn host_endpoint_names_its_region() {
        let host = format!("{ID}.dsql.eu-west-1.on.aws");
        check((&host, None, None, Some("us-east-2")), Ok(&format!("{host} - eu-west-1")));
        check((&host, Some("eu-west-1"), None, None), Ok(&format!("{host} - eu-west-1")));
        check((&host, Some("us-east-1"), None, None), Err("drop the option"));
        let private = format!("{ID}.dsql-fnh4.us-east-1.on.aws");
        check((&private, None, None, None), Ok(&format!("{private} - us-east-1")));
    }

    #[test]
    fn host_cluster_id_needs_a_region() {
        let expected = format!("{ID}.dsql.us-east-1.on.aws - us-east-1");
        check((ID, Some("us-east-1"), None, Some("eu-west-1")), Ok(&expected));
        check((ID, None, None, Some("us-east-1")), Ok(&expected));
        check((ID, None, None, None), Err("set the option region or AWS_REGION"));
        check((ID, Some("US east"), None, None), Err("looks like us-east-1"));
    }

    #[test]
    fn host_vpc_endpoint_needs_a_cluster_id() {
        let host = "vpce-07acca8bd8980c621-nruuwp08.dsql-fnh4.us-east-1.vpce.amazonaws.com";
        let expected = format!("{ID}.dsql-fnh4.us-east-1.on.aws {host} us-east-1");
        check((host, None, Some(ID), None), Ok(&expected));
        check((host, None, None, None), Err("set the option clusterId"));
        check((host, None, Some("short"), None), Err("is no cluster id"));
        check(("localhost", Some("us-east-1"), Some(ID), None), Err("for VPC endpoints only"));
    }

    #[test]
    fn host_of_any_other_name() {
        check(("localhost", Some("us-east-1"), None, None), Ok("localhost - us-east-1"));
        check(("localhost", None, None, Some("us-east-1")), Ok("localhost - us-east-1"));
        check(("localhost", None, None, None), Err("names no region"));
        check(("", None, None, None), Err("no host"));
        check(("a b", None, None, None), Err("is no host name"));
    }
}

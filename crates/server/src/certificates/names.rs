//! The names under which clients reach a server.

use std::collections::BTreeSet;

/// The names a certificate is good for: host names, wildcards, addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// The loopback names, and those that Aurora DSQL's endpoints in `region` have.
    ///
    /// The wildcards are good for every cluster, so a new cluster needs no new certificate.
    pub fn of_region(region: &str) -> Names {
        let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        Names(local.into()).with_region(region)
    }

    /// With those of the endpoints in one more region, the API's among them.
    #[must_use]
    pub fn with_region(self, region: &str) -> Names {
        self.with(&format!("*.dsql.{region}.on.aws"))
            .with(&format!("*.dsql-fnh4.{region}.on.aws"))
            .with(&format!("*.dsql-fnh4.{region}.vpce.amazonaws.com"))
            .with(&format!("dsql.{region}.api.aws"))
    }

    /// With a cluster's own endpoints, for clients that do not accept wildcards.
    #[must_use]
    pub fn with_cluster(self, region: &str, id: &str) -> Names {
        self.with(&format!("{id}.dsql.{region}.on.aws"))
            .with(&format!("{id}.dsql-fnh4.{region}.on.aws"))
    }

    /// With one more host name or address.
    #[must_use]
    pub fn with(mut self, name: &str) -> Names {
        // As they come back from a certificate, so that the two can be compared.
        let name = match name.parse::<std::net::IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => name.to_ascii_lowercase(),
        };
        self.0.insert(name);
        self
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromIterator<String> for Names {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Names {
        Names(names.into_iter().collect())
    }
}

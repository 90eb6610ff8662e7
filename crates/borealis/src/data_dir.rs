//! What is where in the data directory, and which cluster is in it.
//!
//! ```text
//!     <data dir>/cluster.json    id, region, and where the last start listened
//!                iam/            access keys
//!                tls/            certificate authority and certificate
//!                store/          the database, locked while a server runs
//! ```

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use iam::token::{self, Action, TokenRequest};
use iam::{AccessKeyStore, AmzTime, Credentials, private_file};
use serde::{Deserialize, Serialize};
use server::ClusterId;

use crate::args::DataDirArg;
use crate::failure::{Result, because, because_of};

/// The region of a new cluster, unless told otherwise.
const REGION_DEFAULT: &str = "us-east-1";
/// The version of `cluster.json` that is written here.
const FORMAT: u32 = 1;

/// A data directory.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

/// What `cluster.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClusterFile {
    format: u32,
    id: String,
    /// Such as `us-east-1`.
    pub(crate) region: String,
    /// Where the last start listened.
    pub(crate) address: IpAddr,
    /// Where the last start listened.
    pub(crate) port: u16,
    /// Where the last start listened for API calls; there is none in files of older versions.
    #[serde(default)]
    pub(crate) api_port: Option<u16>,
}

impl ClusterFile {
    /// The cluster's public host name.
    pub(crate) fn host(&self) -> String {
        format!("{}.dsql.{}.on.aws", self.id, self.region)
    }

    pub(crate) fn id(&self) -> Result<ClusterId> {
        self.id.parse().map_err(|error| because("cannot use cluster.json", error))
    }
}

impl DataDir {
    /// The directory given, or the default one; it may not be there yet.
    pub(crate) fn locate(arg: &DataDirArg) -> Result<DataDir> {
        let path = match &arg.data_dir {
            Some(path) => path.clone(),
            None => default_path(&|name| std::env::var_os(name).map(PathBuf::from))
                .ok_or_else(|| because_of("there is no home directory: give --data-dir"))?,
        };
        DataDir::at(&path)
    }

    /// This directory.
    pub(crate) fn at(path: &Path) -> Result<DataDir> {
        // Absolute, since what is printed is used elsewhere.
        let path = std::path::absolute(path)
            .map_err(|error| because(format!("cannot use \"{}\"", path.display()), error))?;
        Ok(DataDir(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn iam(&self) -> PathBuf {
        self.0.join("iam")
    }

    pub(crate) fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The cluster that was made here by the first start.
    pub(crate) fn cluster(&self) -> Result<ClusterFile> {
        self.read()?.ok_or_else(|| {
            because_of(format!(
                "there is no cluster in \"{}\": start one with `borealis start`",
                self.0.display()
            ))
        })
    }

    /// The cluster here, made now if this is the first start.
    pub(crate) fn open_or_create(&self, region: Option<&str>) -> Result<ClusterFile> {
        private_file::create_dir(&self.0)
            .map_err(|error| because(format!("cannot create \"{}\"", self.0.display()), error))?;
        if let Some(cluster) = self.read()? {
            return match region {
                Some(region) if region != cluster.region => Err(because_of(format!(
                    "the cluster in \"{}\" is in the region {}, not {region}",
                    self.0.display(),
                    cluster.region
                ))),
                _ => Ok(cluster),
            };
        }
        let region = region.unwrap_or(REGION_DEFAULT);
        if !is_region(region) {
            return Err(because_of(format!("\"{region}\" is not the name of a region")));
        }
        let cluster = ClusterFile {
            format: FORMAT,
            id: ClusterId::random(&mut rand::rng()).to_string(),
            region: region.to_owned(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 5432,
            api_port: None,
        };
        self.write(&cluster)?;
        Ok(cluster)
    }

    /// Notes what a start has changed.
    pub(crate) fn write(&self, cluster: &ClusterFile) -> Result<()> {
        let path = self.file();
        let fail = |error| because(format!("cannot write \"{}\"", path.display()), error);
        let mut text = serde_json::to_vec_pretty(cluster).map_err(|error| fail(error.into()))?;
        text.push(b'\n');
        private_file::replace(&path, &text).map_err(fail)
    }

    /// A token for the cluster here, signed with its first usable key, and that key.
    pub(crate) fn token(
        &self,
        cluster: &ClusterFile,
        user: &str,
        expires_s: u32,
    ) -> Result<(String, Credentials)> {
        let now = AmzTime::from(std::time::SystemTime::now());
        let credentials = self.credentials(now)?;
        let host = cluster.host();
        let action = Action::needed_by(user);
        let request = TokenRequest { host: &host, region: &cluster.region, action, expires_s, now };
        Ok((token::sign(&credentials, request), credentials))
    }

    /// The first usable access key.
    pub(crate) fn credentials(&self, now: AmzTime) -> Result<Credentials> {
        let keys = AccessKeyStore::open(&self.iam())
            .map_err(|error| because("cannot read the access keys", error))?;
        let key = keys
            .default_key(now)
            .ok_or_else(|| because_of(format!("no usable key in \"{}\"", keys.path().display())))?;
        Ok(key.credentials().clone())
    }

    fn read(&self) -> Result<Option<ClusterFile>> {
        let path = self.file();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(because(format!("cannot read \"{}\"", path.display()), error));
            }
        };
        let cluster: ClusterFile = serde_json::from_slice(&text)
            .map_err(|error| because(format!("\"{}\" is invalid", path.display()), error))?;
        if cluster.format > FORMAT {
            return Err(because_of(format!(
                "\"{}\" has format {}, this program reads up to {FORMAT}",
                path.display(),
                cluster.format
            )));
        }
        cluster.id()?;
        Ok(Some(cluster))
    }

    fn file(&self) -> PathBuf {
        self.0.join("cluster.json")
    }
}

fn default_path(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // The XDG specification has relative paths ignored.
    let data_home = variable("XDG_DATA_HOME").filter(|path| path.is_absolute());
    let home = || variable("HOME").filter(|path| path.is_absolute());
    let data_home = data_home.or_else(|| Some(home()?.join(".local/share")))?;
    Some(data_home.join("borealis"))
}

/// Regions become labels of host names.
fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_survives_a_restart() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::at(&root.path().join("data")).unwrap();
        assert!(dir.cluster().unwrap_err().to_string().starts_with("there is no cluster in"));
        let mut cluster = dir.open_or_create(Some("eu-west-1")).unwrap();
        assert_eq!(cluster.host(), format!("{}.dsql.eu-west-1.on.aws", cluster.id));
        cluster.port = 5555;
        dir.write(&cluster).unwrap();
        assert_eq!(dir.open_or_create(None).unwrap(), cluster);
        assert_eq!(dir.cluster().unwrap(), cluster);
        let error = dir.open_or_create(Some("us-east-1")).unwrap_err().to_string();
        assert!(error.ends_with("is in the region eu-west-1, not us-east-1"), "{error}");
    }

    #[test]
    fn cluster_file_of_a_newer_version_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::at(root.path()).unwrap();
        let mut cluster = dir.open_or_create(None).unwrap();
        cluster.format = 2;
        dir.write(&cluster).unwrap();
        let error = dir.open_or_create(None).unwrap_err().to_string();
        assert!(error.ends_with("has format 2, this program reads up to 1"), "{error}");
    }

    #[test]
    fn default_path_follows_xdg() {
        let path = |xdg: Option<&'static str>, home: Option<&'static str>| {
            let variable = move |name: &str| match name {
                "XDG_DATA_HOME" => xdg.map(PathBuf::from),
                _ => home.map(PathBuf::from),
            };
            default_path(&variable)
        };
        assert_eq!(path(Some("/x"), Some("/h")), Some("/x/borealis".into()));
        assert_eq!(path(Some("x"), Some("/h")), Some("/h/.local/share/borealis".into()));
        assert_eq!(path(None, Some("/h")), Some("/h/.local/share/borealis".into()));
        assert_eq!(path(None, None), None);
    }

    #[test]
    fn regions() {
        for region in ["us-east-1", "eu-isoe-west-1", "local"] {
            assert!(is_region(region), "{region}");
        }
        for other in ["", "-", "us.east", "US-EAST-1", "us-east-", "a b"] {
            assert!(!is_region(other), "{other}");
        }
    }
}

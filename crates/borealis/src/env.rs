//! `borealis env`: what a client must know, as shell variables.

use std::fmt::Write;

use crate::args::EnvArgs;
use crate::data_dir::DataDir;
use crate::failure::Result;
use crate::print;

/// Prints the variables.
pub(crate) fn env(args: &EnvArgs) -> Result<()> {
    let dir = DataDir::locate(&args.data_dir)?;
    let variables = variables(&dir, &args.user, args.expires_in)?;
    let mut text = String::new();
    for (name, value) in &variables {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "export {name}={}", quote(value));
    }
    let ca = quote(&dir.tls().join("ca.pem").to_string_lossy());
    let _ = write!(
        text,
        "# Clients that do not read PGSSLROOTCERT trust the server with one of these. SSL_CERT_FILE\n\
         # takes the place of the system's authorities, so leave it alone if you need those too.\n\
         # export SSL_CERT_FILE={ca}         # OpenSSL, Go, .NET\n\
         # export NODE_EXTRA_CA_CERTS={ca}   # Node.js\n\
         # export AWS_CA_BUNDLE={ca}         # AWS command line, boto3\n"
    );
    print(&text)
}

/// Names and values, in the order of printing.
pub(crate) fn variables(
    dir: &DataDir,
    user: &str,
    expires_s: u32,
) -> Result<Vec<(&'static str, String)>> {
    let cluster = dir.cluster()?;
    let (token, credentials) = dir.token(&cluster, user, expires_s)?;
    let ca = dir.tls().join("ca.pem").to_string_lossy().into_owned();
    // A server that does not listen on the loopback interface is reached by its address, and under
    // the cluster's name, since an address alone names no cluster.
    let address = cluster.address;
    let is_local = address.is_loopback() || address.is_unspecified();
    let host = if is_local { "localhost".to_owned() } else { cluster.host() };
    let mut variables = vec![("PGHOST", host)];
    if !is_local {
        variables.push(("PGHOSTADDR", address.to_string()));
    }
    variables.extend([
        ("PGPORT", cluster.port.to_string()),
        ("PGUSER", user.to_owned()),
        ("PGDATABASE", "postgres".to_owned()),
        ("PGSSLMODE", "verify-full".to_owned()),
        ("PGSSLROOTCERT", ca),
        ("PGPASSWORD", token),
        ("CLUSTER_ENDPOINT", cluster.host()),
        ("CLUSTER_USER", user.to_owned()),
        ("REGION", cluster.region.clone()),
        ("AWS_REGION", cluster.region.clone()),
        ("AWS_DEFAULT_REGION", cluster.region.clone()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
    ]);
    if let Some(port) = cluster.api_port {
        // From this machine plain HTTP will do, and needs no authority to be trusted.
        let endpoint = if is_local {
            format!("http://localhost:{port}")
        } else {
            format!("https://{address}:{port}")
        };
        for name in ["AWS_ENDPOINT_URL_DSQL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS"] {
            variables.push((name, endpoint.clone()));
        }
    }
    variables.extend(credentials.session_token.map(|token| ("AWS_SESSION_TOKEN", token)));
    Ok(variables)
}

/// A word that every POSIX shell reads as `text`.
pub(crate) fn quote(text: &str) -> String {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':' | b'+')
    };
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting() {
        for (text, quoted) in [
            ("/data/ca.pem", "/data/ca.pem"),
            ("", "''"),
            ("a b", "'a b'"),
            ("a&b=$c", "'a&b=$c'"),
            ("it's", "'it'\\''s'"),
            ("`x`\n", "'`x`\n'"),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }
}

//! AWS credentials: the default chain, a profile, a provider of the caller's own, an assumed role.

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::config::Config;
use crate::error::{Error, Result};

/// Where a connector's credentials come from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    provider: SharedCredentialsProvider,
    profile: Option<String>,
}

impl Source {
    /// What `config` asks for: its own provider, or else its profile, or else the default chain. Nobody
    /// is asked for credentials yet. A profile that assumes a role asks STS in `region`, unless it names
    /// another.
    pub(crate) async fn of(config: &Config, region: &str) -> Result<Source> {
        if let Some(provider) = &config.credentials {
            return Ok(Source { provider: provider.clone(), profile: None });
        }
        if let Some(profile) = &config.profile {
            // Not through the chain, where variables of the environment would win over the profile.
            let provider = ProfileFileCredentialsProvider::builder()
                .profile_name(profile)
                .configure(
                    &ProviderConfig::without_region()
                        .with_region(Some(Region::new(region.to_owned())))
                        .with_http_client(http()),
                )
                .build();
            let provider = SharedCredentialsProvider::new(provider);
            return Ok(Source { provider, profile: Some(profile.clone()) });
        }
        let provider = loader().load().await.credentials_provider().ok_or_else(|| {
            Error::Credentials { profile: None, source: "there is no provider".into() }
        })?;
        Ok(Source { provider, profile: None })
    }

    /// The credentials of this moment.
    pub(crate) async fn credentials(&self) -> Result<Credentials> {
        self.provider.provide_credentials().await.map_err(|error| Error::Credentials {
            profile: self.profile.clone(),
            source: Box::new(error),
        })
    }
}

/// A provider of the credentials of the role `arn`, for [`Config::credentials_provider`]: another
/// account's cluster, or fewer rights. STS in `region` is asked with the credentials of the default
/// chain, at the first connect and whenever the role's session has ended.
pub async fn assume_role(
    arn: impl Into<String>,
    region: impl Into<String>,
) -> impl ProvideCredentials + 'static {
    let loaded = loader().load().await;
    AssumeRoleProvider::builder(arn)
        .region(Region::new(region.into()))
        .session_name("aurora-dsql-rust")
        .configure(&loaded)
        .build()
        .await
}

fn loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest()).http_client(http())
}

/// Said explicitly: the SDK's own default would bring a second library of cryptography.
fn http() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

//! The AWS SDK for Rust as a client of the control plane: `aws-sdk-dsql`, with its waiters, its
//! paginator and its token generator.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dsql::Client;
use aws_sdk_dsql::auth_token::{AuthTokenGenerator, Config as TokenConfig};
use aws_sdk_dsql::client::Waiters;
use aws_sdk_dsql::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dsql::error::ProvideErrorMetadata;
use aws_sdk_dsql::types::ClusterStatus;
use testkit::BorealisServer;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, and the configuration that its environment gives the SDK.
struct Cloud {
    server: BorealisServer,
    config: SdkConfig,
}

impl Cloud {
    async fn new() -> Cloud {
        Cloud::with(&[]).await
    }

    /// With further arguments of the server.
    async fn with(arguments: &[&str]) -> Cloud {
        let server = BorealisServer::in_memory_with(arguments);
        let env: BTreeMap<String, String> = server.env();
        let credentials = Credentials::new(
            &env["AWS_ACCESS_KEY_ID"],
            &env["AWS_SECRET_ACCESS_KEY"],
            env.get("AWS_SESSION_TOKEN").cloned(),
            None,
            "borealis env",
        );
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(env["AWS_REGION"].clone()))
            .endpoint_url(&env["AWS_ENDPOINT_URL_DSQL"])
            .credentials_provider(credentials)
            .load()
            .await;
        Cloud { server, config }
    }

    /// The SDK's client, which sends what it sends to AWS.
    fn client(&self) -> Client {
        Client::new(&self.config)
    }
}

#[tokio::test]
async fn sdk_life_of_a_cluster() {
    let cloud = Cloud::new().await;
    let client = cloud.client();
    let made = client
        .create_cluster()
        .deletion_protection_enabled(true)
        .tags("Name", "from Rust")
        .client_token("once")
        .send()
        .await
        .expect("a cluster");
    assert_eq!(made.status(), &ClusterStatus::Creating);
    let id = made.identifier();
    let active = client.wait_until_cluster_active().identifier(id).wait(PATIENCE).await;
    let active = active.expect("an active cluster").into_result().expect("its description");
    assert_eq!(active.status(), &ClusterStatus::Active);
    assert_eq!(active.creation_time(), made.creation_time());
    let tags = HashMap::from([("Name".to_owned(), "from Rust".to_owned())]);
    assert_eq!(active.tags(), Some(&tags));

    // The same request again is the same cluster.
    let again = client.create_cluster().deletion_protection_enabled(true);
    let again = again.tags("Name", "from Rust").client_token("once").send().await;
    assert_eq!(again.expect("the cluster").identifier(), id);

    let error = client.delete_cluster().identifier(id).send().await.expect_err("protected");
    let error = error.into_service_error();
    assert!(error.is_validation_exception(), "{error:?}");
    assert_eq!(error.message(), Some("Deletion protection is enabled"));
    let updated = client.update_cluster().identifier(id).deletion_protection_enabled(false);
    assert_eq!(updated.send().await.expect("an update").status(), &ClusterStatus::Updating);
    let active = client.wait_until_cluster_active().identifier(id).wait(PATIENCE).await;
    active.expect("an active cluster");
    let deleted = client.delete_cluster().identifier(id).send().await.expect("a deletion");
    assert_eq!(deleted.status(), &ClusterStatus::Deleting);
    client.wait_until_cluster_not_exists().identifier(id).wait(PATIENCE).await.expect("no cluster");
    let error = client.get_cluster().identifier(id).send().await.expect_err("no cluster");
    let error = error.into_service_error();
    assert!(error.is_resource_not_found_exception(), "{error:?}");
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn sdk_paginator_lists_all_clusters() {
    let cloud = Cloud::new().await;
    let client = cloud.client();
    let mut made = HashSet::new();
    for _ in 0..5 {
        let cluster = client.create_cluster().send().await.expect("a cluster");
        made.insert(cluster.identifier().to_owned());
    }
    let mut pages = client.list_clusters().into_paginator().page_size(2).send();
    let mut sizes = Vec::new();
    let mut listed = HashSet::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        sizes.push(page.clusters().len());
        listed.extend(page.clusters().iter().map(|cluster| cluster.identifier().to_owned()));
    }
    // These and the default cluster.
    assert_eq!(sizes, [2, 2, 2]);
    assert!(listed.is_superset(&made));
}

#[tokio::test]
async fn sdk_tags_policy_and_service_name() {
    let cloud = Cloud::new().await;
    let client = cloud.client();
    let cluster = client.create_cluster().send().await.expect("a cluster");
    let (id, arn) = (cluster.identifier(), cluster.arn());
    client.wait_until_cluster_active().identifier(id).wait(PATIENCE).await.expect("active");
    client
        .tag_resource()
        .resource_arn(arn)
        .tags("a", "1")
        .tags("b", "2")
        .send()
        .await
        .expect("tags");
    client.untag_resource().resource_arn(arn).tag_keys("a").send().await.expect("no tag");
    let tags = client.list_tags_for_resource().resource_arn(arn).send().await.expect("tags");
    assert_eq!(tags.tags(), Some(&HashMap::from([("b".to_owned(), "2".to_owned())])));

    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Resource":"*",
        "Action":["dsql:DbConnect","dsql:DbConnectAdmin"],"Condition":{"Null":{"aws:SourceVpc":"true"}}}]}"#;
    let put =
        client.put_cluster_policy().identifier(id).policy(policy).send().await.expect("a policy");
    let got = client.get_cluster_policy().identifier(id).send().await.expect("a policy");
    assert_eq!((got.policy(), got.policy_version()), (policy, put.policy_version()));
    client.delete_cluster_policy().identifier(id).send().await.expect("no policy");
    let bad = client.put_cluster_policy().identifier(id).policy("{").send().await;
    let error = bad.expect_err("no policy").into_service_error();
    assert!(error.is_validation_exception(), "{error:?}");

    let names = client.get_vpc_endpoint_service_name().identifier(id).send().await.expect("names");
    assert_eq!(names.service_name(), "com.amazonaws.us-east-1.dsql-fnh4");
}

#[tokio::test]
async fn sdk_tokens_connect() {
    let cloud = Cloud::new().await;
    let client = cloud.client();
    let cluster = client.create_cluster().send().await.expect("a cluster");
    let id = cluster.identifier();
    client.wait_until_cluster_active().identifier(id).wait(PATIENCE).await.expect("active");
    let host = format!("{id}.dsql.us-east-1.on.aws");
    let generator = |host: &str| {
        let config =
            TokenConfig::builder().hostname(host).build().expect("a token's configuration");
        AuthTokenGenerator::new(config)
    };
    let admin = generator(&host).db_connect_admin_auth_token(&cloud.config).await.expect("a token");
    let mut endpoint = cloud.server.endpoint();
    endpoint.host.clone_from(&host);
    endpoint.password = admin.as_str().to_owned();
    let mut config = endpoint.config();
    config.hostaddr("127.0.0.1".parse().expect("an address"));
    let session = endpoint.connect_with(&config).await.expect("a session");
    session.batch_execute("CREATE TABLE t (id INT PRIMARY KEY)").await.expect("a table");

    // Another role's token is not admin's.
    let other = generator(&host).db_connect_auth_token(&cloud.config).await.expect("a token");
    config.password(other.as_str());
    let error = endpoint.connect_with(&config).await.err().expect("a refusal");
    let error = error.as_db_error().expect("the server's");
    assert_eq!(error.message(), "unable to accept connection, access denied");
    let hint = "Wrong user to action mapping. user: admin, action: DbConnect";
    assert_eq!(error.hint(), Some(hint));
}

#[tokio::test]
async fn sdk_wrong_secret_is_refused() {
    let mut cloud = Cloud::new().await;
    let known = cloud.server.env();
    let credentials = Credentials::new(&known["AWS_ACCESS_KEY_ID"], "wrong", None, None, "test");
    let provider = SharedCredentialsProvider::new(credentials);
    cloud.config = cloud.config.to_builder().credentials_provider(provider).build();
    let error = cloud.client().list_clusters().send().await.expect_err("a refusal");
    assert_eq!(error.code(), Some("InvalidSignatureException"), "{error:?}");
}

#[tokio::test]
async fn sdk_cluster_comes_to_rest() {
    let arguments = ["--cluster-idle-after", "1", "--cluster-inactive-after", "4"];
    let cloud = Cloud::with(&arguments).await;
    let client = cloud.client();
    let made = client.create_cluster().send().await.expect("a cluster");
    let id = made.identifier();
    let mut seen = Vec::new();
    while seen.last() != Some(&ClusterStatus::Inactive) {
        let got = client.get_cluster().identifier(id).send().await.expect("a cluster");
        if seen.last() != Some(got.status()) {
            seen.push(got.status().clone());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(seen.len() < 5, "{seen:?}");
    }
    let [.., ClusterStatus::Active, ClusterStatus::Idle, ClusterStatus::Inactive] = &seen[..]
    else {
        panic!("{seen:?}");
    };
}

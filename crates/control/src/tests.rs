//! Whatever a signed client sends, an API answers: nothing panics, nothing is kept that is not valid.

use std::collections::BTreeMap;
use std::sync::Arc;

use iam::keys::FirstKey;
use iam::{AmzTime, Identities};
use proptest::prelude::*;
use query::EngineConfig;
use serde_json::{Value, json};
use server::{ClusterId, ClusterRegistry, Limits};
use store::memory::{Faults, Memory};

use crate::clusters::{Clusters, Settings};
use crate::dsql::{self, Call};
use crate::iam_api::{self, Parameters};
use crate::{laboratory, metrics};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
const NOW: AmzTime = AmzTime::from_unix(1_790_856_000);

struct World {
    runtime: tokio::runtime::Runtime,
    clusters: Arc<Clusters>,
    identities: Identities,
    default: ClusterId,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let first = FirstKey { account: ACCOUNT, environment: &|_| None, now: NOW };
        let identities = Identities::open_or_create(directory.path(), first).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let default: ClusterId = "foo0bar1baz2quux3quuux4abc".parse().unwrap();
        let settings = Settings {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            engine: EngineConfig::new(1),
            limits: Limits::default(),
            clusters_max: 20,
            linked_clusters_max: 5,
            new_region: Arc::new(|_| {}),
        };
        let registry = Arc::new(ClusterRegistry::new(Some(default), Vec::new()));
        let store = Memory::new(Faults::default());
        let clusters =
            runtime.block_on(Clusters::open(settings, store, registry, default)).unwrap();
        World { runtime, clusters, identities, default, _directory: directory }
    }

    /// Status and body of a call by the administrator.
    fn rest(
        &self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        body: &[u8],
    ) -> (u16, Value) {
        let Some(operation) = dsql::route(method, path) else { return (404, Value::Null) };
        let key = self.identities.keys().default_key(NOW).unwrap();
        let caller = self.identities.caller(&key);
        let context = caller.context(NOW);
        let call = Call {
            clusters: &self.clusters,
            caller: &caller,
            context: &context,
            region: REGION,
            body,
            query,
        };
        match self.runtime.block_on(call.run(&operation)) {
            Ok(body) => (200, body.unwrap_or_default()),
            Err(error) => (error.status, error.body()),
        }
    }

    fn query(&self, service: &str, form: &BTreeMap<String, String>) -> Result<(), (u16, String)> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let parameters = Parameters::parse(body.finish().as_bytes());
        let key = self.identities.keys().default_key(NOW).unwrap();
        let caller = self.identities.caller(&key);
        let call = iam_api::Call {
            identities: &self.identities,
            caller: &caller,
            context: caller.context(NOW),
            parameters: &parameters,
            now: NOW,
            is_session: false,
        };
        let action = parameters.get("Action").unwrap_or_default();
        let outcome = if service == "sts" { call.sts(action) } else { call.iam(action) };
        match outcome {
            Ok(result) => {
                iam_api::response(service, action, result.as_deref(), "id");
                Ok(())
            }
            Err(error) => {
                error.xml(service, "id");
                Err((error.status, error.code))
            }
        }
    }
}

/// JSON in which the model's members come with values of all kinds.
fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!("us-west-2")),
        Just(json!(format!("arn:aws:dsql:us-east-2:{ACCOUNT}:cluster/foo0bar1baz2quux3quuux4abc"))),
        Just(json!(r#"{"Version":"2012-10-17","Statement":[]}"#)),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "deletionProtectionEnabled",
            "kmsEncryptionKey",
            "tags",
            "clientToken",
            "multiRegionProperties",
            "witnessRegion",
            "clusters",
            "policy",
            "bypassPolicyLockoutSafetyCheck",
            "expectedPolicyVersion",
            "metricGroups",
            "targetDefinition",
            "kinesis",
            "streamArn",
            "roleArn",
            "ordering",
            "format",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,8}",
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn fuzz_rest() {
    let world = World::new();
    let paths = [
        "/cluster".to_owned(),
        format!("/cluster/{}", world.default),
        format!("/cluster/{}/policy", world.default),
        format!("/stream/{}", world.default),
        format!("/stream/{}/aaaaaaaaaaaaaaaaaaaaaaaaaa", world.default),
        format!("/tags/arn%3Aaws%3Adsql%3A{REGION}%3A{ACCOUNT}%3Acluster%2F{}", world.default),
        "/cluster/%C3%A9".to_owned(),
        "/tags/x".to_owned(),
    ];
    let paths = prop::sample::select(paths.to_vec());
    let method = prop::sample::select(vec!["GET", "POST", "DELETE"]);
    let bytes = prop_oneof![
        4 => body().prop_map(|body| body.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    let name = prop::sample::select(vec![
        "max-results",
        "next-token",
        "client-token",
        "tagKeys",
        "expected-policy-version",
    ]);
    let query = prop::collection::vec((name.prop_map(str::to_owned), "\\PC{0,12}"), 0..3);
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&(method, paths, query, bytes), |(method, path, query, body)| {
            let (status, answer) = world.rest(method, &path, &query, &body);
            prop_assert!([200, 400, 402, 404, 409].contains(&status), "{status} {answer}");
            if status != 200 && status != 404 {
                prop_assert!(answer["message"].is_string(), "{answer}");
            }
            Ok(())
        })
        .unwrap();
    // The default cluster is protected, so it is still there and well.
    let (status, cluster) = world.rest("GET", &format!("/cluster/{}", world.default), &[], b"");
    assert_eq!(status, 200);
    assert!(["ACTIVE", "UPDATING", "DELETING"].contains(&cluster["status"].as_str().unwrap()));
}

#[test]
fn fuzz_query_protocol() {
    let world = World::new();
    let action = prop::sample::select(
        "CreateUser GetUser ListUsers DeleteUser PutUserPolicy GetUserPolicy ListUserPolicies \
         DeleteUserPolicy AttachUserPolicy DetachUserPolicy ListAttachedUserPolicies TagUser \
         UntagUser ListUserTags CreateRole GetRole ListRoles UpdateRole UpdateAssumeRolePolicy \
         DeleteRole PutRolePolicy ListRoleTags CreatePolicy GetPolicy ListPolicies DeletePolicy \
         CreatePolicyVersion GetPolicyVersion ListPolicyVersions SetDefaultPolicyVersion \
         DeletePolicyVersion ListAccessKeys UpdateAccessKey DeleteAccessKey GetCallerIdentity \
         AssumeRole GetSessionToken Nothing CreateEntity é"
            .split_whitespace()
            .collect::<Vec<_>>(),
    );
    let name = prop::sample::select(
        "UserName RoleName PolicyName PolicyArn PolicyDocument AssumeRolePolicyDocument Path \
         PathPrefix Marker MaxItems Tags.member.1.Key Tags.member.1.Value TagKeys.member.1 \
         VersionId SetAsDefault AccessKeyId Status RoleArn RoleSessionName DurationSeconds Policy \
         ExternalId MaxSessionDuration Description é"
            .split_whitespace()
            .collect::<Vec<_>>(),
    );
    let value = prop_oneof![
        "\\PC{0,12}",
        "[a-z]{1,3}",
        Just("0".to_owned()),
        Just("v1".to_owned()),
        Just("/".to_owned()),
        Just("arn:aws:iam::aws:policy/AdministratorAccess".to_owned()),
        Just(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#.to_owned()),
    ];
    let parameters = prop::collection::btree_map(name.prop_map(str::to_owned), value, 0..5);
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&(action, parameters), |(action, mut form)| {
            form.insert("Action".to_owned(), action.to_owned());
            for service in ["iam", "sts"] {
                if let Err((status, code)) = world.query(service, &form) {
                    prop_assert!([400, 403, 404, 409].contains(&status), "{status} {code}");
                }
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(world.identities.directory().user("borealis").unwrap().name, "borealis");
}

#[test]
fn fuzz_laboratory() {
    let world = World::new();
    let member = prop::sample::select(vec!["fault", "count", "cluster", "latency_ms", "x"]);
    let value = prop_oneof![
        prop::sample::select(vec![json!("OC000"), json!("latency"), json!(world.default.as_str())]),
        any::<i64>().prop_map(Value::from),
        (0..100_000).prop_map(Value::from),
        body(),
    ];
    let members = prop::collection::btree_map(member.prop_map(str::to_owned), value, 0..5);
    let bytes = prop_oneof![
        4 => members.prop_map(|members| json!(members).to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&bytes, |body| {
            let before = laboratory::faults(&world.clusters);
            if let Err(message) = laboratory::inject(&world.clusters, &body) {
                prop_assert!(!message.is_empty());
                prop_assert_eq!(laboratory::faults(&world.clusters), before);
            }
            Ok(())
        })
        .unwrap();
    laboratory::clear(&world.clusters);
    let none = json!({ "faults": { world.default.as_str(): {} } });
    assert_eq!(laboratory::faults(&world.clusters), none);
}

#[test]
fn metrics_of_a_new_cluster() {
    let world = World::new();
    let text = metrics::text(&world.clusters).unwrap();
    let id = world.default;
    for line in [
        "# TYPE AuroraDSQL_TotalTransactions counter".to_owned(),
        format!("AuroraDSQL_TotalTransactions_total{{ResourceId=\"{id}\"}} 0"),
        format!("AuroraDSQL_ComputeDPU_total{{ResourceId=\"{id}\"}} 0.0"),
        "# TYPE AuroraDSQL_ClusterConnectionCount gauge".to_owned(),
        format!("AuroraDSQL_ClusterConnectionCount{{ResourceId=\"{id}\"}} 0"),
        format!("AuroraDSQL_CallCount_total{{ResourceId=\"{id}\",Resource=\"DbConnect\"}} 0"),
        "# TYPE AuroraDSQL_CommitLatency histogram".to_owned(),
        format!("AuroraDSQL_CommitLatency_bucket{{le=\"5.0\",ResourceId=\"{id}\"}} 0"),
        format!("AuroraDSQL_CommitLatency_bucket{{le=\"+Inf\",ResourceId=\"{id}\"}} 0"),
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
    }
}

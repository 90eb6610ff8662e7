//! How long it takes to decide on a connection's token: `cargo bench -p iam`.

#![expect(missing_docs, reason = "criterion's macros make undocumented functions")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use iam::directory::NewSession;
use iam::keys::{FirstKey, SessionFacts};
use iam::token::{Action, Expectation, TokenRequest, sign, verify};
use iam::{AmzTime, Credentials, Identities, Principal};

const HOST: &str = "foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws";
const CLUSTER: &str = "arn:aws:dsql:us-east-1:123456789012:cluster/foo0bar1baz2quux3quuux4abc";
const NOW: AmzTime = AmzTime::from_unix(1_790_856_000);

fn tokens(criterion: &mut Criterion) {
    let root = tempfile::tempdir().unwrap();
    let first = FirstKey { account: "123456789012", environment: &|_| None, now: NOW };
    let identities = Identities::open_or_create(root.path(), first).unwrap();
    let user = identities.keys().default_key(NOW).unwrap().credentials().clone();
    let session = NewSession {
        principal: Principal::parse("arn:aws:iam::123456789012:user/borealis").unwrap(),
        now: NOW,
        life_s: 3600,
        facts: SessionFacts::default(),
    };
    let session = identities.begin_session(session).unwrap().credentials().clone();
    let expected = Expectation {
        region: "us-east-1",
        user: "admin",
        host_is_cluster: &|host| host == HOST,
        now: NOW,
    };
    let token = |credentials: &Credentials| {
        let action = Action::DbConnectAdmin;
        let request =
            TokenRequest { host: HOST, region: "us-east-1", action, expires_s: 900, now: NOW };
        sign(credentials, request)
    };
    for (name, token) in [("user", token(&user)), ("session", token(&session))] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        group.bench_function("verify", |bencher| {
            bencher.iter(|| verify(black_box(&token), &expected, &identities).unwrap());
        });
        group.bench_function("verify and authorize", |bencher| {
            bencher.iter(|| {
                let key = verify(black_box(&token), &expected, &identities).unwrap();
                let caller = identities.caller(&key);
                let context = caller.context(NOW);
                caller.authorize("dsql:DbConnectAdmin", CLUSTER, &context, None).unwrap();
            });
        });
    }
}

/// A verification takes some microseconds, so few samples say as much as many.
fn quick() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = quick();
    targets = tokens
}
criterion_main!(benches);

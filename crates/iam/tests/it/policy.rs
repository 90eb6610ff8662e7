//! The table of decisions in `policy.txt`, and what is no policy.
//!
//! A block has a title, statements of policies (identity, session, resource or trust; a line each)
//! and requests: what is decided, as whom, action, resource, condition keys. `NAME=` without a value
//! is the empty text, values between bars are several.

use std::sync::Arc;

use iam::Principal;
use iam::policy::{
    Context, Decision, Denial, MalformedPolicy, Origin, Policies, Policy, PolicyKind, Request,
    decide, is_public,
};

const CASES: &str = include_str!("policy.txt");
const CLUSTER: &str = "arn:aws:dsql:us-east-1:123456789012:cluster/foo0bar1baz2quux3quuux4abc";

#[derive(Default)]
struct Block {
    title: String,
    version: &'static str,
    identity: Vec<String>,
    session: Vec<String>,
    resource: Vec<String>,
    trust: Vec<String>,
}

impl Block {
    fn policy(&self, statements: &[String], kind: PolicyKind) -> Option<Policy> {
        if statements.is_empty() {
            return None;
        }
        let text =
            format!(r#"{{"Version":"{}","Statement":[{}]}}"#, self.version, statements.join(","));
        Some(Policy::parse(&text, kind).unwrap_or_else(|error| panic!("{}: {error}", self.title)))
    }

    fn decide(&self, principal: &str, action: &str, resource: &str, context: &Context) -> String {
        let account = "123456789012";
        let (arn, role) = match principal.split_once(':') {
            None if principal == "root" => (format!("arn:aws:iam::{account}:root"), None),
            None => (format!("arn:aws:iam::{account}:user/{principal}"), None),
            Some((role, session)) => (
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
                Some(format!("arn:aws:iam::{account}:role/{role}")),
            ),
        };
        let principal = Principal::parse(&arn).unwrap();
        let request =
            Request { principal: &principal, role: role.as_deref(), action, resource, context };
        let identity: Vec<_> =
            self.policy(&self.identity, PolicyKind::Identity).into_iter().map(Arc::new).collect();
        let session = self.policy(&self.session, PolicyKind::Identity);
        let trust = self.policy(&self.trust, PolicyKind::Trust);
        let resource = self.policy(&self.resource, PolicyKind::Resource);
        let policies = Policies {
            identity: &identity,
            session: session.as_ref(),
            resource: trust.as_ref().or(resource.as_ref()),
            resource_must_allow: trust.is_some(),
        };
        match decide(&request, &policies) {
            Decision::Allowed => "allow".to_owned(),
            Decision::Denied(Denial::Explicit(origin)) => format!("deny:{}", short(origin)),
            Decision::Denied(Denial::Implicit(origin)) => format!("none:{}", short(origin)),
        }
    }
}

fn short(origin: Origin) -> &'static str {
    match origin {
        Origin::Identity => "identity",
        Origin::Session => "session",
        Origin::Resource => "resource",
    }
}

#[test]
fn policy_decisions() {
    let mut block = Block::default();
    let mut cases = 0;
    let mut wrong = Vec::new();
    for (number, line) in CASES.lines().enumerate() {
        let line = line.trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "" | "#" => {}
            "==" => {
                block = Block { title: rest.to_owned(), version: "2012-10-17", ..Block::default() };
            }
            "version" => block.version = "2008-10-17",
            "identity" => block.identity.push(rest.to_owned()),
            "session" => block.session.push(rest.to_owned()),
            "resource" => block.resource.push(rest.to_owned()),
            "trust" => block.trust.push(rest.to_owned()),
            expected => {
                let mut words = rest.split_whitespace();
                let mut next = || words.next().unwrap_or_else(|| panic!("line {}", number + 1));
                let (principal, action, resource) = (next(), next(), next());
                let mut context = Context::default();
                for pair in words {
                    let (key, value) = pair.split_once('=').unwrap();
                    let values = value.split('|').map(|v| v.replace('_', " ")).collect();
                    context.set(key, values);
                }
                let resource = resource.replace("$C", CLUSTER);
                let decision = block.decide(principal, action, &resource, &context);
                cases += 1;
                if decision != expected {
                    wrong.push(format!(
                        "line {}: {line}: {decision} ({})",
                        number + 1,
                        block.title
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 150, "{cases}");
}

#[track_caller]
fn refused(kind: PolicyKind, text: &str, expected: &str) {
    let MalformedPolicy(error) = Policy::parse(text, kind).unwrap_err();
    assert_eq!(error, expected, "{text}");
}

#[test]
fn policy_syntax() {
    const SYNTAX: &str = "Syntax errors in policy.";
    let statement = |text: &str| format!(r#"{{"Version":"2012-10-17","Statement":{text}}}"#);
    let one = |elements: &str| statement(&format!("{{{elements}}}"));
    let identity = |text: &str, expected: &str| refused(PolicyKind::Identity, text, expected);
    for text in ["", "{", "[]", "null", "\"x\"", "{}}"] {
        identity(text, "This policy contains invalid Json");
    }
    for text in [
        "{}".to_owned(),
        statement("[]"),
        statement("5"),
        statement("[5]"),
        r#"{"Version":"2012-10-17","Statements":[]}"#.to_owned(),
        one(r#""Effect":"Allow","Action":"a:b","Resource":"*","Extra":1"#),
        one(r#""Effect":"Allow","Action":5,"Resource":"*""#),
        one(r#""Effect":"Allow","Action":["a:b",5],"Resource":"*""#),
        one(r#""Effect":"Allow","Action":"a:b","NotAction":"a:c","Resource":"*""#),
        one(r#""Effect":"Allow","Action":"a:b","Resource":"*","Condition":[]"#),
        one(r#""Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"Bool":5}"#),
        one(r#""Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"Bool":{"a:b":{}}}"#),
        one(r#""Effect":"Allow","Action":"a:b","Resource":"arn:aws:s3:::${x""#),
        one(r#""Action":"a:b","Resource":"*""#),
    ] {
        identity(&text, SYNTAX);
    }
    identity(r#"{"Version":"2020-01-01","Statement":[]}"#, "The policy has an invalid version.");
    let vendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
    for action in ["dsql", ":x", "x:", "*:x", "ds?l:x"] {
        identity(&one(&format!(r#""Effect":"Allow","Action":"{action}","Resource":"*""#)), vendor);
    }
    let condition = |text: &str| {
        one(&format!(r#""Effect":"Allow","Action":"a:b","Resource":"*","Condition":{text}"#))
    };
    identity(&condition(r#"{"Bool":{"key":"true"}}"#), vendor);
    for name in ["StringEqual", "stringequals", "ForSomeValues:StringEquals", "NullIfExists", ""] {
        let text = condition(&format!(r#"{{"{name}":{{"a:b":"c"}}}}"#));
        identity(&text, &format!("Invalid Condition type : {name}."));
    }
    identity(&one(r#""Effect":"allow","Action":"a:b","Resource":"*""#), "Invalid effect: allow");
    identity(&one(r#""Effect":"Allow","Resource":"*""#), "Policy statement must contain actions.");
    identity(
        &one(r#""Effect":"Allow","Action":[],"Resource":"*""#),
        "Policy statement must contain actions.",
    );
    identity(
        &one(r#""Effect":"Allow","Action":"a:b""#),
        "Policy statement must contain resources.",
    );
    identity(
        &one(r#""Effect":"Allow","Action":"a:b","Resource":"cluster/x""#),
        "Resource cluster/x must be in ARN format or \"*\".",
    );
    identity(
        &one(r#""Effect":"Allow","Principal":"*","Action":"a:b","Resource":"*""#),
        "Policy document should not specify a principal.",
    );
    let twice = r#"{"Sid":"a","Effect":"Allow","Action":"a:b","Resource":"*"}"#;
    identity(
        &statement(&format!("[{twice},{twice}]")),
        "Statement IDs (SID) in a single policy must be unique.",
    );
    refused(
        PolicyKind::Trust,
        &one(r#""Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*""#),
        "Has prohibited field Resource",
    );
    refused(
        PolicyKind::Trust,
        &one(r#""Effect":"Allow","Action":"sts:AssumeRole""#),
        "Missing required field Principal cannot be empty!",
    );
    for principal in [r#""x""#, "{}", r#"{"Who":"x"}"#] {
        refused(
            PolicyKind::Resource,
            &one(&format!(
                r#""Effect":"Allow","Principal":{principal},"Action":"a:b","Resource":"*""#
            )),
            "Invalid principal in policy",
        );
    }
    refused(
        PolicyKind::Resource,
        &one(
            r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/*"},"Action":"a:b","Resource":"*""#,
        ),
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:user/*\"",
    );
}

#[test]
fn policy_public() {
    let public = |principal: &str, condition: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},
               "Action":"dsql:*","Resource":"*","Condition":{condition}}}]}}"#
        );
        is_public(&Policy::parse(&text, PolicyKind::Resource).unwrap())
    };
    assert!(public(r#""*""#, "{}"));
    assert!(public(r#"{"AWS":"*"}"#, "{}"));
    assert!(public(r#"{"AWS":["123456789012","*"]}"#, "{}"));
    assert!(!public(r#"{"AWS":"123456789012"}"#, "{}"));
    assert!(!public(r#""*""#, r#"{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}"#));
    assert!(!public(r#""*""#, r#"{"StringEquals":{"AWS:SourceVpc":["vpc-1","vpc-2"]}}"#));
    assert!(public(r#""*""#, r#"{"StringLike":{"aws:PrincipalAccount":"*"}}"#));
    assert!(public(r#""*""#, r#"{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"}}"#));
    assert!(public(r#""*""#, r#"{"StringEqualsIfExists":{"aws:PrincipalAccount":"1"}}"#));
    assert!(public(r#""*""#, r#"{"Null":{"aws:SourceVpc":"false"}}"#));
    assert!(public(r#""*""#, r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#));
}

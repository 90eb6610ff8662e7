//! What the workshop's stack asks of IAM, and its Lambda function of STS: a role, its policy, its
//! credentials. An application would take the SDK for this; the two APIs' requests are forms, signed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use connector::aws_credential_types::Credentials;
use serde_json::json;
use testkit::{BorealisServer, Operator};

use crate::Result;

/// The version of IAM's and of STS's API.
const IAM_VERSION: &str = "2010-05-08";
const STS_VERSION: &str = "2011-06-15";

/// IAM and STS with an administrator's credentials.
pub struct Iam {
    api: Operator,
    url: String,
    region: String,
    administrator: Credentials,
}

impl Iam {
    /// Those beside `server`.
    ///
    /// # Errors
    /// If its environment lacks something.
    pub fn of(server: &BorealisServer) -> Result<Iam> {
        let env = server.env();
        let take = |name: &str| env.get(name).cloned().ok_or_else(|| format!("no {name}"));
        Ok(Iam {
            api: Operator::of(server),
            url: take("AWS_ENDPOINT_URL_IAM")?,
            region: take("AWS_REGION")?,
            administrator: credentials(&env)?,
        })
    }

    /// Makes a role that the administrator may act as, in the place of Lambda; its ARN.
    ///
    /// # Errors
    /// What STS and IAM answer.
    pub fn create_role(&self, name: &str) -> Result<String> {
        let caller =
            self.call("sts", &[("Action", "GetCallerIdentity"), ("Version", STS_VERSION)])?;
        let administrator = element(&caller, "Arn")?;
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": administrator}, "Action": "sts:AssumeRole"
        }]});
        let parameters = [
            ("Action", "CreateRole"),
            ("Version", IAM_VERSION),
            ("RoleName", name),
            ("AssumeRolePolicyDocument", &trust.to_string()),
        ];
        element(&self.call("iam", &parameters)?, "Arn")
    }

    /// Makes `action` on `resource` all that a role may do.
    ///
    /// # Errors
    /// What IAM answers.
    pub fn allow_only(&self, role: &str, action: &str, resource: &str) -> Result {
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": action, "Resource": resource
        }]});
        let parameters = [
            ("Action", "PutRolePolicy"),
            ("Version", IAM_VERSION),
            ("RoleName", role),
            ("PolicyName", "ServiceRoleDefaultPolicy"),
            ("PolicyDocument", &policy.to_string()),
        ];
        self.call("iam", &parameters).map(drop)
    }

    /// What a function that acts as the role `arn` gets to sign with.
    ///
    /// # Errors
    /// What STS answers.
    pub fn assume_role(&self, arn: &str) -> Result<Credentials> {
        let parameters = [
            ("Action", "AssumeRole"),
            ("Version", STS_VERSION),
            ("RoleArn", arn),
            ("RoleSessionName", "function"),
        ];
        let answer = self.call("sts", &parameters)?;
        let (key, secret) =
            (element(&answer, "AccessKeyId")?, element(&answer, "SecretAccessKey")?);
        let token = element(&answer, "SessionToken")?;
        Ok(Credentials::new(key, secret, Some(token), None, "workshop"))
    }

    /// The answer, in XML.
    fn call(&self, service: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let mut url = url::Url::parse(&self.url)?;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        url.set_path("/");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let identity = self.administrator.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?;
        let body_bytes = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", url.as_str(), [form].into_iter(), body_bytes)?;
        let (instructions, _) = sign(signable, &params.into())?.into_parts();
        let authority = url.authority();
        let mut head = format!("POST / HTTP/1.1\r\nHost: {authority}\r\n{}: {}", form.0, form.1);
        for (name, value) in instructions.headers() {
            head.push_str(&format!("\r\n{name}: {value}"));
        }
        match self.api.send(&head, &body) {
            (200, answer) => Ok(answer),
            (status, answer) => Err(format!("{status}: {answer}").into()),
        }
    }
}

/// The credentials that a server's environment names.
///
/// # Errors
/// If it names none.
pub fn credentials(env: &BTreeMap<String, String>) -> Result<Credentials> {
    let take = |name: &str| env.get(name).cloned().ok_or_else(|| format!("no {name}"));
    let (key, secret) = (take("AWS_ACCESS_KEY_ID")?, take("AWS_SECRET_ACCESS_KEY")?);
    Ok(Credentials::new(key, secret, None, None, "workshop"))
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Result<String> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let found = xml.split_once(&start).and_then(|(_, rest)| rest.split_once(&end));
    found.map(|(text, _)| text.to_owned()).ok_or_else(|| format!("no {name} in {xml}").into())
}

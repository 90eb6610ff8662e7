//! What conditions can ask about a request.

use std::collections::BTreeMap;

/// Names of condition keys.
pub mod key {
    /// ISO 8601 time of the request.
    pub const CURRENT_TIME: &str = "aws:CurrentTime";
    /// The same in seconds since 1970.
    pub const EPOCH_TIME: &str = "aws:EpochTime";
    /// Address that the request came from.
    pub const SOURCE_IP: &str = "aws:SourceIp";
    /// Whether it came over TLS.
    pub const SECURE_TRANSPORT: &str = "aws:SecureTransport";
    /// Header `User-Agent`, or `application_name`.
    pub const USER_AGENT: &str = "aws:UserAgent";
    /// Region in which the request was made.
    pub const REQUESTED_REGION: &str = "aws:RequestedRegion";
    /// ARN of the user or role.
    pub const PRINCIPAL_ARN: &str = "aws:PrincipalArn";
    /// Account of the user or role.
    pub const PRINCIPAL_ACCOUNT: &str = "aws:PrincipalAccount";
    /// `User`, `AssumedRole`, `Account`.
    pub const PRINCIPAL_TYPE: &str = "aws:PrincipalType";
    /// Unique id of the user, or `role id:session`.
    pub const USER_ID: &str = "aws:userid";
    /// Name of the user; roles have none.
    pub const USER_NAME: &str = "aws:username";
    /// Followed by the key of a tag of the user or role.
    pub const PRINCIPAL_TAG: &str = "aws:PrincipalTag/";
    /// Whether the caller is an AWS service.
    pub const PRINCIPAL_IS_AWS_SERVICE: &str = "aws:PrincipalIsAWSService";
    /// Whether a service calls on somebody's behalf.
    pub const VIA_AWS_SERVICE: &str = "aws:ViaAWSService";
    /// When temporary credentials were issued.
    pub const TOKEN_ISSUE_TIME: &str = "aws:TokenIssueTime";
    /// Whether temporary credentials were got with a second factor.
    pub const MULTI_FACTOR_AUTH_PRESENT: &str = "aws:MultiFactorAuthPresent";
    /// Followed by the key of a tag of the resource.
    pub const RESOURCE_TAG: &str = "aws:ResourceTag/";
    /// Account of the resource.
    pub const RESOURCE_ACCOUNT: &str = "aws:ResourceAccount";
    /// Followed by the key of a tag in the request.
    pub const REQUEST_TAG: &str = "aws:RequestTag/";
    /// Keys of the tags in the request.
    pub const TAG_KEYS: &str = "aws:TagKeys";
    /// Witness region of a multi-region cluster.
    pub const WITNESS_REGION: &str = "dsql:WitnessRegion";
    /// What AssumeRole was told.
    pub const EXTERNAL_ID: &str = "sts:ExternalId";
    /// What AssumeRole was told.
    pub const ROLE_SESSION_NAME: &str = "sts:RoleSessionName";
    /// The service that a role is passed to.
    pub const PASSED_TO_SERVICE: &str = "iam:PassedToService";
}

/// Condition keys and their values. Names are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// With one value of a key, in place of those it had.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Context {
        self.set(name, vec![value.into()]);
        self
    }

    /// Sets the values of a key.
    pub fn set(&mut self, name: &str, values: Vec<String>) {
        self.0.insert(name.to_ascii_lowercase(), values);
    }

    /// Sets one key for each tag, `prefix` followed by the tag's key.
    pub fn set_tags<'a>(
        &mut self,
        prefix: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        for (tag, value) in tags {
            self.set(&format!("{prefix}{tag}"), vec![value.to_owned()]);
        }
    }

    /// The values of a key; `None` if the request has it not.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.0.get(&name.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

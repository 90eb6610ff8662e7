//! AWS's own managed policies, as far as users of DSQL meet them.

use std::sync::{Arc, LazyLock};

use super::Document;
use crate::policy::{Policy, PolicyKind};

/// Allows everything.
pub const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

const DSQL_FULL: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"DSQLFull","Effect":"Allow","Action":["dsql:*"],"Resource":"*"},{"Sid":"Others","Effect":"Allow","Action":["cloudwatch:GetMetricData","kms:DescribeKey","kms:ListAliases","iam:ListRoles"],"Resource":"*"},{"Sid":"ServiceLinkedRole","Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"dsql.amazonaws.com"}}}]}"#;

const DSQL_READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"DSQLRead","Effect":"Allow","Action":["dsql:GetCluster","dsql:GetClusterPolicy","dsql:GetStream","dsql:GetVpcEndpointServiceName","dsql:ListClusters","dsql:ListStreams","dsql:ListTagsForResource"],"Resource":"*"}]}"#;

const IAM_FULL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:*"],"Resource":"*"}]}"#;

const READ_ONLY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dsql:Get*","dsql:List*","iam:Get*","iam:List*","sts:GetCallerIdentity"],"Resource":"*"}]}"#;

const LAMBDA_BASIC: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#;

/// ARN and text of each.
const POLICIES: [(&str, &str); 7] = [
    (ADMINISTRATOR_ACCESS, EVERYTHING),
    ("arn:aws:iam::aws:policy/AmazonAuroraDSQLFullAccess", DSQL_FULL),
    ("arn:aws:iam::aws:policy/AmazonAuroraDSQLConsoleFullAccess", DSQL_FULL),
    ("arn:aws:iam::aws:policy/AmazonAuroraDSQLReadOnlyAccess", DSQL_READ),
    ("arn:aws:iam::aws:policy/IAMFullAccess", IAM_FULL),
    ("arn:aws:iam::aws:policy/ReadOnlyAccess", READ_ONLY),
    ("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", LAMBDA_BASIC),
];

static PARSED: LazyLock<Vec<(&str, Document)>> = LazyLock::new(|| {
    let parse = |(arn, text)| Some((arn, Document::new(text, PolicyKind::Identity).ok()?));
    POLICIES.into_iter().filter_map(parse).collect()
});

/// ARNs and documents of all.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static Document)> {
    PARSED.iter().map(|(arn, document)| (*arn, document))
}

/// What the policy with this ARN says.
pub(super) fn policy(arn: &str) -> Option<&'static Arc<Policy>> {
    all().find(|(other, _)| *other == arn).map(|(_, document)| document.policy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managed_policies_parse() {
        assert_eq!(all().count(), POLICIES.len());
        assert!(policy(ADMINISTRATOR_ACCESS).is_some());
        assert!(policy("arn:aws:iam::aws:policy/None").is_none());
    }
}

//! Whether a resource's policy lets in the whole world.

use super::condition::{Compare, Condition};
use super::{Effect, Policy, PrincipalName, Statement};

/// Condition keys whose fixed values keep the public out.
///
/// Source: Aurora DSQL user guide, "Blocking public access with resource-based policies".
const TRUSTED: [&str; 15] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principalisawsservice",
    "aws:ec2instancesourcevpc",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
];

/// Whether `policy` allows something to everybody.
pub fn is_public(policy: &Policy) -> bool {
    policy.statements.iter().any(|statement| {
        let Statement { effect, principals, actions: _, resources: _, conditions } = statement;
        let to_everybody = principals.as_ref().is_some_and(|principals| {
            principals.negated || principals.any_of.contains(&PrincipalName::Anyone)
        });
        *effect == Effect::Allow && to_everybody && !conditions.iter().any(keeps_out)
    })
}

fn keeps_out(condition: &Condition) -> bool {
    let Condition { key, operator, set: _, if_exists, values } = condition;
    let names_values = matches!(
        operator.compare,
        Compare::StringEquals
            | Compare::StringEqualsIgnoreCase
            | Compare::StringLike
            | Compare::Arn
            | Compare::Bool
    );
    TRUSTED.contains(&key.to_ascii_lowercase().as_str())
        && names_values
        && !operator.negated
        && !if_exists
        && values.iter().all(super::pattern::Pattern::is_literal)
}

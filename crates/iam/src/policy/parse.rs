//! From JSON to a [`Policy`]. Every element is known or refused.

use serde_json::Value;

use super::condition::{Compare, Condition, Operator, SetOperator};
use super::pattern::Pattern;
use super::{Clause, Effect, Policy, PrincipalName, Statement};

/// What a policy is attached to, which decides what elements it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// A user, role or session: no `Principal`.
    Identity,
    /// A resource, such as a cluster.
    Resource,
    /// A role: says who may assume it, so it has no `Resource`.
    Trust,
}

/// The document is no policy; IAM's text where it is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedPolicy(pub String);

type Result<T> = std::result::Result<T, MalformedPolicy>;

fn fault<T>(text: impl Into<String>) -> Result<T> {
    Err(MalformedPolicy(text.into()))
}

fn syntax<T>() -> Result<T> {
    fault("Syntax errors in policy.")
}

const STATEMENTS_MAX: usize = 1_000;

impl Policy {
    /// The policy that `text` is.
    ///
    /// # Errors
    /// [`MalformedPolicy`].
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Policy> {
        let Ok(Value::Object(document)) = serde_json::from_str(text) else {
            return fault("This policy contains invalid Json");
        };
        let mut variables = false;
        let mut statements = None;
        for (name, value) in document {
            match (name.as_str(), value) {
                ("Version", Value::String(version)) => match version.as_str() {
                    "2012-10-17" => variables = true,
                    "2008-10-17" => {}
                    _ => return fault("The policy has an invalid version."),
                },
                ("Id", Value::String(_)) => {}
                ("Statement", value) => statements = Some(value),
                _ => return syntax(),
            }
        }
        let statements = match statements {
            Some(Value::Array(statements)) => statements,
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => return syntax(),
        };
        if statements.is_empty() || statements.len() > STATEMENTS_MAX {
            return syntax();
        }
        let mut sids = Vec::new();
        let parsed = statements
            .into_iter()
            .map(|statement| self::statement(statement, kind, variables, &mut sids))
            .collect::<Result<Vec<Statement>>>()?;
        sids.sort_unstable();
        if sids.array_windows().any(|[a, b]| a == b) {
            return fault("Statement IDs (SID) in a single policy must be unique.");
        }
        Ok(Policy { statements: parsed })
    }
}

fn statement(
    value: Value,
    kind: PolicyKind,
    variables: bool,
    sids: &mut Vec<String>,
) -> Result<Statement> {
    let Value::Object(elements) = value else { return syntax() };
    let (mut effect, mut principals, mut actions, mut resources) = (None, None, None, None);
    let mut conditions = Vec::new();
    for (name, value) in elements {
        match (name.as_str(), value) {
            ("Sid", Value::String(sid)) => {
                if kind == PolicyKind::Identity && !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    return fault(
                        "Statement IDs (SID) must be alpha-numeric. \
                         Check that your input satisfies the regular expression [0-9A-Za-z]*",
                    );
                }
                if !sid.is_empty() {
                    sids.push(sid);
                }
            }
            ("Effect", Value::String(text)) => match text.as_str() {
                "Allow" => effect = Some(Effect::Allow),
                "Deny" => effect = Some(Effect::Deny),
                _ => return fault(format!("Invalid effect: {text}")),
            },
            ("Principal" | "NotPrincipal", value) => {
                if principals.is_some() {
                    return syntax();
                }
                principals = Some(Clause {
                    negated: name.starts_with("Not"),
                    any_of: self::principals(value)?,
                });
            }
            ("Action" | "NotAction", value) => {
                if actions.is_some() {
                    return syntax();
                }
                let any_of = patterns(value, variables, |text| {
                    let is_prefixed = text == "*"
                        || text.split_once(':').is_some_and(|(vendor, name)| {
                            !vendor.is_empty() && !name.is_empty() && !vendor.contains(['*', '?'])
                        });
                    if is_prefixed {
                        return Ok(());
                    }
                    fault(
                        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                    )
                })?;
                if any_of.is_empty() {
                    return fault("Policy statement must contain actions.");
                }
                actions = Some(Clause { negated: name.starts_with("Not"), any_of });
            }
            ("Resource" | "NotResource", value) => {
                if resources.is_some() {
                    return syntax();
                }
                let any_of = patterns(value, variables, |text| {
                    if text == "*" || text.starts_with("arn:") && text.split(':').count() >= 6 {
                        return Ok(());
                    }
                    fault(format!("Resource {text} must be in ARN format or \"*\"."))
                })?;
                if any_of.is_empty() {
                    return fault("Policy statement must contain resources.");
                }
                resources = Some(Clause { negated: name.starts_with("Not"), any_of });
            }
            ("Condition", Value::Object(operators)) => {
                for (operator, keys) in operators {
                    self::conditions(&operator, keys, variables, &mut conditions)?;
                }
            }
            _ => return syntax(),
        }
    }
    match kind {
        PolicyKind::Identity if principals.is_some() => {
            return fault("Policy document should not specify a principal.");
        }
        PolicyKind::Resource | PolicyKind::Trust if principals.is_none() => {
            return fault("Missing required field Principal cannot be empty!");
        }
        PolicyKind::Trust if resources.is_some() => {
            return fault("Has prohibited field Resource");
        }
        PolicyKind::Identity | PolicyKind::Resource if resources.is_none() => {
            return fault("Policy statement must contain resources.");
        }
        PolicyKind::Identity | PolicyKind::Resource | PolicyKind::Trust => {}
    }
    let Some(effect) = effect else { return syntax() };
    let Some(actions) = actions else { return fault("Policy statement must contain actions.") };
    Ok(Statement { effect, principals, actions, resources, conditions })
}

/// A string or a list of strings.
fn strings(value: Value) -> Result<Vec<String>> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(values) => values
            .into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(text),
                _ => syntax(),
            })
            .collect(),
        _ => syntax(),
    }
}

fn patterns(
    value: Value,
    variables: bool,
    check: impl Fn(&str) -> Result<()>,
) -> Result<Vec<Pattern>> {
    let pattern = |text: String| {
        check(&text)?;
        Pattern::new(&text, variables).map_or_else(syntax, Ok)
    };
    strings(value)?.into_iter().map(pattern).collect()
}

fn principals(value: Value) -> Result<Vec<PrincipalName>> {
    let kinds = match value {
        Value::String(text) if text == "*" => return Ok(vec![PrincipalName::Anyone]),
        Value::Object(kinds) if !kinds.is_empty() => kinds,
        _ => return fault("Invalid principal in policy"),
    };
    let mut names = Vec::new();
    for (kind, value) in kinds {
        for text in strings(value)? {
            names.push(match kind.as_str() {
                "AWS" => aws_principal(text)?,
                "Service" => PrincipalName::Service(text),
                "Federated" | "CanonicalUser" => PrincipalName::Foreign,
                _ => return fault("Invalid principal in policy"),
            });
        }
    }
    if names.is_empty() {
        fault("Missing required field Principal cannot be empty!")
    } else {
        Ok(names)
    }
}

fn aws_principal(text: String) -> Result<PrincipalName> {
    let is_account =
        |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if text == "*" {
        return Ok(PrincipalName::Anyone);
    }
    if is_account(&text) {
        return Ok(PrincipalName::Account(text));
    }
    let invalid = || fault(format!("Invalid principal in policy: \"AWS\":\"{text}\""));
    let Ok(principal) = crate::Principal::parse(&text) else { return invalid() };
    match principal.resource() {
        "root" => Ok(PrincipalName::Account(principal.account().to_owned())),
        resource if resource.contains(['*', '?']) => invalid(),
        _ => Ok(PrincipalName::Arn(text)),
    }
}

fn conditions(name: &str, keys: Value, variables: bool, out: &mut Vec<Condition>) -> Result<()> {
    let unknown = || fault(format!("Invalid Condition type : {name}."));
    let (set, plain) = match name.split_once(':') {
        Some(("ForAllValues", rest)) => (SetOperator::ForAllValues, rest),
        Some(("ForAnyValue", rest)) => (SetOperator::ForAnyValue, rest),
        Some(_) => return unknown(),
        None => (SetOperator::One, name),
    };
    let (plain, if_exists) = match plain.strip_suffix("IfExists") {
        Some(plain) => (plain, true),
        None => (plain, false),
    };
    // `Null` asks whether the key exists, so it has no form for when it does.
    let is_known = |operator: &Operator| operator.compare != Compare::Null || !if_exists;
    let Some(operator) = Operator::parse(plain).filter(is_known) else { return unknown() };
    let Value::Object(keys) = keys else { return syntax() };
    for (key, value) in keys {
        if !key.contains(':') {
            return fault(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            );
        }
        out.push(Condition {
            key,
            operator,
            set,
            if_exists,
            values: condition_values(value, variables)?,
        });
    }
    Ok(())
}

/// Strings, numbers and booleans, alone or in a list.
fn condition_values(value: Value, variables: bool) -> Result<Vec<Pattern>> {
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    let pattern = |value| {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return syntax(),
        };
        Pattern::new(&text, variables).map_or_else(syntax, Ok)
    };
    values.into_iter().map(pattern).collect()
}

//! Decides on a request.

use std::fmt;
use std::sync::Arc;

use super::{Clause, Context, Effect, Policy, PrincipalName, Statement};
use crate::Principal;

/// Who wants to do what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The user, role session or account root.
    pub principal: &'a Principal,
    /// For a role session, the role's ARN.
    pub role: Option<&'a str>,
    /// Such as `dsql:DbConnect`.
    pub action: &'a str,
    /// ARN of the resource, or `*` for actions without one.
    pub resource: &'a str,
    /// What conditions can ask.
    pub context: &'a Context,
}

/// The policies that have a say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// Those of the user or role, inline and attached.
    pub identity: &'a [Arc<Policy>],
    /// That of the session, which can only narrow.
    pub session: Option<&'a Policy>,
    /// That of the resource.
    pub resource: Option<&'a Policy>,
    /// Whether the resource's policy must allow too: that of a role, which says whom it trusts.
    pub resource_must_allow: bool,
}

/// Whether the request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// It may not, and why.
    Denied(Denial),
}

impl Decision {
    /// Whether it is [`Decision::Allowed`].
    pub fn is_allowed(self) -> bool {
        self == Decision::Allowed
    }
}

/// Why a request is denied; prints as the end of AWS's sentence about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement denies it.
    Explicit(Origin),
    /// No statement allows it, among policies that must.
    Implicit(Origin),
}

/// Where a policy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user or role.
    Identity,
    /// The session.
    Session,
    /// The resource.
    Resource,
}

impl Denial {
    /// AWS's sentence: who is not authorized to do what, and why.
    pub fn message(self, request: &Request<'_>) -> String {
        let (principal, action, resource) = (request.principal, request.action, request.resource);
        let on = if resource == "*" { String::new() } else { format!(" on resource: {resource}") };
        let why = match self {
            Denial::Explicit(origin) => format!("with an explicit deny in {}", origin.article()),
            Denial::Implicit(origin) => format!("because no {origin} allows the {action} action"),
        };
        format!("User: {principal} is not authorized to perform: {action}{on} {why}")
    }
}

impl Origin {
    fn article(self) -> String {
        match self {
            Origin::Identity => format!("an {self}"),
            Origin::Session | Origin::Resource => format!("a {self}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Identity => "identity-based policy",
            Origin::Session => "session policy",
            Origin::Resource => "resource-based policy",
        })
    }
}

/// What the statements of one policy say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Silent,
    /// Allowed to the caller's account, which leaves it to the caller's own policies.
    Delegated,
    /// Allowed to the role whose session it is.
    AllowedToRole,
    /// Allowed to the caller by name, or to everybody.
    Allowed,
    Denied,
}

/// Whether `request` is allowed by `policies`. The account's root needs no policy of its own.
pub fn decide(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    let denied = |denial| Decision::Denied(denial);
    let resource = policies.resource.map_or(Verdict::Silent, |policy| policy.verdict(request));
    let session = policies.session.map(|policy| policy.verdict(request));
    let identity = if request.principal.is_root() {
        Verdict::Allowed
    } else {
        policies
            .identity
            .iter()
            .map(|policy| policy.verdict(request))
            .max()
            .unwrap_or(Verdict::Silent)
    };
    for (origin, verdict) in [
        (Origin::Identity, identity),
        (Origin::Session, session.unwrap_or(Verdict::Silent)),
        (Origin::Resource, resource),
    ] {
        if verdict == Verdict::Denied {
            return denied(Denial::Explicit(origin));
        }
    }
    if policies.resource_must_allow && resource == Verdict::Silent {
        return denied(Denial::Implicit(Origin::Resource));
    }
    let by_session = session.is_none_or(|session| session == Verdict::Allowed);
    match (resource, identity) {
        // What names the session itself is beyond the session's policy.
        (Verdict::Allowed, _) => Decision::Allowed,
        (Verdict::AllowedToRole, _) | (_, Verdict::Allowed) if by_session => Decision::Allowed,
        (Verdict::AllowedToRole, _) | (_, Verdict::Allowed) => {
            denied(Denial::Implicit(Origin::Session))
        }
        _ => denied(Denial::Implicit(Origin::Identity)),
    }
}

impl Policy {
    fn verdict(&self, request: &Request<'_>) -> Verdict {
        let verdicts = self.statements.iter().map(|statement| statement.verdict(request));
        verdicts.max().unwrap_or(Verdict::Silent)
    }
}

impl Statement {
    fn verdict(&self, request: &Request<'_>) -> Verdict {
        let Statement { effect, principals, actions, resources, conditions } = self;
        let context = request.context;
        let applies = actions
            .matches(|pattern| pattern.matches_ignoring_case(request.action, context))
            && resources.as_ref().is_none_or(|resources| {
                resources.matches(|pattern| pattern.matches(request.resource, context))
            })
            && conditions.iter().all(|condition| condition.holds(context));
        if !applies {
            return Verdict::Silent;
        }
        let to = match principals {
            None => Verdict::Allowed,
            Some(principals) => principals.verdict(request),
        };
        match effect {
            _ if to == Verdict::Silent => Verdict::Silent,
            Effect::Allow => to,
            Effect::Deny => Verdict::Denied,
        }
    }
}

impl<T> Clause<T> {
    fn matches(&self, matches: impl Fn(&T) -> bool) -> bool {
        self.any_of.iter().any(matches) != self.negated
    }
}

impl Clause<PrincipalName> {
    /// How the caller is among the principals, if at all.
    fn verdict(&self, request: &Request<'_>) -> Verdict {
        let named = self.any_of.iter().map(|name| name.verdict(request)).max();
        match (named.unwrap_or(Verdict::Silent), self.negated) {
            (verdict, false) => verdict,
            (Verdict::Silent, true) => Verdict::Allowed,
            (_, true) => Verdict::Silent,
        }
    }
}

impl PrincipalName {
    fn verdict(&self, request: &Request<'_>) -> Verdict {
        let principal = request.principal;
        match self {
            PrincipalName::Anyone => Verdict::Allowed,
            PrincipalName::Account(account) if account == principal.account() => {
                if principal.is_root() { Verdict::Allowed } else { Verdict::Delegated }
            }
            PrincipalName::Arn(arn) if arn == principal.arn() => Verdict::Allowed,
            PrincipalName::Arn(arn) if Some(arn.as_str()) == request.role => Verdict::AllowedToRole,
            PrincipalName::Account(_)
            | PrincipalName::Arn(_)
            | PrincipalName::Service(_)
            | PrincipalName::Foreign => Verdict::Silent,
        }
    }
}

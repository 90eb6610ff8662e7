//! IAM policies: who may do what on which resource, under which conditions.
//!
//! ```text
//!     JSON text ──parse──► Policy ─┐
//!     Caller, action, resource,    ├─► decide ──► Allowed | Denied(why)
//!     Context (condition keys) ────┘
//! ```
//!
//! The order of decision is that of one account: an explicit deny anywhere; then an allow of the
//! resource's policy that names the caller; then allows of the caller's own policies, narrowed by the
//! session's.
//!
//! Source: AWS IAM user guide, "Policy evaluation logic", "IAM JSON policy elements reference".

mod condition;
mod context;
mod decide;
mod parse;
mod pattern;
mod public;

pub use context::{Context, key};
pub use decide::{Decision, Denial, Origin, Policies, Request, decide};
pub use parse::{MalformedPolicy, PolicyKind};
pub use public::is_public;

use condition::Condition;
use pattern::Pattern;

/// A parsed policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    /// `None` in policies of identities.
    principals: Option<Principals>,
    actions: Clause<Pattern>,
    /// `None` in trust policies: the role itself.
    resources: Option<Clause<Pattern>>,
    conditions: Vec<Condition>,
}

/// An element, or its `Not…` form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause<T> {
    negated: bool,
    any_of: Vec<T>,
}

type Principals = Clause<PrincipalName>;

/// One entry of a `Principal` element.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PrincipalName {
    /// `*` or `{"AWS": "*"}`.
    Anyone,
    /// An account: its number, or the ARN of its root.
    Account(String),
    /// ARN of a user, role or role session.
    Arn(String),
    /// Such as `lambda.amazonaws.com`.
    Service(String),
    /// An identity provider, or a canonical user: nobody here is one.
    Foreign,
}

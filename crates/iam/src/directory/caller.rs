//! Who makes a request, with all that policies can ask about them.

use std::sync::Arc;

use super::Directory;
use crate::policy::{
    Context, Decision, Denial, Origin, Policies, Policy, PolicyKind, Request, decide, key,
};
use crate::{AccessKey, AmzTime, Principal};

/// What kind of caller it is, as CloudTrail names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// The account itself.
    Root,
    /// A user.
    User,
    /// A session of a role.
    AssumedRole,
}

/// The signer of a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What it is.
    pub kind: CallerKind,
    /// The ARN that signed: of a user, of a role's session, of the account's root.
    pub principal: Principal,
    /// The ARN that database roles are granted to: a session's is its role.
    pub grantee: String,
    /// Id of the access key.
    pub access_key_id: String,
    /// Unique id of a user; of a role's session, that of the role, a colon and the session's name.
    pub user_id: String,
    /// Name of the user or role.
    pub name: String,
    /// When the session began, if it is one.
    pub session_begun: Option<AmzTime>,
    policies: Vec<Arc<Policy>>,
    /// `Some(None)`: it has one that nobody can read, so it allows nothing.
    session_policy: Option<Option<Policy>>,
    context: Context,
}

impl Caller {
    /// Whom `access_key` speaks for. One whom the directory does not know has no policies.
    pub(super) fn of(directory: &Directory, access_key: &AccessKey) -> Caller {
        let principal = access_key.principal().clone();
        let is_ours = principal.account() == directory.account();
        let role_session = principal.role_session();
        let (kind, entity) = match (role_session, principal.user_name()) {
            (Some((role, _)), _) => {
                (CallerKind::AssumedRole, directory.role(role).ok().map(|role| &role.entity))
            }
            (None, Some(user)) => (CallerKind::User, directory.user(user).ok()),
            (None, None) if principal.is_root() => (CallerKind::Root, None),
            (None, None) => (CallerKind::User, None),
        };
        let entity = entity.filter(|_| is_ours);
        let grantee = directory.role_of(&principal).unwrap_or_else(|| principal.arn().to_owned());
        let id = entity.map_or("", |entity| entity.id.as_str());
        let user_id = match (kind, role_session) {
            (CallerKind::Root, _) => principal.account().to_owned(),
            (_, Some((_, session))) => format!("{id}:{session}"),
            (_, None) => id.to_owned(),
        };
        let name = match role_session {
            Some((role, _)) => role,
            None => principal.user_name().unwrap_or_default(),
        };
        let policies = entity.map_or_else(Vec::new, |entity| {
            let attached = entity.attached.iter().filter_map(|arn| directory.managed(arn));
            entity.inline.values().map(super::Document::policy).chain(attached).cloned().collect()
        });
        let session = access_key.session();
        let session_policy = session
            .and_then(|session| session.policy.as_deref())
            .map(|text| Policy::parse(text, PolicyKind::Identity).ok());
        let session_begun = access_key.session_token().map(|_| access_key.created());

        let mut context = Context::default()
            .with(key::PRINCIPAL_ARN, &*grantee)
            .with(key::PRINCIPAL_ACCOUNT, principal.account())
            .with(key::PRINCIPAL_TYPE, kind.condition_value())
            .with(key::USER_ID, &*user_id)
            .with(key::PRINCIPAL_IS_AWS_SERVICE, "false")
            .with(key::VIA_AWS_SERVICE, "false");
        if kind == CallerKind::User {
            context.set(key::USER_NAME, vec![name.to_owned()]);
        }
        if let Some(begun) = session_begun {
            context.set(key::TOKEN_ISSUE_TIME, vec![begun.iso8601()]);
            context.set(key::MULTI_FACTOR_AUTH_PRESENT, vec!["false".to_owned()]);
        }
        let tags = entity.into_iter().flat_map(|entity| &entity.tags);
        let tags = tags.chain(session.into_iter().flat_map(|session| &session.tags));
        context.set_tags(
            key::PRINCIPAL_TAG,
            tags.map(|(name, value)| (name.as_str(), value.as_str())),
        );

        Caller {
            kind,
            grantee,
            access_key_id: access_key.id().to_owned(),
            user_id,
            name: name.to_owned(),
            session_begun,
            policies,
            session_policy,
            context,
            principal,
        }
    }

    /// What conditions can ask about the caller, and when it calls: to be completed with what is
    /// known of the request.
    pub fn context(&self, now: AmzTime) -> Context {
        self.context
            .clone()
            .with(key::CURRENT_TIME, now.iso8601())
            .with(key::EPOCH_TIME, now.unix().to_string())
    }

    /// Whether the caller may do `action` on `resource`, an ARN or `*`, which may have a policy of
    /// its own.
    ///
    /// # Errors
    /// AWS's sentence about who is not authorized to do what, and why.
    pub fn authorize(
        &self,
        action: &str,
        resource: &str,
        context: &Context,
        resource_policy: Option<&Policy>,
    ) -> Result<(), String> {
        self.decide(action, resource, context, resource_policy, false)
    }

    /// Whether the caller may assume a role, whose trust policy must agree.
    ///
    /// # Errors
    /// As [`Caller::authorize`].
    pub fn authorize_trust(
        &self,
        action: &str,
        role: &str,
        context: &Context,
        trust: &Policy,
    ) -> Result<(), String> {
        self.decide(action, role, context, Some(trust), true)
    }

    fn decide(
        &self,
        action: &str,
        resource: &str,
        context: &Context,
        resource_policy: Option<&Policy>,
        resource_must_allow: bool,
    ) -> Result<(), String> {
        let role = (self.kind == CallerKind::AssumedRole).then_some(self.grantee.as_str());
        let request = Request { principal: &self.principal, role, action, resource, context };
        let session = match &self.session_policy {
            None => None,
            Some(Some(policy)) => Some(policy),
            Some(None) => return Err(Denial::Implicit(Origin::Session).message(&request)),
        };
        let policies = Policies {
            identity: &self.policies,
            session,
            resource: resource_policy,
            resource_must_allow,
        };
        match decide(&request, &policies) {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => Err(denial.message(&request)),
        }
    }
}

impl CallerKind {
    fn condition_value(self) -> &'static str {
        match self {
            CallerKind::Root => "Account",
            CallerKind::User => "User",
            CallerKind::AssumedRole => "AssumedRole",
        }
    }
}

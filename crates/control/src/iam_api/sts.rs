//! STS: who am I, and sessions.

use iam::directory::{CallerKind, NewSession, check_name};
use iam::keys::SessionFacts;
use iam::policy::{Policy, PolicyKind, key};
use iam::{AccessKey, Principal};

use super::xml::Xml;
use super::{Call, Outcome, QueryError};

const SESSION_POLICY_CHARS_MAX: usize = 2048;
/// The life of a session that was begun by a session.
const CHAINED_S_MAX: u32 = 3600;

impl Call<'_> {
    /// Does what an action of STS says.
    pub(crate) fn sts(&self, action: &str) -> Outcome {
        match action {
            "GetCallerIdentity" => self.caller_identity(),
            "AssumeRole" => self.assume_role(),
            "GetSessionToken" => self.session_token(),
            _ => Err(QueryError::unknown_action(action)),
        }
    }

    /// Needs no permission, and none can take it away.
    fn caller_identity(&self) -> Outcome {
        let xml = Xml::default()
            .text("Arn", self.caller.principal.arn())
            .text("UserId", &self.caller.user_id)
            .text("Account", self.caller.principal.account());
        Ok(Some(xml.finish()))
    }

    fn assume_role(&self) -> Outcome {
        self.parameters.only(&[
            "RoleArn",
            "RoleSessionName",
            "DurationSeconds",
            "ExternalId",
            "Policy",
            "Tags",
        ])?;
        let arn = self.parameters.need("RoleArn")?;
        let session = self.parameters.need("RoleSessionName")?;
        check_name("roleSessionName", session, 64)?;
        if session.len() < 2 {
            return Err(QueryError::invalid(format!(
                "1 validation error detected: Value '{session}' at 'roleSessionName' failed to \
                 satisfy constraint: Member must have length greater than or equal to 2"
            )));
        }
        let directory = self.directory();
        let role = directory.roles().find(|role| directory.role_arn(&role.entity) == arn);
        let Some(role) = role else {
            // Whether there is such a role is nobody's business who may not assume it.
            return Err(QueryError::access_denied(format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                self.caller.principal
            )));
        };
        if self.caller.kind == CallerKind::Root {
            return Err(QueryError::access_denied("Roles may not be assumed by root accounts."));
        }
        let tags = self.parameters.tags("Tags")?;
        let mut context = self.context.clone().with(key::ROLE_SESSION_NAME, session);
        if let Some(id) = self.parameters.get("ExternalId") {
            context.set(key::EXTERNAL_ID, vec![id.to_owned()]);
        }
        let pairs = || tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        context.set_tags(key::REQUEST_TAG, pairs());
        if !tags.is_empty() {
            context.set(key::TAG_KEYS, tags.keys().cloned().collect());
        }
        let of_role = role.entity.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        context.set_tags(key::RESOURCE_TAG, of_role);
        let trust = role.trust.policy();
        let mut needed = vec!["sts:AssumeRole"];
        if !tags.is_empty() {
            needed.push("sts:TagSession");
        }
        for action in needed {
            self.caller
                .authorize_trust(action, arn, &context, trust)
                .map_err(QueryError::access_denied)?;
        }
        let life_s = self.parameters.seconds("DurationSeconds", 3600, 900..=43_200)?;
        if life_s > role.session_s_max {
            return Err(QueryError::invalid(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        if self.is_session && life_s > CHAINED_S_MAX {
            return Err(QueryError::invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed \
                 by role chaining",
            ));
        }
        let account = directory.account();
        let name = &role.entity.name;
        let principal = format!("arn:aws:sts::{account}:assumed-role/{name}/{session}");
        let facts = SessionFacts { policy: self.session_policy()?, tags };
        let key = self.begin(&principal, life_s, facts)?;
        let user = Xml::default()
            .text("AssumedRoleId", &format!("{}:{session}", role.entity.id))
            .text("Arn", &principal);
        let xml = Xml::default()
            .element("AssumedRoleUser", user)
            .element("Credentials", credentials_xml(&key));
        Ok(Some(xml.finish()))
    }

    fn session_policy(&self) -> Result<Option<String>, QueryError> {
        let Some(text) = self.parameters.get("Policy") else { return Ok(None) };
        if text.chars().count() > SESSION_POLICY_CHARS_MAX {
            let message = "The policy exceeds the limit of 2048 characters.";
            return Err(QueryError::new(400, "PackedPolicyTooLarge", message));
        }
        Policy::parse(text, PolicyKind::Identity)
            .map_err(|error| QueryError::new(400, "MalformedPolicyDocument", error.to_string()))?;
        Ok(Some(text.to_owned()))
    }

    fn session_token(&self) -> Outcome {
        self.parameters.only(&["DurationSeconds"])?;
        if self.is_session {
            return Err(QueryError::access_denied(
                "Cannot call GetSessionToken with session credentials",
            ));
        }
        let default = if self.caller.kind == CallerKind::Root { 3600 } else { 43_200 };
        let life_s = self.parameters.seconds("DurationSeconds", default, 900..=129_600)?;
        let key = self.begin(self.caller.principal.arn(), life_s, SessionFacts::default())?;
        let xml = Xml::default().element("Credentials", credentials_xml(&key));
        Ok(Some(xml.finish()))
    }

    fn begin(
        &self,
        principal: &str,
        life_s: u32,
        facts: SessionFacts,
    ) -> Result<AccessKey, QueryError> {
        let principal =
            Principal::parse(principal).map_err(|error| QueryError::invalid(error.to_string()))?;
        let session = NewSession { principal, now: self.now, life_s, facts };
        self.identities
            .begin_session(session)
            .map_err(|error| iam::directory::IdentityError::Store(error).into())
    }
}

fn credentials_xml(key: &AccessKey) -> Xml {
    let credentials = key.credentials();
    Xml::default()
        .text("AccessKeyId", &credentials.access_key_id)
        .text("SecretAccessKey", &credentials.secret_access_key)
        .maybe("SessionToken", credentials.session_token.as_deref())
        .maybe("Expiration", key.expires().map(|end| end.iso8601()).as_deref())
}

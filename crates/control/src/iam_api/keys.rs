//! Access keys.

use std::sync::Arc;

use iam::{AccessKey, KeyStoreError, Principal};

use super::xml::Xml;
use super::{Call, Outcome, QueryError};

const KEYS_MAX: usize = 2;

impl Call<'_> {
    /// An action on access keys; `None` if it is none.
    pub(super) fn key_action(&self, action: &str) -> Option<Outcome> {
        Some(match action {
            "CreateAccessKey" => self.create_key(),
            "ListAccessKeys" => self.list_keys(),
            "UpdateAccessKey" => self.update_key(),
            "DeleteAccessKey" => self.delete_key(),
            _ => return None,
        })
    }

    /// The long-term keys of a user.
    pub(super) fn keys_of(&self, user: &str) -> impl Iterator<Item = Arc<AccessKey>> {
        let directory = self.directory();
        let arn = directory.user(user).map(|user| directory.user_arn(user)).ok();
        let keys = self.identities.keys().keys();
        keys.into_iter().filter(move |key| Some(key.principal().arn()) == arn.as_deref())
    }

    /// The user that is named, or who calls, if the caller may do this to it; and its ARN.
    fn user_of_keys(&self, action: &str) -> Result<(String, String), QueryError> {
        let name = match self.parameters.get("UserName") {
            Some(name) => name,
            None if !self.caller.name.is_empty() => &self.caller.name,
            None => self.parameters.need("UserName")?,
        };
        let directory = self.directory();
        let found = directory.user(name).map(|user| directory.user_arn(user));
        let arn = match &found {
            Ok(arn) => arn.clone(),
            Err(_) => format!("arn:aws:iam::{}:user/{name}", directory.account()),
        };
        self.authorize(&format!("iam:{action}"), &arn)?;
        Ok((name.to_owned(), found?))
    }

    fn create_key(&self) -> Outcome {
        self.parameters.only(&["UserName"])?;
        let (user, arn) = self.user_of_keys("CreateAccessKey")?;
        if self.keys_of(&user).count() >= KEYS_MAX {
            return Err(QueryError::new(
                409,
                "LimitExceeded",
                format!("Cannot exceed quota for AccessKeysPerUser: {KEYS_MAX}"),
            ));
        }
        let principal =
            Principal::parse(&arn).map_err(|error| QueryError::invalid(error.to_string()))?;
        let key = self.identities.keys().create(principal, self.now).map_err(failed)?;
        let xml = Xml::default()
            .text("UserName", &user)
            .text("AccessKeyId", key.id())
            .text("Status", "Active")
            .text("SecretAccessKey", &key.credentials().secret_access_key)
            .text("CreateDate", &key.created().iso8601());
        Ok(Some(Xml::default().element("AccessKey", xml).finish()))
    }

    fn list_keys(&self) -> Outcome {
        self.parameters.only(&["UserName", "Marker", "MaxItems"])?;
        let (user, _) = self.user_of_keys("ListAccessKeys")?;
        let item = |key: Arc<AccessKey>| {
            let xml = Xml::default()
                .text("UserName", &user)
                .text("AccessKeyId", key.id())
                .text("Status", if key.is_active() { "Active" } else { "Inactive" })
                .text("CreateDate", &key.created().iso8601());
            (key.id().to_owned(), xml)
        };
        let mut items: Vec<(String, Xml)> = self.keys_of(&user).map(item).collect();
        items.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.page("AccessKeyMetadata", items)
    }

    fn update_key(&self) -> Outcome {
        self.parameters.only(&["UserName", "AccessKeyId", "Status"])?;
        let id = self.own_key("UpdateAccessKey")?;
        let active = match self.parameters.need("Status")? {
            "Active" => true,
            "Inactive" => false,
            other => {
                return Err(QueryError::invalid(format!(
                    "1 validation error detected: Value '{other}' at 'status' failed to satisfy \
                     constraint: Member must satisfy enum value set: [Active, Inactive]"
                )));
            }
        };
        self.identities.keys().set_active(&id, active).map_err(failed)?;
        Ok(None)
    }

    fn delete_key(&self) -> Outcome {
        self.parameters.only(&["UserName", "AccessKeyId"])?;
        let id = self.own_key("DeleteAccessKey")?;
        self.identities.keys().remove(&id).map_err(failed)?;
        Ok(None)
    }

    /// The key that is named, if it is the user's.
    fn own_key(&self, action: &str) -> Result<String, QueryError> {
        let (user, _) = self.user_of_keys(action)?;
        let id = self.parameters.need("AccessKeyId")?;
        match self.keys_of(&user).find(|key| key.id() == id) {
            Some(_) => Ok(id.to_owned()),
            None => Err(failed(KeyStoreError::NoSuchKey(id.to_owned()))),
        }
    }
}

fn failed(error: KeyStoreError) -> QueryError {
    match error {
        KeyStoreError::NoSuchKey(id) => QueryError::new(
            404,
            "NoSuchEntity",
            format!("The Access Key with id {id} cannot be found."),
        ),
        error => iam::directory::IdentityError::Store(error).into(),
    }
}

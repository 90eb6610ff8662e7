//! Users and roles: what they share is written once.

use std::collections::BTreeMap;

use iam::directory::{Directory, Document, Entity, IdentityError, Role, check_name, check_path};
use iam::percent;
use iam::policy::PolicyKind;

use super::xml::Xml;
use super::{Call, Outcome, QueryError};

const ATTACHED_MAX: usize = 10;
const TAGS_MAX: usize = 50;

/// A user or a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Role,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Kind::User => "User",
            Kind::Role => "Role",
        }
    }

    fn parameter(self) -> &'static str {
        match self {
            Kind::User => "UserName",
            Kind::Role => "RoleName",
        }
    }

    fn get(self, directory: &Directory, name: &str) -> Result<Entity, IdentityError> {
        match self {
            Kind::User => directory.user(name).cloned(),
            Kind::Role => directory.role(name).map(|role| role.entity.clone()),
        }
    }

    fn get_mut<'d>(
        self,
        directory: &'d mut Directory,
        name: &str,
    ) -> Result<&'d mut Entity, IdentityError> {
        match self {
            Kind::User => directory.user_mut(name),
            Kind::Role => directory.role_mut(name).map(|role| &mut role.entity),
        }
    }

    /// The ARN, also of one that is not there.
    fn arn(self, directory: &Directory, name: &str) -> String {
        match (self, self.get(directory, name)) {
            (Kind::User, Ok(user)) => directory.user_arn(&user),
            (Kind::Role, Ok(role)) => directory.role_arn(&role),
            (Kind::User, Err(_)) => format!("arn:aws:iam::{}:user/{name}", directory.account()),
            (Kind::Role, Err(_)) => format!("arn:aws:iam::{}:role/{name}", directory.account()),
        }
    }
}

impl Call<'_> {
    /// An action on users or roles; `None` if it is none.
    pub(super) fn entity_action(&self, action: &str) -> Option<Outcome> {
        let kind = match action {
            _ if action.contains("Role") => Kind::Role,
            "UpdateAssumeRolePolicy" => Kind::Role,
            _ if action.contains("User") => Kind::User,
            _ => return None,
        };
        let generic = action.replacen(kind.label(), "Entity", 1);
        Some(match (generic.as_str(), kind) {
            ("CreateEntity", Kind::User) => self.create_user(),
            ("CreateEntity", Kind::Role) => self.create_role(),
            ("UpdateAssumeEntityPolicy", Kind::Role) => self.update_trust(),
            ("UpdateEntity", Kind::Role) => self.update_role(),
            ("GetEntity", _) => self.get_entity(kind),
            ("ListEntitys", _) => self.list_entities(kind),
            ("DeleteEntity", _) => self.delete_entity(kind),
            ("PutEntityPolicy", _) => self.put_inline(kind),
            ("GetEntityPolicy", _) => self.get_inline(kind),
            ("ListEntityPolicies", _) => self.list_inline(kind),
            ("DeleteEntityPolicy", _) => self.delete_inline(kind),
            ("AttachEntityPolicy", _) => self.attach(kind),
            ("DetachEntityPolicy", _) => self.detach(kind),
            ("ListAttachedEntityPolicies", _) => self.list_attached(kind),
            ("TagEntity", _) => self.tag(kind),
            ("UntagEntity", _) => self.untag(kind),
            ("ListEntityTags", _) => self.list_tags(kind),
            _ => return None,
        })
    }

    /// The name that is given, if the caller may do this to its bearer.
    fn named(&self, kind: Kind, verb: &str) -> Result<String, QueryError> {
        let name = self.parameters.need(kind.parameter())?;
        let arn = kind.arn(&self.directory(), name);
        self.authorize(&format!("iam:{}", verb.replacen("Entity", kind.label(), 1)), &arn)?;
        Ok(name.to_owned())
    }

    fn change(
        &self,
        kind: Kind,
        name: &str,
        change: impl FnOnce(&mut Entity) -> Result<(), IdentityError>,
    ) -> Outcome {
        self.identities.update(|directory| change(kind.get_mut(directory, name)?))?;
        Ok(None)
    }

    fn create_user(&self) -> Outcome {
        self.parameters.only(&["UserName", "Path", "Tags"])?;
        let name = self.parameters.need("UserName")?;
        let path = self.parameters.get("Path").unwrap_or("/");
        check_name("userName", name, 64)?;
        check_path(path)?;
        let account = self.directory().account().to_owned();
        self.authorize("iam:CreateUser", &format!("arn:aws:iam::{account}:user{path}{name}"))?;
        let tags = self.parameters.tags("Tags")?;
        let xml = self.identities.update(|directory| {
            let user = directory.add_user(name, path, self.now)?;
            user.tags = tags;
            let user = user.clone();
            Ok(user_xml(directory, &user))
        })?;
        Ok(Some(Xml::default().element("User", xml).finish()))
    }

    fn create_role(&self) -> Outcome {
        self.parameters.only(&[
            "RoleName",
            "Path",
            "AssumeRolePolicyDocument",
            "Description",
            "MaxSessionDuration",
            "Tags",
        ])?;
        let name = self.parameters.need("RoleName")?;
        let path = self.parameters.get("Path").unwrap_or("/");
        check_name("roleName", name, 64)?;
        check_path(path)?;
        let account = self.directory().account().to_owned();
        self.authorize("iam:CreateRole", &format!("arn:aws:iam::{account}:role{path}{name}"))?;
        let trust = self.parameters.need("AssumeRolePolicyDocument")?;
        let trust = Document::new(trust, PolicyKind::Trust)?;
        let tags = self.parameters.tags("Tags")?;
        let session_s_max = self.session_s_max()?.unwrap_or(3600);
        let xml = self.identities.update(|directory| {
            let role = directory.add_role(name, path, trust, self.now)?;
            role.entity.tags = tags;
            role.description = self.parameters.get("Description").map(str::to_owned);
            role.session_s_max = session_s_max;
            let role = role.clone();
            Ok(role_xml(directory, &role))
        })?;
        Ok(Some(Xml::default().element("Role", xml).finish()))
    }

    fn session_s_max(&self) -> Result<Option<u32>, QueryError> {
        match self.parameters.get("MaxSessionDuration") {
            None => Ok(None),
            Some(_) => self.parameters.seconds("MaxSessionDuration", 3600, 3600..=43_200).map(Some),
        }
    }

    fn update_role(&self) -> Outcome {
        self.parameters.only(&["RoleName", "Description", "MaxSessionDuration"])?;
        let name = self.named(Kind::Role, "UpdateEntity")?;
        let session_s_max = self.session_s_max()?;
        self.identities.update(|directory| {
            let role = directory.role_mut(&name)?;
            if let Some(description) = self.parameters.get("Description") {
                role.description = Some(description.to_owned());
            }
            role.session_s_max = session_s_max.unwrap_or(role.session_s_max);
            Ok(())
        })?;
        Ok(Some(String::new()))
    }

    fn update_trust(&self) -> Outcome {
        self.parameters.only(&["RoleName", "PolicyDocument"])?;
        let name = self.named(Kind::Role, "UpdateAssumeEntityPolicy")?;
        let trust = Document::new(self.parameters.need("PolicyDocument")?, PolicyKind::Trust)?;
        self.identities.update(|directory| {
            directory.role_mut(&name)?.trust = trust;
            Ok(())
        })?;
        Ok(None)
    }

    fn get_entity(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter()])?;
        let directory = self.directory();
        // Without a name a user asks about itself.
        let name = match self.parameters.get(kind.parameter()) {
            Some(name) => name,
            None if kind == Kind::User && !self.caller.name.is_empty() => &self.caller.name,
            None => self.parameters.need(kind.parameter())?,
        };
        self.authorize(&format!("iam:Get{}", kind.label()), &kind.arn(&directory, name))?;
        let xml = match kind {
            Kind::User => user_xml(&directory, directory.user(name)?),
            Kind::Role => role_xml(&directory, directory.role(name)?),
        };
        Ok(Some(Xml::default().element(kind.label(), xml).finish()))
    }

    fn list_entities(&self, kind: Kind) -> Outcome {
        self.parameters.only(&["PathPrefix", "Marker", "MaxItems"])?;
        self.authorize(&format!("iam:List{}s", kind.label()), "*")?;
        let directory = self.directory();
        let prefix = self.parameters.get("PathPrefix").unwrap_or("/");
        let items: Vec<(String, Xml)> = match kind {
            Kind::User => directory
                .users()
                .filter(|user| user.path.starts_with(prefix))
                .map(|user| (user.name.clone(), user_xml(&directory, user)))
                .collect(),
            Kind::Role => directory
                .roles()
                .filter(|role| role.entity.path.starts_with(prefix))
                .map(|role| (role.entity.name.clone(), role_xml(&directory, role)))
                .collect(),
        };
        self.page(&format!("{}s", kind.label()), items)
    }

    /// A page of a list that is ordered by its keys.
    pub(super) fn page(&self, name: &str, items: Vec<(String, Xml)>) -> Outcome {
        let limit = match self.parameters.get("MaxItems").map(str::parse) {
            None => 100_usize,
            Some(Ok(limit @ 1..=1000)) => limit,
            Some(_) => return Err(QueryError::invalid("MaxItems must be from 1 to 1000")),
        };
        let after = self.parameters.get("Marker");
        let mut wanted =
            items.into_iter().filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        let page: Vec<(String, Xml)> = wanted.by_ref().take(limit).collect();
        let marker = match (page.last(), wanted.next()) {
            (Some((key, _)), Some(_)) => Some(key.clone()),
            _ => None,
        };
        let xml = Xml::default()
            .text("IsTruncated", if marker.is_some() { "true" } else { "false" })
            .maybe("Marker", marker.as_deref())
            .members(name, page.into_iter().map(|(_, xml)| xml));
        Ok(Some(xml.finish()))
    }

    fn delete_entity(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter()])?;
        let name = self.named(kind, "DeleteEntity")?;
        if kind == Kind::User && self.keys_of(&name).next().is_some() {
            return Err(QueryError::new(
                409,
                "DeleteConflict",
                "Cannot delete entity, must delete access keys first.",
            ));
        }
        self.identities.update(|directory| match kind {
            Kind::User => directory.remove_user(&name),
            Kind::Role => directory.remove_role(&name),
        })?;
        Ok(None)
    }

    fn put_inline(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "PolicyName", "PolicyDocument"])?;
        let name = self.named(kind, "PutEntityPolicy")?;
        let policy = self.parameters.need("PolicyName")?;
        check_name("policyName", policy, 128)?;
        let text = self.parameters.need("PolicyDocument")?;
        let document = Document::new(text, PolicyKind::Identity)?;
        self.change(kind, &name, |entity| {
            entity.inline.insert(policy.to_owned(), document);
            Ok(())
        })
    }

    fn get_inline(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "PolicyName"])?;
        let name = self.named(kind, "GetEntityPolicy")?;
        let policy = self.parameters.need("PolicyName")?;
        let entity = kind.get(&self.directory(), &name)?;
        let document = entity.inline.get(policy).ok_or_else(|| no_inline(kind, policy))?;
        let xml = Xml::default()
            .text(kind.parameter(), &name)
            .text("PolicyName", policy)
            .text("PolicyDocument", &percent::encode(document.text()));
        Ok(Some(xml.finish()))
    }

    fn list_inline(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "Marker", "MaxItems"])?;
        let name = self.named(kind, "ListEntityPolicies")?;
        let entity = kind.get(&self.directory(), &name)?;
        let names = entity.inline.into_keys();
        let items = names.map(|name| (name.clone(), Xml::raw(&name))).collect();
        self.page("PolicyNames", items)
    }

    fn delete_inline(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "PolicyName"])?;
        let name = self.named(kind, "DeleteEntityPolicy")?;
        let policy = self.parameters.need("PolicyName")?;
        self.change(kind, &name, |entity| {
            entity.inline.remove(policy).map(|_| ()).ok_or_else(|| no_inline(kind, policy))
        })
    }

    fn attach(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "PolicyArn"])?;
        let name = self.named(kind, "AttachEntityPolicy")?;
        let arn = self.parameters.need("PolicyArn")?;
        self.identities.update(|directory| {
            if directory.managed(arn).is_none() {
                return Err(IdentityError::NoSuchEntity(format!(
                    "Policy {arn} does not exist or is not attachable."
                )));
            }
            let entity = kind.get_mut(directory, &name)?;
            if entity.attached.iter().any(|other| other == arn) {
                return Ok(());
            }
            if entity.attached.len() >= ATTACHED_MAX {
                return Err(IdentityError::LimitExceeded(format!(
                    "Cannot exceed quota for PoliciesPer{}: {ATTACHED_MAX}",
                    kind.label()
                )));
            }
            entity.attached.push(arn.to_owned());
            Ok(())
        })?;
        Ok(None)
    }

    fn detach(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "PolicyArn"])?;
        let name = self.named(kind, "DetachEntityPolicy")?;
        let arn = self.parameters.need("PolicyArn")?;
        self.change(kind, &name, |entity| {
            let at = entity.attached.iter().position(|other| other == arn).ok_or_else(|| {
                IdentityError::NoSuchEntity(format!("Policy {arn} was not found."))
            })?;
            entity.attached.remove(at);
            Ok(())
        })
    }

    fn list_attached(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "PathPrefix", "Marker", "MaxItems"])?;
        let name = self.named(kind, "ListAttachedEntityPolicies")?;
        let prefix = self.parameters.get("PathPrefix").unwrap_or("/");
        let mut attached = kind.get(&self.directory(), &name)?.attached;
        attached.sort_unstable();
        let is_below = |arn: &String| {
            arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(prefix))
        };
        let item = |arn: String| {
            let policy = arn.rsplit('/').next().unwrap_or_default();
            let xml = Xml::default().text("PolicyName", policy).text("PolicyArn", &arn);
            (arn, xml)
        };
        let items = attached.into_iter().filter(is_below).map(item).collect();
        self.page("AttachedPolicies", items)
    }

    fn tag(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "Tags"])?;
        let name = self.named(kind, "TagEntity")?;
        let tags = self.parameters.tags("Tags")?;
        self.change(kind, &name, |entity| {
            entity.tags.extend(tags);
            if entity.tags.len() > TAGS_MAX {
                let text = "The number of tags has reached the maximum limit.".to_owned();
                return Err(IdentityError::LimitExceeded(text));
            }
            Ok(())
        })
    }

    fn untag(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "TagKeys"])?;
        let name = self.named(kind, "UntagEntity")?;
        let keys = self.parameters.list("TagKeys");
        self.change(kind, &name, |entity| {
            entity.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
    }

    fn list_tags(&self, kind: Kind) -> Outcome {
        self.parameters.only(&[kind.parameter(), "Marker", "MaxItems"])?;
        let name = self.named(kind, "ListEntityTags")?;
        let tags = kind.get(&self.directory(), &name)?.tags;
        let items = tags.iter().map(|(key, value)| (key.clone(), tag_xml((key, value)))).collect();
        self.page("Tags", items)
    }
}

fn no_inline(kind: Kind, policy: &str) -> IdentityError {
    IdentityError::NoSuchEntity(format!(
        "The {} policy with name {policy} cannot be found.",
        kind.label().to_ascii_lowercase()
    ))
}

fn tag_xml((key, value): (&String, &String)) -> Xml {
    Xml::default().text("Key", key).text("Value", value)
}

fn tags_xml(xml: Xml, tags: &BTreeMap<String, String>) -> Xml {
    if tags.is_empty() { xml } else { xml.members("Tags", tags.iter().map(tag_xml)) }
}

fn user_xml(directory: &Directory, user: &Entity) -> Xml {
    let xml = Xml::default()
        .text("Path", &user.path)
        .text("UserName", &user.name)
        .text("UserId", &user.id)
        .text("Arn", &directory.user_arn(user))
        .text("CreateDate", &user.created.iso8601());
    tags_xml(xml, &user.tags)
}

fn role_xml(directory: &Directory, role: &Role) -> Xml {
    let Role { entity, trust, description, session_s_max } = role;
    let xml = Xml::default()
        .text("Path", &entity.path)
        .text("RoleName", &entity.name)
        .text("RoleId", &entity.id)
        .text("Arn", &directory.role_arn(entity))
        .text("CreateDate", &entity.created.iso8601())
        .text("AssumeRolePolicyDocument", &percent::encode(trust.text()))
        .maybe("Description", description.as_deref())
        .text("MaxSessionDuration", &session_s_max.to_string());
    tags_xml(xml, &entity.tags)
}

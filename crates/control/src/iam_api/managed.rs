//! Managed policies and their versions.

use std::collections::BTreeMap;

use iam::AmzTime;
use iam::directory::{
    Directory, Document, IdentityError, ManagedPolicy, PolicyVersion, check_name, check_path,
};
use iam::percent;
use iam::policy::PolicyKind;

use super::xml::Xml;
use super::{Call, Outcome, QueryError};

const VERSIONS_MAX: usize = 5;
/// When AWS's own policies are said to be made.
const AWS_POLICIES_MADE: AmzTime = AmzTime::from_unix(1_733_184_000);

impl Call<'_> {
    /// An action on managed policies; `None` if it is none.
    pub(super) fn managed_action(&self, action: &str) -> Option<Outcome> {
        Some(match action {
            "CreatePolicy" => self.create_policy(),
            "GetPolicy" => self.get_policy(),
            "ListPolicies" => self.list_policies(),
            "DeletePolicy" => self.delete_policy(),
            "CreatePolicyVersion" => self.create_policy_version(),
            "GetPolicyVersion" => self.get_policy_version(),
            "ListPolicyVersions" => self.list_policy_versions(),
            "SetDefaultPolicyVersion" => self.set_default_policy_version(),
            "DeletePolicyVersion" => self.delete_policy_version(),
            _ => return None,
        })
    }

    /// The policy that is named, if the caller may do this to it.
    fn policy_arn(&self, action: &str) -> Result<String, QueryError> {
        let arn = self.parameters.need("PolicyArn")?;
        self.authorize(&format!("iam:{action}"), arn)?;
        if Directory::aws_policies().any(|(aws, _)| aws == arn)
            && !action.starts_with("Get")
            && !action.starts_with("List")
        {
            let text = format!("Policy {arn} is managed by AWS and cannot be changed.");
            return Err(QueryError::access_denied(text));
        }
        Ok(arn.to_owned())
    }

    fn version(&self) -> Result<u32, QueryError> {
        let text = self.parameters.need("VersionId")?;
        text.strip_prefix('v').and_then(|number| number.parse().ok()).ok_or_else(|| {
            QueryError::invalid(format!(
                "1 validation error detected: Value '{text}' at 'versionId' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: v[1-9][0-9]*"
            ))
        })
    }

    fn create_policy(&self) -> Outcome {
        self.parameters.only(&["PolicyName", "Path", "PolicyDocument", "Description", "Tags"])?;
        let name = self.parameters.need("PolicyName")?;
        let path = self.parameters.get("Path").unwrap_or("/");
        check_name("policyName", name, 128)?;
        check_path(path)?;
        let account = self.directory().account().to_owned();
        self.authorize("iam:CreatePolicy", &format!("arn:aws:iam::{account}:policy{path}{name}"))?;
        let document =
            Document::new(self.parameters.need("PolicyDocument")?, PolicyKind::Identity)?;
        let policy =
            ManagedPolicy::new(name, path, document, self.now).map_err(IdentityError::from)?;
        let policy = ManagedPolicy {
            description: self.parameters.get("Description").map(str::to_owned),
            tags: self.parameters.tags("Tags")?,
            ..policy
        };
        let xml = self.identities.update(|directory| {
            let arn = directory.add_policy(policy.clone())?;
            Ok(policy_xml(directory, &arn, &policy))
        })?;
        Ok(Some(Xml::default().element("Policy", xml).finish()))
    }

    fn get_policy(&self) -> Outcome {
        self.parameters.only(&["PolicyArn"])?;
        let arn = self.policy_arn("GetPolicy")?;
        let directory = self.directory();
        let xml = match aws_policy(&arn) {
            Some(policy) => policy_xml(&directory, &arn, &policy),
            None => policy_xml(&directory, &arn, directory.policy(&arn)?),
        };
        Ok(Some(Xml::default().element("Policy", xml).finish()))
    }

    fn list_policies(&self) -> Outcome {
        self.parameters.only(&["Scope", "OnlyAttached", "PathPrefix", "Marker", "MaxItems"])?;
        self.authorize("iam:ListPolicies", "*")?;
        let directory = self.directory();
        let scope = self.parameters.get("Scope").unwrap_or("All");
        let is_true =
            |name| self.parameters.get(name).is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let only_attached = is_true("OnlyAttached");
        let prefix = self.parameters.get("PathPrefix").unwrap_or("/");
        let mut items = BTreeMap::new();
        if matches!(scope, "All" | "Local") {
            for (arn, policy) in directory.policies() {
                items.insert(
                    arn.to_owned(),
                    (policy.path.clone(), policy_xml(&directory, arn, policy)),
                );
            }
        }
        if matches!(scope, "All" | "AWS") {
            for (arn, _) in Directory::aws_policies() {
                let Some(policy) = aws_policy(arn) else { continue };
                let xml = policy_xml(&directory, arn, &policy);
                items.insert(arn.to_owned(), (policy.path, xml));
            }
        }
        let items = items
            .into_iter()
            .filter(|(arn, (path, _))| {
                path.starts_with(prefix) && (!only_attached || directory.attachments(arn) > 0)
            })
            .map(|(arn, (_, xml))| (arn, xml))
            .collect();
        self.page("Policies", items)
    }

    fn delete_policy(&self) -> Outcome {
        self.parameters.only(&["PolicyArn"])?;
        let arn = self.policy_arn("DeletePolicy")?;
        self.identities.update(|directory| directory.remove_policy(&arn))?;
        Ok(None)
    }

    fn create_policy_version(&self) -> Outcome {
        self.parameters.only(&["PolicyArn", "PolicyDocument", "SetAsDefault"])?;
        let arn = self.policy_arn("CreatePolicyVersion")?;
        let text = self.parameters.need("PolicyDocument")?;
        let document = Document::new(text, PolicyKind::Identity)?;
        let as_default =
            self.parameters.get("SetAsDefault").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let xml = self.identities.update(|directory| {
            let policy = directory.policy_mut(&arn)?;
            if policy.versions.len() >= VERSIONS_MAX {
                return Err(IdentityError::LimitExceeded(
                    "A managed policy can have up to 5 versions. Before you create a new version, \
                     you must delete an existing version."
                        .to_owned(),
                ));
            }
            let number = policy.last_version + 1;
            policy.last_version = number;
            policy.versions.insert(number, PolicyVersion { document, created: self.now });
            if as_default {
                policy.default_version = number;
            }
            Ok(version_xml(policy, number, false))
        })?;
        Ok(Some(Xml::default().element("PolicyVersion", xml).finish()))
    }

    fn get_policy_version(&self) -> Outcome {
        self.parameters.only(&["PolicyArn", "VersionId"])?;
        let arn = self.policy_arn("GetPolicyVersion")?;
        let number = self.version()?;
        let directory = self.directory();
        let aws = aws_policy(&arn);
        let policy = match &aws {
            Some(policy) => policy,
            None => directory.policy(&arn)?,
        };
        if !policy.versions.contains_key(&number) {
            return Err(no_version(&arn, number).into());
        }
        let xml = version_xml(policy, number, true);
        Ok(Some(Xml::default().element("PolicyVersion", xml).finish()))
    }

    fn list_policy_versions(&self) -> Outcome {
        self.parameters.only(&["PolicyArn", "Marker", "MaxItems"])?;
        let arn = self.policy_arn("ListPolicyVersions")?;
        let directory = self.directory();
        let aws = aws_policy(&arn);
        let policy = match &aws {
            Some(policy) => policy,
            None => directory.policy(&arn)?,
        };
        let numbers = policy.versions.keys();
        let items =
            numbers.map(|number| (format!("{number:010}"), version_xml(policy, *number, false)));
        self.page("Versions", items.collect())
    }

    fn set_default_policy_version(&self) -> Outcome {
        self.parameters.only(&["PolicyArn", "VersionId"])?;
        let arn = self.policy_arn("SetDefaultPolicyVersion")?;
        let number = self.version()?;
        self.identities.update(|directory| {
            let policy = directory.policy_mut(&arn)?;
            if !policy.versions.contains_key(&number) {
                return Err(no_version(&arn, number));
            }
            policy.default_version = number;
            Ok(())
        })?;
        Ok(None)
    }

    fn delete_policy_version(&self) -> Outcome {
        self.parameters.only(&["PolicyArn", "VersionId"])?;
        let arn = self.policy_arn("DeletePolicyVersion")?;
        let number = self.version()?;
        self.identities.update(|directory| {
            let policy = directory.policy_mut(&arn)?;
            if policy.default_version == number {
                return Err(IdentityError::DeleteConflict(
                    "Cannot delete the default version of a policy.".to_owned(),
                ));
            }
            policy.versions.remove(&number).map(|_| ()).ok_or_else(|| no_version(&arn, number))
        })?;
        Ok(None)
    }
}

fn no_version(arn: &str, number: u32) -> IdentityError {
    IdentityError::NoSuchEntity(format!("Policy {arn} version v{number} does not exist."))
}

/// One of AWS's own policies, in the form of the account's.
fn aws_policy(arn: &str) -> Option<ManagedPolicy> {
    let (_, document) = Directory::aws_policies().find(|(other, _)| *other == arn)?;
    let (_, path_and_name) = arn.split_once(":policy")?;
    let (path, name) = path_and_name.rsplit_once('/')?;
    let policy =
        ManagedPolicy::new(name, &format!("{path}/"), document.clone(), AWS_POLICIES_MADE).ok()?;
    // Always the same, and of an id's form.
    let letters = name.chars().map(|char| char.to_ascii_uppercase()).chain(std::iter::repeat('A'));
    let id = "ANPA".chars().chain(letters.take(17)).collect();
    Some(ManagedPolicy { id, ..policy })
}

fn policy_xml(directory: &Directory, arn: &str, policy: &ManagedPolicy) -> Xml {
    Xml::default()
        .text("PolicyName", &policy.name)
        .text("PolicyId", &policy.id)
        .text("Arn", arn)
        .text("Path", &policy.path)
        .text("DefaultVersionId", &format!("v{}", policy.default_version))
        .text("AttachmentCount", &directory.attachments(arn).to_string())
        .text("PermissionsBoundaryUsageCount", "0")
        .text("IsAttachable", "true")
        .maybe("Description", policy.description.as_deref())
        .text("CreateDate", &policy.created.iso8601())
        .text("UpdateDate", &policy.updated().iso8601())
}

fn version_xml(policy: &ManagedPolicy, number: u32, with_document: bool) -> Xml {
    let Some(version) = policy.versions.get(&number) else { return Xml::default() };
    let document = with_document.then(|| percent::encode(version.document.text()));
    Xml::default()
        .maybe("Document", document.as_deref())
        .text("VersionId", &format!("v{number}"))
        .text("IsDefaultVersion", if policy.default_version == number { "true" } else { "false" })
        .text("CreateDate", &version.created.iso8601())
}

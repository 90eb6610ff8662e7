//! Who an access key speaks for.

use std::fmt;
use std::sync::Arc;

/// An IAM user, role session or account root, known by its ARN.
///
/// Whether it may do something is decided elsewhere; this only says who it is. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    arn: Arc<str>,
}

/// The string does not name an IAM or STS principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not the ARN of an IAM principal")]
pub struct NotAPrincipal(pub String);

impl Principal {
    /// The principal named by `arn`: `arn:<partition>:iam|sts::<12 digits>:<resource>`.
    ///
    /// # Errors
    /// [`NotAPrincipal`] if the ARN has another shape.
    pub fn parse(arn: &str) -> Result<Principal, NotAPrincipal> {
        let refused = || NotAPrincipal(arn.to_owned());
        let mut fields = arn.splitn(6, ':');
        let mut next = || fields.next().ok_or_else(refused);
        let (scheme, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        let shaped = scheme == "arn"
            && !partition.is_empty()
            && matches!(service, "iam" | "sts")
            && region.is_empty()
            && is_account(account)
            && !resource.is_empty()
            && arn.bytes().all(|byte| byte.is_ascii_graphic());
        if shaped { Ok(Principal { arn: arn.into() }) } else { Err(refused()) }
    }

    /// The ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The 12-digit account.
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// What stands behind the account: `user/path/name`, `assumed-role/name/session`, `root` …
    pub fn resource(&self) -> &str {
        self.arn.splitn(6, ':').nth(5).unwrap_or_default()
    }

    /// Such as `aws`.
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or_default()
    }

    /// Whether it is the account itself.
    pub fn is_root(&self) -> bool {
        self.resource() == "root"
    }

    /// The name of a user, without its path.
    pub fn user_name(&self) -> Option<&str> {
        self.resource().strip_prefix("user/")?.rsplit('/').next()
    }

    /// The names of the role and of the session, of a role session.
    pub fn role_session(&self) -> Option<(&str, &str)> {
        self.resource().strip_prefix("assumed-role/")?.split_once('/')
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principal_parse() {
        for arn in [
            "arn:aws:iam::123456789012:user/borealis",
            "arn:aws:iam::123456789012:root",
            "arn:aws-cn:iam::123456789012:role/path/to/role",
            "arn:aws:sts::123456789012:assumed-role/role/session",
        ] {
            let principal = Principal::parse(arn).unwrap();
            assert_eq!((principal.arn(), principal.account()), (arn, "123456789012"));
        }
        for arn in [
            "",
            "borealis",
            "arn:aws:iam::123456789012",
            "arn:aws:iam::123456789012:",
            "arn:aws:iam::12345678901:user/x",
            "arn:aws:iam::12345678901x:user/x",
            "arn:aws:s3::123456789012:user/x",
            "arn:aws:iam:us-east-1:123456789012:user/x",
            "arn:aws:iam::123456789012:user/ x",
        ] {
            assert_eq!(Principal::parse(arn), Err(NotAPrincipal(arn.to_owned())));
        }
    }
}

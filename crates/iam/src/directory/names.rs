//! What IAM takes for a name.

use super::IdentityError;

/// Letters, digits and `+=,.@_-`, at most `max`; `parameter` is named in the error.
///
/// # Errors
/// [`IdentityError::InvalidInput`].
pub fn check_name(parameter: &str, name: &str, max: usize) -> Result<(), IdentityError> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_name_byte) {
        return Err(IdentityError::InvalidInput(format!(
            "The specified value for {parameter} is invalid. It must contain only alphanumeric \
             characters and/or the following: +=,.@_-"
        )));
    }
    if name.len() > max {
        return Err(IdentityError::InvalidInput(format!(
            "1 validation error detected: Value '{name}' at '{parameter}' failed to satisfy \
             constraint: Member must have length less than or equal to {max}"
        )));
    }
    Ok(())
}

/// `/`, or names between slashes.
///
/// # Errors
/// [`IdentityError::InvalidInput`].
pub fn check_path(path: &str) -> Result<(), IdentityError> {
    let is_path = path == "/"
        || (path.len() <= 512
            && path.starts_with('/')
            && path.ends_with('/')
            && !path.contains("//")
            && path.bytes().all(|byte| byte.is_ascii_graphic()));
    if is_path {
        return Ok(());
    }
    Err(IdentityError::InvalidInput(
        "The specified value for path is invalid. It must begin and end with / and contain only \
         alphanumeric characters and/or / characters."
            .to_owned(),
    ))
}

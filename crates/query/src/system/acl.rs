//! Access lists as values: `aclexplode`, `acldefault`, `makeaclitem`.
//!
//! An `aclitem` is its text, `grantee=privileges/grantor`: a letter for each privilege, with `*` if
//! it may be granted on.
//!
//! Source: PostgreSQL 16 `acl.c`.

use std::sync::Arc;

use catalog::Catalog;
use catalog::objects::ObjectId;
use functions::{CallCx, Scalar, SetReturning, Site};
use types::{Array, Datum, Result, SqlError, SqlState, oid};

use super::{record, session};

/// Letters and names of the privileges, in the order of their bits.
const PRIVILEGES: &[(char, &str)] = &[
    ('a', "INSERT"),
    ('r', "SELECT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
    ('s', "SET"),
    ('A', "ALTER SYSTEM"),
];

/// PUBLIC, in the columns and arguments that hold a role.
const PUBLIC_ROLE: ObjectId = 0;

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "acldefault_sql" => acldefault,
        "makeaclitem" => makeaclitem,
        "aclcontains" => |_, _, args| match args {
            [Datum::Array(list), Datum::Text(item)] => {
                let found = list.elements.iter().any(|known| known.as_str() == Some(item));
                Ok(Datum::Bool(found))
            }
            _ => Ok(Datum::Null),
        },
        "aclinsert" => |_, _, _| Err(SqlError::unsupported("aclinsert is no longer supported")),
        "aclremove" => |_, _, _| Err(SqlError::unsupported("aclremove is no longer supported")),
        "aclitem_eq" => |_, _, args| match args {
            [Datum::Text(a), Datum::Text(b)] => Ok(Datum::Bool(a == b)),
            _ => Ok(Datum::Null),
        },
        _ => return None,
    })
}

pub(super) fn set_returning(prosrc: &str) -> Option<SetReturning> {
    match prosrc {
        "aclexplode" => Some(aclexplode),
        _ => None,
    }
}

fn aclexplode(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<functions::Rows> {
    let [Datum::Array(list)] = args else { return Ok(Box::new(std::iter::empty())) };
    let catalog = &session(cx)?.catalog;
    let mut rows = Vec::new();
    for item in list.elements.iter().filter_map(Datum::as_str) {
        let (grantee, privileges, grantor) = parse(catalog, item)?;
        for (privilege, grantable) in privileges {
            rows.push(Ok(record([
                ("grantor", oid::OID, Datum::Oid(grantor)),
                ("grantee", oid::OID, Datum::Oid(grantee)),
                ("privilege_type", oid::TEXT, Datum::text(privilege)),
                ("is_grantable", oid::BOOL, Datum::Bool(grantable)),
            ])));
        }
    }
    Ok(Box::new(rows.into_iter()))
}

type Item = (ObjectId, Vec<(&'static str, bool)>, ObjectId);

/// Reads an `aclitem`; gives it as it is printed.
///
/// # Errors
/// `22P02`; `42704` for a role that does not exist.
///
/// Source: PostgreSQL 16 `aclitemin`, `aclparse`.
pub(crate) fn input(catalog: &Catalog, text: &str) -> Result<Datum> {
    let invalid = |message: &str| SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message);
    let role = |name: &str| match catalog.role(name) {
        Some(role) => Ok(role_name(catalog, role.oid)),
        None => Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("role \"{name}\" does not exist"),
        )),
    };
    let (mut name, mut rest) = identifier(text);
    if !rest.starts_with('=') {
        // What was read is a key word.
        if !matches!(name.as_str(), "group" | "user") {
            return Err(invalid(&format!("unrecognized key word: \"{name}\""))
                .hint("ACL key word must be \"group\" or \"user\"."));
        }
        (name, rest) = identifier(rest);
        if name.is_empty() {
            return Err(invalid("missing name")
                .hint("A name must follow the \"group\" or \"user\" key word."));
        }
    }
    let Some(rest) = rest.strip_prefix('=') else {
        return Err(invalid("missing \"=\" sign"));
    };
    let end = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '*').unwrap_or(rest.len());
    let (letters, rest) = rest.split_at(end);
    let mut held: Vec<Option<bool>> = vec![None; PRIVILEGES.len()];
    let mut last = None;
    for letter in letters.chars() {
        if letter != '*' {
            last = PRIVILEGES.iter().position(|(known, _)| *known == letter);
            if last.is_none() {
                let known: String = PRIVILEGES.iter().map(|(letter, _)| *letter).collect();
                return Err(invalid(&format!(
                    "invalid mode character: must be one of \"{known}\""
                )));
            }
        }
        if let Some(held) = last.and_then(|last| held.get_mut(last)) {
            *held = Some(letter == '*' || *held == Some(true));
        }
    }
    let grantee = if name.is_empty() { String::new() } else { role(&name)? };
    let (grantor, rest) = match rest.strip_prefix('/') {
        Some(rest) => {
            let (name, rest) = identifier(rest);
            if name.is_empty() {
                return Err(invalid("a name must follow the \"/\" sign"));
            }
            (role(&name)?, rest)
        }
        None => (role_name(catalog, catalog::objects::BOOTSTRAP_ROLE), rest),
    };
    if !rest.trim_ascii_start().is_empty() {
        return Err(invalid("extra garbage at the end of the ACL specification"));
    }
    let mut printed = format!("{grantee}=");
    for ((letter, _), held) in PRIVILEGES.iter().zip(held) {
        if let Some(grantable) = held {
            printed.push(*letter);
            printed.extend(grantable.then_some('*'));
        }
    }
    Ok(Datum::text(format!("{printed}/{grantor}")))
}

/// A possibly quoted name of letters, digits and underscores after spaces, and what follows it and more
/// spaces.
///
/// Source: PostgreSQL 16 `getid`.
fn identifier(text: &str) -> (String, &str) {
    let ends = |c: char| !c.is_alphanumeric() && c != '_';
    let (name, rest, _) = name_until(text.trim_ascii_start(), ends);
    (name, rest.trim_ascii_start())
}

/// A possibly quoted name up to a character that ends it outside of quotes, what follows from that
/// character on, and whether its quotes are closed.
fn name_until(text: &str, ends: impl Fn(char) -> bool) -> (String, &str, bool) {
    let mut name = String::new();
    let mut quoted = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                name.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            c if !quoted && ends(c) => return (name, text.get(at..).unwrap_or_default(), true),
            c => name.push(c),
        }
    }
    (name, "", !quoted)
}

/// Takes `grantee=privileges/grantor` apart.
fn parse(catalog: &Catalog, item: &str) -> Result<Item> {
    let invalid = || {
        SqlError::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("malformed aclitem: \"{item}\""),
        )
    };
    let (grantee, rest, _) = name_until(item, |c| c == '=');
    let rest = rest.strip_prefix('=').ok_or_else(invalid)?;
    let (letters, grantor) = rest.split_once('/').ok_or_else(invalid)?;
    let (grantor, _, true) = name_until(grantor, |_| false) else { return Err(invalid()) };
    let role = |name: &str| match catalog.role(name) {
        Some(role) => Ok(role.oid),
        None => name.parse().map_err(|_| invalid()),
    };
    let grantee = if grantee.is_empty() { PUBLIC_ROLE } else { role(&grantee)? };
    let mut privileges: Vec<(&'static str, bool)> = Vec::new();
    for letter in letters.chars() {
        match (letter, privileges.last_mut()) {
            ('*', Some((_, grantable))) => *grantable = true,
            _ => {
                let known = PRIVILEGES.iter().find(|(known, _)| *known == letter);
                privileges.push((known.ok_or_else(invalid)?.1, false));
            }
        }
    }
    Ok((grantee, privileges, role(&grantor)?))
}

fn role_name(catalog: &Catalog, role: ObjectId) -> String {
    let Some(role) = catalog.role_by_oid(role) else { return role.to_string() };
    if role.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return role.name.clone();
    }
    format!("\"{}\"", role.name.replace('"', "\"\""))
}

/// `acldefault(kind, owner)`: the access list of an object on which nothing was granted.
fn acldefault(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Text(kind), Datum::Oid(owner)] = args else { return Ok(Datum::Null) };
    let (public, own) = match &**kind {
        "c" => ("", ""),
        "r" => ("", "arwdDxt"),
        "s" => ("", "rwU"),
        "d" => ("Tc", "CTc"),
        "f" => ("X", "X"),
        "l" | "T" => ("U", "U"),
        "L" => ("", "rw"),
        "n" => ("", "UC"),
        "p" => ("", "sA"),
        "t" => ("", "C"),
        "F" | "S" => ("", "U"),
        kind => {
            return Err(SqlError::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("unrecognized object type abbreviation: {kind}"),
            ));
        }
    };
    let owner = role_name(&session(cx)?.catalog, *owner);
    let mut items = Vec::new();
    if !public.is_empty() {
        items.push(Datum::text(format!("={public}/{owner}")));
    }
    if !own.is_empty() {
        items.push(Datum::text(format!("{owner}={own}/{owner}")));
    }
    Ok(Datum::Array(Arc::new(Array::from_elements(oid::ACLITEM, items))))
}

/// `makeaclitem(grantee, grantor, privileges, grantable)`.
fn makeaclitem(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Oid(grantee), Datum::Oid(grantor), Datum::Text(words), Datum::Bool(grantable)] =
        args
    else {
        return Ok(Datum::Null);
    };
    let mut held = Vec::new();
    for word in words.split(',').map(str::trim) {
        let known = PRIVILEGES.iter().position(|(_, name)| name.eq_ignore_ascii_case(word));
        held.push(known.ok_or_else(|| {
            SqlError::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("unrecognized privilege type: \"{word}\""),
            )
        })?);
    }
    let mut letters = String::new();
    for (at, (letter, _)) in PRIVILEGES.iter().enumerate() {
        if held.contains(&at) {
            letters.push(*letter);
            if *grantable {
                letters.push('*');
            }
        }
    }
    let catalog = &session(cx)?.catalog;
    let grantee =
        if *grantee == PUBLIC_ROLE { String::new() } else { role_name(catalog, *grantee) };
    Ok(Datum::text(format!("{grantee}={letters}/{}", role_name(catalog, *grantor))))
}

//! The `reg*` types: OIDs that read and print as names.

use bytes::BytesMut;
use catalog::objects::ObjectId;
use catalog::{Catalog, builtin, describe};
use functions::Scalar;
use types::{Array, Datum, FormatSettings, Oid, Result, SqlError, SqlState, oid};

use super::session;
use crate::bind::TypeRef;
use crate::session::SessionCx;

/// `regcollation`'s only values: every collation is in `pg_catalog`.
const COLLATIONS: &[(&str, u32)] = &[("default", 100), ("C", 950), ("POSIX", 951)];

/// Whether a type prints names from the catalog.
pub(crate) fn is_reg_type(ty: Oid) -> bool {
    matches!(
        ty,
        oid::REGCLASS
            | oid::REGTYPE
            | oid::REGPROC
            | oid::REGPROCEDURE
            | oid::REGOPER
            | oid::REGOPERATOR
            | oid::REGROLE
            | oid::REGNAMESPACE
            | oid::REGCOLLATION
            | oid::REGCONFIG
            | oid::REGDICTIONARY
    )
}

/// The type of the elements of an array of `reg*` values; asked for each value, so without a look
/// into the catalog.
fn element(array: Oid) -> Option<Oid> {
    Some(match array {
        oid::REGCLASS_ARRAY => oid::REGCLASS,
        oid::REGTYPE_ARRAY => oid::REGTYPE,
        oid::REGPROC_ARRAY => oid::REGPROC,
        oid::REGPROCEDURE_ARRAY => oid::REGPROCEDURE,
        oid::REGOPER_ARRAY => oid::REGOPER,
        oid::REGOPERATOR_ARRAY => oid::REGOPERATOR,
        oid::REGROLE_ARRAY => oid::REGROLE,
        oid::REGNAMESPACE_ARRAY => oid::REGNAMESPACE,
        oid::REGCOLLATION_ARRAY => oid::REGCOLLATION,
        oid::REGCONFIG_ARRAY => oid::REGCONFIG,
        oid::REGDICTIONARY_ARRAY => oid::REGDICTIONARY,
        _ => return None,
    })
}

/// The functions that convert between `reg*` types and text.
pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "text_regclass" | "regclassin" => |cx, site, args| read(cx, site.result_type, args),
        "regtypein" | "regprocin" | "regprocedurein" | "regoperin" | "regoperatorin"
        | "regrolein" | "regnamespacein" | "regcollationin" | "regconfigin" | "regdictionaryin" => {
            |cx, site, args| read(cx, site.result_type, args)
        }
        "regclassout" | "regtypeout" | "regprocout" | "regprocedureout" | "regoperout"
        | "regoperatorout" | "regroleout" | "regnamespaceout" | "regcollationout"
        | "regconfigout" | "regdictionaryout" => |cx, site, args| {
            let [value] = args else { return Ok(Datum::Null) };
            let ty = site.arg_types.first().copied().unwrap_or(oid::OID);
            let cx = session(cx)?;
            Ok(Datum::text(output(ty, value, &cx.catalog, &cx.search_path)))
        },
        "to_regclass" | "to_regtype" | "to_regproc" | "to_regprocedure" | "to_regoper"
        | "to_regoperator" | "to_regrole" | "to_regnamespace" | "to_regcollation" => {
            |cx, site, args| match read(cx, site.result_type, args) {
                Err(error) if is_absence(error.code()) => Ok(Datum::Null),
                other => other,
            }
        }
        _ => return None,
    })
}

fn read(cx: &functions::CallCx<'_>, ty: Oid, args: &[Datum]) -> Result<Datum> {
    let [Datum::Text(text)] = args else { return Ok(Datum::Null) };
    Ok(input(ty, text, session(cx)?)?.unwrap_or_default())
}

/// The errors for which `to_reg…` gives NULL: there is no such object, or several.
fn is_absence(code: SqlState) -> bool {
    matches!(
        code,
        SqlState::UNDEFINED_TABLE
            | SqlState::UNDEFINED_OBJECT
            | SqlState::UNDEFINED_FUNCTION
            | SqlState::AMBIGUOUS_FUNCTION
            | SqlState::INVALID_SCHEMA_NAME
            | SqlState::INVALID_NAME
    )
}

/// Reads a literal of a `reg*` type, an array of one, or an `aclitem`; `None` for other types.
///
/// # Errors
/// The "does not exist" error of the kind of object, `22P02` for a malformed array.
pub(crate) fn input(ty: Oid, text: &str, cx: &SessionCx) -> Result<Option<Datum>> {
    if let Some(element) = element(ty) {
        return array(element, text, cx).map(Some);
    }
    if ty == oid::ACLITEM {
        return super::acl::input(&cx.catalog, text).map(Some);
    }
    let (catalog, path) = (&cx.catalog, cx.search_path.as_slice());
    let found = match ty {
        oid::REGCLASS => describe::regclass_in(catalog, path, text)?,
        oid::REGTYPE => describe::regtype_in(catalog, path, text)?,
        oid::REGPROC => describe::regproc_in(catalog, path, text)?,
        oid::REGPROCEDURE => describe::regprocedure_in(catalog, path, text)?,
        oid::REGOPER => describe::regoper_in(path, text)?,
        oid::REGOPERATOR => describe::regoperator_in(catalog, path, text)?,
        oid::REGROLE => describe::regrole_in(catalog, text)?,
        oid::REGNAMESPACE => describe::regnamespace_in(catalog, text)?,
        oid::REGCOLLATION => collation(text)?,
        oid::REGCONFIG => text_search(text, &CONFIGURATION)?,
        oid::REGDICTIONARY => text_search(text, &DICTIONARY)?,
        _ => return Ok(None),
    };
    Ok(Some(Datum::Oid(found)))
}

fn array(element: Oid, text: &str, cx: &SessionCx) -> Result<Datum> {
    let names = types::text::input(oid::TEXT_ARRAY, -1, text, &FormatSettings::default())?;
    let Datum::Array(names) = names else { return Ok(Datum::Null) };
    let read = |name: &Datum| match name {
        Datum::Text(name) => Ok(input(element, name, cx)?.unwrap_or_default()),
        _ => Ok(Datum::Null),
    };
    let elements = names.elements.iter().map(read).collect::<Result<_>>()?;
    Ok(Datum::Array(Array::new(element, names.dims.clone(), elements).into()))
}

/// An object of text search: all that there is of its kind.
struct TextSearch {
    kind: &'static str,
    oid: u32,
}

const CONFIGURATION: TextSearch = TextSearch { kind: "configuration", oid: 3748 };
const DICTIONARY: TextSearch = TextSearch { kind: "dictionary", oid: 3765 };
/// The only name of either.
const SIMPLE: &str = "simple";

fn text_search(text: &str, object: &TextSearch) -> Result<u32> {
    if text == "-" {
        return Ok(0);
    }
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let names = describe::parse_qualified_name(text)?;
    match names.as_slice() {
        [name] if name == SIMPLE => Ok(object.oid),
        [schema, name] if schema == "pg_catalog" && name == SIMPLE => Ok(object.oid),
        _ => Err(SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("text search {} \"{}\" does not exist", object.kind, names.join(".")),
        )),
    }
}

fn collation(text: &str) -> Result<u32> {
    if text == "-" {
        return Ok(0);
    }
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let names = describe::parse_qualified_name(text)?;
    let name = match names.as_slice() {
        [name] => name,
        [schema, name] if schema == "pg_catalog" => name,
        _ => text,
    };
    COLLATIONS.iter().find(|(known, _)| known == &name).map(|(_, oid)| *oid).ok_or_else(|| {
        SqlError::new(
            SqlState::UNDEFINED_OBJECT,
            format!("collation \"{}\" for encoding \"UTF8\" does not exist", names.join(".")),
        )
    })
}

/// The type, with its modifier, that a text names.
pub(super) fn type_ref(cx: &SessionCx, text: &str) -> Result<TypeRef> {
    let undefined =
        || SqlError::new(SqlState::UNDEFINED_OBJECT, format!("type \"{text}\" does not exist"));
    let node = parser::parse_expression(&format!("NULL::{text}")).map_err(|_| undefined())?;
    match node.as_ref() {
        parser::NodeEnum::TypeCast(cast) => match &cast.type_name {
            Some(name) => crate::bind::Binder::new(cx, text, &[])
                .resolve_type(name)
                .map_err(SqlError::without_position),
            None => Err(undefined()),
        },
        _ => Err(undefined()),
    }
}

/// Whether a type's values, or its elements, print names from the catalog.
pub(crate) fn prints_names(ty: Oid) -> bool {
    is_reg_type(ty) || element(ty).is_some()
}

/// The names of a catalog's objects, as they are seen from a search path.
pub(crate) struct Names {
    pub(crate) catalog: std::sync::Arc<Catalog>,
    pub(crate) path: Vec<ObjectId>,
}

impl types::settings::ObjectNames for Names {
    fn name(&self, type_oid: Oid, object: u32) -> String {
        name(type_oid, object, &self.catalog, &self.path)
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Prints a value of a `reg*` type, or of an array of them. What does not exist prints as its
/// number.
pub(crate) fn output(ty: Oid, value: &Datum, catalog: &Catalog, path: &[ObjectId]) -> String {
    match value {
        Datum::Oid(number) => name(ty, *number, catalog, path),
        Datum::Array(array) => {
            let element = array.element;
            let names = array.elements.iter().map(|value| match value {
                Datum::Oid(number) => Datum::text(name(element, *number, catalog, path)),
                other => other.clone(),
            });
            let names = Array::new(oid::TEXT, array.dims.clone(), names.collect());
            let mut out = BytesMut::new();
            let settings = FormatSettings::default();
            types::text::output(&Datum::Array(names.into()), oid::TEXT_ARRAY, &settings, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        }
        _ => String::new(),
    }
}

fn name(ty: Oid, number: u32, catalog: &Catalog, path: &[ObjectId]) -> String {
    match ty {
        oid::REGCLASS => describe::regclass_out(catalog, path, number),
        oid::REGTYPE => describe::regtype_out(catalog, path, number),
        oid::REGPROC => describe::regproc_out(catalog, path, number),
        oid::REGPROCEDURE => describe::regprocedure_out(catalog, path, number),
        oid::REGOPER => describe::regoper_out(path, number),
        oid::REGOPERATOR => describe::regoperator_out(path, number),
        oid::REGROLE => describe::regrole_out(catalog, number),
        oid::REGNAMESPACE => describe::regnamespace_out(catalog, number),
        oid::REGCOLLATION => collation_name(number),
        oid::REGCONFIG if number == CONFIGURATION.oid => SIMPLE.into(),
        oid::REGDICTIONARY if number == DICTIONARY.oid => SIMPLE.into(),
        oid::REGCONFIG | oid::REGDICTIONARY if number == 0 => "-".into(),
        _ => number.to_string(),
    }
}

/// `regcollation` output.
pub(super) fn collation_name(number: u32) -> String {
    match COLLATIONS.iter().find(|(_, oid)| *oid == number) {
        Some((name, _)) => builtin::quote_identifier(name).into_owned(),
        None if number == 0 => "-".into(),
        None => number.to_string(),
    }
}

//! Objects in words, and what indexes can do.

use std::sync::Arc;

use catalog::builtin::{self, BTREE};
use catalog::describe::{self, ObjectIdentity};
use functions::{CallCx, Scalar, Site};
use types::{Array, Datum, Oid, Result, SqlError, SqlState, oid};

use super::{record, session};

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "pg_describe_object" => describe_object,
        "pg_identify_object" => |cx, _, args| {
            let identity = identify(cx, args)?;
            let text = |text: Option<&String>| text.map_or(Datum::Null, Datum::text);
            let part =
                |of: fn(&ObjectIdentity) -> Option<&String>| text(identity.as_ref().and_then(of));
            Ok(record([
                ("type", oid::TEXT, kind(identity.as_ref())),
                ("schema", oid::TEXT, part(|identity| identity.schema.as_ref())),
                ("name", oid::TEXT, part(|identity| identity.name.as_ref())),
                ("identity", oid::TEXT, part(|identity| Some(&identity.identity))),
            ]))
        },
        "pg_identify_object_as_address" => |cx, _, args| {
            let identity = identify(cx, args)?;
            let list = |of: fn(&ObjectIdentity) -> &Vec<String>| match identity.as_ref().map(of) {
                Some(names) => {
                    let names = names.iter().map(Datum::text).collect();
                    Datum::Array(Arc::new(Array::from_elements(oid::TEXT, names)))
                }
                None => Datum::Null,
            };
            Ok(record([
                ("type", oid::TEXT, kind(identity.as_ref())),
                ("object_names", oid::TEXT_ARRAY, list(|identity| &identity.names)),
                ("object_args", oid::TEXT_ARRAY, list(|identity| &identity.arguments)),
            ]))
        },
        "pg_get_object_address" => get_object_address,
        "pg_indexam_has_property" => |_, _, args| match args {
            [Datum::Oid(method), Datum::Text(property)] => {
                let btree = Oid(*method) == BTREE;
                Ok(match property.to_ascii_lowercase().as_str() {
                    "can_order" | "can_unique" | "can_multi_col" | "can_exclude"
                    | "can_include" => Datum::Bool(btree),
                    _ => Datum::Null,
                })
            }
            _ => Ok(Datum::Null),
        },
        "pg_index_has_property" => |cx, _, args| match args {
            [Datum::Oid(index), Datum::Text(property)] if is_index(cx, *index)? => {
                Ok(match property.to_ascii_lowercase().as_str() {
                    "clusterable" | "index_scan" | "bitmap_scan" | "backward_scan" => {
                        Datum::Bool(true)
                    }
                    _ => Datum::Null,
                })
            }
            _ => Ok(Datum::Null),
        },
        "pg_index_column_has_property" => index_column_has_property,
        "pg_collation_for" => collation_for,
        _ => return None,
    })
}

fn kind(identity: Option<&ObjectIdentity>) -> Datum {
    identity.map_or(Datum::Null, |identity| Datum::text(identity.kind))
}

fn describe_object(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Oid(class), Datum::Oid(object), Datum::Int4(column)] = args else {
        return Ok(Datum::Null);
    };
    // All zeros are nothing, as in `pg_depend` of pinned objects.
    if *class == 0 && *object == 0 {
        return Ok(Datum::Null);
    }
    let cx = session(cx)?;
    let text =
        describe::pg_describe_object(&cx.catalog, &cx.search_path, *class, *object, *column)?;
    Ok(text.map_or(Datum::Null, Datum::text))
}

fn identify(cx: &CallCx<'_>, args: &[Datum]) -> Result<Option<ObjectIdentity>> {
    match args {
        [Datum::Oid(class), Datum::Oid(object), Datum::Int4(column)] => {
            describe::pg_identify_object(&session(cx)?.catalog, *class, *object, *column)
        }
        _ => Ok(None),
    }
}

/// `pg_get_object_address(type, names, arguments)`: `(classid, objid, objsubid)`.
fn get_object_address(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Text(kind), Datum::Array(names), Datum::Array(arguments)] = args else {
        return Ok(Datum::Null);
    };
    let texts = |array: &Array| {
        let text = |value: &Datum| match value {
            Datum::Text(text) => Ok(text.to_string()),
            _ => Err(SqlError::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "name or argument lists may not contain nulls",
            )),
        };
        array.elements.iter().map(text).collect::<Result<Vec<_>>>()
    };
    let cx = session(cx)?;
    let (names, arguments) = (texts(names)?, texts(arguments)?);
    let address =
        describe::pg_get_object_address(&cx.catalog, &cx.search_path, kind, &names, &arguments)?;
    Ok(record([
        ("classid", oid::OID, Datum::Oid(address.class)),
        ("objid", oid::OID, Datum::Oid(address.object)),
        ("objsubid", oid::INT4, Datum::Int4(address.column)),
    ]))
}

fn is_index(cx: &CallCx<'_>, index: u32) -> Result<bool> {
    let known = session(cx)?.catalog.index_by_oid(index).is_some();
    Ok(known || builtin::system_index(Oid(index)).is_some())
}

/// `pg_index_column_has_property(index, column, property)`: NULL for what is unknown, or does not
/// apply to a column that is only carried along.
fn index_column_has_property(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Oid(oid), Datum::Int4(column), Datum::Text(property)] = args else {
        return Ok(Datum::Null);
    };
    let Some(at) = usize::try_from(*column).ok().and_then(|column| column.checked_sub(1)) else {
        return Ok(Datum::Null);
    };
    let catalog = &session(cx)?.catalog;
    let (keys, columns, nulls_first) = match catalog.index_by_oid(*oid) {
        Some((table, index)) => {
            let included = describe::included_columns(table, index).len();
            let nulls_first = index.keys.get(at).is_some_and(|key| key.nulls_first);
            (index.keys.len(), index.keys.len() + included, nulls_first)
        }
        None => match builtin::system_index(Oid(*oid)) {
            Some(index) => (index.keys.len(), index.keys.len(), false),
            None => return Ok(Datum::Null),
        },
    };
    if at >= columns {
        return Ok(Datum::Null);
    }
    let is_key = at < keys;
    let of_key = |value: bool| if is_key { Datum::Bool(value) } else { Datum::Null };
    Ok(match property.to_ascii_lowercase().as_str() {
        "asc" => of_key(true),
        "desc" => of_key(false),
        "nulls_first" => of_key(nulls_first),
        "nulls_last" => of_key(!nulls_first),
        "orderable" => Datum::Bool(is_key),
        "distance_orderable" => Datum::Bool(false),
        "returnable" => Datum::Bool(true),
        "search_array" | "search_nulls" => of_key(true),
        _ => Datum::Null,
    })
}

/// `COLLATION FOR (value)`, by the value's type.
fn collation_for(cx: &CallCx<'_>, site: &Site, _: &[Datum]) -> Result<Datum> {
    let ty = site.arg_types.first().copied().unwrap_or(oid::UNKNOWN);
    if ty == oid::UNKNOWN {
        return Ok(Datum::Null);
    }
    let collation = builtin::type_by_oid(ty).map_or(0, |row| row.collation.0);
    if collation == 0 {
        let name = super::format_type(&session(cx)?.catalog, ty, -1);
        return Err(SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!("collations are not supported by type {name}"),
        ));
    }
    Ok(Datum::text(super::reg::collation_name(collation)))
}

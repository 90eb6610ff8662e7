//! `json_agg`, `json_object_agg`, and their `jsonb` likes.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use types::json::write_string;
use types::{Datum, Json, JsonObject, Oid, Result, SqlError, SqlState};

use super::build::{arg_type, finished, key_text, null_key, to_jsonb, write};
use super::{Category, category};
use crate::aggregates::Table;
use crate::convert::wrong_arity;
use crate::{Accumulator, CallCx, Site};

pub(super) const TABLE: Table = &[
    (3175, |site| array(site, false)),
    (6276, |site| array(site, true)),
    (3197, |site| object(site, Members::default())),
    (6280, |site| object(site, Members { strict: true, ..Members::default() })),
    (6281, |site| object(site, Members { unique: true, ..Members::default() })),
    (6282, |site| object(site, Members { strict: true, unique: true })),
    (3267, |site| jsonb_array(site, false)),
    (6284, |site| jsonb_array(site, true)),
    (3270, |site| jsonb_object(site, Members::default())),
    (6288, |site| jsonb_object(site, Members { strict: true, ..Members::default() })),
    (6289, |site| jsonb_object(site, Members { unique: true, ..Members::default() })),
    (6290, |site| jsonb_object(site, Members { strict: true, unique: true })),
];

/// Which members an object aggregate takes.
#[derive(Clone, Copy, Default)]
struct Members {
    /// Leaves members out whose value is NULL.
    strict: bool,
    /// Refuses a second member with one key.
    unique: bool,
}

struct ArrayText {
    type_oid: Oid,
    strict: bool,
    out: Option<BytesMut>,
}

fn array(site: &Site, strict: bool) -> Box<dyn Accumulator> {
    Box::new(ArrayText { type_oid: arg_type(site, 0), strict, out: None })
}

impl Accumulator for ArrayText {
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let [value] = args else { return Err(wrong_arity(args.len())) };
        let out = self.out.get_or_insert_with(|| BytesMut::from(&b"["[..]));
        if self.strict && value.is_null() {
            return Ok(());
        }
        if out.len() > 1 {
            out.put_slice(b", ");
            let structured =
                matches!(category(value, self.type_oid), Category::Array | Category::Record);
            if structured {
                out.put_slice(b"\n ");
            }
        }
        write(value, self.type_oid, cx.settings, false, out)
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.out.as_ref().map_or(Datum::Null, |out| finished(&[out, &b"]"[..]].concat())))
    }

    fn heap_bytes(&self) -> usize {
        self.out.as_ref().map_or(0, BytesMut::capacity)
    }
}

struct ObjectText {
    types: [Oid; 2],
    members: Members,
    out: Option<BytesMut>,
    keys: HashSet<String>,
}

fn object(site: &Site, members: Members) -> Box<dyn Accumulator> {
    let types = [arg_type(site, 0), arg_type(site, 1)];
    Box::new(ObjectText { types, members, out: None, keys: HashSet::new() })
}

fn duplicate(key: &str) -> SqlError {
    let mut shown = BytesMut::new();
    write_string(key, &mut shown);
    SqlError::new(
        SqlState::DUPLICATE_JSON_OBJECT_KEY_VALUE,
        format!("duplicate JSON object key value: {}", String::from_utf8_lossy(&shown)),
    )
}

impl Accumulator for ObjectText {
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let [key, value] = args else { return Err(wrong_arity(args.len())) };
        let out = self.out.get_or_insert_with(|| BytesMut::from(&b"{ "[..]));
        if key.is_null() {
            return Err(null_key());
        }
        let skip = self.members.strict && value.is_null();
        if skip && !self.members.unique {
            return Ok(());
        }
        let [key_type, value_type] = self.types;
        let key = key_text(cx, key, key_type)?;
        if self.members.unique && !self.keys.insert(key.clone()) {
            return Err(duplicate(&key));
        }
        if skip {
            return Ok(());
        }
        if out.len() > 2 {
            out.put_slice(b", ");
        }
        write_string(&key, out);
        out.put_slice(b" : ");
        write(value, value_type, cx.settings, false, out)
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.out.as_ref().map_or(Datum::Null, |out| finished(&[out, &b" }"[..]].concat())))
    }

    fn heap_bytes(&self) -> usize {
        self.out.as_ref().map_or(0, BytesMut::capacity) + self.keys.len() * 48
    }
}

/// Rough size of a `jsonb` on the heap.
const JSONB_BYTES: usize = 96;

struct ArrayBinary {
    type_oid: Oid,
    strict: bool,
    elements: Option<Vec<Json>>,
}

fn jsonb_array(site: &Site, strict: bool) -> Box<dyn Accumulator> {
    Box::new(ArrayBinary { type_oid: arg_type(site, 0), strict, elements: None })
}

impl Accumulator for ArrayBinary {
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let [value] = args else { return Err(wrong_arity(args.len())) };
        let elements = self.elements.get_or_insert_default();
        if !(self.strict && value.is_null()) {
            elements.push(to_jsonb(cx, value, self.type_oid)?);
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        let json = |elements: &Vec<Json>| Datum::Jsonb(Arc::new(Json::Array(elements.clone())));
        Ok(self.elements.as_ref().map_or(Datum::Null, json))
    }

    fn heap_bytes(&self) -> usize {
        self.elements.as_ref().map_or(0, |elements| elements.capacity() * JSONB_BYTES)
    }
}

struct ObjectBinary {
    types: [Oid; 2],
    members: Members,
    found: Option<Vec<(Arc<str>, Json)>>,
    keys: HashSet<Arc<str>>,
}

fn jsonb_object(site: &Site, members: Members) -> Box<dyn Accumulator> {
    let types = [arg_type(site, 0), arg_type(site, 1)];
    Box::new(ObjectBinary { types, members, found: None, keys: HashSet::new() })
}

impl Accumulator for ObjectBinary {
    fn step(&mut self, cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let [key, value] = args else { return Err(wrong_arity(args.len())) };
        let found = self.found.get_or_insert_default();
        if key.is_null() {
            return Err(crate::errors::invalid_parameter("field name must not be null"));
        }
        let skip = self.members.strict && value.is_null();
        if skip && !self.members.unique {
            return Ok(());
        }
        let [key_type, value_type] = self.types;
        let key: Arc<str> = key_text(cx, key, key_type)?.into();
        if self.members.unique && !self.keys.insert(Arc::clone(&key)) {
            return Err(SqlError::new(
                SqlState::DUPLICATE_JSON_OBJECT_KEY_VALUE,
                "duplicate JSON object key value",
            ));
        }
        if !skip {
            found.push((key, to_jsonb(cx, value, value_type)?));
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        let json = |members: &Vec<(Arc<str>, Json)>| {
            Datum::Jsonb(Arc::new(Json::Object(JsonObject::from_members(members.clone()))))
        };
        Ok(self.found.as_ref().map_or(Datum::Null, json))
    }

    fn heap_bytes(&self) -> usize {
        self.found.as_ref().map_or(0, |members| members.capacity() * (JSONB_BYTES + 32))
    }
}

//! The overloads of `ts_headline`: of text, and of every string of a JSON value.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use types::json::{Shallow, shallow, write_string};
use types::rare::tsquery::TsQuery;
use types::{Json, JsonObject, Result};

use super::headline::headline;
use crate::convert::{OidValue, scalars};

scalars! { pub(crate) const TABLE =
    "ts_headline"(text: &str, query: &TsQuery) => headline(text, query, "")?;
    "ts_headline_opt"(text: &str, query: &TsQuery, options: &str) => headline(text, query, options)?;
    "ts_headline_byid"(_config: OidValue, text: &str, query: &TsQuery) => headline(text, query, "")?;
    "ts_headline_byid_opt"(_config: OidValue, text: &str, query: &TsQuery, options: &str) => {
        headline(text, query, options)?
    };
    "ts_headline_jsonb"(json: &Json, query: &TsQuery) => of_jsonb(json, query, "")?;
    "ts_headline_jsonb_opt"(json: &Json, query: &TsQuery, options: &str) => of_jsonb(json, query, options)?;
    "ts_headline_jsonb_byid"(_config: OidValue, json: &Json, query: &TsQuery) => of_jsonb(json, query, "")?;
    "ts_headline_jsonb_byid_opt"(_config: OidValue, json: &Json, query: &TsQuery, options: &str) => {
        of_jsonb(json, query, options)?
    };
    "ts_headline_json"(json: &str, query: &TsQuery) => of_json(json, query, "")?;
    "ts_headline_json_opt"(json: &str, query: &TsQuery, options: &str) => of_json(json, query, options)?;
    "ts_headline_json_byid"(_config: OidValue, json: &str, query: &TsQuery) => of_json(json, query, "")?;
    "ts_headline_json_byid_opt"(_config: OidValue, json: &str, query: &TsQuery, options: &str) => {
        of_json(json, query, options)?
    };
}

fn of_jsonb(json: &Json, query: &TsQuery, options: &str) -> Result<Json> {
    Ok(match json {
        Json::String(text) => Json::String(headline(text, query, options)?.into()),
        Json::Array(elements) => {
            let elements = elements.iter().map(|element| of_jsonb(element, query, options));
            Json::Array(elements.collect::<Result<_>>()?)
        }
        Json::Object(object) => {
            let member = |(key, value): &(Arc<str>, Json)| {
                Ok((Arc::clone(key), of_jsonb(value, query, options)?))
            };
            let members = object.members().iter().map(member).collect::<Result<_>>()?;
            Json::Object(JsonObject::from_members(members))
        }
        other => other.clone(),
    })
}

fn of_json(json: &str, query: &TsQuery, options: &str) -> Result<String> {
    let mut out = BytesMut::new();
    write(json, query, options, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn write(json: &str, query: &TsQuery, options: &str, out: &mut BytesMut) -> Result<()> {
    match shallow(json)? {
        Shallow::Object(members) => {
            out.put_u8(b'{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.put_u8(b',');
                }
                write_string(&name, out);
                out.put_u8(b':');
                write(value, query, options, out)?;
            }
            out.put_u8(b'}');
        }
        Shallow::Array(elements) => {
            out.put_u8(b'[');
            for (index, element) in elements.into_iter().enumerate() {
                if index > 0 {
                    out.put_u8(b',');
                }
                write(element, query, options, out)?;
            }
            out.put_u8(b']');
        }
        Shallow::String(text) => write_string(&headline(&text, query, options)?, out),
        Shallow::Null => out.put_slice(b"null"),
        Shallow::Scalar(text) => out.put_slice(text.as_bytes()),
    }
    Ok(())
}

//! The types' input, output and send functions, called as functions.
//!
//! Source: `pg_type`'s `typinput`, `typoutput`, `typsend`.

use std::sync::Arc;

use bytes::BytesMut;
use types::{Array, Datum, Oid, Result, oid, text};

use crate::convert::{scalars, wrong_arity};
use crate::{CallCx, Site};

scalars! { pub(crate) const TABLE =
    // The texts of a row's fields, for a cast from text to a row type.
    "record fields"(text: &str, width: i32) => {
        let fields = types::record::split(text, usize::try_from(width).unwrap_or(0))?;
        let texts = fields.into_iter().map(|field| field.map_or(Datum::Null, Datum::text));
        Datum::Array(Arc::new(Array::from_elements(oid::TEXT, texts.collect())))
    };
    "int2send" | "int4send" | "int8send" | "float4send" | "float8send" | "numeric_send" | "boolsend"
        | "uuid_send" | "date_send" | "time_send" | "timetz_send" | "timestamp_send" | "timestamptz_send"
        | "interval_send" | "oidsend" | "xidsend" | "cidsend" | "charsend" | "regclasssend" | "regtypesend"
        | "regprocsend" | "regnamespacesend" | "regrolesend" | "regproceduresend" | "regopersend"
        | "regoperatorsend" | "regcollationsend" | "regconfigsend" | "regdictionarysend" | "json_send"
        | "jsonb_send" | "array_send" | "anyarray_send" | "anycompatiblearray_send" | "record_send"
        | "int2vectorsend" | "oidvectorsend" | "unknownsend" | "cstring_send" | "void_send" | "tidsend"
        | "pg_node_tree_send" | "point_send" | "lseg_send" | "path_send" | "box_send" | "poly_send"
        | "circle_send" | "bit_send" | "varbit_send" | "cash_send" | "macaddr_send" | "macaddr8_send"
        | "inet_send" | "cidr_send" | "pg_lsn_send" | "tsvectorsend" | "tsquerysend" | "range_send"
        | "multirange_send" | "jsonpath_send" | "xid8send"[_cx, site](a: &Datum) => {
        let mut out = BytesMut::new();
        types::binary::send(a, argument_type(site), &mut out);
        out.to_vec()
    };
    "byteaout" | "charout" | "nameout" | "int2out" | "int2vectorout" | "int4out" | "textout" | "tidout"
        | "xidout" | "cidout" | "oidvectorout" | "unknownout" | "point_out" | "lseg_out" | "path_out"
        | "box_out" | "pg_node_tree_out" | "float4out" | "float8out" | "json_out" | "poly_out"
        | "macaddr_out" | "int8out" | "array_out" | "cash_out" | "inet_out" | "aclitemout" | "bpcharout"
        | "varcharout" | "date_out" | "time_out" | "timestamptz_out" | "interval_out" | "boolout"
        | "timestamp_out" | "timetz_out" | "cidr_out" | "circle_out" | "bit_out" | "varbit_out"
        | "numeric_out" | "oidout" | "record_out" | "cstring_out" | "anyarray_out" | "void_out"
        | "uuid_out" | "pg_lsn_out" | "tsvectorout" | "tsqueryout" | "jsonb_out" | "anyrange_out"
        | "range_out" | "jsonpath_out" | "macaddr8_out" | "anycompatiblemultirange_out"
        | "anymultirange_out" | "multirange_out" | "xid8out" | "anycompatiblearray_out"
        | "anycompatiblerange_out"[cx, site](a: &Datum) => text::to_string(a, argument_type(site), cx.settings);
    "any_out" | "anyelement_out" | "anynonarray_out" | "anycompatible_out" | "anycompatiblenonarray_out"
        [_cx, _site, _args] => refuse("display", "any");
    "byteain" | "charin" | "namein" | "int2in" | "int2vectorin" | "int4in" | "textin" | "tidin" | "xidin"
        | "cidin" | "oidvectorin" | "unknownin" | "point_in" | "lseg_in" | "path_in" | "box_in"
        | "float4in" | "float8in" | "json_in" | "poly_in" | "macaddr_in" | "int8in" | "array_in"
        | "cash_in" | "inet_in" | "bpcharin" | "varcharin" | "date_in" | "time_in"
        | "timestamptz_in" | "interval_in" | "boolin" | "timestamp_in" | "timetz_in" | "cidr_in"
        | "circle_in" | "bit_in" | "varbit_in" | "numeric_in" | "oidin" | "cstring_in"
        | "void_in" | "uuid_in" | "pg_lsn_in" | "tsvectorin" | "tsqueryin" | "jsonb_in" | "range_in"
        | "jsonpath_in" | "macaddr8_in" | "multirange_in" | "xid8in" | "aclitemin" | "record_in"
        [cx, site, args] => input(cx, site, args);
    "any_in" | "anyelement_in" | "anynonarray_in" | "anyarray_in" | "anycompatible_in"
        | "anycompatiblearray_in" | "anycompatiblenonarray_in" | "anyrange_in" | "anymultirange_in"
        | "anycompatiblerange_in" | "anycompatiblemultirange_in" | "pg_node_tree_in"
        [_cx, site, _args] => refuse("accept", types::kind::type_name(site.result_type));
}

fn argument_type(site: &Site) -> Oid {
    site.arg_types.first().copied().unwrap_or_default()
}

fn refuse(what: &str, name: &str) -> Result<Datum> {
    Err(types::SqlError::unsupported(format!("cannot {what} a value of type {name}")))
}

/// Text, and of some types the element type and a modifier.
fn input(cx: &CallCx<'_>, site: &Site, args: &[Datum]) -> Result<Datum> {
    match args {
        _ if site.result_type == types::oid::VOID => Ok(Datum::text("")),
        [Datum::Text(value)] => text::input(site.result_type, -1, value, cx.settings),
        [Datum::Text(value), _, Datum::Int4(typmod)] => {
            text::input(site.result_type, *typmod, value, cx.settings)
        }
        [Datum::Null, ..] => Ok(Datum::Null),
        args => Err(wrong_arity(args.len())),
    }
}

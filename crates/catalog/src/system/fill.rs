//! Building rows by column name.

use std::sync::Arc;

use types::oid::{self, ACLITEM};
use types::{Array, ArrayDim, Datum, Oid, Row};

use crate::builtin::{SystemRelation, base_type};
use crate::objects::Grant;
use crate::privilege::acl_items;
use crate::snapshot::Catalog;

/// The rows of one relation as they are made.
pub(super) struct Rows {
    relation: &'static SystemRelation,
    /// A row with every column at its default: NULL, or zero where NULL is not allowed.
    blank: Row,
    rows: Vec<Row>,
}

/// One row being made. Setting columns in the relation's order is fastest.
pub(super) struct RowWriter<'a> {
    relation: &'static SystemRelation,
    row: &'a mut Row,
    next: usize,
}

impl Rows {
    pub(super) fn new(relation: &'static SystemRelation) -> Rows {
        let blank = relation.columns.iter().map(|column| match column.not_null {
            true => zero(column.type_oid),
            false => Datum::Null,
        });
        Rows { relation, blank: blank.collect(), rows: Vec::new() }
    }

    /// The relation whose rows they are.
    pub(super) fn relation(&self) -> &'static SystemRelation {
        self.relation
    }

    /// Adds a row.
    pub(super) fn row(&mut self, fill: impl FnOnce(&mut RowWriter<'_>)) {
        let mut row = self.blank.clone();
        fill(&mut RowWriter { relation: self.relation, row: &mut row, next: 0 });
        self.rows.push(row);
    }

    pub(super) fn finish(self) -> Vec<Row> {
        self.rows
    }
}

impl RowWriter<'_> {
    /// Sets the column called `name`.
    pub(super) fn set(&mut self, name: &str, value: impl IntoDatum) -> &mut Self {
        let columns = self.relation.columns;
        let at = match columns.get(self.next).is_some_and(|column| column.name == name) {
            true => Some(self.next),
            false => self.relation.column(name),
        };
        debug_assert!(at.is_some(), "{} has no column {name}", self.relation.name);
        if let Some(at) = at
            && let Some(value_at) = self.row.get_mut(at)
        {
            *value_at = value.into_datum();
            self.next = at + 1;
        }
        self
    }
}

/// The value that stands for nothing in a column that is not null.
pub(super) fn zero(type_oid: Oid) -> Datum {
    match base_type(type_oid) {
        oid::BOOL => Datum::Bool(false),
        oid::INT2 => Datum::Int2(0),
        oid::INT4 => Datum::Int4(0),
        oid::INT8 => Datum::Int8(0),
        oid::FLOAT4 => Datum::Float4(0.0),
        oid::OID | oid::REGPROC | oid::XID => Datum::Oid(0),
        oid::INT2VECTOR => vector(oid::INT2, Vec::new()),
        oid::OIDVECTOR => vector(oid::OID, Vec::new()),
        _ => Datum::text(""),
    }
}

/// A value as a column holds it.
pub(super) trait IntoDatum {
    fn into_datum(self) -> Datum;
}

macro_rules! into_datum {
    ($($of:ty => |$value:ident| $datum:expr;)*) => {
        $(impl IntoDatum for $of {
            fn into_datum(self) -> Datum {
                let $value = self;
                $datum
            }
        })*
    };
}

into_datum! {
    Datum => |value| value;
    bool => |value| Datum::Bool(value);
    i16 => |value| Datum::Int2(value);
    i32 => |value| Datum::Int4(value);
    i64 => |value| Datum::Int8(value);
    f32 => |value| Datum::Float4(value);
    u32 => |value| Datum::Oid(value);
    Oid => |value| Datum::Oid(value.0);
    &str => |value| Datum::text(value);
    &String => |value| Datum::text(value);
    String => |value| Datum::text(value);
    char => |value| Datum::text(value.encode_utf8(&mut [0; 4]));
}

impl<T: IntoDatum> IntoDatum for Option<T> {
    fn into_datum(self) -> Datum {
        self.map_or(Datum::Null, T::into_datum)
    }
}

/// A one-dimensional array.
pub(super) fn array(element: Oid, elements: Vec<Datum>) -> Datum {
    Datum::Array(Arc::new(Array::from_elements(element, elements)))
}

/// An `int2vector` or `oidvector`: an array counted from 0.
pub(super) fn vector(element: Oid, elements: Vec<Datum>) -> Datum {
    let dims = vec![ArrayDim { len: elements.len(), lower: 0 }];
    Datum::Array(Arc::new(Array::new(element, dims, elements)))
}

/// An `oidvector`.
pub(super) fn oidvector(oids: impl IntoIterator<Item = u32>) -> Datum {
    vector(oid::OID, oids.into_iter().map(Datum::Oid).collect())
}

/// A `text[]`.
pub(super) fn text_array<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Datum {
    array(oid::TEXT, texts.into_iter().map(Datum::text).collect())
}

/// An access list; NULL for the default one.
pub(super) fn acl(catalog: &Catalog, grants: Option<&[Grant]>) -> Datum {
    match grants {
        Some(grants) => {
            array(ACLITEM, acl_items(catalog, grants).into_iter().map(Datum::text).collect())
        }
        None => Datum::Null,
    }
}

/// The number of a column or the length of a list; none is beyond `i16`.
pub(super) fn int2(number: usize) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

//! `array_agg` and `string_agg`.

use std::sync::Arc;

use types::{Array, ArrayDim, Datum, Oid, Result, SqlError, SqlState, oid};

use super::{Table, boxed, only};
use crate::convert::{mismatch, wrong_arity};
use crate::{Accumulator, CallCx, Site};

pub(super) const TABLE: Table = &[
    (2335, array_agg),
    (4053, array_agg_arrays),
    (3538, boxed::<StringAgg>),
    (3545, boxed::<ByteaAgg>),
];

/// `array_agg(x)`: every value, NULLs too; NULL over no rows.
struct ArrayAgg {
    element: Oid,
    elements: Vec<Datum>,
    elements_bytes: usize,
}

fn array_agg(site: &Site) -> Box<dyn Accumulator> {
    let element =
        oid::element_of(site.result_type).or(site.arg_types.first().copied()).unwrap_or_default();
    Box::new(ArrayAgg { element, elements: Vec::new(), elements_bytes: 0 })
}

impl Accumulator for ArrayAgg {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        self.elements_bytes += new.heap_bytes();
        self.elements.push(new.clone());
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        if self.elements.is_empty() {
            return Ok(Datum::Null);
        }
        let array = Array::from_elements(self.element, self.elements.clone());
        Ok(Datum::Array(Arc::new(array)))
    }

    fn heap_bytes(&self) -> usize {
        self.elements.capacity() * size_of::<Datum>() + self.elements_bytes
    }
}

/// `array_agg` of arrays: one more dimension.
struct ArrayOfArrays {
    element: Oid,
    dims: Vec<ArrayDim>,
    count: usize,
    elements: Vec<Datum>,
    elements_bytes: usize,
    /// One of the arrays that may have NULLs.
    with_nulls: Option<Arc<Array>>,
}

fn array_agg_arrays(site: &Site) -> Box<dyn Accumulator> {
    let element = oid::element_of(site.result_type).unwrap_or_default();
    Box::new(ArrayOfArrays {
        element,
        dims: Vec::new(),
        count: 0,
        elements: Vec::new(),
        elements_bytes: 0,
        with_nulls: None,
    })
}

impl Accumulator for ArrayOfArrays {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = match only(args)? {
            Datum::Null => {
                return Err(SqlError::new(
                    SqlState::NULL_VALUE_NOT_ALLOWED,
                    "cannot accumulate null arrays",
                ));
            }
            Datum::Array(array) => array,
            other => return Err(mismatch("array", other)),
        };
        let wrong = |message| Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
        if self.count == 0 {
            if new.dims.is_empty() {
                return wrong("cannot accumulate empty arrays");
            }
            if new.dims.len() >= 6 {
                return Err(SqlError::new(
                    SqlState::PROGRAM_LIMIT_EXCEEDED,
                    "number of array dimensions (7) exceeds the maximum allowed (6)",
                ));
            }
            self.dims.clone_from(&new.dims);
        } else if self.dims != new.dims {
            return wrong("cannot accumulate arrays of different dimensionality");
        }
        if self.with_nulls.is_none() && new.may_have_nulls() {
            self.with_nulls = Some(Arc::clone(new));
        }
        self.count += 1;
        self.elements_bytes += new.elements.iter().map(Datum::heap_bytes).sum::<usize>();
        self.elements.extend_from_slice(&new.elements);
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        if self.count == 0 {
            return Ok(Datum::Null);
        }
        let mut dims = vec![ArrayDim { len: self.count, lower: 1 }];
        dims.extend_from_slice(&self.dims);
        let elements = self.elements.clone();
        let array = Array::new(self.element, dims, elements).made_of(self.with_nulls.as_deref());
        Ok(Datum::Array(Arc::new(array)))
    }

    fn heap_bytes(&self) -> usize {
        self.elements.capacity() * size_of::<Datum>() + self.elements_bytes
    }
}

/// `string_agg(text, text)`: NULL values are skipped, with their delimiter.
#[derive(Default)]
struct StringAgg(Option<String>);

impl Accumulator for StringAgg {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let [value, delimiter] = args else { return Err(wrong_arity(args.len())) };
        let value = match value {
            Datum::Null => return Ok(()),
            Datum::Text(value) => value,
            other => return Err(mismatch("text", other)),
        };
        match &mut self.0 {
            None => self.0 = Some(value.to_string()),
            Some(text) => {
                text.push_str(delimiter.as_str().unwrap_or(""));
                text.push_str(value);
            }
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.0.as_ref().map_or(Datum::Null, Datum::text))
    }

    fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, String::capacity)
    }
}

/// `string_agg(bytea, bytea)`.
#[derive(Default)]
struct ByteaAgg(Option<Vec<u8>>);

impl Accumulator for ByteaAgg {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let [value, delimiter] = args else { return Err(wrong_arity(args.len())) };
        let value = match value {
            Datum::Null => return Ok(()),
            Datum::Bytea(value) => value,
            other => return Err(mismatch("bytea", other)),
        };
        match &mut self.0 {
            None => self.0 = Some(value.to_vec()),
            Some(bytes) => {
                if let Datum::Bytea(delimiter) = delimiter {
                    bytes.extend_from_slice(delimiter);
                }
                bytes.extend_from_slice(value);
            }
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.0.as_ref().map_or(Datum::Null, Datum::bytea))
    }

    fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::capacity)
    }
}

//! What kind of type an OID means: arrays, row types and domains, built in or brought by users'
//! objects. Everything that has to know asks here.
//!
//! An expression's type is never a domain (its values count as those of the type beneath), but may be
//! an array of one, as it may be a table's row type or an array of these.

use types::{Oid, oid};

use crate::builtin;
use crate::objects::ObjectId;
use crate::snapshot::Catalog;

impl Catalog {
    /// The array type over a type; `None` if there is none.
    pub fn array_type(&self, element: Oid) -> Option<Oid> {
        if let Some(row) = builtin::type_by_oid(element) {
            return Some(row.array).filter(|array| array.is_valid());
        }
        let ty = self.user_type(element.0).filter(|ty| ty.oid == element.0)?;
        Some(Oid(ty.array_type))
    }

    /// The type, maybe a domain, of the elements of an array type; `None` for other types.
    pub fn element_type(&self, array: Oid) -> Option<Oid> {
        if let Some(row) = builtin::type_by_oid(array) {
            return row.is_array().then_some(row.element);
        }
        let ty = self.user_type(array.0).filter(|ty| ty.array_type == array.0)?;
        Some(Oid(ty.oid))
    }

    /// The user's table or view of whose rows a type is; `None` for other types.
    pub fn relation_of_rows(&self, ty: Oid) -> Option<ObjectId> {
        let found = self.user_type(ty.0).filter(|found| found.oid == ty.0)?;
        Some(found.relation).filter(|relation| *relation != 0)
    }

    /// Whether a type is that of a relation's rows.
    pub fn is_row_type(&self, ty: Oid) -> bool {
        match builtin::type_by_oid(ty) {
            Some(row) => row.relation.is_valid(),
            None => self.relation_of_rows(ty).is_some(),
        }
    }

    /// The type that an expression has whose values are of `ty`: what a domain is over, else itself.
    pub fn beneath(&self, ty: Oid) -> Oid {
        Oid(self.base_type(ty.0, -1).0)
    }

    /// The built-in type whose operators and functions work on the values of a type: `record` for rows
    /// of users' relations, what domains are over, and arrays of both.
    pub fn built_in(&self, ty: Oid) -> Oid {
        let ty = self.beneath(ty);
        if builtin::type_by_oid(ty).is_some() {
            return ty;
        }
        match self.element_type(ty) {
            Some(element) => self.array_type(self.built_in(element)).unwrap_or(ty),
            None => oid::RECORD,
        }
    }

    /// The category of a type, by which function and operator candidates are compared.
    ///
    /// Source: PostgreSQL 16 `TypeCategory`.
    pub fn type_category(&self, ty: Oid) -> u8 {
        match builtin::type_by_oid(self.beneath(ty)) {
            Some(row) => row.category,
            None if self.element_type(ty).is_some() => b'A',
            None => b'C',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_types_know_their_arrays() {
        let catalog = Catalog::new();
        assert_eq!(catalog.array_type(oid::INT4), Some(oid::INT4_ARRAY));
        assert_eq!(catalog.element_type(oid::INT4_ARRAY), Some(oid::INT4));
        assert_eq!(catalog.array_type(oid::INT4_ARRAY), None);
        assert_eq!(catalog.element_type(oid::NAME), None);
        assert_eq!(catalog.built_in(oid::TEXT_ARRAY), oid::TEXT_ARRAY);
        assert_eq!(catalog.type_category(oid::TEXT_ARRAY), b'A');
        assert!(catalog.is_row_type(Oid(83)));
    }
}

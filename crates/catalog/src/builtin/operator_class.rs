//! Which operators order, compare and hash a type: PostgreSQL's type cache over `pg_opclass` and
//! `pg_amop`.

use types::Oid;
use types::oid::{ANY, ANYARRAY, ANYELEMENT, ANYNONARRAY, RECORD, RECORD_ARRAY};

use super::data::OPERATOR_CLASSES;
use super::lookup::{cast, family_operator, type_by_oid};
use super::rows::*;

/// The access method `btree` in `pg_am`.
pub const BTREE: Oid = Oid(403);
/// The access method `hash` in `pg_am`.
pub const HASH: Oid = Oid(405);

const ANYENUM: Oid = Oid(3500);
const ANYRANGE: Oid = Oid(3831);
const ANYMULTIRANGE: Oid = Oid(4537);
const ANYCOMPATIBLE: Oid = Oid(5077);
const ANYCOMPATIBLEARRAY: Oid = Oid(5078);
const ANYCOMPATIBLENONARRAY: Oid = Oid(5079);
const ANYCOMPATIBLERANGE: Oid = Oid(5080);
const ANYCOMPATIBLEMULTIRANGE: Oid = Oid(4538);

/// The comparison operators of a type's default B-tree operator class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortOperators {
    /// The operator family.
    pub family: Oid,
    /// The type that the class is over: `text` for `varchar`.
    pub input: Oid,
    /// `<`.
    pub lt: Oid,
    /// `<=`.
    pub le: Oid,
    /// `=`.
    pub eq: Oid,
    /// `>=`.
    pub ge: Oid,
    /// `>`.
    pub gt: Oid,
}

/// The type whose operators a type has: that which a domain is over, through any number of domains,
/// `record` for the row type of a user's relation, another type itself.
pub fn base_type(mut oid: Oid) -> Oid {
    if oid.0 >= crate::objects::FIRST_USER_OID {
        return RECORD;
    }
    while let Some(row) = type_by_oid(oid) {
        if row.kind != TypeKind::Domain {
            break;
        }
        oid = row.base;
    }
    oid
}

/// The modifier of the type that a built-in domain is over, −1 if it has none or `oid` is no domain.
pub fn base_typmod(oid: Oid) -> i32 {
    let domain = type_by_oid(oid).filter(|row| row.kind == TypeKind::Domain);
    domain.map_or(-1, |row| if row.typmod == -1 { base_typmod(row.base) } else { row.typmod })
}

/// The element type of a built-in array type proper.
pub fn element_type(array: Oid) -> Option<Oid> {
    type_by_oid(array).filter(|row| row.is_array()).map(|row| row.element)
}

/// Whether a value of `source` can be used as one of `target` without being changed.
pub fn binary_coercible(source: Oid, target: Oid) -> bool {
    if source == target || matches!(target, ANY | ANYELEMENT | ANYCOMPATIBLE) {
        return true;
    }
    let source = base_type(source);
    if source == target {
        return true;
    }
    let kind = type_by_oid(source).map(|row| row.kind);
    let element = element_type(source);
    match target {
        ANYARRAY | ANYCOMPATIBLEARRAY => return element.is_some(),
        ANYNONARRAY | ANYCOMPATIBLENONARRAY => return element.is_none(),
        ANYENUM => return kind == Some(TypeKind::Enum),
        ANYRANGE | ANYCOMPATIBLERANGE => return kind == Some(TypeKind::Range),
        ANYMULTIRANGE | ANYCOMPATIBLEMULTIRANGE => return kind == Some(TypeKind::Multirange),
        RECORD if kind == Some(TypeKind::Composite) => return true,
        RECORD_ARRAY => {
            let element = element.and_then(type_by_oid);
            if element.is_some_and(|row| row.kind == TypeKind::Composite) {
                return true;
            }
        }
        _ => {}
    }
    cast(source, target).is_some_and(|cast| {
        cast.method == CastMethod::Binary && cast.context == CastContext::Implicit
    })
}

/// The default operator class of an access method for a type, also through binary coercion.
pub fn default_operator_class(method: Oid, of: Oid) -> Option<&'static OperatorClassRow> {
    let of = base_type(of);
    let category = type_by_oid(of)?.category;
    let classes = || OPERATOR_CLASSES.iter().filter(|row| row.method == method && row.default);
    if let Some(exact) = classes().find(|row| row.input == of) {
        return Some(exact);
    }
    let (mut preferred, mut others) = (Vec::new(), Vec::new());
    for class in classes().filter(|row| binary_coercible(of, row.input)) {
        let input = type_by_oid(class.input)?;
        if input.preferred && input.category == category {
            preferred.push(class);
        } else {
            others.push(class);
        }
    }
    match (preferred.as_slice(), others.as_slice()) {
        ([class], _) | ([], [class]) => Some(class),
        _ => None,
    }
}

/// The operators by which `ORDER BY` sorts a built-in type; `None` if it cannot be sorted.
pub fn sort_operators(of: Oid) -> Option<SortOperators> {
    if let Some(element) = element_type(base_type(of))
        && class_is_array(BTREE, of)
    {
        sort_operators(element)?;
    }
    let class = default_operator_class(BTREE, of)?;
    let member = |strategy| {
        family_operator(class.family, class.input, class.input, strategy).map(|row| row.operator)
    };
    Some(SortOperators {
        family: class.family,
        input: class.input,
        lt: member(1)?,
        le: member(2)?,
        eq: member(3)?,
        ge: member(4)?,
        gt: member(5)?,
    })
}

/// The `=` operator by which a built-in type is hashed; `None` if it cannot be.
pub fn hash_operator(of: Oid) -> Option<Oid> {
    if let Some(element) = element_type(base_type(of))
        && class_is_array(HASH, of)
    {
        hash_operator(element)?;
    }
    let class = default_operator_class(HASH, of)?;
    family_operator(class.family, class.input, class.input, 1).map(|row| row.operator)
}

/// The `=` operator by which `DISTINCT` and `GROUP BY` compare a built-in type.
pub fn equality_operator(of: Oid) -> Option<Oid> {
    sort_operators(of).map(|operators| operators.eq).or_else(|| hash_operator(of))
}

/// Whether the type's operator class is the one over any array, so that it needs the element's.
fn class_is_array(method: Oid, of: Oid) -> bool {
    default_operator_class(method, of).is_some_and(|class| class.input == ANYARRAY)
}

#[cfg(test)]
mod tests {
    use types::oid::*;

    use super::*;
    use crate::builtin::{operator, operator_by_oid, type_by_name};

    fn eq(of: Oid) -> Option<(Oid, Oid)> {
        let row = operator_by_oid(equality_operator(of)?)?;
        assert_eq!(row.name, "=");
        Some((row.left, row.right))
    }

    #[test]
    fn operators_of_types() {
        assert_eq!(eq(INT4), Some((INT4, INT4)));
        assert_eq!(eq(VARCHAR), Some((TEXT, TEXT)));
        assert_eq!(eq(BPCHAR), Some((BPCHAR, BPCHAR)));
        assert_eq!(eq(NAME), Some((NAME, NAME)));
        assert_eq!(eq(REGCLASS), Some((OID, OID)));
        assert_eq!(eq(INT4_ARRAY), Some((ANYARRAY, ANYARRAY)));
        assert_eq!(eq(VARCHAR_ARRAY), Some((ANYARRAY, ANYARRAY)));
        assert_eq!(eq(RECORD), Some((RECORD, RECORD)));
        assert_eq!(eq(OIDVECTOR), Some((OIDVECTOR, OIDVECTOR)));
        assert_eq!(eq(XID), Some((XID, XID)));
        assert_eq!(eq(JSON), None);
        assert_eq!(eq(JSON_ARRAY), None);
        assert_eq!(eq(type_by_name("int4range").unwrap().oid), Some((ANYRANGE, ANYRANGE)));
        assert_eq!(sort_operators(XID), None);
        let int4 = sort_operators(INT4).unwrap();
        assert_eq!(int4.lt, operator("<", INT4, INT4).unwrap().oid);
        assert_eq!(int4.gt, operator(">", INT4, INT4).unwrap().oid);
        assert_eq!(hash_operator(type_by_name("money").unwrap().oid), None);
    }

    #[test]
    fn binary_coercion() {
        assert!(binary_coercible(VARCHAR, TEXT));
        assert!(!binary_coercible(TEXT, NAME));
        assert!(binary_coercible(REGCLASS, OID));
        assert!(!binary_coercible(OID, INT4));
        assert!(binary_coercible(Oid(83), RECORD));
        assert!(!binary_coercible(INT4, ANYARRAY));
        assert!(binary_coercible(OIDVECTOR, ANYARRAY));
    }
}

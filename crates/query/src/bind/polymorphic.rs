//! What polymorphic parameters (`anyelement`, `anyarray`, `anycompatible` …) stand for in one call.
//!
//! Source: PostgreSQL 16 `enforce_generic_type_consistency`, `src/backend/parser/parse_coerce.c`.

use catalog::Catalog;
use types::{Oid, Result, SqlError, SqlState, oid};

use super::Binder;
use super::coerce::{Context, can_coerce, common_type};

const ANYELEMENT: u32 = 2283;
const ANYARRAY: u32 = 2277;
const ANYNONARRAY: u32 = 2776;
const ANYENUM: u32 = 3500;
const ANYRANGE: u32 = 3831;
const ANYMULTIRANGE: u32 = 4537;
const ANYCOMPATIBLE: u32 = 5077;
const ANYCOMPATIBLEARRAY: u32 = 5078;
const ANYCOMPATIBLENONARRAY: u32 = 5079;
const ANYCOMPATIBLERANGE: u32 = 5080;
const ANYCOMPATIBLEMULTIRANGE: u32 = 4538;

/// Range types: the range, its subtype, its multirange.
const RANGES: [(u32, Oid, u32); 6] = [
    (3904, oid::INT4, 4451),
    (3926, oid::INT8, 4536),
    (3906, oid::NUMERIC, 4532),
    (3912, oid::DATE, 4535),
    (3908, oid::TIMESTAMP, 4533),
    (3910, oid::TIMESTAMPTZ, 4534),
];

/// Whether a parameter of type `target` takes its meaning from the arguments.
pub(super) fn is_polymorphic(target: Oid) -> bool {
    matches!(target.0, 2283 | 2277 | 2776 | 3500 | 3831 | 4537 | 5077 | 5078 | 5079 | 5080 | 4538)
}

/// Fails if arguments of types `inputs` do not decide what a polymorphic result is.
///
/// # Errors
/// `42P13`.
///
/// Source: PostgreSQL 16 `check_valid_polymorphic_signature`, `src/backend/parser/parse_coerce.c`.
pub(crate) fn check_polymorphic_result(result: Oid, inputs: &[Oid]) -> Result<()> {
    let (deciding, names): (&[u32], &str) = match result.0 {
        ANYRANGE | ANYMULTIRANGE => (&[ANYRANGE, ANYMULTIRANGE], "anyrange or anymultirange"),
        ANYCOMPATIBLERANGE | ANYCOMPATIBLEMULTIRANGE => (
            &[ANYCOMPATIBLERANGE, ANYCOMPATIBLEMULTIRANGE],
            "anycompatiblerange or anycompatiblemultirange",
        ),
        ANYELEMENT | ANYARRAY | ANYNONARRAY | ANYENUM => (
            &[ANYELEMENT, ANYARRAY, ANYNONARRAY, ANYENUM, ANYRANGE, ANYMULTIRANGE],
            "anyelement, anyarray, anynonarray, anyenum, anyrange, or anymultirange",
        ),
        ANYCOMPATIBLE | ANYCOMPATIBLEARRAY | ANYCOMPATIBLENONARRAY => (
            &[
                ANYCOMPATIBLE,
                ANYCOMPATIBLEARRAY,
                ANYCOMPATIBLENONARRAY,
                ANYCOMPATIBLERANGE,
                ANYCOMPATIBLEMULTIRANGE,
            ],
            "anycompatible, anycompatiblearray, anycompatiblenonarray, anycompatiblerange, or \
             anycompatiblemultirange",
        ),
        _ => return Ok(()),
    };
    if inputs.iter().any(|input| deciding.contains(&input.0)) {
        return Ok(());
    }
    let message = "cannot determine result data type";
    let result = catalog::builtin::format_type(result, None);
    Err(SqlError::new(SqlState::INVALID_FUNCTION_DEFINITION, message)
        .detail(format!("A result of type {result} requires at least one input of type {names}.")))
}

/// The polymorphic type of the elements of a polymorphic array.
pub(super) fn element_of(array: Oid) -> Option<Oid> {
    match array.0 {
        ANYARRAY => Some(Oid(ANYELEMENT)),
        ANYCOMPATIBLEARRAY => Some(Oid(ANYCOMPATIBLE)),
        _ => None,
    }
}

fn range_by_range(ty: Oid) -> Option<&'static (u32, Oid, u32)> {
    RANGES.iter().find(|(range, ..)| *range == ty.0)
}

fn range_by_multirange(ty: Oid) -> Option<&'static (u32, Oid, u32)> {
    RANGES.iter().find(|(.., multirange)| *multirange == ty.0)
}

/// What the two families of polymorphic types stand for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Polymorphic {
    any: Family,
    compatible: Family,
}

#[derive(Clone, Copy, Debug, Default)]
struct Family {
    element: Option<Oid>,
    /// The array type over it.
    array: Option<Oid>,
    /// The range type, if an argument is a range or a multirange.
    range: Option<&'static (u32, Oid, u32)>,
}

/// Why arguments do not fit polymorphic parameters.
enum Mismatch {
    /// Arguments declared alike are not.
    NotAlike(&'static str, Oid, Oid),
    /// An argument is not what its parameter's kind says.
    NotA(&'static str, &'static str, Oid),
    /// Two parameters want different element types.
    Inconsistent(&'static str, &'static str, Oid, Oid),
    /// An array of any type, where its element type counts.
    ElementUnknown,
    /// No argument decides the type.
    Undetermined,
    /// Nor that of a range, though its subtype is known.
    UndeterminedRange(&'static str),
    /// No common type.
    NotCompatible,
    /// `anynonarray` met an array.
    IsArray(&'static str, Oid),
    /// `anyenum` met something else.
    NotEnum(Oid),
}

/// `42804`: values of the type `anyarray` itself, which statistics are, have no element type.
pub(super) fn element_unknown() -> SqlError {
    SqlError::new(
        SqlState::DATATYPE_MISMATCH,
        "cannot determine element type of \"anyarray\" argument",
    )
}

impl Polymorphic {
    /// Whether a result declared as `result` would be of the element type of a value of type
    /// `anyarray`, which is unknown.
    pub(super) fn leaves_open(&self, result: Oid) -> bool {
        self.any.array == Some(oid::ANYARRAY) && result != oid::ANYARRAY && is_polymorphic(result)
    }

    /// Whether arguments of types `sources` can be passed to parameters `targets`.
    pub(super) fn accepts(catalog: &Catalog, sources: &[Oid], targets: &[Oid]) -> bool {
        matches!(
            resolve(catalog, sources, targets),
            Ok(_) | Err(Mismatch::Undetermined | Mismatch::UndeterminedRange(_))
        )
    }

    /// The actual type of a parameter or result declared as `declared`.
    pub(super) fn concrete(&self, declared: Oid) -> Oid {
        let range = |family: &Family| family.range.map(|(range, ..)| Oid(*range));
        let multirange = |family: &Family| family.range.map(|(.., multi)| Oid(*multi));
        match declared.0 {
            ANYELEMENT | ANYNONARRAY | ANYENUM => self.any.element,
            ANYARRAY => self.any.array,
            ANYRANGE => range(&self.any),
            ANYMULTIRANGE => multirange(&self.any),
            ANYCOMPATIBLE | ANYCOMPATIBLENONARRAY => self.compatible.element,
            ANYCOMPATIBLEARRAY => self.compatible.array,
            ANYCOMPATIBLERANGE => range(&self.compatible),
            ANYCOMPATIBLEMULTIRANGE => multirange(&self.compatible),
            _ => None,
        }
        .unwrap_or(declared)
    }

    /// What `targets` stand for, as far as arguments say it.
    pub(super) fn of(catalog: &Catalog, sources: &[Oid], targets: &[Oid]) -> Polymorphic {
        resolve(catalog, sources, targets).unwrap_or_default()
    }
}

/// The element type that arrays, ranges and plain arguments of one family agree on.
fn settle(
    catalog: &Catalog,
    names: [&'static str; 4],
    element: Option<Oid>,
    array: Option<Oid>,
    range: Option<Oid>,
    multirange: Option<Oid>,
) -> std::result::Result<Family, Mismatch> {
    let [element_name, array_name, range_name, multirange_name] = names;
    let mut family = Family { element, array: None, range: None };
    if let Some(array) = array {
        let of_array = match array {
            oid::INT2VECTOR => oid::INT2,
            oid::OIDVECTOR => oid::OID,
            _ => {
                catalog.element_type(array).ok_or(Mismatch::NotA(array_name, "an array", array))?
            }
        };
        match family.element {
            Some(element) if element != of_array => {
                return Err(Mismatch::Inconsistent(array_name, element_name, array, element));
            }
            _ => family.element = Some(of_array),
        }
    }
    if let Some(multirange) = multirange {
        let entry = range_by_multirange(multirange).ok_or(Mismatch::NotA(
            multirange_name,
            "a multirange type",
            multirange,
        ))?;
        family.range = Some(entry);
    }
    if let Some(range) = range {
        let entry =
            range_by_range(range).ok_or(Mismatch::NotA(range_name, "a range type", range))?;
        if let (Some(known), Some(multirange)) = (family.range, multirange)
            && known.0 != entry.0
        {
            return Err(Mismatch::Inconsistent(multirange_name, range_name, multirange, range));
        }
        family.range = Some(entry);
    }
    if let Some((range, subtype, _)) = family.range {
        match family.element {
            Some(element) if element != *subtype => {
                return Err(Mismatch::Inconsistent(range_name, element_name, Oid(*range), element));
            }
            _ => family.element = Some(*subtype),
        }
    }
    family.array = family.element.and_then(|element| catalog.array_type(element));
    Ok(family)
}

/// Notes the type of an argument; fails if another declared alike has a different one.
fn alike(
    name: &'static str,
    slot: &mut Option<Oid>,
    source: Oid,
) -> std::result::Result<(), Mismatch> {
    match *slot {
        Some(known) if known != source => Err(Mismatch::NotAlike(name, known, source)),
        _ => {
            *slot = Some(source);
            Ok(())
        }
    }
}

fn resolve(
    catalog: &Catalog,
    sources: &[Oid],
    targets: &[Oid],
) -> std::result::Result<Polymorphic, Mismatch> {
    let (mut element, mut array, mut range, mut multirange) = (None, None, None, None);
    let (mut polymorphic, mut compatible_seen) = (false, false);
    let mut compatible: Vec<Oid> = Vec::new();
    let (mut compatible_range, mut compatible_multirange) = (None, None);
    let (mut non_array, mut compatible_non_array, mut is_enum) = (false, false, false);
    for (&source, &target) in sources.iter().zip(targets) {
        let (slot, name): (&mut Option<Oid>, _) = match target.0 {
            ANYELEMENT | ANYNONARRAY | ANYENUM => {
                non_array |= target.0 == ANYNONARRAY;
                is_enum |= target.0 == ANYENUM;
                (&mut element, "anyelement")
            }
            ANYARRAY => (&mut array, "anyarray"),
            ANYRANGE => (&mut range, "anyrange"),
            ANYMULTIRANGE => (&mut multirange, "anymultirange"),
            ANYCOMPATIBLE
            | ANYCOMPATIBLENONARRAY
            | ANYCOMPATIBLEARRAY
            | ANYCOMPATIBLERANGE
            | ANYCOMPATIBLEMULTIRANGE => {
                compatible_seen = true;
                compatible_non_array |= target.0 == ANYCOMPATIBLENONARRAY;
                if source == oid::UNKNOWN {
                    continue;
                }
                match target.0 {
                    ANYCOMPATIBLEARRAY => {
                        compatible.push(catalog.element_type(source).ok_or(Mismatch::NotA(
                            "anycompatiblearray",
                            "an array",
                            source,
                        ))?)
                    }
                    ANYCOMPATIBLERANGE => {
                        alike("anycompatiblerange", &mut compatible_range, source)?;
                    }
                    ANYCOMPATIBLEMULTIRANGE => {
                        alike("anycompatiblemultirange", &mut compatible_multirange, source)?;
                    }
                    _ => compatible.push(source),
                }
                continue;
            }
            _ => continue,
        };
        polymorphic = true;
        if source == oid::UNKNOWN {
            continue;
        }
        alike(name, slot, source)?;
    }
    let undetermined = |family: &Family, kinds: [(u32, &'static str); 2]| {
        let wanted = |kind: &&(u32, &str)| targets.iter().any(|target| target.0 == kind.0);
        let missing = kinds.iter().find(wanted).filter(|_| family.range.is_none());
        missing.map_or(Ok(()), |(_, name)| Err(Mismatch::UndeterminedRange(name)))
    };
    let mut resolved = Polymorphic::default();
    if array == Some(oid::ANYARRAY) {
        let family = |target: &&Oid| {
            matches!(
                target.0,
                ANYELEMENT | ANYARRAY | ANYNONARRAY | ANYENUM | ANYRANGE | ANYMULTIRANGE
            )
        };
        if targets.iter().filter(family).count() != 1 {
            return Err(Mismatch::ElementUnknown);
        }
        let element = Some(Oid(ANYELEMENT));
        resolved.any = Family { element, array, range: None };
    } else if polymorphic {
        let names = ["anyelement", "anyarray", "anyrange", "anymultirange"];
        resolved.any = settle(catalog, names, element, array, range, multirange)?;
        let Some(element) = resolved.any.element else { return Err(Mismatch::Undetermined) };
        let ranges = [(ANYRANGE, "anyrange"), (ANYMULTIRANGE, "anymultirange")];
        undetermined(&resolved.any, ranges)?;
        if non_array && catalog.element_type(element).is_some() {
            return Err(Mismatch::IsArray("anynonarray", element));
        }
        if is_enum {
            return Err(Mismatch::NotEnum(element));
        }
    }
    if compatible_seen {
        let names = [
            "anycompatible",
            "anycompatiblearray",
            "anycompatiblerange",
            "anycompatiblemultirange",
        ];
        let ranges = settle(catalog, names, None, None, compatible_range, compatible_multirange)?;
        undetermined(
            &ranges,
            [
                (ANYCOMPATIBLERANGE, "anycompatiblerange"),
                (ANYCOMPATIBLEMULTIRANGE, "anycompatiblemultirange"),
            ],
        )?;
        compatible.extend(ranges.element);
        let common = match compatible.as_slice() {
            // Literals only: text.
            [] => oid::TEXT,
            types => common_type(catalog, types).map_err(|_| Mismatch::NotCompatible)?,
        };
        if !compatible.iter().all(|ty| can_coerce(catalog, &[*ty], &[common], Context::Implicit)) {
            return Err(Mismatch::NotCompatible);
        }
        if ranges.element.is_some_and(|element| element != common) {
            return Err(Mismatch::NotCompatible);
        }
        if compatible_non_array && catalog.element_type(common).is_some() {
            return Err(Mismatch::IsArray("anycompatiblenonarray", common));
        }
        let array = catalog.array_type(common);
        resolved.compatible = Family { element: Some(common), array, range: ranges.range };
    }
    Ok(resolved)
}

impl Binder<'_> {
    /// What the polymorphic ones among `targets` and `result` stand for in a call with arguments of
    /// types `sources`.
    ///
    /// # Errors
    /// `42804` if the arguments do not agree or do not decide it.
    pub(super) fn resolve_polymorphic(
        &self,
        sources: &[Oid],
        targets: &[Oid],
    ) -> Result<Polymorphic> {
        let mismatch = |message: String| SqlError::new(SqlState::DATATYPE_MISMATCH, message);
        resolve(&self.cx.catalog, sources, targets).map_err(|why| match why {
            Mismatch::NotAlike(name, a, b) => {
                mismatch(format!("arguments declared \"{name}\" are not all alike"))
                    .detail(format!("{} versus {}", self.type_name(a), self.type_name(b)))
            }
            Mismatch::NotA(name, what, ty) => mismatch(format!(
                "argument declared {name} is not {what} but type {}",
                self.type_name(ty)
            )),
            Mismatch::Inconsistent(a, b, x, y) => mismatch(format!(
                "argument declared {a} is not consistent with argument declared {b}"
            ))
            .detail(format!("{} versus {}", self.type_name(x), self.type_name(y))),
            Mismatch::ElementUnknown => element_unknown(),
            Mismatch::Undetermined => mismatch(
                "could not determine polymorphic type because input has type unknown".into(),
            ),
            Mismatch::UndeterminedRange(name) => mismatch(format!(
                "could not determine polymorphic type {name} because input has type unknown"
            )),
            Mismatch::NotCompatible => {
                mismatch("arguments of anycompatible family cannot be cast to a common type".into())
            }
            Mismatch::IsArray(name, ty) => {
                mismatch(format!("type matched to {name} is an array type: {}", self.type_name(ty)))
            }
            Mismatch::NotEnum(ty) => mismatch(format!(
                "type matched to anyenum is not an enum type: {}",
                self.type_name(ty)
            )),
        })
    }
}

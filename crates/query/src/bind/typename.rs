//! Type names as SQL writes them.

use catalog::builtin;
use catalog::objects::NameKind;
use parser::NodeEnum;
use parser::protobuf::{AConst, TypeName, a_const};
use types::{Oid, Result, Severity, SqlError, SqlState, oid};

use super::{Binder, required, strings, unsupported};

/// Greatest length of a bit string.
const BITS_MAX: i32 = 83_886_080;

/// A type with its modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRef {
    /// Type.
    pub oid: Oid,
    /// Modifier, or −1.
    pub typmod: i32,
}

impl Binder<'_> {
    pub(super) fn type_ref(&self, name: &TypeName) -> Result<TypeRef> {
        let TypeName {
            names,
            type_oid: _,
            setof,
            pct_type,
            typmods,
            typemod: _,
            array_bounds,
            location,
        } = name;
        if *pct_type {
            return Err(unsupported("%TYPE"));
        }
        if *setof {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                "type cannot be declared SETOF here",
                *location,
            ));
        }
        let parts = strings(names);
        let (base, qualifiers) = required(parts.split_last())?;
        let (schema, base) = (self.qualifier(qualifiers, &parts, -1)?, *base);
        let undefined = || {
            self.error(
                SqlState::UNDEFINED_OBJECT,
                format!(
                    "type \"{}{}\" does not exist",
                    parts.join("."),
                    if array_bounds.is_empty() { "" } else { "[]" }
                ),
                *location,
            )
        };
        if let Some(user) = self.user_type(schema, base) {
            if !typmods.is_empty() {
                return Err(self.error(
                    SqlState::SYNTAX_ERROR,
                    format!("type modifier is not allowed for type \"{base}\""),
                    *location,
                ));
            }
            let oid = match array_bounds.is_empty() {
                true => user,
                false => self.array_type(user).ok_or_else(undefined)?,
            };
            return Ok(TypeRef { oid, typmod: -1 });
        }
        if let Some(schema) = schema.filter(|schema| *schema != "pg_catalog") {
            if self.cx.catalog.schema(schema).is_none() {
                let message = format!("schema \"{schema}\" does not exist");
                return Err(self.error(SqlState::INVALID_SCHEMA_NAME, message, *location));
            }
            return self.information_schema_domain(schema, base, name).ok_or_else(undefined);
        }
        let row = builtin::type_by_name(base).ok_or_else(undefined)?;
        let typmod = self.typmod(row.oid, &parts, typmods, *location)?;
        let mut oid = row.oid;
        if !array_bounds.is_empty() {
            oid = self.array_type(oid).ok_or_else(undefined)?;
        }
        Ok(TypeRef { oid, typmod })
    }

    /// A domain of `information_schema`, or an array type over one.
    fn information_schema_domain(
        &self,
        schema: &str,
        base: &str,
        name: &TypeName,
    ) -> Option<TypeRef> {
        let schema = self.cx.catalog.schema(schema)?;
        let row = builtin::type_in_schema(schema.oid, base)?;
        let is_plain = name.typmods.is_empty() && row.kind == builtin::TypeKind::Domain;
        let oid = if name.array_bounds.is_empty() { row.oid } else { row.array };
        is_plain.then_some(TypeRef { oid, typmod: -1 })
    }

    /// A type that came with a user's object.
    fn user_type(&self, schema: Option<&str>, name: &str) -> Option<Oid> {
        let catalog = &self.cx.catalog;
        let in_schema = |schema| catalog::describe::type_in_schema(catalog, schema, name);
        let stored = self.names.stored(NameKind::Type, schema, name).next();
        let oid = match (stored, schema) {
            (Some(named), _) => named.oid,
            (None, Some(schema)) => in_schema(catalog.schema(schema)?.oid)?,
            (None, None) => self.search_path().iter().find_map(|schema| in_schema(*schema))?,
        };
        catalog.user_type(oid)?;
        self.names.record(NameKind::Type, schema, name, oid);
        Some(Oid(oid))
    }

    fn typmod(
        &self,
        ty: Oid,
        name: &[&str],
        modifiers: &[parser::Node],
        location: i32,
    ) -> Result<i32> {
        if modifiers.is_empty() {
            // CHAR without a length is CHAR(1): the grammar supplies the 1.
            return Ok(-1);
        }
        if !builtin::type_by_oid(ty).is_some_and(|row| row.typmod_in.is_valid()) {
            return Err(self.error(
                SqlState::SYNTAX_ERROR,
                format!("type modifier is not allowed for type \"{}\"", name.join(".")),
                location,
            ));
        }
        let mut values = Vec::new();
        for modifier in modifiers {
            match &modifier.node {
                Some(NodeEnum::AConst(AConst { val: Some(a_const::Val::Ival(i)), .. })) => {
                    values.push(i.ival);
                }
                _ => {
                    return Err(self.error(
                        SqlState::SYNTAX_ERROR,
                        "type modifiers must be simple constants or identifiers",
                        location,
                    ));
                }
            }
        }
        let invalid = |message: String| {
            SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message).at(self.position(location))
        };
        match (ty, values.as_slice()) {
            (oid::VARCHAR | oid::BPCHAR, [length]) => {
                let name = if ty == oid::VARCHAR { "varchar" } else { "char" };
                if *length < 1 {
                    return Err(invalid(format!("length for type {name} must be at least 1")));
                }
                if *length > 10_485_760 {
                    return Err(invalid(format!("length for type {name} cannot exceed 10485760")));
                }
                Ok(length + 4)
            }
            (oid::BIT | oid::VARBIT, [length]) => {
                let name = if ty == oid::VARBIT { "varbit" } else { "bit" };
                if *length < 1 {
                    return Err(invalid(format!("length for type {name} must be at least 1")));
                }
                if *length > BITS_MAX {
                    return Err(invalid(format!(
                        "length for type {name} cannot exceed {BITS_MAX}"
                    )));
                }
                Ok(*length)
            }
            (oid::NUMERIC, [precision]) => self.numeric_typmod(*precision, 0, location),
            (oid::NUMERIC, [precision, scale]) => self.numeric_typmod(*precision, *scale, location),
            (oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ, [precision]) => {
                let (name, zone) = match ty {
                    oid::TIME => ("TIME", ""),
                    oid::TIMETZ => ("TIME", " WITH TIME ZONE"),
                    oid::TIMESTAMP => ("TIMESTAMP", ""),
                    _ => ("TIMESTAMP", " WITH TIME ZONE"),
                };
                if *precision < 0 {
                    return Err(invalid(format!(
                        "{name}({precision}){zone} precision must not be negative"
                    )));
                }
                let what = format!("{name}({precision}){zone}");
                Ok(self.reduced_precision(*precision, &what, location))
            }
            (oid::INTERVAL, [range]) => Ok((range << 16) | 0xFFFF),
            (oid::INTERVAL, [range, precision]) => {
                if *precision < 0 {
                    return Err(invalid(format!(
                        "INTERVAL({precision}) precision must not be negative"
                    )));
                }
                let what = format!("INTERVAL({precision})");
                Ok((range << 16) | self.reduced_precision(*precision, &what, location))
            }
            _ => Err(invalid("invalid type modifier".into())),
        }
    }

    /// A precision of seconds, which is 6 at most: warns if it was to be more.
    ///
    /// Source: PostgreSQL 16 `anytimestamp_typmod_check`, `src/backend/utils/adt/timestamp.c`.
    pub(super) fn reduced_precision(&self, precision: i32, what: &str, location: i32) -> i32 {
        const PRECISION_MAX: i32 = 6;
        // What was stored has been warned of.
        if precision > PRECISION_MAX && !self.names.is_stored() {
            let message = format!("{what} precision reduced to maximum allowed, {PRECISION_MAX}");
            let warning = SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
                .severity(Severity::Warning);
            self.cx.notify(self.locate(warning, location));
        }
        precision.min(PRECISION_MAX)
    }

    fn numeric_typmod(&self, precision: i32, scale: i32, location: i32) -> Result<i32> {
        let invalid = |message: String| {
            SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message).at(self.position(location))
        };
        if !(1..=1000).contains(&precision) {
            return Err(invalid(format!(
                "NUMERIC precision {precision} must be between 1 and 1000"
            )));
        }
        if !(-1000..=1000).contains(&scale) {
            return Err(invalid(format!("NUMERIC scale {scale} must be between -1000 and 1000")));
        }
        Ok(((precision << 16) | (scale & 0x7ff)) + 4)
    }
}

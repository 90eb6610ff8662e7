//! Quoting for SQL text.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/quote.c`, `quote_identifier` in `ruleutils.c`.

use std::borrow::Cow;

use types::{Datum, Result, text};

use crate::convert::scalars;
use crate::{CallCx, Site};

scalars! { pub(crate) const TABLE =
    "quote_ident"(a: &str) => identifier(a);
    "quote_literal"(a: &str) => literal(a);
    "quote_nullable"(a: Option<&str>) => a.map_or_else(|| "NULL".to_owned(), literal);
    "text_format" | "text_format_nv"[cx, site, args] => format(cx, site, args);
}

/// Every keyword that is not unreserved, sorted.
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json_array",
    "json_arrayagg",
    "json_object",
    "json_objectagg",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// An identifier, in double quotes if it would not read back without them.
pub fn identifier(name: &str) -> Cow<'_, str> {
    let plain = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if plain && KEYWORDS.binary_search(&name).is_err() {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// A string literal; one with backslashes in the `E''` form.
pub fn literal(value: &str) -> String {
    let escapes = value.contains('\\');
    let mut quoted = String::with_capacity(value.len() + 3);
    quoted.push_str(if escapes { "E'" } else { "'" });
    for c in value.chars() {
        if matches!(c, '\'' | '\\') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

/// One conversion specification of `format()`.
#[derive(Default)]
struct Specification {
    argument: Option<usize>,
    left: bool,
    width: Width,
}

#[derive(Default)]
enum Width {
    #[default]
    None,
    Fixed(i32),
    /// `*`: from the next argument, or from the one with this number.
    Argument(Option<usize>),
}

fn invalid(message: &str) -> types::SqlError {
    crate::errors::invalid_parameter(message)
}

fn unterminated() -> types::SqlError {
    invalid("unterminated format() type specifier").hint("For a single \"%\" use \"%%\".")
}

/// `format(template, …)`.
fn format(cx: &CallCx<'_>, site: &Site, args: &[Datum]) -> Result<Datum> {
    let Some((template, values)) = args.split_first() else {
        return Err(crate::convert::wrong_arity(0));
    };
    let Some(template) = template.as_str() else { return Ok(Datum::Null) };
    let types = site.arg_types.get(1..).unwrap_or(&[]);
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    // 1-based number of the argument used last.
    let mut last = 0;
    while let Some(percent) = rest.find('%') {
        out.push_str(rest.get(..percent).unwrap_or(""));
        rest = rest.get(percent + 1..).unwrap_or("");
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let specification = specification(&mut rest)?;
        let conversion = rest.chars().next().ok_or_else(unterminated)?;
        rest = rest.get(conversion.len_utf8()..).unwrap_or("");
        if !matches!(conversion, 's' | 'I' | 'L') {
            return Err(invalid(&format!("unrecognized format() type specifier \"{conversion}\""))
                .hint("For a single \"%\" use \"%%\"."));
        }
        let mut value_at = |number: Option<usize>| {
            last = number.unwrap_or(last + 1);
            let value =
                values.get(last - 1).ok_or_else(|| invalid("too few arguments for format()"))?;
            Ok((value, types.get(last - 1).copied().unwrap_or_default()))
        };
        let (left, width) = match specification.width {
            Width::None => (specification.left, 0),
            Width::Fixed(width) => (specification.left || width < 0, width.unsigned_abs()),
            Width::Argument(number) => {
                let width = match value_at(number)? {
                    (Datum::Null, _) => 0,
                    (Datum::Int2(width), _) => i32::from(*width),
                    (Datum::Int4(width), _) => *width,
                    (value, oid) => {
                        types::int::parse(&text::to_string(value, oid, cx.settings), "integer")?
                    }
                };
                (specification.left || width < 0, width.unsigned_abs())
            }
        };
        let (value, type_oid) = value_at(specification.argument)?;
        let shown = match (value, conversion) {
            (Datum::Null, 's') => String::new(),
            (Datum::Null, 'I') => {
                return Err(types::SqlError::new(
                    types::SqlState::NULL_VALUE_NOT_ALLOWED,
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            (Datum::Null, _) => "NULL".to_owned(),
            (value, conversion) => {
                let shown = text::to_string(value, type_oid, cx.settings);
                match conversion {
                    'I' => identifier(&shown).into_owned(),
                    'L' => literal(&shown),
                    _ => shown,
                }
            }
        };
        let missing = usize::try_from(width).unwrap_or(0).saturating_sub(shown.chars().count());
        types::memory::check(out.len() + shown.len() + missing)?;
        let blanks = " ".repeat(missing);
        if left {
            out.push_str(&shown);
            out.push_str(&blanks);
        } else {
            out.push_str(&blanks);
            out.push_str(&shown);
        }
    }
    out.push_str(rest);
    Ok(Datum::text(out))
}

/// Digits at the front as a number; `None` without digits.
fn number(rest: &mut &str) -> Result<Option<i32>> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (head, tail) = rest.split_at(digits);
    *rest = tail;
    if head.is_empty() {
        return Ok(None);
    }
    let value = head.parse().map_err(|_| {
        types::SqlError::new(types::SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range")
    })?;
    if rest.is_empty() {
        return Err(unterminated());
    }
    Ok(Some(value))
}

fn argument_number(value: i32) -> Result<usize> {
    match usize::try_from(value) {
        Ok(0) | Err(_) => {
            Err(invalid("format specifies argument 0, but arguments are numbered from 1"))
        }
        Ok(value) => Ok(value),
    }
}

/// `[position$][flags][width]`.
fn specification(rest: &mut &str) -> Result<Specification> {
    let mut found = Specification::default();
    if let Some(value) = number(rest)? {
        match rest.strip_prefix('$') {
            Some(after) => {
                found.argument = Some(argument_number(value)?);
                *rest = after;
            }
            None => {
                found.width = Width::Fixed(value);
                return Ok(found);
            }
        }
    }
    while let Some(after) = rest.strip_prefix('-') {
        found.left = true;
        *rest = after;
    }
    if let Some(after) = rest.strip_prefix('*') {
        *rest = after;
        let position = number(rest)?;
        found.width = Width::Argument(match position {
            None => None,
            Some(value) => {
                let Some(after) = rest.strip_prefix('$') else {
                    return Err(invalid("width argument position must be ended by \"$\""));
                };
                *rest = after;
                Some(argument_number(value)?)
            }
        });
    } else if let Some(width) = number(rest)? {
        found.width = Width::Fixed(width);
    }
    Ok(found)
}

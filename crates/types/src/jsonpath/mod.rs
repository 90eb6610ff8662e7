//! `jsonpath`: the tree of an SQL/JSON path, its text in both directions.
//!
//! Running one is the business of the functions above.
//!
//! Source: PostgreSQL 16 `jsonpath_gram.y`, `jsonpath_scan.l`, `jsonpath.c`.

mod display;
mod lexer;
mod parse;

use std::sync::Arc;

pub use display::write;
pub use parse::parse;

use crate::{Numeric, Result};

/// A path.
#[derive(Clone, Debug)]
pub struct JsonPath {
    /// `lax`, the default, or `strict`.
    pub lax: bool,
    /// What is computed.
    pub expr: Expr,
}

impl JsonPath {
    /// Calls `f` on the patterns of `like_regex`.
    ///
    /// # Errors
    /// What `f` raises.
    pub fn try_for_each_pattern(
        &self,
        f: &mut dyn FnMut(&str, RegexFlags) -> Result<()>,
    ) -> Result<()> {
        patterns(&self.expr, f)
    }
}

fn patterns(expr: &Expr, f: &mut dyn FnMut(&str, RegexFlags) -> Result<()>) -> Result<()> {
    expr.try_for_each_child(&mut |child, _| patterns(child, f))?;
    match expr {
        Expr::LikeRegex(_, pattern, flags) => f(pattern, *flags),
        _ => Ok(()),
    }
}

/// How an expression stands within another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// As an operand.
    Operand,
    /// As the predicate of a filter.
    Filter,
    /// As a bound of a subscript.
    Subscript,
}

impl Expr {
    /// Calls `f` on each expression directly within this one.
    fn try_for_each_child(&self, f: &mut dyn FnMut(&Expr, Within) -> Result<()>) -> Result<()> {
        match self {
            Expr::Null
            | Expr::Bool(_)
            | Expr::Number(_)
            | Expr::String(_)
            | Expr::Variable(_)
            | Expr::Root
            | Expr::Current
            | Expr::Last => Ok(()),
            Expr::Path(head, steps) => {
                f(head, Within::Operand)?;
                steps.iter().try_for_each(|step| match step {
                    Step::Filter(predicate) => f(predicate, Within::Filter),
                    Step::Elements(ranges) => ranges.iter().try_for_each(|(from, to)| {
                        f(from, Within::Subscript)?;
                        to.as_ref().map_or(Ok(()), |to| f(to, Within::Subscript))
                    }),
                    _ => Ok(()),
                })
            }
            Expr::Arithmetic(_, a, b)
            | Expr::Compare(_, a, b)
            | Expr::And(a, b)
            | Expr::Or(a, b)
            | Expr::StartsWith(a, b) => {
                f(a, Within::Operand)?;
                f(b, Within::Operand)
            }
            Expr::Sign(_, inner)
            | Expr::Not(inner)
            | Expr::IsUnknown(inner)
            | Expr::Exists(inner)
            | Expr::LikeRegex(inner, ..) => f(inner, Within::Operand),
        }
    }
}

/// A computation that yields items, or a predicate.
#[derive(Clone, Debug)]
pub enum Expr {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Numeric),
    /// A string.
    String(Arc<str>),
    /// `$name`
    Variable(Arc<str>),
    /// `$`
    Root,
    /// `@`
    Current,
    /// `last`
    Last,
    /// An expression with accessors behind it; at least one.
    Path(Box<Expr>, Vec<Step>),
    /// Arithmetic.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `+`, or `-` if true, before an expression.
    Sign(bool, Box<Expr>),
    /// A comparison.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `&&`
    And(Box<Expr>, Box<Expr>),
    /// `||`
    Or(Box<Expr>, Box<Expr>),
    /// `!`
    Not(Box<Expr>),
    /// `is unknown`
    IsUnknown(Box<Expr>),
    /// `exists`
    Exists(Box<Expr>),
    /// `starts with`
    StartsWith(Box<Expr>, Box<Expr>),
    /// `like_regex`
    LikeRegex(Box<Expr>, Arc<str>, RegexFlags),
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The flags of `like_regex`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegexFlags {
    /// `i`: ignore case.
    pub ignore_case: bool,
    /// `s`: a dot matches a newline.
    pub dot_all: bool,
    /// `m`: `^` and `$` match at newlines.
    pub multi_line: bool,
    /// `x`, which has a meaning only without `q`, and then none here.
    pub expanded: bool,
    /// `q`: no metacharacters.
    pub quote: bool,
}

/// An accessor.
#[derive(Clone, Debug)]
pub enum Step {
    /// `.name`
    Member(Arc<str>),
    /// `.*`
    AnyMember,
    /// `[*]`
    AnyElement,
    /// `[from to to, …]`
    Elements(Vec<(Expr, Option<Expr>)>),
    /// `.**{first to last}`; `u32::MAX` is `last`.
    Descend(u32, u32),
    /// `?(predicate)`
    Filter(Box<Expr>),
    /// `.type()` and the like.
    Method(Method),
    /// `.datetime()`, with a template or without.
    DateTime(Option<Arc<str>>),
}

/// An item method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after what they are in SQL/JSON")]
pub enum Method {
    Type,
    Size,
    Abs,
    Floor,
    Ceiling,
    Double,
    KeyValue,
}

impl Arithmetic {
    /// The operator.
    pub const fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
        }
    }
}

impl Comparison {
    /// The operator.
    pub const fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

impl Method {
    /// The method's name.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Type => "type",
            Method::Size => "size",
            Method::Abs => "abs",
            Method::Floor => "floor",
            Method::Ceiling => "ceiling",
            Method::Double => "double",
            Method::KeyValue => "keyvalue",
        }
    }
}

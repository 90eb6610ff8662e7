//! A path as text.
//!
//! Source: PostgreSQL 16 `printJsonPathItem`, with its omission of parentheses.

use bytes::{BufMut, BytesMut};

use super::{Arithmetic, Expr, JsonPath, Step};
use crate::json::write_string;
use crate::numeric;

/// Appends the canonical text of a path.
pub fn write(path: &JsonPath, out: &mut BytesMut) {
    if !path.lax {
        out.put_slice(b"strict ");
    }
    write_expr(&path.expr, true, out);
}

/// How tightly the head of an expression binds.
fn priority(expr: &Expr) -> u8 {
    match expr {
        Expr::Or(..) => 0,
        Expr::And(..) => 1,
        Expr::Compare(..) | Expr::StartsWith(..) => 2,
        Expr::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => 3,
        Expr::Arithmetic(..) => 4,
        Expr::Sign(..) => 5,
        Expr::Path(head, _) => priority(head),
        _ => 6,
    }
}

fn write_expr(expr: &Expr, brackets: bool, out: &mut BytesMut) {
    let own = priority(expr);
    let operand = |inner: &Expr, out: &mut BytesMut| write_expr(inner, priority(inner) <= own, out);
    let binary = |a: &Expr, symbol: &str, b: &Expr, out: &mut BytesMut| {
        if brackets {
            out.put_u8(b'(');
        }
        operand(a, out);
        out.put_slice(format!(" {symbol} ").as_bytes());
        operand(b, out);
        if brackets {
            out.put_u8(b')');
        }
    };
    let wrapped = |before: &str, inner: &Expr, after: &str, out: &mut BytesMut| {
        out.put_slice(before.as_bytes());
        write_expr(inner, false, out);
        out.put_slice(after.as_bytes());
    };
    match expr {
        Expr::Null => out.put_slice(b"null"),
        Expr::Bool(value) => out.put_slice(if *value { b"true" } else { b"false" }),
        Expr::Number(number) => numeric::display(number, out),
        Expr::String(text) => write_string(text, out),
        Expr::Variable(name) => {
            out.put_u8(b'$');
            write_string(name, out);
        }
        Expr::Root => out.put_u8(b'$'),
        Expr::Current => out.put_u8(b'@'),
        Expr::Last => out.put_slice(b"last"),
        Expr::Path(head, steps) => {
            match &**head {
                Expr::Number(number) => {
                    out.put_u8(b'(');
                    numeric::display(number, out);
                    out.put_u8(b')');
                }
                head => write_expr(head, brackets, out),
            }
            for step in steps {
                write_step(step, out);
            }
        }
        Expr::Arithmetic(operator, a, b) => binary(a, operator.symbol(), b, out),
        Expr::Compare(operator, a, b) => binary(a, operator.symbol(), b, out),
        Expr::And(a, b) => binary(a, "&&", b, out),
        Expr::Or(a, b) => binary(a, "||", b, out),
        Expr::StartsWith(a, b) => binary(a, "starts with", b, out),
        Expr::Sign(negative, inner) => {
            if brackets {
                out.put_u8(b'(');
            }
            out.put_u8(if *negative { b'-' } else { b'+' });
            operand(inner, out);
            if brackets {
                out.put_u8(b')');
            }
        }
        Expr::Not(inner) => wrapped("!(", inner, ")", out),
        Expr::IsUnknown(inner) => wrapped("(", inner, ") is unknown", out),
        Expr::Exists(inner) => wrapped("exists (", inner, ")", out),
        Expr::LikeRegex(inner, pattern, flags) => {
            if brackets {
                out.put_u8(b'(');
            }
            operand(inner, out);
            out.put_slice(b" like_regex ");
            write_string(pattern, out);
            let letters: String = [
                (flags.ignore_case, 'i'),
                (flags.dot_all, 's'),
                (flags.multi_line, 'm'),
                (flags.expanded, 'x'),
                (flags.quote, 'q'),
            ]
            .into_iter()
            .filter_map(|(set, letter)| set.then_some(letter))
            .collect();
            if !letters.is_empty() {
                out.put_slice(format!(" flag \"{letters}\"").as_bytes());
            }
            if brackets {
                out.put_u8(b')');
            }
        }
    }
}

fn write_step(step: &Step, out: &mut BytesMut) {
    match step {
        Step::Member(name) => {
            out.put_u8(b'.');
            write_string(name, out);
        }
        Step::AnyMember => out.put_slice(b".*"),
        Step::AnyElement => out.put_slice(b"[*]"),
        Step::Elements(ranges) => {
            for (at, (from, to)) in ranges.iter().enumerate() {
                out.put_u8(if at == 0 { b'[' } else { b',' });
                write_expr(from, false, out);
                if let Some(to) = to {
                    out.put_slice(b" to ");
                    write_expr(to, false, out);
                }
            }
            out.put_u8(b']');
        }
        Step::Descend(first, last) => {
            let level = |level: &u32| match *level {
                u32::MAX => "last".to_owned(),
                level => level.to_string(),
            };
            out.put_slice(b".**");
            if first == last {
                out.put_slice(format!("{{{}}}", level(first)).as_bytes());
            } else if (*first, *last) != (0, u32::MAX) {
                out.put_slice(format!("{{{} to {}}}", level(first), level(last)).as_bytes());
            }
        }
        Step::Filter(predicate) => {
            out.put_slice(b"?(");
            write_expr(predicate, false, out);
            out.put_u8(b')');
        }
        Step::Method(method) => out.put_slice(format!(".{}()", method.name()).as_bytes()),
        Step::DateTime(template) => {
            out.put_slice(b".datetime(");
            if let Some(template) = template {
                write_string(template, out);
            }
            out.put_u8(b')');
        }
    }
}

//! From text to tree.
//!
//! Source: PostgreSQL 16 `jsonpath_gram.y`, `flattenJsonPathParseItem`.

use std::sync::Arc;

use super::lexer::{Lexeme, Token, error_at, tokens};
use super::{Arithmetic, Comparison, Expr, JsonPath, Method, RegexFlags, Step, Within};
use crate::{Numeric, Result, SqlError, SqlState};

/// Deepest nesting, so that no path overflows the stack.
const DEPTH_MAX: usize = 500;

/// Reads a path.
///
/// # Errors
/// `42601` with the grammar's messages, `22P02`, `0A000` for the flag `x`.
pub fn parse(text: &str) -> Result<JsonPath> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    if parser.peek() == &Token::End {
        return Err(crate::int::invalid_syntax("jsonpath", text));
    }
    let lax = if parser.keyword("strict") {
        false
    } else {
        parser.keyword("lax");
        true
    };
    let expr = parser.or()?;
    if parser.peek() != &Token::End {
        return Err(parser.unexpected());
    }
    check(&expr.expr, false, false)?;
    Ok(JsonPath { lax, expr: expr.expr })
}

/// `@` needs a filter around it, `last` a subscript.
fn check(expr: &Expr, in_filter: bool, in_subscript: bool) -> Result<()> {
    let error = |message: &str| Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
    match expr {
        Expr::Current if !in_filter => error("@ is not allowed in root expressions"),
        Expr::Last if !in_subscript => error("LAST is allowed only in array subscripts"),
        _ => expr.try_for_each_child(&mut |child, within| {
            let (filter, subscript) = (within == Within::Filter, within == Within::Subscript);
            check(child, in_filter || filter, in_subscript || subscript)
        }),
    }
}

/// What was read: the grammar keeps values and predicates apart.
struct Parsed {
    expr: Expr,
    predicate: bool,
    /// A predicate in parentheses or `exists`, which `!` takes.
    delimited: bool,
}

fn value(expr: Expr) -> Parsed {
    Parsed { expr, predicate: false, delimited: false }
}

struct Parser {
    tokens: Vec<Lexeme>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |lexeme| &lexeme.token)
    }

    fn unexpected(&self) -> SqlError {
        let near = self.tokens.get(self.at).map_or("", |lexeme| lexeme.near.as_str());
        error_at("syntax error", near)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(found) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Key words may be in any case, but these three in lower case only.
    fn is_keyword(&self, keyword: &str) -> bool {
        match self.peek() {
            Token::Word(word) if matches!(keyword, "null" | "true" | "false") => word == keyword,
            Token::Word(word) => word.eq_ignore_ascii_case(keyword),
            _ => false,
        }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        self.at += usize::from(found);
        found
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(SqlError::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                "stack depth limit exceeded",
            ));
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Parsed> {
        let mut left = self.and()?;
        while left.predicate && self.symbol("||") {
            let right = self.predicate(Parser::and)?;
            let expr = Expr::Or(left.expr.into(), right.into());
            left = Parsed { expr, predicate: true, delimited: false };
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Parsed> {
        let mut left = self.not()?;
        while left.predicate && self.symbol("&&") {
            let right = self.predicate(Parser::not)?;
            let expr = Expr::And(left.expr.into(), right.into());
            left = Parsed { expr, predicate: true, delimited: false };
        }
        Ok(left)
    }

    fn predicate(&mut self, read: fn(&mut Parser) -> Result<Parsed>) -> Result<Expr> {
        let parsed = read(self)?;
        if parsed.predicate { Ok(parsed.expr) } else { Err(self.unexpected()) }
    }

    fn not(&mut self) -> Result<Parsed> {
        if !self.symbol("!") {
            return self.comparison();
        }
        self.enter()?;
        let inner = self.delimited()?;
        self.depth -= 1;
        Ok(Parsed { expr: Expr::Not(inner.into()), predicate: true, delimited: false })
    }

    /// `(predicate)` or `exists (expression)`.
    fn delimited(&mut self) -> Result<Expr> {
        if self.keyword("exists") {
            self.expect("(")?;
            let inner = self.value(Parser::additive)?;
            self.expect(")")?;
            return Ok(Expr::Exists(inner.into()));
        }
        self.expect("(")?;
        let inner = self.predicate(Parser::or)?;
        self.expect(")")?;
        Ok(inner)
    }

    fn value(&mut self, read: fn(&mut Parser) -> Result<Parsed>) -> Result<Expr> {
        let parsed = read(self)?;
        if parsed.predicate { Err(self.unexpected()) } else { Ok(parsed.expr) }
    }

    fn comparison(&mut self) -> Result<Parsed> {
        let left = self.additive()?;
        if left.predicate {
            if left.delimited && self.is_keyword("is") {
                self.at += 1;
                if !self.keyword("unknown") {
                    return Err(self.unexpected());
                }
                let expr = Expr::IsUnknown(left.expr.into());
                return Ok(Parsed { expr, predicate: true, delimited: false });
            }
            return Ok(left);
        }
        let operator = match self.peek() {
            Token::Symbol("==") => Some(Comparison::Equal),
            Token::Symbol("!=" | "<>") => Some(Comparison::NotEqual),
            Token::Symbol("<") => Some(Comparison::Less),
            Token::Symbol("<=") => Some(Comparison::LessOrEqual),
            Token::Symbol(">") => Some(Comparison::Greater),
            Token::Symbol(">=") => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        let expr = if let Some(operator) = operator {
            self.at += 1;
            let right = self.value(Parser::additive)?;
            Expr::Compare(operator, left.expr.into(), right.into())
        } else if self.keyword("starts") {
            if !self.keyword("with") {
                return Err(self.unexpected());
            }
            let initial = match self.peek().clone() {
                Token::String(text) => Expr::String(text.into()),
                Token::Variable(name) => Expr::Variable(name.into()),
                _ => return Err(self.unexpected()),
            };
            self.at += 1;
            Expr::StartsWith(left.expr.into(), initial.into())
        } else if self.keyword("like_regex") {
            let Token::String(pattern) = self.peek().clone() else { return Err(self.unexpected()) };
            self.at += 1;
            let mut flags = RegexFlags::default();
            if self.keyword("flag") {
                let Token::String(letters) = self.peek().clone() else {
                    return Err(self.unexpected());
                };
                self.at += 1;
                flags = regex_flags(&letters)?;
            }
            Expr::LikeRegex(left.expr.into(), Arc::from(pattern), flags)
        } else {
            return Ok(left);
        };
        Ok(Parsed { expr, predicate: true, delimited: false })
    }

    fn additive(&mut self) -> Result<Parsed> {
        let mut left = self.multiplicative()?;
        loop {
            let operator = match self.peek() {
                Token::Symbol("+") => Arithmetic::Add,
                Token::Symbol("-") => Arithmetic::Subtract,
                _ => return Ok(left),
            };
            if left.predicate {
                return Ok(left);
            }
            self.at += 1;
            let right = self.value(Parser::multiplicative)?;
            left = value(Expr::Arithmetic(operator, left.expr.into(), right.into()));
        }
    }

    fn multiplicative(&mut self) -> Result<Parsed> {
        let mut left = self.unary()?;
        loop {
            let operator = match self.peek() {
                Token::Symbol("*") => Arithmetic::Multiply,
                Token::Symbol("/") => Arithmetic::Divide,
                Token::Symbol("%") => Arithmetic::Modulo,
                _ => return Ok(left),
            };
            if left.predicate {
                return Ok(left);
            }
            self.at += 1;
            let right = self.value(Parser::unary)?;
            left = value(Expr::Arithmetic(operator, left.expr.into(), right.into()));
        }
    }

    fn unary(&mut self) -> Result<Parsed> {
        let negative = match self.peek() {
            Token::Symbol("+") => false,
            Token::Symbol("-") => true,
            _ => return self.primary(),
        };
        self.at += 1;
        self.enter()?;
        let inner = self.value(Parser::unary)?;
        self.depth -= 1;
        Ok(value(match inner {
            Expr::Number(number) if negative => Expr::Number(-&number),
            Expr::Number(number) => Expr::Number(number),
            inner => Expr::Sign(negative, inner.into()),
        }))
    }

    fn primary(&mut self) -> Result<Parsed> {
        let mut parenthesized = false;
        let head = match self.peek().clone() {
            Token::Symbol("(") => {
                self.at += 1;
                self.enter()?;
                let inner = self.or()?;
                self.depth -= 1;
                self.expect(")")?;
                parenthesized = true;
                Parsed { delimited: inner.predicate, ..inner }
            }
            Token::Word(_) if self.is_keyword("exists") => {
                let expr = self.delimited()?;
                return Ok(Parsed { expr, predicate: true, delimited: false });
            }
            Token::Word(_) => {
                let expr = if self.is_keyword("null") {
                    Expr::Null
                } else if self.is_keyword("true") {
                    Expr::Bool(true)
                } else if self.is_keyword("false") {
                    Expr::Bool(false)
                } else if self.is_keyword("last") {
                    Expr::Last
                } else {
                    return Err(self.unexpected());
                };
                self.at += 1;
                value(expr)
            }
            Token::Symbol("$") => {
                self.at += 1;
                value(Expr::Root)
            }
            Token::Symbol("@") => {
                self.at += 1;
                value(Expr::Current)
            }
            Token::String(text) => {
                self.at += 1;
                value(Expr::String(text.into()))
            }
            Token::Variable(name) => {
                self.at += 1;
                value(Expr::Variable(name.into()))
            }
            Token::Number(number, ..) => {
                self.at += 1;
                value(Expr::Number(number))
            }
            Token::Symbol(_) | Token::End => return Err(self.unexpected()),
        };
        let mut steps = Vec::new();
        while let Some(step) = self.step()? {
            steps.push(step);
        }
        if steps.is_empty() {
            return Ok(head);
        }
        // `($.a).b` is the path `$.a.b`.
        let expr = match head.expr {
            Expr::Path(inner, mut before) if parenthesized || before.is_empty() => {
                before.extend(steps);
                Expr::Path(inner, before)
            }
            head => Expr::Path(head.into(), steps),
        };
        Ok(value(expr))
    }

    fn step(&mut self) -> Result<Option<Step>> {
        match self.peek() {
            Token::Symbol("?") => {
                self.at += 1;
                self.expect("(")?;
                self.enter()?;
                let predicate = self.predicate(Parser::or)?;
                self.depth -= 1;
                self.expect(")")?;
                Ok(Some(Step::Filter(predicate.into())))
            }
            Token::Symbol("[") => {
                self.at += 1;
                if self.symbol("*") {
                    self.expect("]")?;
                    return Ok(Some(Step::AnyElement));
                }
                self.enter()?;
                let mut ranges = Vec::new();
                loop {
                    let from = self.value(Parser::additive)?;
                    let to = match self.keyword("to") {
                        true => Some(self.value(Parser::additive)?),
                        false => None,
                    };
                    ranges.push((from, to));
                    if !self.symbol(",") {
                        break;
                    }
                }
                self.depth -= 1;
                self.expect("]")?;
                Ok(Some(Step::Elements(ranges)))
            }
            Token::Symbol(".") => {
                self.at += 1;
                self.member().map(Some)
            }
            _ => Ok(None),
        }
    }

    fn member(&mut self) -> Result<Step> {
        if self.symbol("*") {
            return Ok(Step::AnyMember);
        }
        if self.symbol("**") {
            if !self.symbol("{") {
                return Ok(Step::Descend(0, u32::MAX));
            }
            let first = self.level()?;
            let last = if self.keyword("to") { self.level()? } else { first };
            self.expect("}")?;
            return Ok(Step::Descend(first, last));
        }
        let name = match self.peek().clone() {
            Token::String(name) => {
                self.at += 1;
                return Ok(Step::Member(name.into()));
            }
            Token::Word(name) => name,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        if self.peek() != &Token::Symbol("(") {
            return Ok(Step::Member(name.into()));
        }
        let method = match name.to_ascii_lowercase().as_str() {
            "type" => Some(Method::Type),
            "size" => Some(Method::Size),
            "abs" => Some(Method::Abs),
            "floor" => Some(Method::Floor),
            "ceiling" => Some(Method::Ceiling),
            "double" => Some(Method::Double),
            "keyvalue" => Some(Method::KeyValue),
            "datetime" => None,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        let step = match (method, self.peek().clone()) {
            (Some(method), _) => Step::Method(method),
            (None, Token::String(template)) => {
                self.at += 1;
                Step::DateTime(Some(template.into()))
            }
            (None, _) => Step::DateTime(None),
        };
        self.expect(")")?;
        Ok(step)
    }

    fn level(&mut self) -> Result<u32> {
        if self.keyword("last") {
            return Ok(u32::MAX);
        }
        match self.next() {
            Token::Number(number, _, true) => Ok(level_number(&number)),
            _ => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }
}

fn level_number(number: &Numeric) -> u32 {
    number.to_i64().ok().and_then(|level| u32::try_from(level).ok()).unwrap_or(u32::MAX)
}

fn regex_flags(letters: &str) -> Result<RegexFlags> {
    let mut flags = RegexFlags::default();
    for letter in letters.chars() {
        match letter {
            'i' => flags.ignore_case = true,
            's' => flags.dot_all = true,
            'm' => flags.multi_line = true,
            'x' => flags.expanded = true,
            'q' => flags.quote = true,
            other => {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    "invalid input syntax for type jsonpath",
                )
                .detail(format!(
                    "Unrecognized flag character \"{other}\" in LIKE_REGEX predicate."
                )));
            }
        }
    }
    // Within a quoted pattern there is nothing to expand.
    if flags.expanded && !flags.quote {
        return Err(SqlError::unsupported(
            "XQuery \"x\" flag (expanded regular expressions) is not implemented",
        ));
    }
    Ok(flags)
}

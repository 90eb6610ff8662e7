//! Walking a path over a value.
//!
//! In lax mode structural errors yield nothing, arrays unwrap and scalars wrap where the path needs
//! it. `found` collects the items; without it only whether there is one matters, and the walk stops
//! at the first.
//!
//! Source: PostgreSQL 16 `jsonpath_exec.c`; functions bear its names where they do the same.

use std::borrow::Cow;

use types::jsonpath::{Arithmetic, Expr, JsonPath, Step};
use types::{Json, JsonObject, Numeric, Result, SqlError, SqlState};

use super::items::{Item, compare_items};
use crate::CallCx;
use crate::errors::invalid_parameter;
use crate::regex::like_regex;

/// What a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    NotFound,
    /// An error that was not to be raised.
    Error,
}

/// The sequence that is being collected, if anybody wants it.
pub(super) type Found<'f, 'a> = Option<&'f mut Vec<Item<'a>>>;

/// What a comparison asks of two items (of one, where the other side is absent); `None` is unknown.
type PairTest<'t, 'a> = &'t dyn Fn(&Item<'a>, Option<&Item<'a>>) -> Result<Option<bool>>;

/// What the walk depends on.
pub(super) struct Walk<'a, 'c> {
    pub(super) cx: &'c CallCx<'c>,
    pub(super) root: &'a Json,
    vars: Option<&'a JsonObject>,
    current: Item<'a>,
    /// What `.keyvalue()` numbers its objects by: the value they are in, and its number.
    pub(super) base: (Item<'a>, i64),
    pub(super) next_id: i64,
    lax: bool,
    ignore_structural: bool,
    throw: bool,
    tz: bool,
    innermost_size: Option<i64>,
}

/// Runs a path. Unless `throw`, errors of the data end the walk with [`Outcome::Error`].
///
/// # Errors
/// The path's, if `throw`; `42704` for a missing variable, `22023` if `vars` is no object.
pub(super) fn run<'a>(
    cx: &CallCx<'_>,
    path: &JsonPath,
    json: &'a Json,
    vars: Option<&'a Json>,
    throw: bool,
    tz: bool,
    found: Found<'_, 'a>,
) -> Result<Outcome> {
    let vars = match vars {
        None => None,
        Some(Json::Object(vars)) => Some(vars),
        Some(_) => {
            return Err(invalid_parameter("\"vars\" argument is not an object").detail(
                "Jsonpath parameters should be encoded as key-value pairs of \"vars\" object.",
            ));
        }
    };
    let root = Item::Json(Cow::Borrowed(json));
    let mut walk = Walk {
        cx,
        root: json,
        vars,
        current: root.clone(),
        base: (root.clone(), 0),
        next_id: 1 + i64::try_from(vars.map_or(0, JsonObject::len)).unwrap_or(0),
        lax: path.lax,
        ignore_structural: path.lax,
        throw,
        tz,
        innermost_size: None,
    };
    if !path.lax && found.is_none() {
        // All of it must be free of errors.
        let mut items = Vec::new();
        return Ok(match walk.expr(&path.expr, &root, Some(&mut items))? {
            Outcome::Error => Outcome::Error,
            _ if items.is_empty() => Outcome::NotFound,
            _ => Outcome::Ok,
        });
    }
    walk.expr(&path.expr, &root, found)
}

/// The found list for a nested call.
fn again<'f, 'a>(found: &'f mut Found<'_, 'a>) -> Found<'f, 'a> {
    found.as_deref_mut()
}

impl<'a> Walk<'a, '_> {
    /// An error of the data.
    pub(super) fn fail(&self, error: impl FnOnce() -> SqlError) -> Result<Outcome> {
        if self.throw { Err(error()) } else { Ok(Outcome::Error) }
    }

    /// Whether a scalar stands for an array of itself.
    pub(super) fn wraps(&self) -> bool {
        self.lax || self.ignore_structural
    }

    /// An error of structure, which lax mode ignores.
    fn fail_structure(&self, code: SqlState, message: &str) -> Result<Outcome> {
        if self.ignore_structural {
            return Ok(Outcome::NotFound);
        }
        self.fail(|| SqlError::new(code, message))
    }

    /// `executeItem`.
    pub(super) fn expr(
        &mut self,
        expr: &Expr,
        item: &Item<'a>,
        found: Found<'_, 'a>,
    ) -> Result<Outcome> {
        // Filters within filters look at each item for each other.
        self.cx.check_interrupts()?;
        let (head, steps) = match expr {
            Expr::Path(head, steps) => (&**head, steps.as_slice()),
            head => (head, &[][..]),
        };
        self.head(head, steps, item, found)
    }

    fn head(
        &mut self,
        head: &Expr,
        steps: &[Step],
        item: &Item<'a>,
        found: Found<'_, 'a>,
    ) -> Result<Outcome> {
        // Nobody asks for the value.
        let only_existence = steps.is_empty() && found.is_none();
        let value = match head {
            Expr::Null => Json::Null,
            Expr::Bool(value) => Json::Bool(*value),
            Expr::Number(number) => Json::Number(number.clone()),
            Expr::String(text) => Json::String(text.clone()),
            Expr::Root => {
                let root = Item::Json(Cow::Borrowed(self.root));
                let base = std::mem::replace(&mut self.base, (root.clone(), 0));
                let outcome = self.steps(steps, &root, found);
                self.base = base;
                return outcome;
            }
            Expr::Current => {
                let current = self.current.clone();
                return self.steps(steps, &current, found);
            }
            Expr::Variable(name) => {
                let Some(vars) = self.vars else {
                    // The operators have no variables: each is null.
                    return self.steps(steps, &Item::owned(Json::Null), found);
                };
                let mut members = vars.members().iter().enumerate();
                let found_at = members.find(|(_, (key, _))| key == name);
                let Some((at, (_, value))) = found_at else {
                    return Err(SqlError::new(
                        SqlState::UNDEFINED_OBJECT,
                        format!("could not find jsonpath variable \"{name}\""),
                    ));
                };
                let value = Item::Json(Cow::Borrowed(value));
                let id = i64::try_from(at + 1).unwrap_or(0);
                let base = std::mem::replace(&mut self.base, (value.clone(), id));
                let outcome = self.steps(steps, &value, found);
                self.base = base;
                return outcome;
            }
            Expr::Last => {
                let size = self.innermost_size.ok_or_else(|| {
                    SqlError::internal("evaluating jsonpath LAST outside of array subscript")
                })?;
                Json::Number(Numeric::from(size - 1))
            }
            Expr::Arithmetic(operator, a, b) => {
                return self.arithmetic(*operator, a, b, steps, item, found);
            }
            Expr::Sign(negative, inner) => return self.sign(*negative, inner, steps, item, found),
            Expr::Path(inner, more) => {
                let all: Vec<Step> = more.iter().chain(steps).cloned().collect();
                return self.head(inner, &all, item, found);
            }
            predicate => {
                let value = self.predicate(predicate, item)?;
                if only_existence {
                    return Ok(Outcome::Ok);
                }
                value.map_or(Json::Null, Json::Bool)
            }
        };
        if only_existence {
            return Ok(Outcome::Ok);
        }
        self.steps(steps, &Item::owned(value), found)
    }

    /// `executeNextItem`: what is left of the path, or the end of it.
    pub(super) fn steps(
        &mut self,
        steps: &[Step],
        item: &Item<'a>,
        found: Found<'_, 'a>,
    ) -> Result<Outcome> {
        match steps {
            [] => {
                if let Some(found) = found {
                    found.push(item.clone());
                }
                Ok(Outcome::Ok)
            }
            steps => self.step(steps, item, found, self.lax),
        }
    }

    /// `executeItemOptUnwrapTarget`.
    fn step(
        &mut self,
        steps: &[Step],
        item: &Item<'a>,
        mut found: Found<'_, 'a>,
        unwrap: bool,
    ) -> Result<Outcome> {
        let Some((step, rest)) = steps.split_first() else {
            return self.steps(steps, item, found);
        };
        let json = item.json();
        match step {
            Step::Member(key) => match json {
                Some(Json::Object(_)) => match item.member(key) {
                    Some(value) => self.steps(rest, &value, found),
                    None => self.fail_structure(
                        SqlState::SQL_JSON_MEMBER_NOT_FOUND,
                        &format!("JSON object does not contain key \"{key}\""),
                    ),
                },
                Some(Json::Array(_)) if unwrap => self.unwrap_array(steps, item, found, false),
                _ => self.fail_structure(
                    SqlState::SQL_JSON_MEMBER_NOT_FOUND,
                    "jsonpath member accessor can only be applied to an object",
                ),
            },
            Step::AnyMember => match json {
                Some(Json::Object(_)) => self.any(rest, item, found, (1, 1, 1), false, self.lax),
                Some(Json::Array(_)) if unwrap => self.unwrap_array(steps, item, found, false),
                _ => self.fail_structure(
                    SqlState::SQL_JSON_OBJECT_NOT_FOUND,
                    "jsonpath wildcard member accessor can only be applied to an object",
                ),
            },
            Step::AnyElement => match json {
                Some(Json::Array(_)) => self.any(rest, item, found, (1, 1, 1), false, self.lax),
                _ if self.lax => self.steps(rest, item, found),
                _ => self.fail_structure(
                    SqlState::SQL_JSON_ARRAY_NOT_FOUND,
                    "jsonpath wildcard array accessor can only be applied to an array",
                ),
            },
            Step::Elements(ranges) => self.elements(ranges, rest, item, found),
            Step::Descend(first, last) => {
                let mut outcome = Outcome::NotFound;
                if *first == 0 {
                    let saved = std::mem::replace(&mut self.ignore_structural, true);
                    let result = self.steps(rest, item, again(&mut found));
                    self.ignore_structural = saved;
                    outcome = result?;
                    if outcome == Outcome::Ok && found.is_none() {
                        return Ok(outcome);
                    }
                }
                if item.is_container() {
                    outcome = self.any(rest, item, found, (1, *first, *last), true, self.lax)?;
                }
                Ok(outcome)
            }
            Step::Filter(predicate) => {
                if unwrap && item.is_array() {
                    return self.unwrap_array(steps, item, found, false);
                }
                let previous = std::mem::replace(&mut self.current, item.clone());
                let verdict = self.predicate(predicate, item);
                self.current = previous;
                match verdict? {
                    Some(true) => self.steps(rest, item, found),
                    _ => Ok(Outcome::NotFound),
                }
            }
            Step::Method(_) | Step::DateTime(_) => self.method(steps, item, found, unwrap),
        }
    }

    /// `executeItemUnwrapTargetArray`: the same steps on each element.
    pub(super) fn unwrap_array(
        &mut self,
        steps: &[Step],
        item: &Item<'a>,
        found: Found<'_, 'a>,
        unwrap_elements: bool,
    ) -> Result<Outcome> {
        self.any(steps, item, found, (1, 1, 1), false, unwrap_elements)
    }

    /// `executeAnyItem`: the steps on what lies between two levels below.
    fn any(
        &mut self,
        steps: &[Step],
        item: &Item<'a>,
        mut found: Found<'_, 'a>,
        (level, first, last): (u32, u32, u32),
        ignore_structural: bool,
        unwrap_next: bool,
    ) -> Result<Outcome> {
        let mut outcome = Outcome::NotFound;
        if level > last {
            return Ok(outcome);
        }
        for child in item.children() {
            let leaves = first == u32::MAX && last == u32::MAX && !child.is_container();
            if level >= first || leaves {
                if steps.is_empty() {
                    match &mut found {
                        Some(found) => found.push(child.clone()),
                        None => return Ok(Outcome::Ok),
                    }
                } else {
                    let saved = self.ignore_structural;
                    self.ignore_structural = saved || ignore_structural;
                    let result = self.step(steps, &child, again(&mut found), unwrap_next);
                    self.ignore_structural = saved;
                    outcome = result?;
                    if outcome == Outcome::Error || outcome == Outcome::Ok && found.is_none() {
                        break;
                    }
                }
            }
            if level < last && child.is_container() {
                let levels = (level + 1, first, last);
                outcome = self.any(
                    steps,
                    &child,
                    again(&mut found),
                    levels,
                    ignore_structural,
                    unwrap_next,
                )?;
                if outcome == Outcome::Error || outcome == Outcome::Ok && found.is_none() {
                    break;
                }
            }
        }
        Ok(outcome)
    }

    fn elements(
        &mut self,
        ranges: &[(Expr, Option<Expr>)],
        rest: &[Step],
        item: &Item<'a>,
        mut found: Found<'_, 'a>,
    ) -> Result<Outcome> {
        let array = match item.json() {
            Some(Json::Array(elements)) => Some(elements.len()),
            _ if self.lax => None,
            _ => {
                return self.fail_structure(
                    SqlState::SQL_JSON_ARRAY_NOT_FOUND,
                    "jsonpath array accessor can only be applied to an array",
                );
            }
        };
        let size = array.map_or(1, |len| i64::try_from(len).unwrap_or(i64::MAX));
        let outer = self.innermost_size.replace(size);
        let result = self.element_ranges(ranges, rest, item, &mut found, array.is_some(), size);
        self.innermost_size = outer;
        result
    }

    fn element_ranges(
        &mut self,
        ranges: &[(Expr, Option<Expr>)],
        rest: &[Step],
        item: &Item<'a>,
        found: &mut Found<'_, 'a>,
        is_array: bool,
        size: i64,
    ) -> Result<Outcome> {
        let mut outcome = Outcome::NotFound;
        for (from, to) in ranges {
            let Some(low) = self.index(from, item)? else { return Ok(Outcome::Error) };
            let high = match to {
                Some(to) => match self.index(to, item)? {
                    Some(high) => high,
                    None => return Ok(Outcome::Error),
                },
                None => low,
            };
            if !self.ignore_structural && (low < 0 || low > high || high >= size) {
                return self.fail(|| {
                    SqlError::new(
                        SqlState::INVALID_SQL_JSON_SUBSCRIPT,
                        "jsonpath array subscript is out of bounds",
                    )
                });
            }
            outcome = Outcome::NotFound;
            for index in low.max(0)..=high.min(size - 1) {
                let element = match is_array {
                    true => usize::try_from(index).ok().and_then(|index| item.element(index)),
                    false => Some(item.clone()),
                };
                let Some(element) = element else { continue };
                if rest.is_empty() && found.is_none() {
                    return Ok(Outcome::Ok);
                }
                outcome = self.steps(rest, &element, again(found))?;
                if outcome == Outcome::Error || outcome == Outcome::Ok && found.is_none() {
                    break;
                }
            }
            if outcome == Outcome::Error || outcome == Outcome::Ok && found.is_none() {
                break;
            }
        }
        Ok(outcome)
    }

    /// A subscript; `None` after an error that is not raised.
    fn index(&mut self, expr: &Expr, item: &Item<'a>) -> Result<Option<i64>> {
        let mut items = Vec::new();
        if self.expr(expr, item, Some(&mut items))? == Outcome::Error {
            return Ok(None);
        }
        let invalid = |message: &'static str| {
            move || SqlError::new(SqlState::INVALID_SQL_JSON_SUBSCRIPT, message)
        };
        let number = match items.as_slice() {
            [item] => match item.json() {
                Some(Json::Number(number)) => Some(number),
                _ => None,
            },
            _ => None,
        };
        let Some(number) = number else {
            self.fail(invalid("jsonpath array subscript is not a single numeric value"))?;
            return Ok(None);
        };
        match number.trunc(0).and_then(|number| number.to_i32()) {
            Ok(index) => Ok(Some(index.into())),
            Err(_) => {
                self.fail(invalid("jsonpath array subscript is out of integer range"))?;
                Ok(None)
            }
        }
    }

    /// `executeItemOptUnwrapResult`: the items of an expression, arrays among them taken apart in
    /// lax mode.
    fn unwrapped(
        &mut self,
        expr: &Expr,
        item: &Item<'a>,
        found: &mut Vec<Item<'a>>,
    ) -> Result<Outcome> {
        if !self.lax {
            return self.expr(expr, item, Some(found));
        }
        let mut items = Vec::new();
        if self.expr(expr, item, Some(&mut items))? == Outcome::Error {
            return Ok(Outcome::Error);
        }
        for item in items {
            if item.is_array() { found.extend(item.children()) } else { found.push(item) }
        }
        Ok(Outcome::Ok)
    }

    fn arithmetic(
        &mut self,
        operator: Arithmetic,
        a: &Expr,
        b: &Expr,
        steps: &[Step],
        item: &Item<'a>,
        found: Found<'_, 'a>,
    ) -> Result<Outcome> {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        if self.unwrapped(a, item, &mut left)? == Outcome::Error
            || self.unwrapped(b, item, &mut right)? == Outcome::Error
        {
            return Ok(Outcome::Error);
        }
        let number = |items: &[Item<'a>]| match items {
            [item] => match item.json() {
                Some(Json::Number(number)) => Some(number.clone()),
                _ => None,
            },
            _ => None,
        };
        let wrong = |side: &'static str| {
            move || {
                SqlError::new(
                    SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED,
                    format!(
                        "{side} operand of jsonpath operator {} is not a single numeric value",
                        operator.symbol()
                    ),
                )
            }
        };
        let Some(x) = number(&left) else { return self.fail(wrong("left")) };
        let Some(y) = number(&right) else { return self.fail(wrong("right")) };
        let value = match operator {
            Arithmetic::Add => x.add(&y),
            Arithmetic::Subtract => x.sub(&y),
            Arithmetic::Multiply => x.mul(&y),
            Arithmetic::Divide => x.div(&y),
            Arithmetic::Modulo => x.rem(&y),
        };
        match value {
            Ok(_) if steps.is_empty() && found.is_none() => Ok(Outcome::Ok),
            Ok(value) => self.steps(steps, &Item::owned(Json::Number(value)), found),
            Err(error) => self.fail(|| error),
        }
    }

    fn sign(
        &mut self,
        negative: bool,
        inner: &Expr,
        steps: &[Step],
        item: &Item<'a>,
        mut found: Found<'_, 'a>,
    ) -> Result<Outcome> {
        let mut items = Vec::new();
        if self.unwrapped(inner, item, &mut items)? == Outcome::Error {
            return Ok(Outcome::Error);
        }
        let only_existence = steps.is_empty() && found.is_none();
        let mut outcome = Outcome::NotFound;
        for item in items {
            let number = match item.json() {
                Some(Json::Number(_)) if only_existence => return Ok(Outcome::Ok),
                Some(Json::Number(number)) if negative => -number,
                Some(Json::Number(number)) => number.clone(),
                _ if only_existence => continue,
                _ => {
                    let symbol = if negative { "-" } else { "+" };
                    return self.fail(|| {
                        SqlError::new(
                            SqlState::SQL_JSON_NUMBER_NOT_FOUND,
                            format!(
                                "operand of unary jsonpath operator {symbol} is not a numeric value"
                            ),
                        )
                    });
                }
            };
            let value = Item::owned(Json::Number(number));
            match self.steps(steps, &value, again(&mut found))? {
                Outcome::Error => return Ok(Outcome::Error),
                Outcome::Ok if found.is_none() => return Ok(Outcome::Ok),
                Outcome::Ok => outcome = Outcome::Ok,
                Outcome::NotFound => {}
            }
        }
        Ok(outcome)
    }

    /// The truth of a predicate; `None` is unknown.
    fn predicate(&mut self, expr: &Expr, item: &Item<'a>) -> Result<Option<bool>> {
        match expr {
            Expr::And(a, b) => {
                let left = self.predicate(a, item)?;
                if left == Some(false) {
                    return Ok(left);
                }
                let right = self.predicate(b, item)?;
                Ok(if right == Some(true) { left } else { right })
            }
            Expr::Or(a, b) => {
                let left = self.predicate(a, item)?;
                if left == Some(true) {
                    return Ok(left);
                }
                let right = self.predicate(b, item)?;
                Ok(if right == Some(false) { left } else { right })
            }
            Expr::Not(inner) => Ok(self.predicate(inner, item)?.map(|value| !value)),
            Expr::IsUnknown(inner) => Ok(Some(self.predicate(inner, item)?.is_none())),
            Expr::Compare(operator, a, b) => {
                let (cx, tz) = (self.cx, self.tz);
                self.pairs(a, Some((b, true)), item, &|x, y| match y {
                    Some(y) => compare_items(cx, tz, *operator, x, y),
                    None => Ok(None),
                })
            }
            Expr::StartsWith(a, b) => self.pairs(a, Some((b, false)), item, &|x, y| {
                let texts = (x.json(), y.and_then(Item::json));
                Ok(match texts {
                    (Some(Json::String(x)), Some(Json::String(y))) => Some(x.starts_with(&**y)),
                    _ => None,
                })
            }),
            Expr::LikeRegex(a, pattern, flags) => {
                self.pairs(a, None, item, &|x, _| match x.json() {
                    Some(Json::String(text)) => like_regex(text, pattern, *flags).map(Some),
                    _ => Ok(None),
                })
            }
            Expr::Exists(inner) => {
                let throw = std::mem::replace(&mut self.throw, false);
                let outcome = if self.lax {
                    self.expr(inner, item, None)
                } else {
                    let mut items = Vec::new();
                    self.expr(inner, item, Some(&mut items)).map(|outcome| match outcome {
                        Outcome::Error => Outcome::Error,
                        _ if items.is_empty() => Outcome::NotFound,
                        _ => Outcome::Ok,
                    })
                };
                self.throw = throw;
                Ok(match outcome? {
                    Outcome::Ok => Some(true),
                    Outcome::NotFound => Some(false),
                    Outcome::Error => None,
                })
            }
            // Only predicates stand where this is called.
            _ => Err(SqlError::internal("invalid boolean jsonpath item type")),
        }
    }

    /// `executePredicate`: whether `test` holds for a pair of items.
    fn pairs(
        &mut self,
        left: &Expr,
        right: Option<(&Expr, bool)>,
        item: &Item<'a>,
        test: PairTest<'_, 'a>,
    ) -> Result<Option<bool>> {
        let throw = std::mem::replace(&mut self.throw, false);
        let sides = self.sides(left, right, item);
        self.throw = throw;
        let Some((lefts, rights)) = sides? else { return Ok(None) };
        let (mut error, mut holds) = (false, false);
        for x in &lefts {
            let single = [None];
            let candidates: Vec<Option<&Item<'a>>> = match right {
                Some(_) => rights.iter().map(Some).collect(),
                None => single.to_vec(),
            };
            for y in candidates {
                match test(x, y)? {
                    None if !self.lax => return Ok(None),
                    None => error = true,
                    Some(true) if self.lax => return Ok(Some(true)),
                    Some(true) => holds = true,
                    Some(false) => {}
                }
            }
        }
        Ok(if holds {
            Some(true)
        } else if error {
            None
        } else {
            Some(false)
        })
    }

    fn sides(
        &mut self,
        left: &Expr,
        right: Option<(&Expr, bool)>,
        item: &Item<'a>,
    ) -> Result<Option<(Vec<Item<'a>>, Vec<Item<'a>>)>> {
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        if self.unwrapped(left, item, &mut lefts)? == Outcome::Error {
            return Ok(None);
        }
        if let Some((right, unwrap)) = right {
            let outcome = match unwrap {
                true => self.unwrapped(right, item, &mut rights)?,
                false => self.expr(right, item, Some(&mut rights))?,
            };
            if outcome == Outcome::Error {
                return Ok(None);
            }
        }
        Ok(Some((lefts, rights)))
    }
}

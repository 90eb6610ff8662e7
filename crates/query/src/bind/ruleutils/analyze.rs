//! Expressions: parse trees to terms.

use catalog::Table;
use parser::protobuf::{
    self, AExprKind, BoolExprType, BoolTestType, NullTestType, SubLinkType, a_const,
};
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, oid};

use super::from::{Level, VisibleCte};
use super::term::{Cast, Column, Entry, Index, Kind, Source, SubLink, Term, Use};
use crate::bind::coerce::{Context, can_coerce, common_type};
use crate::bind::polymorphic::Polymorphic;
use crate::bind::{Binder, required, strings};

/// Makes trees of one definition.
pub(super) struct Analyzer<'a> {
    /// Looks names up.
    pub(super) binder: Binder<'a>,
    /// Scopes, outermost first.
    pub(super) levels: Vec<Level>,
    /// Common table expressions in sight, innermost last.
    pub(super) ctes: Vec<VisibleCte>,
    depth: usize,
    /// Joins so far.
    pub(super) joins: usize,
}

fn unexpected(what: &str) -> SqlError {
    SqlError::internal(format!("unexpected {what} in a stored definition"))
}

impl<'a> Analyzer<'a> {
    pub(super) fn new(binder: Binder<'a>) -> Analyzer<'a> {
        Analyzer { binder, levels: Vec::new(), ctes: Vec::new(), depth: 0, joins: 0 }
    }

    /// Opens a scope with the columns of one table.
    pub(super) fn open_table(&mut self, table: &Table) {
        let mut level = Level::default();
        let columns = table.columns.iter().map(|column| Column {
            // A dropped column's name is out of anybody's reach.
            name: if column.dropped { String::new() } else { column.name.clone() },
            ty: Oid(column.type_oid),
            typmod: column.typmod,
        });
        level.add(
            Entry {
                source: Source::Relation {
                    schema: table.schema,
                    name: table.name.clone(),
                    only: false,
                },
                name: table.name.clone(),
                alias: false,
                aliases: Vec::new(),
                columns: columns.collect(),
                written: None,
                row_type: Oid(table.row_type),
                lateral: false,
            },
            None,
        );
        self.levels.push(level);
    }

    /// Opens a scope with the `VALUE` of a domain.
    pub(super) fn open_value(&mut self, ty: Oid, typmod: i32, nested: bool) {
        let mut level = Level::default();
        let value = Term { kind: Kind::Merged { name: "value".into(), of: None }, ty, typmod };
        // The value is of the other domain, and becomes one of the type beneath.
        level.add_value(match nested {
            true => {
                let cast = Cast { arg: value, implicit: true, function: false };
                Term { kind: Kind::Cast(Box::new(cast)), ty, typmod: -1 }
            }
            false => value,
        });
        self.levels.push(level);
    }

    /// Closes it; its entries.
    pub(super) fn close_scope(&mut self) -> Vec<Entry> {
        self.levels.pop().map(|level| level.entries).unwrap_or_default()
    }

    /// Runs `f` one level deeper.
    pub(super) fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= crate::bind::DEPTH_MAX {
            return Err(crate::bind::stack_depth_exceeded());
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    pub(super) fn boxed(&mut self, node: &Option<Box<Node>>) -> Result<Term> {
        self.term(required(node.as_deref())?)
    }

    pub(super) fn terms(&mut self, nodes: &[Node]) -> Result<Vec<Term>> {
        nodes.iter().map(|node| self.term(node)).collect()
    }

    /// Analyzes an expression.
    pub(super) fn term(&mut self, node: &Node) -> Result<Term> {
        self.deeper(|analyzer| analyzer.term_inner(node))
    }

    fn term_inner(&mut self, node: &Node) -> Result<Term> {
        match required(node.node.as_ref())? {
            NodeEnum::ColumnRef(column) => self.column_ref(column),
            NodeEnum::AConst(constant) => self.constant(constant),
            NodeEnum::ParamRef(param) => {
                let ty = self.binder.argument_type(param.number).unwrap_or(oid::UNKNOWN);
                Ok(Term::new(Kind::Param(param.number), ty))
            }
            NodeEnum::TypeCast(cast) => self.type_cast(cast),
            NodeEnum::AExpr(expr) => self.operator_expr(expr),
            NodeEnum::BoolExpr(expr) => {
                let mut args = Vec::new();
                for arg in &expr.args {
                    let arg = self.term(arg)?;
                    args.push(self.implicit(arg, oid::BOOL)?);
                }
                Ok(Term::bool(match BoolExprType::from_i32(expr.boolop) {
                    Some(BoolExprType::AndExpr) => Kind::And(args),
                    Some(BoolExprType::OrExpr) => Kind::Or(args),
                    _ => Kind::Not(Box::new(required(args.pop())?)),
                }))
            }
            NodeEnum::FuncCall(call) => self.function_call(call),
            NodeEnum::SubLink(link) => self.sub_link(link),
            NodeEnum::NullTest(test) => {
                let arg = Box::new(self.boxed(&test.arg)?);
                let negated = test.nulltesttype == NullTestType::IsNotNull as i32;
                let suffix = if negated { "IS NOT NULL" } else { "IS NULL" };
                Ok(Term::bool(Kind::Test { arg, suffix, null: true }))
            }
            NodeEnum::BooleanTest(test) => {
                let suffix = match BoolTestType::from_i32(test.booltesttype) {
                    Some(BoolTestType::IsTrue) => "IS TRUE",
                    Some(BoolTestType::IsNotTrue) => "IS NOT TRUE",
                    Some(BoolTestType::IsFalse) => "IS FALSE",
                    Some(BoolTestType::IsNotFalse) => "IS NOT FALSE",
                    Some(BoolTestType::IsUnknown) => "IS UNKNOWN",
                    _ => "IS NOT UNKNOWN",
                };
                let arg = self.boxed(&test.arg)?;
                let arg = Box::new(self.implicit(arg, oid::BOOL)?);
                Ok(Term::bool(Kind::Test { arg, suffix, null: false }))
            }
            NodeEnum::CaseExpr(case) => self.case(case),
            NodeEnum::CoalesceExpr(coalesce) => {
                let args = self.terms(&coalesce.args)?;
                let (args, ty, typmod) = self.unify(args)?;
                Ok(Term { kind: Kind::Keyword { word: "COALESCE", args }, ty, typmod })
            }
            NodeEnum::MinMaxExpr(minmax) => {
                let least = minmax.op == protobuf::MinMaxOp::IsLeast as i32;
                let args = self.terms(&minmax.args)?;
                let (args, ty, typmod) = self.unify(args)?;
                let word = if least { "LEAST" } else { "GREATEST" };
                Ok(Term { kind: Kind::Keyword { word, args }, ty, typmod })
            }
            NodeEnum::SqlvalueFunction(function) => sql_value(function),
            NodeEnum::AArrayExpr(array) => self.array(array, None),
            NodeEnum::RowExpr(row) => Ok(Term::new(Kind::Row(self.terms(&row.args)?), oid::RECORD)),
            NodeEnum::AIndirection(indirection) => {
                let base = self.boxed(&indirection.arg)?;
                self.indirection(base, &indirection.indirection)
            }
            NodeEnum::CollateClause(collate) => {
                let arg = self.boxed(&collate.arg)?;
                let arg = self.settle(arg)?;
                let name = strings(&collate.collname).last().copied().unwrap_or_default();
                let (ty, typmod) = (arg.ty, arg.typmod);
                let kind = Kind::Collate { arg: Box::new(arg), name: name.to_owned() };
                Ok(Term { kind, ty, typmod })
            }
            NodeEnum::GroupingFunc(grouping) => {
                let args = self.terms(&grouping.args)?;
                Ok(Term::new(Kind::Keyword { word: "GROUPING", args }, oid::INT4))
            }
            _ => Err(unexpected("expression")),
        }
    }

    fn constant(&mut self, constant: &protobuf::AConst) -> Result<Term> {
        if constant.isnull {
            return Ok(Term::null(oid::UNKNOWN));
        }
        let (value, ty) = match required(constant.val.as_ref())? {
            a_const::Val::Ival(i) => (Datum::Int4(i.ival), oid::INT4),
            a_const::Val::Fval(f) => match self.binder.input(oid::INT8, &f.fval) {
                Ok(value) => (value, oid::INT8),
                Err(_) => (self.binder.input(oid::NUMERIC, &f.fval)?, oid::NUMERIC),
            },
            a_const::Val::Boolval(b) => (Datum::Bool(b.boolval), oid::BOOL),
            a_const::Val::Sval(s) => (Datum::text(&s.sval), oid::UNKNOWN),
            a_const::Val::Bsval(_) => return Err(unexpected("bit string")),
        };
        Ok(Term::new(Kind::Const(value), ty))
    }

    fn type_cast(&mut self, cast: &protobuf::TypeCast) -> Result<Term> {
        let target = self.binder.resolve_type(required(cast.type_name.as_ref())?)?;
        let node = required(cast.arg.as_deref())?;
        if let Some(NodeEnum::AArrayExpr(array)) = &node.node
            && let Some(element) = self.binder.element_type(target.oid)
        {
            let term = self.array(array, Some((element, target.typmod)))?;
            return self.cast(term, target.oid, target.typmod);
        }
        let term = self.term(node)?;
        self.cast(term, target.oid, target.typmod)
    }

    fn operator_expr(&mut self, expr: &protobuf::AExpr) -> Result<Term> {
        let names = strings(&expr.name);
        let name = *names.last().ok_or_else(|| unexpected("operator"))?;
        let kind = AExprKind::from_i32(expr.kind).unwrap_or(AExprKind::Undefined);
        match kind {
            AExprKind::AexprOp if expr.lexpr.is_none() => {
                let right = self.boxed(&expr.rexpr)?;
                self.operator(name, None, right)
            }
            AExprKind::AexprOp => {
                if let (Some(left), Some(right)) = (fields(&expr.lexpr), fields(&expr.rexpr)) {
                    let (left, right) = (self.terms(left)?, self.terms(right)?);
                    return self.compare_rows(name, left, right);
                }
                if let Some(left) = fields(&expr.lexpr)
                    && let Some(NodeEnum::SubLink(link)) =
                        expr.rexpr.as_ref().and_then(|node| node.node.as_ref())
                {
                    let left = self.terms(left)?;
                    return self.row_compare_link(name, left, link);
                }
                self.binary(name, expr)
            }
            AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
                self.binary(name, expr)
            }
            AExprKind::AexprOpAny | AExprKind::AexprOpAll => {
                let left = self.boxed(&expr.lexpr)?;
                let array = self.boxed(&expr.rexpr)?;
                self.quantified(name, left, array, kind == AExprKind::AexprOpAll)
            }
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                let negated = kind == AExprKind::AexprNotDistinct;
                if let (Some(left), Some(right)) = (fields(&expr.lexpr), fields(&expr.rexpr)) {
                    let (left, right) = (self.terms(left)?, self.terms(right)?);
                    let mut parts = Vec::new();
                    for (left, right) in left.into_iter().zip(right) {
                        parts.push(self.distinct(left, right)?);
                    }
                    return Ok(negate(Term::chain(parts, false), negated));
                }
                let (left, right) = (self.boxed(&expr.lexpr)?, self.boxed(&expr.rexpr)?);
                let null = |arg: Term| {
                    let suffix = if negated { "IS NULL" } else { "IS NOT NULL" };
                    Term::bool(Kind::Test { arg: Box::new(arg), suffix, null: true })
                };
                if right.is_null() {
                    return Ok(null(left));
                }
                if left.is_null() {
                    return Ok(null(right));
                }
                Ok(negate(self.distinct(left, right)?, negated))
            }
            AExprKind::AexprNullif => {
                let Term { kind: Kind::Op { name: _, args }, .. } = self.binary("=", expr)? else {
                    return Err(unexpected("NULLIF"));
                };
                let (ty, typmod) = args.first().map_or((oid::TEXT, -1), |a| (a.ty, a.typmod));
                Ok(Term { kind: Kind::Keyword { word: "NULLIF", args }, ty, typmod })
            }
            AExprKind::AexprIn => self.in_list(name, expr),
            AExprKind::AexprBetween
            | AExprKind::AexprNotBetween
            | AExprKind::AexprBetweenSym
            | AExprKind::AexprNotBetweenSym => self.between(kind, expr),
            AExprKind::Undefined => Err(unexpected("operator")),
        }
    }

    fn binary(&mut self, name: &str, expr: &protobuf::AExpr) -> Result<Term> {
        let (left, right) = (self.boxed(&expr.lexpr)?, self.boxed(&expr.rexpr)?);
        self.operator(name, Some(left), right)
    }

    /// `left name right`, or `name right`.
    pub(super) fn operator(&mut self, name: &str, left: Option<Term>, right: Term) -> Result<Term> {
        let row = self.binder.find_operator(&[name], left.as_ref().map(|l| l.ty), right.ty, -1)?;
        let declared = match left {
            Some(_) => vec![row.left, row.right],
            None => vec![row.right],
        };
        let args = left.into_iter().chain([right]).collect();
        let (args, ty) = self.arguments(args, &declared, row.result)?;
        Ok(Term::new(Kind::Op { name: name.to_owned(), args }, ty))
    }

    /// The comparison of two values, as a CASE or a sub-query makes it.
    fn distinct(&mut self, left: Term, right: Term) -> Result<Term> {
        match self.operator("=", Some(left), right)?.kind {
            Kind::Op { name: _, mut args } if args.len() == 2 => {
                let (right, left) = (required(args.pop())?, required(args.pop())?);
                Ok(Term::bool(Kind::Distinct(Box::new((left, right)))))
            }
            _ => Err(unexpected("comparison")),
        }
    }

    fn compare_rows(&mut self, name: &str, left: Vec<Term>, right: Vec<Term>) -> Result<Term> {
        let mut parts = Vec::new();
        for (left, right) in left.into_iter().zip(right) {
            parts.push(self.operator(name, Some(left), right)?);
        }
        if matches!(name, "=" | "<>") || parts.len() == 1 {
            return Ok(Term::chain(parts, name == "="));
        }
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for part in parts {
            if let Kind::Op { name: _, args } = part.kind
                && let Ok([l, r]) = <[Term; 2]>::try_from(args)
            {
                left.push(l);
                right.push(r);
            }
        }
        Ok(Term::bool(Kind::RowCompare { op: name.to_owned(), left, right }))
    }

    fn quantified(&mut self, name: &str, left: Term, array: Term, all: bool) -> Result<Term> {
        let element = match self.binder.element_type(array.ty) {
            Some(element) => element,
            None if array.ty == oid::UNKNOWN => oid::UNKNOWN,
            None => return Err(unexpected("array")),
        };
        let row = self.binder.find_operator(&[name], Some(left.ty), element, -1)?;
        let types = [left.ty, element];
        let meaning = Polymorphic::of(&self.binder.cx.catalog, &types, &[row.left, row.right]);
        let left = self.implicit(left, meaning.concrete(row.left))?;
        let array_of = self
            .binder
            .array_type(meaning.concrete(row.right))
            .ok_or_else(|| unexpected("array"))?;
        let array = self.implicit(array, array_of)?;
        let (left, array) = (Box::new(left), Box::new(array));
        Ok(Term::bool(Kind::Quantified { op: name.to_owned(), left, array, all }))
    }

    fn in_list(&mut self, name: &str, expr: &protobuf::AExpr) -> Result<Term> {
        let Some(NodeEnum::List(list)) = expr.rexpr.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Err(unexpected("IN"));
        };
        let negated = name == "<>";
        let left_row = fields(&expr.lexpr);
        let left = self.boxed(&expr.lexpr)?;
        let mut items = Vec::new();
        for item in &list.items {
            items.push((self.term(item)?, item));
        }
        let mut parts = Vec::new();
        let constants: Vec<&Term> =
            items.iter().map(|(term, _)| term).filter(|term| !has_var(term)).collect();
        if constants.len() > 1 && left_row.is_none() {
            let types: Vec<Oid> =
                std::iter::once(left.ty).chain(constants.iter().map(|term| term.ty)).collect();
            let common = common_type(&self.binder.cx.catalog, &types)
                .ok()
                .filter(|common| *common != oid::RECORD);
            let fits = |common: Oid| {
                types.iter().all(|ty| {
                    can_coerce(&self.binder.cx.catalog, &[*ty], &[common], Context::Implicit)
                })
            };
            if let Some(common) = common
                && let Some(array) = self.binder.array_type(common)
                && fits(common)
            {
                let mut elements = Vec::new();
                for term in constants {
                    elements.push(self.implicit(term.clone(), common)?);
                }
                let array = Term::new(Kind::Array(elements), array);
                parts.push(self.quantified(name, left.clone(), array, negated)?);
                items.retain(|(term, _)| has_var(term));
            }
        }
        // What is not in the array is compared one by one, in order.
        for (term, item) in items {
            parts.push(match (left_row, &item.node) {
                (Some(left), Some(NodeEnum::RowExpr(row))) => {
                    let (left, right) = (self.terms(left)?, self.terms(&row.args)?);
                    self.compare_rows(name, left, right)?
                }
                _ => self.operator(name, Some(left.clone()), term)?,
            });
        }
        Ok(Term::chain(parts, negated))
    }

    fn between(&mut self, kind: AExprKind, expr: &protobuf::AExpr) -> Result<Term> {
        let Some(NodeEnum::List(list)) = expr.rexpr.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Err(unexpected("BETWEEN"));
        };
        let value = self.boxed(&expr.lexpr)?;
        let bounds = self.terms(&list.items)?;
        let [low, high] = bounds.as_slice() else { return Err(unexpected("BETWEEN")) };
        let mut pair = |low: &Term, high: &Term, inside: bool| -> Result<Term> {
            let (first, second) = if inside { (">=", "<=") } else { ("<", ">") };
            let parts = vec![
                self.operator(first, Some(value.clone()), low.clone())?,
                self.operator(second, Some(value.clone()), high.clone())?,
            ];
            Ok(Term::chain(parts, inside))
        };
        match kind {
            AExprKind::AexprBetween => pair(low, high, true),
            AExprKind::AexprNotBetween => pair(low, high, false),
            AExprKind::AexprBetweenSym => {
                Ok(Term::chain(vec![pair(low, high, true)?, pair(high, low, true)?], false))
            }
            _ => Ok(Term::chain(vec![pair(low, high, false)?, pair(high, low, false)?], true)),
        }
    }

    fn case(&mut self, case: &protobuf::CaseExpr) -> Result<Term> {
        let operand = match &case.arg {
            Some(arg) => {
                let operand = self.term(arg)?;
                Some(Box::new(self.settle(operand)?))
            }
            None => None,
        };
        let (mut conditions, mut results) = (Vec::new(), Vec::new());
        for when in &case.args {
            let Some(NodeEnum::CaseWhen(when)) = &when.node else {
                return Err(unexpected("CASE"));
            };
            let condition = self.boxed(&when.expr)?;
            conditions.push(match &operand {
                Some(operand) => {
                    let value =
                        Term { kind: Kind::CaseOperand, ty: operand.ty, typmod: operand.typmod };
                    self.operator("=", Some(value), condition)?
                }
                None => self.implicit(condition, oid::BOOL)?,
            });
            results.push(self.boxed(&when.result)?);
        }
        let otherwise = match &case.defresult {
            Some(node) => self.term(node)?,
            None => Term::null(oid::UNKNOWN),
        };
        let mut all = vec![otherwise];
        all.append(&mut results);
        let (mut all, ty, typmod) = self.unify(all)?;
        let results = all.split_off(1);
        let otherwise = Box::new(required(all.pop())?);
        let whens = conditions.into_iter().zip(results).collect();
        Ok(Term { kind: Kind::Case { operand, whens, otherwise }, ty, typmod })
    }

    fn array(&mut self, array: &protobuf::AArrayExpr, wanted: Option<(Oid, i32)>) -> Result<Term> {
        let mut elements = Vec::new();
        let mut nested = false;
        for element in &array.elements {
            elements.push(match &element.node {
                Some(NodeEnum::AArrayExpr(inner)) => {
                    nested = true;
                    self.deeper(|analyzer| analyzer.array(inner, wanted))?
                }
                _ => self.term(element)?,
            });
        }
        let (elements, ty) = match wanted {
            Some((element, typmod)) => {
                let target = if nested {
                    self.binder.array_type(element).unwrap_or(element)
                } else {
                    element
                };
                let cast = |analyzer: &mut Self, term| analyzer.cast(term, target, typmod);
                let elements = elements
                    .into_iter()
                    .map(|term| cast(self, term))
                    .collect::<Result<Vec<_>>>()?;
                (elements, target)
            }
            None => {
                let (elements, ty, _) = self.unify(elements)?;
                (elements, ty)
            }
        };
        let of = if self.binder.element_type(ty).is_some() {
            Some(ty)
        } else {
            self.binder.array_type(ty)
        };
        let of = of.ok_or_else(|| unexpected("array"))?;
        let typmod = wanted.map_or(-1, |(_, typmod)| typmod);
        Ok(Term { kind: Kind::Array(elements), ty: of, typmod })
    }

    /// `base[…].field …`
    pub(super) fn indirection(&mut self, mut base: Term, steps: &[Node]) -> Result<Term> {
        let mut steps = steps.iter().peekable();
        while let Some(step) = steps.next() {
            base = match required(step.node.as_ref())? {
                NodeEnum::String(name) => self.field(base, &name.sval)?,
                NodeEnum::AIndices(first) => {
                    let mut all = vec![first.as_ref()];
                    while let Some(Node { node: Some(NodeEnum::AIndices(next)) }) = steps.peek() {
                        all.push(next);
                        steps.next();
                    }
                    self.subscript(base, &all)?
                }
                _ => return Err(unexpected("indirection")),
            };
        }
        Ok(base)
    }

    fn subscript(&mut self, base: Term, all: &[&protobuf::AIndices]) -> Result<Term> {
        let slice = all.iter().any(|index| index.is_slice);
        let ty = match self.binder.element_type(base.ty) {
            Some(_) if slice => base.ty,
            Some(element) => element,
            None => base.ty,
        };
        let json = base.ty == oid::JSONB;
        let mut indexes = Vec::new();
        for index in all {
            let mut bound = |node: &Option<Box<Node>>| -> Result<Option<Term>> {
                let Some(node) = node else { return Ok(None) };
                let term = self.term(node)?;
                let target = match (json, term.ty) {
                    (true, oid::UNKNOWN | oid::TEXT) => oid::TEXT,
                    _ => oid::INT4,
                };
                self.coerce(term, target, Context::Assignment, true).map(Some)
            };
            let (lower, upper) = (bound(&index.lidx)?, bound(&index.uidx)?);
            // `a[2][1:3]` means `a[1:2][1:3]`.
            let lower = match (slice && !index.is_slice, lower) {
                (true, None) => Some(Term::new(Kind::Const(Datum::Int4(1)), oid::INT4)),
                (_, lower) => lower,
            };
            indexes.push(Index { slice, lower, upper });
        }
        Ok(Term::new(Kind::Subscript { base: Box::new(base), indexes }, ty))
    }

    fn sub_link(&mut self, link: &protobuf::SubLink) -> Result<Term> {
        let kind = SubLinkType::from_i32(link.sub_link_type);
        let query = self.sub_query(link)?;
        let first = query.columns.first().map_or((oid::TEXT, -1), |c| (c.ty, c.typmod));
        let make = |usage, query| {
            let (left, op) = (Vec::new(), String::new());
            Kind::SubLink(Box::new(SubLink { usage, left, op, row: false, query }))
        };
        match kind {
            Some(SubLinkType::ExistsSublink) => Ok(Term::bool(make(Use::Exists, query))),
            Some(SubLinkType::ExprSublink) => {
                Ok(Term { kind: make(Use::Value, query), ty: first.0, typmod: first.1 })
            }
            Some(SubLinkType::ArraySublink) => {
                let ty = self.binder.array_type(first.0).ok_or_else(|| unexpected("array"))?;
                Ok(Term::new(make(Use::Array, query), ty))
            }
            Some(SubLinkType::AnySublink | SubLinkType::AllSublink) => {
                let all = kind == Some(SubLinkType::AllSublink);
                let node = required(link.testexpr.as_deref())?;
                let (left, row) = match &node.node {
                    Some(NodeEnum::RowExpr(row)) => (self.terms(&row.args)?, true),
                    _ => (vec![self.term(node)?], false),
                };
                let op = strings(&link.oper_name).last().copied().unwrap_or("=").to_owned();
                let usage = if all { Use::All } else { Use::Any };
                let left = self.compared(&op, left, &query)?;
                let link = SubLink { usage, left, op, row, query };
                Ok(Term::bool(Kind::SubLink(Box::new(link))))
            }
            _ => Err(unexpected("sub-query")),
        }
    }

    fn sub_query(&mut self, link: &protobuf::SubLink) -> Result<super::term::QueryTree> {
        match link.subselect.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::SelectStmt(select)) => self.query(select),
            _ => Err(unexpected("sub-query")),
        }
    }

    /// The left side of a comparison with a sub-query's columns, as the operators take it.
    fn compared(
        &mut self,
        op: &str,
        left: Vec<Term>,
        query: &super::term::QueryTree,
    ) -> Result<Vec<Term>> {
        let mut compared = Vec::new();
        for (term, column) in left.into_iter().zip(&query.columns) {
            let right = Term { kind: Kind::CaseOperand, ty: column.ty, typmod: column.typmod };
            match self.operator(op, Some(term), right)?.kind {
                Kind::Op { name: _, args } => compared.extend(args.into_iter().take(1)),
                _ => return Err(unexpected("comparison")),
            }
        }
        Ok(compared)
    }

    fn row_compare_link(
        &mut self,
        name: &str,
        left: Vec<Term>,
        link: &protobuf::SubLink,
    ) -> Result<Term> {
        let query = self.sub_query(link)?;
        let left = self.compared(name, left, &query)?;
        let link = SubLink { usage: Use::RowCompare, left, op: name.to_owned(), row: true, query };
        Ok(Term::bool(Kind::SubLink(Box::new(link))))
    }
}

/// The fields of an explicit row.
fn fields(node: &Option<Box<Node>>) -> Option<&[Node]> {
    match node.as_ref()?.node.as_ref()? {
        NodeEnum::RowExpr(row) => Some(&row.args),
        _ => None,
    }
}

fn negate(term: Term, negated: bool) -> Term {
    if negated { Term::bool(Kind::Not(Box::new(term))) } else { term }
}

/// Whether a term reads a column of its own query.
pub(super) fn has_var(term: &Term) -> bool {
    match &term.kind {
        Kind::Var { up, .. } | Kind::WholeRow { up, .. } => *up == 0,
        Kind::Merged { .. } => true,
        Kind::Const(_)
        | Kind::Param(_)
        | Kind::Argument(_)
        | Kind::CaseOperand
        | Kind::SqlValue(_) => false,
        Kind::Domain { arg, domain: _ } => has_var(arg),
        Kind::Call(call) => call.args.iter().any(has_var),
        Kind::Cast(cast) => has_var(&cast.arg),
        Kind::Op { name: _, args }
        | Kind::And(args)
        | Kind::Or(args)
        | Kind::Keyword { word: _, args }
        | Kind::Array(args)
        | Kind::Row(args) => args.iter().any(has_var),
        Kind::Not(arg)
        | Kind::Test { arg, suffix: _, null: _ }
        | Kind::Collate { arg, name: _ }
        | Kind::Field { base: arg, name: _ }
        | Kind::Subscript { base: arg, indexes: _ } => has_var(arg),
        Kind::Quantified { op: _, left, array, all: _ } => has_var(left) || has_var(array),
        Kind::Distinct(sides) => has_var(&sides.0) || has_var(&sides.1),
        Kind::Case { operand, whens, otherwise } => {
            operand.as_deref().is_some_and(has_var)
                || whens.iter().any(|(when, then)| has_var(when) || has_var(then))
                || has_var(otherwise)
        }
        Kind::RowCompare { op: _, left, right } => left.iter().chain(right).any(has_var),
        // A sub-query may refer to the query around it.
        Kind::SubLink(_) => true,
    }
}

fn sql_value(function: &protobuf::SqlValueFunction) -> Result<Term> {
    use protobuf::SqlValueFunctionOp as Op;
    let (word, ty) = match Op::from_i32(function.op) {
        Some(Op::SvfopCurrentDate) => ("CURRENT_DATE", oid::DATE),
        Some(Op::SvfopCurrentTime | Op::SvfopCurrentTimeN) => ("CURRENT_TIME", oid::TIMETZ),
        Some(Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN) => {
            ("CURRENT_TIMESTAMP", oid::TIMESTAMPTZ)
        }
        Some(Op::SvfopLocaltime | Op::SvfopLocaltimeN) => ("LOCALTIME", oid::TIME),
        Some(Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN) => {
            ("LOCALTIMESTAMP", oid::TIMESTAMP)
        }
        Some(Op::SvfopCurrentRole) => ("CURRENT_ROLE", oid::NAME),
        Some(Op::SvfopCurrentUser) => ("CURRENT_USER", oid::NAME),
        Some(Op::SvfopUser) => ("USER", oid::NAME),
        Some(Op::SvfopSessionUser) => ("SESSION_USER", oid::NAME),
        Some(Op::SvfopCurrentCatalog) => ("CURRENT_CATALOG", oid::NAME),
        Some(Op::SvfopCurrentSchema) => ("CURRENT_SCHEMA", oid::NAME),
        _ => return Err(unexpected("value function")),
    };
    let typmod = if function.typmod >= 0 { function.typmod.min(6) } else { -1 };
    let text = match typmod {
        -1 => word.to_owned(),
        precision => format!("{word}({precision})"),
    };
    Ok(Term { kind: Kind::SqlValue(text), ty, typmod })
}

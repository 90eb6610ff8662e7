//! Expressions.

use catalog::builtin::ProcRow;
use parser::protobuf::{self, AExprKind, BoolExprType, BoolTestType, NullTestType, a_const};
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::coerce::{
    Context, array_type, concrete, element_type, is_polymorphic, resolve_polymorphic,
};
use super::function::not_supported;
use super::{Binder, required, strings, unsupported};
use crate::expr::{Call, Expr, ExprKind, SqlValue};

impl Binder<'_> {
    /// Binds an expression.
    pub(super) fn expression(&mut self, node: &Node) -> Result<Expr> {
        self.deeper(|binder| binder.expression_inner(node))
    }

    pub(super) fn boxed(&mut self, node: &Option<Box<Node>>) -> Result<Expr> {
        self.expression(required(node.as_deref())?)
    }

    pub(super) fn expressions(&mut self, nodes: &[Node]) -> Result<Vec<Expr>> {
        nodes.iter().map(|node| self.expression(node)).collect()
    }

    fn expression_inner(&mut self, node: &Node) -> Result<Expr> {
        match required(node.node.as_ref())? {
            NodeEnum::ColumnRef(column) => self.column_ref(column),
            NodeEnum::AConst(constant) => self.constant(constant),
            NodeEnum::ParamRef(param) => self.param(param),
            NodeEnum::TypeCast(cast) => self.type_cast(cast),
            NodeEnum::AExpr(expr) => self.operator_expr(expr),
            NodeEnum::BoolExpr(expr) => self.bool_expr(expr),
            NodeEnum::FuncCall(call) => self.function_call(call),
            NodeEnum::SubLink(link) => self.sub_link(link),
            NodeEnum::NullTest(test) => {
                let protobuf::NullTest { xpr: _, arg, nulltesttype, argisrow: _, location: _ } =
                    test.as_ref();
                let arg = Box::new(self.boxed(arg)?);
                let negated = *nulltesttype == NullTestType::IsNotNull as i32;
                Ok(Expr::new(ExprKind::IsNull { arg, negated }, oid::BOOL))
            }
            NodeEnum::BooleanTest(test) => self.boolean_test(test),
            NodeEnum::CaseExpr(case) => self.case(case),
            NodeEnum::CoalesceExpr(coalesce) => {
                let protobuf::CoalesceExpr {
                    xpr: _,
                    coalescetype: _,
                    coalescecollid: _,
                    args,
                    location,
                } = coalesce.as_ref();
                let args = self.expressions(args)?;
                let (args, ty, typmod) = self.unify(args, "COALESCE", *location)?;
                Ok(Expr { kind: ExprKind::Coalesce(args), ty, typmod })
            }
            NodeEnum::MinMaxExpr(minmax) => {
                let protobuf::MinMaxExpr {
                    xpr: _,
                    minmaxtype: _,
                    minmaxcollid: _,
                    inputcollid: _,
                    op,
                    args,
                    location,
                } = minmax.as_ref();
                let least = *op == protobuf::MinMaxOp::IsLeast as i32;
                let args = self.expressions(args)?;
                let name = if least { "LEAST" } else { "GREATEST" };
                let (args, ty, typmod) = self.unify(args, name, *location)?;
                self.require_ordering(ty, *location)?;
                Ok(Expr { kind: ExprKind::MinMax { args, least }, ty, typmod })
            }
            NodeEnum::SqlvalueFunction(function) => self.sql_value(function),
            NodeEnum::AArrayExpr(array) => self.array(array, None),
            NodeEnum::RowExpr(row) => {
                let fields = self.expressions(&row.args)?;
                let fields = fields
                    .into_iter()
                    .enumerate()
                    .map(|(i, field)| Ok((format!("f{}", i + 1).into(), self.settle(field)?)))
                    .collect::<Result<_>>()?;
                Ok(Expr::new(ExprKind::Row { fields }, oid::RECORD))
            }
            NodeEnum::AIndirection(indirection) => self.indirection(indirection),
            NodeEnum::CollateClause(collate) => self.collate(collate),
            NodeEnum::GroupingFunc(grouping) => self.grouping(grouping),
            NodeEnum::SetToDefault(_) => Ok(Expr::new(ExprKind::Default, oid::UNKNOWN)),
            NodeEnum::NamedArgExpr(_) => Err(unsupported("named arguments")),
            NodeEnum::XmlExpr(_) | NodeEnum::XmlSerialize(_) => {
                Err(SqlError::unsupported("datatype xml not supported"))
            }
            NodeEnum::CurrentOfExpr(_) => Err(unsupported("WHERE CURRENT OF")),
            NodeEnum::JsonObjectConstructor(_)
            | NodeEnum::JsonArrayConstructor(_)
            | NodeEnum::JsonArrayQueryConstructor(_)
            | NodeEnum::JsonObjectAgg(_)
            | NodeEnum::JsonArrayAgg(_)
            | NodeEnum::JsonIsPredicate(_) => Err(unsupported("SQL/JSON constructor")),
            NodeEnum::MultiAssignRef(_) => Err(unsupported("multiple-column assignment here")),
            _ => Err(SqlError::internal("unexpected node in an expression")),
        }
    }

    fn constant(&mut self, constant: &protobuf::AConst) -> Result<Expr> {
        let protobuf::AConst { isnull, location, val } = constant;
        if *isnull {
            return Ok(Expr::null(oid::UNKNOWN));
        }
        match required(val.as_ref())? {
            a_const::Val::Ival(i) => Ok(Expr::constant(Datum::Int4(i.ival), oid::INT4)),
            a_const::Val::Fval(f) => {
                if let Ok(value) = self.input(oid::INT8, &f.fval) {
                    return Ok(Expr::constant(value, oid::INT8));
                }
                let value = self
                    .input(oid::NUMERIC, &f.fval)
                    .map_err(|error| error.at(self.position(*location)))?;
                Ok(Expr::constant(value, oid::NUMERIC))
            }
            a_const::Val::Boolval(b) => Ok(Expr::constant(Datum::Bool(b.boolval), oid::BOOL)),
            a_const::Val::Sval(s) => Ok(Expr::constant(Datum::text(&s.sval), oid::UNKNOWN)),
            a_const::Val::Bsval(_) => Err(SqlError::unsupported("datatype bit not supported")),
        }
    }

    fn param(&mut self, param: &protobuf::ParamRef) -> Result<Expr> {
        let protobuf::ParamRef { number, location } = param;
        let Some(index) = usize::try_from(*number).ok().and_then(|n| n.checked_sub(1)) else {
            return Err(self.error(
                SqlState::UNDEFINED_PARAMETER,
                format!("there is no parameter ${number}"),
                *location,
            ));
        };
        if let Some(arg) = self.inlined_param(index) {
            return Ok(arg);
        }
        if index >= 65_535 {
            return Err(self.error(
                SqlState::UNDEFINED_PARAMETER,
                format!("there is no parameter ${number}"),
                *location,
            ));
        }
        if self.params.len() <= index {
            self.params.resize(index + 1, oid::UNKNOWN);
        }
        Ok(Expr::new(ExprKind::Param(index), self.params[index]))
    }

    fn type_cast(&mut self, cast: &protobuf::TypeCast) -> Result<Expr> {
        let protobuf::TypeCast { arg, type_name, location } = cast;
        let target = self.type_ref(required(type_name.as_ref())?)?;
        let node = required(arg.as_deref())?;
        // `ARRAY[…]::type[]`: the elements are of the element type at once.
        if let Some(NodeEnum::AArrayExpr(array)) = &node.node
            && let Some(element) = element_type(target.oid)
        {
            let expr = self.array(array, Some(element))?;
            return self.cast(expr, target.oid, target.typmod, *location);
        }
        let expr = self.expression(node)?;
        // A bad literal is pointed at; where the cast stands otherwise.
        let at = node_location(node).unwrap_or(*location);
        self.cast(expr, target.oid, target.typmod, *location)
            .map_err(|error| if at >= 0 { error.at(self.position(at)) } else { error })
    }

    fn operator_expr(&mut self, expr: &protobuf::AExpr) -> Result<Expr> {
        let protobuf::AExpr { kind, name, lexpr, rexpr, location } = expr;
        let names = strings(name);
        let name = *names.last().ok_or_else(|| SqlError::internal("operator without a name"))?;
        let location = *location;
        let kind = AExprKind::from_i32(*kind).unwrap_or(AExprKind::Undefined);
        match kind {
            AExprKind::AexprOp => {
                if lexpr.is_none() {
                    let right = self.boxed(rexpr)?;
                    return self.operator(name, None, right, location);
                }
                if let Some(expr) = self.row_comparison(name, lexpr, rexpr, location)? {
                    return Ok(expr);
                }
                let left = self.boxed(lexpr)?;
                let right = self.boxed(rexpr)?;
                self.operator(name, Some(left), right, location)
            }
            AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
                let left = self.boxed(lexpr)?;
                let right = self.boxed(rexpr)?;
                self.operator(name, Some(left), right, location)
            }
            AExprKind::AexprOpAny | AExprKind::AexprOpAll => {
                let left = self.boxed(lexpr)?;
                let array = self.boxed(rexpr)?;
                self.quantified(name, left, array, kind == AExprKind::AexprOpAll, location)
            }
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                let negated = kind == AExprKind::AexprNotDistinct;
                if let (Some(left), Some(right)) = (row_fields(lexpr), row_fields(rexpr)) {
                    let mut parts = Vec::new();
                    for (left, right) in left.iter().zip(right) {
                        let (left, right) = (self.expression(left)?, self.expression(right)?);
                        parts.push(self.distinct(left, right, negated, location)?);
                    }
                    let kind = if negated { ExprKind::And(parts) } else { ExprKind::Or(parts) };
                    return Ok(Expr::new(kind, oid::BOOL));
                }
                let left = self.boxed(lexpr)?;
                let right = self.boxed(rexpr)?;
                self.distinct(left, right, negated, location)
            }
            AExprKind::AexprNullif => {
                let left = self.boxed(lexpr)?;
                let right = self.boxed(rexpr)?;
                let equal = self.operator("=", Some(left), right, location)?;
                let ExprKind::Call(equal) = equal.kind else {
                    return Err(SqlError::internal("equality is not a call"));
                };
                let (ty, typmod) =
                    equal.args.first().map_or((oid::TEXT, -1), |arg| (arg.ty, arg.typmod));
                Ok(Expr { kind: ExprKind::NullIf(equal), ty, typmod })
            }
            AExprKind::AexprIn => self.in_list(name, lexpr, rexpr, location),
            AExprKind::AexprBetween
            | AExprKind::AexprNotBetween
            | AExprKind::AexprBetweenSym
            | AExprKind::AexprNotBetweenSym => self.between(kind, lexpr, rexpr, location),
            AExprKind::Undefined => Err(SqlError::internal("operator of no kind")),
        }
    }

    fn distinct(&mut self, left: Expr, right: Expr, negated: bool, location: i32) -> Result<Expr> {
        let equal = self.operator("=", Some(left), right, location)?;
        let ExprKind::Call(equal) = equal.kind else {
            return Err(SqlError::internal("equality is not a call"));
        };
        Ok(Expr::new(ExprKind::Distinct { equal, negated }, oid::BOOL))
    }

    /// `left name right`, or `name right`.
    pub(super) fn operator(
        &mut self,
        name: &str,
        left: Option<Expr>,
        right: Expr,
        location: i32,
    ) -> Result<Expr> {
        let row = self.find_operator(name, left.as_ref().map(|l| l.ty), right.ty, location)?;
        let proc = catalog::builtin::proc_by_oid(row.func)
            .ok_or_else(|| SqlError::internal("operator without a function"))?;
        let declared: Vec<Oid> = match left {
            Some(_) => vec![row.left, row.right],
            None => vec![row.right],
        };
        let args = left.into_iter().chain(std::iter::once(right)).collect();
        let mut expr = self.call(proc, &declared, args, None, location)?;
        if let ExprKind::Call(call) = &mut expr.kind {
            call.operator = Some(row.name);
        }
        Ok(expr)
    }

    /// Calls a function that is already chosen; `declared` are its parameter types as laid out.
    pub(super) fn call(
        &mut self,
        proc: &'static catalog::builtin::ProcRow,
        declared: &[Oid],
        args: Vec<Expr>,
        variadic_from: Option<usize>,
        location: i32,
    ) -> Result<Expr> {
        let actual: Vec<Oid> = args.iter().map(|arg| arg.ty).collect();
        let element = if declared.iter().chain([&proc.ret]).any(|ty| is_polymorphic(*ty)) {
            resolve_polymorphic(&actual, declared)
        } else {
            None
        };
        let mut coerced = Vec::with_capacity(args.len());
        for (arg, declared) in args.into_iter().zip(declared) {
            let target = element.map_or(*declared, |element| concrete(*declared, element));
            let source = arg.ty;
            let arg = match self.try_coerce(arg, target, Context::Implicit) {
                Ok(Some(arg)) => arg,
                Ok(None) => {
                    return Err(SqlError::internal(format!(
                        "cannot pass {} as {}",
                        self.type_name(source),
                        self.type_name(target)
                    )));
                }
                Err(error) => return Err(error),
            };
            coerced.push(match target {
                // The one function that tells an untyped literal.
                oid::ANY if proc.name == "pg_typeof" => arg,
                oid::ANY => self.any_argument(proc, arg)?,
                _ => arg,
            });
        }
        if let Some(from) = variadic_from
            && proc.variadic != oid::ANY
        {
            let elements: Vec<Expr> = coerced.drain(from..).collect();
            let element_type = elements.first().map_or(proc.variadic, |e| e.ty);
            let array = array_type(element_type)
                .ok_or_else(|| SqlError::internal("variadic of no array type"))?;
            coerced
                .push(Expr::new(ExprKind::Array { elements, element_type, nested: false }, array));
        }
        let result_type = element.map_or(proc.ret, |element| concrete(proc.ret, element));
        let site =
            functions::Site { arg_types: coerced.iter().map(|arg| arg.ty).collect(), result_type };
        if proc.retset {
            return self.set_call(proc, site, coerced, location);
        }
        let Some(function) = crate::system::scalar(proc) else {
            if proc.lang == catalog::builtin::LANGUAGE_SQL {
                return self.inline(proc, coerced, result_type, location);
            }
            return Err(not_supported(proc).at(self.position(location).max(1)));
        };
        let call = Call { proc, function, site, args: coerced, operator: None };
        Ok(Expr::new(ExprKind::Call(Box::new(call)), result_type))
    }

    /// An argument for a parameter of type `"any"`. Functions that print it cannot print the names
    /// that `reg*` types stand for, so those go in as text.
    fn any_argument(&mut self, proc: &'static ProcRow, arg: Expr) -> Result<Expr> {
        let arg = self.settle(arg)?;
        let prints = matches!(proc.name, "concat" | "concat_ws" | "format");
        if prints && crate::system::prints_names(arg.ty) {
            return self.cast(arg, oid::TEXT, -1, -1);
        }
        Ok(arg)
    }

    fn bool_expr(&mut self, expr: &protobuf::BoolExpr) -> Result<Expr> {
        let protobuf::BoolExpr { xpr: _, boolop, args, location: _ } = expr;
        let (name, kind): (_, fn(Vec<Expr>) -> ExprKind) = match BoolExprType::from_i32(*boolop) {
            Some(BoolExprType::AndExpr) => ("AND", ExprKind::And),
            Some(BoolExprType::OrExpr) => ("OR", ExprKind::Or),
            _ => ("NOT", |mut args| {
                ExprKind::Not(Box::new(args.pop().unwrap_or_else(|| Expr::null(oid::BOOL))))
            }),
        };
        let mut bound = Vec::with_capacity(args.len());
        for arg in args {
            let expr = self.expression(arg)?;
            bound.push(self.boolean(expr, name, node_location(arg).unwrap_or(-1))?);
        }
        Ok(Expr::new(kind(bound), oid::BOOL))
    }

    fn boolean_test(&mut self, test: &protobuf::BooleanTest) -> Result<Expr> {
        let protobuf::BooleanTest { xpr: _, arg, booltesttype, location } = test;
        let (name, value, negated) = match BoolTestType::from_i32(*booltesttype) {
            Some(BoolTestType::IsTrue) => ("IS TRUE", Some(true), false),
            Some(BoolTestType::IsNotTrue) => ("IS NOT TRUE", Some(true), true),
            Some(BoolTestType::IsFalse) => ("IS FALSE", Some(false), false),
            Some(BoolTestType::IsNotFalse) => ("IS NOT FALSE", Some(false), true),
            Some(BoolTestType::IsUnknown) => ("IS UNKNOWN", None, false),
            Some(BoolTestType::IsNotUnknown) => ("IS NOT UNKNOWN", None, true),
            _ => return Err(SqlError::internal("boolean test of no kind")),
        };
        let arg = self.boxed(arg)?;
        let arg = Box::new(self.boolean(arg, name, *location)?);
        Ok(Expr::new(ExprKind::BooleanTest { arg, value, negated }, oid::BOOL))
    }

    fn case(&mut self, case: &protobuf::CaseExpr) -> Result<Expr> {
        let protobuf::CaseExpr {
            xpr: _,
            casetype: _,
            casecollid: _,
            arg,
            args,
            defresult,
            location,
        } = case;
        let operand = match arg {
            Some(arg) => {
                let operand = self.expression(arg)?;
                Some(self.settle(operand)?)
            }
            None => None,
        };
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for when in args {
            let Some(NodeEnum::CaseWhen(when)) = &when.node else {
                return Err(SqlError::internal("CASE without WHEN"));
            };
            let protobuf::CaseWhen { xpr: _, expr, result, location } = when.as_ref();
            let condition = self.boxed(expr)?;
            conditions.push(match &operand {
                Some(operand) => {
                    let value = Expr {
                        kind: ExprKind::CaseOperand,
                        ty: operand.ty,
                        typmod: operand.typmod,
                    };
                    self.operator("=", Some(value), condition, *location)?
                }
                None => self.boolean(condition, "CASE/WHEN", *location)?,
            });
            results.push(self.boxed(result)?);
        }
        // The ELSE branch decides the type first, as in PostgreSQL.
        let otherwise = match defresult {
            Some(node) => self.expression(node)?,
            None => Expr::null(oid::UNKNOWN),
        };
        let mut all = vec![otherwise];
        all.append(&mut results);
        let (mut all, ty, typmod) = self.unify(all, "CASE", *location)?;
        let results = all.split_off(1);
        let otherwise = Box::new(all.pop().unwrap_or_else(|| Expr::null(ty)));
        let whens = conditions.into_iter().zip(results).collect();
        let case = Expr { kind: ExprKind::Case { whens, otherwise }, ty, typmod };
        Ok(match operand {
            Some(operand) => {
                Expr { kind: ExprKind::CaseWith(Box::new((operand, case))), ty, typmod }
            }
            None => case,
        })
    }

    fn sql_value(&mut self, function: &protobuf::SqlValueFunction) -> Result<Expr> {
        use protobuf::SqlValueFunctionOp as Op;
        let protobuf::SqlValueFunction { xpr: _, op, r#type: _, typmod, location: _ } = function;
        let (value, ty) = match Op::from_i32(*op) {
            Some(Op::SvfopCurrentDate) => (SqlValue::CurrentDate, oid::DATE),
            Some(Op::SvfopCurrentTime | Op::SvfopCurrentTimeN) => {
                (SqlValue::CurrentTime, oid::TIMETZ)
            }
            Some(Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN) => {
                (SqlValue::CurrentTimestamp, oid::TIMESTAMPTZ)
            }
            Some(Op::SvfopLocaltime | Op::SvfopLocaltimeN) => (SqlValue::LocalTime, oid::TIME),
            Some(Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN) => {
                (SqlValue::LocalTimestamp, oid::TIMESTAMP)
            }
            Some(Op::SvfopCurrentRole) => (SqlValue::CurrentRole, oid::NAME),
            Some(Op::SvfopCurrentUser | Op::SvfopUser) => (SqlValue::CurrentUser, oid::NAME),
            Some(Op::SvfopSessionUser) => (SqlValue::SessionUser, oid::NAME),
            Some(Op::SvfopCurrentCatalog) => (SqlValue::CurrentCatalog, oid::NAME),
            Some(Op::SvfopCurrentSchema) => (SqlValue::CurrentSchema, oid::NAME),
            _ => return Err(SqlError::internal("value function of no kind")),
        };
        let expr = Expr::new(ExprKind::SqlValue(value), ty);
        let timed = matches!(ty, oid::TIMETZ | oid::TIMESTAMPTZ | oid::TIME | oid::TIMESTAMP);
        if timed && *typmod >= 0 {
            return Ok(Expr {
                kind: ExprKind::ApplyTypmod { arg: Box::new(expr), explicit: true },
                ty,
                typmod: (*typmod).min(6),
            });
        }
        Ok(expr)
    }

    /// `ARRAY[…]`, of a given element type or of the elements' common one.
    fn array(&mut self, array: &protobuf::AArrayExpr, wanted: Option<Oid>) -> Result<Expr> {
        let protobuf::AArrayExpr { elements, location } = array;
        let mut bound = Vec::with_capacity(elements.len());
        let mut nested = false;
        for element in elements {
            bound.push(match &element.node {
                Some(NodeEnum::AArrayExpr(inner)) => {
                    nested = true;
                    self.deeper(|binder| binder.array(inner, wanted))?
                }
                _ => self.expression(element)?,
            });
        }
        nested |= bound.iter().any(|expr| element_type(expr.ty).is_some());
        if bound.is_empty() && wanted.is_none() {
            return Err(self
                .error(
                    SqlState::INDETERMINATE_DATATYPE,
                    "cannot determine type of empty array",
                    *location,
                )
                .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
        }
        let element_wanted = match wanted {
            Some(element) if nested => array_type(element),
            other => other,
        };
        let (elements, ty) = match element_wanted {
            Some(ty) => {
                let mut elements = Vec::with_capacity(bound.len());
                for expr in bound {
                    elements.push(self.cast(expr, ty, -1, *location)?);
                }
                (elements, ty)
            }
            None => {
                let (elements, ty, _) = self.unify(bound, "ARRAY", *location)?;
                (elements, ty)
            }
        };
        let element = if nested { element_type(ty).unwrap_or(ty) } else { ty };
        let array = array_type(element).ok_or_else(|| {
            self.error(
                SqlState::UNDEFINED_OBJECT,
                format!("could not find array type for data type {}", self.type_name(element)),
                *location,
            )
        })?;
        Ok(Expr::new(ExprKind::Array { elements, element_type: element, nested }, array))
    }

    fn collate(&mut self, collate: &protobuf::CollateClause) -> Result<Expr> {
        let protobuf::CollateClause { arg, collname, location } = collate;
        let names = strings(collname);
        let name = names.last().copied().unwrap_or_default();
        if !matches!(name, "C" | "POSIX" | "default" | "ucs_basic") {
            return Err(self.error(
                SqlState::UNDEFINED_OBJECT,
                format!("collation \"{}\" for encoding \"UTF8\" does not exist", names.join(".")),
                *location,
            ));
        }
        let arg = self.boxed(arg)?;
        let arg = self.settle(arg)?;
        if !matches!(arg.ty, oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME) {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                format!("collations are not supported by type {}", self.type_name(arg.ty)),
                *location,
            ));
        }
        // All of these order by bytes, as everything here does.
        Ok(arg)
    }

    /// `left name ANY (array)`, or ALL.
    fn quantified(
        &mut self,
        name: &str,
        left: Expr,
        array: Expr,
        all: bool,
        location: i32,
    ) -> Result<Expr> {
        let array = if array.ty == oid::UNKNOWN {
            let left_type = if left.ty == oid::UNKNOWN { oid::TEXT } else { left.ty };
            let ty = array_type(left_type)
                .ok_or_else(|| SqlError::internal("left side has no array type"))?;
            self.try_coerce(array, ty, Context::Implicit)?
                .ok_or_else(|| SqlError::internal("unknown literal does not coerce"))?
        } else {
            array
        };
        let Some(element) = element_type(array.ty) else {
            return Err(self.error(
                SqlState::WRONG_OBJECT_TYPE,
                "op ANY/ALL (array) requires array on right side",
                location,
            ));
        };
        let value = Expr::new(ExprKind::ArrayElement, element);
        let call = self.operator(name, Some(left), value, location)?;
        if call.ty != oid::BOOL {
            return Err(self.error(
                SqlState::WRONG_OBJECT_TYPE,
                "op ANY/ALL (array) requires operator to yield boolean",
                location,
            ));
        }
        let ExprKind::Call(call) = call.kind else {
            return Err(SqlError::internal("operator is not a call"));
        };
        Ok(Expr::new(ExprKind::ArrayQuantified { call, array: Box::new(array), all }, oid::BOOL))
    }

    fn in_list(
        &mut self,
        name: &str,
        left: &Option<Box<Node>>,
        right: &Option<Box<Node>>,
        location: i32,
    ) -> Result<Expr> {
        let Some(NodeEnum::List(list)) = right.as_ref().and_then(|node| node.node.as_ref()) else {
            return Err(SqlError::internal("IN without a list"));
        };
        let negated = name == "<>";
        if row_fields(left).is_some() {
            let mut parts = Vec::new();
            for item in &list.items {
                let item = Some(Box::new(item.clone()));
                let part = self.row_comparison(name, left, &item, location)?;
                parts.push(part.ok_or_else(|| {
                    self.error(
                        SqlState::SYNTAX_ERROR,
                        "unequal number of entries in row expressions",
                        location,
                    )
                })?);
            }
            return Ok(chain(parts, negated));
        }
        let value = self.boxed(left)?;
        let items = self.expressions(&list.items)?;
        // One comparison with an array where the types allow it.
        if items.len() > 1 {
            let mut types = vec![value.ty];
            types.extend(items.iter().map(|item| item.ty));
            if let Ok(common) = super::coerce::common_type(&types)
                && common != oid::RECORD
                && let Some(array) = array_type(common)
            {
                let mut elements = Vec::with_capacity(items.len());
                for item in items {
                    elements.push(self.coerce_to_common(item, common, "IN", location)?);
                }
                let array = Expr::new(
                    ExprKind::Array { elements, element_type: common, nested: false },
                    array,
                );
                return self.quantified(name, value, array, negated, location);
            }
        }
        let mut parts = Vec::new();
        for item in items {
            parts.push(self.operator(name, Some(value.clone()), item, location)?);
        }
        Ok(chain(parts, negated))
    }

    fn between(
        &mut self,
        kind: AExprKind,
        left: &Option<Box<Node>>,
        right: &Option<Box<Node>>,
        location: i32,
    ) -> Result<Expr> {
        let Some(NodeEnum::List(list)) = right.as_ref().and_then(|node| node.node.as_ref()) else {
            return Err(SqlError::internal("BETWEEN without bounds"));
        };
        let [low, high] = list.items.as_slice() else {
            return Err(SqlError::internal("BETWEEN without two bounds"));
        };
        let mut compare = |name: &str, bound: &Node| -> Result<Expr> {
            let (value, bound) = (self.boxed(left)?, self.expression(bound)?);
            self.operator(name, Some(value), bound, location)
        };
        let symmetric = matches!(kind, AExprKind::AexprBetweenSym | AExprKind::AexprNotBetweenSym);
        let inside = ExprKind::And(vec![compare(">=", low)?, compare("<=", high)?]);
        let mut expr = Expr::new(inside, oid::BOOL);
        if symmetric {
            let swapped = ExprKind::And(vec![compare(">=", high)?, compare("<=", low)?]);
            expr = Expr::new(ExprKind::Or(vec![expr, Expr::new(swapped, oid::BOOL)]), oid::BOOL);
        }
        if matches!(kind, AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym) {
            expr = Expr::new(ExprKind::Not(Box::new(expr)), oid::BOOL);
        }
        Ok(expr)
    }

    /// `(a, b) op (c, d)`, field by field; `None` if the sides are not both rows.
    fn row_comparison(
        &mut self,
        name: &str,
        left: &Option<Box<Node>>,
        right: &Option<Box<Node>>,
        location: i32,
    ) -> Result<Option<Expr>> {
        let (Some(left), Some(right)) = (row_fields(left), row_fields(right)) else {
            return Ok(None);
        };
        if left.len() != right.len() {
            return Err(self.error(
                SqlState::SYNTAX_ERROR,
                "unequal number of entries in row expressions",
                location,
            ));
        }
        let mut pairs = Vec::new();
        for (left, right) in left.iter().zip(right) {
            pairs.push((self.expression(left)?, self.expression(right)?));
        }
        self.compare_rows(name, pairs, location).map(Some)
    }

    /// Compares pairs of fields as rows.
    pub(super) fn compare_rows(
        &mut self,
        name: &str,
        pairs: Vec<(Expr, Expr)>,
        location: i32,
    ) -> Result<Expr> {
        match name {
            "=" | "<>" => {
                let mut parts = Vec::new();
                for (left, right) in pairs {
                    parts.push(self.operator(name, Some(left), right, location)?);
                }
                Ok(chain(parts, name == "="))
            }
            "<" | "<=" | ">" | ">=" => {
                // (a, b) < (c, d)  ⇔  a < c OR (a = c AND b < d)
                let strict = &name[..1];
                let mut result: Option<Expr> = None;
                for (left, right) in pairs.into_iter().rev() {
                    result = Some(match result {
                        None => self.operator(name, Some(left), right, location)?,
                        Some(rest) => {
                            let before =
                                self.operator(strict, Some(left.clone()), right.clone(), location)?;
                            let equal = self.operator("=", Some(left), right, location)?;
                            let tie = Expr::new(ExprKind::And(vec![equal, rest]), oid::BOOL);
                            Expr::new(ExprKind::Or(vec![before, tie]), oid::BOOL)
                        }
                    });
                }
                result.ok_or_else(|| {
                    self.error(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "cannot compare rows of zero length",
                        location,
                    )
                })
            }
            _ => Err(self
                .error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!("could not determine interpretation of row comparison operator {name}"),
                    location,
                )
                .hint("Row comparison operators must be associated with btree operator families.")),
        }
    }

    /// Fails if values of a type have no order.
    pub(super) fn require_ordering(&self, ty: Oid, location: i32) -> Result<()> {
        if crate::system::has_ordering(ty) {
            return Ok(());
        }
        Err(self
            .error(
                SqlState::UNDEFINED_FUNCTION,
                format!("could not identify an ordering operator for type {}", self.type_name(ty)),
                location,
            )
            .hint("Use an explicit ordering operator or modify the query."))
    }

    /// Fails if values of a type cannot be compared for equality.
    pub(super) fn require_equality(&self, ty: Oid, location: i32) -> Result<()> {
        if crate::system::has_equality(ty) {
            return Ok(());
        }
        Err(self.error(
            SqlState::UNDEFINED_FUNCTION,
            format!("could not identify an equality operator for type {}", self.type_name(ty)),
            location,
        ))
    }
}

/// AND (`all`) or OR of conditions.
fn chain(mut parts: Vec<Expr>, all: bool) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ if all => Expr::new(ExprKind::And(parts), oid::BOOL),
        _ => Expr::new(ExprKind::Or(parts), oid::BOOL),
    }
}

/// The fields of an explicit row.
fn row_fields(node: &Option<Box<Node>>) -> Option<&[Node]> {
    match node.as_ref()?.node.as_ref()? {
        NodeEnum::RowExpr(row) => Some(&row.args),
        _ => None,
    }
}

/// Where a node starts in the text, as PostgreSQL's `exprLocation` has it.
pub(super) fn node_location(node: &Node) -> Option<i32> {
    let location = match node.node.as_ref()? {
        NodeEnum::ColumnRef(node) => node.location,
        NodeEnum::AConst(node) => node.location,
        NodeEnum::ParamRef(node) => node.location,
        NodeEnum::FuncCall(node) => node.location,
        NodeEnum::SubLink(node) => node.location,
        NodeEnum::CaseExpr(node) => node.location,
        NodeEnum::CoalesceExpr(node) => node.location,
        NodeEnum::MinMaxExpr(node) => node.location,
        NodeEnum::RowExpr(node) => node.location,
        NodeEnum::AArrayExpr(node) => node.location,
        NodeEnum::TypeCast(node) => {
            let own = node.location;
            match node.arg.as_deref().and_then(node_location) {
                Some(arg) if arg >= 0 && (own < 0 || arg < own) => arg,
                _ => own,
            }
        }
        NodeEnum::AExpr(node) => {
            let own = node.location;
            match node.lexpr.as_deref().and_then(node_location) {
                Some(left) if left >= 0 && (own < 0 || left < own) => left,
                _ => own,
            }
        }
        NodeEnum::BoolExpr(node) => {
            let own = node.location;
            match node.args.first().and_then(node_location) {
                Some(first) if first >= 0 && (own < 0 || first < own) => first,
                _ => own,
            }
        }
        NodeEnum::SetToDefault(node) => node.location,
        NodeEnum::NullTest(node) => {
            node.arg.as_deref().and_then(node_location).unwrap_or(node.location)
        }
        NodeEnum::SqlvalueFunction(node) => node.location,
        _ => return None,
    };
    Some(location)
}

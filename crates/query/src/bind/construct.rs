//! CASE, COALESCE, GREATEST, ARRAY and the functions without parentheses.
//!
//! Source: PostgreSQL 16 `transformCaseExpr`, `transformArrayExpr` and their siblings,
//! `src/backend/parser/parse_expr.c`.

use parser::{NodeEnum, protobuf};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::coerce::Context;
use super::{Binder, required};
use crate::execute::eval::Members;
use crate::expr::{Expr, ExprKind, SqlValue};

impl Binder<'_> {
    pub(super) fn coalesce(&mut self, coalesce: &protobuf::CoalesceExpr) -> Result<Expr> {
        let protobuf::CoalesceExpr {
            xpr: _,
            coalescetype: _,
            coalescecollid: _,
            args,
            location: _,
        } = coalesce;
        let before = self.sets();
        let args = self.expressions(args)?;
        let (args, ty, typmod) = self.unify(args, "COALESCE")?;
        self.refuse_sets_since(before, "COALESCE")?;
        Ok(Expr::typed(ExprKind::Coalesce(args), ty, typmod))
    }

    pub(super) fn min_max(&mut self, minmax: &protobuf::MinMaxExpr) -> Result<Expr> {
        let protobuf::MinMaxExpr {
            xpr: _,
            minmaxtype: _,
            minmaxcollid: _,
            inputcollid: _,
            op,
            args,
            location: _,
        } = minmax;
        let least = *op == protobuf::MinMaxOp::IsLeast as i32;
        let args = self.expressions(args)?;
        let (args, ty, typmod) = self.unify(args, if least { "LEAST" } else { "GREATEST" })?;
        // PostgreSQL finds out when it plans, without a position.
        if !crate::system::has_ordering(self.cx.catalog.built_in(ty)) {
            return Err(SqlError::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("could not identify a comparison function for type {}", self.type_name(ty)),
            ));
        }
        Ok(Expr::typed(ExprKind::MinMax { args, least }, ty, typmod))
    }

    pub(super) fn case(&mut self, case: &protobuf::CaseExpr) -> Result<Expr> {
        let protobuf::CaseExpr {
            xpr: _,
            casetype: _,
            casecollid: _,
            arg,
            args,
            defresult,
            location: _,
        } = case;
        let before = self.sets();
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
            let condition = match &operand {
                Some(operand) => {
                    let value = Expr::typed(ExprKind::CaseOperand, operand.ty, operand.typmod);
                    self.operator(&["="], Some(value), condition, *location)?
                }
                None => condition,
            };
            conditions.push(self.boolean(condition, "CASE/WHEN")?);
            results.push(self.boxed(result)?);
        }
        // The ELSE branch decides the type first, as in PostgreSQL.
        let otherwise = match defresult {
            Some(node) => self.expression(node)?,
            None => Expr::null(oid::UNKNOWN),
        };
        let mut all = vec![otherwise];
        all.append(&mut results);
        let ty = self.common_type_of(&all, "CASE")?;
        let typmod = super::coerce::common_typmod(&all, ty);
        let mut all = all.into_iter();
        let otherwise = required(all.next())?;
        let otherwise = Box::new(self.coerce_to_common(otherwise, ty, "CASE/ELSE")?);
        let mut whens = Vec::with_capacity(conditions.len());
        for (condition, result) in conditions.into_iter().zip(all) {
            whens.push((condition, self.coerce_to_common(result, ty, "CASE/WHEN")?));
        }
        self.refuse_sets_since(before, "CASE")?;
        let case = Expr::typed(ExprKind::Case { whens, otherwise }, ty, typmod);
        Ok(match operand {
            Some(operand) => Expr::typed(ExprKind::CaseWith(Box::new((operand, case))), ty, typmod),
            None => case,
        })
    }

    pub(super) fn sql_value(&mut self, function: &protobuf::SqlValueFunction) -> Result<Expr> {
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
            let name = if matches!(ty, oid::TIME | oid::TIMETZ) { "TIME" } else { "TIMESTAMP" };
            let zone = match ty {
                oid::TIMETZ | oid::TIMESTAMPTZ => " WITH TIME ZONE",
                _ => "",
            };
            let what = format!("{name}({typmod}){zone}");
            let typmod = self.reduced_precision(*typmod, &what, -1);
            let kind = ExprKind::ApplyTypmod { arg: Box::new(expr), explicit: true };
            return Ok(Expr::typed(kind, ty, typmod));
        }
        Ok(expr)
    }

    /// `ARRAY[…]`, of a given element type and modifier or of the elements' common type.
    pub(super) fn array(
        &mut self,
        array: &protobuf::AArrayExpr,
        wanted: Option<(Oid, i32)>,
    ) -> Result<Expr> {
        let protobuf::AArrayExpr { elements: nodes, location } = array;
        let mut elements = Vec::with_capacity(nodes.len());
        let mut nested = false;
        for node in nodes {
            elements.push(match &node.node {
                Some(NodeEnum::AArrayExpr(inner)) => {
                    nested = true;
                    self.deeper(|binder| binder.array(inner, wanted))?.at(inner.location)
                }
                _ => {
                    let element = self.expression(node)?;
                    nested |= self.element_type(element.ty).is_some()
                        && !matches!(element.ty, oid::INT2VECTOR | oid::OIDVECTOR);
                    element
                }
            });
        }
        let undefined = |binder: &Self, message: String| {
            Err(binder.error(SqlState::UNDEFINED_OBJECT, message, *location))
        };
        let (element, array) = match wanted {
            Some((element, _)) => (element, self.array_type(element)),
            None if elements.is_empty() => {
                return Err(self
                    .error(
                        SqlState::INDETERMINATE_DATATYPE,
                        "cannot determine type of empty array",
                        *location,
                    )
                    .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
            }
            None => {
                let common = self.common_type_of(&elements, "ARRAY")?;
                if nested {
                    let Some(element) = self.element_type(common) else {
                        let name = self.type_name(common);
                        let message = format!("could not find element type for data type {name}");
                        return undefined(self, message);
                    };
                    (element, Some(common))
                } else {
                    let element = self.common_domain(&elements).unwrap_or(common);
                    (element, self.array_type(element))
                }
            }
        };
        let Some(array) = array else {
            let name = self.type_name(element);
            return undefined(self, format!("could not find array type for data type {name}"));
        };
        let target = if nested { array } else { element };
        let mut coerced = Vec::with_capacity(elements.len());
        for expr in elements {
            coerced.push(match wanted {
                Some((_, typmod)) => self.cast(expr, target, typmod, -1)?,
                None => self.coerce_to_common(expr, target, "ARRAY")?,
            });
        }
        let typmod = super::coerce::common_typmod(&coerced, target);
        let element_type = self.cx.catalog.built_in(element);
        let kind = ExprKind::Array { elements: coerced, element_type, nested };
        Ok(Expr::typed(kind, array, typmod))
    }

    /// `left name ANY (array)`, or ALL.
    ///
    /// Source: PostgreSQL 16 `make_scalar_array_op`, `src/backend/parser/parse_oper.c`.
    pub(super) fn quantified(
        &mut self,
        name: &[&str],
        left: Expr,
        array: Expr,
        all: bool,
        location: i32,
    ) -> Result<Expr> {
        let fail = |binder: &Self, message: &str| {
            Err(binder.error(SqlState::WRONG_OBJECT_TYPE, message, location))
        };
        let element = match array.ty {
            oid::UNKNOWN => oid::UNKNOWN,
            ty => match self.element_type(ty) {
                Some(element) => self.cx.catalog.beneath(element),
                None => return fail(self, "op ANY/ALL (array) requires array on right side"),
            },
        };
        let row = self.find_operator(name, Some(left.ty), element, location)?;
        let resolved = self.resolve_polymorphic(&[left.ty, element], &[row.left, row.right])?;
        if resolved.concrete(row.result) != oid::BOOL {
            return fail(self, "op ANY/ALL (array) requires operator to yield boolean");
        }
        // The array is cast as a whole where the operator wants another element type.
        let right = resolved.concrete(row.right);
        let array = match self.array_type(right) {
            _ if element == right || super::polymorphic::is_polymorphic(row.right) => array,
            Some(target) => {
                let source = array.ty;
                self.try_coerce(array, target, Context::Implicit)?.ok_or_else(|| {
                    SqlError::internal(format!("cannot pass {} to ANY", self.type_name(source)))
                })?
            }
            None => {
                let name = self.type_name(right);
                let message = format!("could not find array type for data type {name}");
                return Err(self.error(SqlState::UNDEFINED_OBJECT, message, location));
            }
        };
        let element = self.element_type(array.ty).unwrap_or(element);
        let value = Expr::new(ExprKind::ArrayElement, self.cx.catalog.beneath(element));
        let call = self.call_operator(row, Some(left), value, location)?;
        let ExprKind::Call(call) = call.kind else {
            return Err(SqlError::internal("operator is not a call"));
        };
        let array = Box::new(array);
        Ok(Expr::new(
            ExprKind::ArrayQuantified { call, array, all, members: Members::default() },
            oid::BOOL,
        ))
    }
}

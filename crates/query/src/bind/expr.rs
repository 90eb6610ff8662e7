//! Expressions: which kind of node is bound where.

use parser::protobuf::{self, NullTestType, a_const};
use parser::{Node, NodeEnum};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::collation::is_collatable;
use super::location::node_location;
use super::scope::Place;
use super::{Binder, required, strings, unsupported};
use crate::expr::{Expr, ExprKind};

impl Binder<'_> {
    /// Binds an expression; it knows where it starts in the text.
    pub(super) fn expression(&mut self, node: &Node) -> Result<Expr> {
        let expr = self.deeper(|binder| binder.expression_inner(node))?;
        // Aggregates and the like are named by their own place, not their arguments'.
        Ok(if expr.location < 0 { expr.at(node_location(node)) } else { expr })
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
            NodeEnum::CoalesceExpr(coalesce) => self.coalesce(coalesce),
            NodeEnum::MinMaxExpr(minmax) => self.min_max(minmax),
            NodeEnum::SqlvalueFunction(function) => self.sql_value(function),
            NodeEnum::AArrayExpr(array) => self.array(array, None),
            NodeEnum::RowExpr(row) => self.row(row),
            NodeEnum::AIndirection(indirection) => self.indirection(indirection),
            NodeEnum::CollateClause(collate) => self.collate(collate),
            NodeEnum::GroupingFunc(grouping) => self.grouping(grouping),
            NodeEnum::SetToDefault(default) => Err(self.error(
                SqlState::SYNTAX_ERROR,
                "DEFAULT is not allowed in this context",
                default.location,
            )),
            NodeEnum::NamedArgExpr(_) => Err(unsupported("named arguments here")),
            NodeEnum::XmlExpr(_) | NodeEnum::XmlSerialize(_) => {
                Err(SqlError::unsupported("datatype xml not supported"))
            }
            NodeEnum::CurrentOfExpr(_) => Err(unsupported("WHERE CURRENT OF")),
            NodeEnum::JsonObjectConstructor(json) => self.json_object(json),
            NodeEnum::JsonArrayConstructor(json) => self.json_array(json),
            NodeEnum::JsonArrayQueryConstructor(json) => self.json_array_query(json),
            NodeEnum::JsonObjectAgg(json) => self.json_object_agg(json),
            NodeEnum::JsonArrayAgg(json) => self.json_array_agg(json),
            NodeEnum::JsonIsPredicate(json) => self.is_json(json),
            NodeEnum::MultiAssignRef(_) => Err(unsupported("multiple-column assignment here")),
            _ => Err(SqlError::internal("unexpected node in an expression")),
        }
    }

    pub(super) fn constant(&mut self, constant: &protobuf::AConst) -> Result<Expr> {
        let protobuf::AConst { isnull, location, val } = constant;
        if *isnull {
            return Ok(Expr::null(oid::UNKNOWN));
        }
        match required(val.as_ref())? {
            a_const::Val::Ival(i) => Ok(Expr::constant(Datum::Int4(i.ival), oid::INT4)),
            a_const::Val::Fval(f) => {
                // A sign is part of the literal: -2147483648 is an integer.
                for ty in [oid::INT4, oid::INT8] {
                    if let Ok(value) = self.input(ty, &f.fval) {
                        return Ok(Expr::constant(value, ty));
                    }
                }
                let value = self
                    .input(oid::NUMERIC, &f.fval)
                    .map_err(|error| error.at(self.position(*location)))?;
                Ok(Expr::constant(value, oid::NUMERIC))
            }
            a_const::Val::Boolval(b) => Ok(Expr::constant(Datum::Bool(b.boolval), oid::BOOL)),
            a_const::Val::Sval(s) => Ok(Expr::constant(Datum::text(&s.sval), oid::UNKNOWN)),
            a_const::Val::Bsval(bits) => {
                let value = self
                    .input(oid::BIT, &bits.bsval)
                    .map_err(|error| error.at(self.position(*location)))?;
                Ok(Expr::constant(value, oid::BIT))
            }
        }
    }

    fn param(&mut self, param: &protobuf::ParamRef) -> Result<Expr> {
        let protobuf::ParamRef { number, location } = param;
        let undefined = |binder: &Self| {
            let message = format!("there is no parameter ${number}");
            Err(binder.error(SqlState::UNDEFINED_PARAMETER, message, *location))
        };
        let Some(index) = usize::try_from(*number).ok().and_then(|n| n.checked_sub(1)) else {
            return undefined(self);
        };
        if let Some(arg) = self.inlined_param(index) {
            return Ok(arg);
        }
        let of_function = self.function.as_ref().map(|function| function.types.len());
        if index >= of_function.unwrap_or(self.cx.params_max.max(self.params.len())) {
            return undefined(self);
        }
        if self.params.len() <= index {
            self.params.resize(index + 1, oid::UNKNOWN);
        }
        Ok(Expr::new(ExprKind::Param(index), self.params[index]))
    }

    fn type_cast(&mut self, cast: &protobuf::TypeCast) -> Result<Expr> {
        let protobuf::TypeCast { arg, type_name, location } = cast;
        let type_name = required(type_name.as_ref())?;
        let target = self.type_ref(type_name)?;
        let node = required(arg.as_deref())?;
        let location = if *location < 0 { type_name.location } else { *location };
        if self.cx.catalog.domain_by_oid(target.oid.0).is_some() {
            let (base, typmod) = self.cx.catalog.base_type(target.oid.0, -1);
            let expr = self.expression(node)?;
            let mut expr = self.cast(expr, Oid(base), typmod, location)?;
            self.check_domain(&mut expr, target.oid.0)?;
            return Ok(expr.at(-1));
        }
        // `ARRAY[…]::type[]`: the elements are of the element type at once.
        if let Some(NodeEnum::AArrayExpr(array)) = &node.node
            && let Some(element) = self.element_type(target.oid)
        {
            let expr = self.array(array, Some((element, target.typmod)))?.at(array.location);
            return self.cast(expr, target.oid, target.typmod, location);
        }
        let expr = self.expression(node)?;
        // What does not fit into a row type is found fault with where the cast stands.
        let is_row = matches!(expr.kind, ExprKind::Row { .. });
        let expr = if is_row { expr.at(location) } else { expr };
        let same = expr.ty == target.oid && expr.typmod == target.typmod;
        let cast = self.cast(expr, target.oid, target.typmod, location)?;
        // The result starts where the cast does, if there is anything to cast.
        Ok(if same { cast } else { cast.at(-1) })
    }

    fn bool_expr(&mut self, expr: &protobuf::BoolExpr) -> Result<Expr> {
        use protobuf::BoolExprType;
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
            bound.push(self.boolean(expr, name)?);
        }
        Ok(Expr::new(kind(bound), oid::BOOL))
    }

    fn boolean_test(&mut self, test: &protobuf::BooleanTest) -> Result<Expr> {
        let protobuf::BooleanTest { xpr: _, arg, booltesttype, location: _ } = test;
        let (name, value, negated) = match protobuf::BoolTestType::from_i32(*booltesttype) {
            Some(protobuf::BoolTestType::IsTrue) => ("IS TRUE", Some(true), false),
            Some(protobuf::BoolTestType::IsNotTrue) => ("IS NOT TRUE", Some(true), true),
            Some(protobuf::BoolTestType::IsFalse) => ("IS FALSE", Some(false), false),
            Some(protobuf::BoolTestType::IsNotFalse) => ("IS NOT FALSE", Some(false), true),
            Some(protobuf::BoolTestType::IsUnknown) => ("IS UNKNOWN", None, false),
            Some(protobuf::BoolTestType::IsNotUnknown) => ("IS NOT UNKNOWN", None, true),
            _ => return Err(SqlError::internal("boolean test of no kind")),
        };
        let arg = self.boxed(arg)?;
        let arg = Box::new(self.boolean(arg, name)?);
        Ok(Expr::new(ExprKind::BooleanTest { arg, value, negated }, oid::BOOL))
    }

    fn row(&mut self, row: &protobuf::RowExpr) -> Result<Expr> {
        let protobuf::RowExpr { xpr: _, args, row_typeid: _, row_format: _, colnames: _, location } =
            row;
        let fields = self.row_expressions(args)?;
        if fields.len() > super::target::COLUMNS_MAX {
            return Err(self.error(
                SqlState::TOO_MANY_COLUMNS,
                format!("ROW expressions can have at most {} entries", super::target::COLUMNS_MAX),
                *location,
            ));
        }
        let fields = fields
            .into_iter()
            .enumerate()
            .map(|(i, field)| (format!("f{}", i + 1).into(), field))
            .collect();
        Ok(Expr::new(ExprKind::Row { fields }, oid::RECORD))
    }

    fn collate(&mut self, collate: &protobuf::CollateClause) -> Result<Expr> {
        let protobuf::CollateClause { arg, collname, location } = collate;
        let names = strings(collname);
        let name = names.last().copied().unwrap_or_default();
        let arg = self.boxed(arg)?;
        if !is_collatable(arg.ty) {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                format!("collations are not supported by type {}", self.type_name(arg.ty)),
                *location,
            ));
        }
        if !matches!(name, "C" | "POSIX" | "default" | "ucs_basic") {
            return Err(self.error(
                SqlState::UNDEFINED_OBJECT,
                format!("collation \"{}\" for encoding \"UTF8\" does not exist", names.join(".")),
                *location,
            ));
        }
        let arg = self.settle(arg)?;
        let place = self.levels.last().map(|level| level.place);
        let is_checked = place.is_some_and(|place| {
            place.is_of_select()
                || matches!(
                    place,
                    Place::Values
                        | Place::ValuesRow
                        | Place::Returning
                        | Place::Update
                        | Place::Check
                )
        });
        // All of these order by bytes, as everything here does.
        Ok(if is_checked { self.collated(arg, name, *location) } else { arg })
    }
}

//! SQL/JSON: JSON_OBJECT, JSON_ARRAY, their aggregates, IS JSON.
//!
//! Source: PostgreSQL 16 `transformJsonObjectConstructor` and its siblings,
//! `src/backend/parser/parse_expr.c`.

use parser::protobuf::{self, JsonEncoding, JsonFormatType, JsonValueType};
use parser::{Node, NodeEnum};
use types::{Datum, Result, SqlError, SqlState, oid};

use super::coerce::Context;
use super::typename::TypeRef;
use super::{Binder, required};
use crate::expr::{Call, Expr, ExprKind};

/// What a constructor returns.
struct Returning {
    target: TypeRef,
    /// Built as jsonb rather than json.
    binary: bool,
}

impl Binder<'_> {
    pub(super) fn json_object(&mut self, json: &protobuf::JsonObjectConstructor) -> Result<Expr> {
        let protobuf::JsonObjectConstructor { exprs, output, absent_on_null, unique, location } =
            json;
        let mut args = Vec::with_capacity(exprs.len() * 2);
        for pair in exprs {
            let Some(NodeEnum::JsonKeyValue(pair)) = &pair.node else {
                return Err(SqlError::internal("JSON_OBJECT without keys and values"));
            };
            let protobuf::JsonKeyValue { key, value } = pair.as_ref();
            args.push(self.boxed(key)?);
            args.push(self.json_value(required(value.as_deref())?)?);
        }
        let returning = self.json_output(output.as_ref(), &args)?;
        let mut name = String::from(if returning.binary { "JSONB_OBJECT" } else { "JSON_OBJECT" });
        if *absent_on_null {
            name.push_str(" absent");
        }
        if *unique {
            name.push_str(" unique");
        }
        self.json_constructor(&name, "json_build_object", args, &returning, *location)
    }

    pub(super) fn json_array(&mut self, json: &protobuf::JsonArrayConstructor) -> Result<Expr> {
        let protobuf::JsonArrayConstructor { exprs, output, absent_on_null, location } = json;
        let mut args = Vec::with_capacity(exprs.len());
        for value in exprs {
            let Some(NodeEnum::JsonValueExpr(value)) = &value.node else {
                return Err(SqlError::internal("JSON_ARRAY without values"));
            };
            args.push(self.json_value(value)?);
        }
        let returning = self.json_output(output.as_ref(), &args)?;
        let mut name = String::from(if returning.binary { "JSONB_ARRAY" } else { "JSON_ARRAY" });
        if *absent_on_null {
            name.push_str(" absent");
        }
        self.json_constructor(&name, "json_build_array", args, &returning, *location)
    }

    /// `JSON_ARRAY(query)` aggregates the query's only column.
    pub(super) fn json_array_query(
        &mut self,
        json: &protobuf::JsonArrayQueryConstructor,
    ) -> Result<Expr> {
        let protobuf::JsonArrayQueryConstructor { query, output, format, absent_on_null, location } =
            json;
        let Some(NodeEnum::SelectStmt(select)) = query.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Err(SqlError::internal("JSON_ARRAY without a query"));
        };
        let params = self.params.clone();
        let width = self.select_statement(select)?.columns.len();
        self.params = params;
        if width != 1 {
            return Err(self.error(
                SqlState::SYNTAX_ERROR,
                "subquery must return only one column",
                *location,
            ));
        }
        let string = |text: &str| Node {
            node: Some(NodeEnum::String(protobuf::String { sval: text.to_owned() })),
        };
        let column =
            protobuf::ColumnRef { fields: vec![string("q"), string("a")], location: *location };
        let value = protobuf::JsonValueExpr {
            raw_expr: Some(Box::new(Node { node: Some(NodeEnum::ColumnRef(column)) })),
            formatted_expr: None,
            format: format.clone(),
        };
        let constructor = protobuf::JsonAggConstructor {
            output: output.clone(),
            agg_filter: None,
            agg_order: Vec::new(),
            over: None,
            location: *location,
        };
        let aggregate = protobuf::JsonArrayAgg {
            constructor: Some(Box::new(constructor)),
            arg: Some(Box::new(value)),
            absent_on_null: *absent_on_null,
        };
        let target = protobuf::ResTarget {
            name: String::new(),
            indirection: Vec::new(),
            val: Some(Box::new(Node { node: Some(NodeEnum::JsonArrayAgg(Box::new(aggregate))) })),
            location: *location,
        };
        let from = protobuf::RangeSubselect {
            lateral: false,
            subquery: query.clone(),
            alias: Some(protobuf::Alias { aliasname: "q".into(), colnames: vec![string("a")] }),
        };
        let outer = protobuf::SelectStmt {
            target_list: vec![Node { node: Some(NodeEnum::ResTarget(Box::new(target))) }],
            from_clause: vec![Node { node: Some(NodeEnum::RangeSubselect(Box::new(from))) }],
            ..Default::default()
        };
        let link = protobuf::SubLink {
            sub_link_type: protobuf::SubLinkType::ExprSublink as i32,
            subselect: Some(Box::new(Node { node: Some(NodeEnum::SelectStmt(Box::new(outer))) })),
            location: *location,
            ..Default::default()
        };
        self.sub_link(&link)
    }

    pub(super) fn json_object_agg(&mut self, json: &protobuf::JsonObjectAgg) -> Result<Expr> {
        let protobuf::JsonObjectAgg { constructor, arg, absent_on_null, unique } = json;
        let protobuf::JsonKeyValue { key, value } = required(arg.as_deref())?;
        let key = required(key.as_deref())?.clone();
        let value = self.formatted(required(value.as_deref())?)?;
        let suffix = match (*absent_on_null, *unique) {
            (true, true) => "_object_agg_unique_strict",
            (true, false) => "_object_agg_strict",
            (false, true) => "_object_agg_unique",
            (false, false) => "_object_agg",
        };
        self.json_aggregate(required(constructor.as_deref())?, suffix, vec![key, value])
    }

    pub(super) fn json_array_agg(&mut self, json: &protobuf::JsonArrayAgg) -> Result<Expr> {
        let protobuf::JsonArrayAgg { constructor, arg, absent_on_null } = json;
        let value = self.formatted(required(arg.as_deref())?)?;
        let suffix = if *absent_on_null { "_agg_strict" } else { "_agg" };
        self.json_aggregate(required(constructor.as_deref())?, suffix, vec![value])
    }

    fn json_aggregate(
        &mut self,
        constructor: &protobuf::JsonAggConstructor,
        suffix: &str,
        args: Vec<Node>,
    ) -> Result<Expr> {
        let protobuf::JsonAggConstructor { output, agg_filter, agg_order, over, location } =
            constructor;
        let bound = self.expressions(&args)?;
        let returning = self.json_output(output.as_ref(), &bound)?;
        let name = format!("{}{suffix}", if returning.binary { "jsonb" } else { "json" });
        let string = |text: &str| Node {
            node: Some(NodeEnum::String(protobuf::String { sval: text.to_owned() })),
        };
        let call = protobuf::FuncCall {
            funcname: vec![string("pg_catalog"), string(&name)],
            args,
            agg_order: agg_order.clone(),
            agg_filter: agg_filter.clone(),
            over: over.clone(),
            location: *location,
            ..Default::default()
        };
        let expr = self.function_call(&call)?.at(*location);
        self.json_result(expr, &returning, *location)
    }

    /// A value, as JSON if `FORMAT JSON` says so.
    fn json_value(&mut self, value: &protobuf::JsonValueExpr) -> Result<Expr> {
        let protobuf::JsonValueExpr { raw_expr, formatted_expr: _, format } = value;
        let expr = self.boxed(raw_expr)?;
        let Some(format) = format else { return Ok(expr) };
        if format.format_type == JsonFormatType::JsFormatDefault as i32
            || format.format_type == JsonFormatType::Undefined as i32
        {
            return Ok(expr);
        }
        if !matches!(expr.ty, oid::BYTEA) && has_encoding(format) {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                "JSON ENCODING clause is only allowed for bytea input type",
                format.location,
            ));
        }
        match expr.ty {
            oid::JSON | oid::JSONB => Ok(expr),
            oid::BYTEA => {
                let text = self.json_text(expr, format)?;
                self.cast(text, oid::JSON, -1, -1)
            }
            oid::UNKNOWN => self.cast(expr, oid::JSON, -1, -1),
            ty if self.cx.catalog.type_category(ty) == b'S' => self.cast(expr, oid::JSON, -1, -1),
            _ => Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                "cannot use non-string types with explicit FORMAT JSON clause",
                if format.location < 0 { expr.location } else { format.location },
            )),
        }
    }

    /// `RETURNING type`, or jsonb if an argument is jsonb, else json.
    fn json_output(
        &mut self,
        output: Option<&protobuf::JsonOutput>,
        args: &[Expr],
    ) -> Result<Returning> {
        let Some(output) = output else {
            let binary = args.iter().any(|arg| arg.ty == oid::JSONB);
            let oid = if binary { oid::JSONB } else { oid::JSON };
            return Ok(Returning { target: TypeRef { oid, typmod: -1 }, binary });
        };
        let protobuf::JsonOutput { type_name, returning } = output;
        let target = self.type_ref(required(type_name.as_ref())?)?;
        let format = returning.as_ref().and_then(|returning| returning.format.as_ref());
        let explicit = format.is_some_and(|format| {
            format.format_type != JsonFormatType::JsFormatDefault as i32
                && format.format_type != JsonFormatType::Undefined as i32
        });
        if let Some(format) = format
            && explicit
        {
            if target.oid == oid::BYTEA {
                self.check_encoding(format)?;
            } else if has_encoding(format) {
                return Err(self.error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "cannot set JSON encoding for non-bytea output types",
                    format.location,
                ));
            }
            if !matches!(target.oid, oid::JSON | oid::JSONB | oid::BYTEA)
                && self.cx.catalog.type_category(target.oid) != b'S'
            {
                return Err(self.error(
                    SqlState::DATATYPE_MISMATCH,
                    "cannot use JSON format with non-string output types",
                    format.location,
                ));
            }
        }
        Ok(Returning { target, binary: target.oid == oid::JSONB })
    }

    /// A call of an implementation that no `pg_proc` row has, in the place of `proc`.
    fn json_constructor(
        &mut self,
        name: &str,
        proc: &str,
        args: Vec<Expr>,
        returning: &Returning,
        location: i32,
    ) -> Result<Expr> {
        let function = functions::scalar(name)
            .ok_or_else(|| SqlError::internal(format!("no implementation of {name}")))?;
        let proc = catalog::builtin::procs_by_name(proc).first();
        let proc = proc.ok_or_else(|| SqlError::internal("no such function"))?;
        let mut settled = Vec::with_capacity(args.len());
        for arg in args {
            let arg = self.settle(arg)?;
            // The names that `reg*` types stand for are printed by their own functions only.
            settled.push(match crate::system::prints_names(arg.ty) {
                true => self.cast(arg, oid::TEXT, -1, -1)?,
                false => arg,
            });
        }
        let result_type = if returning.binary { oid::JSONB } else { oid::JSON };
        let arg_types = settled.iter().map(|arg| arg.ty).collect();
        let site = functions::Site { arg_types, result_type };
        let call = Call { proc, function, site, args: settled, operator: None };
        let expr = Expr::new(ExprKind::Call(Box::new(call)), result_type).at(location);
        self.json_result(expr, returning, location)
    }

    fn json_result(&mut self, expr: Expr, returning: &Returning, location: i32) -> Result<Expr> {
        let TypeRef { oid: target, typmod } = returning.target;
        let source = expr.ty;
        if target == oid::BYTEA {
            let text = self.cast(expr, oid::TEXT, -1, -1)?;
            return self.converted("convert_to", text).map(|bytes| bytes.at(location));
        }
        let result =
            self.try_coerce_typmod(expr.at(location), target, typmod, Context::Explicit)?;
        result.ok_or_else(|| {
            SqlError::new(
                SqlState::CANNOT_COERCE,
                format!(
                    "cannot cast type {} to {}",
                    self.type_name(source),
                    self.type_name(target)
                ),
            )
        })
    }

    /// The parse node of a value: cast to json if `FORMAT JSON` says so, an untyped literal to text.
    fn formatted(&mut self, value: &protobuf::JsonValueExpr) -> Result<Node> {
        let raw = required(value.raw_expr.as_deref())?;
        let ty = self.expression(raw)?.ty;
        let json = value
            .format
            .as_ref()
            .filter(|format| format.format_type == JsonFormatType::JsFormatJson as i32);
        let Some(format) = json else {
            return Ok(if ty == oid::UNKNOWN {
                cast_node(raw.clone(), "text")
            } else {
                raw.clone()
            });
        };
        if ty != oid::BYTEA {
            return Ok(cast_node(raw.clone(), "json"));
        }
        self.check_encoding(format)?;
        let encoding = protobuf::AConst {
            isnull: false,
            location: -1,
            val: Some(protobuf::a_const::Val::Sval(protobuf::String { sval: "UTF8".into() })),
        };
        let call = protobuf::FuncCall {
            funcname: qualified("convert_from"),
            args: vec![raw.clone(), Node { node: Some(NodeEnum::AConst(encoding)) }],
            location: -1,
            ..Default::default()
        };
        Ok(cast_node(Node { node: Some(NodeEnum::FuncCall(Box::new(call))) }, "json"))
    }

    /// Bytes that are JSON in the encoding named, as text.
    ///
    /// # Errors
    /// `0A000` for an encoding other than UTF8.
    fn json_text(&mut self, bytes: Expr, format: &protobuf::JsonFormat) -> Result<Expr> {
        self.check_encoding(format)?;
        self.converted("convert_from", bytes)
    }

    fn check_encoding(&self, format: &protobuf::JsonFormat) -> Result<()> {
        if !has_encoding(format) || format.encoding == JsonEncoding::JsEncUtf8 as i32 {
            return Ok(());
        }
        let message = "unsupported JSON encoding";
        let error = self.error(SqlState::FEATURE_NOT_SUPPORTED, message, format.location);
        Err(error.hint("Only UTF8 JSON encoding is supported."))
    }

    /// `name(arg, 'UTF8')`: `convert_from` or `convert_to`.
    fn converted(&mut self, name: &str, arg: Expr) -> Result<Expr> {
        let proc = required(catalog::builtin::procs_by_name(name).first())?;
        let function =
            crate::system::scalar(proc).ok_or_else(|| super::function::not_supported(proc))?;
        let location = arg.location;
        let args = vec![arg, Expr::constant(Datum::text("UTF8"), oid::NAME)];
        let site = self.site(&args, proc.ret);
        let call = Call { proc, function, site, args, operator: None };
        Ok(Expr::new(ExprKind::Call(Box::new(call)), proc.ret).at(location))
    }

    pub(super) fn is_json(&mut self, test: &protobuf::JsonIsPredicate) -> Result<Expr> {
        let protobuf::JsonIsPredicate { expr, format, item_type, unique_keys, location } = test;
        let mut arg = self.boxed(expr)?;
        if arg.ty == oid::UNKNOWN
            || (self.cx.catalog.type_category(arg.ty) == b'S' && arg.ty != oid::TEXT)
        {
            let target = oid::TEXT;
            arg = self
                .try_coerce(arg, target, Context::Implicit)?
                .ok_or_else(|| SqlError::internal("string is not text"))?;
        }
        if format.as_ref().is_some_and(has_encoding) && arg.ty != oid::BYTEA {
            return Err(self.error(
                SqlState::DATATYPE_MISMATCH,
                "cannot use JSON FORMAT ENCODING clause for non-bytea input types",
                *location,
            ));
        }
        if arg.ty == oid::BYTEA {
            arg = match format {
                Some(format) => self.json_text(arg, format)?,
                None => self.converted("convert_from", arg)?,
            };
        }
        if !matches!(arg.ty, oid::TEXT | oid::JSON | oid::JSONB) {
            return Err(SqlError::new(
                SqlState::DATATYPE_MISMATCH,
                format!("cannot use type {} in IS JSON predicate", self.type_name(arg.ty)),
            ));
        }
        let mut name = String::from(match JsonValueType::from_i32(*item_type) {
            Some(JsonValueType::JsTypeObject) => "IS JSON OBJECT",
            Some(JsonValueType::JsTypeArray) => "IS JSON ARRAY",
            Some(JsonValueType::JsTypeScalar) => "IS JSON SCALAR",
            _ => "IS JSON",
        });
        if *unique_keys {
            name.push_str(" unique");
        }
        let function = functions::scalar(&name)
            .ok_or_else(|| SqlError::internal(format!("no implementation of {name}")))?;
        let proc = catalog::builtin::procs_by_name("json_typeof").first();
        let proc = proc.ok_or_else(|| SqlError::internal("no such function"))?;
        let site = functions::Site { arg_types: [arg.ty].into(), result_type: oid::BOOL };
        let call = Call { proc, function, site, args: vec![arg], operator: None };
        Ok(Expr::new(ExprKind::Call(Box::new(call)), oid::BOOL))
    }
}

/// `pg_catalog.name`, as it is written before the parentheses of a call.
fn qualified(name: &str) -> Vec<Node> {
    let string = |text: &str| Node {
        node: Some(NodeEnum::String(protobuf::String { sval: text.to_owned() })),
    };
    vec![string("pg_catalog"), string(name)]
}

/// `node::pg_catalog.name`.
fn cast_node(node: Node, name: &str) -> Node {
    let type_name = protobuf::TypeName {
        names: qualified(name),
        typemod: -1,
        location: -1,
        ..Default::default()
    };
    let cast =
        protobuf::TypeCast { arg: Some(Box::new(node)), type_name: Some(type_name), location: -1 };
    Node { node: Some(NodeEnum::TypeCast(Box::new(cast))) }
}

fn has_encoding(format: &protobuf::JsonFormat) -> bool {
    format.encoding != JsonEncoding::JsEncDefault as i32
        && format.encoding != JsonEncoding::Undefined as i32
}

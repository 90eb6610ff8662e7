//! Calls of functions, aggregates and window functions.

use catalog::Function;
use catalog::builtin::{self, AggregateKind, ProcKind};
use catalog::objects::PG_CATALOG;
use parser::protobuf::{self, CoercionForm, SortByDir, SortByNulls};
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, oid};

use super::analyze::Analyzer;
use super::term::{Aggregate, Call, Column, Kind, Over, Sort, Term, Window};
use crate::bind::coerce::Context;
use crate::bind::function::{Actual, Candidate};
use crate::bind::polymorphic::Polymorphic;
use crate::bind::strings;

impl Analyzer<'_> {
    /// Arguments in their declared types, and the result type.
    pub(super) fn arguments(
        &mut self,
        args: Vec<Term>,
        declared: &[Oid],
        result: Oid,
    ) -> Result<(Vec<Term>, Oid)> {
        let actual: Vec<Oid> = args.iter().map(|arg| arg.ty).collect();
        let meaning = Polymorphic::of(&self.binder.cx.catalog, &actual, declared);
        let mut coerced = Vec::with_capacity(args.len());
        for (arg, declared) in args.into_iter().zip(declared) {
            coerced.push(self.implicit(arg, meaning.concrete(*declared))?);
        }
        Ok((coerced, meaning.concrete(result)))
    }

    pub(super) fn function_call(&mut self, call: &protobuf::FuncCall) -> Result<Term> {
        let names = strings(&call.funcname);
        let (schema, name) = match names.as_slice() {
            [name] => (None, *name),
            [.., schema, name] => (Some(*schema), *name),
            [] => return Err(SqlError::internal("function without a name")),
        };
        let mut arg_names = Vec::new();
        let mut args = Vec::new();
        for arg in &call.args {
            match &arg.node {
                Some(NodeEnum::NamedArgExpr(named)) => {
                    arg_names.push(named.name.clone());
                    args.push(self.boxed(&named.arg)?);
                }
                _ => args.push(self.term(arg)?),
            }
        }
        if call.agg_within_group {
            for item in &call.agg_order {
                if let Some(NodeEnum::SortBy(sort)) = &item.node {
                    args.push(self.boxed(&sort.node)?);
                }
            }
        }
        let actual: Vec<Oid> = args.iter().map(|arg| arg.ty).collect();
        let names: Vec<&str> = arg_names.iter().map(String::as_str).collect();
        let actual_args = Actual { types: &actual, names: &names, variadic: call.func_variadic };
        let found = self.binder.find_function(schema, name, actual_args);
        let candidate = match found {
            Ok(candidate) => candidate,
            // `type(x)` is a cast where no function has the name.
            Err(_) => {
                let ty = builtin::type_by_name(name).map(|row| row.oid);
                return match (ty, args.pop()) {
                    (Some(ty), Some(arg)) if args.is_empty() => {
                        self.coerce(arg, ty, Context::Explicit, false)
                    }
                    _ => Err(SqlError::internal(format!("stored call of {name} has no function"))),
                };
            }
        };
        if let Some(function) = &candidate.user {
            return self.user_call(&candidate, function, args, arg_names, call.func_variadic);
        }
        let proc = candidate.proc;
        let kind = builtin::aggregate(proc.oid).map(|aggregate| aggregate.kind);
        if kind == Some(AggregateKind::Hypothetical) {
            self.unify_hypothetical(&mut args, call.agg_order.len())?;
        }
        let (mut args, ty) = self.arguments(args, &candidate.declared, proc.ret)?;
        let mut variadic = call.func_variadic;
        if let Some(from) = candidate.variadic_from
            && proc.variadic != oid::ANY
        {
            let elements = args.split_off(from);
            let element = elements.first().map_or(proc.variadic, |element| element.ty);
            let array = self
                .binder
                .array_type(element)
                .ok_or_else(|| SqlError::internal("variadic of no array type"))?;
            args.push(Term::new(Kind::Array(elements), array));
            variadic = true;
        }
        let mut aggregate = match proc.kind {
            ProcKind::Aggregate | ProcKind::Window => Some(Aggregate {
                star: call.agg_star,
                distinct: call.agg_distinct,
                order: self.sort_terms(&call.agg_order)?,
                filter: match &call.agg_filter {
                    Some(filter) => Some(self.condition(filter)?),
                    None => None,
                },
                within_group: call.agg_within_group,
            }),
            ProcKind::Function | ProcKind::Procedure => None,
        };
        if let Some(aggregate) = &mut aggregate
            && aggregate.within_group
        {
            // The function's last arguments are what it orders by.
            let direct = args.len().saturating_sub(aggregate.order.len());
            for (sort, arg) in aggregate.order.iter_mut().zip(args.split_off(direct)) {
                sort.term = arg;
            }
        }
        let over = match &call.over {
            Some(over) if !over.name.is_empty() => Some(Over::Name(over.name.clone())),
            Some(over) => Some(Over::Spec(self.window(over)?)),
            None => None,
        };
        let call = Call {
            schema: proc.schema,
            name: proc.name.to_owned(),
            args,
            arg_names,
            variadic,
            sql_syntax: proc.schema == PG_CATALOG
                && call.funcformat == CoercionForm::CoerceSqlSyntax as i32,
            aggregate,
            over,
            outputs: outputs(&self.binder.cx.catalog, proc, &actual),
        };
        Ok(Term::new(Kind::Call(Box::new(call)), ty))
    }

    /// Gives hypothetical arguments the types of the columns that they stand for.
    fn unify_hypothetical(&mut self, args: &mut [Term], ordered: usize) -> Result<()> {
        let Some(first) = args.len().checked_sub(2 * ordered) else { return Ok(()) };
        let (direct, columns) = args[first..].split_at_mut(ordered);
        for (direct, column) in direct.iter_mut().zip(columns) {
            let (pair, _, _) = self.unify(vec![column.clone(), direct.clone()])?;
            for (place, term) in [&mut *column, &mut *direct].into_iter().zip(pair) {
                *place = term;
            }
        }
        Ok(())
    }

    /// A call of a user's function.
    fn user_call(
        &mut self,
        candidate: &Candidate,
        function: &Function,
        args: Vec<Term>,
        arg_names: Vec<String>,
        variadic: bool,
    ) -> Result<Term> {
        let catalog = &self.binder.cx.catalog;
        let returns = Oid(catalog.base_type(function.returns, -1).0);
        let outputs = function.outputs().enumerate().map(|(at, output)| Column {
            name: output.name.clone().unwrap_or_else(|| format!("column{}", at + 1)),
            ty: Oid(catalog.base_type(output.type_oid, -1).0),
            typmod: -1,
        });
        let outputs = outputs.collect();
        let (mut args, ty) = self.arguments(args, &candidate.declared, returns)?;
        let mut spread = variadic;
        if let Some(from) = candidate.variadic_from {
            let elements = args.split_off(from);
            let element = elements.first().map_or(oid::TEXT, |element| element.ty);
            let array = self
                .binder
                .array_type(element)
                .ok_or_else(|| SqlError::internal("variadic of no array type"))?;
            args.push(Term::new(Kind::Array(elements), array));
            spread = true;
        }
        let call = Call {
            schema: function.schema,
            name: function.name.clone(),
            args,
            arg_names,
            variadic: spread,
            sql_syntax: false,
            aggregate: None,
            over: None,
            outputs,
        };
        Ok(Term::new(Kind::Call(Box::new(call)), ty))
    }

    /// A condition.
    pub(super) fn condition(&mut self, node: &Node) -> Result<Term> {
        let term = self.term(node)?;
        self.implicit(term, oid::BOOL)
    }

    /// `ORDER BY` of a call or window.
    pub(super) fn sort_terms(&mut self, nodes: &[Node]) -> Result<Vec<Sort>> {
        let mut items = Vec::new();
        for node in nodes {
            let Some(NodeEnum::SortBy(sort)) = &node.node else { continue };
            let term = self.boxed(&sort.node)?;
            let term = self.settle(term)?;
            items.push(sort_item(sort, term, None));
        }
        Ok(items)
    }

    /// A window's definition.
    pub(super) fn window(&mut self, window: &protobuf::WindowDef) -> Result<Window> {
        let mut partition = Vec::new();
        for node in &window.partition_clause {
            let term = self.term(node)?;
            partition.push(self.settle(term)?);
        }
        let order = self.sort_terms(&window.order_clause)?;
        /// `FRAMEOPTION_RANGE`.
        const RANGE: i32 = 0x2;
        let wanted = match (window.frame_options & RANGE != 0, order.first()) {
            (false, _) => oid::INT8,
            (true, Some(sort)) => match sort.term.ty {
                oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME | oid::TIMETZ => {
                    oid::INTERVAL
                }
                other => other,
            },
            (true, None) => oid::INT8,
        };
        let mut offset = |node: &Option<Box<Node>>| -> Result<Option<Term>> {
            let Some(node) = node else { return Ok(None) };
            let term = self.term(node)?;
            self.implicit(term, wanted).map(Some)
        };
        let (start, end) = (offset(&window.start_offset)?, offset(&window.end_offset)?);
        let (base, frame) = (window.refname.clone(), window.frame_options);
        Ok(Window { base, partition, order, frame, start, end })
    }
}

/// The columns of a function's result, if it has output arguments.
fn outputs(
    catalog: &catalog::Catalog,
    proc: &'static builtin::ProcRow,
    actual: &[Oid],
) -> Vec<Column> {
    let outputs =
        crate::bind::range_function::output_arguments(catalog, proc, actual).unwrap_or_default();
    let column = |(name, ty): (&str, Oid)| Column { name: name.to_owned(), ty, typmod: -1 };
    outputs.into_iter().map(column).collect()
}

/// A sort item with its direction.
pub(super) fn sort_item(sort: &protobuf::SortBy, term: Term, output: Option<String>) -> Sort {
    let descending = match SortByDir::from_i32(sort.sortby_dir) {
        Some(SortByDir::SortbyDesc) => true,
        Some(SortByDir::SortbyUsing) => strings(&sort.use_op).last() == Some(&">"),
        _ => false,
    };
    let nulls_first = match SortByNulls::from_i32(sort.sortby_nulls) {
        Some(SortByNulls::SortbyNullsFirst) => true,
        Some(SortByNulls::SortbyNullsLast) => false,
        _ => descending,
    };
    Sort { term, output, descending, nulls_first }
}

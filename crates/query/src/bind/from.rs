//! FROM: tables, sub-queries, functions, joins.

use std::sync::Arc;

use catalog::objects::{ObjectId, Privilege};
use parser::protobuf::{self, JoinType};
use parser::{Node, NodeEnum};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::coerce::{concrete, resolve_polymorphic};
use super::query::{FromItem, OutputColumn, Relation, Source};
use super::scope::{ExprPlace, Item, ItemColumn};
use super::{Binder, CteSource, required, strings, unsupported};
use crate::expr::{Expr, ExprKind};
use crate::plan::{FunctionCall, FunctionSource, JoinKind};

impl Binder<'_> {
    pub(super) fn bind_from(&mut self, nodes: &[Node]) -> Result<Vec<FromItem>> {
        let mut from = Vec::new();
        for node in nodes {
            from.push(self.bind_from_item(node)?);
            self.check_aliases()?;
        }
        Ok(from)
    }

    fn check_aliases(&mut self) -> Result<()> {
        let level = self.level()?;
        for (position, item) in level.items.iter().enumerate() {
            let Some(alias) = item.alias.as_ref().filter(|_| item.qualified) else { continue };
            let clash = level.items[..position].iter().any(|other| {
                other.qualified
                    && other.alias.as_ref() == Some(alias)
                    && (other.schema.is_none()
                        || item.schema.is_none()
                        || other.schema == item.schema)
            });
            if clash {
                return Err(SqlError::new(
                    SqlState::DUPLICATE_ALIAS,
                    format!("table name \"{alias}\" specified more than once"),
                ));
            }
        }
        Ok(())
    }

    fn bind_from_item(&mut self, node: &Node) -> Result<FromItem> {
        self.deeper(|binder| match required(node.node.as_ref())? {
            NodeEnum::RangeVar(range) => {
                let (relation, schema) = binder.range_var(range)?;
                Ok(FromItem::Relation(binder.level()?.add_relation(relation, schema)))
            }
            NodeEnum::RangeSubselect(subselect) => binder.range_subselect(subselect),
            NodeEnum::RangeFunction(function) => binder.range_function(function),
            NodeEnum::JoinExpr(join) => binder.join(join),
            NodeEnum::RangeTableSample(_) => {
                Err(SqlError::unsupported("TABLESAMPLE clause not supported"))
            }
            NodeEnum::RangeTableFunc(_) => Err(unsupported("XMLTABLE")),
            _ => Err(SqlError::internal("unexpected FROM item")),
        })
    }

    /// A table, catalog relation or CTE by name.
    pub(super) fn range_var(
        &mut self,
        range: &protobuf::RangeVar,
    ) -> Result<(Relation, Option<String>)> {
        // ONLY and `*` mean the same where nothing inherits.
        let protobuf::RangeVar {
            catalogname,
            schemaname,
            relname,
            inh: _,
            relpersistence: _,
            alias,
            location,
        } = range;
        self.check_database(catalogname, relname, *location)?;
        let found = if schemaname.is_empty() {
            self.ctes.iter().rev().find(|cte| cte.name == *relname).cloned()
        } else {
            None
        };
        let (source, mut columns, schema) = match found {
            Some(cte) => {
                let source = match cte.source {
                    CteSource::Cte(number) => Source::Cte(number),
                    CteSource::WorkTable(number) => Source::WorkTable(number),
                };
                (source, cte.columns, None)
            }
            None => {
                let (schema, source) = self.relation(schemaname, relname, *location)?;
                if let Source::Table { table, live: _ } = &source {
                    crate::system::check_table_privilege(self.cx, table, Privilege::Select)?;
                }
                let columns = source_columns(&source)?;
                let name = self.cx.catalog.schema_by_oid(schema).map(|schema| schema.name.clone());
                (source, columns, name)
            }
        };
        let (name, names) = alias_parts(alias.as_ref());
        let renamed = name.is_some();
        let alias = name.unwrap_or_else(|| relname.clone());
        self.rename(&alias, &mut columns, &names, *location)?;
        let schema = if renamed { None } else { schema };
        Ok((Relation { source, alias, columns, lateral: false }, schema))
    }

    pub(super) fn check_database(&self, database: &str, name: &str, location: i32) -> Result<()> {
        if database.is_empty() || database == self.cx.database {
            return Ok(());
        }
        Err(self.error(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("cross-database references are not implemented: \"{database}.{name}\""),
            location,
        ))
    }

    fn rename(
        &self,
        alias: &str,
        columns: &mut [OutputColumn],
        names: &[&str],
        location: i32,
    ) -> Result<()> {
        super::select::rename_columns(columns, names).map_err(|(available, specified)| {
            self.error(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!(
                    "table \"{alias}\" has {available} columns available but {specified} columns \
                     specified"
                ),
                location,
            )
        })
    }

    /// Finds a stored or built-in relation, along the search path if no schema is given.
    pub(super) fn relation(
        &mut self,
        schema: &str,
        name: &str,
        location: i32,
    ) -> Result<(ObjectId, Source)> {
        let undefined = |binder: &Self| {
            let name = if schema.is_empty() { name.to_owned() } else { format!("{schema}.{name}") };
            binder.error(
                SqlState::UNDEFINED_TABLE,
                format!("relation \"{name}\" does not exist"),
                location,
            )
        };
        let path: Vec<ObjectId> = if schema.is_empty() {
            self.cx.search_path.clone()
        } else {
            match self.cx.catalog.schema(schema) {
                Some(schema) => vec![schema.oid],
                None => return Err(undefined(self)),
            }
        };
        for schema in path {
            if let Some(table) = self.cx.catalog.table(schema, name).cloned() {
                crate::system::check_schema_usage(self.cx, schema)?;
                self.uses(&table);
                let live = table.live_columns().map(|(position, _)| position).collect();
                return Ok((schema, Source::Table { table, live }));
            }
            if let Some(relation) = catalog::system::relation(schema, name) {
                return Ok((schema, Source::System(relation.oid)));
            }
            if self.cx.catalog.relation_exists(schema, name) {
                return Err(self
                    .error(
                        SqlState::WRONG_OBJECT_TYPE,
                        format!("cannot open relation \"{name}\""),
                        location,
                    )
                    .detail("This operation is not supported for indexes."));
            }
        }
        Err(undefined(self))
    }

    fn range_subselect(&mut self, node: &protobuf::RangeSubselect) -> Result<FromItem> {
        let protobuf::RangeSubselect { lateral, subquery, alias } = node;
        let Some(NodeEnum::SelectStmt(select)) =
            subquery.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Err(SqlError::internal("sub-query is not a SELECT"));
        };
        let hidden = self.hide_siblings(*lateral)?;
        let query = self.select_statement(select);
        self.show_siblings(hidden)?;
        let query = query?;
        let mut columns = query.columns.clone();
        let (name, names) = alias_parts(alias.as_ref());
        let alias = name.clone().unwrap_or_else(|| "unnamed_subquery".into());
        self.rename(&alias, &mut columns, &names, -1)?;
        let relation =
            Relation { source: Source::Query(Arc::new(query)), alias, columns, lateral: *lateral };
        let number = self.level()?.add_relation(relation, None);
        if name.is_none()
            && let Some(item) = self.level()?.items.last_mut()
        {
            (item.qualified, item.alias) = (false, None);
        }
        Ok(FromItem::Relation(number))
    }

    /// Takes the FROM items to the left out of sight while something not LATERAL is bound.
    fn hide_siblings(&mut self, lateral: bool) -> Result<Option<Vec<Item>>> {
        if lateral {
            return Ok(None);
        }
        let level = self.level()?;
        let items = std::mem::take(&mut level.items);
        // They stay known by name for the error message.
        level.items = items
            .iter()
            .map(|item| Item { unqualified: false, lateral_only: true, ..item.clone() })
            .collect();
        Ok(Some(items))
    }

    fn show_siblings(&mut self, hidden: Option<Vec<Item>>) -> Result<()> {
        if let Some(items) = hidden {
            self.level()?.items = items;
        }
        Ok(())
    }

    fn range_function(&mut self, node: &protobuf::RangeFunction) -> Result<FromItem> {
        let protobuf::RangeFunction {
            // Functions see the items to their left anyway.
            lateral: _,
            ordinality,
            is_rowsfrom: _,
            functions,
            alias,
            coldeflist,
        } = node;
        self.level()?.place = ExprPlace::From;
        let (name, names) = alias_parts(alias.as_ref());
        let mut calls = Vec::new();
        let mut columns = Vec::new();
        let mut first_name = None;
        for function in functions {
            let Some(NodeEnum::List(list)) = &function.node else {
                return Err(SqlError::internal("function item without a list"));
            };
            let call = required(list.items.first())?;
            let definitions = match list.items.get(1).and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::List(list)) => list.items.as_slice(),
                _ => coldeflist.as_slice(),
            };
            let function_name = super::select::column_name(call);
            first_name.get_or_insert_with(|| function_name.clone());
            let parts = unnest_parts(call);
            let single = functions.len() == 1 && parts.len() == 1;
            // A single scalar result is called like the alias, if there is one.
            let column_name = match &name {
                Some(alias) if single => alias.clone(),
                _ => function_name,
            };
            for part in &parts {
                let expr = self.expression(part)?;
                let (call, outputs) = self.table_function(expr, &column_name, definitions)?;
                calls.push(Arc::new(call));
                columns.extend(outputs);
            }
        }
        if *ordinality {
            columns.push(OutputColumn {
                name: "ordinality".into(),
                ty: oid::INT8,
                typmod: -1,
                origin: None,
            });
        }
        let alias = name.unwrap_or_else(|| first_name.unwrap_or_default());
        self.rename(&alias, &mut columns, &names, -1)?;
        let source = Source::Functions { calls, ordinality: *ordinality };
        let relation = Relation { source, alias, columns, lateral: true };
        Ok(FromItem::Relation(self.level()?.add_relation(relation, None)))
    }

    /// A call in FROM, with its output columns.
    fn table_function(
        &mut self,
        expr: Expr,
        column_name: &str,
        definitions: &[Node],
    ) -> Result<(FunctionCall, Vec<OutputColumn>)> {
        let column = |name: &str, ty: Oid, typmod: i32| OutputColumn {
            name: name.to_owned(),
            ty,
            typmod,
            origin: None,
        };
        let ty = expr.ty;
        let named = row_fields(&expr);
        let mut outputs = Vec::new();
        let mut composite = false;
        if !definitions.is_empty() {
            if ty != oid::RECORD {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    "a column definition list is only allowed for functions returning \"record\"",
                ));
            }
            for definition in definitions {
                let Some(NodeEnum::ColumnDef(definition)) = &definition.node else { continue };
                let ty = self.type_ref(required(definition.type_name.as_ref())?)?;
                outputs.push(column(&definition.colname, ty.oid, ty.typmod));
            }
            composite = true;
        } else if let Some(named) = named {
            composite = ty == oid::RECORD;
            for (name, ty) in named {
                // The name of a single result comes before any alias of the call.
                let name = if composite || !name.is_empty() { name } else { column_name };
                outputs.push(column(name, ty, -1));
            }
        } else if ty == oid::RECORD {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                "a column definition list is required for functions returning \"record\"",
            ));
        } else {
            outputs.push(column(column_name, ty, expr.typmod));
        }
        let columns = outputs.len();
        let call = match expr.kind {
            ExprKind::SetReturning(call) => {
                let call = *call;
                FunctionCall {
                    source: FunctionSource::Set(call.function, call.site),
                    strict: call.proc.strict,
                    args: call.args,
                    columns,
                    composite,
                }
            }
            ExprKind::Call(call) => FunctionCall {
                args: Vec::new(),
                strict: false,
                columns,
                composite,
                source: FunctionSource::Scalar(Box::new(Expr {
                    kind: ExprKind::Call(call),
                    ty: expr.ty,
                    typmod: expr.typmod,
                })),
            },
            kind => FunctionCall {
                args: Vec::new(),
                strict: false,
                columns,
                composite,
                source: FunctionSource::Scalar(Box::new(Expr {
                    kind,
                    ty: expr.ty,
                    typmod: expr.typmod,
                })),
            },
        };
        Ok((call, outputs))
    }

    fn join(&mut self, join: &protobuf::JoinExpr) -> Result<FromItem> {
        let protobuf::JoinExpr {
            jointype,
            is_natural,
            larg,
            rarg,
            using_clause,
            join_using_alias,
            quals,
            alias,
            rtindex: _,
        } = join;
        let kind = match JoinType::from_i32(*jointype) {
            Some(JoinType::JoinLeft) => JoinKind::Left,
            Some(JoinType::JoinRight) => JoinKind::Right,
            Some(JoinType::JoinFull) => JoinKind::Full,
            _ => JoinKind::Inner,
        };
        let start = self.level()?.items.len();
        let left = self.bind_from_item(required(larg.as_deref())?)?;
        let middle = self.level()?.items.len();
        let right = self.bind_from_item(required(rarg.as_deref())?)?;
        self.check_aliases()?;
        let items = self.level()?.items.split_off(start);
        let (left_items, right_items) = items.split_at(middle - start);
        let (mut left_items, mut right_items) = (left_items.to_vec(), right_items.to_vec());

        let names: Vec<String> = if *is_natural {
            let right_names: Vec<&str> = visible(&right_items).map(|c| c.name.as_str()).collect();
            visible(&left_items)
                .filter(|column| right_names.contains(&column.name.as_str()))
                .map(|column| column.name.clone())
                .collect()
        } else {
            strings(using_clause).into_iter().map(str::to_owned).collect()
        };
        let mut on = None;
        let mut merged_items = None;
        if !names.is_empty() {
            let (condition, merged) =
                self.merge_columns(&names, kind, &left_items, &right_items)?;
            on = Some(condition);
            // `*` shows the merged columns first, then the rest of both sides.
            let mut columns = merged.clone();
            for item in left_items.iter().chain(&right_items).filter(|item| item.unqualified) {
                columns.extend(item.columns.iter().filter(|c| !names.contains(&c.name)).cloned());
            }
            for item in left_items.iter_mut().chain(&mut right_items) {
                item.unqualified = false;
            }
            let named = join_using_alias.as_ref().map(|alias| Item {
                alias: Some(alias.aliasname.clone()),
                schema: None,
                columns: merged,
                qualified: true,
                unqualified: false,
                lateral_only: false,
            });
            let all = Item {
                alias: None,
                schema: None,
                columns,
                qualified: false,
                unqualified: true,
                lateral_only: false,
            };
            merged_items = Some((all, named));
        }
        let level = self.level()?;
        level.items.extend(left_items);
        level.items.extend(right_items);
        if let Some((all, named)) = merged_items {
            level.items.extend(named);
            level.items.push(all);
        }
        if let Some(quals) = quals {
            // The condition sees the two sides of this join only.
            let before = self.level()?.items.drain(..start).collect::<Vec<_>>();
            let place = std::mem::replace(&mut self.level()?.place, ExprPlace::JoinCondition);
            let condition = self.expression(quals);
            let level = self.level()?;
            level.place = place;
            level.items.splice(0..0, before);
            let location = super::expr::node_location(quals).unwrap_or(-1);
            on = Some(self.boolean(condition?, "JOIN/ON", location)?);
        }
        if let Some(alias) = alias {
            self.alias_join(alias, start)?;
        }
        Ok(FromItem::Join { kind, left: Box::new(left), right: Box::new(right), on })
    }

    /// `(… JOIN …) AS alias`: the parts are hidden behind one item.
    fn alias_join(&mut self, alias: &protobuf::Alias, start: usize) -> Result<()> {
        let parts = self.level()?.items.split_off(start);
        let mut columns: Vec<ItemColumn> = visible(&parts).cloned().collect();
        let names = strings(&alias.colnames);
        if names.len() > columns.len() {
            return Err(SqlError::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!(
                    "join expression \"{}\" has {} columns available but {} columns specified",
                    alias.aliasname,
                    columns.len(),
                    names.len()
                ),
            ));
        }
        for (column, name) in columns.iter_mut().zip(names) {
            name.clone_into(&mut column.name);
        }
        self.level()?.items.push(Item {
            alias: Some(alias.aliasname.clone()),
            schema: None,
            columns,
            qualified: true,
            unqualified: true,
            lateral_only: false,
        });
        Ok(())
    }

    /// The condition of `USING (names)`, and the columns it merges.
    fn merge_columns(
        &mut self,
        names: &[String],
        kind: JoinKind,
        left: &[Item],
        right: &[Item],
    ) -> Result<(Expr, Vec<ItemColumn>)> {
        let mut conditions = Vec::new();
        let mut merged = Vec::new();
        for name in names {
            let side = |items: &[Item], which: &str| -> Result<ItemColumn> {
                let mut found = visible(items).filter(|column| column.name == *name);
                match (found.next(), found.next()) {
                    (Some(column), None) => Ok(column.clone()),
                    (Some(_), Some(_)) => Err(SqlError::new(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!(
                            "common column name \"{name}\" appears more than once in {which} table"
                        ),
                    )),
                    (None, _) => Err(SqlError::new(
                        SqlState::UNDEFINED_COLUMN,
                        format!(
                            "column \"{name}\" specified in USING clause does not exist in {which} table"
                        ),
                    )),
                }
            };
            let (l, r) = (side(left, "left")?, side(right, "right")?);
            conditions.push(self.operator("=", Some(l.expr.clone()), r.expr.clone(), -1)?);
            let origin = l.origin;
            let expr = match kind {
                JoinKind::Right => r.expr,
                JoinKind::Full => {
                    let (args, ty, typmod) = self.unify(vec![l.expr, r.expr], "JOIN/USING", -1)?;
                    Expr { kind: ExprKind::Coalesce(args), ty, typmod }
                }
                _ => l.expr,
            };
            merged.push(ItemColumn { name: name.clone(), expr, origin });
        }
        let condition = Expr::conjunction(conditions)
            .ok_or_else(|| SqlError::internal("USING without columns"))?;
        Ok((condition, merged))
    }
}

fn visible(items: &[Item]) -> impl Iterator<Item = &ItemColumn> {
    items.iter().filter(|item| item.unqualified).flat_map(|item| &item.columns)
}

/// `unnest(a, b)` in FROM means `ROWS FROM (unnest(a), unnest(b))`; any other call is itself.
fn unnest_parts(call: &Node) -> Vec<Node> {
    let Some(NodeEnum::FuncCall(function)) = &call.node else { return vec![call.clone()] };
    let named =
        matches!(strings(&function.funcname).as_slice(), ["unnest"] | ["pg_catalog", "unnest"]);
    if !named || function.args.len() < 2 {
        return vec![call.clone()];
    }
    let part = |arg: &Node| {
        let function = protobuf::FuncCall { args: vec![arg.clone()], ..(**function).clone() };
        Node { node: Some(NodeEnum::FuncCall(Box::new(function))) }
    };
    function.args.iter().map(part).collect()
}

fn alias_parts(alias: Option<&protobuf::Alias>) -> (Option<String>, Vec<&str>) {
    match alias {
        Some(alias) => (Some(alias.aliasname.clone()), strings(&alias.colnames)),
        None => (None, Vec::new()),
    }
}

/// The columns that a relation offers.
pub(super) fn source_columns(source: &Source) -> Result<Vec<OutputColumn>> {
    match source {
        Source::Table { table, live } => live
            .iter()
            .map(|position| {
                let column = &table.columns[*position];
                let attnum = i16::try_from(position + 1)
                    .map_err(|_| SqlError::internal("too many columns"))?;
                Ok(OutputColumn {
                    name: column.name.clone(),
                    ty: Oid(column.type_oid),
                    typmod: column.typmod,
                    origin: Some((table.oid, attnum)),
                })
            })
            .collect(),
        Source::System(relation) => {
            let relation = catalog::system::relation_by_oid(*relation)
                .ok_or_else(|| SqlError::internal("unknown catalog relation"))?;
            (1i16..)
                .zip(relation.columns.iter())
                .map(|(attnum, column)| {
                    Ok(OutputColumn {
                        name: column.name.to_owned(),
                        // The domains of information_schema count as their base types.
                        ty: catalog::builtin::base_type(column.type_oid),
                        typmod: -1,
                        origin: Some((relation.oid.0, attnum)),
                    })
                })
                .collect()
        }
        Source::Query(_) | Source::Functions { .. } | Source::Cte(_) | Source::WorkTable(_) => {
            Err(SqlError::internal("source without columns of its own"))
        }
    }
}

/// Names and types of the output arguments of the function that an expression calls.
pub(super) fn row_fields(expr: &Expr) -> Option<Vec<(&'static str, Oid)>> {
    match &expr.kind {
        ExprKind::SetReturning(call) => output_arguments(call.proc, &call.site.arg_types),
        ExprKind::Call(call) => output_arguments(call.proc, &call.site.arg_types),
        _ => None,
    }
}

/// The OUT, INOUT and TABLE arguments of a function, by name; polymorphic ones as `args` (actual
/// types) decide.
fn output_arguments(
    proc: &'static catalog::builtin::ProcRow,
    args: &[Oid],
) -> Option<Vec<(&'static str, Oid)>> {
    if proc.modes.is_empty() {
        return None;
    }
    let element = resolve_polymorphic(args, proc.args);
    let outputs: Vec<_> = proc
        .modes
        .iter()
        .zip(proc.all_args.iter())
        .enumerate()
        .filter(|(_, (mode, _))| matches!(mode, b'o' | b'b' | b't'))
        .map(|(i, (_, ty))| {
            let ty = element.map_or(*ty, |element| concrete(*ty, element));
            (proc.names.get(i).copied().unwrap_or("column"), ty)
        })
        .collect();
    (!outputs.is_empty()).then_some(outputs)
}

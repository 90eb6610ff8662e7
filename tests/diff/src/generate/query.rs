//! Queries: FROM, joins, grouping, windows, set operations, WITH.

use types::{Oid, oid};

use super::schema::{Schema, Table};
use super::{Case, kinds};
use crate::random::Random;

/// Something in FROM.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) alias: String,
    pub(super) columns: Vec<(String, Oid)>,
}

/// What expressions can name, those of enclosing queries included.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) sources: Vec<Source>,
}

/// Makes one statement.
pub(super) struct Builder<'g> {
    pub(super) random: &'g mut Random,
    pub(super) schema: &'g Schema,
    /// Sub-queries made so far.
    pub(super) queries: usize,
    aliases: usize,
    /// WITH queries in sight.
    ctes: Vec<Source>,
}

impl<'g> Builder<'g> {
    pub(super) fn new(random: &'g mut Random, schema: &'g Schema) -> Builder<'g> {
        Builder { random, schema, queries: 0, aliases: 0, ctes: Vec::new() }
    }

    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("x{}", self.aliases)
    }

    pub(super) fn table(&mut self) -> Table {
        let schema = self.schema;
        self.random.pick(&schema.tables).clone()
    }

    /// A SELECT statement.
    pub(super) fn select_case(&mut self) -> Case {
        let with = self.with();
        let width = self.random.range(1, 4);
        let types: Vec<Oid> = (0..width).map(|_| self.any_type()).collect();
        let mut sql = match self.random.below(8) {
            0 => self.set_operation(&types),
            _ => self.select(&types, &Scope::default(), true),
        };
        let mut ordered = false;
        if types.iter().all(|ty| kinds::is_plain(*ty)) && self.random.chance(40) {
            let keys: Vec<String> = (1..=width)
                .map(|n| {
                    let order =
                        *self.random.pick(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
                    format!("{n}{order}")
                })
                .collect();
            sql = format!("{sql} ORDER BY {}", keys.join(", "));
            ordered = true;
            match self.random.below(6) {
                0 => sql.push_str(&format!(" LIMIT {}", self.random.below(6))),
                1 => sql.push_str(&format!(
                    " OFFSET {} ROWS FETCH FIRST {} ROWS ONLY",
                    self.random.below(3),
                    self.random.below(5)
                )),
                2 => sql
                    .push_str(&format!(" FETCH FIRST {} ROWS WITH TIES", self.random.range(1, 4))),
                _ => {}
            }
        }
        Case { sql: format!("{with}{sql}"), ordered, modifies: None }
    }

    /// A WITH clause, sometimes.
    fn with(&mut self) -> String {
        if !self.random.chance(15) {
            return String::new();
        }
        let alias = self.alias();
        if self.random.chance(30) {
            let bound = self.random.range(2, 6);
            self.ctes.push(Source {
                alias: alias.clone(),
                columns: vec![("n".into(), oid::INT4), ("s".into(), oid::TEXT)],
            });
            let all = if self.random.chance(70) { "ALL " } else { "" };
            return format!(
                "WITH RECURSIVE {alias}(n, s) AS (SELECT 1, 'x'::text UNION {all}SELECT n + 1, s || \
                 n::text FROM {alias} WHERE n < {bound}) "
            );
        }
        if self.random.chance(20) {
            let (start, step) = (self.random.below(3), self.random.range(1, 3));
            let clause = *self.random.pick(&[
                "SEARCH DEPTH FIRST BY n SET s",
                "SEARCH BREADTH FIRST BY n SET s",
                "CYCLE n SET s USING p",
            ]);
            self.ctes.push(Source { alias: alias.clone(), columns: vec![("n".into(), oid::INT4)] });
            return format!(
                "WITH RECURSIVE {alias}(n) AS (SELECT {start} UNION ALL SELECT (n + {step}) % 5 FROM \
                 {alias} WHERE n < 4) {clause} "
            );
        }
        let types: Vec<Oid> = (0..self.random.range(1, 3)).map(|_| self.any_type()).collect();
        let body = self.select(&types, &Scope::default(), true);
        let names: Vec<String> = (0..types.len()).map(|i| format!("w{i}")).collect();
        let materialized = *self.random.pick(&["", "", "MATERIALIZED ", "NOT MATERIALIZED "]);
        let clause = format!("WITH {alias}({}) AS {materialized}({body}) ", names.join(", "));
        self.ctes.push(Source { alias, columns: names.into_iter().zip(types).collect() });
        clause
    }

    fn set_operation(&mut self, types: &[Oid]) -> String {
        let left = self.select(types, &Scope::default(), true);
        let right = self.select(types, &Scope::default(), true);
        let comparable = types.iter().all(|ty| kinds::is_ordered(*ty));
        let operators =
            ["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"];
        let operator = if comparable { *self.random.pick(&operators) } else { "UNION ALL" };
        format!("{left} {operator} {right}")
    }

    /// A query of one column for use in an expression.
    pub(super) fn column_query(&mut self, ty: Oid, outer: &Scope) -> String {
        self.queries += 1;
        self.select(&[ty], outer, false)
    }

    /// A query of one row and column.
    pub(super) fn scalar_query(&mut self, ty: Oid, outer: &Scope) -> String {
        self.queries += 1;
        let table = self.table();
        let alias = self.alias();
        let columns = table.columns.clone();
        let mut scope = outer.clone();
        scope.sources.push(Source { alias: alias.clone(), columns });
        match self.random.chance(50) {
            true => {
                let value = self.expr(ty, &scope, 3);
                let id = self.expr(oid::INT4, outer, 3);
                format!("(SELECT {value} FROM {} {alias} WHERE {alias}.id = {id})", table.name)
            }
            false => {
                // Aggregates over the inner query's columns only belong to it for certain.
                let inner = Scope { sources: scope.sources.split_off(outer.sources.len()) };
                let value = self.aggregate(ty, &inner);
                format!("(SELECT {value} FROM {} {alias})", table.name)
            }
        }
    }

    /// A SELECT without ORDER BY whose columns have these types.
    pub(super) fn select(&mut self, types: &[Oid], outer: &Scope, rich: bool) -> String {
        if rich && self.random.chance(4) {
            let row = |builder: &mut Self| {
                let values: Vec<String> =
                    types.iter().map(|ty| builder.expr(*ty, outer, 2)).collect();
                format!("({})", values.join(", "))
            };
            let rows: Vec<String> = (0..self.random.range(1, 3)).map(|_| row(self)).collect();
            return format!("VALUES {}", rows.join(", "));
        }
        let (from, sources) = self.from(outer, rich);
        let mut scope = outer.clone();
        scope.sources.extend(sources.clone());
        let local = Scope { sources };
        let filter = match self.random.chance(50) {
            true => format!(" WHERE {}", self.expr(oid::BOOL, &scope, 1)),
            false => String::new(),
        };
        let from = if from.is_empty() { String::new() } else { format!(" FROM {from}") };
        if rich && !local.sources.is_empty() && self.random.chance(25) {
            return self.grouped(types, &local, &from, &filter);
        }
        if rich && !local.sources.is_empty() && self.random.chance(12) {
            return self.windowed(types, &local, &from, &filter);
        }
        let distinct = match types.iter().all(|ty| kinds::is_plain(*ty)) {
            true if rich && self.random.chance(10) => "DISTINCT ",
            _ => "",
        };
        let targets: Vec<String> = types
            .iter()
            .enumerate()
            .map(|(position, ty)| {
                let expr = self.expr(*ty, &scope, 0);
                match self.random.chance(25) {
                    true => format!("{expr} AS o{position}"),
                    false => expr,
                }
            })
            .collect();
        format!("SELECT {distinct}{}{from}{filter}", targets.join(", "))
    }

    fn grouped(&mut self, types: &[Oid], scope: &Scope, from: &str, filter: &str) -> String {
        // Group expressions are columns: they may stand in the select list as they are.
        let mut groups: Vec<(String, Oid)> = Vec::new();
        for source in &scope.sources {
            for (name, ty) in &source.columns {
                if kinds::is_plain(*ty) && self.random.chance(25) && groups.len() < 3 {
                    groups.push((format!("{}.{name}", source.alias), *ty));
                }
            }
        }
        let targets: Vec<String> = types
            .iter()
            .map(|ty| {
                let fitting: Vec<&String> =
                    groups.iter().filter(|(_, known)| known == ty).map(|(g, _)| g).collect();
                match fitting.is_empty() || self.random.chance(40) {
                    false => (*self.random.pick(&fitting)).clone(),
                    true => self.aggregate(*ty, scope),
                }
            })
            .collect();
        let keys: Vec<String> = groups.iter().map(|(group, _)| group.clone()).collect();
        let group_by = match (keys.is_empty(), self.random.below(6)) {
            (true, _) => String::new(),
            (false, 0) => format!(" GROUP BY ROLLUP ({})", keys.join(", ")),
            (false, 1) => format!(" GROUP BY CUBE ({})", keys.join(", ")),
            (false, 2) => format!(" GROUP BY GROUPING SETS (({}), ())", keys.join(", ")),
            (false, 3) => format!(
                " GROUP BY DISTINCT GROUPING SETS ({}, ROLLUP ({}), ())",
                keys[0],
                keys.join(", ")
            ),
            (false, _) => format!(" GROUP BY {}", keys.join(", ")),
        };
        let having = match self.random.chance(25) {
            true => format!(" HAVING {}", self.aggregate(oid::BOOL, scope)),
            false => String::new(),
        };
        format!("SELECT {}{from}{filter}{group_by}{having}", targets.join(", "))
    }

    fn windowed(&mut self, types: &[Oid], scope: &Scope, from: &str, filter: &str) -> String {
        // Ordered by all that can be ordered, so that equal rows are the only ties.
        let mut keys: Vec<String> = Vec::new();
        for source in &scope.sources {
            for (name, ty) in &source.columns {
                let column = format!("{}.{name}", source.alias);
                keys.push(match kinds::is_plain(*ty) {
                    true => column,
                    false => format!("{column}::text"),
                });
            }
        }
        let partition = match self.random.chance(50) {
            true => {
                let key = self.random.pick(&keys).clone();
                format!("PARTITION BY {key} ")
            }
            false => String::new(),
        };
        let frame = *self.random.pick(&[
            "",
            "",
            " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
            " ROWS UNBOUNDED PRECEDING",
            " GROUPS BETWEEN CURRENT ROW AND 2 FOLLOWING",
            " RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW",
            " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW EXCLUDE TIES",
            " GROUPS BETWEEN 2 PRECEDING AND 1 PRECEDING EXCLUDE GROUP",
            " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE NO OTHERS",
            " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE TIES",
            " ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING EXCLUDE GROUP",
            " ROWS 1 FOLLOWING",
            " RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING",
        ]);
        let window = format!("({partition}ORDER BY {}{frame})", keys.join(", "));
        let targets: Vec<String> = types
            .iter()
            .map(|ty| match (*ty, self.random.below(5)) {
                (oid::INT8, 0) => {
                    let names = ["row_number()", "rank()", "dense_rank()", "count(*)"];
                    format!("{} OVER {window}", self.random.pick(&names))
                }
                (_, 1) => {
                    let value = self.leaf(*ty, scope);
                    let names = ["lag", "lead", "first_value", "last_value"];
                    match self.random.below(6) {
                        0 => format!("nth_value({value}, 2) OVER {window}"),
                        1 => format!("lag({value}, 2, {value}) OVER {window}"),
                        _ => format!("{}({value}) OVER {window}", self.random.pick(&names)),
                    }
                }
                (_, 2) if kinds::is_plain(*ty) => {
                    format!("max({}) OVER {window}", self.leaf_of(*ty, scope))
                }
                _ => self.expr(*ty, scope, 2),
            })
            .collect();
        format!("SELECT {}{from}{filter}", targets.join(", "))
    }

    /// A leaf of a type that `max` takes.
    fn leaf_of(&mut self, ty: Oid, scope: &Scope) -> String {
        let leaf = self.leaf(ty, scope);
        match ty {
            oid::BOOL | oid::UUID | oid::BYTEA | oid::NAME => format!("({leaf})::text"),
            _ => leaf,
        }
    }

    /// FROM: its text and what it makes nameable.
    fn from(&mut self, outer: &Scope, rich: bool) -> (String, Vec<Source>) {
        if self.random.chance(5) {
            return (String::new(), Vec::new());
        }
        let (mut text, first) = self.pick_from_item(rich);
        let mut sources = vec![first];
        let more = if rich { self.random.below(3) } else { self.random.below(2) };
        for _ in 0..more {
            let mut scope = outer.clone();
            scope.sources.extend(sources.clone());
            if self.random.chance(15) {
                // LATERAL sees what stands to its left.
                let ty = self.any_type();
                self.queries += 1;
                let query = self.select(&[ty], &scope, false);
                let alias = self.alias();
                text = format!("{text}, LATERAL ({query}) AS {alias}(l)");
                sources.push(Source { alias, columns: vec![("l".into(), ty)] });
                continue;
            }
            let (item, source) = self.pick_from_item(rich);
            let mut joined = Scope { sources: sources.clone() };
            joined.sources.push(source.clone());
            let condition = self.join_condition(&joined, outer);
            let join = *self.random.pick(&[
                "JOIN",
                "LEFT JOIN",
                "RIGHT JOIN",
                "FULL JOIN",
                "CROSS JOIN",
                ",",
            ]);
            text = match join {
                "CROSS JOIN" => format!("{text} CROSS JOIN {item}"),
                "," => format!("{text}, {item}"),
                // PostgreSQL joins fully only where it can merge or hash.
                "FULL JOIN" => match equal_columns(&sources, &source) {
                    Some(condition) => format!("{text} FULL JOIN {item} ON {condition}"),
                    None => format!("{text} LEFT JOIN {item} ON {condition}"),
                },
                join => format!("{text} {join} {item} ON {condition}"),
            };
            sources.push(source);
            if join == "," {
                // What follows a comma sees nothing of what stands before it.
                break;
            }
        }
        (text, sources)
    }

    fn join_condition(&mut self, joined: &Scope, outer: &Scope) -> String {
        if let [before @ .., last] = joined.sources.as_slice()
            && self.random.chance(75)
            && let Some(condition) = equal_columns(before, last)
        {
            return condition;
        }
        let mut scope = outer.clone();
        scope.sources.extend(joined.sources.clone());
        let queries = std::mem::replace(&mut self.queries, 10);
        let condition = self.expr(oid::BOOL, &scope, 2);
        self.queries = queries;
        condition
    }

    fn pick_from_item(&mut self, rich: bool) -> (String, Source) {
        let alias = self.alias();
        match self.random.below(if rich { 12 } else { 8 }) {
            8 => {
                let types: Vec<Oid> =
                    (0..self.random.range(1, 3)).map(|_| self.any_type()).collect();
                self.queries += 1;
                let query = self.select(&types, &Scope::default(), self.queries < 3);
                let names: Vec<String> = (0..types.len()).map(|i| format!("q{i}")).collect();
                let text = format!("({query}) AS {alias}({})", names.join(", "));
                (text, Source { alias, columns: names.into_iter().zip(types).collect() })
            }
            9 => {
                let (low, high) = (self.random.below(3), self.random.below(8));
                let text = format!("generate_series({low}, {high}) AS {alias}(g)");
                (text, Source { alias, columns: vec![("g".into(), oid::INT4)] })
            }
            10 => {
                let array = self.expr(oid::TEXT_ARRAY, &Scope::default(), 3);
                let text = format!("unnest({array}) WITH ORDINALITY AS {alias}(u, o)");
                let columns = vec![("u".into(), oid::TEXT), ("o".into(), oid::INT8)];
                (text, Source { alias, columns })
            }
            11 if !self.ctes.is_empty() => {
                let cte = self.random.pick(&self.ctes).clone();
                (format!("{} AS {alias}", cte.alias), Source { alias, columns: cte.columns })
            }
            _ => {
                let table = self.table();
                (format!("{} AS {alias}", table.name), Source { alias, columns: table.columns })
            }
        }
    }
}

/// An equality of columns of one type.
fn equal_columns(before: &[Source], last: &Source) -> Option<String> {
    before.iter().rev().find_map(|source| {
        source.columns.iter().find_map(|(name, ty)| {
            let (other, _) = last.columns.iter().find(|(_, other)| other == ty)?;
            kinds::is_plain(*ty)
                .then(|| format!("{}.{name} = {}.{other}", source.alias, last.alias))
        })
    })
}

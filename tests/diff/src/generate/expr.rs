//! Expressions of a wanted type.

use types::{Oid, oid};

use super::kinds;
use super::query::{Builder, Scope};
use super::signatures::{self, Form, Signature};

/// How deep expressions nest.
const DEPTH_MAX: usize = 4;

impl Builder<'_> {
    /// A type for an expression.
    pub(super) fn any_type(&mut self) -> Oid {
        match self.random.chance(90) {
            true => *self.random.pick(&kinds::STORED),
            false => *self.random.pick(&kinds::COMPUTED),
        }
    }

    /// A column of a type in sight, qualified mostly.
    fn column(&mut self, ty: Oid, scope: &Scope) -> Option<String> {
        let mut found: Vec<String> = Vec::new();
        for source in scope.sources.iter() {
            for (name, known) in &source.columns {
                if *known == ty {
                    found.push(format!("{}.{name}", source.alias));
                }
            }
        }
        if found.is_empty() {
            return None;
        }
        Some(self.random.pick(&found).clone())
    }

    /// An expression of a type.
    pub(super) fn expr(&mut self, ty: Oid, scope: &Scope, depth: usize) -> String {
        if depth >= DEPTH_MAX || self.random.chance(35) {
            return self.leaf(ty, scope);
        }
        match self.random.below(20) {
            0 => {
                let condition = self.expr(oid::BOOL, scope, depth + 1);
                let (a, b) = (self.expr(ty, scope, depth + 1), self.expr(ty, scope, depth + 1));
                format!("CASE WHEN {condition} THEN {a} ELSE {b} END")
            }
            1 => {
                let (a, b) = (self.expr(ty, scope, depth + 1), self.expr(ty, scope, depth + 1));
                let name = self.random.pick(&["COALESCE", "GREATEST", "LEAST", "NULLIF"]);
                match kinds::is_ordered(ty) || *name == "COALESCE" {
                    true => format!("{name}({a}, {b})"),
                    false => format!("COALESCE({a}, {b})"),
                }
            }
            2 => {
                let source = self.any_type();
                let value = self.expr(source, scope, depth + 1);
                match self.random.chance(50) {
                    true => format!("({value})::{}", kinds::name(ty)),
                    false => format!("CAST({value} AS {})", kinds::name(ty)),
                }
            }
            3 if depth < 2 && self.queries < 3 => self.scalar_query(ty, scope),
            4 if ty == oid::BOOL => self.predicate(scope, depth),
            5 if ty == oid::BOOL => self.predicate(scope, depth),
            6 if ty == oid::BOOL => {
                let (a, b) = (self.expr(ty, scope, depth + 1), self.expr(ty, scope, depth + 1));
                match self.random.below(3) {
                    0 => format!("({a} AND {b})"),
                    1 => format!("({a} OR {b})"),
                    _ => format!("(NOT {a})"),
                }
            }
            _ => self.call(ty, scope, depth),
        }
    }

    pub(super) fn leaf(&mut self, ty: Oid, scope: &Scope) -> String {
        if self.random.chance(65)
            && let Some(column) = self.column(ty, scope)
        {
            return column;
        }
        if self.random.chance(4) {
            return format!("NULL::{}", kinds::name(ty));
        }
        kinds::literal(self.random, ty)
    }

    fn call(&mut self, ty: Oid, scope: &Scope, depth: usize) -> String {
        if self.random.chance(15)
            && let Some(special) = self.special(ty, scope, depth)
        {
            return special;
        }
        let Some(signatures) = signatures::scalars().get(&ty) else {
            return self.leaf(ty, scope);
        };
        let signature = self.random.pick(signatures).clone();
        let args: Vec<String> =
            signature.args.iter().map(|ty| self.expr(*ty, scope, depth + 1)).collect();
        applied(&signature, &args)
    }

    /// A condition in one of the grammar's own forms.
    fn predicate(&mut self, scope: &Scope, depth: usize) -> String {
        let ty = self.any_type();
        let value = self.expr(ty, scope, depth + 1);
        let other = |builder: &mut Self| builder.expr(ty, scope, depth + 1);
        let not = if self.random.chance(30) { "NOT " } else { "" };
        match self.random.below(12) {
            0 => format!("({value} IS {not}NULL)"),
            1 => format!("({value} IS {not}DISTINCT FROM {})", other(self)),
            2 => format!("({value} {not}IN ({}, {}))", other(self), other(self)),
            3 => {
                let symmetric = if self.random.chance(30) { "SYMMETRIC " } else { "" };
                format!("({value} {not}BETWEEN {symmetric}{} AND {})", other(self), other(self))
            }
            4 => {
                let text = self.expr(oid::TEXT, scope, depth + 1);
                let pattern = *self.random.pick(&["'%a%'", "'_b%'", "'a%'", "''", "'%'"]);
                let like = *self.random.pick(&["LIKE", "ILIKE", "SIMILAR TO"]);
                format!("({text} {not}{like} {pattern})")
            }
            5 => {
                let test = *self.random.pick(&["TRUE", "FALSE", "UNKNOWN"]);
                format!("({} IS {not}{test})", self.expr(oid::BOOL, scope, depth + 1))
            }
            6 => {
                let operator = *self.random.pick(&["=", "<>", "<", ">="]);
                let second = self.any_type();
                let (c, d) =
                    (self.expr(second, scope, depth + 1), self.expr(second, scope, depth + 1));
                format!("(({value}, {c}) {operator} ({}, {d}))", other(self))
            }
            7 if self.queries < 3 => {
                let query = self.column_query(ty, scope);
                let quantifier =
                    *self.random.pick(&["= ANY", "<> ALL", "< ANY", ">= ALL", "IN", "NOT IN"]);
                format!("({value} {quantifier} ({query}))")
            }
            8 if self.queries < 3 => {
                let query = self.column_query(ty, scope);
                format!("({not}EXISTS ({query}))")
            }
            9 => {
                let array = self.expr(oid::INT4_ARRAY, scope, depth + 1);
                let number = self.expr(oid::INT4, scope, depth + 1);
                let quantifier = *self.random.pick(&["= ANY", "> ALL", "<> ANY"]);
                format!("({number} {quantifier} ({array}))")
            }
            10 => format!("({} IS {not}JSON)", self.expr(oid::TEXT, scope, depth + 1)),
            _ => {
                let operator = *self.random.pick(&["=", "<>", "<", "<=", ">", ">="]);
                format!("({value} {operator} {})", other(self))
            }
        }
    }

    /// An aggregate of a type whose result does not depend on the order of the rows.
    pub(super) fn aggregate(&mut self, ty: Oid, scope: &Scope) -> String {
        let Some(signatures) = signatures::aggregates().get(&ty) else {
            return format!("min({})", self.aggregated(ty, scope));
        };
        let signature = self.random.pick(signatures).clone();
        let args: Vec<String> =
            signature.args.iter().map(|ty| self.aggregated(*ty, scope)).collect();
        if args.is_empty() {
            return format!("{}(*){}", signature.name, self.filter(scope));
        }
        let orderable = signature.args.iter().all(|ty| kinds::is_plain(*ty));
        let ordering = signature.name.ends_with("_agg")
            || signature.name.contains("_agg_")
            || matches!(signature.name, "any_value");
        let inside = match (ordering, orderable) {
            (true, true) => format!("{} ORDER BY {}", args.join(", "), args.join(", ")),
            (true, false) => {
                let keys: Vec<String> = args.iter().map(|arg| format!("({arg})::text")).collect();
                format!("{} ORDER BY {}", args.join(", "), keys.join(", "))
            }
            _ if orderable && self.random.chance(15) => format!("DISTINCT {}", args.join(", ")),
            _ => args.join(", "),
        };
        format!("{}({inside}){}", signature.name, self.filter(scope))
    }

    fn filter(&mut self, scope: &Scope) -> String {
        if !self.random.chance(15) {
            return String::new();
        }
        format!(" FILTER (WHERE {})", self.aggregated(oid::BOOL, scope))
    }

    fn aggregated(&mut self, ty: Oid, scope: &Scope) -> String {
        let queries = std::mem::replace(&mut self.queries, usize::MAX / 2);
        let expr = self.expr(ty, scope, DEPTH_MAX - 1);
        self.queries = queries;
        expr
    }
}

fn applied(signature: &Signature, args: &[String]) -> String {
    match (signature.form, args) {
        (Form::Infix, [left, right]) => format!("({left} {} {right})", signature.name),
        (Form::Prefix, [arg]) => format!("({} {arg})", signature.name),
        _ => format!("{}({})", quoted(signature.name), args.join(", ")),
    }
}

/// Some functions are called like keywords of the grammar.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let keyword = matches!(
        name,
        "overlay"
            | "position"
            | "substring"
            | "trim"
            | "extract"
            | "left"
            | "right"
            | "char"
            | "timestamp"
            | "time"
            | "interval"
            | "bit"
            | "varchar"
            | "bpchar"
            | "numeric"
            | "normalize"
            | "date"
            | "overlaps"
            | "timestamptz"
            | "timetz"
            | "like"
            | "notlike"
            | "json_object"
    );
    if plain && !keyword { name.to_owned() } else { format!("\"{name}\"") }
}

//! Terms to text.
//!
//! Without `pretty` every operator gets parentheses. With it they are left out around what is
//! simple in its place (`is_simple`).

use catalog::builtin::{procs_by_name, quote_identifier, quote_qualified};
use catalog::objects::ObjectId;
use types::{Datum, Oid, oid};

use super::Style;
use super::print_query::Scope;
use super::term::{Aggregate, Call, Kind, Over, SubLink, Term, Use, Window};
use crate::session::SessionCx;

/// Columns that a level of a query is moved in by.
pub(super) const STEP: i32 = 8;
/// Columns that the parts of an expression and the items of a list are moved in by.
pub(super) const ITEM_STEP: i32 = 4;
/// Beyond this, lines are moved in by less and less.
const INDENT_MAX: i32 = 40;

/// Prints trees.
pub(super) struct Printer<'a> {
    pub(super) cx: &'a SessionCx,
    pub(super) style: Style,
    path: Vec<ObjectId>,
    pub(super) out: String,
    pub(super) indent: i32,
    /// The queries being printed, outermost first.
    pub(super) scopes: Vec<Scope>,
    /// An item of ORDER BY is being printed: its names may mean output columns.
    pub(super) in_order_by: bool,
    /// The name of the function whose body is printed.
    pub(super) function: String,
}

impl<'a> Printer<'a> {
    pub(super) fn new(cx: &'a SessionCx, style: Style) -> Printer<'a> {
        Printer {
            cx,
            style,
            path: super::naming_path(cx, style),
            out: String::new(),
            indent: 0,
            scopes: Vec::new(),
            in_order_by: false,
            function: String::new(),
        }
    }

    /// For the body of a function.
    pub(super) fn in_function(cx: &'a SessionCx, style: Style, function: &str) -> Printer<'a> {
        Printer { function: function.to_owned(), ..Printer::new(cx, style) }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    pub(super) fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn open_paren(&mut self) {
        if !self.style.pretty {
            self.out.push('(');
        }
    }

    fn close_paren(&mut self) {
        if !self.style.pretty {
            self.out.push(')');
        }
    }

    pub(super) fn move_in(&mut self, by: i32) {
        self.indent = (self.indent + by).max(0);
    }

    /// A key word at the beginning of a line: moved in by `before` and all that follows, by `own`
    /// for this line alone, and by `after` for what follows it.
    pub(super) fn line(&mut self, word: &str, before: i32, after: i32, own: i32) {
        self.indent += before;
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
        self.out.push('\n');
        let indent = match self.indent {
            small if small < INDENT_MAX => small.max(0),
            large => (INDENT_MAX + (large - INDENT_MAX) / (STEP / 2)) % INDENT_MAX,
        };
        let width = usize::try_from(indent + own).unwrap_or(0);
        self.out.extend(std::iter::repeat_n(' ', width));
        self.out.push_str(word);
        self.move_in(after);
    }

    /// What `f` prints, as if nothing stood before it.
    pub(super) fn apart(&mut self, f: impl FnOnce(&mut Self)) -> String {
        let before = std::mem::take(&mut self.out);
        f(self);
        std::mem::replace(&mut self.out, before)
    }

    pub(super) fn list<T>(&mut self, items: &[T], mut f: impl FnMut(&mut Self, &T)) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            f(self, item);
        }
    }

    pub(super) fn identifiers(&mut self, names: &[String]) {
        self.list(names, |printer, name| printer.push(&quote_identifier(name)));
    }

    /// A relation's name, qualified if the bare one would find something else.
    pub(super) fn relation_name(&mut self, schema: ObjectId, name: &str) {
        let visible = catalog::describe::is_visible(&self.cx.catalog, &self.path, schema, name);
        match visible {
            true => self.push(&quote_identifier(name)),
            false => {
                let schema = self.cx.catalog.schema_by_oid(schema);
                let schema = schema.map_or("", |schema| schema.name.as_str());
                self.push(&quote_qualified(schema, name));
            }
        }
    }

    fn function_name(&mut self, call: &Call) {
        // A name of a schema is found unless one before it in the path has it too.
        let named = |schema: ObjectId| {
            procs_by_name(&call.name).iter().any(|proc| proc.schema == schema)
                || self.cx.catalog.functions_named(schema, &call.name).next().is_some()
        };
        let hidden = self
            .path
            .iter()
            .take_while(|schema| **schema != call.schema)
            .any(|schema| named(*schema));
        if self.path.contains(&call.schema) && !hidden {
            self.push(&quote_identifier(&call.name));
            return;
        }
        let schema = self.cx.catalog.schema_by_oid(call.schema);
        let schema = schema.map_or("", |schema| schema.name.as_str());
        self.push(&quote_qualified(schema, &call.name));
    }

    pub(super) fn type_name(&mut self, ty: Oid, typmod: i32) {
        let name = catalog::describe::format_type(&self.cx.catalog, &self.path, ty, Some(typmod));
        self.push(&name);
    }

    /// Whether tables are in sight.
    fn in_tables(&self) -> bool {
        self.scopes.iter().any(Scope::has_relations)
    }

    /// An argument of the function whose body is printed: qualified where tables are in sight.
    fn argument(&mut self, name: &str) {
        if self.in_tables() {
            let function = self.function.clone();
            self.push(&quote_identifier(&function));
            self.out.push('.');
        }
        self.push(&quote_identifier(name));
    }

    /// A term as an operand of `parent`.
    fn operand(&mut self, term: &Term, show_implicit: bool, parent: &Term) {
        let parentheses = self.style.pretty && !is_simple(term, parent);
        if parentheses {
            self.out.push('(');
        }
        self.term(term, show_implicit);
        if parentheses {
            self.out.push(')');
        }
    }

    /// A term at the top of a list, where a whole row would be expanded unless it is cast.
    pub(super) fn top_level(&mut self, term: &Term, show_implicit: bool) {
        self.term(term, show_implicit);
        if matches!(term.kind, Kind::WholeRow { .. }) && self.style != Style::STORED {
            self.push("::");
            self.type_name(term.ty, -1);
        }
    }

    /// Prints a term. An implicit cast at its top is shown if `show_implicit`.
    pub(super) fn term(&mut self, term: &Term, show_implicit: bool) {
        match &term.kind {
            Kind::Var { up, relation, column } => self.variable(*up, *relation, Some(*column)),
            Kind::WholeRow { up, relation } => self.variable(*up, *relation, None),
            // A domain's value has a key word of its own.
            Kind::Merged { name, of: None } if name == "value" && !self.in_tables() => {
                self.push("VALUE");
            }
            Kind::Merged { name, of } => {
                let name = quote_identifier(self.merged_name(name, *of)).into_owned();
                self.push(&name);
            }
            Kind::Const(value) => self.literal(value, term.ty, term.typmod, Label::IfNeeded),
            Kind::Param(number) => self.push(&format!("${number}")),
            Kind::Argument(name) => self.argument(name),
            Kind::Domain { arg, domain } => {
                self.open_paren();
                self.operand(arg, false, term);
                self.close_paren();
                self.push("::");
                self.type_name(*domain, -1);
            }
            // Shown only where something between it and its CASE could not be left out.
            Kind::CaseOperand => self.push("CASE_TEST_EXPR"),
            Kind::Call(call) => self.call(call, term),
            Kind::Cast(cast) => {
                if cast.implicit && !show_implicit {
                    self.operand(&cast.arg, false, term);
                    return;
                }
                match &cast.arg.kind {
                    // The literal and its length: one label.
                    Kind::Const(value) if cast.arg.ty == term.ty && cast.arg.typmod == -1 => {
                        self.literal(value, cast.arg.ty, -1, Label::Never);
                    }
                    _ => {
                        self.open_paren();
                        self.operand(&cast.arg, false, term);
                        self.close_paren();
                    }
                }
                self.push("::");
                self.type_name(term.ty, term.typmod);
            }
            Kind::Op { name, args } => {
                self.open_paren();
                match args.as_slice() {
                    [left, right] => {
                        self.operand(left, true, term);
                        self.push(&format!(" {name} "));
                        self.operand(right, true, term);
                    }
                    args => {
                        self.push(&format!("{name} "));
                        for arg in args {
                            self.operand(arg, true, term);
                        }
                    }
                }
                self.close_paren();
            }
            Kind::And(args) => self.chain(args, " AND ", term),
            Kind::Or(args) => self.chain(args, " OR ", term),
            Kind::Not(arg) => {
                self.open_paren();
                self.push("NOT ");
                self.operand(arg, false, term);
                self.close_paren();
            }
            Kind::Quantified { op, left, array, all } => {
                self.open_paren();
                self.operand(left, true, term);
                self.push(&format!(" {op} {} (", if *all { "ALL" } else { "ANY" }));
                self.operand(array, true, term);
                if matches!(&array.kind, Kind::SubLink(link) if link.usage == Use::Value) {
                    self.push("::");
                    self.type_name(array.ty, array.typmod);
                }
                self.out.push(')');
                self.close_paren();
            }
            Kind::SubLink(link) => self.sub_link(link),
            Kind::Case { operand, whens, otherwise } => {
                self.case(operand.as_deref(), whens, otherwise);
            }
            Kind::Keyword { word, args } => {
                self.push(word);
                self.out.push('(');
                self.list(args, |printer, arg| printer.term(arg, true));
                self.out.push(')');
            }
            Kind::Distinct(sides) => {
                self.open_paren();
                self.operand(&sides.0, true, term);
                self.push(" IS DISTINCT FROM ");
                self.operand(&sides.1, true, term);
                self.close_paren();
            }
            Kind::Test { arg, suffix, null } => {
                self.open_paren();
                self.operand(arg, *null, term);
                self.out.push(' ');
                self.push(suffix);
                self.close_paren();
            }
            Kind::Array(elements) => {
                self.array(elements);
                // A cast of a stored array is a cast of the whole when it is read back.
                if elements.is_empty() || self.style == Style::STORED {
                    self.push("::");
                    self.type_name(term.ty, term.typmod);
                }
            }
            Kind::Row(fields) => self.row(fields),
            Kind::RowCompare { op, left, right } => {
                self.out.push('(');
                self.row(left);
                self.push(&format!(" {op} "));
                self.row(right);
                self.out.push(')');
            }
            Kind::Subscript { base, indexes } => {
                let bare = matches!(base.kind, Kind::Var { .. } | Kind::Field { .. });
                self.bracketed(base, show_implicit, !bare);
                for index in indexes {
                    self.out.push('[');
                    if index.slice {
                        if let Some(lower) = &index.lower {
                            self.term(lower, false);
                        }
                        self.out.push(':');
                    }
                    if let Some(upper) = &index.upper {
                        self.term(upper, false);
                    }
                    self.out.push(']');
                }
            }
            Kind::Field { base, name } => {
                let bare = matches!(base.kind, Kind::Subscript { .. } | Kind::Field { .. });
                self.bracketed(base, true, !bare);
                self.out.push('.');
                self.push(&quote_identifier(name));
            }
            Kind::Collate { arg, name } => {
                self.open_paren();
                self.operand(arg, show_implicit, term);
                self.push(" COLLATE ");
                self.push(&quote_identifier(name));
                self.close_paren();
            }
            Kind::SqlValue(text) => self.push(text),
        }
    }

    fn bracketed(&mut self, term: &Term, show_implicit: bool, parentheses: bool) {
        if parentheses {
            self.out.push('(');
        }
        self.term(term, show_implicit);
        if parentheses {
            self.out.push(')');
        }
    }

    fn chain(&mut self, args: &[Term], word: &str, term: &Term) {
        self.open_paren();
        for (at, arg) in args.iter().enumerate() {
            if at > 0 {
                self.push(word);
            }
            self.operand(arg, false, term);
        }
        self.close_paren();
    }

    /// `ARRAY[…]`; arrays in it are dimensions of it.
    fn array(&mut self, elements: &[Term]) {
        self.push("ARRAY[");
        self.list(elements, |printer, element| match &element.kind {
            Kind::Array(inner) if !inner.is_empty() => printer.array(inner),
            _ => printer.term(element, true),
        });
        self.out.push(']');
    }

    fn row(&mut self, fields: &[Term]) {
        self.push("ROW(");
        self.list(fields, |printer, field| printer.top_level(field, true));
        self.out.push(')');
    }

    fn case(&mut self, operand: Option<&Term>, whens: &[(Term, Term)], otherwise: &Term) {
        self.line("CASE", 0, ITEM_STEP, 0);
        if let Some(operand) = operand {
            self.out.push(' ');
            self.term(operand, true);
        }
        for (condition, result) in whens {
            // `WHEN value` stands for the comparison with the operand.
            let shown = match &condition.kind {
                Kind::Op { name: _, args } if operand.is_some() => match args.as_slice() {
                    [left, right] if is_case_operand(left) => right,
                    _ => condition,
                },
                _ => condition,
            };
            self.line("WHEN ", 0, 0, 0);
            self.term(shown, false);
            self.push(" THEN ");
            self.term(result, true);
        }
        self.line("ELSE ", 0, 0, 0);
        self.term(otherwise, true);
        self.line("END", -ITEM_STEP, 0, 0);
    }

    fn sub_link(&mut self, link: &SubLink) {
        self.push(if link.usage == Use::Array { "ARRAY(" } else { "(" });
        match link.left.as_slice() {
            [] => {}
            [only] if !link.row => self.term(only, true),
            several => {
                self.out.push('(');
                self.list(several, |printer, term| printer.term(term, true));
                self.out.push(')');
            }
        }
        let more = match link.usage {
            Use::Value | Use::Array => false,
            Use::Exists => {
                self.push("EXISTS ");
                true
            }
            Use::Any if link.op == "=" => {
                self.push(" IN ");
                true
            }
            Use::Any => {
                self.push(&format!(" {} ANY ", link.op));
                true
            }
            Use::All => {
                self.push(&format!(" {} ALL ", link.op));
                true
            }
            Use::RowCompare => {
                self.push(&format!(" {} ", link.op));
                true
            }
        };
        if more {
            self.out.push('(');
        }
        self.query(&link.query, None, false);
        self.push(if more { "))" } else { ")" });
    }

    fn call(&mut self, call: &Call, term: &Term) {
        if call.sql_syntax && self.sql_syntax(call, term) {
            return;
        }
        self.function_name(call);
        self.out.push('(');
        let unnamed = call.args.len().saturating_sub(call.arg_names.len());
        let last = call.args.len().saturating_sub(1);
        let aggregate = call.aggregate.as_ref();
        if aggregate.is_some_and(|aggregate| aggregate.distinct) {
            self.push("DISTINCT ");
        }
        if aggregate.is_some_and(|aggregate| aggregate.star) {
            self.out.push('*');
        }
        for (at, arg) in call.args.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            if call.variadic && at == last {
                self.push("VARIADIC ");
            }
            if let Some(name) = at.checked_sub(unnamed).and_then(|at| call.arg_names.get(at)) {
                self.push(&format!("{} => ", quote_identifier(name)));
            }
            self.term(arg, true);
        }
        if let Some(aggregate) = aggregate {
            self.aggregate(aggregate);
        }
        self.out.push(')');
        if let Some(Aggregate { filter: Some(filter), .. }) = aggregate {
            self.push(" FILTER (WHERE ");
            self.term(filter, false);
            self.out.push(')');
        }
        match &call.over {
            None => {}
            Some(Over::Name(name)) => self.push(&format!(" OVER {}", quote_identifier(name))),
            Some(Over::Spec(window)) => {
                self.push(" OVER ");
                self.window(window);
            }
        }
    }

    /// What stands between an aggregate's arguments and the closing parenthesis.
    fn aggregate(&mut self, aggregate: &Aggregate) {
        if aggregate.within_group {
            self.push(") WITHIN GROUP (ORDER BY ");
        } else if !aggregate.order.is_empty() {
            self.push(" ORDER BY ");
        }
        self.sort(&aggregate.order);
    }

    /// A window's definition in parentheses.
    pub(super) fn window(&mut self, window: &Window) {
        let mut parts: Vec<String> = Vec::new();
        if !window.base.is_empty() {
            parts.push(quote_identifier(&window.base).into_owned());
        }
        if !window.partition.is_empty() {
            parts.push(self.apart(|printer| {
                printer.push("PARTITION BY ");
                printer.list(&window.partition, |printer, term| printer.sort_term(term));
            }));
        }
        if !window.order.is_empty() {
            parts.push(self.apart(|printer| {
                printer.push("ORDER BY ");
                printer.sort(&window.order);
            }));
        }
        parts.extend(self.frame(window));
        self.push(&format!("({})", parts.join(" ")));
    }

    /// `ROWS BETWEEN …`, if it is not the default.
    fn frame(&mut self, window: &Window) -> Option<String> {
        // Bits of FRAMEOPTION_*, as the parser sets them.
        let has = |bit: i32| window.frame & bit != 0;
        if !has(0x1) {
            return None;
        }
        let mode = match () {
            () if has(0x4) => "ROWS ",
            () if has(0x8) => "GROUPS ",
            () => "RANGE ",
        };
        let bound = |printer: &mut Self, bits: [i32; 5], offset: &Option<Term>| {
            let mut offset = |words: &str| {
                let text = printer.apart(|printer| {
                    if let Some(term) = offset {
                        printer.term(term, false);
                    }
                });
                text + words
            };
            match () {
                () if has(bits[0]) => "UNBOUNDED PRECEDING".to_owned(),
                () if has(bits[1]) => "UNBOUNDED FOLLOWING".to_owned(),
                () if has(bits[2]) => "CURRENT ROW".to_owned(),
                () if has(bits[3]) => offset(" PRECEDING"),
                () => offset(" FOLLOWING"),
            }
        };
        let start = bound(self, [0x20, 0x80, 0x200, 0x800, 0x2000], &window.start);
        let mut text = match has(0x10) {
            true => {
                let end = bound(self, [0x40, 0x100, 0x400, 0x1000, 0x4000], &window.end);
                format!("{mode}BETWEEN {start} AND {end}")
            }
            false => format!("{mode}{start}"),
        };
        for (bit, words) in [(0x8000, "CURRENT ROW"), (0x10000, "GROUP"), (0x20000, "TIES")] {
            if has(bit) {
                text += &format!(" EXCLUDE {words}");
            }
        }
        Some(text)
    }

    /// Calls that the standard writes with key words. `false` if this is none of them.
    fn sql_syntax(&mut self, call: &Call, term: &Term) -> bool {
        let parts = |printer: &mut Self, parts: &[&str], order: &[usize]| {
            for (at, part) in parts.iter().enumerate() {
                printer.push(part);
                if let Some(arg) = order.get(at).and_then(|at| call.args.get(*at)) {
                    printer.term(arg, false);
                }
            }
        };
        let constant = |at: usize| match call.args.get(at).map(|arg| &arg.kind) {
            Some(Kind::Const(Datum::Text(text))) => Some(text.to_string()),
            _ => None,
        };
        match (call.name.as_str(), call.args.len()) {
            ("timezone", 2) => {
                self.out.push('(');
                self.operand(&call.args[1], false, term);
                self.push(" AT TIME ZONE ");
                self.operand(&call.args[0], false, term);
                self.out.push(')');
            }
            ("overlaps", 4) => {
                parts(self, &["((", ", ", ") OVERLAPS (", ", ", "))"], &[0, 1, 2, 3]);
            }
            ("extract", 2) => {
                let Some(field) = constant(0) else { return false };
                parts(self, &[&format!("EXTRACT({field} FROM "), ")"], &[1]);
            }
            ("is_normalized", _) => {
                self.out.push('(');
                self.operand(&call.args[0], false, term);
                self.push(" IS");
                if let Some(form) = constant(1) {
                    self.push(&format!(" {form}"));
                }
                self.push(" NORMALIZED)");
            }
            ("normalize", _) => {
                let form = constant(1).map_or_else(String::new, |form| format!(", {form}"));
                parts(self, &["NORMALIZE(", &format!("{form})")], &[0]);
            }
            ("pg_collation_for", 1) => parts(self, &["COLLATION FOR (", ")"], &[0]),
            ("overlay", 3) => {
                parts(self, &["OVERLAY(", " PLACING ", " FROM ", ")"], &[0, 1, 2]);
            }
            ("overlay", 4) => {
                parts(self, &["OVERLAY(", " PLACING ", " FROM ", " FOR ", ")"], &[0, 1, 2, 3]);
            }
            // The grammar's order is the function's reversed.
            ("position", 2) => parts(self, &["POSITION((", ") IN (", "))"], &[1, 0]),
            ("substring", 2) if call.args[1].ty == oid::INT4 => {
                parts(self, &["SUBSTRING(", " FROM ", ")"], &[0, 1])
            }
            ("substring", 3) if call.args[1].ty == oid::INT4 => {
                parts(self, &["SUBSTRING(", " FROM ", " FOR ", ")"], &[0, 1, 2]);
            }
            ("substring", 3) => {
                parts(self, &["SUBSTRING(", " SIMILAR ", " ESCAPE ", ")"], &[0, 1, 2]);
            }
            ("btrim" | "ltrim" | "rtrim", count) => {
                let side = match call.name.as_str() {
                    "ltrim" => "LEADING",
                    "rtrim" => "TRAILING",
                    _ => "BOTH",
                };
                match count {
                    2 => parts(self, &[&format!("TRIM({side} "), " FROM ", ")"], &[1, 0]),
                    _ => parts(self, &[&format!("TRIM({side} FROM "), ")"], &[0]),
                }
            }
            ("system_user", 0) => self.push("SYSTEM_USER"),
            _ => return false,
        }
        true
    }

    /// A literal, with its type if it would be read as another one.
    pub(super) fn literal(&mut self, value: &Datum, ty: Oid, typmod: i32, label: Label) {
        if value.is_null() {
            self.push("NULL");
            if label != Label::Never && ty != oid::UNKNOWN {
                self.push("::");
                self.type_name(ty, typmod);
            }
            return;
        }
        let stored = self.style == Style::STORED;
        let text = if !stored && crate::system::prints_names(ty) {
            crate::system::reg_output(ty, value, &self.cx.catalog, &self.path)
        } else {
            let base = catalog::builtin::base_type(ty);
            types::text::to_string(value, base, &self.cx.settings.format)
        };
        let (bare, mut labelled) = match ty {
            oid::INT4 if !text.starts_with('-') => (true, false),
            // A plain number with a point or exponent is numeric.
            oid::NUMERIC
                if text.starts_with(|c: char| c.is_ascii_digit())
                    && text.contains(['e', 'E', '.']) =>
            {
                (true, typmod >= 0)
            }
            oid::BOOL => (true, false),
            oid::UNKNOWN => (false, false),
            _ => (false, true),
        };
        match ty {
            oid::BOOL => self.push(if text == "t" { "true" } else { "false" }),
            _ if bare => self.push(&text),
            _ => self.push(&format!("'{}'", text.replace('\'', "''"))),
        }
        labelled |= label == Label::Always;
        if labelled && label != Label::Never {
            self.push("::");
            self.type_name(ty, typmod);
        }
    }
}

/// Whether a literal shows its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Never,
    IfNeeded,
    Always,
}

fn is_case_operand(term: &Term) -> bool {
    match &term.kind {
        Kind::CaseOperand => true,
        Kind::Cast(cast) if cast.implicit => is_case_operand(&cast.arg),
        _ => false,
    }
}

/// An arithmetic operator with two operands: whether it binds more tightly than `+` and `-`.
fn binds_tightly(term: &Term) -> Option<bool> {
    match &term.kind {
        Kind::Op { name, args } if args.len() == 2 => match name.as_str() {
            "+" | "-" => Some(false),
            "*" | "/" | "%" => Some(true),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a term needs no parentheses as an operand of `parent`.
fn is_simple(term: &Term, parent: &Term) -> bool {
    match &term.kind {
        Kind::Var { .. }
        | Kind::WholeRow { .. }
        | Kind::Merged { .. }
        | Kind::Const(_)
        | Kind::Param(_)
        | Kind::Argument(_)
        | Kind::Subscript { .. }
        | Kind::Array(_)
        | Kind::Row(_)
        | Kind::Keyword { .. }
        | Kind::SqlValue(_)
        | Kind::Call(_)
        | Kind::Case { .. } => true,
        Kind::CaseOperand | Kind::Collate { .. } | Kind::RowCompare { .. } => false,
        Kind::Quantified { .. } => separates(parent),
        Kind::Field { .. } => !matches!(parent.kind, Kind::Field { .. }),
        Kind::Cast(cast) if cast.function => true,
        Kind::Cast(cast) => is_simple(&cast.arg, term),
        Kind::Domain { arg, domain: _ } => is_simple(arg, term),
        Kind::Op { .. } if matches!(parent.kind, Kind::Op { .. }) => {
            match (binds_tightly(term), binds_tightly(parent)) {
                (Some(true), Some(false)) => true,
                (Some(own), Some(outer)) if own == outer => match &parent.kind {
                    Kind::Op { name: _, args } => {
                        args.first().is_some_and(|first| std::ptr::eq(first, term))
                    }
                    _ => false,
                },
                _ => false,
            }
        }
        Kind::Op { .. } | Kind::SubLink(_) | Kind::Test { .. } | Kind::Distinct(_) => {
            matches!(parent.kind, Kind::And(_) | Kind::Or(_) | Kind::Not(_)) || separates(parent)
        }
        Kind::And(_) | Kind::Not(_) => {
            matches!(parent.kind, Kind::And(_) | Kind::Or(_)) || separates(parent)
        }
        Kind::Or(_) => matches!(parent.kind, Kind::Or(_)) || separates(parent),
    }
}

/// Whether a term's parts are set apart by its own key words and commas.
fn separates(term: &Term) -> bool {
    match &term.kind {
        Kind::Call(call) => !call.sql_syntax,
        Kind::Subscript { .. }
        | Kind::Array(_)
        | Kind::Row(_)
        | Kind::Keyword { .. }
        | Kind::Case { .. } => true,
        _ => false,
    }
}

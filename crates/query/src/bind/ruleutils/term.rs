//! What analysis makes of a definition.

use catalog::objects::ObjectId;
use types::{Datum, Oid};

/// An expression with its type.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) kind: Kind,
    pub(super) ty: Oid,
    pub(super) typmod: i32,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A column of a range-table entry, `up` query levels out.
    Var {
        up: usize,
        relation: usize,
        column: usize,
    },
    /// All columns of an entry as a row.
    WholeRow {
        up: usize,
        relation: usize,
    },
    /// A column that USING merged and that is none of either side: it has a name only.
    Merged {
        name: String,
        /// The join's number, and the column's among those that it merges.
        of: Option<(usize, usize)>,
    },
    /// A literal; NULL if the datum is.
    Const(Datum),
    /// `$n`, counted from 1.
    Param(i32),
    /// An argument of the function whose body it is, by name.
    Argument(String),
    /// A value that becomes a domain's; the term's type is the one beneath.
    Domain {
        arg: Box<Term>,
        domain: Oid,
    },
    /// The operand of the CASE around it.
    CaseOperand,
    Call(Box<Call>),
    Cast(Box<Cast>),
    Op {
        name: String,
        args: Vec<Term>,
    },
    And(Vec<Term>),
    Or(Vec<Term>),
    Not(Box<Term>),
    /// `left op ANY (array)`, or ALL.
    Quantified {
        op: String,
        left: Box<Term>,
        array: Box<Term>,
        all: bool,
    },
    SubLink(Box<SubLink>),
    Case {
        operand: Option<Box<Term>>,
        whens: Vec<(Term, Term)>,
        otherwise: Box<Term>,
    },
    /// `COALESCE`, `GREATEST`, `LEAST`, `NULLIF`, `GROUPING`: a key word with arguments.
    Keyword {
        word: &'static str,
        args: Vec<Term>,
    },
    Distinct(Box<(Term, Term)>),
    /// `IS [NOT] NULL`, `IS [NOT] TRUE` …: what follows the operand. A test for NULL shows an
    /// implicit cast of its operand.
    Test {
        arg: Box<Term>,
        suffix: &'static str,
        null: bool,
    },
    Array(Vec<Term>),
    Row(Vec<Term>),
    RowCompare {
        op: String,
        left: Vec<Term>,
        right: Vec<Term>,
    },
    Subscript {
        base: Box<Term>,
        indexes: Vec<Index>,
    },
    Field {
        base: Box<Term>,
        name: String,
    },
    Collate {
        arg: Box<Term>,
        name: String,
    },
    /// `CURRENT_DATE` …, as printed.
    SqlValue(String),
}

/// One pair of brackets.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) slice: bool,
    pub(super) lower: Option<Term>,
    pub(super) upper: Option<Term>,
}

/// A cast.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    pub(super) arg: Term,
    /// Not written: hidden in places where it is understood.
    pub(super) implicit: bool,
    /// By calling a function: a unit for the rules of parentheses.
    pub(super) function: bool,
}

/// A call of a function, aggregate or window function.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) schema: ObjectId,
    pub(super) name: String,
    pub(super) args: Vec<Term>,
    /// Names of `name => value` arguments; empty for the others.
    pub(super) arg_names: Vec<String>,
    /// `VARIADIC` before the last argument.
    pub(super) variadic: bool,
    /// The syntax that the standard gives to this function.
    pub(super) sql_syntax: bool,
    /// What makes it an aggregate or window function call.
    pub(super) aggregate: Option<Aggregate>,
    pub(super) over: Option<Over>,
    /// The columns of a result that is a row.
    pub(super) outputs: Vec<Column>,
}

/// The clauses of an aggregate call.
#[derive(Clone, Debug, Default)]
pub(super) struct Aggregate {
    /// `(*)`.
    pub(super) star: bool,
    pub(super) distinct: bool,
    pub(super) order: Vec<Sort>,
    pub(super) filter: Option<Term>,
    /// `WITHIN GROUP (ORDER BY …)`.
    pub(super) within_group: bool,
}

/// `OVER …`.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "lives while one statement is printed")]
pub(super) enum Over {
    /// A window of the WINDOW clause.
    Name(String),
    Spec(Window),
}

/// A window's definition.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// The window that it copies.
    pub(super) base: String,
    pub(super) partition: Vec<Term>,
    pub(super) order: Vec<Sort>,
    /// PostgreSQL's `FRAMEOPTION_…` bits.
    pub(super) frame: i32,
    pub(super) start: Option<Term>,
    pub(super) end: Option<Term>,
}

/// An item of ORDER BY.
#[derive(Clone, Debug)]
pub(super) struct Sort {
    pub(super) term: Term,
    /// What shows instead of the term: a set operation is ordered by the numbers of its columns,
    /// VALUES by their names.
    pub(super) output: Option<String>,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

/// How a sub-query's rows are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Value,
    Exists,
    Array,
    Any,
    All,
    RowCompare,
}

/// A sub-query in an expression.
#[derive(Clone, Debug)]
pub(super) struct SubLink {
    pub(super) usage: Use,
    /// What the rows are compared with.
    pub(super) left: Vec<Term>,
    /// By which operator.
    pub(super) op: String,
    /// The left side was written as a row.
    pub(super) row: bool,
    pub(super) query: QueryTree,
}

/// A query.
#[derive(Clone, Debug)]
pub(super) struct QueryTree {
    pub(super) recursive: bool,
    pub(super) ctes: Vec<Cte>,
    pub(super) body: Body,
    /// Output columns.
    pub(super) columns: Vec<Column>,
    pub(super) order: Vec<Sort>,
    pub(super) limit: Option<Term>,
    /// `LIMIT ALL`.
    pub(super) limit_all: bool,
    pub(super) offset: Option<Term>,
    pub(super) with_ties: bool,
    /// `FOR UPDATE` …: the words, the entries they name, and ` NOWAIT` or the like.
    pub(super) locks: Vec<(&'static str, Vec<usize>, &'static str)>,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Term>>),
    SetOperation { word: &'static str, all: bool, left: Box<QueryTree>, right: Box<QueryTree> },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Select {
    pub(super) relations: Vec<Entry>,
    pub(super) from: Vec<FromItem>,
    pub(super) distinct: Option<Vec<Term>>,
    /// Output expressions with their names.
    pub(super) targets: Vec<(Term, String)>,
    pub(super) filter: Option<Term>,
    pub(super) group_distinct: bool,
    pub(super) groups: Vec<Group>,
    pub(super) having: Option<Term>,
    pub(super) windows: Vec<(String, Window)>,
}

/// An item of GROUP BY.
#[derive(Clone, Debug)]
pub(super) enum Group {
    Term(Term),
    /// `(a, b)` within a grouping set.
    Set(Vec<Term>),
    /// `ROLLUP(…)`, `CUBE(…)`, `GROUPING SETS (…)`.
    Sets(&'static str, Vec<Group>),
}

#[derive(Clone, Debug)]
pub(super) struct Cte {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) materialized: Option<bool>,
    pub(super) query: QueryTree,
    pub(super) search: Option<Search>,
    pub(super) cycle: Option<Cycle>,
}

/// `SEARCH … FIRST BY columns SET sequence`.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) breadth: bool,
    pub(super) columns: Vec<String>,
    pub(super) sequence: String,
}

/// `CYCLE columns SET mark [TO … DEFAULT …] USING path`.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    pub(super) columns: Vec<String>,
    pub(super) mark: String,
    /// The two values of the mark, where they are not the usual true and false.
    pub(super) values: Option<(Term, Term)>,
    pub(super) path: String,
}

/// A range-table entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) source: Source,
    /// The name that it goes by unless another entry has it.
    pub(super) name: String,
    /// It was given that name; column names may have been given too.
    pub(super) alias: bool,
    pub(super) aliases: Vec<String>,
    pub(super) columns: Vec<Column>,
    /// What the definition calls the columns that it may know, where that differs: those of a
    /// relation that was altered since.
    pub(super) written: Option<Vec<String>>,
    /// The type of a whole row.
    pub(super) row_type: Oid,
    pub(super) lateral: bool,
}

/// A column that an entry or a query offers, with its own name.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: Oid,
    pub(super) typmod: i32,
}

#[derive(Clone, Debug)]
pub(super) enum Source {
    Relation {
        schema: ObjectId,
        name: String,
        /// `ONLY`.
        only: bool,
    },
    Query(Box<QueryTree>),
    Functions {
        calls: Vec<FunctionItem>,
        ordinality: bool,
    },
    /// A common table expression of this name.
    Cte(String),
    /// A join with a name.
    Join,
}

/// A call in FROM, with its column definitions.
#[derive(Clone, Debug)]
pub(super) struct FunctionItem {
    pub(super) call: Term,
    pub(super) definitions: Vec<Column>,
}

#[derive(Clone, Debug)]
pub(super) enum FromItem {
    Entry(usize),
    Join {
        /// Its number in the definition.
        number: usize,
        /// ` LEFT` …; empty for an inner join.
        word: &'static str,
        left: Box<FromItem>,
        right: Box<FromItem>,
        using: Vec<String>,
        /// A merged column is none of either side.
        is_dangerous: bool,
        using_alias: Option<String>,
        on: Option<Term>,
        /// The entry of a join with a name.
        alias: Option<usize>,
    },
}

impl Term {
    pub(super) fn new(kind: Kind, ty: Oid) -> Term {
        Term { kind, ty, typmod: -1 }
    }

    pub(super) fn bool(kind: Kind) -> Term {
        Term::new(kind, types::oid::BOOL)
    }

    pub(super) fn null(ty: Oid) -> Term {
        Term::new(Kind::Const(Datum::Null), ty)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Const(Datum::Null))
    }

    /// `AND` or `OR` of conditions.
    pub(super) fn chain(mut parts: Vec<Term>, all: bool) -> Term {
        match parts.len() {
            1 => parts.remove(0),
            _ if all => Term::bool(Kind::And(parts)),
            _ => Term::bool(Kind::Or(parts)),
        }
    }
}

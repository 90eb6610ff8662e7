//! SQL functions.

use serde::{Deserialize, Serialize};

use super::{Grants, ObjectId, Sql};

/// A function in SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// OID in `pg_proc`.
    pub oid: ObjectId,
    /// Schema.
    pub schema: ObjectId,
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: ObjectId,
    /// Arguments of all modes, in order.
    pub arguments: Vec<Argument>,
    /// `pg_proc.prorettype`.
    pub returns: u32,
    /// `SETOF` or `TABLE`.
    #[serde(default)]
    pub returns_set: bool,
    /// `i`, `s` or `v`, as in `pg_proc.provolatile`.
    pub volatility: char,
    /// `STRICT`.
    #[serde(default)]
    pub strict: bool,
    /// `SECURITY DEFINER`.
    #[serde(default)]
    pub security_definer: bool,
    /// `WINDOW`.
    #[serde(default)]
    pub window: bool,
    /// `u`, `r` or `s`, as in `pg_proc.proparallel`.
    pub parallel: char,
    /// `COST`, as it is written.
    pub cost: String,
    /// `ROWS`, as it is written.
    pub rows: String,
    /// `SET parameter`: names and values, as in `pg_proc.proconfig`.
    #[serde(default)]
    pub settings: Vec<(String, String)>,
    /// The body.
    pub body: FunctionBody,
    /// Access list; the default lets everybody execute it.
    #[serde(default)]
    pub grants: Grants,
    /// `COMMENT ON FUNCTION`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// The body of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FunctionBody {
    /// `AS 'statements'`: its names mean what they mean when it is called.
    Text(String),
    /// `RETURN expression` or `BEGIN ATOMIC … END`: its names mean what they meant when it was
    /// created. The text begins with one of these words.
    Parsed(Sql),
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Name, if it has one.
    #[serde(default)]
    pub name: Option<String>,
    /// How it is passed.
    pub mode: ArgumentMode,
    /// Type; of a variadic one, the array's.
    pub type_oid: u32,
    /// `DEFAULT`.
    #[serde(default)]
    pub default: Option<Sql>,
}

/// How an argument is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum ArgumentMode {
    In,
    Out,
    InOut,
    Variadic,
    Table,
}

impl ArgumentMode {
    /// Whether the caller gives it.
    pub const fn is_input(self) -> bool {
        matches!(self, ArgumentMode::In | ArgumentMode::InOut | ArgumentMode::Variadic)
    }

    /// Whether it is part of the result.
    pub const fn is_output(self) -> bool {
        matches!(self, ArgumentMode::Out | ArgumentMode::InOut | ArgumentMode::Table)
    }

    /// The letter in `pg_proc.proargmodes`.
    pub const fn letter(self) -> char {
        match self {
            ArgumentMode::In => 'i',
            ArgumentMode::Out => 'o',
            ArgumentMode::InOut => 'b',
            ArgumentMode::Variadic => 'v',
            ArgumentMode::Table => 't',
        }
    }
}

impl Function {
    /// The arguments that a caller gives, in order.
    pub fn inputs(&self) -> impl Iterator<Item = &Argument> {
        self.arguments.iter().filter(|argument| argument.mode.is_input())
    }

    /// `pg_proc.proargtypes`.
    pub fn input_types(&self) -> Vec<u32> {
        self.inputs().map(|argument| argument.type_oid).collect()
    }

    /// The arguments that make up the result.
    pub fn outputs(&self) -> impl Iterator<Item = &Argument> {
        self.arguments.iter().filter(|argument| argument.mode.is_output())
    }

    /// Whether the last input takes any number of arguments.
    pub fn is_variadic(&self) -> bool {
        self.arguments.iter().any(|argument| argument.mode == ArgumentMode::Variadic)
    }

    /// The body's text, as `pg_proc.prosrc` has it: empty for a parsed body.
    pub fn source(&self) -> &str {
        match &self.body {
            FunctionBody::Text(text) => text,
            FunctionBody::Parsed(_) => "",
        }
    }
}

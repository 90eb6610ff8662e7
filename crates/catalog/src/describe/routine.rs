//! Functions of all kinds, built in or a user's, as `pg_proc` has them.

use types::{Oid, oid};

use crate::builtin::{
    self, LANGUAGE_C, LANGUAGE_INTERNAL, LANGUAGE_SQL, ProcKind, ProcRow, Volatility,
};
use crate::objects::*;
use crate::snapshot::Catalog;

/// A function, aggregate, window function or procedure.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct Routine<'a> {
    pub oid: ObjectId,
    pub schema: ObjectId,
    pub name: &'a str,
    pub owner: ObjectId,
    pub language: Oid,
    pub kind: ProcKind,
    pub returns: Oid,
    pub returns_set: bool,
    /// `i`, `s` or `v`.
    pub volatility: char,
    /// `s`, `r` or `u`.
    pub parallel: char,
    pub strict: bool,
    pub security_definer: bool,
    pub leakproof: bool,
    pub cost: f32,
    pub rows: f32,
    pub support: Oid,
    /// Element type of a variadic parameter, or 0.
    pub variadic: Oid,
    pub parameters: Vec<Parameter<'a>>,
    /// `SET parameter`.
    pub settings: &'a [(String, String)],
    /// `prosrc`.
    pub source: &'a str,
    /// `probin`.
    pub library: Option<&'a str>,
    pub body: Option<Body<'a>>,
    /// The access list, unless it is the default one.
    pub grants: Option<&'a [Grant]>,
    pub definition: Definition<'a>,
}

/// Where a routine comes from.
#[derive(Clone, Copy, Debug)]
pub enum Definition<'a> {
    /// PostgreSQL's own, or DSQL's.
    Builtin(&'static ProcRow),
    /// A user created it.
    User(&'a Function),
}

/// A parameter of a routine.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<'a> {
    /// Empty if it has none.
    pub name: &'a str,
    /// `i`, `o`, `b`, `v` or `t`.
    pub mode: u8,
    /// Type.
    pub type_oid: Oid,
    /// What it is if the caller leaves it out.
    pub default: Option<Body<'a>>,
}

/// A text: of a built-in object as it is printed, or a stored one.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// To be shown as it is.
    Printed(&'static str),
    /// To be printed.
    Stored(&'a Sql),
}

impl Parameter<'_> {
    /// Whether the caller gives it.
    pub fn is_input(&self) -> bool {
        matches!(self.mode, b'i' | b'b' | b'v')
    }
}

impl<'a> Routine<'a> {
    /// The routine with this OID.
    pub fn by_oid(catalog: &'a Catalog, oid: ObjectId) -> Option<Routine<'a>> {
        match builtin::proc_by_oid(Oid(oid)) {
            Some(row) => Some(Routine::of_builtin(row)),
            None => {
                catalog.function_by_oid(oid).map(|function| Routine::of_user(catalog, function))
            }
        }
    }

    /// All routines: first those that are built in.
    pub fn all(catalog: &'a Catalog) -> impl Iterator<Item = Routine<'a>> {
        let builtin = builtin::procs().iter().map(Routine::of_builtin);
        builtin.chain(catalog.functions().map(|function| Routine::of_user(catalog, function)))
    }

    /// The routines of a name in a schema.
    pub fn named(
        catalog: &'a Catalog,
        schema: ObjectId,
        name: &'a str,
    ) -> impl Iterator<Item = Routine<'a>> {
        let builtin = builtin::procs_by_name(name).iter().filter(move |row| row.schema == schema);
        let users = catalog.functions_named(schema, name);
        builtin
            .map(Routine::of_builtin)
            .chain(users.map(|function| Routine::of_user(catalog, function)))
    }

    /// A built-in one.
    pub fn of_builtin(row: &'static ProcRow) -> Routine<'a> {
        let types = if row.all_args.is_empty() { row.args } else { row.all_args };
        let without_default = row.args.len() - row.defaults.len();
        let mut input = 0;
        let parameters = types.iter().enumerate().map(|(at, type_oid)| {
            let mut parameter = Parameter {
                name: row.names.get(at).copied().unwrap_or_default(),
                mode: row.modes.get(at).copied().unwrap_or(b'i'),
                type_oid: *type_oid,
                default: None,
            };
            if parameter.is_input() {
                input += 1;
                let default = usize::checked_sub(input, without_default + 1);
                let default = default.and_then(|at| row.defaults.get(at));
                parameter.default = default.map(|text| Body::Printed(text));
            }
            parameter
        });
        Routine {
            oid: row.oid.0,
            schema: row.schema,
            name: row.name,
            owner: BOOTSTRAP_ROLE,
            language: row.lang,
            kind: row.kind,
            returns: row.ret,
            returns_set: row.retset,
            volatility: row.volatility.letter(),
            parallel: char::from(row.parallel),
            strict: row.strict,
            security_definer: row.security_definer,
            leakproof: row.leakproof,
            cost: row.cost,
            rows: row.rows,
            support: row.support,
            variadic: row.variadic,
            parameters: parameters.collect(),
            settings: &[],
            source: row.src,
            library: row.bin.filter(|_| row.lang == LANGUAGE_C),
            body: row.body.map(Body::Printed),
            grants: None,
            definition: Definition::Builtin(row),
        }
    }

    /// A user's.
    pub fn of_user(catalog: &Catalog, function: &'a Function) -> Routine<'a> {
        let variadic = function.arguments.iter().find(|a| a.mode == ArgumentMode::Variadic);
        let variadic = variadic.map_or(Oid::INVALID, |argument| match Oid(argument.type_oid) {
            oid::ANYARRAY => oid::ANYELEMENT,
            array => catalog.element_type(array).unwrap_or(Oid::INVALID),
        });
        let parameters = function.arguments.iter().map(|argument| Parameter {
            name: argument.name.as_deref().unwrap_or_default(),
            mode: u8::try_from(argument.mode.letter()).unwrap_or(b'i'),
            type_oid: Oid(argument.type_oid),
            default: argument.default.as_ref().map(Body::Stored),
        });
        Routine {
            oid: function.oid,
            schema: function.schema,
            name: &function.name,
            owner: function.owner,
            language: LANGUAGE_SQL,
            kind: if function.window { ProcKind::Window } else { ProcKind::Function },
            returns: Oid(function.returns),
            returns_set: function.returns_set,
            volatility: function.volatility,
            parallel: function.parallel,
            strict: function.strict,
            security_definer: function.security_definer,
            leakproof: false,
            cost: function.cost.parse().unwrap_or_default(),
            rows: function.rows.parse().unwrap_or_default(),
            support: Oid::INVALID,
            variadic,
            parameters: parameters.collect(),
            settings: &function.settings,
            source: function.source(),
            library: None,
            body: match &function.body {
                FunctionBody::Text(_) => None,
                FunctionBody::Parsed(body) => Some(Body::Stored(body)),
            },
            grants: function.grants.as_deref(),
            definition: Definition::User(function),
        }
    }

    /// The parameters that a caller gives.
    pub fn inputs(&self) -> impl Iterator<Item = &Parameter<'a>> {
        self.parameters.iter().filter(|parameter| parameter.is_input())
    }

    /// `proargtypes`.
    pub fn input_types(&self) -> Vec<Oid> {
        self.inputs().map(|parameter| parameter.type_oid).collect()
    }

    /// Whether `proallargtypes` and `proargmodes` are set: not all parameters are plain inputs.
    pub fn has_modes(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter.mode != b'i')
    }

    /// `name_oid`, what tells overloads apart in `information_schema`.
    pub fn specific_name(&self) -> String {
        format!("{}_{}", self.name, self.oid)
    }

    /// `internal`, `c` or `sql`.
    pub fn language_name(&self) -> &'static str {
        match self.language {
            LANGUAGE_INTERNAL => "internal",
            LANGUAGE_C => "c",
            _ => "sql",
        }
    }

    /// Whether the result depends on nothing but the arguments.
    pub fn is_immutable(&self) -> bool {
        self.volatility == Volatility::Immutable.letter()
    }
}

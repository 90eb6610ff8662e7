//! The options of COPY.
//!
//! Source: PostgreSQL 16 `ProcessCopyOptions`, `src/backend/commands/copy.c`.

use parser::protobuf::{DefElem, a_const};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use crate::bind::strings;
use crate::session::settings::parse_bool;

/// How COPY reads or writes rows.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) binary: bool,
    pub(super) csv: bool,
    pub(super) delimiter: u8,
    pub(super) null: String,
    /// What stands for a column's default.
    pub(super) default: Option<String>,
    pub(super) header: Header,
    pub(super) quote: u8,
    pub(super) escape: u8,
    pub(super) force_quote: Forced,
    pub(super) force_not_null: Forced,
    pub(super) force_null: Forced,
}

/// The line before the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Header {
    #[default]
    Absent,
    Present,
    /// It has to name the columns.
    Match,
}

/// The columns that a `FORCE_…` option names.
#[derive(Clone, Debug)]
pub(super) enum Forced {
    All,
    Columns(Vec<String>),
}

impl Forced {
    fn is_given(&self) -> bool {
        match self {
            Forced::All => true,
            Forced::Columns(names) => !names.is_empty(),
        }
    }

    pub(super) fn has(&self, column: &str) -> bool {
        match self {
            Forced::All => true,
            Forced::Columns(names) => names.iter().any(|name| name == column),
        }
    }
}

/// The options as they are written, each at most once.
#[derive(Default)]
struct Given {
    format: Option<String>,
    freeze: Option<bool>,
    delimiter: Option<String>,
    null: Option<String>,
    default: Option<String>,
    header: Option<Header>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Forced>,
    force_not_null: Option<Forced>,
    force_null: Option<Forced>,
    encoding: Option<String>,
}

impl Options {
    /// Reads the options of a COPY FROM or TO in the text `source`.
    ///
    /// # Errors
    /// `42601`, `22023`, `0A000`, as PostgreSQL.
    pub(super) fn read(nodes: &[Node], from: bool, source: &str) -> Result<Options> {
        let mut given = Given::default();
        for node in nodes {
            if let Some(NodeEnum::DefElem(option)) = &node.node {
                given.take(option, from).map_err(|error| at(error, option, source))?;
            }
        }
        given.check(from)
    }

    /// Checks that `FORCE_…` options name columns that are copied.
    ///
    /// # Errors
    /// `42703`, `42P10`.
    pub(super) fn check_columns<'n>(
        &self,
        relation: &str,
        exists: impl Fn(&str) -> bool,
        copied: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<()> {
        let forced = [
            ("FORCE_QUOTE", &self.force_quote),
            ("FORCE_NOT_NULL", &self.force_not_null),
            ("FORCE_NULL", &self.force_null),
        ];
        for (option, forced) in forced {
            let Forced::Columns(names) = forced else { continue };
            for name in names {
                if !exists(name) {
                    return Err(no_column(name, relation));
                }
                if !copied.clone().any(|copied| copied == name) {
                    return Err(SqlError::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        format!("{option} column \"{name}\" not referenced by COPY"),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A column that is named and is not there; `relation` is empty for that of a query.
pub(super) fn no_column(name: &str, relation: &str) -> SqlError {
    let of = match relation {
        "" => String::new(),
        relation => format!(" of relation \"{relation}\""),
    };
    SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\"{of} does not exist"))
}

impl Given {
    fn take(&mut self, option: &DefElem, from: bool) -> Result<()> {
        let DefElem { defnamespace: _, defname, arg, defaction: _, location: _ } = option;
        let arg = arg.as_ref().and_then(|arg| arg.node.as_ref());
        let name = defname.as_str();
        match name {
            "format" => {
                let format = string(name, arg)?;
                if !matches!(format.as_str(), "text" | "csv" | "binary") {
                    return Err(invalid(format!("COPY format \"{format}\" not recognized")));
                }
                once(&mut self.format, format)
            }
            "freeze" => once(&mut self.freeze, boolean(name, arg)?),
            "delimiter" => once(&mut self.delimiter, string(name, arg)?),
            "null" => once(&mut self.null, string(name, arg)?),
            "default" => once(&mut self.default, string(name, arg)?),
            "header" => once(&mut self.header, header(name, arg, from)?),
            "quote" => once(&mut self.quote, string(name, arg)?),
            "escape" => once(&mut self.escape, string(name, arg)?),
            "force_quote" if matches!(arg, Some(NodeEnum::AStar(_))) => {
                once(&mut self.force_quote, Forced::All)
            }
            "force_quote" => once(&mut self.force_quote, columns(name, arg)?),
            "force_not_null" => once(&mut self.force_not_null, columns(name, arg)?),
            "force_null" => once(&mut self.force_null, columns(name, arg)?),
            "encoding" => {
                let encoding = string(name, arg)?;
                let plain = encoding.replace(['-', '_', ' '], "").to_ascii_lowercase();
                match plain.as_str() {
                    "utf8" | "unicode" | "sqlascii" => once(&mut self.encoding, encoding),
                    _ if functions::is_encoding(&encoding) => Err(SqlError::unsupported(format!(
                        "encoding \"{encoding}\" not supported for COPY"
                    ))),
                    _ => Err(invalid(format!(
                        "argument to option \"{name}\" must be a valid encoding name"
                    ))),
                }
            }
            _ => Err(syntax(format!("option \"{name}\" not recognized"))),
        }
    }

    fn check(self, from: bool) -> Result<Options> {
        let (csv, binary) =
            (self.format.as_deref() == Some("csv"), self.format.as_deref() == Some("binary"));
        let in_binary = [
            ("DELIMITER", self.delimiter.is_some()),
            ("NULL", self.null.is_some()),
            ("DEFAULT", self.default.is_some()),
        ];
        if let Some((name, _)) = in_binary.iter().find(|(_, given)| binary && *given) {
            return Err(syntax(format!("cannot specify {name} in BINARY mode")));
        }
        let text = |given: &Option<String>, otherwise: &str| {
            given.clone().unwrap_or_else(|| otherwise.to_owned())
        };
        let delimiter = text(&self.delimiter, if csv { "," } else { "\t" });
        let null = text(&self.null, if csv { "" } else { "\\N" });
        let (quote, escape) = (text(&self.quote, "\""), &self.escape);
        let escape = text(escape, &quote);
        let delimiter_byte = single("delimiter", &delimiter)?;
        let ends_line = |text: &str| text.contains(['\n', '\r']);
        if ends_line(&delimiter) {
            return Err(invalid("COPY delimiter cannot be newline or carriage return".into()));
        }
        for (name, text) in [("null", Some(&null)), ("default", self.default.as_ref())] {
            if text.is_some_and(|text| ends_line(text)) {
                return Err(invalid(format!(
                    "COPY {name} representation cannot use newline or carriage return"
                )));
            }
        }
        if !csv && "\\.abcdefghijklmnopqrstuvwxyz0123456789".contains(&delimiter) {
            return Err(invalid(format!("COPY delimiter cannot be \"{delimiter}\"")));
        }
        let header = self.header.unwrap_or_default();
        if binary && header != Header::Absent {
            return Err(SqlError::unsupported("cannot specify HEADER in BINARY mode"));
        }
        let only_csv = |what: &str| {
            Err(SqlError::unsupported(format!("COPY {what} available only in CSV mode")))
        };
        if !csv && self.quote.is_some() {
            return only_csv("quote");
        }
        let quote_byte = if csv { single("quote", &quote)? } else { b'"' };
        if csv && delimiter == quote {
            return Err(invalid("COPY delimiter and quote must be different".into()));
        }
        if !csv && self.escape.is_some() {
            return only_csv("escape");
        }
        let escape_byte = if csv { single("escape", &escape)? } else { b'"' };
        let forced = [
            ("quote", &self.force_quote, !from, "TO"),
            ("not null", &self.force_not_null, from, "FROM"),
            ("null", &self.force_null, from, "FROM"),
        ];
        for (name, forced, fits, direction) in forced {
            if !forced.as_ref().is_some_and(Forced::is_given) {
                continue;
            }
            if !csv {
                return only_csv(&format!("force {name}"));
            }
            if !fits {
                return Err(SqlError::unsupported(format!(
                    "COPY force {name} only available using COPY {direction}"
                )));
            }
        }
        check_mark("NULL", &null, &delimiter, csv.then_some(quote.as_str()))?;
        if let Some(default) = &self.default {
            if !from {
                return Err(SqlError::unsupported("COPY DEFAULT only available using COPY FROM"));
            }
            check_mark("DEFAULT", default, &delimiter, csv.then_some(quote.as_str()))?;
            if *default == null {
                return Err(SqlError::unsupported(
                    "NULL specification and DEFAULT specification cannot be the same",
                ));
            }
        }
        if self.freeze == Some(true) && from {
            // A table of this transaction is needed, which cannot be: DDL and DML do not mix.
            return Err(SqlError::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "cannot perform COPY FREEZE because the table was not created or truncated in the \
                 current subtransaction",
            ));
        }
        let none = || Forced::Columns(Vec::new());
        Ok(Options {
            binary,
            csv,
            delimiter: delimiter_byte,
            null,
            default: self.default,
            header,
            quote: quote_byte,
            escape: escape_byte,
            force_quote: self.force_quote.unwrap_or_else(none),
            force_not_null: self.force_not_null.unwrap_or_else(none),
            force_null: self.force_null.unwrap_or_else(none),
        })
    }
}

/// Checks what stands for NULL or for a default.
fn check_mark(name: &str, mark: &str, delimiter: &str, quote: Option<&str>) -> Result<()> {
    if mark.contains(delimiter) {
        return Err(SqlError::unsupported(format!(
            "COPY delimiter must not appear in the {name} specification"
        )));
    }
    if quote.is_some_and(|quote| mark.contains(quote)) {
        return Err(SqlError::unsupported(format!(
            "CSV quote character must not appear in the {name} specification"
        )));
    }
    Ok(())
}

fn at(error: SqlError, option: &DefElem, source: &str) -> SqlError {
    // These say nothing about where they are.
    let unplaced = error.message().contains("requires a") || error.message().contains("HEADER in");
    match usize::try_from(option.location) {
        Ok(byte) if !unplaced => error.at(parser::character_position(source, byte)),
        _ => error,
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<()> {
    if slot.is_some() {
        return Err(syntax("conflicting or redundant options".into()));
    }
    *slot = Some(value);
    Ok(())
}

fn invalid(message: String) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn syntax(message: String) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, message)
}

fn text(arg: Option<&NodeEnum>) -> Option<String> {
    match arg? {
        NodeEnum::String(s) => Some(s.sval.clone()),
        NodeEnum::Integer(i) => Some(i.ival.to_string()),
        NodeEnum::Float(f) => Some(f.fval.clone()),
        NodeEnum::Boolean(b) => Some(b.boolval.to_string()),
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            a_const::Val::Sval(s) => Some(s.sval.clone()),
            a_const::Val::Ival(i) => Some(i.ival.to_string()),
            a_const::Val::Boolval(b) => Some(b.boolval.to_string()),
            a_const::Val::Fval(f) => Some(f.fval.clone()),
            a_const::Val::Bsval(_) => None,
        },
        _ => None,
    }
}

fn string(name: &str, arg: Option<&NodeEnum>) -> Result<String> {
    text(arg).ok_or_else(|| syntax(format!("{name} requires a parameter")))
}

fn boolean(name: &str, arg: Option<&NodeEnum>) -> Result<bool> {
    if arg.is_none() {
        return Ok(true);
    }
    let value = text(arg).as_deref().and_then(parse_bool);
    value.ok_or_else(|| syntax(format!("{name} requires a Boolean value")))
}

/// Source: PostgreSQL 16 `defGetCopyHeaderChoice`.
fn header(name: &str, arg: Option<&NodeEnum>, from: bool) -> Result<Header> {
    let Some(value) = text(arg) else { return Ok(Header::Present) };
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(Header::Present),
        "false" | "off" | "0" => Ok(Header::Absent),
        "match" if from => Ok(Header::Match),
        "match" => {
            Err(SqlError::unsupported(format!("cannot use \"{value}\" with HEADER in COPY TO")))
        }
        _ => Err(syntax(format!("{name} requires a Boolean value or \"match\""))),
    }
}

fn columns(name: &str, arg: Option<&NodeEnum>) -> Result<Forced> {
    match arg {
        Some(NodeEnum::List(list)) => {
            Ok(Forced::Columns(strings(&list.items).into_iter().map(ToOwned::to_owned).collect()))
        }
        _ => Err(invalid(format!("argument to option \"{name}\" must be a list of column names"))),
    }
}

fn single(name: &str, text: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(SqlError::unsupported(format!("COPY {name} must be a single one-byte character"))),
    }
}

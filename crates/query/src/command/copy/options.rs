//! The options of COPY.

use parser::protobuf::a_const;
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState};

use crate::session::settings::parse_bool;

/// How COPY reads or writes rows.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) binary: bool,
    pub(super) csv: bool,
    pub(super) delimiter: u8,
    pub(super) null: String,
    pub(super) header: bool,
    pub(super) quote: u8,
    pub(super) escape: u8,
}

impl Options {
    pub(super) fn read(nodes: &[Node]) -> Result<Options> {
        let mut options = Options {
            binary: false,
            csv: false,
            delimiter: b'\t',
            null: "\\N".into(),
            header: false,
            quote: b'"',
            escape: b'"',
        };
        let (mut delimiter, mut null, mut quote, mut escape) = (None, None, None, None);
        for node in nodes {
            let Some(NodeEnum::DefElem(option)) = &node.node else { continue };
            let arg = option.arg.as_ref().and_then(|arg| arg.node.as_ref());
            match option.defname.as_str() {
                "format" => match text(arg).as_deref() {
                    Some("text") => {}
                    Some("csv") => options.csv = true,
                    Some("binary") => options.binary = true,
                    other => {
                        return Err(invalid(format!(
                            "COPY format \"{}\" not recognized",
                            other.unwrap_or_default()
                        )));
                    }
                },
                "delimiter" => delimiter = Some(single("delimiter", arg)?),
                "null" => null = text(arg),
                "header" => {
                    options.header = match arg {
                        None => true,
                        some => text(some).as_deref().and_then(parse_bool).ok_or_else(|| {
                            SqlError::new(
                                SqlState::SYNTAX_ERROR,
                                "header requires a Boolean value or \"match\"",
                            )
                        })?,
                    };
                }
                "quote" => quote = Some(single("quote", arg)?),
                "escape" => escape = Some(single("escape", arg)?),
                "encoding" => {
                    let name = text(arg).unwrap_or_default();
                    if !name.replace(['-', '_'], "").eq_ignore_ascii_case("utf8") {
                        return Err(invalid(
                            "argument to option \"encoding\" must be a valid encoding name".into(),
                        ));
                    }
                }
                other => {
                    return Err(SqlError::unsupported(format!(
                        "COPY option \"{other}\" not supported"
                    )));
                }
            }
        }
        if options.csv {
            options.delimiter = b',';
            options.null = String::new();
        } else if quote.is_some() || escape.is_some() {
            let which = if quote.is_some() { "quote" } else { "escape" };
            return Err(SqlError::unsupported(format!("COPY {which} available only in CSV mode")));
        }
        options.delimiter = delimiter.unwrap_or(options.delimiter);
        options.null = null.unwrap_or(options.null);
        options.quote = quote.unwrap_or(b'"');
        options.escape = escape.unwrap_or(options.quote);
        if options.binary && (delimiter.is_some() || options.header) {
            return Err(SqlError::new(
                SqlState::SYNTAX_ERROR,
                "cannot specify DELIMITER in BINARY mode",
            ));
        }
        Ok(options)
    }
}

fn invalid(message: String) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn text(arg: Option<&NodeEnum>) -> Option<String> {
    match arg? {
        NodeEnum::String(s) => Some(s.sval.clone()),
        NodeEnum::Integer(i) => Some(i.ival.to_string()),
        NodeEnum::Boolean(b) => Some(b.boolval.to_string()),
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            a_const::Val::Sval(s) => Some(s.sval.clone()),
            a_const::Val::Ival(i) => Some(i.ival.to_string()),
            a_const::Val::Boolval(b) => Some(b.boolval.to_string()),
            a_const::Val::Fval(_) | a_const::Val::Bsval(_) => None,
        },
        _ => None,
    }
}

fn single(name: &str, arg: Option<&NodeEnum>) -> Result<u8> {
    match text(arg).unwrap_or_default().as_bytes() {
        [byte] if !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => Err(SqlError::unsupported(format!("COPY {name} must be a single one-byte character"))),
    }
}

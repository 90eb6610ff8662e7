//! Readers: a file's rows as text, whatever its format.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field as Value;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use crate::batch::{Field, Refused, Rows};
use crate::error::{Error, Result};
use crate::options::{Format, Options};

/// What was read.
pub(crate) enum Next {
    /// A row, which is appended to the rows.
    Row,
    /// A row that does not fit the format. Others may follow.
    Refused(Refused),
}

/// The file's columns, if it names them, and its rows.
pub(crate) struct Source {
    pub(crate) columns: Option<Vec<Column>>,
    /// All that there is to read, in the unit of [`Source::position`], if that is known.
    pub(crate) total: Option<u64>,
    reader: Reader,
    number: u64,
}

/// A column of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The SQL type, if the format tells it.
    pub(crate) sql_type: Option<String>,
}

enum Reader {
    Separated {
        reader: csv::Reader<Box<dyn Read + Send>>,
        record: ByteRecord,
        null: String,
        width: Option<usize>,
    },
    Parquet(RowIter<'static>),
}

/// Opens what `options` name.
pub(crate) fn open(options: &Options) -> Result<Source> {
    let path = &options.source;
    let open = || File::open(path).map_err(|source| cannot_read(path, source));
    match options.format()? {
        Format::Parquet => parquet(path, open()?),
        format @ (Format::Csv | Format::Tsv) => {
            if options.is_stdin() {
                return separated(options, format, Box::new(std::io::stdin()), None);
            }
            let file = open()?;
            // What is no file, such as a pipe, has no length.
            let bytes = file.metadata().ok().filter(|data| data.is_file()).map(|data| data.len());
            separated(options, format, Box::new(file), bytes)
        }
    }
}

fn separated(
    options: &Options,
    format: Format,
    input: Box<dyn Read + Send>,
    total: Option<u64>,
) -> Result<Source> {
    let default = if format == Format::Tsv { '\t' } else { ',' };
    let delimiter = u8::try_from(options.delimiter.unwrap_or(default)).unwrap_or(b',');
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(!options.no_header)
        // A row of another width is refused by itself, with its number.
        .flexible(true)
        .from_reader(input);
    let path = &options.source;
    let malformed = |reason: String| Error::Malformed { path: path.clone(), format: "CSV", reason };
    let columns = if options.no_header {
        None
    } else {
        let header = reader.headers().map_err(|error| csv_error(path, error))?;
        let columns: Vec<Column> = header
            .iter()
            // A byte order mark is no part of a name.
            .map(|name| name.trim_start_matches('\u{FEFF}').to_owned())
            .map(|name| Column { name, sql_type: None })
            .collect();
        if columns.is_empty() || columns.iter().any(|column| column.name.is_empty()) {
            return Err(malformed(
                "its first line does not name every column: add the names, or give --no-header"
                    .to_owned(),
            ));
        }
        Some(columns)
    };
    let width = columns.as_ref().map(Vec::len);
    let null = options.null.clone();
    let record = ByteRecord::new();
    let reader = Reader::Separated { reader, record, null, width };
    Ok(Source { columns, total, reader, number: 0 })
}

fn parquet(path: &Path, file: File) -> Result<Source> {
    let malformed =
        |reason: String| Error::Malformed { path: path.to_owned(), format: "Parquet", reason };
    let reader = SerializedFileReader::new(file).map_err(|error| malformed(error.to_string()))?;
    let file = reader.metadata().file_metadata();
    let total = u64::try_from(file.num_rows()).ok();
    let schema = file.schema_descr().root_schema().clone();
    let columns = schema.get_fields().iter().map(|field| {
        let name = field.name().to_owned();
        let sql_type = sql_type(field);
        sql_type
            .map(|sql_type| Column { name: name.clone(), sql_type: Some(sql_type) })
            .ok_or_else(|| malformed(format!("its column \"{name}\" is nested: write it as text")))
    });
    let columns: Vec<Column> = columns.collect::<Result<_>>()?;
    let rows = RowIter::from_file_into(Box::new(reader));
    Ok(Source { columns: Some(columns), total, reader: Reader::Parquet(rows), number: 0 })
}

/// The SQL type of a column that is not nested.
fn sql_type(field: &Type) -> Option<String> {
    if !field.is_primitive()
        || field.get_basic_info().has_repetition()
            && field.get_basic_info().repetition() == parquet::basic::Repetition::REPEATED
    {
        return None;
    }
    let info = field.get_basic_info();
    let is_text = matches!(
        info.converted_type(),
        ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON
    ) || matches!(info.logical_type_ref(), Some(LogicalType::String));
    if info.converted_type() == ConvertedType::DECIMAL {
        return Some(format!("numeric({}, {})", field.get_precision(), field.get_scale()));
    }
    let name = match (info.converted_type(), field.get_physical_type()) {
        (ConvertedType::DATE, _) => "date",
        (ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS, _) => "timestamptz",
        (ConvertedType::UINT_64, _) => "numeric(20, 0)",
        (ConvertedType::UINT_32, _) => "bigint",
        (_, Physical::BOOLEAN) => "boolean",
        (_, Physical::INT32) => "integer",
        (_, Physical::INT64) => "bigint",
        (_, Physical::INT96) => "timestamptz",
        (_, Physical::FLOAT) => "real",
        (_, Physical::DOUBLE) => "double precision",
        (_, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) if is_text => "text",
        (_, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) => "bytea",
    };
    Some(name.to_owned())
}

impl Source {
    /// How far it was read: in bytes, or in rows of a Parquet file.
    pub(crate) fn position(&self) -> u64 {
        match &self.reader {
            Reader::Separated { reader, .. } => reader.position().byte(),
            Reader::Parquet(_) => self.number,
        }
    }

    /// Reads a row and appends it to `rows`; `None` at the end.
    ///
    /// # Errors
    /// If the file cannot be read on.
    pub(crate) fn next(&mut self, path: &Path, rows: &mut Rows) -> Result<Option<Next>> {
        let number = self.number + 1;
        let next = match &mut self.reader {
            Reader::Separated { reader, record, null, width } => {
                if !reader.read_byte_record(record).map_err(|error| csv_error(path, error))? {
                    return Ok(None);
                }
                separated_row(record, number, null, width, rows)
            }
            Reader::Parquet(reader) => match reader.next() {
                None => return Ok(None),
                Some(Ok(row)) => {
                    let fields: Vec<Field> =
                        row.get_column_iter().map(|(_, value)| text(value)).collect();
                    rows.push(number, fields.iter().map(Option::as_deref));
                    Next::Row
                }
                Some(Err(error)) => {
                    let (format, reason) = ("Parquet", error.to_string());
                    return Err(Error::Malformed { path: path.to_owned(), format, reason });
                }
            },
        };
        self.number = number;
        Ok(Some(next))
    }
}

/// A line's fields, if they are as many as those of the lines before.
fn separated_row(
    record: &ByteRecord,
    number: u64,
    null: &str,
    width: &mut Option<usize>,
    rows: &mut Rows,
) -> Next {
    let refused = |reason: String| {
        let lossy = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
        Next::Refused(Refused { number, fields: record.iter().map(lossy).collect(), reason })
    };
    let expected = *width.get_or_insert(record.len());
    if record.len() != expected {
        return refused(format!("{} fields instead of {expected}", record.len()));
    }
    if record.iter().any(|bytes| std::str::from_utf8(bytes).is_err()) {
        return refused("not UTF-8".to_owned());
    }
    let field = |bytes| std::str::from_utf8(bytes).ok().filter(|text| *text != null);
    rows.push(number, record.iter().map(field));
    Next::Row
}

/// A Parquet value as PostgreSQL's input functions read it.
fn text(value: &Value) -> Field {
    Some(match value {
        Value::Null => return None,
        Value::Str(text) => text.clone(),
        Value::Bytes(bytes) => {
            let hex = bytes.data().iter().map(|byte| format!("{byte:02x}"));
            format!("\\x{}", hex.collect::<String>())
        }
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Float16(number) => number.to_f32().to_string(),
        // Numbers, dates and times of day are written as SQL writes them.
        other => other.to_string(),
    })
}

fn csv_error(path: &Path, error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => cannot_read(path, source),
        csv::ErrorKind::Utf8 { err, .. } => Error::Malformed {
            path: path.to_owned(),
            format: "CSV",
            reason: format!("its first line is not UTF-8 ({err}): convert it"),
        },
        kind => {
            Error::Malformed { path: path.to_owned(), format: "CSV", reason: format!("{kind:?}") }
        }
    }
}

fn cannot_read(path: &Path, source: std::io::Error) -> Error {
    Error::File { what: "read", path: path.to_owned(), source }
}

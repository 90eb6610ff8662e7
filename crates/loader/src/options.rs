//! What to load, from where, and how.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::error::{Error, Result};

/// Rows of a transaction at most.
const TRANSACTION_ROWS_MAX: usize = 3_000;

/// The options of `borealis load`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// File to load; - is the standard input.
    #[arg(value_name = "FILE")]
    pub source: PathBuf,
    /// Table to load into, or schema.table.
    #[arg(long, short)]
    pub table: String,
    /// Format of the file [default: from its name's ending].
    #[arg(long, short)]
    pub format: Option<Format>,
    /// The file's first line is data, not the columns' names; its columns are the table's, in order.
    #[arg(long)]
    pub no_header: bool,
    /// Character between fields [default: a comma, or a tab in TSV].
    #[arg(long, value_name = "CHAR")]
    pub delimiter: Option<char>,
    /// Field that means NULL, quoted or not.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub null: String,
    /// Creates the table if it does not exist, with types that fit the first 1,000 rows.
    #[arg(long)]
    pub create: bool,
    /// Primary key of a table that is created; several columns are separated by commas.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', requires = "create")]
    pub primary_key: Vec<String>,
    /// What to do with rows whose key is there already.
    #[arg(long, value_name = "ACTION", default_value = "do-nothing")]
    pub on_conflict: OnConflict,
    /// Rows in a transaction.
    #[arg(long, value_name = "ROWS", default_value_t = 1_000)]
    pub batch_size: usize,
    /// Connections that load at the same time.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    pub connections: usize,
    /// File that remembers which batches are loaded: started again with it, a load goes on where it
    /// stopped.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// File for rows that are refused [default: the table's name with .rejects.csv].
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Ends the load when more rows than this are refused.
    #[arg(long, value_name = "ROWS", default_value_t = 1_000)]
    pub rejects_max: u64,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Fields separated by commas, quoted with double quotes.
    Csv,
    /// The same, separated by tabs.
    Tsv,
    /// Apache Parquet, without nested columns.
    Parquet,
}

/// What happens to rows whose key is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// They are left out.
    DoNothing,
    /// They take the place of those that are there.
    DoUpdate,
    /// They are refused.
    Error,
}

impl Options {
    /// Whether the data come from the standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        self.source == Path::new("-")
    }

    /// The format, given or by the file's name.
    pub(crate) fn format(&self) -> Result<Format> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let ending = self.source.extension().map(|ending| ending.to_ascii_lowercase());
        match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("csv") => Ok(Format::Csv),
            Some("tsv" | "tab") => Ok(Format::Tsv),
            Some("parquet") => Ok(Format::Parquet),
            _ => fail(format!(
                "the name of {} does not tell its format: give --format",
                self.source.display()
            )),
        }
    }

    /// Where refused rows go.
    pub(crate) fn rejects(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| format!("{}.rejects.csv", self.table).into())
    }

    /// Checks what needs neither file nor server.
    pub(crate) fn check(&self) -> Result<()> {
        if !(1..=TRANSACTION_ROWS_MAX).contains(&self.batch_size) {
            return fail(format!(
                "--batch-size cannot be {}: a transaction takes 1 to {TRANSACTION_ROWS_MAX} rows",
                self.batch_size
            ));
        }
        if self.connections == 0 {
            return fail("--connections cannot be 0".to_owned());
        }
        if self.is_stdin() && self.manifest.is_some() {
            return fail(
                "the standard input cannot be read again: --manifest needs a file".to_owned(),
            );
        }
        if self.is_stdin() && self.format()? == Format::Parquet {
            return fail("Parquet is read from its end: give a file, not -".to_owned());
        }
        if self.delimiter.is_some_and(|delimiter| !delimiter.is_ascii()) {
            return fail("--delimiter is one ASCII character".to_owned());
        }
        Ok(())
    }
}

pub(crate) fn fail<T>(message: String) -> Result<T> {
    Err(Error::Options(message))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Options {
        let all = ["load", "--table", "t"].iter().chain(arguments);
        Command::parse_from(all).options
    }

    #[track_caller]
    fn check(arguments: &[&str], expected: &str) {
        let error = parse(arguments).check().expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn options_that_cannot_be() {
        check(&["x.csv", "--batch-size", "3001"], "1 to 3000 rows");
        check(&["x.csv", "--batch-size", "0"], "1 to 3000 rows");
        check(&["x.csv", "--connections", "0"], "--connections cannot be 0");
        check(&["-", "--format", "csv", "--manifest", "m"], "--manifest needs a file");
        check(&["-", "--format", "parquet"], "give a file, not -");
        check(&["-"], "give --format");
        check(&["x.csv", "--delimiter", "→"], "one ASCII character");
    }

    #[test]
    fn options_format_by_name() {
        for (name, expected) in
            [("a.csv", Format::Csv), ("a.TSV", Format::Tsv), ("a.b.parquet", Format::Parquet)]
        {
            assert_eq!(parse(&[name]).format().expect(name), expected);
        }
        assert!(parse(&["a.txt"]).format().is_err());
        assert_eq!(parse(&["a.txt", "--format", "tsv"]).format().expect("given"), Format::Tsv);
    }
}

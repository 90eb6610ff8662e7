//! The file of refused rows: why, where in the source, and the row.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use crate::batch::Refused;
use crate::error::{Error, Result};

/// A CSV file with the columns `row`, `reason`, and then the row's fields; made with the first refusal.
pub(crate) struct Rejects {
    path: PathBuf,
    count_max: u64,
    count: u64,
    writer: Option<csv::Writer<BufWriter<File>>>,
}

impl Rejects {
    pub(crate) fn new(path: PathBuf, count_max: u64) -> Rejects {
        Rejects { path, count_max, count: 0, writer: None }
    }

    /// Writes a row down.
    ///
    /// # Errors
    /// If the file cannot be written, or this is one row too many.
    pub(crate) fn add(&mut self, row: &Refused) -> Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let file = File::create(&self.path).map_err(|error| self.cannot_write(error))?;
                let writer =
                    csv::WriterBuilder::new().flexible(true).from_writer(BufWriter::new(file));
                self.writer.insert(writer)
            }
        };
        let number = row.number.to_string();
        let start = [number.as_str(), &row.reason];
        let fields = row.fields.iter().map(|field| field.as_deref().unwrap_or_default());
        let written = writer.write_record(start.into_iter().chain(fields));
        if let Err(error) = written.map_err(std::io::Error::from).and_then(|()| writer.flush()) {
            return Err(self.cannot_write(error));
        }
        self.count += 1;
        if self.count > self.count_max {
            return Err(Error::TooManyRejects { count: self.count, path: self.path.clone() });
        }
        Ok(())
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Where they are, if there were any.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        (self.count > 0).then(|| self.path.clone())
    }

    fn cannot_write(&self, source: std::io::Error) -> Error {
        Error::File { what: "write", path: self.path.clone(), source }
    }
}

//! Text search with the configuration `simple`: every word is a lexeme, in lower case.
//!
//!     text ──tokens──► words with positions ──► tsvector
//!                                       tsquery ──matching──► @@, ──rank──► ts_rank,
//!                                               ──headline──► ts_headline

mod headline;
mod headline_options;
mod headlines;
mod matching;
mod queries;
mod rank;
mod rewrite;
mod tokens;
mod vectors;

use crate::SetReturning;
use crate::convert::Table;

pub(crate) const TABLES: [Table; 4] =
    [vectors::TABLE, queries::TABLE, rank::TABLE, headlines::TABLE];
pub(crate) const SETS: &[(&str, SetReturning)] = vectors::SETS;

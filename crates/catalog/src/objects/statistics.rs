//! Extended statistics objects.

use serde::{Deserialize, Serialize};

use super::{ObjectId, Sql};

/// What `CREATE STATISTICS` makes. What was gathered for it is not part of the descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// OID in `pg_statistic_ext`.
    pub oid: ObjectId,
    /// Schema.
    pub schema: ObjectId,
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: ObjectId,
    /// The table.
    pub table: ObjectId,
    /// Kinds, in PostgreSQL's order (`d`, `f`, `m`, `e` in `stxkind`).
    pub kinds: Vec<StatisticsKind>,
    /// 0-based positions of the columns, ascending.
    pub columns: Vec<usize>,
    /// Expressions.
    #[serde(default)]
    pub expressions: Vec<Sql>,
    /// `SET STATISTICS`; −1 is the default.
    pub target: i32,
    /// `COMMENT ON STATISTICS`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A kind of extended statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StatisticsKind {
    /// `ndistinct`: numbers of distinct combinations.
    Ndistinct,
    /// `dependencies`: functional dependencies.
    Dependencies,
    /// `mcv`: most common combinations.
    MostCommon,
    /// What a column has, for expressions.
    Expressions,
}

impl StatisticsKind {
    /// The letter in `pg_statistic_ext.stxkind`.
    pub const fn letter(self) -> char {
        match self {
            StatisticsKind::Ndistinct => 'd',
            StatisticsKind::Dependencies => 'f',
            StatisticsKind::MostCommon => 'm',
            StatisticsKind::Expressions => 'e',
        }
    }
}

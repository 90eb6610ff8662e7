//! What ANALYZE found out about several columns of a table together, for CREATE STATISTICS.

use serde::{Deserialize, Serialize};
use types::settings::FormatSettings;
use types::{Datum, Oid, Result};

use super::{ColumnStatistics, StoredColumn};

/// What is known for one statistics object. Columns are called by their numbers from 1,
/// expressions by −1, −2 and so on: as `pg_stats_ext` has it.
#[derive(Clone, Debug, Default)]
pub struct ExtendedStatistics {
    /// OID in `pg_statistic_ext`.
    pub object: u32,
    /// Columns, ascending, then expressions.
    pub attributes: Vec<i16>,
    /// Types of these.
    pub types: Vec<Oid>,
    /// Numbers of distinct combinations.
    pub distinct: Vec<Combination>,
    /// For which share of the rows the last of the attributes follows from the others.
    pub dependencies: Vec<Combination>,
    /// The most common combinations, the most common first.
    pub common: Vec<CommonRow>,
    /// What is known about the expressions by themselves.
    pub expressions: Vec<ColumnStatistics>,
}

/// A number for some attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Combination {
    /// Attributes.
    pub attributes: Vec<i16>,
    /// The number of combinations, or the degree of the dependency.
    pub number: f64,
}

/// A combination of values that is common.
#[derive(Clone, Debug)]
pub struct CommonRow {
    /// By [`ExtendedStatistics::attributes`].
    pub values: Vec<Datum>,
    /// Its share of all rows.
    pub share: f64,
    /// What its share would be if the values had nothing to do with each other.
    pub base: f64,
}

impl ExtendedStatistics {
    /// `pg_ndistinct` in text: `{"1, 2": 11}`; `None` if there are none.
    pub(crate) fn distinct_text(&self) -> Option<String> {
        let items = self.distinct.iter().map(|Combination { attributes, number }| {
            format!("\"{}\": {number:.0}", list(attributes))
        });
        braced(items.collect())
    }

    /// `pg_dependencies` in text: `{"1 => 2": 1.000000}`; `None` if there are none.
    pub(crate) fn dependencies_text(&self) -> Option<String> {
        let items = self.dependencies.iter().filter_map(|Combination { attributes, number }| {
            let (last, others) = attributes.split_last()?;
            Some(format!("\"{} => {last}\": {number:.6}", list(others)))
        });
        braced(items.collect())
    }

    /// The most common combinations as they are stored, in JSON; `None` if there are none.
    pub(crate) fn common_bytes(&self) -> Option<Vec<u8>> {
        let common = Some(StoredExtended::of(self).common).filter(|common| !common.is_empty());
        serde_json::to_vec(&common?).ok()
    }
}

fn list(attributes: &[i16]) -> String {
    attributes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn braced(items: Vec<String>) -> Option<String> {
    (!items.is_empty()).then(|| format!("{{{}}}", items.join(", ")))
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredExtended {
    object: u32,
    attributes: Vec<i16>,
    types: Vec<u32>,
    distinct: Vec<Combination>,
    dependencies: Vec<Combination>,
    /// Values in PostgreSQL's text format, share, base share.
    common: Vec<(Vec<Option<String>>, f64, f64)>,
    expressions: Vec<StoredColumn>,
}

impl StoredExtended {
    pub(super) fn of(found: &ExtendedStatistics) -> StoredExtended {
        let settings = FormatSettings::default();
        let text = |(value, ty): (&Datum, &Oid)| {
            (!value.is_null()).then(|| types::text::to_string(value, *ty, &settings))
        };
        let row = |row: &CommonRow| {
            let values = row.values.iter().zip(&found.types).map(text).collect();
            (values, row.share, row.base)
        };
        let first = found.types.len() - found.expressions.len();
        let types = found.types.iter().skip(first);
        let expressions = found.expressions.iter().zip(types).enumerate();
        StoredExtended {
            object: found.object,
            attributes: found.attributes.clone(),
            types: found.types.iter().map(|ty| ty.0).collect(),
            distinct: found.distinct.clone(),
            dependencies: found.dependencies.clone(),
            common: found.common.iter().map(row).collect(),
            expressions: expressions
                .map(|(number, (column, ty))| StoredColumn::of(number, *ty, column))
                .collect(),
        }
    }

    pub(super) fn read(self) -> Result<ExtendedStatistics> {
        let settings = FormatSettings::default();
        let types: Vec<Oid> = self.types.into_iter().map(Oid).collect();
        let value = |(text, ty): (&Option<String>, &Oid)| match text {
            Some(text) => types::text::input(*ty, -1, text, &settings),
            None => Ok(Datum::Null),
        };
        let row = |(values, share, base): &(Vec<Option<String>>, f64, f64)| {
            let values = values.iter().zip(&types).map(value).collect::<Result<_>>()?;
            Ok(CommonRow { values, share: *share, base: *base })
        };
        let common = self.common.iter().map(row).collect::<Result<_>>()?;
        let expressions = self.expressions.iter().map(StoredColumn::read).collect::<Result<_>>()?;
        Ok(ExtendedStatistics {
            object: self.object,
            attributes: self.attributes,
            types,
            distinct: self.distinct,
            dependencies: self.dependencies,
            common,
            expressions,
        })
    }
}

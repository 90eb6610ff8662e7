//! Tables and their rows.

use types::{Oid, oid};

use super::kinds;
use crate::random::Random;

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    /// The first is the primary key.
    pub(super) columns: Vec<(String, Oid)>,
    /// Further unique columns.
    pub(super) unique: Option<usize>,
    rows: Vec<Vec<String>>,
}

/// The tables of a seed.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub(super) tables: Vec<Table>,
}

impl Schema {
    pub(super) fn generate(random: &mut Random) -> Schema {
        let mut tables: Vec<Table> = Vec::new();
        for number in 1..=random.range(3, 4) {
            let mut columns = vec![("id".to_owned(), oid::INT4)];
            for column in 0..random.range(3, 7) {
                // Like names in several tables are what NATURAL, USING and ambiguity need.
                let shared = ["a", "b", "c", "k", "n"];
                let name = match random.chance(50) {
                    true => (*random.pick(&shared)).to_owned(),
                    false => format!("c{number}{column}"),
                };
                if columns.iter().all(|(known, _)| *known != name) {
                    // A shared name mostly means a shared type.
                    let ty = match shared.iter().position(|known| *known == name) {
                        Some(at) if random.chance(90) => kinds::STORED[at],
                        _ => *random.pick(&kinds::STORED),
                    };
                    columns.push((name, ty));
                }
            }
            let indexable =
                |ty: Oid| matches!(ty, oid::INT4 | oid::INT8 | oid::INT2 | oid::DATE | oid::UUID);
            let unique = columns.iter().skip(1).position(|(_, ty)| indexable(*ty)).map(|at| at + 1);
            let unique = unique.filter(|_| random.chance(50));
            let mut rows = Vec::new();
            for id in 1..=random.range(4, 12) {
                let mut row = vec![id.to_string()];
                for (column, (_, ty)) in columns.iter().enumerate().skip(1) {
                    // At most one NULL or value each, so that a unique column is unique.
                    row.push(match unique == Some(column) {
                        true => distinct(id, *ty),
                        false => kinds::stored(random, *ty),
                    });
                }
                rows.push(row);
            }
            tables.push(Table { name: format!("t{number}"), columns, unique, rows });
        }
        Schema { tables }
    }

    pub(super) fn setup(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for table in &self.tables {
            let columns: Vec<String> = table
                .columns
                .iter()
                .enumerate()
                .map(|(position, (name, ty))| {
                    let constraint = match position {
                        0 => " PRIMARY KEY",
                        _ if table.unique == Some(position) => " UNIQUE",
                        _ => "",
                    };
                    format!("{name} {}{constraint}", kinds::column_type(*ty))
                })
                .collect();
            statements.push(format!("CREATE TABLE {} ({})", table.name, columns.join(", ")));
            for row in &table.rows {
                statements.push(format!("INSERT INTO {} VALUES ({})", table.name, row.join(", ")));
            }
        }
        statements
    }

    pub(super) fn teardown(&self) -> Vec<String> {
        self.tables.iter().map(|table| format!("DROP TABLE {}", table.name)).collect()
    }
}

fn distinct(id: usize, ty: Oid) -> String {
    match ty {
        oid::DATE => format!("'2020-01-{id:02}'"),
        oid::UUID => format!("'00000000-0000-0000-0000-0000000000{id:02}'"),
        _ => (id * 10).to_string(),
    }
}

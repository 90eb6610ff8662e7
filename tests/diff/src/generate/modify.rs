//! INSERT, UPDATE and DELETE.

use types::oid;

use super::Case;
use super::query::{Builder, Scope, Source};

impl Builder<'_> {
    /// A statement that changes data.
    pub(super) fn modify_case(&mut self) -> Case {
        let table = self.table();
        let scope = Scope {
            sources: vec![Source { alias: table.name.clone(), columns: table.columns.clone() }],
        };
        let returning = match self.random.below(4) {
            0 => " RETURNING *".to_owned(),
            1 => {
                let ty = self.any_type();
                format!(" RETURNING {} AS r, id", self.expr(ty, &scope, 2))
            }
            _ => String::new(),
        };
        let sql = match self.random.below(3) {
            0 => {
                let rows: Vec<String> = (0..self.random.range(1, 3))
                    .map(|_| {
                        let values: Vec<String> = table
                            .columns
                            .iter()
                            .enumerate()
                            .map(|(position, (_, ty))| match position {
                                0 => self.random.range(1, 30).to_string(),
                                _ if self.random.chance(10) => "DEFAULT".to_owned(),
                                _ => self.expr(*ty, &Scope::default(), 3),
                            })
                            .collect();
                        format!("({})", values.join(", "))
                    })
                    .collect();
                let conflict = match self.random.below(7) {
                    3 => " ON CONFLICT ON CONSTRAINT nosuch DO NOTHING".to_owned(),
                    4 => match table.unique {
                        Some(at) => format!(" ON CONFLICT ({}) DO NOTHING", table.columns[at].0),
                        None => format!(" ON CONFLICT ({}) DO NOTHING", table.columns[1].0),
                    },
                    5 => {
                        let name = &table.name;
                        let (column, _) = self.random.pick(&table.columns[1..]).clone();
                        format!(
                            " ON CONFLICT ON CONSTRAINT {name}_pkey DO UPDATE SET ({column}, id) = \
                             (SELECT x.{column}, excluded.id FROM {name} x WHERE x.id = {name}.id)"
                        )
                    }
                    0 => " ON CONFLICT DO NOTHING".to_owned(),
                    1 => " ON CONFLICT (id) DO NOTHING".to_owned(),
                    2 => {
                        let mut both = scope.clone();
                        both.sources.push(Source {
                            alias: "excluded".into(),
                            columns: table.columns.clone(),
                        });
                        let (column, ty) = self.random.pick(&table.columns[1..]).clone();
                        let value = self.expr(ty, &both, 2);
                        let filter = match self.random.chance(40) {
                            true => format!(" WHERE {}", self.expr(oid::BOOL, &both, 2)),
                            false => String::new(),
                        };
                        format!(" ON CONFLICT (id) DO UPDATE SET {column} = {value}{filter}")
                    }
                    _ => String::new(),
                };
                format!(
                    "INSERT INTO {} VALUES {}{conflict}{returning}",
                    table.name,
                    rows.join(", ")
                )
            }
            1 => {
                let mut both = scope.clone();
                let mut from = String::new();
                if self.random.chance(25) {
                    // Joined by key, so that no row is met twice.
                    let other = self.table();
                    let alias = self.alias();
                    from = format!(" FROM {} AS {alias}", other.name);
                    both.sources.push(Source { alias, columns: other.columns });
                }
                let (column, ty) = self.random.pick(&table.columns[1..]).clone();
                let value = self.expr(ty, &both, 1);
                let mut filter = match self.random.chance(70) {
                    true => self.expr(oid::BOOL, &both, 1),
                    false => "true".to_owned(),
                };
                if let [_, other] = both.sources.as_slice() {
                    filter = format!("{}.id = {}.id AND {filter}", table.name, other.alias);
                }
                format!(
                    "UPDATE {} SET {column} = {value}{from} WHERE {filter}{returning}",
                    table.name
                )
            }
            _ => {
                let filter = self.expr(oid::BOOL, &scope, 0);
                format!("DELETE FROM {} WHERE {filter}{returning}", table.name)
            }
        };
        // Now and then as a query of another statement.
        let sql = match returning.contains(" AS r") && self.random.chance(30) {
            true => format!("WITH m AS ({sql}) SELECT count(*), max(id) FROM m"),
            false => sql,
        };
        let check = format!("SELECT * FROM {} ORDER BY id", table.name);
        Case { sql, ordered: false, modifies: Some(check) }
    }
}

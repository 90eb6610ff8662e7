//! What is said of names that mean nothing: PostgreSQL looks for what may have been meant.
//!
//! Source: PostgreSQL 16 `errorMissingRTE`, `errorMissingColumn` and what they call,
//! `src/backend/parser/parse_relation.c`.

use types::{SqlError, SqlState};

use super::query::{Relation, Source};
use super::scope::{Item, Level, Sight};
use super::{Binder, CteSource};

/// Edits between two names beyond which one is no hint for the other.
const FUZZY_DISTANCE_MAX: usize = 3;

/// A relation: which level from within, and which of its relations.
type Place = (usize, usize);

/// What a column may have been meant of.
struct Candidate<'a> {
    alias: String,
    columns: Vec<&'a str>,
    /// It is stored, so that it has `tableoid`.
    stored: bool,
    /// The relation; `None` for a side of a set operation, which nothing can name.
    place: Option<Place>,
}

/// The columns nearest to a name so far.
struct Nearest {
    distance: usize,
    /// Which candidate, and which of its columns.
    first: Option<(usize, usize)>,
    second: Option<(usize, usize)>,
}

impl Nearest {
    /// Takes a column `actual` into account; `penalty` is its relation's distance.
    fn consider(&mut self, penalty: usize, actual: &str, wanted: &str, place: (usize, usize)) {
        if penalty > self.distance {
            return;
        }
        let edits = distance(actual, wanted);
        // More than half of the characters different: not a match but a ridiculous suggestion.
        if edits > wanted.len() / 2 {
            return;
        }
        let edits = edits + penalty;
        if edits < self.distance {
            *self = Nearest { distance: edits, first: Some(place), second: None };
        } else if edits == self.distance {
            if self.second.is_some() {
                // Too many: only something nearer counts from here on.
                *self = Nearest { distance: edits.wrapping_sub(1), first: None, second: None };
            } else if self.first.is_some() {
                self.second = Some(place);
            } else if self.distance <= FUZZY_DISTANCE_MAX {
                self.first = Some(place);
            }
        }
    }
}

/// The Levenshtein distance of two names, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

impl Binder<'_> {
    fn level_up(&self, up: usize) -> Option<&Level> {
        self.levels.iter().nth_back(up)
    }

    fn relation_at(&self, (up, relation): Place) -> Option<&Relation> {
        self.level_up(up)?.relations.get(relation)
    }

    fn item_at(&self, (up, relation): Place) -> Option<&Item> {
        self.level_up(up)?.items.iter().find(|item| item.relation == Some(relation))
    }

    /// Whether LATERAL would bring a relation into sight.
    fn lateral_would_help(&self, place: Place) -> bool {
        let active = self.levels.last().is_some_and(|level| level.lateral_active);
        !active && self.item_at(place).is_some_and(|item| item.sight == Sight::Lateral)
    }

    /// The error for a qualifier that names nothing.
    pub(super) fn missing_relation(
        &self,
        schema: Option<&str>,
        name: &str,
        location: i32,
    ) -> SqlError {
        let invalid = || {
            self.error(
                SqlState::UNDEFINED_TABLE,
                format!("invalid reference to FROM-clause entry for table \"{name}\""),
                location,
            )
        };
        // What the name would mean in FROM.
        let cte = self.ctes.iter().rev().find(|cte| schema.is_none() && cte.name == name);
        let cte = cte.map(|cte| &cte.source);
        let matches = |relation: &Relation| {
            relation.alias == name
                || match (&relation.source, cte) {
                    (Source::Table { table, .. }, None) => {
                        let of = self.cx.catalog.schema_by_oid(table.schema);
                        let named = schema.is_none_or(|name| of.is_some_and(|of| of.name == name));
                        table.name == name && named
                    }
                    (Source::Cte(number), Some(CteSource::Cte(named))) => number == named,
                    (Source::WorkTable(number), Some(CteSource::WorkTable(named))) => {
                        number == named
                    }
                    _ => false,
                }
        };
        let found = self.levels.iter().rev().enumerate().find_map(|(up, level)| {
            level.relations.iter().position(matches).map(|relation| (up, relation))
        });
        let Some((place, relation)) = found.and_then(|at| Some((at, self.relation_at(at)?))) else {
            return self.error(
                SqlState::UNDEFINED_TABLE,
                format!("missing FROM-clause entry for table \"{name}\""),
                location,
            );
        };
        let alias = &relation.alias;
        if alias != name && self.item(None, alias, -1).is_ok_and(|item| item.is_some()) {
            let hint = format!("Perhaps you meant to reference the table alias \"{alias}\".");
            return invalid().hint(hint);
        }
        let error = invalid().detail(format!(
            "There is an entry for table \"{alias}\", but it cannot be referenced from this part \
             of the query."
        ));
        match self.lateral_would_help(place) {
            true => {
                error.hint("To reference that table, you must mark this subquery with LATERAL.")
            }
            false => error,
        }
    }

    /// Relations of all queries around, innermost first, in sight or not.
    fn range_table(&self) -> Vec<Candidate<'_>> {
        let mut candidates = Vec::new();
        for (up, level) in self.levels.iter().rev().enumerate() {
            for (number, relation) in level.relations.iter().enumerate() {
                candidates.push(Candidate {
                    alias: relation.alias.clone(),
                    columns: relation.columns.iter().map(|column| column.name.as_str()).collect(),
                    stored: matches!(relation.source, Source::Table { .. } | Source::System(_)),
                    place: Some((up, number)),
                });
            }
            let around = self.levels.len() - up - 1;
            for operation in self.set_operations.iter().filter(|set| set.levels == around) {
                for (number, columns) in operation.sides.iter().enumerate() {
                    candidates.push(Candidate {
                        alias: format!("*SELECT* {}", number + 1),
                        columns: columns.iter().map(String::as_str).collect(),
                        stored: false,
                        place: None,
                    });
                }
            }
        }
        candidates
    }

    /// The error for a column that does not exist, of the relation called `qualifier` if given.
    pub(super) fn missing_column(
        &self,
        qualifier: Option<&str>,
        name: &str,
        location: i32,
    ) -> SqlError {
        let message = match qualifier {
            Some(qualifier) => format!("column {qualifier}.{name} does not exist"),
            None => format!("column \"{name}\" does not exist"),
        };
        let error = self.error(SqlState::UNDEFINED_COLUMN, message, location);
        let mut nearest = Nearest { distance: FUZZY_DISTANCE_MAX + 1, first: None, second: None };
        let mut exact: Vec<&Candidate<'_>> = Vec::new();
        let candidates = self.range_table();
        for (number, candidate) in candidates.iter().enumerate() {
            let penalty = qualifier.map_or(0, |alias| distance(alias, &candidate.alias));
            if name == "tableoid" && candidate.stored && penalty == 0 {
                exact.push(candidate);
            }
            for (position, column) in candidate.columns.iter().enumerate() {
                if *column == name && penalty == 0 {
                    exact.push(candidate);
                }
                nearest.consider(penalty, column, name, (number, position));
            }
        }
        match exact.as_slice() {
            [] => {}
            [Candidate { alias, columns: _, stored: _, place }] => {
                let error = error.detail(format!(
                    "There is a column named \"{name}\" in table \"{alias}\", but it cannot be \
                     referenced from this part of the query."
                ));
                let item = place.and_then(|place| self.item_at(place));
                let qualify = qualifier.is_none()
                    && item.is_some_and(|item| {
                        item.qualified && !item.unqualified && item.sight == Sight::Open
                    });
                return if place.is_some_and(|place| self.lateral_would_help(place)) {
                    error
                        .hint("To reference that column, you must mark this subquery with LATERAL.")
                } else if qualify {
                    error.hint("To reference that column, you must use a table-qualified name.")
                } else {
                    error
                };
            }
            _ => {
                let error = error.detail(format!(
                    "There are columns named \"{name}\", but they are in tables that cannot be \
                     referenced from this part of the query."
                ));
                return match qualifier {
                    Some(_) => error,
                    None => error.hint("Try using a table-qualified name."),
                };
            }
        }
        let show = |(candidate, column): (usize, usize)| {
            let Candidate { alias, columns, stored: _, place: _ } = candidates.get(candidate)?;
            Some(format!("\"{alias}.{}\"", columns.get(column)?))
        };
        match (nearest.first.and_then(show), nearest.second.and_then(show)) {
            (Some(first), Some(second)) => error.hint(format!(
                "Perhaps you meant to reference the column {first} or the column {second}."
            )),
            (Some(first), None) => {
                error.hint(format!("Perhaps you meant to reference the column {first}."))
            }
            _ => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("name", "name"), 0);
        assert_eq!(distance("nmae", "name"), 2);
    }

    #[test]
    fn nearest_drops_a_third_equal_match() {
        let mut nearest = Nearest { distance: 4, first: None, second: None };
        for (column, name) in ["ab1", "ab2", "ab3"].into_iter().enumerate() {
            nearest.consider(0, name, "ab4", (0, column));
        }
        assert_eq!((nearest.first, nearest.second), (None, None));
    }
}

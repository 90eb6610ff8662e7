//! Statements from a seed: schemas and data, queries and modifications, right and wrong ones.

mod expr;
mod kinds;
mod modify;
mod query;
mod schema;
mod signatures;
mod special;
mod wrong;

use schema::Schema;

use crate::random::Random;

/// A statement to be run on both servers.
#[derive(Clone, Debug)]
pub struct Case {
    /// The statement.
    pub sql: String,
    /// Its rows are ordered fully.
    pub ordered: bool,
    /// It changes data: the tables are looked at afterwards, and it is rolled back.
    pub modifies: Option<String>,
}

/// The statements of one seed.
pub struct Generator {
    random: Random,
    schema: Schema,
}

impl Generator {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Generator {
        let mut random = Random::new(seed);
        let schema = Schema::generate(&mut random);
        Generator { random, schema }
    }

    /// Statements that make the schema and its data.
    pub fn setup(&self) -> Vec<String> {
        self.schema.setup()
    }

    /// Statements that remove the schema.
    pub fn teardown(&self) -> Vec<String> {
        self.schema.teardown()
    }

    /// The next statement.
    pub fn next_case(&mut self) -> Case {
        let Generator { random, schema } = self;
        let mut builder = query::Builder::new(random, schema);
        let mut case = match builder.random.below(10) {
            0..=6 => builder.select_case(),
            _ => builder.modify_case(),
        };
        if self.random.chance(12) {
            case.sql = wrong::spoil(&mut self.random, &case.sql);
            // Whatever it is now, it need not order its rows.
            case.ordered = false;
        }
        case
    }
}

//! The table to load into: its columns, its key, and the statement that inserts a batch.

use connector::Pool;

use crate::error::Result;
use crate::format::Column;
use crate::infer::quote;
use crate::options::{OnConflict, Options, fail};

/// A table, and how to insert into it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Inserts rows that come as one array of text for each column.
    pub(crate) insert: String,
    /// The statement that copies a batch, if what happens on a conflict allows it: it is faster, and fails
    /// as a whole where a key is there already.
    pub(crate) copy: Option<String>,
    /// Whether rows whose key is there already are passed over.
    pub(crate) skips: bool,
    /// Whether a batch may be inserted twice.
    pub(crate) idempotent: bool,
}

/// `schema.table` or `table`, quoted.
pub(crate) fn quoted_name(table: &str) -> String {
    table.split('.').map(quote).collect::<Vec<_>>().join(".")
}

/// Whether the table exists.
pub(crate) async fn exists(pool: &Pool, table: &str) -> Result<bool> {
    let (schema, name) = split(table);
    let query = "SELECT count(*) FROM information_schema.tables
        WHERE table_schema = coalesce($1, current_schema()) AND table_name = $2";
    let connection = pool.get().await?;
    let row =
        connection.query_one(query, &[&schema, &name]).await.map_err(connector::Error::from)?;
    Ok(row.get::<_, i64>(0) > 0)
}

/// Finds the table's columns for those of the file.
pub(crate) async fn target(
    pool: &Pool,
    options: &Options,
    file: Option<&[Column]>,
) -> Result<Target> {
    let table = &options.table;
    let types = column_types(pool, table).await?;
    if types.is_empty() {
        return fail(format!("there is no table \"{table}\": create it, or give --create"));
    }
    let columns: Vec<(String, String)> = match file {
        None => types,
        Some(file) => {
            let of = |column: &Column| types.iter().find(|(name, _)| *name == column.name).cloned();
            let missing = file.iter().find(|column| of(column).is_none());
            if let Some(missing) = missing {
                let there: Vec<&str> = types.iter().map(|(name, _)| name.as_str()).collect();
                return fail(format!(
                    "the table \"{table}\" has no column \"{}\": it has {}",
                    missing.name,
                    there.join(", ")
                ));
            }
            file.iter().filter_map(of).collect()
        }
    };
    let key = primary_key(pool, table).await?;
    if options.on_conflict == OnConflict::DoUpdate && key.is_empty() {
        return fail(format!(
            "--on-conflict do-update needs a primary key, and \"{table}\" has none"
        ));
    }
    let insert = insert(table, &columns, &key, options.on_conflict);
    let idempotent = options.on_conflict != OnConflict::Error
        && !key.is_empty()
        // A key that is not in the file is made anew by each insert.
        && key.iter().all(|name| columns.iter().any(|(column, _)| column == name));
    let names: Vec<String> = columns.iter().map(|(name, _)| quote(name)).collect();
    let copy = format!("COPY {} ({}) FROM STDIN", quoted_name(table), names.join(", "));
    let copy = (options.on_conflict != OnConflict::DoUpdate).then_some(copy);
    let skips = options.on_conflict == OnConflict::DoNothing;
    Ok(Target { insert, copy, skips, idempotent })
}

/// Each value is read as its column's type would read a literal. The type is named without its length, so
/// that what is too long is refused rather than cut off.
fn insert(
    table: &str,
    columns: &[(String, String)],
    key: &[String],
    on_conflict: OnConflict,
) -> String {
    let list = |item: &dyn Fn(usize, &(String, String)) -> String| {
        let items = columns.iter().enumerate().map(|(index, column)| item(index + 1, column));
        items.collect::<Vec<_>>().join(", ")
    };
    let names = list(&|_, (name, _)| quote(name));
    let values = list(&|index, (_, sql_type)| format!("c{index}::{sql_type}"));
    let arrays = list(&|index, _| format!("${index}::text[]"));
    let aliases = list(&|index, _| format!("c{index}"));
    let key_list = key.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    let others: Vec<String> = columns
        .iter()
        .filter(|(name, _)| !key.contains(name))
        .map(|(name, _)| format!("{0} = excluded.{0}", quote(name)))
        .collect();
    let conflict = match on_conflict {
        OnConflict::Error => String::new(),
        OnConflict::DoUpdate if !others.is_empty() => {
            format!(" ON CONFLICT ({key_list}) DO UPDATE SET {}", others.join(", "))
        }
        OnConflict::DoNothing | OnConflict::DoUpdate => " ON CONFLICT DO NOTHING".to_owned(),
    };
    format!(
        "INSERT INTO {} ({names}) SELECT {values} FROM unnest({arrays}) AS r ({aliases}){conflict}",
        quoted_name(table)
    )
}

async fn column_types(pool: &Pool, table: &str) -> Result<Vec<(String, String)>> {
    let (schema, name) = split(table);
    let query = "SELECT column_name::text, udt_schema::text, udt_name::text
        FROM information_schema.columns
        WHERE table_schema = coalesce($1, current_schema()) AND table_name = $2
        ORDER BY ordinal_position";
    let connection = pool.get().await?;
    let rows = connection.query(query, &[&schema, &name]).await.map_err(connector::Error::from)?;
    let column = |row: &connector::tokio_postgres::Row| {
        let sql_type = format!("{}.{}", quote(row.get(1)), quote(row.get(2)));
        (row.get(0), sql_type)
    };
    Ok(rows.iter().map(column).collect())
}

/// The constraint's columns: the index of a primary key holds all columns of the table.
async fn primary_key(pool: &Pool, table: &str) -> Result<Vec<String>> {
    let (schema, name) = split(table);
    let query = "SELECT a.attname::text
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
        WHERE k.contype = 'p' AND n.nspname = coalesce($1, current_schema()) AND c.relname = $2";
    let connection = pool.get().await?;
    let rows = connection.query(query, &[&schema, &name]).await.map_err(connector::Error::from)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn split(table: &str) -> (Option<&str>, &str) {
    match table.split_once('.') {
        Some((schema, name)) => (Some(schema), name),
        None => (None, table),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(on_conflict: OnConflict, key: &[&str], expected_end: &str) {
        let columns = [("a", "int4"), ("b", "varchar")];
        let columns =
            columns.map(|(name, of)| (name.to_owned(), format!("\"pg_catalog\".\"{of}\"")));
        let key: Vec<String> = key.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            insert("s.t", &columns, &key, on_conflict),
            format!(
                "INSERT INTO \"s\".\"t\" (\"a\", \"b\") SELECT c1::\"pg_catalog\".\"int4\", \
                 c2::\"pg_catalog\".\"varchar\" FROM unnest($1::text[], $2::text[]) AS r (c1, \
                 c2){expected_end}"
            )
        );
    }

    #[test]
    fn table_insert_by_what_happens_on_conflict() {
        check(OnConflict::Error, &["a"], "");
        check(OnConflict::DoNothing, &["a"], " ON CONFLICT DO NOTHING");
        check(
            OnConflict::DoUpdate,
            &["a"],
            " ON CONFLICT (\"a\") DO UPDATE SET \"b\" = excluded.\"b\"",
        );
        check(OnConflict::DoUpdate, &["a", "b"], " ON CONFLICT DO NOTHING");
    }
}

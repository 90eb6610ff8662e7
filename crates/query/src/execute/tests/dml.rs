//! INSERT, UPDATE and DELETE.

use std::sync::Arc;

use catalog::Table;
use types::{Datum, SqlState, oid};

use super::support::*;
use crate::plan::{
    AccessPath, ConflictUpdate, Insert, KeyBounds, Node, OnConflict, Plan, RowChecks, Scan,
};

/// `(id int, email text, n int)`, keyed by `id`, `email` unique, an index on `n`.
fn sample() -> Arc<Table> {
    let mut table = table(1, &[("id", oid::INT4), ("email", oid::TEXT), ("n", oid::INT4)], &[0]);
    table.indexes.push(index(50, &[1], true));
    table.indexes.push(index(51, &[2], false));
    Arc::new(table)
}

fn row(id: i32, email: &str, n: i32) -> Vec<Datum> {
    let email = if email.is_empty() { Datum::Null } else { Datum::text(email) };
    vec![Datum::Int4(id), email, Datum::Int4(n)]
}

async fn filled() -> (Db, Arc<Table>) {
    let table = sample();
    let mut db = Db::new(&[&table]).await;
    db.insert(&table, vec![row(1, "a", 10), row(2, "b", 20), row(3, "", 30)]).await;
    (db, table)
}

/// What each index says, by scanning it.
async fn by_indexes(db: &mut Db, table: &Arc<Table>) -> String {
    let mut texts = vec![db.rows(all_rows(table)).await];
    for index in 0..table.indexes.len() {
        let path = AccessPath::Index { index, bounds: KeyBounds::default(), covering: false };
        let scan = Scan { path, ..scan(table, &[0], KeyBounds::default()) };
        texts.push(db.rows(scan_plan(scan)).await.replace('\n', " "));
    }
    texts.join("\n")
}

#[tokio::test]
async fn insert_maintains_indexes() {
    let (mut db, table) = filled().await;
    assert_eq!(by_indexes(&mut db, &table).await, "1 a 10\n2 b 20\n3 - 30\n1 2 3\n1 2 3");
    assert_eq!(db.stored().await.len(), 9);
}

#[tokio::test]
async fn insert_duplicate_key() {
    let (mut db, table) = filled().await;
    let source = constants(&table, vec![row(2, "c", 1)]);
    let error = db.error(insert(&table, source, None)).await;
    assert_eq!(error.code(), SqlState::UNIQUE_VIOLATION);
    assert_eq!(error.message(), "duplicate key value violates unique constraint \"t1_pkey\"");
    let fields = error.fields();
    assert_eq!(fields.detail.as_deref(), Some("Key (id)=(2) already exists."));
    assert_eq!(fields.schema.as_deref(), Some("public"));
    assert_eq!(fields.table.as_deref(), Some("t1"));
    assert_eq!(fields.constraint.as_deref(), Some("t1_pkey"));
    // Within one statement, and in a secondary index.
    let source = constants(&table, vec![row(4, "d", 1), row(5, "d", 1)]);
    let error = db.error(insert(&table, source, None)).await;
    assert_eq!(error.fields().detail.as_deref(), Some("Key (email)=(d) already exists."));
}

#[tokio::test]
async fn insert_nulls_are_distinct() {
    let (mut db, table) = filled().await;
    assert_eq!(db.insert(&table, vec![row(4, "", 1), row(5, "", 2)]).await, 2);
    let mut other = (*table).clone();
    other.oid = 2;
    other.indexes[0].nulls_not_distinct = true;
    let other = Arc::new(other);
    let source = constants(&other, vec![row(4, "", 1), row(5, "", 2)]);
    let error = db.error(insert(&other, source, None)).await;
    assert_eq!(error.fields().detail.as_deref(), Some("Key (email)=(null) already exists."));
}

#[tokio::test]
async fn insert_not_null_and_checks() {
    let (mut db, table) = filled().await;
    let source = constants(&table, vec![vec![Datum::Null, Datum::text("x"), Datum::Int4(1)]]);
    let error = db.error(insert(&table, source, None)).await;
    assert_eq!(
        error.message(),
        "null value in column \"id\" of relation \"t1\" violates not-null constraint"
    );
    assert_eq!(error.fields().detail.as_deref(), Some("Failing row contains (null, x, 1)."));
    let node = |n: i32| {
        let checks = RowChecks {
            checks: vec![("small".into(), lt(col(2), int(100)))],
            generated: vec![(2, add(col(0), int(n)))],
            ..RowChecks::default()
        };
        let node = Insert {
            table: Arc::clone(&table),
            source: Arc::new(constants(&table, vec![row(7, "x", 0)])),
            checks,
            on_conflict: None,
            returning: Some(vec![col(2), text_col(1)]),
        };
        plan(Node::Insert(node), &[oid::INT4, oid::TEXT])
    };
    assert_eq!(db.rows(node(1)).await, "8 x");
    let error = db.error(node(100)).await;
    assert_eq!(error.code(), SqlState::CHECK_VIOLATION);
    assert_eq!(error.message(), "new row for relation \"t1\" violates check constraint \"small\"");
    assert_eq!(error.fields().detail.as_deref(), Some("Failing row contains (7, x, 107)."));
}

#[tokio::test]
async fn update_writes_what_changed() {
    let (mut db, table) = filled().await;
    let plan = update(&table, Some(lt(col(0), int(3))), vec![(2, add(col(2), int(1)))]);
    assert_eq!(db.try_run(plan).await.unwrap().1, 2);
    assert_eq!(by_indexes(&mut db, &table).await, "1 a 11\n2 b 21\n3 - 30\n1 2 3\n1 2 3");
    let plan = update(&table, Some(eq(col(0), int(1))), vec![(2, int(99)), (1, text("z"))]);
    assert_eq!(db.try_run(plan).await.unwrap().1, 1);
    assert_eq!(by_indexes(&mut db, &table).await, "1 z 99\n2 b 21\n3 - 30\n2 1 3\n2 3 1");
    assert_eq!(db.stored().await.len(), 9);
}

#[tokio::test]
async fn update_of_primary_key_moves_the_row() {
    let (mut db, table) = filled().await;
    let plan = update(&table, Some(eq(col(0), int(2))), vec![(0, int(9))]);
    assert_eq!(db.try_run(plan).await.unwrap().1, 1);
    assert_eq!(by_indexes(&mut db, &table).await, "1 a 10\n3 - 30\n9 b 20\n1 9 3\n1 9 3");
    let error = db.error(update(&table, Some(eq(col(0), int(9))), vec![(0, int(1))])).await;
    assert_eq!(error.fields().detail.as_deref(), Some("Key (id)=(1) already exists."));
}

#[tokio::test]
async fn update_never_sees_its_own_rows() {
    let (mut db, table) = filled().await;
    // Every row moves to where later rows of the scan would be.
    let plan = update(&table, None, vec![(0, add(col(0), int(10)))]);
    assert_eq!(db.try_run(plan).await.unwrap().1, 3);
    assert_eq!(db.rows(all_rows(&table)).await, "11 a 10\n12 b 20\n13 - 30");
}

#[tokio::test]
async fn delete_removes_entries() {
    let (mut db, table) = filled().await;
    assert_eq!(db.try_run(delete(&table, Some(lt(col(0), int(3))))).await.unwrap().1, 2);
    assert_eq!(by_indexes(&mut db, &table).await, "3 - 30\n3\n3");
    assert_eq!(db.stored().await.len(), 3);
    // The key is free again.
    assert_eq!(db.insert(&table, vec![row(1, "a", 1)]).await, 1);
}

fn upsert(
    table: &Arc<Table>,
    rows: Vec<Vec<Datum>>,
    arbiters: Vec<u32>,
    update: Option<ConflictUpdate>,
) -> Plan {
    let node = Insert {
        table: Arc::clone(table),
        source: Arc::new(constants(table, rows)),
        checks: RowChecks::default(),
        on_conflict: Some(OnConflict { arbiters, unmatched: false, update }),
        returning: Some(vec![col(0), col(2)]),
    };
    plan(Node::Insert(node), &[oid::INT4, oid::INT4])
}

#[tokio::test]
async fn on_conflict_do_nothing() {
    let (mut db, table) = filled().await;
    let rows = || vec![row(1, "x", 1), row(7, "b", 1), row(8, "y", 1), row(8, "y", 2)];
    assert_eq!(db.rows(upsert(&table, rows(), vec![], None)).await, "8 1");
    // Another index than the arbiter is not excused.
    let error = db.error(upsert(&table, vec![row(9, "b", 1)], vec![101], None)).await;
    assert_eq!(error.code(), SqlState::UNIQUE_VIOLATION);
}

#[tokio::test]
async fn on_conflict_do_update() {
    let (mut db, table) = filled().await;
    // SET n = t.n + excluded.n WHERE t.n < 20
    let set = || {
        Some(ConflictUpdate {
            assignments: vec![(2, add(col(2), col(5)))],
            condition: Some(lt(col(2), int(20))),
        })
    };
    let rows = vec![row(1, "a", 5), row(2, "b", 5), row(9, "z", 5)];
    assert_eq!(db.rows(upsert(&table, rows, vec![101], set())).await, "1 15\n9 5");
    let by_email = vec![row(77, "a", 1)];
    assert_eq!(db.rows(upsert(&table, by_email, vec![50], set())).await, "1 16");
    let twice = vec![row(5, "p", 5), row(5, "q", 5)];
    let error = db.error(upsert(&table, twice, vec![101], set())).await;
    assert_eq!(error.code(), SqlState::CARDINALITY_VIOLATION);
}

#[tokio::test]
async fn limits_of_rows_and_keys() {
    let (mut db, table) = filled().await;
    let source = constants(&table, vec![row(4, &"x".repeat(1_980), 1)]);
    assert_eq!(db.error(insert(&table, source, None)).await.message(), "key size too large");
    let source = constants(&table, (10..3_010).map(|n| row(n, "", n)).collect());
    let error = db.error(insert(&table, source, None)).await;
    assert_eq!(error.message(), "transaction row limit exceeded");
}

/// Two transactions do `first` and `second` at the same time; whether both may commit.
async fn both_commit(first: fn(&Arc<Table>) -> Plan, second: fn(&Arc<Table>) -> Plan) -> bool {
    let (db, table) = filled().await;
    let (mut one, mut two) = db.commit_and_begin_two(&table).await;
    one.try_run(first(&table)).await.unwrap();
    two.try_run(second(&table)).await.unwrap();
    one.txn.commit().await.unwrap();
    two.txn.commit().await.is_ok()
}

#[tokio::test]
async fn conflicts_of_writers() {
    fn update_n(table: &Arc<Table>) -> Plan {
        update(table, Some(eq(col(0), int(1))), vec![(2, int(5))])
    }
    fn update_other(table: &Arc<Table>) -> Plan {
        update(table, Some(eq(col(0), int(2))), vec![(2, int(5))])
    }
    fn delete_one(table: &Arc<Table>) -> Plan {
        delete(table, Some(eq(col(0), int(1))))
    }
    fn insert_new(table: &Arc<Table>) -> Plan {
        insert(table, constants(table, vec![row(7, "z", 1)]), None)
    }
    assert!(!both_commit(update_n, update_n).await);
    assert!(both_commit(update_n, update_other).await);
    assert!(!both_commit(update_n, delete_one).await);
    assert!(!both_commit(insert_new, insert_new).await);
}

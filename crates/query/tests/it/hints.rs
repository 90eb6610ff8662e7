//! What errors suggest; expectations from PostgreSQL 16.

use crate::harness::Db;

#[track_caller]
fn check(sql: &str, hint: &str) {
    let error = Db::new().run(sql).unwrap_err();
    assert_eq!(error.fields().hint.as_deref(), Some(hint), "{sql}");
}

#[test]
fn a_set_operation_names_columns_of_its_other_sides() {
    let nearest = "Perhaps you meant to reference the column \"*SELECT* 1.a\".";
    check("select 1 a union select aa", nearest);
    check("select 1 a union select 1 order by aa", nearest);
    check("(select 1 a order by 1) union (select 1 union all select 5) order by aa", nearest);
    check(
        "select 1 union (select 1 bb union all select 5) order by bbc",
        "Perhaps you meant to reference the column \"*SELECT* 2.bb\".",
    );
}

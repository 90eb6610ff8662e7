//! DDL statements one after another, as sessions would run them.

use types::oid::*;
use types::{Oid, Result, SqlError};

use super::*;

/// A cluster and who works on it.
struct Cluster {
    catalog: Catalog,
    role: ObjectId,
    search_path: Vec<ObjectId>,
}

impl Cluster {
    fn new() -> Cluster {
        let search_path = vec![PG_CATALOG, PUBLIC];
        Cluster { catalog: Catalog::new(), role: ADMIN_ROLE, search_path }
    }

    fn cx(&self) -> Cx<'_> {
        Cx { catalog: &self.catalog, role: self.role, search_path: &self.search_path }
    }

    /// Runs a statement and keeps its change; what a client reads.
    #[track_caller]
    fn ok(&mut self, statement: impl FnOnce(Cx<'_>) -> Result<Outcome>) -> Vec<String> {
        let outcome = statement(self.cx()).unwrap();
        let before = self.catalog.next_oid();
        self.catalog = self.catalog.apply(&outcome.change);
        assert!(self.catalog.next_oid() >= before);
        for object in outcome.change.put.values() {
            let stored = crate::codec::decode(&crate::codec::encode(object)).unwrap();
            assert_eq!(stored, *object);
        }
        outcome.notices.iter().map(show).collect()
    }

    /// Runs a statement that fails.
    #[track_caller]
    fn err(&self, statement: impl FnOnce(Cx<'_>) -> Result<Outcome>) -> String {
        show(&statement(self.cx()).unwrap_err())
    }

    fn create(&mut self, name: &str, columns: Vec<ColumnDef>, constraints: Vec<Constraint>) {
        self.ok(|cx| create_table(cx, &table(name, columns, constraints)));
    }

    fn table(&self, name: &str) -> &Table {
        let find = |table: &&Arc<Table>| table.name == name;
        self.catalog.tables().find(find).unwrap()
    }

    fn indexes(&self, table: &str) -> Vec<&str> {
        self.table(table).all_indexes().map(|index| index.name.as_str()).collect()
    }
}

fn show(error: &SqlError) -> String {
    let fields = error.fields();
    let mut out = format!("{} {}", fields.code.as_str(), fields.message);
    for (label, text) in [("DETAIL", &fields.detail), ("HINT", &fields.hint)] {
        if let Some(text) = text {
            out += &format!(" | {label}: {text}");
        }
    }
    out
}

fn name(text: &str) -> QualifiedName {
    match text.split_once('.') {
        Some((schema, name)) => QualifiedName::in_schema(schema, name),
        None => QualifiedName::bare(text),
    }
}

fn col(name: &str, type_oid: Oid) -> ColumnDef {
    ColumnDef {
        name: name.into(),
        type_oid,
        typmod: -1,
        not_null: false,
        default: None,
        default_names: Vec::new(),
        domain: None,
        identity: None,
        generated_from: Vec::new(),
        storage: None,
        comment: None,
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn primary(columns: &[&str]) -> Constraint {
    Constraint::PrimaryKey { name: None, columns: strings(columns) }
}

fn unique(name: Option<&str>, columns: &[&str]) -> Constraint {
    Constraint::Unique {
        name: name.map(Into::into),
        columns: strings(columns),
        include: Vec::new(),
        nulls_not_distinct: false,
    }
}

fn check(name: Option<&str>, columns: &[&str]) -> Constraint {
    Constraint::Check {
        name: name.map(Into::into),
        expression: "(a > 0)".into(),
        names: Vec::new(),
        columns: strings(columns),
        no_inherit: false,
        comment: None,
    }
}

fn table(of: &str, columns: Vec<ColumnDef>, constraints: Vec<Constraint>) -> CreateTable {
    CreateTable {
        name: name(of),
        if_not_exists: false,
        columns,
        constraints,
        like_indexes: Vec::new(),
        like_statistics: Vec::new(),
    }
}

fn index(on: &str, keys: &[&str]) -> CreateIndex {
    CreateIndex {
        name: None,
        table: name(on),
        if_not_exists: false,
        unique: false,
        keys: keys
            .iter()
            .map(|key| IndexElement {
                part: ElementPart::Column((*key).into()),
                nulls_first: false,
            })
            .collect(),
        include: Vec::new(),
        nulls_not_distinct: false,
        predicate: None,
        state: IndexState::Building,
    }
}

fn alter(of: &str, actions: Vec<Action>) -> AlterTable {
    AlterTable { name: name(of), if_exists: false, actions }
}

fn schema(of: &str) -> CreateSchema {
    CreateSchema { name: Some(of.into()), owner: None, if_not_exists: false }
}

fn role(of: &str) -> CreateRole {
    CreateRole { name: of.into(), login: true, inherit: true, ..CreateRole::default() }
}

#[test]
fn create_table_names_constraints() {
    let mut db = Cluster::new();
    db.create(
        "t",
        vec![col("a", INT4), col("b", TEXT)],
        vec![
            check(None, &["a"]),
            unique(None, &["a", "b"]),
            check(None, &["a", "b"]),
            check(None, &["a"]),
            primary(&["a"]),
            unique(None, &["a"]),
            unique(Some("u"), &["b"]),
        ],
    );
    // The primary key comes first and takes in the same UNIQUE.
    assert_eq!(db.indexes("t"), ["t_pkey", "t_a_b_key", "u"]);
    let checks: Vec<&str> = db.table("t").checks.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(checks, ["t_a_check", "t_check", "t_a_check1"]);
    assert!(db.table("t").columns[0].not_null && !db.table("t").columns[1].not_null);
    // Constraint names are unique in the schema when PostgreSQL chooses them.
    db.create("t_a", vec![col("b", INT4)], vec![unique(None, &["b"])]);
    assert_eq!(db.indexes("t_a"), ["t_a_b_key1"]);
    db.create("numbers", vec![col("n", NUMERIC)], vec![]);
    assert_eq!(db.table("numbers").columns[0].typmod, ((18 << 16) | 6) + 4);
}

#[test]
fn create_table_refusals() {
    let mut db = Cluster::new();
    let refuse = |db: &Cluster, columns: Vec<ColumnDef>, constraints: Vec<Constraint>| {
        db.err(|cx| create_table(cx, &table("x", columns, constraints)))
    };
    let a = || vec![col("a", INT4)];
    assert_eq!(
        refuse(&db, vec![col("a", INT4), col("a", TEXT)], vec![]),
        "42701 column \"a\" specified more than once"
    );
    assert_eq!(
        refuse(&db, vec![col("ctid", INT4)], vec![]),
        "42701 column name \"ctid\" conflicts with a system column name"
    );
    assert_eq!(
        refuse(&db, a(), vec![primary(&["a"]), primary(&["a"])]),
        "42P16 multiple primary keys for table \"x\" are not allowed"
    );
    assert_eq!(
        refuse(&db, a(), vec![primary(&["z"])]),
        "42703 column \"z\" named in key does not exist"
    );
    assert_eq!(
        refuse(&db, a(), vec![primary(&["a", "a"])]),
        "42701 column \"a\" appears twice in primary key constraint"
    );
    assert_eq!(
        refuse(&db, vec![col("a", JSON)], vec![unique(None, &["a"])]),
        "0A000 datatype json is not supported in a key"
    );
    assert_eq!(
        refuse(&db, vec![col("a", INT4_ARRAY)], vec![]),
        "0A000 datatype integer[] not supported"
    );
    assert_eq!(
        refuse(&db, a(), vec![check(Some("c"), &["a"]), check(Some("c"), &["a"])]),
        "42710 check constraint \"c\" already exists"
    );
    assert_eq!(
        refuse(&db, a(), vec![check(Some("c"), &["a"]), unique(Some("c"), &["a"])]),
        "42710 constraint \"c\" for relation \"x\" already exists"
    );
    assert_eq!(
        refuse(&db, a(), vec![unique(Some("x"), &["a"])]),
        "42P07 relation \"x\" already exists"
    );
    let many = |n: usize| (0..n).map(|i| col(&format!("c{i}"), INT4)).collect::<Vec<_>>();
    let names: Vec<String> = (0..9).map(|i| format!("c{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        refuse(&db, many(9), vec![primary(&names)]),
        "54011 more than 8 column keys in an index are not supported"
    );
    assert_eq!(refuse(&db, many(257), vec![]), "54011 tables can have at most 255 columns");
    assert_eq!(
        refuse(&db, many(257), vec![primary(&["c0"])]),
        "54011 cannot use more than 256 columns in an index"
    );
    let uniques = (0..25).map(|i| unique(None, &[&format!("c{i}")])).collect();
    assert_eq!(
        refuse(&db, many(25), uniques),
        "54000 more than 24 indexes per table are not allowed"
    );
    db.create("t", many(256), vec![]);
    assert_eq!(
        db.err(|cx| create_table(cx, &table("t", vec![], vec![]))),
        "42P07 relation \"t\" already exists"
    );
    let again = CreateTable { if_not_exists: true, ..table("t", vec![], vec![]) };
    assert_eq!(
        db.ok(|cx| create_table(cx, &again)),
        ["42P07 relation \"t\" already exists, skipping"]
    );
    assert_eq!(
        db.err(|cx| create_table(cx, &table("nosuch.t", vec![], vec![]))),
        "3F000 schema \"nosuch\" does not exist"
    );
    assert_eq!(
        db.err(|cx| create_table(cx, &table("pg_catalog.t", vec![], vec![]))),
        "42501 permission denied for schema pg_catalog"
    );
    for i in 0..999 {
        db.create(&format!("t{i}"), vec![], vec![]);
    }
    assert_eq!(refuse(&db, vec![], vec![]), "54000 creating more than 1000 tables not allowed");
}

#[test]
fn drop_table_and_index() {
    let mut db = Cluster::new();
    db.create("t", vec![col("a", INT4)], vec![primary(&["a"])]);
    assert_eq!(
        db.err(|cx| drop_relations(cx, RelationKind::Table, &[name("x")], false, false)),
        "42P01 table \"x\" does not exist"
    );
    assert_eq!(
        db.ok(|cx| drop_relations(
            cx,
            RelationKind::Table,
            &[name("x"), name("nosuch.x")],
            true,
            false
        )),
        [
            "00000 table \"x\" does not exist, skipping",
            "00000 schema \"nosuch\" does not exist, skipping"
        ]
    );
    assert_eq!(
        db.err(|cx| drop_relations(cx, RelationKind::Table, &[name("t_pkey")], false, false)),
        "42809 \"t_pkey\" is not a table | HINT: Use DROP INDEX to remove an index."
    );
    assert_eq!(
        db.err(|cx| drop_relations(cx, RelationKind::Table, &[name("pg_class")], false, false)),
        "42501 must be owner of table pg_class"
    );
    assert_eq!(
        db.err(|cx| drop_relations(cx, RelationKind::Index, &[name("t_pkey")], false, false)),
        "2BP01 cannot drop index t_pkey because constraint t_pkey on table t requires it | HINT: \
         You can drop constraint t_pkey on table t instead."
    );
    assert_eq!(
        db.err(|cx| drop_relations(cx, RelationKind::Index, &[name("t")], false, false)),
        "42809 \"t\" is not an index | HINT: Use DROP TABLE to remove a table."
    );
    assert_eq!(
        db.err(|cx| drop_relations(cx, RelationKind::Index, &[name("x")], false, false)),
        "42704 index \"x\" does not exist"
    );
    db.ok(|cx| drop_relations(cx, RelationKind::Table, &[name("t"), name("t")], false, false));
    assert_eq!(db.catalog.tables().count(), 0);
    assert!(!db.catalog.relation_exists(PUBLIC, "t_pkey"));
}

#[test]
fn index_life_cycle() {
    let mut db = Cluster::new();
    db.create("t", vec![col("a", INT4), col("b", TEXT), col("j", JSONB)], vec![primary(&["a"])]);
    let outcome = create_index(db.cx(), &index("t", &["b", "a"])).unwrap();
    let oid = outcome.created.unwrap();
    db.catalog = db.catalog.apply(&outcome.change);
    assert_eq!(db.indexes("t"), ["t_pkey", "t_b_a_idx"]);
    let change = finish_index(&db.catalog, oid, IndexState::Valid).unwrap();
    db.catalog = db.catalog.apply(&change);
    assert_eq!(db.catalog.index_by_oid(oid).unwrap().1.state, IndexState::Valid);
    assert_eq!(
        db.err(|cx| create_index(cx, &index("t", &["z"]))),
        "42703 column \"z\" does not exist"
    );
    assert_eq!(
        db.err(|cx| create_index(cx, &index("t", &["j"]))),
        "0A000 datatype jsonb is not supported in a key"
    );
    assert_eq!(
        db.err(|cx| create_index(cx, &index("x", &["a"]))),
        "42P01 relation \"x\" does not exist"
    );
    let named = CreateIndex { name: Some("t_b_a_idx".into()), ..index("t", &["a"]) };
    assert_eq!(
        db.err(|cx| create_index(cx, &named)),
        "42P07 relation \"t_b_a_idx\" already exists"
    );
    let named = CreateIndex { if_not_exists: true, ..named };
    assert_eq!(
        db.ok(|cx| create_index(cx, &named)),
        ["42P07 relation \"t_b_a_idx\" already exists, skipping"]
    );
    db.ok(|cx| create_index(cx, &index("t", &["b", "a"])));
    assert_eq!(db.indexes("t"), ["t_pkey", "t_b_a_idx", "t_b_a_idx1"]);
    assert_eq!(
        db.err(|cx| rename_relation(cx, RelationKind::Index, &name("t_b_a_idx"), "t", false)),
        "42P07 relation \"t\" already exists"
    );
    db.ok(|cx| rename_relation(cx, RelationKind::Index, &name("t_b_a_idx"), "i", false));
    db.ok(|cx| {
        drop_relations(cx, RelationKind::Index, &[name("i"), name("t_b_a_idx1")], false, false)
    });
    assert_eq!(db.indexes("t"), ["t_pkey"]);
    assert!(finish_index(&db.catalog, oid, IndexState::Valid).is_none());
    for _ in 0..23 {
        db.ok(|cx| create_index(cx, &index("t", &["b"])));
    }
    assert_eq!(
        db.err(|cx| create_index(cx, &index("t", &["b"]))),
        "54000 more than 24 indexes per table are not allowed"
    );
}

#[test]
fn schemas() {
    let mut db = Cluster::new();
    db.ok(|cx| create_schema(cx, &schema("s")));
    assert_eq!(db.err(|cx| create_schema(cx, &schema("s"))), "42P06 schema \"s\" already exists");
    assert_eq!(
        db.err(|cx| create_schema(cx, &schema("pg_s"))),
        "42939 unacceptable schema name \"pg_s\" | DETAIL: The prefix \"pg_\" is reserved for \
         system schemas."
    );
    assert_eq!(
        db.err(|cx| drop_schemas(cx, &strings(&["public"]), false, false)),
        "0A000 feature not supported on system entity"
    );
    assert_eq!(
        db.err(|cx| drop_schemas(cx, &strings(&["x"]), false, false)),
        "3F000 schema \"x\" does not exist"
    );
    db.create("s.t", vec![], vec![]);
    assert_eq!(
        db.err(|cx| drop_schemas(cx, &strings(&["s"]), false, false)),
        "2BP01 cannot drop schema s because other objects depend on it | DETAIL: table s.t depends \
         on schema s | HINT: Use DROP ... CASCADE to drop the dependent objects too."
    );
    assert_eq!(
        db.ok(|cx| drop_schemas(cx, &strings(&["s"]), false, true)),
        ["00000 drop cascades to table s.t"]
    );
    assert_eq!(db.catalog.tables().count(), 0);
    for i in 0..10 {
        db.ok(|cx| create_schema(cx, &schema(&format!("s{i}"))));
    }
    assert_eq!(
        db.err(|cx| create_schema(cx, &schema("s10"))),
        "54000 more than 10 schemas not allowed"
    );
    db.ok(|cx| create_role(cx, &role("joe")));
    db.role = db.catalog.role("joe").unwrap().oid;
    assert_eq!(
        db.err(|cx| create_schema(cx, &schema("mine"))),
        "42501 permission denied for database postgres"
    );
    assert_eq!(
        db.err(|cx| create_table(cx, &table("t", vec![], vec![]))),
        "42501 permission denied for schema public"
    );
    assert_eq!(db.err(|cx| rename_schema(cx, "s1", "s99")), "42501 must be owner of schema s1");
}

#[test]
fn alter_columns() {
    let mut db = Cluster::new();
    let generated = ColumnDef {
        default: Some(ColumnDefault::Generated("(b + 1)".into())),
        generated_from: strings(&["b"]),
        ..col("g", INT4)
    };
    db.create(
        "t",
        vec![col("id", INT4), col("b", INT4), generated],
        vec![primary(&["id"]), unique(None, &["b"]), check(None, &["b"])],
    );
    let drop = |name: &str, cascade| {
        let name = name.into();
        alter("t", vec![Action::DropColumn { name, if_exists: false, cascade }])
    };
    assert_eq!(
        db.err(|cx| alter_table(cx, &drop("id", false))),
        "0A000 cannot drop primary key column id"
    );
    assert_eq!(
        db.err(|cx| alter_table(cx, &drop("z", false))),
        "42703 column \"z\" of relation \"t\" does not exist"
    );
    assert_eq!(
        db.err(|cx| alter_table(cx, &drop("b", false))),
        "2BP01 cannot drop column b of table t because other objects depend on it | DETAIL: \
         column g of table t depends on column b of table t | HINT: Use DROP ... CASCADE to drop \
         the dependent objects too."
    );
    assert_eq!(
        db.err(|cx| alter_table(
            cx,
            &alter("t", vec![Action::DropNotNull { column: "id".into() }])
        )),
        "42P16 column \"id\" is in a primary key"
    );
    let rewrite = |text: &str| Ok(text.replace('b', "c"));
    db.ok(|cx| rename_column(cx, &name("t"), "b", "c", false, &rewrite));
    assert_eq!(db.table("t").columns[2].default, Some(ColumnDefault::Generated("(c + 1)".into())));
    assert_eq!(
        db.ok(|cx| alter_table(cx, &drop("c", true))),
        ["00000 drop cascades to column g of table t"]
    );
    assert_eq!(db.indexes("t"), ["t_pkey"]);
    assert!(db.table("t").checks.is_empty());
    assert_eq!(db.table("t").columns[1].name, "........pg.dropped.2........");
    // One statement: the new column exists when its default is set.
    db.ok(|cx| {
        let set = Action::SetDefault { column: "n".into(), default: Some(Sql::new("7")) };
        let add = Action::AddColumn { column: col("n", NUMERIC), if_not_exists: false };
        alter_table(cx, &alter("t", vec![set, add]))
    });
    assert_eq!(db.table("t").column("n"), Some(3));
    let add = Action::AddColumn { column: col("n", INT4), if_not_exists: false };
    assert_eq!(
        db.err(|cx| alter_table(cx, &alter("t", vec![add]))),
        "42701 column \"n\" of relation \"t\" already exists"
    );
    assert_eq!(
        db.err(|cx| rename_column(cx, &name("t"), "n", "id", false, &rewrite)),
        "42701 column \"id\" of relation \"t\" already exists"
    );
}

#[test]
fn alter_constraints() {
    let mut db = Cluster::new();
    db.create("t", vec![col("id", INT4), col("b", INT4)], vec![primary(&["id"])]);
    let drop = |name: &str, if_exists| {
        alter("t", vec![Action::DropConstraint { name: name.into(), if_exists, cascade: false }])
    };
    assert_eq!(
        db.err(|cx| alter_table(cx, &drop("t_pkey", false))),
        "0A000 unsupported ALTER TABLE DROP CONSTRAINT statement"
    );
    assert_eq!(
        db.err(|cx| alter_table(cx, &drop("x", false))),
        "42704 constraint \"x\" of relation \"t\" does not exist"
    );
    assert_eq!(
        db.ok(|cx| alter_table(cx, &drop("x", true))),
        ["00000 constraint \"x\" of relation \"t\" does not exist, skipping"]
    );
    let building = CreateIndex { unique: true, ..index("t", &["b"]) };
    db.ok(|cx| create_index(cx, &building));
    let using = |name: Option<&str>| {
        let name = name.map(Into::into);
        alter("t", vec![Action::AddUniqueUsingIndex { name, index: "t_b_idx".into() }])
    };
    assert_eq!(db.err(|cx| alter_table(cx, &using(None))), "55000 index \"t_b_idx\" is not valid");
    let oid = db.catalog.index(PUBLIC, "t_b_idx").unwrap().1.oid;
    db.catalog = db.catalog.apply(&finish_index(&db.catalog, oid, IndexState::Valid).unwrap());
    assert_eq!(
        db.ok(|cx| alter_table(cx, &using(Some("b_unique")))),
        ["00000 ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index \"t_b_idx\" to \
          \"b_unique\""]
    );
    db.ok(|cx| rename_constraint(cx, &name("t"), "b_unique", "u", false));
    assert_eq!(db.indexes("t"), ["t_pkey", "u"]);
    db.ok(|cx| {
        let (expression, columns) = (Sql::new("(b > 0)"), strings(&["b"]));
        alter_table(
            cx,
            &alter(
                "t",
                vec![Action::AddCheck { name: None, expression, columns, no_inherit: false }],
            ),
        )
    });
    let (table, check) = validation_target(db.cx(), &name("t"), "t_b_check").unwrap();
    assert!(!table.checks[0].validated);
    let valid = finish_validation(&db.catalog, table.oid, check).unwrap();
    db.catalog = db.catalog.apply(&valid);
    assert!(db.table("t").checks[0].validated);
    db.ok(|cx| alter_table(cx, &drop("u", false)));
    assert_eq!(db.indexes("t"), ["t_pkey"]);
}

#[test]
fn alter_places() {
    let mut db = Cluster::new();
    db.ok(|cx| create_schema(cx, &schema("s")));
    db.ok(|cx| create_role(cx, &role("joe")));
    db.create("t", vec![col("id", INT4)], vec![primary(&["id"])]);
    db.create("s.t", vec![], vec![]);
    assert_eq!(
        db.err(|cx| set_schema(cx, RelationKind::Table, &name("public.t"), "s", false)),
        "42P07 relation \"t\" already exists in schema \"s\""
    );
    assert_eq!(
        db.err(|cx| rename_relation(cx, RelationKind::Table, &name("t"), "t_pkey", false)),
        "42P07 relation \"t_pkey\" already exists"
    );
    db.ok(|cx| rename_relation(cx, RelationKind::Table, &name("t"), "t2", false));
    db.ok(|cx| set_schema(cx, RelationKind::Table, &name("t2"), "s", false));
    assert!(db.catalog.index(db.catalog.schema("s").unwrap().oid, "t_pkey").is_some());
    let owner = |name: &str, role: &str| alter(name, vec![Action::OwnerTo { role: role.into() }]);
    assert_eq!(
        db.err(|cx| alter_table(cx, &owner("s.t", "joe"))),
        "42501 must be able to SET ROLE \"joe\""
    );
    let grant = GrantRole {
        roles: strings(&["joe"]),
        members: strings(&["admin"]),
        ..GrantRole::default()
    };
    db.ok(|cx| grant_role(cx, &grant));
    assert_eq!(
        db.err(|cx| alter_table(cx, &owner("s.t", "joe"))),
        "42501 permission denied for schema s"
    );
    assert_eq!(
        db.err(|cx| alter_table(cx, &owner("s.t", "nobody"))),
        "42704 role \"nobody\" does not exist"
    );
    let missing = AlterTable { if_exists: true, ..owner("x", "joe") };
    assert_eq!(
        db.ok(|cx| alter_table(cx, &missing)),
        ["00000 relation \"x\" does not exist, skipping"]
    );
}

#[test]
fn roles() {
    let mut db = Cluster::new();
    db.ok(|cx| create_role(cx, &role("joe")));
    assert_eq!(db.err(|cx| create_role(cx, &role("joe"))), "42710 role \"joe\" already exists");
    assert_eq!(
        db.err(|cx| create_role(cx, &role("pg_x"))),
        "42939 role name \"pg_x\" is reserved | DETAIL: Role names starting with \"pg_\" are \
         reserved."
    );
    assert_eq!(db.err(|cx| rename_role(cx, "joe", "admin")), "42710 role \"admin\" already exists");
    db.ok(|cx| create_role(cx, &CreateRole { members: strings(&["joe"]), ..role("staff") }));
    let grant = |roles: &[&str], members: &[&str]| GrantRole {
        roles: strings(roles),
        members: strings(members),
        ..GrantRole::default()
    };
    assert_eq!(
        db.ok(|cx| grant_role(cx, &grant(&["staff"], &["joe"]))),
        ["00000 role \"joe\" has already been granted membership in role \"staff\" by role \
          \"admin\""]
    );
    assert_eq!(
        db.err(|cx| grant_role(cx, &grant(&["joe"], &["staff"]))),
        "0LP01 role \"joe\" is a member of role \"staff\""
    );
    assert_eq!(
        db.err(|cx| grant_role(cx, &grant(&["admin"], &["joe"]))),
        "0A000 feature not supported on system entity"
    );
    assert_eq!(
        db.ok(|cx| grant_role(cx, &GrantRole { revoke: true, ..grant(&["staff"], &["admin"]) })),
        ["01000 role \"admin\" has not been granted membership in role \"staff\" by role \
          \"admin\""]
    );
    let (joe, staff) = (db.catalog.role("joe").unwrap().oid, db.catalog.role("staff").unwrap().oid);
    assert!(privilege::has_privileges_of(&db.catalog, joe, staff));
    db.ok(|cx| drop_roles(cx, &strings(&["staff"]), false));
    assert!(db.catalog.role("joe").unwrap().member_of.is_empty());
    assert_eq!(
        db.err(|cx| drop_roles(cx, &strings(&["admin"]), false)),
        "55006 current user cannot be dropped"
    );
    assert_eq!(
        db.err(|cx| drop_roles(cx, &strings(&["staff"]), false)),
        "42704 role \"staff\" does not exist"
    );
    db.role = joe;
    assert_eq!(
        db.err(|cx| create_role(cx, &role("jim"))),
        "42501 permission denied to create role | DETAIL: Only roles with the CREATEROLE attribute \
         may create roles."
    );
}

#[test]
fn iam_mappings() {
    let mut db = Cluster::new();
    db.ok(|cx| create_role(cx, &role("joe")));
    db.ok(|cx| create_role(cx, &CreateRole { login: false, ..role("idle") }));
    let arn = "arn:aws:iam::012345678912:role/example";
    let to = |role: &str, arn: &str| IamGrant {
        role: role.into(),
        arn: arn.into(),
        principal_exists: true,
    };
    assert_eq!(db.err(|cx| iam_grant(cx, &to("nobody", arn))), "42704 Role nobody does not exist");
    assert_eq!(
        db.err(|cx| iam_grant(cx, &to("joe", "example"))),
        "22023 IAM role must look like an IAM ARN"
    );
    assert_eq!(
        db.err(|cx| iam_grant(cx, &IamGrant { principal_exists: false, ..to("joe", arn) })),
        format!("42704 IAM role {arn} does not exist")
    );
    assert_eq!(
        db.err(|cx| iam_grant(cx, &to("idle", arn))),
        "42501 role idle must have the LOGIN attribute"
    );
    assert_eq!(
        db.err(|cx| iam_grant(cx, &to("admin", arn))),
        "0A000 Cannot establish trust with role admin"
    );
    db.ok(|cx| iam_grant(cx, &to("joe", arn)));
    assert!(db.err(|cx| iam_grant(cx, &to("joe", arn))).starts_with("42710 "));
    assert!(db.err(|cx| drop_roles(cx, &strings(&["joe"]), false)).starts_with(
        "2BP01 role \"joe\" cannot be dropped because some objects depend on it | DETAIL: "
    ));
    db.ok(|cx| iam_revoke(cx, &to("joe", arn)));
    db.ok(|cx| drop_roles(cx, &strings(&["joe"]), false));
    db.role = db.catalog.role("idle").unwrap().oid;
    assert_eq!(
        db.err(|cx| iam_grant(cx, &to("idle", arn))),
        "42501 permission denied to grant IAM trust with role idle"
    );
}

#[test]
fn privileges() {
    let mut db = Cluster::new();
    for name in ["joe", "jim"] {
        db.ok(|cx| create_role(cx, &role(name)));
    }
    db.create("t", vec![], vec![]);
    let acl = |db: &Cluster| {
        let grants = db.table("t").grants.clone();
        grants.map(|grants| privilege::acl_items(&db.catalog, &grants).join(","))
    };
    let grant = |privileges: &[Privilege], to: &[Option<&str>]| GrantPrivileges {
        objects: GrantObjects::Tables(vec![name("t")]),
        privileges: privileges.iter().copied().map(Into::into).collect(),
        grantees: to.iter().map(|to| to.map(Into::into)).collect(),
        grant_option: false,
        revoke: false,
        cascade: false,
        grantor: None,
    };
    assert_eq!(acl(&db), None);
    db.ok(|cx| grant_privileges(cx, &grant(&[Privilege::Select], &[Some("joe"), None])));
    assert_eq!(acl(&db).unwrap(), "admin=arwdDxt/admin,joe=r/admin,=r/admin");
    let option =
        GrantPrivileges { grant_option: true, ..grant(&[Privilege::Insert], &[Some("joe")]) };
    db.ok(|cx| grant_privileges(cx, &option));
    assert_eq!(acl(&db).unwrap(), "admin=arwdDxt/admin,joe=a*r/admin,=r/admin");
    let joe = db.catalog.role("joe").unwrap().oid;
    let has = |db: &Cluster, privilege| {
        privilege::has_privilege(&db.catalog, joe, Target::Table(db.table("t")), privilege)
    };
    assert!(has(&db, Privilege::Select) && !has(&db, Privilege::Delete));
    db.role = joe;
    db.ok(|cx| grant_privileges(cx, &grant(&[Privilege::Insert], &[Some("jim")])));
    assert_eq!(
        db.ok(|cx| grant_privileges(cx, &grant(&[Privilege::Delete], &[Some("jim")]))),
        ["01007 no privileges were granted for \"t\""]
    );
    assert_eq!(db.err(|cx| alter_table(cx, &alter("t", vec![]))), "42501 must be owner of table t");
    db.role = ADMIN_ROLE;
    let revoke = GrantPrivileges { revoke: true, ..grant(&[Privilege::Insert], &[Some("joe")]) };
    assert_eq!(
        db.err(|cx| grant_privileges(cx, &revoke)),
        "2BP01 dependent privileges exist | HINT: Use CASCADE to revoke them too."
    );
    db.ok(|cx| grant_privileges(cx, &GrantPrivileges { cascade: true, ..revoke }));
    assert_eq!(acl(&db).unwrap(), "admin=arwdDxt/admin,joe=r/admin,=r/admin");
    assert_eq!(
        db.err(|cx| drop_roles(cx, &strings(&["joe"]), false)),
        "2BP01 role \"joe\" cannot be dropped because some objects depend on it | DETAIL: \
         privileges for table t"
    );
    assert_eq!(
        db.err(|cx| grant_privileges(cx, &grant(&[Privilege::Usage], &[Some("joe")]))),
        "0LP01 invalid privilege type USAGE for table"
    );
    let public = GrantPrivileges {
        objects: GrantObjects::Schemas(strings(&["public"])),
        ..grant(&[Privilege::Usage], &[Some("joe")])
    };
    assert_eq!(
        db.err(|cx| grant_privileges(cx, &public)),
        "0A000 feature not supported on system entity"
    );
    let all = GrantPrivileges {
        objects: GrantObjects::AllInSchemas(DefaultGrantsKind::Tables, strings(&["public"])),
        ..grant(&[], &[Some("jim")])
    };
    db.ok(|cx| grant_privileges(cx, &all));
    assert!(acl(&db).unwrap().ends_with("jim=arwdDxt/admin"));
}

#[test]
fn comments() {
    let mut db = Cluster::new();
    db.create("t", vec![col("a", INT4)], vec![primary(&["a"])]);
    let on = |target: CommentTarget, text: &str| Comment { target, text: Some(text.into()) };
    db.ok(|cx| comment(cx, &on(CommentTarget::Table(name("t")), "table")));
    let column = || CommentTarget::Column { table: name("t"), column: "a".into() };
    db.ok(|cx| comment(cx, &on(column(), "column")));
    let key = CommentTarget::Constraint { table: name("t"), name: "t_pkey".into() };
    db.ok(|cx| comment(cx, &on(key, "key")));
    db.ok(|cx| comment(cx, &on(CommentTarget::Index(name("t_pkey")), "index")));
    let table = db.table("t");
    assert_eq!(table.comment.as_deref(), Some("table"));
    assert_eq!(table.columns[0].comment.as_deref(), Some("column"));
    let index = table.primary_key.as_ref().unwrap();
    assert_eq!(index.comment.as_deref(), Some("index"));
    assert_eq!(index.constraint_comment.as_deref(), Some("key"));
    db.ok(|cx| comment(cx, &on(column(), "")));
    assert_eq!(db.table("t").columns[0].comment, None);
    assert_eq!(
        db.err(|cx| comment(cx, &on(CommentTarget::Schema("public".into()), "x"))),
        "0A000 feature not supported on system entity"
    );
    assert_eq!(
        db.err(|cx| comment(cx, &on(CommentTarget::Table(name("t_pkey")), "x"))),
        "42809 \"t_pkey\" is not a table"
    );
}

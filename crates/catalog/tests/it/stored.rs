//! Descriptors that older binaries wrote stay readable.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::*;

/// Every kind of object with every field set, as version 1 wrote them, one in a line. Never
/// change the file: a later format gets a file of its own.
const VERSION_1: &[u8] = include_bytes!("../data/descriptors_v1.bin");

fn objects() -> Vec<Object> {
    let grants = Some(vec![
        Grant {
            grantee: Some(15579),
            grantor: 15579,
            privileges: BTreeMap::from([(Privilege::Select, false), (Privilege::Insert, true)]),
        },
        Grant {
            grantee: None,
            grantor: 15579,
            privileges: BTreeMap::from([(Privilege::Usage, false), (Privilege::Create, false)]),
        },
    ]);
    let schema = Schema {
        oid: 30000,
        name: "s".into(),
        owner: 15579,
        grants: grants.clone(),
        comment: Some("a schema".into()),
    };
    let role = Role {
        oid: 30001,
        name: "Zoë \"z\"\n".into(),
        login: true,
        inherit: false,
        member_of: BTreeMap::from([(
            30005,
            Membership { oid: 30006, grantor: 15579, admin: true, inherit: true, set: true },
        )]),
        principals: BTreeMap::from([(
            "arn:aws:iam::012345678912:role/example".into(),
            IamMapping { oid: 30007, grantor: 15579 },
        )]),
        settings: BTreeMap::new(),
        comment: None,
    };
    let column = |name: &str, type_oid| Column {
        name: name.into(),
        type_oid,
        typmod: -1,
        not_null: true,
        default: None,
        default_names: Vec::new(),
        domain: None,
        identity: None,
        generated_from: Vec::new(),
        storage: None,
        grants: None,
        dropped: false,
        comment: None,
    };
    let index = |oid, name: &str, unique, state| Index {
        oid,
        name: name.into(),
        keys: vec![IndexKey { part: KeyPart::Column(0), nulls_first: true }],
        include: vec![1],
        unique,
        nulls_not_distinct: true,
        predicate: None,
        state,
        constraint: Some(oid + 100),
        comment: Some("an index".into()),
        constraint_comment: Some("a key".into()),
    };
    let table = Table {
        oid: 30010,
        schema: 30000,
        name: "t".into(),
        owner: 15579,
        row_type: 30011,
        row_type_grants: None,
        array_type: 30012,
        columns: vec![
            Column {
                default: Some(ColumnDefault::Expression("gen_random_uuid()".into())),
                comment: Some("an id".into()),
                ..column("id", 2950)
            },
            Column { typmod: 1179658, dropped: true, ..column("n", 1700) },
            Column {
                default: Some(ColumnDefault::Generated("lower((id)::text)".into())),
                generated_from: vec![0],
                storage: Some(Storage::External),
                not_null: false,
                ..column("g", 25)
            },
        ],
        primary_key: Some(index(30013, "t_pkey", true, IndexState::Valid)),
        indexes: vec![
            index(30014, "i", true, IndexState::Building),
            index(30015, "j", false, IndexState::Invalid),
        ],
        checks: vec![Check {
            oid: 30016,
            name: "c".into(),
            expression: "(id IS NOT NULL)".into(),
            columns: vec![0],
            names: Vec::new(),
            validated: false,
            no_inherit: false,
            comment: Some("a check".into()),
        }],
        foreign_keys: Vec::new(),
        grants,
        comment: Some("a table".into()),
    };
    vec![
        Object::Schema(Arc::new(schema)),
        Object::Role(Arc::new(role)),
        Object::Table(Arc::new(table)),
    ]
}

#[test]
fn descriptors_of_version_1_are_read() {
    let lines: Vec<Object> = VERSION_1
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| codec::decode(line).unwrap())
        .collect();
    assert_eq!(lines, objects());
}

/// The table of version 1 with what it did not have yet.
fn table_with_newer_fields() -> Object {
    let Some(Object::Table(table)) = objects().pop() else { panic!("the table is last") };
    let mut table = Table::clone(&table);
    let expression = KeyExpression {
        text: "lower(g)".into(),
        columns: vec![2],
        type_oid: 25,
        typmod: -1,
        name: "lower".into(),
    };
    table.indexes[1]
        .keys
        .push(IndexKey { part: KeyPart::Expression(expression), nulls_first: false });
    table.indexes[1].predicate =
        Some(IndexPredicate { text: "g IS NOT NULL".into(), columns: vec![2] });
    table.foreign_keys.push(ForeignKey {
        oid: 30020,
        name: "t_g_fkey".into(),
        columns: vec![2],
        parent: 30010,
        parent_columns: vec![0],
        parent_index: 30013,
        match_full: true,
        on_update: ForeignKeyAction::Cascade,
        on_delete: ForeignKeyAction::SetNull,
        set_columns: vec![2],
        deferrable: true,
        initially_deferred: true,
        validated: false,
        comment: Some("a reference".into()),
    });
    Object::Table(Arc::new(table))
}

#[test]
fn descriptors_survive_storage() {
    for object in objects().into_iter().chain([table_with_newer_fields()]) {
        assert_eq!(codec::decode(&codec::encode(&object)).unwrap(), object);
    }
}

//! Tables and views of users, as far as they are alike.

use types::Oid;

use super::SystemCx;
use crate::builtin::{self, TypeRow};
use crate::describe::{Purpose, Stored};
use crate::objects::*;
use crate::privilege::{self, Target};

/// A table or view of a user.
#[derive(Clone, Copy)]
pub(super) enum UserRelation<'a> {
    Table(&'a Table),
    View(&'a View),
}

/// A column of one.
pub(super) struct UserColumn<'a> {
    pub(super) name: &'a str,
    /// 0-based position.
    pub(super) at: usize,
    /// The type that it was declared with: may be a domain.
    pub(super) type_oid: Oid,
    pub(super) typmod: i32,
    pub(super) not_null: bool,
    /// Its default or generation expression.
    pub(super) default: Option<Stored<'a>>,
    pub(super) generated: bool,
    pub(super) identity: Option<Identity>,
    pub(super) grants: Option<&'a [Grant]>,
}

/// The privileges that make a relation's constraints visible: all but SELECT.
pub(super) const WRITING: &[Privilege] = &[
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Truncate,
    Privilege::References,
    Privilege::Trigger,
];

/// All tables and views of users.
pub(super) fn user_relations<'a>(cx: &SystemCx<'a>) -> impl Iterator<Item = UserRelation<'a>> {
    let tables = cx.catalog.tables().map(|table| UserRelation::Table(table));
    tables.chain(cx.catalog.views().map(|view| UserRelation::View(view)))
}

/// Whether the current role has the privileges of an owner.
pub(super) fn owns(cx: &SystemCx<'_>, owner: ObjectId) -> bool {
    privilege::has_privileges_of(cx.catalog, cx.role, owner)
}

impl<'a> UserRelation<'a> {
    pub(super) fn schema(self) -> ObjectId {
        match self {
            UserRelation::Table(table) => table.schema,
            UserRelation::View(view) => view.schema,
        }
    }

    pub(super) fn name(self) -> &'a str {
        match self {
            UserRelation::Table(table) => &table.name,
            UserRelation::View(view) => &view.name,
        }
    }

    pub(super) fn target(self) -> Target<'a> {
        match self {
            UserRelation::Table(table) => Target::Table(table),
            UserRelation::View(view) => Target::View(view),
        }
    }

    pub(super) fn columns(self) -> Vec<UserColumn<'a>> {
        match self {
            UserRelation::Table(table) => {
                table.live_columns().map(|(at, column)| of_table(table, at, column)).collect()
            }
            UserRelation::View(view) => {
                let columns = view.columns.iter().enumerate();
                columns.map(|(at, column)| of_view(at, column)).collect()
            }
        }
    }

    /// Whether the current role owns it or holds any of `privileges` on it or on a column.
    pub(super) fn is_visible(self, cx: &SystemCx<'_>, privileges: &[Privilege]) -> bool {
        let target = self.target();
        owns(cx, target.owner())
            || privileges
                .iter()
                .any(|privilege| privilege::has_privilege(cx.catalog, cx.role, target, *privilege))
            || self.columns().iter().any(|column| column.is_granted(cx, privileges))
    }

    /// Whether the current role may know of a column.
    pub(super) fn is_column_visible(self, cx: &SystemCx<'_>, column: &UserColumn<'_>) -> bool {
        let target = self.target();
        owns(cx, target.owner())
            || privilege::COLUMN_PRIVILEGES
                .iter()
                .any(|of| privilege::has_privilege(cx.catalog, cx.role, target, *of))
            || column.is_granted(cx, privilege::COLUMN_PRIVILEGES)
    }
}

fn of_table<'a>(table: &'a Table, at: usize, column: &'a Column) -> UserColumn<'a> {
    let (text, generated) = match &column.default {
        Some(ColumnDefault::Expression(text)) => (Some(text), false),
        Some(ColumnDefault::Generated(text)) => (Some(text), true),
        None => (None, false),
    };
    UserColumn {
        name: &column.name,
        at,
        type_oid: Oid(column.domain.unwrap_or(column.type_oid)),
        typmod: if column.domain.is_some() { -1 } else { column.typmod },
        not_null: column.not_null,
        default: text
            .map(|text| Stored::Column(table, text, &column.default_names, Purpose::Value)),
        generated,
        identity: column.identity,
        grants: column.grants.as_deref(),
    }
}

fn of_view(at: usize, column: &ViewColumn) -> UserColumn<'_> {
    UserColumn {
        name: &column.name,
        at,
        type_oid: Oid(column.domain.unwrap_or(column.type_oid)),
        typmod: if column.domain.is_some() { -1 } else { column.typmod },
        not_null: false,
        default: column.default.as_ref().map(|sql| Stored::Value(sql, Purpose::Value)),
        generated: false,
        identity: None,
        grants: column.grants.as_deref(),
    }
}

impl UserColumn<'_> {
    fn is_granted(&self, cx: &SystemCx<'_>, privileges: &[Privilege]) -> bool {
        let grants = self.grants.map(<[Grant]>::to_vec);
        grants.is_some()
            && privileges.iter().any(|privilege| {
                privilege::has_column_grant(cx.catalog, cx.role, &grants, *privilege, false)
            })
    }

    pub(super) fn collation(&self, cx: &SystemCx<'_>) -> Oid {
        base_row(cx, self.type_oid).map_or(Oid::INVALID, |row| row.collation)
    }
}

/// The built-in type beneath a domain: itself if it is none; rows of users' relations are like
/// those of `pg_class`.
pub(super) fn base_row(cx: &SystemCx<'_>, ty: Oid) -> Option<&'static TypeRow> {
    let (base, _) = cx.catalog.base_type(ty.0, -1);
    let built_in = builtin::type_by_oid(builtin::base_type(Oid(base)));
    built_in.or_else(|| cx.catalog.user_type(base).and_then(|_| super::routines::row_type()))
}

/// Schema and name of a type, and `data_type` of `information_schema`: `ARRAY`, `USER-DEFINED` or
/// the SQL name.
pub(super) struct TypeNames {
    pub(super) schema: ObjectId,
    pub(super) name: String,
    pub(super) data_type: String,
}

/// What `information_schema` calls a type, which is not a domain or is taken as it is.
pub(super) fn type_names(cx: &SystemCx<'_>, ty: Oid) -> Option<TypeNames> {
    let (schema, name) = crate::describe::type_schema_and_name(cx.catalog, ty.0)?;
    let is_array = match builtin::type_by_oid(ty) {
        Some(row) => row.element.is_valid() && row.len == -1,
        None => cx.catalog.user_type(ty.0).is_some_and(|found| found.array_type == ty.0),
    };
    let data_type = match is_array {
        true => "ARRAY".into(),
        false if schema == PG_CATALOG => builtin::format_type(ty, None),
        false => "USER-DEFINED".into(),
    };
    Some(TypeNames { schema, name, data_type })
}

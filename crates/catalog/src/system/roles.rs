//! Roles, default privileges, the database, settings, time zones.

use types::oid::OID;
use types::{Datum, Interval, TimeZone};

use super::SystemCx;
use super::fill::{Rows, acl, array, text_array};
use crate::builtin;
use crate::objects::*;

/// The database `postgres`.
pub const POSTGRES: ObjectId = 5;
/// The tablespace `pg_default`.
const PG_DEFAULT: ObjectId = 1663;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) -> bool {
    match name {
        "pg_authid" | "pg_roles" => roles(cx, out, name == "pg_roles"),
        "pg_user" | "pg_shadow" => users(cx, out, name == "pg_user"),
        "pg_group" => groups(cx, out),
        "pg_auth_members" => members(cx, out),
        "pg_default_acl" => default_privileges(cx, out),
        "pg_db_role_setting" => role_settings(cx, out),
        "pg_database" => database(cx, out),
        "pg_settings" => settings(cx, out),
        "pg_timezone_abbrevs" => time_zone_abbreviations(out),
        "pg_timezone_names" => time_zone_names(cx, out),
        _ => return false,
    }
    true
}

fn roles(cx: &SystemCx<'_>, out: &mut Rows, view: bool) {
    for role in cx.catalog.roles() {
        out.row(|row| {
            if !view {
                row.set("oid", role.oid);
            }
            row.set("rolname", &role.name)
                .set("rolsuper", role.is_superuser())
                .set("rolinherit", role.inherit)
                .set("rolcreaterole", role.may_create_roles())
                .set("rolcreatedb", role.is_superuser())
                .set("rolcanlogin", role.login)
                .set("rolreplication", role.is_superuser())
                .set("rolbypassrls", role.is_superuser())
                .set("rolconnlimit", -1);
            if view {
                row.set("rolpassword", "********").set("oid", role.oid);
            }
        });
    }
}

fn users(cx: &SystemCx<'_>, out: &mut Rows, masked: bool) {
    for role in cx.catalog.roles().filter(|role| role.login) {
        out.row(|row| {
            row.set("usename", &role.name)
                .set("usesysid", role.oid)
                .set("usecreatedb", role.is_superuser())
                .set("usesuper", role.is_superuser())
                .set("userepl", role.is_superuser())
                .set("usebypassrls", role.is_superuser())
                .set("passwd", masked.then_some("********"));
        });
    }
}

fn groups(cx: &SystemCx<'_>, out: &mut Rows) {
    for group in cx.catalog.roles().filter(|role| !role.login) {
        let members = cx.catalog.roles().filter(|role| role.member_of.contains_key(&group.oid));
        let members = members.map(|role| Datum::Oid(role.oid)).collect();
        out.row(|row| {
            row.set("groname", &group.name)
                .set("grosysid", group.oid)
                .set("grolist", array(OID, members));
        });
    }
}

fn members(cx: &SystemCx<'_>, out: &mut Rows) {
    for member in cx.catalog.roles() {
        for (role, membership) in &member.member_of {
            out.row(|row| {
                row.set("oid", membership.oid)
                    .set("roleid", *role)
                    .set("member", member.oid)
                    .set("grantor", membership.grantor)
                    .set("admin_option", membership.admin)
                    .set("inherit_option", membership.inherit)
                    .set("set_option", membership.set);
            });
        }
    }
}

fn role_settings(cx: &SystemCx<'_>, out: &mut Rows) {
    for role in cx.catalog.roles().filter(|role| !role.settings.is_empty()) {
        let settings = role.settings.iter().map(|(name, value)| format!("{name}={value}"));
        out.row(|row| {
            row.set("setdatabase", ObjectId::default())
                .set("setrole", role.oid)
                .set("setconfig", text_array(settings));
        });
    }
}

fn default_privileges(cx: &SystemCx<'_>, out: &mut Rows) {
    for defaults in cx.catalog.default_grants() {
        out.row(|row| {
            row.set("oid", defaults.oid)
                .set("defaclrole", defaults.role)
                .set("defaclnamespace", defaults.schema.unwrap_or_default())
                .set("defaclobjtype", defaults.kind.letter())
                .set("defaclacl", acl(cx.catalog, Some(&defaults.grants)));
        });
    }
}

fn database(cx: &SystemCx<'_>, out: &mut Rows) {
    /// `pg_char_to_encoding('UTF8')`.
    const UTF8: i32 = 6;
    out.row(|row| {
        row.set("oid", POSTGRES)
            .set("datname", cx.database)
            .set("datdba", ADMIN_ROLE)
            .set("encoding", UTF8)
            .set("datlocprovider", 'c')
            .set("datallowconn", true)
            .set("datconnlimit", -1)
            .set("dattablespace", PG_DEFAULT)
            .set("datcollate", "C")
            .set("datctype", "C");
    });
}

fn settings(cx: &SystemCx<'_>, out: &mut Rows) {
    // What only superusers see.
    const HIDDEN: &[&str] = &[
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "unix_socket_directories",
        "unix_socket_group",
    ];
    for setting in builtin::settings().iter().filter(|row| !HIDDEN.contains(&row.name)) {
        let value = (cx.settings)(setting.name);
        let changed = value.as_deref().is_some_and(|value| value != setting.setting);
        out.row(|row| {
            row.set("name", setting.name)
                .set("setting", value.as_deref().unwrap_or(setting.setting))
                .set("unit", setting.unit)
                .set("category", setting.category)
                .set("short_desc", setting.description)
                .set("context", setting.context)
                .set("vartype", setting.kind)
                .set("source", if changed { "session" } else { "default" })
                .set("min_val", setting.min)
                .set("max_val", setting.max)
                .set("enumvals", setting.values.map(enum_values))
                .set("boot_val", setting.boot)
                .set("reset_val", setting.setting)
                .set("pending_restart", false);
        });
    }
}

/// The items of `{a,"b c"}`.
fn enum_values(text: &str) -> Datum {
    let items = text.trim_start_matches('{').trim_end_matches('}').split(',');
    text_array(items.map(|item| item.trim_matches('"')))
}

fn seconds(east: i32) -> Datum {
    Datum::Interval(Interval { micros: i64::from(east) * 1_000_000, ..Interval::default() })
}

fn time_zone_abbreviations(out: &mut Rows) {
    for zone in builtin::time_zone_abbreviations() {
        out.row(|row| {
            row.set("abbrev", zone.name)
                .set("utc_offset", seconds(zone.offset_seconds))
                .set("is_dst", zone.daylight);
        });
    }
}

fn time_zone_names(cx: &SystemCx<'_>, out: &mut Rows) {
    for name in TimeZone::names() {
        let Some(zone) = TimeZone::from_name(&name) else { continue };
        let info = zone.info_at(cx.now);
        out.row(|row| {
            row.set("name", name)
                .set("abbrev", info.abbreviation)
                .set("utc_offset", seconds(info.east))
                .set("is_dst", info.is_dst);
        });
    }
}

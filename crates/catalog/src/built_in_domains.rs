//! The domains of `information_schema`, as if a user had made them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::builtin::{self, TypeKind};
use crate::objects::{BOOTSTRAP_ROLE, Domain, DomainCheck, ObjectId, Sql};

static DOMAINS: LazyLock<BTreeMap<ObjectId, Arc<Domain>>> = LazyLock::new(|| {
    let rows = builtin::types().iter().filter(|row| row.kind == TypeKind::Domain);
    rows.map(|row| {
        let checks = builtin::DOMAIN_CHECKS.iter().filter(|check| check.domain == row.oid);
        let checks = checks.map(|check| DomainCheck {
            oid: check.oid.0,
            name: check.name.to_owned(),
            expression: Sql { text: check.condition.to_owned(), names: Vec::new() },
            validated: true,
            comment: None,
        });
        let domain = Domain {
            oid: row.oid.0,
            array_type: row.array.0,
            schema: row.schema,
            name: row.name.to_owned(),
            owner: BOOTSTRAP_ROLE,
            base_type: row.base.0,
            typmod: row.typmod,
            not_null: row.not_null,
            checks: checks.collect(),
            ..Domain::default()
        };
        (domain.oid, Arc::new(domain))
    })
    .collect()
});

/// The domains that PostgreSQL's `information_schema` brings, by OID.
pub fn built_in_domains() -> &'static BTreeMap<ObjectId, Arc<Domain>> {
    &DOMAINS
}

//! WITH queries that are read once, or that may be computed more than once, take the place of what
//! reads them.
//!
//! Source: PostgreSQL 16 `SS_process_ctes`.

use std::sync::Arc;

use super::query_is_volatile;
use crate::bind::query::{CteBody, Query, Source};
use crate::plan::walk;

pub(super) fn inline(query: &mut Query) {
    // What a modification reads is not looked into.
    if query.ctes.iter().any(crate::bind::query::BoundCte::modifies) {
        return;
    }
    let mut position = 0;
    while let Some(cte) = query.ctes.get(position) {
        position += 1;
        let (number, materialized) = (cte.number, cte.materialized);
        let body = match &cte.body {
            CteBody::Query(body) => Some(Arc::clone(body)),
            CteBody::Recursive { .. } => None,
            CteBody::Modify(_) => continue,
        };
        let mut reads = 0;
        walk::selects_mut(query, 0, &mut |select, _| {
            let reads_it = |source: &Source| matches!(source, Source::Cte(read) if *read == number);
            reads += select.relations.iter().filter(|r| reads_it(&r.source)).count();
        });
        if reads == 0 {
            // What nobody reads is not computed, nor even planned.
            position -= 1;
            query.ctes.remove(position);
            continue;
        }
        let Some(body) = body else { continue };
        // What depends on rows around it is computed for each of them anyway.
        let wanted = match materialized {
            _ if !walk::outer_vars(&body).is_empty() => true,
            Some(materialized) => !materialized,
            None => reads <= 1,
        };
        if !wanted || query_is_volatile(&body) {
            continue;
        }
        walk::selects_mut(query, 0, &mut |select, depth| {
            for relation in &mut select.relations {
                if matches!(relation.source, Source::Cte(read) if read == number) {
                    let mut body = Arc::clone(&body);
                    walk::lift_query(Arc::make_mut(&mut body), depth + 1);
                    relation.source = Source::Query(body);
                }
            }
        });
        position -= 1;
        query.ctes.remove(position);
    }
}

//! `sys.jobs` and `sys.iam_pg_role_mappings`.

use types::Datum;

use super::SystemCx;
use super::fill::Rows;
use crate::describe::pg_get_userbyid;

pub(super) fn fill(name: &str, cx: &SystemCx<'_>, out: &mut Rows) {
    match name {
        "jobs" => {
            for job in cx.jobs {
                out.row(|row| {
                    row.set("job_id", &job.id)
                        .set("status", &job.status)
                        .set("details", job.details.as_ref())
                        .set("job_type", &job.kind)
                        .set("class_id", job.class)
                        .set("object_id", job.object)
                        .set("object_name", job.object_name.as_ref())
                        .set("start_time", Datum::Timestamptz(job.start_time))
                        .set("update_time", Datum::Timestamptz(job.update_time));
                });
            }
        }
        "iam_pg_role_mappings" => mappings(cx, out),
        _ => {}
    }
}

/// Which IAM principals may connect as which roles, also what
/// `aws_dsql.list_iam_principal_database_role_authorizations()` returns.
fn mappings(cx: &SystemCx<'_>, out: &mut Rows) {
    for role in cx.catalog.roles() {
        for (arn, mapping) in &role.principals {
            out.row(|row| {
                row.set("iam_oid", mapping.oid)
                    .set("arn", arn)
                    .set("pg_role_oid", role.oid)
                    .set("pg_role_name", &role.name)
                    .set("grantor_pg_role_oid", mapping.grantor)
                    .set("grantor_pg_role_name", pg_get_userbyid(cx.catalog, mapping.grantor));
            });
        }
    }
}

"""Chapters 1 and 2 of the workshop, with a role in place of its Lambda function's."""

import json

from conftest import ACCOUNT, allow, policy

ROLE = "ReinventDat401Stack-ReinventDat401FunctionServi-1A2B3C"


def test_chapters_1_and_2(server):
    # Chapter 1: a cluster, and a function whose role may not connect to it.
    cluster = server.create_cluster(tags={"Name": "DAT401"})
    host, arn = cluster["endpoint"], cluster["arn"]
    role = server.create_role(ROLE)
    function = server.assume(role)
    assert server.refusal(host, credentials=function) == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/test is not authorized to perform: "
        f"dsql:DbConnectAdmin on resource: {arn} "
        "because no identity-based policy allows the dsql:DbConnectAdmin action"
    )
    iam = server.client("iam")
    name = {"RoleName": ROLE, "PolicyName": "ServiceRoleDefaultPolicy"}
    iam.put_role_policy(PolicyDocument=policy(allow("dsql:DbConnectAdmin", arn)), **name)
    with server.connect(host, credentials=function) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)

    # Chapter 2: the function gets a role of its own in the database.
    with server.connect(host) as admin:
        admin.execute("CREATE ROLE myapp WITH LOGIN")
        admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO myapp")
        iam.put_role_policy(PolicyDocument=policy(allow("dsql:DbConnect", arn)), **name)
        # It may connect, but not as myapp yet: no hint says so.
        assert server.refusal(host, "myapp", function) is None
        admin.execute(f"AWS IAM GRANT myapp TO '{role}'")
        rows = admin.execute(
            "SELECT arn, pg_role_name FROM "
            "aws_dsql.list_iam_principal_database_role_authorizations()"
        )
        assert rows.fetchall() == [(role, "myapp")]
    with server.connect(host, "myapp", function) as session:
        assert session.execute("SELECT current_user").fetchone() == ("myapp",)
    assert "dsql:DbConnectAdmin" in server.refusal(host, credentials=function)
    # What was taken away holds for new sessions.
    iam.delete_role_policy(**name)
    assert "because no identity-based policy" in server.refusal(host, "myapp", function)

    # The trail has every attempt, and no token.
    text = server.audit_log.read_text()
    assert "X-Amz-" not in text and function["SessionToken"] not in text
    records = [json.loads(line) for line in text.splitlines()]
    attempts = [
        (record["eventName"], record.get("errorCode"))
        for record in records
        if record["eventCategory"] == "Data"
        and record["userIdentity"].get("arn", "").endswith(f"{ROLE}/test")
    ]
    assert attempts == [
        ("DbConnectAdmin", "AccessDenied"),
        ("DbConnectAdmin", None),
        ("DbConnect", "AccessDenied"),
        ("DbConnect", None),
        ("DbConnectAdmin", "AccessDenied"),
        ("DbConnect", "AccessDenied"),
    ]
    issuer = next(r for r in records if r["userIdentity"].get("type") == "AssumedRole")
    assert issuer["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == role
    assert any(r["eventName"] == "CreateCluster" and r["managementEvent"] for r in records)


def test_a_role_for_clusters_in_production_only(server):
    production = server.create_cluster(tags={"Environment": "production"})
    test = server.create_cluster(tags={"Environment": "test"})
    condition = {"StringEquals": {"aws:ResourceTag/Environment": "production"}}
    resource = f"arn:aws:dsql:us-east-1:{ACCOUNT}:cluster/*"
    role = server.create_role("production", allow("dsql:DbConnect", resource, Condition=condition))
    for cluster in [production, test]:
        with server.connect(cluster["endpoint"]) as admin:
            admin.execute("CREATE ROLE app WITH LOGIN")
            admin.execute(f"AWS IAM GRANT app TO '{role}'")
    session = server.assume(role)
    server.connect(production["endpoint"], "app", session).close()
    assert "because no identity-based policy" in server.refusal(test["endpoint"], "app", session)
    # A tag counts from the next connection on.
    dsql = server.client("dsql")
    dsql.tag_resource(resourceArn=test["arn"], tags={"Environment": "production"})
    server.connect(test["endpoint"], "app", session).close()

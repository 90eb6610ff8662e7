"""Clusters by boto3: every operation of the service model, its waiters and paginators."""

import time
import urllib.request

import botocore.exceptions
import pytest
from conftest import ACCOUNT, allow, policy


def refused(call, code, status, **members):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    response = caught.value.response
    assert response["Error"]["Code"] == code, response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    for name, value in members.items():
        assert response[name] == value, response
    return response["Error"]["Message"]


def test_life(server, dsql):
    made = dsql.create_cluster(tags={"Name": "a b", "Environment": "test"})
    id = made["identifier"]
    assert made["status"] == "CREATING" and made["deletionProtectionEnabled"]
    assert made["arn"] == f"arn:aws:dsql:us-east-1:{ACCOUNT}:cluster/{id}"
    assert made["endpoint"] == f"{id}.dsql.us-east-1.on.aws"
    assert made["encryptionDetails"] == {
        "encryptionType": "AWS_OWNED_KMS_KEY",
        "encryptionStatus": "ENABLED",
    }
    server.wait("cluster_active", id)
    got = dsql.get_cluster(identifier=id)
    assert got["tags"] == {"Name": "a b", "Environment": "test"}
    assert got["creationTime"] == made["creationTime"]

    with server.connect(got["endpoint"]) as session:
        session.execute("CREATE TABLE t (id int PRIMARY KEY)")
        session.execute("INSERT INTO t VALUES (7)")
        assert session.execute("SELECT id FROM t").fetchall() == [(7,)]
        message = refused(
            lambda: dsql.delete_cluster(identifier=id),
            "ValidationException",
            400,
            reason="deletionProtectionEnabled",
        )
        assert message == "Deletion protection is enabled"
        updated = dsql.update_cluster(identifier=id, deletionProtectionEnabled=False)
        assert updated["status"] == "UPDATING"
        server.wait("cluster_active", id)
        assert dsql.delete_cluster(identifier=id)["status"] == "DELETING"
        server.wait("cluster_not_exists", id)
        with pytest.raises(Exception, match="terminating connection|server closed"):
            session.execute("SELECT 1")
    assert server.refusal(got["endpoint"]) is None
    refused(
        lambda: dsql.get_cluster(identifier=id),
        "ResourceNotFoundException",
        404,
        resourceId=id,
        resourceType="cluster",
    )


def test_clusters_are_apart_and_survive_a_restart(server):
    one, two = server.create_cluster(), server.create_cluster(tags={"k": "v"})
    for number, cluster in enumerate([one, two]):
        with server.connect(cluster["endpoint"]) as session:
            session.execute("CREATE TABLE who (id int PRIMARY KEY)")
            session.execute("INSERT INTO who VALUES (%s)", [number])
    server.stop()
    server.start()
    dsql = server.client("dsql")
    for number, cluster in enumerate([one, two]):
        assert dsql.get_cluster(identifier=cluster["identifier"])["status"] == "ACTIVE"
        with server.connect(cluster["endpoint"]) as session:
            assert session.execute("SELECT id FROM who").fetchall() == [(number,)]
    assert dsql.get_cluster(identifier=two["identifier"])["tags"] == {"k": "v"}


def test_private_link_names(server, dsql):
    cluster = server.create_cluster()
    id = cluster["identifier"]
    names = dsql.get_vpc_endpoint_service_name(identifier=id)
    assert names["serviceName"] == "com.amazonaws.us-east-1.dsql-fnh4"
    with server.connect(f"{id}.dsql-fnh4.us-east-1.on.aws") as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_client_token(server, dsql):
    first = dsql.create_cluster(clientToken="one", tags={"a": "b"})
    again = dsql.create_cluster(clientToken="one", tags={"a": "b"})
    assert again["identifier"] == first["identifier"]
    refused(
        lambda: dsql.create_cluster(clientToken="one", tags={"a": "c"}),
        "ConflictException",
        409,
        resourceId=first["identifier"],
    )


def test_paginator_and_quota(server):
    region = "us-west-2"
    dsql = server.client("dsql", region)
    begin = time.monotonic()
    made = {dsql.create_cluster(deletionProtectionEnabled=False)["identifier"] for _ in range(20)}
    message = refused(dsql.create_cluster, "ServiceQuotaExceededException", 402, serviceCode="dsql")
    assert message == "You have reached the cluster limit."
    for id in made:
        server.wait("cluster_active", id, region)
    pages = list(dsql.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 7}))
    assert [len(page["clusters"]) for page in pages] == [7, 7, 6]
    assert {cluster["identifier"] for page in pages for cluster in page["clusters"]} == made
    assert len(dsql.list_clusters()["clusters"]) == 10
    for id in made:
        dsql.delete_cluster(identifier=id)
    for id in made:
        server.wait("cluster_not_exists", id, region)
    assert time.monotonic() - begin < 120


def resident_kib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_an_empty_cluster_costs_little(server):
    """Less than 1 MB, and less than 50 ms: of many, since one is too small to see."""
    regions = ["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1"]
    before, spent = resident_kib(server), []
    for region in regions:
        dsql = server.client("dsql", region)
        for _ in range(20):
            begin = time.monotonic()
            id = dsql.create_cluster(deletionProtectionEnabled=False)["identifier"]
            while dsql.get_cluster(identifier=id)["status"] != "ACTIVE":
                pass
            spent.append(time.monotonic() - begin)
    assert (resident_kib(server) - before) / len(spent) < 1024
    assert sorted(spent)[len(spent) // 2] < 0.05, sorted(spent)


def test_tags(server, dsql):
    cluster = server.create_cluster(tags={"a": "1"})
    arn = cluster["arn"]
    dsql.tag_resource(resourceArn=arn, tags={"b c": "2", "d": ""})
    dsql.untag_resource(resourceArn=arn, tagKeys=["a", "d"])
    assert dsql.list_tags_for_resource(resourceArn=arn)["tags"] == {"b c": "2"}
    refused(
        lambda: dsql.tag_resource(resourceArn=arn, tags={"a": "ü"}),
        "ValidationException",
        400,
        reason="fieldValidationFailed",
    )
    other = f"arn:aws:dsql:us-east-1:999999999999:cluster/{cluster['identifier']}"
    refused(
        lambda: dsql.list_tags_for_resource(resourceArn=other), "ResourceNotFoundException", 404
    )


def test_cluster_policy(server, dsql):
    cluster = server.create_cluster()
    id = cluster["identifier"]
    refused(lambda: dsql.get_cluster_policy(identifier=id), "ResourceNotFoundException", 404)
    deny = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Resource": "*"}
    deny |= {"Action": ["dsql:DbConnect", "dsql:DbConnectAdmin"]}
    deny |= {"Condition": {"Null": {"aws:SourceVpc": "true"}}}
    version = dsql.put_cluster_policy(identifier=id, policy=policy(deny))["policyVersion"]
    assert dsql.get_cluster_policy(identifier=id)["policy"] == policy(deny)
    hint = server.refusal(cluster["endpoint"])
    assert hint == (
        f"User: arn:aws:iam::{ACCOUNT}:user/borealis is not authorized to perform: "
        f"dsql:DbConnectAdmin on resource: {cluster['arn']} "
        "with an explicit deny in a resource-based policy"
    )
    refused(
        lambda: dsql.delete_cluster_policy(identifier=id, expectedPolicyVersion="99"),
        "ConflictException",
        409,
    )
    public = allow("dsql:*", Principal="*")
    lockout = deny | {"Action": "dsql:*", "Condition": {}}
    for text in ["{", policy(public), policy(lockout)]:
        refused(lambda: dsql.put_cluster_policy(identifier=id, policy=text), "ValidationException", 400)
    again = dsql.put_cluster_policy(identifier=id, policy=policy(deny), expectedPolicyVersion=version)
    assert again["policyVersion"] != version
    dsql.delete_cluster_policy(identifier=id)
    server.connect(cluster["endpoint"]).close()


def test_linked_clusters(server):
    east, west = server.client("dsql", "us-east-1"), server.client("dsql", "us-east-2")
    witness = {"witnessRegion": "us-west-2"}
    create = {"deletionProtectionEnabled": False}
    one = east.create_cluster(multiRegionProperties=witness, **create)
    assert one["status"] == "PENDING_SETUP"
    two = west.create_cluster(multiRegionProperties=witness | {"clusters": [one["arn"]]}, **create)
    assert two["status"] == "PENDING_SETUP"
    assert server.refusal(one["endpoint"]) is None
    east.update_cluster(
        identifier=one["identifier"], multiRegionProperties=witness | {"clusters": [two["arn"]]}
    )
    server.wait("cluster_active", one["identifier"], "us-east-1")
    server.wait("cluster_active", two["identifier"], "us-east-2")
    got = west.get_cluster(identifier=two["identifier"])
    assert got["multiRegionProperties"] == witness | {"clusters": [one["arn"]]}
    with server.connect(one["endpoint"]) as session:
        session.execute("CREATE TABLE t (id int PRIMARY KEY)")
        session.execute("INSERT INTO t VALUES (1)")
    with server.connect(two["endpoint"], region="us-east-2") as session:
        assert session.execute("SELECT id FROM t").fetchall() == [(1,)]
        # What comes through an endpoint is counted there; writes go to both regions.
        def metric(name, cluster):
            url = server.env["AWS_ENDPOINT_URL_DSQL"] + "/metrics"
            with urllib.request.urlopen(url) as response:
                text = response.read().decode()
            line = f'AuroraDSQL_{name}_total{{ResourceId="{cluster["identifier"]}"}} '
            return next(float(at[len(line) :]) for at in text.splitlines() if at.startswith(line))

        assert metric("WriteDPU", one) == metric("MultiRegionWriteDPU", one) == 0.05
        assert metric("WriteDPU", two) == metric("MultiRegionWriteDPU", two) == 0
        assert [metric("TotalTransactions", cluster) for cluster in (one, two)] == [2, 1]
        assert east.delete_cluster(identifier=one["identifier"])["status"] == "PENDING_DELETE"
        assert server.refusal(one["endpoint"]) is None
        assert session.execute("SELECT id FROM t").fetchall() == [(1,)]
    assert west.delete_cluster(identifier=two["identifier"])["status"] == "DELETING"
    server.wait("cluster_not_exists", one["identifier"], "us-east-1")
    server.wait("cluster_not_exists", two["identifier"], "us-east-2")
    for properties in [
        {"witnessRegion": "us-east-1"},
        {"witnessRegion": "eu-west-1"},
        {},
        witness | {"clusters": ["x"]},
        witness | {"clusters": [two["arn"]]},
    ]:
        refused(
            lambda: east.create_cluster(multiRegionProperties=properties),
            "ValidationException",
            400,
        )


def test_streams(server, dsql):
    id = server.create_cluster()["identifier"]
    target = {
        "kinesis": {
            "streamArn": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/s",
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/cdc",
        }
    }
    parameters = {"ordering": "UNORDERED", "format": "JSON"}
    made = dsql.create_stream(clusterIdentifier=id, targetDefinition=target, **parameters)
    assert made["status"] == "CREATING"
    stream = {"clusterIdentifier": id, "streamIdentifier": made["streamIdentifier"]}
    limit = time.monotonic() + 30
    while (got := dsql.get_stream(**stream))["status"] == "CREATING":
        assert time.monotonic() < limit
    assert got["status"] == "FAILED"
    assert got["statusReason"]["error"] == "KINESIS_STREAM_NOT_FOUND"
    assert got["targetDefinition"] == target
    assert [s["arn"] for s in dsql.list_streams(clusterIdentifier=id)["streams"]] == [made["arn"]]
    dsql.tag_resource(resourceArn=made["arn"], tags={"a": "b"})
    assert dsql.get_stream(**stream)["tags"] == {"a": "b"}
    assert dsql.delete_stream(**stream)["status"] == "DELETING"
    refused(lambda: dsql.get_stream(**stream), "ResourceNotFoundException", 404)


def test_what_is_not_valid(server, dsql):
    validation = {"code": "ValidationException", "status": 400}
    fields = validation | {"reason": "fieldValidationFailed"}
    refused(lambda: dsql.get_cluster(identifier="UPPER!"), **fields)
    refused(lambda: dsql.create_cluster(clientToken="with blank"), **fields)
    refused(lambda: dsql.create_cluster(kmsEncryptionKey="alias/mine"), **fields)
    refused(lambda: dsql.list_clusters(maxResults=101), **fields)
    refused(lambda: dsql.get_cluster(identifier="a" * 26), "ResourceNotFoundException", 404)
    foreign = server.client("dsql", "mars-north-1")
    refused(foreign.list_clusters, "InvalidSignatureException", 403)

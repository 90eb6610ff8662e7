"""IAM and STS by boto3, and requests that are not to be believed."""

import datetime
import json
import time
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
from conftest import ACCOUNT, allow, policy


def refused(call, code):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return str(caught.value)


def test_users_and_keys(server):
    iam = server.client("iam")
    user = iam.create_user(UserName="joe", Path="/team/", Tags=[{"Key": "a", "Value": "b"}])["User"]
    assert user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/joe"
    refused(lambda: iam.create_user(UserName="JOE"), "EntityAlreadyExists")
    key = iam.create_access_key(UserName="joe")["AccessKey"]
    joe = server.client("dsql", credentials=key)
    message = refused(joe.list_clusters, "AccessDeniedException")
    assert (
        f"User: {user['Arn']} is not authorized to perform: dsql:ListClusters "
        "because no identity-based policy allows the dsql:ListClusters action"
    ) in message
    arn = "arn:aws:iam::aws:policy/AmazonAuroraDSQLReadOnlyAccess"
    iam.attach_user_policy(UserName="joe", PolicyArn=arn)
    assert joe.list_clusters()["clusters"]
    refused(joe.create_cluster, "AccessDeniedException")
    assert server.client("sts", credentials=key).get_caller_identity()["UserId"] == user["UserId"]

    iam.create_access_key(UserName="joe")
    refused(lambda: iam.create_access_key(UserName="joe"), "LimitExceeded")
    iam.update_access_key(UserName="joe", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused(joe.list_clusters, "UnrecognizedClientException")
    refused(lambda: iam.delete_user(UserName="joe"), "DeleteConflict")
    for metadata in iam.list_access_keys(UserName="joe")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="joe", AccessKeyId=metadata["AccessKeyId"])
    iam.detach_user_policy(UserName="joe", PolicyArn=arn)
    iam.delete_user(UserName="joe")
    refused(lambda: iam.get_user(UserName="joe"), "NoSuchEntity")


def test_managed_policies(server):
    iam = server.client("iam")
    text = policy(allow("dsql:GetCluster"))
    arn = iam.create_policy(PolicyName="p", PolicyDocument=text)["Policy"]["Arn"]
    role = server.create_role("managed")
    iam.attach_role_policy(RoleName="managed", PolicyArn=arn)
    dsql = server.client("dsql", credentials=server.assume(role))
    refused(dsql.list_clusters, "AccessDeniedException")
    wider = policy(allow("dsql:*"))
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=wider, SetAsDefault=True)
    assert dsql.list_clusters()["clusters"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert version["Document"] == json.loads(wider) and version["IsDefaultVersion"]
    refused(lambda: iam.delete_policy(PolicyArn=arn), "DeleteConflict")
    iam.detach_role_policy(RoleName="managed", PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    refused(lambda: iam.get_policy(PolicyArn=arn), "NoSuchEntity")
    names = {p["PolicyName"] for p in iam.list_policies(Scope="AWS")["Policies"]}
    assert {"AdministratorAccess", "AmazonAuroraDSQLFullAccess"} <= names


def test_roles(server):
    iam = server.client("iam")
    lambda_only = allow("sts:AssumeRole", None, Principal={"Service": "lambda.amazonaws.com"})
    arn = server.create_role("fn", trust=lambda_only)
    assert iam.get_role(RoleName="fn")["Role"]["AssumeRolePolicyDocument"]["Statement"]
    message = refused(lambda: server.assume(arn), "AccessDenied")
    assert "because no resource-based policy allows the sts:AssumeRole action" in message
    with_id = allow("sts:AssumeRole", None, Principal={"AWS": ACCOUNT})
    with_id["Condition"] = {"StringEquals": {"sts:ExternalId": "42"}}
    iam.update_assume_role_policy(RoleName="fn", PolicyDocument=policy(with_id))
    refused(lambda: server.assume(arn), "AccessDenied")
    session = server.assume(arn, ExternalId="42")
    identity = server.client("sts", credentials=session).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/fn/test"
    refused(lambda: server.assume(arn, ExternalId="42", DurationSeconds=7200), "ValidationError")
    refused(
        lambda: iam.put_role_policy(RoleName="fn", PolicyName="x", PolicyDocument="{"),
        "MalformedPolicyDocument",
    )
    refused(lambda: iam.create_role(RoleName="b", AssumeRolePolicyDocument=policy(with_id),
                                    PermissionsBoundary="arn:aws:iam::aws:policy/x"), "ValidationError")
    # A session lives on its role's policies, and dies with them.
    iam.put_role_policy(RoleName="fn", PolicyName="x", PolicyDocument=policy(allow("dsql:*")))
    dsql = server.client("dsql", credentials=session)
    assert dsql.list_clusters()["clusters"]
    iam.delete_role_policy(RoleName="fn", PolicyName="x")
    refused(dsql.list_clusters, "AccessDeniedException")
    iam.delete_role(RoleName="fn")
    refused(lambda: server.assume(arn), "AccessDenied")


def test_session_policies_and_tags(server):
    arn = server.create_role("narrow", allow("dsql:*"), trust=allow(
        ["sts:AssumeRole", "sts:TagSession"], None, Principal={"AWS": ACCOUNT}))
    narrow = server.assume(arn, Policy=policy(allow("dsql:ListClusters")))
    dsql = server.client("dsql", credentials=narrow)
    assert dsql.list_clusters()["clusters"]
    assert "no session policy allows" in refused(dsql.create_cluster, "AccessDeniedException")
    by_tag = allow("dsql:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})
    server.client("iam").put_role_policy(
        RoleName="narrow", PolicyName="own", PolicyDocument=policy(by_tag))
    red = server.assume(arn, Tags=[{"Key": "team", "Value": "red"}])
    assert server.client("dsql", credentials=red).list_clusters()["clusters"]
    blue = server.client("dsql", credentials=server.assume(arn))
    refused(blue.list_clusters, "AccessDeniedException")


def test_session_token(server):
    credentials = server.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    left = credentials["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15)
    host = server.env["CLUSTER_ENDPOINT"]
    server.connect(host, credentials=credentials).close()
    invalid = "The security token included in the request is invalid."
    for change in [{"SessionToken": credentials["SessionToken"][:-4] + "AAA="}, {"SessionToken": None},
                   {"AccessKeyId": "ASIAAAAAAAAAAAAAAAAA"}]:
        assert server.refusal(host, credentials=credentials | change) == invalid


def signed(server, method="GET", path="/cluster", service="dsql", body=b"", when=None, **headers):
    """A request as botocore signs it."""
    url = server.env["AWS_ENDPOINT_URL_DSQL"] + path
    request = botocore.awsrequest.AWSRequest(method, url, headers, body)
    credentials = botocore.credentials.Credentials(
        server.env["AWS_ACCESS_KEY_ID"], server.env["AWS_SECRET_ACCESS_KEY"])
    auth = botocore.auth.SigV4Auth(credentials, service, "us-east-1")
    if when:
        real = botocore.auth.get_current_datetime
        botocore.auth.get_current_datetime = lambda *_, **__: when
        try:
            auth.add_auth(request)
        finally:
            botocore.auth.get_current_datetime = real
    else:
        auth.add_auth(request)
    return url, method, body, dict(request.headers)


def send(url, method, body, headers):
    request = urllib.request.Request(url, body or None, headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, None, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-amzn-ErrorType"), error.read()


def test_requests_that_are_not_believed(server):
    assert send(*signed(server))[0] == 200

    def check(change, status, error):
        url, method, body, headers = signed(server)
        url, headers = change(url, headers)
        got = send(url, method, body, headers)
        assert got[:2] == (status, error), got

    authorization = lambda old, new: lambda url, headers: (
        url, headers | {"Authorization": headers["Authorization"].replace(old, new)})
    check(lambda url, headers: (url, {}), 403, "MissingAuthenticationTokenException")
    check(authorization("AWS4-HMAC-SHA256 ", "Basic "), 403, "IncompleteSignatureException")
    check(authorization("SignedHeaders", "Headers"), 403, "IncompleteSignatureException")
    check(authorization("/aws4_request", ""), 403, "IncompleteSignatureException")
    check(authorization("Credential=A", "Credential=B"), 403, "UnrecognizedClientException")
    check(authorization("us-east-1", "us-east-2"), 403, "InvalidSignatureException")
    check(authorization("Signature=", "Signature=0"), 403, "InvalidSignatureException")
    check(lambda url, headers: (url + "?max-results=5", headers), 403, "InvalidSignatureException")
    check(lambda url, headers: (url, headers | {"X-Amz-Date": "yesterday"}), 403,
          "IncompleteSignatureException")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    for minutes, text in [(-6, b"Signature expired: "), (6, b"Signature not yet current: ")]:
        stale = send(*signed(server, when=now + datetime.timedelta(minutes=minutes)))
        assert stale[:2] == (403, "InvalidSignatureException") and text in stale[2], stale
    assert send(*signed(server, path="/nothing"))[:2] == (404, "UnknownOperationException")
    assert send(*signed(server, service="iam"))[:2] == (403, "InvalidSignatureException")
    for body in [b"{", b"[]", b'{"tags": 5}', b"\xff", b'{"deletionProtectionEnabled": "yes"}']:
        got = send(*signed(server, "POST", body=body))
        assert got[:2] == (400, "ValidationException"), got
        assert json.loads(got[2])["reason"] == "cannotParse"
    huge = send(*signed(server, "POST", body=b" " * 300_000))
    assert huge[:2] == (413, "RequestEntityTooLargeException")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    got = send(*signed(server, "POST", "/", "iam", b"Action=Nothing&Version=2010-05-08", **form))
    assert got[0] == 400 and b"<Code>InvalidAction</Code>" in got[2]
    url, method, body, headers = signed(
        server, "POST", "/", "sts", b"Action=GetCallerIdentity&Version=2011-06-15", **form)
    assert send(url, method, body + b"&x=y", headers)[0] == 403


def test_a_request_again_when_it_is_stale(server):
    """What was believed once is not believed for ever: the same bytes, sent again after its time."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    # Signed 4 minutes and 56 seconds ago, it has some seconds left.
    request = signed(server, when=now - datetime.timedelta(seconds=296))
    assert send(*request)[0] == 200
    assert send(*request)[0] == 200
    time.sleep(6)
    status, error, body = send(*request)
    assert (status, error) == (403, "InvalidSignatureException")
    assert b"Signature expired: " in body


def test_conditions_of_a_connection(server):
    """The keys that a connection has, in policies of a user, a session and a cluster."""
    cluster = server.create_cluster(tags={"Environment": "production", "team": "red"})
    host, arn = cluster["endpoint"], cluster["arn"]
    trust = allow(["sts:AssumeRole", "sts:TagSession"], None, Principal={"AWS": ACCOUNT})
    role = server.create_role("conditional", trust=trust)
    session = server.assume(role, Tags=[{"Key": "team", "Value": "red"}])
    iam = server.client("iam")
    now = datetime.datetime.now(datetime.timezone.utc)
    at = lambda minutes: (now + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for condition, allowed in [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.7"]}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.1/32"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": at(-60)}, "DateLessThan": {"aws:CurrentTime": at(60)}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": at(60)}}, False),
        ({"DateLessThan": {"aws:CurrentTime": at(-60)}}, False),
        ({"NumericLessThan": {"aws:EpochTime": str(int(now.timestamp()) + 3600)}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, False),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, True),
        ({"StringEquals": {"aws:ResourceTag/Environment": "test"}}, False),
        ({"Null": {"aws:ResourceTag/owner": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/cond*"}}, True),
        ({"Null": {"aws:SourceVpc": "false"}}, False),
    ]:
        text = policy(allow("dsql:DbConnectAdmin", arn, Condition=condition))
        iam.put_role_policy(RoleName="conditional", PolicyName="own", PolicyDocument=text)
        if allowed:
            server.connect(host, credentials=session).close()
        else:
            hint = server.refusal(host, credentials=session)
            assert hint and "because no identity-based policy allows" in hint, condition
    # The same of the cluster's own policy, which denies.
    iam.put_role_policy(
        RoleName="conditional", PolicyName="own", PolicyDocument=policy(allow("dsql:DbConnectAdmin", arn)))
    dsql = server.client("dsql")
    for network, allowed in [("10.0.0.0/8", False), ("127.0.0.0/8", True)]:
        deny = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "dsql:DbConnectAdmin", "Resource": "*",
                "Condition": {"NotIpAddress": {"aws:SourceIp": network}}}
        dsql.put_cluster_policy(identifier=cluster["identifier"], policy=policy(deny))
        if allowed:
            server.connect(host, credentials=session).close()
        else:
            assert "with an explicit deny in a resource-based policy" in server.refusal(host, credentials=session)


def test_other_accounts(server):
    """What belongs to somebody else is not there, and nobody else is let in."""
    dsql, other = server.client("dsql"), "999999999999"
    cluster = dsql.list_clusters()["clusters"][0]
    foreign = cluster["arn"].replace(ACCOUNT, other)
    for call in [
        lambda: dsql.tag_resource(resourceArn=foreign, tags={"a": "b"}),
        lambda: dsql.untag_resource(resourceArn=foreign, tagKeys=["a"]),
        lambda: dsql.list_tags_for_resource(resourceArn=foreign),
        lambda: dsql.get_cluster(identifier="a" * 26),
        lambda: dsql.delete_cluster(identifier="a" * 26),
    ]:
        refused(call, "ResourceNotFoundException")
    refused(lambda: server.assume(f"arn:aws:iam::{other}:role/any"), "AccessDenied")
    iam = server.client("iam")
    refused(lambda: iam.get_policy(PolicyArn=f"arn:aws:iam::{other}:policy/p"), "NoSuchEntity")
    refused(lambda: iam.attach_user_policy(
        UserName="borealis", PolicyArn=f"arn:aws:iam::{other}:policy/p"), "NoSuchEntity")
    strangers = allow("sts:AssumeRole", None, Principal={"AWS": other})
    role = server.create_role("strangers", trust=strangers)
    refused(lambda: server.assume(role), "AccessDenied")
    refused(lambda: dsql.create_cluster(multiRegionProperties={
        "witnessRegion": "us-west-2",
        "clusters": [f"arn:aws:dsql:us-east-2:{other}:cluster/{'a' * 26}"]}), "ValidationException")

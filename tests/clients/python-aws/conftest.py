"""A server for each test module, and clients of it that differ from those of AWS by the endpoint only."""

import os
import pathlib
import re
import signal
import subprocess
import time

import boto3
import psycopg
import pytest

ACCOUNT = "123456789012"


class Server:
    """A running `borealis start` and what `borealis env` says of it."""

    def __init__(self, directory: pathlib.Path):
        self.binary = os.environ["BOREALIS_BIN"]
        self.data_dir = directory / "data"
        self.audit_log = directory / "audit.jsonl"
        self.log = directory / "log"
        self.start()

    def start(self):
        command = [self.binary, "start", "--data-dir", self.data_dir, "--port", "0"]
        command += ["--audit-log", self.audit_log, "--connections-per-s", "1000"]
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        limit = time.monotonic() + 60
        while "\nready: listening on " not in self.log.read_text()[begin:]:
            assert self.process.poll() is None and time.monotonic() < limit, self.log.read_text()
            time.sleep(0.05)
        # The file with the ports is written before that line.
        text = subprocess.check_output([self.binary, "env", "--data-dir", self.data_dir], text=True)
        pairs = re.findall(r"^export (\w+)=(.*)$", text, re.M)
        self.env = {name: value.strip("'") for name, value in pairs}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()

    def client(self, service, region="us-east-1", credentials=None):
        """A boto3 client; `credentials` as STS gives them, or the administrator's."""
        keys = credentials or {
            "AccessKeyId": self.env["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": self.env["AWS_SECRET_ACCESS_KEY"],
        }
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.env["AWS_ENDPOINT_URL_DSQL"],
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )

    def token(self, host, user="admin", credentials=None, region="us-east-1"):
        dsql = self.client("dsql", region, credentials)
        if user == "admin":
            return dsql.generate_db_connect_admin_auth_token(host, region)
        return dsql.generate_db_connect_auth_token(host, region)

    def connect(self, host, user="admin", credentials=None, region="us-east-1"):
        """A session at a cluster, its certificate verified."""
        return psycopg.connect(
            host=host,
            hostaddr="127.0.0.1",
            port=self.env["PGPORT"],
            user=user,
            dbname="postgres",
            password=self.token(host, user, credentials, region),
            sslmode="verify-full",
            sslrootcert=self.env["PGSSLROOTCERT"],
            autocommit=True,
        )

    def refusal(self, host, user="admin", credentials=None, region="us-east-1"):
        """The hint of the error with which the server refuses a session, or None if it has none."""
        with pytest.raises(psycopg.OperationalError) as caught:
            self.connect(host, user, credentials, region)
        text = str(caught.value)
        assert "unable to accept connection, access denied" in text, text
        assert re.search(r"DETAIL:\s+Session Id: [a-z2-7]{26}", text), text
        hint = re.search(r"HINT:\s+(.*)", text)
        return hint and hint[1]

    def create_cluster(self, region="us-east-1", **parameters):
        """A cluster that is active, as GetCluster describes it."""
        parameters.setdefault("deletionProtectionEnabled", False)
        dsql = self.client("dsql", region)
        made = dsql.create_cluster(**parameters)
        assert made["status"] == "CREATING"
        self.wait("cluster_active", made["identifier"], region)
        return dsql.get_cluster(identifier=made["identifier"])

    def wait(self, waiter, identifier, region="us-east-1"):
        config = {"Delay": 0.1, "MaxAttempts": 300}
        waiter = self.client("dsql", region).get_waiter(waiter)
        waiter.wait(identifier=identifier, WaiterConfig=config)

    def create_role(self, name, *statements, trust=None):
        """A role that the account trusts, with a policy of these statements."""
        iam = self.client("iam")
        trust = trust or allow("sts:AssumeRole", None, Principal={"AWS": ACCOUNT})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def assume(self, role, session="test", **parameters):
        """Credentials of a session of a role."""
        sts = self.client("sts")
        answer = sts.assume_role(RoleArn=role, RoleSessionName=session, **parameters)
        return answer["Credentials"]


def allow(action, resource="*", **elements):
    """A statement."""
    statement = {"Effect": "Allow", "Action": action, **elements}
    if resource is not None:
        statement["Resource"] = resource
    return statement


def policy(*statements):
    """A policy's text."""
    import json

    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture
def dsql(server):
    return server.client("dsql")

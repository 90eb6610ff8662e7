"""The AWS command line, unmodified: the endpoints are in its environment."""

import json
import os
import pathlib
import subprocess
import sys

from conftest import ACCOUNT, allow, policy


def test_command_line(server, tmp_path):
    names = [name for name in server.env if name.startswith("AWS_")]
    env = os.environ | {name: server.env[name] for name in names}
    env |= {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_PAGER": ""}

    def aws(*arguments, status=0):
        command = [pathlib.Path(sys.executable).with_name("aws"), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if status == 0 and done.stdout else done.stderr

    me = aws("sts", "get-caller-identity")
    assert me["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/borealis"
    made = aws("dsql", "create-cluster", "--no-deletion-protection-enabled", "--tags", "Name=cli")
    id = made["identifier"]
    aws("dsql", "wait", "cluster-active", "--identifier", id)
    assert aws("dsql", "get-cluster", "--identifier", id)["status"] == "ACTIVE"
    assert {"identifier": id, "arn": made["arn"]} in aws("dsql", "list-clusters")["clusters"]
    assert aws("dsql", "list-tags-for-resource", "--resource-arn", made["arn"])["tags"] == {"Name": "cli"}
    aws("dsql", "delete-cluster", "--identifier", id)
    aws("dsql", "wait", "cluster-not-exists", "--identifier", id)
    error = aws("dsql", "get-cluster", "--identifier", id, status=255)
    assert "ResourceNotFoundException" in error and f"Cluster with identifier {id} not found" in error

    trust = policy(allow("sts:AssumeRole", None, Principal={"AWS": ACCOUNT}))
    role = aws("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", trust)
    document = policy(allow("dsql:DbConnectAdmin"))
    aws("iam", "put-role-policy", "--role-name", "cli", "--policy-name", "p", "--policy-document", document)
    got = aws("iam", "get-role-policy", "--role-name", "cli", "--policy-name", "p")
    assert got["PolicyDocument"] == json.loads(document)
    assert [r["RoleName"] for r in aws("iam", "list-roles")["Roles"]] == ["cli"]
    arn = role["Role"]["Arn"]
    session = aws("sts", "assume-role", "--role-arn", arn, "--role-session-name", "me")
    server.connect(server.env["CLUSTER_ENDPOINT"], credentials=session["Credentials"]).close()

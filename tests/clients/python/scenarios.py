"""Runs the scenarios that the command line names and prints one line for each.

`pass NAME`, or `fail NAME: what went wrong`; the traceback goes to the standard error output. A scenario is a function, or a
coroutine function, without arguments that returns if all is well.
"""

import asyncio
import inspect
import os
import sys
import traceback
from importlib import metadata

HOST = os.environ["CLUSTER_ENDPOINT"]
PORT = int(os.environ["PGPORT"])
CA = os.environ["PGSSLROOTCERT"]
# A certificate authority that did not sign the server's certificate.
OTHER_CA = os.environ["OTHER_CA"]
# Seconds after which the server ends a connection, where `reconnect` runs.
CONNECTION_AGE = float(os.environ.get("CONNECTION_AGE", "3600"))

OWNER = """CREATE TABLE IF NOT EXISTS owner (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(30) NOT NULL,
    city varchar(80) NOT NULL,
    telephone varchar(20) DEFAULT NULL,
    PRIMARY KEY (id))"""


def main(packages, *functions):
    """Runs those of `functions` that the arguments name; exits with 1 if one failed. Says the versions of `packages`."""
    print("client", ", ".join(f"{package} {metadata.version(package)}" for package in packages), flush=True)
    scenarios = {function.__name__: function for function in functions}
    failed = False
    for name in sys.argv[1:]:
        if name not in scenarios:
            continue
        try:
            result = scenarios[name]()
            if inspect.iscoroutine(result):
                asyncio.run(result)
            print("pass", name, flush=True)
        except Exception as error:
            failed = True
            traceback.print_exc()
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"fail {name}: {reason}", flush=True)
    sys.exit(failed)


def equal(found, expected):
    """Raises if the two differ."""
    if found != expected:
        raise AssertionError(f"{found!r} instead of {expected!r}")


class raises:
    """A block that must raise `kind`, with `sqlstate` if that is given."""

    def __init__(self, kind, sqlstate=None):
        self.kind, self.sqlstate = kind, sqlstate

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if kind is None:
            raise AssertionError(f"no {self.kind.__name__}")
        if not issubclass(kind, self.kind):
            return False
        self.error = error
        code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        if self.sqlstate is not None:
            equal(code, self.sqlstate)
        return True

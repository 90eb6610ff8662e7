"""asyncpg with the official connector."""

import asyncio
import datetime
import decimal
import os
import ssl
import uuid

import asyncpg
import aurora_dsql_asyncpg as dsql

from scenarios import CA, CONNECTION_AGE, HOST, OTHER_CA, OWNER, PORT, equal, main, raises

OPTIONS = {"host": HOST, "port": PORT, "user": "admin", "sslmode": "verify-full", "sslrootcert": CA}


async def open_connection(**options):
    return await dsql.connect(**{**OPTIONS, **options})


async def connect():
    for direct in [False, True]:
        # ALPN, which direct negotiation needs, is not in the context that the connector makes.
        context = ssl.create_default_context(cafile=CA)
        context.set_alpn_protocols(["postgresql"])
        options = {"host": HOST, "port": PORT, "user": "admin", "ssl": context, "direct_tls": direct}
        connection = await dsql.connect(**options)
        sql = "SELECT current_user, current_database(), current_setting('application_name') AS name"
        row = await connection.fetchrow(sql)
        name = f"aurora-dsql-python-asyncpg/{dsql.__version__}"
        equal(tuple(row), ("admin", "postgres", name))
        equal(connection.get_server_version().major, 16)
        await connection.close()
    connection = await open_connection()
    await connection.close()
    # The connector adds its certificate authority to those of this variable.
    os.environ.pop("SSL_CERT_FILE", None)
    with raises(ssl.SSLCertVerificationError):
        await open_connection(sslrootcert=OTHER_CA)


async def recipe():
    connection = await open_connection()
    await connection.execute(OWNER)
    insert = "INSERT INTO owner (name, city, telephone) VALUES ($1, $2, $3) RETURNING id"
    id = await connection.fetchval(insert, "John Doe", "Anytown", "555-555-1999")
    row = await connection.fetchrow("SELECT * FROM owner WHERE name = $1", "John Doe")
    equal(tuple(row), (id, "John Doe", "Anytown", "555-555-1999"))
    rows = [(f"owner {n}", "Anytown") for n in range(500)]
    await connection.executemany("INSERT INTO owner (name, city) VALUES ($1, $2)", rows)
    await connection.copy_records_to_table("owner", records=[("copied", "x")], columns=["name", "city"])
    equal(await connection.fetchval("SELECT count(*) FROM owner WHERE id <> $1", id), 501)
    equal(await connection.execute("DELETE FROM owner WHERE id = $1", id), "DELETE 1")
    values = [
        ("int2", 7), ("int8", 2**60), ("float8", 0.1), ("numeric", decimal.Decimal("12.30")),
        ("text", "ä"), ("bytea", b"\0\1"), ("bool", True), ("uuid", uuid.uuid4()),
        ("date", datetime.date(2024, 2, 29)), ("time", datetime.time(1, 2, 3)),
        ("timestamp", datetime.datetime(2024, 2, 29, 1, 2, 3)),
        ("timestamptz", datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)),
        ("interval", datetime.timedelta(days=1, seconds=2)), ("jsonb", '{"a": 1}'),
        ("int4[]", [1, None, 3]), ("text[]", ["a", "b,c"]),
        ("int4range", asyncpg.Range(1, 5)), ("point", asyncpg.Point(1, 2)),
    ]
    for kind, value in values:
        equal(await connection.fetchval(f"SELECT $1::{kind}", value), value)
    await connection.close()


async def transaction():
    connection = await open_connection()
    await connection.execute("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))")
    await connection.execute("INSERT INTO account VALUES (1, 100), (2, 0)")
    async with connection.transaction():
        await connection.execute("UPDATE account SET balance = balance - $1 WHERE id = 1", 40)
        await connection.execute("UPDATE account SET balance = balance + $1 WHERE id = 2", 40)
    with raises(asyncpg.CheckViolationError, "23514") as violation:
        async with connection.transaction():
            await connection.execute("UPDATE account SET balance = balance - 100 WHERE id = 1")
    equal(violation.error.constraint_name, "account_balance_check")
    async with connection.transaction():
        found = [row["balance"] async for row in connection.cursor("SELECT balance FROM account ORDER BY id", prefetch=1)]
        equal(found, [60, 40])
    with raises(asyncpg.ReadOnlySQLTransactionError, "25006"):
        async with connection.transaction(readonly=True, isolation="repeatable_read"):
            await connection.execute("UPDATE account SET balance = 0")
    await connection.close()


async def conflict():
    async with await dsql.create_pool(min_size=1, max_size=4, retry=True, **OPTIONS) as pool:
        await pool.execute("CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)")
        await pool.execute("INSERT INTO counter VALUES (1, 0)")
        tries = []

        async def increment(connection):
            value = await connection.fetchval("SELECT value FROM counter WHERE id = 1")
            tries.append(value)
            if len(tries) == 1:
                await pool.execute("UPDATE counter SET value = value + 10 WHERE id = 1")
            await connection.execute("UPDATE counter SET value = $1 WHERE id = 1", value + 1)

        await pool.run_transaction(increment)
        equal(tries, [0, 10])
        tries.clear()
        with raises(asyncpg.SerializationError, "40001") as error:
            await pool.run_transaction(increment, retry=False)
        equal("(OC000)" in str(error.error), True)
        equal(await pool.fetchval("SELECT value FROM counter"), 21)


async def pool():
    config = dsql.OCCRetryConfig(max_retries=100)
    async with await dsql.create_pool(min_size=4, max_size=8, retry=config, **OPTIONS) as pool:
        await pool.execute("CREATE TABLE hits (page int PRIMARY KEY, count int NOT NULL)")
        await pool.execute("INSERT INTO hits SELECT n, 0 FROM generate_series(1, 5) n")

        async def hit(n):
            sql = "UPDATE hits SET count = count + 1 WHERE page = $1"
            await pool.run_transaction(lambda connection: connection.execute(sql, n % 5 + 1))

        await asyncio.gather(*(hit(n) for n in range(100)))
        found = await pool.fetch("SELECT page, count FROM hits ORDER BY page")
        equal([tuple(row) for row in found], [(n, 20) for n in range(1, 6)])


async def reconnect():
    async with await dsql.create_pool(min_size=1, max_size=1, **OPTIONS) as pool:
        equal(await pool.fetchval("SELECT 1"), 1)
        await asyncio.sleep(CONNECTION_AGE + 1)
        # The pool notices the end of a connection by itself.
        equal(await pool.fetchval("SELECT 1"), 1)


async def introspection():
    connection = await open_connection()
    await connection.execute("CREATE TABLE t (a int, b varchar(5), c numeric(9,2))")
    statement = await connection.prepare("SELECT *, ROW(1, 'x'::text) AS r FROM t WHERE a = $1 AND b = $2")
    equal([p.name for p in statement.get_parameters()], ["int4", "text"])
    attributes = [(a.name, a.type.name) for a in statement.get_attributes()]
    equal(attributes, [("a", "int4"), ("b", "varchar"), ("c", "numeric"), ("r", "record")])
    await connection.set_type_codec("jsonb", encoder=str, decoder=len, schema="pg_catalog")
    equal(await connection.fetchval("""SELECT '{"a":1}'::jsonb"""), 8)
    await connection.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    equal(await connection.fetchval("SELECT 5::positive"), 5)
    await connection.execute("CREATE TABLE u (p positive)")
    equal(await connection.fetch("SELECT p FROM u WHERE p = $1", 1), [])
    # asyncpg reads unknown types from the catalog in one recursive query.
    equal(await connection.fetchval("SELECT $1::int4multirange", [asyncpg.Range(1, 2)]), [asyncpg.Range(1, 2)])
    await connection.reload_schema_state()
    await connection.close()


async def migration():
    connection = await open_connection()
    await connection.execute("CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)")
    await connection.execute("INSERT INTO pet (name) VALUES ('Rex')")
    equal(len((await connection.fetchrow("SELECT * FROM pet"))), 2)
    await connection.execute("ALTER TABLE pet ADD COLUMN kind text")
    await connection.execute("UPDATE pet SET kind = 'dog' WHERE kind IS NULL")
    job = await connection.fetchval("CREATE INDEX ASYNC pet_kind ON pet (kind)")
    equal(await connection.fetchval("CALL sys.wait_for_job($1)", job), True)
    # A prepared statement whose result has changed meanwhile is prepared anew by the driver.
    equal(len((await connection.fetchrow("SELECT * FROM pet"))), 3)
    await connection.close()


main(["asyncpg", "aurora-dsql-python-connector"], connect, recipe, transaction, conflict, pool, reconnect, introspection, migration)

"""psycopg 3 with the official connector: single connections, the pools, its retry helper."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import aurora_dsql_psycopg as dsql
import psycopg
from psycopg.types import TypeInfo

from scenarios import CA, CONNECTION_AGE, HOST, OTHER_CA, OWNER, PORT, equal, main, raises

OPTIONS = {"host": HOST, "port": PORT, "user": "admin", "sslmode": "verify-full", "sslrootcert": CA}


def open_connection(**options):
    return dsql.connect(**{**OPTIONS, **options})


def connect():
    for negotiation in ["postgres", "direct"]:
        with open_connection(sslnegotiation=negotiation) as connection:
            row = connection.execute(
                "SELECT current_user, current_database(), current_setting('application_name')"
            ).fetchone()
            name = f"aurora-dsql-python-psycopg/{dsql.__version__}"
            equal(row, ("admin", "postgres", name))
            equal(connection.pgconn.ssl_in_use, True)
    with raises(psycopg.OperationalError) as refused:
        open_connection(sslrootcert=OTHER_CA)
    equal("certificate verify failed" in str(refused.error), True)


def recipe():
    with open_connection(autocommit=True) as connection:
        connection.execute(OWNER)
        insert = "INSERT INTO owner (name, city, telephone) VALUES (%s, %s, %s) RETURNING id"
        (id,) = connection.execute(insert, ("John Doe", "Anytown", "555-555-1999")).fetchone()
        # Text and binary results, simple and extended queries.
        for binary in [False, True]:
            cursor = connection.cursor(binary=binary)
            cursor.execute("SELECT * FROM owner WHERE name = %s", ("John Doe",))
            equal(cursor.fetchall(), [(id, "John Doe", "Anytown", "555-555-1999")])
        equal(connection.execute("DELETE FROM owner WHERE id = %s", (id,)).rowcount, 1)
        equal(connection.execute("SELECT count(*) FROM owner").fetchone(), (0,))
        rows = [(f"owner {n}", "Anytown") for n in range(500)]
        connection.cursor().executemany("INSERT INTO owner (name, city) VALUES (%s, %s)", rows)
        with connection.cursor().copy("COPY owner (name, city) FROM STDIN") as copy:
            copy.write_row(("copied", "Anytown"))
        equal(connection.execute("SELECT count(*) FROM owner").fetchone(), (501,))
        with connection.cursor().copy("COPY (SELECT name FROM owner WHERE name = 'copied') TO STDOUT") as copy:
            equal(list(copy.rows()), [("copied",)])


def transaction():
    with open_connection() as connection:
        connection.execute("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))")
        connection.commit()
        connection.execute("INSERT INTO account VALUES (1, 100), (2, 0)")
        connection.commit()
        with connection.transaction():
            connection.execute("UPDATE account SET balance = balance - 40 WHERE id = 1")
            connection.execute("UPDATE account SET balance = balance + 40 WHERE id = 2")
        connection.commit()
        with raises(psycopg.errors.CheckViolation, "23514"):
            connection.execute("UPDATE account SET balance = balance - 100 WHERE id = 1")
        with raises(psycopg.errors.InFailedSqlTransaction, "25P02"):
            connection.execute("SELECT 1")
        connection.rollback()
        connection.execute("UPDATE account SET balance = 0")
        connection.rollback()
        equal(connection.execute("SELECT balance FROM account ORDER BY id").fetchall(), [(60,), (40,)])
        connection.commit()
        with connection.pipeline():
            connection.execute("UPDATE account SET balance = 1 WHERE id = 1")
            found = connection.execute("SELECT balance FROM account WHERE id = %s", (1,))
        equal(found.fetchone(), (1,))
        connection.rollback()
        connection.read_only = True
        with raises(psycopg.errors.ReadOnlySqlTransaction, "25006"):
            connection.execute("UPDATE account SET balance = 0")


def conflict():
    with dsql.create_pool(kwargs=OPTIONS, min_size=2, max_size=4, retry=True) as pool:
        with pool.connection() as connection:
            connection.execute("CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)")
        with pool.connection() as connection:
            connection.execute("INSERT INTO counter VALUES (1, 0)")
        tries = []

        def increment(connection):
            (value,) = connection.execute("SELECT value FROM counter WHERE id = 1").fetchone()
            tries.append(value)
            if len(tries) == 1:
                with pool.connection() as other:
                    other.execute("UPDATE counter SET value = value + 10 WHERE id = 1")
            connection.execute("UPDATE counter SET value = %s WHERE id = 1", (value + 1,))

        pool.run_transaction(increment)
        equal(tries, [0, 10])
        tries.clear()
        with raises(psycopg.errors.SerializationFailure, "40001") as error:
            pool.run_transaction(increment, retry=False)
        equal("(OC000)" in str(error.error), True)
        with pool.connection() as connection:
            equal(connection.execute("SELECT value FROM counter").fetchone(), (21,))


def pool():
    async def load():
        async with dsql.create_async_pool(
            kwargs=OPTIONS, min_size=4, max_size=8, retry=dsql.OCCRetryConfig(max_retries=100)
        ) as pool:
            async with pool.connection() as connection:
                await connection.execute("CREATE TABLE hits (page int PRIMARY KEY, count int NOT NULL)")
            async with pool.connection() as connection:
                await connection.execute("INSERT INTO hits SELECT n, 0 FROM generate_series(1, 5) n")

            async def hit(n):
                async def increment(connection):
                    await connection.execute(
                        "UPDATE hits SET count = count + 1 WHERE page = %s", (n % 5 + 1,)
                    )

                await pool.run_transaction(increment)

            await asyncio.gather(*(hit(n) for n in range(100)))
            async with pool.connection() as connection:
                cursor = await connection.execute("SELECT page, count FROM hits ORDER BY page")
                equal(await cursor.fetchall(), [(page, 20) for page in range(1, 6)])

    asyncio.run(load())
    with dsql.create_pool(kwargs=OPTIONS, min_size=4, max_size=8) as pool:

        def read(n):
            with pool.connection() as connection:
                return connection.execute("SELECT %s::int + 1", (n,)).fetchone()[0]

        with ThreadPoolExecutor(16) as executor:
            equal(sum(executor.map(read, range(400))), sum(range(1, 401)))


def reconnect():
    check = dsql.AuroraDSQLPool.check_connection
    with dsql.create_pool(kwargs=OPTIONS, min_size=1, max_size=1, check=check) as pool:
        with pool.connection() as connection:
            first = connection.info.backend_pid
        time.sleep(CONNECTION_AGE + 1)
        with pool.connection() as connection:
            connection.execute("SELECT 1")
            equal(connection.info.backend_pid != first, True)
    with open_connection(autocommit=True) as connection:
        connection.execute("SELECT 1")
        time.sleep(CONNECTION_AGE + 1)
        with raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        equal(connection.broken, True)


def introspection():
    with open_connection(autocommit=True) as connection:
        cursor = connection.execute(
            "SELECT 1::int2 a, 'x'::varchar(7) b, 1.5::numeric(9,2) c, now() d, '{}'::jsonb e, ARRAY[1] f"
        )
        description = [(c.name, c.type_display, c.precision, c.scale) for c in cursor.description]
        expected = [
            ("a", "int2", None, None),
            ("b", "varchar(7)", None, None),
            ("c", "numeric(9,2)", 9, 2),
            ("d", "timestamptz", None, None),
            ("e", "jsonb", None, None),
            ("f", "int4[]", None, None),
        ]
        equal(description, expected)
        info = TypeInfo.fetch(connection, "uuid")
        equal((info.oid, info.array_oid, info.regtype), (2950, 2951, "uuid"))
        equal(TypeInfo.fetch(connection, "no_such_type"), None)


def migration():
    with open_connection(autocommit=True) as connection:
        connection.execute("CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)")
        connection.execute("INSERT INTO pet (name) VALUES ('Rex')")
        connection.execute("ALTER TABLE pet ADD COLUMN kind text")
        connection.execute("UPDATE pet SET kind = 'dog' WHERE kind IS NULL")
        (job,) = connection.execute("CREATE INDEX ASYNC pet_kind ON pet (kind)").fetchone()
        equal(connection.execute("CALL sys.wait_for_job(%s)", (job,)).fetchone(), (True,))
        connection.execute("ALTER TABLE pet ADD CONSTRAINT pet_kind_check CHECK (kind <> '') NOT VALID")
        (job,) = connection.execute("ALTER TABLE ASYNC pet VALIDATE CONSTRAINT pet_kind_check").fetchone()
        equal(connection.execute("CALL sys.wait_for_job(%s)", (job,)).fetchone(), (True,))
        with raises(psycopg.errors.CheckViolation, "23514"):
            connection.execute("INSERT INTO pet (name, kind) VALUES ('Tom', '')")
        connection.execute("ALTER TABLE pet RENAME COLUMN kind TO species")
        equal(connection.execute("SELECT name, species FROM pet").fetchall(), [("Rex", "dog")])


main(["psycopg", "aurora-dsql-python-connector"], connect, recipe, transaction, conflict, pool, reconnect, introspection, migration)

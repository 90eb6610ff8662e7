"""psycopg2 with the official connector."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore

import aurora_dsql_psycopg2 as dsql
import psycopg2
import psycopg2.errors
import psycopg2.extras

from scenarios import CA, CONNECTION_AGE, HOST, OTHER_CA, OWNER, PORT, equal, main, raises

OPTIONS = {"host": HOST, "port": PORT, "user": "admin", "sslmode": "verify-full", "sslrootcert": CA}


def open_connection(autocommit=False, **options):
    connection = dsql.connect(**{**OPTIONS, **options})
    connection.autocommit = autocommit
    return connection


def query(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def connect():
    connection = open_connection()
    name = f"aurora-dsql-python-psycopg2/{dsql.__version__}"
    sql = "SELECT current_user, current_database(), current_setting('application_name')"
    equal(query(connection, sql), [("admin", "postgres", name)])
    equal(connection.info.ssl_in_use, True)
    equal(connection.get_parameter_status("standard_conforming_strings"), "on")
    connection.close()
    with raises(psycopg2.OperationalError) as refused:
        open_connection(sslrootcert=OTHER_CA)
    equal("certificate verify failed" in str(refused.error), True)


def recipe():
    psycopg2.extras.register_uuid()
    connection = open_connection(autocommit=True)
    query(connection, OWNER)
    insert = "INSERT INTO owner (name, city, telephone) VALUES (%s, %s, %s) RETURNING id"
    [(id,)] = query(connection, insert, ("John Doe", "Anytown", "555-555-1999"))
    found = query(connection, "SELECT * FROM owner WHERE name = %s", ("John Doe",))
    equal(found, [(id, "John Doe", "Anytown", "555-555-1999")])
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        rows = [(f"owner {n}", "Anytown") for n in range(500)]
        psycopg2.extras.execute_values(cursor, "INSERT INTO owner (name, city) VALUES %s", rows)
        cursor.execute("SELECT name FROM owner WHERE name IN %s ORDER BY name", (("owner 1", "owner 2"),))
        equal([row["name"] for row in cursor.fetchall()], ["owner 1", "owner 2"])
    equal(query(connection, "DELETE FROM owner WHERE id = %s", (id,)), 1)
    equal(query(connection, "SELECT count(*) FROM owner"), [(500,)])
    connection.close()


def transaction():
    connection = open_connection()
    query(connection, "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))")
    connection.commit()
    with connection:
        query(connection, "INSERT INTO account VALUES (1, 100), (2, 0)")
    with connection:
        query(connection, "UPDATE account SET balance = balance - 40 WHERE id = 1")
        query(connection, "UPDATE account SET balance = balance + 40 WHERE id = 2")
    with raises(psycopg2.errors.CheckViolation, "23514"):
        query(connection, "UPDATE account SET balance = balance - 100 WHERE id = 1")
    with raises(psycopg2.errors.InFailedSqlTransaction, "25P02"):
        query(connection, "SELECT 1")
    connection.rollback()
    equal(query(connection, "SELECT balance FROM account ORDER BY id"), [(60,), (40,)])
    connection.rollback()
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with raises(psycopg2.errors.ReadOnlySqlTransaction, "25006"):
        query(connection, "UPDATE account SET balance = 0")
    connection.close()


def conflict():
    with dsql.AuroraDSQLThreadedConnectionPool(1, 4, retry=True, **OPTIONS) as pool:
        setup = open_connection(autocommit=True)
        query(setup, "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)")
        query(setup, "INSERT INTO counter VALUES (1, 0)")
        tries = []

        def increment(connection):
            [(value,)] = query(connection, "SELECT value FROM counter WHERE id = 1")
            tries.append(value)
            if len(tries) == 1:
                query(setup, "UPDATE counter SET value = value + 10 WHERE id = 1")
            query(connection, "UPDATE counter SET value = %s WHERE id = 1", (value + 1,))

        pool.run_transaction(increment)
        equal(tries, [0, 10])
        tries.clear()
        with raises(psycopg2.errors.SerializationFailure, "40001") as error:
            pool.run_transaction(increment, retry=False)
        equal("(OC000)" in str(error.error), True)
        equal(query(setup, "SELECT value FROM counter"), [(21,)])


def pool():
    free = Semaphore(8)
    config = dsql.OCCRetryConfig(max_retries=100)
    with dsql.AuroraDSQLThreadedConnectionPool(2, 8, retry=config, **OPTIONS) as pool:
        setup = open_connection(autocommit=True)
        query(setup, "CREATE TABLE hits (page int PRIMARY KEY, count int NOT NULL)")
        query(setup, "INSERT INTO hits SELECT n, 0 FROM generate_series(1, 5) n")

        def hit(n):
            sql = "UPDATE hits SET count = count + 1 WHERE page = %s"
            with free:
                pool.run_transaction(lambda connection: query(connection, sql, (n % 5 + 1,)))

        with ThreadPoolExecutor(16) as executor:
            list(executor.map(hit, range(100)))
        equal(query(setup, "SELECT page, count FROM hits ORDER BY page"), [(n, 20) for n in range(1, 6)])


def reconnect():
    connection = open_connection(autocommit=True)
    query(connection, "SELECT 1")
    time.sleep(CONNECTION_AGE + 1)
    with raises(psycopg2.OperationalError):
        query(connection, "SELECT 1")
    equal(connection.closed != 0, True)
    equal(query(open_connection(), "SELECT 1"), [(1,)])


def introspection():
    connection = open_connection(autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1::int2 a, 'x'::varchar(7) b, 1.5::numeric(9,2) c, now() d, ARRAY[1] e")
        found = [(c.name, c.type_code, c.precision, c.scale) for c in cursor.description]
        expected = [
            ("a", 21, None, None), ("b", 1043, None, None), ("c", 1700, 9, 2), ("d", 1184, None, None), ("e", 1007, None, None)
        ]
        equal(found, expected)
        psycopg2.extras.register_default_jsonb(cursor)
        cursor.execute("""SELECT '{"a": [1]}'::jsonb""")
        equal(cursor.fetchone(), ({"a": [1]},))
    sql = """SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
             FROM information_schema.columns WHERE table_name = 'owner' ORDER BY ordinal_position"""
    query(connection, OWNER)
    equal(
        query(connection, sql),
        [
            ("id", "uuid", None, "NO", "gen_random_uuid()"),
            ("name", "character varying", 30, "NO", None),
            ("city", "character varying", 80, "NO", None),
            ("telephone", "character varying", 20, "YES", "NULL::character varying"),
        ],
    )


def migration():
    connection = open_connection(autocommit=True)
    query(connection, "CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)")
    query(connection, "INSERT INTO pet (name) VALUES ('Rex')")
    query(connection, "ALTER TABLE pet ADD COLUMN kind text")
    query(connection, "UPDATE pet SET kind = 'dog' WHERE kind IS NULL")
    [(job,)] = query(connection, "CREATE INDEX ASYNC pet_kind ON pet (kind)")
    equal(query(connection, "CALL sys.wait_for_job(%s)", (job,)), [(True,)])
    query(connection, "ALTER TABLE pet RENAME COLUMN kind TO species")
    equal(query(connection, "SELECT name, species FROM pet"), [("Rex", "dog")])


main(["psycopg2-binary", "aurora-dsql-python-connector"], connect, recipe, transaction, conflict, pool, reconnect, introspection, migration)

"""Tortoise ORM with the official adapter, over asyncpg and psycopg."""

import asyncio
import os
import uuid

from tortoise import Tortoise, connections, fields
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.expressions import F
from tortoise.models import Model
from tortoise.transactions import in_transaction

from scenarios import CA, CONNECTION_AGE, HOST, OTHER_CA, PORT, equal, main, raises


# Not among the credentials, which the adapter for psycopg takes for options of the pool.
os.environ.update(PGSSLMODE="verify-full", PGSSLROOTCERT=CA)


class Owner(Model):
    id = fields.UUIDField(primary_key=True, default=uuid.uuid4)
    name = fields.CharField(max_length=30)
    city = fields.CharField(max_length=80, db_index=True)
    balance = fields.IntField(default=0)
    data = fields.JSONField(null=True)
    pets: fields.ReverseRelation["Pet"]

    class Meta:
        table = "owner"


class Pet(Model):
    id = fields.UUIDField(primary_key=True, default=uuid.uuid4)
    name = fields.CharField(max_length=30, unique=True)
    birth_date = fields.DateField(null=True)
    owner = fields.ForeignKeyField("models.Owner", related_name="pets", null=True)

    class Meta:
        table = "pet"


async def each_driver(work, **credentials):
    """Runs `work` with the tables made anew, once for each driver."""
    for driver in ["asyncpg", "psycopg"]:
        options = {"host": HOST, "port": PORT, "user": "admin"}
        await Tortoise.init(
            config={
                "connections": {"default": {"engine": f"aurora_dsql_tortoise.{driver}", "credentials": {**options, **credentials}}},
                "apps": {"models": {"models": [__name__], "default_connection": "default"}},
            },
            _create_db=False,
        )
        # The SQL of inserts, which differs between the drivers.
        EXECUTOR_CACHE.clear()
        try:
            await work()
        finally:
            await connections.close_all()


async def create():
    await Tortoise.generate_schemas()
    await Pet.all().delete()
    await Owner.all().delete()


async def connect():
    async def work():
        rows = await connections.get("default").execute_query_dict("SELECT current_user::text AS who")
        equal(rows[0]["who"], "admin")

    await each_driver(work)
    os.environ["PGSSLROOTCERT"] = OTHER_CA
    try:
        with raises(Exception):
            await each_driver(work)
    finally:
        os.environ["PGSSLROOTCERT"] = CA


async def recipe():
    async def work():
        await create()
        john = await Owner.create(name="John Doe", city="Anytown", data={"tags": [1, 2]})
        await Pet.create(name="Rex", owner=john)
        with raises(IntegrityError):
            await Pet.create(name="Rex", owner=john)
        await Owner.bulk_create([Owner(name=f"owner {n}", city="Elsewhere") for n in range(100)])
        found = await Owner.filter(city="Anytown").prefetch_related("pets")
        equal([(owner.data, [pet.name for pet in owner.pets]) for owner in found], [({"tags": [1, 2]}, ["Rex"])])
        equal(await Owner.filter(name__icontains="JOHN").count(), 1)
        equal(await Owner.filter(city="Elsewhere").delete(), 100)
        equal(await Pet.all().values_list("name", "owner__name"), [("Rex", "John Doe")])

    await each_driver(work)


async def transaction():
    async def work():
        await create()
        a, b = [await Owner.create(name=name, city="x", balance=100) for name in "ab"]
        async with in_transaction():
            await Owner.filter(id=a.id).update(balance=F("balance") - 40)
            await Owner.filter(id=b.id).update(balance=F("balance") + 40)
        with raises(ZeroDivisionError):
            async with in_transaction():
                await Owner.all().update(balance=0)
                raise ZeroDivisionError
        equal(sorted(await Owner.all().values_list("name", "balance")), [("a", 60), ("b", 140)])

    await each_driver(work)


async def with_retry(work, tries=100):
    for _ in range(tries):
        try:
            async with in_transaction():
                return await work()
        except (OperationalError, TransactionManagementError) as error:
            if "OC00" not in str(error):
                raise
        except Exception as error:
            if getattr(error, "sqlstate", None) != "40001":
                raise
    raise AssertionError("too many conflicts")


async def conflict():
    async def work():
        await create()
        owner = await Owner.create(name="counter", city="x")
        # Taken before the transaction begins, so it is a connection of its own.
        outside = connections.get("default")
        tries = []

        async def increment():
            found = await Owner.get(id=owner.id)
            tries.append(found.balance)
            if len(tries) == 1:
                await outside.execute_script("UPDATE owner SET balance = balance + 10")
            found.balance += 1
            await found.save()

        await with_retry(increment)
        await owner.refresh_from_db()
        equal((tries, owner.balance), ([0, 10], 11))

    await each_driver(work)


async def pool():
    async def work():
        await create()
        owners = [await Owner.create(name=f"page {n}", city="x") for n in range(5)]

        async def hit(n):
            await with_retry(lambda: Owner.filter(id=owners[n % 5].id).update(balance=F("balance") + 1))

        await asyncio.gather(*(hit(n) for n in range(100)))
        equal(set(await Owner.all().values_list("balance", flat=True)), {20})

    await each_driver(work)


async def reconnect():
    async def work():
        for _ in range(2):
            equal((await connections.get("default").execute_query("SELECT 1 AS one"))[0], 1)
            await asyncio.sleep(CONNECTION_AGE + 1)

    await each_driver(work)


async def migration():
    async def work():
        await create()
        connection = connections.get("default")
        await connection.execute_script("ALTER TABLE owner ADD COLUMN telephone text")
        await connection.execute_script("UPDATE owner SET telephone = '555'")
        # Safe to repeat: IF NOT EXISTS for tables and for the indexes that are built asynchronously.
        await Tortoise.generate_schemas(safe=True)
        await connection.execute_script("ALTER TABLE owner DROP COLUMN telephone")

    await each_driver(work)


main(["tortoise-orm", "aurora-dsql-tortoise-orm"], connect, recipe, transaction, conflict, pool, reconnect, migration)

"""SQLAlchemy with the official dialect, over psycopg and psycopg2: models, reflection, schema changes."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import sqlalchemy as sa
from aurora_dsql_sqlalchemy import create_dsql_engine
from sqlalchemy import CheckConstraint, Column, ForeignKey, Identity, Index, MetaData, String, Table, inspect, text
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from scenarios import CA, CONNECTION_AGE, HOST, OTHER_CA, PORT, equal, main, raises


def make_engine(driver="psycopg", sslrootcert=CA, **options):
    return create_dsql_engine(
        host=HOST, user="admin", driver=driver, sslrootcert=sslrootcert, connect_args={"port": PORT}, **options
    )


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "owner"

    id: Mapped[uuid.UUID] = mapped_column(UUID, primary_key=True, default=text("gen_random_uuid()"))
    name: Mapped[str] = mapped_column(String(30))
    city: Mapped[str] = mapped_column(String(80), index=True)
    telephone: Mapped[str | None] = mapped_column(String(20), default=None)
    pets: Mapped[list["Pet"]] = relationship(back_populates="owner")


class Pet(Base):
    __tablename__ = "pet"

    id: Mapped[uuid.UUID] = mapped_column(UUID, primary_key=True, default=text("gen_random_uuid()"))
    name: Mapped[str] = mapped_column(String(30))
    birth_date: Mapped[date]
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("owner.id", ondelete="RESTRICT"))
    owner: Mapped[Owner | None] = relationship(back_populates="pets")


def connect():
    for driver in ["psycopg", "psycopg2"]:
        with make_engine(driver).connect() as connection:
            name = connection.scalar(text("SELECT current_setting('application_name')"))
            equal(name.startswith(f"sqlalchemy:aurora-dsql-python-{driver}/"), True)
            equal(connection.dialect.server_version_info[0], 16)
        with raises(DBAPIError) as refused:
            make_engine(driver, OTHER_CA).connect()
        equal("certificate verify failed" in str(refused.error), True)


def recipe():
    for driver in ["psycopg", "psycopg2"]:
        engine = make_engine(driver)
        Base.metadata.drop_all(engine)
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            john = Owner(name="John Doe", city="Anytown")
            mary = Owner(name="Mary Major", city="Anytown", telephone="555-555-0123")
            session.add_all([john, mary, Pet(name="Rex", birth_date=date(2006, 10, 25), owner=john)])
            session.commit()
            rex = session.scalars(sa.select(Pet).where(Pet.name == "Rex")).one()
            equal((rex.owner.name, rex.birth_date), ("John Doe", date(2006, 10, 25)))
            names = sa.select(Owner.name).join(Owner.pets, isouter=True).where(Pet.id.is_(None))
            equal(session.scalars(names).all(), ["Mary Major"])
            rex.owner = mary
            session.commit()
            session.delete(john)
            session.commit()
            equal(session.scalar(sa.select(sa.func.count()).select_from(Owner)), 1)
            with raises(IntegrityError):
                session.execute(sa.delete(Owner))


def transaction():
    engine = make_engine()
    account = Table(
        "account", MetaData(), Column("id", sa.Integer, primary_key=True, autoincrement=False),
        Column("balance", sa.Integer, CheckConstraint("balance >= 0", name="positive"), nullable=False),
    )
    account.create(engine)
    with engine.begin() as connection:
        connection.execute(account.insert(), [{"id": 1, "balance": 100}, {"id": 2, "balance": 0}])
    with engine.begin() as connection:
        connection.execute(account.update().where(account.c.id == 1).values(balance=account.c.balance - 40))
        connection.execute(account.update().where(account.c.id == 2).values(balance=account.c.balance + 40))
    with raises(IntegrityError):
        with engine.begin() as connection:
            connection.execute(account.update().values(balance=account.c.balance - 50))
    with engine.connect() as connection:
        connection.execute(account.update().values(balance=0))
        connection.rollback()
        equal(connection.execute(sa.select(account).order_by(account.c.id)).all(), [(1, 60), (2, 40)])
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        equal(connection.get_isolation_level(), "REPEATABLE READ")


def counter(engine):
    table = Table(
        "counter", MetaData(), Column("id", sa.Integer, primary_key=True, autoincrement=False), Column("value", sa.Integer)
    )
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert().values(id=1, value=0))
    return table


def with_retry(engine, work, tries=100):
    for _ in range(tries):
        try:
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if "OC00" not in str(error.orig):
                raise
            equal(error.orig.sqlstate, "40001")
    raise AssertionError("too many conflicts")


def conflict():
    engine = make_engine()
    table = counter(engine)
    tries = []

    def increment(connection):
        value = connection.scalar(sa.select(table.c.value))
        tries.append(value)
        if len(tries) == 1:
            with engine.begin() as other:
                other.execute(table.update().values(value=table.c.value + 10))
        connection.execute(table.update().values(value=value + 1))

    with_retry(engine, increment)
    equal(tries, [0, 10])
    with engine.connect() as connection:
        equal(connection.scalar(sa.select(table.c.value)), 11)


def pool():
    engine = make_engine(pool_size=4, max_overflow=4)
    hits = Table("hits", MetaData(), Column("page", sa.Integer, primary_key=True, autoincrement=False), Column("count", sa.Integer))
    hits.create(engine)
    with engine.begin() as connection:
        connection.execute(hits.insert(), [{"page": n, "count": 0} for n in range(5)])

    def hit(n):
        update = hits.update().where(hits.c.page == n % 5).values(count=hits.c.count + 1)
        with_retry(engine, lambda connection: connection.execute(update))

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(hit, range(100)))
    with engine.connect() as connection:
        equal(connection.execute(sa.select(hits).order_by(hits.c.page)).all(), [(n, 20) for n in range(5)])


def reconnect():
    engine = make_engine(pool_size=1, max_overflow=0, pool_pre_ping=True)
    for _ in range(2):
        with engine.connect() as connection:
            equal(connection.scalar(text("SELECT 1")), 1)
        time.sleep(CONNECTION_AGE + 1)


def introspection():
    for driver in ["psycopg", "psycopg2"]:
        engine = make_engine(driver)
        metadata = MetaData()
        parent = Table(
            "parent", metadata,
            Column("id", sa.BigInteger, Identity(cache=65536), primary_key=True),
            Column("code", sa.String(8), unique=True, nullable=False, comment="short name"),
            Column("price", sa.Numeric(9, 2), server_default=text("1.50")),
            Column("doc", JSONB), Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()),
            Column("twice", sa.Numeric, sa.Computed("price * 2", persisted=True)),
            CheckConstraint("price > 0", name="price_positive"), comment="parents",
        )
        child = Table(
            "child", metadata, Column("a", sa.Integer, primary_key=True, autoincrement=False),
            Column("b", sa.Text, primary_key=True), Column("parent_id", ForeignKey("parent.id", name="child_parent")),
        )
        Index("child_by_parent", child.c.parent_id, child.c.b, postgresql_include=[])
        metadata.drop_all(engine)
        metadata.create_all(engine)
        # Not AUTOCOMMIT: psycopg2 leaves it by SET default_transaction_isolation, which Aurora DSQL refuses.
        for statement in [
            "CREATE OR REPLACE VIEW cheap AS SELECT id FROM parent WHERE price < 10", "CREATE SCHEMA IF NOT EXISTS other",
        ]:
            with engine.begin() as connection:
                connection.execute(text(statement))
        inspector = inspect(engine)
        equal({"parent", "child"} <= set(inspector.get_table_names()), True)
        equal(inspector.get_view_names(), ["cheap"])
        equal("other" in inspector.get_schema_names(), True)
        equal(inspector.has_table("parent"), True)
        equal(inspector.has_table("no_such_table"), False)
        columns = {column["name"]: column for column in inspector.get_columns("parent")}
        equal(
            {name: str(column["type"]) for name, column in columns.items()},
            {"id": "BIGINT", "code": "VARCHAR(8)", "price": "NUMERIC(9, 2)", "doc": "JSONB", "at": "TIMESTAMP", "twice": "NUMERIC(18, 6)"},
        )
        equal([columns["id"]["nullable"], columns["price"]["nullable"]], [False, True])
        equal(columns["id"]["identity"]["cache"], 65536)
        equal(columns["code"]["comment"], "short name")
        equal(columns["price"]["default"], "1.50")
        equal(columns["twice"]["computed"], {"sqltext": "(price * (2)::numeric)", "persisted": True})
        equal(inspector.get_pk_constraint("child")["constrained_columns"], ["a", "b"])
        equal(inspector.get_check_constraints("parent")[0]["sqltext"], "price > 0::numeric")
        equal(inspector.get_unique_constraints("parent")[0]["column_names"], ["code"])
        equal(inspector.get_table_comment("parent"), {"text": "parents"})
        foreign = inspector.get_foreign_keys("child")[0]
        found = [foreign["name"], foreign["constrained_columns"], foreign["referred_table"], foreign["referred_columns"]]
        equal(found, ["child_parent", ["parent_id"], "parent", ["id"]])
        indexes = {index["name"]: index["column_names"] for index in inspector.get_indexes("child")}
        equal(indexes, {"child_by_parent": ["parent_id", "b"]})
        reflected = MetaData()
        reflected.reflect(engine, views=True)
        equal({"parent", "child", "cheap"} <= set(reflected.tables), True)
        equal(inspector.get_sequence_names(), ["parent_id_seq"])
        equal("price < " in inspector.get_view_definition("cheap"), True)
        with engine.begin() as connection:
            connection.execute(text("DROP VIEW cheap"))


def migration():
    engine = make_engine()
    pet = Table("beast", MetaData(), Column("id", UUID, primary_key=True, server_default=text("gen_random_uuid()")), Column("name", sa.Text))
    pet.create(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(pet.insert().values(name="Rex"))
        connection.execute(text("ALTER TABLE beast ADD COLUMN kind text"))
        connection.execute(text("UPDATE beast SET kind = 'dog' WHERE kind IS NULL"))
        job = connection.scalar(text("CREATE INDEX ASYNC beast_kind ON beast (kind)"))
        equal(connection.scalar(text("CALL sys.wait_for_job(:job)"), {"job": job}), True)
        connection.execute(text("ALTER TABLE beast RENAME COLUMN kind TO species"))
        pet = Table("beast", MetaData(), autoload_with=engine)
        equal([column.name for column in pet.columns], ["id", "name", "species"])
        equal(connection.execute(sa.select(pet.c.name, pet.c.species)).all(), [("Rex", "dog")])
        pet.drop(engine)


main(["SQLAlchemy", "aurora-dsql-sqlalchemy"], connect, recipe, transaction, conflict, pool, reconnect, introspection, migration)

"""Django with the official adapter: models, migrations, inspectdb."""

import io
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import django
from django.conf import settings
from django.db.utils import IntegrityError, OperationalError

from scenarios import CA, CONNECTION_AGE, HOST, OTHER_CA, PORT, equal, main, raises

OPTIONS = {"sslmode": "verify-full", "sslrootcert": CA}
DATABASE = {
    "ENGINE": "aurora_dsql_django", "HOST": HOST, "PORT": PORT, "USER": "admin", "NAME": "postgres",
    "OPTIONS": OPTIONS, "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True,
}
settings.configure(
    DATABASES={"default": DATABASE, "untrusted": {**DATABASE, "OPTIONS": {**OPTIONS, "sslrootcert": OTHER_CA}}},
    INSTALLED_APPS=["django.contrib.sessions"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    SECRET_KEY="not secret",
)
django.setup()

from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db.migrations.recorder import MigrationRecorder  # noqa: E402
from django.db import connection, connections, models, transaction as tx  # noqa: E402
from django.db.models import Count, F, Q  # noqa: E402


class Owner(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=30)
    city = models.CharField(max_length=80, db_index=True)
    balance = models.IntegerField(default=0)
    data = models.JSONField(default=dict)
    joined = models.DateField(default=date(2024, 2, 29))

    class Meta:
        app_label = "clinic"
        db_table = "clinic_owner"
        constraints = [models.CheckConstraint(condition=Q(balance__gte=0), name="owner_balance")]


class Pet(models.Model):
    name = models.CharField(max_length=30)
    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="pets")

    class Meta:
        app_label = "clinic"
        db_table = "clinic_pet"
        unique_together = [("name", "owner")]


def create(*kinds):
    """Makes the tables that are missing, and empties those that are there."""
    with connection.schema_editor() as editor:
        for kind in kinds:
            if kind._meta.db_table not in connection.introspection.table_names():
                editor.create_model(kind)
    for kind in reversed(kinds):
        kind.objects.all().delete()


def connect():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('application_name')")
        user, name = cursor.fetchone()
        equal((user, name.split("/")[0]), ("admin", "django:aurora-dsql-python-psycopg"))
    with raises(OperationalError):
        connections["untrusted"].ensure_connection()


def recipe():
    create(Owner, Pet)
    john = Owner.objects.create(name="John Doe", city="Anytown", data={"tags": ["a", "b"]})
    Owner.objects.bulk_create([Owner(name=f"owner {n}", city="Elsewhere") for n in range(200)])
    Pet.objects.create(name="Rex", owner=john)
    with raises(IntegrityError):
        Pet.objects.create(name="Rex", owner=john)
    equal(Owner.objects.get(city="Anytown").data, {"tags": ["a", "b"]})
    equal(Owner.objects.filter(name__icontains="JOHN", joined__year=2024).count(), 1)
    equal(list(Owner.objects.values("city").annotate(n=Count("id")).order_by("city").values_list("city", "n")), [("Anytown", 1), ("Elsewhere", 200)])
    equal(Pet.objects.select_related("owner").get().owner.city, "Anytown")
    equal([pet.name for owner in Owner.objects.prefetch_related("pets").filter(name="John Doe") for pet in owner.pets.all()], ["Rex"])
    equal(Owner.objects.update_or_create(name="John Doe", defaults={"city": "Here"})[1], False)
    equal(sum(1 for _ in Owner.objects.iterator(50)), 201)
    equal(Owner.objects.filter(city="Elsewhere").delete()[0], 200)
    equal(Pet.objects.all().delete()[0], 1)
    equal(Owner.objects.all().delete()[0], 1)


def transaction():
    create(Owner, Pet)
    a, b = (Owner.objects.create(name=name, city="x", balance=100) for name in "ab")
    with tx.atomic():
        Owner.objects.filter(pk=a.pk).update(balance=F("balance") - 40)
        Owner.objects.filter(pk=b.pk).update(balance=F("balance") + 40)
    with raises(IntegrityError):
        with tx.atomic():
            Owner.objects.filter(pk=b.pk).update(balance=0)
            Owner.objects.filter(pk=a.pk).update(balance=F("balance") - 100)
    equal(sorted(Owner.objects.values_list("name", "balance")), [("a", 60), ("b", 140)])
    with tx.atomic():
        equal(Owner.objects.select_for_update().get(pk=a.pk).balance, 60)


def with_retry(work, tries=100):
    for _ in range(tries):
        try:
            with tx.atomic():
                return work()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != "40001":
                raise
    raise AssertionError("too many conflicts")


def in_thread(work):
    """Runs it on a connection of its own."""

    def run():
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def conflict():
    create(Owner, Pet)
    owner = Owner.objects.create(name="counter", city="x")
    tries = []

    def increment():
        found = Owner.objects.get(pk=owner.pk)
        tries.append(found.balance)
        if len(tries) == 1:
            in_thread(lambda: Owner.objects.filter(pk=owner.pk).update(balance=F("balance") + 10))
        found.balance += 1
        found.save()

    with_retry(increment)
    equal(tries, [0, 10])
    owner.refresh_from_db()
    equal(owner.balance, 11)


def pool():
    create(Owner, Pet)
    owners = [Owner.objects.create(name=f"page {n}", city="x") for n in range(5)]

    def hit(n):
        with_retry(lambda: Owner.objects.filter(pk=owners[n % 5].pk).update(balance=F("balance") + 1))
        connection.close()

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(hit, range(100)))
    equal(set(Owner.objects.values_list("balance", flat=True)), {20})


def reconnect():
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            equal(cursor.fetchone(), (1,))
        time.sleep(CONNECTION_AGE + 1)
        # What Django does at the beginning of each request.
        connection.close_if_unusable_or_obsolete()


def introspection():
    create(Owner, Pet)
    inspector = connection.introspection
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIEW clinic_view AS SELECT name FROM clinic_owner")
        tables = {table.name: table.type for table in inspector.get_table_list(cursor)}
        equal((tables["clinic_owner"], tables["clinic_view"]), ("t", "v"))
        description = inspector.get_table_description(cursor, "clinic_owner")
        kinds = {column.name: inspector.get_field_type(column.type_code, column) for column in description}
        expected = {
            "id": "UUIDField", "name": "CharField", "city": "CharField",
            "balance": "IntegerField", "data": "JSONField", "joined": "DateField",
        }
        equal(kinds, expected)
        equal(inspector.get_primary_key_columns(cursor, "clinic_pet"), ["id"])
        relations = inspector.get_relations(cursor, "clinic_pet")
        equal({column: target[:2] for column, target in relations.items()}, {"owner_id": ("id", "clinic_owner")})
        constraints = inspector.get_constraints(cursor, "clinic_owner")
        equal((constraints["owner_balance"]["check"], constraints["owner_balance"]["columns"]), (True, ["balance"]))
        unique = [c["columns"] for c in inspector.get_constraints(cursor, "clinic_pet").values() if c["unique"] and not c["primary_key"]]
        equal(unique, [["name", "owner_id"]])
        inspector.get_sequences(cursor, "clinic_pet")
        output = io.StringIO()
        call_command("inspectdb", "clinic_owner", "clinic_pet", "clinic_view", include_views=True, stdout=output)
        for line in ["class ClinicOwner(models.Model):", "data = models.JSONField()", "owner = models.ForeignKey(ClinicOwner, models.DO_NOTHING)"]:
            equal(line in output.getvalue(), True)
        cursor.execute("DROP VIEW clinic_view")


def migration():
    """The migrations of an application, then a schema change of ours."""
    # Others of Django's own change the type of a column, which Aurora DSQL refuses.
    call_command("migrate", "sessions", verbosity=0)
    session = SessionStore()
    session["user"] = "john"
    session.save()
    equal(SessionStore(session.session_key)["user"], "john")
    equal(MigrationRecorder(connection).applied_migrations().keys(), {("sessions", "0001_initial")})
    create(Owner, Pet)
    field = models.CharField(max_length=20, null=True)
    field.set_attributes_from_name("telephone")
    with connection.schema_editor() as editor:
        editor.add_field(Owner, field)
    with connection.schema_editor() as editor:
        editor.add_index(Owner, models.Index(fields=["name"], name="owner_name"))
    renamed = models.CharField(max_length=20, null=True)
    renamed.set_attributes_from_name("phone")
    with connection.schema_editor() as editor:
        editor.alter_field(Owner, field, renamed)
    with connection.schema_editor() as editor:
        editor.add_constraint(Owner, models.CheckConstraint(condition=~Q(name=""), name="owner_name_check"))
    with connection.cursor() as cursor:
        names = [column.name for column in connection.introspection.get_table_description(cursor, "clinic_owner")]
        equal(names[-1], "phone")
        equal("owner_name" in connection.introspection.get_constraints(cursor, "clinic_owner"), True)


main(["Django", "aurora-dsql-django"], connect, recipe, transaction, conflict, pool, reconnect, introspection, migration)

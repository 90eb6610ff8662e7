import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.List;
import java.util.Map;
import liquibase.Liquibase;
import liquibase.database.Database;
import liquibase.database.DatabaseFactory;
import liquibase.database.jvm.JdbcConnection;
import liquibase.resource.DirectoryResourceAccessor;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;

/** Liquibase and Flyway, over pgjdbc. */
final class Migrations {
    private Migrations() {}

    static Map<String, Scenarios.Scenario> liquibase() {
        Scenarios.says("liquibase " + liquibase.util.LiquibaseUtil.getBuildVersion());
        return Map.of("connect", Migrations::connect, "migration", Migrations::liquibaseMigration);
    }

    static Map<String, Scenarios.Scenario> flyway() {
        Scenarios.says("flyway " + org.flywaydb.core.internal.license.VersionPrinter.getVersion());
        return Map.of("connect", Migrations::connect, "migration", Migrations::flywayMigration);
    }

    private static void connect() throws Exception {
        try (Connection connection = Jdbc.pgjdbc().open()) {
            Scenarios.equal(connection.isValid(5), true);
        }
        Scenarios.raises("08006", () -> Jdbc.pgjdbc().open(Scenarios.OTHER_CA));
    }

    private static void write(Path folder, String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    private static void liquibaseMigration() throws Exception {
        Path folder = Files.createTempDirectory("liquibase");
        write(folder, "log.sql", """
            --liquibase formatted sql
            --changeset me:1 runInTransaction:false
            CREATE TABLE creature (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text);
            --changeset me:2 runInTransaction:false
            ALTER TABLE creature ADD COLUMN kind text;
            --changeset me:3
            INSERT INTO creature (name, kind) VALUES ('Rex', 'dog');
            """);
        for (int round = 0; round < 2; round++) {
            try (Connection connection = Jdbc.pgjdbc().open()) {
                Database database = DatabaseFactory.getInstance().findCorrectDatabaseImplementation(new JdbcConnection(connection));
                try (Liquibase liquibase = new Liquibase("log.sql", new DirectoryResourceAccessor(folder), database)) {
                    liquibase.update();
                    Scenarios.equal(liquibase.listUnrunChangeSets(null, null).size(), 0);
                }
            }
        }
        try (Connection connection = Jdbc.pgjdbc().open()) {
            Scenarios.equal(Jdbc.query(connection, "SELECT name, kind FROM creature"), List.of(List.of("Rex", "dog")));
        }
    }

    private static void flywayMigration() throws Exception {
        Path folder = Files.createTempDirectory("flyway");
        write(folder, "V1__table.sql", "CREATE TABLE plant (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text);");
        write(folder, "V2__column.sql", "ALTER TABLE plant ADD COLUMN kind text;");
        write(folder, "V3__rows.sql", "INSERT INTO plant (name, kind) VALUES ('Ivy', 'vine');");
        Flyway flyway = Flyway.configure()
            .dataSource(new OpeningDataSource(Jdbc.pgjdbc()::open))
            .locations("filesystem:" + folder)
            .load();
        Scenarios.equal(flyway.migrate().migrationsExecuted, 3);
        Scenarios.equal(flyway.migrate().migrationsExecuted, 0);
        flyway.validate();
        Scenarios.equal(flyway.info().current().getVersion().toString(), "3");
        // A script that fails is written down as such; what it did before stays, and repair takes its mark away.
        write(folder, "V4__wrong.sql", "CREATE INDEX ON plant (name);");
        try {
            flyway.migrate();
            throw new AssertionError("a wrong script ran");
        } catch (FlywayException expected) {
            Scenarios.equal(expected.getMessage().contains("ASYNC"), true);
        }
        flyway.repair();
        write(folder, "V4__wrong.sql", "CREATE INDEX ASYNC ON plant (name);");
        Scenarios.equal(flyway.migrate().migrationsExecuted, 1);
        try (Connection connection = Jdbc.pgjdbc().open()) {
            Scenarios.equal(Jdbc.query(connection, "SELECT name, kind FROM plant"), List.of(List.of("Ivy", "vine")));
        }
    }
}

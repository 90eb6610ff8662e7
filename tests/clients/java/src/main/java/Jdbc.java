import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.StringReader;
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dsql.DsqlUtilities;

/** pgjdbc with tokens of the AWS SDK, and the official JDBC connector. */
final class Jdbc {
    /** How to connect. */
    interface Source {
        String name();

        Connection open(String ca) throws SQLException;

        /** For a pool, which calls it for each connection. */
        default Connection open() throws SQLException {
            return open(Scenarios.CA);
        }
    }

    private final Source source;

    Jdbc(Source source) {
        this.source = source;
        String driver = org.postgresql.util.DriverInfo.DRIVER_VERSION;
        Scenarios.says(source.name() + ", pgjdbc " + driver);
    }

    static String token() {
        Region region = Region.of(System.getenv("REGION"));
        return DsqlUtilities.builder().region(region).credentialsProvider(DefaultCredentialsProvider.create()).build()
            .generateDbConnectAdminAuthToken(request -> request.hostname(Scenarios.HOST).region(region));
    }

    static String url() {
        return "jdbc:postgresql://" + Scenarios.HOST + ":" + Scenarios.PORT + "/postgres";
    }

    static Properties properties(String ca) {
        Properties properties = new Properties();
        properties.put("user", "admin");
        properties.put("password", token());
        properties.put("sslmode", "verify-full");
        properties.put("sslNegotiation", "direct");
        properties.put("sslrootcert", ca);
        return properties;
    }

    static Source pgjdbc() {
        return new Source() {
            public String name() {
                return "AWS SDK " + software.amazon.awssdk.core.util.VersionInfo.SDK_VERSION;
            }

            public Connection open(String ca) throws SQLException {
                return DriverManager.getConnection(url(), properties(ca));
            }
        };
    }

    static Source connector() {
        return new Source() {
            public String name() {
                return "aurora-dsql-jdbc-connector 1.0.0";
            }

            public Connection open(String ca) throws SQLException {
                Properties properties = new Properties();
                properties.put("user", "admin");
                String trust = "?sslmode=verify-full&sslfactory=org.postgresql.ssl.LibPQFactory&sslrootcert=" + ca;
                // By default the connector trusts what the JVM does.
                String more = ca.equals(Scenarios.CA) ? "" : trust;
                return DriverManager.getConnection(url().replace("jdbc:", "jdbc:aws-dsql:") + more, properties);
            }
        };
    }

    /** A pool whose connections are made by a source. */
    static HikariDataSource pool(Source source, int size) {
        HikariConfig config = new HikariConfig();
        config.setDataSource(new OpeningDataSource(source::open));
        config.setMaximumPoolSize(size);
        return new HikariDataSource(config);
    }

    Map<String, Scenarios.Scenario> scenarios() {
        Map<String, Scenarios.Scenario> scenarios = new LinkedHashMap<>();
        scenarios.put("connect", this::connect);
        scenarios.put("recipe", this::recipe);
        scenarios.put("transaction", this::transaction);
        scenarios.put("conflict", this::conflict);
        scenarios.put("pool", this::pool);
        scenarios.put("reconnect", this::reconnect);
        scenarios.put("introspection", this::introspection);
        scenarios.put("migration", this::migration);
        return scenarios;
    }

    static void run(Connection connection, String... statements) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    /** All rows, each as a list. */
    static List<List<Object>> query(Connection connection, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int n = 0; n < parameters.length; n++) {
                statement.setObject(n + 1, parameters[n]);
            }
            return rows(statement.executeQuery());
        }
    }

    static List<List<Object>> rows(ResultSet result, String... columns) throws SQLException {
        List<List<Object>> rows = new ArrayList<>();
        while (result.next()) {
            List<Object> row = new ArrayList<>();
            for (int n = 1; columns.length == 0 && n <= result.getMetaData().getColumnCount(); n++) {
                row.add(result.getObject(n));
            }
            for (String column : columns) {
                row.add(result.getObject(column));
            }
            rows.add(row);
        }
        return rows;
    }

    private void connect() throws Exception {
        try (Connection connection = source.open()) {
            DatabaseMetaData data = connection.getMetaData();
            Scenarios.equal(data.getDatabaseProductName(), "PostgreSQL");
            Scenarios.equal(data.getDatabaseMajorVersion(), 16);
            Scenarios.equal(connection.getCatalog(), "postgres");
            Scenarios.equal(connection.getSchema(), "public");
            Scenarios.equal(connection.isValid(5), true);
            Scenarios.equal(query(connection, "SELECT current_user::text"), List.of(List.of("admin")));
        }
        Scenarios.raises("08006", () -> source.open(Scenarios.OTHER_CA));
    }

    private void recipe() throws Exception {
        try (Connection connection = source.open()) {
            run(connection, "CREATE TABLE owner (id uuid NOT NULL DEFAULT gen_random_uuid(), name varchar(30) NOT NULL, "
                + "city varchar(80) NOT NULL, telephone varchar(20) DEFAULT NULL, PRIMARY KEY (id))");
            String insert = "INSERT INTO owner (name, city) VALUES (?, ?)";
            UUID id;
            try (PreparedStatement statement = connection.prepareStatement(insert, Statement.RETURN_GENERATED_KEYS)) {
                statement.setString(1, "John Doe");
                statement.setString(2, "Anytown");
                Scenarios.equal(statement.executeUpdate(), 1);
                ResultSet keys = statement.getGeneratedKeys();
                keys.next();
                id = (UUID) keys.getObject("id");
            }
            // More than five times: the driver goes over to a named statement and binary values.
            for (int n = 0; n < 8; n++) {
                List<Object> row = query(connection, "SELECT id, name, city FROM owner WHERE name = ?", "John Doe").get(0);
                Scenarios.equal(row, List.of(id, "John Doe", "Anytown"));
            }
            try (PreparedStatement statement = connection.prepareStatement(insert)) {
                for (int n = 0; n < 300; n++) {
                    statement.setString(1, "owner " + n);
                    statement.setString(2, "Elsewhere");
                    statement.addBatch();
                }
                Scenarios.equal(statement.executeBatch().length, 300);
            }
            CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
            Scenarios.equal(copy.copyIn("COPY owner (name, city) FROM STDIN", new StringReader("copied\tx\n")), 1L);
            connection.setAutoCommit(false);
            try (PreparedStatement statement = connection.prepareStatement("SELECT name FROM owner")) {
                // By portals, 50 rows at a time.
                statement.setFetchSize(50);
                Scenarios.equal(rows(statement.executeQuery()).size(), 302);
            }
            connection.commit();
            connection.setAutoCommit(true);
            Array list = connection.createArrayOf("text", new String[] {"a", null});
            OffsetDateTime at = OffsetDateTime.of(2024, 2, 29, 1, 2, 3, 0, ZoneOffset.UTC);
            try (PreparedStatement statement = connection.prepareStatement(
                "SELECT ?::numeric, ?::date, ?::timestamptz, ?::text[], ?::bytea, ?::bool, ?::uuid")) {
                statement.setBigDecimal(1, new BigDecimal("12.50"));
                statement.setObject(2, LocalDate.of(2024, 2, 29));
                statement.setObject(3, at);
                statement.setArray(4, list);
                statement.setBytes(5, new byte[] {0, 1});
                statement.setBoolean(6, true);
                statement.setObject(7, id);
                for (int n = 0; n < 7; n++) {
                    ResultSet row = statement.executeQuery();
                    row.next();
                    Scenarios.equal(row.getBigDecimal(1), new BigDecimal("12.50"));
                    Scenarios.equal(row.getObject(2, LocalDate.class), LocalDate.of(2024, 2, 29));
                    Scenarios.equal(row.getObject(3, OffsetDateTime.class).isEqual(at), true);
                    Scenarios.equal(row.getArray(4).getArray(), new String[] {"a", null});
                    Scenarios.equal(row.getBytes(5), new byte[] {0, 1});
                    Scenarios.equal(row.getBoolean(6), true);
                    Scenarios.equal(row.getObject(7), id);
                }
            }
            Scenarios.raises("42P01", () -> run(connection, "SELECT * FROM no_such_table"));
            Scenarios.raises("42601", () -> run(connection, "SELEC 1"));
        }
    }

    private void transaction() throws Exception {
        try (Connection connection = source.open()) {
            run(connection, "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))");
            run(connection, "INSERT INTO account VALUES (1, 100), (2, 0)");
            connection.setAutoCommit(false);
            run(connection, "UPDATE account SET balance = balance - 40 WHERE id = 1");
            run(connection, "UPDATE account SET balance = balance + 40 WHERE id = 2");
            connection.commit();
            Scenarios.raises("23514", () -> run(connection, "UPDATE account SET balance = balance - 100 WHERE id = 1"));
            Scenarios.raises("25P02", () -> run(connection, "SELECT 1"));
            connection.rollback();
            List<List<Object>> balances = query(connection, "SELECT balance FROM account ORDER BY id");
            Scenarios.equal(balances, List.of(List.of(60), List.of(40)));
            connection.rollback();
            connection.setReadOnly(true);
            Scenarios.raises("25006", () -> run(connection, "UPDATE account SET balance = 0"));
            connection.rollback();
            // Schema changes in a transaction of one's own, as connectors with manual commit make them.
            connection.setReadOnly(false);
            run(connection, "CREATE TABLE other (id int PRIMARY KEY)");
            connection.commit();
        }
    }

    private void conflict() throws Exception {
        try (HikariDataSource pool = pool(source, 4); Connection other = source.open()) {
            run(other, "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)", "INSERT INTO counter VALUES (1, 0)");
            int[] tries = {0};
            Scenarios.Work increment = connection -> {
                int value = (Integer) query(connection, "SELECT value FROM counter WHERE id = 1").get(0).get(0);
                if (tries[0]++ == 0) {
                    run(other, "UPDATE counter SET value = value + 10 WHERE id = 1");
                }
                run(connection, "UPDATE counter SET value = " + (value + 1) + " WHERE id = 1");
            };
            Scenarios.withRetry(pool, increment);
            Scenarios.equal(tries[0], 2);
            Scenarios.equal(query(other, "SELECT value FROM counter"), List.of(List.of(11)));
            tries[0] = 0;
            try (Connection connection = pool.getConnection()) {
                connection.setAutoCommit(false);
                increment.in(connection);
                SQLException conflict = Scenarios.raises("40001", connection::commit);
                Scenarios.equal(conflict.getMessage().contains("(OC000)"), true);
            }
        }
    }

    private void pool() throws Exception {
        try (HikariDataSource pool = pool(source, 8); Connection connection = source.open()) {
            run(connection, "CREATE TABLE hits (page int PRIMARY KEY, count int NOT NULL)",
                "INSERT INTO hits SELECT n, 0 FROM generate_series(0, 4) n");
            ExecutorService threads = Executors.newFixedThreadPool(16);
            List<Future<?>> hits = new ArrayList<>();
            for (int n = 0; n < 100; n++) {
                String update = "UPDATE hits SET count = count + 1 WHERE page = " + n % 5;
                hits.add(threads.submit(() -> {
                    Scenarios.withRetry(pool, each -> run(each, update));
                    return null;
                }));
            }
            for (Future<?> hit : hits) {
                hit.get();
            }
            threads.shutdown();
            Scenarios.equal(query(connection, "SELECT DISTINCT count FROM hits"), List.of(List.of(20)));
        }
    }

    private void reconnect() throws Exception {
        try (HikariDataSource pool = pool(source, 1)) {
            for (int round = 0; round < 2; round++) {
                try (Connection connection = pool.getConnection()) {
                    Scenarios.equal(query(connection, "SELECT 1"), List.of(List.of(1)));
                }
                Thread.sleep(Scenarios.CONNECTION_AGE + 1000);
            }
        }
        try (Connection connection = source.open()) {
            Thread.sleep(Scenarios.CONNECTION_AGE + 1000);
            Scenarios.raises(null, () -> run(connection, "SELECT 1"));
            Scenarios.equal(connection.isClosed(), true);
        }
    }

    private void introspection() throws Exception {
        try (Connection connection = source.open()) {
            run(connection, "CREATE SCHEMA shop", "SET search_path = shop",
                "CREATE TABLE parent (id bigint PRIMARY KEY, "
                    + "code varchar(8) NOT NULL UNIQUE, price numeric(9,2) DEFAULT 1.5, doc jsonb)",
                "CREATE TABLE child (a int, b text, parent_id bigint REFERENCES parent ON DELETE CASCADE, PRIMARY KEY (a, b))",
                "COMMENT ON TABLE parent IS 'parents'", "COMMENT ON COLUMN parent.code IS 'short name'");
            DatabaseMetaData data = connection.getMetaData();
            Scenarios.equal(rows(data.getTables(null, "shop", "%", new String[] {"TABLE"}), "TABLE_NAME", "REMARKS"),
                List.of(java.util.Arrays.asList("child", null), List.of("parent", "parents")));
            List<List<Object>> columns = rows(data.getColumns(null, "shop", "parent", "%"),
                "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS", "IS_NULLABLE");
            Scenarios.equal(columns, List.of(List.of("id", "int8", 19, 0, "NO"), List.of("code", "varchar", 8, 0, "NO"),
                List.of("price", "numeric", 9, 2, "YES"), List.of("doc", "jsonb", 2147483647, 0, "YES")));
            Scenarios.equal(rows(data.getPrimaryKeys(null, "shop", "child"), "COLUMN_NAME", "PK_NAME"),
                List.of(List.of("a", "child_pkey"), List.of("b", "child_pkey")));
            List<List<Object>> imported = List.of(List.of("parent", "id", "child", "parent_id", "child_parent_id_fkey"));
            String[] names = {"PKTABLE_NAME", "PKCOLUMN_NAME", "FKTABLE_NAME", "FKCOLUMN_NAME", "FK_NAME"};
            Scenarios.equal(rows(data.getImportedKeys(null, "shop", "child"), names), imported);
            Scenarios.equal(rows(data.getExportedKeys(null, "shop", "parent"), names), imported);
            Scenarios.equal(rows(data.getIndexInfo(null, "shop", "parent", true, false), "INDEX_NAME", "COLUMN_NAME").containsAll(
                List.of(List.of("parent_code_key", "code"), List.of("parent_pkey", "id"))), true);
            Scenarios.equal(rows(data.getSchemas(), "TABLE_SCHEM").contains(List.of("shop")), true);
            for (ResultSet result : List.of(
                data.getTypeInfo(), data.getFunctions(null, null, "abs"), data.getFunctionColumns(null, null, "abs", "%"),
                data.getProcedures(null, "sys", "%"), data.getTablePrivileges(null, "shop", "%"),
                data.getColumnPrivileges(null, "shop", "parent", "%"), data.getBestRowIdentifier(null, "shop", "parent", 0, true),
                data.getVersionColumns(null, "shop", "parent"), data.getUDTs(null, null, "%", null),
                data.getCrossReference(null, "shop", "parent", null, "shop", "child"), data.getClientInfoProperties(),
                data.getCatalogs(), data.getTableTypes())) {
                rows(result);
            }
            Scenarios.equal(data.getSQLKeywords().contains("analyze") || data.getSQLKeywords().contains("abort"), true);
            try (PreparedStatement statement = connection.prepareStatement("SELECT id, code AS c, price FROM parent WHERE code = ?")) {
                ResultSetMetaData result = statement.getMetaData();
                Scenarios.equal(List.of(result.getColumnName(2), result.getColumnTypeName(3), result.getPrecision(3),
                    result.isNullable(1)), List.of("c", "numeric", 9, ResultSetMetaData.columnNoNulls));
                Scenarios.equal(statement.getParameterMetaData().getParameterTypeName(1), "text");
            }
        }
    }

    private void migration() throws Exception {
        try (Connection connection = source.open()) {
            run(connection, "CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)",
                "INSERT INTO pet (name) VALUES ('Rex')");
            for (int n = 0; n < 8; n++) {
                Scenarios.equal(query(connection, "SELECT * FROM pet").get(0).size(), 2);
            }
            run(connection, "ALTER TABLE pet ADD COLUMN kind text");
            Scenarios.equal(query(connection, "UPDATE pet SET kind = ? RETURNING kind", "dog"), List.of(List.of("dog")));
            Object job = query(connection, "CREATE INDEX ASYNC pet_kind ON pet (kind)").get(0).get(0);
            Scenarios.equal(query(connection, "CALL sys.wait_for_job(?)", job), List.of(List.of(true)));
            // A named statement by now; the driver prepares it anew, because its result has changed.
            Scenarios.equal(query(connection, "SELECT * FROM pet").get(0).size(), 3);
        }
    }
}

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Runs the scenarios that the command line names and prints one line for each: {@code pass NAME}, or
 * {@code fail NAME: what went wrong}. The first argument is the client.
 */
public final class Scenarios {
    static final String HOST = System.getenv("CLUSTER_ENDPOINT");
    static final String PORT = System.getenv("PGPORT");
    static final String CA = System.getenv("PGSSLROOTCERT");
    /** A certificate authority that did not sign the server's certificate. */
    static final String OTHER_CA = System.getenv("OTHER_CA");
    /** Milliseconds after which the server ends a connection, where {@code reconnect} runs. */
    static final long CONNECTION_AGE = 1000 * Long.parseLong(System.getenv().getOrDefault("CONNECTION_AGE", "3600"));

    /** A scenario; it returns if all is well. */
    interface Scenario {
        void run() throws Exception;
    }

    /** Work in a transaction. */
    interface Work {
        void in(Connection connection) throws SQLException;
    }

    private Scenarios() {}

    public static void main(String[] args) throws Exception {
        // What the AWS SDK signs with.
        System.setProperty("aws.accessKeyId", System.getenv("AWS_ACCESS_KEY_ID"));
        System.setProperty("aws.secretAccessKey", System.getenv("AWS_SECRET_ACCESS_KEY"));
        trust(CA);
        Map<String, Scenario> scenarios = switch (args[0]) {
            case "pgjdbc" -> new Jdbc(Jdbc.pgjdbc()).scenarios();
            case "dsql-jdbc" -> new Jdbc(Jdbc.connector()).scenarios();
            case "hibernate" -> new HibernateClient().scenarios();
            case "spring-data" -> new SpringClient().scenarios();
            case "liquibase" -> Migrations.liquibase();
            case "flyway" -> Migrations.flyway();
            default -> throw new IllegalArgumentException(args[0]);
        };
        boolean failed = false;
        for (String name : List.of(args).subList(1, args.length)) {
            Scenario scenario = scenarios.get(name);
            if (scenario == null) {
                continue;
            }
            try {
                scenario.run();
                System.out.println("pass " + name);
            } catch (Exception | AssertionError error) {
                failed = true;
                error.printStackTrace();
                System.out.println("fail " + name + ": " + error.toString().replaceAll("\\s+", " "));
            }
        }
        System.exit(failed ? 1 : 0);
    }

    static void says(String versions) {
        System.out.println("client " + versions);
    }

    static void equal(Object found, Object expected) {
        if (!Objects.deepEquals(found, expected)) {
            throw new AssertionError(found + " instead of " + expected);
        }
    }

    /** The error of a call, which must have this SQLSTATE; null: any. */
    static SQLException raises(String state, Scenario call) throws Exception {
        try {
            call.run();
        } catch (Exception raised) {
            for (Throwable error = raised; error != null; error = error.getCause()) {
                if (error instanceof SQLException sql && (state == null || state.equals(sql.getSQLState()))) {
                    return sql;
                }
            }
            throw raised;
        }
        throw new AssertionError("no error instead of " + state);
    }

    /** Runs a whole transaction until it meets no conflict. */
    static void withRetry(javax.sql.DataSource source, Work work) throws SQLException {
        for (int tries = 0; ; tries++) {
            try (Connection connection = source.getConnection()) {
                connection.setAutoCommit(false);
                try {
                    work.in(connection);
                    connection.commit();
                    return;
                } catch (SQLException error) {
                    connection.rollback();
                    if (!"40001".equals(error.getSQLState()) || tries == 100) {
                        throw error;
                    }
                }
            }
        }
    }

    /** Makes the JVM trust one certificate authority and no other. */
    private static void trust(String ca) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (FileInputStream in = new FileInputStream(ca)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        Path file = Files.createTempFile("trust", ".p12");
        file.toFile().deleteOnExit();
        try (FileOutputStream out = new FileOutputStream(file.toFile())) {
            store.store(out, "changeit".toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
    }
}

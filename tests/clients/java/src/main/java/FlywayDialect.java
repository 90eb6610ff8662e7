import java.util.concurrent.Callable;
import org.flywaydb.core.api.configuration.Configuration;
import org.flywaydb.core.internal.database.base.Database;
import org.flywaydb.core.internal.database.base.Table;
import org.flywaydb.core.internal.jdbc.JdbcConnectionFactory;
import org.flywaydb.core.internal.jdbc.StatementInterceptor;
import org.flywaydb.database.postgresql.PostgreSQLConnection;
import org.flywaydb.database.postgresql.PostgreSQLDatabase;
import org.flywaydb.database.postgresql.PostgreSQLDatabaseType;

/**
 * A plugin for Flyway: PostgreSQL less what Aurora DSQL refuses, which is SET ROLE at the end, advisory locks, indexes
 * that are not ASYNC, and primary keys added to tables that exist.
 */
public final class FlywayDialect extends PostgreSQLDatabaseType {
    @Override
    public String getName() {
        return "Aurora DSQL";
    }

    @Override
    public int getPriority() {
        return super.getPriority() + 1;
    }

    @Override
    public Database<?> createDatabase(Configuration configuration, JdbcConnectionFactory factory, StatementInterceptor interceptor) {
        return new Dsql(configuration, factory, interceptor);
    }

    private static final class Dsql extends PostgreSQLDatabase {
        Dsql(Configuration configuration, JdbcConnectionFactory factory, StatementInterceptor interceptor) {
            super(configuration, factory, interceptor);
        }

        @Override
        protected PostgreSQLConnection doGetConnection(java.sql.Connection connection) {
            return new PostgreSQLConnection(this, connection) {
                @Override
                protected void doRestoreOriginalState() {}

                @Override
                public <T> T lock(Table table, Callable<T> work) {
                    try {
                        return work.call();
                    } catch (RuntimeException error) {
                        throw error;
                    } catch (Exception error) {
                        throw new IllegalStateException(error);
                    }
                }
            };
        }

        @Override
        public boolean supportsDdlTransactions() {
            return false;
        }

        @Override
        public String getRawCreateScript(Table table, boolean baseline) {
            return """
                CREATE TABLE %s (
                    installed_rank int PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL,
                    script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL,
                    installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, success boolean NOT NULL);
                %s
                """.formatted(table, baseline ? getBaselineStatement(table) + ";" : "");
        }
    }
}

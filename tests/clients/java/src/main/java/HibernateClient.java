import com.zaxxer.hikari.HikariDataSource;
import jakarta.persistence.CascadeType;
import jakarta.persistence.Column;
import jakarta.persistence.ConstraintMode;
import jakarta.persistence.Entity;
import jakarta.persistence.ForeignKey;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.JoinColumn;
import jakarta.persistence.ManyToOne;
import jakarta.persistence.OneToMany;
import jakarta.persistence.Table;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.hibernate.Session;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.Configuration;

/** Hibernate with its dialect of PostgreSQL, over a pool of pgjdbc connections. */
final class HibernateClient {
    /** A person with pets. */
    @Entity(name = "Owner")
    @Table(name = "owner")
    static class Owner {
        @Id
        @GeneratedValue(strategy = GenerationType.UUID)
        UUID id;

        @Column(nullable = false, length = 30)
        String name;

        @Column(precision = 9, scale = 2)
        BigDecimal balance = BigDecimal.ZERO;

        OffsetDateTime joined = OffsetDateTime.now();
        int visits;

        @OneToMany(mappedBy = "owner", cascade = CascadeType.ALL)
        List<Pet> pets = new ArrayList<>();
    }

    /** One that has an owner. */
    @Entity(name = "Pet")
    @Table(name = "pet")
    static class Pet {
        @Id
        @GeneratedValue(strategy = GenerationType.UUID)
        UUID id;

        String name;
        LocalDate birthDate;

        // Hibernate adds foreign keys to tables that exist, and not in the way that Aurora DSQL wants.
        @ManyToOne
        @JoinColumn(foreignKey = @ForeignKey(ConstraintMode.NO_CONSTRAINT))
        Owner owner;
    }

    HibernateClient() {
        Scenarios.says("hibernate " + org.hibernate.Version.getVersionString());
    }

    Map<String, Scenarios.Scenario> scenarios() {
        Map<String, Scenarios.Scenario> scenarios = new LinkedHashMap<>();
        scenarios.put("connect", () -> with(session -> {
            Object user = session.createNativeQuery("SELECT current_user::text", String.class).getSingleResult();
            Scenarios.equal(user, "admin");
        }));
        scenarios.put("recipe", this::recipe);
        scenarios.put("transaction", this::transaction);
        scenarios.put("conflict", this::conflict);
        scenarios.put("pool", this::pool);
        scenarios.put("reconnect", this::reconnect);
        scenarios.put("introspection", this::introspection);
        scenarios.put("migration", this::migration);
        return scenarios;
    }

    /** Opens a session factory for the time of a call; `mode` says what it does to the tables. */
    private static void withFactory(String mode, Consumer<SessionFactory> work) {
        try (HikariDataSource pool = Jdbc.pool(Jdbc.pgjdbc(), 8)) {
            Configuration configuration = new Configuration();
            configuration.addAnnotatedClass(Owner.class).addAnnotatedClass(Pet.class);
            configuration.getProperties().put("hibernate.connection.datasource", pool);
            configuration.setProperty("hibernate.hbm2ddl.auto", mode);
            configuration.setProperty("hibernate.hbm2ddl.halt_on_error", "true");
            if (mode.equals("none")) {
                // The server may end the connection while Hibernate, which takes long to start, asks what it is.
                configuration.setProperty("hibernate.dialect", "org.hibernate.dialect.PostgreSQLDialect");
                configuration.setProperty("hibernate.boot.allow_jdbc_metadata_access", "false");
            }
            try (SessionFactory factory = configuration.buildSessionFactory()) {
                work.accept(factory);
            }
        }
    }

    private static void with(Consumer<Session> work) {
        // `update` compares the tables with the entities: this is Hibernate's introspection.
        withFactory("update", factory -> factory.inTransaction(work));
    }

    private static void clear(Session session) {
        session.createMutationQuery("delete Pet").executeUpdate();
        session.createMutationQuery("delete Owner").executeUpdate();
    }

    private void recipe() {
        with(session -> {
            clear(session);
            Owner john = new Owner();
            john.name = "John Doe";
            john.balance = new BigDecimal("12.50");
            Pet rex = new Pet();
            rex.name = "Rex";
            rex.birthDate = LocalDate.of(2020, 2, 29);
            rex.owner = john;
            john.pets.add(rex);
            session.persist(john);
            session.flush();
            session.clear();
            Owner found = session.createQuery("from Owner o join fetch o.pets where o.name = :name", Owner.class)
                .setParameter("name", "John Doe").getSingleResult();
            Scenarios.equal(found.balance, new BigDecimal("12.50"));
            Scenarios.equal(found.pets.get(0).birthDate, LocalDate.of(2020, 2, 29));
            Scenarios.equal(session.createQuery("select count(*), max(year(p.birthDate)) from Pet p", Object[].class)
                .getSingleResult(), new Object[] {1L, 2020});
            List<String> names = session.createQuery("select lower(o.name) from Owner o order by o.name", String.class)
                .setFirstResult(0).setMaxResults(10).getResultList();
            Scenarios.equal(names, List.of("john doe"));
            session.remove(found);
        });
    }

    private void transaction() {
        withFactory("update", factory -> {
            factory.inTransaction(HibernateClient::clear);
            Owner owner = new Owner();
            owner.name = "counter";
            factory.inTransaction(session -> session.persist(owner));
            try {
                factory.inTransaction(session -> {
                    session.find(Owner.class, owner.id).visits = 7;
                    session.flush();
                    throw new IllegalStateException("on purpose");
                });
            } catch (IllegalStateException expected) {
                Scenarios.equal(expected.getMessage(), "on purpose");
            }
            factory.inTransaction(session -> Scenarios.equal(session.find(Owner.class, owner.id).visits, 0));
        });
    }

    private static void withRetry(SessionFactory factory, Consumer<Session> work) {
        for (int tries = 0; ; tries++) {
            try {
                factory.inTransaction(work);
                return;
            } catch (RuntimeException error) {
                Throwable cause = error;
                while (cause != null && !(cause instanceof java.sql.SQLException)) {
                    cause = cause.getCause();
                }
                boolean conflict = cause instanceof java.sql.SQLException sql && "40001".equals(sql.getSQLState());
                if (!conflict || tries == 100) {
                    throw error;
                }
            }
        }
    }

    private void conflict() {
        withFactory("update", factory -> {
            factory.inTransaction(HibernateClient::clear);
            Owner owner = new Owner();
            owner.name = "counter";
            factory.inTransaction(session -> session.persist(owner));
            int[] tries = {0};
            withRetry(factory, session -> {
                Owner mine = session.find(Owner.class, owner.id);
                if (tries[0]++ == 0) {
                    factory.inTransaction(other -> other.find(Owner.class, owner.id).visits += 10);
                }
                mine.visits++;
            });
            factory.inTransaction(session -> Scenarios.equal(session.find(Owner.class, owner.id).visits, 11));
            Scenarios.equal(tries[0], 2);
        });
    }

    private void pool() {
        withFactory("update", factory -> {
            factory.inTransaction(HibernateClient::clear);
            Owner owner = new Owner();
            owner.name = "counter";
            factory.inTransaction(session -> session.persist(owner));
            ExecutorService threads = Executors.newFixedThreadPool(8);
            List<Future<?>> hits = new ArrayList<>();
            for (int n = 0; n < 50; n++) {
                hits.add(threads.submit(() -> withRetry(factory, session -> session.find(Owner.class, owner.id).visits++)));
            }
            try {
                for (Future<?> hit : hits) {
                    hit.get();
                }
            } catch (InterruptedException | java.util.concurrent.ExecutionException error) {
                throw new AssertionError(error);
            }
            threads.shutdown();
            factory.inTransaction(session -> Scenarios.equal(session.find(Owner.class, owner.id).visits, 50));
        });
    }

    private void reconnect() {
        withFactory("none", factory -> {
            for (int round = 0; round < 2; round++) {
                factory.inTransaction(session -> session.createNativeQuery("SELECT 1", Integer.class).getSingleResult());
                try {
                    Thread.sleep(Scenarios.CONNECTION_AGE + 1000);
                } catch (InterruptedException error) {
                    throw new AssertionError(error);
                }
            }
        });
    }

    private void introspection() {
        withFactory("update", factory -> {});
        // Fails if a table, a column or its type is not what the entities need.
        withFactory("validate", factory -> {});
    }

    private void migration() throws Exception {
        // A table as an older version made it: `update` adds the columns that it lacks.
        try (java.sql.Connection connection = Jdbc.pgjdbc().open()) {
            Jdbc.run(connection, "DROP TABLE IF EXISTS pet");
            Jdbc.run(connection, "CREATE TABLE pet (id uuid PRIMARY KEY, name varchar(255))");
        }
        withFactory("update", factory -> factory.inTransaction(session -> {
            Pet rex = new Pet();
            rex.name = "Rex";
            rex.birthDate = LocalDate.of(2020, 2, 29);
            session.persist(rex);
        }));
        withFactory("validate", factory -> factory.inTransaction(session -> Scenarios.equal(
            session.createQuery("select p.birthDate from Pet p", LocalDate.class).getResultList(),
            List.of(LocalDate.of(2020, 2, 29)))));
    }
}

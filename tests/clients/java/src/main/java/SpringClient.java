import com.zaxxer.hikari.HikariDataSource;
import jakarta.persistence.CascadeType;
import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.EntityManagerFactory;
import jakarta.persistence.FetchType;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.JoinColumn;
import jakarta.persistence.ManyToOne;
import jakarta.persistence.OneToMany;
import jakarta.persistence.Table;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.sql.DataSource;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.ConcurrencyFailureException;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.data.domain.Page;
import org.springframework.data.domain.PageRequest;
import org.springframework.data.domain.Sort;
import org.springframework.data.jpa.repository.JpaRepository;
import org.springframework.data.jpa.repository.Modifying;
import org.springframework.data.jpa.repository.Query;
import org.springframework.data.jpa.repository.support.JpaRepositoryFactoryBean;
import org.springframework.data.repository.query.Param;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;
import org.springframework.orm.jpa.persistenceunit.PersistenceManagedTypes;
import org.springframework.orm.jpa.vendor.HibernateJpaVendorAdapter;
import org.springframework.transaction.annotation.EnableTransactionManagement;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionTemplate;

/** Spring Data JPA with Hibernate, over a pool of the official connector's connections. */
public final class SpringClient {
    /** A person with pets. */
    @Entity(name = "SpringOwner")
    @Table(name = "spring_owner")
    public static class Owner {
        @Id
        @GeneratedValue(strategy = GenerationType.UUID)
        UUID id;

        @Column(nullable = false, length = 30)
        String name;

        @Column(precision = 9, scale = 2)
        BigDecimal balance = BigDecimal.ZERO;

        int visits;

        @OneToMany(mappedBy = "owner", cascade = CascadeType.ALL, orphanRemoval = true, fetch = FetchType.EAGER)
        List<Pet> pets = new ArrayList<>();

        protected Owner() {}

        Owner(String name) {
            this.name = name;
        }
    }

    /** One that has an owner. */
    @Entity(name = "SpringPet")
    @Table(name = "spring_pet")
    public static class Pet {
        @Id
        @GeneratedValue(strategy = GenerationType.UUID)
        UUID id;

        String name;

        @ManyToOne
        @JoinColumn(name = "owner_id")
        Owner owner;
    }

    /** The owners. */
    public interface Owners extends JpaRepository<Owner, UUID> {
        Page<Owner> findByNameStartingWith(String prefix, PageRequest page);

        @Query("select count(p) from SpringPet p where p.owner.name = :name")
        long pets(@Param("name") String name);

        @Transactional
        @Modifying
        @Query("update SpringOwner o set o.visits = o.visits + :more where o.id = :id")
        int visit(@Param("id") UUID id, @Param("more") int more);

        @Transactional(readOnly = true)
        @Modifying
        @Query("update SpringOwner o set o.visits = 0")
        int forget();
    }

    /** The beans of an application. */
    @Configuration
    @EnableTransactionManagement
    public static class Application {
        @Bean
        DataSource dataSource() {
            return Jdbc.pool(Jdbc.connector(), 8);
        }

        @Bean
        LocalContainerEntityManagerFactoryBean entityManagerFactory(DataSource source) {
            LocalContainerEntityManagerFactoryBean factory = new LocalContainerEntityManagerFactoryBean();
            factory.setDataSource(source);
            factory.setJpaVendorAdapter(new HibernateJpaVendorAdapter());
            factory.setManagedTypes(PersistenceManagedTypes.of(Owner.class.getName(), Pet.class.getName()));
            return factory;
        }

        @Bean
        JpaTransactionManager transactionManager(EntityManagerFactory factory) {
            return new JpaTransactionManager(factory);
        }

        @Bean
        JpaRepositoryFactoryBean<Owners, Owner, UUID> owners() {
            return new JpaRepositoryFactoryBean<>(Owners.class);
        }
    }

    /** What a scenario works with. */
    record World(Owners owners, TransactionTemplate transaction, HikariDataSource pool) {}

    /** A scenario's work. */
    interface Work {
        void in(World world) throws Exception;
    }

    SpringClient() {
        Scenarios.says("spring-data-jpa " + Owners.class.getInterfaces()[0].getPackage().getImplementationVersion()
            + ", aurora-dsql-jdbc-connector 1.0.0");
    }

    Map<String, Scenarios.Scenario> scenarios() {
        Map<String, Scenarios.Scenario> scenarios = new LinkedHashMap<>();
        scenarios.put("connect", () -> with(world -> Scenarios.equal(world.owners().count(), 0L)));
        scenarios.put("recipe", () -> with(SpringClient::recipe));
        scenarios.put("transaction", () -> with(SpringClient::transaction));
        scenarios.put("conflict", () -> with(SpringClient::conflict));
        scenarios.put("pool", () -> with(SpringClient::pool));
        scenarios.put("reconnect", () -> with(SpringClient::reconnect));
        return scenarios;
    }

    private static void with(Work work) throws Exception {
        try (var context = new AnnotationConfigApplicationContext(Application.class)) {
            HikariDataSource pool = (HikariDataSource) context.getBean(DataSource.class);
            try (var connection = pool.getConnection()) {
                Jdbc.run(connection, "CREATE TABLE IF NOT EXISTS spring_owner (id uuid PRIMARY KEY, name varchar(30) NOT NULL, "
                    + "balance numeric(9,2), visits int NOT NULL)");
                Jdbc.run(connection, "CREATE TABLE IF NOT EXISTS spring_pet (id uuid PRIMARY KEY, name varchar(255), "
                    + "owner_id uuid REFERENCES spring_owner (id))");
            }
            Owners owners = context.getBean(Owners.class);
            owners.deleteAll();
            work.in(new World(owners, new TransactionTemplate(context.getBean(JpaTransactionManager.class)), pool));
        }
    }

    private static void recipe(World world) {
        Owners owners = world.owners();
        Owner john = new Owner("John Doe");
        john.balance = new BigDecimal("12.50");
        Pet rex = new Pet();
        rex.name = "Rex";
        rex.owner = john;
        john.pets.add(rex);
        UUID id = owners.save(john).id;
        List<Owner> more = new ArrayList<>();
        for (int n = 0; n < 100; n++) {
            more.add(new Owner("owner " + n));
        }
        owners.saveAll(more);
        Owner found = owners.findById(id).orElseThrow();
        Scenarios.equal(found.balance, new BigDecimal("12.50"));
        Scenarios.equal(found.pets.get(0).name, "Rex");
        Scenarios.equal(owners.pets("John Doe"), 1L);
        Page<Owner> page = owners.findByNameStartingWith("owner", PageRequest.of(1, 10, Sort.by("name").descending()));
        Scenarios.equal(page.getTotalElements(), 100L);
        Scenarios.equal(page.getContent().get(0).name, "owner 9");
        Scenarios.equal(page.getContent().size(), 10);
        found.pets.clear();
        Scenarios.equal(owners.save(found).pets.size(), 0);
        Scenarios.equal(owners.pets("John Doe"), 0L);
        owners.deleteById(id);
        Scenarios.equal(owners.existsById(id), false);
        try {
            owners.save(new Owner("x".repeat(31)));
            throw new AssertionError("too long a name was taken");
        } catch (DataIntegrityViolationException expected) {
            Scenarios.equal(owners.count(), 100L);
        }
    }

    private static void transaction(World world) throws Exception {
        Owners owners = world.owners();
        UUID id = owners.save(new Owner("a")).id;
        world.transaction().executeWithoutResult(status -> {
            owners.visit(id, 3);
            owners.visit(id, 4);
        });
        try {
            world.transaction().executeWithoutResult(status -> {
                owners.visit(id, 100);
                throw new IllegalStateException("on purpose");
            });
        } catch (IllegalStateException expected) {
            Scenarios.equal(expected.getMessage(), "on purpose");
        }
        Scenarios.raises("25006", owners::forget);
        Scenarios.equal(owners.findById(id).orElseThrow().visits, 7);
    }

    /** Runs a whole transaction until it meets no conflict, which Spring calls a concurrency failure. */
    private static void withRetry(Runnable work) {
        for (int tries = 0; ; tries++) {
            try {
                work.run();
                return;
            } catch (ConcurrencyFailureException error) {
                if (tries == 100) {
                    throw error;
                }
            }
        }
    }

    private static void conflict(World world) throws Exception {
        Owners owners = world.owners();
        UUID id = owners.save(new Owner("counter")).id;
        ExecutorService other = Executors.newSingleThreadExecutor();
        int[] tries = {0};
        withRetry(() -> world.transaction().executeWithoutResult(status -> {
            Owner mine = owners.findById(id).orElseThrow();
            if (tries[0]++ == 0) {
                try {
                    Scenarios.equal(other.submit(() -> owners.visit(id, 10)).get(), 1);
                } catch (Exception error) {
                    throw new AssertionError(error);
                }
            }
            mine.visits++;
        }));
        other.shutdown();
        Scenarios.equal(tries[0], 2);
        Scenarios.equal(owners.findById(id).orElseThrow().visits, 11);
    }

    private static void pool(World world) throws Exception {
        Owners owners = world.owners();
        UUID id = owners.save(new Owner("counter")).id;
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Future<?>> hits = new ArrayList<>();
        for (int n = 0; n < 50; n++) {
            hits.add(threads.submit(() -> withRetry(() -> owners.visit(id, 1))));
        }
        for (Future<?> hit : hits) {
            hit.get();
        }
        threads.shutdown();
        Scenarios.equal(owners.findById(id).orElseThrow().visits, 50);
    }

    private static void reconnect(World world) throws Exception {
        for (int round = 0; round < 2; round++) {
            Scenarios.equal(world.owners().count(), 0L);
            Thread.sleep(Scenarios.CONNECTION_AGE + 1000);
        }
    }
}

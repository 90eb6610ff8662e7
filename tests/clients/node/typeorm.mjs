// TypeORM on node-postgres, with tokens of the official signer.

import { DsqlSigner } from "@aws-sdk/dsql-signer";
import { DataSource, EntitySchema, TableColumn } from "typeorm";
import { ca, connectionAge, equal, host, main, otherCa, port, raises, region, sleep, withRetry } from "./scenarios.mjs";

const signer = new DsqlSigner({ hostname: host, region });

const Owner = new EntitySchema({
  name: "Owner",
  tableName: "owner",
  columns: {
    id: { type: "uuid", primary: true, generated: "uuid" },
    name: { type: "varchar", length: 30 },
    balance: { type: "numeric", precision: 9, scale: 2, nullable: true },
    visits: { type: "int", default: 0 },
    data: { type: "jsonb", nullable: true },
  },
  relations: { pets: { type: "one-to-many", target: "Pet", inverseSide: "owner" } },
});
const Pet = new EntitySchema({
  name: "Pet",
  tableName: "pet",
  columns: { id: { type: "uuid", primary: true, generated: "uuid" }, name: { type: "text" } },
  relations: { owner: { type: "many-to-one", target: "Owner", inverseSide: "pets", joinColumn: true, nullable: true } },
});

async function withSource(work, trust = ca, more = {}) {
  const source = new DataSource({
    type: "postgres", host, port, username: "admin", database: "postgres", ssl: { ca: trust }, entities: [Owner, Pet],
    password: () => signer.getDbConnectAdminAuthToken(),
    // The extension uuid-ossp is not there; keys are made by a function of PostgreSQL's.
    uuidExtension: "pgcrypto", installExtensions: false, poolSize: 8, ...more,
  });
  await source.initialize();
  try {
    return await work(source);
  } finally {
    await source.destroy();
  }
}

const TABLES = [
  `CREATE TABLE IF NOT EXISTS owner (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(30) NOT NULL,
    balance numeric(9,2), visits int NOT NULL DEFAULT 0, data jsonb)`,
  `CREATE TABLE IF NOT EXISTS pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL,
    "ownerId" uuid REFERENCES owner (id))`,
];

// The tables of the entities, empty.
const withTables = (work) =>
  withSource(async (source) => {
    for (const table of TABLES) await source.query(table);
    await source.query("DELETE FROM pet");
    await source.query("DELETE FROM owner");
    return work(source);
  });

await main(["typeorm", "pg"], {
  async connect() {
    await withSource(async (source) => equal(await source.query("SELECT current_user AS who"), [{ who: "admin" }]));
    await raises(undefined, () => withSource(() => {}, otherCa));
  },

  async recipe() {
    await withTables(async (source) => {
      const owners = source.getRepository(Owner);
      const john = await owners.save({ name: "John Doe", balance: "12.50", data: { tags: [1] } });
      await source.getRepository(Pet).save({ name: "Rex", owner: john });
      await owners.insert(Array.from({ length: 100 }, (_, n) => ({ name: `owner ${n}` })));
      const found = await owners.findOne({ where: { name: "John Doe" }, relations: { pets: true } });
      equal([found.balance, found.data, found.pets[0].name], ["12.50", { tags: [1] }, "Rex"]);
      const [page, count] = await owners.findAndCount({ order: { name: "ASC" }, take: 5, skip: 1 });
      equal([page.length, count], [5, 101]);
      await owners.upsert({ id: john.id, name: "John" }, ["id"]);
      equal((await owners.findOneBy({ id: john.id })).name, "John");
      equal((await owners.createQueryBuilder().delete().where("name LIKE :name", { name: "owner%" }).execute()).affected, 100);
      await raises("23502", () => owners.insert({ name: null }));
    });
  },

  async transaction() {
    await withTables(async (source) => {
      const { id } = await source.getRepository(Owner).save({ name: "a" });
      await source.transaction((manager) => manager.increment(Owner, { id }, "visits", 3));
      await raises(undefined, () =>
        source.transaction(async (manager) => {
          await manager.increment(Owner, { id }, "visits", 4);
          throw new Error("on purpose");
        }),
      );
      equal((await source.getRepository(Owner).findOneBy({ id })).visits, 3);
    });
  },

  async conflict() {
    await withTables(async (source) => {
      const { id } = await source.getRepository(Owner).save({ name: "counter" });
      let tries = 0;
      await withRetry(() =>
        source.transaction(async (manager) => {
          const mine = await manager.findOneBy(Owner, { id });
          if (tries++ === 0) await source.manager.increment(Owner, { id }, "visits", 10);
          await manager.update(Owner, { id }, { visits: mine.visits + 1 });
        }),
      );
      equal([tries, (await source.manager.findOneBy(Owner, { id })).visits], [2, 11]);
    });
  },

  async pool() {
    await withTables(async (source) => {
      const { id } = await source.getRepository(Owner).save({ name: "counter" });
      const hits = Array.from({ length: 50 }, () => withRetry(() => source.manager.increment(Owner, { id }, "visits", 1)));
      await Promise.all(hits);
      equal((await source.manager.findOneBy(Owner, { id })).visits, 50);
    });
  },

  async reconnect() {
    await withSource(async (source) => {
      for (let round = 0; round < 2; round++) {
        equal(await source.query("SELECT 1 AS one"), [{ one: 1 }]);
        await sleep(connectionAge + 1000);
      }
    });
  },

  async introspection() {
    await withTables(async (source) => {
      const runner = source.createQueryRunner();
      const tables = await runner.getTables(["pet", "owner"]);
      const [pet, owner] = ["pet", "owner"].map((name) => tables.find((table) => table.name.endsWith(name)));
      const column = (table, name) => table.findColumnByName(name);
      equal([column(owner, "name").type, column(owner, "name").length], ["character varying", "30"]);
      equal([column(owner, "balance").precision, column(owner, "balance").scale], [9, 2]);
      equal([column(owner, "visits").default, column(owner, "id").isGenerated], ["'0'", true]);
      equal(pet.foreignKeys.map((key) => [key.columnNames, key.referencedTableName]), [[["ownerId"], "owner"]]);
      equal(owner.primaryColumns.map((primary) => primary.name), ["id"]);
      await runner.release();
    });
  },

  async migration() {
    class Table1700000000001 {
      up = (runner) => runner.query("CREATE TABLE creature (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)");
      down = (runner) => runner.dropTable("creature");
    }
    class Column1700000000002 {
      up = (runner) => runner.addColumn("creature", new TableColumn({ name: "kind", type: "text", isNullable: true }));
      down = (runner) => runner.renameColumn("creature", "kind", "sort");
    }
    await withSource(async (source) => {
      // Its table of migrations has a serial key, which Aurora DSQL refuses: it is made beforehand.
      await source.query(`CREATE TABLE migrations (
        id bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 65536) PRIMARY KEY, "timestamp" bigint NOT NULL, name varchar NOT NULL)`);
      equal(await source.showMigrations(), true);
      // Each by itself, and without a transaction: one takes a single schema change.
      const run = async () => (await source.runMigrations({ transaction: "none" })).map((migration) => migration.name);
      equal(await run(), ["Table1700000000001", "Column1700000000002"]);
      equal([await run(), await source.showMigrations()], [[], false]);
      await source.query("INSERT INTO creature (name, kind) VALUES ('Rex', 'dog')");
      await source.undoLastMigration({ transaction: "none" });
      equal(await source.query("SELECT name, sort FROM creature"), [{ name: "Rex", sort: "dog" }]);
    }, ca, { migrations: [Table1700000000001, Column1700000000002] });
  },
});

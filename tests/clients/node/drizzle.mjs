// Drizzle ORM on the official connector for node-postgres, and drizzle-kit's introspection and migrations. Its migrator
// is of no use here: it puts many schema changes and an INSERT into one transaction.

import { AuroraDSQLPool } from "@aws/aurora-dsql-node-postgres-connector";
import { eq, relations, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { date, index, integer, jsonb, numeric, pgTable, text, timestamp, uuid, varchar } from "drizzle-orm/pg-core";
import { ca, connectionAge, equal, host, main, otherCa, port, raises, sleep, untrusted, withRetry } from "./scenarios.mjs";

const owners = pgTable("owner", {
  id: uuid("id").primaryKey().defaultRandom(),
  name: varchar("name", { length: 30 }).notNull(),
  city: varchar("city", { length: 80 }).notNull(),
  data: jsonb("data"),
  balance: numeric("balance", { precision: 9, scale: 2 }).default("0"),
  createdAt: timestamp("created_at", { withTimezone: true }).defaultNow(),
});
const pets = pgTable("pet", {
  id: uuid("id").primaryKey().defaultRandom(),
  name: text("name").notNull(),
  birthDate: date("birth_date"),
  ownerId: uuid("owner_id").references(() => owners.id),
}, (table) => [index("pet_owner").on(table.ownerId)]);
const hits = pgTable("hits", { page: integer("page").primaryKey(), count: integer("count").notNull() });
const ownerRelations = relations(owners, ({ many }) => ({ pets: many(pets) }));
const petRelations = relations(pets, ({ one }) => ({
  owner: one(owners, { fields: [pets.ownerId], references: [owners.id] }),
}));
const schema = { owners, pets, hits, ownerRelations, petRelations };

async function withDb(work, more = {}) {
  const pool = new AuroraDSQLPool({ host, port, user: "admin", ssl: { ca }, max: 8, ...more });
  pool.on("error", () => {});
  try {
    return await work(drizzle(pool, { schema }), pool);
  } finally {
    await pool.end();
  }
}

const TABLES = [
  `CREATE TABLE IF NOT EXISTS owner (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(30) NOT NULL, city varchar(80) NOT NULL,
    data jsonb, balance numeric(9,2) DEFAULT 0, created_at timestamptz DEFAULT now())`,
  `CREATE TABLE IF NOT EXISTS pet (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, birth_date date,
    owner_id uuid REFERENCES owner (id))`,
  "CREATE TABLE IF NOT EXISTS hits (page int PRIMARY KEY, count int NOT NULL)",
];

async function create(pool) {
  for (const table of TABLES) await pool.query(table);
  for (const table of ["pet", "owner", "hits"]) await pool.query(`DELETE FROM ${table}`);
}

await main(["drizzle-orm", "@aws/aurora-dsql-node-postgres-connector"], {
  async connect() {
    await withDb(async (db) => {
      equal((await db.execute(sql`SELECT current_user AS who`)).rows, [{ who: "admin" }]);
    });
    await withDb(async (db) => {
      const error = await raises(undefined, () => db.execute(sql`SELECT 1`));
      equal(untrusted.has((error.cause ?? error).code), true);
    }, { ssl: { ca: otherCa } });
  },

  async recipe() {
    await withDb(async (db, pool) => {
      await create(pool);
      const [john] = await db.insert(owners).values({ name: "John Doe", city: "Anytown", data: { tags: [1] } }).returning();
      equal([john.balance, john.data], ["0.00", { tags: [1] }]);
      await db.insert(pets).values([{ name: "Rex", birthDate: "2020-02-29", ownerId: john.id }, { name: "Tom" }]);
      const joined = await db.select({ pet: pets.name, owner: owners.name }).from(pets)
        .leftJoin(owners, eq(pets.ownerId, owners.id)).orderBy(pets.name);
      equal(joined, [{ pet: "Rex", owner: "John Doe" }, { pet: "Tom", owner: null }]);
      // The relational query is one statement with lateral joins and json_agg.
      const found = await db.query.owners.findMany({ columns: { name: true }, with: { pets: { columns: { name: true, birthDate: true } } } });
      equal(found, [{ name: "John Doe", pets: [{ name: "Rex", birthDate: "2020-02-29" }] }]);
      await db.insert(owners).values({ id: john.id, name: "x", city: "x" }).onConflictDoUpdate({ target: owners.id, set: { city: "Here" } });
      const prepared = db.select({ city: owners.city }).from(owners).where(eq(owners.id, sql.placeholder("id"))).prepare("city");
      equal(await prepared.execute({ id: john.id }), [{ city: "Here" }]);
      equal(await db.$count(owners), 1);
      equal((await db.delete(pets)).rowCount, 2);
    });
  },

  async transaction() {
    await withDb(async (db, pool) => {
      await create(pool);
      await db.insert(hits).values([{ page: 1, count: 100 }, { page: 2, count: 0 }]);
      await db.transaction(async (tx) => {
        await tx.update(hits).set({ count: sql`${hits.count} - 40` }).where(eq(hits.page, 1));
        await tx.update(hits).set({ count: sql`${hits.count} + 40` }).where(eq(hits.page, 2));
      });
      await raises(undefined, () =>
        db.transaction(async (tx) => {
          await tx.update(hits).set({ count: 0 });
          tx.rollback();
        }),
      );
      const counts = db.select({ count: hits.count }).from(hits).orderBy(hits.page);
      equal(await counts, [{ count: 60 }, { count: 40 }]);
      await raises("25006", () =>
        db.transaction((tx) => tx.update(hits).set({ count: 0 }), { isolationLevel: "repeatable read", accessMode: "read only" }),
      );
    });
  },

  async conflict() {
    await withDb(async (db, pool) => {
      await create(pool);
      await db.insert(hits).values({ page: 1, count: 0 });
      let tries = 0;
      await withRetry(() =>
        db.transaction(async (tx) => {
          const [{ count }] = await tx.select().from(hits);
          if (tries++ === 0) await db.update(hits).set({ count: count + 10 });
          await tx.update(hits).set({ count: count + 1 });
        }),
      );
      equal([tries, await db.select().from(hits)], [2, [{ page: 1, count: 11 }]]);
    });
  },

  async pool() {
    await withDb(async (db, pool) => {
      await create(pool);
      await db.insert(hits).values([0, 1, 2, 3, 4].map((page) => ({ page, count: 0 })));
      const hit = (n) =>
        withRetry(() => db.update(hits).set({ count: sql`${hits.count} + 1` }).where(eq(hits.page, n % 5)));
      await Promise.all(Array.from({ length: 100 }, (_, n) => hit(n)));
      equal((await db.select().from(hits)).map((row) => row.count), Array(5).fill(20));
    });
  },

  async reconnect() {
    await withDb(async (db) => {
      for (let round = 0; round < 2; round++) {
        equal((await db.execute(sql`SELECT 1 AS one`)).rows, [{ one: 1 }]);
        await sleep(connectionAge + 1000);
      }
    });
  },

  async introspection() {
    const { introspect } = await import("./drizzle-kit.mjs");
    await withDb(async (_, pool) => {
      await create(pool);
      await pool.query("CREATE TABLE IF NOT EXISTS numbered (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY, v int CHECK (v > 0), UNIQUE (v))");
      const text = await introspect();
      for (const part of [
        'export const owner = pgTable("owner", {', "id: uuid().defaultRandom().primaryKey().notNull(),",
        "name: varchar({ length: 30 }).notNull(),", "balance: numeric({ precision: 9, scale:  2 }).default('0'),",
        'birthDate: date("birth_date"),', "foreignColumns: [owner.id],", "generatedAlwaysAsIdentity(", 'check("numbered_v_check", sql`v > 0`)',
        'unique("numbered_v_key").on(table.v)',
      ]) {
        equal(text.includes(part) || `${part} is not in ${text}`, true);
      }
    });
  },

  async migration() {
    const { generate } = await import("./drizzle-kit.mjs");
    const schema = (columns) => `
      import { pgTable, text, uuid } from "drizzle-orm/pg-core";
      export const creature = pgTable("creature", { id: uuid("id").primaryKey().defaultRandom(), name: text("name").unique(), ${columns} });`;
    const steps = generate([schema(""), schema('kind: text("kind")')]);
    equal(steps.map((step) => step.length), [1, 1]);
    await withDb(async (db) => {
      for (const statement of steps.flat()) await db.execute(sql.raw(statement));
      await db.execute(sql`INSERT INTO creature (name, kind) VALUES ('Rex', 'dog')`);
      equal((await db.execute(sql`SELECT name, kind FROM creature`)).rows, [{ name: "Rex", kind: "dog" }]);
    });
  },
});

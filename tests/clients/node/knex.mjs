// Knex on node-postgres, with tokens of the official signer.

import { DsqlSigner } from "@aws-sdk/dsql-signer";
import knexFactory from "knex";
import { ca, connectionAge, equal, host, main, otherCa, port, raises, region, sleep, untrusted, withRetry } from "./scenarios.mjs";

const signer = new DsqlSigner({ hostname: host, region });

async function withKnex(more, work) {
  const knex = knexFactory({
    client: "pg",
    connection: {
      host, port, user: "admin", database: "postgres", ssl: { ca, ...more.ssl },
      // A new token for each connection.
      password: () => signer.getDbConnectAdminAuthToken(),
    },
    pool: { min: 0, max: 8, ...more.pool },
    acquireConnectionTimeout: 10000,
  });
  try {
    return await work(knex);
  } finally {
    await knex.destroy();
  }
}

await main(["knex", "pg"], {
  async connect() {
    await withKnex({}, async (knex) => {
      equal((await knex.raw("SELECT current_user AS who")).rows, [{ who: "admin" }]);
    });
    await withKnex({ ssl: { ca: otherCa } }, async (knex) => {
      const error = await raises(undefined, () => knex.raw("SELECT 1"));
      equal(untrusted.has(error.code), true);
    });
  },

  async recipe() {
    await withKnex({}, async (knex) => {
      await knex.schema.createTable("owner", (table) => {
        table.uuid("id").primary().defaultTo(knex.fn.uuid());
        table.string("name", 30).notNullable();
        table.string("city", 80).notNullable();
        table.string("telephone", 20);
        table.decimal("balance", 9, 2).defaultTo(0);
        table.timestamp("created_at").defaultTo(knex.fn.now());
      });
      const [{ id }] = await knex("owner").insert({ name: "John Doe", city: "Anytown" }).returning("id");
      await knex("owner").insert([{ name: "a", city: "x" }, { name: "b", city: "x" }]);
      equal(await knex("owner").where({ name: "John Doe" }).select("id", "telephone"), [{ id, telephone: null }]);
      equal(await knex("owner").whereIn("name", ["a", "b"]).count(), [{ count: "2" }]);
      const upsert = knex("owner").insert({ id, name: "John", city: "Here" }).onConflict("id").merge().returning("city");
      equal(await upsert, [{ city: "Here" }]);
      equal((await knex("owner").columnInfo()).name, { type: "character varying", maxLength: 30, nullable: false, defaultValue: null });
      equal(await knex("owner").del(), 3);
    });
  },

  async transaction() {
    await withKnex({}, async (knex) => {
      await knex.schema.createTable("account", (table) => {
        table.integer("id").primary();
        table.integer("balance").notNullable();
      });
      await knex("account").insert([{ id: 1, balance: 100 }, { id: 2, balance: 0 }]);
      await knex.transaction(async (trx) => {
        await trx("account").where({ id: 1 }).decrement("balance", 40);
        await trx("account").where({ id: 2 }).increment("balance", 40);
      });
      await raises("23505", () =>
        knex.transaction(async (trx) => {
          await trx("account").update({ balance: 0 });
          await trx("account").insert({ id: 1, balance: 1 });
        }),
      );
      equal(await knex("account").orderBy("id").pluck("balance"), [60, 40]);
    });
  },

  async conflict() {
    await withKnex({}, async (knex) => {
      await knex.schema.createTable("counter", (table) => {
        table.integer("id").primary();
        table.integer("value").notNullable();
      });
      await knex("counter").insert({ id: 1, value: 0 });
      let tries = 0;
      await withRetry(() =>
        knex.transaction(async (trx) => {
          const { value } = await trx("counter").first("value");
          if (tries++ === 0) await knex("counter").increment("value", 10);
          await trx("counter").update({ value: value + 1 });
        }),
      );
      equal([tries, await knex("counter").first("value")], [2, { value: 11 }]);
    });
  },

  async pool() {
    await withKnex({}, async (knex) => {
      await knex.schema.createTable("hits", (table) => {
        table.integer("page").primary();
        table.integer("count").notNullable().defaultTo(0);
      });
      await knex("hits").insert([0, 1, 2, 3, 4].map((page) => ({ page })));
      const hit = (n) => withRetry(() => knex("hits").where({ page: n % 5 }).increment("count", 1));
      await Promise.all(Array.from({ length: 100 }, (_, n) => hit(n)));
      equal(await knex("hits").pluck("count"), Array(5).fill(20));
    });
  },

  async reconnect() {
    await withKnex({ pool: { min: 1, max: 1 } }, async (knex) => {
      for (let round = 0; round < 2; round++) {
        equal((await knex.raw("SELECT 1 AS one")).rows, [{ one: 1 }]);
        await sleep(connectionAge + 1000);
      }
    });
  },

  async introspection() {
    await withKnex({}, async (knex) => {
      await knex.schema.createTable("shape", (table) => {
        table.bigInteger("id").primary();
        table.jsonb("doc").defaultTo("{}");
      });
      equal([await knex.schema.hasTable("shape"), await knex.schema.hasTable("none")], [true, false]);
      equal([await knex.schema.hasColumn("shape", "doc"), await knex.schema.hasColumn("shape", "x")], [true, false]);
      const info = await knex("shape").columnInfo();
      equal(info.doc, { type: "jsonb", maxLength: null, nullable: true, defaultValue: "'{}'::jsonb" });
    });
  },

  async migration() {
    await withKnex({}, async (knex) => {
      const steps = {
        "1_create": { up: (k) => k.schema.createTable("pet", (t) => t.uuid("id").primary().defaultTo(k.fn.uuid())) },
        "2_name": { up: (k) => k.schema.alterTable("pet", (t) => t.text("name")) },
        "3_index": { up: (k) => k.raw("CREATE INDEX ASYNC pet_name ON pet (name)") },
        "4_rename": { up: (k) => k.schema.alterTable("pet", (t) => t.renameColumn("name", "title")) },
      };
      const migrationSource = {
        getMigrations: async () => Object.keys(steps),
        getMigrationName: (name) => name,
        getMigration: async (name) => ({ down: async () => {}, ...steps[name] }),
      };
      // Its table of migrations has a serial key, which Aurora DSQL refuses: it is made beforehand.
      await knex.raw(`CREATE TABLE knex_migrations (
        id bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 65536) PRIMARY KEY,
        name varchar(255), batch integer, migration_time timestamptz)`);
      await knex.raw(`CREATE TABLE knex_migrations_lock (
        index bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 65536) PRIMARY KEY, is_locked integer)`);
      const config = { migrationSource, disableTransactions: true };
      equal((await knex.migrate.latest(config))[1], Object.keys(steps));
      equal((await knex.migrate.latest(config))[1], []);
      equal(Object.keys(await knex("pet").columnInfo()), ["id", "title"]);
    });
  },
});

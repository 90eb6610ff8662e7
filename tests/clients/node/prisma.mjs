// Prisma without native engines: its query compiler in WebAssembly on the official connector for node-postgres, and
// its command's `migrate diff` and `db execute`. `db pull` reads columns of types that the adapter does not know
// ("char"), of PostgreSQL 16 as well; `migrate deploy` begins with pg_advisory_lock.

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { AuroraDSQLPool } from "@aws/aurora-dsql-node-postgres-connector";
import { PrismaPg } from "@prisma/adapter-pg";
import { ca, connectionAge, equal, host, main, otherCa, port, raises, sleep } from "./scenarios.mjs";

const require = createRequire(import.meta.url);
// Beside the packages, and of this run alone: the client is generated into it.
const folder = mkdtempSync(path.join(import.meta.dirname, "run-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
cpSync(path.join(import.meta.dirname, "prisma"), folder, { recursive: true });

// Runs Prisma's command; what it prints.
async function prisma(...args) {
  const command = require.resolve("prisma/build/index.js");
  // Any file in place of the native engines, which it would otherwise look for on the internet; and no news.
  const native = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_QUERY_ENGINE_LIBRARY: process.execPath };
  const env = { ...process.env, ...native, CHECKPOINT_DISABLE: "1", PRISMA_HIDE_UPDATE_MESSAGE: "1" };
  return (await promisify(execFile)(process.execPath, [command, ...args], { cwd: folder, env })).stdout;
}

await prisma("generate", "--no-hints", "--schema=schema.prisma");
const { PrismaClient } = require(path.join(folder, "client"));

async function withClient(work, more = {}) {
  const pool = new AuroraDSQLPool({ host, port, user: "admin", ssl: { ca }, max: 8, application_name: "prisma", ...more });
  // The server ends idle connections; a pool without a listener would end the program.
  pool.on("error", () => {});
  const client = new PrismaClient({ adapter: new PrismaPg(pool) });
  try {
    return await work(client);
  } finally {
    await client.$disconnect();
    // Not waited for: Prisma never gives back the connection of a transaction whose COMMIT failed.
    pool.end();
  }
}

const TABLES = [
  `CREATE TABLE IF NOT EXISTS owner (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name varchar(30) NOT NULL, city varchar(80) NOT NULL, data jsonb,
    balance decimal(9,2) NOT NULL DEFAULT 0, visits int NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE TABLE IF NOT EXISTS pet (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, birth_date date, owner_id uuid REFERENCES owner (id))`,
];

// The tables of the models, empty.
const withTables = (work) =>
  withClient(async (client) => {
    for (const table of TABLES) await client.$executeRawUnsafe(table);
    await client.pet.deleteMany();
    await client.owner.deleteMany();
    return work(client);
  });

// Runs a whole transaction until it meets no conflict, which Prisma calls P2034 in a statement, and leaves to the
// adapter's name in COMMIT.
async function withRetry(work, tries = 100) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const conflict = error.code === "P2034" || error.cause?.kind === "TransactionWriteConflict";
      if (!conflict || --tries === 0) throw error;
    }
  }
}

await main(["prisma", "@prisma/adapter-pg", "@aws/aurora-dsql-node-postgres-connector"], {
  async connect() {
    await withClient(async (client) => {
      const [row] = await client.$queryRaw`SELECT current_user::text AS who, current_setting('application_name') AS name`;
      equal(row.who, "admin");
      equal(row.name.startsWith("prisma:aurora-dsql-nodejs-pg/"), true);
    });
    const error = await raises(undefined, () => withClient((client) => client.$queryRaw`SELECT 1`, { ssl: { ca: otherCa } }));
    equal(/certificate/.test(error.message) || error.message, true);
  },

  async recipe() {
    await withTables(async (client) => {
      const john = await client.owner.create({
        data: {
          name: "John Doe", city: "Anytown", data: { tags: [1] }, balance: "12.50",
          pets: { create: [{ name: "Rex", birthDate: new Date("2020-02-29") }, { name: "Tom" }] },
        },
        include: { pets: { orderBy: { name: "asc" } } },
      });
      equal([john.balance.toFixed(2), john.data, john.pets.map((pet) => pet.name)], ["12.50", { tags: [1] }, ["Rex", "Tom"]]);
      equal((await client.owner.createMany({ data: Array.from({ length: 100 }, (_, n) => ({ name: `owner ${n}`, city: "x" })) })).count, 100);
      const found = await client.owner.findMany({ where: { pets: { some: { name: "Rex" } } }, include: { pets: true } });
      equal([found.length, found[0].id, found[0].pets.length], [1, john.id, 2]);
      const page = await client.owner.findMany({ where: { name: { startsWith: "OWNER", mode: "insensitive" } }, orderBy: { name: "desc" }, skip: 1, take: 2 });
      equal(page.map((owner) => owner.name), ["owner 98", "owner 97"]);
      const groups = await client.owner.groupBy({ by: ["city"], _count: true, _sum: { balance: true }, orderBy: { city: "asc" } });
      equal(groups.map((group) => [group.city, group._count, group._sum.balance.toFixed(2)]), [["Anytown", 1, "12.50"], ["x", 100, "0.00"]]);
      await client.owner.upsert({ where: { id: john.id }, create: { name: "x", city: "x" }, update: { city: "Here" } });
      equal((await client.owner.findUnique({ where: { id: john.id } })).city, "Here");
      await client.pet.update({ where: { id: john.pets[0].id }, data: { owner: { disconnect: true } } });
      equal(await client.pet.count({ where: { owner: null, birthDate: new Date("2020-02-29") } }), 1);
      equal((await raises("P2025", () => client.pet.delete({ where: { id: john.id } }))).meta.modelName, "Pet");
      await raises("P2003", () => client.owner.delete({ where: { id: john.id } }));
      equal((await client.pet.deleteMany()).count, 2);
    });
  },

  async transaction() {
    await withTables(async (client) => {
      const [a, b] = [await client.owner.create({ data: { name: "a", city: "", visits: 100 } }), await client.owner.create({ data: { name: "b", city: "" } })];
      const visit = (db, owner, increment) => db.owner.update({ where: { id: owner.id }, data: { visits: { increment } } });
      await client.$transaction([visit(client, a, -40), visit(client, b, 40)]);
      const failing = client.$transaction(async (tx) => {
        await visit(tx, a, -60);
        throw new Error("on purpose");
      });
      equal((await raises(undefined, () => failing)).message, "on purpose");
      // Without an isolation level, which Prisma sets by SET TRANSACTION: Aurora DSQL refuses that.
      await client.$transaction((tx) => visit(tx, a, -10));
      const owners = await client.owner.findMany({ orderBy: { name: "asc" } });
      equal(owners.map((owner) => owner.visits), [50, 40]);
    });
  },

  async conflict() {
    await withTables(async (client) => {
      const { id } = await client.owner.create({ data: { name: "counter", city: "" } });
      let tries = 0;
      await withRetry(() =>
        client.$transaction(async (tx) => {
          const { visits } = await tx.owner.findUnique({ where: { id } });
          if (tries++ === 0) await client.owner.update({ where: { id }, data: { visits: { increment: 10 } } });
          await tx.owner.update({ where: { id }, data: { visits: visits + 1 } });
        }),
      );
      equal([tries, (await client.owner.findUnique({ where: { id } })).visits], [2, 11]);
    });
  },

  async pool() {
    await withTables(async (client) => {
      const { id } = await client.owner.create({ data: { name: "counter", city: "" } });
      const hit = () => withRetry(() => client.owner.update({ where: { id }, data: { visits: { increment: 1 } } }));
      await Promise.all(Array.from({ length: 50 }, hit));
      equal((await client.owner.findUnique({ where: { id } })).visits, 50);
    });
  },

  async reconnect() {
    await withClient(async (client) => {
      for (let round = 0; round < 2; round++) {
        equal(await client.$queryRaw`SELECT 1 AS one`, [{ one: 1 }]);
        await sleep(connectionAge + 1000);
      }
    });
  },

  async migration() {
    // What changes one data model to another, applied a statement at a time: a transaction takes one schema change.
    const migrate = async (from, to) => {
      const script = await prisma("migrate", "diff", ...from, `--to-schema-datamodel=${to}`, "--script");
      const statements = script.split(/;\s*$/m).map((text) => text.replace(/^--.*$/gm, "").trim()).filter(Boolean);
      for (const statement of statements) {
        const file = path.join(folder, "statement.sql");
        writeFileSync(file, statement);
        await prisma("db", "execute", `--schema=${to}`, `--file=${file}`);
      }
      return statements.length;
    };
    const model = (lines) => {
      const file = path.join(folder, `${lines.length}.prisma`);
      const head = readFileSync(path.join(folder, "schema.prisma"), "utf8").split("\nmodel ")[0];
      writeFileSync(file, `${head}\nmodel Creature {\n  ${lines.join("\n  ")}\n  @@map("creature")\n}\n`);
      return file;
    };
    const first = model(['id String @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid', "name String @unique"]);
    const second = model(['id String @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid', "name String @unique", "kind String?"]);
    // The unique index is made beside the table, which Aurora DSQL wants to be ASYNC.
    await raises(undefined, () => migrate(["--from-empty"], first));
    await withClient((client) => client.$executeRaw`CREATE UNIQUE INDEX ASYNC creature_name_key ON creature (name)`);
    equal(await migrate([`--from-schema-datamodel=${first}`], second), 1);
    await withClient(async (client) => {
      await client.$executeRaw`INSERT INTO creature (name, kind) VALUES ('Rex', 'dog')`;
      equal(await client.$queryRaw`SELECT name, kind FROM creature`, [{ name: "Rex", kind: "dog" }]);
    });
  },
});
process.exit();

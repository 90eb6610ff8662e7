// Postgres.js with a token made by the official signer. Its connector is documented, but not published.

import { DsqlSigner } from "@aws-sdk/dsql-signer";
import postgres from "postgres";
import { ca, connectionAge, equal, host, main, otherCa, port, raises, region, sleep, untrusted, withRetry } from "./scenarios.mjs";

const signer = new DsqlSigner({ hostname: host, region });

async function withSql(more, work) {
  const sql = postgres({
    host, port, username: "admin", database: "postgres", ssl: { ca },
    pass: () => signer.getDbConnectAdminAuthToken(), onnotice() {}, ...more,
  });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

await main(["postgres", "@aws-sdk/dsql-signer"], {
  async connect() {
    for (const more of [{}, { sslnegotiation: "direct" }]) {
      await withSql(more, async (sql) => {
        equal([...(await sql`SELECT current_user::text AS who`)], [{ who: "admin" }]);
      });
    }
    await withSql({ ssl: { ca: otherCa } }, async (sql) => {
      const error = await raises(undefined, () => sql`SELECT 1`);
      equal(untrusted.has(error.code), true);
    });
  },

  async recipe() {
    await withSql({}, async (sql) => {
      await sql`CREATE TABLE owner (
        id uuid NOT NULL DEFAULT gen_random_uuid(), name varchar(30) NOT NULL,
        city varchar(80) NOT NULL, telephone varchar(20) DEFAULT NULL, PRIMARY KEY (id))`;
      const people = Array.from({ length: 200 }, (_, n) => ({ name: `owner ${n}`, city: "Anytown" }));
      equal((await sql`INSERT INTO owner ${sql(people)} RETURNING id`).length, 200);
      const found = await sql`SELECT name, city, telephone FROM owner WHERE name = ${"owner 7"}`;
      equal([...found], [{ name: "owner 7", city: "Anytown", telephone: null }]);
      equal((await sql`SELECT name FROM owner WHERE name IN ${sql(["owner 1", "owner 2"])}`).length, 2);
      equal((await sql`UPDATE owner SET ${sql({ city: "Here" })} WHERE name = ANY(${["owner 1"]})`).count, 1);
      const [types] = await sql`SELECT ${[1, 2]}::int[] AS a, ${sql.json({ b: 1 })}::jsonb AS b, ${new Date(0)}::timestamptz AS c`;
      equal(types, { a: [1, 2], b: { b: 1 }, c: new Date(0) });
      let rows = 0;
      for await (const chunk of sql`SELECT * FROM owner`.cursor(50)) rows += chunk.length;
      equal(rows, 200);
      const description = await sql`SELECT id, name FROM owner WHERE city = ${"x"}`.describe();
      equal(description.columns.map((column) => column.name), ["id", "name"]);
      equal((await sql`DELETE FROM owner`).count, 200);
      await raises("42P01", () => sql`SELECT * FROM no_such_table`);
    });
  },

  async transaction() {
    await withSql({}, async (sql) => {
      await sql`CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))`;
      await sql`INSERT INTO account VALUES (1, 100), (2, 0)`;
      await sql.begin(async (sql) => {
        await sql`UPDATE account SET balance = balance - ${40} WHERE id = 1`;
        await sql`UPDATE account SET balance = balance + ${40} WHERE id = 2`;
      });
      await raises("23514", () => sql.begin((sql) => sql`UPDATE account SET balance = balance - 100 WHERE id = 1`));
      const balances = await sql.begin("READ ONLY", (sql) => [
        sql`SELECT balance FROM account WHERE id = 1`, sql`SELECT balance FROM account WHERE id = 2`,
      ]);
      equal(balances.map(([row]) => row.balance), [60, 40]);
    });
  },

  async conflict() {
    await withSql({}, async (sql) => {
      await sql`CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)`;
      await sql`INSERT INTO counter VALUES (1, 0)`;
      let tries = 0;
      const increment = () =>
        sql.begin(async (tx) => {
          const [{ value }] = await tx`SELECT value FROM counter WHERE id = 1`;
          if (tries++ === 0) await sql`UPDATE counter SET value = value + 10 WHERE id = 1`;
          await tx`UPDATE counter SET value = ${value + 1} WHERE id = 1`;
        });
      const error = await raises("40001", increment);
      equal(error.message.includes("(OC000)"), true);
      tries = 0;
      await withRetry(increment);
      equal([tries, (await sql`SELECT value FROM counter`)[0].value], [2, 21]);
    });
  },

  async pool() {
    await withSql({ max: 8 }, async (sql) => {
      await sql`CREATE TABLE hits (page int PRIMARY KEY, count int NOT NULL)`;
      await sql`INSERT INTO hits SELECT n, 0 FROM generate_series(0, 4) n`;
      const hit = (n) => withRetry(() => sql.begin((sql) => sql`UPDATE hits SET count = count + 1 WHERE page = ${n % 5}`));
      await Promise.all(Array.from({ length: 100 }, (_, n) => hit(n)));
      equal((await sql`SELECT count FROM hits`).map((row) => row.count), Array(5).fill(20));
      const rows = await Promise.all(Array.from({ length: 400 }, (_, n) => sql`SELECT ${n}::int + 1 AS n`));
      equal(rows.reduce((sum, [row]) => sum + row.n, 0), 80200);
    });
  },

  async reconnect() {
    await withSql({ max: 1 }, async (sql) => {
      for (let round = 0; round < 2; round++) {
        equal((await sql`SELECT 1 AS one`)[0].one, 1);
        await sleep(connectionAge + 1000);
      }
    });
  },

  async migration() {
    await withSql({ max: 1 }, async (sql) => {
      await sql`CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)`;
      await sql`INSERT INTO pet (name) VALUES ('Rex')`;
      equal(Object.keys((await sql`SELECT * FROM pet`)[0]), ["id", "name"]);
      await sql`ALTER TABLE pet ADD COLUMN kind text`;
      await sql`UPDATE pet SET kind = 'dog'`;
      const [{ job_id }] = await sql`CREATE INDEX ASYNC pet_kind ON pet (kind)`;
      equal(Object.values((await sql`CALL sys.wait_for_job(${job_id})`)[0]), [true]);
      // The driver prepares the statement anew, because its result has changed.
      equal(Object.keys((await sql`SELECT * FROM pet`)[0]), ["id", "name", "kind"]);
    });
  },
});

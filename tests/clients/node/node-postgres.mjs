// node-postgres with the official connector.

import { AuroraDSQLClient, AuroraDSQLPool } from "@aws/aurora-dsql-node-postgres-connector";
import pg from "pg";
import { ca, connectionAge, equal, host, main, otherCa, port, raises, sleep, untrusted } from "./scenarios.mjs";

const options = { host, port, user: "admin", ssl: { rejectUnauthorized: true, ca } };

async function withClient(work) {
  const client = new AuroraDSQLClient(options);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function withPool(more, work) {
  const pool = new AuroraDSQLPool({ ...options, ...more });
  // The server ends idle connections; a pool without a listener would end the program.
  pool.on("error", () => {});
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

await main(["pg", "@aws/aurora-dsql-node-postgres-connector"], {
  async connect() {
    await withClient(async (client) => {
      const sql = "SELECT current_user AS who, current_setting('application_name') AS name";
      const { rows } = await client.query(sql);
      equal(rows[0].who, "admin");
      equal(rows[0].name.startsWith("aurora-dsql-nodejs-pg/"), true);
    });
    const direct = new AuroraDSQLClient({ ...options, sslnegotiation: "direct" });
    await direct.connect();
    await direct.end();
    const client = new AuroraDSQLClient({ ...options, ssl: { rejectUnauthorized: true, ca: otherCa } });
    const error = await raises(undefined, () => client.connect());
    equal(untrusted.has(error.code), true);
  },

  async recipe() {
    await withClient(async (client) => {
      await client.query(`CREATE TABLE IF NOT EXISTS owner (
        id uuid NOT NULL DEFAULT gen_random_uuid(), name varchar(30) NOT NULL,
        city varchar(80) NOT NULL, telephone varchar(20) DEFAULT NULL, PRIMARY KEY (id))`);
      const insert = "INSERT INTO owner(name, city, telephone) VALUES($1, $2, $3) RETURNING id";
      const { rows: [{ id }] } = await client.query(insert, ["John Doe", "Anytown", "555-555-1999"]);
      const select = { text: "SELECT * FROM owner WHERE name = $1", values: ["John Doe"] };
      const expected = [{ id, name: "John Doe", city: "Anytown", telephone: "555-555-1999" }];
      equal((await client.query(select)).rows, expected);
      equal((await client.query({ ...select, name: "by name" })).rows, expected);
      equal((await client.query({ ...select, name: "by name" })).rows, expected);
      equal((await client.query({ ...select, binary: true })).rows[0].name, "John Doe");
      const many = await client.query("SELECT 1 AS a; SELECT 2 AS b");
      equal(many.map((result) => result.rows), [[{ a: 1 }], [{ b: 2 }]]);
      const typed = await client.query(
        "SELECT $1::int8 AS big, $2::jsonb AS doc, $3::timestamptz AS at, $4::int[] AS list, $5::bytea AS raw",
        [2n ** 60n, { a: [1] }, new Date(0), [1, 2], Buffer.from([0, 255])],
      );
      const raw = Buffer.from([0, 255]);
      equal(typed.rows[0], { big: String(2n ** 60n), doc: { a: [1] }, at: new Date(0), list: [1, 2], raw });
      equal((await client.query("DELETE FROM owner WHERE id = $1", [id])).rowCount, 1);
      equal((await client.query("SELECT count(*) FROM owner")).rows, [{ count: "0" }]);
      await raises("42P01", () => client.query("SELECT * FROM no_such_table"));
      const syntax = await raises("42601", () => client.query("SELEC 1"));
      equal(syntax.position, "1");
    });
  },

  async transaction() {
    await withClient(async (client) => {
      await client.query("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))");
      await client.query("INSERT INTO account VALUES (1, 100), (2, 0)");
      await client.query("BEGIN");
      await client.query("UPDATE account SET balance = balance - $1 WHERE id = 1", [40]);
      await client.query("UPDATE account SET balance = balance + $1 WHERE id = 2", [40]);
      await client.query("COMMIT");
      await client.query("BEGIN");
      const error = await raises("23514", () => client.query("UPDATE account SET balance = balance - 100 WHERE id = 1"));
      equal([error.table, error.constraint], ["account", "account_balance_check"]);
      await raises("25P02", () => client.query("SELECT 1"));
      await client.query("ROLLBACK");
      equal((await client.query("SELECT balance FROM account ORDER BY id")).rows, [{ balance: 60 }, { balance: 40 }]);
    });
  },

  async conflict() {
    await withPool({}, async (pool) => {
      await pool.query("CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)");
      await pool.query("INSERT INTO counter VALUES (1, 0)");
      let tries = 0;
      const increment = async (client) => {
        const { rows: [{ value }] } = await client.query("SELECT value FROM counter WHERE id = 1");
        if (tries++ === 0) await pool.query("UPDATE counter SET value = value + 10 WHERE id = 1");
        await client.query("UPDATE counter SET value = $1 WHERE id = 1", [value + 1]);
      };
      await pool.transaction(increment);
      equal([tries, (await pool.query("SELECT value FROM counter")).rows[0].value], [2, 11]);
      tries = 0;
      const error = await raises("40001", () => pool.transaction(increment, { maxRetries: 0 }));
      equal(error.message.includes("(OC000)"), true);
    });
  },

  async pool() {
    await withPool({ max: 8, retry: { maxRetries: 100 } }, async (pool) => {
      await pool.query("CREATE TABLE hits (page int PRIMARY KEY, count int NOT NULL)");
      await pool.query("INSERT INTO hits SELECT n, 0 FROM generate_series(0, 4) n");
      const hit = (n) =>
        pool.transaction((client) => client.query("UPDATE hits SET count = count + 1 WHERE page = $1", [n % 5]));
      await Promise.all(Array.from({ length: 100 }, (_, n) => hit(n)));
      const { rows } = await pool.query({ text: "SELECT count FROM hits ORDER BY page", rowMode: "array" });
      equal(rows, Array(5).fill([20]));
      const numbers = await Promise.all(
        Array.from({ length: 400 }, async (_, n) => (await pool.query("SELECT $1::int + 1 AS n", [n])).rows[0].n),
      );
      equal(numbers.reduce((a, b) => a + b), 80200);
    });
  },

  async reconnect() {
    await withPool({ max: 2 }, async (pool) => {
      for (let round = 0; round < 2; round++) {
        equal((await pool.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
        await sleep(connectionAge + 1000);
      }
    });
  },

  async introspection() {
    await withClient(async (client) => {
      await client.query("CREATE TABLE t (a smallint, b varchar(5), c numeric(9,2), d timestamptz)");
      const { fields } = await client.query("SELECT *, ARRAY[1] AS e FROM t");
      const { rows: [{ oid }] } = await client.query("SELECT 't'::regclass::oid AS oid");
      equal(
        fields.map((f) => [f.name, f.tableID, f.columnID, f.dataTypeID, f.dataTypeSize, f.dataTypeModifier]),
        [
          ["a", oid, 1, pg.types.builtins.INT2, 2, -1],
          ["b", oid, 2, pg.types.builtins.VARCHAR, -1, 9],
          ["c", oid, 3, pg.types.builtins.NUMERIC, -1, 589830],
          ["d", oid, 4, pg.types.builtins.TIMESTAMPTZ, 8, -1],
          ["e", 0, 0, 1007, -1, -1],
        ],
      );
    });
  },

  async migration() {
    await withClient(async (client) => {
      await client.query("CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)");
      await client.query("INSERT INTO pet (name) VALUES ('Rex')");
      await client.query("ALTER TABLE pet ADD COLUMN kind text");
      await client.query("UPDATE pet SET kind = $1 WHERE kind IS NULL", ["dog"]);
      const { rows: [{ job_id }] } = await client.query("CREATE INDEX ASYNC pet_kind ON pet (kind)");
      const waited = await client.query("CALL sys.wait_for_job($1)", [job_id]);
      equal(Object.values(waited.rows[0]), [true]);
      await client.query("ALTER TABLE pet RENAME COLUMN kind TO species");
      equal((await client.query("SELECT name, species FROM pet")).rows, [{ name: "Rex", species: "dog" }]);
    });
  },
});

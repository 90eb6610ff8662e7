// Sequelize on node-postgres, with tokens of the official signer.

import { DsqlSigner } from "@aws-sdk/dsql-signer";
import { DataTypes, Sequelize } from "sequelize";
import { ca, connectionAge, equal, host, main, otherCa, port, raises, region, sleep, withRetry } from "./scenarios.mjs";

const signer = new DsqlSigner({ hostname: host, region });

async function withSequelize(work, trust = ca) {
  const sequelize = new Sequelize("postgres", "admin", "", {
    dialect: "postgres", host, port, logging: false, pool: { max: 8 },
    dialectOptions: { ssl: { ca: trust }, clientMinMessages: "ignore" },
    hooks: {
      // A new token for each connection.
      beforeConnect: async (options) => {
        options.password = await signer.getDbConnectAdminAuthToken();
      },
    },
  });
  const id = { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 };
  const Owner = sequelize.define("owner", {
    id, name: { type: DataTypes.STRING(30), allowNull: false }, balance: DataTypes.DECIMAL(9, 2),
    visits: { type: DataTypes.INTEGER, defaultValue: 0 }, data: DataTypes.JSONB,
  });
  const Pet = sequelize.define("pet", { id, name: DataTypes.TEXT, birthDate: DataTypes.DATEONLY });
  Owner.hasMany(Pet, { constraints: false });
  Pet.belongsTo(Owner, { constraints: false });
  try {
    return await work({ sequelize, Owner, Pet });
  } finally {
    await sequelize.close();
  }
}

// The models' tables, empty. Not by `sync`, which reads indexes, and fails at those that include columns, as Aurora DSQL's
// primary keys do.
const withTables = (work) =>
  withSequelize(async (db) => {
    for (const model of [db.Owner, db.Pet]) {
      await db.sequelize.getQueryInterface().createTable(model.getTableName(), model.getAttributes());
    }
    await db.Pet.destroy({ where: {} });
    await db.Owner.destroy({ where: {} });
    return work(db);
  });

await main(["sequelize", "pg"], {
  async connect() {
    await withSequelize(async ({ sequelize }) => {
      equal((await sequelize.query("SELECT current_user AS who"))[0], [{ who: "admin" }]);
    });
    await withSequelize(({ sequelize }) => raises(undefined, () => sequelize.authenticate()), otherCa);
  },

  async recipe() {
    await withTables(async ({ Owner, Pet }) => {
      const john = await Owner.create({ name: "John Doe", balance: "12.50", data: { tags: [1] } });
      await john.createPet({ name: "Rex", birthDate: "2020-02-29" });
      await Owner.bulkCreate(Array.from({ length: 100 }, (_, n) => ({ name: `owner ${n}` })));
      const found = await Owner.findOne({ where: { name: "John Doe" }, include: Pet });
      equal([found.data, found.balance, found.pets[0].birthDate], [{ tags: [1] }, "12.50", "2020-02-29"]);
      equal((await Owner.findAndCountAll({ limit: 5, order: ["name"] })).count, 101);
      const [upserted] = await Owner.upsert({ id: john.id, name: "John" });
      equal(upserted.name, "John");
      equal(await Owner.destroy({ where: { balance: null } }), 100);
      await raises("23502", () => Owner.bulkCreate([{ name: null }]));
    });
  },

  async transaction() {
    await withTables(async ({ sequelize, Owner }) => {
      const owner = await Owner.create({ name: "a" });
      await sequelize.transaction((transaction) => owner.increment("visits", { by: 3, transaction }));
      await raises(undefined, () =>
        sequelize.transaction(async (transaction) => {
          await owner.increment("visits", { by: 4, transaction });
          throw new Error("on purpose");
        }),
      );
      equal((await owner.reload()).visits, 3);
    });
  },

  async conflict() {
    await withTables(async ({ sequelize, Owner }) => {
      const { id } = await Owner.create({ name: "counter" });
      let tries = 0;
      await withRetry(() =>
        sequelize.transaction(async (transaction) => {
          const mine = await Owner.findByPk(id, { transaction });
          if (tries++ === 0) await Owner.increment("visits", { by: 10, where: { id } });
          await mine.update({ visits: mine.visits + 1 }, { transaction });
        }),
      );
      equal([tries, (await Owner.findByPk(id)).visits], [2, 11]);
    });
  },

  async pool() {
    await withTables(async ({ Owner }) => {
      const { id } = await Owner.create({ name: "counter" });
      const hits = Array.from({ length: 50 }, () => withRetry(() => Owner.increment("visits", { where: { id } })));
      await Promise.all(hits);
      equal((await Owner.findByPk(id)).visits, 50);
    });
  },

  async reconnect() {
    await withSequelize(async ({ sequelize }) => {
      for (let round = 0; round < 2; round++) {
        await sequelize.authenticate();
        await sleep(connectionAge + 1000);
      }
    });
  },

  async introspection() {
    await withTables(async ({ sequelize }) => {
      const queries = sequelize.getQueryInterface();
      equal((await queries.showAllTables()).sort(), ["owners", "pets"]);
      const columns = await queries.describeTable("owners");
      equal([columns.name.type, columns.name.allowNull, columns.balance.type], ["CHARACTER VARYING(30)", false, "NUMERIC"]);
      equal(await queries.tableExists("no_such_table"), false);
      await sequelize.query("CREATE TABLE part (id int PRIMARY KEY, code text UNIQUE, owner uuid REFERENCES owners)");
      const [key] = await queries.getForeignKeyReferencesForTable("part");
      equal([key.columnName, key.referencedTableName, key.referencedColumnName], ["owner", "owners", "id"]);
    });
  },

  async migration() {
    await withTables(async ({ sequelize }) => {
      const queries = sequelize.getQueryInterface();
      await queries.createTable("beast", { id: { type: DataTypes.UUID, primaryKey: true }, name: DataTypes.TEXT });
      await queries.addColumn("beast", "kind", { type: DataTypes.STRING(10) });
      await queries.renameColumn("beast", "kind", "species");
      await sequelize.query("CREATE INDEX ASYNC ON beast (species)");
      equal(Object.keys(await queries.describeTable("beast")), ["id", "name", "species"]);
      await queries.dropTable("beast");
    });
  },
});

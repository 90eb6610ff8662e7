// What drizzle-kit writes: `pull` for the server's schema, `generate` for the program's.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { DsqlSigner } from "@aws-sdk/dsql-signer";
import { host, port, region } from "./scenarios.mjs";

const bin = createRequire(import.meta.url).resolve("drizzle-kit").replace(/index\.[a-z]+$/, "bin.cjs");
const run = (folder, ...args) => execFileSync(process.execPath, [bin, ...args], { cwd: folder, stdio: ["ignore", 2, 2] });

// The statements that lead from each of the schemas to the next, a list for each.
export function generate(schemas) {
  // Beside the packages, which the schemas import.
  const folder = mkdtempSync(path.join(import.meta.dirname, "run-"));
  try {
    return schemas.map((schema, number) => {
      writeFileSync(path.join(folder, "schema.mjs"), schema);
      run(folder, "generate", "--dialect=postgresql", "--schema=schema.mjs", "--out=out", `--name=step_${number}`);
      const file = readdirSync(path.join(folder, "out")).find((name) => name.endsWith(`step_${number}.sql`));
      return readFileSync(path.join(folder, "out", file), "utf8").split("--> statement-breakpoint");
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function introspect() {
  const password = await new DsqlSigner({ hostname: host, region }).getDbConnectAdminAuthToken();
  const folder = mkdtempSync(path.join(tmpdir(), "drizzle-kit-"));
  try {
    const config = {
      dialect: "postgresql",
      out: folder,
      dbCredentials: { host, port, user: "admin", password, database: "postgres", ssl: "verify-full" },
    };
    const file = path.join(folder, "drizzle.config.json");
    writeFileSync(file, JSON.stringify(config));
    run(folder, "pull", `--config=${file}`);
    return readFileSync(path.join(folder, "schema.ts"), "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

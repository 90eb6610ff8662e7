// What `drizzle-kit pull` writes for the server's schema.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { DsqlSigner } from "@aws-sdk/dsql-signer";
import { host, port, region } from "./scenarios.mjs";

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
    const bin = createRequire(import.meta.url).resolve("drizzle-kit").replace(/index\.[a-z]+$/, "bin.cjs");
    execFileSync(process.execPath, [bin, "pull", `--config=${file}`], { cwd: folder, stdio: ["ignore", 2, 2] });
    return readFileSync(path.join(folder, "schema.ts"), "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Prisma's command: its schema engine in WebAssembly, too, on a driver instead of a URL.

import { PrismaPg } from "@prisma/adapter-pg";
import { DsqlSigner } from "@aws-sdk/dsql-signer";
import { defineConfig } from "prisma/config";
import { ca, host, port, region } from "../scenarios.mjs";

export default defineConfig({
  schema: "schema.prisma",
  experimental: { adapter: true },
  engine: "js",
  async adapter() {
    const password = await new DsqlSigner({ hostname: host, region }).getDbConnectAdminAuthToken();
    // Prisma ends when its connections have been idle for that long.
    const idleTimeoutMillis = 50;
    return new PrismaPg({ host, port, user: "admin", database: "postgres", password, ssl: { ca }, idleTimeoutMillis });
  },
});

// Runs the scenarios that the command line names and prints one line for each: `pass NAME`, or
// `fail NAME: what went wrong`; the stack goes to the standard error output. A scenario is an
// async function without arguments that returns if all is well.

import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

export const host = process.env.CLUSTER_ENDPOINT;
export const port = Number(process.env.PGPORT);
export const region = process.env.REGION;
export const ca = readFileSync(process.env.PGSSLROOTCERT, "utf8");
// A certificate authority that did not sign the server's certificate.
export const otherCa = readFileSync(process.env.OTHER_CA, "utf8");
// Milliseconds after which the server ends a connection, where `reconnect` runs.
export const connectionAge = 1000 * Number(process.env.CONNECTION_AGE ?? 3600);

// Codes of the error that a certificate of an unknown authority causes.
export const untrusted = new Set(["SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]);

export const equal = assert.deepStrictEqual;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What a call raises; its code must be `code` if that is given.
export async function raises(code, call) {
  let error;
  try {
    await call();
  } catch (raised) {
    error = raised;
  }
  assert(error, "no error");
  const found = error.code ?? error.cause?.code ?? error.driverError?.code ?? error.original?.code;
  if (code) equal(found, code, error);
  return error;
}

// Runs `work`, which must be a whole transaction, until it meets no conflict.
export async function withRetry(work, tries = 100) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const code = error.code ?? error.cause?.code ?? error.driverError?.code ?? error.original?.code;
      if (code !== "40001" || --tries === 0) throw error;
    }
  }
}

export async function main(packages, scenarios) {
  const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
  console.log("client", packages.map((name) => `${name} ${dependencies[name]}`).join(", "));
  for (const name of process.argv.slice(2)) {
    if (!(name in scenarios)) continue;
    try {
      await scenarios[name]();
      console.log("pass", name);
    } catch (error) {
      console.error(error);
      console.log(`fail ${name}: ${String(error?.message ?? error).replace(/\s+/g, " ")}`);
      process.exitCode = 1;
    }
  }
}

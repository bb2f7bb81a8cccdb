// Adds a job for every row of a catalog, many at once: `enqueue.js CATALOG`.

import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import process from "node:process";

import { parse } from "csv-parse";

import { BULK, queue } from "./shop.js";

// Jobs that one call adds.
const CHUNK = 500;

const shop = queue();
const rows = createReadStream(process.argv[2]).pipe(parse({ columns: true }));
let jobs = [];
for await (const { title, author, isbn, price } of rows) {
  const data = { bookId: randomUUID(), title, author, isbn: isbn || null, price };
  jobs.push({ name: "addBook", data, opts: { priority: BULK } });
  if (jobs.length === CHUNK) {
    await shop.addBulk(jobs);
    jobs = [];
  }
}
await shop.addBulk(jobs);
await shop.close();

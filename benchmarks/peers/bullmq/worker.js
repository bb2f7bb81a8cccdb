// Runs the jobs: one inserts a book, one inserts an order. Prints `ready` once it takes them.

import { Worker } from "bullmq";
import pg from "pg";

import { QUEUE, connection } from "./shop.js";

// Jobs at the same time, as in the documentation.
const CONCURRENCY = 50;

const CONNECTIONS = 20;

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: CONNECTIONS });

// A statement with a name is prepared once in each connection.
const handlers = {
  addBook: ({ bookId, title, author, isbn, price }) =>
    pool.query({
      name: "add-book",
      text: "INSERT INTO book_catalog VALUES ($1, $2, $3, $4, $5)",
      values: [bookId, title, author, isbn, price],
    }),
  placeOrder: ({ orderId, customer, title, quantity, unitPrice }) =>
    pool.query({
      name: "place-order",
      text: "INSERT INTO order_summary VALUES ($1, $2, $3, $4::bigint, $5::numeric, $5::numeric * $4::bigint)",
      values: [orderId, customer, title, quantity, unitPrice],
    }),
};

const handle = async (job) => {
  await handlers[job.name](job.data);
};

const worker = new Worker(QUEUE, handle, { connection, concurrency: CONCURRENCY });
worker.on("failed", (_job, error) => console.error(error.message));
await worker.waitUntilReady();
console.log("ready");

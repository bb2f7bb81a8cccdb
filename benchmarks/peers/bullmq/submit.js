// Adds an urgent job for every line it reads, which is the identity of an order.

import { createInterface } from "node:readline";

import { queue } from "./shop.js";

const shop = queue();
await shop.waitUntilReady();
console.log("ready");
for await (const orderId of createInterface({ input: process.stdin })) {
  const data = { orderId, customer: "Ada", title: "Dune", quantity: 2, unitPrice: "9.99" };
  // The next one does not wait for this one.
  shop.add("placeOrder", data);
}

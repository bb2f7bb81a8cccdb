// What the other files share: the queue, and how urgent its jobs are.

import { Queue } from "bullmq";

export const QUEUE = "shop";

// Jobs without a priority go before all that have one.
export const BULK = 10;

export const connection = { url: process.env.REDIS_URL, maxRetriesPerRequest: null };

// Without these, Redis keeps every job for ever.
const defaultJobOptions = { removeOnComplete: 1000, removeOnFail: 1000 };

export const queue = () => new Queue(QUEUE, { connection, defaultJobOptions });

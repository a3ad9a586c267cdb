// Jobs that do nothing through graphile-worker, as `taskwright-bench -- hosts` runs them: `setup`, `fill`, `trickle` and `work`.
// Does not measure: whoever starts it does.

import { createInterface } from "node:readline";
import { Logger, makeWorkerUtils, run } from "graphile-worker";

// Of its page about performance; singly, what that page measures without batches.
const batched = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
const worker = { concurrentJobs: 24, maxPoolSize: 25, ...(process.env.SINGLY ? {} : batched) };
// Jobs that are written at one time.
const BATCH = 1_000;
// How often it says what it has begun, in milliseconds.
const SAY_EVERY = 100;

// It would say something about each job.
const logger = new Logger(() => () => {});

const nowUs = () => Math.round((performance.timeOrigin + performance.now()) * 1e3);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function setup(connectionString) {
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  await utils.release();
}

async function fill(connectionString, jobs) {
  const utils = await makeWorkerUtils({ connectionString, logger });
  for (let left = jobs; left > 0; left -= BATCH) {
    const job = () => ({ identifier: "nothing", payload: { at: nowUs() } });
    await utils.addJobs(Array.from({ length: Math.min(left, BATCH) }, job));
  }
  await utils.release();
}

async function trickle(connectionString, rate, seconds) {
  const utils = await makeWorkerUtils({ connectionString, logger });
  const begin = performance.now();
  const made = [];
  for (let number = 0; number < rate * seconds; number += 1) {
    const wait = begin + (number * 1e3) / rate - performance.now();
    if (wait > 0) await sleep(wait);
    made.push(utils.addJob("nothing", { at: nowUs() }));
  }
  await Promise.all(made);
  await utils.release();
}

async function work(connectionString) {
  let begun = [];
  const say = () => {
    if (begun.length > 0) console.log(`started ${begun.join(" ")}`);
    begun = [];
  };
  const lines = createInterface({ input: process.stdin });
  const go = new Promise((done) => lines.once("line", done));
  const end = new Promise((done) => lines.once("close", done));
  console.log("ready");
  await go;
  const taskList = { nothing: async (job) => void begun.push(Math.max(0, nowUs() - job.at)) };
  const runner = await run({
    preset: { worker: { connectionString, ...worker, logger } },
    taskList,
    noHandleSignals: true,
  });
  const saying = setInterval(say, SAY_EVERY);
  await end;
  await runner.stop();
  clearInterval(saying);
  say();
}

const [verb, address, ...numbers] = process.argv.slice(2);
const verbs = { setup, fill, trickle, work };
if (!(verb in verbs)) throw new Error(`the verb is ${verb}: expected ${Object.keys(verbs).join(", ")}`);
await verbs[verb](address, ...numbers.map(Number));

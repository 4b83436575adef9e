// BullMQ: jobs are added and worked off while the primary of their queue is killed, and each is completed.
//
// - `maxRetriesPerRequest: null`, as BullMQ asks for its workers, has commands wait for a lost connection; here none is lost, for the proxy stays.
// - A worker that is told UNKNOWN when it takes a job goes on; the job is found to be stalled, and done again, as BullMQ documents it: hence the
//   short `lockDuration` and `stalledInterval`.
// - One that is told UNKNOWN when it ends a job takes that for the job's own failure, and does it again as often as `attempts` allows, which is once unless said.
// - One whose adding is UNKNOWN is added again under its own name, which BullMQ takes once.
import assert from 'node:assert/strict';
import { Queue, Worker } from 'bullmq';
import { isUnknown, kill, pause } from './around.mjs';

const [host, port] = process.argv[2].split(':');
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const queue = new Queue('mail', { connection });
const times = new Map();
const troubles = [];
const worker = new Worker(
  'mail',
  async (job) => {
    times.set(job.data.number, (times.get(job.data.number) ?? 0) + 1);
    await pause(2);
    return job.data.number * 2;
  },
  { connection, concurrency: 5, lockDuration: 1500, stalledInterval: 500, maxStalledCount: 5 },
);
worker.on('error', (error) => troubles.push(error));
queue.on('error', (error) => troubles.push(error));
const add = async (number) => {
  for (;;) {
    try {
      return await queue.add('plain', { number }, { attempts: 5, jobId: `job-${number}`, delay: number % 4 === 0 ? 50 : 0 });
    } catch (error) {
      assert.ok(isUnknown(error), error);
      troubles.push(error);
    }
  }
};
const jobs = [await add(0)];
const killed = kill('bull:mail:meta');
while (!killed.isOver || jobs.length < 100) {
  jobs.push(await add(jobs.length));
  await pause(10);
}
const began = Date.now();
for (;;) {
  const counts = await queue.getJobCounts('completed', 'failed', 'waiting', 'active', 'delayed');
  assert.equal(counts.failed, 0);
  if (counts.completed === jobs.length) break;
  assert.ok(Date.now() - began < 40000, JSON.stringify([counts, jobs.length, troubles.map(String)]));
  await pause(20);
}
for (const [number, job] of jobs.entries()) {
  assert.equal((await queue.getJob(job.id)).returnvalue, number * 2);
}
troubles.forEach((error) => assert.ok(isUnknown(error) || /lock|could not renew/i.test(error.message), error));
const twice = [...times.values()].filter((count) => count > 1).length;
assert.ok(times.size === jobs.length && twice <= troubles.length, `${times.size} ${twice} ${troubles}`);
await worker.close();
await queue.close();
console.log(`done: ${jobs.length} jobs, ${troubles.length} troubles, ${twice} done twice`);
process.exit(0);

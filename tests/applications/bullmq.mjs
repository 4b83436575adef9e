// BullMQ: jobs, delayed ones, one that fails and is tried again, a flow of parent and children, and their events.
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';

const [host, port] = process.argv[2].split(':');
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const queue = new Queue('mail', { connection });
const events = new QueueEvents('mail', { connection });
await events.waitUntilReady();
let tries = 0;
const worker = new Worker(
  'mail',
  async (job) => {
    if (job.name === 'flaky' && tries++ < 1) throw new Error('once');
    if (job.name === 'parent') return Object.values(await job.getChildrenValues()).length;
    return job.data.number * 2;
  },
  { connection, concurrency: 5 },
);
const jobs = [];
for (let number = 0; number < 40; number++) {
  jobs.push(await queue.add('plain', { number }, { delay: number % 4 === 0 ? 50 : 0 }));
}
const flaky = await queue.add('flaky', { number: 21 }, { attempts: 3, backoff: 10 });
const flow = new FlowProducer({ connection });
const tree = await flow.add({
  name: 'parent',
  queueName: 'mail',
  data: {},
  children: [1, 2, 3].map((number) => ({ name: 'child', queueName: 'mail', data: { number } })),
});
const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events, 30000)));
results.forEach((result, number) => {
  if (result !== number * 2) throw new Error(`job ${number} gave ${result}`);
});
if ((await flaky.waitUntilFinished(events, 30000)) !== 42) throw new Error('flaky');
if ((await tree.job.waitUntilFinished(events, 30000)) !== 3) throw new Error('flow');
const counts = await queue.getJobCounts('completed', 'failed', 'waiting', 'active');
if (counts.completed !== 45 || counts.failed !== 0) throw new Error(JSON.stringify(counts));
await Promise.all([worker.close(), events.close(), flow.close()]);
await queue.obliterate({ force: true });
await queue.close();
console.log('done: 40 jobs, one tried again, a flow of four');

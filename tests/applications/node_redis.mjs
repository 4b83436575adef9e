// node-redis: RESP3, transactions that watch, messages by pattern, a command that waits, a walk.
import assert from 'node:assert/strict';
import { createClient } from 'redis';

const client = await createClient({ url: `redis://${process.argv[2]}`, RESP: 3 }).connect();
await client.set('{nr}a', '1');
const other = await client.duplicate().connect();
const watching = await client.duplicate().connect();
await watching.watch('{nr}a');
await other.set('{nr}a', '2');
await assert.rejects(watching.multi().set('{nr}a', '3').exec());
await watching.watch('{nr}a');
assert.deepEqual(await watching.multi().incr('{nr}a').get('{nr}a').exec(), [3, '3']);
const listener = await client.duplicate().connect();
const heard = new Promise((resolve) => {
  listener.pSubscribe('nr:*', (text, channel) => resolve([channel, text])).then(() => client.publish('nr:news', 'hello'));
});
assert.deepEqual(await heard, ['nr:news', 'hello']);
const waiter = await client.duplicate().connect();
const popped = waiter.blPop('nr:list', 10);
await new Promise((resolve) => setTimeout(resolve, 50));
await client.rPush('nr:list', 'x');
assert.deepEqual({ ...(await popped) }, { key: 'nr:list', element: 'x' });
await client.hSet('nr:hash', { a: '1', b: '2' });
assert.deepEqual({ ...(await client.hGetAll('nr:hash')) }, { a: '1', b: '2' });
assert.equal(await client.eval("return redis.call('GET', KEYS[1])", { keys: ['{nr}a'] }), '3');
for (const one of [client, other, watching, listener, waiter]) one.destroy();
console.log('done: watched transactions, messages by pattern, a pop that waited, a script');

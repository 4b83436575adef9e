// node-redis with a cache of its own (CLIENT TRACKING): what others change is read anew, what nobody changes is not asked for again.
import assert from 'node:assert/strict';
import { BasicClientSideCache, createClient } from 'redis';

const url = `redis://${process.argv[2]}`;
const cache = new BasicClientSideCache({ maxEntries: 1000, ttl: 0 });
const reader = await createClient({ url, RESP: 3, clientSideCache: cache }).connect();
const writer = await createClient({ url }).connect();
const keys = Array.from({ length: 30 }, (_, number) => `cached:${number}`);
const settled = async (expected) => {
  for (let tries = 0; ; tries++) {
    const seen = [];
    for (const key of keys) seen.push(await reader.get(key));
    if (JSON.stringify(seen) === JSON.stringify(expected)) return;
    assert.ok(tries < 2000, seen.join());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
for (const key of keys) await writer.set(key, 'first');
await settled(keys.map(() => 'first'));
for (const key of keys.slice(0, 10)) await writer.set(key, 'second');
await settled(keys.map((_, number) => (number < 10 ? 'second' : 'first')));
const before = cache.stats().hitCount;
for (let round = 0; round < 10; round++) for (const key of keys) await reader.get(key);
assert.ok(cache.stats().hitCount >= before + 300, 'nothing was asked for again');
await writer.flushAll();
await settled(keys.map(() => null));
for (const one of [reader, writer]) one.destroy();
console.log('done: what was read was kept, and what had changed was read again');

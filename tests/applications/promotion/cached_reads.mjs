// node-redis with a cache of its own (CLIENT TRACKING) while a primary is killed: in the end nothing is kept that is not so, and what is kept is not asked for.
import assert from 'node:assert/strict';
import { BasicClientSideCache, createClient } from 'redis';
import { isUnknown, kill, pause } from './around.mjs';

const url = `redis://${process.argv[2]}`;
const cache = new BasicClientSideCache({ maxEntries: 1000, ttl: 0 });
const reader = await createClient({ url, RESP: 3, clientSideCache: cache }).connect();
const writer = await createClient({ url }).connect();
const keys = Array.from({ length: 30 }, (_, number) => `cached:${number}`);
for (const key of keys) await writer.set(key, '0');
for (const key of keys) assert.equal(await reader.get(key), '0');
const killed = kill(keys[0]);
for (let number = 1; !killed.isOver || number < 300; number++) {
  const key = keys[number % keys.length];
  for (;;) {
    try {
      await writer.set(key, String(number));
      break;
    } catch (error) {
      assert.ok(isUnknown(error), error);
    }
  }
  for (let reads = 0; reads < 3; reads++) await reader.get(keys[(number * 7 + reads) % keys.length]);
  await pause(2);
}
const all = async (from) => {
  const values = [];
  for (const key of keys) values.push(await from.get(key));
  return JSON.stringify(values);
};
const expected = await all(writer);
for (let tries = 0; (await all(reader)) !== expected; tries++) {
  assert.ok(tries < 500, `${await all(reader)} is kept, ${expected} is so`);
  await pause(10);
}
const before = cache.stats().hitCount;
for (let round = 0; round < 10; round++) await all(reader);
assert.ok(cache.stats().hitCount >= before + 300, 'nothing was asked for again');
await writer.set(keys[0], 'later');
for (let tries = 0; (await reader.get(keys[0])) !== 'later'; tries++) {
  assert.ok(tries < 500, 'changes are still told');
  await pause(10);
}
for (const one of [reader, writer]) one.destroy();
console.log('done: what was kept is so, and is kept');
process.exit(0);

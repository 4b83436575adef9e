// node-redis while a primary is killed: transactions that watch, hashes, a group that reads a stream, and a channel. What is told UNKNOWN is looked at here before
// it is tried again, for node-redis tries nothing again by itself.
import assert from 'node:assert/strict';
import { createClient } from 'redis';
import { isUnknown, kill, pause } from './around.mjs';

const client = await createClient({ url: `redis://${process.argv[2]}`, RESP: 3 }).connect();
const others = [];
const duplicate = async () => {
  const other = await client.duplicate().connect();
  others.push(other);
  return other;
};
await client.set('{nr}counter', '0');
await client.xGroupCreate('{nr}stream', 'group', '0', { MKSTREAM: true });
const heard = [];
const listener = await duplicate();
await listener.pSubscribe('{nr}*', (text) => heard.push(Number(text)));
const known = async (action) => {
  try {
    return await action();
  } catch (error) {
    if (error?.constructor?.name === 'WatchError') return null;
    assert.ok(isUnknown(error), error);
    return undefined;
  }
};
const killed = kill('{nr}counter');
let ran = 0;
let mayHaveRun = 0;
const count = async () => {
  const own = await duplicate();
  for (let number = 0; !killed.isOver || number < 100; number++) {
    await own.watch('{nr}counter');
    const next = Number(await own.get('{nr}counter')) + 1;
    const reply = await known(() => own.multi().set('{nr}counter', String(next)).hIncrBy('{nr}hash', 'count', 1).exec());
    if (reply) ran++;
    else if (reply === undefined) mayHaveRun++;
    await pause(2);
  }
};
const added = new Set();
const add = async () => {
  const own = await duplicate();
  for (let number = 0; !killed.isOver || number < 100; number++) {
    if (await known(() => own.xAdd('{nr}stream', '*', { number: String(number) }))) added.add(String(number));
    await known(() => own.publish('{nr}news', String(number)));
    await pause(5);
  }
};
let ends = false;
const got = new Set();
const take = async (messages) => {
  for (const { id, message } of messages ?? []) {
    got.add(message.number);
    await known(() => client.xAck('{nr}stream', 'group', id));
  }
  return messages?.length ?? 0;
};
const read = async (name) => {
  const own = await duplicate();
  for (;;) {
    const reply = await known(() => own.xReadGroup('group', name, { key: '{nr}stream', id: '>' }, { COUNT: 5, BLOCK: 500 }));
    if (reply === null && ends) break;
    // What was given while nobody knew it is still its own.
    const mine = reply === undefined ? await known(() => own.xReadGroup('group', name, { key: '{nr}stream', id: '0' }, { COUNT: 100 })) : reply;
    const streams = Array.isArray(mine) ? mine.map((stream) => stream.messages) : Object.values(mine ?? {});
    for (const messages of streams) await take(messages);
  }
};
const readers = [read('one'), read('two')];
await Promise.all([count(), count(), add()]);
ends = true;
await Promise.all(readers);
const counter = Number(await client.get('{nr}counter'));
assert.equal(counter, Number(await client.hGet('{nr}hash', 'count')), 'both or none');
assert.ok(ran <= counter && counter <= ran + mayHaveRun, `${counter} ${ran} ${mayHaveRun}`);
const lost = [...added].filter((number) => !got.has(number));
assert.deepEqual(lost, [], 'each entry that was added is read');
assert.ok(heard.length > 20 && heard.every((number, at) => at === 0 || number > heard[at - 1]), 'messages once and in order');
for (const one of [client, ...others]) one.destroy();
console.log(`done: ${ran} transactions, ${mayHaveRun} unknown, ${added.size} entries, ${heard.length} messages`);
process.exit(0);

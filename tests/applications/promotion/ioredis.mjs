// ioredis while a primary is killed: pops that wait, transactions, a script and a channel. What is told UNKNOWN is counted here, for ioredis sends again only
// what a lost connection has taken (`autoResendUnfulfilledCommands`), and no connection to a proxy is lost.
import assert from 'node:assert/strict';
import Redis from 'ioredis';
import { isUnknown, kill, pause } from './around.mjs';

const [host, port] = process.argv[2].split(':');
const options = { host, port: Number(port) };
const connect = () => new Redis(options);
const client = connect();
client.defineCommand('both', { numberOfKeys: 2, lua: "return {redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2])}" });
await client.set('{io}marker', 1);
const listener = connect();
await listener.subscribe('{io}news');
const heard = [];
listener.on('message', (_, text) => heard.push(Number(text)));
const known = async (action) => {
  try {
    return await action();
  } catch (error) {
    assert.ok(isUnknown(error), error);
    return undefined;
  }
};
const killed = kill('{io}marker');
const done = { pushed: new Set(), unsure: new Set(), popped: [], lostPops: 0, ran: 0, mayHaveRun: 0 };
const push = async () => {
  const own = connect();
  for (let number = 0; !killed.isOver || number < 200; number++) {
    const set = (await known(() => own.rpush('{io}list', number))) ? done.pushed : done.unsure;
    set.add(String(number));
    await pause(3);
  }
  own.disconnect();
};
let ends = false;
const pop = async () => {
  const own = connect();
  for (;;) {
    const pair = await known(() => own.blpop('{io}list', 0.5));
    if (pair) done.popped.push(pair[1]);
    else if (pair === undefined) done.lostPops++;
    else if (ends) break;
  }
  own.disconnect();
};
const count = async () => {
  for (let number = 0; !killed.isOver || number < 200; number++) {
    const script = number % 2 === 0;
    const run = script ? () => client.both('{io}a', '{io}b') : () => client.multi().incr('{io}a').incr('{io}b').exec();
    const reply = await known(run);
    if (!reply) done.mayHaveRun++;
    else {
      const [a, b] = script ? reply : reply.map(([, value]) => value);
      assert.equal(a, b, 'both or none');
      done.ran++;
    }
    await known(() => client.publish('{io}news', number));
    await pause(3);
  }
};
const workers = [pop(), pop(), pop()];
await Promise.all([push(), count()]);
ends = true;
await Promise.all(workers);
const [a, b] = (await client.mget('{io}a', '{io}b')).map(Number);
assert.equal(a, b);
assert.ok(done.ran <= a && a <= done.ran + done.mayHaveRun, `${a} ${done.ran} ${done.mayHaveRun}`);
assert.equal(new Set(done.popped).size, done.popped.length, 'nobody gets one twice');
const lost = [...done.pushed].filter((number) => !done.popped.includes(number));
assert.ok(lost.length <= done.lostPops, `${lost} are lost, ${done.lostPops} pops were`);
assert.ok(heard.length > 20 && heard.every((number, at) => at === 0 || number > heard[at - 1]), 'messages once and in order');
const last = new Promise((resolve) => listener.once('message', (_, text) => resolve(text)));
assert.equal(await client.publish('{io}news', 1000000), 1);
assert.equal(await last, '1000000');
[client, listener].forEach((one) => one.disconnect());
console.log(`done: ${done.popped.length} popped, ${done.lostPops} pops unknown, ${done.ran} counted, ${done.mayHaveRun} unknown, ${heard.length} messages`);
process.exit(0);

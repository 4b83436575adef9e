// node-redis while two proxies behind HAProxy are restarted one after the other: every command is asked once, and answered.
//
// Works until its input ends. It has no retries of its own, and connects again only because a proxy says that it goes (MOVING).
import { createClient } from 'redis';

const WORKERS = 4;
const [host, port] = process.argv[2].split(':');
const wrong = [];
const options = { RESP: 3, maintNotifications: 'enabled', socket: { host, port: Number(port), reconnectStrategy: false } };
const clients = [];
for (let worker = 0; worker < WORKERS; worker++) {
  const client = createClient(options);
  client.on('error', (error) => wrong.push(`client ${worker}: ${error}`));
  await client.connect();
  clients.push(client);
}
const pause = () => new Promise((resolve) => setTimeout(resolve, 1));
let isOver = false;
let asked = 0;

async function work(client, worker) {
  const key = `rolling:${worker}`;
  await client.del(key);
  for (let count = 1; !isOver; count++) {
    asked++;
    const value = await client.incr(key);
    if (value !== count) throw new Error(`${key} is ${value} after ${count}`);
    if (Number(await client.get(key)) !== count) throw new Error(`${key} is not what it was`);
    await pause();
  }
}

const all = clients.map((client, worker) =>
  work(client, worker).catch((error) => wrong.push(`worker ${worker}: ${error}`)));
console.log('at work');
process.stdin.resume();
await new Promise((resolve) => process.stdin.on('end', resolve));
isOver = true;
await Promise.all(all);
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
console.log(`done: ${asked} increments, each once, no error`);
process.exit(0);

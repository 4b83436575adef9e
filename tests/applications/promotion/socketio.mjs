// socket.io with its Redis adapter while the primary of its channel is killed: nobody hears anything twice or out of order, and afterwards all hear all again.
// What is published before the channel is subscribed to at the new primary is lost, as at any Redis. The adapter catches nothing that a publication is told, UNKNOWN
// least of all: without `unhandledRejection` the process would end.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io as connect } from 'socket.io-client';
import { isUnknown, kill, pause } from './around.mjs';

const url = `redis://${process.argv[2]}`;
const troubles = [];
process.on('unhandledRejection', (error) => troubles.push(error));

async function start() {
  const publisher = await createClient({ url }).connect();
  const subscriber = await publisher.duplicate().connect();
  [publisher, subscriber].forEach((one) => one.on('error', (error) => troubles.push(error)));
  const http = createServer();
  const server = new Server(http, { adapter: createAdapter(publisher, subscriber) });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { server, port: http.address().port, publisher };
}

const servers = [await start(), await start()];
const clients = servers.flatMap(({ port }) => [1, 2].map(() => connect(`http://127.0.0.1:${port}`)));
await Promise.all(clients.map((client) => new Promise((resolve) => client.on('connect', resolve))));
const heard = clients.map(() => []);
clients.forEach((client, at) => client.on('news', (number) => heard[at].push(number)));
// The slot of the adapter's channel.
await servers[0].publisher.set('{socket.io#/#}marker', '1');
const killed = kill('{socket.io#/#}marker');
let number = 0;
for (; !killed.isOver || number < 200; number++) {
  servers[0].server.emit('news', number);
  await pause(5);
}
const all = () => heard.every((numbers) => numbers.at(-1) >= 1000000);
for (let tries = 0; !all(); tries++) {
  assert.ok(tries < 200, 'all hear again');
  servers[0].server.emit('news', 1000000 + tries);
  await pause(20);
}
for (const numbers of heard) {
  assert.ok(numbers.every((one, at) => at === 0 || one > numbers[at - 1]), 'once and in order');
  assert.ok(numbers.length > 20, `${numbers.length} of ${number}`);
}
assert.equal((await servers[1].server.fetchSockets()).length, 4, 'each server knows the sockets of both');
troubles.forEach((error) => assert.ok(isUnknown(error), error));
console.log(`done: ${number} messages, ${heard.map((numbers) => numbers.length)} heard, UNKNOWN came ${troubles.length} times`);
process.exit(0);

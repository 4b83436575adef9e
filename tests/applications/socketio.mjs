// socket.io with its Redis adapter: two servers, and what is sent to all reaches the clients of both; each knows the sockets of the other.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io as connect } from 'socket.io-client';

const url = `redis://${process.argv[2]}`;

async function start() {
  const publisher = await createClient({ url }).connect();
  const subscriber = await publisher.duplicate().connect();
  const http = createServer();
  const server = new Server(http, { adapter: createAdapter(publisher, subscriber) });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { server, port: http.address().port, connections: [publisher, subscriber] };
}

const servers = [await start(), await start()];
const clients = servers.flatMap(({ port }) => [1, 2].map(() => connect(`http://127.0.0.1:${port}`)));
await Promise.all(clients.map((client) => new Promise((resolve) => client.on('connect', resolve))));
const heard = clients.map((client) => new Promise((resolve) => client.once('news', resolve)));
servers[0].server.emit('news', 'hello');
assert.deepEqual(await Promise.all(heard), Array(4).fill('hello'));
const sockets = await servers[1].server.fetchSockets();
assert.equal(sockets.length, 4, 'each server knows the sockets of both');
servers[1].server.socketsJoin('room');
await new Promise((resolve) => setTimeout(resolve, 200));
const inRoom = clients.map((client) => new Promise((resolve) => client.once('inside', resolve)));
servers[0].server.to('room').emit('inside', 1);
assert.deepEqual(await Promise.all(inRoom), Array(4).fill(1));
clients.forEach((client) => client.disconnect());
for (const { server, connections } of servers) {
  await server.close();
  await Promise.all(connections.map((one) => one.close()));
}
console.log('done: four clients of two servers');
process.exit(0);

// @ts-check
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createTCP } from 'node:net';

/** @typedef {{ after: (fn: () => unknown) => void }} Scope */

/** @param {import('node:net').Server} server */
async function listening(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}

/**
 * A real HTTP service, whose health the test decides.
 * @param {Scope} t
 */
export async function upstream(t) {
  const state = { well: true, asked: 0, url: '' };
  const server = createServer((_, response) => {
    state.asked++;
    response.writeHead(state.well ? 200 : 503, { 'Content-Type': 'text/plain' });
    response.end(state.well ? 'fine' : 'the pool is empty');
  });
  state.url = `http://127.0.0.1:${await listening(server)}/healthz`;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return state;
}

/**
 * A network between browser and manager that can be cut.
 * @param {Scope} t
 * @param {number} to the manager's port
 */
export async function network(t, to) {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  let up = true;
  const server = createTCP((near) => {
    if (!up) {
      near.destroy();
      return;
    }
    const far = connect(to, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined); // its other end closes it
    }
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  const port = await listening(server);
  const cut = () => {
    up = false;
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    cut();
    server.close();
  });
  return { url: `http://127.0.0.1:${port}`, cut, mend: () => void (up = true) };
}

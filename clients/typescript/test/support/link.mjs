import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { url } from './environment.mjs';

/**
 * A network between a client and the service, over which each request meets the next of `faults`:
 *
 * - `drop`: the connection is reset before the service has the request
 * - `loseAnswer`: it is reset when the service has answered
 * - `cutAnswer`: it ends in the middle of the answer
 * - `hang`: the service answers, but nobody ever hears
 * - a text: that is the answer, and the service never has the request
 *
 * After the last of them everything gets through.
 */
export class Link {
  /** What clients have sent, byte for byte. */
  requests = [];
  #faults;
  #server = createServer((socket) => this.#accept(socket));
  #sockets = new Set();

  constructor(faults) {
    this.#faults = faults;
  }

  static async open(t, ...faults) {
    const link = new Link(faults);
    await link.listen();
    t.after(() => link.close());
    return link;
  }

  async listen(port = 0) {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port() {
    return this.#server.address().port;
  }

  /** The service's, by this way. */
  get url() {
    const there = new URL(url);
    there.port = this.port;
    return there.href;
  }

  /** The last request's header by its name, in lowercase. */
  header(name, request = this.requests.at(-1)) {
    return new RegExp(`^${name}: (.*)\r$`, 'im').exec(request)?.[1];
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client) {
    const { hostname, port } = new URL(url);
    const service = connect(port, hostname);
    let fault;
    for (const socket of [client, service]) {
      this.#sockets.add(socket);
      // What is broken on purpose is no error.
      socket.on('error', () => {});
    }
    client.on('close', () => service.destroy());
    service.on('close', () => client.end());
    readRequests(client, (request) => {
      this.requests.push(request.toString('latin1'));
      fault = this.#faults.shift();
      if (fault === 'drop') client.resetAndDestroy();
      else if (fault?.startsWith('HTTP/')) client.end(fault);
      else service.write(request);
    });
    service.on('data', (answer) => {
      if (fault === 'loseAnswer') client.resetAndDestroy();
      else if (fault === 'cutAnswer') client.end(answer.subarray(0, answer.length - 10));
      else if (fault !== 'hang') client.write(answer);
    });
  }
}

/** Calls `onRequest` with each whole request. */
function readRequests(socket, onRequest) {
  let buffer = Buffer.alloc(0);
  socket.on('data', (data) => {
    buffer = Buffer.concat([buffer, data]);
    for (;;) {
      const head = buffer.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /^content-length: (\d+)/im.exec(buffer.toString('latin1', 0, head))?.[1] ?? 0;
      const end = head + 4 + Number(length);
      if (buffer.length < end) return;
      onRequest(buffer.subarray(0, end));
      buffer = buffer.subarray(end);
    }
  });
}

/** An answer as a proxy before the service would give it. */
export function answer(status, headers = {}, body = '') {
  const lines = Object.entries({ ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' });
  return `HTTP/1.1 ${status}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

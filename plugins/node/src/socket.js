// Who may call on a Unix socket: the launch's secret, and what strangers get (P-START-1, P-AUTH).

import { timingSafeEqual } from "node:crypto";
import { chmodSync } from "node:fs";

const MAX_STRANGERS = 64;
const STILL_MS = 10_000;
const STRANGER_MS = 20_000;

/** A function that tells whether a call shows the secret, from all secrets that it carries. */
export function secretCheck(secret) {
  const wanted = Buffer.from(secret);
  return (given = []) => {
    const shown = Buffer.from(given.length === 1 ? given[0] : "");
    return shown.length === wanted.length && timingSafeEqual(shown, wanted);
  };
}

/**
 * Connections that have not shown the secret. Each ends if it keeps still or takes too long, and
 * of many the oldest.
 */
export class Strangers {
  #timers = new Map(); // by socket, the oldest first

  add(socket) {
    const end = () => socket.destroy();
    this.#timers.set(socket, setTimeout(end, STRANGER_MS));
    socket.setTimeout(STILL_MS, end);
    socket.once("close", () => this.remove(socket));
    if (this.#timers.size > MAX_STRANGERS) {
      const [oldest] = this.#timers.keys();
      this.remove(oldest);
      oldest.destroy();
    }
  }

  /** Count it no more. */
  remove(socket) {
    if (!this.#timers.has(socket)) return;
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
    socket.setTimeout(0);
  }
}

/** Listen at the path, for this user only. */
export async function listen(server, path) {
  process.umask(0o177);
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path, backlog: 128 }, resolve);
  });
  chmodSync(path, 0o600);
}

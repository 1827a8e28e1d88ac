// Starts the built plugin as a host does, and calls it by the bare means of each transport.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import http2 from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../build/cronix-backend-node", import.meta.url));
export const SECRET = "5".repeat(64);

export class Plugin {
  /** Start it, and wait for its handshake line. stop() must follow. */
  static async start(transport) {
    const plugin = new Plugin();
    // The plugin removes this directory at its end (P-STOP-4).
    if (transport !== "jsonrpc") plugin.path = join(mkdtempSync(join(tmpdir(), "node-test-")), "s");
    const { PATH } = process.env;
    const env = {
      PATH,
      CRONIX_PLUGIN_TRANSPORT: transport,
      CRONIX_PLUGIN_SOCKET: plugin.path ?? "",
    };
    plugin.process = spawn(PROGRAM, [], { env, stdio: ["pipe", "pipe", "inherit"] });
    if (transport !== "jsonrpc") plugin.process.stdin.write(`${SECRET}\n`);
    plugin.lines = plugin.#read();
    plugin.handshake = await plugin.line();
    return plugin;
  }

  async *#read() {
    let text = "";
    for await (const chunk of this.process.stdout.setEncoding("utf8")) {
      text += chunk;
      for (let end; (end = text.indexOf("\n")) >= 0; text = text.slice(end + 1)) {
        yield text.slice(0, end);
      }
    }
  }

  /** The next line of its stdout. */
  async line() {
    return (await this.lines.next()).value;
  }

  /** End its stdin; its exit status. */
  async stop() {
    this.process.stdin.end();
    const [status] = await once(this.process, "exit");
    return status;
  }

  /** All that it says on a connection until that ends. */
  async exchange(bytes) {
    const socket = connect(this.path);
    const chunks = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => {}); // refused, with some of the request unread
    socket.write(bytes);
    await once(socket, "close");
    return Buffer.concat(chunks).toString();
  }

  /** One gRPC call by HTTP/2: its messages, and the headers that end it. */
  async call(rpc, message, { headers = {}, secret = SECRET } = {}) {
    const session = http2.connect("http://localhost", {
      createConnection: () => connect(this.path),
    });
    session.on("error", () => {}); // its streams have the error as well
    try {
      const stream = session.request({
        ":method": "POST",
        ":path": `/cronix.backend.v1.Backend/${rpc}`,
        "content-type": "application/grpc",
        te: "trailers",
        "cronix-secret": secret,
        ...headers,
      });
      const frame = Buffer.alloc(5);
      frame.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([frame, message]));
      let end = {};
      stream.on("response", (given) => (end = { ...end, ...given }));
      stream.on("trailers", (given) => (end = { ...end, ...given }));
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      return { bytes: Buffer.concat(chunks), end };
    } finally {
      session.destroy();
    }
  }
}

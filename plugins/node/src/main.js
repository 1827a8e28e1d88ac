// Starts as the environment says, serves, and ends with stdin (P-START, P-HANDSHAKE, P-STOP).

import {
  closeSync,
  constants,
  openSync,
  readSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { Socket } from "node:net";
import { dirname } from "node:path";
import { NAME, VERSION } from "./errors.js";
import { Session } from "./session.js";

const TRANSPORTS = {
  grpc: () => import("./grpc.js"),
  http: () => import("./http.js"),
  jsonrpc: () => import("./jsonrpc.js"),
};
const SECRET_LINE = 65;

function quit(problem) {
  console.error(`cronix-backend-${NAME}: ${problem}`);
  process.exit(1);
}

/** The secret of this launch, read before anything else is done with stdin (P-AUTH-1). */
function readSecret() {
  const line = Buffer.alloc(SECRET_LINE);
  let size = 0;
  while (size < SECRET_LINE) {
    const more = readSync(0, line, size, SECRET_LINE - size);
    if (!more) break;
    size += more;
  }
  const text = line.toString("latin1");
  if (!/^[0-9a-f]{64}\n$/.test(text)) quit("stdin does not begin with the secret of a launch");
  return text.slice(0, -1);
}

/**
 * Move the host's pipes away from the descriptors 0 and 1, which children inherit (P-HANDSHAKE-6).
 *
 * Node.js has no dup(): a pipe is opened again by its name in /dev/fd. Without O_NONBLOCK that
 * would wait for the other end, if it is gone.
 */
function takePipes() {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
  try {
    const input = openSync("/dev/fd/0", O_RDONLY | O_NONBLOCK);
    const output = openSync("/dev/fd/1", O_WRONLY | O_NONBLOCK);
    closeSync(0);
    openSync("/dev/null", "r"); // the lowest descriptor that is free: 0
    closeSync(1);
    openSync("/dev/fd/2", "w"); // 1
    return { input, output };
  } catch (error) {
    if (error.code !== "ENXIO") throw error;
    // A host in Node.js gives sockets, which have no name. What it starts itself inherits neither.
    Object.defineProperty(process, "stdout", { value: process.stderr });
    return { input: 0, output: 1 };
  }
}

/** What can be read at once. A pipe that was closed before it was opened again says so only here. */
function readNow(input) {
  const first = Buffer.alloc(64 * 1024);
  try {
    const size = readSync(input, first);
    if (!size) process.exit(0);
    return first.subarray(0, size);
  } catch (error) {
    if (error.code !== "EAGAIN") throw error;
    return null;
  }
}

async function main() {
  const { CRONIX_PLUGIN_TRANSPORT: transport, CRONIX_PLUGIN_SOCKET: path } = process.env;
  if (!Object.hasOwn(TRANSPORTS, transport ?? "")) {
    quit(`a host starts this plugin, over ${Object.keys(TRANSPORTS).join(", ")}`);
  }
  const onSocket = transport !== "jsonrpc";
  const secret = onSocket ? readSecret() : "";
  const pipes = takePipes();
  const first = pipes.input ? readNow(pipes.input) : null;
  const input = new Socket({ fd: pipes.input, readable: true, writable: false });
  if (first) input.unshift(first);
  input.on("error", () => process.exit(0));
  input.on("end", () => {
    // P-STOP-2, P-STOP-4
    try {
      if (onSocket) {
        unlinkSync(path);
        rmdirSync(dirname(path));
      }
    } catch {
      // the host was faster
    }
    process.exit(0);
  });
  const { serve } = await TRANSPORTS[transport]();
  const session = new Session();
  if (onSocket) await serve(session, path, secret);
  const codec = process.env.CRONIX_PLUGIN_CODEC || (transport === "grpc" ? "protobuf" : "json");
  const words = `transport=${transport} codec=${codec} name=${NAME} version=${VERSION}`;
  writeSync(pipes.output, `CRONIX-PLUGIN-V1 ${onSocket ? path : "stdio"} ${words}\n`);
  if (onSocket) {
    input.resume();
    return;
  }
  const output = new Socket({ fd: pipes.output, readable: false, writable: true });
  output.on("error", () => process.exit(0)); // the host is gone
  serve(session, input, output);
}

main();

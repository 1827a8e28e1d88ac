// HTTP/1.1 on the Unix socket, by node:http (P-HTTP).

import { STATUS_CODES, createServer } from "node:http";
import {
  MAX_MESSAGE,
  Refusal,
  SERVICE,
  Unreadable,
  invalid,
  noSecret,
  tooLarge,
  unknownMethod,
} from "./errors.js";
import { JSON_CODEC } from "./json.js";
import { RPCS } from "./messages.js";
import { Call, drained, turn } from "./session.js";
import { Strangers, listen, secretCheck } from "./socket.js";

const MAX_HEAD = 64 * 1024; // P-AUTH-4
const MAX_TIMEOUT_US = 10n ** 18n;
const TYPES = { "application/json": "json", "application/x-protobuf": "protobuf" };
const STREAMS = { json: "application/x-ndjson", protobuf: "application/x-protobuf-stream" };
// of each code, 0 to 16 (P-ERR-2)
const STATUS = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];
const PARSER_ERRORS = { HPE_HEADER_OVERFLOW: 431, HPE_INVALID_VERSION: 505 };

/** What is refused before it is a call: it closes the connection (P-HTTP-5). */
class Refused extends Error {
  constructor(status, refusal, headers = {}) {
    super(refusal.message);
    this.status = status;
    this.refusal = refusal;
    this.headers = headers;
  }
}

/** Connections that end behind the refusal that they have been sent. */
const refused = new WeakSet();

const malformed = (problem, status = 400) =>
  new Refused(status, new Refusal("INVALID_ARGUMENT", problem, { reason: "MALFORMED_HTTP" }));

/** Listen; resolves when it can be called. */
export async function serve(session, path, secret) {
  const codecs = { json: JSON_CODEC };
  // A JSON host need not wait for protobuf.js: it is loaded by the codec that is asked for.
  const codec = async (name) => (codecs[name] ??= (await import("./protobuf.js")).PROTOBUF_CODEC);
  if (process.env.CRONIX_PLUGIN_CODEC === "protobuf") await codec("protobuf");

  const strangers = new Strangers();
  const isKnown = secretCheck(secret);
  const server = createServer({
    maxHeaderSize: MAX_HEAD,
    // Connections are kept open (P-HTTP-2); Strangers has the bounds of the others.
    keepAliveTimeout: 0,
    requestTimeout: 0,
    headersTimeout: 0,
  });
  server.on("connection", (socket) => strangers.add(socket));
  const answer = async (request, response) => {
    try {
      checkHead(request, isKnown);
      strangers.remove(request.socket);
      const name = checkType(request);
      const length = checkLength(request);
      if (request.headers.expect) response.writeContinue();
      const body = await readBody(request, length);
      await call(session, await codec(name), request, response, body);
    } catch (error) {
      if (error instanceof Refused) {
        refused.add(request.socket);
        fail(response, error.refusal, error.status, error.headers);
      } else if (error instanceof Refusal) fail(response, error);
      else if (error.code !== "ECONNRESET") throw error;
    }
  };
  server.on("request", answer);
  server.on("checkContinue", answer);
  server.on("clientError", refuseBytes);
  await listen(server, path);
}

function checkHead(request, isKnown) {
  if (request.httpVersion !== "1.1") {
    throw malformed(`HTTP/${request.httpVersion} is not HTTP/1.1`, 505);
  }
  if (!isKnown(request.headersDistinct["cronix-secret"])) {
    throw new Refused(401, noSecret(), { "WWW-Authenticate": "Cronix-Secret" });
  }
}

/** The codec's name. */
function checkType(request) {
  if (request.method !== "POST") {
    const details = { reason: "HTTP_METHOD", expected: "POST", got: request.method };
    const problem = `HTTP method ${request.method}; the plugin takes POST`;
    throw new Refused(405, new Refusal("UNIMPLEMENTED", problem, details), { Allow: "POST" });
  }
  const given = request.headers["content-type"] ?? "";
  const type = given.split(";", 1)[0].trim().toLowerCase();
  if (Object.hasOwn(TYPES, type)) return TYPES[type];
  const details = { expected: Object.keys(TYPES).join(", "), got: given };
  throw new Refused(415, invalid("Content-Type", "MEDIA_TYPE", "an unsupported type", details));
}

/** The body's length; null if it is chunked. The parser has refused both at once. */
function checkLength({ headers }) {
  const coding = headers["transfer-encoding"];
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") throw malformed("only Transfer-Encoding: chunked");
    return null;
  }
  if (headers["content-length"] === undefined) {
    throw malformed("a request has a Content-Length or is chunked", 411);
  }
  const length = Number(headers["content-length"]);
  if (length > MAX_MESSAGE) throw new Refused(413, tooLarge(length));
  return length;
}

async function readBody(request) {
  const chunks = [];
  let size = 0;
  // The usual iterator ends the connection when it is left, before the refusal is sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > MAX_MESSAGE) throw new Refused(413, tooLarge(size));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function call(session, codec, request, response, body) {
  const method = request.url.startsWith(SERVICE) ? request.url.slice(SERVICE.length) : request.url;
  if (!Object.hasOwn(RPCS, method)) throw unknownMethod(method);
  const call = new Call();
  const timeout = timeoutOf(request);
  const message = codec.decode(method, body);
  if (timeout !== null) call.within(timeout);
  response.on("close", () => {
    if (!response.writableFinished) call.cancelled = true; // P-CANCEL-1
  });
  session.begin();
  try {
    const result = session.call(method, message, call);
    if (method === "Apply") {
      await stream(codec, response, result);
      return;
    }
    const bytes = codec.encode(method, result);
    const type = codec.name === "json" ? "application/json" : "application/x-protobuf";
    response.writeHead(200, { "Content-Type": type, "Content-Length": bytes.length });
    response.end(bytes);
  } finally {
    session.end();
  }
}

/** A chunk an event; an error before the first one is an error response (P-HTTP-4). */
async function stream(codec, response, events) {
  let status = { code: 0 };
  try {
    for (const event of events) {
      const bytes = codec.encode("Apply", event);
      if (!response.headersSent) response.writeHead(200, { "Content-Type": STREAMS[codec.name] });
      const room = response.write(framed(codec, "event", bytes));
      if (!room && !response.destroyed) await drained(response, "close");
      await turn();
    }
  } catch (error) {
    if (!response.headersSent || !(error instanceof Refusal)) throw error;
    status = error.status();
  }
  response.end(framed(codec, "status", codec.encodeStatus(status)));
}

function framed(codec, kind, bytes) {
  if (codec.name === "json") return `{"${kind}":${bytes}}\n`;
  const head = Buffer.alloc(5);
  head.writeUInt8(kind === "status" ? 1 : 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Microseconds until the deadline, null for none (P-HTTP-2). */
function timeoutOf(request) {
  const given = request.headersDistinct["cronix-timeout-us"];
  if (given === undefined) return null;
  if (given.length > 1 || !/^[0-9]{1,19}$/.test(given[0]) || BigInt(given[0]) > MAX_TIMEOUT_US) {
    throw new Unreadable("Cronix-Timeout-Us", "not a number of microseconds up to 10^18");
  }
  return Number(given[0]);
}

/** A problem document (P-HTTP-3). status closes the connection; without it the code's is taken. */
function fail(response, refusal, status = 0, headers = {}) {
  const [used, body] = problem(refusal, status);
  const close = status ? { Connection: "close" } : {};
  response.writeHead(used, reasonOf(used), {
    "Content-Type": "application/problem+json",
    "Content-Length": body.length,
    ...close,
    ...headers,
  });
  response.end(body);
}

function problem(refusal, status) {
  const { code, message, details } = refusal.status();
  const own = details.reason === "MESSAGE_TOO_LARGE" ? 413 : STATUS[code];
  const used = status || own;
  const name = refusal.code;
  const told = { type: `urn:cronix:code:${name}`, title: name, status: used, detail: message };
  return [used, Buffer.from(JSON.stringify({ ...told, code: name, details }))];
}

const reasonOf = (status) => STATUS_CODES[status] ?? "Client Closed Request";

/** The answer to bytes that node:http cannot read, unless the connection has been refused already. */
function refuseBytes(error, socket) {
  if (refused.has(socket)) return;
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const { refusal, status } = malformed(error.message, PARSER_ERRORS[error.code] ?? 400);
  const [, body] = problem(refusal, status);
  const head = `HTTP/1.1 ${status} ${reasonOf(status)}\r\nContent-Type: application/problem+json`;
  socket.end(`${head}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}

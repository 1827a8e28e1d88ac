// JSON-RPC 2.0 on two pipes, one object or batch a line (P-JSONRPC).

import { MAX_CALLS, MAX_MESSAGE, Refusal, Unreadable, tooLarge, tooManyCalls } from "./errors.js";
import { parse } from "./json.js";
import { RPCS, read } from "./messages.js";
import { Call, drained, turn } from "./session.js";

const MAX_LINE = MAX_MESSAGE + 64 * 1024;
const LF = 10;
const CODES = { parse: -32700, request: -32600, method: -32601, params: -32602 };
const MESSAGES = { parse: "Parse error", request: "Invalid Request", method: "Method not found" };

/** Answers what comes on `input` until it ends. */
export function serve(session, input, output) {
  const connection = new Connection(session, output);
  const lines = new Lines();
  input.on("data", (chunk) => {
    for (const line of lines.feed(chunk)) connection.take(line);
  });
}

/** Cuts what it is fed into lines. One that is too long is counted, and not kept. */
export class Lines {
  #kept = [];
  #size = 0;

  /** The lines that these bytes complete: each a Buffer, or its size if it is too long. */
  *feed(chunk) {
    let start = 0;
    for (let end; (end = chunk.indexOf(LF, start)) >= 0; start = end + 1) {
      this.#keep(chunk.subarray(start, end));
      yield this.#size > MAX_LINE ? this.#size : Buffer.concat(this.#kept);
      this.#kept = [];
      this.#size = 0;
    }
    this.#keep(chunk.subarray(start));
  }

  #keep(piece) {
    this.#size += piece.length;
    if (this.#size > MAX_LINE) this.#kept = [];
    else if (piece.length) this.#kept.push(piece);
  }
}

class Connection {
  #session;
  #output;
  #flight = new Map(); // from each call to its id in JSON
  #drained = null;

  constructor(session, output) {
    this.#session = session;
    this.#output = output;
  }

  /** Begin to answer one line, before the next one is looked at: a cancellation finds its call. */
  take(line) {
    if (typeof line === "number") {
      this.#write(JSON.stringify(failed(tooLarge(line), null)));
      return;
    }
    if (!line.toString("latin1").trim()) return;
    let message;
    try {
      message = parse(line);
    } catch {
      this.#write(standard("parse"));
      return;
    }
    const batch = Array.isArray(message) ? message : [message];
    if (!batch.length) this.#write(standard("request"));
    else if (batch.length > MAX_CALLS) this.#write(JSON.stringify(failed(tooManyCalls(), null)));
    else this.#answer(message, batch, line.length);
  }

  async #answer(message, batch, size) {
    const calls = batch.map(() => new Call());
    batch.forEach((each, i) => this.#flight.set(calls[i], idOf(each)));
    const replies = [];
    for (const [i, each] of batch.entries()) {
      const reply = await this.#answerOne(each, calls[i], size);
      this.#flight.delete(calls[i]);
      if (reply) replies.push(reply);
    }
    if (replies.length) this.#write(Array.isArray(message) ? `[${replies.join(",")}]` : replies[0]);
  }

  /** The response as text; empty for a notification. */
  async #answerOne(message, call, size) {
    if (!isRequest(message)) return standard("request");
    const silent = !("id" in message);
    const id = JSON.stringify(message.id ?? null);
    if (message.method === "cancel") {
      this.#cancel(message.params);
      return silent ? "" : `{"jsonrpc":"2.0","result":null,"id":${id}}`;
    }
    if (!Object.hasOwn(RPCS, message.method)) return silent ? "" : standard("method", id);
    try {
      const result = await this.#call(message, call, size, silent ? "" : id);
      return silent ? "" : `{"jsonrpc":"2.0","result":${result},"id":${id}}`;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return silent ? "" : JSON.stringify(failed(error, message.id));
    }
  }

  /** The result in JSON. Events go out on the way, with the id. Throws Refusal. */
  async #call({ method, params = {} }, call, size, id) {
    const request = readParams(method, params, size);
    if (typeof params.timeout_us === "number") call.within(params.timeout_us);
    this.#session.begin();
    try {
      const result = this.#session.call(method, request, call);
      if (method !== "Apply") {
        const text = JSON.stringify(result);
        if (Buffer.byteLength(text) > MAX_MESSAGE) throw tooLarge(Buffer.byteLength(text));
        return text;
      }
      for (const event of result) {
        const named = `{"id":${id},"event":${JSON.stringify(event)}}`;
        const line = `{"jsonrpc":"2.0","method":"event","params":${named}}`;
        if (id && !this.#write(line)) await this.#room();
        await turn();
      }
      return "null";
    } finally {
      this.#session.end();
    }
  }

  #cancel(params) {
    const wanted = idOf(params);
    for (const [call, id] of this.#flight) if (wanted && id === wanted) call.cancelled = true;
  }

  /** All calls that write events wait for room by one listener. */
  async #room() {
    this.#drained ??= drained(this.#output, "close");
    await this.#drained;
    this.#drained = null;
  }

  #write(text) {
    return this.#output.write(`${text}\n`);
  }
}

/** The request in the params of a call (P-JSONRPC-2). Throws Refusal. */
function readParams(method, params, size) {
  if (Array.isArray(params)) throw new Unreadable("params", "not an object");
  const timeout = params.timeout_us ?? 0;
  if (!Number.isInteger(timeout)) {
    throw new Unreadable("timeout_us", "not an integer of microseconds");
  }
  if (!("request" in params)) throw new Unreadable("request", "missing");
  if (size > MAX_MESSAGE) {
    const alone = Buffer.byteLength(JSON.stringify(params.request));
    if (alone > MAX_MESSAGE) throw tooLarge(alone);
  }
  return read(RPCS[method].requestType, params.request, "");
}

function isRequest(message) {
  return (
    isObject(message) &&
    message.jsonrpc === "2.0" &&
    typeof message.method === "string" &&
    (!("params" in message) || isObject(message.params) || Array.isArray(message.params)) &&
    (!("id" in message) || isId(message.id))
  );
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

const isId = (id) => id === null || typeof id === "string" || Number.isFinite(id);

/** The id of a request, or of what `cancel` names, in JSON; empty if there is none. */
function idOf(message) {
  return isObject(message) && "id" in message && isId(message.id) ? JSON.stringify(message.id) : "";
}

/** The response of a call that failed (P-JSONRPC-5). */
function failed(refusal, id) {
  const { code, message, details } = refusal.status();
  const number = refusal instanceof Unreadable ? CODES.params : -32000 - code;
  const data = { code: refusal.code, details };
  return { jsonrpc: "2.0", error: { code: number, message, data }, id };
}

/** An error of JSON-RPC's own (P-JSONRPC-6). */
function standard(kind, id = "null") {
  const error = JSON.stringify({ code: CODES[kind], message: MESSAGES[kind] });
  return `{"jsonrpc":"2.0","error":${error},"id":${id}}`;
}

// The errors of the protocol: a code, a message and details (P-ERR).

export const NAME = "node";
export const VERSION = "1.0";
export const SERVICE = "/cronix.backend.v1.Backend/";
export const MAX_MESSAGE = 64 * 1024 * 1024; // P-LIMIT-1
export const MAX_CALLS = 128; // P-LIMIT-2
const MAX_TEXT = 8192; // P-ERR-3

export const CODES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** An error of the protocol. */
export class Refusal extends Error {
  constructor(code, message, details = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  /** The message Status, its texts bounded. */
  status() {
    const details = {};
    for (const [name, value] of Object.entries(this.details)) {
      details[name] = Array.isArray(value) ? value.map((text) => bounded(text)) : bounded(value);
    }
    return { code: CODES.indexOf(this.code), message: bounded(this.message), details };
  }
}

/** A request that is no such message (P-CODEC-3). path leads to the member. */
export class Unreadable extends Refusal {
  constructor(path, problem) {
    const message = path ? `${path}: ${problem}` : `not such a message: ${problem}`;
    super("INVALID_ARGUMENT", message, { reason: "UNREADABLE_REQUEST", path });
  }
}

/** The text, cut at the bound and without lone surrogates (P-ERR-3). */
export function bounded(text, bound = MAX_TEXT) {
  const whole = text.isWellFormed()
    ? text
    : text.replace(/\p{Surrogate}/gu, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
  const size = Buffer.byteLength(whole);
  if (size <= bound) return whole;
  const tail = `... (${size} bytes in all)`;
  const bytes = Buffer.from(whole);
  let end = bound - tail.length;
  while ((bytes[end] & 0xc0) === 0x80) end -= 1; // not within a code point
  return bytes.toString("utf8", 0, end) + tail;
}

export function invalid(path, reason, problem, details = {}) {
  return new Refusal("INVALID_ARGUMENT", `${path}: ${problem}`, { reason, path, ...details });
}

export function unknownMethod(name) {
  const details = { reason: "UNKNOWN_METHOD", got: name };
  return new Refusal("UNIMPLEMENTED", `unknown method ${name}`, details);
}

export function tooLarge(size) {
  const expected = `at most ${MAX_MESSAGE} bytes`;
  const details = { reason: "MESSAGE_TOO_LARGE", expected, got: String(size) };
  return new Refusal("RESOURCE_EXHAUSTED", `a message has ${size} bytes; ${expected}`, details);
}

export function tooManyCalls() {
  const problem = `${MAX_CALLS} calls are under way already`;
  return new Refusal("RESOURCE_EXHAUSTED", problem, { reason: "TOO_MANY_CALLS" });
}

export function noSecret() {
  return new Refusal("UNAUTHENTICATED", "the call lacks the secret", { reason: "SECRET" });
}

/** The error of a bug (P-ERR-5); the stack goes to the log (P-LOG-1). */
export function asRefusal(error) {
  if (error instanceof Refusal) return error;
  const line = { ts: Date.now() / 1000, level: "error", plugin: NAME, msg: "a bug" };
  console.error(JSON.stringify({ ...line, stack: String(error?.stack) }));
  const problem = `a bug in ${NAME} ${VERSION}: ${error}`;
  return new Refusal("INTERNAL", problem, { reason: "PANIC" });
}

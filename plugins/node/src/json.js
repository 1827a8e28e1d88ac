// JSON, strictly: UTF-8, no member twice in one object, and no integer with a fraction or an exponent.
// JSON.parse notices none of the three.

import { isUtf8 } from "node:buffer";
import { MAX_MESSAGE, Unreadable, tooLarge } from "./errors.js";
import { RPCS, read } from "./messages.js";

/** Parse bytes. Throws SyntaxError. */
export function parse(bytes) {
  if (!isUtf8(bytes)) throw new SyntaxError("not UTF-8");
  const text = bytes.toString();
  const value = JSON.parse(text);
  // Writing it again gives the same text only if no member was dropped.
  if (JSON.stringify(value) === text) return value;
  checkMembers(text);
  const marked = text.replace(NUMBERS, (token) => (isFloat(token) ? `[[${token}]]` : token));
  return marked === text ? value : JSON.parse(marked);
}

/** A text, which may hold anything, or a number. */
const NUMBERS = /"(?:[^"\\]|\\.)*"|-?[0-9][-+.eE0-9]*/g;

/**
 * Whether it is a number in a form that no integer has, such as 1.0 (P-CODEC-1).
 *
 * It comes to stand in two arrays, which nothing in the contract may be.
 */
const isFloat = (token) => token[0] !== '"' && /[.eE]/.test(token) && Number.isInteger(+token);

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

function checkMembers(text) {
  const objects = []; // of each open bracket: the members so far, null for an array
  let isKey = false;
  for (const [token] of text.matchAll(TOKENS)) {
    const members = objects.at(-1);
    if (token === "{" || token === "[") objects.push(token === "{" ? new Set() : null);
    else if (token === "}" || token === "]") objects.pop();
    else if (token !== "," && isKey) {
      const name = JSON.parse(token);
      if (members.has(name)) throw new SyntaxError("a member stands twice in one object");
      members.add(name);
    }
    isKey = token === "{" || (token === "," && members instanceof Set);
  }
}

/** The codec of P-CODEC-1. */
export const JSON_CODEC = {
  name: "json",

  decode(method, bytes) {
    let value;
    try {
      value = parse(bytes);
    } catch (error) {
      throw new Unreadable("", error.message);
    }
    return read(RPCS[method].requestType, value, "");
  },

  encode(method, reply) {
    return checked(Buffer.from(JSON.stringify(reply)));
  },

  encodeStatus(status) {
    return Buffer.from(JSON.stringify(status));
  },
};

/** The bytes of a reply. Throws MESSAGE_TOO_LARGE. */
export function checked(bytes) {
  if (bytes.length > MAX_MESSAGE) throw tooLarge(bytes.length);
  return bytes;
}

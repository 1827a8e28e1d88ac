// Messages as plain objects in the form of P-CODEC-1: checked, with every default filled in.
//
// The contract is backend.proto as data (see build.js). So this module knows no message by name but
// for the two things that backend.proto does not say: what absent enums are, and which messages may
// be absent (P-CODEC-4).

import contract from "../build/contract.mjs";
import { Unreadable } from "./errors.js";

const ABSENT_ENUMS = {
  Concurrency: "Forbid",
  ConcurrencyScope: "host",
  OpKind: "skip",
  ApplyEventKind: "started",
  DriftKind: "missing",
  AdoptOutcome: "not_found",
  Verdict: "owned",
};
const OPTIONAL = new Set([
  "ReadRequest.app",
  "Op.desired",
  "ApplyEvent.counts",
  "DriftItem.expected",
  "DriftItem.actual",
]);

const declared = contract.nested.cronix.nested.backend.nested.v1.nested;

/** The RPCs: {Read: {requestType, responseType, responseStream}, ...} */
export const RPCS = declared.Backend.methods;

const MESSAGES = {};
const ENUMS = {}; // of each enum: word to proto name, proto name to word
for (const [type, { fields, values }] of Object.entries(declared)) {
  if (values) ENUMS[type] = words(type, values);
  else if (fields) MESSAGES[type] = Object.entries(fields).map(([name, f]) => field(type, name, f));
}

function words(type, values) {
  const names = Object.keys(values);
  const prefix = names[0].slice(0, -"UNSPECIFIED".length);
  const found = { toName: new Map(), toWord: new Map([[names[0], ABSENT_ENUMS[type]]]) };
  for (const name of names.slice(1)) {
    const lower = name.slice(prefix.length).toLowerCase();
    const word = type === "Concurrency" ? lower[0].toUpperCase() + lower.slice(1) : lower;
    found.toName.set(word, name);
    found.toWord.set(name, word);
  }
  return found;
}

function field(type, name, { type: kind, rule, keyType }) {
  const repeated = rule === "repeated";
  return {
    name,
    kind: keyType ? "map" : kind,
    repeated,
    optional: OPTIONAL.has(`${type}.${name}`),
  };
}

function defaultOf({ kind, repeated, optional }) {
  if (optional) return null;
  if (repeated) return [];
  if (kind in MESSAGES) return read(kind, {}, "");
  if (kind in ENUMS) return ABSENT_ENUMS[kind];
  return { string: "", int32: 0, bool: false, map: {} }[kind];
}

/**
 * Check a parsed value and fill in defaults.
 *
 * named: enums are the names of backend.proto, or numbers where there is no name. Else they are
 * words.
 */
export function read(kind, value, path, named = false) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Unreadable(path, "not an object");
  }
  const message = {};
  for (const each of MESSAGES[kind]) {
    const given = Object.hasOwn(value, each.name) ? value[each.name] : undefined;
    const absent = given === undefined || (given === null && (each.optional || named));
    message[each.name] = absent
      ? defaultOf(each)
      : readField(each, given, path ? `${path}/${each.name}` : each.name, named);
  }
  return message;
}

function readField({ kind, repeated }, value, path, named) {
  if (!repeated) return readOne(kind, value, path, named);
  if (!Array.isArray(value)) throw new Unreadable(path, "not an array");
  return value.map((each, index) => readOne(kind, each, `${path}/${index}`, named));
}

function readOne(kind, value, path, named) {
  if (kind in MESSAGES) return read(kind, value, path, named);
  if (kind === "map") return readMap(value, path);
  if (kind in ENUMS) return readEnum(kind, value, path, named);
  const problem = problemOf(kind, value);
  if (problem) throw new Unreadable(path, problem);
  return value;
}

function readMap(value, path) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Unreadable(path, "not an object");
  }
  // No assignment of members: "__proto__" may be one.
  const pairs = Object.entries(value).map(([key, each]) => [
    readOne("string", key, path),
    readOne("string", each, `${path}/${key}`),
  ]);
  return Object.fromEntries(pairs);
}

function readEnum(kind, value, path, named) {
  const { toName, toWord } = ENUMS[kind];
  const word = named ? toWord.get(value) : toName.has(value) && value;
  if (!word) throw new Unreadable(path, `not one of ${[...toName.keys()].join(", ")}`);
  return word;
}

function problemOf(kind, value) {
  if (kind === "string") {
    if (typeof value !== "string") return "not a string";
    return value.isWellFormed() ? "" : "a lone surrogate";
  }
  if (kind === "bool") return typeof value === "boolean" ? "" : "not true or false";
  return Number.isInteger(value) && value === (value | 0) ? "" : "not an integer of 32 bits";
}

/** The message with the enum names of backend.proto. What is missing stays missing. */
export function withNames(kind, message) {
  const named = {};
  for (const { name, kind: each, repeated } of MESSAGES[kind]) {
    const value = message[name];
    if (value === undefined || value === null) continue;
    const convert = (one) => {
      if (each in MESSAGES) return withNames(each, one);
      return each in ENUMS ? ENUMS[each].toName.get(one) : one;
    };
    named[name] = repeated ? value.map(convert) : convert(value);
  }
  return named;
}

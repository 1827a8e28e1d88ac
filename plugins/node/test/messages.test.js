import assert from "node:assert/strict";
import { test } from "node:test";
import { bounded } from "../src/errors.js";
import { JSON_CODEC, parse } from "../src/json.js";
import { Lines } from "../src/jsonrpc.js";
import { PROTOBUF_CODEC } from "../src/protobuf.js";

const unreadable = (codec, method, bytes, path) =>
  assert.throws(() => codec.decode(method, Buffer.from(bytes)), {
    code: "INVALID_ARGUMENT",
    details: { reason: "UNREADABLE_REQUEST", path },
  });

test("absent members have their defaults, on both codecs", () => {
  const plan = { app: "", jobs: [], allow_empty: false };
  assert.deepEqual(JSON_CODEC.decode("Plan", Buffer.from("{}")), plan);
  assert.deepEqual(PROTOBUF_CODEC.decode("Plan", Buffer.alloc(0)), plan);
  const { ops } = PROTOBUF_CODEC.decode("Apply", Buffer.from("0a021200", "hex")).plan;
  assert.equal(ops[0].kind, "skip");
  assert.equal(ops[0].desired, null);
});

test("absent and empty differ", () => {
  assert.deepEqual(PROTOBUF_CODEC.decode("Read", Buffer.alloc(0)), { app: null });
  assert.deepEqual(PROTOBUF_CODEC.decode("Read", Buffer.from("0a00", "hex")), { app: "" });
  assert.deepEqual(JSON_CODEC.decode("Read", Buffer.from('{"app":null}')), { app: null });
});

test("what is no such message is unreadable", () => {
  unreadable(JSON_CODEC, "Read", '{"app":7}', "app");
  unreadable(JSON_CODEC, "Plan", '{"jobs":[{"hashes":[1]}]}', "jobs/0/hashes/0");
  unreadable(
    JSON_CODEC,
    "OpenSession",
    '{"protocol_versions":[2147483648]}',
    "protocol_versions/0",
  );
  unreadable(JSON_CODEC, "Read", '{"app":"\\ud800"}', "app");
  unreadable(JSON_CODEC, "Apply", '{"plan":{"ops":[{"kind":"SKIP"}]}}', "plan/ops/0/kind");
  unreadable(PROTOBUF_CODEC, "Read", [0x0a, 1, 0xff], ""); // not UTF-8
  unreadable(PROTOBUF_CODEC, "Read", [0x0a, 9, 0x61], ""); // cut short
  unreadable(PROTOBUF_CODEC, "Apply", [0x0a, 4, 0x12, 2, 0x08, 9], "plan/ops/0/kind");
});

test("a map keeps any key", () => {
  const text = '{"config":{"__proto__":"a","constructor":"b","1":"c"}}';
  const { config } = JSON_CODEC.decode("OpenSession", Buffer.from(text));
  assert.deepEqual(Object.keys(config).sort(), ["1", "__proto__", "constructor"]);
});

test("a member that stands twice is no JSON, an equal text elsewhere is", () => {
  for (const text of ['{"a":1,"a":1}', '[{"b":{"a":1,"\\u0061":2}}]', '{"a":"{", "a":[]}']) {
    assert.throws(() => parse(Buffer.from(text)), SyntaxError);
  }
  const text = '{ "a": ["a", "a", {"a": "a"}], "b": {"a": ":"} }';
  assert.deepEqual(parse(Buffer.from(text)), JSON.parse(text));
  assert.throws(() => parse(Buffer.from([0x22, 0xff, 0x22])), SyntaxError);
});

test("an error's text is cut between two code points", () => {
  const text = bounded("é".repeat(8192));
  assert.ok(Buffer.byteLength(text) <= 8192);
  assert.match(text, /^é+\.\.\. \(16384 bytes in all\)$/);
  assert.equal(bounded("a\ud800"), "a\\ud800");
});

test("lines come whole, however they are cut", () => {
  const lines = new Lines();
  const found = [...Buffer.from("ab\n\ncd\ne")].flatMap((byte) => [
    ...lines.feed(Buffer.from([byte])),
  ]);
  assert.deepEqual(found.map(String), ["ab", "", "cd"]);
});

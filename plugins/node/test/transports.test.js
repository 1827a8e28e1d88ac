import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { encoded } from "../src/protobuf.js";
import { Plugin, SECRET } from "./plugin.js";

const message = (rpc, request) => encoded(`${rpc}Request`, request);

async function withPlugin(transport, use) {
  const plugin = await Plugin.start(transport);
  try {
    if (transport !== "jsonrpc") assert.equal(statSync(plugin.path).mode & 0o777, 0o600);
    await use(plugin);
  } finally {
    assert.equal(await plugin.stop(), 0);
  }
  if (transport !== "jsonrpc") assert.ok(!existsSync(dirname(plugin.path)));
}

test("JSON-RPC: each line has its error", () =>
  withPlugin("jsonrpc", async (plugin) => {
    const call = (params, id) => JSON.stringify({ jsonrpc: "2.0", method: "Read", params, id });
    const lines = [
      ["{", -32700, null],
      ['{"jsonrpc":"2.0","method":"Read","id":1,"id":2}', -32700, null],
      ["[]", -32600, null],
      ["1", -32600, null],
      ['{"jsonrpc":"2.0","method":"Read","id":1e400}', -32600, null],
      ['{"jsonrpc":"2.0","method":"toString","id":1.5}', -32601, 1.5],
      [call([], "a"), -32602, "a"],
      [call({ request: { app: "\ud800" } }, 2), -32602, 2],
      [call({ request: {} }, 3), -32009, 3],
      [call({ request: {}, timeout_us: 0 }, 4), -32004, 4],
      [`[${Array(129).fill("1")}]`, -32008, null],
    ];
    for (const [line, code, id] of lines) {
      plugin.process.stdin.write(`${line}\r\n`);
      const answer = JSON.parse(await plugin.line());
      assert.deepEqual([answer.error.code, answer.id], [code, id], line);
    }
    plugin.process.stdin.write(`\n[${call({ request: {} }, "x")},7]\n`);
    const batch = JSON.parse(await plugin.line());
    assert.deepEqual(
      batch.map(({ id }) => id),
      ["x", null],
    );
  }));

test("HTTP: what is no call is refused and the connection closed", () =>
  withPlugin("http", async (plugin) => {
    const lines = (...parts) => [...parts, "", ""].join("\r\n");
    const post = "POST /cronix.backend.v1.Backend/Read HTTP/1.1\r\nHost: localhost";
    const [known, json] = [`Cronix-Secret: ${SECRET}`, "Content-Type: application/json"];
    const [length, chunked] = ["Content-Length: 2", "Transfer-Encoding: chunked"];
    const refused = [
      [lines("hello"), 400],
      [lines("POST / HTTP/1.0"), 505],
      [lines(`POST /${"x".repeat(70000)} HTTP/1.1`), 431],
      [lines(post, json, length) + "{}", 401],
      [lines(post, json, length, known, known) + "{}", 401],
      [lines("GET / HTTP/1.1\r\nHost: localhost", known), 405],
      [lines(post, known, "Content-Type: text/plain", length) + "{}", 415],
      [lines(post, known, json), 411],
      [lines(post, known, json, "Content-Length: 67108865"), 413],
      [lines(post, known, json, length, chunked), 400],
      [lines(post, known, json, chunked) + "zz\r\n", 400],
    ];
    for (const [bytes, status] of refused) {
      const answer = await plugin.exchange(bytes);
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), bytes.slice(0, 200));
      assert.match(answer, /\r\nConnection: close\r\n/);
      assert.equal(JSON.parse(answer.split("\r\n\r\n")[1]).status, status);
    }
    const body = "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
    const calls = lines(post, known, json, chunked) + body + lines("GET / HTTP/1.1", known);
    assert.match(await plugin.exchange(calls), /SESSION_NOT_OPEN/);
  }));

test("gRPC: each error has its Status in the trailer", () =>
  withPlugin("grpc", async (plugin) => {
    const read = message("Read", {});
    const ends = async (code, ...call) => {
      const { end } = await plugin.call(...call);
      assert.equal(end["grpc-status"], String(code));
      return end;
    };
    assert.ok((await ends(9, "Read", read))["cronix-status-bin"]);
    assert.ok((await ends(16, "Read", read, { secret: "x" }))["cronix-status-bin"]);
    await ends(12, "Levitate", read);
    await ends(12, "Read", read, { headers: { "cronix-codec": "cbor" } });
    await ends(0, "OpenSession", message("OpenSession", { protocol_versions: [1] }));
    await ends(3, "Read", Buffer.from([0x0a, 1, 0xff]));
    await ends(4, "Read", read, { headers: { "grpc-timeout": "0m" } });
    const long = { app: "web", jobs: [{ job: { name: "é".repeat(20000) } }] };
    const end = await ends(3, "Plan", message("Plan", long));
    assert.ok(end["grpc-message"].length <= 1024);
    assert.ok(end["cronix-status-bin"].length > 8192);
    await ends(0, "Read", Buffer.from("{}"), { headers: { "cronix-codec": "json" } });
  }));

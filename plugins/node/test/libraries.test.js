// What the libraries do where the protocol depends on them. docs/languages.md tells it.

import assert from "node:assert/strict";
import { mkdtempSync, existsSync, rmSync, statSync } from "node:fs";
import http2 from "node:http2";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import grpc from "@grpc/grpc-js";
import protobuf from "protobufjs/light.js";
import contract from "../build/contract.mjs";

const asItIs = (bytes) => bytes;
const METHOD = {
  path: "/test.Test/Call",
  requestStream: false,
  responseStream: false,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
};

const folder = mkdtempSync(join(tmpdir(), "node-test-"));
after(() => rmSync(folder, { recursive: true }));

let sockets = 0;
const newPath = () => join(folder, `s${(sockets += 1)}`);

/** Serve the handler, and let use(path, call) call it. call resolves to an error or {reply}. */
async function withServer(handler, use, options = {}) {
  const path = newPath();
  const server = new grpc.Server(options);
  server.addService({ Call: METHOD }, { Call: handler });
  await new Promise((resolve, reject) => {
    const done = (error) => (error ? reject(error) : resolve());
    server.bindAsync(`unix:${path}`, grpc.ServerCredentials.createInsecure(), done);
  });
  const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure());
  const call = (bytes, metadata = new grpc.Metadata(), limits = {}) =>
    new Promise((resolve) => {
      const done = (error, reply) => resolve(error ?? { reply });
      client.makeUnaryRequest(METHOD.path, asItIs, asItIs, bytes, metadata, limits, done);
    });
  try {
    await use(path, call);
  } finally {
    client.close();
    server.forceShutdown();
  }
  return path;
}

const empty = Buffer.alloc(0);

test("a socket has the mode of the umask, and is removed when its server is closed", async () => {
  const before = process.umask(0o177);
  const path = await withServer(
    (call, done) => done(null, empty),
    async (path) => assert.equal(statSync(path).mode & 0o777, 0o600),
  );
  process.umask(before);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(!existsSync(path));
});

test("a path that is too long is cut in silence: the socket is elsewhere", async () => {
  const path = newPath().padEnd(120, "x");
  const server = createServer();
  await new Promise((resolve) => server.listen(path, resolve));
  assert.ok(!existsSync(path));
  assert.ok(existsSync(path.slice(0, 108)));
  await new Promise((resolve) => server.close(resolve));
  assert.ok(existsSync(path.slice(0, 108)), "and it is not removed");
  rmSync(path.slice(0, 108));
});

test("a client sends localhost as :authority, and a server refuses a path there", () =>
  withServer(
    (call, done) => done(null, Buffer.from(call.getHost())),
    async (path, call) => {
      assert.equal(String((await call(empty)).reply), "localhost");
      for (const authority of ["/tmp/a.sock", "%2Ftmp%2Fa.sock"]) {
        const session = http2.connect("http://localhost", {
          createConnection: () => connect(path),
        });
        const stream = session.request({
          ":method": "POST",
          ":authority": authority,
          ":path": METHOD.path,
          "content-type": "application/grpc",
        });
        stream.end(Buffer.alloc(5));
        const end = await new Promise((resolve) => {
          stream.on("error", (error) => resolve(error.message));
          stream.on("response", (headers) => resolve(headers[":status"]));
        });
        const slash = authority.startsWith("/");
        assert.match(String(end), slash ? /NGHTTP2_PROTOCOL_ERROR/ : /200/);
        session.destroy();
      }
    },
  ));

test("-bin trailers arrive whole, and the message without a bound", () =>
  withServer(
    (call, done) => {
      const metadata = new grpc.Metadata();
      metadata.set("x-bin", Buffer.alloc(32 * 1024, 0xff));
      done({ code: 9, details: "é\n%".repeat(1000), metadata });
    },
    async (path, call) => {
      const error = await call(empty);
      assert.equal(error.details, "é\n%".repeat(1000));
      assert.deepEqual(error.metadata.get("x-bin"), [Buffer.alloc(32 * 1024, 0xff)]);
    },
  ));

test("a server takes 4 MiB, and more if it is told so", async () => {
  const size = 4 * 1024 * 1024 + 1;
  const echo = (call, done) => done(null, Buffer.from(String(call.request.length)));
  await withServer(echo, async (path, call) => {
    assert.equal((await call(Buffer.alloc(size))).code, grpc.status.RESOURCE_EXHAUSTED);
  });
  const more = { "grpc.max_receive_message_length": size };
  await withServer(
    echo,
    async (path, call) => assert.equal(String((await call(Buffer.alloc(size))).reply), `${size}`),
    more,
  );
});

test("a deadline ends a call that the handler does not answer", () =>
  withServer(
    () => {},
    async (path, call) => {
      const error = await call(empty, new grpc.Metadata(), { deadline: Date.now() + 50 });
      assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
    },
  ));

test("an interceptor answers before the message is read", async () => {
  let handled = false;
  const refuse = (_method, call) => {
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata(() => call.sendStatus({ code: 16, details: "no" }))
      .build();
    const responder = new grpc.ResponderBuilder().withStart((next) => next(listener)).build();
    return new grpc.ServerInterceptingCall(call, responder);
  };
  await withServer(
    () => (handled = true),
    async (path, call) => assert.equal((await call(Buffer.alloc(1024))).code, 16),
    { interceptors: [refuse] },
  );
  assert.equal(handled, false);
});

const root = protobuf.Root.fromJSON(contract);
const decoded = (name, ...bytes) =>
  root.lookupType(`cronix.backend.v1.${name}`).decode(Buffer.from(bytes)).toJSON();

test("protobuf.js takes unknown enum numbers, what is not UTF-8, and a text that is cut", () => {
  assert.deepEqual(decoded("Op", 0x08, 9), { kind: 9 });
  assert.deepEqual(decoded("ReadRequest", 0x0a, 1, 0xff), { app: "\ufffd" });
  assert.deepEqual(decoded("ReadRequest", 0x0a, 9, 0x61), { app: "a" });
});

test("JSON.parse keeps the last of two members, and takes 1.0 as an integer", () => {
  assert.deepEqual(JSON.parse('{"a":1,"a":2}'), { a: 2 });
  assert.ok(Number.isInteger(JSON.parse("1.0")));
});

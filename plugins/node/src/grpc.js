// gRPC on the Unix socket, by @grpc/grpc-js (P-GRPC).
//
// The library hands bytes through: the codec is the call's own, and errors in it are the protocol's.

import { createServer } from "node:net";
import grpc from "@grpc/grpc-js";
import { CODES, MAX_MESSAGE, Refusal, SERVICE, asRefusal, noSecret } from "./errors.js";
import { JSON_CODEC } from "./json.js";
import { RPCS } from "./messages.js";
import { PROTOBUF_CODEC } from "./protobuf.js";
import { Call, drained, turn } from "./session.js";
import { Strangers, listen, secretCheck } from "./socket.js";

const MAX_GRPC_MESSAGE = 1024; // P-GRPC-3
const CODECS = { protobuf: PROTOBUF_CODEC, json: JSON_CODEC };

const asItIs = (bytes) => bytes;
const DEFINITION = Object.fromEntries(
  Object.entries(RPCS).map(([name, { responseStream = false }]) => [
    name,
    {
      path: SERVICE + name,
      requestStream: false,
      responseStream,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
    },
  ]),
);

/** Listen; resolves when it can be called. */
export async function serve(session, path, secret) {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.max_send_message_length": MAX_MESSAGE,
    interceptors: [authentication(secretCheck(secret))],
  });
  const handlers = Object.keys(RPCS).map((method) => {
    const serves = RPCS[method].responseStream ? stream : unary;
    return [method, serves(session, method)];
  });
  server.addService(DEFINITION, Object.fromEntries(handlers));

  // The library takes connections that begin to speak; the others have to (P-AUTH-4).
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const strangers = new Strangers();
  const listener = createServer({ pauseOnConnect: true }, (socket) => {
    strangers.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("readable", () => {
      strangers.remove(socket);
      injector.injectConnection(socket);
    });
  });
  await listen(listener, path);
}

/** Refuses a call without the secret before its message is taken (P-AUTH-2). */
function authentication(isKnown) {
  return (_method, call) => {
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        if (isKnown(metadata.get("cronix-secret"))) next(metadata);
        else call.sendStatus(failure(noSecret(), metadata));
      })
      .build();
    const responder = new grpc.ResponderBuilder().withStart((next) => next(listener)).build();
    return new grpc.ServerInterceptingCall(call, responder);
  };
}

/** A call with its deadline, which the library ends as well, but not before it has begun. */
function begun(rpc) {
  const call = new Call();
  const left = Number(rpc.getDeadline()) - Date.now();
  if (left < Infinity) call.within(left * 1000);
  return call;
}

/** The codec of a call, and its message read (P-GRPC-2). Throws Refusal. */
function received(method, { metadata, request }) {
  const named = metadata.get("cronix-codec");
  if (named.length > 1 || (named.length && !Object.hasOwn(CODECS, named[0]))) {
    const problem = `unknown codec ${named}`;
    throw new Refusal("UNIMPLEMENTED", problem, { reason: "UNKNOWN_CODEC", got: String(named) });
  }
  const codec = CODECS[named[0] ?? "protobuf"];
  return [codec, codec.decode(method, request)];
}

function unary(session, method) {
  return (rpc, callback) => {
    const call = begun(rpc);
    try {
      const [codec, request] = received(method, rpc);
      session.begin();
      try {
        callback(null, codec.encode(method, session.call(method, request, call)));
      } finally {
        session.end();
      }
    } catch (error) {
      callback(failure(asRefusal(error), rpc.metadata));
    }
  };
}

function stream(session, method) {
  return async (rpc) => {
    const call = begun(rpc);
    rpc.on("cancelled", () => {
      call.cancelled = true;
    });
    try {
      const [codec, request] = received(method, rpc);
      session.begin();
      try {
        for (const event of session.call(method, request, call)) {
          const room = rpc.write(codec.encode(method, event));
          if (!room && !rpc.cancelled) await drained(rpc, "cancelled");
          await turn();
        }
      } finally {
        session.end();
      }
      rpc.end();
    } catch (error) {
      rpc.emit("error", failure(asRefusal(error), rpc.metadata));
    }
  };
}

/** An error as the library takes it, with the whole Status in a trailer (P-GRPC-3). */
function failure(refusal, requestMetadata) {
  const [named] = requestMetadata.get("cronix-codec");
  const codec = named === "json" ? JSON_CODEC : PROTOBUF_CODEC;
  const status = refusal.status();
  const metadata = new grpc.Metadata();
  metadata.set("cronix-status-bin", codec.encodeStatus(status));
  return { code: CODES.indexOf(refusal.code), details: fitting(status.message), metadata };
}

/** The text, cut so that it fits into grpc-message, which is percent-encoded. */
function fitting(text) {
  let [fits, size] = ["", 0];
  for (const character of text) {
    size += encodeURI(character).length;
    if (size > MAX_GRPC_MESSAGE) break;
    fits += character;
  }
  return fits;
}

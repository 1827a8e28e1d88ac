// Protobuf, by protobuf.js.
//
// @grpc/proto-loader does the same with it, and makes a descriptor of each message besides: 25 ms of
// a start.

import { isUtf8 } from "node:buffer";
import protobuf from "protobufjs/light.js";
import contract from "../build/contract.mjs";
import { Unreadable } from "./errors.js";
import { checked } from "./json.js";
import { RPCS, read, withNames } from "./messages.js";

const root = protobuf.Root.fromJSON(contract);
const typeOf = (name) => root.lookupType(`cronix.backend.v1.${name}`);

/** protobuf.js puts U+FFFD for what is not UTF-8, and takes a text that is cut short. */
class StrictReader extends protobuf.BufferReader {
  string() {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw new Error("a text is not UTF-8");
    return bytes.toString();
  }
}

export const PROTOBUF_CODEC = {
  name: "protobuf",

  decode(method, bytes) {
    const type = typeOf(RPCS[method].requestType);
    let value;
    try {
      value = type.toObject(type.decode(new StrictReader(bytes)), { enums: String });
    } catch (error) {
      throw new Unreadable("", error.message);
    }
    return read(type.name, value, "", true);
  },

  encode(method, reply) {
    const { responseType } = RPCS[method];
    return checked(encoded(responseType, withNames(responseType, reply)));
  },

  encodeStatus(status) {
    return encoded("Status", status);
  },
};

/** Encode a message with the enum names of backend.proto. */
export function encoded(name, message) {
  const type = typeOf(name);
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

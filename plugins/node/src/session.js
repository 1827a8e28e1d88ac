// The one session of this process: which call may come when, and what ends one early (P-SESSION).

import { MAX_CALLS, NAME, Refusal, VERSION, asRefusal, invalid, tooManyCalls } from "./errors.js";
import { Store } from "./store.js";

const CAPABILITIES = ["read", "plan", "apply", "drift", "prune", "adopt", "verify-ownership"];

/** A call under way: its deadline, and whether its host has cancelled it. */
export class Call {
  cancelled = false;
  #deadline = Infinity;

  /** Start the deadline's clock (P-DEADLINE-1). */
  within(timeoutUs) {
    this.#deadline = performance.now() + timeoutUs / 1000;
  }

  /** Throw if the call is to end (P-DEADLINE-2, P-CANCEL-2). */
  check() {
    if (this.cancelled) throw new Refusal("CANCELLED", "the call was cancelled");
    if (performance.now() >= this.#deadline) {
      const problem = "the deadline passed before the call was done";
      throw new Refusal("DEADLINE_EXCEEDED", problem);
    }
  }
}

export class Session {
  #state = "NOT_OPEN";
  #store = new Store();
  #running = 0;

  /** Begin to count a call; end() must follow. Throws TOO_MANY_CALLS. */
  begin() {
    if (this.#running === MAX_CALLS) throw tooManyCalls();
    this.#running += 1;
  }

  end() {
    this.#running -= 1;
  }

  /** The reply, or for Apply an iterator of events. Throws Refusal alone. */
  call(method, request, call) {
    try {
      call.check();
      if (method === "OpenSession") return this.#open(request);
      this.#expect("OPEN");
      if (method === "CloseSession") {
        this.#state = "CLOSED";
        return {};
      }
      const result = this.#store[method[0].toLowerCase() + method.slice(1)](request, call);
      return method === "Apply" ? events(result) : result;
    } catch (error) {
      throw asRefusal(error);
    }
  }

  #expect(state) {
    if (this.#state === state) return;
    const problem = `the session is ${this.#state.toLowerCase().replace("_", " ")}`;
    throw new Refusal("FAILED_PRECONDITION", problem, { reason: `SESSION_${this.#state}` });
  }

  #open(request) {
    this.#expect("NOT_OPEN");
    const versions = [...new Set(request.protocol_versions)].sort((left, right) => left - right);
    if (!versions.includes(1)) {
      const got = `{${versions.join(",")}}`;
      const action = `install a newer ${(versions.at(-1) ?? 0) > 1 ? "plugin" : "host"}`;
      const details = { reason: "PROTOCOL_VERSION", expected: "{1}", got, action };
      const problem = `the plugin speaks protocol {1}, the host ${got}`;
      throw new Refusal("FAILED_PRECONDITION", problem, details);
    }
    const missing = request.required_capabilities.find((name) => !CAPABILITIES.includes(name));
    if (missing !== undefined) {
      const problem = `the plugin does not have the capability "${missing}"`;
      throw new Refusal("FAILED_PRECONDITION", problem, { reason: "CAPABILITY", got: missing });
    }
    for (const key of Object.keys(request.config)) {
      throw invalid(`config/${key}`, "UNKNOWN_CONFIG", "this plugin has no configuration");
    }
    this.#state = "OPEN";
    return {
      protocol_version: 1,
      plugin_name: NAME,
      plugin_version: VERSION,
      capabilities: CAPABILITIES,
    };
  }
}

function* events(iterator) {
  try {
    yield* iterator;
  } catch (error) {
    throw asRefusal(error);
  }
}

/** Let other calls and cancellations in: between the ops of an Apply. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Wait until a stream has room again, or has ended by the other event. */
export function drained(stream, end) {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done);
      stream.off(end, done);
      resolve();
    };
    stream.on("drain", done);
    stream.on(end, done);
  });
}

// Entries in memory, and the seven operations over them (P-READ to P-VERIFY).
//
// Nobody else writes to this memory. So no entry is without a mark, a copy, or unable to run, and
// nothing changes while an operation runs. Apply gives way between its ops, so it looks again.

import { createHash } from "node:crypto";
import { meaning } from "./cron.js";
import { Refusal, invalid } from "./errors.js";

const NAME_FORM = "[a-z][a-z0-9-]{0,62}";
const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const HASH = /^[0-9a-f]{1,64}$/;
const MAX_SCHEDULES = 64;
const OP_ORDER = ["delete", "update", "create", "skip"]; // P-PLAN-3
const CONTENT = ["app", "job", "index", "hash", "command"];

/** What entries are compared by: all but the location, and schedules by when they fire. */
const content = (entry) =>
  JSON.stringify([...CONTENT.map((name) => entry[name]), meaning(entry.schedule)]);

const sameEntry = (left, right) =>
  CONTENT.every((name) => left[name] === right[name]) &&
  (left.schedule === right.schedule || meaning(left.schedule) === meaning(right.schedule));

const same = (left, right) =>
  left.length === right.length && left.every((entry, i) => sameEntry(entry, right[i]));

const byText = (left, right) => (left < right ? -1 : Number(left > right));

/** A job in this store's terms: one entry a schedule, each as it is written. */
function express(app, { job, hashes }) {
  return job.schedules.map((schedule, index) => ({
    app,
    job: job.name,
    index,
    hash: hashes[index],
    schedule,
    command: `memory ${app}.${job.name}`,
    location: "",
  }));
}

function checkName(path, name) {
  if (NAME.test(name)) return;
  const problem = `"${name}" is not a name (${NAME_FORM})`;
  throw invalid(path, "INVALID_NAME", problem, { expected: NAME_FORM, got: name });
}

/** The entries of one desired job, checked (P-PLAN-2). */
function checkedJob(app, desired, path) {
  checkName(`${path}/job/name`, desired.job.name);
  const [count, hashes] = [desired.job.schedules.length, desired.hashes];
  if (count < 1 || count > MAX_SCHEDULES) {
    const expected = `1 to ${MAX_SCHEDULES}`;
    const problem = `${count} schedules; a job has ${expected}`;
    const details = { expected, got: String(count) };
    throw invalid(`${path}/job/schedules`, "SCHEDULE_COUNT", problem, details);
  }
  if (hashes.length !== count) {
    const details = { expected: String(count), got: String(hashes.length) };
    const problem = `${hashes.length} hashes for ${count} schedules`;
    throw invalid(`${path}/hashes`, "HASH_COUNT", problem, details);
  }
  const wrong = hashes.findIndex((hash) => !HASH.test(hash));
  if (wrong >= 0) {
    const details = { expected: "1 to 64 lower-case hex digits", got: hashes[wrong] };
    const problem = `"${hashes[wrong]}" is not a hash`;
    throw invalid(`${path}/hashes/${wrong}`, "INVALID_HASH", problem, details);
  }
  return express(app, desired);
}

/** The entries of all desired jobs, by job. */
function checkedJobs({ app, jobs }) {
  const wanted = new Map();
  if (jobs.length) checkName("app", app);
  jobs.forEach((desired, position) => {
    const { name } = desired.job;
    if (wanted.has(name)) {
      const problem = `job "${name}" is there twice`;
      throw invalid(`jobs/${position}/job/name`, "DUPLICATE_JOB", problem, { got: name });
    }
    wanted.set(name, checkedJob(app, desired, `jobs/${position}`));
  });
  return wanted;
}

/** Refuse what would remove every entry of the app, unless on purpose (P-PLAN-6, P-PRUNE-2). */
function checkNotEmpty(request, member, reason) {
  if (request[member].length || request.allow_empty) return;
  const problem =
    "empty, which would remove every entry of the app; allow_empty says so on purpose";
  throw invalid(member, reason, problem, { expected: "at least one, or allow_empty" });
}

/** See P-PLAN-5. */
function stateDigest(present) {
  const state = createHash("sha256");
  for (const entries of present.values()) for (const entry of entries) state.update(content(entry));
  return state.digest("hex");
}

const MEMBERS = {
  // whether an op of each kind has before, after, desired (P-PLAN-4)
  delete: [true, false, false],
  update: [true, true, true],
  create: [false, true, true],
  skip: [false, false, false],
};

const mismatch = (path, problem, details) => invalid(path, "PLAN_MISMATCH", problem, details);

/** Throw INVALID_ARGUMENT for a plan that Plan would never have made (P-APPLY-1). */
function checkPlan({ app, ops }) {
  const seen = new Set();
  if (ops.length) checkName("plan/app", app);
  ops.forEach((op, position) => {
    const path = `plan/ops/${position}`;
    if (seen.has(op.job)) {
      const problem = `job "${op.job}" is there twice`;
      throw invalid(`${path}/job`, "DUPLICATE_JOB", problem, { got: op.job });
    }
    seen.add(op.job);
    const found = [op.before.length > 0, op.after.length > 0, op.desired !== null];
    MEMBERS[op.kind].forEach((wanted, i) => {
      if (found[i] === wanted) return;
      const problem = `an op that is ${op.kind} ${wanted ? "has" : "does not have"} this member`;
      throw mismatch(`${path}/${["before", "after", "desired"][i]}`, problem);
    });
    if (op.desired === null) return;
    const { name } = op.desired.job;
    if (name !== op.job) {
      const details = { expected: op.job, got: name };
      throw mismatch(`${path}/desired/job/name`, "the op is for another job", details);
    }
    if (!same(op.after, checkedJob(app, op.desired, `${path}/desired`))) {
      throw mismatch(`${path}/after`, "the entries are not those of the desired job");
    }
  });
}

function changed(path, expected, got) {
  const details = { reason: "STATE_CHANGED", path, expected, got, action: "plan again" };
  return new Refusal("ABORTED", "the entries have changed since the plan was made", details);
}

/** At most one entry, for people. */
const described = (entry) =>
  entry ? `${entry.schedule} ${entry.command} (hash ${entry.hash})` : "";

/** The entries of each app: by job, sorted. */
export class Store {
  #apps = new Map();

  read({ app }) {
    const apps = app === null ? [...this.#apps.keys()].sort(byText) : [app];
    const entries = apps.flatMap((each) => [...this.#owned(each).values()].flat());
    return { entries, malformed: [] };
  }

  plan(request) {
    checkNotEmpty(request, "jobs", "EMPTY_DESIRED");
    const [wanted, present] = [checkedJobs(request), this.#owned(request.app)];
    const ops = [];
    for (const [job, before] of present) {
      if (!wanted.has(job)) ops.push({ kind: "delete", job, before, after: [], desired: null });
    }
    for (const desired of request.jobs) {
      const job = desired.job.name;
      const [before, after] = [present.get(job) ?? [], wanted.get(job)];
      if (same(before, after))
        ops.push({ kind: "skip", job, before: [], after: [], desired: null });
      else ops.push({ kind: before.length ? "update" : "create", job, before, after, desired });
    }
    const rank = (op) => OP_ORDER.indexOf(op.kind);
    ops.sort((left, right) => rank(left) - rank(right) || byText(left.job, right.job));
    return { app: request.app, ops, state_digest: stateDigest(present), warnings: [] };
  }

  /** Check the whole plan, then do one op after the other; a generator of events (P-APPLY). */
  *apply({ plan }, call) {
    checkPlan(plan);
    const work = [...plan.ops.entries()].filter(([, op]) => op.kind !== "skip");
    const jobs = work.map(([, op]) => op.job);
    let [done, tried] = [0, 0];
    try {
      this.#checkState(plan);
      for (const [index, op] of work) {
        call.check();
        const event = { op_index: index, op_kind: op.kind, job: op.job };
        yield { kind: "started", ...event };
        tried = done + 1;
        this.#replace(plan.app, op);
        done = tried;
        yield { kind: "done", ...event };
      }
    } catch (error) {
      // P-APPLY-5
      const [applied, failed] = [jobs.slice(0, done), jobs.slice(done, tried)];
      Object.assign(error.details ?? {}, { applied, failed, unattempted: jobs.slice(tried) });
      throw error;
    }
    const count = (kind) => plan.ops.filter((op) => op.kind === kind).length;
    const [deleted, updated, created, skipped] = OP_ORDER.map(count);
    yield { kind: "finished", counts: { deleted, updated, created, skipped } };
  }

  drift(request) {
    const [wanted, present] = [checkedJobs(request), this.#owned(request.app)];
    const items = [];
    for (const job of [...new Set([...wanted.keys(), ...present.keys()])].sort(byText)) {
      const [should, there] = [wanted.get(job) ?? [], present.get(job) ?? []];
      for (let index = 0; index < Math.max(should.length, there.length); index += 1) {
        const [expected, actual] = [should[index] ?? null, there[index] ?? null];
        if (expected && actual && sameEntry(expected, actual)) continue;
        const kind = !actual ? "missing" : expected ? "modified" : "orphan";
        items.push({ kind, app: request.app, job, index, expected, actual });
      }
    }
    return { items };
  }

  prune(request) {
    checkNotEmpty(request, "keep", "EMPTY_KEEP");
    const gone = [...this.#owned(request.app)].filter(([job]) => !request.keep.includes(job));
    if (!request.dry_run) for (const [job] of gone) this.#apps.get(request.app).delete(job);
    return { removed: gone.flatMap(([, entries]) => entries) };
  }

  /** There are no entries without a mark to adopt. */
  adopt(request) {
    checkName("app", request.app);
    const wanted = checkedJob(request.app, request.job, "job");
    const owned = this.#owned(request.app).get(request.job.job.name) ?? [];
    if (!owned.length) return { outcome: "not_found", differences: [], entries: [] };
    if (same(owned, wanted)) {
      return { outcome: "already_managed", differences: [], entries: owned };
    }
    const differences = [];
    for (let index = 0; index < Math.max(owned.length, wanted.length); index += 1) {
      const [should, there] = [wanted[index], owned[index]];
      if (should && there && sameEntry(should, there)) continue;
      const [expected, got] = [described(should), described(there)];
      differences.push({ index: should ? index : -1, expected, got, location: "" });
    }
    return { outcome: "diverged", differences, entries: [] };
  }

  verifyOwnership(request) {
    const wanted = checkedJobs(request);
    const items = [...this.#owned(request.app).values()].flat().map((entry) => {
      const desired = wanted.get(entry.job);
      if (!desired) return { verdict: "abandoned", entry, reason: "its job is not desired" };
      const made = desired[entry.index];
      if (made?.hash === entry.hash && !sameEntry(made, entry)) {
        return { verdict: "tampered", entry, reason: `the hash stands for ${described(made)}` };
      }
      return { verdict: "owned", entry, reason: "" };
    });
    return { items, warnings: [] };
  }

  /** The entries of an app's jobs, by job, in order. */
  #owned(app) {
    const jobs = this.#apps.get(app) ?? new Map();
    return new Map([...jobs].sort(([left], [right]) => byText(left, right)));
  }

  /** Throw unless the state is what the plan was made from (P-APPLY-2). */
  #checkState(plan) {
    const present = this.#owned(plan.app);
    const digest = stateDigest(present);
    if (digest !== plan.state_digest) {
      throw changed("plan/state_digest", plan.state_digest, digest);
    }
    plan.ops.forEach((op, position) => {
      if (op.kind === "skip" || same(op.before, present.get(op.job) ?? [])) return;
      const problem = "the entries are not those of the state that the plan names";
      throw mismatch(`plan/ops/${position}/before`, problem);
    });
  }

  #replace(app, { job, before, after }) {
    const jobs = this.#apps.get(app) ?? new Map();
    if (!same(before, jobs.get(job) ?? [])) {
      throw changed(`${app}.${job}`, "as planned", "changed since");
    }
    if (after.length) jobs.set(job, after);
    else jobs.delete(job);
    this.#apps.set(app, jobs);
  }
}

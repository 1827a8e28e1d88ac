/* A scheduler that keeps its entries in memory, and the seven operations on it. Nothing else writes
   to it, so there are no marks that cannot be read, no foreign entries, and no copies of one. */
#ifndef STORE_H
#define STORE_H

#include "call.h"

/* The entries of one job, by index. In a store it is one piece of memory, and never changed. */
struct job {
    Text app, name;
    size_t count;
    Pb__Entry **entries;
    Pb__DesiredJob *desired; /* of a job of a request */
    size_t position;         /* of a job of a request: where it stands there */
};

/* Jobs by app and name, each once. */
struct jobs {
    size_t count;
    struct job *items;
};

struct store {
    pthread_mutex_t lock;
    size_t count, size;
    struct job **jobs; /* by app and name */
};

bool store_init(struct store *store);
void store_free(struct store *store);

/* One app's jobs, or all if app is NULL, at one moment, as copies in the call's memory (P-READ-1).
 */
struct jobs store_read(struct call *call, const Text *app);
/* Gives a job other entries, or none, unless they are not those that the caller has seen. */
bool store_replace(struct call *call, const struct job *before, const struct job *after);
/* Removes the app's jobs that are not kept, all at once, and returns them (P-PRUNE-1). `keep` has
   jobs by name. */
struct jobs store_prune(struct call *call, Text app, const struct jobs *keep, bool dry_run);

/* Depends on content and order of the entries only (P-PLAN-5). */
Text jobs_digest(struct call *call, const struct jobs *jobs);
/* Sorts jobs by name. Returns one whose name is there twice, the one that stands later; else NULL.
 */
const struct job *jobs_sort(struct jobs *jobs);
const struct job *jobs_find(const struct jobs *jobs, Text name);
bool same_entry(const Pb__Entry *a, const Pb__Entry *b);
bool same_entries(size_t a_count, Pb__Entry *const *a, size_t b_count, Pb__Entry *const *b);

/* Whether two schedules fire at the same times. */
bool same_schedule(Text a, Text b);
/* A text that is equal for schedules that do. */
Text schedule_meaning(struct call *call, Text schedule);

/* What a request asks for, checked (P-PLAN-2). */
void check_name(struct call *call, Text path, Text name);
struct job express(struct call *call, Text app, Pb__DesiredJob *desired, Text path);
/* Refuses a job that is there twice. */
_Noreturn void twice(struct call *call, Text path, Text name);
struct jobs desired_jobs(struct call *call, Text app, size_t count, Pb__DesiredJob *const *jobs);

ProtobufCMessage *store_read_reply(struct call *call, Pb__ReadRequest *request);
ProtobufCMessage *store_plan(struct call *call, Pb__PlanRequest *request);
ProtobufCMessage *store_drift(struct call *call, Pb__DriftRequest *request);
ProtobufCMessage *store_prune_reply(struct call *call, Pb__PruneRequest *request);
ProtobufCMessage *store_adopt(struct call *call, Pb__AdoptRequest *request);
ProtobufCMessage *store_verify(struct call *call, Pb__VerifyOwnershipRequest *request);

/* Checks a plan and begins to apply it: call->next then does it, step by step (P-APPLY). */
void apply_begin(struct call *call, Pb__ApplyRequest *request);
/* Adds to an error what was done (P-APPLY-5). */
void apply_describe(struct call *call, Pb__ErrorDetails *details);

#endif

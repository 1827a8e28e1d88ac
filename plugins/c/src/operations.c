/* The operations with one reply. */
#include <stdlib.h>

#include "store.h"

#define NEW(call, variable, init)                                                                  \
    do {                                                                                           \
        (variable) = call_memory(call, sizeof *(variable));                                        \
        init(variable);                                                                            \
    } while (0)

static size_t count_entries(const struct jobs *jobs) {
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++)
        count += jobs->items[i].count;
    return count;
}

/* All entries by job and index. */
static Pb__Entry **all_entries(struct call *call, const struct jobs *jobs, size_t *count) {
    Pb__Entry **entries = call_array(call, count_entries(jobs), sizeof *entries);
    *count = 0;
    for (size_t i = 0; i < jobs->count; i++)
        for (size_t j = 0; j < jobs->items[i].count; j++)
            entries[(*count)++] = jobs->items[i].entries[j];
    return entries;
}

/* Goes through two lists of jobs by name; either is NULL where a list does not have the name. */
struct pair {
    const struct job *wanted, *present;
};

static bool next_pair(const struct jobs *wanted, const struct jobs *present, size_t *i, size_t *j,
                      struct pair *pair) {
    const struct job *a = *i < wanted->count ? &wanted->items[*i] : NULL;
    const struct job *b = *j < present->count ? &present->items[*j] : NULL;
    if (a == NULL && b == NULL)
        return false;
    int order = a == NULL ? 1 : b == NULL ? -1 : text_compare(a->name, b->name);
    *pair = (struct pair){order <= 0 ? a : NULL, order >= 0 ? b : NULL};
    *i += order <= 0;
    *j += order >= 0;
    return true;
}

static size_t count_of(const struct job *job) {
    return job == NULL ? 0 : job->count;
}

static Pb__Entry *entry_at(const struct job *job, size_t index) {
    return index < count_of(job) ? job->entries[index] : NULL;
}

static Text name_of(const struct pair *pair) {
    return pair->wanted != NULL ? pair->wanted->name : pair->present->name;
}

static size_t longer(const struct job *a, const struct job *b) {
    return count_of(a) > count_of(b) ? count_of(a) : count_of(b);
}

ProtobufCMessage *store_read_reply(struct call *call, Pb__ReadRequest *request) {
    bool all = request->_app_case != PB__READ_REQUEST___APP_APP;
    struct jobs jobs = store_read(call, all ? NULL : &request->app);
    Pb__ReadReply *reply;
    NEW(call, reply, pb__read_reply__init);
    reply->entries = all_entries(call, &jobs, &reply->n_entries);
    return &reply->base;
}

static Pb__Op *make_op(struct call *call, const struct pair *pair) {
    const struct job *wanted = pair->wanted, *present = pair->present;
    Pb__Op *op;
    NEW(call, op, pb__op__init);
    op->job = name_of(pair);
    if (wanted == NULL) {
        op->kind = PB__OP_KIND__OP_KIND_DELETE;
    } else if (present == NULL) {
        op->kind = PB__OP_KIND__OP_KIND_CREATE;
    } else if (same_entries(wanted->count, wanted->entries, present->count, present->entries)) {
        op->kind = PB__OP_KIND__OP_KIND_SKIP;
        return op;
    } else {
        op->kind = PB__OP_KIND__OP_KIND_UPDATE;
    }
    if (present != NULL) {
        op->n_before = present->count;
        op->before = present->entries;
    }
    if (wanted != NULL) {
        op->n_after = wanted->count;
        op->after = wanted->entries;
        op->desired = wanted->desired;
    }
    return op;
}

ProtobufCMessage *store_plan(struct call *call, Pb__PlanRequest *request) {
    struct jobs wanted = desired_jobs(call, request->app, request->n_jobs, request->jobs);
    if (wanted.count == 0 && !request->allow_empty)
        call_fail(call, &(struct failure){
                            .code = CRONIX_INVALID_ARGUMENT,
                            .reason = T("EMPTY_DESIRED"),
                            .path = T("jobs"),
                            .expected = T("at least one job"),
                            .got = T("none"),
                            .action = T("set allow_empty to delete all jobs of the app"),
                            .message = T("no job is desired"),
                        });
    struct jobs present = store_read(call, &request->app);
    Pb__PlanReply *reply;
    NEW(call, reply, pb__plan_reply__init);
    reply->app = request->app;
    reply->state_digest = jobs_digest(call, &present);
    reply->ops = call_array(call, wanted.count + present.count, sizeof(Pb__Op *));
    Pb__Op **ops = call_array(call, wanted.count + present.count, sizeof(Pb__Op *));
    struct pair pair;
    size_t i = 0, j = 0, count = 0;
    while (next_pair(&wanted, &present, &i, &j, &pair))
        ops[count++] = make_op(call, &pair);
    /* The enum's order is that of P-PLAN-3. */
    for (Pb__OpKind kind = PB__OP_KIND__OP_KIND_DELETE; kind <= PB__OP_KIND__OP_KIND_SKIP; kind++)
        for (size_t op = 0; op < count; op++)
            if (ops[op]->kind == kind)
                reply->ops[reply->n_ops++] = ops[op];
    return &reply->base;
}

ProtobufCMessage *store_drift(struct call *call, Pb__DriftRequest *request) {
    struct jobs wanted = desired_jobs(call, request->app, request->n_jobs, request->jobs);
    struct jobs present = store_read(call, &request->app);
    Pb__DriftReply *reply;
    NEW(call, reply, pb__drift_reply__init);
    reply->items =
        call_array(call, count_entries(&wanted) + count_entries(&present), sizeof(Pb__DriftItem *));
    struct pair pair;
    size_t i = 0, j = 0;
    while (next_pair(&wanted, &present, &i, &j, &pair))
        for (size_t index = 0; index < longer(pair.wanted, pair.present); index++) {
            Pb__Entry *expected = entry_at(pair.wanted, index);
            Pb__Entry *actual = entry_at(pair.present, index);
            if (expected != NULL && actual != NULL && same_entry(expected, actual))
                continue;
            Pb__DriftItem *item;
            NEW(call, item, pb__drift_item__init);
            item->kind = actual == NULL     ? PB__DRIFT_KIND__DRIFT_KIND_MISSING
                         : expected == NULL ? PB__DRIFT_KIND__DRIFT_KIND_ORPHAN
                                            : PB__DRIFT_KIND__DRIFT_KIND_MODIFIED;
            item->app = request->app;
            item->job = name_of(&pair);
            item->index = (int32_t)index;
            item->expected = expected;
            item->actual = actual;
            reply->items[reply->n_items++] = item;
        }
    return &reply->base;
}

ProtobufCMessage *store_prune_reply(struct call *call, Pb__PruneRequest *request) {
    check_name(call, T("app"), request->app);
    if (request->n_keep == 0 && !request->allow_empty)
        call_fail(call, &(struct failure){
                            .code = CRONIX_INVALID_ARGUMENT,
                            .reason = T("EMPTY_KEEP"),
                            .path = T("keep"),
                            .expected = T("at least one job"),
                            .got = T("none"),
                            .action = T("set allow_empty to remove all jobs of the app"),
                            .message = T("no job is to be kept"),
                        });
    struct jobs keep = {request->n_keep, call_array(call, request->n_keep, sizeof(struct job))};
    for (size_t i = 0; i < keep.count; i++)
        keep.items[i].name = request->keep[i];
    jobs_sort(&keep); /* a name that is there twice keeps nothing more (P-PRUNE-2) */
    struct jobs removed = store_prune(call, request->app, &keep, request->dry_run);
    Pb__PruneReply *reply;
    NEW(call, reply, pb__prune_reply__init);
    reply->removed = all_entries(call, &removed, &reply->n_removed);
    return &reply->base;
}

static Text describe(struct call *call, const Pb__Entry *entry) {
    if (entry == NULL)
        return T("no entry");
    return JOIN(call, entry->schedule, T(" "), entry->command, T(" (hash "), entry->hash, T(")"));
}

/* There are no candidates here, so nothing is ever adopted (P-ADOPT). */
ProtobufCMessage *store_adopt(struct call *call, Pb__AdoptRequest *request) {
    check_name(call, T("app"), request->app);
    static Pb__DesiredJob no_job = PB__DESIRED_JOB__INIT;
    struct job wanted =
        express(call, request->app, request->job == NULL ? &no_job : request->job, T("job"));
    struct jobs present = store_read(call, &request->app);
    const struct job *owned = jobs_find(&present, wanted.name);
    Pb__AdoptReply *reply;
    NEW(call, reply, pb__adopt_reply__init);
    reply->outcome = PB__ADOPT_OUTCOME__ADOPT_OUTCOME_NOT_FOUND;
    if (owned == NULL)
        return &reply->base;
    reply->differences = call_array(call, longer(&wanted, owned), sizeof(Pb__Difference *));
    for (size_t i = 0; i < longer(&wanted, owned); i++) {
        const Pb__Entry *expected = entry_at(&wanted, i), *got = entry_at(owned, i);
        if (expected != NULL && got != NULL && same_entry(expected, got))
            continue;
        Pb__Difference *difference;
        NEW(call, difference, pb__difference__init);
        difference->index = expected == NULL ? -1 : (int32_t)i;
        difference->expected = describe(call, expected);
        difference->got = describe(call, got);
        difference->location = got == NULL ? T("") : got->location;
        reply->differences[reply->n_differences++] = difference;
    }
    reply->outcome = PB__ADOPT_OUTCOME__ADOPT_OUTCOME_DIVERGED;
    if (reply->n_differences == 0) {
        reply->outcome = PB__ADOPT_OUTCOME__ADOPT_OUTCOME_ALREADY_MANAGED;
        reply->entries = owned->entries;
        reply->n_entries = owned->count;
    }
    return &reply->base;
}

ProtobufCMessage *store_verify(struct call *call, Pb__VerifyOwnershipRequest *request) {
    struct jobs wanted = desired_jobs(call, request->app, request->n_jobs, request->jobs);
    struct jobs present = store_read(call, &request->app);
    Pb__VerifyOwnershipReply *reply;
    NEW(call, reply, pb__verify_ownership_reply__init);
    size_t count;
    Pb__Entry **entries = all_entries(call, &present, &count);
    reply->items = call_array(call, count, sizeof(Pb__OwnershipItem *));
    for (size_t i = 0; i < count; i++) {
        Pb__OwnershipItem *item;
        NEW(call, item, pb__ownership_item__init);
        item->verdict = PB__VERDICT__VERDICT_OWNED;
        item->entry = entries[i];
        const struct job *job = jobs_find(&wanted, entries[i]->job);
        const Pb__Entry *desired = entry_at(job, (size_t)entries[i]->index);
        if (job == NULL) {
            item->verdict = PB__VERDICT__VERDICT_ABANDONED;
            item->reason = T("its job is not desired");
        } else if (desired != NULL && text_equal(desired->hash, entries[i]->hash) &&
                   !same_entry(desired, entries[i])) {
            item->verdict = PB__VERDICT__VERDICT_TAMPERED;
            item->reason = T("its hash is of another schedule or command");
        }
        reply->items[reply->n_items++] = item;
    }
    return &reply->base;
}

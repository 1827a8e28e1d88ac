/* Apply, one step for each event (P-APPLY). */
#include "codec.h"
#include "store.h"

/* How far an Apply has come. `todo` are the positions of the ops that are no skips. */
struct progress {
    Pb__PlanReply *plan;
    size_t count, done;
    size_t *todo;
    bool begun;  /* an op was started, and is not done */
    bool trying; /* and is being carried out */
    bool ended;
};

/* An absent kind is skip (P-CODEC-4). */
static Pb__OpKind kind_of(const Pb__Op *op) {
    return op->kind == PB__OP_KIND__OP_KIND_UNSPECIFIED ? PB__OP_KIND__OP_KIND_SKIP : op->kind;
}

static _Noreturn void mismatch(struct call *call, Text path, Text problem) {
    call_invalid(call, T("PLAN_MISMATCH"), path, T("what Plan answers"), T(""), problem);
}

static void check_member(struct call *call, bool has, bool should, Text path) {
    if (has != should)
        mismatch(call, path, T("this kind of op and this member do not go together"));
}

static void check_op(struct call *call, Text app, Pb__Op *op, Text path) {
    Pb__OpKind kind = kind_of(op);
    bool update = kind == PB__OP_KIND__OP_KIND_UPDATE;
    bool makes = update || kind == PB__OP_KIND__OP_KIND_CREATE;
    bool takes = update || kind == PB__OP_KIND__OP_KIND_DELETE;
    check_member(call, op->n_before > 0, takes, JOIN(call, path, T("/before")));
    check_member(call, op->n_after > 0, makes, JOIN(call, path, T("/after")));
    check_member(call, op->desired != NULL, makes, JOIN(call, path, T("/desired")));
    if (op->desired == NULL)
        return;
    Text name = op->desired->job == NULL ? T("") : op->desired->job->name;
    if (!text_equal(name, op->job))
        mismatch(call, JOIN(call, path, T("/desired/job/name")), T("the op is for another job"));
    struct job after = express(call, app, op->desired, JOIN(call, path, T("/desired")));
    if (!same_entries(op->n_after, op->after, after.count, after.entries))
        mismatch(call, JOIN(call, path, T("/after")),
                 T("the entries are not those of the desired job"));
}

/* Refuses a plan that Plan would never have made (P-APPLY-1). */
static void check_plan(struct call *call, const Pb__PlanReply *plan) {
    if (plan->n_ops > 0)
        check_name(call, T("plan/app"), plan->app);
    struct jobs jobs = {plan->n_ops, call_array(call, plan->n_ops, sizeof(struct job))};
    for (size_t i = 0; i < plan->n_ops; i++) {
        Text path = JOIN(call, T("plan/ops/"), text_number(call, (long long)i));
        check_op(call, plan->app, plan->ops[i], path);
        jobs.items[i] = (struct job){.name = plan->ops[i]->job, .position = i};
    }
    const struct job *second = jobs_sort(&jobs);
    if (second != NULL) {
        Text number = text_number(call, (long long)second->position);
        twice(call, JOIN(call, T("plan/ops/"), number, T("/job")), second->name);
    }
}

static _Noreturn void changed(struct call *call, Text path, Text expected, Text got) {
    call_fail(call, &(struct failure){
                        .code = CRONIX_ABORTED,
                        .reason = T("STATE_CHANGED"),
                        .path = path,
                        .expected = expected,
                        .got = got,
                        .action = T("plan again"),
                        .message = T("the entries have changed since the plan was made"),
                    });
}

/* Holds a plan against the present state (P-APPLY-1, P-APPLY-2). */
static void check_state(struct call *call, const struct progress *progress) {
    const Pb__PlanReply *plan = progress->plan;
    struct jobs present = store_read(call, &plan->app);
    Text digest = jobs_digest(call, &present);
    if (!text_equal(digest, plan->state_digest))
        changed(call, T("plan/state_digest"), plan->state_digest, digest);
    for (size_t i = 0; i < progress->count; i++) {
        const Pb__Op *op = plan->ops[progress->todo[i]];
        const struct job *job = jobs_find(&present, op->job);
        if (!same_entries(op->n_before, op->before, job == NULL ? 0 : job->count,
                          job == NULL ? NULL : job->entries))
            mismatch(call,
                     JOIN(call, T("plan/ops/"), text_number(call, (long long)progress->todo[i]),
                          T("/before")),
                     T("the entries are not those that are there"));
    }
}

static Text *job_names(struct call *call, const struct progress *progress, size_t from, size_t to) {
    Text *names = call_array(call, to - from, sizeof(Text));
    for (size_t i = from; i < to; i++)
        names[i - from] = progress->plan->ops[progress->todo[i]]->job;
    return names;
}

void apply_describe(struct call *call, Pb__ErrorDetails *details) {
    const struct progress *progress = call->progress;
    size_t tried = progress->done + progress->trying;
    details->n_applied = progress->done;
    details->applied = job_names(call, progress, 0, progress->done);
    details->n_failed = progress->trying;
    details->failed = job_names(call, progress, progress->done, tried);
    details->n_unattempted = progress->count - tried;
    details->unattempted = job_names(call, progress, tried, progress->count);
}

/* Carries out one op, unless its job's entries have changed since the plan. */
static void carry_out(struct call *call, struct progress *progress, const Pb__Op *op) {
    Text app = progress->plan->app;
    struct job before = {.app = app, .name = op->job, .count = op->n_before, .entries = op->before};
    struct job after = {.app = app, .name = op->job, .count = op->n_after, .entries = op->after};
    progress->trying = true;
    if (!store_replace(call, &before, &after))
        changed(call, JOIN(call, app, T("."), op->job), T("the entries of the plan"), T("others"));
    progress->trying = false;
    progress->begun = false;
    progress->done++;
}

static void send_op(struct call *call, Pb__ApplyEventKind kind, size_t position, const Pb__Op *op) {
    Pb__ApplyEvent event = PB__APPLY_EVENT__INIT;
    event.kind = kind;
    event.op_index = (int32_t)position;
    event.op_kind = op->kind;
    event.job = op->job;
    codec_encode(call, &event.base);
}

static void send_finished(struct call *call, const Pb__PlanReply *plan) {
    Pb__Counts counts = PB__COUNTS__INIT;
    for (size_t i = 0; i < plan->n_ops; i++) {
        Pb__OpKind kind = kind_of(plan->ops[i]);
        counts.deleted += kind == PB__OP_KIND__OP_KIND_DELETE;
        counts.updated += kind == PB__OP_KIND__OP_KIND_UPDATE;
        counts.created += kind == PB__OP_KIND__OP_KIND_CREATE;
        counts.skipped += kind == PB__OP_KIND__OP_KIND_SKIP;
    }
    Pb__ApplyEvent event = PB__APPLY_EVENT__INIT;
    event.kind = PB__APPLY_EVENT_KIND__APPLY_EVENT_KIND_FINISHED;
    event.counts = &counts;
    codec_encode(call, &event.base);
}

static void next_event(struct call *call) {
    struct progress *progress = call->progress;
    if (progress->ended) {
        call->code = CRONIX_END;
        return;
    }
    if (progress->done == progress->count) {
        progress->ended = true;
        send_finished(call, progress->plan);
        return;
    }
    size_t position = progress->todo[progress->done];
    const Pb__Op *op = progress->plan->ops[position];
    if (progress->begun) {
        carry_out(call, progress, op);
        send_op(call, PB__APPLY_EVENT_KIND__APPLY_EVENT_KIND_DONE, position, op);
    } else {
        call_check(call); /* P-APPLY-6 */
        progress->begun = true;
        send_op(call, PB__APPLY_EVENT_KIND__APPLY_EVENT_KIND_STARTED, position, op);
    }
}

void apply_begin(struct call *call, Pb__ApplyRequest *request) {
    static Pb__PlanReply no_plan = PB__PLAN_REPLY__INIT;
    struct progress *progress = call_memory(call, sizeof *progress);
    progress->plan = request->plan == NULL ? &no_plan : request->plan;
    check_plan(call, progress->plan);
    progress->todo = call_array(call, progress->plan->n_ops, sizeof(size_t));
    for (size_t i = 0; i < progress->plan->n_ops; i++)
        if (kind_of(progress->plan->ops[i]) != PB__OP_KIND__OP_KIND_SKIP)
            progress->todo[progress->count++] = i;
    call->progress = progress;
    check_state(call, progress);
    call->next = next_event;
}

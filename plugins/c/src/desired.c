/* What a request asks for, checked and as entries (P-PLAN-2). */
#include "store.h"

#define MAX_SCHEDULES 64
#define MAX_NAME 63
#define MAX_HASH 64

static bool is_name(Text text) {
    if (text.len < 1 || text.len > MAX_NAME || text.data[0] < 'a' || text.data[0] > 'z')
        return false;
    for (size_t i = 1; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') && byte != '-')
            return false;
    }
    return true;
}

static bool is_hash(Text text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f'))
            return false;
    }
    return text.len >= 1 && text.len <= MAX_HASH;
}

void check_name(struct call *call, Text path, Text name) {
    if (!is_name(name))
        call_invalid(call, T("INVALID_NAME"), path, T("[a-z][a-z0-9-]{0,62}"), name,
                     JOIN(call, T("\""), name, T("\" is not a name")));
}

struct job express(struct call *call, Text app, Pb__DesiredJob *desired, Text path) {
    static Pb__Job no_job = PB__JOB__INIT;
    const Pb__Job *job = desired->job == NULL ? &no_job : desired->job;
    check_name(call, JOIN(call, path, T("/job/name")), job->name);
    size_t count = job->n_schedules;
    Text number = text_number(call, (long long)count);
    if (count < 1 || count > MAX_SCHEDULES)
        call_invalid(call, T("SCHEDULE_COUNT"), JOIN(call, path, T("/job/schedules")), T("1 to 64"),
                     number, JOIN(call, number, T(" schedules")));
    if (desired->n_hashes != count) {
        Text hashes = text_number(call, (long long)desired->n_hashes);
        call_invalid(call, T("HASH_COUNT"), JOIN(call, path, T("/hashes")), number, hashes,
                     JOIN(call, hashes, T(" hashes for "), number, T(" schedules")));
    }
    struct job made = {.app = app, .name = job->name, .count = count, .desired = desired};
    made.entries = call_array(call, count, sizeof(Pb__Entry *));
    Text command = JOIN(call, T("cronix trigger "), app, T("."), job->name);
    for (size_t i = 0; i < count; i++) {
        Text hash = desired->hashes[i];
        if (!is_hash(hash))
            call_invalid(call, T("INVALID_HASH"),
                         JOIN(call, path, T("/hashes/"), text_number(call, (long long)i)),
                         T("1 to 64 lower-case hex digits"), hash,
                         JOIN(call, T("\""), hash, T("\" is not a hash")));
        Pb__Entry *entry = made.entries[i] = call_memory(call, sizeof *entry);
        pb__entry__init(entry);
        entry->app = app;
        entry->job = job->name;
        entry->index = (int32_t)i;
        entry->hash = hash;
        entry->schedule = job->schedules[i];
        entry->command = command;
        entry->location = T("memory");
    }
    return made;
}

void twice(struct call *call, Text path, Text name) {
    call_invalid(call, T("DUPLICATE_JOB"), path, T("each job once"), name,
                 JOIN(call, T("job \""), name, T("\" is there twice")));
}

struct jobs desired_jobs(struct call *call, Text app, size_t count, Pb__DesiredJob *const *jobs) {
    check_name(call, T("app"), app);
    struct jobs made = {count, call_array(call, count, sizeof(struct job))};
    for (size_t i = 0; i < count; i++) {
        Text path = JOIN(call, T("jobs/"), text_number(call, (long long)i));
        made.items[i] = express(call, app, jobs[i], path);
        made.items[i].position = i;
    }
    const struct job *second = jobs_sort(&made);
    if (second != NULL) {
        Text number = text_number(call, (long long)second->position);
        twice(call, JOIN(call, T("jobs/"), number, T("/job/name")), second->name);
    }
    return made;
}

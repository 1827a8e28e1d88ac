#include "store.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

bool store_init(struct store *store) {
    return pthread_mutex_init(&store->lock, NULL) == 0;
}

void store_free(struct store *store) {
    for (size_t i = 0; i < store->count; i++)
        free(store->jobs[i]);
    free(store->jobs);
    pthread_mutex_destroy(&store->lock);
}

static int compare_job(const struct job *job, Text app, Text name) {
    int order = text_compare(job->app, app);
    return order != 0 ? order : text_compare(job->name, name);
}

/* The position of the first job that does not stand before this one; an empty name is before all.
 */
static size_t position_of(const struct store *store, Text app, Text name) {
    size_t low = 0, high = store->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_job(store->jobs[middle], app, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct store *store, size_t position, Text app, Text name) {
    return position < store->count && compare_job(store->jobs[position], app, name) == 0;
}

/* ---- copies: first the size, then the bytes */

static const size_t entry_texts[] = {
    offsetof(Pb__Entry, app),      offsetof(Pb__Entry, job),     offsetof(Pb__Entry, hash),
    offsetof(Pb__Entry, schedule), offsetof(Pb__Entry, command), offsetof(Pb__Entry, location),
};
#define ENTRY_TEXTS (sizeof entry_texts / sizeof entry_texts[0])

static Text *entry_text(const Pb__Entry *entry, size_t which) {
    return (Text *)(void *)((char *)entry + entry_texts[which]);
}

static size_t copy_size(const struct job *job) {
    size_t size = sizeof *job + job->count * (sizeof(Pb__Entry *) + sizeof(Pb__Entry));
    size += job->app.len + job->name.len;
    for (size_t i = 0; i < job->count; i++)
        for (size_t which = 0; which < ENTRY_TEXTS; which++)
            size += entry_text(job->entries[i], which)->len;
    return size;
}

static Text copy_text(char **to, Text text) {
    Text copy = {text.len, (uint8_t *)*to};
    if (text.len > 0)
        memcpy(*to, text.data, text.len);
    *to += text.len;
    return copy;
}

/* Copies a job into memory of copy_size bytes. */
static struct job *copy_into(void *memory, const struct job *job) {
    struct job *copy = memory;
    Pb__Entry *entries = (Pb__Entry *)(void *)(copy + 1);
    Pb__Entry **pointers = (Pb__Entry **)(void *)(entries + job->count);
    char *bytes = (char *)(pointers + job->count);
    *copy = (struct job){.count = job->count, .entries = pointers};
    copy->app = copy_text(&bytes, job->app);
    copy->name = copy_text(&bytes, job->name);
    for (size_t i = 0; i < job->count; i++) {
        entries[i] = *job->entries[i];
        entries[i].base.n_unknown_fields = 0; /* they are the request's, and not content */
        entries[i].base.unknown_fields = NULL;
        for (size_t which = 0; which < ENTRY_TEXTS; which++)
            *entry_text(&entries[i], which) =
                copy_text(&bytes, *entry_text(job->entries[i], which));
        pointers[i] = &entries[i];
    }
    return copy;
}

/* ---- what calls see, and change */

struct jobs store_read(struct call *call, const Text *app) {
    struct store *store = session_store(call->session);
    call_lock(call, &store->lock);
    size_t first = app == NULL ? 0 : position_of(store, *app, T("")), count = 0;
    while (first + count < store->count &&
           (app == NULL || text_equal(store->jobs[first + count]->app, *app)))
        count++;
    struct jobs jobs = {count, call_array(call, count, sizeof *jobs.items)};
    for (size_t i = 0; i < count; i++) {
        const struct job *job = store->jobs[first + i];
        jobs.items[i] = *copy_into(call_memory(call, copy_size(job)), job);
    }
    call_unlock(call);
    return jobs;
}

static void remove_at(struct store *store, size_t position) {
    free(store->jobs[position]);
    store->count--;
    memmove(&store->jobs[position], &store->jobs[position + 1],
            (store->count - position) * sizeof(struct job *));
}

static _Noreturn void no_memory(struct call *call) {
    call_fail(call, &(struct failure){.code = CRONIX_RESOURCE_EXHAUSTED,
                                      .message = T("no memory for the entries")});
}

/* Makes room for one more job. */
static void reserve(struct call *call, struct store *store) {
    if (store->count < store->size)
        return;
    size_t size = store->size == 0 ? 16 : store->size * 2;
    struct job **larger = realloc(store->jobs, size * sizeof(struct job *));
    if (larger == NULL)
        no_memory(call);
    store->jobs = larger;
    store->size = size;
}

bool store_replace(struct call *call, const struct job *before, const struct job *after) {
    struct store *store = session_store(call->session);
    call_lock(call, &store->lock);
    size_t at = position_of(store, before->app, before->name);
    bool present = is_at(store, at, before->app, before->name);
    const struct job *found = present ? store->jobs[at] : &(const struct job){.count = 0};
    bool unchanged = same_entries(found->count, found->entries, before->count, before->entries);
    if (unchanged && after->count > 0) {
        if (!present)
            reserve(call, store);
        void *memory = malloc(copy_size(after));
        if (memory == NULL)
            no_memory(call);
        if (present) {
            free(store->jobs[at]);
        } else {
            memmove(&store->jobs[at + 1], &store->jobs[at],
                    (store->count - at) * sizeof(struct job *));
            store->count++;
        }
        store->jobs[at] = copy_into(memory, after);
    } else if (unchanged && present) {
        remove_at(store, at);
    }
    call_unlock(call);
    return unchanged;
}

struct jobs store_prune(struct call *call, Text app, const struct jobs *keep, bool dry_run) {
    struct store *store = session_store(call->session);
    call_lock(call, &store->lock);
    size_t at = position_of(store, app, T(""));
    struct jobs removed = {0, call_array(call, store->count - at, sizeof *removed.items)};
    /* All copies first: when memory is short, nothing has been removed. */
    for (size_t i = at; i < store->count && text_equal(store->jobs[i]->app, app); i++)
        if (jobs_find(keep, store->jobs[i]->name) == NULL)
            removed.items[removed.count++] =
                *copy_into(call_memory(call, copy_size(store->jobs[i])), store->jobs[i]);
    for (size_t i = 0; i < removed.count && !dry_run; i++)
        remove_at(store, position_of(store, app, removed.items[i].name));
    call_unlock(call);
    return removed;
}

/* ---- comparing */

static int by_name(const void *a, const void *b) {
    const struct job *first = a, *second = b;
    int order = text_compare(first->name, second->name);
    if (order != 0)
        return order;
    return (first->position > second->position) - (first->position < second->position);
}

const struct job *jobs_sort(struct jobs *jobs) {
    if (jobs->count > 0)
        qsort(jobs->items, jobs->count, sizeof(struct job), by_name);
    for (size_t i = 1; i < jobs->count; i++)
        if (text_equal(jobs->items[i - 1].name, jobs->items[i].name))
            return &jobs->items[i];
    return NULL;
}

const struct job *jobs_find(const struct jobs *jobs, Text name) {
    size_t low = 0, high = jobs->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = text_compare(jobs->items[middle].name, name);
        if (order == 0)
            return &jobs->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool same_entry(const Pb__Entry *a, const Pb__Entry *b) {
    return a->index == b->index && text_equal(a->app, b->app) && text_equal(a->job, b->job) &&
           text_equal(a->hash, b->hash) && text_equal(a->command, b->command) &&
           same_schedule(a->schedule, b->schedule);
}

bool same_entries(size_t a_count, Pb__Entry *const *a, size_t b_count, Pb__Entry *const *b) {
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (!same_entry(a[i], b[i]))
            return false;
    return true;
}

static void feed(SHA2_CTX *sum, Text text) {
    uint64_t length = text.len;
    SHA256Update(sum, (const uint8_t *)&length, sizeof length);
    SHA256Update(sum, text.data, text.len);
}

Text jobs_digest(struct call *call, const struct jobs *jobs) {
    SHA2_CTX sum;
    SHA256Init(&sum);
    for (size_t i = 0; i < jobs->count; i++)
        for (size_t j = 0; j < jobs->items[i].count; j++) {
            const Pb__Entry *entry = jobs->items[i].entries[j];
            feed(&sum, entry->job);
            feed(&sum, entry->hash);
            feed(&sum, schedule_meaning(call, entry->schedule));
            feed(&sum, entry->command);
        }
    char *hex = call_memory(call, SHA256_DIGEST_STRING_LENGTH);
    SHA256End(&sum, hex);
    return text_of(hex);
}

#include "call.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codec.h"
#include "session.h"
#include "store.h"

#define BLOCK_BYTES 4096
#define MAX_TEXT 8192            /* P-ERR-3 */
#define LOOK_NANOSECONDS 2000000 /* how often a call that sleeps looks whether it is cancelled */
#define SECOND 1000000000        /* in nanoseconds */

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

struct call *call_new(cronix_call *host) {
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    call->host = host;
    call->session = host->session;
    call->deadline = -1;
    int64_t start = now();
    if (host->timeout_us >= 0 && host->timeout_us <= (INT64_MAX - start) / 1000)
        call->deadline = start + host->timeout_us * 1000;
    return call;
}

void call_free(struct call *call) {
    json_decref(call->json);
    for (struct block *block = call->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    free(call->reply);
    free(call);
}

static _Noreturn void land(struct call *call, int32_t code) {
    call->code = code;
    longjmp(call->landing, 1);
}

void *call_memory(struct call *call, size_t size) {
    size_t align = sizeof(max_align_t);
    if (size > SIZE_MAX / 2)
        land(call, CRONIX_RESOURCE_EXHAUSTED);
    size = (size + align - 1) / align * align;
    struct block *block = call->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = calloc(1, sizeof *block + bytes);
        if (block == NULL)
            land(call, CRONIX_RESOURCE_EXHAUSTED);
        block->size = bytes;
        /* A block for one large piece goes behind the one that still has room. */
        if (call->blocks != NULL && size > BLOCK_BYTES / 2) {
            block->next = call->blocks->next;
            call->blocks->next = block;
        } else {
            block->next = call->blocks;
            call->blocks = block;
        }
    }
    void *memory = (char *)block->bytes + block->used;
    block->used += size;
    return memory;
}

void *call_array(struct call *call, size_t count, size_t size) {
    if (size > 0 && count > SIZE_MAX / size)
        land(call, CRONIX_RESOURCE_EXHAUSTED);
    return call_memory(call, count * size);
}

static void encode_status(struct call *call) {
    codec_encode(call, &call->status->base);
}

int32_t call_guard(struct call *call, void (*step)(struct call *call)) {
    call->code = CRONIX_OK;
    call->status = NULL;
    call->reply_len = 0;
    if (setjmp(call->landing) == 0) {
        step(call);
    } else {
        if (call->held != NULL)
            call_unlock(call);
        json_decref(call->json);
        call->json = NULL;
        call->reply_len = 0;
        if (call->status != NULL && setjmp(call->landing) == 0)
            encode_status(call);
    }
    call->host->reply = call->reply_len == 0 ? NULL : call->reply;
    call->host->reply_len = call->reply_len;
    return call->code;
}

/* A text within its bound (P-ERR-3): cut between two code points, with an end that tells its
   length. Only a method's name may be no UTF-8 at all. */
static Text bounded(struct call *call, Text text) {
    if (!text_is_utf8(text)) {
        text = JOIN(call, text);
        for (size_t i = 0; i < text.len; i++)
            if (text.data[i] >= 0x80)
                text.data[i] = '?';
    }
    if (text.len <= MAX_TEXT)
        return text;
    Text end = JOIN(call, T("... ("), text_number(call, (long long)text.len), T(" bytes in all)"));
    size_t at = MAX_TEXT - end.len;
    while ((text.data[at] & 0xc0) == 0x80)
        at--;
    return JOIN(call, ((Text){at, text.data}), end);
}

void call_fail(struct call *call, const struct failure *failure) {
    Pb__ErrorDetails *details = call_memory(call, sizeof *details);
    pb__error_details__init(details);
    details->reason = bounded(call, failure->reason);
    details->path = bounded(call, failure->path);
    details->expected = bounded(call, failure->expected);
    details->got = bounded(call, failure->got);
    details->action = bounded(call, failure->action);
    details->n_applied = failure->applied.count;
    details->applied = failure->applied.items;
    details->n_failed = failure->failed.count;
    details->failed = failure->failed.items;
    details->n_unattempted = failure->unattempted.count;
    details->unattempted = failure->unattempted.items;
    if (call->progress != NULL)
        apply_describe(call, details);
    Pb__Status *status = call_memory(call, sizeof *status);
    pb__status__init(status);
    status->code = failure->code;
    status->message = bounded(call, failure->message);
    status->details = details;
    call->status = status;
    land(call, failure->code);
}

void call_invalid(struct call *call, Text reason, Text path, Text expected, Text got,
                  Text problem) {
    call_fail(call, &(struct failure){
                        .code = CRONIX_INVALID_ARGUMENT,
                        .reason = reason,
                        .path = path,
                        .expected = expected,
                        .got = got,
                        .message = JOIN(call, path, T(": "), problem),
                    });
}

bool call_is_cancelled(const struct call *call) {
    /* The host writes it while we look, so this is no plain load. */
    return __atomic_load_n(&call->host->cancelled, __ATOMIC_RELAXED) != 0;
}

void call_check(struct call *call) {
    if (call_is_cancelled(call)) {
        session_count_cancelled(call->session);
        call_fail(call, &(struct failure){.code = CRONIX_CANCELLED,
                                          .message = T("the call was cancelled")});
    }
    if (call->deadline >= 0 && now() >= call->deadline)
        call_fail(call, &(struct failure){
                            .code = CRONIX_DEADLINE_EXCEEDED,
                            .message = T("the deadline passed before the call was done"),
                        });
}

void call_sleep(struct call *call, double seconds) {
    int64_t end = now() + (int64_t)(seconds * SECOND);
    for (;;) {
        call_check(call);
        int64_t left = end - now();
        if (left <= 0)
            return;
        nanosleep(&(struct timespec){0, left < LOOK_NANOSECONDS ? left : LOOK_NANOSECONDS}, NULL);
    }
}

void call_lock(struct call *call, pthread_mutex_t *mutex) {
    pthread_mutex_lock(mutex);
    call->held = mutex;
}

void call_unlock(struct call *call) {
    pthread_mutex_unlock(call->held);
    call->held = NULL;
}

/* One call, from cronix_plugin_call to cronix_plugin_release: its memory, its end, its errors. */
#ifndef CALL_H
#define CALL_H

#include <pthread.h>
#include <setjmp.h>

#include "backend.h"
#include "backend.pb-c.h"
#include "text.h"

struct json_t;

/* A block of the call's memory. */
struct block {
    struct block *next;
    size_t used, size;
    max_align_t bytes[];
};

/*
 * An error is a jump: call_fail does not return, but goes back to where the host's function was
 * entered (call_guard), which answers with the Status. So no function here has to hand errors on,
 * and running out of memory is an error like others. What a jump passes over is freed all the same:
 * memory is the call's, and `held` and `json` are undone where it lands. No jump leaves a function
 * of backend.h (P-FFI-7).
 */
struct call {
    cronix_call *host;
    struct session *session;
    int64_t deadline; /* of the monotonic clock in nanoseconds; below 0: none */
    bool counted;     /* among the session's calls at once */

    int32_t code; /* what the host's function returns */
    Pb__Status *status;
    uint8_t *reply;
    size_t reply_len, reply_size;

    void (*next)(struct call *call); /* makes the next reply of a stream */
    struct progress *progress;       /* of an Apply */
    void *stream;                    /* of another stream */

    jmp_buf landing;
    pthread_mutex_t *held;
    struct json_t *json;
    struct block *blocks;
};

/* Makes the call of a struct; NULL if there is no memory. */
struct call *call_new(cronix_call *host);
void call_free(struct call *call);

/* Does a step of the call, and gives the host the reply or the error. */
int32_t call_guard(struct call *call, void (*step)(struct call *call));

struct texts {
    size_t count;
    Text *items;
};

/* What an error is made of. An empty text does not apply. */
struct failure {
    int32_t code;
    Text reason, path, expected, got, action, message;
    struct texts applied, failed, unattempted;
};
_Noreturn void call_fail(struct call *call, const struct failure *failure);

/* INVALID_ARGUMENT, whose message is the path and the problem. */
_Noreturn void call_invalid(struct call *call, Text reason, Text path, Text expected, Text got,
                            Text problem);

/* Ends a call that is cancelled or past its deadline (P-DEADLINE-2, P-CANCEL-2). */
void call_check(struct call *call);
bool call_is_cancelled(const struct call *call);
/* Sleeps, but not beyond the call's end. */
void call_sleep(struct call *call, double seconds);

/* A mutex that is let go if the call fails. */
void call_lock(struct call *call, pthread_mutex_t *mutex);
void call_unlock(struct call *call);

#endif

/*
 * A library that does what a method's name says, well or badly. HANDSHAKE and START are expressions
 * that the compiler's command line may set.
 */
#define _POSIX_C_SOURCE 200809L
#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef HANDSHAKE
#define HANDSHAKE "CRONIX-PLUGIN-V1 library colour=red abi=1 codec=xml,json name=odd version=1"
#endif
#ifndef START
#define START malloc(1)
#endif

static int sessions = 0, calls = 0, let_go = 0;

const char *cronix_plugin_handshake(void) {
    return HANDSHAKE;
}

void *cronix_plugin_start(void) {
    __sync_fetch_and_add(&sessions, 1);
    return START;
}

void cronix_plugin_stop(void *session) {
    __sync_fetch_and_sub(&sessions, 1);
    free(session);
}

static int32_t answer(cronix_call *call, const char *format, long long value) {
    char *text = call->state = malloc(200);

    call->reply = (const uint8_t *)text;
    call->reply_len = (size_t)snprintf(text, 200, format, value);
    return CRONIX_OK;
}

static void sleep_ms(long ms) {
    struct timespec time = {0, 0};

    time.tv_nsec = ms * 1000000;
    nanosleep(&time, NULL);
}

static int32_t wait_for_cancelled(cronix_call *call) {
    int i;

    for (i = 0; i < 30000 && !call->cancelled; i++) sleep_ms(1);
    return call->cancelled ? CRONIX_CANCELLED : CRONIX_INTERNAL;
}

/* Whatever the host says, until another call lets go. */
static void wait_to_be_let_go(void) {
    int i;

    for (i = 0; i < 30000 && !__sync_bool_compare_and_swap(&let_go, 1, 0); i++) sleep_ms(1);
}

int32_t cronix_plugin_call(cronix_call *call) {
    const char *method = call->method;

    __sync_fetch_and_add(&calls, 1);
    if (call->reply != NULL || call->reply_len || call->state != NULL || call->reserved)
        return CRONIX_DATA_LOSS; /* not zero before the call */
    if (strcmp(method, "Sessions") == 0) return answer(call, "\"%lld\"", sessions);
    if (strcmp(method, "Calls") == 0) return answer(call, "\"%lld\"", calls);
    if (strcmp(method, "Timeout") == 0) return answer(call, "\"%lld\"", call->timeout_us);
    if (strcmp(method, "Wait") == 0) return wait_for_cancelled(call);
    if (strcmp(method, "LetGo") == 0) let_go = 1;
    if (strcmp(method, "Deaf") == 0) wait_to_be_let_go();
    if (strcmp(method, "LetGo") == 0 || strcmp(method, "Deaf") == 0)
        return answer(call, "\"%lld\"", 0);
    if (strcmp(method, "Mirror") == 0) {
        call->reply = call->request;
        call->reply_len = call->request_len;
        return CRONIX_OK;
    }
    if (strncmp(method, "Code", 4) == 0) return atoi(method + 4);
    if (strcmp(method, "Garbage") == 0) return answer(call, "{", 0);
    if (strcmp(method, "BadStatus") == 0) {
        answer(call, "{", 0);
        return CRONIX_NOT_FOUND;
    }
    if (strcmp(method, "Nowhere") == 0) call->reply_len = 5;
    if (strcmp(method, "Huge") == 0) call->reply_len = CRONIX_MAX_MESSAGE_BYTES + 1;
    return CRONIX_OK; /* streams, too */
}

int32_t cronix_plugin_next(cronix_call *call) {
    if (strncmp(call->method, "NextCode", 8) == 0) return atoi(call->method + 8);
    if (call->reply != NULL || call->reply_len) return CRONIX_DATA_LOSS; /* not zero before */
    if (strcmp(call->method, "NextWait") == 0 && call->state != NULL)
        return wait_for_cancelled(call);
    if (call->state == NULL) call->state = malloc(1); /* the first event is out */
    call->reply = (const uint8_t *)"\"next\"";
    call->reply_len = 6;
    return CRONIX_OK;
}

void cronix_plugin_release(cronix_call *call) {
    __sync_fetch_and_sub(&calls, 1);
    free(call->state);
}

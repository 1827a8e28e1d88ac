/*
 * A whole plugin in C99, written against backend.h alone: two entries that never change, and an
 * Apply of three events. It speaks JSON and does not read its requests.
 */
#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *method, *reply;
} UNARY[] = {
    {"OpenSession", "{\"protocol_version\":1,\"plugin_name\":\"minimal\","
                    "\"plugin_version\":\"1.0\",\"capabilities\":[\"read\",\"apply\"]}"},
    {"Read", "{\"entries\":["
             "{\"app\":\"web\",\"job\":\"a\",\"hash\":\"1\",\"schedule\":\"@daily\"},"
             "{\"app\":\"web\",\"job\":\"b\",\"index\":1,\"command\":\"say \\u0000 \\u00e9\"}]}"},
    {"CloseSession", "{}"},
};

static const char REFUSAL[] =
    "{\"code\":12,\"message\":\"the minimal plugin only reads and applies\","
    "\"details\":{\"reason\":\"MINIMAL\",\"applied\":[\"x\",\"y\"]}}";

/* A stream's state: how many events have been sent, and the latest. */
struct stream {
    int sent;
    char event[64];
};

static int32_t answer(cronix_call *call, int32_t code, const char *text) {
    call->reply = (const uint8_t *)text;
    call->reply_len = strlen(text);
    return code;
}

const char *cronix_plugin_handshake(void) {
    return "CRONIX-PLUGIN-V1 library abi=1 codec=json name=minimal version=1.0";
}

void *cronix_plugin_start(void) {
    return malloc(1); /* a session has no state, but it has an address */
}

void cronix_plugin_stop(void *session) {
    free(session);
}

int32_t cronix_plugin_call(cronix_call *call) {
    size_t i;

    if (call->struct_size < sizeof *call) return CRONIX_FAILED_PRECONDITION;
    if (call->codec != CRONIX_JSON) return CRONIX_INVALID_ARGUMENT;
    if (call->request_len > CRONIX_MAX_MESSAGE_BYTES) return CRONIX_RESOURCE_EXHAUSTED;
    if (call->cancelled) return CRONIX_CANCELLED;
    if (call->timeout_us == 0) return CRONIX_DEADLINE_EXCEEDED;
    if (strcmp(call->method, "Apply") == 0) {
        call->state = calloc(1, sizeof(struct stream));
        return call->state != NULL ? CRONIX_OK : CRONIX_RESOURCE_EXHAUSTED;
    }
    for (i = 0; i < sizeof UNARY / sizeof *UNARY; i++)
        if (strcmp(call->method, UNARY[i].method) == 0)
            return answer(call, CRONIX_OK, UNARY[i].reply);
    return answer(call, CRONIX_UNIMPLEMENTED, REFUSAL);
}

int32_t cronix_plugin_next(cronix_call *call) {
    static const char *const KINDS[] = {"started", "done", "finished"};
    struct stream *stream = call->state;

    if (call->cancelled) return CRONIX_CANCELLED;
    if (stream->sent == 3) return CRONIX_END;
    snprintf(stream->event, sizeof stream->event, "{\"kind\":\"%s\",\"job\":\"%d\"}",
             KINDS[stream->sent], stream->sent);
    stream->sent++;
    return answer(call, CRONIX_OK, stream->event);
}

void cronix_plugin_release(cronix_call *call) {
    free(call->state);
}

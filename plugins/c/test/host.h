/* A host for tests: calls of backend.h, with the checks that every call has. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline cronix_call new_call(void *session, uint32_t codec, const char *method,
                                   const char *request, size_t length) {
    return (cronix_call){
        .struct_size = sizeof(cronix_call),
        .codec = codec,
        .session = session,
        .method = method,
        .request = (const uint8_t *)request,
        .request_len = length,
        .timeout_us = -1,
    };
}

/* Copies a reply, with a zero byte behind it. */
static inline char *copy_reply(const cronix_call *call) {
    char *copy = calloc(1, call->reply_len + 1);
    CHECK(copy != NULL);
    if (call->reply_len > 0)
        memcpy(copy, call->reply, call->reply_len);
    return copy;
}

/* Makes a unary call. The reply, or the Status, is the caller's to free. */
static inline int32_t ask(void *session, uint32_t codec, const char *method, const char *request,
                          size_t length, char **reply) {
    cronix_call call = new_call(session, codec, method, request, length);
    int32_t code = cronix_plugin_call(&call);
    *reply = copy_reply(&call);
    cronix_plugin_release(&call);
    return code;
}

/* The same in JSON, of which only the code is of interest. */
static inline int32_t ask_json(void *session, const char *method, const char *request) {
    char *reply;
    int32_t code = ask(session, CRONIX_JSON, method, request, strlen(request), &reply);
    free(reply);
    return code;
}

static inline void *open_session_of(const char *config) {
    char request[512];
    void *session = cronix_plugin_start();
    CHECK(session != NULL);
    snprintf(request, sizeof request, "{\"protocol_versions\":[1],\"config\":%s}", config);
    CHECK(ask_json(session, "OpenSession", request) == CRONIX_OK);
    return session;
}

#endif

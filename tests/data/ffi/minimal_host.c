/*
 * A host in C99, written against backend.h alone:
 *
 *     minimal_host LIBRARY OPEN-SESSION-REQUEST READ-REQUEST
 *
 * The requests are JSON. It prints the handshake line, then a line per call: method, code, reply.
 */
#include "backend.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const char *(*handshake)(void);
static void *(*start)(void);
static void (*stop)(void *);
static int32_t (*call_unary)(cronix_call *);
static void (*release)(cronix_call *);

/* C has no conversion from dlsym's void * to a pointer to a function. */
static int find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);

    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static int load(const char *path) {
    void *library = dlopen(path, RTLD_NOW);

    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 0;
    }
    return find(library, "cronix_plugin_handshake", &handshake) &&
           find(library, "cronix_plugin_start", &start) &&
           find(library, "cronix_plugin_stop", &stop) &&
           find(library, "cronix_plugin_call", &call_unary) &&
           find(library, "cronix_plugin_release", &release);
}

static int32_t exchange(void *session, const char *method, const char *request) {
    cronix_call call;
    int32_t code;

    memset(&call, 0, sizeof call);
    call.struct_size = sizeof call;
    call.codec = CRONIX_JSON;
    call.session = session;
    call.method = method;
    call.request = (const uint8_t *)request;
    call.request_len = strlen(request);
    call.timeout_us = 10 * 1000 * 1000;
    code = call_unary(&call);
    printf("%s %d ", method, (int)code);
    fwrite(call.reply, 1, call.reply_len, stdout);
    printf("\n");
    release(&call);
    return code;
}

int main(int argc, char **argv) {
    const char *line;
    void *session;
    int32_t failed;

    if (argc != 4 || !load(argv[1])) return 2;
    line = handshake();
    if (line == NULL) return 3;
    printf("%s\n", line);
    session = start();
    if (session == NULL) return 4;
    failed = exchange(session, "OpenSession", argv[2]);
    if (!failed) failed = exchange(session, "Read", argv[3]);
    if (!failed) failed = exchange(session, "CloseSession", "{}");
    stop(session);
    return failed != 0;
}

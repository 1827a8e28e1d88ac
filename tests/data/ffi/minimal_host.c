/*
 * A host in C99, written against backend.h alone:
 *
 *     minimal_host LIBRARY OPEN-SESSION-REQUEST READ-REQUEST
 *
 * The requests are JSON. It prints the handshake line, then a line per call: method, code, reply.
 * Read is called from a thread of its own, as the plugin must bear (P-FFI-5).
 */
#include "backend.h"

#include <dlfcn.h>
#include <pthread.h>
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

struct reading {
    void *session;
    const char *request;
    int32_t code;
};

static void *read_entries(void *argument) {
    struct reading *reading = argument;

    reading->code = exchange(reading->session, "Read", reading->request);
    return NULL;
}

static int32_t read_in_a_thread(void *session, const char *request) {
    struct reading reading;
    pthread_t thread;

    reading.session = session;
    reading.request = request;
    if (pthread_create(&thread, NULL, read_entries, &reading) != 0) return CRONIX_INTERNAL;
    pthread_join(thread, NULL);
    return reading.code;
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
    if (!failed) failed = read_in_a_thread(session, argv[3]);
    if (!failed) failed = exchange(session, "CloseSession", "{}");
    stop(session);
    return failed != 0;
}

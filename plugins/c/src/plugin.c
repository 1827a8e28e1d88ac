/* The six functions of backend.h, and nothing else that this library exports. */
#include <stdlib.h>

#include "session.h"

const char *cronix_plugin_handshake(void) {
    return "CRONIX-PLUGIN-V1 library transport=ffi codec=protobuf,json name=" PLUGIN_NAME
           " version=" PLUGIN_VERSION " abi=1";
}

void *cronix_plugin_start(void) {
    return session_new();
}

void cronix_plugin_stop(void *session) {
    if (session != NULL)
        session_free(session);
}

/* Whether the host's struct is one that this version can use (P-FFI-8). */
static bool is_known(const cronix_call *host) {
    return host->struct_size >= sizeof *host;
}

int32_t cronix_plugin_call(cronix_call *host) {
    if (!is_known(host))
        return CRONIX_FAILED_PRECONDITION;
    if (host->codec != CRONIX_PROTOBUF && host->codec != CRONIX_JSON)
        return CRONIX_INVALID_ARGUMENT; /* there is no codec for a Status either */
    struct call *call = call_new(host);
    if (call == NULL)
        return CRONIX_RESOURCE_EXHAUSTED;
    host->state = call;
    return call_guard(call, session_call);
}

static void no_event(struct call *call) {
    call->code = CRONIX_END;
}

int32_t cronix_plugin_next(cronix_call *host) {
    struct call *call = is_known(host) ? host->state : NULL;
    if (call == NULL)
        return CRONIX_FAILED_PRECONDITION;
    int32_t code = call_guard(call, call->next == NULL ? no_event : call->next);
    if (code != CRONIX_OK)
        call->next = NULL; /* nothing follows the end (P-STREAM-1) */
    return code;
}

void cronix_plugin_release(cronix_call *host) {
    struct call *call = is_known(host) ? host->state : NULL;
    if (call == NULL)
        return;
    if (call->next != NULL) /* a stream that nobody reads to its end is cancelled (P-STREAM-2) */
        session_count_cancelled(call->session);
    if (call->session != NULL)
        session_leave(call);
    host->state = NULL;
    host->reply = NULL;
    host->reply_len = 0;
    call_free(call);
}

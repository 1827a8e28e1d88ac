#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "faults.h"

#define MAX_CALLS 128
#define PROTOCOL_VERSION 1

/* Where a session stands (P-SESSION-1). */
enum state { NOT_OPEN, OPEN, CLOSED };

struct session {
    pthread_mutex_t lock;
    enum state state;
    struct faults *faults; /* written by OpenSession, before any call that reads it */
    int calls, cancelled;  /* atomic */
    struct store store;
};

struct session *session_new(void) {
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    if (pthread_mutex_init(&session->lock, NULL) != 0) {
        free(session);
        return NULL;
    }
    if (!store_init(&session->store)) {
        pthread_mutex_destroy(&session->lock);
        free(session);
        return NULL;
    }
    return session;
}

void session_free(struct session *session) {
    store_free(&session->store);
    faults_free(session->faults);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

struct store *session_store(struct session *session) {
    return &session->store;
}

struct faults *session_faults(struct session *session) {
    return session->faults;
}

void session_count_cancelled(struct session *session) {
    __atomic_add_fetch(&session->cancelled, 1, __ATOMIC_RELAXED);
}

int session_cancelled(struct session *session) {
    return __atomic_load_n(&session->cancelled, __ATOMIC_RELAXED);
}

void session_enter(struct call *call) {
    call->counted = true;
    if (__atomic_add_fetch(&call->session->calls, 1, __ATOMIC_RELAXED) > MAX_CALLS)
        call_fail(call, &(struct failure){
                            .code = CRONIX_RESOURCE_EXHAUSTED,
                            .reason = T("TOO_MANY_CALLS"),
                            .expected = T("at most 128"),
                            .action = T("wait for a call to end"),
                            .message = T("128 calls are under way"),
                        });
}

void session_leave(struct call *call) {
    if (call->counted)
        __atomic_sub_fetch(&call->session->calls, 1, __ATOMIC_RELAXED);
    call->counted = false;
}

/* Refuses a call that needs another state; the lock is held. */
static void require(struct call *call, enum state needed) {
    static const struct {
        const char *reason, *message;
    } refusals[] = {
        [NOT_OPEN] = {"SESSION_NOT_OPEN", "the session is not open"},
        [OPEN] = {"SESSION_OPEN", "the session is open already"},
        [CLOSED] = {"SESSION_CLOSED", "the session is closed"},
    };
    enum state is = call->session->state;
    if (is != needed)
        call_fail(call, &(struct failure){.code = CRONIX_FAILED_PRECONDITION,
                                          .reason = text_of(refusals[is].reason),
                                          .message = text_of(refusals[is].message)});
}

static void ready(struct call *call, enum state needed) {
    call_check(call);
    call_lock(call, &call->session->lock);
    require(call, needed);
    call_unlock(call);
}

/* ---- OpenSession, CloseSession */

static int compare_numbers(const void *a, const void *b) {
    int32_t first = *(const int32_t *)a, second = *(const int32_t *)b;
    return (first > second) - (first < second);
}

static Text version_set(struct call *call, size_t count, int32_t *versions) {
    if (count > 0)
        qsort(versions, count, sizeof *versions, compare_numbers);
    Text set = T("{");
    for (size_t i = 0; i < count; i++)
        if (i == 0 || versions[i] != versions[i - 1])
            set = JOIN(call, set, i == 0 ? T("") : T(","), text_number(call, versions[i]));
    return JOIN(call, set, T("}"));
}

/* Chooses the version of the protocol (P-SESSION-2). */
static void check_versions(struct call *call, const Pb__OpenSessionRequest *request) {
    bool newer = false;
    for (size_t i = 0; i < request->n_protocol_versions; i++) {
        if (request->protocol_versions[i] == PROTOCOL_VERSION)
            return;
        newer = newer || request->protocol_versions[i] > PROTOCOL_VERSION;
    }
    Text expected = JOIN(call, T("{"), text_number(call, PROTOCOL_VERSION), T("}"));
    Text got = version_set(call, request->n_protocol_versions, request->protocol_versions);
    call_fail(call, &(struct failure){
                        .code = CRONIX_FAILED_PRECONDITION,
                        .reason = T("PROTOCOL_VERSION"),
                        .expected = expected,
                        .got = got,
                        .action = newer ? T("install a newer plugin") : T("install a newer host"),
                        .message = JOIN(call, T("the plugin speaks protocol "), expected,
                                        T(", the host "), got),
                    });
}

static const char *const capabilities[] = {"read",  "plan",  "apply",           "drift",
                                           "prune", "adopt", "verify-ownership"};
#define CAPABILITIES (sizeof capabilities / sizeof capabilities[0])

static void check_capabilities(struct call *call, const Pb__OpenSessionRequest *request) {
    for (size_t i = 0; i < request->n_required_capabilities; i++) {
        Text wanted = request->required_capabilities[i];
        size_t known = 0;
        while (known < CAPABILITIES && !text_is(wanted, capabilities[known]))
            known++;
        if (known == CAPABILITIES)
            call_fail(call, &(struct failure){
                                .code = CRONIX_FAILED_PRECONDITION,
                                .reason = T("CAPABILITY"),
                                .expected = wanted,
                                .message = JOIN(call, T("this plugin has no capability \""), wanted,
                                                T("\"")),
                            });
    }
}

/* The faults that the configuration asks for; there is nothing else to configure (P-SESSION-4). */
static struct faults *configured(struct call *call, const Pb__OpenSessionRequest *request) {
    Text faults = T("");
    for (size_t i = 0; i < request->n_config; i++) {
        Text name = request->config[i]->key;
        if (!text_is(name, "faults"))
            call_fail(call,
                      &(struct failure){
                          .code = CRONIX_INVALID_ARGUMENT,
                          .reason = T("UNKNOWN_CONFIG"),
                          .path = JOIN(call, T("config/"), name),
                          .expected = T("faults"),
                          .got = name,
                          .message = JOIN(call, T("there is no configuration \""), name, T("\"")),
                      });
        faults = request->config[i]->value; /* of a name that is there twice the last one counts */
    }
    return faults_parse(call, faults);
}

static void open_session(struct call *call, ProtobufCMessage *message) {
    const Pb__OpenSessionRequest *request = (Pb__OpenSessionRequest *)message;
    check_versions(call, request);
    check_capabilities(call, request);
    struct faults *faults = configured(call, request);
    call_lock(call, &call->session->lock);
    require(call, NOT_OPEN); /* another OpenSession may have come between */
    call->session->faults = faults_keep(call, faults);
    call->session->state = OPEN;
    call_unlock(call);
    Pb__OpenSessionReply reply = PB__OPEN_SESSION_REPLY__INIT;
    Text names[CAPABILITIES];
    for (size_t i = 0; i < CAPABILITIES; i++)
        names[i] = text_of(capabilities[i]);
    reply.protocol_version = PROTOCOL_VERSION;
    reply.plugin_name = T(PLUGIN_NAME);
    reply.plugin_version = T(PLUGIN_VERSION);
    reply.n_capabilities = CAPABILITIES;
    reply.capabilities = names;
    codec_encode(call, &reply.base);
}

static void close_session(struct call *call, ProtobufCMessage *message) {
    (void)message;
    call_lock(call, &call->session->lock);
    require(call, OPEN);
    call->session->state = CLOSED;
    call_unlock(call);
    Pb__CloseSessionReply reply = PB__CLOSE_SESSION_REPLY__INIT;
    codec_encode(call, &reply.base);
}

/* ---- the table of RPCs */

#define OPERATION(name, type, function)                                                            \
    static void do_##name(struct call *call, ProtobufCMessage *message) {                          \
        type *request = (type *)message;                                                           \
        if (!faults_strike(call, #name, request->app))                                             \
            codec_encode(call, function(call, request));                                           \
    }

OPERATION(Read, Pb__ReadRequest, store_read_reply)
OPERATION(Plan, Pb__PlanRequest, store_plan)
OPERATION(Drift, Pb__DriftRequest, store_drift)
OPERATION(Prune, Pb__PruneRequest, store_prune_reply)
OPERATION(Adopt, Pb__AdoptRequest, store_adopt)
OPERATION(VerifyOwnership, Pb__VerifyOwnershipRequest, store_verify)

static void do_Apply(struct call *call, ProtobufCMessage *message) {
    Pb__ApplyRequest *request = (Pb__ApplyRequest *)message;
    Text app = request->plan == NULL ? T("") : request->plan->app;
    if (!faults_strike(call, "Apply", app))
        apply_begin(call, request);
}

static const struct {
    const char *name;
    const ProtobufCMessageDescriptor *request;
    enum state needed;
    void (*function)(struct call *call, ProtobufCMessage *request);
} rpcs[] = {
    {"OpenSession", &pb__open_session_request__descriptor, NOT_OPEN, open_session},
    {"CloseSession", &pb__close_session_request__descriptor, OPEN, close_session},
    {"Read", &pb__read_request__descriptor, OPEN, do_Read},
    {"Plan", &pb__plan_request__descriptor, OPEN, do_Plan},
    {"Apply", &pb__apply_request__descriptor, OPEN, do_Apply},
    {"Drift", &pb__drift_request__descriptor, OPEN, do_Drift},
    {"Prune", &pb__prune_request__descriptor, OPEN, do_Prune},
    {"Adopt", &pb__adopt_request__descriptor, OPEN, do_Adopt},
    {"VerifyOwnership", &pb__verify_ownership_request__descriptor, OPEN, do_VerifyOwnership},
};

/* The order of the checks is that of P-RPC-3. */
void session_call(struct call *call) {
    if (call->session == NULL)
        call_fail(call, &(struct failure){.code = CRONIX_FAILED_PRECONDITION,
                                          .message = T("the call names no session")});
    session_enter(call);
    size_t rpc = 0;
    while (rpc < sizeof rpcs / sizeof rpcs[0] && strcmp(rpcs[rpc].name, call->host->method) != 0)
        rpc++;
    if (rpc == sizeof rpcs / sizeof rpcs[0]) {
        Text method = text_of(call->host->method);
        call_fail(call, &(struct failure){
                            .code = CRONIX_UNIMPLEMENTED,
                            .reason = T("UNKNOWN_METHOD"),
                            .got = method,
                            .message = JOIN(call, T("no method \""), method, T("\"")),
                        });
    }
    if (call->host->request_len > CRONIX_MAX_MESSAGE_BYTES)
        call_fail(call, &(struct failure){
                            .code = CRONIX_RESOURCE_EXHAUSTED,
                            .reason = T("MESSAGE_TOO_LARGE"),
                            .expected = T("at most 67108864 bytes"),
                            .message = T("the request is over 67108864 bytes long"),
                        });
    ProtobufCMessage *request = codec_decode(call, rpcs[rpc].request);
    ready(call, rpcs[rpc].needed);
    rpcs[rpc].function(call, request);
}

/* Calls from many threads at once, in one session and in several (P-FFI-5); run under TSan. */
#include <pthread.h>
#include <time.h>

#include "host.h"

#define THREADS 8
#define ROUNDS 100

struct worker {
    pthread_t thread;
    void *session;
    char app;
};

/* Makes entries of an app of its own, reads those of all, and removes its own again. */
static void *work(void *argument) {
    struct worker *worker = argument;
    char plan[256], prune[64], *reply;
    snprintf(plan, sizeof plan,
             "{\"app\":\"%c\",\"jobs\":[{\"job\":{\"name\":\"a\",\"schedules\":[\"@daily\"]},"
             "\"hashes\":[\"1\"]}]}",
             worker->app);
    snprintf(prune, sizeof prune, "{\"app\":\"%c\",\"allow_empty\":true}", worker->app);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(ask(worker->session, CRONIX_JSON, "Plan", plan, strlen(plan), &reply) == CRONIX_OK);
        char apply[2048];
        snprintf(apply, sizeof apply, "{\"plan\":%s}", reply);
        free(reply);
        cronix_call call = new_call(worker->session, CRONIX_JSON, "Apply", apply, strlen(apply));
        int32_t code = cronix_plugin_call(&call);
        while (code == CRONIX_OK)
            code = cronix_plugin_next(&call);
        CHECK(code == CRONIX_END);
        cronix_plugin_release(&call);
        CHECK(ask_json(worker->session, "Read", "{}") == CRONIX_OK);
        CHECK(ask_json(worker->session, "Prune", prune) == CRONIX_OK);
    }
    return NULL;
}

static void *wait_for_cancellation(void *argument) {
    cronix_call *call = argument;
    CHECK(cronix_plugin_call(call) == CRONIX_CANCELLED);
    return NULL;
}

int main(void) {
    struct worker workers[THREADS];
    void *shared = open_session_of("{\"faults\":\"requests\"}");
    const char *request = "{\"app\":\"!sleep:600\"}";
    cronix_call call = new_call(shared, CRONIX_JSON, "Read", request, strlen(request));
    pthread_t waiting;
    CHECK(pthread_create(&waiting, NULL, wait_for_cancellation, &call) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *session = i % 2 == 0 ? shared : open_session_of("{}");
        workers[i] = (struct worker){.session = session, .app = (char)('a' + i)};
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
        if (workers[i].session != shared)
            cronix_plugin_stop(workers[i].session);
    }
    __atomic_store_n(&call.cancelled, 1, __ATOMIC_RELAXED);
    CHECK(pthread_join(waiting, NULL) == 0);
    cronix_plugin_release(&call);
    cronix_plugin_stop(shared);
    return 0;
}

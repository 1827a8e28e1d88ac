/* Tests of the plugin by its six functions, and of what it needs of the libraries. */
#include <jansson.h>
#include <time.h>

#include "backend.pb-c.h"
#include "host.h"
#include "store.h"
#include "strings.pb-c.h"

#define ONE_JOB(name, hash)                                                                        \
    "{\"job\":{\"name\":\"" name "\",\"schedules\":[\"0 3 * * *\"]},\"hashes\":[\"" hash "\"]}"

/* The plan for some jobs of the app web, as a request of Apply; the caller frees it. */
static char *plan_for(void *session, const char *jobs) {
    char request[2048], *plan;
    snprintf(request, sizeof request, "{\"app\":\"web\",\"allow_empty\":true,\"jobs\":[%s]}", jobs);
    CHECK(ask(session, CRONIX_JSON, "Plan", request, strlen(request), &plan) == CRONIX_OK);
    size_t size = strlen(plan) + 16;
    char *apply = calloc(1, size);
    CHECK(apply != NULL);
    snprintf(apply, size, "{\"plan\":%s}", plan);
    free(plan);
    return apply;
}

/* Applies a plan, and returns how many events came before the end; *last is the last reply. */
static int apply(void *session, const char *request, int32_t *code, char **last) {
    cronix_call call = new_call(session, CRONIX_JSON, "Apply", request, strlen(request));
    int events = 0;
    *last = NULL;
    *code = cronix_plugin_call(&call);
    while (*code == CRONIX_OK) {
        call.reply = NULL;
        call.reply_len = 0;
        *code = cronix_plugin_next(&call);
        if (*code == CRONIX_OK)
            events++;
    }
    *last = copy_reply(&call);
    cronix_plugin_release(&call);
    return events;
}

static int apply_jobs(void *session, const char *jobs) {
    char *request = plan_for(session, jobs), *last;
    int32_t code;
    int events = apply(session, request, &code, &last);
    CHECK(code == CRONIX_END);
    free(request);
    free(last);
    return events;
}

static void check_read(void *session, const char *expected) {
    char *reply;
    CHECK(ask(session, CRONIX_JSON, "Read", "{}", 2, &reply) == CRONIX_OK);
    if (strstr(reply, expected) == NULL)
        fprintf(stderr, "%s\n", reply);
    CHECK(strstr(reply, expected) != NULL);
    free(reply);
}

static void test_schedules_that_mean_the_same(void) {
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"*/15 * * * *", "0,15,30,45 * * * *", true},
        {"0 3 * * 7", "0 3 * * sun", true},
        {"0 3 * * 5-7", "0 3 * * 0,5,6", true},
        {"0 3 1-31 * 1", "0 3 * * *", true}, /* either day */
        {"0 3 1-15 * 1", "0 3 1-15 * *", false},
        {"0 3 */2 * 1", "0 3 1-31/2 * 1", true}, /* either day */
        {"0 3 1,* * 1", "0 3 * * *", false},
        {"0 3 */01 * 1", "0 3 * * 1", true},
        {"5/20 * * * *", "5,25,45 * * * *", true},
        {"0 3 * * *", "0 4 * * *", false},
        {"0 3 ? * *", "0 3 * * *", true},
        {"0 3 * jan *", "0 3 * 1 *", true},
        {"@daily", "0 0 * * *", true},
        {"@every 5m", "@every 300s", true},
        {"@every 60s", "* * * * *", false},
        {"@every m", "@every  m", false},
        {"0 3 * * 1/2", "0 3 * * 1,3,5", true},
        {"60 * * * *", "60  * * * *", false},   /* no schedule of cron */
        {"1,,2 * * * *", "1,2 * * * *", false}, /* no schedule of cron */
        {"0 3 * * * *", "0 3 * * *", false},    /* six fields */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool same = same_schedule(text_of(cases[i].a), text_of(cases[i].b));
        if (same != cases[i].same)
            fprintf(stderr, "%s and %s\n", cases[i].a, cases[i].b);
        CHECK(same == cases[i].same);
    }
}

static void test_json_is_read_strictly(void) {
    static const struct {
        const char *method, *request, *problem; /* NULL: it is read */
    } cases[] = {
        {"Read", "{}", NULL},
        {"Read", " {\"app\":null,\"later\":[1e999,-0.0,{}]}\n", NULL},
        {"Read", "{\"later\":123456789012345678901234567890}", NULL},
        {"Read", "{\"later\":\"\\ud800\"}", NULL}, /* nobody reads it */
        {"Read", "{\"app\":\"\\ud83d\\ude42 \\u0000\"}", NULL},
        {"Read", "", "no JSON"},
        {"Read", "[]", "an object is expected"},
        {"Read", "{} {}", "no JSON"},
        {"Read", "{\"app\":\"a\",\"app\":\"b\"}", "duplicate"},
        {"Read", "{\"later\":{\"a\":1,\"\\u0061\":1}}", "duplicate"},
        {"Read", "{\"app\":\"\xff\"}", "unable to decode"},
        {"Read", "{\"app\":\"\xed\xa0\x80\"}", "unable to decode"}, /* a surrogate as bytes */
        {"Read", "{\"app\":\"\\ud800\"}", "\"path\":\"app\""},
        {"Read", "{\"app\":\"\\udc00\\ud800\"}", "\"path\":\"app\""},
        {"Read", "{\"\\ud800\":1}", "no JSON"},
        {"Read", "{\"app\":\"\\u00e\"}", "no JSON"},
        {"Read", "{\"app\":\"", "no JSON"},
        {"Read", "{\"app\":\"\\", "no JSON"},
        {"Read", "{\"app\":\"\\ud8", "no JSON"},
        {"Read", "{\"app\":01}", "no JSON"},
        {"Read", "{\"app\":1.}", "no JSON"},
        {"Read", "{\"app\":1e}", "no JSON"},
        {"Read", "{\"app\":7}", "\"path\":\"app\""},
        {"Read", "{\"app\":NaN}", "no JSON"},
        {"Read", "\xef\xbb\xbf{}", "no JSON"},
        {"Plan", "{\"app\":\"web\",\"jobs\":null}", "\"path\":\"jobs\""},
        {"Plan", "{\"app\":\"web\",\"jobs\":[{\"hashes\":[1]}]}", "\"path\":\"jobs/0/hashes/0\""},
        {"Plan", "{\"app\":\"web\",\"allow_empty\":1}", "\"path\":\"allow_empty\""},
        {"OpenSession", "{\"protocol_versions\":[1.0]}", "\"path\":\"protocol_versions/0\""},
        {"OpenSession", "{\"protocol_versions\":[1e0]}", "\"path\":\"protocol_versions/0\""},
        {"OpenSession", "{\"protocol_versions\":[2147483648]}", "\"path\":\"protocol_versions/0\""},
        {"OpenSession", "{\"protocol_versions\":[99999999999999999999]}", "protocol_versions/0"},
        {"OpenSession", "{\"config\":{\"a\":1}}", "\"path\":\"config/a\""},
        {"Apply", "{\"plan\":{\"ops\":[{\"kind\":\"SKIP\"}]}}", "\"path\":\"plan/ops/0/kind\""},
        {"Apply", "{\"plan\":{\"ops\":[{\"kind\":\"unspecified\"}]}}", "plan/ops/0/kind"},
    };
    void *session = open_session_of("{}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *reply;
        size_t length = strlen(cases[i].request);
        /* Without the zero byte behind it, so that reading too far is seen. */
        char *request = malloc(length > 0 ? length : 1);
        CHECK(request != NULL);
        memcpy(request, cases[i].request, length);
        int32_t code = ask(session, CRONIX_JSON, cases[i].method, request, length, &reply);
        bool right = cases[i].problem == NULL ? code == CRONIX_OK
                                              : code == CRONIX_INVALID_ARGUMENT &&
                                                    strstr(reply, "UNREADABLE_REQUEST") != NULL &&
                                                    strstr(reply, cases[i].problem) != NULL;
        if (!right)
            fprintf(stderr, "%s: %d %s\n", cases[i].request, code, reply);
        CHECK(right);
        free(request);
        free(reply);
    }
    cronix_plugin_stop(session);
}

static void test_json_may_be_nested_as_deep_as_jansson_takes(void) {
    void *session = open_session_of("{}");
    for (int depth = 2000; depth <= 100000; depth *= 50) {
        size_t length = (size_t)depth * 2 + 12;
        char *request = calloc(1, length);
        CHECK(request != NULL);
        memcpy(request, "{\"later\":", 9);
        memset(request + 9, '[', (size_t)depth);
        memset(request + 9 + depth, ']', (size_t)depth);
        request[9 + 2 * depth] = '}';
        CHECK(ask_json(session, "Read", request) ==
              (depth == 2000 ? CRONIX_OK : CRONIX_INVALID_ARGUMENT));
        free(request);
    }
    cronix_plugin_stop(session);
}

static void test_protobuf_is_read_strictly(void) {
#define BYTES(literal) literal, sizeof(literal) - 1
    static const struct {
        const char *method, *request;
        size_t length;
        const char *problem;
    } cases[] = {
        {"Read", BYTES(""), NULL},
        {"Read", BYTES("\x0a\x03web\x7a\x01\xff"), NULL}, /* an unknown member, of any bytes */
        {"Read",
         BYTES("\x0a\x03"
               "a\0b"),
         NULL},
        {"Read", BYTES("\x0a\x05web"), "protobuf"},     /* cut */
        {"Read", BYTES("\x08\x01"), "protobuf"},        /* a number for a text */
        {"Read", BYTES("\x0a\x03\xed\xa0\x80"), "app"}, /* a surrogate */
        {"Plan",
         BYTES("\x12\x05\x12\x03"
               "a\xff"
               "b"),
         "jobs/0/hashes/0"},
        {"Apply", BYTES("\x0a\x04\x12\x02\x08\x09"), "plan/ops/0/kind"}, /* no such op */
    };
    void *session = open_session_of("{}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *reply;
        int32_t code = ask(session, CRONIX_PROTOBUF, cases[i].method, cases[i].request,
                           cases[i].length, &reply);
        /* The Status is in protobuf: its code, then the length of its message. */
        const char *message = code == CRONIX_OK ? "" : reply + 4;
        bool right = cases[i].problem == NULL
                         ? code == CRONIX_OK
                         : code == CRONIX_INVALID_ARGUMENT && strstr(message, cases[i].problem);
        if (!right)
            fprintf(stderr, "case %zu: %d %s\n", i, code, message);
        CHECK(right);
        free(reply);
    }
    cronix_plugin_stop(session);
}

static void test_apply_makes_what_was_planned(void) {
    void *session = open_session_of("{}");
    CHECK(apply_jobs(session, ONE_JOB("b", "1") "," ONE_JOB("a", "1")) == 5);
    check_read(session, "\"job\":\"a\"");
    CHECK(apply_jobs(session, ONE_JOB("c", "1") "," ONE_JOB("b", "2")) == 7); /* all three kinds */
    check_read(session, "{\"entries\":[{\"app\":\"web\",\"job\":\"b\",\"hash\":\"2\"");
    CHECK(apply_jobs(session, ONE_JOB("c", "1") "," ONE_JOB("b", "2")) == 1);
    CHECK(ask_json(session, "Prune", "{\"app\":\"web\",\"keep\":[\"c\"]}") == CRONIX_OK);
    check_read(session, "{\"entries\":[{\"app\":\"web\",\"job\":\"c\"");
    CHECK(apply_jobs(session, "") == 3);
    check_read(session, "{}");
    cronix_plugin_stop(session);
}

static void test_an_old_plan_is_refused_whole(void) {
    void *session = open_session_of("{}");
    char *old = plan_for(session, ONE_JOB("a", "1") "," ONE_JOB("b", "1")), *last;
    apply_jobs(session, ONE_JOB("c", "1"));
    int32_t code;
    CHECK(apply(session, old, &code, &last) == 0 && code == CRONIX_ABORTED);
    CHECK(strstr(last, "\"unattempted\":[\"a\",\"b\"]") != NULL);
    free(old);
    free(last);
    cronix_plugin_stop(session);
}

static void test_a_cancelled_apply_says_what_it_did(void) {
    void *session = open_session_of("{}");
    char *request = plan_for(session, ONE_JOB("a", "1") "," ONE_JOB("b", "1"));
    cronix_call call = new_call(session, CRONIX_JSON, "Apply", request, strlen(request));
    CHECK(cronix_plugin_call(&call) == CRONIX_OK);
    CHECK(cronix_plugin_next(&call) == CRONIX_OK); /* a is started */
    call.cancelled = 1;
    CHECK(cronix_plugin_next(&call) == CRONIX_OK); /* and done */
    CHECK(cronix_plugin_next(&call) == CRONIX_CANCELLED);
    char *status = copy_reply(&call);
    CHECK(strstr(status, "\"applied\":[\"a\"],\"unattempted\":[\"b\"]") != NULL);
    cronix_plugin_release(&call);
    CHECK(call.state == NULL && call.reply == NULL);
    check_read(session, "\"job\":\"a\"");
    free(status);
    free(request);
    cronix_plugin_stop(session);
}

static void test_an_apply_that_nobody_reads_stops(void) {
    void *session = open_session_of("{}");
    char *request = plan_for(session, ONE_JOB("a", "1"));
    cronix_call call = new_call(session, CRONIX_JSON, "Apply", request, strlen(request));
    CHECK(cronix_plugin_call(&call) == CRONIX_OK);
    CHECK(cronix_plugin_next(&call) == CRONIX_OK);
    cronix_plugin_release(&call);
    check_read(session, "{}");
    free(request);
    cronix_plugin_stop(session);
}

static void test_a_deadline_ends_a_call(void) {
    void *session = open_session_of("{\"faults\":\"requests\"}");
    const char *request = "{\"app\":\"!sleep:600\"}";
    for (int64_t timeout = 0; timeout <= 20000; timeout += 20000) {
        cronix_call call = new_call(session, CRONIX_JSON, "Read", request, strlen(request));
        call.timeout_us = timeout;
        CHECK(cronix_plugin_call(&call) == CRONIX_DEADLINE_EXCEEDED);
        cronix_plugin_release(&call);
    }
    cronix_call call = new_call(session, CRONIX_JSON, "Read", "{}", 2);
    call.timeout_us = INT64_MAX;
    CHECK(cronix_plugin_call(&call) == CRONIX_OK);
    cronix_plugin_release(&call);
    cronix_plugin_stop(session);
}

static void test_a_call_that_is_none_is_refused(void) {
    void *session = open_session_of("{}");
    cronix_call call = new_call(session, CRONIX_JSON, "Read", "{}", 2), before;
    call.struct_size = sizeof call - 1;
    before = call;
    CHECK(cronix_plugin_call(&call) == CRONIX_FAILED_PRECONDITION);
    cronix_plugin_release(&call);
    CHECK(memcmp(&call, &before, sizeof call) == 0);
    CHECK(ask_json(session, "NoSuchMethod", "{") == CRONIX_UNIMPLEMENTED);
    CHECK(ask_json(session, "\xff", "{}") == CRONIX_UNIMPLEMENTED);
    CHECK(ask_json(NULL, "Read", "{}") == CRONIX_FAILED_PRECONDITION);
    char *reply;
    CHECK(ask(session, 3, "Read", "{}", 2, &reply) == CRONIX_INVALID_ARGUMENT && reply[0] == 0);
    free(reply);
    CHECK(ask(session, CRONIX_JSON, "Read", NULL, (size_t)CRONIX_MAX_MESSAGE_BYTES + 1, &reply) ==
          CRONIX_RESOURCE_EXHAUSTED);
    free(reply);
    cronix_plugin_stop(session);
}

static void test_a_long_text_of_an_error_is_cut(void) {
    void *session = open_session_of("{}");
    size_t length = 20000;
    char *request = malloc(length + 32), *reply;
    CHECK(request != NULL);
    int begin = snprintf(request, 32, "{\"app\":\"");
    memset(request + begin, 'x', length);
    memcpy(request + begin + length, "\"}", 3);
    CHECK(ask(session, CRONIX_JSON, "Drift", request, strlen(request), &reply) ==
          CRONIX_INVALID_ARGUMENT);
    CHECK(strstr(reply, "x... (20000 bytes in all)\"") != NULL && strlen(reply) < 3 * 8192);
    free(request);
    free(reply);
    cronix_plugin_stop(session);
}

static void test_128_calls_at_once(void) {
    void *session = open_session_of("{\"faults\":\"requests\"}");
    static cronix_call calls[128];
    const char *request = "{\"plan\":{\"app\":\"!events:1\"}}";
    for (size_t i = 0; i < 128; i++) {
        calls[i] = new_call(session, CRONIX_JSON, "Apply", request, strlen(request));
        CHECK(cronix_plugin_call(&calls[i]) == CRONIX_OK);
    }
    CHECK(ask_json(session, "Read", "{}") == CRONIX_RESOURCE_EXHAUSTED);
    cronix_plugin_release(&calls[0]);
    CHECK(ask_json(session, "Read", "{}") == CRONIX_OK);
    for (size_t i = 1; i < 128; i++)
        cronix_plugin_release(&calls[i]);
    cronix_plugin_stop(session);
}

/* ---- each allocation may fail: the Makefile puts these in the place of the C library's */

static long allocations_left = -1; /* below 0: no bound */

static bool may_allocate(void) {
    if (allocations_left == 0)
        return false;
    if (allocations_left > 0)
        allocations_left--;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size) {
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size) {
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size) {
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}

static bool works_with(long allocations, uint32_t codec, void *session, const char *method,
                       const char *request, size_t length) {
    cronix_call call = new_call(session, codec, method, request, length);
    allocations_left = allocations;
    int32_t code = cronix_plugin_call(&call);
    while (code == CRONIX_OK && strcmp(method, "Apply") == 0)
        code = cronix_plugin_next(&call);
    cronix_plugin_release(&call);
    bool used_up = allocations_left == 0;
    allocations_left = -1;
    CHECK(used_up || code == CRONIX_OK || code == CRONIX_END);
    return code == CRONIX_OK || code == CRONIX_END;
}

static void test_no_memory_is_an_error_and_leaks_nothing(void) {
    const char *jobs = ONE_JOB("a", "1") "," ONE_JOB("b", "2");
    const char *plan = "{\"app\":\"web\",\"jobs\":[" ONE_JOB("a", "1") "," ONE_JOB("b", "2") "]}";
    json_set_alloc_funcs(__wrap_malloc, free);
    long bound = 0;
    for (bool done = false; !done; bound++) {
        void *session = open_session_of("{}");
        char *request = plan_for(session, jobs);
        done = works_with(bound, CRONIX_JSON, session, "Plan", plan, strlen(plan)) &&
               works_with(bound, CRONIX_JSON, session, "Apply", request, strlen(request)) &&
               works_with(bound, CRONIX_JSON, session, "Read", "{}", 2) &&
               works_with(bound, CRONIX_PROTOBUF, session, "Read", "", 0);
        free(request);
        cronix_plugin_stop(session);
    }
    CHECK(bound > 20);
    json_set_alloc_funcs(malloc, free);
}

/* ---- what the libraries do: docs/languages.md says the same */

static const char *jansson_says(const char *text, size_t flags) {
    static json_error_t error;
    json_t *value = json_loads(text, flags | JSON_DECODE_ANY, &error);
    json_decref(value);
    return value != NULL ? "" : error.text;
}

/* Whether jansson takes so many arrays in one another. */
static bool nests(size_t depth) {
    char *text = calloc(2, depth + 1);
    CHECK(text != NULL);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    bool taken = jansson_says(text, 0)[0] == 0;
    free(text);
    return taken;
}

static void test_what_jansson_does(void) {
    json_t *value = json_loads("{\"a\":1,\"a\":2,\"b\":1.0,\"c\":\"x\\u0000y\",\"d\":null}",
                               JSON_ALLOW_NUL, NULL);
    CHECK(json_integer_value(json_object_get(value, "a")) == 2);
    CHECK(json_is_real(json_object_get(value, "b")));
    CHECK(json_string_length(json_object_get(value, "c")) == 3);
    CHECK(json_is_null(json_object_get(value, "d")) && json_object_get(value, "e") == NULL);
    json_decref(value);
    CHECK(strstr(jansson_says("{\"a\":1,\"a\":2}", JSON_REJECT_DUPLICATES), "duplicate"));
    CHECK(strstr(jansson_says("\"\\ud800\"", 0), "invalid Unicode"));
    CHECK(strstr(jansson_says("\"\xff\"", 0), "unable to decode"));
    CHECK(json_stringn("\xff", 1) == NULL);
    CHECK(strstr(jansson_says("\"\\u0000\"", 0), "\\u0000"));
    CHECK(strstr(jansson_says("{\"\\u0000\":1}", JSON_ALLOW_NUL), "NUL"));
    CHECK(strstr(jansson_says("9223372036854775808", 0), "too big"));
    CHECK(strstr(jansson_says("1e999", 0), "overflow"));
    CHECK(strstr(jansson_says("{} {}", 0), "end of file expected"));
    CHECK(nests(2048) && !nests(2049));
}

static void test_what_protobuf_c_does(void) {
    /* An unknown number of an enum is kept, and text need not be UTF-8. */
    Pb__Op *op = pb__op__unpack(NULL, 5, (const uint8_t *)"\x08\x09\x12\x01\xff");
    CHECK(op != NULL && (int)op->kind == 9 && op->job.len == 1);
    pb__op__free_unpacked(op, NULL);
    /* Unknown members are kept, and written again. */
    Pb__ReadRequest *read = pb__read_request__unpack(NULL, 3, (const uint8_t *)"\x7a\x01\xff");
    CHECK(read != NULL && read->base.n_unknown_fields == 1);
    CHECK(pb__read_request__get_packed_size(read) == 3);
    CHECK(read->_app_case == PB__READ_REQUEST___APP__NOT_SET);
    pb__read_request__free_unpacked(read, NULL);
    /* Text that is there and empty is told from text that is not, in a oneof only. */
    read = pb__read_request__unpack(NULL, 2, (const uint8_t *)"\x0a\x00");
    CHECK(read != NULL && read->_app_case == PB__READ_REQUEST___APP_APP);
    pb__read_request__free_unpacked(read, NULL);
    /* A message that is not there is NULL; a wrong wire type makes all unreadable. */
    Pb__ApplyRequest *apply_request = pb__apply_request__unpack(NULL, 0, (const uint8_t *)"");
    CHECK(apply_request != NULL && apply_request->plan == NULL);
    pb__apply_request__free_unpacked(apply_request, NULL);
    CHECK(pb__read_request__unpack(NULL, 2, (const uint8_t *)"\x08\x01") == NULL);
    /* A string ends at its first zero byte, and need not be UTF-8. */
    Plain *plain = plain__unpack(NULL, 6, (const uint8_t *)"\x0a\x04" "a\xff\0b");
    CHECK(plain != NULL && strlen(plain->text) == 2);
    plain__free_unpacked(plain, NULL);
    plain = plain__unpack(NULL, 0, (const uint8_t *)"");
    CHECK(plain != NULL && plain->text[0] == 0);
    plain__free_unpacked(plain, NULL);
    /* Of a number over 32 bits the low ones are kept. */
    Pb__Retries *retries =
        pb__retries__unpack(NULL, 6, (const uint8_t *)"\x08\x81\x80\x80\x80\x10");
    CHECK(retries != NULL && retries->max_attempts == 1);
    pb__retries__free_unpacked(retries, NULL);
}

int main(void) {
    CHECK(strlen(cronix_plugin_handshake()) < 4096);
    test_schedules_that_mean_the_same();
    test_json_is_read_strictly();
    test_json_may_be_nested_as_deep_as_jansson_takes();
    test_protobuf_is_read_strictly();
    test_apply_makes_what_was_planned();
    test_an_old_plan_is_refused_whole();
    test_a_cancelled_apply_says_what_it_did();
    test_an_apply_that_nobody_reads_stops();
    test_a_deadline_ends_a_call();
    test_a_call_that_is_none_is_refused();
    test_a_long_text_of_an_error_is_cut();
    test_128_calls_at_once();
    test_no_memory_is_an_error_and_leaks_nothing();
    test_what_jansson_does();
    test_what_protobuf_c_does();
    return 0;
}

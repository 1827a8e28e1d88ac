#include "faults.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codec.h"
#include "session.h"

/* The configuration's text, which has been found to be right. An empty one has no faults. */
struct faults {
    Text text;
    bool by_request;
    uint8_t bytes[];
};

struct fault {
    Text action, argument;
};

/* Each action with the one method that has it, "" for all. What would end the host's process, or
   write to its stdout, is not among them. */
static const struct {
    const char *action, *method;
} actions[] = {
    {"error", ""},   {"refuse", ""},   {"panic", ""},    {"sleep", ""},         {"block", ""},
    {"say", "Read"}, {"size", "Read"}, {"echo", "Read"}, {"cancelled", "Read"}, {"events", "Apply"},
};

#define ACTIONS (sizeof actions / sizeof actions[0])

static const char *const methods[] = {"Read",  "Plan",  "Apply",           "Drift",
                                      "Prune", "Adopt", "VerifyOwnership", "*"};
#define METHODS (sizeof methods / sizeof methods[0])

static const char *const codes[] = {
    "",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};
#define CODES (sizeof codes / sizeof codes[0])

static size_t index_of(Text word, size_t count, const char *const *words) {
    for (size_t i = 0; i < count; i++)
        if (text_is(word, words[i]))
            return i;
    return count;
}

static Text cut(Text text, char byte, Text *rest) {
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.data, byte, text.len);
    size_t length = at == NULL ? text.len : (size_t)(at - text.data);
    *rest = at == NULL ? T("") : (Text){text.len - length - 1, text.data + length + 1};
    return (Text){length, text.data};
}

static _Noreturn void unknown(struct call *call, Text path, Text what, Text got) {
    call_fail(call, &(struct failure){
                        .code = CRONIX_INVALID_ARGUMENT,
                        .reason = T("UNKNOWN_FAULT"),
                        .path = path,
                        .got = got,
                        .message = JOIN(call, T("no "), what, T(" \""), got, T("\"")),
                    });
}

/* A number that is not below 0. Other text fails the call. */
static double number_of(struct call *call, Text text, Text path) {
    char digits[32] = "", *end = digits;
    if (text.len > 0 && text.len < sizeof digits)
        memcpy(digits, text.data, text.len);
    double number = strtod(digits, &end);
    if (end == digits || *end != 0 || !(number >= 0) || number > 1e9)
        unknown(call, path, T("argument"), text);
    return number;
}

static bool has(const struct fault *fault, const char *action) {
    return text_is(fault->action, action);
}

static struct fault parse(struct call *call, Text text, Text method, Text path) {
    struct fault fault;
    fault.action = cut(text, ':', &fault.argument);
    size_t i = 0;
    while (i < ACTIONS && !text_is(fault.action, actions[i].action))
        i++;
    if (i == ACTIONS ||
        (actions[i].method[0] != 0 && !text_is(method, actions[i].method) && !text_is(method, "*")))
        unknown(call, path, T("action"), fault.action);
    if (has(&fault, "sleep") || has(&fault, "block") || has(&fault, "size"))
        number_of(call, fault.argument, path);
    if (has(&fault, "events")) {
        Text pause, events = cut(fault.argument, ':', &pause);
        number_of(call, events, path);
        if (pause.len > 0)
            number_of(call, pause, path);
    }
    if (has(&fault, "error") &&
        (fault.argument.len == 0 || index_of(fault.argument, CODES, codes) == CODES))
        unknown(call, path, T("argument"), fault.argument);
    return fault;
}

struct faults *faults_parse(struct call *call, Text config) {
    struct faults *faults = call_memory(call, sizeof *faults);
    faults->text = config;
    for (Text rest = config, part; rest.len > 0;) {
        Text text, method;
        part = cut(rest, ';', &rest);
        method = cut(part, '=', &text);
        if (text_is(part, "requests"))
            faults->by_request = true;
        else if (part.len > 0 && index_of(method, METHODS, methods) == METHODS)
            unknown(call, T("config/faults"), T("method"), method);
        else if (part.len > 0)
            parse(call, text, method, T("config/faults"));
    }
    return faults;
}

struct faults *faults_keep(struct call *call, const struct faults *faults) {
    struct faults *kept = malloc(sizeof *kept + faults->text.len);
    if (kept == NULL)
        call_fail(call, &(struct failure){.code = CRONIX_RESOURCE_EXHAUSTED,
                                          .message = T("no memory for the session")});
    *kept = *faults;
    kept->text.data = kept->bytes;
    if (faults->text.len > 0)
        memcpy(kept->bytes, faults->text.data, faults->text.len);
    return kept;
}

void faults_free(struct faults *faults) {
    free(faults);
}

/* ---- actions */

static _Noreturn void refuse(struct call *call, Text text) {
    struct texts names = {1, JOIN_ARRAY(call, text)};
    call_fail(call, &(struct failure){
                        .code = CRONIX_ABORTED,
                        .reason = text,
                        .path = text,
                        .expected = text,
                        .got = text,
                        .action = text,
                        .message = text,
                        .applied = names,
                        .failed = names,
                        .unattempted = names,
                    });
}

static _Noreturn void full_error(struct call *call, Text name) {
    call_fail(call,
              &(struct failure){
                  .code = (int32_t)index_of(name, CODES, codes),
                  .reason = T("FAULT"),
                  .path = T("jobs/0"),
                  .expected = T("e"),
                  .got = T("g"),
                  .action = T("a"),
                  .message = JOIN(call, T("fault "), name, T(": \"quoted\" <&> \u00e9 \u2028 end")),
                  .applied = {2, JOIN_ARRAY(call, T("a1"), T("a2"))},
                  .failed = {1, JOIN_ARRAY(call, T("f1"))},
                  .unattempted = {1, JOIN_ARRAY(call, T("u1"))},
              });
}

/* What a bug would be in a language that has exceptions (P-ERR-5). */
static _Noreturn void panic(struct call *call, Text text) {
    call_fail(call, &(struct failure){
                        .code = CRONIX_INTERNAL,
                        .reason = T("PANIC"),
                        .message = JOIN(call, T(PLUGIN_NAME " " PLUGIN_VERSION ": panic: "), text),
                    });
}

static void block(double seconds) {
    struct timespec left = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* A Read's reply of one entry. */
static void reply_with(struct call *call, Text command, int32_t index) {
    Pb__Entry entry = PB__ENTRY__INIT;
    entry.command = command;
    entry.index = index;
    Pb__ReadReply reply = PB__READ_REPLY__INIT;
    reply.n_entries = 1;
    reply.entries = (Pb__Entry *[]){&entry};
    codec_encode(call, &reply.base);
}

struct events {
    size_t sent, count;
    double pause;
};

static void next_event(struct call *call) {
    struct events *events = call->stream;
    Pb__ApplyEvent event = PB__APPLY_EVENT__INIT;
    Pb__Counts counts = PB__COUNTS__INIT;
    if (events->sent > events->count) {
        call->code = CRONIX_END;
        return;
    }
    if (events->sent > 0 && events->sent < events->count)
        call_sleep(call, events->pause);
    event.kind = PB__APPLY_EVENT_KIND__APPLY_EVENT_KIND_STARTED;
    event.op_index = (int32_t)events->sent;
    if (events->sent == events->count) {
        event.kind = PB__APPLY_EVENT_KIND__APPLY_EVENT_KIND_FINISHED;
        event.op_index = 0;
        event.counts = &counts;
    }
    events->sent++;
    codec_encode(call, &event.base);
}

static void begin_events(struct call *call, Text argument) {
    Text pause, count = cut(argument, ':', &pause);
    struct events *events = call_memory(call, sizeof *events);
    events->count = (size_t)number_of(call, count, T("app"));
    events->pause = pause.len == 0 ? 0 : number_of(call, pause, T("app"));
    call->stream = events;
    call->next = next_event;
}

/* Does one fault; true if it has made the reply. */
static bool act(struct call *call, const struct fault *fault, Text app) {
    Text argument = fault->argument;
    if (has(fault, "error"))
        full_error(call, argument);
    if (has(fault, "refuse"))
        refuse(call, argument);
    if (has(fault, "panic"))
        panic(call, argument);
    if (has(fault, "sleep")) {
        call_sleep(call, number_of(call, argument, T("app")));
        return false;
    }
    if (has(fault, "block")) {
        block(number_of(call, argument, T("app")));
        return false;
    }
    if (has(fault, "events")) {
        begin_events(call, argument);
    } else if (has(fault, "size")) {
        Text text = {(size_t)number_of(call, argument, T("app")), NULL};
        text.data = call_memory(call, text.len);
        memset(text.data, 'x', text.len);
        reply_with(call, text, 0);
    } else if (has(fault, "cancelled")) {
        reply_with(call, T(""), session_cancelled(call->session));
    } else {
        reply_with(call, has(fault, "say") ? argument : app, 0);
    }
    return true;
}

static bool belongs(Text action, const char *method) {
    for (size_t i = 0; i < ACTIONS; i++)
        if (text_is(action, actions[i].action))
            return actions[i].method[0] == 0 || strcmp(actions[i].method, method) == 0;
    return false;
}

bool faults_strike(struct call *call, const char *method, Text app) {
    const struct faults *faults = session_faults(call->session);
    for (Text rest = faults->text; rest.len > 0;) {
        Text text, part = cut(rest, ';', &rest), name = cut(part, '=', &text);
        if (!text_is(name, method) && !text_is(name, "*"))
            continue;
        struct fault fault = parse(call, text, name, T("config/faults"));
        if (belongs(fault.action, method) && act(call, &fault, app))
            return true;
    }
    if (!faults->by_request || app.len == 0 || app.data[0] != '!')
        return false;
    Text own = {app.len - 1, app.data + 1};
    struct fault fault = parse(call, own, text_of(method), T("app"));
    return act(call, &fault, app);
}

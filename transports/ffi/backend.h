/*
 * backend.h - a cronix backend as a shared library, ABI version 1.
 *
 * A plugin is a file `cronix-backend-<name>.so` that exports the six functions at the end of this
 * file; the host loads it and calls them. This file is enough to write either side in C (C99 or
 * later) or in any language that can export C functions. What a message means, and in which order
 * calls are made, stands in PROTOCOL.md; its clauses are the P-... names below. A message is the
 * protobuf or JSON form of a message in backend.proto, as bytes with a length: zero bytes may occur
 * in it, no zero byte ends it, and its length may be 0.
 *
 * P-FFI-1 (life). In this order: cronix_plugin_handshake, whose first call is made by one thread
 *   alone and returns before any other function is called; cronix_plugin_start, which begins a
 *   session; calls in that session, the first of them OpenSession and the last CloseSession
 *   (P-SESSION-1); cronix_plugin_stop. A library may have any number of sessions, one after the
 *   other or at once; they share nothing that their callers can see. The host never unloads the
 *   library: its threads and destructors may outlive the last session.
 *
 * P-FFI-2 (calls). A unary call is cronix_plugin_call, then cronix_plugin_release. A call that
 *   streams (Apply) is cronix_plugin_call, which brings no reply yet; cronix_plugin_next once for
 *   each reply until it returns something other than CRONIX_OK; then cronix_plugin_release. The
 *   host may stop asking at any time and release the call: the plugin then ends the work as if it
 *   had been cancelled (P-STREAM-2). Each cronix_plugin_call is followed by exactly one
 *   cronix_plugin_release, whatever it returned.
 *
 * P-FFI-3 (results). cronix_plugin_call and cronix_plugin_next return CRONIX_OK with a reply
 *   message, or one of the 16 error codes with an encoded Status message as the reply. The returned
 *   code counts; the Status adds the message and the details. An error whose reply is empty is an
 *   error without message and details: for a plugin that has run out of memory, say. Only
 *   cronix_plugin_next returns CRONIX_END: the stream has ended well. Any other number is read as
 *   CRONIX_UNKNOWN (P-ERR-4).
 *
 * P-FFI-4 (memory). Nobody frees what the other side has allocated. The host owns the cronix_call,
 *   the method and the request, and leaves all three where they are from cronix_plugin_call until
 *   cronix_plugin_release has returned. The plugin owns the reply: it stays readable until the next
 *   cronix_plugin_next or cronix_plugin_release of that same call. The plugin touches nothing of
 *   the host's after cronix_plugin_release has returned.
 *
 * P-FFI-5 (threads). Any number of calls may be under way at once, in one session or in several,
 *   each from any thread. One cronix_call is used by one thread at a time, though not always by the
 *   same one; only its member `cancelled` is written while a function runs on it.
 *
 * P-FFI-6 (deadline, cancellation). Nothing interrupts a running call; a plugin has to look. It
 *   returns CRONIX_DEADLINE_EXCEEDED soon after timeout_us microseconds have passed since
 *   cronix_plugin_call was entered (P-DEADLINE-1), and CRONIX_CANCELLED soon after it has seen
 *   `cancelled` be other than 0 (P-CANCEL-1).
 *
 * P-FFI-7 (no unwinding). No exception, panic or longjmp leaves a function. A bug inside the plugin
 *   becomes CRONIX_INTERNAL (P-ERR-5). The plugin leaves signal handlers, working directory,
 *   environment and standard streams of the host's process as they are.
 *
 * P-FFI-8 (growth). Members are only ever added, at the end of cronix_call. Each side reads no
 *   member beyond struct_size. A struct_size below that of this version is answered by
 *   CRONIX_FAILED_PRECONDITION, and nothing is written to the struct. Whatever else changes takes
 *   another CRONIX_ABI_VERSION.
 *
 * P-FFI-9 (limits). A request longer than CRONIX_MAX_MESSAGE_BYTES is answered by
 *   CRONIX_RESOURCE_EXHAUSTED without being read; no reply may be longer (P-LIMIT-1).
 */
#ifndef CRONIX_BACKEND_H
#define CRONIX_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define CRONIX_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define CRONIX_EXPORT __attribute__((visibility("default")))
#else
#define CRONIX_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CRONIX_ABI_VERSION 1
#define CRONIX_MAX_MESSAGE_BYTES 67108864

/* cronix_call.codec */
#define CRONIX_PROTOBUF 1
#define CRONIX_JSON 2

/* What cronix_plugin_call and cronix_plugin_next return: gRPC's canonical codes, and the end. */
#define CRONIX_END (-1)
#define CRONIX_OK 0
#define CRONIX_CANCELLED 1
#define CRONIX_UNKNOWN 2
#define CRONIX_INVALID_ARGUMENT 3
#define CRONIX_DEADLINE_EXCEEDED 4
#define CRONIX_NOT_FOUND 5
#define CRONIX_ALREADY_EXISTS 6
#define CRONIX_PERMISSION_DENIED 7
#define CRONIX_RESOURCE_EXHAUSTED 8
#define CRONIX_FAILED_PRECONDITION 9
#define CRONIX_ABORTED 10
#define CRONIX_OUT_OF_RANGE 11
#define CRONIX_UNIMPLEMENTED 12
#define CRONIX_INTERNAL 13
#define CRONIX_UNAVAILABLE 14
#define CRONIX_DATA_LOSS 15
#define CRONIX_UNAUTHENTICATED 16

/*
 * One call, from cronix_plugin_call to cronix_plugin_release. It lies at the alignment that the
 * platform's C compiler gives it, without packing.
 */
typedef struct cronix_call {
    /* Written by the host before cronix_plugin_call, and not changed until the release. */

    uint32_t struct_size;   /* sizeof(cronix_call) as the host was compiled (P-FFI-8) */
    uint32_t codec;         /* of the request, the replies and the Status; one that the handshake
                               line offers */
    void *session;          /* from cronix_plugin_start */
    const char *method;     /* name of the RPC, such as "Read"; ASCII, ends with a zero byte. One
                               that the plugin does not know: CRONIX_UNIMPLEMENTED (P-RPC-2) */
    const uint8_t *request; /* the request message; may be NULL if request_len is 0 */
    size_t request_len;     /* in bytes */
    int64_t timeout_us;     /* microseconds from the entry of cronix_plugin_call to the deadline;
                               below 0: no deadline */

    /* Written by the host from any thread, at any time until the release: 0, and once 1. The
       plugin reads it and never writes it. An aligned 32-bit load and store: no more than that is
       needed, as nothing else is passed along with it. */

    volatile int32_t cancelled;
    int32_t reserved;       /* 0 */

    /* Written by the plugin. The host makes reply and reply_len zero before cronix_plugin_call and
       before each cronix_plugin_next, and state before cronix_plugin_call alone. */

    const uint8_t *reply;   /* the reply message, or a Status; may be NULL if reply_len is 0 */
    size_t reply_len;       /* in bytes */
    void *state;            /* the plugin's own; the host does not look at it */
} cronix_call;

/*
 * The handshake line, without a line end (P-HANDSHAKE-1), at most 4095 bytes of UTF-8:
 *
 *   CRONIX-PLUGIN-V1 library abi=1 codec=protobuf,json name=echo version=1.2.3
 *
 * abi is CRONIX_ABI_VERSION; codec lists the codecs that calls may use, by comma, one at least.
 * Keys that the host does not know are ignored. The text is the plugin's, is never freed and does
 * not change. NULL: the plugin cannot work at all, and has said why on stderr.
 */
CRONIX_EXPORT const char *cronix_plugin_handshake(void);

/* Begin a session. Returns its handle, which is the plugin's own; NULL if there is no memory. */
CRONIX_EXPORT void *cronix_plugin_start(void);

/* End a session and free what belongs to it. All of its calls have been released. */
CRONIX_EXPORT void cronix_plugin_stop(void *session);

/* Make a unary call, or begin one that streams (P-FFI-2, P-FFI-3). */
CRONIX_EXPORT int32_t cronix_plugin_call(cronix_call *call);

/* Fetch the next reply of a call that streams, waiting for it: OK, END or an error code. */
CRONIX_EXPORT int32_t cronix_plugin_next(cronix_call *call);

/* Free what belongs to the call, and end its work if that has not ended. */
CRONIX_EXPORT void cronix_plugin_release(cronix_call *call);

#ifdef __cplusplus
}
#endif

#endif

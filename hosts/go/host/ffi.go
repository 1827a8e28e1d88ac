//go:build cgo

package host

/*
#cgo CFLAGS: -std=c11 -D_GNU_SOURCE -I${SRCDIR}/../../../spec/plugin
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

// A library's functions.
typedef struct {
	const char *(*handshake)(void);
	void *(*start)(void);
	void (*stop)(void *);
	int32_t (*call)(cronix_call *);
	int32_t (*next)(cronix_call *);
	void (*release)(cronix_call *);
} library;

// Returns why the library cannot be loaded, for free(); NULL if it is.
static char *library_load(const char *path, library *into) {
	static const char *const names[] = {"handshake", "start", "stop", "call", "next", "release"};
	void **functions[] = {(void **)&into->handshake, (void **)&into->start, (void **)&into->stop,
		(void **)&into->call, (void **)&into->next, (void **)&into->release};
	char name[64], *problem = NULL;
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); // never unloaded (P-FFI-1)
	if (handle == NULL)
		return strdup(dlerror());
	for (int i = 0; i < 6; i++) {
		strcat(strcpy(name, "cronix_plugin_"), names[i]);
		*functions[i] = dlsym(handle, name);
		if (*functions[i] == NULL) {
			if (asprintf(&problem, "it does not export %s", name) < 0)
				abort();
			return problem;
		}
	}
	return NULL;
}

static const char *library_handshake(const library *l) { return l->handshake(); }
static void *library_start(const library *l) { return l->start(); }
static void library_stop(const library *l, void *session) { l->stop(session); }
static int32_t library_call(const library *l, cronix_call *call) { return l->call(call); }
static void library_release(const library *l, cronix_call *call) { l->release(call); }

static int32_t library_next(const library *l, cronix_call *call) {
	call->reply = NULL;
	call->reply_len = 0;
	return l->next(call);
}

// A call in one piece of memory, with its method and request behind it: all three stay where they are
// until free(), whatever Go's collector does (P-FFI-4).
static cronix_call *new_call(void *session, uint32_t codec, _GoString_ method, const void *request,
	size_t length, int64_t timeout) {
	size_t named = _GoStringLen(method);
	cronix_call *call = calloc(1, sizeof *call + named + 1 + length);
	if (call == NULL)
		return NULL;
	char *text = (char *)(call + 1);
	memcpy(text, _GoStringPtr(method), named);
	if (length > 0)
		memcpy(text + named + 1, request, length);
	call->struct_size = sizeof *call;
	call->codec = codec;
	call->session = session;
	call->method = text;
	call->request = (const uint8_t *)text + named + 1;
	call->request_len = length;
	call->timeout_us = timeout;
	return call;
}

static void cancel_call(cronix_call *call) { __atomic_store_n(&call->cancelled, 1, __ATOMIC_RELAXED); }
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"google.golang.org/protobuf/proto"

	pb "cronix-host/backendv1"
	"cronix-host/internal/wire"
)

func init() {
	transports["ffi"] = &transport{libraryKind, libraryCodecs, openLibrary}
}

var codecNumbers = map[string]C.uint32_t{"protobuf": C.CRONIX_PROTOBUF, "json": C.CRONIX_JSON}

// libraryChannel is a session in a library. A call is made in the caller's own thread: nothing can end
// it but the plugin, which looks at its deadline and its flag (P-FFI-6).
type libraryChannel struct {
	library C.library
	session unsafe.Pointer
	codec   wire.Codec
	said    []byte

	mu     sync.Mutex
	closed bool
	calls  map[*C.cronix_call]bool
}

// loading lets one goroutine at a time make a library's first handshake (P-FFI-1).
var loading sync.Mutex

func openLibrary(at endpoint) (channel, error) {
	c := &libraryChannel{codec: at.codec, calls: map[*C.cronix_call]bool{}}
	path := C.CString(at.library)
	defer C.free(unsafe.Pointer(path))
	loading.Lock()
	defer loading.Unlock()
	if problem := C.library_load(path, &c.library); problem != nil {
		defer C.free(unsafe.Pointer(problem))
		return nil, notLoaded("cannot be loaded: " + C.GoString(problem))
	}
	line := C.library_handshake(&c.library)
	if line == nil {
		return nil, notLoaded("gave no handshake line; its reason is on stderr")
	}
	c.said = C.GoBytes(unsafe.Pointer(line), C.int(C.strnlen(line, maxHandshake)))
	if err := checkABI(c.said); err != nil {
		return nil, err
	}
	if c.session = C.library_start(&c.library); c.session == nil {
		return nil, notLoaded("could not start a session")
	}
	return c, nil
}

// checkABI refuses a library whose structs are others. The rest of its line is the session's to judge.
func checkABI(line []byte) error {
	if len(line) >= maxHandshake {
		return handshakeError("E-HANDSHAKE-TOO-LONG", fmt.Sprintf("more than %d bytes for a handshake", maxHandshake-1), line[:100])
	}
	_, words, err := parseHandshake(line)
	if err == nil && words["abi"] != fmt.Sprint(C.CRONIX_ABI_VERSION) {
		err = notLoaded(fmt.Sprintf("has ABI version %s, this host has %d", or(cut(words["abi"]), "none"), C.CRONIX_ABI_VERSION))
	}
	return err
}

func (c *libraryChannel) line() []byte { return c.said }

// begin fills a call's struct. ends cancels it, and end releases it.
func (c *libraryChannel) begin(ctx context.Context, method string, request proto.Message) (call *C.cronix_call, end func(), err error) {
	data, err := encode(c.codec, request)
	if err != nil {
		return nil, nil, err
	}
	timeout := C.int64_t(-1)
	if deadline, ok := ctx.Deadline(); ok {
		timeout = C.int64_t(max(time.Until(deadline).Microseconds(), 0))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, errChannelClosed
	}
	call = C.new_call(c.session, codecNumbers[c.codec.Name()], method, unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), timeout)
	if call == nil {
		return nil, nil, errors.New("no memory for the request")
	}
	c.calls[call] = true
	forget := context.AfterFunc(ctx, func() { c.cancel(call) })
	return call, func() { forget(); c.end(call) }, nil
}

var errChannelClosed = errors.New("the library's session is closed")

// cancel sets a call's flag (P-CANCEL-1), if the call is still there.
func (c *libraryChannel) cancel(call *C.cronix_call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[call] {
		C.cancel_call(call)
	}
}

// end releases a call. The last one of a closed channel stops the session.
func (c *libraryChannel) end(call *C.cronix_call) {
	C.library_release(&c.library, call)
	c.mu.Lock()
	delete(c.calls, call)
	last := c.closed && len(c.calls) == 0
	c.mu.Unlock()
	C.free(unsafe.Pointer(call))
	if last {
		C.library_stop(&c.library, c.session)
	}
}

// close cancels all calls. It does not wait: a plugin may never look at its flag.
func (c *libraryChannel) close() {
	c.mu.Lock()
	last := !c.closed && len(c.calls) == 0
	c.closed = true
	for call := range c.calls {
		C.cancel_call(call)
	}
	c.mu.Unlock()
	if last {
		C.library_stop(&c.library, c.session)
	}
}

func (c *libraryChannel) call(ctx context.Context, method string, request, reply proto.Message) error {
	call, end, err := c.begin(ctx, method, request)
	if err != nil {
		return err
	}
	defer end()
	if code := C.library_call(&c.library, call); code != C.CRONIX_OK {
		return c.failed(ctx, call, int(code))
	}
	return c.reply(call, reply)
}

func (c *libraryChannel) apply(ctx context.Context, request *pb.ApplyRequest, event func(*pb.ApplyEvent) error) error {
	call, end, err := c.begin(ctx, "Apply", request)
	if err != nil {
		return err
	}
	defer end() // P-STREAM-2
	code := C.library_call(&c.library, call)
	for code == C.CRONIX_OK {
		if code = C.library_next(&c.library, call); code != C.CRONIX_OK {
			break
		}
		one := &pb.ApplyEvent{}
		if err := c.reply(call, one); err != nil {
			return err
		}
		if err := event(one); err != nil {
			return err
		}
		if ctx.Err() != nil { // the plugin may not look
			return ended(ctx)
		}
	}
	if code == C.CRONIX_END {
		return nil
	}
	return c.failed(ctx, call, int(code))
}

// reply decodes what the plugin has put into the struct. It is the plugin's memory, so nothing of it
// is kept: the codecs copy.
func (c *libraryChannel) reply(call *C.cronix_call, into proto.Message) error {
	length := uint64(call.reply_len)
	switch {
	case length > wire.MaxMessage:
		return fmt.Errorf("a reply of %d bytes is over the limit (P-LIMIT-1)", length)
	case length > 0 && call.reply == nil:
		return fmt.Errorf("a reply of %d bytes is nowhere", length)
	}
	return decode(c.codec, C.GoBytes(unsafe.Pointer(call.reply), C.int(length)), into)
}

// failed is the error of a code other than OK, with its Status (P-FFI-3).
func (c *libraryChannel) failed(ctx context.Context, call *C.cronix_call, code int) error {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	switch {
	case closed && ctx.Err() == nil:
		return errChannelClosed
	case code == C.CRONIX_END:
		return errors.New("a stream ended that had not begun")
	case ctx.Err() != nil && (code == C.CRONIX_CANCELLED || code == C.CRONIX_DEADLINE_EXCEEDED):
		// At the deadline the flag is set too: which of the two the plugin saw first means nothing.
		answer := ended(ctx).(*RPCError)
		status := &pb.Status{}
		if c.reply(call, status) == nil && status.Details != nil {
			answer.Details = status.Details
		}
		return answer
	}
	status := &pb.Status{}
	if err := c.reply(call, status); err != nil {
		return err
	}
	if code == C.CRONIX_DEADLINE_EXCEEDED { // a plugin that has no Status for it (P-FFI-3)
		status.Message = or(status.Message, deadlinePassed)
	}
	return newRPCError(code, status.Message, status.Details)
}

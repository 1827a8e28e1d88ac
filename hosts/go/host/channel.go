package host

import (
	"context"
	"errors"
	"fmt"
	"os"

	"google.golang.org/protobuf/proto"

	pb "cronix-host/backendv1"
	"cronix-host/internal/wire"
)

// channel carries a session's calls. It is safe for use by several goroutines.
//
// The plugin's own answer to a call that failed is an *RPCError, and so is the end of the context
// (ended). Every other error is one of the connection. The session says whose failure that was, and
// hides secrets in all of them, so that a channel need not.
type channel interface {
	// call makes a call with one reply, and fills the reply.
	call(ctx context.Context, method string, request, reply proto.Message) error
	// apply makes the call whose reply is a stream. It calls event for each event, in order. If that
	// returns an error the call is cancelled, and the error returned.
	apply(ctx context.Context, request *pb.ApplyRequest, event func(*pb.ApplyEvent) error) error
	// close ends the connection, and all calls with it.
	close()
}

// kind is how a transport reaches a plugin.
type kind int

const (
	socketKind  kind = iota // a program, at a socket in a private directory
	pipeKind                // a program, on its stdin and stdout
	libraryKind             // a shared library in this process
)

// endpoint is where a plugin answers: what its transport's kind needs of it.
type endpoint struct {
	codec   wire.Codec
	socket  string   // path of the socket
	secret  string   // that each call on a socket carries
	stdin   *os.File // the plugin's
	stdout  *lineReader
	library string // path to load: the very bytes that were hashed, if there is a pin (P-TRUST-2)
}

// transport is one way to reach plugins. A file of its own adds it to the table.
type transport struct {
	kind   kind
	codecs []string // the usual one first
	// open makes a channel. For a program it is called while the program starts, before its handshake:
	// nothing may go to the plugin yet.
	open func(at endpoint) (channel, error)
}

var transports = map[string]*transport{}

// connecter is a channel that can connect before its first call: the plugin's line has come.
type connecter interface{ connect() }

// handshaker is a library's channel: it has the line of cronix_plugin_handshake (P-FFI-1).
type handshaker interface{ line() []byte }

// encode makes a request's bytes, within the limit (P-LIMIT-1).
func encode(codec wire.Codec, message proto.Message) ([]byte, error) {
	data, err := codec.Encode(nil, message)
	if err != nil {
		return nil, &RPCError{Code: "INVALID_ARGUMENT", Message: err.Error()}
	}
	if len(data) > wire.MaxMessage {
		return nil, &RPCError{
			Code:    "RESOURCE_EXHAUSTED",
			Message: fmt.Sprintf("message of %d bytes is over the limit of %d bytes", len(data), wire.MaxMessage),
			Details: &pb.ErrorDetails{Reason: "MESSAGE_TOO_LARGE", Expected: fmt.Sprintf("at most %d bytes", wire.MaxMessage), Got: fmt.Sprintf("%d bytes", len(data))},
		}
	}
	return data, nil
}

// decode reads a reply. One that cannot be read breaks the protocol (P-CODEC-3).
func decode(codec wire.Codec, data []byte, message proto.Message) error {
	if len(data) > wire.MaxMessage {
		return fmt.Errorf("a reply of %d bytes is over the limit", len(data))
	}
	if err := codec.Decode(data, message); err != nil {
		return fmt.Errorf("a reply cannot be read: %w; it begins %s", err, excerpt(data))
	}
	return nil
}

// ended turns the end of a call's context into the protocol's words (P-DEADLINE-2, P-CANCEL-2).
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &RPCError{Code: "DEADLINE_EXCEEDED", Message: deadlinePassed, Details: &pb.ErrorDetails{}}
	}
	return &RPCError{Code: "CANCELLED", Message: "the call was cancelled", Details: &pb.ErrorDetails{}}
}

const deadlinePassed = "the deadline passed before the call was done"

// excerpt shows the beginning of foreign bytes.
func excerpt(data []byte) string {
	const shown = 200
	if len(data) > shown {
		return fmt.Sprintf("%q...", data[:shown])
	}
	return fmt.Sprintf("%q", data)
}

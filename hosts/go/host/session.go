package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	pb "cronix-host/internal/backendv1"
)

const (
	stdioTransport = "jsonrpc"
	maxMessage     = 64 << 20        // P-LIMIT-1
	closeTimeout   = time.Second     // P-STOP-1
	openTimeout    = 5 * time.Second // OpenSession is no reason to wait for ever
)

// usualCodec holds the transports of this host, each with its codec.
var usualCodec = map[string]string{"grpc": "protobuf", stdioTransport: "json"}

// channel carries calls.
type channel interface {
	// call makes one call with one reply. The plugin's own error is an *Error.
	call(ctx context.Context, method string, request, reply proto.Message) error
	close()
}

// Session is an open session of a plugin.
type Session struct {
	process *process
	channel channel
	// Opened is what the plugin answered to OpenSession.
	Opened *pb.OpenSessionReply

	stopping sync.Once
}

// Phase is told each time that a part of a start is done: started, handshake, open.
type Phase func(name string)

// Start starts the program at path and opens a session. onPhase may be nil.
func Start(ctx context.Context, path, transport string, onPhase Phase) (*Session, error) {
	codec, ok := usualCodec[transport]
	if !ok {
		return nil, fmt.Errorf("no transport %q", transport)
	}
	if onPhase == nil {
		onPhase = func(string) {}
	}
	process, err := spawn(path, transport, codec)
	if err != nil {
		return nil, err
	}
	onPhase("started")
	s := &Session{process: process}
	if err := s.open(ctx, transport, codec, onPhase); err != nil {
		s.Stop()
		if log := process.hide(strings.TrimSpace(process.log.String())); log != "" {
			return nil, fmt.Errorf("%w\nthe plugin's log ends: %q", err, log)
		}
		return nil, err
	}
	return s, nil
}

func (s *Session) open(ctx context.Context, transport, codec string, onPhase Phase) (err error) {
	if err := s.process.handshake(ctx, transport, codec); err != nil {
		return err
	}
	onPhase("handshake")
	if transport == stdioTransport {
		s.channel = newStdio(s.process)
	} else if s.channel, err = newGRPC(s.process); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	request := &pb.OpenSessionRequest{HostVersion: "0.1.0", ProtocolVersions: []int32{1}}
	reply := &pb.OpenSessionReply{}
	if err := s.channel.call(ctx, "OpenSession", request, reply); err != nil {
		return err
	}
	if reply.ProtocolVersion != 1 {
		return fmt.Errorf("the plugin chose protocol %d", reply.ProtocolVersion)
	}
	s.Opened = reply
	onPhase("open")
	return nil
}

// Read returns the app's entries.
func (s *Session) Read(ctx context.Context, app string) (*pb.ReadReply, error) {
	reply := &pb.ReadReply{}
	if err := s.channel.call(ctx, "Read", &pb.ReadRequest{App: &app}, reply); err != nil {
		return nil, err
	}
	return reply, nil
}

// Stop closes the session and ends the plugin (P-STOP-1). It may be called again.
func (s *Session) Stop() { s.stopping.Do(s.stop) }

func (s *Session) stop() {
	if s.Opened != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = s.channel.call(ctx, "CloseSession", &pb.CloseSessionRequest{}, &pb.CloseSessionReply{})
	}
	if s.channel != nil {
		s.channel.close()
	}
	s.process.stop()
}

// ended turns the end of the caller's context into the protocol's words (P-DEADLINE-2, P-CANCEL-2).
func ended(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return deadlineExceeded()
	}
	return &Error{"CANCELLED", "the call was cancelled", nil}
}

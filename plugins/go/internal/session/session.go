// Package session is what every transport calls: the session's state, the nine RPCs, the bound on
// calls at once, and what becomes of a bug.
package session

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/faults"
	"cronix-backend-memory/internal/memory"
	"cronix-backend-memory/internal/status"
)

// Name and Version are the plugin's own.
const (
	Name    = "memory"
	Version = "0.1.0"
)

// MaxCalls bounds how many calls are carried out at once (P-LIMIT-2).
const MaxCalls = 128

var (
	versions     = []int32{1}
	capabilities = []string{"read", "plan", "apply", "drift", "prune", "adopt", "verify-ownership"}
)

// state is where a session stands; it is the reason's word as well (P-SESSION-1).
type state string

const (
	notOpen state = "NOT_OPEN"
	open    state = "OPEN"
	closed  state = "CLOSED"
)

// Session is the one session of this process.
type Session struct {
	mu    sync.Mutex
	state state
	slots chan struct{}
	store *memory.Store
	// faults are written by OpenSession, before any call that reads them.
	faults *faults.Faults
}

// New makes a session that is not open yet.
func New() *Session {
	return &Session{state: notOpen, slots: make(chan struct{}, MaxCalls), store: memory.New()}
}

// Begin takes a call's place among those at once, or refuses it. End gives the place back.
func (s *Session) Begin() error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
		return status.TooManyCalls(MaxCalls)
	}
}

// End follows each Begin that did not refuse.
func (s *Session) End() { <-s.slots }

// Decode fills an empty request.
type Decode func(proto.Message) error

// Send sends an event of a stream.
type Send func(*pb.ApplyEvent) error

// Streams says whether an RPC answers with a stream.
func Streams(method string) bool { return method == "Apply" }

// Known says whether there is such an RPC.
func Known(method string) bool { return rpcs[method] != nil }

// rpcs holds each RPC. The order of the checks is that of P-RPC-3.
var rpcs = map[string]func(*Session, context.Context, Decode, Send) (proto.Message, error){
	"OpenSession":     rpc(notOpen, (*Session).open),
	"CloseSession":    rpc(open, (*Session).close),
	"Read":            rpc(open, (*Session).read),
	"Plan":            operation("Plan", (*memory.Store).Plan),
	"Drift":           operation("Drift", (*memory.Store).Drift),
	"Prune":           operation("Prune", (*memory.Store).Prune),
	"Adopt":           operation("Adopt", (*memory.Store).Adopt),
	"VerifyOwnership": operation("VerifyOwnership", (*memory.Store).VerifyOwnership),
	"Apply":           (*Session).apply,
}

// message is a pointer to a message's struct.
type message[T any] interface {
	*T
	proto.Message
}

// rpc makes an RPC with one reply of a function; needed is the state that it needs.
func rpc[T any, M message[T], R proto.Message](
	needed state, call func(*Session, context.Context, M) (R, error),
) func(*Session, context.Context, Decode, Send) (proto.Message, error) {
	return func(s *Session, ctx context.Context, decode Decode, _ Send) (proto.Message, error) {
		request := M(new(T))
		if err := s.ready(ctx, decode, request, needed); err != nil {
			return nil, err
		}
		return call(s, ctx, request)
	}
}

// operation makes an RPC of one of the store's operations.
func operation[T any, M interface {
	message[T]
	GetApp() string
}, R proto.Message](
	name string, call func(*memory.Store, M) (R, error),
) func(*Session, context.Context, Decode, Send) (proto.Message, error) {
	return rpc(open, func(s *Session, ctx context.Context, request M) (reply R, err error) {
		if err := s.faults.Strike(ctx, name, request.GetApp()); err != nil {
			return reply, err
		}
		return call(s.store, request)
	})
}

func (s *Session) read(ctx context.Context, request *pb.ReadRequest) (*pb.ReadReply, error) {
	if reply, err := s.faults.Read(ctx, request); reply != nil || err != nil {
		return reply, err
	}
	return s.store.Read(request), nil
}

func (s *Session) apply(ctx context.Context, decode Decode, send Send) (proto.Message, error) {
	request := &pb.ApplyRequest{}
	if err := s.ready(ctx, decode, request, open); err != nil {
		return nil, err
	}
	return nil, s.faults.Apply(ctx, request.GetPlan().GetApp(), send, func(send func(*pb.ApplyEvent) error) error {
		return s.store.Apply(ctx, request, send)
	})
}

func (s *Session) ready(ctx context.Context, decode Decode, request proto.Message, needed state) error {
	if err := decode(request); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.require(needed)
}

// require refuses a call that needs another state; s.mu is held.
func (s *Session) require(needed state) error {
	if s.state == needed {
		return nil
	}
	details := &pb.ErrorDetails{Reason: "SESSION_" + string(s.state)}
	is := map[state]string{notOpen: "not open", open: "open already", closed: "closed"}[s.state]
	return status.New(status.FailedPrecondition, details, "the session is %s", is)
}

// Call carries out one call. It returns the reply, which a stream does not have, or an error that
// status.From understands. A bug in it is an error as well (P-ERR-5).
func (s *Session) Call(ctx context.Context, method string, decode Decode, send Send) (reply proto.Message, err error) {
	defer func() {
		if bug := recover(); bug != nil {
			slog.Error("panic", "method", method, "panic", fmt.Sprint(bug), "stack", string(debug.Stack()))
			details := &pb.ErrorDetails{Reason: "PANIC"}
			err = status.New(status.Internal, details, "%s %s: panic: %v", Name, Version, bug)
		}
	}()
	call := rpcs[method]
	if call == nil {
		details := &pb.ErrorDetails{Reason: "UNKNOWN_METHOD", Got: method}
		return nil, status.New(status.Unimplemented, details, "no method %q", method)
	}
	return call(s, ctx, decode, send)
}

func (s *Session) open(ctx context.Context, request *pb.OpenSessionRequest) (*pb.OpenSessionReply, error) {
	version, err := highestCommon(request.ProtocolVersions)
	if err != nil {
		return nil, err
	}
	for _, wanted := range request.RequiredCapabilities {
		if !slices.Contains(capabilities, wanted) {
			details := &pb.ErrorDetails{Reason: "CAPABILITY", Expected: wanted, Got: strings.Join(capabilities, ",")}
			return nil, status.New(status.FailedPrecondition, details, "this plugin has no capability %q", wanted)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(request.Config)) {
		if key != "faults" {
			details := &pb.ErrorDetails{Reason: "UNKNOWN_CONFIG", Path: "config/" + key, Expected: "faults", Got: key}
			return nil, status.New(status.InvalidArgument, details, "there is no configuration %q", key)
		}
	}
	asked, err := faults.Parse(request.Config["faults"])
	if err != nil {
		return nil, err
	}
	if err := asked.Strike(ctx, "OpenSession", ""); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.require(notOpen); err != nil { // another OpenSession may have come between
		return nil, err
	}
	s.state, s.faults = open, asked
	return &pb.OpenSessionReply{
		ProtocolVersion: version, PluginName: Name, PluginVersion: Version, Capabilities: capabilities,
	}, nil
}

// highestCommon chooses the version of the protocol (P-SESSION-2).
func highestCommon(theirs []int32) (int32, error) {
	best := int32(0)
	for _, version := range theirs {
		if slices.Contains(versions, version) {
			best = max(best, version)
		}
	}
	if best > 0 {
		return best, nil
	}
	older := "host"
	if len(theirs) > 0 && slices.Max(theirs) > slices.Max(versions) {
		older = "plugin"
	}
	expected, got := versionSet(versions), versionSet(theirs)
	return 0, status.New(status.FailedPrecondition, &pb.ErrorDetails{
		Reason: "PROTOCOL_VERSION", Expected: expected, Got: got, Action: "install a newer " + older,
	}, "the plugin speaks protocol %s, the host %s", expected, got)
}

func versionSet(versions []int32) string {
	words := make([]string, 0, len(versions))
	for _, version := range slices.Compact(slices.Sorted(slices.Values(versions))) {
		words = append(words, fmt.Sprint(version))
	}
	return "{" + strings.Join(words, ",") + "}"
}

func (s *Session) close(context.Context, *pb.CloseSessionRequest) (*pb.CloseSessionReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.require(open); err != nil {
		return nil, err
	}
	s.state = closed
	return &pb.CloseSessionReply{}, nil
}

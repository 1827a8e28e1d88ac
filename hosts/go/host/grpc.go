package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "cronix-host/backendv1"
	"cronix-host/internal/wire"
)

const (
	maxMetadata = 1 << 20 // P-GRPC-4
	service     = "/cronix.backend.v1.Backend/"
	// window is HTTP/2's, in bytes. It is fixed: to find one, gRPC adds a ping to nearly every call.
	window = 4 << 20
	// early is how long before the deadline a server may reset a call's stream for the deadline: its
	// clock may be ahead.
	early = 100 * time.Millisecond
)

func init() {
	transports["grpc"] = &transport{socketKind, []string{"protobuf", "json"}, openGRPC}
}

type grpcChannel struct {
	connection *grpc.ClientConn
	codec      wire.Codec
	metadata   []string // of each call
	dialed     atomic.Pointer[Error]
}

func openGRPC(at endpoint) (channel, error) {
	g := &grpcChannel{codec: at.codec, metadata: []string{"cronix-secret", at.secret}}
	if g.codec.Name() != "protobuf" { // P-GRPC-2
		g.metadata = append(g.metadata, "cronix-codec", g.codec.Name())
	}
	var err error
	g.connection, err = grpc.NewClient("passthrough:///localhost", // which is then the :authority (P-GRPC-1)
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := dial(ctx, at.socket)
			var failed *Error
			if errors.As(err, &failed) {
				g.dialed.Store(failed)
			}
			return conn, err
		}),
		grpc.WithMaxHeaderListSize(maxMetadata),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(wire.MaxMessage), grpc.MaxCallSendMsgSize(wire.MaxMessage), grpc.ForceCodecV2(plain{})),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithStaticStreamWindowSize(window),
		grpc.WithStaticConnWindowSize(window),
	)
	return g, err
}

// plain hands gRPC bytes that are encoded already: codecs are this project's own. It has no name, for
// which the content type would not be application/grpc (P-GRPC-1).
type plain struct{}

var _ encoding.CodecV2 = plain{}

func (plain) Name() string { return "" }

func (plain) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (plain) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (g *grpcChannel) connect() { g.connection.Connect() }

func (g *grpcChannel) close() { g.connection.Close() }

func (g *grpcChannel) call(ctx context.Context, method string, request, reply proto.Message) error {
	data, err := encode(g.codec, request)
	if err != nil {
		return err
	}
	var got []byte
	var trailer metadata.MD
	err = g.connection.Invoke(metadata.AppendToOutgoingContext(ctx, g.metadata...), service+method, &data, &got, grpc.Trailer(&trailer))
	if err != nil {
		return g.failed(ctx, method, err, trailer)
	}
	return decode(g.codec, got, reply)
}

func (g *grpcChannel) apply(ctx context.Context, request *pb.ApplyRequest, event func(*pb.ApplyEvent) error) error {
	data, err := encode(g.codec, request)
	if err != nil {
		return err
	}
	streaming, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, g.metadata...))
	defer cancel() // P-STREAM-2
	stream, err := g.connection.NewStream(streaming, &grpc.StreamDesc{ServerStreams: true}, service+"Apply")
	if err != nil {
		return g.failed(ctx, "Apply", err, nil)
	}
	// Of an error here RecvMsg tells the reason.
	if err := errors.Join(stream.SendMsg(&data), stream.CloseSend()); err != nil && !errors.Is(err, io.EOF) {
		return g.failed(ctx, "Apply", err, nil)
	}
	for {
		var got []byte
		switch err := stream.RecvMsg(&got); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return g.failed(ctx, "Apply", err, stream.Trailer())
		}
		one := &pb.ApplyEvent{}
		if err := decode(g.codec, got, one); err != nil {
			return err
		}
		if err := event(one); err != nil {
			return err
		}
	}
}

// failed translates gRPC's errors. The plugin's own is in the trailer (P-GRPC-3).
func (g *grpcChannel) failed(ctx context.Context, method string, err error, trailer metadata.MD) error {
	if values := trailer.Get("cronix-status-bin"); len(values) > 0 {
		whole := &pb.Status{}
		if err := decode(g.codec, []byte(values[0]), whole); err != nil {
			return fmt.Errorf("the trailer cronix-status-bin: %w", err)
		}
		return newRPCError(int(whole.Code), whole.Message, whole.Details)
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	told := status.Convert(err)
	deadline, bound := ctx.Deadline()
	switch code := told.Code(); {
	case code == codes.DeadlineExceeded, code == codes.Canceled && bound && time.Until(deadline) < early:
		return &RPCError{Code: "DEADLINE_EXCEEDED", Message: deadlinePassed, Details: &pb.ErrorDetails{}}
	case code == codes.Unimplemented:
		return unknownMethod(method)
	case code == codes.ResourceExhausted && strings.Contains(strings.ToLower(told.Message()), "message"):
		size := "more" // of which the libraries say: larger than max (67108865 vs. 67108864), or: found 67108865 bytes
		if found := isSize(told.Message()); found != nil {
			size = found[1]
		}
		return &RPCError{Code: "RESOURCE_EXHAUSTED", Message: "a gRPC library refused the message: " + told.Message(), Details: &pb.ErrorDetails{
			Reason: "MESSAGE_TOO_LARGE", Expected: fmt.Sprintf("at most %d bytes", wire.MaxMessage), Got: size + " bytes",
			Action: "if it is shorter, the plugin has to raise its gRPC library's limit (P-GRPC-4)",
		}}
	case code == codes.Unavailable, code == codes.Canceled:
		if failed := g.dialed.Load(); failed != nil {
			return failed
		}
		return fmt.Errorf("the connection failed: %s", told.Message())
	}
	return fmt.Errorf("gRPC failed: %s: %s", told.Code(), told.Message())
}

var isSize = regexp.MustCompile(`(?:\(|found )(\d+)`).FindStringSubmatch

func unknownMethod(name string) error {
	return &RPCError{Code: "UNIMPLEMENTED", Message: fmt.Sprintf("unknown method %q", name), Details: &pb.ErrorDetails{Reason: "UNKNOWN_METHOD", Got: name}}
}

package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/session"
	"cronix-backend-memory/internal/status"
	"cronix-backend-memory/internal/wire"
)

const (
	servicePath    = "/cronix.backend.v1.Backend/"
	maxMetadata    = 1 << 20          // P-GRPC-4
	prefaceTimeout = 10 * time.Second // P-AUTH-4
	maxGRPCMessage = 1024             // of grpc-message, percent-encoded (P-GRPC-3)
	window         = 4 << 20          // HTTP/2's. It is fixed: to find one, gRPC adds a ping to nearly every call
	workers        = 4                // goroutines that are kept for calls: a new one has to grow its stack
)

// serveGRPC serves every method by one handler, which gets bytes. Handlers that protoc-gen-go-grpc
// generates would get a message that is read already, before the secret has been looked at.
func serveGRPC(listener net.Listener, known secret, l launch) error {
	handler := &grpcHandler{known, l.session}
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.UnknownServiceHandler(handler.handle),
		grpc.NumStreamWorkers(workers),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(window),
		grpc.MaxRecvMsgSize(wire.MaxMessage),
		grpc.MaxHeaderListSize(maxMetadata),
		grpc.ConnectionTimeout(prefaceTimeout),
	)
	return server.Serve(listener)
}

// rawCodec leaves messages as bytes.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(value any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(value.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, value any) error {
	*value.(*[]byte) = data.Materialize()
	return nil
}

type grpcHandler struct {
	secret  secret
	session *session.Session
}

func (h *grpcHandler) handle(_ any, stream grpc.ServerStream) error {
	headers, _ := metadata.FromIncomingContext(stream.Context())
	codec, err := callCodec(headers)
	if !h.secret.shown(headers.Get("cronix-secret")) {
		err = unauthenticated()
	}
	if err == nil {
		err = h.call(stream, codec)
	}
	if err != nil {
		return grpcError(stream, codec, err)
	}
	return nil
}

// callCodec returns the call's codec; protobuf along with the error for an unknown one (P-GRPC-2).
func callCodec(headers metadata.MD) (wire.Codec, error) {
	name := strings.Join(headers.Get("cronix-codec"), ",")
	switch name {
	case "", "protobuf":
		return wire.Protobuf{}, nil
	case "json":
		return wire.JSON{}, nil
	}
	details := &pb.ErrorDetails{Reason: "UNKNOWN_CODEC", Expected: "json, or none for protobuf", Got: name}
	return wire.Protobuf{}, status.New(status.Unimplemented, details, "no codec %q", name)
}

func unauthenticated() error {
	details := &pb.ErrorDetails{Reason: "SECRET"}
	return status.New(status.Unauthenticated, details, "the call does not carry the launch's secret")
}

func (h *grpcHandler) call(stream grpc.ServerStream, codec wire.Codec) error {
	if err := h.session.Begin(); err != nil {
		return err
	}
	defer h.session.End()
	path, _ := grpc.MethodFromServerStream(stream)
	decode := func(message proto.Message) error {
		data, err := receive(stream)
		if err != nil {
			return err
		}
		return codec.Decode(data, message)
	}
	send := func(event *pb.ApplyEvent) error { return h.send(stream, codec, event) }
	method := strings.TrimPrefix(path, servicePath)
	reply, err := h.session.Call(stream.Context(), method, decode, send)
	if err != nil || session.Streams(method) {
		return err
	}
	return h.send(stream, codec, reply)
}

// receive reads the call's one message.
func receive(stream grpc.ServerStream) ([]byte, error) {
	var data []byte
	err := stream.RecvMsg(&data)
	switch {
	case errors.Is(err, io.EOF):
		return nil, status.Unreadable("", "the call has no message")
	case err != nil: // one over the limit gRPC has refused by itself, as P-GRPC-3 allows
		return nil, ended(stream.Context(), err)
	}
	return data, nil
}

func (h *grpcHandler) send(stream grpc.ServerStream, codec wire.Codec, message proto.Message) error {
	data, err := wire.EncodeReply(codec, nil, message)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(data); err != nil {
		return ended(stream.Context(), err)
	}
	return nil
}

// ended says of a call that broke why: its deadline or its cancellation, if it was one of them.
func ended(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	return err
}

// grpcError sends the whole status in the trailer (P-GRPC-3).
func grpcError(stream grpc.ServerStream, codec wire.Codec, err error) error {
	known := status.From(err)
	whole := codec.Encode(nil, known.Proto())
	stream.SetTrailer(metadata.Pairs("cronix-status-bin", string(whole)))
	return grpcstatus.Error(codes.Code(known.Code), cutEncoded(known.Message))
}

// cutEncoded cuts a text so that it is within its bound once it is percent-encoded.
func cutEncoded(text string) string {
	length := 0
	for i, char := range text {
		if char >= ' ' && char <= '~' && char != '%' {
			length++
		} else {
			length += 3 * utf8.RuneLen(char)
		}
		if length > maxGRPCMessage {
			return text[:i]
		}
	}
	return text
}

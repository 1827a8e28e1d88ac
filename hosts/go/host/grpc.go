package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "cronix-host/internal/backendv1"
)

const maxMetadata = 1 << 20 // P-GRPC-4

type grpcChannel struct {
	connection *grpc.ClientConn
	secret     string
}

func newGRPC(p *process) (channel, error) {
	go func() { _, _ = io.Copy(io.Discard, p.reader) }()  // P-HANDSHAKE-6
	connection, err := grpc.NewClient("unix:"+p.socket(), // whose :authority is localhost
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx, p.socket()) }),
		grpc.WithMaxHeaderListSize(maxMetadata),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
	)
	if err != nil {
		return nil, err
	}
	return &grpcChannel{connection, p.secret}, nil
}

// dial connects to a listener of this user (P-AUTH-3).
func dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := sameUser(conn.(*net.UnixConn)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func sameUser(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(descriptor uintptr) {
		peer, failed = unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if int(peer.Uid) != os.Geteuid() {
		return fmt.Errorf("user %d listens at the socket", peer.Uid)
	}
	return nil
}

func (c *grpcChannel) close() { c.connection.Close() }

func (c *grpcChannel) call(ctx context.Context, method string, request, reply proto.Message) error {
	if err := ctx.Err(); err != nil {
		return ended(err)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "cronix-secret", c.secret)
	var trailer metadata.MD
	err := c.connection.Invoke(ctx, "/cronix.backend.v1.Backend/"+method, request, reply, grpc.Trailer(&trailer))
	if err == nil {
		return nil
	}
	if values := trailer.Get("cronix-status-bin"); len(values) == 1 { // P-GRPC-3
		whole := &pb.Status{}
		if err := proto.Unmarshal([]byte(values[0]), whole); err != nil {
			return fmt.Errorf("the trailer cronix-status-bin: %w", err)
		}
		return newError(int(whole.Code), whole.Message, whole.Details)
	}
	return withoutTrailer(ctx, status.Convert(err))
}

// withoutTrailer is the error of a library.
func withoutTrailer(ctx context.Context, told *status.Status) error {
	switch told.Code() {
	case codes.DeadlineExceeded:
		return deadlineExceeded()
	case codes.Unimplemented:
		return newError(int(told.Code()), told.Message(), &pb.ErrorDetails{Reason: "UNKNOWN_METHOD"})
	case codes.ResourceExhausted:
		return newError(int(told.Code()), told.Message(), &pb.ErrorDetails{Reason: "MESSAGE_TOO_LARGE"})
	case codes.Canceled, codes.Unavailable:
		if err := ctx.Err(); err != nil {
			return ended(err)
		}
		return fmt.Errorf("the connection is lost: %s", told.Message())
	}
	return newError(int(told.Code()), told.Message(), nil)
}

package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "cronix-backend-memory/internal/backendv1"
)

// What this plugin, and a host in Go, relies on in the libraries: docs/languages.md says the same.

// serveWith serves gRPC with one handler for all calls, and returns its socket.
func serveWith(t *testing.T, handle func(grpc.ServerStream) error, options ...grpc.ServerOption) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(options, grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		return handle(stream)
	}))...)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return path
}

func invoke(ctx context.Context, client *grpc.ClientConn, options ...grpc.CallOption) error {
	return client.Invoke(ctx, "/a.B/C", &pb.ReadRequest{}, &pb.ReadReply{}, options...)
}

func TestTheAuthorityOfASocketIsLocalhostAndIsNotJudged(t *testing.T) {
	seen := make(chan []string, 1)
	path := serveWith(t, func(stream grpc.ServerStream) error {
		headers, _ := metadata.FromIncomingContext(stream.Context())
		seen <- headers.Get(":authority")
		return grpcstatus.Error(codes.Aborted, "seen")
	})
	for given, want := range map[string]string{"": "localhost", path: path, "a%2Fb": "a%2Fb"} {
		options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
		if given != "" {
			options = append(options, grpc.WithAuthority(given))
		}
		client, err := grpc.NewClient("unix:"+path, options...)
		if err != nil {
			t.Fatal(err)
		}
		if err := invoke(t.Context(), client); grpcstatus.Code(err) != codes.Aborted {
			t.Errorf("%q: %v", given, err)
		} else if got := <-seen; len(got) != 1 || got[0] != want {
			t.Errorf("%q: %q", given, got)
		}
		client.Close()
	}
}

func TestBytesOfATrailerArrive(t *testing.T) {
	every := make([]byte, 256<<10)
	for i := range every {
		every[i] = byte(i)
	}
	path := serveWith(t, func(stream grpc.ServerStream) error {
		stream.SetTrailer(metadata.Pairs("x-bin", string(every)))
		return grpcstatus.Error(codes.Aborted, strings.Repeat("é", 10000))
	})
	var trailer metadata.MD
	err := invoke(t.Context(), dial(t, path), grpc.Trailer(&trailer))
	if got := trailer.Get("x-bin"); len(got) != 1 || got[0] != string(every) {
		t.Errorf("%d values", len(got))
	}
	if message := grpcstatus.Convert(err).Message(); len(message) != 20000 {
		t.Errorf("a message of %d bytes", len(message))
	}
}

func TestMetadataHasABoundOfEachSide(t *testing.T) {
	refuse := func(grpc.ServerStream) error { return grpcstatus.Error(codes.Aborted, "taken") }
	with := func(bytes int) context.Context {
		return metadata.AppendToOutgoingContext(t.Context(), "x", strings.Repeat("x", bytes))
	}
	client := dial(t, serveWith(t, refuse))
	if err := invoke(with(8<<20), client); grpcstatus.Code(err) != codes.Aborted {
		t.Error("8 MiB:", err)
	}
	client = dial(t, serveWith(t, refuse, grpc.MaxHeaderListSize(maxMetadata)))
	if err := invoke(with(maxMetadata-4096), client); grpcstatus.Code(err) != codes.Aborted {
		t.Error("below 1 MiB:", err)
	}
	// Once the server's bound is known the client does not even send.
	if err := invoke(with(maxMetadata), client); grpcstatus.Code(err) != codes.Internal {
		t.Error("1 MiB and more:", err)
	}
	if err := invoke(t.Context(), client); grpcstatus.Code(err) != codes.Aborted {
		t.Error("after that:", err)
	}
}

func TestProtobufKeepsUnknownNumbersAndRefusesWrongText(t *testing.T) {
	op := &pb.Op{}
	if err := proto.Unmarshal([]byte{0x08, 0x09}, op); err != nil || op.Kind != 9 {
		t.Error(op, err)
	}
	if err := proto.Unmarshal([]byte("\x12\x01\xff"), op); err == nil {
		t.Error("bytes that are not UTF-8 are read")
	}
	if _, err := proto.Marshal(&pb.Op{Job: "\xff"}); err == nil {
		t.Error("bytes that are not UTF-8 are written")
	}
}

func TestADeadlineEndsTheContextOnBothSides(t *testing.T) {
	cause := make(chan error, 1)
	path := serveWith(t, func(stream grpc.ServerStream) error {
		<-stream.Context().Done()
		cause <- stream.Context().Err()
		return grpcstatus.FromContextError(stream.Context().Err()).Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := invoke(ctx, dial(t, path)); grpcstatus.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
	// The server's timer or the client's reset, whichever comes first.
	if err := <-cause; !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAServerTakes4MiBUnlessItIsTold(t *testing.T) {
	path := serveWith(t, func(stream grpc.ServerStream) error { return stream.RecvMsg(&pb.ReadRequest{}) })
	large := &pb.MalformedMarker{Text: strings.Repeat("x", 4<<20)}
	err := dial(t, path).Invoke(t.Context(), "/a.B/C", large, &pb.ReadReply{})
	if grpcstatus.Code(err) != codes.ResourceExhausted {
		t.Error(err)
	}
}

func TestTrailersAfterARefusedMessageAreNotSent(t *testing.T) {
	path := serveWith(t, func(stream grpc.ServerStream) error {
		err := stream.RecvMsg(&pb.ReadRequest{})
		stream.SetTrailer(metadata.Pairs("x", "too late"))
		return err
	}, grpc.MaxRecvMsgSize(1000))
	var trailer metadata.MD
	large := &pb.MalformedMarker{Text: strings.Repeat("x", 10<<20)}
	err := dial(t, path).Invoke(t.Context(), "/a.B/C", large, &pb.ReadReply{}, grpc.Trailer(&trailer))
	if grpcstatus.Code(err) != codes.ResourceExhausted || len(trailer.Get("x")) != 0 {
		t.Error(err, trailer)
	}
}

func TestHTTPTakesMoreThanTheProtocol(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Second,
		MaxHeaderBytes:    1000,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		}),
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for i, request := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"POST / HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
		"POST / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 5000) + "\r\nContent-Length: 2\r\n\r\n{}",
	} {
		fmt.Fprint(conn, request)
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%.100q: %v", request, err)
		}
		if body, _ := io.ReadAll(response.Body); string(body) != "{}" {
			t.Errorf("%.100q: %q", request, body)
		}
		if i == 0 {
			time.Sleep(server.ReadHeaderTimeout * 3 / 2) // between two calls it is no bound
		}
	}
}

func TestEncodingJSONTakesMoreThanTheProtocol(t *testing.T) {
	var message struct{ App string }
	for text, want := range map[string]string{
		`{"App":"\ud800"}`:        "\ufffd",
		`{"App":"a","App":"b"}`:   "b",
		`{"aPP":"c"}`:             "c",
		"{\"App\":\"\xff\"}":      "\ufffd",
		`{"App":null,"other":[]}`: "",
	} {
		message.App = ""
		if err := json.Unmarshal([]byte(text), &message); err != nil || message.App != want {
			t.Errorf("%q: %q, %v", text, message.App, err)
		}
	}
	var jobs struct{ Jobs []struct{ Hash string } }
	err := json.Unmarshal([]byte(`{"Jobs":[{"Hash":"a"},{"Hash":1}]}`), &jobs)
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) || wrong.Field != "Jobs.Hash" {
		t.Error(err)
	}
}

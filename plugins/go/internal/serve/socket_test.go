package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/session"
	"cronix-backend-memory/internal/wire"
)

var theSecret = strings.Repeat("5", 64)

// startOnSocket starts a transport, and returns its socket. At the end of the test stdin ends, and
// nothing may be left.
func startOnSocket(t *testing.T, name string) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "go-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "s")
	stdin, in, _ := os.Pipe()
	out, stdout, _ := os.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- transports[name].serve(launch{
			transport: name, codec: wire.Protobuf{}, socket: path, stdin: stdin, stdout: stdout, session: session.New(),
		})
	}()
	fmt.Fprintln(in, theSecret)
	line, err := bufio.NewReader(out).ReadString('\n')
	if want := "CRONIX-PLUGIN-V1 " + path + " transport=" + name; err != nil || !strings.HasPrefix(line, want) {
		t.Error(line, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
			t.Error("the directory is left:", err)
		}
		for _, file := range []*os.File{stdin, out, stdout} {
			file.Close()
		}
	})
	return path
}

func TestWithoutTheSecretThereIsNoStart(t *testing.T) {
	for _, text := range []string{"", "x\n", strings.Repeat("5", 65), strings.Repeat("G", 64) + "\n"} {
		if _, err := readSecret(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func dial(t *testing.T, path string) *grpc.ClientConn {
	t.Helper()
	client, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestGRPCErrorsHaveTheWholeStatus(t *testing.T) {
	client := dial(t, startOnSocket(t, "grpc"))
	long := strings.Repeat("é", 9000)
	for _, c := range []struct {
		headers []string
		method  string
		request proto.Message
		code    codes.Code
		reason  string
	}{
		{nil, "Read", &pb.ReadRequest{}, codes.Unauthenticated, "SECRET"},
		{[]string{"cronix-secret", "x"}, "Levitate", &pb.ReadRequest{}, codes.Unauthenticated, "SECRET"},
		{[]string{"cronix-secret", theSecret, "cronix-secret", theSecret}, "Read", &pb.ReadRequest{}, codes.Unauthenticated, "SECRET"},
		{[]string{"cronix-secret", theSecret}, "Levitate", &pb.ReadRequest{}, codes.Unimplemented, "UNKNOWN_METHOD"},
		{[]string{"cronix-secret", theSecret, "cronix-codec", "cbor"}, "Read", &pb.ReadRequest{}, codes.Unimplemented, "UNKNOWN_CODEC"},
		{[]string{"cronix-secret", theSecret}, "Read", &pb.ReadRequest{}, codes.FailedPrecondition, "SESSION_NOT_OPEN"},
		{[]string{"cronix-secret", theSecret}, "Read", &pb.MalformedMarker{Location: "a", Text: strings.Repeat("x", wire.MaxMessage)}, codes.ResourceExhausted, ""},
		{[]string{"cronix-secret", theSecret}, "OpenSession", &pb.OpenSessionRequest{ProtocolVersions: []int32{1}, RequiredCapabilities: []string{long}}, codes.FailedPrecondition, "CAPABILITY"},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), c.headers...)
		var trailer metadata.MD
		err := client.Invoke(ctx, servicePath+c.method, c.request, &pb.ReadReply{}, grpc.Trailer(&trailer))
		whole := &pb.Status{}
		for _, data := range trailer.Get("cronix-status-bin") {
			_ = proto.Unmarshal([]byte(data), whole)
		}
		byItself := c.reason == "" // gRPC's own refusal has no trailer
		if grpcstatus.Code(err) != c.code || !byItself && codes.Code(whole.Code) != c.code || whole.GetDetails().GetReason() != c.reason {
			t.Errorf("%s %v: %v, %v", c.method, c.headers, err, whole)
		}
		if len(whole.Message) > 8192 || len(grpcstatus.Convert(err).Message()) > maxGRPCMessage {
			t.Errorf("%s: a text is too long", c.method)
		}
	}
}

func TestGRPCHasDeadlinesAndEmptyStreams(t *testing.T) {
	client := dial(t, startOnSocket(t, "grpc"))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "cronix-secret", theSecret)
	if err := client.Invoke(ctx, servicePath+"OpenSession", &pb.OpenSessionRequest{ProtocolVersions: []int32{1}}, &pb.OpenSessionReply{}); err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithTimeout(ctx, 0)
	defer cancel()
	if err := client.Invoke(late, servicePath+"Read", &pb.ReadRequest{}, &pb.ReadReply{}); grpcstatus.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
	stream, err := client.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, servicePath+"Apply")
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.SendMsg(&pb.ApplyRequest{})
	_ = stream.CloseSend()
	if err := stream.RecvMsg(&pb.ApplyEvent{}); grpcstatus.Code(err) != codes.Aborted { // it has no digest
		t.Error(err)
	}
}

// exchange sends bytes on a connection of its own, and returns what comes until it is closed.
func exchange(t *testing.T, path string, data []byte) string {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write(data)
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func TestWhatIsNoCallIsRefusedAndTheConnectionClosed(t *testing.T) {
	path := startOnSocket(t, "http")
	const post = "POST " + servicePath + "Read HTTP/1.1\r\nHost: localhost\r\n"
	known := "Cronix-Secret: " + theSecret + "\r\n"
	const json, length = "Content-Type: application/json\r\n", "Content-Length: 2\r\n"
	for _, c := range []struct {
		request string
		code    int
		reason  string // net/http's own refusals have none
	}{
		{"hello\r\n\r\n", 400, ""},
		{"POST / HTTP/2.0\r\nHost: x\r\n\r\n", 505, ""},
		{"POST / HTTP/1.0\r\n" + known + "\r\n", 505, "MALFORMED_HTTP"},
		{post + "X: " + strings.Repeat("x", 70000) + "\r\n\r\n", 431, ""},
		{post + "no colon\r\n\r\n", 400, ""},
		{post + json + length + "\r\n{}", 401, "SECRET"},
		{post + known + known + json + length + "\r\n{}", 401, "SECRET"},
		{"GET / HTTP/1.1\r\nHost: x\r\n" + known + "\r\n", 405, "HTTP_METHOD"},
		{post + known + "Content-Type: text/plain\r\n" + length + "\r\n{}", 415, "MEDIA_TYPE"},
		{post + known + json + "\r\n", 411, "MALFORMED_HTTP"},
		{post + known + json + "Content-Length: 67108865\r\n\r\n", 413, "MESSAGE_TOO_LARGE"},
		{post + known + json + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "MALFORMED_HTTP"},
	} {
		answer := exchange(t, path, []byte(c.request))
		if !strings.HasPrefix(answer[min(len(answer), len("HTTP/1.")+1):], fmt.Sprintf(" %d ", c.code)) || !strings.Contains(answer, c.reason) ||
			!strings.HasPrefix(answer, "HTTP/1.0 ") && !strings.Contains(answer, "Connection: close\r\n") {
			t.Errorf("%.150q\n%s", c.request, answer)
		}
	}
}

func TestAConnectionCarriesManyCalls(t *testing.T) {
	path := startOnSocket(t, "http")
	client := &http.Client{Transport: &http.Transport{
		MaxConnsPerHost: 1,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", path)
		},
	}}
	defer client.CloseIdleConnections()
	for _, c := range []struct {
		method, timeout, request string
		code                     int
		answer                   string
	}{
		{"Read", "", `{}`, 400, "SESSION_NOT_OPEN"},
		{"OpenSession", "", `{"protocol_versions":[1]}`, 200, `"plugin_name":"memory"`},
		{"Levitate", "", `{}`, 501, "UNKNOWN_METHOD"},
		{"Read", "", `{"app":1,"app":2}`, 400, "UNREADABLE_REQUEST"},
		{"Read", "-1", `{}`, 400, "MALFORMED_HTTP"},
		{"Read", "0", `{}`, 504, "the deadline passed before the call was done"},
		{"Read", "1000000000000000000", `{}`, 200, "{}"},
		{"Apply", "", `{}`, 409, "STATE_CHANGED"},
	} {
		request, _ := http.NewRequest(http.MethodPost, "http://localhost"+servicePath+c.method, bytes.NewReader([]byte(c.request)))
		request.Header.Set("Cronix-Secret", theSecret)
		request.Header.Set("Content-Type", "application/json")
		if c.timeout != "" {
			request.Header.Set("Cronix-Timeout-Us", c.timeout)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != c.code || !strings.Contains(string(body), c.answer) {
			t.Errorf("%s: %d %s", c.method, response.StatusCode, body)
		}
	}
}

func TestOfTooManyUnknownConnectionsTheOldestEnds(t *testing.T) {
	path := startOnSocket(t, "http")
	var conns []net.Conn
	for range maxUnknown + 1 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	if _, err := conns[0].Read(make([]byte, 1)); err == nil {
		t.Error("the oldest is still there")
	}
	fmt.Fprint(conns[1], "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, _ := bufio.NewReader(conns[1]).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 401 ") {
		t.Error(line)
	}
}

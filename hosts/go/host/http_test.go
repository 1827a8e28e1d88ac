package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pb "cronix-host/backendv1"
	"cronix-host/internal/wire"
)

// answering is a channel to a listener that answers each connection's first request with these bytes.
func answering(t *testing.T, codec, answer string) *httpChannel {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, answer)
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
			}()
		}
	}()
	opened, err := openHTTP(endpoint{codec: wire.Codecs[codec], socket: path, secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.close)
	return opened.(*httpChannel)
}

func reply(head, body string) string {
	return "HTTP/1.1 " + head + "\r\n\r\n" + body
}

func TestOnlyAReplyOfHTTPIsTaken(t *testing.T) {
	const kind = "200 OK\r\nContent-Type: application/json"
	for answer, want := range map[string]string{
		reply(kind+"\r\nContent-Length: 2", "{}"):                                      "",
		reply(kind+"; charset=utf-8\r\ncontent-length: 2", "{}"):                       "",
		reply(kind+"\r\nTransfer-Encoding: chunked", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"):  "",
		reply(kind+"\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n0\r\nA: b\r\n\r\n"):   "no end",
		reply(kind+"\r\nTransfer-Encoding: chunked\r\nContent-Length: 2", "0\r\n\r\n"): "1 Content-Length and 1",
		reply(kind+"\r\nContent-Length: 2\r\nContent-Length: 2", "{}"):                 "2 Content-Length",
		reply(kind, "{}"): "0 Content-Length",
		reply(kind+"\r\nContent-Length: 2", "{}HTTP/1.1 200 OK\r\n"):                                    "follow",
		reply(kind+"\r\nContent-Length: -1", ""):                                                        "Content-Length",
		reply(kind+"\r\nContent-Length: 3", "{x}"):                                                      "cannot be read",
		reply("200 OK\r\nContent-Type: text/html\r\nContent-Length: 2", "{}"):                           "text/html",
		reply("302 Found\r\nLocation: /x\r\nContent-Type: application/json\r\nContent-Length: 2", "{}"): "302",
		reply(kind+"\r\n folded: x\r\nContent-Length: 2", "{}"):                                         "header",
		"SSH-2.0\r\n\r\n": "no reply of HTTP",
		reply("400 Bad\r\nContent-Type: application/problem+json\r\nContent-Length: 78", `{"code":"NEW_ONE","detail":"no","details":{"reason":"R","got":"g","x":1}}     `): "UNKNOWN: no",
		reply("400 Bad\r\nContent-Type: application/problem+json\r\nContent-Length: 2", "{}"):                                                                              "problem document",
	} {
		err := answering(t, "json", answer).call(t.Context(), "Read", &pb.ReadRequest{}, &pb.ReadReply{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q\n%v", answer, err)
		}
	}
}

func TestAStreamHasOneEnd(t *testing.T) {
	chunks := func(parts ...string) (text string) {
		for _, part := range parts {
			text += fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
		}
		return text + "0\r\n\r\n"
	}
	const json, protobuf = "application/x-ndjson", "application/x-protobuf-stream"
	for _, c := range []struct{ kind, body, want string }{
		{json, chunks(`{"event":{"kind":"done"}}`+"\n"+`{"sta`, `tus":{"code":0}}`+"\n"), ""},
		{json, chunks(`{"event":{}}` + "\n"), "without a status"},
		{json, chunks(`{"event":{}}`), "middle of a line"},
		{json, chunks(`{"event":{},"status":{}}` + "\n"), "neither"},
		{json, chunks(`{"status":{}}` + "\n" + `{"event":{}}` + "\n"), "goes on"},
		{json, chunks(`{"event":{}}` + "\n" + `{"status":{"code":10,"message":"m"}}` + "\n"), "ABORTED: m"},
		{protobuf, chunks("\x00\x00\x00\x00\x02\x08", "\x02\x01\x00\x00\x00\x00"), ""},
		{protobuf, chunks("\x00\x00\x00\x00\x02\x08\x02"), "without a status"},
		{protobuf, chunks("\x00\x00\x00\x00\x09\x08\x02"), "EOF"},
		{protobuf, chunks("\x02\x00\x00\x00\x00"), "begins"},
	} {
		codec := "json"
		if c.kind == protobuf {
			codec = "protobuf"
		}
		channel := answering(t, codec, reply("200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "+c.kind, c.body))
		events := 0
		err := channel.apply(t.Context(), &pb.ApplyRequest{}, func(*pb.ApplyEvent) error { events++; return nil })
		if c.want == "" && (err != nil || events != 1) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q %d\n%v", c.body, events, err)
		}
	}
}

func TestACallOverHTTPEndsWithItsContext(t *testing.T) {
	channel := answering(t, "json", "")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var told *RPCError
	if err := channel.call(ctx, "Read", &pb.ReadRequest{}, &pb.ReadReply{}); !errors.As(err, &told) || told.Code != "DEADLINE_EXCEEDED" {
		t.Error(err)
	}
	if len(channel.idle) != 0 || len(channel.open) != 0 {
		t.Error("a connection is kept")
	}
}

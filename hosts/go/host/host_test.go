package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "cronix-host/backendv1"
)

// program writes a plugin as a script.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cronix-backend-script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheHandshakeIsWhatWasAskedFor(t *testing.T) {
	for line, want := range map[string]bool{
		"CRONIX-PLUGIN-V1 stdio": true,
		"CRONIX-PLUGIN-V1 stdio transport=jsonrpc codec=json name=a later=1=2": true,
		"CRONIX-PLUGIN-V1 /tmp/s":               false,
		"CRONIX-PLUGIN-V1 stdio transport=grpc": false,
		"CRONIX-PLUGIN-V1 stdio codec=cbor":     false,
		"CRONIX-PLUGIN-V1 stdio word":           false,
		"CRONIX-PLUGIN-V1  stdio":               false,
		"CRONIX-PLUGIN-V1 stdio\r":              true,
		"CRONIX-PLUGIN-V2 stdio":                false,
		"CRONIX-PLUGIN-V1 stdio name=\xff":      false,
		"hello":                                 false,
	} {
		if _, err := checkHandshake([]byte(line), "jsonrpc", "json", "stdio"); (err == nil) != want {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestTheFirstMatchWins(t *testing.T) {
	path := program(t, "")
	t.Setenv("CRONIX_PLUGIN_DIR", filepath.Dir(path))
	if found, err := Discover("script", false); err != nil || found.Path != path || found.Name != "script" {
		t.Error(found, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"script", "other", "Script", path} {
		if _, err := Discover(name, false); err == nil {
			t.Errorf("%s is found", name)
		}
	}
}

func TestWhatOthersCanWriteDoesNotRun(t *testing.T) {
	path := program(t, "")
	link := filepath.Join(t.TempDir(), "cronix-backend-link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	found := Found{Name: "link", Path: link}
	if err := checkWriters(found); err != nil {
		t.Error(err)
	}
	for _, open := range []string{path, filepath.Dir(path), filepath.Dir(link)} {
		if err := os.Chmod(open, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := checkWriters(found); err == nil {
			t.Errorf("%s is writable for others", open)
		}
		if err := os.Chmod(open, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

const handshake = "echo 'CRONIX-PLUGIN-V1 stdio'\n"

func TestAStartThatFailsSaysWhy(t *testing.T) {
	for script, want := range map[string]string{
		"echo oops >&2; exit 1": "oops",
		"echo hello; cat":       "hello",
		handshake + "read line; echo '{\"id\":null}'; cat >/dev/null": "not of JSON-RPC 2.0",
		handshake + "read line": "closed the connection",
		handshake + `read line; echo '{"jsonrpc":"2.0","error":{"code":-32009,"message":"no","data":{"code":"FAILED_PRECONDITION","details":{"reason":"R"}}},"id":1}'; cat >/dev/null`: "FAILED_PRECONDITION: no",
		handshake + `read line; echo '{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}'; cat >/dev/null`:                                                  `UNIMPLEMENTED: unknown method "OpenSession"`,
	} {
		session, err := Open(t.Context(), program(t, script), "jsonrpc", Options{})
		if session != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v", script, err)
		}
	}
}

func TestReadReturnsTheEntries(t *testing.T) {
	script := handshake + `read line; echo '{"jsonrpc":"2.0","result":{"protocol_version":1,"later":[]},"id":1}'
read line; echo '{"jsonrpc":"2.0","id":2,"result":{"entries":[{"app":"web","job":"a","index":1,"hash":"\u00e9"}],"malformed":[{"text":"x"}]}}'
cat >/dev/null`
	session, err := Open(t.Context(), program(t, script), "jsonrpc", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	reply, err := session.Read(t.Context(), &pb.ReadRequest{})
	if err != nil || len(reply.Entries) != 1 || reply.Entries[0].Hash != "é" || reply.Entries[0].Index != 1 || reply.Malformed[0].Text != "x" {
		t.Error(reply, err)
	}
}

func TestACallDoesNotOutliveItsDeadlineOrItsPlugin(t *testing.T) {
	open := `read line; echo '{"jsonrpc":"2.0","result":{"protocol_version":1},"id":1}'; `
	session, err := Open(t.Context(), program(t, handshake+open+"cat >/dev/null"), "jsonrpc", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var told *RPCError
	if _, err := session.Read(ctx, &pb.ReadRequest{}); !errors.As(err, &told) || told.Code != "DEADLINE_EXCEEDED" {
		t.Error(err)
	}
	session.process.signal(9)
	if _, err := session.Read(t.Context(), &pb.ReadRequest{}); err == nil || errors.As(err, &told) && told.Code != "DEADLINE_EXCEEDED" {
		t.Error(err)
	}
}

func TestAPluginThatHangsIsKilledWithItsGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	script := handshake + "trap '' TERM; sleep 600 & echo $! >" + file + "; read line\n" +
		`echo '{"jsonrpc":"2.0","result":{"protocol_version":1},"id":1}'; sleep 600`
	session, err := Open(t.Context(), program(t, script), "jsonrpc", Options{})
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
	pid, _ := os.ReadFile(file)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return // a signal has ended it, which takes a moment
		}
		if time.Now().After(end) {
			t.Fatalf("a child is left: %s", state)
		}
	}
}

func TestTheSizeOfAnOverLongReplyIsTold(t *testing.T) {
	for message, want := range map[string]string{
		"grpc: received message larger than max (67108865 vs. 67108864)":                      "67108865 bytes",
		"Error, decoded message length too large: found 67108865 bytes, the limit is 4194304": "67108865 bytes",
		"message too large": "more bytes",
	} {
		g := &grpcChannel{}
		var answer *RPCError
		if err := g.failed(t.Context(), "Read", status.Error(codes.ResourceExhausted, message), nil); !errors.As(err, &answer) || answer.Details.Got != want {
			t.Error(err)
		}
	}
}

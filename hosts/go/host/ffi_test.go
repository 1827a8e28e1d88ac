//go:build cgo

package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	pb "cronix-host/backendv1"
)

// cPlugin is the plugin in C, which plugins/c builds.
func cPlugin(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../plugins/c/build/cronix-backend-memory.so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("not run: plugins/c is not built")
	}
	return path
}

func openC(t *testing.T, codec string, options Options) *Session {
	t.Helper()
	options.Codec = codec
	options.Config = map[string]string{"faults": "requests"}
	session, err := Open(t.Context(), cPlugin(t), "ffi", options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	return session
}

func read(ctx context.Context, s *Session, app string) (*pb.ReadReply, error) {
	return s.Read(ctx, &pb.ReadRequest{App: &app})
}

func TestALibraryPlansAppliesAndReads(t *testing.T) {
	for _, codec := range libraryCodecs {
		session := openC(t, codec, Options{})
		job := &pb.DesiredJob{Job: &pb.Job{Name: "a", Schedules: []string{"@daily"}}, Hashes: []string{"1"}}
		plan, err := session.Plan(t.Context(), &pb.PlanRequest{App: "web", Jobs: []*pb.DesiredJob{job}})
		if err != nil {
			t.Fatal(err)
		}
		events := 0
		if err := session.Apply(t.Context(), plan, func(*pb.ApplyEvent) { events++ }); err != nil || events != 3 {
			t.Error(events, err)
		}
		var failed *ApplyError
		if err := session.Apply(t.Context(), plan, nil); !errors.As(err, &failed) || len(failed.Reached.Unattempted) != 1 {
			t.Error(err)
		}
		if reply, err := read(t.Context(), session, "web"); err != nil || len(reply.Entries) != 1 || reply.Entries[0].Job != "a" {
			t.Error(reply, err)
		}
		if _, err := read(t.Context(), session, "!say:a\x00é"); err != nil {
			t.Error(err)
		}
	}
}

func TestALibrarysErrorsArrive(t *testing.T) {
	session := openC(t, "protobuf", Options{})
	var told *RPCError
	if _, err := read(t.Context(), session, "!error:DATA_LOSS"); !errors.As(err, &told) || told.Code != "DATA_LOSS" || len(told.Details.Applied) != 2 {
		t.Error(err)
	}
	if _, err := read(t.Context(), session, "!panic:bug"); !errors.As(err, &told) || told.Code != "INTERNAL" || !strings.Contains(err.Error(), "0.1.0") {
		t.Error(err)
	}
	const secret = "s3cret-value" // which is no list of faults: the plugin says so, and shows it
	_, err := Open(t.Context(), cPlugin(t), "ffi", Options{Secrets: map[string]string{"faults": secret}})
	if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "[faults]") {
		t.Error(err)
	}
}

func TestALibraryIsToldOfDeadlineAndCancellation(t *testing.T) {
	session := openC(t, "json", Options{})
	var told *RPCError
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := read(ctx, session, "!sleep:600"); !errors.As(err, &told) || told.Code != "DEADLINE_EXCEEDED" {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := read(ctx, session, "!sleep:600"); !errors.As(err, &told) || told.Code != "CANCELLED" {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	stop := func(*pb.ApplyEvent) error { cancel(); return nil }
	err := session.channel.apply(ctx, &pb.ApplyRequest{Plan: &pb.PlanReply{App: "!events:5:600"}}, stop)
	if !errors.As(err, &told) || told.Code != "CANCELLED" {
		t.Error(err)
	}
	stopped := errors.New("enough")
	err = session.channel.apply(t.Context(), &pb.ApplyRequest{Plan: &pb.PlanReply{App: "!events:5:600"}}, func(*pb.ApplyEvent) error { return stopped })
	if !errors.Is(err, stopped) {
		t.Error(err)
	}
}

func TestALibraryIsCalledByManyAtOnceAndClosedMeanwhile(t *testing.T) {
	session := openC(t, "protobuf", Options{CloseTimeout: time.Minute})
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			for range 50 {
				if _, err := read(t.Context(), session, "!echo:x"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
	begun := make(chan struct{})
	calls.Go(func() {
		close(begun)
		if _, err := read(t.Context(), session, "!sleep:600"); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	<-begun
	session.Close()
	calls.Wait()
	if _, err := read(t.Context(), session, "web"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestAPinnedLibraryIsLoadedFromTheBytesThatWereHashed(t *testing.T) {
	original := cPlugin(t)
	data, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	pins := Pins{"memory": {hex.EncodeToString(sum[:])}}
	for range 2 { // the second time it is there already
		openC(t, "protobuf", Options{Pins: pins})
	}
	maps, _ := os.ReadFile("/proc/self/maps")
	loaded := 0
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, " r-xp ") && strings.Contains(line, "memfd:cronix-backend-memory.so") {
			loaded++
		}
	}
	if loaded != 1 {
		t.Errorf("it is loaded %d times", loaded)
	}
	var failed *Error
	_, err = Open(t.Context(), original, "ffi", Options{Pins: Pins{"memory": {strings.Repeat("0", 64)}}})
	if !errors.As(err, &failed) || failed.Code != "E-PIN-MISMATCH" {
		t.Error(err)
	}
}

// library compiles functions of backend.h. Those that are not given do what is right.
func library(t *testing.T, code string) string {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("not run: no cc")
	}
	directory := t.TempDir()
	source, path := filepath.Join(directory, "a.c"), filepath.Join(directory, "cronix-backend-odd.so")
	usual := map[string]string{
		"handshake": `const char *cronix_plugin_handshake(void) { return "CRONIX-PLUGIN-V1 library codec=protobuf abi=1"; }`,
		"start":     "void *cronix_plugin_start(void) { return &usual; }",
		"stop":      "void cronix_plugin_stop(void *s) { (void)s; }",
		"call": `int32_t cronix_plugin_call(cronix_call *c) { c->reply = (const uint8_t *)usual;
			c->reply_len = 2; return 0; }`,
		"next":    "int32_t cronix_plugin_next(cronix_call *c) { (void)c; return CRONIX_END; }",
		"release": "void cronix_plugin_release(cronix_call *c) { (void)c; }",
	}
	text := "#include \"backend.h\"\n#include <string.h>\nstatic const char usual[] = {8, 1}; /* protocol_version: 1 */\n" + code + "\n"
	for name, function := range usual {
		if !strings.Contains(code, "cronix_plugin_"+name) {
			text += function + "\n"
		}
	}
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("cc", "-shared", "-fPIC", "-w", "-I../../../spec/plugin", "-o", path, source).CombinedOutput()
	if err != nil {
		t.Fatalf("%s", out)
	}
	return path
}

func TestALibraryThatIsNoPluginIsRefused(t *testing.T) {
	for code, want := range map[string]string{
		"#define cronix_plugin_next other":                                                                      "does not export cronix_plugin_next",
		"const char *cronix_plugin_handshake(void) { return 0; }":                                               "reason is on stderr",
		`const char *cronix_plugin_handshake(void) { return "hello"; }`:                                         "E-HANDSHAKE-NOISE",
		`const char *cronix_plugin_handshake(void) { return "CRONIX-PLUGIN-V1 library codec=protobuf"; }`:       "ABI version none",
		`const char *cronix_plugin_handshake(void) { return "CRONIX-PLUGIN-V1 library codec=protobuf abi=2"; }`: "ABI version 2",
		`const char *cronix_plugin_handshake(void) { return "CRONIX-PLUGIN-V1 library codec=json abi=1"; }`:     "E-TRANSPORT",
		`const char *cronix_plugin_handshake(void) { return "CRONIX-PLUGIN-V1 /tmp/s codec=protobuf abi=1"; }`:  "E-ENDPOINT",
		`const char *cronix_plugin_handshake(void) { static char l[5000]; memset(l, 'x', 4999); return l; }`:    "E-HANDSHAKE-TOO-LONG",
		"void *cronix_plugin_start(void) { return 0; }":                                                         "could not start a session",
		"int32_t cronix_plugin_call(cronix_call *c) { return 99; }":                                             "UNKNOWN",
		"int32_t cronix_plugin_call(cronix_call *c) { return 4; }":                                              deadlinePassed,
		"int32_t cronix_plugin_call(cronix_call *c) { return CRONIX_END; }":                                     "had not begun",
		"int32_t cronix_plugin_call(cronix_call *c) { c->reply_len = 9; return 0; }":                            "is nowhere",
		"int32_t cronix_plugin_call(cronix_call *c) { c->reply_len = -1; return 0; }":                           "over the limit",
		`int32_t cronix_plugin_call(cronix_call *c) { c->reply = (void *)"\x0a"; c->reply_len = 1; return 0; }`: "cannot be read",
	} {
		session, err := Open(t.Context(), library(t, code), "ffi", Options{})
		if session != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v", code, err)
		}
	}
	text := filepath.Join(t.TempDir(), "cronix-backend-text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	var failed *Error
	if _, err := Open(t.Context(), text, "ffi", Options{}); !errors.As(err, &failed) || failed.Code != "E-CONNECT" {
		t.Error(err)
	}
}

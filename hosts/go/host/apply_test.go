package host

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	pb "cronix-host/backendv1"
)

func event(text string) string {
	return `echo '{"jsonrpc":"2.0","method":"event","params":{"id":2,"event":` + text + `}}'; `
}

func TestAnApplyThatDoesNotEndWellSaysHowFarItCame(t *testing.T) {
	started, done := event(`{"kind":"started","op_index":1,"job":"b"}`), event(`{"kind":"done","op_index":1,"job":"b"}`)
	all := started + done + event(`{"kind":"started","op_index":2,"job":"c"}`) + event(`{"kind":"done","op_index":2,"job":"c"}`)
	finished, end := event(`{"kind":"finished","counts":{"created":2}}`), `echo '{"jsonrpc":"2.0","result":null,"id":2}'; `
	for script, want := range map[string]struct {
		problem string
		reached Reached
	}{
		all + finished + end:     {"", Reached{}},
		all + end:                {"without the finished event", Reached{Applied: []string{"b", "c"}}},
		started + finished + end: {"did not report these as done: b, c", Reached{Unknown: []string{"b"}, Unreported: []string{"c"}}},
		started + done + done:    {"done again", Reached{Applied: []string{"b"}, Unreported: []string{"c"}}},
		finished + started:       {"after the finished event", Reached{Unreported: []string{"b", "c"}}},
		event(`{"kind":"started","op_index":0,"job":"a"}`): {"not planned", Reached{Unreported: []string{"b", "c"}}},
		event(`{"kind":"begun"}`):                          {"cannot be read", Reached{Unreported: []string{"b", "c"}}},
		started + "kill -9 $$; ":                           {"signal SIGKILL", Reached{Unknown: []string{"b"}, Unreported: []string{"c"}}},
		started + `echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32010,"message":"m"}}'; `: {"ABORTED: m", Reached{Unknown: []string{"b"}, Unattempted: []string{"c"}}},
		`echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32008,"message":"m","data":{"details":{"applied":["b"],"failed":["c"]}}}}'; `: {
			"RESOURCE_EXHAUSTED: m", Reached{Applied: []string{"b"}, Failed: []string{"c"}},
		},
	} {
		open := `read line; echo '{"jsonrpc":"2.0","result":{"protocol_version":1},"id":1}'; read line; `
		session, err := Open(t.Context(), program(t, handshake+open+script+"cat >/dev/null"), "jsonrpc", Options{CloseTimeout: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		events := 0
		err = session.Apply(t.Context(), &pb.PlanReply{Ops: []*pb.Op{
			{Kind: pb.OpKind_OP_KIND_SKIP, Job: "a"}, {Kind: pb.OpKind_OP_KIND_CREATE, Job: "b"}, {Kind: pb.OpKind_OP_KIND_CREATE, Job: "c"},
		}}, func(*pb.ApplyEvent) { events++ })
		session.Close()
		var told *ApplyError
		switch {
		case want.problem == "":
			if err != nil || events != 5 {
				t.Error(events, err)
			}
		case !errors.As(err, &told) || !strings.Contains(err.Error(), want.problem) || !reflect.DeepEqual(told.Reached, want.reached):
			t.Errorf("%s\n%v", script, err)
		}
	}
}

func TestNoSecretIsInTheEnvironmentOrInAnError(t *testing.T) {
	t.Setenv("CRONIX_PLUGIN_ENV", "LEAK,NAMED")
	t.Setenv("LEAK", "has s3cret-value in it")
	t.Setenv("NAMED", "yes")
	t.Setenv("OTHER", "no")
	script := `env >&2; read line; printf '%s\n' "$line" >&2; exit 3`
	options := Options{Secrets: map[string]string{"token": "s3cret-value"}}
	_, err := Open(t.Context(), program(t, handshake+script), "jsonrpc", options)
	var told *Error
	if !errors.As(err, &told) || told.Code != "E-CALL" || told.Exit != "exit status 3" {
		t.Fatal(err)
	}
	log := fmt.Sprint(told.Stderr)
	for text, want := range map[string]bool{
		"s3cret": false, `"token":"[token]"`: true, "NAMED=yes": true, "LEAK": false, "OTHER": false, "CRONIX_PLUGIN_TRANSPORT=jsonrpc": true,
	} {
		if strings.Contains(log, text) != want {
			t.Errorf("%s: %s", text, log)
		}
	}
}

func TestALogLineIsARecordWhateverIsInIt(t *testing.T) {
	for line, want := range map[string]string{
		`{"ts":1.5,"level":"warn","plugin":"p","msg":"m","rows":3,"a":"b c"}`:   `p warning m a="b c" rows=3`,
		`{"@level":"error","@message":"m","@timestamp":"2026-01-02T03:04:05Z"}`: `p error m`,
		`{"msg":{"x":1},"plugin":"q"}`:                                          `p - {"x":1} plugin=q`,
		`{"msg":"m"} more`:                                                      `p - {"msg":"m"} more`,
		"\x1b[31mred\xff\u202e":                                                 `p - \x1b[31mred\xff\u202e`,
		"[1]":                                                                   "p - [1]",
		"":                                                                      "p -",
	} {
		if record := parseLog("p", []byte(line), nil); record.String() != want {
			t.Errorf("%s: %s", line, record)
		}
	}
}

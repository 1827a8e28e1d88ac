package wire

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/status"
)

func TestWhatIsJSON(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a":[1,-0.5e+3,true,null,"x"]} `: true,
		`"\ud83d\ude42\n\/"`:               true,
		`"\ud800"`:                         true, // for the reader of the member to refuse
		``:                                 false,
		`{}x`:                              false,
		`{"a":1,"a":2}`:                    false,
		`{"a":1,"\u0061":2}`:               false,
		`{"a":1,}`:                         false,
		`[1,]`:                             false,
		`[1 2]`:                            false,
		`01`:                               false,
		`1.`:                               false,
		`+1`:                               false,
		`NaN`:                              false,
		`"\x"`:                             false,
		`"\u12"`:                           false,
		`"\u+123"`:                         false,
		"\"a\nb\"":                         false,
		"\"\xff\"":                         false,
		`"`:                                false,
		`{"a"`:                             false,
	} {
		if _, err := ParseJSON([]byte(text)); (err == nil) != want {
			t.Errorf("ParseJSON(%q): %v", text, err)
		}
	}
}

func TestADeepNestDoesNotOverflow(t *testing.T) {
	if _, err := ParseJSON(make([]byte, 0)); err == nil {
		t.Error("nothing is no JSON")
	}
	deep := make([]byte, MaxMessage)
	for i := range deep {
		deep[i] = '['
	}
	if _, err := ParseJSON(deep); err == nil {
		t.Error("no end is no JSON")
	}
}

func TestUnreadableRequestsNameTheMember(t *testing.T) {
	for text, path := range map[string]string{
		`[]`:                            "",
		`{"app":7}`:                     "app",
		`{"app":null}`:                  "app",
		`{"app":"\ud800"}`:              "app",
		`{"allow_empty":"yes"}`:         "allow_empty",
		`{"jobs":[{"hashes":["a",1]}]}`: "jobs/0/hashes/1",
		`{"jobs":[{"job":{"policy":{"timeout_seconds":2147483648}}}]}`:      "jobs/0/job/policy/timeout_seconds",
		`{"jobs":[{"job":{"policy":{"timeout_seconds":1.0}}}]}`:             "jobs/0/job/policy/timeout_seconds",
		`{"jobs":[{"job":{"policy":{"concurrency":"allow"}}}]}`:             "jobs/0/job/policy/concurrency",
		`{"jobs":[{"job":{"policy":{"concurrency_scope":"unspecified"}}}]}`: "jobs/0/job/policy/concurrency_scope",
		`{"jobs":[{"job":{"request":{"headers":{"a":"b","c":1}}}}]}`:        "jobs/0/job/request/headers/c",
	} {
		var known *status.Error
		err := JSON{}.Decode([]byte(text), &pb.PlanRequest{})
		if !errors.As(err, &known) || known.Details.Reason != "UNREADABLE_REQUEST" || known.Details.Path != path {
			t.Errorf("Decode(%s): %v", text, err)
		}
	}
}

func TestEveryMemberComesBack(t *testing.T) {
	want := &pb.PlanReply{App: "web", StateDigest: "\"\\\n\x01\u2028é🙂", Ops: []*pb.Op{{
		Kind:   pb.OpKind_OP_KIND_CREATE,
		Before: []*pb.Entry{{Index: -2147483648}, {Index: 2147483647}},
		Desired: &pb.DesiredJob{Hashes: []string{"b", "a"}, Job: &pb.Job{
			Request: &pb.HttpRequest{Headers: map[string]string{"x": "", "": "y"}},
			Policy:  &pb.Policy{Concurrency: pb.Concurrency_CONCURRENCY_REPLACE, ConcurrencyScope: pb.ConcurrencyScope_CONCURRENCY_SCOPE_GLOBAL},
		}},
	}}}
	for _, codec := range Codecs {
		got := &pb.PlanReply{}
		if err := codec.Decode(codec.Encode(nil, want), got); err != nil || !proto.Equal(want, got) {
			t.Errorf("%s: %v, %v", codec.Name(), got, err)
		}
	}
}

func TestProtobufRefusesUnknownNumbersAndWrongText(t *testing.T) {
	unknown := &pb.ApplyRequest{Plan: &pb.PlanReply{Ops: []*pb.Op{{}, {Kind: 9}}}}
	data, _ := proto.Marshal(unknown)
	var known *status.Error
	if err := (Protobuf{}).Decode(data, &pb.ApplyRequest{}); !errors.As(err, &known) || known.Details.Path != "plan/ops/1/kind" {
		t.Errorf("an unknown number: %v", err)
	}
	if err := (Protobuf{}).Decode([]byte("\x0a\x01\xff"), &pb.ReadRequest{}); err == nil {
		t.Error("text that is not UTF-8 is read")
	}
}

package wire

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "cronix-host/backendv1"
)

func TestJSONIsReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "",
		` {"entries": [ {"index":3,"job":"a","later":{"x":[1,-2.5e3,null,true]}} ], "malformed":[]}` + "\r\n": "",
		`{"entries":[{"job":"\u00e9\ud83d\ude00\n"}]}`:                                                        "",
		`{"entries":[{"job":"\ud800"}]}`:                                                                      "entries/0/job: ",
		`{"entries":[{"index":1.0}]}`:                                                                         "entries/0/index: ",
		`{"entries":[{"index":"1"}]}`:                                                                         "entries/0/index: ",
		`{"entries":[{"index":2147483648}]}`:                                                                  "entries/0/index: ",
		`{"entries":[{"index":null}]}`:                                                                        "entries/0/index: ",
		`{"entries":[{"job":"a","job":"b"}]}`:                                                                 "twice",
		`{"x":{"y":1,"y":2}}`:                                                                                 "twice",
		`{"entries":null}`:                                                                                    "entries: ",
		`{"entries":{}}`:                                                                                      "entries: ",
		`[]`:                                                                                                  "an object",
		`{"entries":[]} {}`:                                                                                   "more text",
		`{"entries":[],}`:                                                                                     "not JSON",
		`{"entries":[}`:                                                                                       "entries/0: ",
		`{"entries":[{"job":"` + "\n" + `"}]}`:                                                                "control character",
		`{"entries":[{"job":"` + "\xff" + `"}]}`:                                                              "UTF-8",
		`{"entries":[{"job":"\x"}]}`:                                                                          "escape",
		`{"x":` + strings.Repeat("[", 2000):                                                                   "levels of nesting",
		`{"x":01}`:                                                                                            "not JSON",
		`{"x":nul}`:                                                                                           "not JSON",
	} {
		err := JSON{}.Decode([]byte(text), &pb.ReadReply{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.100s\n%v", text, err)
		}
	}
}

func TestAbsentMembersAndEnumsAreWordsInJSON(t *testing.T) {
	plan := &pb.PlanReply{App: "web", Ops: []*pb.Op{{}, {Kind: pb.OpKind_OP_KIND_CREATE, Job: "a\b<\u2028"}}}
	whole, err := JSON{Whole: true}.Encode(nil, plan)
	want := `{"app":"web","ops":[{"kind":"skip","job":"","before":[],"after":[],"desired":null},` +
		`{"kind":"create","job":"a\b<` + "\u2028" + `","before":[],"after":[],"desired":null}],"state_digest":"","warnings":[]}`
	if err != nil || string(whole) != want {
		t.Errorf("%s\n%s\n%v", whole, want, err)
	}
	job := &pb.Job{Policy: &pb.Policy{Concurrency: pb.Concurrency_CONCURRENCY_ALLOW}, Request: &pb.HttpRequest{Headers: map[string]string{"b": "2", "a": "1"}}}
	for _, codec := range Codecs {
		data, err := codec.Encode(nil, job)
		again := &pb.Job{}
		if err := codec.Decode(data, again); err != nil || !proto.Equal(job, again) {
			t.Error(codec.Name(), again, err)
		}
		if err != nil {
			t.Error(err)
		}
	}
	if err := (JSON{}).Decode([]byte(`{"policy":{"concurrency":"allow"}}`), &pb.Job{}); err == nil {
		t.Error("a word is taken in the wrong case")
	}
}

func TestProtobufHasNoUnknownNumbersAndNoOtherText(t *testing.T) {
	for _, data := range []string{"\x12\x02\x08\x09", "\x0a\x01\xff", "\x0a\x09x"} {
		if err := Codecs["protobuf"].Decode([]byte(data), &pb.PlanReply{}); err == nil {
			t.Errorf("%q is taken", data)
		}
	}
}

func TestMembersOfALineAreFoundWhereverTheyStandTwice(t *testing.T) {
	members, twice, err := Members([]byte(`{"id":1, "result": {"a":1,"a":{"b":[2]}} }`))
	if err != nil || !twice || string(members["result"]) != `{"a":1,"a":{"b":[2]}}` || string(members["id"]) != "1" {
		t.Error(members, twice, err)
	}
	if _, _, err := Members([]byte(`{"id":1,"id":1}`)); err == nil {
		t.Error("an id that stands twice is taken")
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"entries":[{"job":"\ud83d\ude00","index":-1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		message := &pb.ReadReply{}
		if (JSON{}).Decode(data, message) != nil {
			return
		}
		out, err := JSON{}.Encode(nil, message)
		again := &pb.ReadReply{}
		if err != nil || (JSON{}).Decode(out, again) != nil || !proto.Equal(message, again) {
			t.Errorf("%q %q %v", data, out, err)
		}
	})
}

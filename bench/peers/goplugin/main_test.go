package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "goplugin/readv1"
)

func TestBench(t *testing.T) {
	program := filepath.Join(t.TempDir(), "goplugin")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, security := range [][]string{nil, {"--secure"}} {
		command := exec.Command(program, append([]string{"bench", "--runs", "2", "--calls", "3"}, security...)...)
		command.Stderr = os.Stderr
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
		if len(lines) != 2 {
			t.Fatalf("%d lines, not 2", len(lines))
		}
		var p phases
		if err := json.Unmarshal(lines[0], &p); err != nil {
			t.Fatal(err)
		}
		if len(p.Calls) != 3 || p.Ready <= p.First || p.Total <= p.Ready {
			t.Errorf("%+v", p)
		}
	}
}

func TestUsage(t *testing.T) {
	if err := run(nil, nil); err == nil || err.Error() != usage {
		t.Error(err)
	}
}

func TestReadIsAsLongAsThatOfThePluginInGo(t *testing.T) {
	if size := proto.Size(&pb.ReadReply{Entries: made("bench-10", 10)}); size != 1097 {
		t.Errorf("%d bytes, not 1097", size)
	}
}

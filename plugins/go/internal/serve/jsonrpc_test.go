package serve

import (
	"bufio"
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"cronix-backend-memory/internal/session"
	"cronix-backend-memory/internal/wire"
)

const openSession = `{"jsonrpc":"2.0","method":"OpenSession","params":{"request":{"protocol_versions":[1]}},"id":0}`

// started is the server of JSON-RPC behind two pipes.
type started struct {
	t    *testing.T
	in   *os.File
	out  *bufio.Reader
	done chan error
}

func start(t *testing.T) *started {
	t.Helper()
	stdin, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &started{t, in, bufio.NewReader(out), make(chan error, 1)}
	go func() {
		s.done <- serveJSONRPC(launch{transport: "jsonrpc", codec: wire.JSON{}, stdin: stdin, stdout: stdout, session: session.New()})
	}()
	t.Cleanup(func() {
		in.Close()
		if err := <-s.done; err != nil {
			t.Error(err)
		}
		for _, file := range []*os.File{stdin, stdout, out} {
			file.Close()
		}
	})
	if line := s.line(); !strings.HasPrefix(line, "CRONIX-PLUGIN-V1 stdio transport=jsonrpc codec=json ") {
		t.Error(line)
	}
	return s
}

func (s *started) line() string {
	s.t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (s *started) call(line string) string {
	s.t.Helper()
	if _, err := s.in.WriteString(line + "\n"); err != nil {
		s.t.Fatal(err)
	}
	return s.line()
}

func TestEachLineHasItsAnswer(t *testing.T) {
	s := start(t)
	s.call(openSession)
	many := strings.TrimSuffix(strings.Repeat("{},", 129), ",")
	for _, c := range []struct{ line, pattern string }{
		{`nonsense`, `"code":-32700,.*"id":null`},
		{"\"\xff\"", `"code":-32700`},
		{`{"id":1,"id":1}`, `"code":-32700`},
		{`7`, `"code":-32600`},
		{`[]`, `"code":-32600`},
		{`{"method":"Read","id":1}`, `"code":-32600`},
		{`{"jsonrpc":"2.0","method":"Read","id":[]}`, `"code":-32600`},
		{`{"jsonrpc":"2.0","method":"Read","params":1,"id":1}`, `"code":-32600`},
		{`[` + many + `]`, `"code":-32008,.*TOO_MANY_CALLS.*"id":null`},
		{`{"jsonrpc":"2.0","method":"Levitate","id":"x"}`, `"code":-32601,"message":"Method not found".*"id":"x"`},
		{`{"jsonrpc":"2.0","method":"Read","id":1}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","method":"Read","params":[],"id":1}`, `"code":-32602`},
		{`{"jsonrpc":"2.0","method":"Read","params":{"request":{"app":7}},"id":1.50}`, `"code":-32602,.*"path":"app".*"id":1.50`},
		{`{"jsonrpc":"2.0","method":"Read","params":{"request":{"app":"\ud800"}},"id":1}`, `"code":-32602,.*"path":"app".*"id":1`},
		{`{"jsonrpc":"2.0","method":"Read","params":{"request":{},"timeout_us":0},"id":1}`, `"code":-32004,"message":"the deadline passed`},
		{`{"jsonrpc":"2.0","method":"Read","params":{"request":{},"timeout_us":1000000000000000000,"x":1},"id":1}` + "\r", `"result":{},"id":1}$`},
		{"\n\r\n" + `{"jsonrpc":"2.0","method":"Read","params":{"request":{},"timeout_us":null},"id":null}`, `"result":{},"id":null}$`},
		{`[{"jsonrpc":"2.0","method":"CloseSession","params":{"request":{}},"id":1},7,{"jsonrpc":"2.0","method":"Read","params":{"request":{}}},{"jsonrpc":"2.0","method":"Read","params":{"request":{}},"id":2}]`,
			`^\[{.*"result":{},"id":1},{.*-32600.*},{.*SESSION_CLOSED.*"id":2}\]$`},
	} {
		if answer := s.call(c.line); !regexp.MustCompile(c.pattern).MatchString(answer) {
			t.Errorf("%.100s\n%s", c.line, answer)
		}
	}
}

func TestALineOverTheLimitIsSkipped(t *testing.T) {
	s := start(t)
	chunk := bytes.Repeat([]byte{' '}, 1<<20)
	for range 66 {
		if _, err := s.in.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if answer := s.call(""); !strings.Contains(answer, "MESSAGE_TOO_LARGE") {
		t.Error(answer)
	}
	if answer := s.call(openSession); !strings.Contains(answer, `"result"`) {
		t.Error(answer)
	}
}

func TestApplySendsItsEventsFirst(t *testing.T) {
	s := start(t)
	s.call(openSession)
	plan := s.call(`{"jsonrpc":"2.0","method":"Plan","params":{"request":{"app":"web","allow_empty":true}},"id":1}`)
	plan = strings.TrimSuffix(strings.TrimPrefix(plan, `{"jsonrpc":"2.0","result":`), `,"id":1}`)
	event := s.call(`{"jsonrpc":"2.0","method":"Apply","params":{"request":{"plan":` + plan + `}},"id":"a"}`)
	if event != `{"jsonrpc":"2.0","method":"event","params":{"id":"a","event":{"kind":"finished","counts":{}}}}` {
		t.Fatal(event)
	}
	if answer := s.line(); answer != `{"jsonrpc":"2.0","result":null,"id":"a"}` {
		t.Error(answer)
	}
}

package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	pb "cronix-host/backendv1"
	"cronix-host/internal/wire"
)

const (
	maxLine       = wire.MaxMessage + 64<<10 // P-JSONRPC-1
	maxWaiting    = 4 * wire.MaxMessage      // bytes of events that nobody takes yet: more than any plan has
	cancelTimeout = time.Second              // a plugin that does not read has no use for a cancel
)

func init() { transports["jsonrpc"] = &transport{pipeKind, []string{"json"}, openJSONRPC} }

// jsonrpc speaks JSON-RPC on the plugin's pipes. One goroutine reads, and hands each line to its call.
type jsonrpc struct {
	codec   wire.Codec
	in      *os.File
	out     *lineReader
	started sync.Once
	writing chan struct{} // whose turn it is

	mu      sync.Mutex // of what follows
	next    int
	calls   map[int]*pending
	dropped map[int]bool // calls that were given up, and whose answer is still to come
	failure error        // once the connection is of no more use
}

// pending is a call in flight.
type pending struct {
	method  string
	news    chan struct{}
	answers []answer
	size    int
}

// answer is one message for a call: an event, or the end.
type answer struct {
	event, result []byte
	err           error
}

func openJSONRPC(at endpoint) (channel, error) {
	return &jsonrpc{
		codec: at.codec, in: at.stdin, out: at.stdout, writing: make(chan struct{}, 1), calls: map[int]*pending{}, dropped: map[int]bool{},
	}, nil
}

func (j *jsonrpc) connect() { j.started.Do(func() { go j.read() }) }

// close ends all calls. The end of stdin, which is the plugin's, is left to the ladder.
func (j *jsonrpc) close() { j.fail(errors.New("the connection is closed")) }

func (j *jsonrpc) read() {
	buffer := make([]byte, 0, 4096)
	for {
		line, err := readLine(j.out.Reader, buffer, maxLine)
		if err == nil && len(bytes.TrimSpace(line)) > 0 {
			err = j.deliver(line)
		}
		if err != nil {
			j.fail(err)
			return
		}
	}
}

// fail ends all calls, and those to come.
func (j *jsonrpc) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure == nil {
		j.failure = err
	}
	for id, call := range j.calls {
		delete(j.calls, id)
		call.add(answer{err: j.failure})
	}
}

// add gives an answer to a call; the mutex is held.
func (p *pending) add(a answer) {
	p.answers = append(p.answers, a)
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// deliver hands a line to its call. Its error ends the connection.
func (j *jsonrpc) deliver(line []byte) error {
	violation := func(problem string) error { return fmt.Errorf("the plugin sent %s: %s", problem, excerpt(line)) }
	members, twice, err := wire.Members(line)
	switch {
	case isHandshake(line):
		return &Error{Code: "E-HANDSHAKE-TWICE", Problem: "the plugin sent a second handshake line: " + excerpt(line), Action: writeOnce}
	case err != nil:
		return violation("no reply of JSON-RPC (" + err.Error() + ")")
	case string(members["jsonrpc"]) != `"2.0"`:
		return violation("a line that is not of JSON-RPC 2.0")
	}
	number, a := members["id"], answer{result: bytes.Clone(members["result"])}
	_, hasMethod := members["method"]
	failed, hasError := members["error"]
	if string(failed) == "null" {
		hasError = false
	}
	switch {
	case hasMethod:
		params, repeated, err := wire.Members(members["params"])
		if string(members["method"]) != `"event"` || err != nil || repeated || a.result != nil || hasError {
			return violation("a line that answers no call")
		}
		number, a.event = params["id"], bytes.Clone(params["event"])
		if a.event == nil {
			return violation("an event without its event")
		}
	case hasError == (a.result != nil):
		return violation("not exactly one of result and error")
	}
	if twice {
		a = answer{err: violation("a reply with a member that stands twice")}
	}
	id, err := strconv.Atoi(string(number))
	j.mu.Lock()
	defer j.mu.Unlock()
	call := j.calls[id]
	switch {
	case err != nil:
		return violation("an answer to no call")
	case call == nil && j.dropped[id]:
		if a.event == nil {
			delete(j.dropped, id)
		}
		return nil
	case call == nil:
		return violation("an answer for no call in flight")
	case hasError && a.err == nil:
		if a.err = rpcError(call.method, failed); a.err == nil {
			return violation("an error that cannot be read")
		}
	}
	if a.event == nil {
		delete(j.calls, id)
	} else if call.size += len(a.event) + 256; call.size > maxWaiting {
		return errors.New("more events wait to be taken than any plan has")
	}
	call.add(a)
	return nil
}

func (j *jsonrpc) call(ctx context.Context, method string, request, reply proto.Message) error {
	id, call, err := j.begin(ctx, method, request)
	if err != nil {
		return err
	}
	a, err := j.answer(ctx, id, call)
	switch {
	case err != nil:
		return err
	case a.event != nil:
		j.giveUp(id)
		return fmt.Errorf("%s has one reply, but an event came", method)
	}
	return decode(j.codec, a.result, reply)
}

func (j *jsonrpc) apply(ctx context.Context, request *pb.ApplyRequest, event func(*pb.ApplyEvent) error) error {
	id, call, err := j.begin(ctx, "Apply", request)
	if err != nil {
		return err
	}
	defer j.giveUp(id) // does nothing once the answer has come
	for {
		a, err := j.answer(ctx, id, call)
		if err != nil {
			return err
		}
		if a.event == nil {
			if string(a.result) != "null" {
				return fmt.Errorf("the result of Apply is not null: %s", excerpt(a.result))
			}
			return nil
		}
		one := &pb.ApplyEvent{}
		if err := decode(j.codec, a.event, one); err != nil {
			return err
		}
		if err := event(one); err != nil {
			return err
		}
	}
}

// begin sends a call.
func (j *jsonrpc) begin(ctx context.Context, method string, request proto.Message) (int, *pending, error) {
	data, err := encode(j.codec, request)
	if err != nil {
		return 0, nil, err
	}
	call := &pending{method: method, news: make(chan struct{}, 1)}
	j.mu.Lock()
	j.next++
	id, failure := j.next, j.failure
	if failure == nil {
		j.calls[id] = call
	}
	j.mu.Unlock()
	if failure != nil {
		return 0, nil, failure
	}
	line := append(make([]byte, 0, len(data)+128), `{"jsonrpc":"2.0","method":"`...)
	line = append(append(append(line, method...), `","params":{"request":`...), data...)
	if deadline, ok := ctx.Deadline(); ok { // P-DEADLINE-1: 0 would mean that it has passed
		line = strconv.AppendInt(append(line, `,"timeout_us":`...), min(max(1, time.Until(deadline).Microseconds()), 1<<53), 10)
	}
	line = append(strconv.AppendInt(append(line, `},"id":`...), int64(id), 10), "}\n"...)
	return id, call, j.write(ctx, id, line)
}

// answer waits for the next answer of a call.
func (j *jsonrpc) answer(ctx context.Context, id int, call *pending) (answer, error) {
	for {
		j.mu.Lock()
		if len(call.answers) > 0 {
			a := call.answers[0]
			call.answers = call.answers[1:]
			call.size -= len(a.event) + 256
			j.mu.Unlock()
			return a, a.err
		}
		j.mu.Unlock()
		select {
		case <-call.news:
		case <-ctx.Done():
			j.giveUp(id)
			return answer{}, ended(ctx)
		}
	}
}

// giveUp cancels a call without waiting for its response (P-CANCEL-2).
func (j *jsonrpc) giveUp(id int) {
	j.mu.Lock()
	_, inFlight := j.calls[id]
	delete(j.calls, id)
	if inFlight {
		j.dropped[id] = true
	}
	j.mu.Unlock()
	if inFlight {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
			defer cancel()
			_ = j.write(ctx, id, fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"cancel","params":{"id":%d}}`+"\n", id))
		}()
	}
}

// write sends one line. One that cannot be sent whole leaves the connection of no more use.
func (j *jsonrpc) write(ctx context.Context, id int, line []byte) error {
	select {
	case j.writing <- struct{}{}:
		defer func() { <-j.writing }()
	case <-ctx.Done():
		j.mu.Lock()
		delete(j.calls, id) // the plugin has heard nothing of it
		j.mu.Unlock()
		return ended(ctx)
	}
	_ = j.in.SetWriteDeadline(time.Time{})
	defer context.AfterFunc(ctx, func() { _ = j.in.SetWriteDeadline(time.Unix(1, 0)) })()
	if _, err := j.in.Write(line); err != nil {
		j.fail(fmt.Errorf("the plugin does not read any more: %s", reason(err)))
		if ctx.Err() != nil {
			return ended(ctx)
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.failure
	}
	return nil
}

// rpcError reads an error object of JSON-RPC; nil if it is none.
func rpcError(method string, data []byte) error {
	var object struct {
		Code    *int
		Message *string
		Data    json.RawMessage
	}
	if json.Unmarshal(data, &object) != nil || object.Code == nil || object.Message == nil {
		return nil
	}
	details := &pb.ErrorDetails{}
	if members, _, err := wire.Members(object.Data); err == nil && members["details"] != nil {
		if err := (wire.JSON{}).Decode(members["details"], details); err != nil {
			return fmt.Errorf("the error's details are unreadable: %w", err)
		}
	}
	code := -32000 - *object.Code
	switch *object.Code { // P-JSONRPC-6
	case -32602:
		code = 3
	case -32601:
		return unknownMethod(method)
	case -32700, -32600, -32603:
		code = 13
	}
	return newRPCError(code, *object.Message, details)
}

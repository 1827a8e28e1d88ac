package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "cronix-host/internal/backendv1"
)

const maxLine = maxMessage + 64<<10 // P-JSONRPC-1

// stdio speaks JSON-RPC on the plugin's pipes.
//
// The messages of OpenSession, Read, CloseSession and of errors have no enums. So protobuf's JSON
// mapping, with the names of the proto file, gives what the protocol's own JSON asks for (P-CODEC-1).
type stdio struct {
	writing sync.Mutex
	in      *os.File

	mu      sync.Mutex // of what follows
	next    int
	waiting map[int]chan response
	failure error // once the connection is of no more use
}

type response struct {
	ID     *int            `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Details json.RawMessage `json:"details"`
		} `json:"data"`
	} `json:"error"`
}

func newStdio(p *process) channel {
	s := &stdio{in: p.stdin, waiting: map[int]chan response{}}
	go s.read(p.reader)
	return s
}

// close leaves stdin to the ladder: its end is the plugin's.
func (s *stdio) close() {}

func (s *stdio) read(reader *bufio.Reader) {
	scanner := bufio.NewScanner(reader)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	err := io.EOF
	for scanner.Scan() {
		var r response
		if err = json.Unmarshal(scanner.Bytes(), &r); err != nil || r.ID == nil {
			err = errors.Join(errors.New("a line that answers no call"), err)
			break
		}
		s.mu.Lock()
		waiting := s.waiting[*r.ID]
		delete(s.waiting, *r.ID)
		s.mu.Unlock()
		if waiting != nil { // else the call was given up
			waiting <- r
		}
		err = io.EOF
	}
	s.fail(fmt.Errorf("the connection is lost: %w", errors.Join(scanner.Err(), err)))
}

// fail ends all calls, and those to come.
func (s *stdio) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
	for id, waiting := range s.waiting {
		delete(s.waiting, id)
		close(waiting)
	}
}

func (s *stdio) call(ctx context.Context, method string, request, reply proto.Message) error {
	if err := ctx.Err(); err != nil {
		return ended(err)
	}
	body, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(request)
	if err != nil {
		return err
	}
	params := map[string]any{"request": json.RawMessage(body)}
	if deadline, ok := ctx.Deadline(); ok {
		params["timeout_us"] = max(time.Until(deadline).Microseconds(), 0)
	}
	id, waiting, err := s.send(ctx, method, params)
	if err != nil {
		return err
	}
	select {
	case r, ok := <-waiting:
		if !ok {
			return s.failed()
		}
		return r.into(reply)
	case <-ctx.Done():
		s.giveUp(id)
		return ended(ctx.Err())
	}
}

func (s *stdio) send(ctx context.Context, method string, params any) (int, chan response, error) {
	s.mu.Lock()
	s.next++
	id, waiting, failure := s.next, make(chan response, 1), s.failure
	if failure == nil {
		s.waiting[id] = waiting
	}
	s.mu.Unlock()
	if failure != nil {
		return 0, nil, failure
	}
	until, _ := ctx.Deadline() // none is the zero time, which is none for the pipe as well
	err := s.write(until, map[string]any{"jsonrpc": "2.0", "method": method, "params": params, "id": id})
	return id, waiting, err
}

const cancelTimeout = time.Second // a plugin that does not read has no use for a cancel

// giveUp cancels a call without waiting for its response (P-CANCEL-2).
func (s *stdio) giveUp(id int) {
	s.mu.Lock()
	delete(s.waiting, id)
	s.mu.Unlock()
	params := map[string]int{"id": id}
	_ = s.write(time.Now().Add(cancelTimeout), map[string]any{"jsonrpc": "2.0", "method": "cancel", "params": params})
}

// write sends one line. One that cannot be sent whole leaves the connection of no more use.
func (s *stdio) write(until time.Time, message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.in.SetWriteDeadline(until)
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		s.fail(fmt.Errorf("the connection is lost: %w", err))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return deadlineExceeded()
		}
		return s.failed()
	}
	return nil
}

func (s *stdio) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

func (r response) into(reply proto.Message) error {
	options := protojson.UnmarshalOptions{DiscardUnknown: true}
	if r.Error == nil {
		return options.Unmarshal(r.Result, reply)
	}
	details := &pb.ErrorDetails{}
	if len(r.Error.Data.Details) > 0 {
		if err := options.Unmarshal(r.Error.Data.Details, details); err != nil {
			return err
		}
	}
	code := -32000 - r.Error.Code
	switch r.Error.Code { // P-JSONRPC-6
	case -32602:
		code = 3
	case -32601:
		code, details.Reason = 12, "UNKNOWN_METHOD"
	case -32700, -32600, -32603:
		code = 13
	}
	return newError(code, r.Error.Message, details)
}

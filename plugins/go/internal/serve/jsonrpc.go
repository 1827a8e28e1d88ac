package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/session"
	"cronix-backend-memory/internal/status"
	"cronix-backend-memory/internal/wire"
)

const (
	maxLine  = wire.MaxMessage + 64<<10 // P-JSONRPC-1
	maxBatch = session.MaxCalls         // P-JSONRPC-7
)

// serveJSONRPC serves on the host's pipes. This goroutine reads; each line's calls have their own.
func serveJSONRPC(l launch) error {
	if err := l.handshake("stdio"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &stdioServer{ctx: ctx, session: l.session, out: l.stdout, calls: map[string][]*element{}}
	in := bufio.NewReaderSize(l.stdin, 64<<10)
	for {
		line, err := readLine(in)
		switch {
		case errors.Is(err, io.EOF): // P-STOP-2
			return nil
		case errors.Is(err, errLongLine):
			s.write(nullResponse(status.TooLarge("line", maxLine)))
		case err != nil:
			return err
		case len(bytes.TrimSpace(line)) > 0:
			s.accept(line)
		}
	}
}

var errLongLine = errors.New("a line over the limit")

// readLine returns the next line in memory of its own. One over the limit is read to its end. A line
// without its end, which is cut off, is none.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxLine+1; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, err
		case long:
			return nil, errLongLine
		default:
			return line, nil
		}
	}
}

type stdioServer struct {
	ctx     context.Context
	session *session.Session
	out     io.Writer

	writing sync.Mutex

	mu    sync.Mutex
	calls map[string][]*element // those in flight by id; an id may be there twice (P-JSONRPC-8)
}

// element is one request of a line: the line itself, or an item of a batch.
type element struct {
	valid  bool
	id     *wire.Value // nil for a notification
	method string
	params *wire.Value
	ctx    context.Context
	cancel context.CancelFunc
}

// accept begins what a line asks for.
func (s *stdioServer) accept(line []byte) {
	value, err := wire.ParseJSON(line)
	if err != nil {
		s.write([]byte(parseError))
		return
	}
	if value.Kind != wire.Array {
		s.start([]*wire.Value{value}, false)
		return
	}
	switch count := len(value.Items); {
	case count == 0:
		s.write([]byte(invalidRequest))
	case count > maxBatch:
		s.write(nullResponse(status.TooManyCalls(maxBatch)))
	default:
		s.start(value.Items, true)
	}
}

// start runs the calls of one line beside the reader, one after the other. They are in flight from
// now on, so that a cancel on the next line finds them (P-JSONRPC-4).
func (s *stdioServer) start(values []*wire.Value, batch bool) {
	var elements []*element
	for _, value := range values {
		e := s.element(value)
		switch {
		case e.valid && e.id == nil && e.method == "cancel":
			s.cancel(e.params.Get("id"))
		default:
			elements = append(elements, e)
		}
	}
	if len(elements) == 0 {
		return
	}
	refused := s.session.Begin()
	if refused != nil {
		s.run(elements, batch, refused)
		return
	}
	go func() {
		defer s.session.End()
		s.run(elements, batch, nil)
	}()
}

// element judges one request object and puts it in flight.
func (s *stdioServer) element(value *wire.Value) *element {
	e := &element{id: value.Get("id"), params: value.Get("params")}
	version, method := value.Get("jsonrpc"), value.Get("method")
	e.valid = version != nil && version.Kind == wire.Text && version.Text == "2.0" &&
		method != nil && method.Kind == wire.Text &&
		(e.id == nil || e.id.Kind == wire.Text || e.id.Kind == wire.Number || e.id.Kind == wire.Null) &&
		(e.params == nil || e.params.Kind == wire.Object || e.params.Kind == wire.Array)
	if !e.valid {
		return e
	}
	e.method = method.Text
	e.ctx, e.cancel = context.WithCancel(s.ctx)
	if key := e.key(); key != "" {
		s.mu.Lock()
		s.calls[key] = append(s.calls[key], e)
		s.mu.Unlock()
	}
	return e
}

// key is equal for equal ids; it is empty for what cannot be cancelled.
func (e *element) key() string { return idKey(e.id) }

func idKey(id *wire.Value) string {
	switch {
	case id == nil:
		return ""
	case id.Kind == wire.Text:
		return `"` + id.Text
	default:
		return string(id.Raw)
	}
}

func (s *stdioServer) cancel(id *wire.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.calls[idKey(id)] {
		e.cancel()
	}
}

func (s *stdioServer) land(e *element) {
	e.cancel()
	key := e.key()
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.calls[key][:0]
	for _, other := range s.calls[key] {
		if other != e {
			kept = append(kept, other)
		}
	}
	if len(kept) == 0 {
		delete(s.calls, key)
	} else {
		s.calls[key] = kept
	}
}

// run carries out the calls of a line and writes their responses as one line.
func (s *stdioServer) run(elements []*element, batch bool, refused error) {
	var out []byte
	for _, e := range elements {
		response := s.respond(e, refused)
		if response == nil {
			continue
		}
		if len(out) > 0 {
			out = append(out, ',')
		}
		out = append(out, response...)
	}
	if len(out) == 0 {
		return
	}
	if batch {
		out = append(append([]byte{'['}, out...), ']')
	}
	s.write(out)
}

// respond carries out one call and returns its response, nil for a notification.
func (s *stdioServer) respond(e *element, refused error) []byte {
	if !e.valid {
		return []byte(invalidRequest)
	}
	defer s.land(e)
	result, err := []byte(nil), refused
	if err == nil {
		result, err = s.call(e)
	}
	if e.id == nil {
		return nil
	}
	if err != nil {
		return errorResponse(err, e.id.Raw)
	}
	out := make([]byte, 0, len(result)+len(e.id.Raw)+40)
	out = append(out, `{"jsonrpc":"2.0","result":`...)
	out = append(out, result...)
	out = append(out, `,"id":`...)
	out = append(out, e.id.Raw...)
	return append(out, '}')
}

func (s *stdioServer) call(e *element) ([]byte, error) {
	ctx := e.ctx
	if session.Known(e.method) { // else the name is the mistake, not the params (P-RPC-3)
		timeout, limited, err := readTimeout(e.params)
		if err != nil {
			return nil, err
		}
		if limited {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
	}
	decode := func(message proto.Message) error {
		request := e.params.Get("request")
		switch {
		case request == nil:
			return status.Unreadable("request", "it is missing")
		case len(request.Raw) > wire.MaxMessage:
			return status.TooLarge("request", wire.MaxMessage)
		}
		return wire.DecodeValue(request, message)
	}
	send := func(event *pb.ApplyEvent) error { return s.event(e, event) }
	reply, err := s.session.Call(ctx, e.method, decode, send)
	if err != nil {
		return nil, err
	}
	if session.Streams(e.method) {
		return []byte("null"), nil
	}
	return wire.EncodeReply(wire.JSON{}, nil, reply)
}

// event writes an event of a stream (P-JSONRPC-3); a notification's have no id to go to.
func (s *stdioServer) event(e *element, event *pb.ApplyEvent) error {
	if e.id == nil {
		return nil
	}
	out := []byte(`{"jsonrpc":"2.0","method":"event","params":{"id":`)
	out = append(out, e.id.Raw...)
	out = append(out, `,"event":`...)
	out = wire.JSON{}.Encode(out, event)
	s.write(append(out, "}}"...))
	return nil
}

// readTimeout reads params.timeout_us; absent and null are no deadline (P-DEADLINE-1).
func readTimeout(params *wire.Value) (timeout time.Duration, limited bool, err error) {
	if params == nil || params.Kind != wire.Object {
		return 0, false, status.Unreadable("", "params are not an object")
	}
	value := params.Get("timeout_us")
	if value == nil || value.Kind == wire.Null {
		return 0, false, nil
	}
	number, err := strconv.ParseInt(string(value.Raw), 10, 64)
	if value.Kind != wire.Number || err != nil {
		return 0, false, status.Unreadable("timeout_us", "it is not a whole number of microseconds")
	}
	return microseconds(number), true, nil
}

// microseconds is a duration from none to the longest that there is.
func microseconds(number int64) time.Duration {
	return time.Duration(min(max(number, 0), math.MaxInt64/int64(time.Microsecond))) * time.Microsecond
}

// The errors of JSON-RPC's own (P-JSONRPC-6).
const (
	parseError     = `{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}`
	invalidRequest = `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}`
	methodNotFound = -32601
	invalidParams  = -32602
)

func nullResponse(err error) []byte { return errorResponse(err, []byte("null")) }

// errorResponse writes an error as P-JSONRPC-5 has it.
func errorResponse(err error, id []byte) []byte {
	known := status.From(err)
	code, message := -32000-int(known.Code), known.Message
	switch known.Details.Reason {
	case "UNREADABLE_REQUEST":
		code = invalidParams
	case "UNKNOWN_METHOD":
		code, message = methodNotFound, "Method not found"
	}
	out := strconv.AppendInt([]byte(`{"jsonrpc":"2.0","error":{"code":`), int64(code), 10)
	out = wire.AppendText(append(out, `,"message":`...), message)
	out = wire.AppendText(append(out, `,"data":{"code":`...), known.Code.String())
	out = wire.JSON{}.Encode(append(out, `,"details":`...), known.Details)
	out = append(append(out, `}},"id":`...), id...)
	return append(out, '}')
}

// write sends one line whole. A host that has gone is noticed by the reader.
func (s *stdioServer) write(line []byte) {
	s.writing.Lock()
	defer s.writing.Unlock()
	_, _ = s.out.Write(append(line, '\n'))
}

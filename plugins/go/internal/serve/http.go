package serve

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/session"
	"cronix-backend-memory/internal/status"
	"cronix-backend-memory/internal/wire"
)

const (
	maxHeaders  = 64 << 10         // P-AUTH-4, as are the next two
	stillBefore = 10 * time.Second // how long a connection may keep still before the secret
	maxUnknown  = 64               // connections that have not shown it
	maxTimeout  = 1e18             // microseconds (P-HTTP-2)
)

// mediaTypes holds each codec's types of a message and of a stream (P-HTTP-1, P-HTTP-4).
var mediaTypes = map[string]struct {
	codec  wire.Codec
	stream string
}{
	"application/json":       {wire.JSON{}, "application/x-ndjson"},
	"application/x-protobuf": {wire.Protobuf{}, "application/x-protobuf-stream"},
}

// serveHTTP serves HTTP/1.1. What is no HTTP at all net/http refuses in its own words.
func serveHTTP(listener net.Listener, known secret, l launch) error {
	door := &door{}
	handler := &httpHandler{known, l.session, door}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: stillBefore,
		MaxHeaderBytes:    maxHeaders - 4096, // net/http adds as much
		ConnState:         door.state,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	return server.Serve(listener)
}

// connKey is under which a request's context has its connection.
type connKey struct{}

// door knows the connections that have not shown the secret, the oldest first.
type door struct {
	mu      sync.Mutex
	waiting []net.Conn
}

// state follows the connections, and ends the oldest of too many.
func (d *door) state(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.waiting = append(d.waiting, conn)
		if len(d.waiting) > maxUnknown {
			d.waiting[0].Close()
			d.waiting = d.waiting[1:]
		}
	case http.StateClosed, http.StateHijacked:
		d.let(conn)
	}
}

// let forgets a connection: it has shown the secret, or is closed.
func (d *door) let(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.Index(d.waiting, conn); i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	}
}

type httpHandler struct {
	secret  secret
	session *session.Session
	door    *door
}

func (h *httpHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	media, code, err := h.admit(r)
	if err != nil {
		hangUp(w)
		writeProblem(w, err, code)
		return
	}
	if err := h.call(w, r, media); err != nil {
		writeProblem(w, err, 0)
	}
}

// admit refuses what is no call, with the HTTP status of the refusal (P-HTTP-5).
func (h *httpHandler) admit(r *http.Request) (media string, code int, err error) {
	if !h.secret.shown(r.Header.Values("Cronix-Secret")) {
		return "", http.StatusUnauthorized, unauthenticated()
	}
	h.door.let(r.Context().Value(connKey{}).(net.Conn))
	if r.ProtoMinor != 1 { // net/http takes 1.0 as well
		return "", http.StatusHTTPVersionNotSupported, malformed("not HTTP/1.1")
	}
	if r.Method != http.MethodPost {
		details := &pb.ErrorDetails{Reason: "HTTP_METHOD", Expected: http.MethodPost, Got: r.Method}
		return "", http.StatusMethodNotAllowed, status.New(status.Unimplemented, details, "the method is not POST")
	}
	media = strings.Join(r.Header.Values("Content-Type"), ",")
	if _, ok := mediaTypes[media]; !ok {
		details := &pb.ErrorDetails{Reason: "MEDIA_TYPE", Expected: "application/json or application/x-protobuf", Got: media}
		return "", http.StatusUnsupportedMediaType, status.New(status.InvalidArgument, details, "no media type %q", media)
	}
	if r.ContentLength == 0 && r.Header.Get("Content-Length") == "" {
		return "", http.StatusLengthRequired, malformed("neither Content-Length nor chunked")
	}
	if r.ContentLength > wire.MaxMessage {
		return "", http.StatusRequestEntityTooLarge, status.TooLarge("request", wire.MaxMessage)
	}
	return media, 0, nil
}

// hangUp has the connection closed behind the reply (P-HTTP-5). net/http would first wait for what is
// left of the body.
func hangUp(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now())
}

func malformed(problem string) error {
	details := &pb.ErrorDetails{Reason: "MALFORMED_HTTP", Path: "headers"}
	return status.New(status.InvalidArgument, details, "%s", problem)
}

func (h *httpHandler) call(w http.ResponseWriter, r *http.Request, media string) error {
	if err := h.session.Begin(); err != nil {
		return err
	}
	defer h.session.End()
	ctx, cancel, err := withTimeout(r)
	if err != nil {
		return err
	}
	defer cancel()
	codec := mediaTypes[media].codec
	decode := func(message proto.Message) error {
		data, err := readBody(w, r)
		if err != nil {
			return err
		}
		return codec.Decode(data, message)
	}
	stream := &httpStream{w: w, codec: codec, media: mediaTypes[media].stream}
	method := strings.TrimPrefix(r.URL.Path, servicePath)
	reply, err := h.session.Call(ctx, method, decode, stream.event)
	if session.Streams(method) && (err == nil || stream.begun) {
		return stream.end(err)
	}
	if err != nil {
		return err
	}
	data, err := wire.EncodeReply(codec, nil, reply)
	if err == nil {
		writeBody(w, http.StatusOK, media, data)
	}
	return err
}

// withTimeout gives the call its deadline (P-DEADLINE-1).
func withTimeout(r *http.Request) (context.Context, context.CancelFunc, error) {
	values := r.Header.Values("Cronix-Timeout-Us")
	if len(values) == 0 {
		return r.Context(), func() {}, nil
	}
	number, err := strconv.ParseUint(values[0], 10, 63)
	if len(values) > 1 || err != nil || number > maxTimeout {
		return nil, nil, malformed("Cronix-Timeout-Us is not 0 to 10^18")
	}
	ctx, cancel := context.WithTimeout(r.Context(), microseconds(int64(number)))
	return ctx, cancel, nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body := http.MaxBytesReader(w, r.Body, wire.MaxMessage)
	data, err := []byte(nil), error(nil)
	if r.ContentLength > 0 {
		data = make([]byte, r.ContentLength)
		_, err = io.ReadFull(body, data)
	} else {
		data, err = io.ReadAll(body)
	}
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		hangUp(w)
		return nil, status.TooLarge("request", wire.MaxMessage)
	case err != nil:
		hangUp(w)
		return nil, malformed("the body is cut off, or its chunks cannot be read")
	}
	return data, nil
}

// httpStream writes a stream in the form of its codec (P-HTTP-4). It begins with its first event: an
// error before that is a problem document.
type httpStream struct {
	w     http.ResponseWriter
	codec wire.Codec
	media string
	begun bool
}

func (s *httpStream) event(event *pb.ApplyEvent) error { return s.write("event", 0, event) }

func (s *httpStream) end(err error) error {
	end := &pb.Status{}
	if err != nil {
		end = status.From(err).Proto()
	}
	_ = s.write("status", 1, end) // a host that has gone needs none
	return nil
}

func (s *httpStream) write(name string, kind byte, message proto.Message) error {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", s.media)
		s.w.WriteHeader(http.StatusOK)
	}
	var out []byte
	if s.codec.Name() == "json" {
		out = append(wire.AppendText([]byte{'{'}, name), ':')
		out = append(s.codec.Encode(out, message), "}\n"...)
	} else {
		out = s.codec.Encode([]byte{kind, 0, 0, 0, 0}, message)
		binary.BigEndian.PutUint32(out[1:], uint32(len(out)-5))
	}
	if _, err := s.w.Write(out); err != nil {
		return context.Canceled
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil {
		return context.Canceled
	}
	return nil
}

// writeProblem writes an error (P-HTTP-3). code is the HTTP status where it is not the error's usual one.
func writeProblem(w http.ResponseWriter, err error, code int) {
	known := status.From(err)
	switch {
	case known.Details.Reason == "MESSAGE_TOO_LARGE":
		code = http.StatusRequestEntityTooLarge
	case code == 0:
		code = known.Code.HTTP()
	}
	name := known.Code.String()
	out := wire.AppendText([]byte(`{"type":`), "urn:cronix:code:"+name)
	out = wire.AppendText(append(out, `,"title":`...), name)
	out = strconv.AppendInt(append(out, `,"status":`...), int64(code), 10)
	out = wire.AppendText(append(out, `,"detail":`...), known.Message)
	out = wire.AppendText(append(out, `,"code":`...), name)
	out = wire.JSON{}.Encode(append(out, `,"details":`...), known.Details)
	writeBody(w, code, "application/problem+json", append(out, '}'))
}

func writeBody(w http.ResponseWriter, code int, media string, body []byte) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // a host that has gone needs none
}

package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	pb "cronix-host/backendv1"
	"cronix-host/internal/wire"
)

const maxHead = 1 << 20 // bytes of a reply's headers

func init() {
	transports["http"] = &transport{socketKind, []string{"json", "protobuf"}, openHTTP}
}

// httpChannel speaks HTTP/1.1, with as many connections as there are calls at once. net/http would not
// do: what follows a reply may be its answer to the next call (P-HTTP-6).
type httpChannel struct {
	at     endpoint
	mu     sync.Mutex
	idle   []*httpConn
	open   map[*httpConn]bool
	closed bool
}

type httpConn struct {
	net.Conn
	reader *bufio.Reader
}

func openHTTP(at endpoint) (channel, error) {
	return &httpChannel{at: at, open: map[*httpConn]bool{}}, nil
}

var contentTypes = map[string][2]string{ // of a message, and of a stream
	"json":     {"application/json", "application/x-ndjson"},
	"protobuf": {"application/x-protobuf", "application/x-protobuf-stream"},
}

func (h *httpChannel) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for conn := range h.open {
		conn.Close()
	}
}

// take returns a connection: one that is idle, or a new one.
func (h *httpChannel) take(ctx context.Context) (*httpConn, error) {
	h.mu.Lock()
	for len(h.idle) > 0 {
		conn := h.idle[len(h.idle)-1]
		h.idle = h.idle[:len(h.idle)-1]
		if conn.quiet() {
			h.mu.Unlock()
			return conn, nil
		}
		conn.Close()
		delete(h.open, conn)
	}
	h.mu.Unlock()
	dialed, err := dial(ctx, h.at.socket)
	if err != nil {
		return nil, err
	}
	conn := &httpConn{dialed, bufio.NewReaderSize(dialed, 64<<10)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	h.open[conn] = true
	return conn, nil
}

// quiet tells whether an idle connection is open, and has nothing that nobody asked for.
func (c *httpConn) quiet() bool {
	raw, err := c.Conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return false
	}
	nothing := false
	err = raw.Control(func(descriptor uintptr) {
		_, _, err := unix.Recvfrom(int(descriptor), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		nothing = errors.Is(err, unix.EAGAIN)
	})
	return err == nil && nothing
}

// exchange makes a call. read gets the body of a reply of the wanted type.
func (h *httpChannel) exchange(ctx context.Context, method string, request proto.Message, stream int, read func(body io.Reader) error) (err error) {
	data, err := encode(h.at.codec, request)
	if err != nil {
		return err
	}
	conn, err := h.take(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ended(ctx)
		}
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	reuse := false
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if reuse = stop() && reuse && !h.closed; reuse {
			h.idle = append(h.idle, conn)
			return
		}
		delete(h.open, conn)
		conn.Close() // which cancels a call that has not ended (P-CANCEL-1)
		if _, answered := err.(*RPCError); ctx.Err() != nil && err != nil && !answered {
			err = ended(ctx)
		}
	}()
	if err := h.send(ctx, conn, method, data); err != nil {
		return fmt.Errorf("the connection failed: %s", reason(err))
	}
	body, failed, err := h.reply(conn, stream)
	if err != nil {
		return err
	}
	if failed {
		read = readProblem
	}
	err = read(body)
	if _, answered := err.(*RPCError); err != nil && !answered {
		return err
	}
	if n, _ := io.Copy(io.Discard, io.LimitReader(body, 1)); n > 0 || conn.reader.Buffered() > 0 {
		return errors.New("bytes follow a reply")
	}
	reuse = true
	return err
}

func (h *httpChannel) send(ctx context.Context, conn net.Conn, method string, data []byte) error {
	head := fmt.Appendf(make([]byte, 0, len(data)+512), "POST %s%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nCronix-Secret: %s\r\nContent-Length: %d\r\n",
		service, method, contentTypes[h.at.codec.Name()][0], h.at.secret, len(data))
	if deadline, ok := ctx.Deadline(); ok {
		head = fmt.Appendf(head, "Cronix-Timeout-Us: %d\r\n", max(1, time.Until(deadline).Microseconds()))
	}
	_, err := conn.Write(append(append(head, "\r\n"...), data...))
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil // the plugin may have said why before it has read all (P-HTTP-5)
	}
	return err
}

// reply reads the head of a reply. failed says that the body is a problem document.
func (h *httpChannel) reply(conn *httpConn, stream int) (body io.Reader, failed bool, err error) {
	var lines []string
	for size := 0; ; {
		line, err := readLine(conn.reader, nil, maxHead-size)
		if err != nil {
			return nil, false, fmt.Errorf("the connection failed: %w", err)
		}
		size += len(line)
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
			break
		}
		lines = append(lines, string(line))
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "HTTP/1.") {
		return nil, false, fmt.Errorf("no reply of HTTP: %.200q", lines)
	}
	_, rest, _ := strings.Cut(lines[0], " ")
	status, _ := strconv.Atoi(strings.SplitN(rest, " ", 2)[0])
	header := map[string][]string{}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found || strings.ContainsAny(name, " \t") {
			return nil, false, fmt.Errorf("no header of HTTP: %.200q", line)
		}
		name = strings.ToLower(name)
		header[name] = append(header[name], strings.Trim(value, " \t"))
	}
	lengths, codings := header["content-length"], header["transfer-encoding"]
	switch {
	case len(lengths) == 1 && len(codings) == 0:
		length, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			return nil, false, fmt.Errorf("a reply with Content-Length %.50q", lengths[0])
		}
		body = &whole{conn.reader, int64(length)}
	case len(lengths) == 0 && len(codings) == 1 && strings.EqualFold(codings[0], "chunked"):
		body = &chunked{httputil.NewChunkedReader(conn.reader), conn.reader}
	default:
		return nil, false, fmt.Errorf("a reply with %d Content-Length and %d Transfer-Encoding", len(lengths), len(codings))
	}
	given, _, _ := strings.Cut(strings.ToLower(strings.Join(header["content-type"], ",")), ";")
	given = strings.TrimSpace(given)
	switch wanted := contentTypes[h.at.codec.Name()][stream]; {
	case status == 200 && given == wanted:
		return body, false, nil
	case status >= 400 && given == "application/problem+json":
		return body, true, nil
	}
	return nil, false, fmt.Errorf("HTTP %d with content type %.100q is no reply", status, given)
}

// whole is a body of a known length. Its early end is an error.
type whole struct {
	reader io.Reader
	left   int64
}

func (w *whole) Read(p []byte) (int, error) {
	if w.left == 0 {
		return 0, io.EOF
	}
	n, err := w.reader.Read(p[:min(int64(len(p)), w.left)])
	if w.left -= int64(n); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// chunked reads the blank line behind the last chunk, too.
type chunked struct {
	io.Reader
	end *bufio.Reader
}

func (c *chunked) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF && c.end != nil {
		if line, _ := c.end.ReadString('\n'); strings.TrimRight(line, "\r\n") != "" || line == "" {
			return n, errors.New("a reply in chunks has no end")
		}
		c.end = nil
	}
	return n, err
}

func (h *httpChannel) call(ctx context.Context, method string, request, reply proto.Message) error {
	return h.exchange(ctx, method, request, 0, func(body io.Reader) error {
		data, err := io.ReadAll(io.LimitReader(body, wire.MaxMessage+1))
		if err != nil {
			return fmt.Errorf("the connection failed: %s", reason(err))
		}
		return decode(h.at.codec, data, reply)
	})
}

// readProblem reads a problem document (P-HTTP-3).
func readProblem(body io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(body, wire.MaxMessage+1))
	if err != nil {
		return fmt.Errorf("the connection failed: %s", reason(err))
	}
	members, _, err := wire.Members(data)
	if err != nil {
		return fmt.Errorf("a problem document cannot be read: %w", err)
	}
	texts := &pb.ErrorDetails{} // two of its members stand for code and detail
	part := fmt.Appendf(nil, `{"reason":%s,"got":%s}`, orNull(members["code"]), orNull(members["detail"]))
	details := &pb.ErrorDetails{}
	if err := errors.Join(wire.JSON{}.Decode(part, texts), wire.JSON{}.Decode(orObject(members["details"]), details)); err != nil || texts.Reason == "" {
		return fmt.Errorf("a problem document cannot be read: %s", excerpt(data))
	}
	return newRPCError(slices.Index(codeNames, texts.Reason), texts.Got, details)
}

func orNull(data []byte) []byte {
	if data == nil {
		return []byte(`""`)
	}
	return data
}

func orObject(data []byte) []byte {
	if data == nil {
		return []byte("{}")
	}
	return data
}

func (h *httpChannel) apply(ctx context.Context, request *pb.ApplyRequest, event func(*pb.ApplyEvent) error) error {
	return h.exchange(ctx, "Apply", request, 1, func(body io.Reader) error {
		reader := bufio.NewReaderSize(body, 64<<10)
		next := nextLine
		if h.at.codec.Name() == "protobuf" {
			next = nextFrame
		}
		for {
			data, last, err := next(reader)
			switch {
			case err == io.EOF:
				return errors.New("the stream ended without a status")
			case err != nil:
				return err
			case !last:
				one := &pb.ApplyEvent{}
				if err := decode(h.at.codec, data, one); err != nil {
					return err
				}
				if err := event(one); err != nil {
					return err
				}
				continue
			}
			status := &pb.Status{}
			if err := decode(h.at.codec, data, status); err != nil {
				return err
			}
			if _, err := reader.ReadByte(); err != io.EOF {
				return errors.New("the stream goes on after its status, or has no end")
			}
			if status.Code != 0 {
				return newRPCError(int(status.Code), status.Message, status.Details)
			}
			return nil
		}
	})
}

// nextLine reads a line of a stream in JSON, nextFrame a frame of one in protobuf (P-HTTP-4). last
// says that it is the status.
func nextLine(reader *bufio.Reader) (data []byte, last bool, err error) {
	if _, err := reader.Peek(1); err != nil {
		return nil, false, err
	}
	line, err := readLine(reader, nil, wire.MaxMessage+4096)
	if err != nil {
		return nil, false, err
	}
	members, _, err := wire.Members(line)
	event, status := members["event"], members["status"]
	if err != nil || (event == nil) == (status == nil) {
		return nil, false, fmt.Errorf("a line of a stream is neither an event nor a status: %s", excerpt(line))
	}
	if status != nil {
		return bytes.Clone(status), true, nil
	}
	return bytes.Clone(event), false, nil
}

func nextFrame(reader *bufio.Reader) (data []byte, last bool, err error) {
	var head [5]byte
	if _, err := io.ReadFull(reader, head[:]); err != nil {
		return nil, false, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if head[0] > 1 || size > wire.MaxMessage {
		return nil, false, fmt.Errorf("a frame of a stream begins %q", head)
	}
	data = make([]byte, size)
	_, err = io.ReadFull(reader, data)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return data, head[0] == 1, err
}

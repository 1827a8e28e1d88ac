package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	family       = "CRONIX-PLUGIN-V"
	magic        = family + "1"
	maxHandshake = 4096 // bytes of the line, its LF included (P-HANDSHAKE-2)
)

func isHandshake(line []byte) bool { return bytes.HasPrefix(line, []byte(family)) }

// readHandshake waits for the plugin's line (P-HANDSHAKE-3).
func (p *process) readHandshake(ctx context.Context, most time.Duration) ([]byte, error) {
	_ = p.stdout.file.SetReadDeadline(time.Now().Add(most))
	defer context.AfterFunc(ctx, func() { _ = p.stdout.file.SetReadDeadline(time.Unix(1, 0)) })()
	defer func() { _ = p.stdout.file.SetReadDeadline(time.Time{}) }()
	var line []byte
	for {
		b, err := p.stdout.ReadByte()
		switch {
		case ctx.Err() != nil:
			return nil, ended(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			got := "nothing"
			if len(line) > 0 {
				got = excerpt(line) + " without a line end"
			}
			return nil, &Error{
				Code: "E-HANDSHAKE-TIMEOUT", Problem: fmt.Sprintf("no handshake line within %g s", most.Seconds()), Got: got,
				Expected: "one line on stdout", Action: "run the plugin by hand and see what it waits for",
			}
		case err != nil:
			return nil, p.noLine(line)
		case b == '\n':
			return line, nil
		}
		if line = append(line, b); len(line) >= maxHandshake {
			return nil, handshakeError("E-HANDSHAKE-TOO-LONG", fmt.Sprintf("more than %d bytes on stdout without a line end", maxHandshake), line)
		}
	}
}

// noLine is the error for a stdout that ended before the line did.
func (p *process) noLine(line []byte) error {
	how := "closed stdout"
	if p.wait(exitGrace) {
		how = "ended"
	}
	if len(line) > 0 {
		return handshakeError("E-HANDSHAKE-TRUNCATED", how+" in the middle of its handshake line", line)
	}
	e := &Error{Code: "E-HANDSHAKE-CLOSED", Problem: how + " before its handshake", Expected: "one line on stdout", Got: "nothing", Action: "see its stderr above, or run it by hand"}
	if how == "ended" {
		e.Code = "E-EXITED"
	}
	return e
}

func handshakeError(code, problem string, line []byte) *Error {
	return &Error{
		Code: code, Problem: problem + ": " + excerpt(line),
		Action: fmt.Sprintf("a plugin writes one line (%s, a space, the endpoint, and then key=value words) on stdout before anything else; what it prints belongs on stderr", magic),
	}
}

// parseHandshake reads a line without its LF. Each way to get it wrong has a code.
func parseHandshake(line []byte) (endpoint string, words map[string]string, err error) {
	text := strings.TrimSuffix(string(line), "\r")
	parts := strings.Split(text, " ")
	switch version, isOurs := strings.CutPrefix(parts[0], family); {
	case !utf8.ValidString(text):
		return "", nil, handshakeError("E-HANDSHAKE-ENCODING", "the handshake line is not UTF-8", line)
	case strings.TrimSpace(text) == "":
		return "", nil, handshakeError("E-HANDSHAKE-EMPTY", "an empty line instead of a handshake", line)
	case !isOurs:
		return "", nil, handshakeError("E-HANDSHAKE-NOISE", "not a handshake but this", line)
	case version != "1":
		return "", nil, handshakeError("E-HANDSHAKE-VERSION", "a handshake of another version than "+magic, line)
	case len(parts) < 2 || parts[1] == "":
		return "", nil, handshakeError("E-HANDSHAKE-WORDS", "the handshake line names no endpoint", line)
	}
	words = map[string]string{}
	for _, word := range parts[2:] {
		key, value, found := strings.Cut(word, "=")
		if word != "" && (!found || key == "") {
			return "", nil, handshakeError("E-HANDSHAKE-WORDS", fmt.Sprintf("the handshake line has %.200q, which is not key=value", word), line)
		}
		words[key] = value
	}
	return parts[1], words, nil
}

var isAddress = regexp.MustCompile(`^(\w+://)?(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9.*-]*):[0-9]{1,5}/?$`).MatchString

// checkHandshake refuses a line that does not say what was asked for, and returns its words.
func checkHandshake(line []byte, transport, codec, endpoint string) (map[string]string, error) {
	said, words, err := parseHandshake(line)
	if err != nil {
		return nil, err
	}
	if spoken, ok := words["transport"]; ok && spoken != transport {
		return nil, &Error{Code: "E-TRANSPORT", Problem: "the plugin speaks another transport", Expected: transport, Got: cut(spoken), Action: "use --transport with one that it speaks"}
	}
	ready, ok := words["codec"]
	if ok && endpoint != "library" && ready != codec || endpoint == "library" && !strings.Contains(","+ready+",", ","+codec+",") {
		return nil, &Error{Code: "E-TRANSPORT", Problem: "the plugin has another codec", Expected: codec, Got: cut(ready), Action: "use --codec with one that it has"}
	}
	if said == endpoint {
		return words, nil
	}
	wrong := &Error{
		Code: "E-ENDPOINT", Problem: "the plugin serves at another endpoint than the host gave it", Expected: endpoint, Got: cut(said),
		Action: "the host chooses the endpoint: report this to the plugin's author",
	}
	if isAddress(said) {
		wrong.Code, wrong.Problem = "E-ENDPOINT-TCP", "the plugin serves at a network address"
	} else if filepath.IsAbs(said) && filepath.IsAbs(endpoint) && filepath.Dir(said) != filepath.Dir(endpoint) {
		wrong.Code, wrong.Problem = "E-ENDPOINT-OUTSIDE", "the plugin serves outside the private directory of its launch"
	}
	return nil, wrong
}

// cut bounds what a plugin says of itself.
func cut(text string) string {
	if len(text) > 200 {
		return strings.ToValidUTF8(text[:200], "") + "..."
	}
	return text
}

// readLine reads a line of at most so many bytes, without its LF. The slice is good until the next.
func readLine(reader *bufio.Reader, kept []byte, most int) ([]byte, error) {
	kept = kept[:0]
	for {
		part, err := reader.ReadSlice('\n')
		if err == nil && len(kept) == 0 {
			return part[:len(part)-1], nil
		}
		kept = append(kept, part...)
		if len(kept) > most+1 {
			return nil, fmt.Errorf("a line of more than %d bytes", most)
		}
		switch {
		case err == nil:
			return kept[:len(kept)-1], nil
		case errors.Is(err, io.EOF) && len(kept) > 0:
			return nil, fmt.Errorf("the plugin closed the connection in the middle of a line: %s", excerpt(kept))
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("the plugin closed the connection: %w", err)
		}
	}
}

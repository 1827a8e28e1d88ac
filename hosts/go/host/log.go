package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"cronix-host/internal/redact"
)

const (
	maxLogLine = 8192 // bytes at which a line is cut (P-LOG-1)
	keptLines  = 20   // lines that an error shows
)

// Record is one line of a plugin's log. Its texts have no control characters and no secrets.
type Record struct {
	Plugin  string `json:"plugin"` // by which the host knows it
	Level   string `json:"level"`  // debug, info, warning or error; empty if the line has none
	Message string `json:"message"`
	// Fields are the line's other members. A list or an object is its JSON.
	Fields map[string]any `json:"fields"`
	Time   *float64       `json:"time"` // seconds since 1970
}

// String is the record as a line for people: name, level, message, key=value...
func (r Record) String() string {
	words := []string{r.Plugin, or(r.Level, "-")}
	if r.Message != "" {
		words = append(words, r.Message)
	}
	for _, key := range slices.Sorted(maps.Keys(r.Fields)) {
		words = append(words, word(key)+"="+word(fmt.Sprint(r.Fields[key])))
	}
	return strings.Join(words, " ")
}

func word(text string) string {
	if text == "" || strings.ContainsAny(text, ` "=`) {
		return fmt.Sprintf("%q", text)
	}
	return text
}

var levels = map[string]string{
	"trace": "debug", "debug": "debug", "info": "info", "notice": "info", "warn": "warning", "warning": "warning",
	"error": "error", "err": "error", "critical": "error", "fatal": "error", "panic": "error",
}

// parseLog makes a record of a line, whatever is in it (P-LOG-3).
func parseLog(plugin string, line []byte, redactor *redact.Redactor) Record {
	r := Record{Plugin: plugin, Fields: map[string]any{}}
	show := func(text string) string { return Clean(redactor.Text(text)) }
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if len(line) > maxLogLine || decoder.Decode(&members) != nil || members == nil || decoder.More() {
		r.Message = show(logText(line))
		return r
	}
	take := func(names []string, read func(any) bool) {
		for _, name := range names {
			if value, ok := members[name]; ok && read(value) {
				delete(members, name)
				return
			}
		}
	}
	take([]string{"level", "@level"}, func(value any) bool {
		text, _ := value.(string)
		r.Level = levels[strings.ToLower(text)]
		return r.Level != ""
	})
	take([]string{"ts", "@timestamp", "time"}, func(value any) bool {
		var seconds float64
		switch value := value.(type) {
		case json.Number:
			var err error
			if seconds, err = value.Float64(); err != nil {
				return false
			}
		case string:
			when, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return false
			}
			seconds = float64(when.UnixMicro()) / 1e6
		default:
			return false
		}
		r.Time = &seconds
		return true
	})
	text := func(value any) string {
		if text, ok := value.(string); ok {
			return show(text)
		}
		data, _ := json.Marshal(value) // it was JSON
		return show(string(data))
	}
	take([]string{"msg", "@message", "message"}, func(value any) bool {
		r.Message = text(value)
		return true
	})
	if members["plugin"] == plugin {
		delete(members, "plugin")
	}
	for name, value := range members {
		switch value := value.(type) {
		case nil, bool:
			r.Fields[show(name)] = value
		case json.Number:
			if r.Fields[show(name)] = any(value); show(value.String()) != value.String() || len(value) > 18 {
				r.Fields[show(name)] = show(value.String())
			}
		default:
			r.Fields[show(name)] = text(value)
		}
	}
	return r
}

// logText is a line as text. It is cut between two characters: half a one would hide a secret's end.
func logText(line []byte) string {
	if len(line) <= maxLogLine {
		return toText(bytes.TrimRight(line, "\r"))
	}
	line = line[:maxLogLine]
	for n := len(line) - 1; n >= maxLogLine-utf8.UTFMax; n-- {
		if utf8.RuneStart(line[n]) {
			if !utf8.FullRune(line[n:]) {
				line = line[:n]
			}
			break
		}
	}
	return toText(line) + "..."
}

// toText writes bytes that are not UTF-8 as escapes.
func toText(line []byte) string {
	var out strings.Builder
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&out, `\x%02x`, line[0])
		} else {
			out.Write(line[:size])
		}
		line = line[size:]
	}
	return out.String()
}

// Clean escapes what would steer a terminal: control characters, and what turns text around.
func Clean(text string) string {
	if !strings.ContainsFunc(text, unprintable) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if !unprintable(r) {
			out.WriteRune(r)
		} else {
			quoted := fmt.Sprintf("%+q", r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return out.String()
}

func unprintable(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }

// tail reads a plugin's stderr: it keeps the last lines, and gives each to a listener.
type tail struct {
	file *os.File
	done chan struct{}

	mu       sync.Mutex
	kept     [][]byte
	redactor *redact.Redactor
}

func newTail(plugin string, file *os.File, redactor *redact.Redactor, onLog func(Record)) *tail {
	t := &tail{file: file, done: make(chan struct{}), redactor: redactor}
	go func() {
		defer close(t.done)
		buffer := make([]byte, 64<<10)
		var line []byte
		end := func() {
			t.mu.Lock()
			if t.kept = append(t.kept, slices.Clone(line)); len(t.kept) > keptLines {
				t.kept = t.kept[1:]
			}
			t.mu.Unlock()
			if onLog != nil {
				onLog(parseLog(plugin, line, redactor))
			}
			line = line[:0]
		}
		for {
			n, err := file.Read(buffer)
			for data := buffer[:n]; len(data) > 0; {
				part, rest, whole := bytes.Cut(data, []byte("\n"))
				// One byte over the limit shows that the line was cut.
				line = append(line, part[:min(len(part), maxLogLine+1-len(line))]...)
				if whole {
					end()
				}
				data = rest
			}
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				if len(line) > 0 {
					end()
				}
				return
			}
		}
	}()
	return t
}

// finished waits at most so long for the end of stderr.
func (t *tail) finished(most time.Duration) {
	select {
	case <-t.done:
	case <-time.After(most):
	}
}

// lines are the last ones, as texts without secrets.
func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	texts := []string{}
	for _, line := range t.kept {
		texts = append(texts, Clean(t.redactor.Text(logText(line))))
	}
	return texts
}

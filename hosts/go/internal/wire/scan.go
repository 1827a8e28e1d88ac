package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrTwice says that an object has a member twice: each reader makes something else of that.
var ErrTwice = errors.New("a member stands twice in one object")

// SyntaxError says why a text is no JSON, or none that is taken, and at which byte.
type SyntaxError struct {
	Problem string
	At      int
	Err     error // ErrTwice or nil
}

// Error implements error.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Problem, e.At) }

// Unwrap returns the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

const maxDepth = 1000 // of nesting: a stack that overflows ends the process

// scanner goes through a JSON text once. encoding/json would not do: it takes a member twice,
// replaces lone surrogates, ignores the case of names, and does not say at which item an error is.
type scanner struct {
	data    []byte
	at      int
	depth   int
	most    int  // of nesting, maxDepth by default
	lenient bool // what stands twice is not looked for
}

func (s *scanner) wrong(at int, format string, arguments ...any) error {
	return &SyntaxError{Problem: "not JSON: " + fmt.Sprintf(format, arguments...), At: at}
}

// next skips white space and returns the byte that follows, or 0.
func (s *scanner) next() byte {
	for ; s.at < len(s.data); s.at++ {
		switch b := s.data[s.at]; b {
		case ' ', '\t', '\r', '\n':
		default:
			return b
		}
	}
	return 0
}

func (s *scanner) expect(b byte) error {
	if got := s.next(); got != b {
		return s.wrong(s.at, "%q is expected", b)
	}
	s.at++
	return nil
}

// end checks that nothing follows.
func (s *scanner) end() error {
	if s.next(); s.at != len(s.data) {
		return s.wrong(s.at, "more text")
	}
	return nil
}

// items calls item for each item up to the closing bracket.
func (s *scanner) items(open, end byte, item func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	if s.depth++; s.depth > cmp.Or(s.most, maxDepth) {
		return &SyntaxError{Problem: fmt.Sprintf("expected at most %d levels of nesting, got more", s.depth-1), At: s.at - 1}
	}
	defer func() { s.depth-- }()
	if s.next() == end {
		s.at++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.next() != ',' {
			return s.expect(end)
		}
		s.at++
	}
}

// object calls member for each member, which has to read its value.
func (s *scanner) object(member func(name string) error) error {
	var first [8]string
	seen := first[:0]
	var many map[string]bool // once there are too many to go through
	return s.items('{', '}', func() error {
		s.next()
		start := s.at
		name, err := s.text()
		if err != nil {
			return err
		}
		if !s.lenient && (many[name] || slices.Contains(seen, name)) {
			return &SyntaxError{fmt.Sprintf("%q: %s", name, ErrTwice), start, ErrTwice}
		}
		if len(seen) < cap(seen) {
			seen = append(seen, name)
		} else if many == nil {
			many = map[string]bool{name: true}
		} else {
			many[name] = true
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		return member(name)
	})
}

// skip reads any value.
func (s *scanner) skip() error {
	switch s.next() {
	case '{':
		return s.object(func(string) error { return s.skip() })
	case '[':
		return s.items('[', ']', s.skip)
	case '"':
		_, err := s.text()
		return err
	}
	_, err := s.word()
	return err
}

// raw reads any value and returns its text.
func (s *scanner) raw() ([]byte, error) {
	s.next()
	start := s.at
	err := s.skip()
	return s.data[start:s.at], err
}

// word reads a number, true, false or null.
func (s *scanner) word() (string, error) {
	s.next()
	start := s.at
	for s.at < len(s.data) && (s.data[s.at] >= '+' && s.data[s.at] != ',' && s.data[s.at] <= '9' || s.data[s.at]|32 >= 'a' && s.data[s.at]|32 <= 'z') {
		s.at++
	}
	if word := s.data[start:s.at]; json.Valid(word) {
		return string(word), nil
	}
	return "", s.wrong(start, "no value")
}

// text reads a text from its opening quote to its closing one. A lone surrogate becomes three bytes
// that are not UTF-8, for whoever wants the text to refuse (P-CODEC-2).
func (s *scanner) text() (string, error) {
	if err := s.expect('"'); err != nil {
		return "", err
	}
	start := s.at
	var out []byte // only made if there is an escape
	for s.at < len(s.data) {
		switch b := s.data[s.at]; {
		case b == '"':
			plain := s.data[start:s.at]
			s.at++
			if out == nil {
				return string(plain), nil
			}
			return string(append(out, plain...)), nil
		case b < ' ':
			return "", s.wrong(s.at, "a control character")
		case b == '\\':
			var err error
			if out, err = s.escape(append(out, s.data[start:s.at]...)); err != nil {
				return "", err
			}
			start = s.at
		default:
			s.at++
		}
	}
	return "", s.wrong(start-1, "a text without an end")
}

// escape reads what begins with a backslash.
func (s *scanner) escape(out []byte) ([]byte, error) {
	if s.at+1 < len(s.data) {
		if i := bytes.IndexByte([]byte(`"\/bfnrt`), s.data[s.at+1]); i >= 0 {
			s.at += 2
			return append(out, "\"\\/\b\f\n\r\t"[i]), nil
		}
	}
	unit, ok := s.unit()
	if !ok {
		return nil, s.wrong(s.at, "a wrong escape")
	}
	s.at += 6
	if !utf16.IsSurrogate(unit) {
		return utf8.AppendRune(out, unit), nil
	}
	if low, ok := s.unit(); ok {
		if whole := utf16.DecodeRune(unit, low); whole != utf8.RuneError {
			s.at += 6
			return utf8.AppendRune(out, whole), nil
		}
	}
	return append(out, 0xe0|byte(unit>>12), 0x80|byte(unit>>6)&0x3f, 0x80|byte(unit)&0x3f), nil
}

// unit looks at \uXXXX without going past it.
func (s *scanner) unit() (rune, bool) {
	if len(s.data)-s.at < 6 || s.data[s.at] != '\\' || s.data[s.at+1] != 'u' {
		return 0, false
	}
	number, err := strconv.ParseUint(string(s.data[s.at+2:s.at+6]), 16, 16)
	return rune(number), err == nil
}

// Check reads a whole JSON text of at most so many levels. Its error is a *SyntaxError.
func Check(data []byte, depth int) error {
	s := &scanner{data: data, most: depth}
	if err := s.skip(); err != nil {
		return err
	}
	return s.end()
}

// Members reads a JSON object of which the values are left as they are written. Of the names at the
// top none may stand twice; twice says that one does further down.
func Members(data []byte) (members map[string][]byte, twice bool, err error) {
	if !utf8.Valid(data) {
		return nil, false, errors.New("not UTF-8")
	}
	members = map[string][]byte{}
	s := &scanner{data: data}
	err = s.object(func(name string) (err error) {
		s.next()
		start, value := s.at, []byte(nil)
		if value, err = s.raw(); errors.Is(err, ErrTwice) {
			twice = true
			s.at, s.depth, s.lenient = start, 1, true
			value, err = s.raw()
			s.lenient = false
		}
		members[name] = value
		return err
	})
	if err == nil {
		err = s.end()
	}
	return members, twice, err
}

// AppendText writes a text as JSON.
func AppendText(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	start := 0
	for i := range len(text) {
		b := text[i]
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		out = append(out, text[start:i]...)
		start = i + 1
		if i := strings.IndexByte("\"\\\b\f\n\r\t", b); i >= 0 {
			out = append(out, '\\', `"\bfnrt`[i])
		} else {
			out = append(out, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		}
	}
	return append(append(out, text[start:]...), '"')
}

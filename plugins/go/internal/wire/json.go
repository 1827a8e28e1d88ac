package wire

import (
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is the type of a JSON value.
type Kind int

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	Text
	Array
	Object
)

var kindNames = [...]string{"null", "a boolean", "a number", "a text", "an array", "an object"}

func (k Kind) String() string { return kindNames[k] }

// Value is a JSON value. encoding/json would not do: it takes a member twice, replaces lone
// surrogates without a word, and its errors do not say at which item of an array they stand.
type Value struct {
	Kind Kind
	Raw  []byte // as it was written
	Text string // of a text; a lone surrogate is in it as three bytes that are not UTF-8
	// The items of an array, the members of an object.
	Items   []*Value
	Members map[string]*Value
}

// Get returns a member of an object, or nil.
func (v *Value) Get(name string) *Value {
	if v == nil {
		return nil
	}
	return v.Members[name]
}

// maxDepth bounds how deep arrays and objects are nested: a stack that overflows ends the process.
const maxDepth = 1000

// ErrJSON says that text is no JSON, is not UTF-8, or has a member twice in one object.
var ErrJSON = errors.New("no JSON")

// ParseJSON reads one value, with nothing but white space around it.
func ParseJSON(data []byte) (*Value, error) {
	if !utf8.Valid(data) {
		return nil, ErrJSON
	}
	p := parser{data: data}
	value, ok := p.value(0)
	p.space()
	if !ok || p.at != len(data) {
		return nil, ErrJSON
	}
	return value, nil
}

type parser struct {
	data []byte
	at   int
}

func (p *parser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// next skips white space and returns the byte behind it, or 0.
func (p *parser) next() byte {
	p.space()
	if p.at == len(p.data) {
		return 0
	}
	return p.data[p.at]
}

func (p *parser) literal(word string) bool {
	if len(p.data)-p.at < len(word) || string(p.data[p.at:p.at+len(word)]) != word {
		return false
	}
	p.at += len(word)
	return true
}

func (p *parser) value(depth int) (*Value, bool) {
	first := p.next()
	start, value, ok := p.at, &Value{}, depth <= maxDepth
	switch {
	case !ok:
	case first == '{':
		value.Kind = Object
		value.Members, ok = p.object(depth)
	case first == '[':
		value.Kind = Array
		value.Items, ok = p.array(depth)
	case first == '"':
		value.Kind = Text
		value.Text, ok = p.text()
	case first == 't':
		value.Kind, ok = Bool, p.literal("true")
	case first == 'f':
		value.Kind, ok = Bool, p.literal("false")
	case first == 'n':
		ok = p.literal("null")
	default:
		value.Kind, ok = Number, p.number()
	}
	value.Raw = p.data[start:p.at]
	return value, ok
}

func (p *parser) object(depth int) (map[string]*Value, bool) {
	p.at++
	members := map[string]*Value{}
	if p.next() == '}' {
		p.at++
		return members, true
	}
	for p.next() == '"' {
		name, ok := p.text()
		if _, twice := members[name]; !ok || twice || p.next() != ':' {
			return nil, false
		}
		p.at++
		if members[name], ok = p.value(depth + 1); !ok {
			return nil, false
		}
		end := p.next()
		p.at++
		if end != ',' {
			return members, end == '}'
		}
	}
	return nil, false
}

func (p *parser) array(depth int) ([]*Value, bool) {
	p.at++
	var items []*Value
	if p.next() == ']' {
		p.at++
		return items, true
	}
	for {
		item, ok := p.value(depth + 1)
		if !ok {
			return nil, false
		}
		items = append(items, item)
		end := p.next()
		p.at++
		if end != ',' {
			return items, end == ']'
		}
	}
}

func (p *parser) number() bool {
	p.skip("-", 1)
	if p.skip("0", 1) == 0 && p.skip(digits, -1) == 0 {
		return false
	}
	if p.skip(".", 1) == 1 && p.skip(digits, -1) == 0 {
		return false
	}
	if p.skip("eE", 1) == 1 {
		p.skip("+-", 1)
		return p.skip(digits, -1) > 0
	}
	return true
}

const digits = "0123456789"

// skip goes past at most so many bytes of a set, -1 for any number, and returns how many.
func (p *parser) skip(set string, most int) int {
	count := 0
	for p.at < len(p.data) && count != most && contains(set, p.data[p.at]) {
		p.at++
		count++
	}
	return count
}

func contains(set string, b byte) bool {
	for i := range len(set) {
		if set[i] == b {
			return true
		}
	}
	return false
}

// text reads a text from its opening quote to its closing one.
func (p *parser) text() (string, bool) {
	p.at++
	var out []byte // only made if there is an escape
	start := p.at
	for p.at < len(p.data) {
		switch b := p.data[p.at]; {
		case b == '"':
			plain := p.data[start:p.at]
			p.at++
			if out == nil {
				return string(plain), true
			}
			return string(append(out, plain...)), true
		case b < ' ':
			return "", false
		case b == '\\':
			out = append(out, p.data[start:p.at]...)
			var ok bool
			if out, ok = p.escape(out); !ok {
				return "", false
			}
			start = p.at
		default:
			p.at++
		}
	}
	return "", false
}

var escapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape reads what begins with a backslash.
func (p *parser) escape(out []byte) ([]byte, bool) {
	if p.at+1 == len(p.data) {
		return nil, false
	}
	letter := p.data[p.at+1]
	if plain, ok := escapes[letter]; ok {
		p.at += 2
		return append(out, plain), true
	}
	unit, ok := p.unit()
	if !ok {
		return nil, false
	}
	p.at += 6
	if !utf16.IsSurrogate(unit) {
		return utf8.AppendRune(out, unit), true
	}
	if low, ok := p.unit(); ok {
		if whole := utf16.DecodeRune(unit, low); whole != utf8.RuneError {
			p.at += 6
			return utf8.AppendRune(out, whole), true
		}
	}
	// Alone it is no text, which is for the reader of this member to say (P-CODEC-2).
	return append(out, 0xe0|byte(unit>>12), 0x80|byte(unit>>6)&0x3f, 0x80|byte(unit)&0x3f), true
}

// unit looks at \uXXXX without going past it.
func (p *parser) unit() (rune, bool) {
	if len(p.data)-p.at < 6 || p.data[p.at] != '\\' || p.data[p.at+1] != 'u' {
		return 0, false
	}
	number, err := strconv.ParseUint(string(p.data[p.at+2:p.at+6]), 16, 16)
	return rune(number), err == nil
}

const hex = "0123456789abcdef"

// AppendText writes a text as JSON.
func AppendText(out []byte, text string) []byte {
	out = append(out, '"')
	start := 0
	for i := range len(text) {
		b := text[i]
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		out = append(out, text[start:i]...)
		start = i + 1
		switch b {
		case '"', '\\':
			out = append(out, '\\', b)
		case '\n':
			out = append(out, `\n`...)
		default:
			out = append(out, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		}
	}
	return append(append(out, text[start:]...), '"')
}

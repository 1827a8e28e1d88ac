// Package wire makes bytes of messages and messages of bytes, in protobuf and in the protocol's own
// JSON (P-CODEC).
package wire

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "cronix-host/backendv1"
)

// MaxMessage bounds a message as it is encoded, in bytes (P-LIMIT-1).
const MaxMessage = 64 << 20

// Codec is one way to write messages.
type Codec interface {
	Name() string
	// Encode appends a message. It fails for text that is not UTF-8.
	Encode(out []byte, message proto.Message) ([]byte, error)
	// Decode fills an empty message.
	Decode(data []byte, message proto.Message) error
}

// Codecs are the codecs by their names.
var Codecs = map[string]Codec{"protobuf": protobuf{}, "json": JSON{}}

type protobuf struct{}

func (protobuf) Name() string { return "protobuf" }

func (protobuf) Encode(out []byte, message proto.Message) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend(out, message)
}

func (protobuf) Decode(data []byte, message proto.Message) error {
	if err := proto.Unmarshal(data, message); err != nil {
		return err
	}
	if reflected := message.ProtoReflect(); hasEnums(reflected.Descriptor()) {
		return knownEnums(reflected)
	}
	return nil
}

var enumsIn sync.Map // by message

// hasEnums tells whether an enum is in a message, or in one that is in it.
func hasEnums(message protoreflect.MessageDescriptor) bool {
	if known, ok := enumsIn.Load(message.FullName()); ok {
		return known.(bool)
	}
	found := false
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		found = found || field.Enum() != nil || field.Message() != nil && hasEnums(field.Message())
	}
	enumsIn.Store(message.FullName(), found)
	return found
}

// knownEnums refuses a number that its enum does not have: Go's protobuf keeps it (P-CODEC-5).
func knownEnums(message protoreflect.Message) (err error) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap(): // in this protocol of texts only
		case field.Kind() == protoreflect.EnumKind:
			if field.Enum().Values().ByNumber(value.Enum()) == nil {
				err = fmt.Errorf("%s: %d is not a known number", field.Name(), value.Enum())
			}
		case field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := 0; i < value.List().Len() && err == nil; i++ {
				err = knownEnums(value.List().Get(i).Message())
			}
		default:
			err = knownEnums(value.Message())
		}
		return err == nil
	})
	return err
}

// JSON is the codec JSON (P-CODEC-1). It is not protobuf's own JSON mapping.
type JSON struct {
	// Whole has Encode write members that have their default, too.
	Whole bool
	// Strict has Decode refuse members that it does not know.
	Strict bool
}

// Name implements Codec.
func (JSON) Name() string { return "json" }

// Decode implements Codec. A message that is not empty keeps what the text does not have.
func (c JSON) Decode(data []byte, message proto.Message) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	d := decoder{scanner{data: data}, c.Strict}
	if err := d.message(message.ProtoReflect(), ""); err != nil {
		return err
	}
	return d.end()
}

// nullable are the members whose absence has a meaning: null says the same (P-CODEC-4).
var nullable = map[protoreflect.FullName]bool{
	"cronix.backend.v1.ReadRequest.app":    true,
	"cronix.backend.v1.Op.desired":         true,
	"cronix.backend.v1.ApplyEvent.counts":  true,
	"cronix.backend.v1.DriftItem.expected": true,
	"cronix.backend.v1.DriftItem.actual":   true,
}

type decoder struct {
	scanner
	strict bool
}

func (d *decoder) message(message protoreflect.Message, path string) error {
	if d.next() != '{' {
		return wrongType(path, "an object")
	}
	fields := message.Descriptor().Fields()
	return d.object(func(name string) error {
		field := fields.ByName(protoreflect.Name(name))
		switch here := join(path, name); {
		case field == nil && d.strict:
			return fmt.Errorf("%s: unknown member", here)
		case field == nil: // what is unknown is ignored (P-CODEC-5)
			return d.skip()
		case d.next() == 'n' && nullable[field.FullName()]:
			_, err := d.word()
			return err
		default:
			return d.field(message, field, here)
		}
	})
}

func (d *decoder) field(message protoreflect.Message, field protoreflect.FieldDescriptor, path string) error {
	switch {
	case field.IsMap():
		if d.next() != '{' {
			return wrongType(path, "an object")
		}
		entries := message.Mutable(field).Map()
		return d.object(func(name string) error {
			value, err := d.scalar(field.MapValue(), join(path, name))
			if err == nil && !utf8.ValidString(name) {
				err = wrongType(path, "a name of Unicode")
			}
			if err == nil {
				entries.Set(protoreflect.ValueOfString(name).MapKey(), value)
			}
			return err
		})
	case field.IsList():
		if d.next() != '[' {
			return wrongType(path, "an array")
		}
		list := message.Mutable(field).List()
		return d.items('[', ']', func() error {
			here := join(path, strconv.Itoa(list.Len()))
			if field.Kind() == protoreflect.MessageKind {
				return d.message(list.AppendMutable().Message(), here)
			}
			value, err := d.scalar(field, here)
			if err == nil {
				list.Append(value)
			}
			return err
		})
	case field.Kind() == protoreflect.MessageKind:
		return d.message(message.Mutable(field).Message(), path)
	}
	value, err := d.scalar(field, path)
	if err == nil {
		message.Set(field, value)
	}
	return err
}

func (d *decoder) scalar(field protoreflect.FieldDescriptor, path string) (value protoreflect.Value, err error) {
	kind := field.Kind()
	if kind == protoreflect.BoolKind || kind == protoreflect.Int32Kind {
		if first := d.next(); first == '{' || first == '[' || first == '"' {
			return value, wrongType(path, kind.String())
		}
		word, err := d.word()
		if err != nil {
			return value, err
		}
		if kind == protoreflect.BoolKind && (word == "true" || word == "false") {
			return protoreflect.ValueOfBool(word == "true"), nil
		}
		number, err := strconv.ParseInt(word, 10, 32)
		if err != nil || kind == protoreflect.BoolKind {
			return value, wrongType(path, kind.String())
		}
		return protoreflect.ValueOfInt32(int32(number)), nil
	}
	if d.next() != '"' {
		return value, wrongType(path, "a text")
	}
	text, err := d.text()
	if err != nil {
		return value, err
	}
	if kind == protoreflect.EnumKind {
		number, known := numbers[field.Enum().Name()][text]
		if !known {
			err = fmt.Errorf("%s: %q is not one of %s", path, text,
				strings.Join(slices.Sorted(maps.Keys(numbers[field.Enum().Name()])), ", "))
		}
		return protoreflect.ValueOfEnum(number), err
	}
	if !utf8.ValidString(text) {
		return value, wrongType(path, "a text of Unicode")
	}
	return protoreflect.ValueOfString(text), nil
}

func wrongType(path, expected string) error {
	return fmt.Errorf("%s: %s is expected", path, expected)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

// absent are the words of enums that are absent (P-CODEC-4).
var absent = map[protoreflect.Name]string{
	"Concurrency": "Forbid", "ConcurrencyScope": "host", "OpKind": "skip", "ApplyEventKind": "started",
	"DriftKind": "missing", "AdoptOutcome": "not_found", "Verdict": "owned",
}

// words and numbers hold the enums' words (P-CODEC-1).
var words, numbers = enumWords()

func enumWords() (map[protoreflect.Name]map[protoreflect.EnumNumber]string, map[protoreflect.Name]map[string]protoreflect.EnumNumber) {
	words := map[protoreflect.Name]map[protoreflect.EnumNumber]string{}
	numbers := map[protoreflect.Name]map[string]protoreflect.EnumNumber{}
	enums := pb.File_backend_proto.Enums()
	for i := range enums.Len() {
		name, values := enums.Get(i).Name(), enums.Get(i).Values()
		words[name] = map[protoreflect.EnumNumber]string{0: absent[name]}
		numbers[name] = map[string]protoreflect.EnumNumber{}
		prefix := strings.TrimSuffix(string(values.Get(0).Name()), "UNSPECIFIED")
		for j := 1; j < values.Len(); j++ {
			word := strings.ToLower(strings.TrimPrefix(string(values.Get(j).Name()), prefix))
			if name == "Concurrency" { // Allow, Forbid, Replace
				word = strings.ToUpper(word[:1]) + word[1:]
			}
			words[name][values.Get(j).Number()] = word
			numbers[name][word] = values.Get(j).Number()
		}
	}
	return words, numbers
}

// Word returns the word of an enum's value.
func Word(value protoreflect.Enum) string {
	return words[value.Descriptor().Name()][value.Number()]
}

// Encode implements Codec.
func (c JSON) Encode(out []byte, message proto.Message) ([]byte, error) {
	out = c.message(out, message.ProtoReflect())
	if !utf8.Valid(out) {
		return nil, errors.New("a text is not UTF-8")
	}
	return out, nil
}

func (c JSON) message(out []byte, message protoreflect.Message) []byte {
	out = append(out, '{')
	fields := message.Descriptor().Fields()
	first := true
	for i := range fields.Len() {
		field := fields.Get(i)
		has := message.Has(field)
		if !has && !c.Whole {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(AppendText(out, string(field.Name())), ':')
		switch value := message.Get(field); {
		case field.IsMap():
			out = appendMap(out, value.Map())
		case field.IsList():
			out = append(out, '[')
			for i := range value.List().Len() {
				if i > 0 {
					out = append(out, ',')
				}
				out = c.single(out, value.List().Get(i), field)
			}
			out = append(out, ']')
		case !has && nullable[field.FullName()]:
			out = append(out, "null"...)
		default:
			out = c.single(out, value, field)
		}
	}
	return append(out, '}')
}

func appendMap(out []byte, entries protoreflect.Map) []byte {
	texts := map[string]string{}
	entries.Range(func(name protoreflect.MapKey, value protoreflect.Value) bool {
		texts[name.String()] = value.String()
		return true
	})
	out = append(out, '{')
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendText(append(AppendText(out, name), ':'), texts[name])
	}
	return append(out, '}')
}

func (c JSON) single(out []byte, value protoreflect.Value, field protoreflect.FieldDescriptor) []byte {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return c.message(out, value.Message())
	case protoreflect.BoolKind:
		return strconv.AppendBool(out, value.Bool())
	case protoreflect.Int32Kind:
		return strconv.AppendInt(out, value.Int(), 10)
	case protoreflect.EnumKind:
		return AppendText(out, words[field.Enum().Name()][value.Enum()])
	default:
		return AppendText(out, value.String())
	}
}

package wire

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/status"
)

// JSON is the codec JSON (P-CODEC-1). It is not protobuf's own JSON mapping.
type JSON struct{}

// Name implements Codec.
func (JSON) Name() string { return "json" }

// Decode implements Codec.
func (JSON) Decode(data []byte, message proto.Message) error {
	value, err := ParseJSON(data)
	if err != nil {
		return status.Unreadable("", "%s", err)
	}
	return DecodeValue(value, message)
}

// Encode implements Codec. Members that have their default are left out (P-CODEC-4).
func (JSON) Encode(out []byte, message proto.Message) []byte {
	return encodeMessage(out, message.ProtoReflect())
}

// DecodeValue fills an empty message from a value that has been parsed.
func DecodeValue(value *Value, message proto.Message) error {
	return decodeMessage(value, message.ProtoReflect(), "")
}

// nullable are the members whose absence has a meaning: null says the same (P-CODEC-4).
var nullable = map[protoreflect.FullName]bool{
	"cronix.backend.v1.ReadRequest.app":    true,
	"cronix.backend.v1.Op.desired":         true,
	"cronix.backend.v1.ApplyEvent.counts":  true,
	"cronix.backend.v1.DriftItem.expected": true,
	"cronix.backend.v1.DriftItem.actual":   true,
}

func decodeMessage(value *Value, message protoreflect.Message, path string) error {
	if value.Kind != Object {
		return wrongType(value, path, "an object")
	}
	fields := message.Descriptor().Fields()
	for name, member := range value.Members {
		field := fields.ByName(protoreflect.Name(name))
		if field == nil || member.Kind == Null && nullable[field.FullName()] {
			continue // what is unknown is ignored (P-CODEC-5)
		}
		if err := decodeField(member, message, field, join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

func decodeField(value *Value, message protoreflect.Message, field protoreflect.FieldDescriptor, path string) error {
	switch {
	case field.IsMap():
		return decodeMap(value, message.Mutable(field).Map(), path)
	case field.IsList():
		return decodeList(value, message.Mutable(field).List(), field, path)
	case field.Kind() == protoreflect.MessageKind:
		return decodeMessage(value, message.Mutable(field).Message(), path)
	}
	scalar, err := decodeScalar(value, field, path)
	if err == nil {
		message.Set(field, scalar)
	}
	return err
}

func decodeMap(value *Value, entries protoreflect.Map, path string) error {
	if value.Kind != Object {
		return wrongType(value, path, "an object")
	}
	for name, member := range value.Members {
		if !utf8.ValidString(name) {
			return status.Unreadable(path, "a name has a lone surrogate")
		}
		text, err := decodeText(member, join(path, name))
		if err != nil {
			return err
		}
		entries.Set(protoreflect.ValueOfString(name).MapKey(), text)
	}
	return nil
}

func decodeList(value *Value, list protoreflect.List, field protoreflect.FieldDescriptor, path string) error {
	if value.Kind != Array {
		return wrongType(value, path, "an array")
	}
	for i, item := range value.Items {
		here := join(path, strconv.Itoa(i))
		if field.Kind() == protoreflect.MessageKind {
			if err := decodeMessage(item, list.AppendMutable().Message(), here); err != nil {
				return err
			}
			continue
		}
		scalar, err := decodeScalar(item, field, here)
		if err != nil {
			return err
		}
		list.Append(scalar)
	}
	return nil
}

func decodeScalar(value *Value, field protoreflect.FieldDescriptor, path string) (protoreflect.Value, error) {
	switch field.Kind() {
	case protoreflect.BoolKind:
		if value.Kind != Bool {
			return protoreflect.Value{}, wrongType(value, path, "a boolean")
		}
		return protoreflect.ValueOfBool(value.Raw[0] == 't'), nil
	case protoreflect.Int32Kind:
		number, err := strconv.ParseInt(string(value.Raw), 10, 32)
		if value.Kind != Number || err != nil {
			return protoreflect.Value{}, wrongType(value, path, "an integer of 32 bits")
		}
		return protoreflect.ValueOfInt32(int32(number)), nil
	case protoreflect.EnumKind:
		number, ok := numbers[field.Enum().Name()][value.Text]
		if value.Kind != Text || !ok {
			return protoreflect.Value{}, wrongType(value, path, "a known word")
		}
		return protoreflect.ValueOfEnum(number), nil
	default:
		return decodeText(value, path)
	}
}

func decodeText(value *Value, path string) (protoreflect.Value, error) {
	if value.Kind != Text || !utf8.ValidString(value.Text) {
		return protoreflect.Value{}, wrongType(value, path, "a text of Unicode")
	}
	return protoreflect.ValueOfString(value.Text), nil
}

func wrongType(value *Value, path, expected string) error {
	err := status.Unreadable(path, "%s is expected, not %s like this", expected, value.Kind)
	err.Details.Expected = expected
	return err
}

// words and numbers hold the enums' words (P-CODEC-1). 0 has no word: it is only written by absence.
var words, numbers = enumWords()

func enumWords() (map[protoreflect.Name]map[protoreflect.EnumNumber]string, map[protoreflect.Name]map[string]protoreflect.EnumNumber) {
	words := map[protoreflect.Name]map[protoreflect.EnumNumber]string{}
	numbers := map[protoreflect.Name]map[string]protoreflect.EnumNumber{}
	enums := pb.File_backend_proto.Enums()
	for i := range enums.Len() {
		enum := enums.Get(i)
		words[enum.Name()] = map[protoreflect.EnumNumber]string{}
		numbers[enum.Name()] = map[string]protoreflect.EnumNumber{}
		values := enum.Values()
		prefix := strings.TrimSuffix(string(values.Get(0).Name()), "UNSPECIFIED")
		for j := 1; j < values.Len(); j++ {
			word := strings.TrimPrefix(string(values.Get(j).Name()), prefix)
			if enum.Name() == "Concurrency" { // Allow, Forbid, Replace
				word = word[:1] + strings.ToLower(word[1:])
			} else {
				word = strings.ToLower(word)
			}
			words[enum.Name()][values.Get(j).Number()] = word
			numbers[enum.Name()][word] = values.Get(j).Number()
		}
	}
	return words, numbers
}

func encodeMessage(out []byte, message protoreflect.Message) []byte {
	out = append(out, '{')
	fields := message.Descriptor().Fields()
	first := true
	for i := range fields.Len() {
		field := fields.Get(i)
		if !message.Has(field) {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(AppendText(out, string(field.Name())), ':')
		value := message.Get(field)
		switch {
		case field.IsMap():
			out = encodeMap(out, value.Map())
		case field.IsList():
			out = encodeList(out, value.List(), field)
		default:
			out = encodeSingle(out, value, field)
		}
	}
	return append(out, '}')
}

func encodeMap(out []byte, entries protoreflect.Map) []byte {
	var names []string
	entries.Range(func(name protoreflect.MapKey, _ protoreflect.Value) bool {
		names = append(names, name.String())
		return true
	})
	slices.Sort(names)
	out = append(out, '{')
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(AppendText(out, name), ':')
		out = AppendText(out, entries.Get(protoreflect.ValueOfString(name).MapKey()).String())
	}
	return append(out, '}')
}

func encodeList(out []byte, list protoreflect.List, field protoreflect.FieldDescriptor) []byte {
	out = append(out, '[')
	for i := range list.Len() {
		if i > 0 {
			out = append(out, ',')
		}
		out = encodeSingle(out, list.Get(i), field)
	}
	return append(out, ']')
}

func encodeSingle(out []byte, value protoreflect.Value, field protoreflect.FieldDescriptor) []byte {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return encodeMessage(out, value.Message())
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

// Package wire makes bytes of messages and messages of bytes, in protobuf and in the protocol's own
// JSON (P-CODEC).
package wire

import (
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"cronix-backend-memory/internal/status"
)

// MaxMessage bounds a message as it is encoded, in bytes (P-LIMIT-1).
const MaxMessage = 64 << 20

// Codec is one way to write messages.
type Codec interface {
	Name() string
	// Decode fills an empty message; a request that is no such message is a *status.Error.
	Decode(data []byte, message proto.Message) error
	// Encode appends a message.
	Encode(out []byte, message proto.Message) []byte
}

// Codecs are the codecs by their names.
var Codecs = map[string]Codec{"protobuf": Protobuf{}, "json": JSON{}}

// EncodeReply encodes a reply, which has a limit (P-LIMIT-1).
func EncodeReply(codec Codec, out []byte, message proto.Message) ([]byte, error) {
	before := len(out)
	out = codec.Encode(out, message)
	if len(out)-before > MaxMessage {
		return nil, status.TooLarge("reply", MaxMessage)
	}
	return out, nil
}

// Protobuf is the codec protobuf.
type Protobuf struct{}

// Name implements Codec.
func (Protobuf) Name() string { return "protobuf" }

// Encode implements Codec.
func (Protobuf) Encode(out []byte, message proto.Message) []byte {
	out, err := proto.MarshalOptions{}.MarshalAppend(out, message)
	if err != nil {
		panic(err) // a text that is not UTF-8, which no codec lets in
	}
	return out
}

// Decode implements Codec.
func (Protobuf) Decode(data []byte, message proto.Message) error {
	if err := proto.Unmarshal(data, message); err != nil {
		return status.Unreadable("", "%s", err)
	}
	return knownEnums(message.ProtoReflect(), "")
}

// knownEnums refuses the first number that no enum has: Go's protobuf keeps such numbers (P-CODEC-5).
func knownEnums(message protoreflect.Message, path string) (err error) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		here := join(path, string(field.Name()))
		switch {
		case field.IsMap(): // in this protocol of texts only
		case field.Kind() == protoreflect.EnumKind:
			if field.Enum().Values().ByNumber(value.Enum()) == nil {
				err = status.Unreadable(here, "%d is not a known number", value.Enum())
			}
		case field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := range value.List().Len() {
				if err = knownEnums(value.List().Get(i).Message(), join(here, strconv.Itoa(i))); err != nil {
					break
				}
			}
		default:
			err = knownEnums(value.Message(), here)
		}
		return err == nil
	})
	return err
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

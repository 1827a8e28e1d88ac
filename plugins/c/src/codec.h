/* Messages from bytes and bytes from messages, in protobuf and in the protocol's JSON (P-CODEC). */
#ifndef CODEC_H
#define CODEC_H

#include "call.h"

/* The call's request, in its memory. One that is no such message fails the call (P-CODEC-3). */
ProtobufCMessage *codec_decode(struct call *call, const ProtobufCMessageDescriptor *type);

/* Makes the message the call's reply. */
void codec_encode(struct call *call, const ProtobufCMessage *message);

/* A place in a request: a name, or the position in an array if the name is empty. */
struct place {
    const struct place *in;
    Text name;
    size_t index;
};
Text place_path(struct call *call, const struct place *place);
_Noreturn void unreadable(struct call *call, const struct place *place, Text expected,
                          Text problem);

void protobuf_encode(struct call *call, const ProtobufCMessage *message);
ProtobufCMessage *protobuf_decode(struct call *call, const ProtobufCMessageDescriptor *type,
                                  Text data);
void json_encode(struct call *call, const ProtobufCMessage *message);
ProtobufCMessage *json_decode(struct call *call, const ProtobufCMessageDescriptor *type, Text data);

/* Makes room for as many bytes of a reply; false if it is over the limit, or there is no memory. */
bool reply_grow(struct call *call, size_t count);
/* Fails the call for which that was false (P-LIMIT-1). */
_Noreturn void reply_fail(struct call *call, size_t count);

/* How the library lays out a message: where a field is, how many items it has, how long one is. */
void *field_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
size_t *field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
size_t field_item_size(const ProtobufCFieldDescriptor *field);
/* Whether a field that is not repeated has a value that is worth writing (P-CODEC-4). */
bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

#endif

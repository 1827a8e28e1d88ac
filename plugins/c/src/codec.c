#include "codec.h"

#include <stdlib.h>

ProtobufCMessage *codec_decode(struct call *call, const ProtobufCMessageDescriptor *type) {
    Text data = {call->host->request_len, (uint8_t *)call->host->request};
    return call->host->codec == CRONIX_JSON ? json_decode(call, type, data)
                                            : protobuf_decode(call, type, data);
}

void codec_encode(struct call *call, const ProtobufCMessage *message) {
    call->reply_len = 0;
    if (call->host->codec == CRONIX_JSON)
        json_encode(call, message);
    else
        protobuf_encode(call, message);
}

Text place_path(struct call *call, const struct place *place) {
    if (place == NULL)
        return T("");
    Text name = place->name.len > 0 ? place->name : text_number(call, (long long)place->index);
    return place->in == NULL ? name : JOIN(call, place_path(call, place->in), T("/"), name);
}

void unreadable(struct call *call, const struct place *place, Text expected, Text problem) {
    Text path = place_path(call, place);
    call_fail(call, &(struct failure){
                        .code = CRONIX_INVALID_ARGUMENT,
                        .reason = T("UNREADABLE_REQUEST"),
                        .path = path,
                        .expected = expected,
                        .message = path.len == 0 ? problem : JOIN(call, path, T(": "), problem),
                    });
}

bool reply_grow(struct call *call, size_t count) {
    if (count > CRONIX_MAX_MESSAGE_BYTES)
        return false;
    if (count <= call->reply_size)
        return true;
    size_t size = count <= CRONIX_MAX_MESSAGE_BYTES / 2 ? 2 * count : count;
    uint8_t *larger = realloc(call->reply, size);
    if (larger == NULL)
        return false;
    call->reply = larger;
    call->reply_size = size;
    return true;
}

void reply_fail(struct call *call, size_t count) {
    if (count > CRONIX_MAX_MESSAGE_BYTES)
        call_fail(call, &(struct failure){
                            .code = CRONIX_RESOURCE_EXHAUSTED,
                            .reason = T("MESSAGE_TOO_LARGE"),
                            .expected = T("at most 67108864 bytes"),
                            .message = T("the reply is over 67108864 bytes long"),
                        });
    call_fail(call, &(struct failure){.code = CRONIX_RESOURCE_EXHAUSTED,
                                      .message = T("no memory for the reply")});
}

void *field_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    return (char *)message + field->offset;
}

size_t *field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    return (size_t *)(void *)((char *)message + field->quantifier_offset);
}

size_t field_item_size(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(Text);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    default: /* int32 and enums */
        return sizeof(int32_t);
    }
}

bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    void *value = field_at(message, field);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t set = *(uint32_t *)(void *)field_count(message, field);
        return set == field->id;
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return ((Text *)value)->len > 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(ProtobufCMessage **)value != NULL;
    default:
        return *(int32_t *)value != 0;
    }
}

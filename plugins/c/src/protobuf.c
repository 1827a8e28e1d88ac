/*
 * protobuf, by protobuf-c. The library ends a `string` at its first zero byte, checks no UTF-8 and
 * keeps unknown numbers of enums. So the Makefile has it generate `bytes` for `string`, which is
 * the same on the wire, and what has been read is checked here.
 */
#include <string.h>

#include "codec.h"

static void *allocate(void *call, size_t size) {
    return call_memory(call, size);
}

static void leave(void *call, void *memory) {
    (void)call;
    (void)memory; /* the call's memory ends with the call */
}

static void check(struct call *call, const ProtobufCMessage *message, const struct place *in);

static void check_value(struct call *call, const ProtobufCFieldDescriptor *field, const void *value,
                        const struct place *place) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        if (!text_is_utf8(*(const Text *)value))
            unreadable(call, place, T("a text of Unicode"), T("the text is no UTF-8"));
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        int number = *(const int *)value;
        if (protobuf_c_enum_descriptor_get_value(field->descriptor, number) == NULL)
            unreadable(call, place, T("a known number"),
                       JOIN(call, text_number(call, number), T(" is not a known number")));
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        check(call, *(ProtobufCMessage *const *)value, place);
        break;
    default:
        break;
    }
}

/* Refuses texts that are no UTF-8 and unknown numbers of enums (P-CODEC-2, P-CODEC-5). */
static void check(struct call *call, const ProtobufCMessage *message, const struct place *in) {
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        struct place place = {in, text_of(field->name), 0};
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (field_is_set(message, field))
                check_value(call, field, field_at(message, field), &place);
            continue;
        }
        const char *items = *(char **)field_at(message, field);
        for (size_t item = 0; item < *field_count(message, field); item++) {
            struct place here = {&place, T(""), item};
            check_value(call, field, items + item * field_item_size(field), &here);
        }
    }
}

ProtobufCMessage *protobuf_decode(struct call *call, const ProtobufCMessageDescriptor *type,
                                  Text data) {
    ProtobufCAllocator allocator = {allocate, leave, call};
    static const uint8_t none[1] = {0};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, &allocator, data.len, data.data == NULL ? none : data.data);
    if (message == NULL)
        unreadable(call, NULL, T(""), T("the request is no message of its type in protobuf"));
    check(call, message, NULL);
    return message;
}

void protobuf_encode(struct call *call, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    if (!reply_grow(call, size))
        reply_fail(call, size);
    if (size > 0)
        call->reply_len = protobuf_c_message_pack(message, call->reply);
}

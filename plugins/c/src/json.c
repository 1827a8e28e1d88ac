/*
 * The protocol's JSON, by jansson (P-CODEC-1). The library is strict about UTF-8, members that are
 * there twice, depth and what follows a value. Two things it refuses without telling their place,
 * which are for the reader of a member to judge, if there is one: a text with a lone surrogate, and
 * a number that fits no type of C. tame() changes both into a number that no member takes.
 */
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "codec.h"

#define LONGEST_INTEGER 18 /* digits and sign that surely fit jansson's integer */

static const char no_value[] = "0.5";

static unsigned unit(const char *at, const char *end) {
    unsigned value = 0;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return 0;
    for (int i = 2; i < 6; i++) {
        if (!isxdigit((unsigned char)at[i]))
            return 0;
        value = value * 16 + (unsigned)(at[i] <= '9' ? at[i] - '0' : (at[i] | 32) - 'a' + 10);
    }
    return value;
}

/* The end of the string that begins at a quote; *lone says whether it has a lone surrogate. */
static const char *string_end(const char *at, const char *end, bool *lone) {
    for (at++; at < end && *at != '"';) {
        if (*at != '\\') {
            at++;
            continue;
        }
        unsigned high = unit(at, end);
        if ((high & 0xf800) != 0xd800) {
            at += 2;
        } else if (high < 0xdc00 && (unit(at + 6, end) & 0xfc00) == 0xdc00) {
            at += 12;
        } else {
            *lone = true;
            at += 6;
        }
    }
    return at < end ? at + 1 : end;
}

static const char *digits_end(const char *at, const char *end) {
    while (at < end && isdigit((unsigned char)*at))
        at++;
    return at;
}

/* The end of a number of JSON; *plain says whether it is an integer that is not long. NULL: none.
 */
static const char *number_end(const char *at, const char *end, bool *plain) {
    const char *start = at, *after;
    if (*at == '-')
        at++;
    after = digits_end(at, end);
    if (after == at || (*at == '0' && after > at + 1))
        return NULL;
    at = after;
    *plain = at - start <= LONGEST_INTEGER;
    if (at < end && *at == '.') {
        *plain = false;
        after = digits_end(at + 1, end);
        if (after == at + 1)
            return NULL;
        at = after;
    }
    if (at < end && (*at | 32) == 'e') {
        *plain = false;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        after = digits_end(at, end);
        if (after == at)
            return NULL;
        at = after;
    }
    return at;
}

static bool is_name(const char *at, const char *end) {
    while (at < end && strchr(" \t\r\n", *at) != NULL)
        at++;
    return at < end && *at == ':';
}

/* Returns the data with such texts and numbers replaced, each by one of the same length. A name
   with a lone surrogate stays, and makes the whole unreadable. */
static Text tame(struct call *call, Text data) {
    const char *begin = (const char *)data.data, *end = begin + data.len;
    char *copy = NULL;
    for (const char *at = begin; at < end;) {
        const char *after = at + 1;
        bool replace = false;
        if (*at == '"') {
            after = string_end(at, end, &replace);
            replace = replace && !is_name(after, end);
        } else if (*at == '-' || isdigit((unsigned char)*at)) {
            bool plain = true;
            const char *number = number_end(at, end, &plain);
            after = number == NULL ? at + 1 : number;
            replace = !plain && number != NULL;
        }
        if (replace) {
            if (copy == NULL) {
                copy = call_memory(call, data.len);
                memcpy(copy, begin, data.len);
            }
            memset(copy + (at - begin), ' ', (size_t)(after - at));
            memcpy(copy + (at - begin), no_value, sizeof no_value - 1);
        }
        at = after;
    }
    return copy == NULL ? data : (Text){data.len, (uint8_t *)copy};
}

/* ---- reading */

static void read_message(struct call *call, const json_t *value, ProtobufCMessage *message,
                         const struct place *place);

static _Noreturn void wrong_type(struct call *call, const struct place *place, Text expected) {
    unreadable(call, place, expected, JOIN(call, expected, T(" is expected")));
}

static ProtobufCMessage *new_message(struct call *call, const ProtobufCMessageDescriptor *type) {
    ProtobufCMessage *message = call_memory(call, type->sizeof_message);
    type->message_init(message);
    return message;
}

/* Whether null says that a member is absent: only where that has a meaning (P-CODEC-4). */
static bool is_nullable(const ProtobufCFieldDescriptor *field) {
    static const char *const names[] = {"desired", "counts", "expected", "actual"};
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (field->type == PROTOBUF_C_TYPE_MESSAGE && strcmp(field->name, names[i]) == 0)
            return true;
    return false;
}

static Text copy_text(struct call *call, const char *text, size_t length) {
    return JOIN(call, ((Text){length, (uint8_t *)text}));
}

static Text read_text(struct call *call, const json_t *value, const struct place *place) {
    if (!json_is_string(value))
        wrong_type(call, place, T("a text of Unicode"));
    return copy_text(call, json_string_value(value), json_string_length(value));
}

/* A word of an enum: the last part of its name, in lower case but for those of Concurrency. */
static Text word_of(struct call *call, const ProtobufCEnumDescriptor *type, const char *name) {
    size_t prefix =
        strlen(protobuf_c_enum_descriptor_get_value(type, 0)->name) - strlen("UNSPECIFIED");
    Text word = copy_text(call, name + prefix, strlen(name) - prefix);
    size_t first = strcmp(type->short_name, "Concurrency") == 0 ? 1 : 0;
    for (size_t i = first; i < word.len; i++)
        word.data[i] = (uint8_t)tolower(word.data[i]);
    return word;
}

/* 0 has no word: it is only written by absence. */
static int read_enum(struct call *call, const json_t *value, const ProtobufCEnumDescriptor *type,
                     const struct place *place) {
    Text word = read_text(call, value, place);
    for (unsigned i = 0; i < type->n_values; i++)
        if (type->values[i].value != 0 &&
            text_equal(word, word_of(call, type, type->values[i].name)))
            return type->values[i].value;
    wrong_type(call, place, T("a known word"));
}

static int32_t read_integer(struct call *call, const json_t *value, const struct place *place) {
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < INT32_MIN || number > INT32_MAX)
        wrong_type(call, place, T("an integer of 32 bits"));
    return (int32_t)number;
}

static void read_value(struct call *call, const json_t *value,
                       const ProtobufCFieldDescriptor *field, void *into,
                       const struct place *place) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        *(Text *)into = read_text(call, value, place);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)into = read_enum(call, value, field->descriptor, place);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(value))
            wrong_type(call, place, T("a boolean"));
        *(protobuf_c_boolean *)into = json_is_true(value);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)into = new_message(call, field->descriptor);
        read_message(call, value, *(ProtobufCMessage **)into, place);
        break;
    default:
        *(int32_t *)into = read_integer(call, value, place);
    }
}

/* A map, which the generated code has as an array of pairs. */
static size_t read_map(struct call *call, const json_t *value, void **items,
                       const struct place *place) {
    if (!json_is_object(value))
        wrong_type(call, place, T("an object"));
    Pb__Pair **pairs = call_array(call, json_object_size(value), sizeof *pairs);
    size_t count = 0;
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member) {
        Pb__Pair *pair = (Pb__Pair *)new_message(call, &pb__pair__descriptor);
        pair->key = copy_text(call, name, strlen(name));
        struct place here = {place, pair->key, 0};
        pair->value = read_text(call, member, &here);
        pairs[count++] = pair;
    }
    *items = pairs;
    return count;
}

static size_t read_list(struct call *call, const json_t *value,
                        const ProtobufCFieldDescriptor *field, void **items,
                        const struct place *place) {
    if (!json_is_array(value))
        wrong_type(call, place, T("an array"));
    size_t count = json_array_size(value), size = field_item_size(field);
    char *made = call_array(call, count, size);
    for (size_t i = 0; i < count; i++) {
        struct place here = {place, T(""), i};
        read_value(call, json_array_get(value, i), field, made + i * size, &here);
    }
    *items = made;
    return count;
}

static void read_message(struct call *call, const json_t *value, ProtobufCMessage *message,
                         const struct place *in) {
    if (!json_is_object(value))
        wrong_type(call, in, T("an object"));
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
        if (field == NULL || (json_is_null(member) && is_nullable(field)))
            continue; /* what is unknown is ignored (P-CODEC-5) */
        struct place place = {in, text_of(field->name), 0};
        void *into = field_at(message, field);
        if (field->descriptor == &pb__pair__descriptor)
            *field_count(message, field) = read_map(call, member, into, &place);
        else if (field->label == PROTOBUF_C_LABEL_REPEATED)
            *field_count(message, field) = read_list(call, member, field, into, &place);
        else
            read_value(call, member, field, into, &place);
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
            *(uint32_t *)(void *)field_count(message, field) = field->id;
    }
}

ProtobufCMessage *json_decode(struct call *call, const ProtobufCMessageDescriptor *type,
                              Text data) {
    ProtobufCMessage *message = new_message(call, type);
    json_error_t error;
    data = tame(call, data);
    const char *text = data.data == NULL ? "" : (const char *)data.data;
    call->json = json_loadb(text, data.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (call->json == NULL)
        unreadable(
            call, NULL, T(""),
            JOIN(call, T("no JSON object: "), copy_text(call, error.text, strlen(error.text))));
    read_message(call, call->json, message, NULL);
    json_decref(call->json);
    call->json = NULL;
    return message;
}

/* ---- writing */

/* Puts a value into an object, or into an array if the name is NULL. Containers are put in before
   they are filled, so that a call that fails in between frees all. */
static json_t *attach(struct call *call, json_t *to, const char *name, json_t *value) {
    int failed =
        name == NULL ? json_array_append_new(to, value) : json_object_set_new(to, name, value);
    if (failed != 0) /* texts are UTF-8 by now, so memory is what is missing */
        reply_fail(call, 0);
    return value;
}

static json_t *text_value(Text text) {
    return json_stringn(text.len == 0 ? "" : (const char *)text.data, text.len);
}

static void write_message(struct call *call, json_t *to, const ProtobufCMessage *message);

static void write_value(struct call *call, json_t *to, const char *name,
                        const ProtobufCFieldDescriptor *field, const void *value) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        attach(call, to, name, text_value(*(const Text *)value));
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumValue *known =
            protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)value);
        attach(call, to, name, text_value(word_of(call, field->descriptor, known->name)));
        break;
    }
    case PROTOBUF_C_TYPE_BOOL:
        attach(call, to, name, json_boolean(*(const protobuf_c_boolean *)value));
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        write_message(call, attach(call, to, name, json_object()),
                      *(ProtobufCMessage *const *)value);
        break;
    default:
        attach(call, to, name, json_integer(*(const int32_t *)value));
    }
}

static void write_map(struct call *call, json_t *to, Pb__Pair *const *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Text name = JOIN(call, pairs[i]->key, T("\0"));
        attach(call, to, (const char *)name.data, text_value(pairs[i]->value));
    }
}

/* Members that have their default are left out (P-CODEC-4). */
static void write_message(struct call *call, json_t *to, const ProtobufCMessage *message) {
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (field_is_set(message, field))
                write_value(call, to, field->name, field, field_at(message, field));
            continue;
        }
        size_t count = *field_count(message, field);
        const void *items = *(void **)field_at(message, field);
        if (count == 0)
            continue;
        if (field->descriptor == &pb__pair__descriptor) {
            write_map(call, attach(call, to, field->name, json_object()), items, count);
            continue;
        }
        json_t *list = attach(call, to, field->name, json_array());
        for (size_t item = 0; item < count; item++)
            write_value(call, list, NULL, field,
                        (const char *)items + item * field_item_size(field));
    }
}

/* A reply that is being written. */
struct writer {
    struct call *call;
    size_t needed;
};

/* Does not jump: jansson has memory of its own while it writes. */
static int append(const char *bytes, size_t count, void *data) {
    struct writer *writer = data;
    struct call *call = writer->call;
    writer->needed = call->reply_len + count;
    if (!reply_grow(call, writer->needed))
        return -1;
    if (count > 0)
        memcpy(call->reply + call->reply_len, bytes, count);
    call->reply_len = writer->needed;
    return 0;
}

void json_encode(struct call *call, const ProtobufCMessage *message) {
    struct writer writer = {call, 0};
    call->json = json_object();
    if (call->json == NULL)
        reply_fail(call, 0);
    write_message(call, call->json, message);
    if (json_dump_callback(call->json, append, &writer, JSON_COMPACT) != 0)
        reply_fail(call, writer.needed);
    json_decref(call->json);
    call->json = NULL;
}

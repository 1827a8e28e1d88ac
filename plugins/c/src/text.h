/* Texts with a length, and the memory of one call. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/* A text of UTF-8. Zero bytes may occur in it, so it is not a C string. */
typedef ProtobufCBinaryData Text;

/* A text of a string literal, and of a C string. */
#define T(literal) ((Text){sizeof(literal) - 1, (uint8_t *)(literal)})
Text text_of(const char *string);

bool text_equal(Text a, Text b);
/* In the order of the bytes, which is that of the code points. */
int text_compare(Text a, Text b);
bool text_is(Text text, const char *string);
bool text_is_utf8(Text text);

struct call;

/* Memory that lives until the call is released, filled with zeros. Does not return without it. */
void *call_memory(struct call *call, size_t size);
void *call_array(struct call *call, size_t count, size_t size);

/* The texts one after the other, in the call's memory. */
#define JOIN(call, ...)                                                                            \
    text_join(call, sizeof((Text[]){__VA_ARGS__}) / sizeof(Text), (Text[]){__VA_ARGS__})
/* The texts as an array, in the call's memory. */
#define JOIN_ARRAY(call, ...)                                                                      \
    text_array(call, sizeof((Text[]){__VA_ARGS__}) / sizeof(Text), (Text[]){__VA_ARGS__})
Text *text_array(struct call *call, size_t count, const Text *texts);
Text text_join(struct call *call, size_t count, const Text *texts);
Text text_number(struct call *call, long long number);

#endif

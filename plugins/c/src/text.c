#include "text.h"

#include <stdio.h>
#include <string.h>

Text text_of(const char *string) {
    return (Text){strlen(string), (uint8_t *)string};
}

int text_compare(Text a, Text b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool text_equal(Text a, Text b) {
    return a.len == b.len && text_compare(a, b) == 0;
}

bool text_is(Text text, const char *string) {
    return text_equal(text, text_of(string));
}

/* The length of the code point at the start of some bytes, 0 if that is none. */
static size_t code_point(const uint8_t *at, size_t left) {
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (length == 0 || length > left || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || /* surrogates */
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

bool text_is_utf8(Text text) {
    for (size_t at = 0, length; at < text.len; at += length)
        if ((length = code_point(text.data + at, text.len - at)) == 0)
            return false;
    return true;
}

Text text_join(struct call *call, size_t count, const Text *texts) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += texts[i].len;
    Text all = {0, call_memory(call, length)};
    for (size_t i = 0; i < count; i++) {
        if (texts[i].len > 0)
            memcpy(all.data + all.len, texts[i].data, texts[i].len);
        all.len += texts[i].len;
    }
    return all;
}

Text *text_array(struct call *call, size_t count, const Text *texts) {
    Text *array = call_array(call, count, sizeof *array);
    memcpy(array, texts, count * sizeof *array);
    return array;
}

Text text_number(struct call *call, long long number) {
    char *digits = call_memory(call, 24);
    return (Text){(size_t)snprintf(digits, 24, "%lld", number), (uint8_t *)digits};
}

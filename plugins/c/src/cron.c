/* When schedules fire at the same times. */
#include <string.h>
#include <strings.h>

#include "store.h"

#define FIELDS 5
#define EVERY_DAY 0xfffffffeu /* days 1 to 31 */
#define EVERY_WEEKDAY 0x7fu   /* days 0 to 6 */

/* The five fields of a schedule: their bounds, and the names of the values from the lower one on.
 */
static const struct {
    unsigned low, high;
    const char *names;
} fields[FIELDS] = {
    {0, 59, ""},
    {0, 23, ""},
    {1, 31, ""},
    {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {0, 6, "sunmontuewedthufrisat"}, /* 7 is read as well */
};

static const struct {
    const char *name, *fields;
} macros[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

/* The values of each field as bits; `both` if cron asks for both kinds of day. Of an @every the
 * seconds stand in their place. */
struct times {
    uint64_t sets[FIELDS];
    uint64_t both;
    uint64_t seconds;
};

static bool is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The part up to a byte, and the rest behind it; *found says whether the byte is there. */
static Text cut(Text text, char byte, Text *rest, bool *found) {
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.data, byte, text.len);
    *found = at != NULL;
    size_t length = *found ? (size_t)(at - text.data) : text.len;
    *rest = *found ? (Text){text.len - length - 1, text.data + length + 1} : T("");
    return (Text){length, text.data};
}

static bool read_number(Text word, unsigned *value) {
    *value = 0;
    if (word.len == 0 || word.len > 3)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] < '0' || word.data[i] > '9')
            return false;
        *value = *value * 10 + (word.data[i] - (unsigned)'0');
    }
    return true;
}

static bool read_value(Text word, int field, unsigned *value) {
    const char *names = fields[field].names;
    for (unsigned i = 0; word.len == 3 && names[i] != 0; i += 3)
        if (strncasecmp(names + i, (const char *)word.data, 3) == 0) {
            *value = fields[field].low + i / 3;
            return true;
        }
    unsigned high = fields[field].high == 6 ? 7 : fields[field].high;
    return read_number(word, value) && *value >= fields[field].low && *value <= high;
}

/* Adds the values of one part: a value, a range, or a star, with a step or without. */
static bool read_part(Text part, int field, uint64_t *set) {
    bool stepped, ranged = false;
    Text step_text, last;
    Text span = cut(part, '/', &step_text, &stepped);
    unsigned low = fields[field].low, high = fields[field].high, step = 1;
    if (!text_is(span, "*") && !text_is(span, "?")) {
        Text first = cut(span, '-', &last, &ranged);
        if (!read_value(first, field, &low))
            return false;
        if (ranged && (!read_value(last, field, &high) || high < low))
            return false;
        if (!ranged && !stepped)
            high = low;
    }
    if (stepped && (!read_number(step_text, &step) || step == 0))
        return false;
    for (unsigned value = low; value <= high; value += step)
        *set |= UINT64_C(1) << value;
    return true;
}

static bool read_field(Text word, int field, uint64_t *set) {
    bool more = true;
    while (more) {
        Text rest, part = cut(word, ',', &rest, &more);
        if (!read_part(part, field, set))
            return false;
        word = rest;
    }
    return true;
}

static bool is_star(Text word) {
    bool more = true;
    while (more) {
        Text rest, step_text, part = cut(word, ',', &rest, &more);
        bool stepped;
        unsigned step = 1;
        Text span = cut(part, '/', &step_text, &stepped);
        if ((text_is(span, "*") || text_is(span, "?")) &&
            (!stepped || (read_number(step_text, &step) && step == 1)))
            return true;
        word = rest;
    }
    return false;
}

/* Reads what follows `@every `: a whole number of s, m or h. */
static bool read_period(Text period, uint64_t *seconds) {
    if (period.len < 2 || period.len > 10)
        return false;
    size_t last = period.len - 1;
    for (size_t i = 0; i < last; i++) {
        if (period.data[i] < '0' || period.data[i] > '9')
            return false;
        *seconds = *seconds * 10 + (period.data[i] - (unsigned)'0');
    }
    *seconds *= period.data[last] == 'h' ? 3600 : period.data[last] == 'm' ? 60 : 1;
    return period.data[last] == 'h' || period.data[last] == 'm' || period.data[last] == 's';
}

/* Reads five fields of cron, a macro or an @every; false if it is something else. */
static bool read_schedule(Text schedule, struct times *times) {
    static const char every[] = "@every ";
    const size_t prefix = sizeof every - 1;
    Text words[FIELDS];
    int count = 0;
    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++)
        if (text_is(schedule, macros[i].name))
            schedule = text_of(macros[i].fields);
    memset(times, 0, sizeof *times);
    if (schedule.len > prefix && memcmp(schedule.data, every, prefix) == 0)
        return read_period((Text){schedule.len - prefix, schedule.data + prefix}, &times->seconds);
    for (size_t at = 0; at < schedule.len;) {
        size_t start = at;
        while (at < schedule.len && !is_space(schedule.data[at]))
            at++;
        if (at > start) {
            if (count == FIELDS)
                return false;
            words[count++] = (Text){at - start, schedule.data + start};
        } else {
            at++;
        }
    }
    if (count != FIELDS)
        return false;
    for (int i = 0; i < FIELDS; i++)
        if (!read_field(words[i], i, &times->sets[i]))
            return false;
    if (times->sets[4] >> 7 != 0) /* 7 is Sunday as well */
        times->sets[4] |= 1;
    times->sets[4] &= EVERY_WEEKDAY;
    /* It fires on the days of either day field, but on those of both where one restricts nothing.
     */
    times->both = is_star(words[2]) || is_star(words[4]);
    if (!times->both && (times->sets[2] == EVERY_DAY || times->sets[4] == EVERY_WEEKDAY)) {
        times->sets[2] = EVERY_DAY;
        times->sets[4] = EVERY_WEEKDAY;
        times->both = 1;
    }
    return true;
}

bool same_schedule(Text a, Text b) {
    struct times first, second;
    return text_equal(a, b) || (read_schedule(a, &first) && read_schedule(b, &second) &&
                                memcmp(&first, &second, sizeof first) == 0);
}

Text schedule_meaning(struct call *call, Text schedule) {
    struct times times;
    if (!read_schedule(schedule, &times))
        return schedule;
    return JOIN(call, ((Text){sizeof times, (uint8_t *)&times}));
}

package memory

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// cronFields are the five fields of a schedule: their bounds, and the names of the values from the
// lower one on.
var cronFields = [5]struct {
	low, high int
	names     string
}{
	{0, 59, ""},
	{0, 23, ""},
	{1, 31, ""},
	{1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
	{0, 6, "sun mon tue wed thu fri sat"}, // 7 is read as well
}

const everyDay, everyWeekday = 1<<32 - 2, 1<<7 - 1

var macros = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

var units = map[string]uint64{"s": 1, "m": 60, "h": 3600}

// meaning returns a text that is equal for schedules that fire at the same times. Of what is no
// schedule it is the text itself.
func meaning(schedule string) string {
	if period, ok := strings.CutPrefix(schedule, "@every "); ok && period != "" {
		last := len(period) - 1
		count, err := strconv.ParseUint(period[:last], 10, 32)
		if unit := units[period[last:]]; err == nil && unit > 0 {
			return fmt.Sprintf("@every %ds", count*unit)
		}
		return schedule
	}
	words := strings.Fields(schedule)
	if fields, ok := macros[schedule]; ok {
		words = strings.Fields(fields)
	}
	if len(words) != len(cronFields) {
		return schedule
	}
	var sets [5]uint64
	for i, word := range words {
		set, ok := cronSet(word, i)
		if !ok {
			return schedule
		}
		sets[i] = set
	}
	if sets[4]>>7 == 1 { // 7 is Sunday as well
		sets[4] |= 1
	}
	sets[4] &= everyWeekday
	// It fires on the days of either day field, but on those of both where one restricts nothing.
	both := isStar(words[2]) || isStar(words[4])
	if !both && (sets[2] == everyDay || sets[4] == everyWeekday) {
		sets[2], sets[4], both = everyDay, everyWeekday, true
	}
	return fmt.Sprint(sets, both)
}

func isStar(word string) bool {
	return slices.ContainsFunc(strings.Split(word, ","), func(part string) bool {
		span, step, stepped := strings.Cut(part, "/")
		return (span == "*" || span == "?") && (!stepped || strings.TrimLeft(step, "0") == "1")
	})
}

// cronSet returns the values of one field as bits.
func cronSet(word string, field int) (uint64, bool) {
	var set uint64
	for part := range strings.SplitSeq(word, ",") {
		span, stepped, hasStep := strings.Cut(part, "/")
		low, high := cronFields[field].low, cronFields[field].high
		if span != "*" && span != "?" {
			first, last, isRange := strings.Cut(span, "-")
			var ok bool
			if low, ok = cronValue(first, field); !ok {
				return 0, false
			}
			if isRange {
				if high, ok = cronValue(last, field); !ok || high < low {
					return 0, false
				}
			} else if !hasStep {
				high = low
			}
		}
		step := 1
		if hasStep {
			parsed, err := strconv.ParseUint(stepped, 10, 16)
			if err != nil || parsed == 0 {
				return 0, false
			}
			step = int(parsed)
		}
		for value := low; value <= high; value += step {
			set |= 1 << value
		}
	}
	return set, bits.OnesCount64(set) > 0
}

func cronValue(word string, field int) (int, bool) {
	for i, name := range strings.Fields(cronFields[field].names) {
		if strings.EqualFold(word, name) {
			return cronFields[field].low + i, true
		}
	}
	value, err := strconv.Atoi(word)
	high := cronFields[field].high
	if high == 6 {
		high = 7
	}
	return value, err == nil && cronFields[field].low <= value && value <= high
}

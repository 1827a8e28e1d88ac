package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	macros  = []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
	every   = regexp.MustCompile(`^@every ([0-9]{1,9})([smh])$`)
	isStep  = regexp.MustCompile(`^0*[1-9][0-9]*$`).MatchString
	isValue = regexp.MustCompile(`^0*[0-9]{1,2}$`).MatchString
	seconds = map[string]int{"s": 1, "m": 60, "h": 3600}
	fields  = []field{
		{"minute", 0, 59, nil},
		{"hour", 0, 23, nil},
		{"day of month", 1, 31, nil},
		{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
		{"day of week", 0, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
	}
)

type field struct {
	name      string
	low, high int
	words     []string
}

// checkSchedule says what is wrong with a schedule: five cron fields as robfig/cron v3 parses them, a
// macro, or @every. What no crontab takes is refused too.
func checkSchedule(text string) error {
	switch parts := strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == '\t' }); {
	case slices.Contains(macros, text):
		return nil
	case strings.HasPrefix(text, "@every"):
		match := every.FindStringSubmatch(text)
		if match == nil {
			return fmt.Errorf(`expected "@every N" with a whole number and s, m or h, got %.60q`, text)
		}
		if n, _ := strconv.Atoi(match[1]); n*seconds[match[2]] < 60 {
			return fmt.Errorf("@every: expected at least 60 s, got %.60q", text)
		}
		return nil
	case len(parts) != len(fields):
		return fmt.Errorf("expected five cron fields, a macro or @every, got %.60q", text)
	default:
		for i, part := range parts {
			for item := range strings.SplitSeq(part, ",") {
				if err := fields[i].check(item); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// check checks one item of a list: *, a value or a range, perhaps with a step after it.
func (f field) check(item string) error {
	values, step, stepped := strings.Cut(item, "/")
	if stepped && !isStep(step) {
		return fmt.Errorf("%s: expected a step of at least 1 after /, got %.60q", f.name, item)
	}
	if values == "*" || values == "?" {
		return nil
	}
	begin, end, isRange := strings.Cut(values, "-")
	low, err := f.value(begin)
	if err != nil || !isRange {
		return err
	}
	high, err := f.value(end)
	if err == nil && high < low {
		err = fmt.Errorf("%s: the range %.60q begins after its end", f.name, values)
	}
	return err
}

func (f field) value(text string) (int, error) {
	if i := slices.Index(f.words, strings.ToLower(text)); i >= 0 {
		return i + f.low, nil
	}
	number, _ := strconv.Atoi(text)
	if !isValue(text) || number < f.low || number > f.high {
		return 0, fmt.Errorf("%s: expected %d-%d, got %.60q", f.name, f.low, f.high, text)
	}
	return number, nil
}

// Package redact hides secret values in texts: a mark with the value's name stands in their place.
//
// Whoever wrote a text may have escaped the value, or cut it. So each value, and each of its lines, is
// written in all usual forms, and a text is searched for whole forms, for pieces of at least 12 bytes,
// and, where a text may have been cut, for beginnings and ends of at least 4. Case is ignored. This
// may hide more than the value, which is the better mistake.
package redact

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// Shortest is the shortest value that can be hidden, in code points (P-SESSION-4).
	Shortest = 4
	piece    = 12      // bytes of the shortest part from the middle that is hidden
	block    = 6       // any piece holds one that begins at a multiple of this
	long     = 1 << 16 // longer texts are not cut or wrapped: only forms and pieces are looked for
)

// Redactor hides values. A nil one hides nothing. What it needs for that is made at the first text:
// most sessions have none.
type Redactor struct {
	values map[string]string
	once   sync.Once

	marks           map[string]string // of each form shorter than a piece, and of each piece
	blocks          map[string]bool
	short           []string
	beginnings, end map[string]string
}

// New makes a redactor for values by their names; nil if there is nothing to hide.
func New(values map[string]string) *Redactor {
	for _, value := range values {
		if utf8.RuneCountInString(value) >= Shortest {
			return &Redactor{values: values}
		}
	}
	return nil
}

func (r *Redactor) prepare() {
	r.marks, r.blocks = map[string]string{}, map[string]bool{}
	r.beginnings, r.end = map[string]string{}, map[string]string{}
	for name, value := range r.values {
		lines := strings.FieldsFunc(value, func(c rune) bool { return c == '\n' || c == '\r' })
		for _, part := range append(lines, value) {
			for _, text := range []string{part, strings.TrimSpace(part)} {
				if utf8.RuneCountInString(text) >= Shortest {
					for _, form := range forms(text) {
						r.add(fold(form), "["+name+"]")
					}
				}
			}
		}
	}
}

func (r *Redactor) add(form, mark string) {
	if len(form) < piece && r.marks[form] == "" {
		r.short = append(r.short, form)
		r.marks[form] = mark
	}
	for at := range max(0, len(form)-piece+1) {
		r.marks[form[at:at+piece]] = mark
	}
	if len(form) >= piece {
		for at := range len(form) - block + 1 {
			r.blocks[form[at:at+block]] = true
		}
	}
	for size := Shortest; size < min(piece, len(form)+1); size++ {
		r.beginnings[form[:size]], r.end[form[len(form)-size:]] = mark, mark
	}
}

type span struct {
	start, end int
	mark       string
}

// cut is where an excerpt in a text begins or ends, and where a long line was wrapped.
var cut = regexp.MustCompile(`"|'|\.\.\.|…|\r?\n[ \t]*|(\\r)?\\n[ \t]*`)

// Text returns the text with a mark in the place of each value.
func (r *Redactor) Text(text string) string {
	if r == nil || len(text) < Shortest {
		return text
	}
	r.once.Do(r.prepare)
	spans := r.spans(fold(text))
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var out strings.Builder
	done, last := 0, span{}
	for _, s := range append(spans, span{len(text), len(text), ""}) {
		if s.start < last.end && s.mark != "" { // what overlaps is one
			last.end = max(last.end, s.end)
			continue
		}
		if last.mark != "" {
			for last.start > done && !utf8.RuneStart(text[last.start]) {
				last.start--
			}
			for last.end < len(text) && !utf8.RuneStart(text[last.end]) {
				last.end++
			}
			out.WriteString(text[done:max(done, last.start)] + last.mark)
			done = last.end
		}
		last = s
	}
	return out.String() + text[done:]
}

func (r *Redactor) spans(text string) (found []span) {
	for _, form := range r.short {
		for at := 0; ; at++ {
			next := strings.Index(text[at:], form)
			if next < 0 {
				break
			}
			at += next
			found = append(found, span{at, at + len(form), r.marks[form]})
		}
	}
	for at := 0; at+block <= len(text); at += block {
		if !r.blocks[text[at:at+block]] {
			continue
		}
		for i := max(0, at+block-piece); i <= at && i+piece <= len(text); i++ {
			mark := r.marks[text[i:i+piece]]
			if last := len(found) - 1; mark != "" && last >= 0 && found[last].start <= i && i < found[last].end {
				found[last].end = i + piece
			} else if mark != "" {
				found = append(found, span{i, i + piece, mark})
			}
		}
	}
	if len(text) > long {
		return found
	}
	for _, near := range append(cut.FindAllStringIndex(text, -1), []int{len(text), 0}) {
		before, after := near[0], near[1]
		for size := Shortest; size < piece; size++ {
			if start := before - size; start >= 0 && r.beginnings[text[start:before]] != "" {
				found = append(found, span{start, before, r.beginnings[text[start:before]]})
			}
			if end := after + size; end <= len(text) && r.end[text[after:end]] != "" {
				found = append(found, span{after, end, r.end[text[after:end]]})
			}
		}
	}
	return found
}

// fold lowers the letters of ASCII, so that no byte changes its place.
func fold(text string) string {
	data := []byte(text)
	for i, b := range data {
		if b >= 'A' && b <= 'Z' {
			data[i] = b + 'a' - 'A'
		}
	}
	return string(data)
}

// ---- the forms in which a value may be written

func forms(text string) []string {
	once := append(escaped(text), text)
	all := slices.Clone(once)
	for _, form := range once { // a line in JSON may quote a line in JSON
		for _, table := range jsonTables {
			all = append(all, translate(form, table))
		}
	}
	// Base64 writes 3 bytes as 4 characters, so a value may start at three places of a group. The
	// first and the last character may hold bits of the neighbours: they are left out.
	for before := range 3 {
		whole := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), text...))
		whole = whole[(before*8+5)/6 : (before+len(text))*8/6]
		all = append(all, whole, strings.NewReplacer("+", "-", "/", "_").Replace(whole))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func escaped(text string) (all []string) {
	for _, table := range jsonTables {
		form := translate(text, table)
		all = append(all, form, strings.ReplaceAll(form, "/", `\/`))
	}
	markup := []string{"&", "&amp;", "<", "&lt;", ">", "&gt;"}
	for _, quotes := range [][]string{nil, {`"`, "&quot;", "'", "&#x27;"}, {`"`, "&quot;", "'", "&#39;"}, {`"`, "&#34;", "'", "&#39;"}} {
		all = append(all, strings.NewReplacer(append(quotes, markup...)...).Replace(text))
	}
	quoted := fmt.Sprintf("%q", text)
	ascii := fmt.Sprintf("%+q", text)
	for _, kept := range []string{"", "/", "!'()*", "/:@!$&'()*+,;="} {
		form := percent(text, "-._~"+kept)
		all = append(all, form, strings.ReplaceAll(form, "%20", "+"))
	}
	single := strings.NewReplacer(`\"`, `"`, "'", `\'`)
	return append(all, quoted[1:len(quoted)-1], ascii[1:len(ascii)-1], single.Replace(quoted[1:len(quoted)-1]),
		translate(text, python), translate(text, pythonBytes), hex.EncodeToString([]byte(text)))
}

func percent(text, kept string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if b >= '0' && b <= '9' || b|32 >= 'a' && b|32 <= 'z' || strings.IndexByte(kept, b) >= 0 {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(&out, "%%%02x", b)
		}
	}
	return out.String()
}

func translate(text string, write func(rune) string) string {
	var out strings.Builder
	for _, c := range text {
		out.WriteString(write(c))
	}
	return out.String()
}

// jsonTables write a character as JSON does, with long or short escapes, each with and without
// escapes beyond ASCII, and with those of Go (<, > and &).
var jsonTables = []func(rune) string{
	func(c rune) string { return inJSON(c, false, false) },
	func(c rune) string { return inJSON(c, false, true) },
	func(c rune) string { return inJSON(c, true, false) },
	func(c rune) string { return inJSON(c, true, true) },
	func(c rune) string {
		if strings.ContainsRune("<>&\u2028\u2029", c) {
			return fmt.Sprintf(`\u%04x`, c)
		}
		return inJSON(c, true, false)
	},
}

func inJSON(c rune, short, ascii bool) string {
	switch i := strings.IndexRune("\b\t\n\f\r", c); {
	case c == '"' || c == '\\':
		return `\` + string(c)
	case short && i >= 0:
		return `\` + "btnfr"[i:i+1]
	case c < ' ' || ascii && c > '~' && c < 0x10000:
		return fmt.Sprintf(`\u%04x`, c)
	case ascii && c >= 0x10000:
		high, low := utf16.EncodeRune(c)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return string(c)
}

// python writes a character as Python's repr does.
func python(c rune) string {
	switch i := strings.IndexRune("\t\n\r\\'", c); {
	case i >= 0:
		return `\` + `tnr\'`[i:i+1]
	case c < ' ' || c == 0x7f:
		return fmt.Sprintf(`\x%02x`, c)
	}
	return string(c)
}

func pythonBytes(c rune) string {
	if c < 0x80 {
		return python(c)
	}
	var out strings.Builder
	for _, b := range []byte(string(c)) {
		fmt.Fprintf(&out, `\x%02x`, b)
	}
	return out.String()
}

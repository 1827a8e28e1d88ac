package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

const value = "p4ss/w0rd \"quoted\" & <täg>\twith more behind it"

func TestNoFormOfAValueIsShown(t *testing.T) {
	r := New(map[string]string{"token": value, "short": "x1y2", "empty": ""})
	inJSON, _ := json.Marshal(value)
	twice, _ := json.Marshal(string(inJSON))
	for _, form := range []string{
		value, strings.ToUpper(value), string(inJSON), string(twice), fmt.Sprintf("%q", value), fmt.Sprintf("%+q", value),
		html.EscapeString(value), url.QueryEscape(value), url.PathEscape(value), hex.EncodeToString([]byte(value)),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.StdEncoding.EncodeToString([]byte("x" + value)),
		value[4:30], // a piece
	} {
		shown := r.Text("before " + form + " behind")
		if !strings.Contains(shown, "[token]") || strings.Contains(strings.ToLower(shown), "quoted") || !utf8.ValidString(shown) {
			t.Errorf("%s\n%s", form, shown)
		}
	}
	for text, want := range map[string]string{
		"the key x1y2x1y2": "the key [short][short]",
		"cut p4ss/w":       "cut [token]",
		`cut "p4ss/w": no`: `cut "[token]": no`,
		"hind it is known": "[token] is known",
		"nothing at all":   "nothing at all",
		"p4s":              "p4s",
	} {
		if shown := r.Text(text); shown != want {
			t.Errorf("%s: %s", text, shown)
		}
	}
	long := strings.Repeat("word ", 1<<16)
	if shown := r.Text(long + value + long); shown != long+"[token]"+long {
		t.Error("a long text")
	}
}

func TestWithoutValuesNothingIsHidden(t *testing.T) {
	if r := New(map[string]string{"a": "abc"}); r != nil || r.Text("abc") != "abc" {
		t.Error(r)
	}
}

package host

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	pb "cronix-host/backendv1"
	"cronix-host/internal/redact"
)

// Error is a plugin that could not be found, trusted, started, reached or spoken to.
type Error struct {
	// Code is stable: one of docs/error-codes.md, such as E-NOT-FOUND.
	Code    string
	Problem string
	// Name, Path and Version are the plugin's, as far as they are known.
	Name, Path, Version string
	Expected, Got       string
	// Exit is how the plugin's process ended ("exit status 3", "signal SIGKILL"); empty while it runs.
	Exit string
	// Stderr has the last lines of the plugin's log.
	Stderr []string
	// Action says what to do about it.
	Action string
	// Err is the cause, if there is one to unwrap. With secrets in use there is none.
	Err error
}

// Error implements error, in several lines.
func (e *Error) Error() string {
	who := fmt.Sprintf("backend %q", e.Name)
	if where := strings.TrimSpace(e.Path + " " + e.Version); where != "" {
		who += " (" + where + ")"
	}
	if e.Code == "E-PROTO-MISMATCH" {
		return fmt.Sprintf("%s: %s %s %s", e.Code, marked(who), e.Problem, e.Action)
	}
	text := fmt.Sprintf("%s: %s: %s", e.Code, marked(who), marked(e.Problem))
	if e.Expected != "" || e.Got != "" {
		text += fmt.Sprintf("\n  expected %s, got %s", marked(or(e.Expected, "nothing")), marked(or(e.Got, "nothing")))
	}
	if e.Exit != "" {
		text += "\n  the plugin ended with " + e.Exit
	}
	if len(e.Stderr) > 0 {
		text += "\n  its last lines on stderr:\n    " + strings.Join(e.Stderr, "\n    ")
	}
	if e.Action != "" {
		text += "\n  " + e.Action
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// RPCError is the plugin's own answer to a call that failed: equal on every transport (P-ERR-1).
type RPCError struct {
	// Code is a word of P-ERR-2, such as ABORTED.
	Code    string
	Message string
	Details *pb.ErrorDetails
	// Notes is what the host knows besides: whose answer it is, and how a plugin that hangs is.
	Notes []string
}

// Error implements error, in several lines.
func (e *RPCError) Error() string {
	text := marked(e.Code + ": " + e.Message)
	details := e.Details
	if expected, got := details.GetExpected(), details.GetGot(); expected != "" {
		text += fmt.Sprintf("\n  expected %s, got %s", marked(expected), marked(or(got, "nothing")))
	} else if got != "" {
		text += "\n  got " + marked(got)
	}
	if action := details.GetAction(); action != "" {
		text += "\n  " + marked(action)
	}
	for _, note := range e.Notes {
		text += "\n  " + note
	}
	return text
}

// UsageError is an option of the caller's that cannot be.
type UsageError struct{ Problem string }

// Error implements error.
func (e *UsageError) Error() string { return e.Problem }

// codeNames are those of P-ERR-2, by number.
var codeNames = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

const (
	maxText  = 8192    // bytes of each text of an error (P-ERR-3)
	maxNames = 1 << 20 // characters of a list of names
)

// newRPCError makes an error of what a plugin sent. A number that there is not is UNKNOWN (P-ERR-4),
// and what is too long is cut (P-ERR-3).
func newRPCError(code int, message string, details *pb.ErrorDetails) *RPCError {
	if code < 1 || code >= len(codeNames) {
		code = slices.Index(codeNames, "UNKNOWN")
	}
	e := &RPCError{Code: codeNames[code], Message: message, Details: details}
	if details == nil {
		e.Details = &pb.ErrorDetails{}
	}
	e.texts(bounded)
	return e
}

// texts puts each text through a function. Of lists what is beyond the limit is left out.
func (e *RPCError) texts(change func(string) string) {
	e.Message = change(e.Message)
	d := e.Details
	if d == nil {
		return
	}
	for _, text := range []*string{&d.Reason, &d.Path, &d.Expected, &d.Got, &d.Action} {
		*text = change(*text)
	}
	for _, names := range []*[]string{&d.Applied, &d.Failed, &d.Unattempted} {
		room := maxNames
		for i := range *names {
			if room -= min(len((*names)[i]), maxText) + 8; room < 0 {
				*names = (*names)[:i]
				break
			}
			(*names)[i] = change((*names)[i])
		}
	}
}

func bounded(text string) string {
	if len(text) <= maxText {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	tail := fmt.Sprintf("... (%d bytes in all)", len(text))
	cut := maxText - len(tail)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strings.ToValidUTF8(text[:cut], "\uFFFD") + tail
}

// hide keeps the redactor's values out of an error (P-SESSION-4).
func hide(err error, r *redact.Redactor) error {
	if r == nil {
		return err
	}
	switch e := err.(type) {
	case *Error:
		e.Problem, e.Path, e.Version, e.Expected, e.Got, e.Action = r.Text(e.Problem), r.Text(e.Path), r.Text(e.Version), r.Text(e.Expected), r.Text(e.Got), r.Text(e.Action)
		e.Err = nil // its text would show what is hidden here
	case *RPCError:
		e.texts(r.Text)
		for i := range e.Notes {
			e.Notes[i] = r.Text(e.Notes[i])
		}
	}
	return err
}

// marked prefixes a foreign text's further lines with a bar, so that they cannot imitate our own.
func marked(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return strings.ContainsRune("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", r)
	}), "\n  | ")
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

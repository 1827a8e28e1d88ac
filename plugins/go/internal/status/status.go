// Package status makes the errors of the protocol (P-ERR): a code, a message and details.
package status

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	pb "cronix-backend-memory/internal/backendv1"
)

// MaxText bounds each text of an error, in bytes (P-ERR-3).
const MaxText = 8192

// Code is one of gRPC's canonical codes without OK (P-ERR-1).
type Code int32

// The codes.
const (
	Cancelled Code = iota + 1
	Unknown
	InvalidArgument
	DeadlineExceeded
	NotFound
	AlreadyExists
	PermissionDenied
	ResourceExhausted
	FailedPrecondition
	Aborted
	OutOfRange
	Unimplemented
	Internal
	Unavailable
	DataLoss
	Unauthenticated
)

// codes holds each code's name and HTTP status (P-ERR-2).
var codes = [...]struct {
	name string
	http int
}{
	Cancelled:          {"CANCELLED", 499},
	Unknown:            {"UNKNOWN", 500},
	InvalidArgument:    {"INVALID_ARGUMENT", 400},
	DeadlineExceeded:   {"DEADLINE_EXCEEDED", 504},
	NotFound:           {"NOT_FOUND", 404},
	AlreadyExists:      {"ALREADY_EXISTS", 409},
	PermissionDenied:   {"PERMISSION_DENIED", 403},
	ResourceExhausted:  {"RESOURCE_EXHAUSTED", 429},
	FailedPrecondition: {"FAILED_PRECONDITION", 400},
	Aborted:            {"ABORTED", 409},
	OutOfRange:         {"OUT_OF_RANGE", 400},
	Unimplemented:      {"UNIMPLEMENTED", 501},
	Internal:           {"INTERNAL", 500},
	Unavailable:        {"UNAVAILABLE", 503},
	DataLoss:           {"DATA_LOSS", 500},
	Unauthenticated:    {"UNAUTHENTICATED", 401},
}

// CodeOf returns the code of that name.
func CodeOf(name string) (Code, bool) {
	for code, known := range codes {
		if known.name == name && code > 0 {
			return Code(code), true
		}
	}
	return 0, false
}

func (c Code) String() string { return codes[c].name }

// HTTP is the status that says this code over HTTP.
func (c Code) HTTP() int { return codes[c].http }

// Error is a failed call.
type Error struct {
	Code    Code
	Message string
	Details *pb.ErrorDetails
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// New makes an error. details may be nil.
func New(code Code, details *pb.ErrorDetails, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...), details}
}

// Unreadable is the error of a request that is no such message (P-CODEC-3); path may be empty.
func Unreadable(path, format string, args ...any) *Error {
	details := &pb.ErrorDetails{Reason: "UNREADABLE_REQUEST", Path: path}
	problem := fmt.Sprintf(format, args...)
	if path != "" {
		problem = path + ": " + problem
	}
	return New(InvalidArgument, details, "%s", problem)
}

// TooLarge is the error of a message over the limit (P-LIMIT-1).
func TooLarge(what string, limit int) *Error {
	details := &pb.ErrorDetails{Reason: "MESSAGE_TOO_LARGE", Expected: fmt.Sprintf("at most %d bytes", limit)}
	return New(ResourceExhausted, details, "the %s is over %d bytes long", what, limit)
}

// TooManyCalls is the error of a call over the bound (P-LIMIT-2).
func TooManyCalls(bound int) *Error {
	details := &pb.ErrorDetails{
		Reason:   "TOO_MANY_CALLS",
		Expected: fmt.Sprintf("at most %d", bound),
		Action:   "wait for a call to end",
	}
	return New(ResourceExhausted, details, "%d calls are under way", bound)
}

// From makes an Error of what ended a call, its texts within their bounds.
func From(err error) *Error {
	var known *Error
	switch {
	case errors.As(err, &known):
	case errors.Is(err, context.DeadlineExceeded): // P-DEADLINE-2
		known = New(DeadlineExceeded, nil, "the deadline passed before the call was done")
	case errors.Is(err, context.Canceled): // P-CANCEL-2
		known = New(Cancelled, nil, "the call was cancelled")
	default:
		known = New(Internal, nil, "%s", err)
	}
	d := known.Details
	return &Error{known.Code, cut(known.Message), &pb.ErrorDetails{
		Reason:      cut(d.GetReason()),
		Path:        cut(d.GetPath()),
		Expected:    cut(d.GetExpected()),
		Got:         cut(d.GetGot()),
		Action:      cut(d.GetAction()),
		Applied:     d.GetApplied(),
		Failed:      d.GetFailed(),
		Unattempted: d.GetUnattempted(),
	}}
}

// Proto is the error as a message of the protocol.
func (e *Error) Proto() *pb.Status {
	return &pb.Status{Code: int32(e.Code), Message: e.Message, Details: e.Details}
}

// cut shortens a text between two code points; its end says how long it was.
func cut(text string) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= MaxText {
		return text
	}
	end := fmt.Sprintf("... (%d bytes)", len(text))
	at := MaxText - len(end)
	for !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + end
}

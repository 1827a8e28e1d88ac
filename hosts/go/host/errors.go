package host

import (
	"fmt"
	"slices"

	pb "cronix-host/internal/backendv1"
)

// codeNames are those of P-ERR-2, by number.
var codeNames = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// Error is the plugin's answer to a call that failed. Any other error is one of the connection:
// whether the call was carried out is then unknown.
type Error struct {
	Code    string
	Message string
	Details *pb.ErrorDetails
}

func (e *Error) Error() string {
	if reason := e.Details.GetReason(); reason != "" {
		return fmt.Sprintf("%s (%s): %q", e.Code, reason, e.Message)
	}
	return fmt.Sprintf("%s: %q", e.Code, e.Message)
}

// newError makes an error of a code's number; a number that there is not is UNKNOWN (P-ERR-4).
func newError(code int, message string, details *pb.ErrorDetails) *Error {
	if code < 1 || code >= len(codeNames) {
		code = slices.Index(codeNames, "UNKNOWN")
	}
	return &Error{codeNames[code], message, details}
}

func deadlineExceeded() *Error {
	return &Error{"DEADLINE_EXCEEDED", "the deadline passed before the call was done", nil}
}

// Package host finds, admits, starts, calls and stops plugins of the cronix backend protocol: the
// host's side of spec/PROTOCOL.md, whose clauses are named beside the code that keeps them.
//
// [Open] does all of that up to a [Session], which has the seven operations; [Session.Close] ends it.
// [Discover], [Sum] and [Admit] look at a plugin's file without running it.
//
// Every failure is one of four errors, which errors.As finds: an [*Error] with a code of
// docs/error-codes.md for what went wrong on the way to a plugin or with the connection to it; an
// [*RPCError] for the plugin's own answer, and for the end of a context; a [*UsageError] for an option
// that cannot be; and an [*ApplyError] around one of them, which says how far an Apply came.
//
// Every wait has a bound, so the caller has control again however a plugin behaves. A call without a
// deadline waits for as long as the plugin's process lives.
package host

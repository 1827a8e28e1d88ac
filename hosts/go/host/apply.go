package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	pb "cronix-host/backendv1"
	"cronix-host/internal/wire"
)

// Reached are the jobs of a plan's ops, without skips, by how far an interrupted Apply came.
type Reached struct {
	Applied []string `json:"applied"` // reported done
	Failed  []string `json:"failed"`  // the plugin says that the op failed
	// Unknown were reported begun and not done, Unreported not at all, before the connection or the
	// wait ended: they are there whole or not at all (P-APPLY-4).
	Unknown    []string `json:"unknown"`
	Unreported []string `json:"unreported"`
	// Unattempted were not begun: the plugin says so, or it answered without having reported them.
	Unattempted []string `json:"unattempted"`
}

// ApplyError is an Apply that did not end well: Err says why, Reached how far it came. It is never
// tried again: plan again.
type ApplyError struct {
	Err     error
	Reached Reached
}

// Error implements error.
func (e *ApplyError) Error() string {
	text := e.Err.Error()
	for _, part := range []struct {
		what string
		jobs []string
		note string
	}{
		{"applied", e.Reached.Applied, ""},
		{"failed", e.Reached.Failed, ""},
		{"unknown", e.Reached.Unknown, " (reported begun and not done; it is there whole or not at all)"},
		{"unreported", e.Reached.Unreported, " (nothing was heard of it before that; plan again to see)"},
		{"unattempted", e.Reached.Unattempted, ""},
	} {
		if len(part.jobs) > 0 {
			text += fmt.Sprintf("\n  %s: %s%s", part.what, strings.Join(part.jobs, ", "), part.note)
		}
	}
	return text
}

// Unwrap returns why the Apply ended.
func (e *ApplyError) Unwrap() error { return e.Err }

// Apply carries out a plan. It calls event, which may be nil, for each event, once that has been held
// against the plan. Its error is an *ApplyError around one as other calls have.
func (s *Session) Apply(ctx context.Context, plan *pb.PlanReply, event func(*pb.ApplyEvent)) error {
	progress := progress{ops: plan.Ops, seen: map[int32]pb.ApplyEventKind{}}
	err := s.apply(ctx, plan, func(one *pb.ApplyEvent) error {
		if err := progress.take(one); err != nil {
			return err
		}
		if event != nil {
			event(one)
		}
		return nil
	}, progress.end)
	if err != nil {
		return &ApplyError{err, progress.reached(err)}
	}
	return nil
}

func (s *Session) apply(ctx context.Context, plan *pb.PlanReply, event func(*pb.ApplyEvent) error, end func() error) error {
	done, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	if ctx.Err() != nil {
		return ended(ctx)
	}
	if err = s.channel.apply(ctx, &pb.ApplyRequest{Plan: plan}, event); err == nil {
		err = end()
	}
	if err != nil {
		return s.blame(err, true)
	}
	return nil
}

// progress holds the events of an Apply against its plan: they are how people learn what was carried
// out, so a stream that ends well and leaves an op out breaks the protocol (P-APPLY-3).
type progress struct {
	ops      []*pb.Op
	seen     map[int32]pb.ApplyEventKind // the last event of each op
	finished bool
}

func broken(format string, arguments ...any) error {
	return fmt.Errorf("the events of Apply are not those of its plan (P-APPLY-3): "+format, arguments...)
}

func (p *progress) take(event *pb.ApplyEvent) error {
	const done, finished = pb.ApplyEventKind_APPLY_EVENT_KIND_DONE, pb.ApplyEventKind_APPLY_EVENT_KIND_FINISHED
	kind, index := event.Kind, event.OpIndex
	if kind == 0 {
		kind = pb.ApplyEventKind_APPLY_EVENT_KIND_STARTED
	}
	switch {
	case p.finished:
		return broken("an event came after the finished event")
	case kind == finished:
		p.finished = true
		return nil
	case index < 0 || int(index) >= len(p.ops) || isSkip(p.ops[index]) || event.Job != p.ops[index].Job:
		return broken("an event is of op %d and job %.200q, which is not planned", index, event.Job)
	case p.seen[index] == done || p.seen[index] == kind:
		return broken("op %d (%s) is reported %s again", index, event.Job, wire.Word(kind))
	}
	p.seen[index] = kind
	return nil
}

func (p *progress) end() error {
	var left []string
	for i, op := range p.ops {
		if !isSkip(op) && p.seen[int32(i)] != pb.ApplyEventKind_APPLY_EVENT_KIND_DONE {
			left = append(left, op.Job)
		}
	}
	switch {
	case left != nil:
		return broken("it ended well and did not report these as done: %s", strings.Join(left, ", "))
	case !p.finished:
		return broken("it ended well without the finished event")
	}
	return nil
}

func isSkip(op *pb.Op) bool {
	return op.Kind == pb.OpKind_OP_KIND_SKIP || op.Kind == pb.OpKind_OP_KIND_UNSPECIFIED
}

// reached is how far an Apply came: by the plugin's own words, else by the last event of each op.
func (p *progress) reached(err error) (r Reached) {
	var answer *RPCError
	// At a deadline or a cancellation nobody waits for the plugin, which may go on for a while.
	answered := errors.As(err, &answer) && !slices.Contains([]string{"DEADLINE_EXCEEDED", "CANCELLED"}, answer.Code)
	if d := answer.details(); len(d.GetApplied())+len(d.GetFailed())+len(d.GetUnattempted()) > 0 {
		return Reached{Applied: d.Applied, Failed: d.Failed, Unattempted: d.Unattempted}
	}
	for i, op := range p.ops {
		switch seen := p.seen[int32(i)]; {
		case isSkip(op):
		case seen == pb.ApplyEventKind_APPLY_EVENT_KIND_DONE:
			r.Applied = append(r.Applied, op.Job)
		case seen != 0:
			r.Unknown = append(r.Unknown, op.Job)
		case answered:
			r.Unattempted = append(r.Unattempted, op.Job)
		default:
			r.Unreported = append(r.Unreported, op.Job)
		}
	}
	return r
}

func (e *RPCError) details() *pb.ErrorDetails {
	if e == nil {
		return nil
	}
	return e.Details
}

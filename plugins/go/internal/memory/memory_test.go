package memory

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/status"
)

func TestSchedulesThatMeanTheSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"*/15 * * * *", "0,15,30,45 * * * *", true},
		{"0 3 * * 7", "0 3 * * sun", true},
		{"0 3 * * 5-7", "0 3 * * 0,5,6", true},
		{"0 3 1-31 * 1", "0 3 * * *", true}, // either day
		{"0 3 1-15 * 1", "0 3 1-15 * *", false},
		{"0 3 */2 * 1", "0 3 1-31/2 * 1", true}, // either day
		{"0 3 */2 * 0-6", "0 3 * * *", true},
		{"0 3 1,* * 1", "0 3 * * 1", true}, // the days of the week alone
		{"0 3 1,* * 1", "0 3 * * *", false},
		{"0 3 */01 * 1", "0 3 * * 1", true},
		{"*/9223372036854775807 * * * *", "* * * * *", false},
		{"5/20 * * * *", "5,25,45 * * * *", true},
		{"0 3 * * *", "0 4 * * *", false},
		{"0 3 * jan *", "0 3 * 1 *", true},
		{"60 * * * *", "60  * * * *", false}, // no schedules of cron: compared as texts
		{"@daily", "0 0 * * *", true},
		{"@weekly", "0 0 * * sun", true},
		{"@every 60m", "@every 1h", true},
		{"@every 60s", "* * * * *", false},
		{"@every m", "@every  m", false},
		{"0 3 ? * mon", "0 3 * * 1", true},
		{"0 3 * * 1/2", "0 3 * * 1,3,5", true},
	} {
		if (meaning(c.a) == meaning(c.b)) != c.want {
			t.Errorf("%q and %q", c.a, c.b)
		}
	}
}

func job(name, hash string) *pb.DesiredJob {
	return &pb.DesiredJob{Job: &pb.Job{Name: name, Schedules: []string{"0 3 * * *"}}, Hashes: []string{hash}}
}

func plan(t *testing.T, s *Store, jobs ...*pb.DesiredJob) *pb.PlanReply {
	t.Helper()
	reply, err := s.Plan(&pb.PlanRequest{App: "web", Jobs: jobs, AllowEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func apply(ctx context.Context, s *Store, plan *pb.PlanReply) (kinds []pb.ApplyEventKind, err error) {
	err = s.Apply(ctx, &pb.ApplyRequest{Plan: plan}, func(event *pb.ApplyEvent) error {
		kinds = append(kinds, event.Kind)
		return nil
	})
	return kinds, err
}

func TestApplyMakesWhatWasPlanned(t *testing.T) {
	s := New()
	if events, err := apply(t.Context(), s, plan(t, s, job("b", "1"), job("a", "1"))); err != nil || len(events) != 5 {
		t.Fatal(events, err)
	}
	kinds := []pb.OpKind{}
	next := plan(t, s, job("c", "1"), job("b", "2"))
	for _, op := range next.Ops {
		kinds = append(kinds, op.Kind)
	}
	if want := []pb.OpKind{pb.OpKind_OP_KIND_DELETE, pb.OpKind_OP_KIND_UPDATE, pb.OpKind_OP_KIND_CREATE}; !slices.Equal(kinds, want) {
		t.Error(kinds)
	}
	if _, err := apply(t.Context(), s, next); err != nil {
		t.Fatal(err)
	}
	entries := s.Read(&pb.ReadRequest{}).Entries
	if len(entries) != 2 || entries[0].Job != "b" || entries[0].Hash != "2" || entries[1].Job != "c" {
		t.Error(entries)
	}
}

func TestAnOldPlanIsRefusedWhole(t *testing.T) {
	s := New()
	old := plan(t, s, job("a", "1"), job("b", "1"))
	if _, err := apply(t.Context(), s, plan(t, s, job("c", "1"))); err != nil {
		t.Fatal(err)
	}
	events, err := apply(t.Context(), s, old)
	var known *status.Error
	if !errors.As(err, &known) || known.Code != status.Aborted || len(events) != 0 {
		t.Fatal(events, err)
	}
	if !slices.Equal(known.Details.Unattempted, []string{"a", "b"}) {
		t.Error(known.Details)
	}
}

func TestACancelledApplySaysWhatItDid(t *testing.T) {
	s := New()
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Apply(ctx, &pb.ApplyRequest{Plan: plan(t, s, job("a", "1"), job("b", "1"))}, func(*pb.ApplyEvent) error {
		cancel()
		return nil
	})
	var known *status.Error
	if !errors.As(err, &known) || known.Code != status.Cancelled {
		t.Fatal(err)
	}
	want := &pb.ErrorDetails{Applied: []string{"a"}, Unattempted: []string{"b"}}
	if !proto.Equal(known.Details, want) || len(s.Read(&pb.ReadRequest{}).Entries) != 1 {
		t.Error(known.Details)
	}
}

func TestAPlanThatPlanNeverMadeIsRefused(t *testing.T) {
	s := New()
	for name, alter := range map[string]func(*pb.PlanReply){
		"another hash":    func(p *pb.PlanReply) { p.Ops[0].After[0].Hash = "f" },
		"another job":     func(p *pb.PlanReply) { p.Ops[0].Job = "z" },
		"a job twice":     func(p *pb.PlanReply) { p.Ops = append(p.Ops, p.Ops[0]) },
		"another kind":    func(p *pb.PlanReply) { p.Ops[0].Kind = pb.OpKind_OP_KIND_UPDATE },
		"a skip with it":  func(p *pb.PlanReply) { p.Ops[0].Kind = pb.OpKind_OP_KIND_SKIP },
		"another's entry": func(p *pb.PlanReply) { p.Ops[0].After[0].App = "shop" },
	} {
		altered := proto.CloneOf(plan(t, s, job("a", "1")))
		alter(altered)
		var known *status.Error
		if _, err := apply(t.Context(), s, altered); !errors.As(err, &known) || known.Code != status.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

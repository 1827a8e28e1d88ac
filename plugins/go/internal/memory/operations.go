package memory

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/status"
)

// Read implements P-READ.
func (s *Store) Read(request *pb.ReadRequest) *pb.ReadReply {
	if request.App == nil {
		return &pb.ReadReply{Entries: s.all()}
	}
	return &pb.ReadReply{Entries: s.app(request.GetApp()).entries()}
}

// opOrder is the order in which ops stand and are applied (P-PLAN-3).
var opOrder = map[pb.OpKind]int{
	pb.OpKind_OP_KIND_DELETE: 0,
	pb.OpKind_OP_KIND_UPDATE: 1,
	pb.OpKind_OP_KIND_CREATE: 2,
	pb.OpKind_OP_KIND_SKIP:   3,
}

// Plan implements P-PLAN.
func (s *Store) Plan(request *pb.PlanRequest) (*pb.PlanReply, error) {
	wanted, desired, err := desiredJobs(request.App, request.Jobs)
	if err != nil {
		return nil, err
	}
	if len(wanted) == 0 && !request.AllowEmpty {
		return nil, status.New(status.InvalidArgument, &pb.ErrorDetails{
			Reason: "EMPTY_DESIRED", Path: "jobs", Expected: "at least one job", Got: "none",
			Action: "set allow_empty to delete all jobs of the app",
		}, "no job is desired")
	}
	present := s.app(request.App)
	reply := &pb.PlanReply{App: request.App, StateDigest: present.digest()}
	for _, job := range names(wanted, present) {
		op := &pb.Op{Job: job, Before: present[job], After: wanted[job], Desired: desired[job]}
		switch {
		case len(op.After) == 0:
			op.Kind = pb.OpKind_OP_KIND_DELETE
		case len(op.Before) == 0:
			op.Kind = pb.OpKind_OP_KIND_CREATE
		case same(op.Before, op.After):
			op = &pb.Op{Kind: pb.OpKind_OP_KIND_SKIP, Job: job}
		default:
			op.Kind = pb.OpKind_OP_KIND_UPDATE
		}
		reply.Ops = append(reply.Ops, op)
	}
	slices.SortStableFunc(reply.Ops, func(a, b *pb.Op) int { return cmp.Compare(opOrder[a.Kind], opOrder[b.Kind]) })
	return reply, nil
}

// names returns the jobs that either has, in order.
func names(a, b jobs) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}

// Drift implements P-DRIFT.
func (s *Store) Drift(request *pb.DriftRequest) (*pb.DriftReply, error) {
	wanted, _, err := desiredJobs(request.App, request.Jobs)
	if err != nil {
		return nil, err
	}
	present, reply := s.app(request.App), &pb.DriftReply{}
	for _, job := range names(wanted, present) {
		for i := range max(len(wanted[job]), len(present[job])) {
			item := &pb.DriftItem{App: request.App, Job: job, Index: int32(i)}
			item.Expected, item.Actual = at(wanted[job], i), at(present[job], i)
			switch {
			case item.Actual == nil:
				item.Kind = pb.DriftKind_DRIFT_KIND_MISSING
			case item.Expected == nil:
				item.Kind = pb.DriftKind_DRIFT_KIND_ORPHAN
			case sameEntry(item.Expected, item.Actual):
				continue
			default:
				item.Kind = pb.DriftKind_DRIFT_KIND_MODIFIED
			}
			reply.Items = append(reply.Items, item)
		}
	}
	return reply, nil
}

func at(entries []*pb.Entry, index int) *pb.Entry {
	if index < len(entries) {
		return entries[index]
	}
	return nil
}

// Prune implements P-PRUNE.
func (s *Store) Prune(request *pb.PruneRequest) (*pb.PruneReply, error) {
	if err := checkName("app", request.App); err != nil {
		return nil, err
	}
	if len(request.Keep) == 0 && !request.AllowEmpty {
		return nil, status.New(status.InvalidArgument, &pb.ErrorDetails{
			Reason: "EMPTY_KEEP", Path: "keep", Expected: "at least one job", Got: "none",
			Action: "set allow_empty to remove all jobs of the app",
		}, "no job is to be kept")
	}
	reply := &pb.PruneReply{}
	s.change(request.App, func(present jobs) jobs {
		kept := jobs{}
		for job, entries := range present {
			if slices.Contains(request.Keep, job) {
				kept[job] = entries
			}
		}
		for _, job := range names(present, nil) {
			if kept[job] == nil {
				reply.Removed = append(reply.Removed, present[job]...)
			}
		}
		if request.DryRun {
			return nil
		}
		return kept
	})
	return reply, nil
}

// Adopt implements P-ADOPT. There are no candidates here, so nothing is ever adopted.
func (s *Store) Adopt(request *pb.AdoptRequest) (*pb.AdoptReply, error) {
	if err := checkName("app", request.App); err != nil {
		return nil, err
	}
	wanted, err := express(request.App, request.Job, "job")
	if err != nil {
		return nil, err
	}
	owned := s.app(request.App)[request.GetJob().GetJob().GetName()]
	if len(owned) == 0 {
		return &pb.AdoptReply{Outcome: pb.AdoptOutcome_ADOPT_OUTCOME_NOT_FOUND}, nil
	}
	reply := &pb.AdoptReply{Outcome: pb.AdoptOutcome_ADOPT_OUTCOME_DIVERGED}
	for i := range max(len(wanted), len(owned)) {
		expected, got := at(wanted, i), at(owned, i)
		if expected != nil && got != nil && sameEntry(expected, got) {
			continue
		}
		index := int32(i)
		if expected == nil {
			index = -1
		}
		reply.Differences = append(reply.Differences, &pb.Difference{
			Index: index, Expected: describe(expected), Got: describe(got), Location: got.GetLocation(),
		})
	}
	if len(reply.Differences) == 0 {
		reply.Outcome, reply.Entries = pb.AdoptOutcome_ADOPT_OUTCOME_ALREADY_MANAGED, owned
	}
	return reply, nil
}

func describe(entry *pb.Entry) string {
	if entry == nil {
		return "no entry"
	}
	return fmt.Sprintf("%s %s (hash %s)", entry.Schedule, entry.Command, entry.Hash)
}

// VerifyOwnership implements P-VERIFY.
func (s *Store) VerifyOwnership(request *pb.VerifyOwnershipRequest) (*pb.VerifyOwnershipReply, error) {
	wanted, _, err := desiredJobs(request.App, request.Jobs)
	if err != nil {
		return nil, err
	}
	reply := &pb.VerifyOwnershipReply{}
	for _, entry := range s.app(request.App).entries() {
		item := &pb.OwnershipItem{Verdict: pb.Verdict_VERDICT_OWNED, Entry: entry}
		desired := at(wanted[entry.Job], int(entry.Index))
		switch {
		case wanted[entry.Job] == nil:
			item.Verdict, item.Reason = pb.Verdict_VERDICT_ABANDONED, "its job is not desired"
		case desired.GetHash() == entry.Hash && !sameEntry(desired, entry):
			item.Verdict, item.Reason = pb.Verdict_VERDICT_TAMPERED, "its hash is of another schedule or command"
		}
		reply.Items = append(reply.Items, item)
	}
	return reply, nil
}

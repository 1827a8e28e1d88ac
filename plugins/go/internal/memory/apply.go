package memory

import (
	"context"
	"fmt"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/status"
)

// Apply implements P-APPLY. A plan comes back from a host that may have kept it for long, or changed
// it, so all of it is checked before the first write: by itself, then against the state.
func (s *Store) Apply(ctx context.Context, request *pb.ApplyRequest, send func(*pb.ApplyEvent) error) error {
	plan := request.GetPlan()
	if err := checkPlan(plan); err != nil {
		return err
	}
	progress := &progress{}
	for i, op := range plan.GetOps() {
		if opKind(op) != pb.OpKind_OP_KIND_SKIP {
			progress.todo = append(progress.todo, i)
			progress.jobs = append(progress.jobs, op.Job)
		}
	}
	if err := s.checkState(plan, progress.todo); err != nil {
		return progress.failure(err, 0)
	}
	for _, i := range progress.todo {
		op := plan.Ops[i]
		if err := ctx.Err(); err != nil { // P-APPLY-6
			return progress.failure(err, 0)
		}
		event := &pb.ApplyEvent{Kind: pb.ApplyEventKind_APPLY_EVENT_KIND_STARTED, OpIndex: int32(i), OpKind: op.Kind, Job: op.Job}
		if err := send(event); err != nil {
			return progress.failure(err, 0)
		}
		if err := s.replace(plan.App, op); err != nil {
			return progress.failure(err, 1)
		}
		progress.done++
		done := &pb.ApplyEvent{Kind: pb.ApplyEventKind_APPLY_EVENT_KIND_DONE, OpIndex: int32(i), OpKind: op.Kind, Job: op.Job}
		if err := send(done); err != nil {
			return progress.failure(err, 0)
		}
	}
	return send(&pb.ApplyEvent{Kind: pb.ApplyEventKind_APPLY_EVENT_KIND_FINISHED, Counts: counts(plan)})
}

// progress knows how far an Apply has come: which ops are no skips, their jobs, how many are done.
type progress struct {
	todo []int
	jobs []string
	done int
}

// failure adds to an error what was done (P-APPLY-5). tried is 1 if the next op was begun.
func (p *progress) failure(err error, tried int) error {
	failed := status.From(err)
	failed.Details.Applied = p.jobs[:p.done]
	failed.Details.Failed = p.jobs[p.done : p.done+tried]
	failed.Details.Unattempted = p.jobs[p.done+tried:]
	return failed
}

// opKind is the op's kind, of which an absent one is skip (P-CODEC-4).
func opKind(op *pb.Op) pb.OpKind {
	if op.GetKind() == pb.OpKind_OP_KIND_UNSPECIFIED {
		return pb.OpKind_OP_KIND_SKIP
	}
	return op.GetKind()
}

func counts(plan *pb.PlanReply) *pb.Counts {
	of := map[pb.OpKind]int32{}
	for _, op := range plan.GetOps() {
		of[opKind(op)]++
	}
	return &pb.Counts{
		Deleted: of[pb.OpKind_OP_KIND_DELETE],
		Updated: of[pb.OpKind_OP_KIND_UPDATE],
		Created: of[pb.OpKind_OP_KIND_CREATE],
		Skipped: of[pb.OpKind_OP_KIND_SKIP],
	}
}

// checkPlan refuses a plan that Plan would never have made (P-APPLY-1).
func checkPlan(plan *pb.PlanReply) error {
	seen := map[string]bool{}
	for i, op := range plan.GetOps() {
		if i == 0 {
			if err := checkName("plan/app", plan.App); err != nil {
				return err
			}
		}
		path := fmt.Sprintf("plan/ops/%d", i)
		if seen[op.Job] {
			return invalid("DUPLICATE_JOB", path+"/job", "each job once", op.Job, fmt.Sprintf("job %q is there twice", op.Job))
		}
		seen[op.Job] = true
		if err := checkOp(plan.App, op, path); err != nil {
			return err
		}
	}
	return nil
}

func checkOp(app string, op *pb.Op, path string) error {
	kind := opKind(op)
	create, update := kind == pb.OpKind_OP_KIND_CREATE, kind == pb.OpKind_OP_KIND_UPDATE
	if has := len(op.Before) > 0; has != (update || kind == pb.OpKind_OP_KIND_DELETE) {
		return mismatch(path+"/before", "this kind of op and this member do not go together")
	}
	if has := len(op.After) > 0; has != (create || update) {
		return mismatch(path+"/after", "this kind of op and this member do not go together")
	}
	if has := op.Desired != nil; has != (create || update) {
		return mismatch(path+"/desired", "this kind of op and this member do not go together")
	}
	if op.Desired == nil {
		return nil
	}
	if op.Desired.GetJob().GetName() != op.Job {
		return mismatch(path+"/desired/job/name", "the op is for another job")
	}
	after, err := express(app, op.Desired, path+"/desired")
	if err == nil && !same(op.After, after) {
		err = mismatch(path+"/after", "the entries are not those of the desired job")
	}
	return err
}

func mismatch(path, problem string) error {
	return invalid("PLAN_MISMATCH", path, "what Plan answers", "", problem)
}

// checkState holds a plan against the present state (P-APPLY-1, P-APPLY-2).
func (s *Store) checkState(plan *pb.PlanReply, todo []int) error {
	present := s.app(plan.GetApp())
	if digest := present.digest(); digest != plan.GetStateDigest() {
		return changed("plan/state_digest", plan.GetStateDigest(), digest)
	}
	for _, i := range todo {
		if op := plan.Ops[i]; !same(op.Before, present[op.Job]) {
			return mismatch(fmt.Sprintf("plan/ops/%d/before", i), "the entries are not those that are there")
		}
	}
	return nil
}

// replace carries out one op, unless its job's entries have changed since the plan.
func (s *Store) replace(app string, op *pb.Op) (err error) {
	s.change(app, func(present jobs) jobs {
		if !same(op.Before, present[op.Job]) {
			err = changed(app+"."+op.Job, "the entries of the plan", "others")
			return nil
		}
		return present.with(op.Job, op.After)
	})
	return err
}

func changed(path, expected, got string) error {
	details := &pb.ErrorDetails{Reason: "STATE_CHANGED", Path: path, Expected: expected, Got: got, Action: "plan again"}
	return status.New(status.Aborted, details, "the entries have changed since the plan was made")
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "cronix-host/backendv1"
	"cronix-host/host"
	"cronix-host/internal/wire"
)

// operation is a command that calls a plugin. own declares options of its own.
type operation struct {
	name, help string
	call       func(ctx context.Context, i *invocation) (int, error)
	own        func(f *flags, i *invocation)
}

var operations = []operation{
	{"read", "Show the app's entries, and the markers that cannot be read.", read, nil},
	{"plan", "Show what apply would do.", plan, func(f *flags, i *invocation) {
		strict(f, i)
		f.BoolVar(&i.detailedExitCode, "detailed-exitcode", false, "exit with 5 if apply would change anything; 2 stays the code of wrong usage")
	}},
	{"apply", "Make a plan, and carry it out. With --strict nothing is done if there are warnings.", apply, strict},
	{"drift", "Show how entries differ from the manifest; change nothing.", drift, func(f *flags, i *invocation) {
		f.BoolVar(&i.exitOnDrift, "exit-on-drift", false, "exit with 5 if there is drift")
		f.BoolFunc("no-exit-on-drift", "exit with 0 all the same", func(string) error { i.exitOnDrift = false; return nil })
	}},
	{"prune", "Remove the app's entries whose jobs are not in the manifest.", prune, dryRun},
	{"adopt", "Mark existing entries of one job as owned. Exits with 6 if they diverge from the manifest, 7 if there are none.", adopt, func(f *flags, i *invocation) {
		f.StringVar(&i.job, "job", "", "the job, `NAME`; needed if the manifest has several")
		dryRun(f, i)
	}},
	{"verify-ownership", "Judge each entry: owned, tampered, abandoned, duplicate or foreign.", verifyOwnership, strict},
}

func strict(f *flags, i *invocation) {
	f.BoolVar(&i.strict, "strict", false, "take each warning for an error")
}

func dryRun(f *flags, i *invocation) {
	f.BoolVar(&i.dryRun, "dry-run", false, "say what would be done, and do nothing")
}

// invocation is one run of an operation.
type invocation struct {
	target
	session                     *host.Session
	strict, dryRun, exitOnDrift bool
	detailedExitCode            bool
	job                         string
}

func (o operation) run(ctx context.Context, name string, words []string) (int, error) {
	f, i := newFlags(name, o.help), &invocation{}
	i.declare(f)
	if o.own != nil {
		o.own(f, i)
	}
	if _, err := f.parse(words, 0); err != nil {
		return 0, err
	}
	status, err := o.invoke(ctx, i)
	if err != nil && i.json && ctx.Err() == nil {
		fmt.Fprintln(stdout, jsonLine(errorObject(err)))
	}
	return status, err
}

func (o operation) invoke(ctx context.Context, i *invocation) (status int, err error) {
	if err := i.load(ctx); err != nil {
		return 0, err
	}
	if i.session, err = host.Open(ctx, i.backend, i.transport, i.options); err != nil {
		return 0, err
	}
	defer i.session.Close()
	for _, path := range i.session.Hidden {
		fmt.Fprintln(os.Stderr, host.Clean("note: "+path+" is hidden by an earlier directory"))
	}
	return o.call(ctx, i)
}

// bound gives a call its deadline.
func (i *invocation) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if i.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Duration(i.timeout))
}

// called makes a call with its deadline.
func called[Q, R any](ctx context.Context, i *invocation, method func(context.Context, Q) (R, error), request Q) (R, error) {
	ctx, cancel := i.bound(ctx)
	defer cancel()
	return method(ctx, request)
}

// show prints a reply: as JSON, with more members behind its own, or as people read it. A signal ends
// the printing into a pipe that nobody reads.
func (i *invocation) show(ctx context.Context, more string, reply proto.Message, human func(*strings.Builder)) error {
	var out strings.Builder
	if i.json {
		out.WriteString(cleanJSON(strings.TrimSuffix(string(object(reply)), "}")+more+"}") + "\n")
	} else {
		human(&out)
	}
	done := make(chan error, 1)
	go func() {
		_, err := io.WriteString(stdout, out.String())
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hide keeps secrets out of what is printed, even if a plugin replies them.
func (i *invocation) hide(message protoreflect.Message) {
	if i.redactor == nil {
		return
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			value.Map().Range(func(name protoreflect.MapKey, text protoreflect.Value) bool {
				value.Map().Set(name, protoreflect.ValueOfString(i.redactor.Text(text.String())))
				return true
			})
		case field.IsList():
			for n := range value.List().Len() {
				if field.Kind() == protoreflect.MessageKind {
					i.hide(value.List().Get(n).Message())
				} else if field.Kind() == protoreflect.StringKind {
					value.List().Set(n, protoreflect.ValueOfString(i.redactor.Text(value.List().Get(n).String())))
				}
			}
		case field.Kind() == protoreflect.MessageKind:
			i.hide(value.Message())
		case field.Kind() == protoreflect.StringKind:
			message.Set(field, protoreflect.ValueOfString(i.redactor.Text(value.String())))
		}
		return true
	})
}

func read(ctx context.Context, i *invocation) (int, error) {
	reply, err := called(ctx, i, i.session.Read, &pb.ReadRequest{App: &i.manifest.App})
	if err != nil {
		return 0, err
	}
	i.hide(reply.ProtoReflect())
	return 0, i.show(ctx, "", reply, func(out *strings.Builder) { renderEntries(out, reply) })
}

func plan(ctx context.Context, i *invocation) (int, error) {
	reply, err := called(ctx, i, i.session.Plan, &pb.PlanRequest{App: i.manifest.App, Jobs: i.manifest.Jobs})
	if err != nil {
		return 0, err
	}
	i.hide(reply.ProtoReflect())
	status := i.strictly(reply.Warnings)
	changes := slices.ContainsFunc(reply.Ops, func(op *pb.Op) bool { return op.Kind != pb.OpKind_OP_KIND_SKIP })
	if status == 0 && changes && i.detailedExitCode {
		status = exitChanges
	}
	return status, i.show(ctx, "", reply, func(out *strings.Builder) { renderPlan(out, reply) })
}

func apply(ctx context.Context, i *invocation) (int, error) {
	wanted, err := called(ctx, i, i.session.Plan, &pb.PlanRequest{App: i.manifest.App, Jobs: i.manifest.Jobs})
	if err != nil {
		return 0, err
	}
	printed := proto.CloneOf(wanted)
	i.hide(printed.ProtoReflect())
	if i.strict && len(wanted.Warnings) > 0 {
		return i.strictly(wanted.Warnings), i.show(ctx, "", printed, func(out *strings.Builder) { renderPlan(out, printed) })
	}
	var events []json.RawMessage
	counts := &pb.Counts{}
	bounded, cancel := i.bound(ctx)
	defer cancel()
	err = i.session.Apply(bounded, wanted, func(event *pb.ApplyEvent) {
		if event.Counts != nil {
			counts = event.Counts
		}
		i.hide(event.ProtoReflect())
		events = append(events, object(event))
	})
	if err != nil {
		return 0, err
	}
	// The object is {"events", "counts", "warnings"}: warnings are the plan's.
	all, _ := json.Marshal(append([]json.RawMessage{}, events...))
	warnings := object(&pb.VerifyOwnershipReply{Warnings: printed.Warnings})
	_, warnings, _ = bytes.Cut(warnings, []byte(`"warnings":`))
	more := fmt.Sprintf(`"events":%s,"counts":%s,"warnings":%s`, all, object(counts), bytes.TrimSuffix(warnings, []byte("}")))
	done := fmt.Sprintf("%d created, %d updated, %d deleted, %d unchanged", counts.Created, counts.Updated, counts.Deleted, counts.Skipped)
	return 0, written("the apply is done: "+done, i.show(ctx, more, &pb.CloseSessionReply{}, func(out *strings.Builder) {
		renderPlan(out, printed)
		line(out, "Applied: %s.", done)
	}))
}

// written is the error of the output of a command that has written: it says that it has.
func written(done string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s; what it did cannot be shown: %v", done, err) // %v: also at a signal it is told
}

// strictly is the exit status of a command whose reply has these warnings.
func (i *invocation) strictly(warnings []*pb.StoreWarning) int {
	if !i.strict || len(warnings) == 0 {
		return 0
	}
	fmt.Fprintf(os.Stderr, "error: --strict: there are warnings (%d)\n", len(warnings))
	return exitError
}

func drift(ctx context.Context, i *invocation) (status int, err error) {
	reply, err := called(ctx, i, i.session.Drift, &pb.DriftRequest{App: i.manifest.App, Jobs: i.manifest.Jobs})
	if err != nil {
		return 0, err
	}
	if len(reply.Items) > 0 && i.exitOnDrift {
		status = exitChanges
	}
	i.hide(reply.ProtoReflect())
	return status, i.show(ctx, "", reply, func(out *strings.Builder) { renderDrift(out, reply) })
}

func prune(ctx context.Context, i *invocation) (int, error) {
	request := &pb.PruneRequest{App: i.manifest.App, DryRun: i.dryRun}
	for _, job := range i.manifest.Jobs {
		request.Keep = append(request.Keep, job.Job.Name)
	}
	reply, err := called(ctx, i, i.session.Prune, request)
	if err != nil {
		return 0, err
	}
	i.hide(reply.ProtoReflect())
	err = i.show(ctx, fmt.Sprintf(`,"dry_run":%t`, i.dryRun), reply, func(out *strings.Builder) { renderPruned(out, reply, i.dryRun) })
	if !i.dryRun {
		err = written("the prune is done: "+count(len(reply.Removed), "entry", "entries")+" removed", err)
	}
	return 0, err
}

func adopt(ctx context.Context, i *invocation) (int, error) {
	request := &pb.AdoptRequest{App: i.manifest.App, DryRun: i.dryRun}
	var names []string
	for _, job := range i.manifest.Jobs {
		names = append(names, job.Job.Name)
		if job.Job.Name == i.job || i.job == "" && len(i.manifest.Jobs) == 1 {
			request.Job = job
		}
	}
	if request.Job == nil {
		problem := "the manifest has several jobs"
		if i.job != "" {
			problem = fmt.Sprintf("the manifest has no job %q", i.job)
		}
		return 0, usage("%s; give --job with one of %s", problem, strings.Join(names[:min(len(names), 10)], ", "))
	}
	reply, err := called(ctx, i, i.session.Adopt, request)
	if err != nil {
		return 0, err
	}
	status := map[string]int{"diverged": exitDiverged, "not_found": exitNotFound}[wire.Word(reply.Outcome)]
	i.hide(reply.ProtoReflect())
	err = i.show(ctx, fmt.Sprintf(`,"dry_run":%t`, i.dryRun), reply, func(out *strings.Builder) { renderAdopted(out, request.Job.Job.Name, reply, i.dryRun) })
	if reply.Outcome == pb.AdoptOutcome_ADOPT_OUTCOME_ADOPTED && !i.dryRun {
		err = written("the adoption is done", err)
	}
	return status, err
}

func verifyOwnership(ctx context.Context, i *invocation) (int, error) {
	reply, err := called(ctx, i, i.session.VerifyOwnership, &pb.VerifyOwnershipRequest{App: i.manifest.App, Jobs: i.manifest.Jobs})
	if err != nil {
		return 0, err
	}
	i.hide(reply.ProtoReflect())
	return i.strictly(reply.Warnings), i.show(ctx, "", reply, func(out *strings.Builder) { renderVerdicts(out, reply) })
}

// ---- JSON

// object is a message as JSON, with all its members.
func object(message proto.Message) json.RawMessage {
	data, err := wire.JSON{Whole: true}.Encode(nil, message)
	if err != nil {
		panic(err) // its texts are UTF-8, or it could not have been read
	}
	return data
}

func details(answer *host.RPCError) *pb.ErrorDetails {
	if answer.Details == nil {
		return &pb.ErrorDetails{}
	}
	return answer.Details
}

// lists is a value as JSON, with empty lists in place of null.
func lists(value any) json.RawMessage {
	data, _ := json.Marshal(value)
	return bytes.ReplaceAll(data, []byte(":null"), []byte(":[]"))
}

// jsonLine is a value as one line of JSON, with nothing in it that steers a terminal.
func jsonLine(value any) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return `{"error":{"kind":"LabError"}}`
	}
	return cleanJSON(strings.TrimSuffix(out.String(), "\n"))
}

// cleanJSON writes what steers a terminal as escapes.
func cleanJSON(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsPrint(r):
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	return out.String()
}

// Package faults fails on request, in the ways of the lab's echo plugin (docs/echo-faults.md), so that
// the conformance suite can look at what the transports make of it. No plugin needs it for its work.
package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/status"
)

// Faults are those that the configuration asks for. A nil one has none.
type Faults struct {
	byMethod  map[string][]fault
	byRequest bool
	cancelled atomic.Int32
}

type fault struct {
	action, text string
	number       int           // of what takes one
	wait         time.Duration // of what waits
}

var methods = []string{"OpenSession", "Read", "Plan", "Apply", "Drift", "Prune", "Adopt", "VerifyOwnership", "*"}

// actions holds each action with the one method that has it, "" for all.
var actions = map[string]string{
	"error": "", "refuse": "", "panic": "", "sleep": "", "block": "", "die": "", "exit": "", "print": "", "child": "",
	"log": "Read", "say": "Read", "size": "Read", "echo": "Read", "cancelled": "Read",
	"events": "Apply", "exit_after": "Apply",
}

// Parse reads the config value `faults`.
func Parse(config string) (*Faults, error) {
	const path = "config/faults"
	faults := &Faults{byMethod: map[string][]fault{}}
	for part := range strings.SplitSeq(config, ";") {
		method, text, ok := strings.Cut(part, "=")
		switch {
		case part == "":
		case part == "requests":
			faults.byRequest = true
		case !ok || !slices.Contains(methods, method):
			return nil, unknown(path, "method", method)
		default:
			one, err := parse(text, method, path)
			if err != nil {
				return nil, err
			}
			faults.byMethod[method] = append(faults.byMethod[method], one)
		}
	}
	return faults, nil
}

func parse(text, method, path string) (fault, error) {
	action, argument, _ := strings.Cut(text, ":")
	only, ok := actions[action]
	if !ok || only != "" && method != only && method != "*" {
		return fault{}, unknown(path, "action", action)
	}
	made := fault{action: action, text: argument}
	var err error
	switch action {
	case "sleep", "block":
		made.wait, err = seconds(argument)
	case "exit", "exit_after", "size":
		made.number, err = strconv.Atoi(argument)
	case "events":
		count, pause, _ := strings.Cut(argument, ":")
		made.number, err = strconv.Atoi(count)
		if err == nil && pause != "" {
			made.wait, err = seconds(pause)
		}
	case "error":
		if _, known := status.CodeOf(argument); !known {
			err = errors.New("no such code")
		}
	}
	if err != nil {
		return fault{}, unknown(path, "argument", argument)
	}
	return made, nil
}

func seconds(text string) (time.Duration, error) {
	number, err := strconv.ParseFloat(text, 64)
	return time.Duration(number * float64(time.Second)), err
}

func unknown(path, what, got string) error {
	details := &pb.ErrorDetails{Reason: "UNKNOWN_FAULT", Path: path, Got: got}
	return status.New(status.InvalidArgument, details, "no %s %q", what, got)
}

// Strike does what strikes a call, and returns the error that it ends with.
func (f *Faults) Strike(ctx context.Context, method, app string) error {
	_, err := f.strike(ctx, method, app)
	return err
}

// strike returns the faults as well, for what is left to the method.
func (f *Faults) strike(ctx context.Context, method, app string) ([]fault, error) {
	if f == nil {
		return nil, nil
	}
	found := slices.Clone(f.byMethod[method])
	if method != "OpenSession" {
		for _, one := range f.byMethod["*"] {
			if only := actions[one.action]; only == "" || only == method {
				found = append(found, one)
			}
		}
	}
	if own, ok := strings.CutPrefix(app, "!"); ok && f.byRequest {
		one, err := parse(own, method, "app")
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	for _, one := range found {
		if err := one.do(ctx); err != nil {
			f.count(err)
			return nil, err
		}
	}
	return found, nil
}

// count counts a call that was seen cancelled.
func (f *Faults) count(err error) {
	if errors.Is(err, context.Canceled) {
		f.cancelled.Add(1)
	}
}

// do does what a fault of every method does.
func (f fault) do(ctx context.Context) error {
	switch f.action {
	case "error":
		return fullError(f.text)
	case "refuse":
		text, names := f.text, []string{f.text}
		details := &pb.ErrorDetails{
			Reason: text, Path: text, Expected: text, Got: text, Action: text,
			Applied: names, Failed: names, Unattempted: names,
		}
		return status.New(status.Aborted, details, "%s", text)
	case "panic":
		panic(f.text)
	case "sleep":
		return wait(ctx, f.wait)
	case "block":
		time.Sleep(f.wait)
	case "die":
		fmt.Fprintln(os.Stderr, f.text)
		os.Exit(3)
	case "exit":
		os.Exit(f.number)
	case "print":
		fmt.Println(f.text)
	case "child":
		child := exec.Command("/bin/sh", "-c", `echo "$1"; exec cat`, "child", f.text)
		child.Stdin, child.Stdout = os.Stdin, os.Stdout
		return child.Run()
	case "log":
		slog.Warn(f.text, "value", f.text)
	}
	return nil
}

func fullError(name string) error {
	code, _ := status.CodeOf(name)
	return status.New(code, &pb.ErrorDetails{
		Reason: "FAULT", Path: "jobs/0", Expected: "e", Got: "g", Action: "a",
		Applied: []string{"a1", "a2"}, Failed: []string{"f1"}, Unattempted: []string{"u1"},
	}, "fault %s: \"quoted\" <&> \u00e9 \u2028 end", name)
}

// wait sleeps, but not beyond the call's end.
func wait(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Read returns the reply of a fault, or nil.
func (f *Faults) Read(ctx context.Context, request *pb.ReadRequest) (*pb.ReadReply, error) {
	found, err := f.strike(ctx, "Read", request.GetApp())
	if err != nil {
		return nil, err
	}
	for _, one := range found {
		entry := &pb.Entry{}
		switch one.action {
		case "size":
			entry.Command = strings.Repeat("x", one.number)
		case "say":
			entry.Command = one.text
		case "echo":
			entry.Command = request.GetApp()
		case "cancelled":
			entry.Index = f.cancelled.Load()
		default:
			continue
		}
		return &pb.ReadReply{Entries: []*pb.Entry{entry}}, nil
	}
	return nil, nil
}

// Apply lets a fault make the stream, or apply.
func (f *Faults) Apply(ctx context.Context, app string, send func(*pb.ApplyEvent) error, apply func(func(*pb.ApplyEvent) error) error) error {
	found, err := f.strike(ctx, "Apply", app)
	if err != nil {
		return err
	}
	for _, one := range found {
		switch one.action {
		case "events":
			err := events(ctx, one, send)
			f.count(err)
			return err
		case "exit_after":
			return apply(exitAfter(one.number, send))
		}
	}
	return apply(send)
}

func events(ctx context.Context, f fault, send func(*pb.ApplyEvent) error) error {
	for i := range f.number {
		if i > 0 {
			if err := wait(ctx, f.wait); err != nil {
				return err
			}
		}
		if err := send(&pb.ApplyEvent{Kind: pb.ApplyEventKind_APPLY_EVENT_KIND_STARTED, OpIndex: int32(i)}); err != nil {
			return err
		}
	}
	return send(&pb.ApplyEvent{Kind: pb.ApplyEventKind_APPLY_EVENT_KIND_FINISHED, Counts: &pb.Counts{}})
}

// exitAfter ends the process once so many ops are done, when their events have been written.
func exitAfter(count int, send func(*pb.ApplyEvent) error) func(*pb.ApplyEvent) error {
	if count <= 0 {
		os.Exit(1)
	}
	return func(event *pb.ApplyEvent) error {
		err := send(event)
		if event.Kind == pb.ApplyEventKind_APPLY_EVENT_KIND_DONE {
			if count--; count == 0 {
				os.Exit(1)
			}
		}
		return err
	}
}

// Command cronix-host operates plugins: it plans, applies, reads, compares, and lists and pins them.
// Its options, exit codes and JSON are those of the lab's command transportlab.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"cronix-host/host"
	"cronix-host/manifest"
)

// Exit codes. A command that a signal has ended exits with 128 and the signal's number.
const (
	exitError    = 1
	exitUsage    = 2
	exitChanges  = 5
	exitDiverged = 6
	exitNotFound = 7
	exitSignal   = 128
)

// command is one word of the command line.
type command struct {
	name, help string
	run        func(ctx context.Context, name string, words []string) (int, error)
}

var commands []command

func init() {
	for _, o := range operations {
		commands = append(commands, command{o.name, o.help, o.run})
	}
	commands = append(commands,
		command{"bench", "Time sessions of a plugin, and Reads: one JSON object a session (spec/bench.schema.json).", bench},
		command{"plugins", "List plugins; pin and verify their sums.", plugins})
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	var ended atomic.Int32
	signals := make(chan os.Signal, 1)
	for _, number := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(number) { // as by nohup
			signal.Notify(signals, number)
		}
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // else a pipe that nobody reads ends the host alone
	go func() {
		number := <-signals
		ended.Store(int32(number.(syscall.Signal)))
		cancel() // the way out is bounded, so further signals change nothing
	}()
	status := run(ctx, os.Args[1:])
	if number := ended.Load(); number != 0 {
		fmt.Fprintln(os.Stderr, "interrupted; the plugin has been stopped")
		status = exitSignal + int(number)
	}
	os.Exit(status)
}

// run runs a command, tells its error, and returns its exit status.
func run(ctx context.Context, words []string) int {
	if len(words) == 0 || slices.Contains([]string{"--help", "-h"}, words[0]) {
		fmt.Fprintln(stdout, "usage: cronix-host COMMAND [OPTION ...]\n\nOperate plugins of the cronix backend protocol.\n\ncommands:")
		for _, c := range commands {
			fmt.Fprintf(stdout, "  %-17s %s\n", c.name, c.help)
		}
		fmt.Fprintln(stdout, "\n`cronix-host COMMAND --help` tells more of a command.")
		return told(ctx, 0, nil)
	}
	if words[0] == "--version" {
		fmt.Fprintln(stdout, "cronix-host", host.Version)
		return told(ctx, 0, nil)
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == words[0] })
	if i < 0 {
		var names []string
		for _, c := range commands {
			names = append(names, c.name)
		}
		return tell(ctx, usage("no such command: %q\n  there are %s", words[0], strings.Join(names, ", ")))
	}
	status, err := commands[i].run(ctx, words[0], words[1:])
	return told(ctx, status, err)
}

// told tells an error of a command, or of its output, and returns the exit status.
func told(ctx context.Context, status int, err error) int {
	if failed := stdout.failed.Load(); failed != nil && (err == nil || errors.Is(err, flag.ErrHelp)) {
		err = *failed
	}
	if err != nil {
		return tell(ctx, err)
	}
	return status
}

// reason leaves out the operation and the path.
func reason(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// output is stdout, which keeps its first error.
type output struct{ failed atomic.Pointer[error] }

var stdout = &output{}

// Write implements io.Writer.
func (o *output) Write(data []byte) (int, error) {
	n, err := os.Stdout.Write(data)
	if err != nil {
		err = fmt.Errorf("stdout cannot be written: %w", reason(err))
		o.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

func usage(format string, arguments ...any) error {
	return &host.UsageError{Problem: fmt.Sprintf(format, arguments...)}
}

// tell prints an error on stderr, and returns the exit status.
func tell(ctx context.Context, err error) int {
	var answer *host.RPCError
	var wrong *host.UsageError
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled),
		ctx.Err() != nil && errors.As(err, &answer) && answer.Code == "CANCELLED" && !errors.As(err, new(*host.ApplyError)):
		return exitError // the signal has cancelled it, and is told instead
	}
	fmt.Fprintln(os.Stderr, shown(err))
	if errors.As(err, &wrong) {
		return exitUsage
	}
	return exitError
}

const maxTold = 32 * 8192 // characters of an error

// shown is an error for people. Only its first line begins with "error:", whatever is in it.
func shown(err error) string {
	text := err.Error()
	if len(text) > maxTold {
		text = strings.ToValidUTF8(text[:maxTold], "") + "..."
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = host.Clean(line)
		word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(line)), ":")
		if i > 0 && slices.Contains([]string{"error", "warning", "note"}, word) {
			lines[i] = "  | " + lines[i]
		}
	}
	return "error: " + strings.Join(lines, "\n")
}

// errorObject is an error for programs.
func errorObject(err error) any {
	data := map[string]any{"kind": "LabError", "message": err.Error()}
	var interrupted *host.ApplyError
	var failed *host.Error
	var answer *host.RPCError
	var invalid *manifest.Error
	var wrong *host.UsageError
	if errors.As(err, &interrupted) {
		data["apply"] = lists(interrupted.Reached)
	}
	switch {
	case errors.As(err, &answer):
		data["kind"], data["message"], data["code"], data["details"] = "RpcError", answer.Message, answer.Code, object(details(answer))
	case errors.As(err, &failed):
		data["kind"], data["message"], data["code"] = "PluginError", failed.Problem, failed.Code
		if failed.Code == "E-PROTO-MISMATCH" {
			data["kind"] = "ProtocolMismatch"
		}
		data["details"] = map[string]any{
			"code": failed.Code, "problem": failed.Problem, "name": failed.Name, "path": failed.Path, "version": failed.Version, "expected": failed.Expected,
			"got": failed.Got, "exit": failed.Exit, "stderr": append([]string{}, failed.Stderr...), "action": failed.Action,
		}
	case errors.As(err, &invalid):
		data["kind"] = "ManifestError"
	case errors.As(err, &wrong):
		data["kind"] = "UsageError"
	}
	return map[string]any{"error": data}
}

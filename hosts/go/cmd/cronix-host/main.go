// Command cronix-host calls a plugin: read shows an app's entries, bench times the phases of a start.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	pb "cronix-host/backendv1"
	"cronix-host/host"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	cancel()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "cronix-host:", err)
		os.Exit(1)
	}
}

const usage = "usage: cronix-host read|bench --manifest FILE --backend NAME --transport grpc|jsonrpc [OPTION ...]"

func run(ctx context.Context, arguments []string, out io.Writer) error {
	if len(arguments) == 0 {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	manifest := flags.String("manifest", "", "the manifest: a JSON `file`")
	backend := flags.String("backend", "", "the plugin: a `name`, or a path (with a slash)")
	transport := flags.String("transport", "", "`grpc` or jsonrpc")
	timeout := flags.Duration("timeout", 0, "each Read's deadline; 0 for none")
	runs := flags.Int("runs", 10, "bench: how many starts")
	calls := flags.Int("calls", 100, "bench: how many Reads after the first one of a start")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	if *manifest == "" || *backend == "" || *transport == "" || flags.NArg() > 0 {
		return errors.New(usage)
	}
	app, err := readManifest(*manifest)
	if err != nil {
		return err
	}
	path, err := host.Discover(*backend, false)
	if err != nil {
		return err
	}
	target := target{path.Path, *transport, app, *timeout}
	switch arguments[0] {
	case "read":
		return target.read(ctx, out)
	case "bench":
		return target.bench(ctx, out, *runs, *calls)
	}
	return errors.New(usage)
}

// readManifest returns the manifest's app. This host has no pins, so it refuses a manifest that has
// some (P-TRUST-4).
func readManifest(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var manifest struct {
		App     string                     `json:"app"`
		Plugins map[string]json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if manifest.App == "" {
		return "", fmt.Errorf("%s: no app", path)
	}
	if len(manifest.Plugins) > 0 {
		return "", fmt.Errorf("%s pins plugins, which this host cannot check", path)
	}
	return manifest.App, nil
}

// target is what is called.
type target struct {
	path, transport, app string
	timeout              time.Duration
}

func (t target) call(ctx context.Context, session *host.Session) (any, error) {
	if t.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.timeout)
		defer cancel()
	}
	reply, err := session.Read(ctx, &pb.ReadRequest{App: &t.app})
	if err != nil {
		return nil, err
	}
	data, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(reply)
	return json.RawMessage(data), err
}

// read prints the reply to Read as one JSON object.
func (t target) read(ctx context.Context, out io.Writer) error {
	session, err := host.Open(ctx, t.path, t.transport, host.Options{})
	if err != nil {
		return err
	}
	defer session.Close()
	reply, err := t.call(ctx, session)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(reply)
}

// sample is what bench prints of one start: milliseconds from phase to phase, and of the later Reads
// the median.
type sample struct {
	Transport string  `json:"transport"`
	Run       int     `json:"run"`
	Started   float64 `json:"started_ms"`
	Handshake float64 `json:"handshake_ms"`
	Open      float64 `json:"open_ms"`
	First     float64 `json:"first_read_ms"`
	Later     float64 `json:"read_ms"`
	Stop      float64 `json:"stop_ms"`
	Total     float64 `json:"total_ms"` // from the start to the first reply
}

func (t target) bench(ctx context.Context, out io.Writer, runs, calls int) error {
	encoder := json.NewEncoder(out)
	for i := range runs {
		s, err := t.measure(ctx, calls)
		if err != nil {
			return err
		}
		s.Run = i
		if err := encoder.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

func (t target) measure(ctx context.Context, calls int) (sample, error) {
	s := sample{Transport: t.transport}
	begin := time.Now()
	last := begin
	lap := func() float64 {
		now := time.Now()
		defer func() { last = now }()
		return milliseconds(now.Sub(last))
	}
	session, err := host.Open(ctx, t.path, t.transport, host.Options{OnPhase: func(phase string) {
		if into := map[string]*float64{"started": &s.Started, "line": &s.Handshake, "opened": &s.Open}[phase]; into != nil {
			*into = lap()
		}
	}})
	if err != nil {
		return s, err
	}
	defer session.Close() // after an error
	if _, err := session.Read(ctx, &pb.ReadRequest{App: &t.app}); err != nil {
		return s, err
	}
	s.First, s.Total = lap(), milliseconds(time.Since(begin))
	var laps []float64
	for range calls {
		lap()
		if _, err := session.Read(ctx, &pb.ReadRequest{App: &t.app}); err != nil {
			return s, err
		}
		laps = append(laps, lap())
	}
	if len(laps) > 0 {
		slices.Sort(laps)
		s.Later = laps[len(laps)/2]
	}
	lap()
	session.Close()
	s.Stop = lap()
	return s, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

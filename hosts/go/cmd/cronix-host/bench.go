package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	pb "cronix-host/backendv1"
	"cronix-host/host"
)

// sample is what bench prints of one session: seconds, by spec/bench.schema.json.
type sample struct {
	Spawn       float64   `json:"spawn,omitempty"`
	Line        float64   `json:"line,omitempty"`
	Connected   float64   `json:"connected,omitempty"`
	Opened      float64   `json:"opened"`
	FirstRead   float64   `json:"first-read"`
	Ready       float64   `json:"ready"`
	Exit        float64   `json:"exit"`
	Total       float64   `json:"total"`
	Calls       []float64 `json:"calls,omitempty"`
	Plugin      int       `json:"uss-plugin,omitempty"`
	Host        int       `json:"uss-host,omitempty"`
	PluginShare int       `json:"pss-plugin,omitempty"`
	HostShare   int       `json:"pss-host,omitempty"`
	PluginAll   int       `json:"rss-plugin,omitempty"`
	HostAll     int       `json:"rss-host,omitempty"`
	PluginCPUs  []int     `json:"plugin-cpus,omitempty"`
}

// cpus is the CPUs that a plugin is to run on, empty for those of this host.
type cpus []int

func (c *cpus) String() string { return "" }

func (c *cpus) Set(word string) error {
	*c = nil
	for part := range strings.SplitSeq(word, ",") {
		cpu, err := strconv.Atoi(part)
		if err != nil || cpu < 0 || cpu >= maxCPUs {
			return fmt.Errorf("expected numbers of CPUs, separated by commas, got %.60q", word)
		}
		*c = append(*c, cpu)
	}
	return nil
}

// maxCPUs is how many a unix.CPUSet has room for.
const maxCPUs = int(unsafe.Sizeof(unix.CPUSet{})) * 8

// enter has this goroutine run on the CPUs, which a process that it starts inherits, until leave.
func (c cpus) enter() (leave func(), err error) {
	if len(c) == 0 {
		return func() {}, nil
	}
	var own, wanted unix.CPUSet
	for _, cpu := range c {
		wanted.Set(cpu)
	}
	runtime.LockOSThread() // and should leave fail, the thread ends with the goroutine
	if err = unix.SchedGetaffinity(0, &own); err == nil {
		err = unix.SchedSetaffinity(0, &wanted)
	}
	var now unix.CPUSet // the kernel leaves out what is not there
	if err == nil && (unix.SchedGetaffinity(0, &now) != nil || now != wanted) {
		err = errors.Join(unix.SchedSetaffinity(0, &own), unix.EINVAL)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return nil, usage("bench: --plugin-cpus %v: %s", []int(c), err)
	}
	return sync.OnceFunc(func() {
		if unix.SchedSetaffinity(0, &own) == nil {
			runtime.UnlockOSThread()
		}
	}), nil
}

// cpusOf is the CPUs that any thread of a process may run on; nil if that cannot be told.
func cpusOf(pid int) (found []int) {
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	var all [maxCPUs]bool
	for _, thread := range threads {
		var set unix.CPUSet
		id, _ := strconv.Atoi(thread.Name())
		if unix.SchedGetaffinity(id, &set) != nil {
			continue // it has ended
		}
		for cpu := range all {
			all[cpu] = all[cpu] || set.IsSet(cpu)
		}
	}
	for cpu, may := range all {
		if may {
			found = append(found, cpu)
		}
	}
	return found
}

func bench(ctx context.Context, name string, words []string) (int, error) {
	f, i := newFlags(name, "Time sessions of a plugin, and Reads after the first."), &invocation{}
	i.declare(f)
	runs := f.Int("runs", 10, "how many sessions, `N`")
	calls := f.Int("calls", 0, "how many Reads after the first one of each session, `N`")
	var place cpus
	f.Var(&place, "plugin-cpus", "start the plugin on these CPUs: `LIST`, as 1,3; on those of the host by default")
	fill := f.Bool("fill", false, "apply the manifest after the first Read, so that the later ones find entries")
	if _, err := f.parse(words, 0); err != nil {
		return 0, err
	}
	if *runs < 1 || *calls < 0 {
		return 0, usage("bench: expected --runs of at least 1 and --calls of at least 0, got %d and %d", *runs, *calls)
	}
	if len(place) > 0 && i.transport == "ffi" {
		return 0, usage("bench: --plugin-cpus: a library runs in the host's own process")
	}
	if err := i.load(ctx); err != nil {
		return 0, err
	}
	encoder := json.NewEncoder(stdout)
	for range *runs {
		measured, err := i.measure(ctx, *calls, *fill, place)
		if err != nil {
			return 0, err
		}
		if err := encoder.Encode(measured); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// measure times one session. Of the calls it keeps the times, and nothing else.
func (i *invocation) measure(ctx context.Context, calls int, fill bool, place cpus) (s sample, err error) {
	leave, err := place.enter()
	if err != nil {
		return s, err
	}
	defer leave() // after an error
	begin := time.Now()
	last := begin
	lap := func() float64 {
		now := time.Now()
		defer func() { last = now }()
		return max(now.Sub(last), 1).Seconds()
	}
	parts := map[string]*float64{"started": &s.Spawn, "line": &s.Line, "connected": &s.Connected, "opened": &s.Opened}
	options := i.options
	options.OnPhase = func(name string) {
		leave() // the first phase is over when the plugin has started
		*parts[name] = lap()
	}
	if i.session, err = host.Open(ctx, i.backend, i.transport, options); err != nil {
		return s, err
	}
	defer i.session.Close() // after an error
	request := &pb.ReadRequest{App: &i.manifest.App}
	read := func() error {
		_, err := called(ctx, i, i.session.Read, request)
		return err
	}
	if err := read(); err != nil {
		return s, err
	}
	s.FirstRead, s.Ready = lap(), last.Sub(begin).Seconds()
	if fill {
		plan, err := called(ctx, i, i.session.Plan, &pb.PlanRequest{App: i.manifest.App, Jobs: i.manifest.Jobs})
		if err != nil {
			return s, err
		}
		if err := i.session.Apply(ctx, plan, nil); err != nil {
			return s, err
		}
	}
	for range calls {
		lap()
		if err := read(); err != nil {
			return s, err
		}
		s.Calls = append(s.Calls, lap())
	}
	s.Plugin, s.PluginShare, s.PluginAll = memory(i.session.PID())
	s.Host, s.HostShare, s.HostAll = memory(os.Getpid())
	s.PluginCPUs = cpusOf(i.session.PID())
	lap()
	i.session.Close()
	s.Exit = lap()
	s.Total = s.Ready + s.Exit
	return s, nil
}

// memory is what a process shares with no other, that with its share of the rest, and all that it
// has, in bytes; 0 if that cannot be told.
func memory(pid int) (unique, proportional, resident int) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil || pid == 0 {
		return 0, 0, 0
	}
	for text := range strings.Lines(string(data)) {
		words := strings.Fields(text)
		if len(words) != 3 {
			continue
		}
		kilobytes, _ := strconv.Atoi(words[1])
		switch {
		case strings.HasPrefix(words[0], "Private_"):
			unique += kilobytes << 10
		case words[0] == "Pss:":
			proportional = kilobytes << 10
		case words[0] == "Rss:":
			resident = kilobytes << 10
		}
	}
	return unique, proportional, resident
}

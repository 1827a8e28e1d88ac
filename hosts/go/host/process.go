package host

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"cronix-host/internal/redact"
)

const (
	// exitGrace is how long to wait for the end of a plugin whose pipe or connection has ended, and how
	// long its last words may still be read after its end.
	exitGrace = 500 * time.Millisecond
	// readGrace is how long the stop waits for the end of stderr, which a descendant may hold open.
	readGrace = 200 * time.Millisecond
	killWait  = time.Second // at least, for SIGKILL
)

// process is a plugin's process, which leads a group of its own.
//
// Its number is its own, and the group's, until its status is taken. So one lock is around that and
// around signals; who takes the status kills what is left of the group before.
type process struct {
	name, path string
	redactor   *redact.Redactor
	pid        int
	stdin      *os.File
	stdout     *lineReader
	log        *tail
	drain      *drain // after the handshake, on a socket

	mu      sync.Mutex
	version string
	reaped  bool
	exit    string        // valid once ended is closed
	ended   chan struct{} // closed at the process's end
	stopped sync.Once
}

// lineReader is a plugin's stdout: first a line, then the transport's.
type lineReader struct {
	*bufio.Reader
	file *os.File
}

// environment is the part of the host's that a plugin gets (P-START-2). What holds a secret is not in
// it: a process's environment can be read in /proc (P-SESSION-4).
func environment(secrets, own map[string]string) []string {
	names := []string{"HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"}
	for name := range strings.SplitSeq(os.Getenv("CRONIX_PLUGIN_ENV"), ",") {
		names = append(names, strings.TrimSpace(name))
	}
	var pairs []string
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		secret := false
		for _, text := range secrets {
			secret = secret || text != "" && strings.Contains(value, text)
		}
		if _, set := own[name]; !secret && !set && (slices.Contains(names, name) || strings.HasPrefix(name, "LC_")) {
			pairs = append(pairs, pair)
		}
	}
	for name, value := range own {
		pairs = append(pairs, name+"="+value)
	}
	return pairs
}

// spawn starts an admitted program (P-START-4). What fails later is to be ended by stop.
func spawn(a *admitted, env []string, redactor *redact.Redactor, onLog func(Record)) (*process, error) {
	p := &process{name: a.Name, path: a.Path, redactor: redactor, ended: make(chan struct{})}
	var theirs []*os.File
	pipe := func(childWrites bool) *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			return nil
		}
		if childWrites {
			theirs = append(theirs, w)
			return r
		}
		theirs = append(theirs, r)
		return w
	}
	stdin, stdout, stderr := pipe(false), pipe(true), pipe(true)
	defer func() {
		for _, file := range theirs {
			file.Close()
		}
	}()
	err := error(unix.EMFILE)
	var child *os.Process
	if stdin != nil && stdout != nil && stderr != nil {
		files, file := slices.Clone(theirs), a.file
		if a.memory != nil {
			file = fmt.Sprintf("/proc/self/fd/%d", len(files)) // its number in the child
			files = append(files, a.memory)
		}
		child, err = os.StartProcess(file, []string{a.Path}, &os.ProcAttr{Env: env, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true}})
	}
	if err != nil {
		for _, file := range []*os.File{stdin, stdout, stderr} {
			file.Close() // a nil one too
		}
		failed := &Error{Code: "E-START", Problem: "cannot be started: " + reason(err), Name: a.Name, Path: a.Path, Err: err}
		failed.Action = "it may be for another machine, or its interpreter or loader may be missing"
		if slices.ContainsFunc([]error{unix.EMFILE, unix.ENFILE, unix.EAGAIN, unix.ENOMEM}, func(full error) bool { return errors.Is(err, full) }) {
			failed.Action = "raise the host's limits (ulimit -n, -u, -v), or end other sessions"
		}
		return nil, failed
	}
	p.pid, p.stdin = child.Pid, stdin
	p.stdout = &lineReader{bufio.NewReaderSize(stdout, 64<<10), stdout}
	forbidCore(child.Pid)
	p.log = newTail(a.Name, stderr, redactor, onLog)
	go p.reap(child)
	return p, nil
}

// forbidCore has the kernel write no core of the plugin: secrets would be in it (P-START-5).
func forbidCore(pid int) {
	var limit unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &limit) == nil {
		limit.Cur = min(1, limit.Max)
		_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &limit, nil) // else it has ended, or is another user's
	}
}

// reap waits for the end, kills what is left of the group, and only then frees its number (P-STOP-3).
func (p *process) reap(child *os.Process) {
	for errors.Is(unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	p.signal(syscall.SIGKILL)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	state, err := child.Wait()
	if err != nil {
		p.exit = "a status that the host did not get"
	} else if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		p.exit = "signal " + or(unix.SignalName(status.Signal()), fmt.Sprint(int(status.Signal())))
	} else {
		p.exit = fmt.Sprintf("exit status %d", status.ExitStatus())
	}
	close(p.ended)
}

// signal signals the group, and the process itself if it has left it.
func (p *process) signal(number syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	_ = syscall.Kill(-p.pid, number)
	if group, err := syscall.Getpgid(p.pid); err == nil && group != p.pid {
		_ = syscall.Kill(p.pid, number)
	}
}

// wait waits at most so long for the end, and tells whether it has come.
func (p *process) wait(most time.Duration) bool {
	select {
	case <-p.ended:
		return true
	default:
	}
	select {
	case <-p.ended:
		return true
	case <-time.After(most):
		return false
	}
}

// condition is how it is: "still runs", "is stopped (SIGSTOP)" or "ended with exit status 3".
func (p *process) condition() string {
	if p.wait(0) {
		return "ended with " + p.exit
	}
	if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid)); err == nil {
		if i := strings.LastIndexByte(string(state), ')'); i >= 0 && strings.HasPrefix(string(state[i+1:]), " T") {
			return "is stopped (SIGSTOP)"
		}
	}
	return "still runs"
}

// fail completes an error by what is known of the process.
func (p *process) fail(e *Error) *Error {
	e.Name, e.Path = p.name, p.path
	if p.wait(0) {
		p.log.finished(exitGrace)
		e.Exit = p.exit
	}
	p.mu.Lock()
	e.Version = p.version
	p.mu.Unlock()
	e.Stderr = p.log.lines()
	return e
}

// setVersion takes what the plugin says of itself.
func (p *process) setVersion(version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version = version
}

// stop ends the process by the ladder of P-STOP-1, after CloseSession and the connection: half of
// the time is for the plugin's own way out, a quarter for each signal.
func (p *process) stop(most time.Duration) {
	p.stopped.Do(func() {
		p.stdin.Close()
		if !p.wait(most / 2) {
			p.signal(syscall.SIGTERM)
			if !p.wait(most / 4) {
				p.signal(syscall.SIGKILL)
				p.wait(max(most/4, killWait))
			}
		}
		p.log.finished(readGrace)
		p.log.file.Close()
		p.stdout.file.Close()
	})
}

// drain drops stdout after the handshake, but notices a second line of that kind (P-HANDSHAKE-6).
type drain struct {
	mu     sync.Mutex
	raw    syscall.RawConn
	line   []byte // the beginning of the line that is not complete yet
	second string
}

func (p *process) startDrain() error {
	raw, err := p.stdout.file.SyscallConn()
	if err != nil {
		return err
	}
	p.drain = &drain{raw: raw}
	rest, _ := p.stdout.Peek(p.stdout.Buffered())
	p.drain.search(rest)
	go func() { _ = raw.Read(p.drain.pump) }()
	return nil
}

// pump reads what there is, without waiting. It returns true once nothing more can come.
func (d *drain) pump(descriptor uintptr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	buffer := make([]byte, 4096)
	for {
		n, err := unix.Read(int(descriptor), buffer)
		switch {
		case n > 0:
			d.search(buffer[:n])
		case errors.Is(err, unix.EINTR):
		default:
			return !errors.Is(err, unix.EAGAIN)
		}
	}
}

func (d *drain) search(data []byte) {
	for _, b := range data {
		if b == '\n' {
			d.line = d.line[:0]
		} else if len(d.line) < 200 {
			d.line = append(d.line, b)
		}
		if d.second == "" && isHandshake(d.line) {
			d.second = string(d.line)
		}
	}
}

// secondHandshake returns the second handshake line that has come until now on a drained stdout.
func (p *process) secondHandshake() string {
	if p.drain == nil {
		return ""
	}
	_ = p.drain.raw.Control(func(descriptor uintptr) { p.drain.pump(descriptor) })
	p.drain.mu.Lock()
	defer p.drain.mu.Unlock()
	return p.drain.second
}

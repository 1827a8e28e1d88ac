package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	pb "cronix-host/backendv1"
	"cronix-host/internal/redact"
	"cronix-host/internal/wire"
)

// Version is the host's, as plugins are told.
const Version = "0.1.0"

const writeOnce = "write the line once: two processes that serve are one too many"

// ErrClosed is the error of calls of a session that has been closed.
var ErrClosed = errors.New("the session is closed")

// Options are what an operator decides about a session. The zero value of each is its usual one.
type Options struct {
	// Codec is the transport's usual one by default.
	Codec string
	// Config is the plugin's configuration. Secrets is sent like it, and shown in no text.
	Config, Secrets map[string]string
	// RequiredCapabilities are those without which the plugin refuses the session.
	RequiredCapabilities []string
	Pins                 Pins
	// Bounds of the wait for the handshake (5 s), of OpenSession (10 s), of CloseSession (1 s), and of
	// the rest of the stop (4 s).
	HandshakeTimeout, OpenTimeout, CloseTimeout, StopTimeout time.Duration
	// OnLog is called for each line of the plugin's log, by a goroutine.
	OnLog func(Record)
	// OnPhase is called after each part of the start: started, line, connected, opened.
	OnPhase func(name string)
}

// Session is an open session of a plugin. It is safe for use by several goroutines; calls that write
// wait for each other (P-SESSION-5). Close must be called.
//
// A call's error is an *RPCError if it is the plugin's answer, or the end of the context; an *Error if
// the connection failed, and then nobody knows whether the call was carried out; or ErrClosed.
type Session struct {
	Found
	// Opened is what the plugin answered to OpenSession.
	Opened *pb.OpenSessionReply

	options  Options
	redactor *redact.Redactor
	channel  channel
	process  *process // nil for a library
	version  string
	undo     []func() // in reverse
	tidy     string   // where directories of hosts that were killed may be
	writing  chan struct{}
	lost     atomic.Bool
	closing  chan struct{}
	closed   sync.Once
}

// Open finds, admits and starts a plugin, by its name or path, and opens a session over a transport:
// grpc, jsonrpc, http or ffi. The context is for the opening only. Its error is an *Error, an
// *RPCError or a *UsageError; nothing of the plugin is left behind then.
func Open(ctx context.Context, plugin, transportName string, options Options) (*Session, error) {
	t, err := transportOf(transportName)
	if err != nil {
		return nil, err
	}
	options.defaults(t)
	if !slices.Contains(t.codecs, options.Codec) {
		return nil, &UsageError{fmt.Sprintf("transport %s has no codec %q; it has %s", transportName, options.Codec, strings.Join(t.codecs, ", "))}
	}
	for name, value := range options.Secrets {
		if n := len([]rune(value)); n > 0 && n < redact.Shortest {
			return nil, &UsageError{fmt.Sprintf("secret %s: fewer than %d characters cannot be hidden", name, redact.Shortest)}
		}
	}
	hidden := maps.Clone(options.Secrets)
	at := endpoint{codec: wire.Codecs[options.Codec]}
	if t.kind == socketKind {
		random := make([]byte, 32)
		_, _ = rand.Read(random) // never fails
		at.secret = hex.EncodeToString(random)
		if hidden == nil {
			hidden = map[string]string{}
		}
		hidden["launch secret"] = at.secret
	}
	s := &Session{options: options, redactor: redact.New(hidden), writing: make(chan struct{}, 1), closing: make(chan struct{})}
	if err := s.open(ctx, plugin, transportName, t, at); err != nil {
		err = s.blame(err, false)
		s.Close()
		return nil, err
	}
	return s, nil
}

func transportOf(name string) (*transport, error) {
	if t, ok := transports[name]; ok {
		return t, nil
	}
	return nil, &UsageError{fmt.Sprintf("no transport %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(transports)), ", "))}
}

func (o *Options) defaults(t *transport) {
	o.Codec = or(o.Codec, t.codecs[0])
	for bound, usual := range map[*time.Duration]time.Duration{
		&o.HandshakeTimeout: 5 * time.Second, &o.OpenTimeout: 10 * time.Second, &o.CloseTimeout: time.Second, &o.StopTimeout: 4 * time.Second,
	} {
		if *bound <= 0 {
			*bound = usual
		}
	}
	if o.OnPhase == nil {
		o.OnPhase = func(string) {}
	}
}

func (s *Session) open(ctx context.Context, plugin, name string, t *transport, at endpoint) (err error) {
	if s.Found, err = Discover(plugin, t.kind == libraryKind); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	a, err := admit(s.Found, s.options.Pins, t.kind == libraryKind)
	if err != nil {
		return err
	}
	if t.kind == libraryKind {
		err = s.load(name, t, at, a)
	} else {
		err = s.launch(ctx, name, t, at, a)
	}
	if err != nil {
		return err
	}
	s.options.OnPhase("connected")
	if err := s.negotiate(ctx); err != nil {
		return err
	}
	s.options.OnPhase("opened")
	return nil
}

// load opens a library, whose bytes stay for as long as this process lives (P-FFI-1).
func (s *Session) load(name string, t *transport, at endpoint, a *admitted) (err error) {
	at.library = libraryPath(a)
	if s.channel, err = t.open(at); err != nil {
		return err
	}
	words, err := checkHandshake(s.channel.(handshaker).line(), name, s.options.Codec, "library")
	s.version = Clean(cut(words["version"]))
	return err
}

// launch starts a program, and reads its handshake.
func (s *Session) launch(ctx context.Context, name string, t *transport, at endpoint, a *admitted) (err error) {
	s.undo = append(s.undo, a.undo)
	own := map[string]string{"CRONIX_PLUGIN_TRANSPORT": name, "CRONIX_PLUGIN_CODEC": s.options.Codec}
	place := "stdio"
	if t.kind == socketKind {
		directory, err := socketDirectory(s.Name)
		if err != nil {
			return err
		}
		s.undo = append(s.undo, directory.remove)
		s.tidy = filepath.Dir(directory.path)
		place = filepath.Join(directory.path, "s")
		at.socket, own["CRONIX_PLUGIN_SOCKET"] = place, place
	}
	p, err := spawn(a, environment(s.options.Secrets, own), s.redactor, s.options.OnLog)
	if err != nil {
		return err
	}
	s.process = p
	s.undo = append(s.undo, func() { p.stop(s.options.StopTimeout) })
	s.options.OnPhase("started")
	if t.kind == socketKind {
		_, _ = p.stdin.WriteString(at.secret + "\n") // one that has ended is noticed by its line
	}
	at.stdin, at.stdout = p.stdin, p.stdout
	if s.channel, err = t.open(at); err != nil {
		return err
	}
	line, err := p.readHandshake(ctx, s.options.HandshakeTimeout)
	if err != nil {
		return err
	}
	if early, ok := s.channel.(connecter); ok {
		early.connect()
	}
	s.options.OnPhase("line")
	words, err := checkHandshake(line, name, s.options.Codec, place)
	if err != nil {
		return err
	}
	s.version = Clean(cut(words["version"]))
	p.setVersion(s.version)
	if t.kind == socketKind {
		if err := p.startDrain(); err != nil {
			return err
		}
	}
	go s.watch()
	return nil
}

// watch ends the calls of a plugin that has ended: its wire may be held open by a descendant.
func (s *Session) watch() {
	select {
	case <-s.process.ended:
	case <-s.closing:
		return
	}
	select { // its last words may still be read
	case <-time.After(exitGrace):
		s.lost.Store(true)
		s.channel.close()
	case <-s.closing:
	}
}

// negotiate opens the session (P-SESSION).
func (s *Session) negotiate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.OpenTimeout)
	defer cancel()
	config := maps.Clone(s.options.Config)
	if config == nil {
		config = map[string]string{}
	}
	maps.Copy(config, s.options.Secrets)
	request := &pb.OpenSessionRequest{HostVersion: Version, ProtocolVersions: []int32{1}, Config: config, RequiredCapabilities: s.options.RequiredCapabilities}
	reply := &pb.OpenSessionReply{}
	err := s.channel.call(ctx, "OpenSession", request, reply)
	var answer *RPCError
	if errors.As(err, &answer) && answer.Details.GetReason() == "PROTOCOL_VERSION" {
		return s.mismatch(parseVersions(answer.Details.GetExpected()))
	}
	if err != nil {
		return err
	}
	s.Opened = reply
	s.version = Clean(cut(reply.PluginVersion))
	if s.process != nil {
		s.process.setVersion(s.version)
	}
	if reply.ProtocolVersion != 1 {
		return s.mismatch([]int{int(reply.ProtocolVersion)})
	}
	return s.twice()
}

// twice is the error of a second handshake line that has come on a socket's stdout.
func (s *Session) twice() error {
	if s.process == nil {
		return nil
	}
	if second := s.process.secondHandshake(); second != "" {
		return &Error{Code: "E-HANDSHAKE-TWICE", Problem: fmt.Sprintf("the plugin sent a second handshake line: %q", second), Action: writeOnce}
	}
	return nil
}

var versionSet = regexp.MustCompile(`^\{[0-9]{1,9}(,[0-9]{1,9})*\}$`)

func parseVersions(text string) (versions []int) {
	if versionSet.MatchString(text) {
		for word := range strings.SplitSeq(strings.Trim(text, "{}"), ",") {
			number, _ := strconv.Atoi(word)
			versions = append(versions, number)
		}
	}
	slices.Sort(versions)
	return versions
}

func (s *Session) mismatch(theirs []int) error {
	set := "{?}"
	if len(theirs) > 0 {
		set = strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(theirs), " ", ","), "[", "{")
		set = strings.ReplaceAll(set, "]", "}")
	}
	action := "Install a release of the plugin that speaks one of {1}."
	switch {
	case len(theirs) > 0 && theirs[len(theirs)-1] < 1:
		action = fmt.Sprintf("The plugin is too old: install a release that speaks 1, or use a host that speaks %d.", theirs[len(theirs)-1])
	case len(theirs) > 0 && theirs[0] > 1:
		action = fmt.Sprintf("The host is too old: use a host that speaks %d, or install a release of the plugin that speaks 1.", theirs[0])
	}
	return &Error{Code: "E-PROTO-MISMATCH", Problem: fmt.Sprintf("speaks protocol %s; this host speaks {1}.", set), Expected: "{1}", Got: set, Action: action}
}

// blame says whose failure an error is, and hides secrets in it. writes: whether the call changes something.
func (s *Session) blame(err error, writes bool) error {
	var failed *Error
	var answer *RPCError
	switch {
	case errors.As(err, &answer):
		return hide(s.notes(answer), s.redactor)
	case errors.As(err, &failed): // of the start
		failed = &Error{Code: failed.Code, Problem: failed.Problem, Name: failed.Name, Path: failed.Path, Expected: failed.Expected, Got: failed.Got, Action: failed.Action, Err: failed.Err}
	default:
		select {
		case <-s.closing:
			return ErrClosed
		default:
		}
		failed = &Error{Code: "E-CALL", Problem: err.Error(), Err: err}
		var actions []string
		if writes {
			actions = append(actions, "whether the call was carried out is unknown: read, then plan again")
		}
		if s.lost.Load() {
			failed.Problem = "the plugin has ended"
		}
		if s.process != nil {
			if !s.process.wait(exitGrace) {
				failed.Problem += "; the plugin " + s.process.condition()
			} else if s.process.exit == "signal SIGKILL" {
				actions = append(actions, "for the memory of a process it is the kernel that kills, and its log says so")
			}
		}
		failed.Action = strings.Join(actions, "; ")
		var second *Error
		if s.process != nil && errors.As(s.twice(), &second) {
			failed = second
		}
	}
	if s.process != nil {
		failed = s.process.fail(failed)
	}
	failed.Name, failed.Path, failed.Version = or(failed.Name, s.Name), or(failed.Path, s.Path), or(failed.Version, s.version)
	failed.Problem = bounded(failed.Problem)
	return hide(failed, s.redactor)
}

// notes adds whose answer an error is, and what is known of a plugin that hangs or has a bug.
func (s *Session) notes(e *RPCError) *RPCError {
	note := fmt.Sprintf("from backend %q", s.Name)
	if where := strings.TrimSpace(s.Path + " " + s.version); where != "" {
		note += " (" + where + ")"
	}
	e.Notes = []string{note}
	slow := e.Code == "DEADLINE_EXCEEDED"
	if s.process == nil || !slow && e.Details.GetReason() != "PANIC" {
		return e
	}
	e.Notes = append(e.Notes, "the plugin "+s.process.condition())
	if lines := s.process.log.lines(); len(lines) > 0 {
		e.Notes = append(append(e.Notes, "its last lines on stderr:"), lines...)
	}
	if slow {
		e.Notes = append(e.Notes, "allow it more time, or see what it does; a session that is closed ends it")
	}
	return e
}

// Close calls CloseSession, ends the connection, and stops the plugin within the options' bounds
// (P-STOP-1). It may be called again.
func (s *Session) Close() {
	s.closed.Do(func() {
		if s.Opened != nil {
			ctx, cancel := context.WithTimeout(context.Background(), s.options.CloseTimeout)
			_ = s.channel.call(ctx, "CloseSession", &pb.CloseSessionRequest{}, &pb.CloseSessionReply{})
			cancel()
		}
		close(s.closing)
		if s.channel != nil {
			s.channel.close()
		}
		swept := make(chan struct{})
		go func() { // while the plugin ends: a start should not have to wait for it
			defer close(swept)
			if s.tidy != "" {
				sweep(s.tidy)
			}
		}()
		for _, undo := range slices.Backward(s.undo) {
			undo()
		}
		<-swept
	})
}

// turn waits until no other call writes.
func (s *Session) turn(ctx context.Context) (done func(), err error) {
	select {
	case s.writing <- struct{}{}:
		return func() { <-s.writing }, nil
	case <-ctx.Done():
		return nil, ended(ctx)
	case <-s.closing:
		return nil, ErrClosed
	}
}

// call makes a call with one reply. The wire waits no longer than the deadline, but to read a large
// reply takes time too.
func (s *Session) call(ctx context.Context, method string, writes bool, request, reply proto.Message) error {
	if writes {
		done, err := s.turn(ctx)
		if err != nil {
			return err
		}
		defer done()
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	err := s.channel.call(ctx, method, request, reply)
	if err == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = ended(ctx)
	}
	if err != nil {
		return s.blame(err, writes)
	}
	return nil
}

// Read returns the owned entries of an app, or of all.
func (s *Session) Read(ctx context.Context, request *pb.ReadRequest) (*pb.ReadReply, error) {
	reply := &pb.ReadReply{}
	return reply, s.call(ctx, "Read", false, request, reply)
}

// Plan returns what it takes to make an app's entries those of the desired jobs.
func (s *Session) Plan(ctx context.Context, request *pb.PlanRequest) (*pb.PlanReply, error) {
	reply := &pb.PlanReply{}
	return reply, s.call(ctx, "Plan", false, request, reply)
}

// Drift returns how an app's entries differ from the desired jobs.
func (s *Session) Drift(ctx context.Context, request *pb.DriftRequest) (*pb.DriftReply, error) {
	reply := &pb.DriftReply{}
	return reply, s.call(ctx, "Drift", false, request, reply)
}

// Prune removes the entries of an app whose jobs are not to be kept.
func (s *Session) Prune(ctx context.Context, request *pb.PruneRequest) (*pb.PruneReply, error) {
	reply := &pb.PruneReply{}
	return reply, s.call(ctx, "Prune", true, request, reply)
}

// Adopt marks existing entries of a job as owned.
func (s *Session) Adopt(ctx context.Context, request *pb.AdoptRequest) (*pb.AdoptReply, error) {
	reply := &pb.AdoptReply{}
	return reply, s.call(ctx, "Adopt", true, request, reply)
}

// VerifyOwnership judges each entry of an app.
func (s *Session) VerifyOwnership(ctx context.Context, request *pb.VerifyOwnershipRequest) (*pb.VerifyOwnershipReply, error) {
	reply := &pb.VerifyOwnershipReply{}
	return reply, s.call(ctx, "VerifyOwnership", false, request, reply)
}

// PID is the number of the plugin's process; 0 for a library.
func (s *Session) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.pid
}

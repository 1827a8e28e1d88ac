// Package manifest reads manifests, version 1: the jobs of an app as cronix's users write them. A
// manifest is checked whole and normalised: jobs are sorted by name, defaults are filled in.
package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // so that a manifest is valid on every machine or on none
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	pb "cronix-host/backendv1"
	"cronix-host/internal/input"
	"cronix-host/internal/wire"
)

const (
	maxJobs      = 256
	maxSchedules = 64
	maxSums      = 64
	mostProblems = 20 // that are told in full
)

// Manifest is a valid, normalised manifest.
type Manifest struct {
	App string
	// Jobs have their hashes, which a host computes (P-PLAN-2).
	Jobs []*pb.DesiredJob
	// Plugins are the pins: sums of files, by the plugins' names (P-TRUST-1).
	Plugins map[string][]string
}

// Error is a manifest that is not valid, or cannot be read.
type Error struct {
	Source   string
	Problems []string // each with its path: jobs/0/schedules/1: ...
}

// Error implements error, with a line for each problem.
func (e *Error) Error() string {
	var lines []string
	for _, problem := range e.Problems[:min(len(e.Problems), mostProblems)] {
		lines = append(lines, e.Source+": "+problem)
	}
	if more := len(e.Problems) - mostProblems; more > 0 {
		lines = append(lines, fmt.Sprintf("%s: and %d more problems", e.Source, more))
	}
	return strings.Join(lines, "\n")
}

// Load reads the manifest in a file. Its error is an *Error, or that of the context.
func Load(ctx context.Context, path string) (*Manifest, error) {
	data, err := input.Read(ctx, path, wire.MaxMessage)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &Error{path, []string{"expected a readable file, got: " + err.Error()}}
	}
	return Parse(data, path)
}

// reader collects what is wrong.
type reader struct{ problems []string }

func (r *reader) add(path, format string, arguments ...any) {
	r.problems = append(r.problems, strings.TrimPrefix(path+": "+fmt.Sprintf(format, arguments...), ": "))
}

var (
	nameLetters = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	refLetters  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_:./-]*$`)
	isSum       = regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString
	isToken     = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$").MatchString
	methods     = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
)

// Lengths are checked beside the letters, as patterns with long counts compile slowly.
func isName(text string) bool { return len(text) <= 63 && nameLetters.MatchString(text) }

func isSecretRef(text string) bool { return len(text) <= 128 && refLetters.MatchString(text) }

// Parse reads the manifest in a JSON text. source is its name in an *Error.
func Parse(data []byte, source string) (*Manifest, error) {
	if problem := malformed(data); problem != "" {
		return nil, &Error{source, []string{problem}}
	}
	r := &reader{}
	m := &Manifest{Plugins: map[string][]string{}}
	members := r.object("", data, "version", "app", "jobs", "plugins")
	if members != nil {
		if got := string(members["version"]); got != "1" {
			r.add("version", "expected 1, got %.60s", orNone(got))
		}
		if m.App = r.text("app", members["app"]); r.problems == nil && !isName(m.App) {
			r.add("app", "expected %s, got %.60q", aName, m.App)
		}
		seen := map[string]string{}
		for i, data := range r.array("jobs", members["jobs"], maxJobs) {
			path := fmt.Sprintf("jobs/%d", i)
			job := r.job(path, data)
			if first := seen[job.Name]; first != "" {
				r.add(path+"/name", "expected each job name once, got %q also at %s", job.Name, first)
			}
			seen[job.Name] = path + "/name"
			m.Jobs = append(m.Jobs, &pb.DesiredJob{Job: job})
		}
		r.pins(m, members["plugins"])
	}
	if r.problems != nil {
		return nil, &Error{source, r.problems}
	}
	slices.SortFunc(m.Jobs, func(a, b *pb.DesiredJob) int { return strings.Compare(a.Job.Name, b.Job.Name) })
	for _, desired := range m.Jobs {
		desired.Hashes = hashes(desired.Job)
	}
	return m, nil
}

const (
	aName    = `a name of 1 to 63 characters a-z, 0-9 and "-" that begins with a letter`
	maxDepth = 64 // levels of nesting: more than a manifest needs
)

// malformed says why a text is no JSON, and where; empty if it is.
func malformed(data []byte) string {
	err := wire.Check(data, maxDepth)
	var wrong *wire.SyntaxError
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return "expected UTF-8 without a byte order mark, got one at its start"
	case len(bytes.TrimSpace(data)) == 0:
		return "expected a JSON object, got an empty file"
	case !utf8.Valid(data):
		return "expected UTF-8, got other bytes"
	case !errors.As(err, &wrong):
		return ""
	}
	before := data[:wrong.At]
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d: %s", bytes.Count(before, []byte("\n"))+1, column, wrong.Problem)
}

// kind is what a JSON value is, with its article.
func kind(data []byte) string {
	switch first := bytes.TrimLeft(data, " \t\r\n"); {
	case len(first) == 0:
		return "none"
	case first[0] == '[':
		return "an array"
	case first[0] == '{':
		return "an object"
	case first[0] == '"':
		return "a string"
	default:
		return fmt.Sprintf("%.60s", bytes.TrimSpace(first))
	}
}

// object reads an object that has no other members; nil if it is none.
func (r *reader) object(path string, data []byte, known ...string) map[string][]byte {
	members, _, err := wire.Members(data)
	if err != nil { // for Parse has found the text to be JSON
		r.add(path, "expected an object, got %s", kind(data))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if known != nil && !slices.Contains(known, name) {
			r.add(strings.TrimPrefix(path+"/"+name, "/"), "unknown member; expected one of %s", strings.Join(known, ", "))
		}
	}
	return members
}

func (r *reader) array(path string, data []byte, most int) []json.RawMessage {
	var items []json.RawMessage
	if json.Unmarshal(data, &items) != nil || len(items) == 0 || len(items) > most {
		r.add(path, "expected an array of 1 to %d items, got %.60s", most, orNone(string(data)))
	}
	return items[:min(len(items), most)]
}

func (r *reader) text(path string, data []byte) string {
	holder := &pb.ErrorDetails{} // any message with a text: its codec is strict
	if err := (wire.JSON{}).Decode(append(append([]byte(`{"reason":`), data...), '}'), holder); err != nil {
		r.add(path, "expected a string, got %.60s", orNone(string(data)))
	}
	return holder.Reason
}

func (r *reader) pins(m *Manifest, data []byte) {
	if data == nil {
		return
	}
	for name, block := range r.object("plugins", data) {
		path := "plugins/" + name
		if !isName(name) {
			r.add(path, "expected %s", aName)
		}
		sums := r.object(path, block, "sha256")["sha256"]
		items := []json.RawMessage{sums}
		if bytes.HasPrefix(sums, []byte("[")) {
			items = r.array(path+"/sha256", sums, maxSums)
		}
		for _, item := range items {
			sum := r.text(path+"/sha256", item)
			if !isSum(sum) {
				r.add(path+"/sha256", "expected 64 lower-case hex digits, got %.70q", sum)
			}
			m.Plugins[name] = append(m.Plugins[name], sum)
		}
	}
}

// job reads a job over the defaults.
func (r *reader) job(path string, data []byte) *pb.Job {
	job := &pb.Job{
		Timezone: "UTC",
		Request:  &pb.HttpRequest{Method: "POST"},
		Policy: &pb.Policy{
			Concurrency: pb.Concurrency_CONCURRENCY_FORBID, ConcurrencyScope: pb.ConcurrencyScope_CONCURRENCY_SCOPE_HOST,
			TimeoutSeconds: 60, Retries: &pb.Retries{MaxAttempts: 3, MinSeconds: 1, MaxSeconds: 60},
		},
		Auth: &pb.Auth{},
	}
	members := r.object(path, data, "name", "schedule", "schedules", "timezone", "request", "policy", "auth")
	if members == nil {
		return job
	}
	one, several := members["schedule"], members["schedules"]
	if (one == nil) == (several == nil) {
		r.add(path, `expected "schedule" or "schedules", and not both`)
		return job
	}
	if one != nil {
		members["schedules"] = slices.Concat([]byte("["), one, []byte("]"))
		delete(members, "schedule")
	}
	var text []byte
	for name, value := range members {
		text = append(append(wire.AppendText(append(text, ','), name), ':'), value...)
	}
	text[0] = '{'
	if err := (wire.JSON{Strict: true}).Decode(append(text, '}'), job); err != nil {
		problem := err.Error()
		if one != nil {
			problem = strings.Replace(problem, "schedules/0", "schedule", 1)
		}
		r.problems = append(r.problems, path+"/"+problem)
		return job
	}
	r.check(path, job, one != nil)
	if refs, _, _ := wire.Members(members["auth"]); refs["secret_refs"] != nil && len(job.Auth.SecretRefs) == 0 {
		r.add(path+"/auth/secret_refs", "expected an array of 1 to 8 items, got 0")
	}
	return job
}

func (r *reader) check(path string, job *pb.Job, single bool) {
	require := func(ok bool, member, format string, arguments ...any) {
		if !ok {
			r.add(path+"/"+member, format, arguments...)
		}
	}
	within := func(value int32, low, high int32, member string) {
		require(low <= value && value <= high, member, "expected an integer from %d to %d, got %d", low, high, value)
	}
	require(isName(job.Name), "name", "expected %s, got %.60q", aName, job.Name)
	require(1 <= len(job.Schedules) && len(job.Schedules) <= maxSchedules, "schedules", "expected an array of 1 to %d items, got %d", maxSchedules, len(job.Schedules))
	for i, schedule := range job.Schedules {
		job.Schedules[i] = strings.TrimSpace(schedule)
		err := checkSchedule(job.Schedules[i])
		member := fmt.Sprintf("schedules/%d", i)
		if single {
			member = "schedule"
		}
		require(err == nil, member, "%v", err)
	}
	_, err := time.LoadLocation(job.Timezone)
	require(err == nil && job.Timezone != "" && job.Timezone != "Local", "timezone", "expected the name of an IANA time zone, got %.60q", job.Timezone)
	request, policy, retries := job.Request, job.Policy, job.Policy.Retries
	require(slices.Contains(methods, request.Method), "request/method", "expected one of %s, got %.60q", strings.Join(methods, ", "), request.Method)
	require(isURL(request.Url), "request/url", "expected an http or https URL with a host") // which may hold a password
	for name, value := range request.Headers {
		require(isToken(name), "request/headers", "expected a header name (letters, digits, -), got %.60q", name)
		control := func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
		require(!strings.ContainsFunc(value, control), "request/headers/"+name, "expected a header value without control characters")
	}
	within(policy.TimeoutSeconds, 1, 600, "policy/timeout_seconds")
	within(retries.MaxAttempts, 1, 10, "policy/retries/max_attempts")
	within(retries.MinSeconds, 0, 1<<31-1, "policy/retries/min_seconds")
	within(retries.MaxSeconds, 1, 1<<31-1, "policy/retries/max_seconds")
	require(retries.MinSeconds <= retries.MaxSeconds, "policy/retries", "expected min_seconds <= max_seconds, got %d > %d (defaults counted)", retries.MinSeconds, retries.MaxSeconds)
	require(len(job.Auth.SecretRefs) <= 8, "auth/secret_refs", "expected an array of 1 to 8 items, got %d", len(job.Auth.SecretRefs))
	for _, ref := range job.Auth.SecretRefs {
		require(isSecretRef(ref), "auth/secret_refs", "expected a reference of 1 to 128 letters, digits and \"_:./-\" that begins with a letter, got %.60q", ref)
	}
}

func isURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Hostname() != "" && !strings.ContainsAny(text, " \t\r\n")
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// hashes are cronix's, one for each schedule: FNV-1a, with an offset of cronix's own, of the job as
// the only one of a manifest in the bytes that encoding/json writes, and then of the schedule's
// position.
func hashes(job *pb.Job) (all []string) {
	const offset, prime = 1469598103934665603, 1099511628211
	whole, err := wire.JSON{Whole: true}.Encode(nil, proto.Message(job))
	if err != nil {
		panic(errors.New("a job that has been checked cannot be written")) // its texts are UTF-8
	}
	var canonical bytes.Buffer
	json.HTMLEscape(&canonical, slices.Concat([]byte(`{"version":1,"app":"_hash_","jobs":[`), whole, []byte("]}")))
	state := uint64(offset)
	for _, b := range canonical.Bytes() {
		state = (state ^ uint64(b)) * prime
	}
	for i := range job.Schedules {
		all = append(all, fmt.Sprintf("%016x", (state^uint64(i))*prime))
	}
	return all
}

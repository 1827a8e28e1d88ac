// Package memory is a scheduler that keeps its entries in memory, and the seven operations on it.
// Nothing else writes to it, so there are no marks that cannot be read, no foreign entries, and no
// copies of one.
package memory

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	pb "cronix-backend-memory/internal/backendv1"
)

// jobs holds the entries of one app: by job, each job's by index. It is replaced and never changed,
// as are the entries.
type jobs map[string][]*pb.Entry

// Store holds the entries of all apps.
type Store struct {
	mu   sync.Mutex
	apps map[string]jobs
}

// New makes an empty store.
func New() *Store { return &Store{apps: map[string]jobs{}} }

// app returns one app's entries at one moment.
func (s *Store) app(name string) jobs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apps[name]
}

// all returns the entries of every app at one moment, in order (P-READ-1).
func (s *Store) all() []*pb.Entry {
	s.mu.Lock()
	apps := maps.Clone(s.apps)
	s.mu.Unlock()
	var entries []*pb.Entry
	for _, name := range slices.Sorted(maps.Keys(apps)) {
		entries = append(entries, apps[name].entries()...)
	}
	return entries
}

// change gives one app the jobs that edit makes of its present ones; nil leaves all as it is.
func (s *Store) change(app string, edit func(present jobs) jobs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after := edit(s.apps[app]); after != nil {
		s.apps[app] = after
	}
}

// with returns a copy in which job has these entries.
func (j jobs) with(job string, entries []*pb.Entry) jobs {
	after := jobs{}
	maps.Copy(after, j)
	if len(entries) == 0 {
		delete(after, job)
	} else {
		after[job] = entries
	}
	return after
}

// entries returns all entries by job and index.
func (j jobs) entries() []*pb.Entry {
	var entries []*pb.Entry
	for _, job := range slices.Sorted(maps.Keys(j)) {
		entries = append(entries, j[job]...)
	}
	return entries
}

// digest depends on content and order of the entries only (P-PLAN-5).
func (j jobs) digest() string {
	sum := sha256.New()
	var line []byte
	for _, e := range j.entries() {
		line = line[:0]
		for _, text := range []string{e.Job, e.Hash, meaning(e.Schedule), e.Command} {
			line = protowire.AppendString(line, text)
		}
		sum.Write(line)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// same says whether two jobs' entries have equal content.
func same(a, b []*pb.Entry) bool { return slices.EqualFunc(a, b, sameEntry) }

func sameEntry(a, b *pb.Entry) bool {
	return a.GetApp() == b.GetApp() && a.GetJob() == b.GetJob() && a.GetIndex() == b.GetIndex() &&
		a.GetHash() == b.GetHash() && a.GetCommand() == b.GetCommand() &&
		meaning(a.GetSchedule()) == meaning(b.GetSchedule())
}

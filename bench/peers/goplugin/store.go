package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	pb "goplugin/readv1"
)

// prefix begins the name of an app; the number of its entries follows.
const prefix = "bench-"

// store has apps with as many entries as their name says, each made when it is first read.
type store struct {
	mu      sync.Mutex
	entries map[string][]*pb.Entry
}

// Read returns an app's entries.
func (s *store) Read(_ context.Context, request *pb.ReadRequest) (*pb.ReadReply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := request.GetApp()
	if _, known := s.entries[app]; !known {
		count, err := strconv.Atoi(strings.TrimPrefix(app, prefix))
		if err != nil {
			return nil, fmt.Errorf("app %q is not %sNUMBER", app, prefix)
		}
		s.entries[app] = made(app, count)
	}
	return &pb.ReadReply{Entries: s.entries[app]}, nil
}

// made has the entries that plugins/go answers with for such an app, byte for byte as long.
func made(app string, count int) []*pb.Entry {
	entries := make([]*pb.Entry, count)
	for i := range entries {
		job := fmt.Sprintf("invoice-sync-%03d", i)
		entries[i] = &pb.Entry{
			App: app, Job: job, Hash: fmt.Sprintf("%016x", uint64(i)*0x9E3779B97F4A7C15),
			Schedule: fmt.Sprintf("%d %d * * *", i*7%60, i%24), Command: "cronix trigger " + app + "." + job,
			Location: "memory",
		}
	}
	return entries
}

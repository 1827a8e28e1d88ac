package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	pb "goplugin/readv1"
)

// store has apps whose name is the number of their entries, each made when it is first read.
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
		count, err := strconv.Atoi(app)
		if err != nil {
			return nil, fmt.Errorf("app %q is not a number", app)
		}
		s.entries[app] = made(app, count)
	}
	return &pb.ReadReply{Entries: s.entries[app]}, nil
}

// made has entries of the size of those that the protocol's own plugins answer with.
func made(app string, count int) []*pb.Entry {
	entries := make([]*pb.Entry, count)
	for i := range entries {
		job := fmt.Sprintf("invoice-sync-%03d", i)
		entries[i] = &pb.Entry{
			App: app, Job: job, Hash: fmt.Sprintf("%016x", uint64(i)*0x9E3779B97F4A7C15),
			Schedule: fmt.Sprintf("%d %d * * *", i*7%60, i%24), Command: "run bench-10." + job,
			Location: fmt.Sprintf("entry %d", i),
		}
	}
	return entries
}

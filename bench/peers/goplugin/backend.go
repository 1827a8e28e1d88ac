package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pb "goplugin/readv1"
)

// Backend is the interface that the plugin implements, and that the host calls.
type Backend interface {
	Read(ctx context.Context, app string) ([]*pb.Entry, error)
}

// read makes one call for an app of so many entries, and counts them.
func read(backend Backend, entries int) error {
	found, err := backend.Read(context.Background(), fmt.Sprint(prefix, entries))
	if err != nil {
		return err
	}
	if len(found) != entries {
		return fmt.Errorf("%d entries, not %d", len(found), entries)
	}
	return nil
}

// backendPlugin joins the interface and gRPC, as go-plugin asks for it.
type backendPlugin struct{ plugin.NetRPCUnsupportedPlugin }

// GRPCServer registers the plugin's service.
func (backendPlugin) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	server.RegisterService(&service, &store{entries: map[string][]*pb.Entry{}})
	return nil
}

// GRPCClient returns what the host calls.
func (backendPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return client{conn}, nil
}

type client struct{ conn *grpc.ClientConn }

// Read calls the plugin.
func (c client) Read(ctx context.Context, app string) ([]*pb.Entry, error) {
	reply := new(pb.ReadReply)
	err := c.conn.Invoke(ctx, "/read.v1.Backend/Read", &pb.ReadRequest{App: &app}, reply)
	return reply.GetEntries(), err
}

// server is what protoc-gen-go-grpc would declare.
type server interface {
	Read(context.Context, *pb.ReadRequest) (*pb.ReadReply, error)
}

var service = grpc.ServiceDesc{
	ServiceName: "read.v1.Backend",
	HandlerType: (*server)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Read",
		Handler: func(impl any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			request := new(pb.ReadRequest)
			if err := decode(request); err != nil {
				return nil, err
			}
			return impl.(server).Read(ctx, request)
		},
	}},
}

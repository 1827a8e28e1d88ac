package host_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "cronix-host/backendv1"
	"cronix-host/host"
)

func ExampleOpen() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	session, err := host.Open(ctx, "./cronix-backend-none", "grpc", host.Options{Config: map[string]string{"path": "crontab"}})
	var failed *host.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Code, "-", failed.Action)
		return
	}
	defer session.Close()
	app := "billing"
	reply, err := session.Read(ctx, &pb.ReadRequest{App: &app})
	fmt.Println(len(reply.GetEntries()), err)
	// Output: E-NOT-FOUND - check the path
}

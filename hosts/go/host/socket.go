package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// dial connects to a plugin's socket, at which this user must listen (P-AUTH-3). Its error is an
// *Error.
func dial(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, &Error{
			Code: "E-CONNECT", Problem: fmt.Sprintf("cannot connect to %s: %s", path, reason(err)), Err: err,
			Action: "a plugin writes its handshake line once it listens, not before",
		}
	}
	if err := sameUser(conn.(*net.UnixConn)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// sameUser asks the kernel who it was when the socket began to listen.
func sameUser(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(descriptor uintptr) {
		peer, failed = unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if int(peer.Uid) != os.Geteuid() {
		return &Error{
			Code: "E-PEER", Problem: fmt.Sprintf("another user's process (%d) listens at the socket", peer.Pid),
			Expected: fmt.Sprintf("user %d", os.Geteuid()), Got: fmt.Sprintf("user %d", peer.Uid),
			Action: "the plugin must listen as its own user: find out who owns that process",
		}
	}
	return nil
}

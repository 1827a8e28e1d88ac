package serve

import (
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

// secret is what each call has to carry (P-AUTH-1).
type secret []byte

// shown says whether a call has shown the secret, once, in a time that does not depend on how much of
// it is right (P-AUTH-2).
func (s secret) shown(values []string) bool {
	return len(values) == 1 && subtle.ConstantTimeCompare(s, []byte(values[0])) == 1
}

var isSecretLine = regexp.MustCompile(`^[0-9a-f]+\n$`).Match

func readSecret(stdin io.Reader) (secret, error) {
	line := make([]byte, 65)
	if _, err := io.ReadFull(stdin, line); err != nil || !isSecretLine(line) {
		return nil, errors.New("stdin does not begin with a launch's secret: a host has to start this plugin")
	}
	return line[:64], nil
}

// onSocket makes a transport of what serves a listener until the process ends.
func onSocket(serve func(net.Listener, secret, launch) error) func(launch) error {
	return func(l launch) error {
		known, err := readSecret(l.stdin)
		if err != nil {
			return err
		}
		listener, err := listen(l.socket)
		if err != nil {
			return err
		}
		// Either alone is enough: the host removes them as well (P-STOP-4).
		defer os.Remove(filepath.Dir(l.socket))
		defer listener.Close() // removes the socket
		end := make(chan error, 2)
		go func() { end <- serve(listener, known, l) }()
		go func() {
			_, _ = io.Copy(io.Discard, l.stdin)
			end <- nil // P-STOP-2: calls that do not end are not waited for
		}()
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		if err := l.handshake(l.socket); err != nil {
			return err
		}
		select {
		case err := <-end:
			return err
		case <-terminated:
			return nil
		}
	}
}

// listen makes the socket, which only this user can connect to (P-START-1).
func listen(path string) (net.Listener, error) {
	defer syscall.Umask(syscall.Umask(0o177))
	return net.Listen("unix", path)
}

// Package serve starts the transport that the host asks for, and ends it with the host (P-START,
// P-AUTH, P-HANDSHAKE, P-STOP).
package serve

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"cronix-backend-memory/internal/session"
	"cronix-backend-memory/internal/wire"
)

// transports holds each transport with its codecs, the usual one first.
var transports = map[string]struct {
	codecs []string
	serve  func(launch) error
}{
	"grpc":    {[]string{"protobuf", "json"}, onSocket(serveGRPC)},
	"http":    {[]string{"json", "protobuf"}, onSocket(serveHTTP)},
	"jsonrpc": {[]string{"json"}, serveJSONRPC},
}

// launch is what the host asks for, and what it is answered on.
type launch struct {
	transport string
	codec     wire.Codec
	socket    string
	stdin     *os.File
	stdout    *os.File
	session   *session.Session
}

// Run serves until the host ends the session. An error is for a person who reads stderr.
func Run() error {
	name := os.Getenv("CRONIX_PLUGIN_TRANSPORT")
	if name == "" {
		return errors.New("this is a plugin of cronix: a host has to start it")
	}
	transport, ok := transports[name]
	if !ok {
		return fmt.Errorf("no transport %q", name)
	}
	codec := os.Getenv("CRONIX_PLUGIN_CODEC")
	if codec == "" {
		codec = transport.codecs[0]
	}
	if !slices.Contains(transport.codecs, codec) {
		return fmt.Errorf("no codec %q over %s, only %s", codec, name, strings.Join(transport.codecs, ", "))
	}
	stdin, stdout, err := moveStreams()
	if err != nil {
		return err
	}
	return transport.serve(launch{
		transport: name,
		codec:     wire.Codecs[codec],
		socket:    os.Getenv("CRONIX_PLUGIN_SOCKET"),
		stdin:     stdin,
		stdout:    stdout,
		session:   session.New(),
	})
}

// handshake tells the host that it can call (P-HANDSHAKE-1).
func (l launch) handshake(endpoint string) error {
	_, err := fmt.Fprintf(l.stdout, "CRONIX-PLUGIN-V1 %s transport=%s codec=%s name=%s version=%s\n",
		endpoint, l.transport, l.codec.Name(), session.Name, session.Version)
	return err
}

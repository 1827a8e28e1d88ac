// Command goplugin is a host and a plugin on HashiCorp's go-plugin, with one call that reads entries.
//
// `goplugin bench` starts itself as the plugin and prints a JSON object a session, with the names of
// spec/bench.schema.json. It is what this repository's Go host and plugin are held against.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

const usage = "usage: goplugin bench [--runs N] [--calls N] [--entries N] [--secure]"

// handshake is what go-plugin asks of both ends: a plugin without the cookie says that it is one.
var handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "GOPLUGIN_PEER",
	MagicCookieValue: "read",
}

var plugins = map[string]plugin.Plugin{"backend": backendPlugin{}}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: handshake,
			Plugins:         plugins,
			GRPCServer:      plugin.DefaultGRPCServer,
			Logger:          hclog.NewNullLogger(),
		})
		return
	}
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "goplugin:", err)
		os.Exit(1)
	}
}

// options are those of bench. secure has mutual TLS and the program's checksum.
type options struct {
	program              string
	runs, calls, entries int
	secure               bool
	checksum             []byte
}

func run(arguments []string, out io.Writer) error {
	if len(arguments) == 0 || arguments[0] != "bench" {
		return errors.New(usage)
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.runs, "runs", 1, "how many sessions")
	flags.IntVar(&o.calls, "calls", 0, "how many Reads after the first one of a session")
	flags.IntVar(&o.entries, "entries", 10, "how many entries these find; the first finds none")
	flags.BoolVar(&o.secure, "secure", false, "with AutoMTLS and the checksum of SecureConfig")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	o.program = program
	if o.secure {
		if o.checksum, err = checksum(program); err != nil {
			return err
		}
	}
	encoder := json.NewEncoder(out)
	for range o.runs {
		told, err := session(o)
		if err != nil {
			return err
		}
		if err := encoder.Encode(told); err != nil {
			return err
		}
	}
	return nil
}

// checksum is what an operator has written down beforehand, so it is not timed.
func checksum(program string) ([]byte, error) {
	file, err := os.Open(program)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	return hash.Sum(nil), err
}

// phases are the seconds of one session. go-plugin starts and connects in one step, so opened begins
// with the session.
type phases struct {
	Opened float64   `json:"opened"`
	First  float64   `json:"first-read"`
	Ready  float64   `json:"ready"`
	Exit   float64   `json:"exit"`
	Total  float64   `json:"total"`
	Calls  []float64 `json:"calls,omitempty"`
	Unique int       `json:"uss-plugin,omitempty"`
	All    int       `json:"rss-plugin,omitempty"`
}

func session(o options) (phases, error) {
	begin := time.Now()
	config := &plugin.ClientConfig{
		HandshakeConfig:  handshake,
		Plugins:          plugins,
		Cmd:              exec.Command(o.program, "serve"),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	}
	if o.secure {
		config.AutoMTLS = true
		config.SecureConfig = &plugin.SecureConfig{Checksum: o.checksum, Hash: sha256.New()}
	}
	client := plugin.NewClient(config)
	defer client.Kill() // after an error
	protocol, err := client.Client()
	if err != nil {
		return phases{}, err
	}
	dispensed, err := protocol.Dispense("backend")
	if err != nil {
		return phases{}, err
	}
	backend := dispensed.(Backend)
	opened := time.Now()
	if err := read(backend, 0); err != nil {
		return phases{}, err
	}
	ready := time.Now()
	var calls []float64
	for range o.calls {
		at := time.Now()
		if err := read(backend, o.entries); err != nil {
			return phases{}, err
		}
		calls = append(calls, time.Since(at).Seconds())
	}
	unique, all := memory(client.ReattachConfig().Pid)
	ending := time.Now()
	client.Kill()
	p := phases{
		Opened: opened.Sub(begin).Seconds(),
		First:  ready.Sub(opened).Seconds(),
		Ready:  ready.Sub(begin).Seconds(),
		Exit:   time.Since(ending).Seconds(),
		Calls:  calls,
		Unique: unique,
		All:    all,
	}
	p.Total = p.Ready + p.Exit
	return p, nil
}

// memory is what a process shares with no other and all that it has, in bytes; 0 if that cannot be told.
func memory(pid int) (unique, all int) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		kilobytes, _ := strconv.Atoi(words[1])
		switch {
		case words[0] == "Rss:":
			all += kilobytes << 10
		case strings.HasPrefix(words[0], "Private_"):
			unique += kilobytes << 10
		}
	}
	return unique, all
}

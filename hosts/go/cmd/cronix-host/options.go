package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cronix-host/host"
	"cronix-host/internal/input"
	"cronix-host/internal/redact"
	"cronix-host/manifest"
)

const maxConfig = 65536 // bytes of a value from a file or the environment

// list is an option that may be given several times.
type list []string

func (l *list) String() string { return "" }

func (l *list) Set(word string) error {
	*l = append(*l, word)
	return nil
}

// seconds is an option in seconds, of at least a millisecond.
type seconds time.Duration

func (s *seconds) String() string { return fmt.Sprint(time.Duration(*s).Seconds()) }

func (s *seconds) Set(word string) error {
	number, err := strconv.ParseFloat(word, 64)
	if err != nil || !(number >= 0.001) {
		return fmt.Errorf("expected a number of at least 0.001, got %.60q", word)
	}
	*s = seconds(min(number, 1e9) * float64(time.Second))
	return nil
}

// flags are a command's options.
type flags struct {
	*flag.FlagSet
	about string
}

func newFlags(name, about string) *flags {
	set := flag.NewFlagSet("cronix-host "+name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	return &flags{set, about}
}

// parse reads the words. Arguments, which not every command takes, may stand between the options.
func (f *flags) parse(words []string, arguments int) (found []string, err error) {
	for {
		if err := f.Parse(words); err == flag.ErrHelp {
			fmt.Fprintf(stdout, "usage: %s [OPTION ...]\n\n%s\n\noptions:\n", f.Name(), f.about)
			f.VisitAll(func(one *flag.Flag) {
				word, about := flag.UnquoteUsage(one)
				if !slices.Contains([]string{"", "0", "false"}, one.DefValue) {
					about += fmt.Sprintf(" (%s by default)", one.DefValue)
				}
				fmt.Fprintf(stdout, "  %s\n      %s\n", strings.TrimSpace("--"+one.Name+" "+word), about)
			})
			return nil, err
		} else if err != nil {
			return nil, usage("%s\n  see `%s --help`", twoDashes(err.Error()), f.Name())
		}
		if f.NArg() == 0 {
			return found, nil
		}
		if found, words = append(found, f.Arg(0)), f.Args()[1:]; len(found) > arguments {
			return nil, usage("unexpected argument: %q\n  see `%s --help`", f.Arg(0), f.Name())
		}
	}
}

// twoDashes is an error of package flag, with options as they are written here.
var twoDashes = strings.NewReplacer("flag provided but not defined: -", "no such option: --",
	"flag needs an argument: -", "a value is missing: --", " for flag -", " for --", " for -", " for --").Replace

// target is what the operations have in common: the plugin, how to call it, and what is desired.
type target struct {
	manifest                        *manifest.Manifest
	backend, transport              string
	options                         host.Options
	timeout, handshake              seconds
	json, log                       bool
	file                            string
	plain, secretFiles, secretNames list
	redactor                        *redact.Redactor
}

func (t *target) declare(f *flags) {
	f.StringVar(&t.file, "manifest", "", "the manifest: a JSON `FILE`; required")
	f.StringVar(&t.backend, "backend", "", "the backend: a `NAME`, or the path of a plugin (with a slash); required")
	f.StringVar(&t.transport, "transport", "jsonrpc", "the transport to use, `NAME`: ffi, grpc, http or jsonrpc")
	f.Var(&t.plain, "backend-config", "set a value of the backend's configuration: `NAME=VALUE`")
	f.Var(&t.secretFiles, "backend-config-file", "read a secret value from a file: `NAME=PATH`")
	f.Var(&t.secretNames, "backend-config-env", "read a secret value from an environment variable: `NAME=VARIABLE`")
	f.StringVar(&t.options.Codec, "codec", "", "the encoding, `NAME`; the transport's usual one by default")
	f.Var(&t.timeout, "timeout", "each call's deadline in `SECONDS`; none by default")
	t.handshake = seconds(5 * time.Second)
	f.Var(&t.handshake, "handshake-timeout", "how long to wait for the plugin's handshake, in `SECONDS`")
	f.BoolVar(&t.json, "json", false, "print one JSON object")
	f.BoolVar(&t.log, "log", false, "show the plugin's log on stderr")
}

// load reads what the options name.
func (t *target) load(ctx context.Context) (err error) {
	for name, value := range map[string]string{"--manifest": t.file, "--backend": t.backend, "--transport": t.transport} {
		if value == "" {
			return usage("%s is required", name)
		}
	}
	if err := t.configure(ctx); err != nil {
		return err
	}
	t.redactor = redact.New(t.options.Secrets)
	t.options.HandshakeTimeout = time.Duration(t.handshake)
	if t.log {
		t.options.OnLog = func(record host.Record) {
			if t.json {
				fmt.Fprintln(os.Stderr, jsonLine(record))
			} else {
				fmt.Fprintln(os.Stderr, record)
			}
		}
	}
	if t.manifest, err = manifest.Load(ctx, t.file); err == nil {
		t.options.Pins = t.manifest.Plugins
	}
	return err
}

// configure reads the configuration. No error shows a value, or what may be one.
func (t *target) configure(ctx context.Context) error {
	t.options.Config, t.options.Secrets = map[string]string{}, map[string]string{}
	variables := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		variables[name] = value
	}
	for _, source := range []struct {
		option, what string
		pairs        list
		read         func(what string) (string, error)
	}{
		{"--backend-config", "VALUE", t.plain, nil},
		{"--backend-config-file", "PATH", t.secretFiles, func(path string) (string, error) {
			data, err := input.Read(ctx, path, maxConfig)
			return string(data), err
		}},
		{"--backend-config-env", "VARIABLE", t.secretNames, func(name string) (string, error) {
			value, ok := variables[name]
			if !ok {
				return "", fmt.Errorf("no such variable")
			}
			return value, nil
		}},
	} {
		for _, pair := range source.pairs {
			name, value, found := strings.Cut(pair, "=")
			if !found || name == "" {
				return usage("%s: expected NAME=%s", source.option, source.what)
			}
			all := maps.Clone(t.options.Config)
			maps.Copy(all, t.options.Secrets)
			if _, twice := all[name]; twice {
				return usage("%s %s: this name is given twice", source.option, name)
			}
			if source.read == nil {
				t.options.Config[name] = value
				continue
			}
			secret, err := source.read(value)
			secret = strings.TrimSuffix(secret, "\n")
			secret = strings.TrimSuffix(secret, "\r")
			switch n := utf8.RuneCountInString(secret); {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
			case len(secret) > maxConfig:
				err = fmt.Errorf("more than %d bytes", maxConfig)
			case !utf8.ValidString(secret):
				err = fmt.Errorf("not UTF-8")
			case n > 0 && n < redact.Shortest:
				err = fmt.Errorf("a value of fewer than %d characters cannot be kept out of messages; give it by --backend-config if it is no secret", redact.Shortest)
			}
			if err != nil {
				return usage("%s %s=%s: %s", source.option, name, value, err)
			}
			t.options.Secrets[name] = secret
		}
	}
	return nil
}

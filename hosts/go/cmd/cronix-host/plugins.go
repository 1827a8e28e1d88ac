package main

import (
	"archive/zip"
	"bufio"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cronix-host/host"
	"cronix-host/manifest"
)

// plugins is the group of commands about plugins themselves.
func plugins(ctx context.Context, _ string, words []string) (int, error) {
	verbs := map[string]func(context.Context, []string) (int, error){"list": listPlugins, "pin": pinPlugins, "verify": verifyPins}
	if len(words) > 0 && verbs[words[0]] != nil {
		return verbs[words[0]](ctx, words[1:])
	}
	if len(words) > 0 && slices.Contains([]string{"--help", "-h"}, words[0]) {
		fmt.Fprintln(stdout, "usage: cronix-host plugins list|pin|verify [OPTION ...]\n\nList plugins; pin and verify their sums.")
		return 0, nil
	}
	return 0, usage("plugins: expected list, pin or verify")
}

// kinds are the kinds of file that a transport uses: libraries or not.
func kinds(transport string) ([]bool, error) {
	switch transport {
	case "":
		return []bool{false, true}, nil
	case "ffi":
		return []bool{true}, nil
	case "grpc", "http", "jsonrpc":
		return []bool{false}, nil
	}
	return nil, usage("no transport %q", transport)
}

// hashed is a plugin's file with its sum, and what of the plugin the sum does not cover.
type hashed struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	LeftOut string `json:"left_out"`
}

// hashFiles hashes the files that a name or a path stands for: the program, the library, or both.
func hashFiles(backend string, libraries []bool) (files []hashed, err error) {
	if strings.Contains(backend, "/") {
		libraries = []bool{strings.HasSuffix(backend, ".so")}
	}
	var missing error
	for _, library := range libraries {
		found, err := host.Discover(backend, library)
		var failed *host.Error
		if errors.As(err, &failed) && failed.Code == "E-NOT-FOUND" {
			if missing == nil { // the program's, also if a library would do
				missing = err
			}
			continue
		}
		if err == nil && !host.IsName(found.Name) {
			err = &host.Error{Code: "E-BAD-NAME", Problem: "no manifest can pin a file of this name", Name: found.Name, Path: found.Path, Action: "rename the file"}
		}
		if err != nil {
			return nil, err
		}
		sum, err := host.Sum(found)
		if err != nil {
			return nil, err
		}
		files = append(files, hashed{found.Name, found.Path, sum, leftOut(found.Path)})
	}
	if files == nil {
		return nil, missing
	}
	return files, nil
}

func pinPlugins(_ context.Context, words []string) (int, error) {
	f := newFlags("plugins pin NAME...", "Print the manifest's plugins block that pins these plugins as they are now.")
	transport := f.String("transport", "", "only the kind of file that this one uses, `NAME`; both by default")
	names, err := f.parse(words, 1<<20)
	if err != nil {
		return 0, err
	}
	libraries, err := kinds(*transport)
	if err == nil && len(names) == 0 {
		err = usage("plugins pin: NAME... is required")
	}
	if err != nil {
		return 0, err
	}
	sums := map[string][]string{}
	for _, name := range names {
		files, err := hashFiles(name, libraries)
		if err != nil {
			return 0, err
		}
		for _, file := range files {
			fmt.Fprintln(os.Stderr, host.Clean(file.Path+": "+coverage(file.LeftOut)))
			if !slices.Contains(sums[file.Name], file.SHA256) {
				sums[file.Name] = append(sums[file.Name], file.SHA256)
			}
		}
	}
	block := map[string]any{}
	for name, several := range sums {
		if block[name] = map[string]any{"sha256": several}; len(several) == 1 {
			block[name] = map[string]any{"sha256": several[0]}
		}
	}
	text, err := json.MarshalIndent(map[string]any{"plugins": block}, "", "  ")
	fmt.Fprintln(stdout, string(text))
	return 0, err
}

// verified is one pin compared with one file.
type verified struct {
	Name    string  `json:"name"`
	State   string  `json:"state"` // ok, mismatch, missing or refused
	File    *hashed `json:"file"`
	Problem string  `json:"problem"`
}

func verifyPins(ctx context.Context, words []string) (int, error) {
	f := newFlags("plugins verify", "Compare the manifest's pins with the files that a host would run, without running them. Exits with 1 unless every pin is ok, and with 2 if there is none.")
	path := f.String("manifest", "", "the manifest: a JSON `FILE`; required")
	transport := f.String("transport", "", "only the kind of file that this one uses, `NAME`; both by default")
	asJSON := f.Bool("json", false, "print one JSON object")
	if _, err := f.parse(words, 0); err != nil {
		return 0, err
	}
	libraries, err := kinds(*transport)
	if err == nil && *path == "" {
		err = usage("--manifest is required")
	}
	if err != nil {
		return 0, err
	}
	wanted, err := manifest.Load(ctx, *path)
	if err == nil && len(wanted.Plugins) == 0 {
		err = usage("%s pins no plugin; see `cronix-host plugins pin`", *path)
	}
	if err != nil {
		return 0, err
	}
	var results []verified
	status := 0
	for _, name := range slices.Sorted(maps.Keys(wanted.Plugins)) {
		files, err := hashFiles(name, libraries)
		var failed *host.Error
		if errors.As(err, &failed) {
			state := "refused"
			if failed.Code == "E-NOT-FOUND" {
				state = "missing"
			}
			results = append(results, verified{name, state, nil, failed.Code + ": " + failed.Problem})
		}
		for _, file := range files {
			state := "mismatch"
			if slices.Contains(wanted.Plugins[name], file.SHA256) {
				state = "ok"
			}
			results = append(results, verified{name, state, &file, ""})
		}
	}
	for _, result := range results {
		if result.State != "ok" {
			status = exitError
		}
		if file := result.File; !*asJSON && file != nil {
			fmt.Fprintln(stdout, host.Clean(fmt.Sprintf("%-8s  %s  %s  %s  %s", result.State, result.Name, file.Path, file.SHA256, coverage(file.LeftOut))))
		} else if !*asJSON {
			fmt.Fprintln(stdout, host.Clean(fmt.Sprintf("%-8s  %s  %s", result.State, result.Name, result.Problem)))
		}
	}
	if *asJSON {
		fmt.Fprintln(stdout, jsonLine(map[string]any{"pins": results}))
	}
	return status, nil
}

// listed is a plugin's file as list shows it. code, problem and action are of the error that a host
// would raise.
type listed struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	Library  bool   `json:"library"`
	SHA256   string `json:"sha256"`
	Pinned   bool   `json:"pinned"`
	HiddenBy string `json:"hidden_by"`
	Code     string `json:"code"`
	Problem  string `json:"problem"`
	Action   string `json:"action"`
	LeftOut  string `json:"left_out"`
}

type searched struct {
	Path    string `json:"path"`
	Problem string `json:"problem"`
}

func listPlugins(ctx context.Context, words []string) (int, error) {
	f := newFlags("plugins list", "Show the plugins that a host would find, and what is wrong with those that cannot run.")
	path := f.String("manifest", "", "hold plugins to the pins of this `FILE`")
	asJSON := f.Bool("json", false, "print one JSON object")
	if _, err := f.parse(words, 0); err != nil {
		return 0, err
	}
	wanted := &manifest.Manifest{}
	if *path != "" {
		var err error
		if wanted, err = manifest.Load(ctx, *path); err != nil {
			return 0, err
		}
	}
	places, rows, first := []searched{}, []listed{}, map[string]string{}
	for _, place := range host.Directories() {
		entries, err := os.ReadDir(place)
		one := searched{Path: place}
		if errors.Is(err, os.ErrNotExist) {
			one.Problem = "no such directory"
		} else if err != nil {
			one.Problem = err.Error()
		}
		places = append(places, one)
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), "cronix-backend-") {
				continue
			}
			row := listed{Path: filepath.Join(place, entry.Name()), Library: strings.HasSuffix(entry.Name(), ".so")}
			if row.HiddenBy = first[entry.Name()]; row.HiddenBy == "" {
				first[entry.Name()] = row.Path
			}
			row.examine(wanted.Plugins)
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b listed) int { return strings.Compare(a.Name, b.Name) })
	if *asJSON {
		fmt.Fprintln(stdout, jsonLine(map[string]any{"directories": places, "plugins": rows}))
		return 0, nil
	}
	var out strings.Builder
	for _, row := range rows {
		line(&out, "%s  %s", row.Name, row.Path)
		for _, text := range []string{row.SHA256, row.HiddenBy, row.Code} {
			switch {
			case text == "":
			case text == row.SHA256:
				line(&out, "    sha256 %s; %s", text, coverage(row.LeftOut))
			case text == row.HiddenBy:
				line(&out, "    hidden by %s", text)
			default:
				line(&out, "    %s: %s -> %s", text, row.Problem, row.Action)
			}
		}
	}
	line(&out, "%s. Searched, the first match wins:", count(len(rows), "plugin", "plugins"))
	for _, place := range places {
		line(&out, "    %s %s", place.Path, place.Problem)
	}
	fmt.Fprint(stdout, out.String())
	return 0, nil
}

func (l *listed) examine(pins host.Pins) {
	found, err := host.Discover(l.Path, l.Library)
	l.Name = found.Name
	if err == nil && !host.IsName(l.Name) {
		_, err = host.Discover(l.Name, l.Library)
	}
	if err == nil {
		if sum, failed := host.Sum(found); failed == nil {
			l.SHA256, l.LeftOut = sum, leftOut(l.Path)
		}
		if err = host.Admit(found, pins, l.Library); err == nil {
			_, l.Pinned = pins[l.Name]
		}
	}
	var failed *host.Error
	if errors.As(err, &failed) {
		l.Code, l.Problem, l.Action = failed.Code, failed.Problem, failed.Action
	}
}

// leftOut says what of a plugin its file's sum does not cover; empty if it covers all of it.
func leftOut(path string) string {
	if file, err := elf.Open(path); err == nil {
		defer file.Close()
		loaded, _ := file.ImportedLibraries()
		if section := file.Section(".interp"); section != nil {
			if data, err := section.Data(); err == nil {
				loaded = append([]string{strings.TrimRight(string(data), "\x00")}, loaded...)
			}
		}
		if len(loaded) == 0 {
			return ""
		}
		return "what it loads: " + strings.Join(loaded, ", ") + ", and what these load or import"
	}
	file, err := os.Open(path)
	if err != nil {
		return "unknown: " + err.Error()
	}
	defer file.Close()
	head, _ := bufio.NewReader(file).ReadString('\n')
	if !strings.HasPrefix(head, "#!") {
		return "whatever runs it"
	}
	interpreter := strings.TrimSpace(head[2:])
	if archive, err := zip.OpenReader(path); err == nil {
		archive.Close()
		return "its interpreter (" + interpreter + "), and what that loads from outside this archive"
	}
	return "its interpreter (" + interpreter + "), and all that it imports: the sum is this entry file's alone"
}

func coverage(leftOut string) string {
	if leftOut == "" {
		return "the sum covers all of it"
	}
	return "not in the sum: " + leftOut
}

// A plugin in Go on the standard library alone: JSON-RPC on stdin and stdout. It can read and plan.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

type entry struct {
	App      string `json:"app"`
	Job      string `json:"job"`
	Index    int    `json:"index"`
	Hash     string `json:"hash"`
	Schedule string `json:"schedule"`
	Command  string `json:"command"`
}

type op struct {
	Kind    string          `json:"kind"`
	Job     string          `json:"job"`
	Before  []entry         `json:"before,omitempty"`
	After   []entry         `json:"after,omitempty"`
	Desired json.RawMessage `json:"desired,omitempty"`
}

type call struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Request json.RawMessage `json:"request"`
	} `json:"params"`
}

type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	Result  any             `json:"result,omitempty"`
	Error   *failure        `json:"error,omitempty"`
	ID      json.RawMessage `json:"id"`
}

var entries []entry

func open(data json.RawMessage) (any, error) {
	var request struct {
		Config map[string]string `json:"config"`
	}
	if err := json.Unmarshal(data, &request); err != nil {
		return nil, err
	}
	if path := request.Config["path"]; path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(content, &entries); err != nil {
			return nil, err
		}
	}
	return map[string]any{
		"protocol_version": 1, "plugin_name": "listing-go", "plugin_version": "1.0",
		"capabilities": []string{"read", "plan"},
	}, nil
}

func read(data json.RawMessage) (any, error) {
	var request struct {
		App *string `json:"app"`
	}
	if err := json.Unmarshal(data, &request); err != nil {
		return nil, err
	}
	found := []entry{}
	for _, one := range entries {
		if request.App == nil || *request.App == one.App {
			found = append(found, one)
		}
	}
	return map[string]any{"entries": found}, nil
}

func plan(data json.RawMessage) (any, error) {
	var request struct {
		App  string            `json:"app"`
		Jobs []json.RawMessage `json:"jobs"`
	}
	if err := json.Unmarshal(data, &request); err != nil {
		return nil, err
	}
	ops := []op{}
	for _, raw := range request.Jobs {
		var desired struct {
			Job struct {
				Name      string   `json:"name"`
				Schedules []string `json:"schedules"`
			} `json:"job"`
			Hashes []string `json:"hashes"`
		}
		if err := json.Unmarshal(raw, &desired); err != nil {
			return nil, err
		}
		name := desired.Job.Name
		var before, after []entry
		for _, one := range entries {
			if one.App == request.App && one.Job == name {
				before = append(before, one)
			}
		}
		for i, schedule := range desired.Job.Schedules {
			command := fmt.Sprintf("echo %s.%s", request.App, name)
			after = append(after, entry{request.App, name, i, desired.Hashes[i], schedule, command})
		}
		switch {
		case len(before) == 0:
			ops = append(ops, op{Kind: "create", Job: name, After: after, Desired: raw})
		case slices.Equal(before, after):
			ops = append(ops, op{Kind: "skip", Job: name, Before: before, After: after})
		default:
			ops = append(ops, op{"update", name, before, after, raw})
		}
	}
	state, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(state)
	return map[string]any{
		"app": request.App, "ops": ops, "state_digest": hex.EncodeToString(digest[:]),
	}, nil
}

func answer(line []byte) response {
	var asked call
	if err := json.Unmarshal(line, &asked); err != nil {
		return response{"2.0", nil, &failure{-32700, "Parse error"}, json.RawMessage("null")}
	}
	var result any
	var err error
	switch asked.Method {
	case "OpenSession":
		result, err = open(asked.Params.Request)
	case "Read":
		result, err = read(asked.Params.Request)
	case "Plan":
		result, err = plan(asked.Params.Request)
	case "CloseSession":
		result = map[string]any{}
	default:
		return response{"2.0", nil, &failure{-32601, "Method not found"}, asked.ID}
	}
	if err != nil {
		return response{"2.0", nil, &failure{-32603, err.Error()}, asked.ID}
	}
	return response{"2.0", result, nil, asked.ID}
}

func main() {
	if os.Getenv("CRONIX_PLUGIN_TRANSPORT") != "jsonrpc" {
		fmt.Fprintln(os.Stderr, "a host starts this plugin, over jsonrpc")
		os.Exit(1)
	}
	requests := bufio.NewReaderSize(os.Stdin, 1<<16)
	encoder := json.NewEncoder(os.Stdout) // each value ends with a line feed
	fmt.Println("CRONIX-PLUGIN-V1 stdio name=listing-go version=1.0")
	for { // until the host is gone
		line, err := requests.ReadBytes('\n')
		if err != nil {
			return
		}
		if err := encoder.Encode(answer(line)); err != nil {
			os.Exit(1)
		}
	}
}

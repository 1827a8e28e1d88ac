// Command cronix-backend-memory is a cronix plugin that keeps its entries in memory. A host starts
// it; it speaks gRPC, JSON-RPC and HTTP.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"cronix-backend-memory/internal/serve"
	"cronix-backend-memory/internal/session"
)

func main() {
	slog.SetDefault(slog.New(logHandler()))
	signal.Ignore(syscall.SIGPIPE) // a host that has gone is noticed by the end of stdin
	if err := serve.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "cronix-backend-%s: %s\n", session.Name, err)
		os.Exit(1)
	}
}

// logHandler writes lines as P-LOG-1 has them.
func logHandler() slog.Handler {
	levels := map[slog.Level]string{
		slog.LevelDebug: "debug", slog.LevelInfo: "info", slog.LevelWarn: "warning", slog.LevelError: "error",
	}
	replace := func(groups []string, attr slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case attr.Key == slog.TimeKey:
			return slog.Float64("ts", float64(attr.Value.Time().UnixMicro())/1e6)
		case attr.Key == slog.LevelKey:
			return slog.String(attr.Key, levels[attr.Value.Any().(slog.Level)])
		}
		return attr
	}
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: replace})
	return handler.WithAttrs([]slog.Attr{slog.String("plugin", session.Name)})
}

package host

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	maxHandshake     = 4096            // P-HANDSHAKE-2
	handshakeTimeout = 5 * time.Second // P-HANDSHAKE-3
	keptLog          = 8192            // bytes of a plugin's log that an error shows
)

// process is a plugin's process and the host's ends of its pipes.
type process struct {
	command *exec.Cmd
	stdin   *os.File
	stdout  *os.File
	reader  *bufio.Reader // of stdout
	log     *tail
	folder  string // the private directory; empty on stdio
	secret  string // empty on stdio
	ended   chan struct{}
}

// spawn starts a program (P-START). What fails later is to be ended by stop.
func spawn(path, transport, codec string) (*process, error) {
	p := &process{command: exec.Command(path), log: &tail{}, ended: make(chan struct{})}
	environment := append(allowed(), "CRONIX_PLUGIN_TRANSPORT="+transport, "CRONIX_PLUGIN_CODEC="+codec)
	if transport != stdioTransport {
		if err := p.makeFolder(); err != nil {
			return nil, err
		}
		environment = append(environment, "CRONIX_PLUGIN_SOCKET="+p.socket())
	}
	p.command.Env = environment
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.command.Stderr = p.log
	p.command.WaitDelay = time.Second // a descendant that holds stderr does not hold the host up
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirOut.Close()
	p.stdin, p.stdout, p.reader = ours, out, bufio.NewReaderSize(out, 64<<10)
	p.command.Stdin, p.command.Stdout = theirs, theirOut
	if err := p.command.Start(); err != nil {
		p.free()
		return nil, err
	}
	go p.reap()
	pid := p.command.Process.Pid
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &limit); err == nil { // P-START-5
		limit.Cur = min(1, limit.Max)
		_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &limit, nil)
	}
	if p.secret != "" {
		_, _ = p.stdin.WriteString(p.secret + "\n") // one that has ended is noticed by its line
	}
	return p, nil
}

func (p *process) socket() string { return filepath.Join(p.folder, "s") }

// makeFolder makes the private directory and the secret (P-START-1, P-AUTH-1).
func (p *process) makeFolder() (err error) {
	if err := onlyOurs(os.TempDir(), true); err != nil {
		return err
	}
	if p.folder, err = os.MkdirTemp("", "cronix-"); err != nil { // its mode is 0700
		return err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	p.secret = hex.EncodeToString(secret)
	return nil
}

// allowed is the part of the environment that a plugin gets (P-START-2).
func allowed() []string {
	names := map[string]bool{}
	for _, name := range append(
		strings.Split(os.Getenv("CRONIX_PLUGIN_ENV"), ","),
		"HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER") {
		names[name] = true
	}
	var environment []string
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); names[name] || strings.HasPrefix(name, "LC_") {
			environment = append(environment, pair)
		}
	}
	return environment
}

// handshake waits for the plugin's line and checks it (P-HANDSHAKE).
func (p *process) handshake(ctx context.Context, transport, codec string) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	type result struct {
		line string
		err  error
	}
	lines := make(chan result, 1)
	go func() {
		line, err := readLine(p.reader)
		lines <- result{line, err}
	}()
	select {
	case <-ctx.Done():
		return errors.New("no handshake in time")
	case r := <-lines:
		if r.err != nil {
			return fmt.Errorf("no handshake: %w", r.err)
		}
		endpoint := "stdio"
		if p.folder != "" {
			endpoint = p.socket()
		}
		return checkHandshake(r.line, endpoint, map[string]string{"transport": transport, "codec": codec})
	}
}

func readLine(reader io.ByteReader) (string, error) {
	var line []byte
	for len(line) < maxHandshake {
		b, err := reader.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return string(line), nil
		}
		line = append(line, b)
	}
	return "", errors.New("the line is too long")
}

// checkHandshake refuses a line that does not say what was asked for. Unknown words are ignored.
func checkHandshake(line, endpoint string, asked map[string]string) error {
	words := strings.Split(line, " ")
	if !utf8.ValidString(line) || len(words) < 2 || words[0] != "CRONIX-PLUGIN-V1" || words[1] != endpoint {
		return fmt.Errorf("not the handshake of this start: %q", line)
	}
	for _, word := range words[2:] {
		key, value, ok := strings.Cut(word, "=")
		if want, known := asked[key]; !ok || known && value != want {
			return fmt.Errorf("the handshake says %q", word)
		}
	}
	return nil
}

// hide puts the secret's name in the place of the secret (P-AUTH-1).
func (p *process) hide(text string) string {
	if p.secret == "" {
		return text
	}
	return strings.ReplaceAll(text, p.secret, "[cronix-secret]")
}

// reap waits for the end, kills what is left of the group, and only then frees its number (P-STOP-3).
func (p *process) reap() {
	pid := p.command.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.signal(syscall.SIGKILL)
	_ = p.command.Wait()
	close(p.ended)
}

func (p *process) signal(number syscall.Signal) { _ = syscall.Kill(-p.command.Process.Pid, number) }

// stop ends the process by the ladder of P-STOP-1, after CloseSession and the connection.
func (p *process) stop() {
	p.stdin.Close()
	for _, step := range []struct {
		wait time.Duration
		then syscall.Signal
	}{{2 * time.Second, syscall.SIGTERM}, {time.Second, syscall.SIGKILL}} {
		select {
		case <-p.ended:
		case <-time.After(step.wait):
			p.signal(step.then)
		}
	}
	<-p.ended
	p.free()
}

// free closes the pipes and removes the private directory (P-STOP-4).
func (p *process) free() {
	p.stdin.Close()
	p.stdout.Close()
	if p.folder != "" {
		os.RemoveAll(p.folder)
	}
}

// tail keeps the end of a plugin's log.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, data...)
	if over := len(t.kept) - keptLog; over > 0 {
		t.kept = append([]byte(nil), t.kept[over:]...)
	}
	return len(data), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}

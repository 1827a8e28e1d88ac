package host

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// rundir is a private directory (P-START-1). Its host holds a lock on it: one whose lock is free is
// abandoned, and the next start removes it (P-STOP-4).
type rundir struct {
	path string
	lock *os.File
}

const (
	runPrefix = "cronix-run-"
	maxSocket = 107  // bytes of a socket's path (P-HANDSHAKE-4)
	maxSwept  = 4096 // entries of a directory that are looked at
	maxTries  = 100  // times that other hosts may take a new directory for an abandoned one
)

var (
	isRundir = regexp.MustCompile(`^` + runPrefix + `[a-z0-9_]{8}$`).MatchString
	isSafe   = regexp.MustCompile(`^[A-Za-z0-9/._+-]+$`).MatchString
)

func newRundir(name, parent string) (*rundir, error) {
	failed := &Error{Code: "E-FOLDER", Name: name, Action: "make room there, or set TMPDIR to a directory that can be written to"}
	place, why, fix, err := otherWriter(parent + "/.")
	if err == nil && why != "" {
		failed.Problem, failed.Action = "no directory in "+parent+" is private: "+place+" "+why, fix+", or set TMPDIR to another directory"
		failed.Expected = "a directory that only this user and root can write, or with the sticky bit"
		return nil, failed
	}
	for try := 0; err == nil && try < maxTries; try++ {
		random := make([]byte, 4)
		_, _ = rand.Read(random) // never fails
		path := filepath.Join(parent, runPrefix+hex.EncodeToString(random))
		if err = os.Mkdir(path, 0o700); errors.Is(err, fs.ErrExist) {
			err = nil
			continue
		}
		if err == nil {
			if lock := hold(path); lock != nil {
				return &rundir{path, lock}, nil
			}
		}
	}
	if err == nil {
		err = errors.New("other hosts take them away")
	}
	failed.Problem, failed.Err = "no private directory can be made in "+parent+": "+reason(err), err
	return nil, failed
}

// hold locks a directory; nil if another host has it, or has taken it away.
func hold(path string) *os.File {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	if !errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		opened, err1 := file.Stat()
		there, err2 := os.Lstat(path)
		if err1 == nil && err2 == nil && os.SameFile(opened, there) {
			return file
		}
	}
	file.Close()
	return nil
}

func (r *rundir) remove() {
	os.RemoveAll(r.path)
	r.lock.Close()
}

// socketDirectory makes a directory in which a socket's path is short and safe.
func socketDirectory(name string) (*rundir, error) {
	parent := os.TempDir()
	if usual := filepath.Join(parent, runPrefix+"12345678", "s"); len(usual) > maxSocket || !isSafe(usual) {
		parent = "/tmp"
	}
	return newRundir(name, parent)
}

// executableDirectory makes a directory from which programs may run.
func executableDirectory(name string) (*rundir, error) {
	var tried []string
	for _, parent := range []string{os.TempDir(), os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm", "/var/tmp"} {
		if parent == "" {
			continue
		}
		if noexec(parent) {
			tried = append(tried, parent+": mounted noexec")
			continue
		}
		sweep(parent)
		directory, err := newRundir(name, parent)
		if err == nil {
			return directory, nil
		}
		tried = append(tried, parent+": "+err.(*Error).Problem)
	}
	return nil, &Error{
		Code: "E-NOEXEC", Problem: "no place for the private copy that a pinned script runs from", Name: name, Got: strings.Join(tried, "; "),
		Expected: "a directory that can be written to, where programs may run", Action: "set TMPDIR to such a directory",
	}
}

// sweep removes this user's directories whose host is gone.
func sweep(parent string) {
	directory, err := os.OpenFile(parent, os.O_RDONLY|unix.O_DIRECTORY, 0) // else a pipe makes it wait
	if err != nil {
		return
	}
	defer directory.Close()
	names, _ := directory.Readdirnames(maxSwept)
	for _, name := range names {
		if !isRundir(name) {
			continue
		}
		path := filepath.Join(parent, name)
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeDir|0o700 || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			continue
		}
		if lock := hold(path); lock != nil {
			(&rundir{path, lock}).remove()
		}
	}
}

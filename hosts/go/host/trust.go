package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pins are the sums of the plugins that may run, by their names (P-TRUST-1). If there are any, no
// other plugin runs (P-TRUST-4).
type Pins map[string][]string

// admitted is a plugin that may run: what to execute or to load for it.
type admitted struct {
	Found
	file   string
	memory *os.File // behind file, which is then its path in /proc/self/fd
	sha256 string   // empty without a pin
	undo   func()
}

const mfdExec = 0x10 // Linux 6.3: a memory file that may be executed whatever vm.memfd_noexec says

// admit decides whether a plugin may run. With a pin it opens the file once, and copies its bytes to
// where nobody can change them, hashing them on the way: the copy is what runs (P-TRUST-2).
func admit(found Found, pins Pins, library bool) (*admitted, error) {
	sums, pinned := pins[found.Name]
	switch {
	case pinned:
	case len(pins) > 0:
		return nil, &Error{
			Code: "E-NOT-PINNED", Problem: "the manifest's plugins block does not name this plugin", Name: found.Name, Path: found.Path,
			Expected: "one of " + strings.Join(slices.Sorted(maps.Keys(pins)), ", "), Got: found.Name,
			Action: "to allow it: cronix-host plugins pin " + quoted(found.Path) + ", and add that to the manifest",
		}
	default:
		return &admitted{Found: found, file: found.Path, undo: func() {}}, checkWriters(found)
	}
	source, err := openPlugin(found)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	a, err := copyPlugin(found, source, library)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(sums, a.sha256) {
		a.undo()
		return nil, &Error{
			Code: "E-PIN-MISMATCH", Problem: "its bytes are not those that the manifest pins; it was not run", Name: found.Name, Path: found.Path,
			Expected: "sha256 " + strings.Join(sums, " or "), Got: a.sha256,
			Action: "if it was changed on purpose: cronix-host plugins pin " + quoted(found.Path) + ", and put the sum into the manifest; if not, find out who has changed it",
		}
	}
	return a, nil
}

// Sum returns the SHA-256 of a plugin's file. The file has to be one that could be pinned. Its error
// is an *Error.
func Sum(found Found) (string, error) {
	source, err := openPlugin(found)
	if err != nil {
		return "", err
	}
	defer source.Close()
	return copyAndHash(io.Discard, source)
}

// openPlugin opens a plugin's file. Nothing opens it by its path again.
func openPlugin(found Found) (*os.File, error) {
	// O_NONBLOCK: a pipe that has taken the file's place does not make the host wait.
	source, err := os.OpenFile(found.Path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, unreadable(found, err)
	}
	failed := &Error{Name: found.Name, Path: found.Path}
	info, err := source.Stat()
	switch {
	case err != nil:
		err = unreadable(found, err)
	case !info.Mode().IsRegular():
		err = failed.with("E-NOT-A-FILE", "not a regular file", "")
	case noexec(fmt.Sprintf("/proc/self/fd/%d", source.Fd())):
		err = failed.noexec()
	default:
		if err = checkWriters(found); err == nil && writable(info) != "" {
			err = failed.with("E-WRITABLE-BY-OTHERS", "others can change what runs: the file "+writable(info), "")
		}
	}
	if err != nil {
		source.Close()
		return nil, err
	}
	return source, nil
}

func unreadable(found Found, err error) *Error {
	return &Error{
		Code: "E-NOT-READABLE", Problem: "cannot be read: " + reason(err), Name: found.Name, Path: found.Path, Err: err,
		Action: "check that the file is there, and that this user may read it",
	}
}

func checkWriters(found Found) error {
	place, why, fix, err := otherWriter(found.Path)
	if err != nil {
		return unreadable(found, err)
	}
	if why == "" {
		return nil
	}
	return &Error{
		Code: "E-WRITABLE-BY-OTHERS", Problem: "others can change what runs: " + place + " " + why, Name: found.Name, Path: found.Path,
		Expected: "a file, and a directory, that only this user and root can write", Got: "one that " + why, Action: fix,
	}
}

// copyPlugin copies a program to a sealed memory file, and what is no ELF file to a private directory:
// the kernel gives an interpreter a path, not a descriptor (P-TRUST-3).
func copyPlugin(found Found, source *os.File, library bool) (*admitted, error) {
	a := &admitted{Found: found, undo: func() {}}
	head := make([]byte, 4)
	_, err := source.ReadAt(head, 0)
	if library || err == nil && bytes.Equal(head, []byte("\x7fELF")) {
		err = a.intoMemory(source)
	} else {
		err = a.intoDirectory(source)
	}
	if err != nil {
		a.undo()
		var known *Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, &Error{
			Code: "E-SEAL", Problem: "cannot be copied to where nobody can change it: " + reason(err), Name: found.Name, Path: found.Path, Err: err,
			Action: "a program needs memory files (see vm.memfd_noexec), a script a temporary directory with room for it (see TMPDIR)",
		}
	}
	return a, nil
}

func (a *admitted) intoMemory(source *os.File) error {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	descriptor, err := unix.MemfdCreate(filepath.Base(a.Path), flags|mfdExec)
	if errors.Is(err, unix.EINVAL) { // the kernel is older than the flag
		descriptor, err = unix.MemfdCreate(filepath.Base(a.Path), flags)
	}
	if err != nil {
		return err
	}
	a.memory = os.NewFile(uintptr(descriptor), a.Path)
	a.undo = func() { a.memory.Close() }
	a.file = fmt.Sprintf("/proc/self/fd/%d", descriptor)
	if a.sha256, err = copyAndHash(a.memory, source); err != nil {
		return err
	}
	_, err = unix.FcntlInt(uintptr(descriptor), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return err
}

func (a *admitted) intoDirectory(source *os.File) error {
	directory, err := executableDirectory(a.Name)
	if err != nil {
		return err
	}
	a.undo = directory.remove
	a.file = filepath.Join(directory.path, filepath.Base(a.Path))
	// A file that some process has open for writing cannot be executed (ETXTBSY), and a child inherits
	// all descriptors for a moment: no child may begin while this one is open.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	target, err := os.OpenFile(a.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o500)
	if err != nil {
		return err
	}
	a.sha256, err = copyAndHash(target, source)
	return errors.Join(err, target.Close())
}

// copyAndHash copies a file as long as it is now, and returns the sum of what it has written. One
// goroutine writes while the other hashes.
func copyAndHash(target io.Writer, file *os.File) (string, error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	source := io.LimitReader(file, info.Size())
	const chunk, ahead = 1 << 18, 4
	free, read := make(chan []byte, ahead), make(chan []byte, ahead)
	for range ahead {
		free <- make([]byte, chunk)
	}
	sum := make(chan []byte)
	go func() {
		hash := sha256.New()
		for data := range read {
			hash.Write(data)
			free <- data[:chunk]
		}
		sum <- hash.Sum(nil)
	}()
	var failed error
	for failed == nil {
		buffer := <-free
		n, err := source.Read(buffer)
		if n > 0 {
			_, failed = target.Write(buffer[:n])
			read <- buffer[:n]
		}
		if err != nil {
			if failed == nil && err != io.EOF {
				failed = err
			}
			break
		}
	}
	close(read)
	return hex.EncodeToString(<-sum), failed
}

// Admit tells whether a plugin may run, without running it. Its error is an *Error.
func Admit(found Found, pins Pins, library bool) error {
	a, err := admit(found, pins, library)
	if err == nil {
		a.undo()
	}
	return err
}

package serve

import (
	"os"
	"syscall"
)

// moveStreams takes the host's pipes away from descriptors 0 and 1, where a child, or code that
// prints, would read and write them (P-HANDSHAKE-6).
func moveStreams() (stdin, stdout *os.File, err error) {
	in, err := duplicate(0)
	if err != nil {
		return nil, nil, err
	}
	out, err := duplicate(1)
	if err != nil {
		return nil, nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	if err := syscall.Dup3(int(null.Fd()), 0, 0); err != nil {
		return nil, nil, err
	}
	if err := syscall.Dup3(2, 1, 0); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(in), "stdin"), os.NewFile(uintptr(out), "stdout"), nil
}

// duplicate returns a copy of a descriptor that no child inherits.
func duplicate(descriptor uintptr) (uintptr, error) {
	copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, descriptor, syscall.F_DUPFD_CLOEXEC, 3)
	if errno != 0 {
		return 0, os.NewSyscallError("fcntl", errno)
	}
	return copied, nil
}

package host

import "sync"

// What is said of libraries is the same with cgo (ffi.go) and without (ffi_none.go).

var libraryCodecs = []string{"protobuf", "json"}

func notLoaded(problem string) *Error {
	return &Error{
		Code: "E-CONNECT", Problem: "the library " + problem,
		Action: "`transportlab plugins diagnose PATH` looks at a plugin's library and what it needs",
	}
}

var pinned = struct {
	sync.Mutex
	bySum map[string]*admitted
}{bySum: map[string]*admitted{}}

// libraryPath is the path to load an admitted library from. Of a pinned one that is a memory file, which
// stays open for as long as the process lives: the library is never unloaded (P-FFI-1), and the loader
// takes a path that it has seen before for the same library, whatever is there by then. So each pinned
// library is loaded once.
func libraryPath(a *admitted) string {
	if a.memory == nil {
		return a.file
	}
	pinned.Lock()
	defer pinned.Unlock()
	if known := pinned.bySum[a.sha256]; known != nil {
		a.undo()
		return known.file
	}
	pinned.bySum[a.sha256] = a
	return a.file
}

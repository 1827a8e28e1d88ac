package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	filePrefix    = "cronix-backend-"
	librarySuffix = ".so"
)

var nameLetters = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// IsName tells whether this may be a plugin's name (P-DISCOVERY-1).
func IsName(text string) bool { return len(text) <= 63 && nameLetters.MatchString(text) }

// Found is a plugin's file.
type Found struct {
	Name, Path string
	// Hidden are the files of the same name in later directories.
	Hidden []string
}

// Directories are those that are searched, in this order (P-DISCOVERY-2). PATH is none of them.
func Directories() []string {
	var places []string
	if own := os.Getenv("CRONIX_PLUGIN_DIR"); own != "" {
		if whole, err := absolute(own); err == nil {
			own = whole
		}
		places = append(places, own)
	}
	if home := os.Getenv("HOME"); home != "" {
		places = append(places, filepath.Join(home, ".cronix", "plugins"))
	}
	return append(places, "/usr/local/share/cronix/plugins")
}

// Discover finds a plugin's file by the plugin's name, or by a path, which has a slash
// (P-DISCOVERY). It has looked at the file's mode, not yet at who can write it. Its error is an
// *Error.
func Discover(plugin string, library bool) (Found, error) {
	if strings.Contains(plugin, "/") {
		path, err := absolute(plugin)
		if err != nil {
			return Found{}, directoryError(nameOf(plugin), plugin, err)
		}
		found := Found{Name: nameOf(path), Path: path}
		return found, runnable(found, library)
	}
	if !IsName(plugin) {
		return Found{}, badName(plugin, "not a backend's name")
	}
	file := filePrefix + plugin
	if library {
		file += librarySuffix
	}
	found := Found{Name: plugin}
	places := Directories()
	for _, place := range places {
		path := filepath.Join(place, file)
		switch _, err := os.Lstat(path); {
		case err == nil && found.Path == "":
			found.Path = path
		case err == nil:
			found.Hidden = append(found.Hidden, path)
		case found.Path != "":
		case !errors.Is(err, fs.ErrNotExist):
			return found, directoryError(plugin, place, err)
		case leadsNowhere(place): // what it should lead to may have the plugin
			return found, directoryError(plugin, place, errors.New("a link that leads nowhere"))
		}
	}
	if found.Path == "" {
		return found, &Error{
			Code: "E-NOT-FOUND", Problem: fmt.Sprintf("no file %s in %s", file, strings.Join(places, ", ")),
			Name: plugin, Action: "install the plugin there, set CRONIX_PLUGIN_DIR, or give its path", Err: fs.ErrNotExist,
		}
	}
	return found, runnable(found, library)
}

// absolute leaves ".." as it is: behind a link it leads elsewhere than the text says.
func absolute(path string) (string, error) {
	if !strings.Contains(path, "..") {
		return filepath.Abs(path)
	}
	directory, err := os.Getwd()
	if err != nil || filepath.IsAbs(path) {
		return path, err
	}
	return directory + "/" + path, nil
}

func nameOf(path string) string {
	return strings.TrimPrefix(strings.TrimSuffix(filepath.Base(path), librarySuffix), filePrefix)
}

func badName(name, problem string) *Error {
	return &Error{
		Code: "E-BAD-NAME", Problem: problem, Name: name, Got: fmt.Sprintf("%q", name),
		Expected: "a lower-case letter, then at most 62 of a-z, 0-9, '-'; or a path with a slash",
		Action:   "`cronix-host plugins list` shows the plugins that are installed",
	}
}

func directoryError(name, place string, err error) *Error {
	return &Error{
		Code: "E-DIRECTORY", Problem: fmt.Sprintf("%s cannot be reached: %s", place, reason(err)), Name: name, Path: place,
		Expected: "a directory that this user may search", Got: reason(err), Err: err,
		Action: "give this user the right to read it, or take it out of the search",
	}
}

// leadsNowhere tells whether a directory that is missing, or one that it is in, is a broken link.
func leadsNowhere(place string) bool {
	for ; ; place = filepath.Dir(place) {
		info, err := os.Lstat(place)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			_, err := os.Stat(place)
			return err != nil
		}
		if place == filepath.Dir(place) {
			return false
		}
	}
}

// runnable checks that a file could run, by its type, its mode and its file system.
func runnable(found Found, library bool) error {
	failed := &Error{Name: found.Name, Path: found.Path}
	info, err := os.Stat(found.Path)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENAMETOOLONG):
		failed.Code, failed.Problem, failed.Action, failed.Err = "E-NOT-FOUND", "no such file", "check the path", err
		if target, linked := os.Readlink(found.Path); linked == nil {
			failed.Code, failed.Problem, failed.Got = "E-BROKEN-LINK", "a link that leads nowhere", target
			failed.Expected, failed.Action = "a link to a regular file", "remove the link, or install what it leads to"
			if errors.Is(err, unix.ELOOP) {
				failed.Problem = "a link that leads in a circle"
			}
		}
		return failed
	case strings.Contains(found.Path, "\x00"):
		return badName(found.Path, "a path has no NUL")
	default:
		return directoryError(found.Name, found.Path, err)
	}
	if !info.Mode().IsRegular() {
		return failed.with("E-NOT-A-FILE", "not a regular file", "put the plugin's own file there")
	}
	if noexec(found.Path) {
		return failed.noexec()
	}
	failed.Got = fmt.Sprintf("mode %04o", info.Mode().Perm())
	if library && unix.Faccessat(unix.AT_FDCWD, found.Path, unix.R_OK, unix.AT_EACCESS) != nil {
		failed.Expected = "a file that is readable"
		return failed.with("E-NOT-READABLE", "not readable by this user", "chmod +r "+quoted(found.Path))
	}
	if !library && unix.Faccessat(unix.AT_FDCWD, found.Path, unix.X_OK, unix.AT_EACCESS) != nil {
		failed.Expected = "a file that is executable"
		return failed.with("E-NOT-EXECUTABLE", "not executable by this user", "chmod +x "+quoted(found.Path))
	}
	return nil
}

func (e *Error) with(code, problem, action string) *Error {
	e.Code, e.Problem, e.Action = code, problem, action
	return e
}

func (e *Error) noexec() *Error {
	return e.with("E-NOEXEC", "is on a file system from which nothing may run", "install it elsewhere, or mount that file system without noexec")
}

func noexec(path string) bool {
	var state unix.Statfs_t
	return unix.Statfs(path, &state) == nil && state.Flags&unix.ST_NOEXEC != 0
}

// reason is the operating system's own word for an error, without the path.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return err.Error()
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r > 0x7f || !strings.ContainsRune("/._+-%@=:,", r) && (r < '0' || r > '9') && (r|32 < 'a' || r|32 > 'z')
	}
	if strings.ContainsFunc(path, plain) {
		return "'" + strings.ReplaceAll(path, "'", `'"'"'`) + "'"
	}
	return path
}

// ---- who else can write a file (P-TRUST-5, P-START-1)

const maxLinks = 40 // as in the kernel

// otherWriter returns why others than root and this user can write a file, a link that leads there,
// or the directory of either; empty if they cannot. fix says what to do about it.
func otherWriter(path string) (place, why, fix string, err error) {
	for range maxLinks {
		directory := path[:max(1, strings.LastIndexByte(path, '/'))]
		for _, place = range []string{directory, path} {
			info, err := os.Lstat(place)
			if err == nil && place != path {
				info, err = os.Stat(place) // a directory, wherever its own path leads
			}
			if err != nil {
				return "", "", "", err
			}
			if problem := writable(info); problem != "" {
				fix := "chmod go-w "
				if strings.HasPrefix(problem, "belongs") {
					fix = fmt.Sprintf("chown %d ", os.Geteuid())
				}
				return place, problem, fix + quoted(place), nil
			}
		}
		target, linked := os.Readlink(path)
		if linked != nil {
			return "", "", "", nil
		}
		if path = target; !filepath.IsAbs(target) {
			path = directory + "/" + target
		}
	}
	return "", "", "", unix.ELOOP
}

// writable says why others can write what has such a state. A group is others, also if it is this
// user's own: who is in it cannot be told from its name.
func writable(info fs.FileInfo) string {
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	switch mode := info.Mode(); {
	case !slices.Contains([]int{0, os.Geteuid()}, owner):
		return fmt.Sprintf("belongs to user %d", owner)
	case mode&fs.ModeSymlink != 0, mode.IsDir() && mode&fs.ModeSticky != 0: // a link's mode means nothing
		return ""
	case mode.Perm()&0o002 != 0:
		return fmt.Sprintf("is writable by everybody (mode %04o)", mode.Perm())
	case mode.Perm()&0o020 != 0:
		return fmt.Sprintf("is writable by group %d (mode %04o)", info.Sys().(*syscall.Stat_t).Gid, mode.Perm())
	}
	return ""
}

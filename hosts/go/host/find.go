// Package host finds, starts, calls and stops a plugin: over gRPC and JSON-RPC, as far as Read.
package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

var isName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`).MatchString

// Find returns the path of a plugin, by its name or by a path, which has a slash (P-DISCOVERY).
func Find(plugin string) (string, error) {
	if strings.Contains(plugin, "/") {
		return plugin, mayRun(plugin)
	}
	if !isName(plugin) {
		return "", fmt.Errorf("%q is no name of a plugin", plugin)
	}
	directories := searched()
	for _, directory := range directories {
		path := filepath.Join(directory, "cronix-backend-"+plugin)
		_, err := os.Lstat(path)
		switch {
		case err == nil:
			return path, mayRun(path)
		case !errors.Is(err, fs.ErrNotExist): // a directory that cannot be searched is an error too
			return "", err
		}
	}
	return "", fmt.Errorf("no plugin %q in %s", plugin, strings.Join(directories, ", "))
}

// searched are the directories of P-DISCOVERY-2; PATH is none of them.
func searched() []string {
	var directories []string
	if own := os.Getenv("CRONIX_PLUGIN_DIR"); own != "" {
		directories = append(directories, own)
	}
	if home := os.Getenv("HOME"); home != "" {
		directories = append(directories, filepath.Join(home, ".cronix", "plugins"))
	}
	return append(directories, "/usr/local/share/cronix/plugins")
}

const maxLinks = 40 // as in the kernel

// mayRun refuses a file that is no program, or that others can change (P-TRUST-5).
func mayRun(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for range maxLinks {
		if err := onlyOurs(filepath.Dir(path), true); err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
				return fmt.Errorf("%s is no program", path)
			}
			return onlyOurs(path, false)
		}
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return fmt.Errorf("%s: too many links", path)
}

// onlyOurs refuses what others than root and this user can write. A directory may have the sticky bit.
func onlyOurs(path string, directory bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	sticky := directory && info.Mode()&fs.ModeSticky != 0
	if owner != 0 && int(owner) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 && !sticky {
		return fmt.Errorf("others can write %s", path)
	}
	return nil
}
